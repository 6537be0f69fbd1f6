"""From radar amplitude to picture values and back, with everything stored that the way back needs.

A map's parameters belong to an acquisition or a data set, not to a tile: tiles scaled one by one
cannot be compared any more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import InputError

FloatArray = NDArray[np.float32]
_TOP = {"uint8": 255, "uint16": 65535}


@dataclass(frozen=True)
class AmplitudeTone:
    """Linear map u = min(A / threshold, 1)."""

    threshold: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.threshold) and self.threshold > 0):
            raise InputError(f"tone threshold {self.threshold} is not a positive number")

    def forward(self, amplitude: FloatArray) -> FloatArray:
        """Amplitude to u in [0, 1]."""
        u = np.asarray(amplitude, np.float32) / np.float32(self.threshold)
        return np.asarray(np.clip(u, 0.0, 1.0), np.float32)

    def inverse(self, u: FloatArray) -> FloatArray:
        """Picture value u to amplitude; clipped amplitudes come back as the threshold."""
        return np.asarray(np.asarray(u, np.float32) * np.float32(self.threshold), np.float32)


@dataclass(frozen=True)
class DecibelTone:
    """Logarithmic map u = (20 log10 A - low_db) / (high_db - low_db), clipped."""

    low_db: float
    high_db: float

    def __post_init__(self) -> None:
        if not self.high_db > self.low_db:
            raise InputError(f"decibel window [{self.low_db}, {self.high_db}] is empty")

    def forward(self, amplitude: FloatArray) -> FloatArray:
        """Amplitude to u in [0, 1]; zero amplitude becomes 0."""
        floor = np.float32(10 ** (self.low_db / 20))
        decibels = 20 * np.log10(np.maximum(np.asarray(amplitude, np.float32), floor))
        u = (decibels - self.low_db) / (self.high_db - self.low_db)
        return np.asarray(np.clip(u, 0.0, 1.0), np.float32)

    def inverse(self, u: FloatArray) -> FloatArray:
        """Picture value u to amplitude."""
        decibels = self.low_db + np.asarray(u, np.float32) * (self.high_db - self.low_db)
        return np.asarray(np.power(10.0, decibels / 20), np.float32)


Tone = AmplitudeTone | DecibelTone


def mean_sigma_tone(
    amplitude: FloatArray, k: float = 3.0, mask: NDArray[np.bool_] | None = None
) -> AmplitudeTone:
    """The rule T = mu + k sigma over the valid pixels (k = 3 in the ONERA papers).

    Single-look Rayleigh amplitude clips 0.56 % at k = 3 and 0.05 % at k = 4.

    Parameters
    ----------
    mask
        True where pixels are valid; NaN never counts.

    Raises
    ------
    InputError
        If no pixel is valid or all are zero.
    """
    values = np.asarray(amplitude, np.float64)
    good = np.isfinite(values) if mask is None else np.isfinite(values) & mask
    values = values[good]
    if values.size == 0:
        raise InputError("no valid pixel to set the tone from")
    return AmplitudeTone(float(values.mean() + k * values.std()))


def decibel_tone(amplitude: FloatArray, below_db: float = 30.0, above_db: float = 10.0) -> Tone:
    """A decibel window about the mean power, by default [-30, +10] dB.

    Raises
    ------
    InputError
        If the image has no power.
    """
    mean = float(np.nanmean(np.square(np.asarray(amplitude, np.float64))))
    if not mean > 0:
        raise InputError("an image without power has no decibel window")
    centre = 10 * np.log10(mean)
    return DecibelTone(float(centre - below_db), float(centre + above_db))


def quantize(u: FloatArray, dtype: DTypeLike = np.uint8) -> NDArray[np.generic]:
    """u in [0, 1] as uint8, uint16 or float32.

    Raises
    ------
    InputError
        For any other type.
    """
    name = np.dtype(dtype).name
    if name == "float32":
        return np.asarray(u, np.float32)
    if name not in _TOP:
        raise InputError(f"pixels can be uint8, uint16 or float32, not {name}")
    scaled = np.clip(np.asarray(u, np.float32), 0.0, 1.0) * np.float32(_TOP[name])
    return np.asarray(np.rint(scaled), np.dtype(dtype))


def dequantize(pixel: NDArray[np.generic]) -> FloatArray:
    """uint8, uint16 or float32 pixels as u in [0, 1].

    Raises
    ------
    InputError
        For any other type.
    """
    name = pixel.dtype.name
    if name == "float32":
        return np.asarray(pixel, np.float32)
    if name not in _TOP:
        raise InputError(f"pixels can be uint8, uint16 or float32, not {name}")
    return np.asarray(pixel.astype(np.float32) / np.float32(_TOP[name]), np.float32)


def display(amplitude: FloatArray) -> NDArray[np.uint8]:
    """An 8-bit picture for looking at: clipped at mu + 3 sigma, zero stays black."""
    values = np.nan_to_num(np.asarray(amplitude, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    if not np.any(values > 0):
        return np.zeros(values.shape, np.uint8)
    return np.asarray(quantize(mean_sigma_tone(values).forward(values)), np.uint8)
