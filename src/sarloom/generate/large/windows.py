"""Windows that cover one axis and share some places, with weights that sum to one everywhere.

An axis is cut into parts, equal but for the outer ones; a window is a part and what it reads beyond
its cuts, which lets it see what lies there. From one window to the next the picture passes over
within a narrow band around the cut: an average of two predictions is smoother than either, so the
band is no wider than it has to be. Two axes multiply, so a blend over an image needs no division
and no second image of weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
SHIFT_STREAM = 3
"""Spawn key of the random offsets of cuts."""
SWING = 0.25
"""Farthest that cuts move from their middle position, in distances between cuts; all move alike, so
windows between two cuts keep their size."""


@dataclass(frozen=True)
class Window:
    """One window along one axis."""

    start: int
    stop: int
    """First place behind it."""
    left: int | None = None
    """Cut to the window before it; None at the beginning of the axis."""
    right: int | None = None
    blend: float = 0.0
    """Width of the band around a cut in which the next window takes over."""

    def weights(self, fine: int = 1) -> FloatArray:
        """Share of this window at each of its places, or at ``fine`` points in each place."""
        x = self.start + (np.arange((self.stop - self.start) * fine) + 0.5) / fine
        share = np.ones(len(x))
        if self.left is not None:
            share *= self._beyond(x, self.left)
        if self.right is not None:
            share *= 1.0 - self._beyond(x, self.right)
        return np.asarray(share, np.float32)

    def _beyond(self, x: NDArray[np.float64], cut: int) -> NDArray[np.float64]:
        """Share of what lies behind a cut: a smooth rise from 0 to 1."""
        if self.blend <= 0:
            return np.asarray(x > cut, np.float64)
        rise = np.clip((x - cut) / self.blend + 0.5, 0.0, 1.0)
        return np.asarray(np.sin(0.5 * np.pi * rise) ** 2, np.float64)


def windows(
    length: int,
    most: int,
    overlap: int,
    *,
    least: int = 1,
    blend: float | None = None,
    shift: float | None = None,
) -> tuple[Window, ...]:
    """As few windows as cover an axis.

    Parameters
    ----------
    length
        Places of the axis.
    least, most
        Places of the smallest and the largest window; a shorter axis is one window.
    overlap
        Places that neighbours share at the least; an even number, or one more.
    blend
        Places over which one passes into the next; all that they share if not given.
    shift
        From -1 to 1: where the cuts lie within their swing. Without it they lie evenly and windows
        may be larger, since there is no swing to leave room for.
    """
    if length <= most:
        return (Window(0, length),)
    half = max(0, min(-(-overlap // 2), most // 4))
    overlap = 2 * half
    # largest parts: inner ones are read beyond both cuts, outer ones beyond one; only these change
    # when the cuts move, so only these leave room for it
    inner = most - overlap
    outer = most - half - (0.0 if shift is None else SWING * inner)
    count = 2 + max(0, math.ceil((length - 2 * outer) / inner))
    fill = length / (2 * outer + (count - 2) * inner)
    moved = SWING * fill * inner * (shift or 0.0)
    cuts = [round(fill * (outer + number * inner) + moved) for number in range(count - 1)]
    band = overlap if blend is None else min(blend, overlap)
    found = []
    for left, right in zip([None, *cuts], [*cuts, None], strict=True):
        start = 0 if left is None else max(0, left - half)
        stop = length if right is None else min(length, right + half)
        missing = min(least, length) - (stop - start)
        if missing > 0:  # what a network never saw is windows smaller than it was trained on
            start = max(0, min(start - missing // 2, length - least))
            stop = min(length, start + least)
        found.append(Window(start, stop, left, right, band))
    return tuple(found)


def shifts(seed: int, step: int) -> tuple[float, float]:
    """Where the cuts lie within their swing at one step, by rows and columns."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SHIFT_STREAM, step)))
    down, across = rng.uniform(-1.0, 1.0, 2)
    return float(down), float(across)


def pairs(rows: tuple[Window, ...], columns: tuple[Window, ...]) -> Iterator[tuple[Window, Window]]:
    """All windows of an image, row by row."""
    for down in rows:
        for across in columns:
            yield down, across
