"""One radar image as the evaluation takes it: linear power, and what its file says of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

FloatArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]

PixelMeaning = Literal["amplitude", "intensity", "db"]
"""What a pixel is proportional to; 'db' is 10 log10 of power."""

SMALLEST = 64
"""Least rows and columns: sixteen blocks of 16 x 16 for the speckle."""

MOST_PIXELS = 2**28
"""A file that claims more is not decoded."""


@dataclass(frozen=True)
class ClassMap:
    """What stands where in an image."""

    codes: NDArray[np.uint8]
    """[rows, columns], on the grid of the image."""
    names: Mapping[int, str]
    """What the codes mean."""

    @classmethod
    def whole(cls, name: str, shape: tuple[int, ...]) -> ClassMap:
        """An image that is of one class altogether."""
        return cls(np.broadcast_to(np.uint8(0), shape), {0: name})


@dataclass(frozen=True)
class RadarImage:
    """Power of one image and what is known of it."""

    name: str
    power: FloatArray
    """Linear power [rows, columns], any unit; NaN where there is no data."""
    looks: float | None = None
    calibration: str | None = None
    """'sigma_nought', 'uncalibrated', ...; None where nothing says."""
    own_scale: bool = False
    """True where the pixels were scaled for this image alone, so its level says nothing."""
    floor: float | None = None
    """Power below which the steps of the pixel scale blur everything; None for floats."""
    ceiling: float | None = None
    """Power at which the pixel scale ends; None for floats, which have no end."""
    complex: ComplexArray | None = None
    """Single-look complex pixels, whose squared modulus is ``power``."""
    caption: str | None = None
    """What the image is said to show: the prompt it was made from, or a caption."""
    classes: ClassMap | None = None

    def __post_init__(self) -> None:
        if self.power.ndim != 2 or min(self.power.shape) < SMALLEST:
            raise InputError(
                f"{self.name} has {' x '.join(map(str, self.power.shape))} pixels; "
                f"at least {SMALLEST} x {SMALLEST} are needed"
            )
        if self.classes is not None and self.classes.codes.shape != self.power.shape:
            raise InputError(
                f"the class map of {self.name} has {self.classes.codes.shape} pixels and the image "
                f"{self.power.shape}: a map lies on the grid of its image"
            )
        if not np.any(self.power > 0):
            raise InputError(f"{self.name} holds no power at all: take it out of the folder")


class Power(NamedTuple):
    """Linear power, and where the scale of integer pixels begins and ends."""

    values: FloatArray
    floor: float | None = None
    ceiling: float | None = None

    def times(self, factor: float) -> Power:
        """The same in another unit."""
        return Power(
            np.asarray(self.values * np.float32(factor), np.float32),
            None if self.floor is None else self.floor * factor,
            None if self.ceiling is None else self.ceiling * factor,
        )


def power_of_pixels(
    pixels: NDArray[Any],
    meaning: PixelMeaning,
    window_db: tuple[float, float] | None = None,
) -> Power:
    """Linear power of pixels.

    Integer pixels are moved by up to half a step, drawn from the pixels themselves: otherwise the
    comb that rounding leaves in the histogram of a logarithm would be measured, not the radar.

    Parameters
    ----------
    pixels
        [rows, columns], integers or floats.
    meaning
        What they are proportional to.
    window_db
        dB of the smallest and largest integer pixel; needed for integers in dB.

    Raises
    ------
    InputError
        For integers in dB without a window, or pixels that are no numbers.
    """
    values, top = _undithered(pixels) if np.any(pixels) else (pixels.astype(np.float32), None)
    if meaning == "db":
        if top is None:
            return Power(np.asarray(np.power(10.0, values / 10.0), np.float32))
        if window_db is None:
            raise InputError(
                "integer pixels in dB need the decibels of the lowest and the highest pixel value: "
                "--db-window LOW HIGH"
            )
        low, high = window_db
        decibels = low + values / top * (high - low)
        power = np.asarray(np.power(10.0, decibels / 10.0), np.float32)
        return Power(power, float(10 ** (low / 10)), float(10 ** (high / 10)))
    scaled = np.maximum(values, 0.0) / (top or 1.0)
    power = np.asarray(np.square(scaled) if meaning == "amplitude" else scaled, np.float32)
    if top is None:
        return Power(power)
    # below one and a half steps the rounding is larger than half the value
    lowest = 1.5 / top
    return Power(power, lowest**2 if meaning == "amplitude" else lowest, 1.0)


def _undithered(pixels: NDArray[Any]) -> tuple[FloatArray, float | None]:
    """Pixels as floats with their rounding undone at random, and the largest possible pixel."""
    if pixels.dtype.kind == "f":
        return np.asarray(pixels, np.float32), None
    if pixels.dtype.kind not in "ui":
        raise InputError(f"pixels of type {pixels.dtype} are no radar image")
    top = float(np.iinfo(pixels.dtype).max)
    seed = hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    values = pixels.astype(np.float32)
    shift = rng.random(pixels.shape, np.float32)
    shift -= np.float32(0.5)
    shift[pixels == 0] += np.float32(0.5)  # nothing lies below zero:
    shift[pixels == 0] *= np.float32(0.5)  # a zero stands for 0 .. 1/2
    shift[pixels == np.iinfo(pixels.dtype).max] = 0.0  # the end of the scale stays its end
    return values + shift, top
