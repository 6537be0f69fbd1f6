"""What the pixels of a tile say about its radar: looks from speckle, range from shadows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..sar.multilook import multilook

FloatArray = NDArray[np.float64]
PowerArray = NDArray[np.float32]

BLOCK = 16
"""Side of the blocks in which looks are measured."""
_CELL = 4
_PEAK = 16.0
"""Power over a block's mean that speckle of one look reaches once in nine million pixels."""
EVEN_SHARE = 0.25
MOST_CLIPPED = 0.02
"""Share of a block. Leaving out every block with a clipped pixel would keep those without bright
speckle, 1.11 looks where there is one; clipping 0.56 % of pixels makes it 1.05."""
_FULL = 0.999
"""Of the largest amplitude, from which a pixel counts as clipped."""


@dataclass(frozen=True)
class SpeckleBlocks:
    """Blocks of 16 x 16 pixels of one tile, without holes and hardly clipped."""

    power: FloatArray
    """Shape (blocks, 256)."""
    looks: FloatArray
    """Squared mean over variance of each block."""
    even: NDArray[np.bool_]
    """The quarter in which brightness changes least from place to place, no bright point in it."""


def speckle_blocks(power: PowerArray, largest: float | None = None) -> SpeckleBlocks:
    """Blocks of a tile and their looks.

    How even a block is, is told from its sixteen cells of 4 x 4 pixels: the variance of their means
    over the variance inside them. On even ground that ratio hangs on the correlation of speckle but
    not on its looks, so picking by it does not pick a number of looks.

    Parameters
    ----------
    power : float32 array, shape (rows, columns)
        NaN where nothing was measured.
    largest
        Amplitude at the top of the tone; blocks with more than 2 % of it are left out.
    """
    rows, columns = (n // BLOCK * BLOCK for n in power.shape)
    cells = np.asarray(power[:rows, :columns], np.float64)
    cells = cells.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    cells = cells.transpose(0, 2, 1, 3).reshape(-1, BLOCK, BLOCK)
    good = np.isfinite(cells).all(axis=(1, 2))
    if largest is not None:
        clipped = cells >= (_FULL * largest) ** 2
        good &= clipped.mean(axis=(1, 2)) <= MOST_CLIPPED
    cells = cells[good]
    cells = cells[cells.var(axis=(1, 2)) > 0]
    parts = cells.reshape(-1, BLOCK // _CELL, _CELL, BLOCK // _CELL, _CELL)
    inside = parts.var(axis=(2, 4)).mean(axis=(1, 2))
    between = parts.mean(axis=(2, 4)).var(axis=(1, 2))
    mean = cells.mean(axis=(1, 2))
    uneven = np.where(
        cells.max(axis=(1, 2), initial=0.0) <= _PEAK * mean,
        between / np.maximum(inside, np.finfo(np.float64).tiny),
        np.inf,
    )
    limit = np.quantile(uneven, EVEN_SHARE, method="lower") if len(cells) else 0.0
    return SpeckleBlocks(
        cells.reshape(-1, BLOCK * BLOCK),
        np.asarray(mean**2 / cells.var(axis=(1, 2))),
        np.asarray(np.isfinite(uneven) & (uneven <= limit), np.bool_),
    )


# -- histograms: memory does not grow with the set ---------------------------------------------


@dataclass
class Histogram:
    """Counts in equal steps; what lies outside falls into the first or last."""

    low: float
    step: float
    counts: NDArray[np.int64]

    @classmethod
    def over(cls, low: float, high: float, step: float) -> Histogram:
        """An empty one."""
        return cls(low, step, np.zeros(round((high - low) / step), np.int64))

    @property
    def high(self) -> float:
        """Upper end."""
        return self.low + self.step * len(self.counts)

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    @property
    def middles(self) -> FloatArray:
        """Centre of each step."""
        return np.asarray(self.low + self.step * (np.arange(len(self.counts)) + 0.5))

    def add(self, values: NDArray[np.floating]) -> None:
        """Count values; NaN is not counted."""
        inside = np.asarray(values, np.float64).ravel()
        inside = inside[~np.isnan(inside)]
        place = np.floor((inside - self.low) / self.step)
        place = np.clip(place, 0, len(self.counts) - 1).astype(np.int64)
        self.counts += np.bincount(place, minlength=len(self.counts))

    def quantile(self, share: float) -> float | None:
        """Value below which a share lies; None if nothing was counted."""
        if self.total == 0:
            return None
        reached = np.cumsum(self.counts) / self.total
        index = min(int(np.searchsorted(reached, share)), len(self.counts) - 1)
        return float(self.low + self.step * (index + 0.5))


def looks_histogram() -> Histogram:
    """Of the decimal logarithm of looks, from a hundredth to ten thousand, steps of 2.3 %."""
    return Histogram.over(-2.0, 4.0, 0.01)


def median_looks(counted: Histogram) -> float | None:
    """Median of a ``looks_histogram``."""
    found = counted.quantile(0.5)
    return None if found is None else float(10**found)


# -- shadows -----------------------------------------------------------------------------------

TALL = ("building", "trees", "tank", "container")
"""Classes that stand up enough to throw a shadow."""
FLAT = ("bare", "grass", "crop", "scrub", "water", "road", "paved", "track")
REACH = 6
"""Cells of 4 x 4 pixels beside a tall thing that are compared."""
_FEWEST = 50


@dataclass(frozen=True)
class Sides:
    """How much brighter flat ground is on one side of tall things than on the other [nepers]."""

    columns: float | None
    """Towards growing columns against falling ones; None without enough of both."""
    rows: float | None


@dataclass
class SideCounts:
    """``Sides`` of many tiles."""

    columns: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)

    def add(self, sides: Sides) -> None:
        """Take in one tile."""
        if sides.columns is not None and sides.rows is not None:
            self.columns.append(sides.columns)
            self.rows.append(sides.rows)


def shadow_sides(
    power: PowerArray, labels: NDArray[np.generic], names: Sequence[str]
) -> Sides | None:
    """On which side of tall things the ground is dark.

    A thing that stands up leans towards the radar (layover, bright) and throws its shadow away
    from it (dark). So with range along growing columns the ground beyond tall things is darker:
    ``columns`` is about -3, ``rows`` about 0. Without a class map brightness alone does not tell:
    a wood's bright near edge and a building's dark far one pull opposite ways.

    Parameters
    ----------
    labels : integer array, shape of ``power``
        Class of each pixel as seen from above.
    names
        Of the classes.

    Returns
    -------
    None where the tile has holes, or its map does not fit.
    """
    if power.shape != labels.shape or min(power.shape) < _CELL * 2 * REACH:
        return None
    if not np.isfinite(power).all() or not power.any():
        return None
    tall = _share(labels, names, TALL) > 0.5
    flat = _share(labels, names, FLAT) > 0.99
    logs = np.log(np.maximum(multilook(power, _CELL), 1e-6 * float(power.max())))
    return Sides(_beyond(logs, tall, flat), _beyond(logs.T, tall.T, flat.T))


def _share(
    labels: NDArray[np.generic], names: Sequence[str], wanted: Sequence[str]
) -> NDArray[np.float32]:
    """Share of each cell that is of some classes."""
    codes = [code for code, name in enumerate(names) if name in wanted]
    return multilook(np.isin(labels, codes).astype(np.float32), _CELL)


def _beyond(
    logs: NDArray[np.float32], tall: NDArray[np.bool_], flat: NDArray[np.bool_]
) -> float | None:
    """Mean logarithm of flat ground after tall things minus that before them, along columns."""
    after, before = [], []
    for step in range(1, REACH + 1):
        after.append(logs[:, step:][tall[:, :-step] & flat[:, step:]])
        before.append(logs[:, :-step][tall[:, step:] & flat[:, :-step]])
    if min(sum(map(len, after)), sum(map(len, before))) < _FEWEST:
        return None
    return float(np.concatenate(after).mean() - np.concatenate(before).mean())
