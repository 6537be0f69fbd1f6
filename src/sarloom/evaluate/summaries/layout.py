"""How an image lies: in which direction shadows fall, how it looks from afar, JPEG's grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ...sar.multilook import multilook
from ..view import View

LAGS = (1, 2, 4)
"""Steps [cells of 4 x 4 pixels] of the differences along columns and rows."""
_FACTOR = 4
_MOST = 3.0
"""Deviations at which brightness and darkness are clipped."""
THUMBNAIL = 16


def direction(view: View) -> NDArray[np.float32]:
    """Share and lopsidedness of structures along growing columns and rows: [2, 3, 2].

    For every lag the mean square of dB steps, and how much oftener a dark cell follows a bright one
    than goes before it. In radar images shadows lie beyond what casts them, so along range the
    latter is positive and along the track it is zero; no rotated picture has both.
    """
    x = view.multilooked(_FACTOR).astype(np.float64)
    low, middle, high = np.nanpercentile(x, [16, 50, 84])
    z = np.nan_to_num((x - middle) / max((high - low) / 2, 1e-3), nan=0.0)
    bright, dark = np.clip(z, 0, _MOST), np.clip(-z, 0, _MOST)
    found = np.zeros((2, len(LAGS), 2))
    for number, lag in enumerate(LAGS):
        for axis in (0, 1):
            first, second = _shifted(z, lag, axis)
            before, _ = _shifted(bright, lag, axis)
            dark_before, dark_after = _shifted(dark, lag, axis)
            _, after = _shifted(bright, lag, axis)
            found[axis, number] = (
                np.mean((second - first) ** 2),
                np.mean(before * dark_after) - np.mean(dark_before * after),
            )
    return np.asarray(found, np.float32)


def _shifted(z: NDArray[np.float64], lag: int, axis: int) -> tuple[NDArray[np.float64], ...]:
    """Cells and those ``lag`` further along columns (0) or rows (1)."""
    return (z[:, :-lag], z[:, lag:]) if axis == 0 else (z[:-lag], z[lag:])


def thumbnail(view: View) -> NDArray[np.float32]:
    """Mean power of 16 x 16 cells in dB, without mean and of unit length: [256].

    The product of two thumbnails is their correlation.
    """
    rows, columns = (n // THUMBNAIL for n in view.power.shape)
    held = np.isfinite(view.power)
    small = multilook(np.where(held, view.power, np.float32(0)), (rows, columns))
    share = multilook(held.astype(np.float32), (rows, columns))[:THUMBNAIL, :THUMBNAIL].ravel()
    mean = small[:THUMBNAIL, :THUMBNAIL].ravel() / np.maximum(share, 1e-6)
    cells = 10 * np.log10(np.maximum(mean, 1e-6))
    there = share > 0
    # cells without data count for nothing: masks of one shape do not make two images alike
    cells = np.where(there, cells - cells[there].mean(), 0.0)
    return np.asarray(cells / max(float(np.linalg.norm(cells)), 1e-12), np.float32)


def jpeg_grid(view: View) -> NDArray[np.float32]:
    """Share of small high-frequency DCT coefficients on JPEG's 8 x 8 grid, and off it: [2].

    JPEG rounds most of them to zero, but only on the grid that begins at the first pixel.
    """
    amplitude = np.sqrt(np.nan_to_num(view.power, nan=0.0))
    return np.array([_small_share(amplitude), _small_share(amplitude[4:, 4:])], np.float32)


_HIGH = np.add.outer(np.arange(8), np.arange(8)) >= 9


def _small_share(amplitude: NDArray[np.float32]) -> float:
    rows, columns = (n // 8 for n in amplitude.shape)
    cells = amplitude[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    high = np.asarray(fft.dctn(cells, axes=(2, 3), norm="ortho"))[:, :, _HIGH]
    spread = np.sqrt(np.mean(high**2, axis=2, keepdims=True))
    # a sixteenth of the spread: 5 % of Gaussian coefficients lie below, 0.5 allows empty sets
    return float((np.sum(np.abs(high) < spread / 16) + 0.5) / (high.size + 1))
