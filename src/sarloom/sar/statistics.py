"""Laws of textured clutter: K (gamma texture) and G0 (inverse-gamma texture), by log-cumulants.

Intensity is speckle of L looks times texture of unit mean. Moments of heavy tails converge badly;
cumulants of ln I do not, and add over the factors (Nicolas, *Application de la transformee de
Mellin*, 2002):

    kappa_r(speckle) = psi_(r-1)(L), kappa_r(gamma texture) = psi_(r-1)(nu),
    kappa_r(inverse-gamma texture) = (-1)^r psi_(r-1)(M).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from ..errors import InputError


@dataclass(frozen=True)
class LogCumulants:
    """First three cumulants of ln I."""

    first: float
    second: float
    third: float


def k_cv_squared(looks: float, order: float) -> float:
    """Squared coefficient of variation of K-distributed intensity: 1/L + 1/nu + 1/(L nu)."""
    return 1.0 / looks + 1.0 / order + 1.0 / (looks * order)


def k_log_cumulants(looks: float, order: float) -> LogCumulants:
    """Log-cumulants of unit-mean K intensity of ``looks`` and texture order nu."""
    return LogCumulants(
        float(special.digamma(looks) - np.log(looks) + special.digamma(order) - np.log(order)),
        float(special.polygamma(1, looks) + special.polygamma(1, order)),
        float(special.polygamma(2, looks) + special.polygamma(2, order)),
    )


def g0_log_cumulants(looks: float, order: float) -> LogCumulants:
    """Log-cumulants of unit-mean G0 (Fisher) intensity of ``looks`` and order M.

    Raises
    ------
    InputError
        If the order is not above one, where the mean does not exist.
    """
    if order <= 1:
        raise InputError(f"G0 of order {order} has no mean; the order must be above 1")
    return LogCumulants(
        float(special.digamma(looks) - np.log(looks) + np.log(order - 1) - special.digamma(order)),
        float(special.polygamma(1, looks) + special.polygamma(1, order)),
        float(special.polygamma(2, looks) - special.polygamma(2, order)),
    )


def log_cumulants(power: NDArray[np.float32]) -> LogCumulants:
    """Sample log-cumulants of the positive values of an intensity image.

    Raises
    ------
    InputError
        If fewer than two values are positive.
    """
    values = np.asarray(power, np.float64)
    values = np.log(values[values > 0])
    if values.size < 2:
        raise InputError("log-cumulants need at least two positive intensities")
    mean = values.mean()
    centred = values - mean
    return LogCumulants(float(mean), float(np.mean(centred**2)), float(np.mean(centred**3)))


def estimate_texture_order(power: NDArray[np.float32], looks: float) -> float:
    """Order nu of K texture from the second log-cumulant; infinite where there is no texture."""
    excess = log_cumulants(power).second - float(special.polygamma(1, looks))
    if excess <= special.polygamma(1, 1e4):
        return float("inf")
    low, high = 1e-3, 1e4
    if excess >= special.polygamma(1, low):
        return low
    root = optimize.brentq(lambda nu: float(special.polygamma(1, nu)) - excess, low, high)
    return float(root)
