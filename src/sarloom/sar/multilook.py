"""Multilooking: averaging intensity over blocks, the only honest way to a coarser pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError


def multilook(power: NDArray[np.float32], factor: int | tuple[int, int]) -> NDArray[np.float32]:
    """Average an intensity image over blocks of ``factor`` (rows, columns).

    A remainder at the lower and right border that fills no block is dropped. Amplitudes or
    decibels must not be given: their averages are biased by -0.97 dB and -2.5 dB at one look.

    Raises
    ------
    InputError
        If a factor is below one or the image smaller than one block.
    """
    fr, fc = (factor, factor) if isinstance(factor, int) else factor
    if fr < 1 or fc < 1:
        raise InputError(f"multilook factor {factor} is below 1")
    rows, columns = power.shape[0] // fr, power.shape[1] // fc
    if rows == 0 or columns == 0:
        raise InputError(f"an image of {power.shape} holds no block of {(fr, fc)}")
    blocks = power[: rows * fr, : columns * fc].reshape(rows, fr, columns, fc)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64), np.float32)
