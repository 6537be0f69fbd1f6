"""Grey-level co-occurrence: texture at several distances, directions and scales.

Haralick, Shanmugam & Dinstein, *Textural features for image classification*, 1973.
"""

from __future__ import annotations

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
    out = np.zeros((len(offsets), count, count))
    side, stride, flat = _padded(levels, offsets, count)
    shifts = [down * stride + right for down, right in offsets]
    once, twice = flat * side, flat * side**2
    held = np.empty_like(flat)
    for number in range(0, len(shifts), 2):
        # one pass over (p, p + a, p + b) counts the pairs of two offsets
        first, second = (shifts[number : number + 2] * 2)[:2]
        length = flat.size - max(first, second)
        codes = held[:length]
        np.add(twice[:length], once[first : first + length], out=codes)
        codes += flat[second : second + length]
        cube = _counts(codes, side**3).reshape(side, side, side)[:count]
        out[number] = np.einsum("ijk->ij", cube)[:, :count]
        if number + 1 < len(shifts):
            out[number + 1] = np.einsum("ijk->ik", cube)[:, :count]
    out += out.swapaxes(1, 2)
    return np.asarray(out / np.maximum(out.sum(axis=(1, 2), keepdims=True), 1.0))


def _padded(
    levels: NDArray[np.uint16], offsets: tuple[tuple[int, int], ...], count: int
) -> tuple[int, int, NDArray[np.int32]]:
    """Levels per axis, row stride, and the image in one row, with so many pixels without data
    behind each row and below that no offset reaches another row by mistake."""
    rows, columns = levels.shape
    below = max(down for down, _ in offsets)
    beside = max(abs(right) for _, right in offsets)
    stride = columns + beside
    flat = np.full((rows + below) * stride + beside, count, np.int32)
    flat[: rows * stride].reshape(rows, stride)[:, :columns] = levels
    return count + 1, stride, flat


def _counts(codes: NDArray[np.int32], length: int) -> NDArray[np.int64]:
    """How often each code occurs; torch counts 32-bit codes without widening them first."""
    import torch

    return np.asarray(torch.bincount(torch.from_numpy(codes), minlength=length).numpy())


def haralick(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """``FEATURES`` of co-occurrence matrices [matrices, levels, levels]: [matrices, 6]."""
    gap = _I - _J
    contrast = np.tensordot(matrices, gap**2, 2)
    dissimilarity = np.tensordot(matrices, abs(gap), 2)
    homogeneity = np.tensordot(matrices, 1 / (1.0 + gap**2), 2)
    energy = np.sqrt(np.sum(matrices**2, axis=(1, 2)))
    mean = np.tensordot(matrices, _I, 2)
    variance = np.tensordot(matrices, _I**2, 2) - mean**2
    covariance = np.tensordot(matrices, _I * _J, 2) - mean**2
    correlation = np.divide(
        covariance, variance, out=np.ones_like(variance), where=variance > 1e-12
    )
    logs = np.log(matrices, out=np.zeros_like(matrices), where=matrices > 0)
    entropy = -np.sum(matrices * logs, axis=(1, 2))
    return np.stack([contrast, dissimilarity, homogeneity, energy, correlation, entropy], axis=1)


def texture(view: View) -> NDArray[np.float32]:
    """GLCM features [scales, distances, directions, features] of an image."""
    offsets = tuple((d * down, d * right) for d in DISTANCES for down, right in DIRECTIONS)
    found = [
        haralick(cooccurrence(levels_of(view.multilooked(factor)), offsets)) for factor in SCALES
    ]
    shape = (len(SCALES), len(DISTANCES), len(DIRECTIONS), len(FEATURES))
    return np.asarray(np.stack(found).reshape(shape), np.float32)
