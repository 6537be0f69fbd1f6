"""Towards the look of measured images: the law of their mean power, the width of their speckle.

A simulator's fields are too even and its contrasts are its own; a network that saw few measured
images changes that a little. What a folder of measured images says of its sensor is plain
statistics, and is carried over as such:

* **tone**: decibels of power averaged over 4 x 4 pixels, over their median, get the law of measured
  ones (histogram matching; Gonzalez & Woods, *Digital Image Processing*): of that fifth of the
  images whose law is nearest to the scene's own, since a field shall not get the contrast of a
  wood. The map is monotone: what was brighter stays brighter, and nothing moves.
* **width of the speckle**: the correlation of neighbours in even ground says how far the sensor
  samples finer than it resolves; the speckle laid on is drawn with that impulse response.
* **speckle of dark ground**: as much of it is missing as in the images (:mod:`.dark`).

Single pixels are never matched: their law is that of speckle, which is drawn exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from ...errors import InputError
from ...sar.multilook import multilook
from ...sar.psf import PointSpread
from .dark import NONE, Blocks, Dark, blocks_of, dark_of

FloatArray = NDArray[np.float32]
FACTOR = 4
"""Side of the blocks whose mean power is matched [pixels]."""
SHARES = np.array([0.2, 1, 2, 5, *range(10, 91, 5), 95, 98, 99, 99.8])
"""Percentiles between which the map is linear in decibels; beyond them it is parallel."""
MOST_IMAGES = 100
NEAREST = 5
"""One in so many images is followed."""
FOLLOWED = 0.8
"""Share of the way to their law: what ground a scene consists of is its own."""
MOST_OVERSAMPLING = 2.5
FLOOR = 1e-6
ROUNDS = 4
STEEPEST = 3.0
"""Decibels per decibel of a map, at the most: contrast is not made out of even ground."""
_LAGS = np.arange(-48, 49, dtype=np.float64)


@dataclass(frozen=True)
class Likeness:
    """What measured images say of their sensor."""

    quantiles_db: NDArray[np.float64]
    """Of every image's averaged power over its median, at ``SHARES``: [images, shares]."""
    oversampling: float
    """Sampling rate over bandwidth, as of ``PointSpread``."""
    record: dict[str, Any]
    dark: Dark = NONE
    """What is missing of the speckle of dark ground, on the images' own scale."""
    medians_db: NDArray[np.float64] | None = None
    """Of every image's averaged power, on that scale [images]."""

    @property
    def psf(self) -> PointSpread:
        """Impulse response to lay speckle on with."""
        return PointSpread(oversampling=self.oversampling)


@dataclass(frozen=True)
class Tone:
    """A monotone map of decibels, and what goes with it."""

    given_db: NDArray[np.float64]
    wanted_db: NDArray[np.float64]
    dark: Dark = NONE
    """What dark ground of the scene misses of its speckle, by mapped power."""

    def decibels(self, given: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mapped decibels."""
        return given + np.interp(given, self.given_db, self.wanted_db - self.given_db)

    def __call__(self, power: FloatArray) -> FloatArray:
        """Mapped power."""
        decibels = 10 * np.log10(np.maximum(power, 1e-12).astype(np.float64))
        return np.asarray(10 ** (self.decibels(decibels) / 10), np.float32)


Powers = Callable[[Tone], Iterable[FloatArray]]


def read_likeness(folder: Path) -> Likeness:
    """Measure a folder of real images, evenly chosen if there are many.

    Raises
    ------
    InputError
        If it is no folder, or no image in it has even ground; one that is mostly gaps is left out.
    FormatError
        If an image cannot be read.
    """
    from ...evaluate.files import ImageFolder, PixelsSaid
    from ...evaluate.summaries.speckle import correlation
    from ...evaluate.view import View

    images = ImageFolder(folder, PixelsSaid("amplitude", None, "--like"), MOST_IMAGES)
    averaged, neighbours, hashes, medians = [], [], [], []
    parts: list[Blocks] = []
    for index in range(len(images)):
        image = images.image(index)
        if np.mean(image.power > (image.floor or 0.0)) < 0.5:
            continue  # its median is that of gaps
        power = np.where(np.isfinite(image.power), image.power, np.nanmedian(image.power))
        mean = multilook(np.asarray(power, np.float32), FACTOR)
        averaged.append(quantiles(mean))
        medians.append(10 * np.log10(max(float(np.median(mean)), 1e-12)))
        parts.append(blocks_of(image.power))
        hashes.append(images.key(index))
        lags = correlation(View(image, 1.0 / float(np.median(power[power > 0]))))
        if np.isfinite(lags[:2]).all():
            neighbours.append(float(lags[:2].mean()))
    if not neighbours:
        raise InputError(f"--like {folder}: no image has even ground to measure its speckle in")
    rho = float(np.median(neighbours))
    over = round(oversampling_of(rho), 3)
    dark = dark_of(parts, PointSpread(oversampling=over))
    record = {"folder": str(folder), "images": len(averaged),
              "sha256": hashlib.sha256("".join(hashes).encode()).hexdigest(),
              "correlation": round(rho, 4), "oversampling": over,
              "dark_speckle": dark.record}  # fmt: skip
    return Likeness(np.stack(averaged), over, record, dark, np.array(medians))


def quantiles(averaged: FloatArray) -> NDArray[np.float64]:
    """Decibels at ``SHARES``, over the median; strictly rising."""
    over = np.maximum(averaged / np.median(averaged), FLOOR)
    found = np.percentile(10 * np.log10(over), SHARES)
    return np.asarray(np.maximum.accumulate(found) + np.arange(len(found)) * 1e-6, np.float64)


def oversampling_of(correlation: float) -> float:
    """Oversampling at which the speckle of neighbours has an intensity correlation.

    |rho|^2 of the complex correlation rho = sum h(k) h(k + 1) / sum h(k)^2 of the impulse response.
    """

    def found(oversampling: float) -> float:
        taps = PointSpread(oversampling=oversampling).response(_LAGS)
        return float((np.sum(taps[1:] * taps[:-1]) / np.sum(taps**2)) ** 2)

    if correlation <= found(1.0):
        return 1.0
    if correlation >= found(MOST_OVERSAMPLING):
        return MOST_OVERSAMPLING
    root = optimize.brentq(lambda one: found(one) - correlation, 1.0, MOST_OVERSAMPLING, xtol=1e-4)
    return float(root)


def tone_map(like: Likeness, powers: Powers) -> Tone:
    """The map from a scene's tones to the measured ones; the scene's median stays.

    The map is applied to reflectivity and judged by the image, in which speckle widens the law; so
    it is made better in a few rounds.

    Parameters
    ----------
    powers
        Given a map, blocks of rows of the scene's power as it would be written, speckle and all;
        NaN where nothing was measured.
    """
    same = np.array([-120.0, 120.0])
    tone = Tone(same, same)
    wanted: NDArray[np.float64] | None = None
    dark = NONE
    for _ in range(ROUNDS):
        averaged = np.concatenate([
            multilook(block, FACTOR).ravel() for block in powers(tone) if min(block.shape) >= FACTOR
        ])  # fmt: skip
        averaged = averaged[np.isfinite(averaged)]
        middle = 10 * np.log10(max(float(np.median(averaged)), 1e-12))
        own = quantiles(averaged) + middle
        if wanted is None:
            away = np.abs(like.quantiles_db + middle - own).mean(axis=1)
            nearest = np.argsort(away, kind="stable")[: -(-len(away) // NEAREST)]
            found = like.quantiles_db[nearest].mean(axis=0) + middle
            wanted = own + FOLLOWED * (found - own)
            if like.medians_db is not None:
                dark = like.dark.moved(middle - float(like.medians_db[nearest].mean()))
            tone = Tone(own, _gentle(own, wanted), dark)
        else:
            better = Tone(own, wanted).decibels(tone.wanted_db)
            tone = Tone(tone.given_db, _gentle(tone.given_db, better), dark)
    return tone


def _gentle(given: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """A map no steeper than ``STEEPEST``; the median stays where it was."""
    middle = int(np.flatnonzero(SHARES == 50)[0])
    steps = np.minimum(np.diff(wanted), STEEPEST * np.diff(given))
    limited = np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(limited - limited[middle] + wanted[middle], np.float64)
