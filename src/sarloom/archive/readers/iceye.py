"""ICEYE's GeoTIFFs: metadata in a sidecar XML or JSON, or in the TIFF's tags.

Radiometry as in ICEYE's product documentation: a complex pixel gives radar brightness beta nought
= CF |DN|^2. Amplitude images have sin(theta) in them already, so CF |DN|^2 is sigma nought and no
sine is applied a second time. Scan products are not calibrated.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import FormatError, InputError
from ...records import Calibration, RangeAxis, Scene
from ..description import described_facts
from ..facts import Document, Facts, look_azimuth_deg, look_side_of, parse_time
from ..raster import RasterFile
from ..rasters import scenes_of, tags_of
from ..safety import magic_of, read_text, reading
from ..xml_fields import parse_xml

name = "iceye"

PROPERTIES_TAG = "ICEYE_PROPERTIES"


def claims(path: Path) -> bool:
    """A TIFF named as ICEYE's."""
    return path.name.upper().startswith("ICEYE_") and magic_of(path) == "tiff"


def read(path: Path) -> list[Scene]:
    """The channel of an ICEYE product.

    The metadata is taken from the sidecar NAME.json, then NAME.xml, then the tags.
    """
    tags = tags_of(path)
    properties = _properties(path, tags)
    facts = _from_properties(path, properties) if properties else _from_fields(path, tags)
    if facts.points is not None and _knows_places(path):
        facts = replace(facts, points=None)  # four corners are worth less than its own points
    return scenes_of(path, name, described_facts(path).over(facts))


def _knows_places(path: Path) -> bool:
    file = RasterFile(path)
    return file.crs() is not None or bool(file.points()[0])


def _properties(path: Path, tags: dict[str, Any]) -> Document | None:
    """The newer metadata: a STAC item beside the file, or its properties in a tag."""
    sidecar = path.with_suffix(".json")
    if sidecar.is_file():
        with reading(sidecar, "fetch the metadata again"):
            content = json.loads(read_text(sidecar))
        if isinstance(content, dict) and isinstance(content.get("properties"), dict):
            return Document(sidecar, content["properties"])
    if PROPERTIES_TAG in tags:
        with reading(path, f"its tag {PROPERTIES_TAG} should hold JSON; fetch it again"):
            return Document(path, json.loads(tags[PROPERTIES_TAG]))
    return None


def _from_properties(path: Path, stated: Document) -> Facts:
    """Facts of the newer metadata, whose names are those of STAC extensions."""
    kind = (stated.text("sar:product_type") or path.stem).upper()
    is_complex = "SLC" in kind
    side = look_side_of(stated.text("sar:observation_direction"))
    mode = stated.text("sar:instrument_mode")
    factor = stated.positive("iceye:calibration_factor")
    calibration, notes = _calibration(factor, is_complex, mode)
    polarizations = stated.get("sar:polarizations")
    looks = (stated.positive("sar:looks_azimuth"), stated.positive("sar:looks_range"))
    down = stated.text("iceye:orientation") == "shadows-down"
    azimuth = look_azimuth_deg(
        stated.number("view:azimuth", -360, 360), side, stated.text("sat:orbit_state")
    )
    return Facts(
        quantity="amplitude_phase" if is_complex else "amplitude",
        exponent=_exponent(stated),
        factor=factor,
        calibration=calibration,
        plane="slant" if is_complex else "ground",
        # shadows down: the radar is above the picture, rows are range and columns azimuth
        range_axis="+row" if down else None,
        row_spacing_m=stated.positive("sar:pixel_spacing_range") if down else None,
        column_spacing_m=stated.positive("sar:pixel_spacing_azimuth") if down else None,
        row_resolution_m=stated.positive("sar:resolution_range") if down else None,
        column_resolution_m=stated.positive("sar:resolution_azimuth") if down else None,
        range_azimuth_deg=azimuth,
        look_side=side,
        incidence_angle_deg=stated.number("view:incidence_angle", 0, 90),
        looks=looks[0] * looks[1] if looks[0] and looks[1] else None,
        band=stated.text("sar:frequency_band"),
        center_frequency_hz=_hertz(stated.positive("sar:center_frequency")),
        polarizations=tuple(map(str, polarizations)) if isinstance(polarizations, list) and
        len(polarizations) == 1 else None,
        platform=stated.text("platform"),
        instrument_mode=mode,
        time=stated.time("start_datetime"),
        notes=notes,
        extra={"product_type": kind, **_known(stated, "sat:orbit_state", "iceye:image_id")},
    )  # fmt: skip


def _from_fields(path: Path, tags: dict[str, Any]) -> Facts:
    """Facts of the older metadata: flat fields in an XML beside the file, or in the tags."""
    fields = {key.lower(): str(value) for key, value in tags.items()}
    where, sidecar = path, path.with_suffix(".xml")
    if sidecar.is_file():
        where = sidecar
        root = parse_xml(sidecar, read_text(sidecar).encode())
        fields |= {
            str(element.tag).rpartition("}")[2].lower(): (element.text or "").strip()
            for element in root.iter()
            if isinstance(element.tag, str) and len(element) == 0
        }
    stated = Document(where, _numbers(fields))
    kind = (stated.text("product_type") or path.stem).upper()
    is_complex = "SLC" in kind
    side = look_side_of(stated.text("look_side"))
    mode = stated.text("acquisition_mode")
    factor = stated.positive("calibration_factor")
    calibration, notes = _calibration(factor, is_complex, mode)
    axis = _axis_from_corners(where, fields)
    spacing = (stated.positive("range_spacing"), stated.positive("azimuth_spacing"))
    resolution = (
        stated.positive("range_resolution") or stated.positive("range_resolution_center"),
        stated.positive("azimuth_resolution"),
    )
    across = axis in ("+column", "-column")
    looks = (stated.positive("azimuth_looks"), stated.positive("range_looks"))
    start = stated.text("acquisition_start_utc")
    return Facts(
        quantity=None if is_complex else "amplitude",
        factor=factor,
        calibration=calibration,
        plane="slant" if is_complex else "ground",
        range_axis=axis,
        row_spacing_m=None if axis is None else spacing[1 if across else 0],
        column_spacing_m=None if axis is None else spacing[0 if across else 1],
        row_resolution_m=None if axis is None else resolution[1 if across else 0],
        column_resolution_m=None if axis is None else resolution[0 if across else 1],
        look_side=side,
        incidence_angle_deg=stated.number("incidence_center", 0, 90),
        looks=looks[0] * looks[1] if looks[0] and looks[1] else None,
        center_frequency_hz=stated.positive("carrier_frequency"),
        polarizations=((stated.text("polarization") or "").upper() in ("VV", "HH") and
        ((stated.text("polarization") or "").upper(),)) or None,
        platform=stated.text("satellite_name"),
        instrument_mode=mode,
        time=parse_time(start, f"{where}: acquisition_start_utc") if start else None,
        points=_corner_points(where, fields),
        notes=notes,
        extra={"product_type": kind, **_known(stated, "orbit_direction", "product_name")},
    )  # fmt: skip


def _calibration(
    factor: float | None, is_complex: bool, mode: str | None
) -> tuple[Calibration, tuple[str, ...]]:
    if factor is None:
        return "uncalibrated", ("no calibration_factor in ICEYE's metadata: uncalibrated",)
    if "scan" in (mode or "").lower():
        return "uncalibrated", ("ICEYE does not calibrate scan products: uncalibrated",)
    return ("beta_nought" if is_complex else "sigma_nought"), ()


def _exponent(stated: Document) -> float | None:
    """Stored amplitude = (scale amplitude)^exponent; another function is refused."""
    mapping = stated.get("iceye:amplitude_mapping")
    if not isinstance(mapping, dict) or mapping.get("function") in (None, "linear", "none"):
        return None
    inner = Document(stated.path, mapping)
    exponent, scale = inner.positive("parameters.exponent"), inner.number("parameters.scale")
    if mapping["function"] != "power" or exponent is None or scale not in (None, 1.0):
        raise InputError(
            f"{stated.path}: iceye:amplitude_mapping = {json.dumps(mapping)[:120]} is not known; "
            "convert the product to SICD and read that"
        )
    return exponent


def _hertz(frequency: float | None) -> float | None:
    """STAC states gigahertz, ICEYE hertz under the same name."""
    return frequency * 1e9 if frequency is not None and frequency < 1e3 else frequency


def _numbers(fields: dict[str, str]) -> dict[str, Any]:
    """Fields as numbers where they are some; names and times stay texts."""
    out: dict[str, Any] = {}
    for key, text in fields.items():
        try:
            out[key] = float(text)
        except ValueError:
            out[key] = text
    return out


CORNERS = ("coord_first_near", "coord_first_far", "coord_last_near", "coord_last_far")


def _corner(where: Path, fields: dict[str, str], key: str) -> tuple[float, ...] | None:
    """Column and row from one, latitude, longitude: '[16878, 1, 35.17, -118.11]'."""
    text = fields.get(key)
    if text is None:
        return None
    words = text.strip("[]() ").replace(",", " ").split()
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        numbers = ()
    if len(numbers) != 4:
        raise FormatError(f"{where}: {key} = {text[:60]!r} should be four numbers")
    return numbers


def _corner_points(
    where: Path, fields: dict[str, str]
) -> tuple[tuple[float, float, float, float], ...] | None:
    """The four corners as known places; None unless all are there."""
    corners = [_corner(where, fields, key) for key in CORNERS]
    if any(corner is None for corner in corners):
        return None
    known = [corner for corner in corners if corner is not None]
    return tuple((row - 1, column - 1, lon, lat) for column, row, lat, lon in known)


def _axis_from_corners(where: Path, fields: dict[str, str]) -> RangeAxis | None:
    """Range axis from where the first line's near and far pixel lie in the file."""
    near = _corner(where, fields, "coord_first_near")
    far = _corner(where, fields, "coord_first_far")
    if near is None or far is None:
        return None
    across, down = far[0] - near[0], far[1] - near[1]
    if abs(across) == abs(down):
        return None
    if abs(across) > abs(down):
        return "+column" if across > 0 else "-column"
    return "+row" if down > 0 else "-row"


def _known(stated: Document, *keys: str) -> dict[str, Any]:
    return {key: stated.get(key) for key in keys if stated.get(key) is not None}
