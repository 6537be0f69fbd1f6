"""Traces of lossy JPEG: small coefficients on its 8 x 8 grid."""

from __future__ import annotations

import numpy as np

from ..table import Images
from .base import Figure, property_of


def _measure(images: Images) -> dict[str, float]:
    on, off = images.mean("jpeg_grid")
    return {"jpeg": float(np.log2(on / off))}


JPEG = property_of(
    "Files",
    (Figure("jpeg", "Small coefficients on JPEG's grid, above those off it", "bit"),),
    ("jpeg_grid",),
    _measure,
)
