"""Scenes as STAC items: one item per channel of a product.

Plain dictionaries as in the JSON form of STAC 1.1, with the extensions sar, view, projection and
processing where a product states what they require. What STAC has no field for is kept under
``sarloom:``. Fields that a product does not state are absent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from math import floor, isfinite
from pathlib import Path
from typing import Any

from ..errors import MissingExtraError
from ..records import Scene

Item = dict[str, Any]

SAR = "https://stac-extensions.github.io/sar/v1.0.0/schema.json"
VIEW = "https://stac-extensions.github.io/view/v1.0.0/schema.json"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"

SAR_REQUIRES = (
    "sar:instrument_mode",
    "sar:frequency_band",
    "sar:polarizations",
    "sar:product_type",
)
SAR_BANDS = ("P", "L", "S", "C", "X", "Ku", "K", "Ka")
SAR_POLARIZATIONS = ("HH", "VV", "HV", "VH")

UNKNOWN_TIME = ("1900-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
"""STAC insists on a time. Products without one get this interval and ``sarloom:time_unknown``."""

MEDIA_TYPES = {
    ".tif": "image/tiff; application=geotiff",
    ".tiff": "image/tiff; application=geotiff",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".nitf": "application/vnd.nitf",
    ".ntf": "application/vnd.nitf",
}


def item_of(scene: Scene) -> Item:
    """The STAC item of one scene, valid by STAC 1.1.

    Parameters
    ----------
    scene : Scene
        As a reader gives it; its pixels are not read.

    Returns
    -------
    JSON-ready dictionary. ``assets.data.href`` is the absolute path of the product, so that
    ``open_scenes`` of it gives the scene whose identifier is ``sarloom:identifier``.
    """
    properties = {
        **_time(scene.time),
        **_common(scene),
        **_sar(scene),
        **_view(scene),
        **_projection(scene),
    }
    properties = {name: value for name, value in properties.items() if _stated(value)}
    if "sar:product_type" in properties:
        properties["processing:level"] = "L1"  # a focused image, as all of these types are
    properties.setdefault("datetime", None)  # STAC wants this one even where it is null
    item: Item = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": _extensions(properties),
        "id": scene.identifier,
        "geometry": None,
        "properties": properties,
        "links": [],
        "assets": {"data": _asset(scene.path)},
    }
    place = outline(scene.footprint) if scene.footprint is not None else None
    if place is not None:
        item["geometry"], item["bbox"] = place
    return item


def outline(
    footprint: tuple[tuple[float, float], ...],
) -> tuple[dict[str, Any], list[float]] | None:
    """GeoJSON geometry and bounding box of a ring of (longitude, latitude) [deg].

    A ring across the date line becomes two polygons, and its box has west greater than east
    (RFC 7946, sections 3.1.9 and 5.2). One around a pole becomes all that lies nearer to the pole
    than its farthest corner. A ring that crosses itself is replaced by its hull. None where corners
    are not finite or enclose no area.
    """
    try:
        from shapely import MultiPolygon, Polygon, affinity, box
        from shapely.geometry import mapping, polygon
    except ImportError as error:
        raise MissingExtraError("shapely", "archive") from error
    if not footprint or not all(isfinite(lon + lat) for lon, lat in footprint):
        return None
    corners = _unwrapped(footprint)
    turned = corners[-1][0] + _step(corners[-1], corners[0]) - corners[0][0]
    if abs(turned) > 180.0:
        latitudes = [lat for _, lat in corners]
        north_pole = sum(latitudes) > 0
        sides = (-180.0, min(latitudes), 180.0, 90.0) if north_pole else (
            -180.0, -90.0, 180.0, max(latitudes))  # fmt: skip
        return _plain(mapping(box(*sides))), list(sides)
    ring = Polygon(corners)
    if not ring.is_valid:
        ring = ring.convex_hull
    if ring.geom_type != "Polygon" or ring.area == 0:
        return None
    ring = affinity.translate(ring, xoff=-360.0 * floor((ring.bounds[0] + 180.0) / 360.0))
    west, south, east, north = ring.bounds
    if east <= 180.0:
        return _plain(mapping(polygon.orient(ring))), [west, south, east, north]
    here = ring.intersection(box(-180.0, -90.0, 180.0, 90.0))
    there = affinity.translate(ring, xoff=-360.0).intersection(box(-180.0, -90.0, 180.0, 90.0))
    parts = [part for half in (here, there) for part in getattr(half, "geoms", (half,))]
    both = MultiPolygon([polygon.orient(part) for part in parts if part.area > 0])
    return _plain(mapping(both)), [west, south, east - 360.0, north]


def href_of(item: Any) -> str:
    """Where the data of an item lies: the asset called data, or the only or first one of a STAC
    API that has data for a role."""
    assets = item["assets"] if isinstance(item, dict) else item.to_dict()["assets"]
    with_data = [one for one in assets.values() if "data" in (one.get("roles") or ())]
    chosen: dict[str, Any] = assets.get("data") or next(iter(with_data or assets.values()), {})
    return str(chosen.get("href", ""))


def utc_text(time: datetime) -> str:
    """A time as STAC writes it."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _step(start: tuple[float, float], stop: tuple[float, float]) -> float:
    """Way in longitude from one corner to the next [deg], the short way round."""
    return (stop[0] - start[0] + 180.0) % 360.0 - 180.0


def _unwrapped(footprint: tuple[tuple[float, float], ...]) -> list[tuple[float, float]]:
    """Corners with longitudes that go on across the date line instead of jumping."""
    corners = [footprint[0]]
    for before, (lon, lat) in pairwise(footprint):
        turns = round((corners[-1][0] + _step(before, (lon, lat)) - lon) / 360.0)
        corners.append((lon + 360.0 * turns, lat))
    return corners


def _stated(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not isfinite(value))


def _time(time: datetime | None) -> dict[str, Any]:
    if time is not None:
        return {"datetime": utc_text(time)}
    return {
        "start_datetime": UNKNOWN_TIME[0],
        "end_datetime": UNKNOWN_TIME[1],
        "sarloom:time_unknown": True,
    }


def _common(scene: Scene) -> dict[str, Any]:
    spacings = [one for one in (scene.row_spacing_m, scene.column_spacing_m) if one is not None]
    return {
        "platform": scene.platform.lower() if scene.platform else None,
        "gsd": max(spacings, default=None),
        "sarloom:identifier": scene.identifier,
        "sarloom:reader": scene.reader,
        "sarloom:calibration": scene.calibration,
        "sarloom:complex": scene.is_complex,
        "sarloom:plane": scene.plane,
        "sarloom:range_axis": scene.range_axis,
        "sarloom:row_spacing_m": scene.row_spacing_m,
        "sarloom:column_spacing_m": scene.column_spacing_m,
        "sarloom:synthetic": scene.synthetic,
        "sarloom:notes": list(scene.notes) or None,
    }


def _sar(scene: Scene) -> dict[str, Any]:
    """Fields of the sar extension; range and azimuth need to know which array axis is which."""
    on_columns = scene.range_axis in ("+column", "-column")
    rows = (scene.row_spacing_m, scene.row_resolution_m)
    columns = (scene.column_spacing_m, scene.column_resolution_m)
    range_, azimuth = (columns, rows) if on_columns else (rows, columns)
    if scene.range_axis is None:
        range_ = azimuth = (None, None)
    frequency = scene.center_frequency_hz
    looks = {name: scene.extra.get(name) for name in ("looks_range", "looks_azimuth")}
    pair = (scene.polarization or "").upper()
    return {
        "sar:instrument_mode": scene.instrument_mode,
        "sar:frequency_band": scene.band if scene.band in SAR_BANDS else None,
        "sar:center_frequency": frequency / 1e9 if frequency else None,
        "sar:polarizations": [pair] if pair in SAR_POLARIZATIONS else None,
        "sar:product_type": scene.extra.get("product_type") or _product_type(scene),
        "sar:pixel_spacing_range": range_[0],
        "sar:pixel_spacing_azimuth": azimuth[0],
        "sar:resolution_range": range_[1],
        "sar:resolution_azimuth": azimuth[1],
        "sar:looks_equivalent_number": scene.looks,
        **{f"sar:{name}": value for name, value in looks.items() if isinstance(value, int)},
        "sar:observation_direction": scene.look_side,
    }


def _product_type(scene: Scene) -> str | None:
    """What a product must be that does not name its type; None where that is not settled, as
    whether a geocoded product was corrected for terrain."""
    if scene.range_axis is None:
        return None
    if scene.is_complex:
        return "SLC"
    return "GRD" if scene.plane == "ground" else None


def _view(scene: Scene) -> dict[str, Any]:
    """``view:azimuth`` runs from below the platform to the scene: where ground range grows."""
    azimuth = scene.range_azimuth_deg
    return {
        "view:incidence_angle": scene.incidence_angle_deg,
        "view:azimuth": None if azimuth is None else azimuth % 360.0,
    }


def _projection(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = {"proj:shape": list(scene.shape)}
    if scene.crs is not None and scene.transform is not None:
        if scene.crs.upper().startswith("EPSG:"):
            found["proj:code"] = scene.crs
        else:
            found["proj:wkt2"] = _wkt2(scene.crs)
        found["proj:transform"] = list(scene.transform)
    return found


def _wkt2(crs: str) -> str:
    """A coordinate system in the younger form of WKT, whatever form it was given in."""
    from pyproj import CRS

    return str(CRS.from_user_input(crs).to_wkt("WKT2_2019"))


def _extensions(properties: dict[str, Any]) -> list[str]:
    """Extensions whose required fields are all there."""
    found = [SAR] if all(name in properties for name in SAR_REQUIRES) else []
    if any(name.startswith("view:") for name in properties):
        found.append(VIEW)
    found.append(PROJECTION)
    return [*found, PROCESSING] if "processing:level" in properties else found


def _asset(path: Path) -> dict[str, Any]:
    asset: dict[str, Any] = {"href": path.resolve().as_posix(), "roles": ["data"]}
    if media := MEDIA_TYPES.get(path.suffix.lower()):
        asset["type"] = media
    return asset


def _plain(geometry: Any) -> Any:
    """Lists where shapely gives tuples, as JSON would."""
    if isinstance(geometry, dict):
        return {name: _plain(value) for name, value in geometry.items()}
    return [_plain(one) for one in geometry] if isinstance(geometry, tuple | list) else geometry
