"""An image made comparable: same level, same ceiling; and the pieces that several figures use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sar.multilook import multilook
from .image import ComplexArray, FloatArray, RadarImage

BLOCK = 16
"""Side of the blocks in which speckle is measured [pixels]."""
LOWEST_RATIO = np.exp(-10.0)
"""Power over a block's mean below which a pixel counts as dark."""
_LOWEST = 1e-6
"""Power relative to the median below which everything counts as dark (-60 dB)."""
_AWAY = 1.5
"""How many times smaller or larger than the most frequent a block's log-variance may be."""
_CLIPPED = 0.02
"""Share of the pixels of a block at the ends of the scale from which on it tells nothing."""
_FEWEST = 4
"""Blocks; with fewer an image says nothing about speckle."""


@dataclass(frozen=True)
class View:
    """One image on the common scale of an evaluation.

    ``power`` is relative to the median power of the image's set (or of the image), clipped at the
    ceiling that both sets share.
    """

    image: RadarImage
    gain: float
    """Multiplies power."""
    floor: float = 0.0
    ceiling: float = float("inf")
    """Relative powers at which both sets are clipped."""
    speckle: float | None = None
    """Most frequent log-variance of the set's blocks; None where it is not known yet."""

    @cached_property
    def power(self) -> FloatArray:
        """Relative power [rows, columns]; NaN where there is no data."""
        scaled = self.image.power * np.float32(self.gain)
        clipped = np.clip(scaled, np.float32(self.floor), np.float32(self.ceiling))
        return np.asarray(clipped, np.float32)

    @cached_property
    def decibels(self) -> FloatArray:
        """10 log10 of the relative power, at least -60 dB; NaN where there is no data."""
        return np.asarray(10 * np.log10(np.maximum(self.power, np.float32(_LOWEST))), np.float32)

    @cached_property
    def valid_decibels(self) -> FloatArray:
        """``decibels`` of the pixels with data [pixels]."""
        valid = np.isfinite(self.decibels)
        return self.decibels.ravel() if valid.all() else self.decibels[valid]

    def multilooked(self, factor: int) -> FloatArray:
        """dB image of the power averaged over ``factor`` x ``factor`` pixels."""
        if factor == 1:
            return self.decibels
        averaged = multilook(self.power, factor)
        return np.asarray(10 * np.log10(np.maximum(averaged, np.float32(_LOWEST))), np.float32)

    @cached_property
    def clipped(self) -> float:
        """Share of the valid pixels at the floor or the ceiling."""
        valid = self.power[np.isfinite(self.power)]
        low, high = np.float32(self.floor), np.float32(self.ceiling)
        return float(np.mean((valid >= high) | ((valid <= low) & (low > 0))))

    @cached_property
    def quiet(self) -> NDArray[np.float64]:
        """The more homogeneous half of the blocks, each over its mean: [blocks, 16, 16].

        Homogeneity is judged by the means of 4 x 4 cells within a block relative to the block's
        own spread, which for pure speckle tells nothing about the spread itself; so choosing by it
        does not bias the number of looks. Left out are blocks without data or power, or with pixels
        at the ends of the scale, and those whose log-variance is far from the most frequent of the
        set, such as of a lone bright point in even surroundings. Empty where hardly any are left.
        """
        cells = blocks(self.power)
        picked = np.asarray(cells[self._quiet], np.float64)
        return np.asarray(picked / picked.mean(axis=(1, 2), keepdims=True))

    @cached_property
    def _quiet(self) -> NDArray[np.intp]:
        return _quiet_indices(blocks(self.power), self.floor, self.ceiling, self.speckle)

    @cached_property
    def quiet_complex(self) -> ComplexArray | None:
        """Complex pixels of the same blocks as ``quiet``, over their root mean power."""
        if self.image.complex is None:
            return None
        cells = blocks(self.image.complex)
        picked = cells[self._quiet]
        scale = np.sqrt(np.mean(np.abs(picked) ** 2, axis=(1, 2), keepdims=True))
        return np.asarray(picked / scale, np.complex64)


def blocks(image: NDArray[Any], side: int = BLOCK) -> NDArray[Any]:
    """An image as [blocks, side, side]; what fills no block is dropped."""
    rows, columns = (n // side for n in image.shape)
    cut = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(-1, side, side)


def log_variances(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Variance of ln I in every block [blocks]."""
    return np.asarray(np.log(np.maximum(ratio, LOWEST_RATIO)).var(axis=(1, 2), ddof=1))


def _quiet_indices(
    cells: NDArray[Any], floor: float, ceiling: float, speckle: float | None
) -> NDArray[np.intp]:
    ends = (cells <= np.float32(floor)) | (cells >= np.float32(ceiling))
    cells = np.where(ends.mean(axis=(1, 2))[:, None, None] > _CLIPPED, np.nan, cells)
    values = np.asarray(cells, np.float64)
    mean = values.mean(axis=(1, 2))  # NaN spreads: such a block drops out below
    spread = values.var(axis=(1, 2))
    good = np.flatnonzero(np.isfinite(mean) & (mean > _LOWEST) & (spread > 1e-9 * mean**2))
    step = BLOCK // 4
    parts = values[good].reshape(-1, step, 4, step, 4).mean(axis=(2, 4))
    unevenness = parts.var(axis=(1, 2)) / spread[good]
    even = good[np.argsort(unevenness, kind="stable")[: (len(good) + 1) // 2]]
    if speckle is not None and len(even):
        ratio = log_variances(values[even] / mean[even, None, None]) / speckle
        even = even[(ratio < _AWAY) & (ratio > 1 / _AWAY)]
    return np.asarray(even if len(even) >= _FEWEST else even[:0], np.intp)
