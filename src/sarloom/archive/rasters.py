"""From a raster file and what is stated about it to scenes: what all raster readers share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from ..errors import FormatError, InputError
from ..records import GroundMap, RangeAxis, Scene
from .bands import band_of
from .facts import POLARIZATIONS, Facts
from .ground import AffineGround, FittedGround, corners_of, ground_spacing_m
from .raster import Conversion, RasterFile, RasterPixels, StoredImage
from .safety import reading

MAX_CHANNELS = 4
"""Bands of an image that states nothing: up to the four of a quad-polarised radar."""
AXIS_TOLERANCE_DEG = 2.0
"""How far range may point away from an array axis and still be said to lie along it."""
CONTRADICTION_DEG = 60.0
"""Squint turns the line of sight away from the range axis by up to 45 degrees; more is an error."""
NOMINAL_SPACING_TOLERANCE = 2e-3
"""A map projection's scale, 0.9996 for UTM, is not the product's spacing; Mercator's is."""

DESCRIBE = "say so in a TOML beside it (docs/readers.md)"


@dataclass(frozen=True)
class Placement:
    """Where an image lies, and how that is known."""

    ground: GroundMap | None = None
    crs: str | None = None
    transform: tuple[float, float, float, float, float, float] | None = None
    notes: tuple[str, ...] = ()


def scenes_of(
    path: Path, reader: str, facts: Facts, file: StoredImage | None = None
) -> list[Scene]:
    """One scene for each channel of a raster.

    Parameters
    ----------
    path
        The raster.
    reader
        Name of the reader, for the scenes.
    facts
        What is stated beside the file's own georeference.
    file
        Already opened access; by default the raster is opened with rasterio.

    Raises
    ------
    FormatError
        If the file is damaged or facts contradict it or one another.
    InputError
        If it is no radar image, as far as can be told.
    """
    image = RasterFile(path) if file is None else file
    with reading(path, "its header is damaged; fetch it again"):
        channels = _channels(path, image, facts)
        placement = _place(path, image, facts)
        return [
            _scene(path, reader, image, channel, index, len(channels), facts, placement)
            for index, channel in enumerate(channels)
        ]


def conversion_of(path: Path, image: StoredImage, channel: int, facts: Facts) -> Conversion:
    """What the numbers of a channel mean as power.

    Raises
    ------
    FormatError
        If a scaling is stated that does not fit the numbers.
    """
    dtype = image.dtype(channel)
    is_complex = dtype.kind == "c"
    quantity = facts.quantity or ("complex" if is_complex else "amplitude")
    if is_complex != (quantity == "complex"):
        raise FormatError(f"{path}: quantity {quantity!r} does not fit numbers of type {dtype}")
    is_calibrated = facts.calibration not in (None, "uncalibrated")
    if is_calibrated and facts.quantity is None and not is_complex:
        raise FormatError(
            f"{path}: calibration {facts.calibration!r} is stated but not the quantity "
            "(amplitude, intensity or db); state both"
        )
    slope, offset = image.scaling(channel)
    slope = slope if facts.slope is None else facts.slope
    offset = offset if facts.offset is None else facts.offset
    full = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
    if facts.full_scale_amplitude is not None:
        if quantity != "amplitude":
            raise FormatError(f'{path}: full_scale_amplitude needs quantity = "amplitude"')
        slope, offset = facts.full_scale_amplitude / full, 0.0
    if facts.decibels_at_zero is not None and facts.decibels_at_full_scale is not None:
        if quantity != "db":
            raise FormatError(f'{path}: decibels_at_full_scale needs quantity = "db"')
        offset = facts.decibels_at_zero
        slope = (facts.decibels_at_full_scale - offset) / full
    return Conversion(
        quantity,
        factor=1.0 if facts.factor is None else facts.factor,
        slope=slope,
        offset=offset,
        exponent=1.0 if facts.exponent is None else facts.exponent,
        nodata=facts.nodata,
        assumed=facts.quantity is None and not is_complex,
    )


def _channels(path: Path, image: StoredImage, facts: Facts) -> tuple[int, ...]:
    """Bands that are radar channels."""
    if facts.bands is not None:
        if not facts.bands or not all(1 <= band <= image.count for band in facts.bands):
            raise FormatError(f"{path}: bands {list(facts.bands)} of {image.count}")
        return facts.bands
    if facts.quantity in ("iq", "amplitude_phase"):
        if image.count != 2:
            raise FormatError(f"{path}: {facts.quantity!r} needs 2 bands, not {image.count}")
        return (1,)
    colours = image.colours()
    if "red" in colours or "palette" in colours:
        raise InputError(
            f"{path}: a colour picture, not a radar image; if its bands are equal, state "
            "bands = [1] in a TOML beside it, or give it as an optical source"
        )
    bands = tuple(band for band, use in enumerate(colours, 1) if use != "alpha")
    if len(bands) > MAX_CHANNELS:
        raise InputError(
            f"{path}: {len(bands)} bands are no radar image as far as can be told; if they are, "
            "state which bands are channels, for example bands = [1, 2], in a TOML beside it"
        )
    return bands


def _place(path: Path, image: StoredImage, facts: Facts) -> Placement:
    """The ground map: what is stated first, then the file's own, the exact before the fitted."""
    rows, columns = image.shape
    if facts.points is not None:
        return _fitted(path, facts.points, "through stated points")
    if facts.corners is not None and facts.transform is None:
        last_row, last_column = rows - 0.5, columns - 0.5
        edges = ((-0.5, -0.5), (-0.5, last_column), (last_row, last_column), (last_row, -0.5))
        points = tuple((*edge, *place) for edge, place in zip(edges, facts.corners, strict=True))
        return _fitted(path, points, "through its stated corners")
    crs = facts.crs or image.crs()
    transform = facts.transform or image.transform()
    if transform is not None and crs is not None:
        try:
            return Placement(AffineGround(transform, crs), crs, transform)
        except FormatError as error:
            if facts.crs is not None or facts.transform is not None:
                raise FormatError(f"{path}: {error}") from error
            return Placement(notes=(f"not georeferenced: {error}",))
    try:
        points, how = image.points()
    except FormatError as error:
        return Placement(notes=(f"not georeferenced: {error}",))
    if points:
        return _fitted(path, points, how)
    if transform is not None:
        return Placement(notes=("a geotransform without a coordinate system: not georeferenced",))
    return Placement(notes=("not georeferenced",))


def _fitted(
    path: Path, points: tuple[tuple[float, float, float, float], ...], how: str
) -> Placement:
    rows, columns, lon, lat = np.array(points, np.float64).T
    try:
        ground = FittedGround(rows, columns, lon, lat)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    note = f"georeferenced {how}, which fit to {ground.residual_m:.3g} m"
    return Placement(ground, notes=(note,))


def _scene(
    path: Path, reader: str, image: StoredImage, channel: int, index: int, count: int,
    facts: Facts, placement: Placement,
) -> Scene:  # fmt: skip
    conversion = conversion_of(path, image, channel, facts)
    polarization = _polarization(path, image, channel, index, count, facts)
    base = facts.identifier or path.stem
    shown = polarization if polarization and polarization not in base.upper() else None
    suffix = shown or (f"band{channel}" if count > 1 and not polarization else None)
    footprint = corners_of(placement.ground, image.shape) if placement.ground else facts.corners
    notes = [*facts.notes, *placement.notes]
    if placement.ground is not None and footprint is None:
        notes.append("its corners lie outside its coordinate system: not georeferenced")
        placement = Placement()
    spacing = _spacing(image, facts, placement, notes)
    axis, azimuth = _direction(path, image, facts, placement)
    if conversion.assumed:
        notes.append(f"numbers taken as amplitude, uncalibrated; if they are not, {DESCRIBE}")
    elif facts.calibration is None:
        notes.append("calibration not stated: uncalibrated")
    return Scene(
        path=path,
        reader=reader,
        identifier=f"{base}-{suffix}" if suffix else base,
        shape=image.shape,
        pixels=RasterPixels(image, channel, conversion),
        ground=placement.ground,
        calibration=facts.calibration or "uncalibrated",
        is_complex=conversion.is_complex,
        plane=facts.plane or ("geocoded" if placement.transform is not None else "ground"),
        row_spacing_m=spacing[0],
        column_spacing_m=spacing[1],
        range_axis=axis,
        range_azimuth_deg=azimuth,
        look_side=cast(Literal["left", "right"] | None, facts.look_side),
        incidence_angle_deg=facts.incidence_angle_deg,
        looks=facts.looks,
        row_resolution_m=facts.row_resolution_m,
        column_resolution_m=facts.column_resolution_m,
        band=facts.band or band_of(facts.center_frequency_hz),
        center_frequency_hz=facts.center_frequency_hz,
        polarization=polarization,
        platform=facts.platform,
        instrument_mode=facts.instrument_mode,
        time=facts.time,
        footprint=footprint,
        crs=placement.crs,
        transform=placement.transform,
        synthetic=bool(facts.synthetic),
        notes=tuple(dict.fromkeys(notes)),
        extra={
            "channel": channel, "quantity": conversion.quantity,
            "has_nodata": image.nodata(channel) is not None or facts.nodata is not None,
            **facts.extra,
        },
    )  # fmt: skip


def _polarization(
    path: Path, image: StoredImage, channel: int, index: int, count: int, facts: Facts
) -> str | None:
    stated = facts.polarizations
    if stated:
        if len(stated) not in (1, count):
            raise FormatError(f"{path}: {len(stated)} polarisations for {count} channels")
        return stated[index] if len(stated) == count else stated[0]
    words = re.split(r"[^A-Z]+", (image.description(channel) or "").upper())
    found = [word for word in words if word in POLARIZATIONS]
    return found[0] if len(found) == 1 else None


def _spacing(
    image: StoredImage, facts: Facts, placement: Placement, notes: list[str]
) -> tuple[float | None, float | None]:
    """Row and column spacing: stated, nominal of the transform, or measured on the ground."""
    stated = (facts.row_spacing_m, facts.column_spacing_m)
    if placement.ground is None or facts.plane == "slant" or None not in stated:
        return stated
    rows, columns = image.shape
    measured = ground_spacing_m(placement.ground, (rows - 1) / 2, (columns - 1) / 2)
    if measured is None:
        return stated
    row, column = measured[0], measured[1]
    if placement.transform is not None:
        a, b, _, d, e, _ = placement.transform
        nominal = float(np.hypot(b, e)), float(np.hypot(a, d))
        off = max(abs(nominal[0] / row - 1), abs(nominal[1] / column - 1))
        if off < NOMINAL_SPACING_TOLERANCE:
            row, column = nominal
    if facts.plane is None and placement.transform is None:
        notes.append("spacing measured on the ground at the centre")
    return stated[0] or row, stated[1] or column


def _direction(
    path: Path, image: StoredImage, facts: Facts, placement: Placement
) -> tuple[RangeAxis | None, float | None]:
    """Range axis and azimuth, each from the other where the ground map allows.

    Raises
    ------
    FormatError
        If both are stated and contradict each other.
    """
    axis, azimuth = facts.range_axis, facts.range_azimuth_deg
    if placement.ground is None:
        return axis, azimuth
    rows, columns = image.shape
    measured = ground_spacing_m(placement.ground, (rows - 1) / 2, (columns - 1) / 2)
    if measured is None:
        return axis, azimuth
    along: dict[RangeAxis, float] = {
        "+row": measured[2],
        "-row": (measured[2] + 180) % 360,
        "+column": measured[3],
        "-column": (measured[3] + 180) % 360,
    }
    if axis is not None and azimuth is None:
        return axis, along[axis]
    if axis is not None and azimuth is not None:
        if _angle_between(along[axis], azimuth) > CONTRADICTION_DEG:
            raise FormatError(
                f"{path}: range is said to grow along {axis}, towards {along[axis]:.0f} degrees, "
                f"and also towards {azimuth:.0f} degrees; correct one of them"
            )
    elif azimuth is not None:
        nearest = min(along, key=lambda name: _angle_between(along[name], azimuth))
        if _angle_between(along[nearest], azimuth) <= AXIS_TOLERANCE_DEG:
            axis = nearest
    return axis, azimuth


def _angle_between(one_deg: float, other_deg: float) -> float:
    return abs((one_deg - other_deg + 180.0) % 360.0 - 180.0)


def tags_of(path: Path) -> dict[str, Any]:
    """Tags of a TIFF, rasterio's names; empty for an image of another kind.

    Raises
    ------
    FormatError
        If the file is damaged.
    """
    with reading(path, "its tags are damaged; fetch it again"):
        return dict(RasterFile(path).opened.tags())
