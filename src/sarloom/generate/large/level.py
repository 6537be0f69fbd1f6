"""Keeping what a picture measured in the scene that is made from it.

A network that draws decibels may be a decibel off over a whole field, and put a house where the
input has none. What the input measured is known better than that. Three ways to keep it:

``level``
    The scene is divided, on the input's own grid, by the smooth ratio of both powers. The ratio is
    taken over so many input pixels that the input's speckle averages out, and over no less; within
    that distance the scene's texture is the model's own.
``speckle``
    After that the mean power in every pixel of the input becomes the input's own, as far as its
    speckle lets one tell: Lee's estimate. What lies within an input pixel is the model's.
``exact``
    The same with the input's pixels as they are, their speckle included, which is then drawn on
    the ground as if it were there.

The last two split an image as y = A+ x + (I - A+ A) d (range-null-space decomposition; Wang, Yu &
Zhang 2023), A the average over an input pixel, x the input, d what the model drew. Power must stay
positive, so the split is one of factors: the field of factors is smooth between the centres of
input pixels, and is repeated on what is left over until the averages agree (back-projection, Irani
& Peleg 1991). It works on reflectivity before speckle is laid on, which therefore keeps its law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...sar.lee import lee_filter
from .sources import PowerSource

FloatArray = NDArray[np.float32]
LOOKS_WANTED = 100.0
"""Looks that the ratio averages: 0.4 dB of standard error."""
LARGEST_DB = 10.0
"""Local gains are held within this, on either side."""
ROUNDS = 4
"""Back-projections."""
LARGEST_FIT_DB = 40.0
"""Gains that keep the power of single input pixels are held within this around their mean: speckle
alone spans 20 dB, and a shadow that the model drew where the input has a wall needs 30 more."""
Blocks = Callable[[], Iterable[tuple[FloatArray, int]]]
"""Power of a scene's rows [rows, columns] and the first of them, from top to bottom."""


@dataclass(frozen=True)
class Level:
    """Power that a scene shall have, on a grid as coarse as the scene or coarser."""

    target: PowerSource
    looks: float
    least_scale_cells: float
    """Standard deviation of the smoothing, in pixels of the target's grid, at the least."""
    valid: NDArray[np.bool_] | None = None
    """Where the target was measured; elsewhere the scene is left empty."""
    consistency: str = "level"
    """'level', 'speckle' or 'exact', as above."""

    @property
    def scale_cells(self) -> float:
        """Standard deviation of the Gaussian: 4 pi s^2 pixels of L looks make 100 looks."""
        return max(float(np.sqrt(LOOKS_WANTED / (4 * np.pi * self.looks))), self.least_scale_cells)


class Sums:
    """Power of a scene on the grid of its target, gathered block by block."""

    def __init__(self, level: Level) -> None:
        self.level = level
        shape = level.target.power.shape
        self.total, self.count = np.zeros(shape), np.zeros(shape)

    def add(self, power: FloatArray, row: int) -> None:
        """Add rows of a scene's power that begin at ``row``."""
        target = self.level.target
        rows = _cells(row, len(power), target.row_step, target.power.shape[0])
        columns = _cells(0, power.shape[1], target.column_step, target.power.shape[1])
        first = int(columns[0])
        edges = np.flatnonzero(np.diff(columns, prepend=first - 1))
        summed = np.add.reduceat(power.astype(np.float64), edges, axis=1)
        width = np.diff(np.append(edges, power.shape[1]))
        span = slice(first, first + len(edges))
        np.add.at(self.total[:, span], rows, summed)
        np.add.at(self.count[:, span], rows, np.broadcast_to(width, summed.shape))

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean power per pixel of the target's grid."""
        return np.asarray(self.total / np.maximum(self.count, 1))


def fit(level: Level, blocks: Blocks) -> tuple[PowerSource, dict[str, Any]]:
    """Factor of power on the target's grid, and what it came to.

    Parameters
    ----------
    blocks
        Called for every pass over the scene: two for ``level``, six for the others.
    """
    factor, figures = gain(_summed(level, blocks, None))
    target = np.asarray(level.target.power, np.float32)
    if level.consistency == "level":
        factor, sums, inside = _scaled(level, factor, _summed(level, blocks, factor))
        after = _ratio_db(sums[inside].sum(), float(target[inside].sum(dtype=np.float64)))
        return factor, figures | {"difference_after_db": after}
    wanted = target if level.consistency == "exact" else lee_filter(target, level.looks)
    measured = np.ones(target.shape, bool) if level.valid is None else level.valid
    limit = 10 ** (LARGEST_FIT_DB / 10)
    middle = float(np.exp(np.mean(np.log(np.maximum(factor.power[measured], 1e-30)))))
    for _ in range(ROUNDS):
        drawn = _summed(level, blocks, factor).mean
        missing = np.where(measured & (drawn > 0), wanted / np.maximum(drawn, 1e-30), 1.0)
        power = np.clip(factor.power * missing, middle / limit, middle * limit)
        factor = PowerSource(np.asarray(power, np.float32), factor.row_step, factor.column_step)
    factor, means, inside = _scaled(level, factor, _summed(level, blocks, factor))
    drawn = means[inside]
    left = 10 * np.log10(np.maximum(drawn, 1e-30) / np.maximum(wanted[inside], 1e-30))
    gains = 10 * np.log10(np.maximum(factor.power[inside], 1e-30) / middle)
    return factor, figures | {
        "consistency": level.consistency,
        "difference_after_db": _ratio_db(drawn.sum(), float(target[inside].sum(dtype=np.float64))),
        "gain_mean_db": round(float(gains.mean() + 10 * np.log10(middle)), 3),
        "gain_std_db": round(float(gains.std()), 3),
        "gain_at_limit": round(float(np.mean(np.abs(gains) > LARGEST_FIT_DB - 0.1)), 5),
        "left_over_db": round(float(np.sqrt(np.mean(left**2))), 3),
    }


def _scaled(
    level: Level, factor: PowerSource, sums: Sums
) -> tuple[PowerSource, NDArray[np.float64], NDArray[np.bool_]]:
    """The factor that gives a scene its target's mean: factors are interpolated between the
    target's pixels, which moves it by some per cent.

    Returns
    -------
    The factor, the scene's mean power per pixel of the target under it, and which of them count.
    """
    target = np.asarray(level.target.power, np.float64)
    inside = sums.count > 0
    if level.valid is not None:
        inside &= level.valid
    share = target[inside].sum() / max(sums.mean[inside].sum(), 1e-30)
    power = np.asarray(factor.power * share, np.float32)
    return PowerSource(power, factor.row_step, factor.column_step), sums.mean * share, inside


def _summed(level: Level, blocks: Blocks, factor: PowerSource | None) -> Sums:
    """One pass over a scene, its power times a factor."""
    sums = Sums(level)
    for power, row in blocks():
        if factor is not None:
            places = slice(row, row + power.shape[0]), slice(0, power.shape[1])
            power = power * factor.read(*places)[0]
        sums.add(power, row)
    return sums


def gain(sums: Sums) -> tuple[PowerSource, dict[str, Any]]:
    """Smooth factor of power on the target's grid, and what it came to.

    The mean over the scene becomes that of the target; around it the ratio of both, smoothed, is
    followed within 10 dB.
    """
    level = sums.level
    measured = np.ones(sums.total.shape, bool) if level.valid is None else level.valid
    weight = measured & (sums.count > 0)
    target = np.where(weight, np.asarray(level.target.power, np.float64), 0.0)
    drawn = np.where(weight, sums.mean, 0.0)
    scale = level.scale_cells
    smooth_target = ndimage.gaussian_filter(target, scale, mode="nearest")
    smooth_drawn = ndimage.gaussian_filter(drawn, scale, mode="nearest")
    overall = target.sum() / max(drawn.sum(), 1e-30)
    local = smooth_target / np.maximum(smooth_drawn * overall, 1e-30)
    limit = 10 ** (LARGEST_DB / 10)
    local = np.where(weight, np.clip(local, 1 / limit, limit), 1.0)
    # clipping and smoothing move the mean a little
    local *= overall * target.sum() / max((drawn * local * overall).sum(), 1e-30)
    applied = np.asarray(local, np.float32)
    figures = _figures(target, drawn, local, weight) | {"scale_cells": scale}
    return PowerSource(applied, level.target.row_step, level.target.column_step), figures


def _figures(
    target: NDArray[np.float64],
    drawn: NDArray[np.float64],
    factor: NDArray[np.float64],
    weight: NDArray[np.bool_],
) -> dict[str, Any]:
    decibels = 10 * np.log10(np.maximum(factor[weight], 1e-30))
    return {
        "difference_before_db": _ratio_db(drawn.sum(), target.sum()),
        "difference_after_db": _ratio_db((drawn * factor).sum(), target.sum()),
        "gain_mean_db": round(float(decibels.mean()), 3),
        "gain_std_db": round(float(decibels.std()), 3),
        "gain_at_limit": round(float(np.mean(np.abs(decibels) > LARGEST_DB - 0.01)), 5),
    }


def _ratio_db(one: float, other: float) -> float:
    return round(float(10 * np.log10(max(one, 1e-30) / max(other, 1e-30))), 4)


def _cells(start: int, count: int, step: float, last: int) -> NDArray[np.int64]:
    """Pixel of the coarse grid under the centre of each fine one."""
    at = np.floor((np.arange(start, start + count) + 0.5) * step + 1e-9).astype(np.int64)
    return np.asarray(np.minimum(at, last - 1), np.int64)
