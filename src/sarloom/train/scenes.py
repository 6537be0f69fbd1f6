"""Training pictures of the embedded model: simulated scenes in shards on disk.

A shard is ``scenes-00012.npz`` with 8-bit pixels (the model's ``Radiometry``) and JSON sentences.
Shards are written aside and renamed, so a killed run continues with the next shard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..files import write_aside
from ..models.radiometry import Radiometry
from ..simulate.build import MIXTURES, build_world
from ..simulate.captions import captions, flip_words
from ..simulate.facts import describe
from ..simulate.kinds import KINDS
from ..simulate.radar import AIRBORNE, Sensor, reflectivity

SHARD = 24
CAPTIONS = 24
"""Sentences of a scene, so that many ways to say the same are learned."""
TILTED_SEED = 50_000
"""Added to the seed of scenes that are each seen under their own incidence angle."""
TILTED_DEG = (25.0, 75.0)


@dataclass(frozen=True)
class SceneSet:
    """Pictures in memory."""

    pixels: NDArray[np.uint8]
    """[n, rows, columns] speckle-free reflectivity on the model's scale, without texture."""
    kinds: list[str]
    captions: list[list[str]]
    incidence_angle_deg: list[float]

    def mirrored(self, count: int) -> SceneSet:
        """The first scenes flown the other way: azimuth reversed, sentences swapped to match."""
        return SceneSet(
            np.ascontiguousarray(self.pixels[:count, ::-1]),
            self.kinds[:count],
            [[flip_words(text) for text in texts] for texts in self.captions[:count]],
            self.incidence_angle_deg[:count],
        )


def kind_of(index: int, mixture_share: float) -> str:
    """Scene kind of a training index: one kind a shard, a share of shards with mixtures."""
    shard, names = index // SHARD, tuple(KINDS)
    cycle = round(len(names) / (1 - mixture_share))
    turn, place = divmod(shard, cycle)
    if place < len(names):
        return names[place]
    number = (turn * (cycle - len(names)) + place - len(names)) * SHARD + index % SHARD
    return MIXTURES[number % len(MIXTURES)]


def make_shard(
    folder: Path,
    shard: int,
    seed: int,
    size: int,
    radiometry: Radiometry,
    mixture_share: float,
    tilted: bool = False,
) -> Path:
    """Simulate one shard, perhaps each scene under its own angle; an existing one is kept."""
    path = folder / f"scenes-{shard:05d}.npz"
    if path.is_file():
        return path
    pixels = np.empty((SHARD, size, size), np.uint8)
    kinds, texts, angles = [], [], []
    for k in range(SHARD):
        index = shard * SHARD + k
        kind = kind_of(index, mixture_share)
        world = build_world(kind, seed + index, size)
        sensor = AIRBORNE
        if tilted:
            drawn = np.random.default_rng([seed + index, 14]).uniform(*TILTED_DEG)
            sensor = Sensor(incidence_angle_deg=float(drawn))
        rng = np.random.default_rng([seed + index, 11])
        seen = reflectivity(world, sensor, rng, texture=False)
        angles.append(sensor.incidence_angle_deg)
        pixels[k] = np.round(radiometry.to_pixel(seen.power) * 255)
        kinds.append(kind)
        words = captions(describe(world), np.random.default_rng([seed + index, 12]), CAPTIONS)
        texts.append(list(words))
    with write_aside(path) as aside, Path(aside).open("wb") as file:
        np.savez(
            file,
            pixels=pixels,
            text=np.array(json.dumps([kinds, texts])),
            incidence_angle_deg=np.array(angles),
        )
    return path


def make_scenes(
    folder: Path,
    count: int,
    seed: int,
    size: int,
    radiometry: Radiometry,
    mixture_share: float,
    workers: int,
    report: Callable[[str], None],
    tilted: bool = False,
) -> None:
    """Simulate at least ``count`` scenes, in whole shards."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = -(-count // SHARD)
    with ProcessPoolExecutor(workers) as pool:
        jobs = [
            pool.submit(make_shard, folder, n, seed, size, radiometry, mixture_share, tilted)
            for n in range(whole)
        ]
        for done, job in enumerate(jobs):
            job.result()
            report(f"scenes {(done + 1) * SHARD}/{whole * SHARD}")


def load_scenes(folder: Path, limit: int | None = None) -> SceneSet:
    """Read the shards that are there, at most ``limit`` scenes."""
    pixels, kinds, texts, angles = [], [], [], []
    for shard_pixels, shard_kinds, shard_texts, shard_angles in shards(folder):
        pixels.append(shard_pixels)
        kinds += shard_kinds
        texts += shard_texts
        angles += shard_angles
        if limit is not None and len(kinds) >= limit:
            break
    return SceneSet(np.concatenate(pixels)[:limit], kinds[:limit], texts[:limit], angles[:limit])


def shards(
    folder: Path,
) -> Iterator[tuple[NDArray[np.uint8], list[str], list[list[str]], list[float]]]:
    """Pixels, kinds, captions and incidence angles [deg] of each shard that is there."""
    for path in sorted(folder.glob("scenes-*.npz")):
        with np.load(path, allow_pickle=False) as shard:
            kinds, texts = json.loads(str(shard["text"]))
            # shards made before angles were drawn are all of the usual one
            angles = shard.get("incidence_angle_deg", [AIRBORNE.incidence_angle_deg] * len(kinds))
            yield shard["pixels"], kinds, texts, [float(angle) for angle in angles]
