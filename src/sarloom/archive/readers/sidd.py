"""Sensor Independent Derived Data: detected images on a ground grid in NITF.

NGA.STND.0025, versions 1 to 3. A SIDD is made to be looked at: most are remapped for a screen. Only
where the product says that its values are amplitude, or gives the table back to amplitude, is
``power`` that of the radar; otherwise ``notes`` says so and ``extra['reversible']`` is false.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import polynomial

from ...errors import FormatError, InputError, MissingExtraError
from ...records import Scene
from ..bands import band_of
from ..grid_map import GridGroundMap
from ..nitf import ImageSegment, Nitf, RawImage, first_image_name, raw_image, read_nitf
from ..safety import reading
from ..xml_fields import Fields, calibration_of, parse_xml, polarization_of
from .sicd import center_frequency_hz, sicd_fields

if TYPE_CHECKING:
    from ...records import Calibration, ComplexArray, FloatArray, Plane, PowerArray
    from ..sarkit_ground import GeodeticProjection, PlaneProjection, View

PIXEL_TYPES = {"MONO8I": ("INT", 8, 1), "MONO8LU": ("INT", 8, 1), "MONO16I": ("INT", 16, 1)}
"""PixelType of the XML -> PVTYPE, bits and values per pixel of the image subheader."""

LINEAR_REMAPS = ("LIN", "LINEAR", "NONE", "AMPLITUDE")
"""Names of remaps after which values are still proportional to amplitude."""

COLLECTION = "ExploitationFeatures/Collection"
MEASURES = {
    "PlaneProjection": "planar",
    "GeographicProjection": "geodetic",
    "CylindricalProjection": "cylindrical",
    "PolynomialProjection": "polynomial",
}
"""Element below Measurement, and the name of its grid."""


@dataclass(frozen=True)
class SiddPixels:
    """Windowed pixels of a SIDD."""

    raw: RawImage
    amplitudes: FloatArray | None
    """Amplitude of each of the 256 stored values, where the product gives it."""
    factor: float
    """From squared amplitude to the scene's calibration; 1 if it is uncalibrated."""

    def power(self, rows: slice, columns: slice) -> PowerArray:
        """Linear power [rows, columns]: the square of the amplitude, see the scene's notes."""
        stored = self.raw.read(rows, columns)
        power = np.square(stored.astype(np.float64))
        if self.amplitudes is not None:
            power = np.square(self.amplitudes)[stored]
        return np.asarray(power * self.factor, np.float32)

    def complex(self, rows: slice, columns: slice) -> ComplexArray:
        """Always an InputError: the product is detected."""
        raise InputError(
            f"{self.raw.path}: detected, so there is no phase; use the SICD it is from"
        )


class SiddReader:
    """Reader of one SIDD file: one scene for each product image."""

    name = "sidd"

    def claims(self, path: Path) -> bool:
        """Whether the first image segment of a NITF file is called SIDD."""
        return first_image_name(path).startswith("SIDD")

    def read(self, path: Path) -> list[Scene]:
        """Scenes of a SIDD file; no pixels are read.

        Raises
        ------
        FormatError
            If the file is truncated, compressed, a colour picture, or contradicts itself.
        MissingExtraError
            If sarkit is not installed.
        """
        try:
            import sarkit  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError("sarkit, which reads SICD and SIDD,", "archive") from error
        nitf = read_nitf(path)
        with reading(path, "the SIDD is damaged; fetch it again"):
            documents = [one for one in nitf.documents if b"urn:SIDD:" in one[:4096]]
            roots = [parse_xml(path, one) for one in documents]
            found = [Fields(path, root) for root in roots if str(root.tag).endswith("}SIDD")]
            if not found:
                raise FormatError(f"{path}: holds no SIDD metadata; fetch it again")
            frequency_hz = _frequency_hz(nitf)
            return [
                _scene(nitf, number, fields, frequency_hz)
                for number, fields in enumerate(found, start=1)
            ]


READER = SiddReader()


def _scene(nitf: Nitf, number: int, fields: Fields, frequency_hz: float | None) -> Scene:
    from .. import sarkit_ground

    raw, pixel_type = _raw(nitf, number, fields)
    kind, where = _measure(fields)
    middle = ((raw.shape[0] - 1) / 2, (raw.shape[1] - 1) / 2)
    exact, spacing_m = _projection(fields, kind, where)
    view = _view(fields, where, exact, spacing_m, middle) if exact else None
    azimuths = sarkit_ground.axis_azimuths(exact, *middle) if exact else None
    pixels, calibration, notes, extra = _pixels(fields, raw, pixel_type)
    if exact is None:
        notes.append(f"{kind} grid: not georeferenced by this reader")
    if len(list(fields.parts(COLLECTION))) > 1:
        notes.append("made from several collections: angles and time are those of the first")
    info = f"{COLLECTION}/Information"
    polarization = polarization_of(
        fields.text(f"{info}/Polarization/TxPolarization"),
        fields.text(f"{info}/Polarization/RcvPolarization"),
    )
    name = fields.text("ProductCreation/ProductName") or nitf.path.stem
    return Scene(
        path=nitf.path,
        reader=READER.name,
        identifier="_".join(filter(None, (name, f"{number:03d}", polarization))),
        shape=raw.shape,
        pixels=pixels,
        ground=GridGroundMap(exact, raw.shape) if exact else None,
        calibration=calibration,
        is_complex=False,
        plane=_plane(kind),
        row_spacing_m=spacing_m[0],
        column_spacing_m=spacing_m[1],
        range_axis=(
            sarkit_ground.range_axis_of(azimuths, view.range_azimuth_deg)
            if azimuths and view
            else None
        ),
        range_azimuth_deg=view.range_azimuth_deg if view else None,
        look_side=view.look_side if view else None,
        incidence_angle_deg=view.incidence_angle_deg if view else None,
        looks=None,
        row_resolution_m=fields.number("ExploitationFeatures/Product/Resolution/Row"),
        column_resolution_m=fields.number("ExploitationFeatures/Product/Resolution/Col"),
        band=band_of(frequency_hz),
        center_frequency_hz=frequency_hz,
        polarization=polarization,
        platform=fields.text(f"{info}/SensorName"),
        instrument_mode=fields.text(f"{info}/RadarMode/ModeType"),
        time=fields.time(f"{info}/CollectionDateTime"),
        footprint=sarkit_ground.corners(exact, raw.shape) if exact else None,
        crs="EPSG:4326" if isinstance(exact, sarkit_ground.GeodeticProjection) else None,
        transform=_transform(exact),
        notes=tuple(notes),
        extra={"grid": kind, **extra},
    )


def _raw(nitf: Nitf, number: int, fields: Fields) -> tuple[RawImage, str]:
    """The stored image, after comparing the XML with the image segments."""
    pixel_type = fields.text("Display/PixelType") or ""
    if pixel_type.startswith("RGB"):
        raise FormatError(
            f"{nitf.path}: is a colour picture ({pixel_type}), not radar amplitude; use a product "
            "with MONO pixels"
        )
    if pixel_type not in PIXEL_TYPES:
        raise fields.error("Display/PixelType", f"{pixel_type!r} is none of {list(PIXEL_TYPES)}")
    footprint = "Measurement/PixelFootprint"
    shape = (fields.need_count(f"{footprint}/Row"), fields.need_count(f"{footprint}/Col"))
    coding = PIXEL_TYPES[pixel_type]
    dtype = np.dtype(">u2" if coding[1] == 16 else "u1")
    segments = [image for image in nitf.images if _belongs(image, number)]
    segments.sort(key=lambda image: image.name)
    return raw_image(nitf.path, segments, shape, dtype, coding), pixel_type


def _belongs(image: ImageSegment, number: int) -> bool:
    return image.name.startswith(f"SIDD{number:03d}") and image.category == "SAR"


def _measure(fields: Fields) -> tuple[str, str]:
    """Name of the grid and path of the element that describes it."""
    for element, kind in MEASURES.items():
        if fields.find(f"Measurement/{element}") is not None:
            return kind, f"Measurement/{element}"
    raise fields.error("Measurement", "describes no grid")


def _projection(
    fields: Fields, kind: str, where: str
) -> tuple[PlaneProjection | GeodeticProjection | None, tuple[float | None, float | None]]:
    """Where pixels lie, and their spacing [m] along rows and columns."""
    from sarkit import wgs84

    from ..sarkit_ground import METRES_PER_DEGREE, GeodeticProjection, PlaneProjection

    if kind == "polynomial":
        return None, (None, None)
    pixel = fields.need_vector(f"{where}/ReferencePoint/Point", "Row Col")
    spacing = [fields.need_positive(f"{where}/SampleSpacing/{axis}") for axis in ("Row", "Col")]
    if kind == "cylindrical":
        return None, (spacing[0], spacing[1])
    reference = fields.need_vector(f"{where}/ReferencePoint/ECEF")
    lat, lon, hae = (float(value) for value in wgs84.cartesian_to_geodetic(reference))
    if not abs(hae) < 20_000:
        raise fields.error(f"{where}/ReferencePoint/ECEF", f"lies {hae:.0f} m above the ground")
    at = (float(pixel[0]), float(pixel[1]))
    if kind == "geodetic":
        degrees = (spacing[0] / 3600, spacing[1] / 3600)  # the standard has seconds of arc
        metres = (
            degrees[0] * METRES_PER_DEGREE,
            degrees[1] * METRES_PER_DEGREE * float(np.cos(np.radians(lat))),
        )
        return GeodeticProjection(lon, lat, at, degrees), metres
    row = fields.need_unit_vector(f"{where}/ProductPlane/RowUnitVector")
    column = fields.need_unit_vector(f"{where}/ProductPlane/ColUnitVector")
    if abs(float(row @ column)) > 1e-3:
        raise fields.error(f"{where}/ProductPlane", "has axes that are not at right angles")
    plane = PlaneProjection(
        reference=reference,
        pixel=at,
        spacing_m=(spacing[0], spacing[1]),
        row_direction=row,
        column_direction=column,
        time_polynomial=fields.need_polynomial(f"{where}/TimeCOAPoly"),
        track=fields.need_track("Measurement/ARPPoly"),
    )
    return plane, plane.spacing_m


def _view(
    fields: Fields,
    where: str,
    exact: PlaneProjection | GeodeticProjection,
    spacing_m: tuple[float | None, float | None],
    middle: tuple[float, float],
) -> View:
    """Geometry at the centre of the image."""
    from sarkit import wgs84

    from ..sarkit_ground import antenna_at, view_of

    lon, lat = exact.to_ground(np.array([middle[0]]), np.array([middle[1]]))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise fields.error(where, "places the image nowhere on the ground")
    reference = fields.need_vector(f"{where}/ReferencePoint/ECEF")
    pixel = fields.need_vector(f"{where}/ReferencePoint/Point", "Row Col")
    row_m, column_m = ((middle[axis] - pixel[axis]) * (spacing_m[axis] or 1.0) for axis in (0, 1))
    time_s = polynomial.polyval2d(row_m, column_m, fields.need_polynomial(f"{where}/TimeCOAPoly"))
    position, velocity = antenna_at(fields.need_track("Measurement/ARPPoly"), np.asarray(time_s))
    height_m = float(wgs84.cartesian_to_geodetic(reference)[2])
    view = view_of(position, velocity, float(lon[0]), float(lat[0]), height_m)
    if not view.incidence_angle_deg < 90:
        raise fields.error("Measurement/ARPPoly", "puts the antenna below the horizon")
    return view


def _pixels(
    fields: Fields, raw: RawImage, pixel_type: str
) -> tuple[SiddPixels, Calibration, list[str], dict[str, Any]]:
    """Pixels, what their power means, notes on it, and what else is worth keeping."""
    remap, amplitudes, reversible = _remap(fields, pixel_type)
    notes = []
    if not reversible:
        notes.append(
            f"remapped for display ({remap or 'how is not stated'}): power is the square of the "
            "displayed value, not that of the radar"
        )
    factor, calibration = _calibration(fields) if reversible else (1.0, "uncalibrated")
    if calibration == "uncalibrated" and reversible:
        notes.append("no constant radiometric factor: power is uncalibrated")
    pixels = SiddPixels(raw, amplitudes, factor)
    extra = {"pixel_type": pixel_type, "display_remap": remap, "reversible": reversible}
    return pixels, calibration, notes, extra


def _remap(fields: Fields, pixel_type: str) -> tuple[str | None, FloatArray | None, bool]:
    """Name of the display remap, table back to amplitude, and whether values are amplitude.

    Version 1 says that 16 bits are not remapped, and that the table of LLG (lin-log) leads back to
    amplitude. Those of PEDF and NRL lead to the density on a screen, which is no amplitude.
    """
    first = "Display/RemapInformation/MonochromeDisplayRemap"
    later = "Display/NonInteractiveProcessing/ProductGenerationOptions/DataRemapping/LUTName"
    name = fields.text(f"{first}/RemapType") or fields.text(later)
    if name is None:
        return None, None, pixel_type == "MONO16I"
    if name.upper() in LINEAR_REMAPS:
        return name, None, True
    table = fields.text(f"{first}/RemapLUT")
    if name.upper() == "LLG" and table and pixel_type == "MONO8LU":
        values = np.array([float(value) for value in table.split()])
        if values.shape != (256,) or not np.isfinite(values).all():
            raise fields.error(f"{first}/RemapLUT", "does not give 256 amplitudes")
        return name, values, True
    return name, None, False


def _calibration(fields: Fields) -> tuple[float, Calibration]:
    """Factor that turns squared amplitude into sigma, beta or gamma nought; 1 if uncalibrated.

    Only a constant is taken: for polynomials the standard does not say over which coordinates.
    """
    factor, calibration = calibration_of(fields)
    if factor is None or factor.size != 1:
        return 1.0, "uncalibrated"
    if not factor[0, 0] > 0:
        raise fields.error("Radiometric", "has a factor that is not above zero")
    return float(factor[0, 0]), calibration


def _frequency_hz(nitf: Nitf) -> float | None:
    """Centre frequency by the SICD metadata that a SIDD may carry; a SIDD itself states none."""
    try:
        return center_frequency_hz(sicd_fields(nitf)[0])
    except FormatError:
        return None


def _plane(kind: str) -> Plane:
    return "geocoded" if kind == "geodetic" else "ground"


def _transform(exact: Any) -> tuple[float, float, float, float, float, float] | None:
    """rasterio's transform to the corner of the first pixel, of a geodetic grid."""
    from ..sarkit_ground import GeodeticProjection

    if not isinstance(exact, GeodeticProjection):
        return None
    lon, lat = exact.to_ground(np.array([-0.5]), np.array([-0.5]))
    return (exact.spacing_deg[1], 0.0, float(lon[0]), 0.0, -exact.spacing_deg[0], float(lat[0]))
