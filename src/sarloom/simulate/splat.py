"""Exact spreading of echoes over the cells of a row, at a cost that ignores their length.

A box of density q over [a, b] is the difference of two ramps, q max(k - a, 0) - q max(k - b, 0).
Sampled at cell borders k, a ramp has a second difference of just two numbers. So any number of
boxes needs two weighted histograms and one cumulative sum, whose steps are the cell contents.
Sums run in float64, since they hold differences of large densities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
THINNEST = 0.02
"""Shortest interval [cells] over which an echo is spread: keeps densities finite."""

_ROUNDING = 1e-12
"""Sums below this are what cancellation leaves of nothing."""


def ramps(
    row: IntArray, u: FloatArray, rate: FloatArray | DoubleArray, shape: tuple[int, int]
) -> DoubleArray:
    """Second differences, flat over (rows, columns + 2), of ramps of ``rate`` starting at ``u``.

    ``row`` broadcasts against ``u``; positions outside the grid are cut at its borders, so that
    boxes reaching over a border leave there what belongs there.
    """
    rows, columns = shape
    inside = np.clip(u, np.float32(0.0), np.float32(columns))
    cell = inside.astype(np.int32)
    part = (inside - cell) * np.asarray(rate, np.float64)
    index = (cell + row * (columns + 2)).ravel()
    size = rows * (columns + 2)
    moved = np.bincount(index, part.ravel(), size)
    total: DoubleArray = np.bincount(index, rate.ravel(), size).astype(np.float64, copy=False)
    total -= moved
    total[1:] += moved[:-1]
    return total


def cells(differences: DoubleArray, shape: tuple[int, int]) -> FloatArray:
    """Cell contents (rows, columns) from the sums of ``ramps``."""
    rows, columns = shape
    table = np.cumsum(differences.reshape(rows, columns + 2), axis=1)[:, :columns]
    return np.asarray(np.where(table > _ROUNDING, table, 0.0), np.float32)


@dataclass
class Boxes:
    """Separate intervals, each with its power; all arrays have shape (count,)."""

    row: IntArray
    end: FloatArray
    """Where the interval ends [cells]."""
    span: FloatArray
    """End minus start [cells]; negative in layover."""
    power: FloatArray

    def lengthen(self, extra: FloatArray) -> None:
        """Draw the intervals out on the far side by ``extra`` cells, where that is above zero."""
        drawn = extra > 0
        near = np.minimum(self.end, self.end - self.span)[drawn]
        span = np.abs(self.span[drawn]) + extra[drawn]
        self.span[drawn] = span
        self.end[drawn] = near + span

    def split(self, counts: IntArray) -> tuple[Boxes, IntArray, IntArray]:
        """Cut box k into ``counts[k]`` equal parts from its end backwards.

        Returns the parts, the box each part came from and its place among its box's parts.
        """
        parent = np.repeat(np.arange(len(counts)), counts)
        place = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
        span = (self.span / counts)[parent].astype(np.float32)
        end = self.end[parent] - place.astype(np.float32) * span
        power = (self.power / counts)[parent].astype(np.float32)
        return Boxes(self.row[parent], end, span, power), parent, place

    def ramps(self, shape: tuple[int, int]) -> DoubleArray:
        """Second differences of all boxes; those thinner than THINNEST are widened to it."""
        thin = np.abs(self.span) < THINNEST
        span = np.where(thin, np.copysign(np.float32(THINNEST), self.span), self.span)
        start = self.end - span
        rate = self.power / span
        return ramps(self.row, start, rate, shape) - ramps(self.row, self.end, rate, shape)
