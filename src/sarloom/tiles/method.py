"""Which resampling keeps the law of speckle, and the refusal where none does.

For each axis: pixels are copied where the spacings agree, averaged by area where the grid is
coarser, interpolated before detection where it is finer (or a little coarser, so that no beat of
one- and two-pixel averages appears) and the complex data are oversampled. Everything else would
give speckle that its looks do not describe; it needs ``force`` and is then nearest neighbour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ..errors import InputError
from .resample import RESOLUTION_TO_CELL, Band, measure_band

if TYPE_CHECKING:
    from ..records import Scene
    from .axis import Axis, AxisMethod

Method = Literal["auto", "multilook", "flip", "complex", "nearest"]
METHODS: tuple[Method, ...] = ("auto", "multilook", "flip", "complex", "nearest")
MIN_OVERSAMPLING = 1.1
"""Below it the interpolation kernel has no room between the band and its repetition."""
MIN_OBLIQUE_FACTOR = 3.0
"""A turned average over fewer pixels than this per axis is not an average of whole pixels."""
_PROBE = 256
"""Side of the windows in which the occupied band is measured."""


def oversampling(scene: Scene) -> tuple[float, float]:
    """Sampling rate over occupied band along (rows, columns), before detection.

    Measured on five windows of complex data, the widest band counting; of detected data what
    resolution and spacing tell, one where they do not.
    """
    if scene.is_complex:
        bands = [band for band in _probed(scene) if band is not None]
        if bands:
            return (
                min(rows.oversampling for rows, _ in bands),
                min(columns.oversampling for _, columns in bands),
            )
    stated = (
        (scene.row_resolution_m, scene.row_spacing_m),
        (scene.column_resolution_m, scene.column_spacing_m),
    )
    found = [
        1.0 if not size or not step else max(1.0, size * RESOLUTION_TO_CELL / step)
        for size, step in stated
    ]
    return found[0], found[1]


def _probed(scene: Scene) -> list[tuple[Band, Band] | None]:
    """Bands in the centre and half way to the corners."""
    found: list[tuple[Band, Band] | None] = []
    for down, across in ((0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)):
        window = [
            slice(max(0, round(n * place) - _PROBE // 2), min(n, round(n * place) + _PROBE // 2))
            for n, place in zip(scene.shape, (down, across), strict=True)
        ]
        field = scene.pixels.complex(window[0], window[1])
        try:
            found.append((measure_band(field, 0), measure_band(field, 1)))
        except InputError:
            found.append(None)  # no data there
    return found


def axis_method(
    scene: Scene,
    wanted: Method,
    axis: Axis,
    force: bool,
    finest_m: float,
) -> AxisMethod:
    """How one axis is resampled.

    Parameters
    ----------
    axis
        With the output spacing set.
    finest_m
        Finest spacing that needs no interpolation, for the message.

    Raises
    ------
    InputError
        If nothing keeps the law of speckle, or ``wanted`` does not apply.
    """
    if wanted == "nearest":
        return "nearest"
    factor, rate, spacing_m = axis.least_factor(), axis.oversampling, axis.spacing_m
    can_interpolate = scene.is_complex and rate >= MIN_OVERSAMPLING
    if wanted == "complex":
        if can_interpolate:
            return "sinc"
        if force:
            return "nearest"
        raise InputError(_refusal(scene, spacing_m, finest_m, rate))
    if axis.whole and factor == 1.0:
        return "copy"
    if wanted == "flip":
        raise InputError(
            f"{scene.path}: method 'flip' copies pixels, and {spacing_m:g} m is not the product's "
            f"ground spacing; ask for its own spacing or for method 'multilook'"
        )
    beats = factor < 2.0 and not axis.whole
    if wanted == "auto" and can_interpolate and (factor < 1.0 or (beats and factor <= rate)):
        return "sinc"
    if factor >= 1.0 - 1e-6:
        return "area"
    if force:
        return "nearest"
    raise InputError(_refusal(scene, spacing_m, finest_m, rate))


def oblique_method(
    scene: Scene,
    wanted: Method,
    factors: tuple[float, float],
    rates: tuple[float, float],
    force: bool,
    spacing_m: float,
) -> AxisMethod:
    """How a grid that is turned against the pixels is resampled.

    Raises
    ------
    InputError
        If nothing keeps the law of speckle.
    """
    coarse = min(factors) >= MIN_OBLIQUE_FACTOR
    can_interpolate = scene.is_complex and min(rates) >= MIN_OVERSAMPLING
    if wanted == "nearest":
        return "nearest"
    if wanted == "complex" or (wanted == "auto" and not coarse):
        if can_interpolate:
            return "sinc"
    elif wanted in ("auto", "multilook") and coarse:
        return "area"
    if force:
        return "nearest"
    least = MIN_OBLIQUE_FACTOR * spacing_m / min(factors)
    raise InputError(
        f"{scene.path}: turning it to {spacing_m:g} m would smooth its speckle; ask for a spacing "
        f"of {np.ceil(least * 100) / 100:g} m or more, or leave range oblique (no rotation), or "
        "force nearest neighbour with --force"
    )


def _refusal(scene: Scene, spacing_m: float, finest_m: float, rate: float) -> str:
    """Why not, and what instead."""
    why = "detected" if not scene.is_complex else f"sampled only {rate:.2f} times its band"
    return (
        f"{scene.path}: {spacing_m:g} m is finer than its ground spacing and the data are {why}, "
        f"so interpolation would break the speckle; ask for a spacing of "
        f"{np.ceil(finest_m * 100 - 1e-6) / 100:g} m or more, or force nearest neighbour with "
        "--force"
    )
