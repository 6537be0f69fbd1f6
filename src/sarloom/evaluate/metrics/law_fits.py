"""How well six textbook laws describe each set: Kolmogorov-Smirnov distance after a fit."""

from __future__ import annotations

import numpy as np

from ..laws import LAWS, TITLES, Fit, fit, shape_of_variance
from ..summaries.law import CENTRES_DB, EDGES_DB, NEPERS_PER_DB
from ..table import Images
from .amplitude import SECTION
from .base import Figure, property_of

_STEP = 4
"""The laws are compared every dB, which is every fourth bin."""


def fits_of(images: Images) -> list[tuple[Fit, float]]:
    """Every law fitted to a set, with its Kolmogorov-Smirnov distance from the set's histogram."""
    shares = images.mean("histogram")
    shares = shares / shares.sum()
    logs = CENTRES_DB * NEPERS_PER_DB
    mean = float(shares @ logs)
    variance = float(shares @ (logs - mean) ** 2)
    looks = shape_of_variance(float(images.mean("speckle")[1]))
    cumulated = np.cumsum(shares)
    found = []
    for law in LAWS:
        fitted = fit(law, mean, variance, looks)
        expected = fitted.below(EDGES_DB[_STEP::_STEP] * NEPERS_PER_DB)
        gap = np.abs(expected - cumulated[_STEP - 1 :: _STEP])
        found.append((fitted, float(np.max(gap))))
    return found


def _measure(images: Images) -> dict[str, float]:
    return {f"fit_{one.law}": distance for one, distance in fits_of(images)}


LAW_FITS = property_of(
    SECTION,
    tuple(Figure(f"fit_{law}", f"Distance from the {TITLES[law]} law") for law in LAWS),
    ("histogram", "speckle"),
    _measure,
)
