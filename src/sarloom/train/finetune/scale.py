"""From the amplitude of tiles to the pixels a model is trained on, and what these pixels mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...models.loaded import LoadedModel
from ...models.radiometry import Radiometry
from ...options.finetune import FinetuneRecipe
from ...sar.speckle import enl_blocks
from ...tiles.store import TileSet, row_amplitude

REFERENCE_DB = -12.0
"""Where the median power of uncalibrated tiles is put on a scale of sigma nought [dB]."""
MOST_LOOKS = 16.0
"""Tiles of fewer looks carry speckle: of 16 looks it is 1 dB."""
PROBED = 32
"""Tiles whose looks are measured where the set does not say them."""
BLOCK = 16
"""Side of the blocks in which they are measured [pixels]."""


@dataclass(frozen=True)
class Pixels:
    """How the amplitude of tiles becomes the pixels of a model."""

    radiometry: Radiometry
    """Of the fine-tuned model."""
    gain: float
    """Power of a tile times this is power on the model's scale."""
    relative: bool
    """Amplitude over each tile's own threshold, as in the ONERA papers."""
    enlarge: int = 1
    """Model pixels along one pixel of a tile."""

    def of(self, row: dict[str, Any], size: int) -> NDArray[np.float32]:
        """Pixels u in [0, 1], [size, size], of a tile; the middle of larger tiles."""
        amplitude = np.nan_to_num(row_amplitude(row))
        side = -(-size // self.enlarge)
        rows, columns = amplitude.shape
        r, c = (rows - side) // 2, (columns - side) // 2
        amplitude = amplitude[r : r + side, c : c + side]
        if self.enlarge > 1:
            amplitude = np.sqrt(enlarged(amplitude**2, self.enlarge))[:size, :size]
        if self.relative:
            return np.asarray(
                np.clip(amplitude / np.float32(row["threshold"]), 0.0, 1.0), np.float32
            )
        return self.radiometry.to_pixel(amplitude**2 * np.float32(self.gain))


def pixels_of(model: LoadedModel, tiles: TileSet, enlarge: int = 1) -> Pixels:
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
    spacing = spacings.pop() / enlarge if len(spacings) == 1 else None
    calibrated = set(columns["calibration"]) == {"sigma_nought"}
    calibration = "sigma_nought" if calibrated else "uncalibrated"
    base = model.radiometry
    if base.scale == "db":
        kept = dataclasses.replace(base, calibration=calibration, spacing_m=spacing)
        return Pixels(kept, 1.0 if calibrated else _gain(tiles), False, enlarge)
    thresholds = [value for value in columns["threshold"] if value]
    if len(thresholds) < len(tiles):
        raise InputError(
            f"{tiles.folder}: tiles without a threshold (tone db) cannot train {model.source}: "
            "build them with --tone musigma"
        )
    threshold = float(np.median(thresholds))
    amplitude = Radiometry(
        "amplitude", threshold=threshold, calibration=calibration, spacing_m=spacing
    )
    return Pixels(amplitude, 1.0, True, enlarge)


def _gain(tiles: TileSet) -> float:
    """What brings the median power of some tiles to the reference."""
    medians = [float(np.nanmedian(tiles.amplitude(n) ** 2)) for n in spread(len(tiles), 64)]
    return float(10 ** (REFERENCE_DB / 10) / max(float(np.median(medians)), 1e-30))


def spread(count: int, most: int) -> list[int]:
    """Numbers of at most ``most`` of ``count`` things, evenly spread."""
    found: list[int] = np.linspace(0, count - 1, min(count, most)).astype(int).tolist()
    return found


def enlarged(power: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Power [rows, columns] on a grid ``factor`` times as fine, every pixel's mean kept exactly.

    Linear between the centres of pixels, then each pixel's block scaled to its own mean. Only the
    grid gets finer: nothing is resolved that was not before.
    """
    fine = power
    for axis in (0, 1):
        fine = _linear(fine, factor, axis)
    rows, columns = power.shape
    means = fine.reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    ratio = power / np.maximum(means, np.float32(1e-30))
    return np.asarray(fine * np.kron(ratio, np.ones((factor, factor), np.float32)), np.float32)


def _linear(values: NDArray[np.float32], factor: int, axis: int) -> NDArray[np.float32]:
    """Linear interpolation along an axis; beyond the outer centres the outer values."""
    count = values.shape[axis]
    places = np.clip((np.arange(count * factor) + 0.5) / factor - 0.5, 0, count - 1)
    low = np.minimum(places.astype(int), max(count - 2, 0))
    share = (places - low).astype(np.float32)
    share = share[:, None] if axis == 0 else share[None, :]
    after = np.minimum(low + 1, count - 1)
    before, behind = np.take(values, low, axis), np.take(values, after, axis)
    return np.asarray(before * (1 - share) + behind * share, np.float32)


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


def speckle_of(recipe: FinetuneRecipe, base: Radiometry, sets: Sequence[TileSet]) -> str:
    """Whether the trained model draws speckle itself: 'own', or 'none'.

    What pixels can hold is up to the autoencoder. One that was taught reflectivity without speckle
    (the embedded one) draws none, whatever tiles the U-Net was trained on; one that was trained on
    tiles with speckle draws theirs, and none must be laid on top.
    """
    if recipe.speckle != "auto":
        return recipe.speckle
    if base.speckle == "own" or recipe.vae == "off":
        return base.speckle
    return "own" if any(looks_of(one) < MOST_LOOKS for one in sets) else "none"


def looks_of(tiles: TileSet) -> float:
    """Median looks of a tile set, as it says; measured on its evenest tiles where it does not."""
    stated = [value for value in tiles.columns("looks")["looks"] if value]
    if stated:
        return float(np.median(stated))
    chosen = spread(len(tiles), PROBED)
    return measured_looks([np.nan_to_num(tiles.amplitude(n)) ** 2 for n in chosen])


def measured_looks(powers: Sequence[NDArray[np.float32]]) -> float:
    """Looks of the evenest of some pictures of power [rows, columns]; 1 where all are too small."""
    found = [min(enl_blocks(one, BLOCK), 1e6) for one in powers if min(one.shape) >= BLOCK]
    return float(np.percentile(found, 90)) if found else 1.0
