"""Direction of shadows and structures: a rotated or mirrored set is not the same set."""

from __future__ import annotations

import numpy as np

from ..summaries.layout import LAGS
from ..table import Array, Images
from .base import Figure, Metric, Value

AXES = ("across", "down")


def vector(images: Images) -> Array:
    """[2, lags, 2]: lopsidedness across and down, and the share of each axis in the power of dB
    steps (in nepers about even)."""
    means = images.mean("direction")
    share = np.log(np.maximum(means[..., 0], 1e-12)) / 2
    return np.stack([means[..., 1], share - share.mean(axis=0)], axis=-1)


def turned(found: Array, quarters: int) -> Array:
    """The vector of the same images after ``np.rot90`` by ``quarters`` quarter turns."""
    for _ in range(quarters % 4):
        across, down = found[1].copy(), found[0].copy()
        down[:, 0] *= -1  # new rows run against old columns
        found = np.stack([across, down])
    return found


def mirrored(found: Array) -> Array:
    """The vector of the same images with their columns reversed."""
    found = found.copy()
    found[0, :, 0] *= -1
    return found


def gap(first: Array, second: Array) -> float:
    """Root mean square difference of two vectors."""
    return float(np.sqrt(np.mean((first - second) ** 2)))


def _direction(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
    first, second = vector(real), vector(generated)
    values = {"direction": Value(gap(first, second))}
    for axis, name in enumerate(AXES):
        a, b = (float(one[axis, :, 0].mean()) for one in (first, second))
        values[f"shadow_{name}"] = Value(abs(b - a), a, b)
    return values


DIRECTION = Metric(
    "Geometry",
    (
        Figure("direction", "Direction of shadows and structures"),
        *(Figure(f"shadow_{name}", f"Dark beyond bright, {name}") for name in AXES),
    ),
    ("direction",),
    _direction,
    fewest=16,
)
__all__ = ["DIRECTION", "LAGS"]
