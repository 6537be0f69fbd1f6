"""Edges of radar images: the ratio of averages on both sides.

A difference of neighbours finds more 'edges' in bright speckle than in dark, since the deviation of
speckle grows with its mean. The ratio of two means does not know the level: its law in homogeneous
ground hangs on the looks alone, so one threshold has one rate of false alarms everywhere (Touzi,
Lopes & Bousquet, *A statistical and geometrical edge detector for SAR images*, 1988).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError

FloatArray = NDArray[np.float32]
ANGLES_DEG = (0.0, 45.0, 90.0, 135.0)
"""Directions across which both sides are compared."""


def ratio_contrast(power: NDArray[np.float32], reach: int = 6) -> FloatArray:
    """Contrast of the averages on both sides of every pixel.

    Parameters
    ----------
    power
        Linear power (rows, columns), not negative.
    reach
        Radius in pixels of the disc whose halves are averaged.

    Returns
    -------
    ndarray of float32, the shape of ``power``
        |10 log10(mean of one half / mean of the other)| [dB], the largest of four directions.

    Raises
    ------
    InputError
        If ``reach`` is below one, or the image is smaller than the disc.
    """
    if reach < 1 or min(power.shape) < 2 * reach + 1:
        raise InputError(f"an image of {power.shape} holds no disc of {2 * reach + 1} pixels")
    values = np.maximum(np.asarray(power, np.float64), 0.0)
    floor = max(float(values.mean()), 1e-30) * 1e-6
    best = np.zeros(values.shape)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float64)
    disc = x**2 + y**2 <= (reach + 0.5) ** 2
    for angle in np.radians(ANGLES_DEG):
        side = x * np.cos(angle) + y * np.sin(angle)
        half = (disc & (side > 0.3)).astype(np.float64)
        half /= half.sum()
        there = ndimage.correlate(values, half, mode="nearest") + floor
        here = ndimage.correlate(values, half[::-1, ::-1], mode="nearest") + floor
        best = np.maximum(best, np.abs(10.0 * np.log10(there / here)))
    return np.asarray(best, np.float32)


def thin(contrast: FloatArray) -> NDArray[np.bool_]:
    """Crests of a contrast: no smaller than both neighbours along rows, or along columns."""
    padded = np.pad(contrast, 1, mode="edge")
    middle = padded[1:-1, 1:-1]
    down = (middle >= padded[:-2, 1:-1]) & (middle > padded[2:, 1:-1])
    across = (middle >= padded[1:-1, :-2]) & (middle > padded[1:-1, 2:])
    return np.asarray(down | across)


def strongest_edges(contrast: FloatArray, share: float) -> NDArray[np.bool_]:
    """The strongest crests, so many that they are a ``share`` of all pixels.

    The same number in every image: an image that is rough everywhere finds no more of a drawing by
    that alone.
    """
    crests = np.where(thin(contrast), contrast, np.float32(0))
    wanted = round(share * contrast.size)
    if wanted < 1:
        return np.zeros(contrast.shape, bool)
    least = np.partition(crests.ravel(), -wanted)[-wanted]
    return np.asarray((crests >= least) & (crests > 0))
