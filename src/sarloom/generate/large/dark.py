"""Speckle of dark ground, as measured images have it.

A shadow in a finished radar product may fluctuate less than single-look speckle does. In X-band
airborne images of 8 bits the amplitude's coefficient of variation falls from 0.51 in fields
(Rayleigh: 0.523) to 0.3 in shadows, and the correlation of neighbours rises; co-occurrence, which
counts decibels, sees that before it sees any texture. How much is missing at which power is
measured on a folder of images, and taken from a scene by averaging its dark speckle over 5 x 5
pixels by the share that leaves the measured variance:

    I' = (1 - w) I + w mean(I),   var I' / var I = (1 - w)^2 + 2 w (1 - w) c + w^2 v

with c and v the mean correlation of a pixel with its neighbourhood and of the neighbourhood with
itself, both from the impulse response. Mean power stays; bright ground is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...sar.psf import PointSpread
from .speckle import kernel

FloatArray = NDArray[np.float32]
Read = Callable[[slice, slice], FloatArray]
SIDE = 5
"""Pixels of the neighbourhood; 3 of them would need shares near 1 and leave speckle too coarse."""
BLOCK = 8
"""Side of the blocks in which fluctuation is measured [pixels]: shadows are narrow."""
MOST_BLOCKS = 4096
"""Of one image."""
STEP_DB = 2.0
FEWEST = 64
"""Blocks of one level, in all images."""
LEAST_SHARE = 0.05
"""What is less is chance: blocks that are dark by their speckle alone fluctuate less, too."""
_TAPS = np.full(SIDE, 1 / SIDE)


@dataclass(frozen=True)
class Blocks:
    """Blocks of an image: mean power, its standard deviation over the mean, both [blocks]."""

    mean: NDArray[np.float64]
    variation: NDArray[np.float64]

    @property
    def bright(self) -> NDArray[np.float64]:
        """Variation of the brighter half."""
        return self.variation[self.mean >= np.median(self.mean)]


@dataclass(frozen=True)
class Dark:
    """Share ``w`` of the averaging by mean power; linear in decibels, constant beyond the ends."""

    levels_db: NDArray[np.float64]
    shares: NDArray[np.float64]

    def moved(self, decibels: float) -> Dark:
        """The same for powers so much larger."""
        return Dark(self.levels_db + decibels, self.shares)

    def share(self, power: FloatArray) -> FloatArray:
        """Share at each mean power."""
        decibels = 10 * np.log10(np.maximum(power, np.float32(1e-12)))
        return np.asarray(np.interp(decibels, self.levels_db, self.shares), np.float32)

    @property
    def record(self) -> dict[str, Any]:
        """Levels over the images' scale [dB] whose speckle is thinned, and by how much."""
        some = self.shares > 0
        return {"levels_db": [round(float(x), 2) for x in self.levels_db[some]],
                "shares": [round(float(x), 3) for x in self.shares[some]]}  # fmt: skip


NONE = Dark(np.zeros(1), np.zeros(1))


def blocks_of(power: FloatArray) -> Blocks:
    """Evenly chosen blocks of an image [rows, columns]; those with gaps or of one value are out."""
    rows, columns = (side // BLOCK for side in power.shape)
    step = max(1, -(-rows * columns // MOST_BLOCKS))
    places = np.arange(0, rows * columns, step)
    tiles = power[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
    cut = np.asarray(tiles[places // columns, :, places % columns], np.float64)
    mean, spread = cut.mean(axis=(1, 2)), cut.std(axis=(1, 2), ddof=1)
    good = np.isfinite(mean) & (mean > 0) & (spread > 0)
    return Blocks(mean[good], spread[good] / mean[good])


def dark_of(images: Sequence[Blocks], psf: PointSpread) -> Dark:
    """Measure how much fluctuation dark ground misses beside the images' brighter halves."""
    usual = float(np.median(np.concatenate([one.bright for one in images])))
    decibels = 10 * np.log10(np.concatenate([one.mean for one in images]))
    missing = np.concatenate([one.variation for one in images]) / usual
    bins = np.floor(decibels / STEP_DB).astype(np.int64)
    levels, left = [], []
    for number in np.unique(bins):
        some = missing[bins == number]
        if len(some) >= FEWEST:
            levels.append((number + 0.5) * STEP_DB)
            left.append(float(np.median(some)) ** 2)
    if not levels:
        return NONE
    # darker ground never fluctuates more
    rising = np.minimum(np.maximum.accumulate(left), 1.0)
    shares, variance = _variance(psf)
    found = np.interp(-rising, -variance, shares)
    return Dark(np.array(levels), np.where(found < LEAST_SHARE, 0.0, found))


def _variance(psf: PointSpread) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares from 0 to where averaging helps no more, and the variance that each leaves."""
    taps = kernel(psf).astype(np.float64)
    # the intensity's correlation is the square of the field's; both axes multiply
    lags = np.array([taps[lag:] @ taps[: len(taps) - lag] for lag in range(SIDE)]) ** 2
    place = np.arange(SIDE)
    with_middle = float(lags[np.abs(place - SIDE // 2)].mean()) ** 2
    within = float(lags[np.abs(np.subtract.outer(place, place))].mean()) ** 2
    shares = np.linspace(0.0, 1.0, 201)
    left = (1 - shares) ** 2 + 2 * shares * (1 - shares) * with_middle + shares**2 * within
    least = int(np.argmin(left))
    return shares[: least + 1], left[: least + 1]


def thinned(draw: Callable[[slice, slice], FloatArray], read: Read, shape: tuple[int, int],
            rows: slice, columns: slice, dark: Dark) -> FloatArray:  # fmt: skip
    """Power of a window of a scene with the speckle of its dark ground thinned.

    Parameters
    ----------
    draw, read
        Power with its speckle, and reflectivity, of any window inside the scene of ``shape``. They
        are read two pixels beyond the window, so any cutting gives the same scene.
    """
    if not dark.shares.any():
        return draw(rows, columns)
    more = SIDE // 2
    wide = [slice(max(0, one.start - more), min(side, one.stop + more))
            for one, side in zip((rows, columns), shape, strict=True)]  # fmt: skip
    inner = tuple(
        slice(one.start - far.start, one.stop - far.start)
        for one, far in zip((rows, columns), wide, strict=True)
    )
    values = draw(*wide)
    share = dark.share(_mean(read(*wide)))
    return np.asarray((values + share * (_mean(values) - values))[inner], np.float32)


def _mean(power: FloatArray) -> FloatArray:
    """Average over the neighbourhood; a running sum would hang on where the window begins."""
    down = ndimage.convolve1d(power, _TAPS, 0, np.float32, "mirror")
    return np.asarray(ndimage.convolve1d(down, _TAPS, 1, np.float32, "mirror"), np.float32)
