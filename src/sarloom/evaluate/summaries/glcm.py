"""Grey-level co-occurrence: texture at several distances, directions and scales.

Haralick, Shanmugam & Dinstein, *Textural features for image classification*, 1973.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..view import View

LEVELS = 32
WINDOW_DB = (-20.0, 15.0)
"""Levels divide this range about the median; what lies beyond is in the end levels."""
DISTANCES = (1, 2, 4)
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Row and column step of 0, 45, 90 and 135 degrees, clockwise from the columns."""
SCALES = (1, 2, 4)
"""Multilook factors."""
FEATURES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")

_I, _J = np.meshgrid(np.arange(LEVELS), np.arange(LEVELS), indexing="ij")


def levels_of(decibels: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Grey levels of a dB image; ``LEVELS`` where there is no data."""
    low, high = WINDOW_DB
    scaled = (decibels - np.float32(low)) * np.float32(LEVELS / (high - low))
    with np.errstate(invalid="ignore"):
        found = np.asarray(np.clip(scaled, 0, LEVELS - 1), np.uint16)
    found[~np.isfinite(decibels)] = LEVELS
    return found


def cooccurrence(
    levels: NDArray[np.uint16], offsets: tuple[tuple[int, int], ...], count: int = LEVELS
) -> NDArray[np.float64]:
    """Symmetric, normalised co-occurrence matrices.

    Parameters
    ----------
    levels
        [rows, columns], 0 .. count - 1; ``count`` marks pixels without data.
    offsets
        Row step and column step of each pair of pixels.

    Returns
    -------
    [offsets, count, count], each summing to one; zero where there is no pair.
    """
    import torch

    side = count + 1
    line = _Line(levels, offsets, side)
    # for few pixels a matrix of three would be larger than the image
    groups = _groups(offsets, 3 if levels.size > side**3 else 1)
    counted = torch.cat([line.counted(group.steps)[: len(group.found)] for group in groups])
    order = np.argsort([number for group in groups for number in group.found])
    pairs = counted.numpy()[order, :count, :count]
    both = pairs + pairs.swapaxes(1, 2)
    return np.asarray(both / np.maximum(both.sum(axis=(1, 2), keepdims=True), 1))


class _Group(NamedTuple):
    """Offsets that are counted together."""

    steps: tuple[tuple[int, int], ...]
    """One or two, from the same pixel."""
    found: tuple[int, ...]
    """Numbers of the offsets between first and second pixel, first and third, second and third."""


@lru_cache
def _groups(offsets: tuple[tuple[int, int], ...], most: int) -> tuple[_Group, ...]:
    """Groups of at most ``most`` offsets, 1 or 3, in which every offset is found once.

    Three pixels counted at once show the pairs of two offsets, and of their difference: across,
    down and the diagonal between them take one pass over the pixels.
    """
    left = {number: _forward(step) for number, step in enumerate(offsets)}
    made = []
    while left:
        found = next(_triples(left), tuple(left)[:2]) if most > 1 else tuple(left)[:1]
        made.append(_Group(tuple(left[number] for number in found[:2]), found))
        left = {number: step for number, step in left.items() if number not in found}
    return tuple(made)


def _triples(steps: dict[int, tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Numbers of two steps and of their difference."""
    for (one, a), (other, b) in combinations(steps.items(), 2):
        gap = _forward((b[0] - a[0], b[1] - a[1]))
        yield from ((one, other, n) for n, c in steps.items() if c == gap and c not in (a, b))


def _forward(step: tuple[int, int]) -> tuple[int, int]:
    """A step and the same one back make one pair: the one down, or to the right."""
    return max(step, (-step[0], -step[1]))


class _Line:
    """An image in one row, where a step is a number and pairs are counted without a copy.

    Pixels without data lie above, below and behind each row, so many that no pair reaches another
    row by mistake and that of three pixels two may lie in the image without the first.
    """

    def __init__(
        self, levels: NDArray[np.uint16], offsets: tuple[tuple[int, int], ...], side: int
    ) -> None:
        rows, columns = levels.shape
        beyond = max(abs(down) for down, _ in offsets)
        beside = max(abs(right) for _, right in offsets)
        self.side, self.stride = side, columns + beside
        ends = beyond * self.stride + beside
        kind = np.uint16 if side**3 <= 2**16 else np.int32
        self._flat = np.full(rows * self.stride + 2 * ends, side - 1, kind)
        self._flat[ends : self._flat.size - ends].reshape(rows, -1)[:, :columns] = levels
        self._codes = np.empty_like(self._flat)
        self._wide = np.empty(self._flat.size, np.int32)

    def counted(self, steps: tuple[tuple[int, int], ...]) -> Any:
        """Pairs of one step, or for two steps those of first and second pixel, first and third,
        second and third: a tensor [1 or 3, side, side] of int64."""
        import torch

        shifts = [down * self.stride + right for down, right in steps]
        side, length = self.side, self._flat.size - max(shifts)
        digit = self._flat.dtype.type(side)
        codes = self._codes[:length]
        # in place and in as few bytes as hold them: what counts here is what fits the cache
        np.multiply(self._flat[:length], digit, out=codes)
        codes += self._flat[shifts[0] :][:length]
        for shift in shifts[1:]:
            codes *= digit
            codes += self._flat[shift:][:length]
        bins = (side,) * (len(steps) + 1)
        # torch counts numbers of 16 and 32 bits as they are; numpy would widen them to 64 first
        if codes.itemsize == 2 and side ** len(bins) <= 2**15:
            codes = codes.view(np.int16)
        elif codes.itemsize == 2:
            self._wide[:length] = codes
            codes = self._wide[:length]
        found = torch.bincount(torch.from_numpy(codes), minlength=side ** len(bins)).reshape(bins)
        if len(steps) == 1:
            return found[None]
        return torch.stack([found.sum(2), found.sum(1), found.sum(0)])


_GAP = _I - _J
_WEIGHTS = np.stack([_GAP**2, abs(_GAP), 1 / (1.0 + _GAP**2), _I, _I**2, _I * _J], -1)
"""Of the sums over a matrix from which the features follow."""


def haralick(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """``FEATURES`` of co-occurrence matrices [matrices, levels, levels]: [matrices, 6]."""
    flat = matrices.reshape(len(matrices), -1)
    sums = flat @ _WEIGHTS.reshape(-1, _WEIGHTS.shape[-1])
    contrast, dissimilarity, homogeneity, mean, square, product = sums.T
    variance, covariance = square - mean**2, product - mean**2
    correlation = np.divide(
        covariance, variance, out=np.ones_like(variance), where=variance > 1e-12
    )
    energy = np.sqrt(np.einsum("ij,ij->i", flat, flat))
    logs = np.log(np.maximum(flat, np.finfo(np.float64).tiny))
    entropy = -np.einsum("ij,ij->i", flat, logs)
    return np.stack([contrast, dissimilarity, homogeneity, energy, correlation, entropy], axis=1)


def texture(view: View) -> NDArray[np.float32]:
    """GLCM features [scales, distances, directions, features] of an image."""
    offsets = tuple((d * down, d * right) for d in DISTANCES for down, right in DIRECTIONS)
    found = [
        haralick(cooccurrence(levels_of(view.multilooked(factor)), offsets)) for factor in SCALES
    ]
    shape = (len(SCALES), len(DISTANCES), len(DIRECTIONS), len(FEATURES))
    return np.asarray(np.stack(found).reshape(shape), np.float32)
