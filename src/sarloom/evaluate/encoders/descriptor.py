"""A fixed vector of 32 numbers per image: its law and its structure at five scales, in dB.

Nothing is learned, so it knows nothing of ships or roads. It is the encoder that is always there,
and sees blur, wrong speckle, wrong contrast and missing structure.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..view import View

NAME = "descriptor"
QUANTILES = (1, 5, 25, 50, 75, 95, 99)
SCALES = (1, 2, 4, 8, 16)
DIMENSIONS = len(QUANTILES) + 5 * len(SCALES)
_DB = 6.0
"""Decibels that count as one."""


def descriptor(view: View) -> NDArray[np.float32]:
    """Quantiles of the image in dB; per scale spread, skewness, steps across and down, correlation
    of neighbours."""
    found: list[float] = list(np.nanpercentile(view.decibels, QUANTILES) / _DB)
    for factor in SCALES:
        found += _scale(view.multilooked(factor).astype(np.float64))
    return np.nan_to_num(np.array(found, np.float32))


def _scale(x: NDArray[np.float64]) -> list[float]:
    centred = x - _mean(x)
    square = centred * centred
    spread = max(float(np.sqrt(_mean(square))), 1e-3)
    across, down = centred[:, 1:] - centred[:, :-1], centred[1:] - centred[:-1]
    return [
        spread / _DB,
        _mean(square * centred) / spread**3,
        _mean(np.abs(across)) / _DB,
        _mean(np.abs(down)) / _DB,
        _mean(centred[:, 1:] * centred[:, :-1]) / spread**2,
    ]


def _mean(x: NDArray[np.float64]) -> float:
    """Over what is a number; images without gaps need no mask."""
    found = float(x.mean())
    return found if np.isfinite(found) else float(np.nanmean(x))
