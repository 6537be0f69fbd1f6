"""A set of images as rows of summaries: what metrics compute from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Column = NDArray[np.float32]
_ROWS = 512


@dataclass(frozen=True)
class Images:
    """Summaries of a set of images, one row each, with weights.

    An image is never repeated as a row: a bootstrap draw gives weights instead, so that a metric
    looking for repeated images does not find those that the bootstrap made.
    """

    names: tuple[str, ...]
    columns: Mapping[str, Column]
    """Name of a summary -> [images, ...]."""
    weights: Array
    """[images], how often each counts."""
    absolute: bool = False
    """Levels of both sets are on one scale and count; otherwise only the shape of a law does."""

    @classmethod
    def of(
        cls, names: Sequence[str], columns: Mapping[str, Column], absolute: bool = False
    ) -> Images:
        """All images once."""
        return cls(tuple(names), dict(columns), np.ones(len(names)), absolute)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def mean(self, name: str) -> Array:
        """Weighted mean of a summary over the images; images where it is NaN do not count."""
        return weighted_mean(self.columns[name], self.weights)

    def take(self, rows: NDArray[np.intp], weights: Array | None = None) -> Images:
        """Some of the images."""
        return Images(
            tuple(self.names[row] for row in rows),
            {name: column[rows] for name, column in self.columns.items()},
            self.weights[rows] if weights is None else weights,
            self.absolute,
        )

    def only(self, names: Sequence[str]) -> Images:
        """The same images with some of their summaries."""
        columns = {name: self.columns[name] for name in names}
        return Images(self.names, columns, self.weights, self.absolute)

    def drawn(self, rng: np.random.Generator) -> Images:
        """A bootstrap draw: as many images, with replacement, as weights."""
        counts = np.bincount(rng.integers(len(self), size=len(self)), minlength=len(self))
        rows = np.flatnonzero(counts)
        return self.take(rows, counts[rows].astype(np.float64))

    def some(self, count: int, rng: np.random.Generator) -> Images:
        """``count`` images without replacement, all where there are no more."""
        if count >= len(self):
            return self
        return self.take(np.sort(rng.permutation(len(self))[:count]))


def weighted_mean(values: Array | Column, weights: Array) -> Array:
    """Mean over the first axis; rows with a NaN do not count; NaN if none is left."""
    total, sums = 0.0, np.zeros(values.shape[1:])
    for start in range(0, len(values), _ROWS):  # no table is ever held once more in 64 bits
        part = np.asarray(values[start : start + _ROWS], np.float64)
        good = np.isfinite(part.reshape(len(part), -1)).all(axis=1)
        part, counts = part[good], weights[start : start + _ROWS][good]
        total += float(counts.sum())
        sums += np.tensordot(counts, part, axes=(0, 0))
    return sums / total if total else np.full(values.shape[1:], np.nan)
