"""Peak radar cross section of calibration targets, physical optics, in m^2.

Formulas as in Ruck et al., *Radar Cross Section Handbook*, and Knott, *Radar Cross Section*; they
hold for edges of several wavelengths. Side lengths in metres, frequency in GHz.
"""

from __future__ import annotations

import numpy as np

from ..errors import InputError

LIGHT_SPEED = 299_792_458.0
"""Metres per second."""


def wavelength(frequency_ghz: float) -> float:
    """Wavelength [m].

    Raises
    ------
    InputError
        If the frequency is not positive.
    """
    if not frequency_ghz > 0:
        raise InputError(f"frequency {frequency_ghz} GHz is not positive")
    return LIGHT_SPEED / (frequency_ghz * 1e9)


def triangular_trihedral(side_m: float, frequency_ghz: float) -> float:
    """Trihedral of three right triangles with legs a: 4 pi a^4 / (3 lambda^2)."""
    return float(4 * np.pi * side_m**4 / (3 * wavelength(frequency_ghz) ** 2))


def square_trihedral(side_m: float, frequency_ghz: float) -> float:
    """Trihedral of three squares of side a: 12 pi a^4 / lambda^2."""
    return float(12 * np.pi * side_m**4 / wavelength(frequency_ghz) ** 2)


def dihedral(height_m: float, width_m: float, frequency_ghz: float) -> float:
    """Dihedral of two plates of height a and width b: 8 pi a^2 b^2 / lambda^2."""
    return float(8 * np.pi * (height_m * width_m) ** 2 / wavelength(frequency_ghz) ** 2)


def plate(height_m: float, width_m: float, frequency_ghz: float) -> float:
    """Flat plate at normal incidence: 4 pi (a b)^2 / lambda^2."""
    return float(4 * np.pi * (height_m * width_m) ** 2 / wavelength(frequency_ghz) ** 2)


def to_dbsm(rcs_m2: float) -> float:
    """Decibels relative to one square metre.

    Raises
    ------
    InputError
        If the cross section is not positive.
    """
    if not rcs_m2 > 0:
        raise InputError(f"radar cross section {rcs_m2} m^2 is not positive")
    return float(10 * np.log10(rcs_m2))


def from_dbsm(rcs_dbsm: float) -> float:
    """Square metres."""
    return float(10 ** (rcs_dbsm / 10))
