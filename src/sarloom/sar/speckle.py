"""Fully developed speckle: exact draws, exact moments, and estimators of the number of looks.

Goodman's model: the single-look complex amplitude is circular complex Gaussian, its intensity
exponential; the average of L independent looks is gamma distributed with shape L.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..errors import InputError
from .psf import PointSpread, apply_psf

ComplexArray = NDArray[np.complex64]
FloatArray = NDArray[np.float32]


def circular_gaussian(shape: tuple[int, ...], rng: np.random.Generator) -> ComplexArray:
    """White circular complex Gaussian noise of unit mean power, complex64."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32)
    parts *= np.float32(np.sqrt(0.5))
    return parts.view(np.complex64)[..., 0]


def speckle_complex(
    sigma_nought: FloatArray, rng: np.random.Generator, psf: PointSpread | None = None
) -> ComplexArray:
    """One single-look complex image of a reflectivity.

    Parameters
    ----------
    sigma_nought
        Speckle-free reflectivity (rows, columns), linear power, not negative.
    psf
        The sensor's impulse response; ``None`` leaves the speckle white.

    Returns
    -------
    complex64 image of the same shape; its expected power is the reflectivity (blurred by the
    squared impulse response, whose energy is one).
    """
    image = circular_gaussian(sigma_nought.shape, rng)
    image *= np.sqrt(np.asarray(sigma_nought, np.float32))
    return image if psf is None else apply_psf(image, psf)


def speckle_intensity(
    sigma_nought: FloatArray,
    looks: int,
    rng: np.random.Generator,
    psf: PointSpread | None = None,
) -> FloatArray:
    """Average intensity of ``looks`` independent looks of a reflectivity, float32.

    Without an impulse response pixels are independent and the average of L exponential draws is
    exactly a gamma draw of shape L, so one draw per pixel serves any L. With an impulse response
    the looks are simulated one by one, since the correlated sum has no closed law.

    Raises
    ------
    InputError
        If ``looks`` is below one.
    """
    if looks < 1:
        raise InputError(f"looks {looks} is below 1")
    if psf is None:
        unit = rng.standard_gamma(looks, sigma_nought.shape, dtype=np.float32)
        unit *= np.asarray(sigma_nought, np.float32)
        unit *= np.float32(1.0 / looks)
        return np.asarray(unit, np.float32)
    total = np.zeros(sigma_nought.shape, np.float32)
    for _ in range(looks):
        total += intensity(speckle_complex(sigma_nought, rng, psf))
    return total / np.float32(looks)


def intensity(image: ComplexArray) -> FloatArray:
    """Squared modulus of a complex image, float32."""
    power = np.square(image.real)
    power += np.square(image.imag)
    return np.asarray(power, np.float32)


@dataclass(frozen=True)
class LogMoments:
    """Moments of unit-mean L-look speckle."""

    amplitude_mean: float
    amplitude_cv: float
    intensity_cv: float
    log_mean: float
    """E[ln I]."""
    log_variance: float
    """var[ln I]."""
    bias_db: float
    """Mean of 10 log10 I."""
    deviation_db: float


def log_moments(looks: float) -> LogMoments:
    """Exact moments of L-look intensity I of unit mean and of its amplitude A = sqrt(I).

    E[A] = Gamma(L + 1/2) / (Gamma(L) sqrt(L)), E[ln I] = psi(L) - ln L, var[ln I] = psi1(L)
    (Oliver & Quegan, *Understanding SAR Images*, chapter 4).
    """
    mean = float(np.exp(special.gammaln(looks + 0.5) - special.gammaln(looks)) / np.sqrt(looks))
    log_mean = float(special.digamma(looks) - np.log(looks))
    log_variance = float(special.polygamma(1, looks))
    return LogMoments(
        amplitude_mean=mean,
        amplitude_cv=float(np.sqrt(1.0 / mean**2 - 1.0)),
        intensity_cv=float(1.0 / np.sqrt(looks)),
        log_mean=log_mean,
        log_variance=log_variance,
        bias_db=float(10.0 / np.log(10.0) * log_mean),
        deviation_db=float(10.0 / np.log(10.0) * np.sqrt(log_variance)),
    )


def enl_moment(power: FloatArray) -> float:
    """Equivalent number of looks mean^2 / variance of an intensity patch."""
    values = np.asarray(power, np.float64)
    return float(values.mean() ** 2 / values.var())


def enl_blocks(power: FloatArray, block: int = 16) -> float:
    """Median of the moment ENL over blocks: robust to edges and objects in the picture.

    Raises
    ------
    InputError
        If the image is smaller than one block.
    """
    rows, columns = (n // block * block for n in power.shape)
    if rows == 0 or columns == 0:
        raise InputError(f"an image of {power.shape} holds no block of {block} pixels")
    cells = np.asarray(power[:rows, :columns], np.float64)
    cells = cells.reshape(rows // block, block, columns // block, block)
    mean = cells.mean(axis=(1, 3))
    variance = cells.var(axis=(1, 3))
    good = variance > 0
    if not good.any():
        return float("inf")
    return float(np.median(mean[good] ** 2 / variance[good]))
