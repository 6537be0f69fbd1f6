"""Capella TIFFs with their extended metadata, in the tag ImageDescription or in a sidecar.

Radiometry as in Capella's product format: only where ``radiometry`` is ``beta_nought`` is
``(scale_factor |DN|)^2`` the radar brightness beta nought. With the incidence angle of each pixel
that would become sigma nought; here it stays what the product holds.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError
from ...records import Plane, RangeAxis, Scene
from ..description import described_facts
from ..facts import Document, Facts, look_side_of
from ..raster import RasterFile
from ..rasters import scenes_of, tags_of
from ..safety import magic_of, read_text, reading

name = "capella"

DESCRIPTION = "TIFFTAG_IMAGEDESCRIPTION"
RADIOMETRIES = ("beta_nought", "sigma_nought", "gamma_nought")


def claims(path: Path) -> bool:
    """A TIFF named as Capella's, with a sidecar of theirs, or with their metadata in its tag."""
    if magic_of(path) != "tiff":
        return False
    if path.name.upper().startswith("CAPELLA_") or sidecar_of(path) is not None:
        return True
    return _in_head(path)


def sidecar_of(path: Path) -> Path | None:
    """NAME_extended.json beside NAME.tif."""
    sidecar = path.with_name(f"{path.stem}_extended.json")
    return sidecar if sidecar.is_file() else None


def read(path: Path) -> list[Scene]:
    """The channel of a Capella product; the sidecar is preferred, since tags are cut short."""
    sidecar = sidecar_of(path)
    if sidecar is not None:
        with reading(sidecar, "fetch the metadata again"):
            document = Document(sidecar, json.loads(read_text(sidecar)))
    else:
        with reading(path, "its tag ImageDescription should hold Capella's JSON; fetch it again"):
            document = Document(path, json.loads(tags_of(path).get(DESCRIPTION, "{}")))
    return scenes_of(path, name, described_facts(path).over(facts_of(path, document)))


def facts_of(path: Path, document: Document) -> Facts:
    """What the metadata states."""
    image = Document(document.path, document.get("collect.image") or {})
    radar = Document(document.path, document.get("collect.radar") or {})
    geometry = (image.text("image_geometry.type") or "").lower()
    plane, axis = _layout(document.path, image, geometry)
    radiometry = (image.text("radiometry") or "").lower()
    scale = image.positive("scale_factor")
    calibration: Any = radiometry if radiometry in RADIOMETRIES and scale else "uncalibrated"
    notes = []
    if not document.content:
        notes.append("no metadata of Capella's found: uncalibrated")
    elif calibration == "uncalibrated":
        stated = f"radiometry {radiometry!r}" if radiometry else "no radiometry"
        notes.append(f"{stated} in Capella's metadata: uncalibrated")
    looks = [image.positive("azimuth_looks"), image.positive("range_looks")]
    slant = plane == "slant"
    data_type = (image.text("data_type") or "").upper()
    return Facts(
        quantity=None if data_type.startswith("C") or not document.content else _detected(path),
        factor=None if scale is None else scale**2,
        calibration=calibration,
        plane=plane,
        row_spacing_m=image.positive("pixel_spacing_row") if slant else None,
        column_spacing_m=image.positive("pixel_spacing_column") if slant else None,
        row_resolution_m=image.positive("azimuth_resolution") if slant else None,
        column_resolution_m=image.positive("range_resolution") if slant else None,
        range_axis=axis,
        range_azimuth_deg=_range_azimuth(document, image),
        look_side=look_side_of(radar.text("pointing")),
        incidence_angle_deg=image.number("center_pixel.incidence_angle", 0, 90),
        looks=image.positive("enl")
        or (math.prod(look for look in looks if look) if any(looks) else None),
        center_frequency_hz=radar.positive("center_frequency"),
        polarizations=_polarization(path, radar),
        platform=document.text("collect.platform"),
        instrument_mode=document.text("collect.mode"),
        time=document.time("collect.start_timestamp"),
        identifier=None,
        notes=tuple(notes),
        extra=_extra(document, image),
    )


def _detected(path: Path) -> Any:
    """Quantity of an image that is not stated to be complex: None leaves it to the numbers."""
    return None if RasterFile(path).dtype(1).kind == "c" else "amplitude"


def _layout(path: Path, image: Document, geometry: str) -> tuple[Plane | None, RangeAxis | None]:
    """Plane and range axis. Slant-plane images have a line per azimuth, a column per range."""
    if geometry == "slant_plane":
        step = image.number("image_geometry.delta_range_sample")
        if step == 0:
            raise FormatError(f"{path}: image_geometry.delta_range_sample = 0")
        return "slant", None if step is None else ("+column" if step > 0 else "-column")
    return None, None


def _range_azimuth(document: Document, image: Document) -> float | None:
    """Direction in which the radar looks at the scene's centre, from both places in ECEF."""
    target = image.vector("center_pixel.target_position")
    target = target or image.vector("reference_target_position")
    platform = image.vector("reference_antenna_position") or _platform_at(
        document, document.time("collect.image.center_pixel.center_time")
    )
    if target is None or platform is None:
        return None
    return azimuth_from_ecef(np.array(platform), np.array(target))


def azimuth_from_ecef(platform_m: Any, target_m: Any) -> float | None:
    """Azimuth [deg] at the target of the direction in which a platform looks at it.

    Positions [3] are ECEF metres. The vertical is taken through the Earth's centre, which turns the
    azimuth by less than 0.2 degrees.
    """
    distance = float(np.linalg.norm(target_m))
    axis = math.hypot(float(target_m[0]), float(target_m[1]))
    if not (6.2e6 < distance < 6.6e6 and axis > 1e3):
        return None
    east = np.array([-target_m[1], target_m[0], 0.0]) / axis
    north = np.cross(target_m / distance, east)
    sight = target_m - platform_m
    return float(np.degrees(np.arctan2(sight @ east, sight @ north)) % 360.0)


def _platform_at(document: Document, time: Any) -> tuple[float, float, float] | None:
    """Where the platform was, between its state vectors; they are seconds apart, so a straight line
    between two of them is off by some hundred metres at most."""
    states = document.get("collect.state.state_vectors")
    if time is None or not isinstance(states, list) or len(states) < 2:
        return None
    parts = [Document(document.path, state) for state in states]
    rows = [(part.time("time"), part.vector("position")) for part in parts]
    known = [(moment, place) for moment, place in rows if moment is not None and place is not None]
    seconds = np.array([(moment - time).total_seconds() for moment, _ in known])
    if len(known) < 2 or not seconds.min() <= 0 <= seconds.max() or (np.diff(seconds) <= 0).any():
        return None
    places = np.array([place for _, place in known])
    x, y, z = (float(np.interp(0.0, seconds, places[:, i])) for i in range(3))
    return x, y, z


def _polarization(path: Path, radar: Document) -> tuple[str, ...] | None:
    sent, received = radar.text("transmit_polarization"), radar.text("receive_polarization")
    if sent and received:
        return ((sent + received).upper(),)
    parts = path.stem.upper().split("_")  # CAPELLA_C02_SM_SLC_HH_START_STOP
    return (parts[4],) if len(parts) > 4 and parts[4] in ("HH", "VV", "HV", "VH") else None


def _extra(document: Document, image: Document) -> dict[str, Any]:
    found = {
        "product_type": document.text("product_type"),
        "collect_id": document.text("collect.collect_id"),
        "pass": document.text("collect.state.direction"),
        "squint_angle_deg": image.number("center_pixel.squint_angle"),
        "calibration": image.text("calibration"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _in_head(path: Path) -> bool:
    """Whether the metadata begins within the first kilobytes, where the tags of a TIFF mostly lie;
    and if not there, at the end."""
    span = 1 << 14
    try:
        with path.open("rb") as opened:
            head = opened.read(span)
            opened.seek(0, 2)
            opened.seek(max(0, opened.tell() - span))
            tail = opened.read(span)
    except OSError:
        return False
    return any(b'"collect"' in part and b'"scale_factor"' in part for part in (head, tail))
