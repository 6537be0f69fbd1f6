"""Training pictures of the embedded captioner: photographs of simulated scenes in shards on disk.

Only what a captioner needs is computed: the world, its photograph, its map and its sentences, no
radar. A shard is ``optical-00012.npz``, written aside and renamed, so a killed run goes on with the
next shard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...files import write_aside
from ...simulate.build import MIXTURES, build_world
from ...simulate.captions import captions, flip_words
from ...simulate.facts import describe
from ...simulate.kinds import KINDS
from ...simulate.maps import segmentation
from ...simulate.materials import LABELS
from ...simulate.optical import optical

SHARD = 24
GRID = 8
"""Cells along a side of the coarse map beside every picture."""
CAPTIONS = 8


@dataclass(frozen=True)
class OpticalSet:
    """Pictures in memory."""

    pixels: NDArray[np.uint8]
    """sRGB, [n, side, side, 3]."""
    cover: NDArray[np.uint8]
    """Share of every label in every cell times 255, [n, GRID, GRID, labels]."""
    kinds: list[str]
    captions: list[list[str]]


@dataclass(frozen=True)
class SceneDraw:
    """What decides the pictures."""

    seed: int
    side: int = 128
    """Pixels of the stored picture."""
    cells: int = 192
    """Rows and columns of the simulated ground."""
    frame_m: float = 179.2
    """Ground along a side: that of 512 pixels of 0.35 m."""
    mixture_share: float = 0.2


def kind_of(index: int, mixture_share: float) -> str:
    """Scene kind of a training index: all kinds in turn, a share of the turns with mixtures."""
    names = tuple(KINDS)
    cycle = len(names) + round(len(names) * mixture_share / (1 - mixture_share))
    turn, place = divmod(index, cycle)
    if place < len(names):
        return names[place]
    return MIXTURES[(turn * (cycle - len(names)) + place - len(names)) % len(MIXTURES)]


def make_shard(folder: Path, shard: int, draw: SceneDraw) -> Path:
    """Simulate one shard; an existing one is kept."""
    path = folder / f"optical-{shard:05d}.npz"
    if path.is_file():
        return path
    pixels = np.empty((SHARD, draw.side, draw.side, 3), np.uint8)
    cover = np.empty((SHARD, GRID, GRID, len(LABELS)), np.uint8)
    kinds, texts = [], []
    for k in range(SHARD):
        index = shard * SHARD + k
        kind = kind_of(index, draw.mixture_share)
        world = build_world(kind, draw.seed + index, draw.cells, draw.frame_m / draw.cells)
        photo = Image.fromarray(optical(world, np.random.default_rng([draw.seed + index, 21])))
        small = photo.resize((draw.side, draw.side), Image.Resampling.BICUBIC)
        pixels[k] = np.asarray(small)
        cover[k] = _shares(segmentation(world))
        kinds.append(kind)
        rng = np.random.default_rng([draw.seed + index, 22])
        texts.append(list(captions(describe(world), rng, CAPTIONS)))
    with write_aside(path) as aside, Path(aside).open("wb") as file:
        np.savez(file, pixels=pixels, cover=cover, text=np.array(json.dumps([kinds, texts])))
    return path


def _shares(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Share of every label in every cell of a coarse grid, times 255."""
    step = labels.shape[0] // GRID
    blocks = labels[: step * GRID, : step * GRID].reshape(GRID, step, GRID, step)
    one_hot = blocks[..., None] == np.arange(len(LABELS), dtype=np.uint8)
    return np.asarray(np.round(one_hot.mean(axis=(1, 3)) * 255)).astype(np.uint8)


def make_optical(
    folder: Path, count: int, draw: SceneDraw, workers: int, report: Callable[[str], None]
) -> None:
    """Photograph at least ``count`` scenes, in whole shards."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = -(-count // SHARD)
    with ProcessPoolExecutor(workers) as pool:
        jobs = [pool.submit(make_shard, folder, number, draw) for number in range(shards)]
        for done, job in enumerate(jobs):
            job.result()
            report(f"scenes {(done + 1) * SHARD}/{shards * SHARD}")


def load_optical(folder: Path, limit: int | None = None) -> OpticalSet:
    """Read the shards that are there, at most ``limit`` scenes."""
    pixels, cover, kinds, texts = [], [], [], []
    for path in sorted(folder.glob("optical-*.npz")):
        with np.load(path, allow_pickle=False) as shard:
            pixels.append(shard["pixels"])
            cover.append(shard["cover"])
            shard_kinds, shard_texts = json.loads(str(shard["text"]))
        kinds += shard_kinds
        texts += shard_texts
        if limit is not None and len(kinds) >= limit:
            break
    whole, coarse = np.concatenate(pixels)[:limit], np.concatenate(cover)[:limit]
    return OpticalSet(whole, coarse, kinds[:limit], texts[:limit])


_DIRECTIONS = {
    "right to left": "left to right",
    "bottom to top": "top to bottom",
    "lower right to upper left": "upper left to lower right",
    "upper right to lower left": "lower left to upper right",
}


def mirrored_words(caption: str, rows: bool, columns: bool) -> str:
    """The caption of a photograph turned over, top to bottom, left to right or both.

    Directions are named from the end that a caption names first, so that a turned picture is
    described as any other.
    """
    if rows:
        caption = flip_words(caption)
    if columns:
        swap = {"left": "right", "right": "left"}
        caption = re.sub(r"\b(left|right)\b", lambda found: swap[found.group()], caption)
    for turned, usual in _DIRECTIONS.items():
        caption = caption.replace(turned, usual)
    return caption
