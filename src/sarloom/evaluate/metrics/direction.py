"""Direction of shadows and structures: a rotated or mirrored set is not the same set."""

from __future__ import annotations

import numpy as np

from ..summaries.layout import LAGS
from ..table import Array, Images, weighted_mean
from .base import SIZE, Figure, Metric, Value

AXES = ("across", "down")
UNIT = "deviations of an image"


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


def spread(*sets: Images) -> Array:
    """[lags, 2]: typical deviation of an image from its set, over both axes and all sets, so that
    turning an image changes nothing."""
    variances = []
    for images in sets:
        found = np.asarray(images["direction"], np.float64)
        share = np.log(np.maximum(found[..., 0], 1e-12)) / 2
        each = np.stack([found[..., 1], share - share.mean(axis=1, keepdims=True)], axis=-1)
        mean = weighted_mean(each, images.weights)
        variances.append(weighted_mean((each - mean) ** 2, images.weights).mean(axis=0))
    return np.asarray(np.sqrt(np.maximum(np.mean(variances, axis=0), 1e-12)))


def gap(first: Array, second: Array, scale: Array) -> float:
    """Root mean square difference of two vectors, in deviations of an image."""
    return float(np.sqrt(np.mean(((first - second) / scale) ** 2)))


def _direction(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
    first, second = vector(real), vector(generated)
    scale = spread(real, generated)
    values = {"direction": Value(gap(first, second, scale))}
    for axis, name in enumerate(AXES):
        # in deviations of an image, so that the lag that varies most does not decide alone
        a, b = (float(np.mean(one[axis, :, 0] / scale[:, 0])) for one in (first, second))
        values[f"shadow_{name}"] = Value(abs(b - a), a, b)
    return values


DIRECTION = Metric(
    "Geometry",
    (
        Figure("direction", "Direction of shadows and structures", UNIT, *SIZE),
        *(Figure(f"shadow_{name}", f"Dark beyond bright, {name}", UNIT, *SIZE) for name in AXES),
    ),
    ("direction",),
    _direction,
    fewest=16,
)
__all__ = ["DIRECTION", "LAGS"]
