"""Six laws of radar intensity, fitted by log-cumulants.

The scale of each follows from the first log-cumulant, the shape from the second; for the laws of
textured clutter (K, G0) the number of looks is given. Nicolas, *Application de la transformee de
Mellin*, 2002; Frery et al., *A model for extremely heterogeneous clutter*, 1997.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Array = NDArray[np.float64]
Distribution = Callable[[Array], Array]
"""ln I -> share of pixels below."""

LAWS = ("rayleigh", "gamma", "k", "g0", "weibull", "lognormal")
TITLES = {
    "rayleigh": "Rayleigh",
    "gamma": "Gamma",
    "k": "K",
    "g0": "G0",
    "weibull": "Weibull",
    "lognormal": "log-normal",
}
_SHAPES = (1e-2, 1e4)


@dataclass(frozen=True)
class Fit:
    """A fitted law."""

    law: str
    parameters: dict[str, float]
    below: Distribution


def shape_of_variance(variance: float) -> float:
    """Shape s with psi1(s) = variance, within 0.01 .. 10000."""
    low, high = _SHAPES
    if np.isnan(variance):
        return float("nan")
    if variance >= special.polygamma(1, low):
        return low
    if variance <= special.polygamma(1, high):
        return high
    root = optimize.brentq(lambda s: float(special.polygamma(1, s)) - variance, low, high)
    return float(root)


def fit(law: str, mean: float, variance: float, looks: float) -> Fit:
    """Fit one of ``LAWS`` to the mean and variance of ln I.

    Parameters
    ----------
    mean, variance
        First and second log-cumulant of intensity.
    looks
        Looks of the speckle, for K and G0.
    """
    return _FITS[law](mean, variance, looks)


def _rayleigh(mean: float, variance: float, looks: float) -> Fit:
    """Amplitude Rayleigh, intensity exponential: no shape."""
    shift = mean - float(special.digamma(1.0))
    return Fit("rayleigh", {}, lambda x: np.asarray(-np.expm1(-np.exp(x - shift))))


def _gamma(mean: float, variance: float, looks: float) -> Fit:
    shape = shape_of_variance(variance)
    shift = mean - float(special.digamma(shape))
    return Fit("gamma", {"looks": shape}, lambda x: special.gammainc(shape, np.exp(x - shift)))


def _texture_shape(variance: float, looks: float) -> float:
    return shape_of_variance(variance - float(special.polygamma(1, looks)))


def _k(mean: float, variance: float, looks: float) -> Fit:
    """Gamma texture of order nu: kappa2 = psi1(L) + psi1(nu); the texture is integrated out."""
    order = _texture_shape(variance, looks)
    shift = mean - float(special.digamma(looks) + special.digamma(order))
    # Gauss-Legendre in the texture's own quantiles would need its inverse; equal steps in ln tau
    # over the range that holds all but 1e-9 of it are as good and simple
    spread = float(np.sqrt(special.polygamma(1, order)))
    centre = float(special.digamma(order))
    t = np.linspace(centre - 12 * spread, centre + 6 * spread, 121)
    weight = np.exp(order * t - np.exp(t) - special.gammaln(order))
    weight /= weight.sum()

    def below(x: Array) -> Array:
        return np.asarray(
            special.gammainc(looks, np.exp((x - shift)[..., None] - t)) @ weight, np.float64
        )

    return Fit("k", {"looks": looks, "order": order}, below)


def _g0(mean: float, variance: float, looks: float) -> Fit:
    """Inverse-gamma texture of order M: kappa2 = psi1(L) + psi1(M); I is Fisher distributed."""
    order = _texture_shape(variance, looks)
    shift = mean - float(special.digamma(looks) - special.digamma(order))

    def below(x: Array) -> Array:
        return np.asarray(special.betainc(looks, order, special.expit(x - shift)), np.float64)

    return Fit("g0", {"looks": looks, "order": order}, below)


def _weibull(mean: float, variance: float, looks: float) -> Fit:
    """Intensity Weibull of shape c: kappa1 = ln b - gamma / c, kappa2 = pi^2 / (6 c^2)."""
    shape = float(np.pi / np.sqrt(6.0 * max(variance, 1e-9)))
    shift = mean + float(np.euler_gamma) / shape
    return Fit(
        "weibull", {"shape": shape}, lambda x: np.asarray(-np.expm1(-np.exp(shape * (x - shift))))
    )


def _lognormal(mean: float, variance: float, looks: float) -> Fit:
    spread = float(np.sqrt(max(variance, 1e-9)))
    return Fit(
        "lognormal", {"deviation": spread}, lambda x: np.asarray(special.ndtr((x - mean) / spread))
    )


_FITS: dict[str, Callable[[float, float, float], Fit]] = {
    "rayleigh": _rayleigh,
    "gamma": _gamma,
    "k": _k,
    "g0": _g0,
    "weibull": _weibull,
    "lognormal": _lognormal,
}
