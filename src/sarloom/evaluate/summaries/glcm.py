"""Grey-level co-occurrence: texture at several distances, directions and scales.

Haralick, Shanmugam & Dinstein, *Textural features for image classification*, 1973.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..view import View

LEVELS = 32
WINDOW_DB = (-20.0, 15.0)
"""Levels divide this range about the median; what lies beyond is in the end levels."""
DISTANCES = (1, 2, 4)
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
"""Row and column step of 0, 45, 90 and 135 degrees, clockwise from the columns."""
SCALES = (1, 2, 4)
"""Multilook factors."""
FEATURES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation", "entropy")

_I, _J = np.meshgrid(np.arange(LEVELS), np.arange(LEVELS), indexing="ij")


def levels_of(decibels: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Grey levels of a dB image; ``LEVELS`` where there is no data."""
    low, high = WINDOW_DB
    scaled = (decibels - np.float32(low)) * np.float32(LEVELS / (high - low))
    with np.errstate(invalid="ignore"):
        found = np.asarray(np.clip(scaled, 0, LEVELS - 1), np.uint16)
    found[~np.isfinite(decibels)] = LEVELS
    return found


def cooccurrence(
    levels: NDArray[np.uint16], offsets: tuple[tuple[int, int], ...], count: int = LEVELS
) -> NDArray[np.float64]:
    """Symmetric, normalised co-occurrence matrices.

    Parameters
    ----------
    levels
        [rows, columns], 0 .. count - 1; ``count`` marks pixels without data.
    offsets
        Row step (not negative) and column step of each pair of pixels.

    Returns
    -------
    [offsets, count, count], each summing to one; zero where there is no pair.
    """
    import torch

    side, shifts, flat = _padded(levels, offsets, count)
    length = flat.size - max(shifts)
    once, codes = flat[:length] * flat.dtype.type(side), np.empty(length, flat.dtype)
    counted, found = torch.from_numpy(codes), []
    for shift in shifts:
        np.add(once, flat[shift : shift + length], out=codes)
        # torch counts 16-bit codes as they are; numpy would widen them to 64 bits first
        found.append(torch.bincount(counted, minlength=side**2))
    pairs = torch.cat(found).numpy().reshape(-1, side, side)[:, :count, :count]
    both = pairs + pairs.swapaxes(1, 2)
    return np.asarray(both / np.maximum(both.sum(axis=(1, 2), keepdims=True), 1))


def _padded(
    levels: NDArray[np.uint16], offsets: tuple[tuple[int, int], ...], count: int
) -> tuple[int, list[int], NDArray[Any]]:
    """Levels per axis, offsets as steps in one row, and the image in one row, with so many pixels
    without data behind each row and below that no pair reaches another row by mistake."""
    rows, columns = levels.shape
    below = max(down for down, _ in offsets)
    beside = max(abs(right) for _, right in offsets)
    stride = columns + beside
    kind = np.int16 if (count + 1) ** 2 <= 2**15 else np.int32
    flat = np.empty((rows + below) * stride + beside, kind)
    grid = flat[: rows * stride].reshape(rows, stride)
    grid[:, :columns] = levels.view(np.int16)  # the same small numbers, copied without a cast
    grid[:, columns:], flat[rows * stride :] = count, count
    return count + 1, [down * stride + right for down, right in offsets], flat


_GAP = _I - _J
_WEIGHTS = np.stack([_GAP**2, abs(_GAP), 1 / (1.0 + _GAP**2), _I, _I**2, _I * _J], -1)
"""Of the sums over a matrix from which the features follow."""


def haralick(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """``FEATURES`` of co-occurrence matrices [matrices, levels, levels]: [matrices, 6]."""
    flat = matrices.reshape(len(matrices), -1)
    sums = flat @ _WEIGHTS.reshape(-1, _WEIGHTS.shape[-1])
    contrast, dissimilarity, homogeneity, mean, square, product = sums.T
    variance, covariance = square - mean**2, product - mean**2
    correlation = np.divide(
        covariance, variance, out=np.ones_like(variance), where=variance > 1e-12
    )
    energy = np.sqrt(np.einsum("ij,ij->i", flat, flat))
    logs = np.log(np.maximum(flat, np.finfo(np.float64).tiny))
    entropy = -np.einsum("ij,ij->i", flat, logs)
    return np.stack([contrast, dissimilarity, homogeneity, energy, correlation, entropy], axis=1)


def texture(view: View) -> NDArray[np.float32]:
    """GLCM features [scales, distances, directions, features] of an image."""
    offsets = tuple((d * down, d * right) for d in DISTANCES for down, right in DIRECTIONS)
    found = [
        haralick(cooccurrence(levels_of(view.multilooked(factor)), offsets)) for factor in SCALES
    ]
    shape = (len(SCALES), len(DISTANCES), len(DIRECTIONS), len(FEATURES))
    return np.asarray(np.stack(found).reshape(shape), np.float32)
