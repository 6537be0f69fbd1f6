"""Complex images: is the phase uniform, are real and imaginary part Gaussian and circular?"""

from __future__ import annotations

import numpy as np

from ..table import Images
from .base import Figure, property_of

BINS = 16


def _measure(images: Images) -> dict[str, float]:
    values = images.mean("phase")
    return {
        "phase_uneven": float(np.sqrt(np.mean((values[:BINS] * BINS - 1.0) ** 2))),
        "phase_circular": float(values[BINS]),
        "phase_kurtosis": float(values[BINS + 1]),
    }


THEORY = {"phase_uneven": 0.0, "phase_circular": 0.0, "phase_kurtosis": 3.0}
"""Of fully developed speckle."""
PHASE = property_of(
    "Complex pixels",
    (
        Figure("phase_uneven", "Unevenness of the phase (0: uniform)"),
        Figure("phase_circular", "|E z z| / E |z|^2 (0: circular)"),
        Figure("phase_kurtosis", "Kurtosis of real and imaginary part (3: Gaussian)"),
    ),
    ("phase",),
    _measure,
)
