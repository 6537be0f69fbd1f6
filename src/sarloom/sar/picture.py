"""A small picture of a radar image that hardly depends on speckle, sensor level or pixel spacing.

Power is averaged over areas, taken in decibels about its own mean, and cut at a window. It is what
the embedded networks that look at radar images are shown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

FloatArray = NDArray[np.float32]

SIDE = 128
"""Rows and columns of a picture."""
WINDOW_DB = 20.0
"""Half the width of the decibel window about the mean."""
_REACH_DB = 30.0
"""What lies farther from the median does not move the mean: dead shadows, single echoes."""


def log_picture(power: NDArray[np.floating], side: int = SIDE) -> FloatArray:
    """The picture of an image of linear power, any unit.

    Parameters
    ----------
    power
        [rows, columns], NaN where there is no data; of an image that is not square the middle is
        taken.

    Returns
    -------
    float32 [side, side] in [0, 1]; 0.5 is the mean of the decibels.

    Raises
    ------
    InputError
        If the image holds no power.
    """
    image = _middle(np.asarray(power, np.float32))
    cells = area_mean(image, side)
    return np.asarray(decibel_picture(cells[None])[0], np.float32)


def decibel_picture(cells: NDArray[np.floating]) -> FloatArray:
    """Pictures [n, rows, columns] in [0, 1] of mean powers; NaN becomes the mean.

    Raises
    ------
    InputError
        If one of them holds no power.
    """
    values = np.asarray(cells, np.float32)
    n = len(values)
    if np.all(values > 0):  # the usual case, without the slow NaN arithmetic
        median = np.median(values.reshape(n, -1), axis=1)
    else:
        flat = np.where(values > 0, values, np.nan).reshape(n, -1)
        if not np.isfinite(flat).any(axis=1).all():
            raise InputError("an image without power has no picture")
        median = np.nanmedian(flat, axis=1)
    reach = np.float32(10 ** (_REACH_DB / 10))
    relative = values / np.asarray(median, np.float32)[:, None, None]
    # a NaN stays a NaN here and does not move the mean
    decibels = 10 * np.log10(np.clip(relative, 1 / reach, reach))
    decibels -= np.nanmean(decibels, axis=(1, 2), keepdims=True)
    u = np.clip(decibels / (2 * WINDOW_DB) + 0.5, 0.0, 1.0)
    return np.asarray(np.nan_to_num(u, nan=0.5), np.float32)


def area_mean(image: FloatArray, side: int) -> FloatArray:
    """Mean over ``side`` x ``side`` equal areas, parts of pixels included; NaN counts for nothing.

    A smaller image is enlarged by repeating pixels.
    """
    down, across = (_shares(n, side) for n in image.shape)
    valid = np.isfinite(image)
    total = down @ np.where(valid, image, 0).astype(np.float32) @ across.T
    if valid.all():
        return np.asarray(total, np.float32)
    weight = down @ valid.astype(np.float32) @ across.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(weight > 0.05, total / weight, np.nan), np.float32)


def _shares(count: int, side: int) -> FloatArray:
    """[side, count]: share of every pixel in every area; rows sum to one."""
    edges = np.linspace(0, count, side + 1)
    starts, ends = edges[:-1, None], edges[1:, None]
    pixel = np.arange(count)[None]
    overlap = np.minimum(ends, pixel + 1) - np.maximum(starts, pixel)
    return np.asarray(np.maximum(overlap, 0) * (side / count), np.float32)


def _middle(image: FloatArray) -> FloatArray:
    side = min(image.shape)
    row, column = ((n - side) // 2 for n in image.shape)
    return image[row : row + side, column : column + side]
