"""Side-looking geometry over a flat reference plane, plane wave front.

A point at ground range x and height z has slant range r = x sin(theta) - z cos(theta), with theta
the incidence angle from the vertical. Lengths in metres, angles in degrees; arrays broadcast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError

FloatArray = NDArray[np.float64]


def _trigonometry(incidence_angle_deg: float) -> tuple[float, float]:
    if not 0.0 < incidence_angle_deg < 90.0:
        raise InputError(f"incidence angle {incidence_angle_deg} is not between 0 and 90 degrees")
    theta = np.radians(incidence_angle_deg)
    return float(np.sin(theta)), float(np.cos(theta))


def slant_from_ground(
    ground_m: ArrayLike, incidence_angle_deg: float, height_m: ArrayLike = 0.0
) -> FloatArray:
    """Slant range of points: x sin(theta) - z cos(theta)."""
    sine, cosine = _trigonometry(incidence_angle_deg)
    return np.asarray(ground_m, np.float64) * sine - np.asarray(height_m, np.float64) * cosine


def ground_from_slant(slant_m: ArrayLike, incidence_angle_deg: float) -> FloatArray:
    """Ground range on the reference plane of slant ranges: r / sin(theta)."""
    sine, _ = _trigonometry(incidence_angle_deg)
    return np.asarray(slant_m, np.float64) / sine


def layover_slant(height_m: ArrayLike, incidence_angle_deg: float) -> FloatArray:
    """Slant extent h cos(theta) by which the top of a wall precedes its foot."""
    _, cosine = _trigonometry(incidence_angle_deg)
    return np.asarray(height_m, np.float64) * cosine


def layover_ground(height_m: ArrayLike, incidence_angle_deg: float) -> FloatArray:
    """The same on the reference plane: h / tan(theta)."""
    sine, cosine = _trigonometry(incidence_angle_deg)
    return np.asarray(height_m, np.float64) * (cosine / sine)


def shadow_ground(height_m: ArrayLike, incidence_angle_deg: float) -> FloatArray:
    """Length h tan(theta) of the shadow on flat ground behind a wall."""
    sine, cosine = _trigonometry(incidence_angle_deg)
    return np.asarray(height_m, np.float64) * (sine / cosine)


def shadow_slant(height_m: ArrayLike, incidence_angle_deg: float) -> FloatArray:
    """Slant extent h / cos(theta) from the top of a wall to the end of its shadow."""
    _, cosine = _trigonometry(incidence_angle_deg)
    return np.asarray(height_m, np.float64) / cosine


def foreshortening(slope_deg: ArrayLike, incidence_angle_deg: float) -> FloatArray:
    """Projected length of a slope over its horizontal length: 1 - tan(slope) / tan(theta).

    Slopes facing the radar are positive. One on level ground, zero where the slope equals the
    incidence angle, negative in layover.
    """
    sine, cosine = _trigonometry(incidence_angle_deg)
    slope = np.tan(np.radians(np.asarray(slope_deg, np.float64)))
    return np.asarray(1.0 - slope * (cosine / sine), np.float64)


def local_incidence_deg(slope_deg: ArrayLike, incidence_angle_deg: float) -> FloatArray:
    """Incidence on a slope in the range plane: theta - slope."""
    _trigonometry(incidence_angle_deg)
    return incidence_angle_deg - np.asarray(slope_deg, np.float64)
