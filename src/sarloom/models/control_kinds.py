"""What an image can be guided by: kinds of pictures, and numbers of the acquisition.

A control network reads one stack of channels. Each kind has its place in it, so one network can
serve several, and what is not given is zero there. Numbers are told to the U-Net itself
(:mod:`~sarloom.models.numbers`): as planes of one value in that stack they were not followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

LOW_DB, HIGH_DB = -35.0, 15.0
"""Ends of the decibel scale of radar conditions."""
TYPICAL_DB = -12.0
"""Median given to radar conditions of unknown level."""
POLARIZATIONS = {"HH": (-1.0, -1.0), "HV": (-1.0, 1.0), "VH": (1.0, -1.0), "VV": (1.0, 1.0)}
"""Transmitted and received: horizontal -1, vertical 1; 0 is left for a number not given."""


@dataclass(frozen=True)
class Kind:
    """A kind of picture; its pixels are u in [0, 1]."""

    name: str
    channels: int
    summary: str


@dataclass(frozen=True)
class Number:
    """A number of the acquisition and how it becomes values in [-1, 1]; never 0 in all of them."""

    name: str
    """Column of a tile set."""
    channels: int
    encode: Callable[[float | str], tuple[float, ...]]
    flag: str
    """Option of ``sarloom generate``."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("sketch", 1, "white lines on black"),
        Kind("segmentation", 3, "classes in the colours of the legend"),
        Kind("optical", 3, "optical picture, sRGB"),
        Kind("satellite", 1, "coarser radar image, decibels from black -35 to white 15"),
        Kind("simulated", 1, "simulated radar image, decibels from black -35 to white 15"),
    )
}


def _linear(low: float, high: float, name: str) -> Callable[[float | str], tuple[float, ...]]:
    """Between two ends from 0.2 to 1."""

    def encode(value: float | str) -> tuple[float, ...]:
        number = float(value)
        if not low <= number <= high:
            raise InputError(f"{name} {number:g} lies outside {low:g} to {high:g}")
        return (0.2 + 0.8 * (number - low) / (high - low),)

    return encode


def _logarithmic(low: float, high: float, name: str) -> Callable[[float | str], tuple[float, ...]]:
    linear = _linear(math.log(low), math.log(high), name)

    def encode(value: float | str) -> tuple[float, ...]:
        number = float(value)
        if not low <= number <= high:
            raise InputError(f"{name} {number:g} lies outside {low:g} to {high:g}")
        # rounding may carry the logarithm of an end beyond it
        return linear(min(max(math.log(number), math.log(low)), math.log(high)))

    return encode


def _direction(value: float | str) -> tuple[float, ...]:
    angle = math.radians(float(value))
    return math.cos(angle), math.sin(angle)


def _polarization(value: float | str) -> tuple[float, ...]:
    planes = POLARIZATIONS.get(str(value).upper())
    if planes is None:
        raise InputError(f"polarization {value!r} is none of {', '.join(POLARIZATIONS)}")
    return planes


NUMBERS: dict[str, Number] = {
    number.name: number
    for number in (
        Number(
            "incidence_angle_deg", 1, _linear(10.0, 85.0, "incidence angle [deg]"),
            "--incidence-deg",
        ),
        Number("range_azimuth_deg", 2, _direction, "--look-azimuth-deg"),
        Number("spacing_m", 1, _logarithmic(0.05, 50.0, "spacing [m]"), "--spacing-m"),
        Number("looks", 1, _logarithmic(0.5, 1000.0, "looks"), "--looks"),
        Number("polarization", 2, _polarization, "--polarization"),
    )
}  # fmt: skip


def decibel_pixels(power: FloatArray, calibrated: bool) -> FloatArray:
    """Radar power as pixels of a condition; power of unknown level gets a median of -12 dB."""
    import numpy as np

    if not calibrated:
        known = power[power > 0]
        median = float(np.median(known)) if known.size else 1.0
        power = power * np.float32(10 ** (TYPICAL_DB / 10) / median)
    decibels = 10.0 * np.log10(np.maximum(power, 1e-12))
    return np.asarray(np.clip((decibels - LOW_DB) / (HIGH_DB - LOW_DB), 0.0, 1.0), np.float32)


def check_kinds(kinds: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    """Check names of kinds and numbers.

    Raises
    ------
    InputError
        Naming those that exist.
    """
    for given, known, what in ((kinds, KINDS, "condition"), (numbers, NUMBERS, "number")):
        for name in given:
            if name not in known:
                raise InputError(f"{what} {name!r} is not known; there are: {', '.join(known)}")
        if len(set(given)) < len(given):
            raise InputError(f"a {what} is named twice: {', '.join(given)}")
