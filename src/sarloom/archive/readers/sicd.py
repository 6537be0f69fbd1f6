"""Sensor Independent Complex Data: single-look complex images in NITF, with their whole geometry.

NGA.STND.0024: Volume 1 (XML), Volume 2 (NITF), Volume 3 (projections, by sarkit). Versions 0.4 to
1.5. Rows are range, columns azimuth. Calibration is that of ``Radiometric/SigmaZeroSFPoly``,
evaluated at every pixel; without it that of the polynomial for beta or gamma nought; a product with
none is uncalibrated.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import FormatError, MissingExtraError
from ...records import Scene
from ..bands import band_of
from ..grid_map import GridGroundMap
from ..nitf import Nitf, RawImage, first_image_name, raw_image, read_nitf
from ..safety import reading
from ..sicd_pixels import STORED, SicdPixels, covers
from ..xml_fields import Fields, calibration_of, parse_xml, polarization_of

if TYPE_CHECKING:
    from ...records import Calibration, FloatArray, Plane
    from ..sarkit_ground import SicdProjection, View

PIXEL_TYPES: dict[str, tuple[str, int, int]] = {
    "RE32F_IM32F": ("R", 32, 2),
    "RE16I_IM16I": ("SI", 16, 2),
    "AMP8I_PHS8I": ("INT", 8, 2),
}
"""PixelType of the XML -> PVTYPE, bits and values per pixel of the image subheader."""

READ_AS = {
    "urn:SICD:0.4.0": "urn:SICD:1.1.0",
    "urn:SICD:0.5.0": "urn:SICD:1.1.0",
    "urn:SICD:1.0.0": "urn:SICD:1.1.0",
    "urn:SICD:1.0.1": "urn:SICD:1.1.0",
    "urn:SICD:1.2.0": "urn:SICD:1.2.1",
}
"""Versions that sarkit does not know, and the one whose geometry has the same fields."""

GEOMETRY = (
    "GeoData/SCP/ECF/X",
    "GeoData/SCP/LLH/HAE",
    "ImageData/SCPPixel/Row",
    "ImageData/SCPPixel/Col",
    "SCPCOA/SCPTime",
    "SCPCOA/ARPPos/X",
    "SCPCOA/ARPVel/X",
    "Grid/TimeCOAPoly",
    "Position/ARPPoly",
)
"""Without these there is no projection."""

SCP_TOLERANCE_M = 10.0
ANTENNA_TOLERANCE_M = 1000.0
ANGLE_TOLERANCE_DEG = 1.0


class SicdReader:
    """Reader of one SICD file: one scene."""

    name = "sicd"

    def claims(self, path: Path) -> bool:
        """Whether the first image segment of a NITF file is called SICD."""
        return first_image_name(path).startswith("SICD")

    def read(self, path: Path) -> list[Scene]:
        """The scene of a SICD file; no pixels are read.

        Raises
        ------
        FormatError
            If the file is truncated, contradicts itself, or was taken bistatically.
        MissingExtraError
            If sarkit is not installed.
        """
        try:
            import sarkit  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError("sarkit, which reads SICD and SIDD,", "archive") from error
        nitf = read_nitf(path)
        with reading(path, "the SICD is damaged; fetch it again"):
            return [_scene(nitf, *sicd_fields(nitf))]


READER = SicdReader()


def sicd_fields(nitf: Nitf) -> tuple[Fields, tuple[str, ...]]:
    """The SICD metadata of a NITF file, in a version that sarkit knows, and notes on that.

    Raises
    ------
    FormatError
        If there is none.
    """
    for content in nitf.documents:
        if b"urn:SICD:" not in content[:4096]:
            continue
        notes: tuple[str, ...] = ()
        for version, known in READ_AS.items():
            if f'"{version}"'.encode() in content[:4096]:
                content = content.replace(f'"{version}"'.encode(), f'"{known}"'.encode(), 1)
                notes = (f"{version} is read as {known}",)
        root = parse_xml(nitf.path, content)
        if notes:
            _modernise(root)
        if str(root.tag).endswith("}SICD"):
            return Fields(nitf.path, root), notes
    raise FormatError(f"{nitf.path}: holds no SICD metadata; fetch it again")


def _modernise(root: Any) -> None:
    """In version 0.4 the Doppler rate factor depends on range alone: a column of coefficients."""
    for element in root.iterfind("{*}RMA/{*}INCA/{*}DRateSFPoly"):
        element.set("order2", element.get("order2", "0"))
        for term in element.iterfind("{*}Coef"):
            term.set("exponent2", term.get("exponent2", "0"))


def _scene(nitf: Nitf, fields: Fields, notes: tuple[str, ...]) -> Scene:
    from .. import sarkit_ground

    path = nitf.path
    if fields.text("CollectionInfo/CollectType") not in (None, "MONOSTATIC"):
        raise FormatError(
            f"{path}: was taken bistatically, which is not read; use a monostatic product"
        )
    raw, pixel_type = _raw(nitf, fields)
    exact = _projection(fields)
    parameters = exact.parameters
    rows, columns = raw.shape
    middle = ((rows - 1) / 2, (columns - 1) / 2)
    view = _view(fields, exact, middle)
    pixels, calibration, more = _pixels(fields, raw, pixel_type, parameters)
    azimuths = sarkit_ground.axis_azimuths(exact, *middle)
    plane = fields.text("Grid/ImagePlane") or "OTHER"
    axis = sarkit_ground.range_axis_of(azimuths, view.range_azimuth_deg)
    if plane == "SLANT":
        axis = "+row"  # by definition; on the ground range may still lie oblique to the rows
    pair = (fields.text("ImageFormation/TxRcvPolarizationProc") or "").split(":")
    polarization = polarization_of(*pair) if len(pair) == 2 else None
    frequency_hz = center_frequency_hz(fields)
    identifier = fields.text("CollectionInfo/CoreName") or path.stem
    return Scene(
        path=path,
        reader=READER.name,
        identifier=f"{identifier}_{polarization}" if polarization else identifier,
        shape=raw.shape,
        pixels=pixels,
        ground=GridGroundMap(exact, raw.shape),
        calibration=calibration,
        is_complex=True,
        plane=_plane(plane),
        row_spacing_m=float(parameters.Row_SS),
        column_spacing_m=float(parameters.Col_SS),
        range_axis=axis,
        range_azimuth_deg=view.range_azimuth_deg,
        look_side=view.look_side,
        incidence_angle_deg=view.incidence_angle_deg,
        looks=1.0,
        row_resolution_m=fields.number("Grid/Row/ImpRespWid"),
        column_resolution_m=fields.number("Grid/Col/ImpRespWid"),
        band=band_of(frequency_hz),
        center_frequency_hz=frequency_hz,
        polarization=polarization,
        platform=fields.text("CollectionInfo/CollectorName"),
        instrument_mode=fields.text("CollectionInfo/RadarMode/ModeType"),
        time=fields.time("Timeline/CollectStart"),
        footprint=sarkit_ground.corners(exact, raw.shape),
        notes=(*notes, *more),
        extra={
            "pixel_type": pixel_type,
            "grid_type": fields.text("Grid/Type"),
            "image_plane": plane,
            "row_azimuth_deg": azimuths[0],
            "column_azimuth_deg": azimuths[1],
            "slant_range_m": view.slant_range_m,
            "surface_height_m": float(parameters.SCP_HAE),
        },
    )


def _raw(nitf: Nitf, fields: Fields) -> tuple[RawImage, str]:
    """The stored image, after comparing the XML with the image segments."""
    pixel_type = fields.text("ImageData/PixelType") or ""
    if pixel_type not in PIXEL_TYPES:
        raise fields.error("ImageData/PixelType", f"{pixel_type!r} is none of {list(PIXEL_TYPES)}")
    shape = (fields.need_count("ImageData/NumRows"), fields.need_count("ImageData/NumCols"))
    named = [image for image in nitf.images if image.name.startswith("SICD")]
    segments = sorted(named, key=lambda image: image.name)
    value = STORED[pixel_type]
    dtype = np.dtype([("first", value), ("second", value)])
    return raw_image(nitf.path, segments, shape, dtype, PIXEL_TYPES[pixel_type]), pixel_type


def _projection(fields: Fields) -> SicdProjection:
    """sarkit's parameters, after checks that what is said twice is said alike."""
    from sarkit import wgs84
    from sarkit.sicd import projection

    from ..sarkit_ground import SicdProjection, antenna_at

    for where in GEOMETRY:
        if fields.find(where) is None:
            raise fields.error(where, "is missing")
    for axis in ("Row", "Col"):
        fields.need_unit_vector(f"Grid/{axis}/UVectECF")
        fields.need_positive(f"Grid/{axis}/SS")
    scp = fields.need_vector("GeoData/SCP/ECF")
    place = fields.need_vector("GeoData/SCP/LLH", "Lat Lon HAE")
    if not np.linalg.norm(wgs84.geodetic_to_cartesian(place) - scp) < SCP_TOLERANCE_M:
        raise fields.error("GeoData/SCP", "has ECF and LLH that are not the same place")
    position, _ = antenna_at(
        fields.need_track("Position/ARPPoly"), np.asarray(fields.need("SCPCOA/SCPTime"))
    )
    stated = fields.need_vector("SCPCOA/ARPPos")
    if not np.linalg.norm(position - stated) < ANTENNA_TOLERANCE_M:
        raise fields.error("Position/ARPPoly", "does not pass through SCPCOA/ARPPos")
    tree = fields.root.getroottree()
    offsets = projection.AdjustableParameterOffsets
    return SicdProjection(
        parameters=projection.MetadataParams.from_xml(tree),
        offsets=offsets.from_xml(tree) if offsets.exists(tree) else None,
    )


def _view(fields: Fields, exact: SicdProjection, middle: tuple[float, float]) -> View:
    """Geometry at the centre of the image, compared with what the product says of its SCP."""
    from ..sarkit_ground import view_of

    row, column = np.array([middle[0]]), np.array([middle[1]])
    sets = exact.sets(row, column)
    lon, lat = exact.to_ground(row, column)
    height_m = float(exact.parameters.SCP_HAE)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise fields.error("Grid", "places the image nowhere on the ground")
    view = view_of(sets.ARP_COA[0], sets.VARP_COA[0], float(lon[0]), float(lat[0]), height_m)
    at = exact.parameters
    scp = view_of(at.ARP_SCP_COA, at.VARP_SCP_COA, at.SCP_Lon, at.SCP_Lat, height_m)
    if {"L": "left", "R": "right"}.get(fields.text("SCPCOA/SideOfTrack") or "") != scp.look_side:
        raise fields.error("SCPCOA/SideOfTrack", f"should be {scp.look_side} by the positions")
    graze = fields.number("SCPCOA/GrazeAng")
    if graze is not None and abs(90 - graze - scp.incidence_angle_deg) > ANGLE_TOLERANCE_DEG:
        raise fields.error("SCPCOA/GrazeAng", f"should be {90 - scp.incidence_angle_deg:.2f}")
    return view


def _pixels(
    fields: Fields, raw: RawImage, pixel_type: str, parameters: Any
) -> tuple[SicdPixels, Calibration, tuple[str, ...]]:
    """Pixels with their calibration, and notes on it."""
    factor, calibration = calibration_of(fields)
    notes: list[str] = []
    if factor is None:
        notes.append("no Radiometric/SigmaZeroSFPoly: power is uncalibrated")
    elif calibration != "sigma_nought":
        notes.append(f"no Radiometric/SigmaZeroSFPoly: power is {calibration}")
    amplitudes = _amplitude_table(fields) if pixel_type == "AMP8I_PHS8I" else None
    if pixel_type == "AMP8I_PHS8I" and amplitudes is None:
        notes.append("no ImageData/AmpTable: amplitude is the stored value")
    pixels = SicdPixels(
        raw=raw,
        pixel_type=pixel_type,
        amplitudes=amplitudes,
        factor=factor,
        first_m=(
            (parameters.FirstRow - parameters.SCP_Row) * parameters.Row_SS,
            (parameters.FirstCol - parameters.SCP_Col) * parameters.Col_SS,
        ),
        spacing_m=(parameters.Row_SS, parameters.Col_SS),
        valid=_valid_area(fields, raw.shape, parameters),
    )
    low, high = pixels.factor_limits()
    if not 0 < low <= high < np.inf:
        raise fields.error("Radiometric", f"{calibration} is not above zero in the whole image")
    return pixels, calibration, tuple(notes)


def _amplitude_table(fields: Fields) -> FloatArray | None:
    """ImageData/AmpTable: amplitude of each of the 256 stored values."""
    where = "ImageData/AmpTable"
    if fields.find(where) is None:
        return None
    table = np.full(256, np.nan)
    for entry in fields.root.iterfind("{*}ImageData/{*}AmpTable/{*}Amplitude"):
        index = int(entry.get("index", "-1"))
        if not 0 <= index < 256:
            raise fields.error(where, f"has index {index}")
        table[index] = float(entry.text)
    if not np.isfinite(table).all():
        raise fields.error(where, "does not give all 256 amplitudes")
    return table


def _valid_area(fields: Fields, shape: tuple[int, int], parameters: Any) -> FloatArray | None:
    """Vertices of ImageData/ValidData in pixels of this file; None if all of it is valid."""
    found = sorted(
        fields.parts("ImageData/ValidData/Vertex"),
        key=lambda vertex: int(vertex.root.get("index", "0")),
    )
    if len(found) < 3:
        return None
    first = (parameters.FirstRow, parameters.FirstCol)
    area = np.array([[vertex.need("Row"), vertex.need("Col")] for vertex in found]) - first
    return None if covers(area, slice(0, shape[0]), slice(0, shape[1])) else area


def center_frequency_hz(fields: Fields) -> float | None:
    """Middle of the processed, else of the transmitted band; None if it is only relative."""
    if fields.number("RadarCollection/RefFreqIndex"):
        return None
    pairs = (
        ("ImageFormation/TxFrequencyProc/MinProc", "ImageFormation/TxFrequencyProc/MaxProc"),
        ("RadarCollection/TxFrequency/Min", "RadarCollection/TxFrequency/Max"),
    )
    for low, high in pairs:
        edges = fields.number(low), fields.number(high)
        if edges[0] is not None and edges[1] is not None and 0 < edges[0] <= edges[1]:
            return (edges[0] + edges[1]) / 2
    return None


def _plane(name: str) -> Plane:
    """SICD's image plane; any but the ground is the slant plane, up to a rotation about range."""
    found: dict[str, Literal["ground"]] = {"GROUND": "ground"}
    return found.get(name, "slant")
