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
_SHARES = np.array(QUANTILES) / 100
SCALES = (1, 2, 4, 8, 16)
DIMENSIONS = len(QUANTILES) + 5 * len(SCALES)
_DB = 6.0
"""Decibels that count as one."""


def descriptor(view: View) -> NDArray[np.float32]:
    """Quantiles of the image in dB; per scale spread, skewness, steps across and down, correlation
    of neighbours."""
    # sorting all is quicker than looking for seven of them
    found: list[float] = list(np.quantile(np.sort(view.valid_decibels), _SHARES) / _DB)
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
        _mean_product(square, centred) / spread**3,
        _mean(np.abs(across, out=across)) / _DB,
        _mean(np.abs(down, out=down)) / _DB,
        _mean_product(centred[:, 1:], centred[:, :-1]) / spread**2,
    ]


def _mean(x: NDArray[np.float64]) -> float:
    """Over what is a number; images without gaps need no mask."""
    found = float(x.mean())
    return found if np.isfinite(found) else float(np.nanmean(x))


def _mean_product(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """The same of a product, which is not written down where there are no gaps."""
    found = float(np.einsum("ij,ij->", x, y)) / x.size
    return found if np.isfinite(found) else float(np.nanmean(x * y))
