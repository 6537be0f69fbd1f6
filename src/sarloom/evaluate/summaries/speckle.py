"""Speckle in the homogeneous blocks of an image: moments, law, correlation, spectrum, phase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..view import BLOCK, LOWEST_RATIO, View

LAGS = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (1, -1))
"""(rows, columns) at which the autocorrelation is taken."""
RATIO_LOW, RATIO_HIGH, RATIO_STEP = -10.0, 3.0, 0.05
RATIO_EDGES = np.arange(RATIO_LOW, RATIO_HIGH + RATIO_STEP / 2, RATIO_STEP)
"""Bins of ln(I / block mean)."""


def moments(view: View) -> NDArray[np.float32]:
    """Squared coefficient of variation, and second and third log-cumulant, over the blocks.

    Each block's own mean is taken off with the small-sample corrections of k-statistics, so a block
    of 256 independent pixels gives unbiased second and third cumulants. Of the coefficients of
    variation the median is taken, since one bright pixel makes a block's as large as you like; it
    is 1 to 2 % low at one look.
    """
    ratio = view.quiet
    if not len(ratio):
        return np.full(3, np.nan, np.float32)
    n = ratio[0].size
    variance = ratio.var(axis=(1, 2), ddof=1)
    cv_squared = variance / (1.0 - variance / n)
    logs = np.log(np.maximum(ratio, LOWEST_RATIO))
    centred = logs - logs.mean(axis=(1, 2), keepdims=True)
    square = centred * centred
    second = np.mean(square, axis=(1, 2)) * n / (n - 1)
    third = np.mean(square * centred, axis=(1, 2)) * n**2 / ((n - 1) * (n - 2))
    return np.array([np.median(cv_squared), np.mean(second), np.mean(third)], np.float32)


def ratio_histogram(view: View) -> NDArray[np.float32]:
    """Share of the quiet pixels in every bin of ``RATIO_EDGES``: the ratio image's law."""
    if not len(view.quiet):
        return np.full(len(RATIO_EDGES) - 1, np.nan, np.float32)
    logs = np.log(np.maximum(view.quiet.ravel(), LOWEST_RATIO))
    bins = np.clip(((logs - RATIO_LOW) / RATIO_STEP).astype(np.int64), 0, len(RATIO_EDGES) - 2)
    return np.asarray(np.bincount(bins, minlength=len(RATIO_EDGES) - 1) / bins.size, np.float32)


def correlation(view: View) -> NDArray[np.float32]:
    """Autocorrelation of intensity at ``LAGS`` in the quiet blocks.

    Correlated speckle comes out lower than it is, by 0.04 at 1.5 times oversampling, since what
    varies slowly goes with the mean of its block; so it does in both sets.
    """
    x = view.quiet - 1.0
    if not len(x):
        return np.full(len(LAGS), np.nan, np.float32)
    n = x[0].size
    variance = np.mean(x**2)
    found = []
    for rows, columns in LAGS:
        first = x[:, : BLOCK - rows, max(0, -columns) : BLOCK - max(0, columns)]
        second = x[:, rows:, max(0, columns) : BLOCK + min(0, columns)]
        # the block mean was taken off: white speckle would come out at -1/n
        found.append((np.mean(first * second) / variance + 1 / n) / (1 + 1 / n))
    return np.array(found, np.float32)


def spectrum(view: View) -> NDArray[np.float32]:
    """Spectrum of the speckle over its mean, along rows and columns: [2, 8] without zero."""
    x = view.quiet - 1.0
    if not len(x):
        return np.full((2, BLOCK // 2), np.nan, np.float32)
    power = np.mean(np.abs(fft.fft2(x)) ** 2, axis=0)
    half = slice(1, BLOCK // 2 + 1)
    profiles = np.stack([power.sum(axis=1)[half], power.sum(axis=0)[half]])
    return np.asarray(profiles / profiles.mean(), np.float32)


def phase(view: View) -> NDArray[np.float32]:
    """Of complex images: phase histogram in 16 bins, |E z^2|, kurtosis of both parts."""
    z = view.quiet_complex
    if z is None or not len(z):
        return np.full(18, np.nan, np.float32)
    bins = np.asarray((np.angle(z) / (2 * np.pi) % 1.0) * 16, np.int64) % 16
    shares = np.bincount(bins.ravel(), minlength=16) / bins.size
    parts = np.stack([z.real, z.imag]).astype(np.float64)
    # of every block by itself and of these the median: one bright point would decide over a mean
    square = parts**2
    each = np.mean(square**2, axis=(0, 2, 3)) / np.mean(square, axis=(0, 2, 3)) ** 2
    kurtosis = float(np.median(each))
    circular = abs(np.mean(z.astype(np.complex128) ** 2)) / np.mean(np.abs(z) ** 2)
    return np.array([*shares, circular, kurtosis], np.float32)
