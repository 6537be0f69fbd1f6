"""Training tiles as latents: encoded once, kept in the run folder under a hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from ...errors import InputError
from ...files import write_aside
from ...models.loaded import LoadedModel
from ...models.radiometry import Radiometry
from ...tiles.store import TileSet, open_tiles, row_amplitude

Report = Callable[[str], None]
REFERENCE_DB = -12.0
"""Where the median power of uncalibrated tiles is put on a scale of sigma nought [dB]."""


@dataclass(frozen=True)
class Examples:
    """Tiles of one split, ready to train on."""

    latents: torch.Tensor
    """[n, channels, rows, columns], float32, of about unit variance."""
    captions: list[list[str]]
    """Of each tile, without prefix; empty where it has none."""
    ids: list[str]
    mirrored: torch.Tensor | None = None
    """The latents of the same tiles flown the other way."""
    pixels: torch.Tensor | None = None
    """[n, rows, columns] in [0, 1], float16; kept only where the autoencoder is trained."""

    def __len__(self) -> int:
        return len(self.latents)


@dataclass(frozen=True)
class Pixels:
    """How the amplitude of tiles becomes the pixels of a model."""

    radiometry: Radiometry
    """Of the fine-tuned model."""
    gain: float
    """Power of a tile times this is power on the model's scale."""
    relative: bool
    """Amplitude over each tile's own threshold, as in the ONERA papers."""

    def of(self, row: dict[str, Any], size: int) -> NDArray[np.float32]:
        """Pixels u in [0, 1], [size, size], of a tile; the middle of larger tiles."""
        amplitude = np.nan_to_num(row_amplitude(row))
        rows, columns = amplitude.shape
        r, c = (rows - size) // 2, (columns - size) // 2
        amplitude = amplitude[r : r + size, c : c + size]
        if self.relative:
            return np.asarray(
                np.clip(amplitude / np.float32(row["threshold"]), 0.0, 1.0), np.float32
            )
        return self.radiometry.to_pixel(amplitude**2 * np.float32(self.gain))


def pixels_of(model: LoadedModel, tiles: TileSet) -> Pixels:
    """The scale on which a model is trained on a tile set.

    A model of sigma nought in dB keeps its scale; uncalibrated tiles are shifted so that their
    median power is -12 dB. Any other model gets amplitude over the threshold of each acquisition.

    Raises
    ------
    InputError
        If an amplitude model meets tiles without a threshold.
    """
    columns = tiles.columns("calibration", "threshold", "spacing_m")
    spacings = {value for value in columns["spacing_m"] if value}
    spacing = spacings.pop() if len(spacings) == 1 else None
    calibrated = set(columns["calibration"]) == {"sigma_nought"}
    calibration = "sigma_nought" if calibrated else "uncalibrated"
    base = model.radiometry
    if base.scale == "db":
        kept = Radiometry(
            "db", base.low_db, base.high_db, base.threshold, base.speckle, calibration, spacing
        )
        return Pixels(kept, 1.0 if calibrated else _gain(tiles), False)
    thresholds = [value for value in columns["threshold"] if value]
    if len(thresholds) < len(tiles):
        raise InputError(
            f"{tiles.folder}: tiles without a threshold (tone db) cannot train {model.source}: "
            "build them with --tone musigma"
        )
    threshold = float(np.median(thresholds))
    return Pixels(
        Radiometry("amplitude", threshold=threshold, calibration=calibration, spacing_m=spacing),
        1.0,
        True,
    )


def _gain(tiles: TileSet) -> float:
    """What brings the median power of some tiles to the reference."""
    chosen = np.linspace(0, len(tiles) - 1, min(len(tiles), 64)).astype(int)
    medians = [float(np.nanmedian(tiles.amplitude(int(n)) ** 2)) for n in chosen]
    return float(10 ** (REFERENCE_DB / 10) / max(float(np.median(medians)), 1e-30))


def load_examples(
    model: LoadedModel,
    folder: Path,
    split: str,
    run: Path,
    report: Report,
    size: int = 0,
    mirror: bool = False,
    keep_pixels: bool = False,
    number: int = 0,
) -> tuple[Examples, Pixels]:
    """Encode the tiles of a split, or read what an earlier run encoded.

    ``number`` tells the sets of a run apart.

    Raises
    ------
    InputError
        If the split is empty, or tiles are smaller than the size or of several sizes.
    """
    tiles = open_tiles(folder, split)
    if not len(tiles):
        raise InputError(f"{folder} has no tiles of split {split!r}: build it with --split")
    pixels = pixels_of(model, open_tiles(folder))
    side = size or tile_side(tiles)
    if side % model.cell:
        raise InputError(f"size {side} is no multiple of the model's cell of {model.cell} pixels")
    key = _key(model, tiles, pixels, side, mirror, keep_pixels)
    path = run / f"latents-{number}-{split}-{key}.safetensors"
    if not path.is_file():
        for old in set(run.glob(f"latents-{number}-{split}-*.safetensors")) - {path}:
            old.unlink(missing_ok=True)  # of other data or another autoencoder
        report(f"encoding {len(tiles)} tiles of split {split}")
        encoded = {"latents": _encode(model, tiles, pixels, side, 1)}
        if mirror:
            encoded["mirrored"] = _encode(model, tiles, pixels, side, -1)
        if keep_pixels:
            stack = [pixels.of(tiles.row(n), side).astype(np.float16) for n in range(len(tiles))]
            encoded["pixels"] = torch.from_numpy(np.stack(stack))
        with write_aside(path) as aside:
            save_file(encoded, aside)
    found = load_file(path)
    captions, ids = [], []
    for one, several, name in zip(*tiles.columns("text", "captions", "id").values(), strict=True):
        captions.append(list(several or ([one] if one else [])))
        ids.append(name)
    more = found.get("mirrored"), found.get("pixels")
    return Examples(found["latents"], captions, ids, *more), pixels


def joint_radiometry(pixels: Sequence[Pixels]) -> Radiometry:
    """What the pixels of a model mean that was trained on several sets.

    A spacing is said where all sets agree, sigma nought where all are calibrated.
    """
    first = pixels[0].radiometry
    spacings = {one.radiometry.spacing_m for one in pixels}
    calibrations = {one.radiometry.calibration for one in pixels}
    return dataclasses.replace(
        first,
        threshold=float(np.median([one.radiometry.threshold for one in pixels])),
        calibration=first.calibration if len(calibrations) == 1 else "uncalibrated",
        spacing_m=first.spacing_m if len(spacings) == 1 else None,
    )


def class_examples(model: LoadedModel, files: list[Path], prompt: str, side: int) -> Examples:
    """Images that the base drew of a class, on the base's own scale, for prior preservation.

    Raises
    ------
    InputError
        If they are smaller than the training tiles.
    """
    import rasterio

    parts = []
    for path in files:
        with rasterio.open(path) as opened:
            amplitude = opened.read(1)
        rows, columns = amplitude.shape
        if min(rows, columns) < side:
            raise InputError(f"{path} is smaller than the tiles of {side} pixels")
        r, c = (rows - side) // 2, (columns - side) // 2
        pixel = model.radiometry.to_pixel(amplitude[r : r + side, c : c + side] ** 2)
        parts.append(encode_pixels(model, pixel[None]))
    with torch.inference_mode():
        return Examples(torch.cat(parts), [[prompt]] * len(files), [path.stem for path in files])


def tile_side(tiles: TileSet) -> int:
    """The side of the first tile; all tiles of a set are equal."""
    return int(row_amplitude(tiles.row(0)).shape[0])


def _key(model: LoadedModel, tiles: TileSet, pixels: Pixels, *settings: int) -> str:
    """Changes with the data, the autoencoder and the scale."""
    shards = [one["sha256"] for one in tiles.manifest["shards"]]
    about = [model.fingerprint, shards, repr(pixels), settings]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


@torch.inference_mode()
def _encode(
    model: LoadedModel, tiles: TileSet, pixels: Pixels, side: int, step: int
) -> torch.Tensor:
    parts = []
    # the autoencoder of a large base takes gigabytes for a picture of 1024 pixels
    batch = min(8, max(1, 8 * 256**2 // side**2))
    for chunk in _chunks(len(tiles), batch):
        # azimuth runs along rows; range, along columns, is never turned round
        stack = np.stack([pixels.of(tiles.row(n), side)[::step] for n in chunk])
        parts.append(encode_pixels(model, stack))
    return torch.cat(parts)


@torch.inference_mode()
def encode_pixels(model: LoadedModel, stack: NDArray[np.float32]) -> torch.Tensor:
    """Pixels [n, rows, columns] in [0, 1] to latents on the CPU."""
    grey = torch.from_numpy(np.ascontiguousarray(stack))[:, None].expand(-1, 3, -1, -1)
    return model.encode(grey).cpu().contiguous()


def _chunks(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))
