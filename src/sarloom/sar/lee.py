"""Lee's filter: the mean power of a radar image, as far as its speckle lets one tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError

_BLOCK = 2**17
"""Pixels of the rows that are filtered together: windows need doubles, whole scenes have no room
for them."""


def lee_filter(power: NDArray[np.float32], looks: float, side: int = 5) -> NDArray[np.float32]:
    """Local linear estimate of speckle-free power with the least mean square error.

    With the mean m and the squared coefficient of variation c of a window, and speckle of 1 / L:

        estimate = m + k (I - m),   k = max(0, (c - 1/L) / (c (1 + 1/L)))

    so ground whose variation is that of speckle becomes its mean, and what stands out is kept
    (Lee, *Digital image enhancement and noise filtering by use of local statistics*, 1980).

    Parameters
    ----------
    power
        Linear power (rows, columns), not negative.
    looks
        Looks of its speckle.
    side
        Side of the window in pixels, odd.

    Raises
    ------
    InputError
        If the looks are not above zero or the window is not odd.
    """
    if not looks > 0:
        raise InputError(f"looks {looks} is not above 0")
    if side < 3 or side % 2 == 0:
        raise InputError(f"a window of {side} pixels is not odd and at least 3")
    found = np.empty(power.shape, np.float32)
    half, rows = side // 2, max(4 * side, _BLOCK // max(power.shape[1], 1))
    for first in range(0, len(power), rows):
        above = min(half, first)
        part = np.asarray(power[first - above : first + rows + half], np.float64)
        found[first : first + rows] = _estimate(part, looks, side)[above : above + rows]
    return found


def _estimate(values: NDArray[np.float64], looks: float, side: int) -> NDArray[np.float64]:
    """The same of a few rows, in few arrays."""
    mean = ndimage.uniform_filter(values, side, mode="nearest")
    square = ndimage.uniform_filter(values**2, side, mode="nearest")
    variation = np.maximum(square - mean**2, 0.0) / np.maximum(mean**2, 1e-30)
    speckle = 1.0 / looks
    signal = np.maximum(variation - speckle, 0.0)
    kept = signal / np.maximum(variation * (1.0 + speckle), 1e-30)
    estimate = mean + np.minimum(kept, 1.0) * (values - mean)
    return np.asarray(np.maximum(estimate, 0.0))
