"""Random numbers that hang on their place and the seed alone, whatever window asks for them.

The plane is cut into blocks, each with a generator of its own; a window takes its part of every
block it touches. So a scene can be made in any pieces, and in any order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...sar.speckle import circular_gaussian
from ..speckled import SPECKLE_STREAM

FloatArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]
LATENT_STREAM = 2
LATENT_BLOCK, SPECKLE_BLOCK = 32, 256
"""Sides of the blocks; a change makes other images of the same seed."""


def latent_noise(seed: int, channels: int, rows: slice, columns: slice) -> FloatArray:
    """Standard normal numbers [channels, rows, columns] of latent cells."""

    def draw(rng: np.random.Generator) -> FloatArray:
        shape = (channels, LATENT_BLOCK, LATENT_BLOCK)
        return rng.standard_normal(shape, dtype=np.float32)

    size = (channels, rows.stop - rows.start, columns.stop - columns.start)
    result = np.empty(size, np.float32)
    _fill(result, seed, (LATENT_STREAM,), LATENT_BLOCK, (rows.start, columns.start), draw)
    return result


def speckle_noise(seed: int, look: int, rows: slice, columns: slice) -> ComplexArray:
    """White circular complex Gaussian numbers of unit power [rows, columns] of pixels."""

    def draw(rng: np.random.Generator) -> ComplexArray:
        return circular_gaussian((SPECKLE_BLOCK, SPECKLE_BLOCK), rng)

    result = np.empty((rows.stop - rows.start, columns.stop - columns.start), np.complex64)
    key = (SPECKLE_STREAM, look)
    _fill(result, seed, key, SPECKLE_BLOCK, (rows.start, columns.start), draw)
    return result


def _fill(
    result: NDArray[np.float32] | NDArray[np.complex64],
    seed: int,
    key: tuple[int, ...],
    block: int,
    corner: tuple[int, int],
    draw: Callable[[np.random.Generator], NDArray[np.float32] | NDArray[np.complex64]],
) -> None:
    """Copy the blocks under a window into it; the last two axes are the plane."""
    top, left = corner
    height, width = result.shape[-2:]
    for i in range(top // block, -(-(top + height) // block)):
        for j in range(left // block, -(-(left + width) // block)):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*key, i, j)))
            values = draw(rng)
            r0, r1 = max(top, i * block), min(top + height, (i + 1) * block)
            c0, c1 = max(left, j * block), min(left + width, (j + 1) * block)
            result[..., r0 - top : r1 - top, c0 - left : c1 - left] = values[
                ..., r0 - i * block : r1 - i * block, c0 - j * block : c1 - j * block
            ]
