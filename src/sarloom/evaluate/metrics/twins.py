"""Repeated and memorised images, by the correlation of thumbnails."""

from __future__ import annotations

import numpy as np

from ..table import Array, Images
from .base import SHARE, Figure, Metric, Value, property_of

SECTION = "Variety"
ALIKE = 0.95
"""Correlation of two 16 x 16 thumbnails from which on they are called twins."""
_CHUNK = 1024


def nearest(images: Images, others: Images | None = None) -> Array:
    """Highest correlation of every image with another of its set, or with any of ``others``."""
    first = np.asarray(images["thumbnail"], np.float32)
    second = first if others is None else np.asarray(others["thumbnail"], np.float32)
    best = np.full(len(first), -1.0)
    for start in range(0, len(first), _CHUNK):
        products = first[start : start + _CHUNK] @ second.T
        if others is None:
            rows = np.arange(len(products))
            products[rows, start + rows] = -1.0
        best[start : start + _CHUNK] = products.max(axis=1)
    return best


def _share(values: Array, weights: Array) -> float:
    return float(weights @ (values >= ALIKE) / weights.sum())


def _repeated(images: Images) -> dict[str, float]:
    return {"repeated": _share(nearest(images), images.weights)}


def _memorised(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
    return {"memorised": Value(_share(nearest(generated, real), generated.weights))}


REPEATED = property_of(
    SECTION,
    (Figure("repeated", "Share of images with a twin in their own set"),),
    ("thumbnail",),
    _repeated,
)
MEMORISED = Metric(
    SECTION,
    (Figure("memorised", "Share of generated images with a twin among the real", "", *SHARE),),
    ("thumbnail",),
    _memorised,
    at_full_size=True,
)
