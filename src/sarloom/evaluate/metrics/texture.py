"""Grey-level co-occurrence features of two sets."""

from __future__ import annotations

import numpy as np

from ..summaries.glcm import FEATURES, SCALES
from ..table import Array, Images
from .base import SIZE, Figure, Metric, Value, property_of

SECTION = "Texture"


def _moments(values: Array, weights: Array) -> tuple[Array, Array]:
    shape = (-1,) + (1,) * (values.ndim - 1)
    mean = np.sum(values * weights.reshape(shape), axis=0) / weights.sum()
    square = np.sum((values - mean) ** 2 * weights.reshape(shape), axis=0) / weights.sum()
    return mean, square


def _distance(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
    """Difference of means over the joint deviation of an image, rms over features, per scale."""
    first = _moments(np.asarray(real["texture"], np.float64), real.weights)
    second = _moments(np.asarray(generated["texture"], np.float64), generated.weights)
    spread = np.sqrt((first[1] + second[1]) / 2)
    scaled = np.divide(second[0] - first[0], spread, out=np.zeros_like(spread), where=spread > 1e-9)
    return {
        f"texture_{scale}": Value(float(np.sqrt(np.mean(scaled[number] ** 2))))
        for number, scale in enumerate(SCALES)
    }


def _features(images: Images) -> dict[str, float]:
    near = images.mean("texture")[0, 0].mean(axis=0)
    return {f"glcm_{name}": float(value) for name, value in zip(FEATURES, near, strict=True)}


TEXTURE = Metric(
    SECTION,
    tuple(
        Figure(
            f"texture_{scale}",
            "Co-occurrence features" + (f", {scale} x {scale} averaged" if scale > 1 else ""),
            "deviations of an image",
            *SIZE,
        )
        for scale in SCALES
    ),
    ("texture",),
    _distance,
)
FEATURE_MEANS = property_of(
    SECTION,
    tuple(Figure(f"glcm_{name}", f"{name.capitalize()} of neighbours") for name in FEATURES),
    ("texture",),
    _features,
)
