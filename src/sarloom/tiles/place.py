"""Where a scene lies on the ground: directions and spacings of its axes, and a map frame for tiles.

Distances are geodesics on WGS 84 between places that the product's own ground map gives, so they
hold for slant range, for ground range and for degrees of longitude alike.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from ..errors import FormatError, InputError, MissingExtraError

if TYPE_CHECKING:
    from ..records import FloatArray, GroundMap, Scene

    Affine = tuple[float, float, float, float, float, float]

_NODES = 257
NOMINAL_TOLERANCE = 0.01
"""Stated spacings within one per cent of the measured ones are believed: map scales differ so."""


@runtime_checkable
class KnowsIncidence(Protocol):
    """A ground map may tell the incidence angle of any pixel, where the product gives a table."""

    def incidence_deg(self, rows: FloatArray, columns: FloatArray) -> FloatArray:
        """Incidence angle [deg] at pixel coordinates."""


@dataclass(frozen=True)
class AxisOnGround:
    """One array axis at the scene centre."""

    azimuth_deg: float | None
    spacing_m: float


@lru_cache(maxsize=1)
def geod() -> Any:
    """Geodesics on WGS 84.

    Raises
    ------
    MissingExtraError
        If pyproj is not installed.
    """
    try:
        from pyproj import Geod
    except ImportError as error:
        raise MissingExtraError("pyproj", "archive") from error
    return Geod(ellps="WGS84")


def to_lonlat(crs: str) -> Any:
    """Transformer from a CRS (x, y) to longitude and latitude on WGS 84, and back by direction.

    Raises
    ------
    InputError
        If the CRS cannot be understood.
    """
    # A transformer may be shared neither by threads nor with a forked process.
    return _transformer(crs, os.getpid(), threading.get_ident())


@lru_cache(maxsize=256)
def _transformer(crs: str, process: int, thread: int) -> Any:
    try:
        from pyproj import CRS, Transformer
        from pyproj.exceptions import CRSError
    except ImportError as error:
        raise MissingExtraError("pyproj", "archive") from error
    try:
        return Transformer.from_crs(CRS.from_user_input(crs), "EPSG:4326", always_xy=True)
    except CRSError as error:
        raise InputError(f"coordinate system {crs!r} is not understood: {error}") from error


def local_crs(lon: float, lat: float) -> str:
    """WKT of an oblique stereographic map in metres about a place.

    Conformal, so that angles on it are angles on the ground; its scale is off by (d / 2R)^2, 1e-4
    at 125 km from the centre.
    """
    from pyproj import CRS

    text = (
        f"+proj=sterea +lat_0={lat:.8f} +lon_0={lon:.8f} +k=1 +x_0=0 +y_0=0 "
        "+datum=WGS84 +units=m +no_defs"
    )
    return str(CRS.from_proj4(text).to_wkt("WKT1_GDAL"))


def ground_at(
    ground: GroundMap, scene: Scene, rows: FloatArray, columns: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Longitude and latitude of pixel coordinates.

    Raises
    ------
    FormatError
        If the product's ground map has no answer.
    """
    lon, lat = ground.to_ground(np.asarray(rows, np.float64), np.asarray(columns, np.float64))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise FormatError(
            f"{scene.path}: its georeference has no answer for parts of the image; "
            "read it without one, or re-export the product"
        )
    return lon, lat


def axes_on_ground(scene: Scene) -> tuple[AxisOnGround, AxisOnGround]:
    """Azimuth and ground spacing of rows and of columns at the scene centre.

    Spacings come from the ground map; the product's stated spacing is preferred where both agree
    within one per cent, and used alone without a ground map (slant range over sin(incidence)).

    Raises
    ------
    InputError
        If nothing tells a spacing.
    """
    if scene.ground is None:
        return _stated(scene, 0), _stated(scene, 1)
    centre = np.array([(n - 1) / 2.0 for n in scene.shape])
    found = []
    for axis in (0, 1):
        step = np.zeros(2)
        step[axis] = min(64.0, max(0.5, (scene.shape[axis] - 1) / 4.0))
        ends = np.stack([centre - step, centre + step])
        lon, lat = ground_at(scene.ground, scene, ends[:, 0], ends[:, 1])
        azimuth, _, distance = geod().inv(lon[0], lat[0], lon[1], lat[1])
        measured = distance / (2.0 * step[axis])
        if not measured > 0:
            raise FormatError(f"{scene.path}: its georeference puts neighbouring pixels together")
        found.append(AxisOnGround(azimuth % 360.0, _believed(scene, axis, measured)))
    return found[0], found[1]


def _believed(scene: Scene, axis: int, measured: float) -> float:
    """The nominal spacing if it agrees with the measured one."""
    nominal = _nominal(scene, axis)
    if nominal is not None and abs(nominal / measured - 1.0) <= NOMINAL_TOLERANCE:
        return nominal
    return float(measured)


def _nominal(scene: Scene, axis: int) -> float | None:
    """Spacing on the map grid of a projected product, else the stated one."""
    if scene.crs is not None and scene.transform is not None:
        a, b, _, d, e, _ = scene.transform
        return float(np.hypot(a, d) if axis == 1 else np.hypot(b, e))
    if scene.plane == "slant":
        return None
    return scene.row_spacing_m if axis == 0 else scene.column_spacing_m


def _stated(scene: Scene, axis: int) -> AxisOnGround:
    """Ground spacing from the product's numbers alone."""
    spacing = scene.row_spacing_m if axis == 0 else scene.column_spacing_m
    if spacing is None or not spacing > 0:
        raise InputError(
            f"{scene.path}: its pixel spacing is not known; describe it in a small TOML beside it "
            "(docs/readers.md)"
        )
    if scene.plane == "slant" and is_range(scene, axis):
        if scene.incidence_angle_deg is None:
            raise InputError(
                f"{scene.path} is in slant range and tells neither its geometry nor its incidence "
                "angle; add incidence_angle_deg to its description"
            )
        return AxisOnGround(None, spacing / float(np.sin(np.radians(scene.incidence_angle_deg))))
    return AxisOnGround(None, spacing)


def is_range(scene: Scene, axis: int) -> bool:
    """Whether range runs along an array axis."""
    return scene.range_axis is not None and scene.range_axis.endswith("row") == (axis == 0)


def range_nodes(scene: Scene, axis: int) -> tuple[FloatArray, FloatArray] | None:
    """Ground distance along an axis of a slant-range image, through the scene centre.

    Returns
    -------
    Corner coordinates from 0 to n and the distance [m] of each from the first; None without a
    ground map.
    """
    if scene.ground is None:
        return None
    corners = np.linspace(0.0, scene.shape[axis], _NODES)
    other = np.full(_NODES, (scene.shape[1 - axis] - 1) / 2.0)
    rows, columns = (corners - 0.5, other) if axis == 0 else (other, corners - 0.5)
    lon, lat = ground_at(scene.ground, scene, rows, columns)
    _, _, steps = geod().inv(lon[:-1], lat[:-1], lon[1:], lat[1:])
    if not np.all(np.asarray(steps) > 0):
        raise FormatError(f"{scene.path}: its ground range does not grow along the range axis")
    return corners, np.concatenate([[0.0], np.cumsum(steps)])


def fit_affine(
    columns: FloatArray, rows: FloatArray, x: FloatArray, y: FloatArray
) -> tuple[Affine, float]:
    """Least-squares affine (a, b, c, d, e, f) from (column, row) to (x, y), and its worst error."""
    design = np.stack([columns.ravel(), rows.ravel(), np.ones(columns.size)], axis=1)
    target = np.stack([x.ravel(), y.ravel()], axis=1)
    solution, *_ = np.linalg.lstsq(design, target, rcond=None)
    worst = float(np.abs(design @ solution - target).max())
    (a, d), (b, e), (c, f) = (tuple(float(v) for v in line) for line in solution)
    return (a, b, c, d, e, f), worst
