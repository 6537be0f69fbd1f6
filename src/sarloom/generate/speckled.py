"""From the pixels a model decodes to amplitude with exact speckle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..models.radiometry import Radiometry
from ..sar.psf import PointSpread
from ..sar.speckle import speckle_complex, speckle_intensity

if TYPE_CHECKING:
    import torch

FloatArray = NDArray[np.float32]
SPECKLE_STREAM = 1
"""Spawn key of the speckle's random numbers: the same seed also draws the latent noise."""


@dataclass(frozen=True)
class Speckled:
    """Power before and amplitude after speckle."""

    sigma_nought: FloatArray
    amplitude: FloatArray
    complex: NDArray[np.complex64] | None


def grey(pixels: torch.Tensor) -> tuple[FloatArray, float]:
    """Three channels to one: their mean, and how far they differ (largest standard deviation).

    Radar has one channel, the autoencoder three. The embedded model draws three equal ones; a
    foreign model that was never tuned to radar draws colours, and the spread says so.
    """
    values = pixels.numpy()
    spread = float(values.std(axis=0).max())
    return np.asarray(values.mean(axis=0), np.float32), spread


def effective_looks(
    looks: int | None, radiometry: Radiometry, complex_too: bool, told: bool = False
) -> int:
    """The looks to lay on, 0 for none; ``told`` if the model itself draws as many as it is told.

    Raises
    ------
    InputError
        If speckle would be laid on speckle, or a complex image of other than one look is asked.
    """
    if radiometry.speckle != "none":
        if looks and not told:
            raise InputError("this model draws its own speckle; leave out --looks")
        if complex_too:
            raise InputError("this model draws its own speckle, so it has no complex image")
        return 0
    chosen = 1 if looks is None else looks
    if complex_too and chosen != 1:
        raise InputError(f"a complex image has one look; --complex and --looks {chosen} exclude")
    return chosen


def lay_speckle(
    pixel: FloatArray, radiometry: Radiometry, looks: int, seed: int, complex_too: bool = False
) -> Speckled:
    """Model pixels to power, and speckle of ``looks`` looks onto it.

    Single-look speckle is drawn as a complex image through the sensor's impulse response; several
    looks are the average power of so many independent ones.
    """
    power = radiometry.to_power(pixel)
    if looks == 0:
        return Speckled(power, np.sqrt(power), None)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPECKLE_STREAM,)))
    psf = PointSpread()
    if looks > 1:
        return Speckled(power, np.sqrt(speckle_intensity(power, looks, rng, psf)), None)
    image = speckle_complex(power, rng, psf)
    return Speckled(power, np.abs(image), image if complex_too else None)
