"""Speckle of a whole scene, block by block, without a seam.

The white noise hangs on the place alone (:mod:`.noise`), and the impulse response is a short kernel
applied over the borders of blocks, so any cutting into blocks gives the same image.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...sar.psf import PointSpread
from ...sar.speckle import intensity
from .noise import speckle_noise

FloatArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]
ReadPower = Callable[[slice, slice], FloatArray]
"""Reflectivity [rows, columns] of a window inside the scene."""
KERNEL_FLOOR = 1e-7
"""Taps below this share of the largest are left out."""
LONGEST_KERNEL = 48


def kernel(psf: PointSpread) -> FloatArray:
    """Taps of the impulse response, odd in number, of unit energy.

    At an oversampling of 1 a cosine-sum window has ``nbar`` - 1 taps on each side and no more, so
    nothing is cut off.
    """
    taps = psf.response(np.arange(-LONGEST_KERNEL, LONGEST_KERNEL + 1, dtype=np.float64))
    strong = np.flatnonzero(np.abs(taps) > KERNEL_FLOOR * np.abs(taps).max())
    half = int(np.abs(strong - LONGEST_KERNEL).max())
    short = taps[LONGEST_KERNEL - half : LONGEST_KERNEL + half + 1]
    return np.asarray(short / np.sqrt(np.sum(short**2)), np.float32)


def speckled_power(
    read: ReadPower,
    shape: tuple[int, int],
    rows: slice,
    columns: slice,
    looks: int,
    seed: int,
    psf: PointSpread | None = None,
) -> FloatArray:
    """Power of ``looks`` averaged looks in a window of a scene of ``shape``.

    Parameters
    ----------
    read
        Reflectivity of any window; outside the scene there is no echo.
    """
    taps = kernel(psf or PointSpread())
    half = len(taps) // 2
    wide_rows = slice(max(0, rows.start - half), min(shape[0], rows.stop + half))
    wide_columns = slice(max(0, columns.start - half), min(shape[1], columns.stop + half))
    amplitude = np.sqrt(read(wide_rows, wide_columns))
    inner = (
        slice(rows.start - wide_rows.start, rows.stop - wide_rows.start),
        slice(columns.start - wide_columns.start, columns.stop - wide_columns.start),
    )
    total = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    for look in range(looks):
        field = speckle_noise(seed, look, wide_rows, wide_columns) * amplitude
        total += intensity(_convolved(field, taps)[inner])
    return np.asarray(total / np.float32(looks), np.float32)


def _convolved(field: ComplexArray, taps: FloatArray) -> ComplexArray:
    """Both axes; real and imaginary part apart, since the taps are real."""
    parts = []
    for part in (field.real, field.imag):
        down = ndimage.convolve1d(part, taps, 0, np.float32, "constant")
        parts.append(ndimage.convolve1d(down, taps, 1, np.float32, "constant"))
    return np.asarray(parts[0] + 1j * parts[1], np.complex64)
