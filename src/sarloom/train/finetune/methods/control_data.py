"""Pairs of latents and conditions: from a tile set, or from scenes rendered for the purpose."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....errors import InputError
from ....files import write_aside
from ....models.control_kinds import KINDS, decibel_pixels
from ....tiles.store import TileSet, open_tiles, row_amplitude, row_picture, shard_hashes

Report = Callable[[str], None]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Variant:
    """One target of a scene: the scene itself, mirrored, or under another incidence angle."""

    latent: torch.Tensor
    """[channels, rows, columns]."""
    scene: int
    captions: Sequence[str]
    numbers: Mapping[str, float | str] = field(default_factory=dict)
    mirrored: bool = False
    """Azimuth reversed, and the conditions with it."""
    kinds: tuple[str, ...] | None = None
    """Kinds that go with it; None: all."""
    needs_numbers: bool = False
    """Whether its picture cannot be told from the conditions alone."""


@dataclass(frozen=True)
class ControlExamples:
    """What a control is trained on."""

    variants: Sequence[Variant]
    pictures: Mapping[str, NDArray[Any]]
    """Kind -> 8-bit pictures of all scenes [scenes, rows, columns(, 3)], class numbers for
    ``segmentation``; may lie on disk."""
    side: int
    """Pixels per side of a training picture."""
    legend: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.variants)

    def picture(
        self, kind: str, scene: int, mirrored: bool, rows: slice, columns: slice
    ) -> NDArray[np.float32]:
        """A window of a condition in pixels of the training picture, u in [0, 1], [c, h, w]."""
        stored = self.pictures[kind]
        step = self.side // stored.shape[1]
        whole = stored[scene]
        if mirrored:
            whole = whole[::-1]
        first, last = rows.start // step, -(-rows.stop // step)
        left, right = columns.start // step, -(-columns.stop // step)
        part = np.asarray(whole[first:last, left:right])
        if kind == "segmentation":
            part = self._table()[part]
        part = part[..., None] if part.ndim == 2 else part
        u = part.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        u = u.repeat(step, 1).repeat(step, 2)
        top, near = rows.start - first * step, columns.start - left * step
        height, width = rows.stop - rows.start, columns.stop - columns.start
        return np.ascontiguousarray(u[:, top : top + height, near : near + width])

    def _table(self) -> Picture:
        table = np.full((256, 3), 255, np.uint8)
        for index, colour in enumerate(self.legend.values()):
            table[index] = colour
        return table


# -- tile sets -----------------------------------------------------------------------------------


def tile_conditions(
    folder: Path, split: str, kinds: Sequence[str], side: int, run: Path, report: Report
) -> dict[str, NDArray[Any]]:
    """Condition columns of a split as 8-bit pictures on disk in the run folder, read once.

    Raises
    ------
    InputError
        If a tile has no picture of a kind.
    """
    tiles = open_tiles(folder, split)
    missing = [kind for kind in kinds if kind not in tiles.pictures()]
    if missing:
        raise InputError(
            f"{folder}: its tiles have no {missing[0]}; they have: "
            + ", ".join(sorted(tiles.pictures() & set(KINDS)) or ["no condition at all"])
        )
    found = {}
    shards = "".join(shard_hashes(tiles.manifest))
    for kind in kinds:
        path = run / f"conditions-{split}-{kind}-{_short(shards, side)}.npy"
        if not path.is_file():
            report(f"reading {kind} of {len(tiles)} tiles of split {split}")
            stack = np.stack([_condition(tiles, n, kind, side) for n in range(len(tiles))])
            with write_aside(path) as aside, Path(aside).open("wb") as file:
                np.save(file, stack, allow_pickle=False)
        found[kind] = np.load(path, mmap_mode="r", allow_pickle=False)
    return found


def _short(shards: str, side: int) -> str:
    import hashlib

    return hashlib.sha256(f"{shards}{side}".encode()).hexdigest()[:16]


def _condition(tiles: TileSet, index: int, kind: str, side: int) -> Picture:
    """One condition of a tile, the middle of larger tiles."""
    row = tiles.row(index)
    if row.get(kind) is None:
        raise InputError(f"{tiles.folder}: tile {row['id']} has no {kind}")
    if kind in ("satellite", "simulated"):
        prefix = kind if kind == "satellite" else "image"
        pixels = _radar(row, kind, prefix, tiles)
    else:
        pixels = np.asarray(row_picture(row, kind))
    rows, columns = pixels.shape[:2]
    if min(rows, columns) < side:
        raise InputError(f"{tiles.folder}: {kind} of tile {row['id']} is smaller than the tile")
    r, c = (rows - side) // 2, (columns - side) // 2
    return np.asarray(pixels[r : r + side, c : c + side], np.uint8)


def _radar(row: Mapping[str, Any], kind: str, prefix: str, tiles: TileSet) -> Picture:
    """A radar condition on the decibel scale of conditions, on the tile's grid."""
    from PIL import Image

    if kind == "simulated":
        # through the tone of the tile's own image
        held = {**row, "image": row["simulated"], "valid": None}
        amplitude = row_amplitude(held)
    else:
        amplitude = row_amplitude(dict(row), kind)
    power = np.nan_to_num(amplitude) ** 2
    whole = row_picture(dict(row), "image")
    assert whole is not None  # every tile has one
    if power.shape != whole.shape:
        size = (whole.shape[1], whole.shape[0])
        power = np.asarray(Image.fromarray(power).resize(size, Image.Resampling.BILINEAR))
    pixels = decibel_pixels(power, row["calibration"] == "sigma_nought")
    return np.asarray(np.round(pixels * 255), np.uint8)


def legend_of(manifest: Mapping[str, Any]) -> dict[str, list[int]]:
    """Colour of every class of a tile set: the simulator's own, others spread over the hues."""
    from colorsys import hsv_to_rgb

    from ....simulate.maps import LEGEND

    labels = [str(label) for label in manifest.get("labels") or LEGEND]
    legend = {}
    for index, label in enumerate(labels):
        spread = hsv_to_rgb((index * 0.618034) % 1.0, 0.75, 0.95 - 0.35 * (index % 3) / 2)
        legend[label] = list(LEGEND.get(label, tuple(round(255 * part) for part in spread)))
    return legend


# -- rendered scenes -----------------------------------------------------------------------------


def is_rendered(folder: Path) -> bool:
    """Whether a folder holds conditions that ``benchmarks/control_scenes.py`` rendered."""
    return any(folder.glob("conditions-*.npz"))


def rendered_examples(
    folder: Path, kinds: Sequence[str], held_out: int = 24
) -> tuple[ControlExamples, ControlExamples]:
    """Rendered scenes with the latents of the embedded model's run: training and held-out ones.

    Parameters
    ----------
    folder
        ``conditions-*.npz``, and of the embedded model's run ``latents-scenes.safetensors``,
        ``latents-mirrored.safetensors`` and ``scenes/``; links will do.
    held_out
        Scenes kept back, evenly through the set.

    Raises
    ------
    InputError
        If a file of the embedded model's run is missing.
    """
    from safetensors.torch import load_file

    from ....simulate.captions import flip_words
    from ....simulate.maps import LEGEND
    from ....simulate.materials import LABELS
    from ...scenes import SHARD

    for name in ("latents-scenes.safetensors", "latents-mirrored.safetensors", "scenes"):
        if not (folder / name).exists():
            raise InputError(f"{folder} has no {name}: link it from the embedded model's run")
    plain = load_file(folder / "latents-scenes.safetensors")["latents"]
    flipped = load_file(folder / "latents-mirrored.safetensors")["latents"]
    stacks: dict[str, list[Any]] = {kind: [] for kind in kinds}
    train: list[Variant] = []
    held: list[Variant] = []
    shards = sorted(folder.glob("conditions-*.npz"))
    every = max(2, len(shards) * SHARD // held_out)
    for place, path in enumerate(shards):
        number = int(path.stem.rpartition("-")[2])
        texts = _captions(folder / "scenes" / f"scenes-{number:05d}.npz")
        with np.load(path, allow_pickle=False) as shard:
            for kind in kinds:
                stacks[kind].append(shard[kind])
            tilted, angles = shard["tilted"], shard["incidence_angle_deg"]
        for k in range(SHARD):
            index, scene = number * SHARD + k, place * SHARD + k
            target = held if scene % every == every // 2 else train
            usual = {"incidence_angle_deg": 60.0}
            target.append(Variant(plain[index], scene, texts[k], usual))
            if target is train and index < len(flipped):
                words = [flip_words(text) for text in texts[k]]
                target.append(Variant(flipped[index], scene, words, usual, mirrored=True))
            if target is train:
                target.append(
                    Variant(
                        torch.from_numpy(tilted[k]), scene, texts[k],
                        {"incidence_angle_deg": float(angles[k])},
                        kinds=tuple(kind for kind in kinds if kind != "simulated"),
                        needs_numbers=True,
                    )
                )  # fmt: skip
    pictures = {kind: np.concatenate(parts) for kind, parts in stacks.items()}
    side = 16 * plain.shape[-1]
    legend = {label: LEGEND[label] for label in LABELS}
    return ControlExamples(train, pictures, side, legend), ControlExamples(
        held, pictures, side, legend
    )


def _captions(path: Path) -> list[list[str]]:
    with np.load(path, allow_pickle=False) as shard:
        texts: list[list[str]] = json.loads(str(shard["text"]))[1]
    return texts
