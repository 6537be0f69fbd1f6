"""Pictures read in windows of the canvas, however large it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...models.control_kinds import decibel_pixels
from ...models.radiometry import Radiometry

FloatArray = NDArray[np.float32]


class Source(Protocol):
    """A picture laid over the canvas."""

    def read(self, rows: slice, columns: slice) -> FloatArray:
        """Values [channels, rows, columns] of a window that may reach over the border."""


@dataclass(frozen=True)
class ArraySource:
    """A picture of the canvas' own pixels, in memory or on disk; its border repeats."""

    values: NDArray[np.float16] | FloatArray
    """[channels, rows, columns]"""

    def read(self, rows: slice, columns: slice) -> FloatArray:
        """Values [channels, rows, columns]."""
        height, width = self.values.shape[1:]
        down = np.clip(np.arange(rows.start, rows.stop), 0, height - 1)
        across = np.clip(np.arange(columns.start, columns.stop), 0, width - 1)
        part = self.values[:, down[0] : down[-1] + 1, across[0] : across[-1] + 1]
        return np.asarray(part[:, down - down[0]][:, :, across - across[0]], np.float32)


class LazySource:
    """A picture that is prepared when it is first asked for."""

    def __init__(self, prepare: Callable[[], Source]) -> None:
        self._prepare = prepare
        self._made: Source | None = None

    def read(self, rows: slice, columns: slice) -> FloatArray:
        """Values [channels, rows, columns]."""
        if self._made is None:
            self._made = self._prepare()
        return self._made.read(rows, columns)


@dataclass(frozen=True)
class PowerSource:
    """Radar power of a coarser, or the same, grid whose first corner is the canvas' own.

    Between the centres of its pixels power is interpolated linearly, never decibels; beyond the
    outermost centres it stays as it is.
    """

    power: FloatArray
    """Linear power [rows, columns], without gaps, in memory or on disk."""
    row_step: float
    """Rows of the power per row of the canvas; at most 1."""
    column_step: float

    def read(self, rows: slice, columns: slice) -> FloatArray:
        """Linear power [1, rows, columns]."""
        r0, r1, down = _between(rows, self.row_step, self.power.shape[0])
        c0, c1, across = _between(columns, self.column_step, self.power.shape[1])
        top, left = int(r0.min()), int(c0.min())
        part = np.asarray(self.power[top : r1.max() + 1, left : c1.max() + 1], np.float32)
        if np.all(down == 0) and np.all(across == 0):
            return part[r0 - top][:, c0 - left][None]
        lines = part[r0 - top] * (1 - down)[:, None] + part[r1 - top] * down[:, None]
        mixed = lines[:, c0 - left] * (1 - across) + lines[:, c1 - left] * across
        return np.asarray(mixed, np.float32)[None]


@dataclass(frozen=True)
class DecibelSource:
    """Power as the decibel pixels of a control, averaged over blocks of pixels first if wanted."""

    power: PowerSource
    mean_over: int = 1

    def read(self, rows: slice, columns: slice) -> FloatArray:
        """Pixels u in [0, 1], [1, rows, columns]."""
        more = self.mean_over - 1
        wide = (slice(rows.start - more, rows.stop + more),
                slice(columns.start - more, columns.stop + more))  # fmt: skip
        power = self.power.read(*wide)
        if more:
            power = ndimage.uniform_filter(power, (0, self.mean_over, self.mean_over))
            power = power[:, more:-more, more:-more]
        return decibel_pixels(np.maximum(power, 0.0), calibrated=True)


@dataclass(frozen=True)
class ModelPixels:
    """Power as the pixels of a model, to start from."""

    power: PowerSource
    radiometry: Radiometry

    def read(self, rows: slice, columns: slice) -> FloatArray:
        """Pixels u in [0, 1], [1, rows, columns]."""
        return self.radiometry.to_pixel(self.power.read(rows, columns))


def _between(
    places: slice, step: float, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Neighbours of the centres of canvas pixels on the coarse grid, and the share of the next."""
    at = (np.arange(places.start, places.stop) + 0.5) * step - 0.5
    at = np.clip(at, 0.0, count - 1.0)
    below = np.floor(at + 1e-9).astype(np.int64)
    share = np.clip(at - below, 0.0, 1.0)
    return below, np.minimum(below + 1, count - 1), share.astype(np.float32)
