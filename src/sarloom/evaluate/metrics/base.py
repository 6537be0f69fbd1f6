"""What a metric is given, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..table import Images


class Value(NamedTuple):
    """One figure: a distance, or the difference of a property of both sets."""

    value: float
    """The distance; of a property generated minus real."""
    real: float | None = None
    generated: float | None = None


class Figure(NamedTuple):
    """How a figure is called and counted."""

    key: str
    title: str
    unit: str = ""
    least: float = -math.inf
    """No interval goes below."""
    most: float = math.inf
    """No interval goes above."""


SIZE = (0.0, math.inf)
SHARE = (0.0, 1.0)
"""Least and most of figures that are sizes, or shares."""


Compute = Callable[[Images, Images, np.random.Generator], Mapping[str, Value]]


@dataclass(frozen=True)
class Metric:
    """Figures computed together from the summaries of two sets of images."""

    section: str
    """Heading it is printed under."""
    figures: tuple[Figure, ...]
    needs: tuple[str, ...]
    """Names of summaries."""
    compute: Compute
    """(real, generated, rng) -> value of every figure, by key."""
    distance: bool = True
    """A distance is never negative and has a floor; a property differs either way."""
    at_full_size: bool = False
    """A distance that does not shrink with the number of images, such as a share of copies: the
    whole sets are held against the floor."""
    two_sided: bool = False
    """Of a distance: below the floor is as strange as above it, as for precision or recall."""
    fewest: int = 8
    """With fewer images in either set a warning is given."""
    most: int | None = None
    """Images of each set it is computed from at the most, for those of quadratic cost."""
    draws: int | None = None
    """Bootstrap draws at the most, for the costly."""


def property_of(
    section: str,
    figures: tuple[Figure, ...],
    needs: tuple[str, ...],
    measure: Callable[[Images], Mapping[str, float]],
    fewest: int = 8,
) -> Metric:
    """A metric from a property that each set has by itself."""

    def compute(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
        first, second = measure(real), measure(generated)
        return {
            figure.key: Value(
                second[figure.key] - first[figure.key], first[figure.key], second[figure.key]
            )
            for figure in figures
        }

    return Metric(section, figures, needs, compute, distance=False, fewest=fewest)
