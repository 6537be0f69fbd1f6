"""What a Sentinel-1 annotation file says of one measurement image.

Names follow the product specification S1-RS-MDA-52-7441.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import FormatError
from ..records import FloatArray
from .safety import reading
from .sentinel1_sight import RangePolynomials
from .sentinel1_tables import DAMAGED, numbers, parse_xml

SPEED_OF_LIGHT_M_S = 299_792_458.0


@dataclass(frozen=True)
class Burst:
    """Part of a TOPS image that one burst fills."""

    time: datetime
    """Zero-Doppler time of its first line."""
    valid: tuple[int, int]
    """First and last of its lines that hold data, counted from its first."""


@dataclass(frozen=True)
class Look:
    """Processing of one axis."""

    bandwidth_hz: float
    """Of one look."""
    hamming: float
    """Coefficient of the Hamming window over it; 1 for none."""
    count: int


@dataclass(frozen=True)
class GeolocationGrid:
    """Points of known place; all of [R, C] but lines and columns."""

    lines: FloatArray
    columns: FloatArray
    times: tuple[datetime, ...]
    """Zero-Doppler time of each line of the grid, in mid swath."""
    lon: FloatArray
    lat: FloatArray
    heights_m: FloatArray
    incidence_deg: FloatArray
    ranges_m: FloatArray
    """Slant range."""


@dataclass(frozen=True)
class Annotation:
    """One measurement image: polarisation, and sub-swath where these are kept apart."""

    path: Path
    mission: str
    product_type: str
    polarisation: str
    mode: str
    swath: str
    image_number: str
    start: datetime
    shape: tuple[int, int]
    line_spacing_m: float
    line_interval_s: float
    column_spacing_m: float
    frequency_hz: float
    ground_range: bool
    noise_removed: bool
    range_look: Look
    azimuth_look: Look
    lines_per_burst: int
    bursts: tuple[Burst, ...]
    grid: GeolocationGrid
    polynomials: RangePolynomials | None
    """From ground range to slant range; None of an image in slant range."""
    heading_deg: float


def read_annotation(path: Path) -> Annotation:
    """Read one annotation file.

    Raises
    ------
    FormatError
        If it is no annotation of an image, or damaged.
    """
    root = parse_xml(path, "product")
    with reading(path, DAMAGED):
        return _annotation(path, root)


def _annotation(path: Path, root: Any) -> Annotation:
    image = _part(path, root, "imageAnnotation/imageInformation")
    general = _part(path, root, "generalAnnotation/productInformation")
    processing = _part(path, root, "imageAnnotation/processingInformation")
    swaths = processing.findall("swathProcParamsList/swathProcParams")
    if not swaths:
        raise FormatError(f"{path}: no <swathProcParams>; {DAMAGED}")
    middle = swaths[len(swaths) // 2]
    header = {tag: _text(path, root, f"adsHeader/{tag}") for tag in HEADER}
    shape = int(_text(path, image, "numberOfLines")), int(_text(path, image, "numberOfSamples"))
    if min(shape) < 1:
        raise FormatError(f"{path}: an image of {shape[0]} x {shape[1]} pixels; {DAMAGED}")
    lines_per_burst = int(root.findtext("swathTiming/linesPerBurst") or 0)
    bursts = root.findall("swathTiming/burstList/burst")
    return Annotation(
        path=path,
        mission=header["missionId"],
        product_type=header["productType"],
        polarisation=header["polarisation"],
        mode=header["mode"],
        swath=header["swath"],
        image_number=header["imageNumber"],
        start=utc(header["startTime"]),
        shape=shape,
        line_spacing_m=_positive(path, image, "azimuthPixelSpacing"),
        line_interval_s=_positive(path, image, "azimuthTimeInterval"),
        column_spacing_m=_positive(path, image, "rangePixelSpacing"),
        frequency_hz=_positive(path, general, "radarFrequency"),
        ground_range=_text(path, general, "projection") == "Ground Range",
        noise_removed=processing.findtext("thermalNoiseCorrectionPerformed") == "true",
        range_look=_look(path, _part(path, middle, "rangeProcessing")),
        azimuth_look=_look(path, _part(path, middle, "azimuthProcessing")),
        lines_per_burst=lines_per_burst,
        bursts=tuple(_burst(path, one, lines_per_burst) for one in bursts),
        grid=_grid(path, root.findall("geolocationGrid/geolocationGridPointList/*")),
        polynomials=_polynomials(path, root),
        heading_deg=float(_text(path, general, "platformHeading")),
    )


HEADER = (
    "missionId",
    "productType",
    "polarisation",
    "mode",
    "swath",
    "imageNumber",
    "startTime",
)


def utc(text: str) -> datetime:
    """A time of the product; all of its times are UTC, written without saying so."""
    return datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)


def _look(path: Path, processing: Any) -> Look:
    windowed = (processing.findtext("windowType") or "").strip().upper() == "HAMMING"
    hamming = float(_text(path, processing, "windowCoefficient")) if windowed else 1.0
    if not 0.5 <= hamming <= 1.0:
        raise FormatError(f"{path}: a Hamming coefficient of {hamming}; {DAMAGED}")
    return Look(
        _positive(path, processing, "lookBandwidth"),
        hamming,
        int(_text(path, processing, "numberOfLooks")),
    )


def _burst(path: Path, burst: Any, lines: int) -> Burst:
    first_valid = numbers(path, burst, "firstValidSample")
    if first_valid.size != lines:
        raise FormatError(f"{path}: a burst of {first_valid.size} lines, not {lines}; {DAMAGED}")
    valid = np.flatnonzero(first_valid >= 0)
    if valid.size == 0:
        raise FormatError(f"{path}: a burst without a valid line; {DAMAGED}")
    return Burst(utc(_text(path, burst, "azimuthTime")), (int(valid[0]), int(valid[-1])))


POINT = ("line", "pixel", "longitude", "latitude", "height", "incidenceAngle", "slantRangeTime")


def _grid(path: Path, points: list[Any]) -> GeolocationGrid:
    """The points sorted into a rectangle.

    Raises
    ------
    FormatError
        If they do not make one.
    """
    table = np.array([[float(_text(path, point, tag)) for tag in POINT] for point in points])
    if table.size == 0 or not np.isfinite(table).all():
        raise FormatError(f"{path}: no usable geolocation grid; {DAMAGED}")
    lines, row = np.unique(table[:, 0], return_inverse=True)
    columns, column = np.unique(table[:, 1], return_inverse=True)
    size = len(lines) * len(columns)
    if len(table) != size or len(np.unique(row * len(columns) + column)) != size:
        raise FormatError(f"{path}: a geolocation grid with gaps or doubles; {DAMAGED}")
    values = np.empty((5, len(lines), len(columns)))
    values[:, row, column] = table[:, 2:].T
    if np.abs(values[1]).max() > 90.0 or np.abs(values[0]).max() > 360.0:
        raise FormatError(f"{path}: a geolocation grid outside the Earth; {DAMAGED}")
    # lines are timed for mid swath; elsewhere the time that echoes travel shifts them by 0.2 lines
    times = {
        int(of_line): utc(_text(path, point, "azimuthTime"))
        for point, of_line, of_column in zip(points, row, column, strict=True)
        if of_column == len(columns) // 2
    }
    if not ((values[3] > 0.0) & (values[3] < 90.0)).all() or np.abs(values[2]).max() > 20_000.0:
        raise FormatError(f"{path}: impossible angles or heights in the geolocation grid")
    values[4] *= SPEED_OF_LIGHT_M_S / 2.0
    return GeolocationGrid(lines, columns, tuple(times[k] for k in range(len(lines))), *values)


def _polynomials(path: Path, root: Any) -> RangePolynomials | None:
    """From ground range to slant range, sorted by row.

    Raises
    ------
    FormatError
        If an image in ground range has none.
    """
    if _text(path, root, "generalAnnotation/productInformation/projection") != "Ground Range":
        return None
    image = _part(path, root, "imageAnnotation/imageInformation")
    first = utc(_text(path, image, "productFirstLineUtcTime"))
    interval_s = _positive(path, image, "azimuthTimeInterval")
    found = root.findall("coordinateConversion/coordinateConversionList/coordinateConversion")
    if not found:
        raise FormatError(f"{path}: no <coordinateConversion> of an image in ground range")
    read = {
        (utc(_text(path, one, "azimuthTime")) - first).total_seconds() / interval_s: (
            numbers(path, one, "grsrCoefficients"),
            float(_text(path, one, "gr0")),
        )
        for one in found
    }
    rows = np.array(sorted(read))
    length = max(len(one) for one, _ in read.values())
    coefficients = [np.pad(read[row][0], (0, length - len(read[row][0]))) for row in rows]
    origins = np.array([read[row][1] for row in rows])
    spacing = _positive(path, image, "rangePixelSpacing")
    return RangePolynomials(rows, np.array(coefficients), origins, spacing)


def _part(path: Path, element: Any, tag: str) -> Any:
    found = element.find(tag)
    if found is None:
        raise FormatError(f"{path}: no <{tag}>; {DAMAGED}")
    return found


def _text(path: Path, element: Any, tag: str) -> str:
    text = (_part(path, element, tag).text or "").strip()
    if not text:
        raise FormatError(f"{path}: <{tag}> is empty; {DAMAGED}")
    return str(text)


def _positive(path: Path, element: Any, tag: str) -> float:
    value = float(_text(path, element, tag))
    if not 0.0 < value < float("inf"):
        raise FormatError(f"{path}: <{tag}> is {value}; {DAMAGED}")
    return value
