"""Where pixels lie on the ground: through a geotransform, or a polynomial through known points.

Pixel coordinates are (row, column) with (0, 0) the centre of the first pixel. Longitude and
latitude are degrees on WGS 84.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import FormatError, MissingExtraError
from ..records import FloatArray

Corners = tuple[tuple[float, float], ...]
Geotransform = tuple[float, float, float, float, float, float]

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius; enough for spacings within half a percent and angles within a tenth of a degree."""

NEWTON_STEPS = 12


class AffineGround:
    """A geotransform and a coordinate reference system.

    Parameters
    ----------
    transform
        rasterio's a, b, c, d, e, f: x = a column + b row + c, y = d column + e row + f, counted
        from the outer corner of the first pixel.
    crs
        'EPSG:32633' or WKT.

    Raises
    ------
    FormatError
        If the transform has no inverse or the system is unknown or not tied to the Earth.
    """

    def __init__(self, transform: Sequence[float], crs: str) -> None:
        a, b, c, d, e, f = (float(number) for number in transform[:6])
        matrix = np.array([[a, b], [d, e]])
        size = np.abs(matrix).max()
        if not np.isfinite([a, b, c, d, e, f]).all() or not size > 0.0:
            raise FormatError(f"geotransform {tuple(transform[:6])} is not usable")
        if abs(np.linalg.det(matrix)) < 1e-9 * size**2:
            raise FormatError(f"geotransform {tuple(transform[:6])} maps all pixels to one line")
        self.transform: Geotransform = (a, b, c, d, e, f)
        self.crs = crs
        self._inverse = np.linalg.inv(matrix)
        _transformers(crs)  # an unknown system is an error here, not at the first pixel

    def __reduce__(self) -> tuple[Any, ...]:
        return AffineGround, (self.transform, self.crs)

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude [deg] of pixel coordinates; NaN outside the projection."""
        a, b, c, d, e, f = self.transform
        row = np.asarray(rows, np.float64) + 0.5
        column = np.asarray(columns, np.float64) + 0.5
        forward, _ = _transformers(self.crs)
        lon, lat = forward.transform(a * column + b * row + c, d * column + e * row + f)
        return _finite_pair(lon, lat)

    def to_image(self, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Row and column of places on the ground; NaN where the projection has none."""
        _, backward = _transformers(self.crs)
        x, y = _finite_pair(*backward.transform(np.asarray(lon, float), np.asarray(lat, float)))
        x, y = x - self.transform[2], y - self.transform[5]
        column = self._inverse[0, 0] * x + self._inverse[0, 1] * y
        row = self._inverse[1, 0] * x + self._inverse[1, 1] * y
        return row - 0.5, column - 0.5


class FittedGround:
    """A polynomial through points whose pixel and place are both known, by least squares.

    Three points carry a plane, four or five a bilinear map, six to fifteen a quadratic one, more a
    cubic one, each only if it does not leave the points undetermined. The way back is Newton's
    method on the same polynomial, so both ways agree.

    Parameters
    ----------
    rows, columns
        Pixel coordinates [N] of the points.
    lon, lat
        Their places [N], degrees.

    Raises
    ------
    FormatError
        If fewer than three points are given, or they lie on one line or are not finite.
    """

    def __init__(
        self,
        rows: Sequence[float] | FloatArray,
        columns: Sequence[float] | FloatArray,
        lon: Sequence[float] | FloatArray,
        lat: Sequence[float] | FloatArray,
    ) -> None:
        points = [np.asarray(part, np.float64).ravel() for part in (rows, columns, lon, lat)]
        if len({part.size for part in points}) != 1 or points[0].size < 3:
            raise FormatError(f"{points[0].size} points do not tell where an image lies: 3 needed")
        if not all(np.isfinite(part).all() for part in points):
            raise FormatError("points on the ground that are not numbers")
        self._points = points
        row, column, lon_, lat_ = points
        lon_ = lon_[0] + (lon_ - lon_[0] + 180.0) % 360.0 - 180.0  # across the date line
        if np.abs(lat_).max() > 90.0:
            raise FormatError("points on the ground beyond 90 degrees of latitude")
        self._pixel_scale = _scale(row, column)
        self._ground_scale = _scale(lon_, lat_)
        u, v = _normalise(self._pixel_scale, row, column)
        x, y = _normalise(self._ground_scale, lon_, lat_)
        self._exponents, self._to_x, self._to_y = _fit(u, v, x, y)
        fitted = self._evaluate(u, v)
        metres = EARTH_RADIUS_M * np.radians(self._ground_scale[2])
        self.residual_m = float(np.hypot(fitted[0] - x, fitted[1] - y).max() * metres)
        """Largest distance of a point from where the polynomial puts it, on the high side."""

    def __reduce__(self) -> tuple[Any, ...]:
        return FittedGround, tuple(self._points)

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude [deg] of pixel coordinates."""
        u, v = _normalise(self._pixel_scale, np.asarray(rows, float), np.asarray(columns, float))
        x, y = self._evaluate(u, v)
        x0, y0, width = self._ground_scale
        return _wrapped(x0 + width * x), y0 + width * y

    def to_image(self, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Row and column of places on the ground; NaN where Newton's method finds none."""
        lon, lat = np.broadcast_arrays(np.asarray(lon, float), np.asarray(lat, float))
        x0, y0, width = self._ground_scale
        near = x0 + (lon - x0 + 180.0) % 360.0 - 180.0
        x, y = (near - x0) / width, (lat - y0) / width
        u, v = np.zeros_like(x), np.zeros_like(y)
        with np.errstate(all="ignore"):
            for _ in range(NEWTON_STEPS):
                at_x, at_y = self._evaluate(u, v)
                missing_x, missing_y = at_x - x, at_y - y
                xu, yu = self._evaluate(u, v, "u")
                xv, yv = self._evaluate(u, v, "v")
                det = xu * yv - xv * yu
                u = u - (yv * missing_x - xv * missing_y) / det
                v = v - (xu * missing_y - yu * missing_x) / det
            found = self._evaluate(u, v)
            ok = np.hypot(found[0] - x, found[1] - y) < 1e-9
            ok &= np.hypot(u, v) < 8.0  # a polynomial says nothing far from its points
        row0, column0, size = self._pixel_scale
        return np.where(ok, row0 + size * u, np.nan), np.where(ok, column0 + size * v, np.nan)

    def _evaluate(
        self, u: FloatArray, v: FloatArray, by: str = ""
    ) -> tuple[FloatArray, FloatArray]:
        """The polynomial in normalised coordinates, or its derivative by 'u' or 'v'."""
        terms = _terms(self._exponents, u, v, by)
        x = sum(factor * term for factor, term in zip(self._to_x, terms, strict=True))
        y = sum(factor * term for factor, term in zip(self._to_y, terms, strict=True))
        return np.asarray(x), np.asarray(y)


def ground_spacing_m(
    ground: Any, row: float, column: float
) -> tuple[float, float, float, float] | None:
    """Distances on the ground [m] of neighbouring rows and columns, and their azimuths [deg].

    Returns
    -------
    Row spacing, column spacing, azimuth of growing rows, azimuth of growing columns (clockwise from
    north); None where the map gives no answer. WGS 84 ellipsoid.
    """
    lon, lat = ground.to_ground(
        np.array([row - 0.5, row + 0.5, row, row]),
        np.array([column, column, column - 0.5, column + 0.5]),
    )
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    azimuth, _, metres = _geod().inv(lon[[0, 2]], lat[[0, 2]], lon[[1, 3]], lat[[1, 3]])
    return float(metres[0]), float(metres[1]), float(azimuth[0] % 360), float(azimuth[1] % 360)


def corners_of(ground: Any, shape: tuple[int, int]) -> Corners | None:
    """Places of the image's outer corners, in image order from the first pixel."""
    rows, columns = shape
    lon, lat = ground.to_ground(
        np.array([-0.5, -0.5, rows - 0.5, rows - 0.5]),
        np.array([-0.5, columns - 0.5, columns - 0.5, -0.5]),
    )
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return None
    return tuple((float(x), float(y)) for x, y in zip(lon, lat, strict=True))


def _scale(first: FloatArray, second: FloatArray) -> tuple[float, float, float]:
    """Centre and half width that bring points to about -1..1."""
    half = max(np.ptp(first), np.ptp(second)) / 2.0
    if not half > 0.0:
        raise FormatError("points on the ground that all lie in one place")
    return float(first.mean()), float(second.mean()), float(half)


def _normalise(
    scale: tuple[float, float, float], first: FloatArray, second: FloatArray
) -> tuple[FloatArray, FloatArray]:
    return (first - scale[0]) / scale[2], (second - scale[1]) / scale[2]


Exponents = tuple[tuple[int, int], ...]
ORDERS: tuple[tuple[int, Exponents], ...] = (
    (16, tuple((i, j) for i in range(4) for j in range(4 - i))),
    (6, tuple((i, j) for i in range(3) for j in range(3 - i))),
    (4, ((0, 0), (1, 0), (0, 1), (1, 1))),
    (3, ((0, 0), (1, 0), (0, 1))),
)


def _fit(
    u: FloatArray, v: FloatArray, x: FloatArray, y: FloatArray
) -> tuple[Exponents, FloatArray, FloatArray]:
    """The richest polynomial that the points determine: exponents, coefficients of x and of y."""
    for needed, exponents in ORDERS:
        if u.size < needed:
            continue
        terms = np.stack(_terms(exponents, u, v), axis=-1)
        if np.linalg.matrix_rank(terms, tol=1e-6 * np.sqrt(u.size)) < len(exponents):
            continue
        solution = np.asarray(
            np.linalg.lstsq(terms, np.stack([x, y], axis=-1), rcond=None)[0], np.float64
        )
        slopes = solution[[exponents.index((1, 0)), exponents.index((0, 1))]]
        if abs(np.linalg.det(slopes)) > 1e-9:
            return exponents, solution[:, 0], solution[:, 1]
    raise FormatError("points on the ground that lie on one line")


def _terms(exponents: Exponents, u: FloatArray, v: FloatArray, by: str = "") -> list[FloatArray]:
    terms = []
    for i, j in exponents:
        if by == "u":
            terms.append(i * u ** max(i - 1, 0) * v**j)
        elif by == "v":
            terms.append(j * u**i * v ** max(j - 1, 0))
        else:
            terms.append(u**i * v**j)
    return terms


def _finite_pair(first: Any, second: Any) -> tuple[FloatArray, FloatArray]:
    """PROJ answers inf for no answer; ours is NaN, in both."""
    one, two = np.asarray(first, np.float64), np.asarray(second, np.float64)
    ok = np.isfinite(one) & np.isfinite(two)
    return np.where(ok, one, np.nan), np.where(ok, two, np.nan)


def _wrapped(lon: FloatArray) -> FloatArray:
    return np.asarray((lon + 180.0) % 360.0 - 180.0)


def _transformers(crs: str) -> tuple[Any, Any]:
    """PROJ's objects may not cross threads or forks, so each has its own."""
    return _made_transformers(crs, os.getpid(), threading.get_ident())


@lru_cache(maxsize=64)
def _made_transformers(crs: str, process: int, thread: int) -> tuple[Any, Any]:
    try:
        from pyproj import CRS, Transformer
        from pyproj.exceptions import ProjError
    except ImportError as error:
        raise MissingExtraError("pyproj", "archive") from error
    try:
        system = CRS.from_user_input(crs)
        return (
            Transformer.from_crs(system, 4326, always_xy=True),
            Transformer.from_crs(4326, system, always_xy=True),
        )
    except ProjError as error:
        what = crs if len(crs) < 60 else f"{crs[:57]}..."
        raise FormatError(f"coordinate system {what!r} cannot be tied to the Earth") from error


@lru_cache(maxsize=1)
def _geod() -> Any:
    try:
        from pyproj import Geod
    except ImportError as error:
        raise MissingExtraError("pyproj", "archive") from error
    return Geod(ellps="WGS84")
