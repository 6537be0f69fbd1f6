"""Overlapping windows along one axis, with weights that sum to one at every place.

Two axes multiply, so a blend over an image needs no division and no second image of weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
SHIFT_STREAM = 3
"""Spawn key of the random offsets of windows."""
LEAST_WEIGHT = 1e-3
"""Of a window's outermost place against its middle, so that every place has a weight."""


@dataclass(frozen=True)
class Window:
    """One window along one axis."""

    start: int
    weights: FloatArray
    """Share of this window at each of its places."""

    @property
    def stop(self) -> int:
        """First place behind it."""
        return self.start + len(self.weights)


def starts(length: int, size: int, stride: int, shift: int = 0) -> list[int]:
    """First places of windows that cover an axis; those at the ends stay within it.

    Parameters
    ----------
    shift
        Moves the inner windows towards the beginning, 0 to ``stride`` - 1.
    """
    last = max(0, length - size)
    raw = range(-shift, last + stride, stride)
    return sorted({min(max(0, place), last) for place in raw})


def bump_windows(length: int, size: int, stride: int, shift: int = 0) -> tuple[Window, ...]:
    """Windows that count most in their middle: w(x) = sin^2(pi x), for denoising."""
    size = min(size, length)
    x = (np.arange(size) + 0.5) / size
    bump = np.sin(np.pi * x) ** 2 + LEAST_WEIGHT
    return _normalised(length, [(start, bump) for start in starts(length, size, stride, shift)])


def ramp_windows(length: int, size: int, overlap: int) -> tuple[Window, ...]:
    """Windows with a smooth ramp over their overlap and one between, for decoding."""
    size = min(size, length)
    overlap = min(overlap, size - 1)
    ramp = np.ones(size)
    if overlap > 0:
        rise = np.sin(0.5 * np.pi * (np.arange(overlap) + 0.5) / overlap) ** 2
        ramp[:overlap] = rise
        ramp[-overlap:] = np.minimum(ramp[-overlap:], rise[::-1])
    found = starts(length, size, max(1, size - overlap))
    return _normalised(length, [(start, ramp) for start in found])


def shifts(seed: int, step: int, stride: int) -> tuple[int, int]:
    """Offsets of the windows at one step, by rows and columns: no border stays where it was."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SHIFT_STREAM, step)))
    down, across = rng.integers(0, stride, 2)
    return int(down), int(across)


def pairs(rows: tuple[Window, ...], columns: tuple[Window, ...]) -> Iterator[tuple[Window, Window]]:
    """All windows of an image, row by row."""
    for down in rows:
        for across in columns:
            yield down, across


def _normalised(length: int, raw: list[tuple[int, NDArray[np.float64]]]) -> tuple[Window, ...]:
    total = np.zeros(length)
    for start, weights in raw:
        total[start : start + len(weights)] += weights
    return tuple(
        Window(start, (weights / total[start : start + len(weights)]).astype(np.float32))
        for start, weights in raw
    )
