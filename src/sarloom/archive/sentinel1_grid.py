"""Where the pixels of a swath lie on the ground: interpolated from a grid of known points.

Points are handled as unit vectors normal to the ellipsoid, so neither the date line nor a pole is
special. The points of a product lie on the terrain, which is far rougher than their distance of
13 to 26 km. So what height displaces is taken off first (``sentinel1_sight``); what is left, a map
on the ellipsoid, is smooth in row and slant range, where a cubic spline interpolates it; and the
displacement is put back for the height at each pixel, interpolated linearly between the points.

The result is kept on a lattice of every 64th pixel, and of those where it bends; between its nodes
interpolation is linear, which is off by no more than the bow of the Earth over 64 pixels (8 mm for
640 m).
tests/test_30_sentinel1.py measures all of this.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import FormatError
from ..records import FloatArray
from .sentinel1_lattice import Nodes, smooth_lattice, spline, terrain_lattice
from .sentinel1_sight import Sight

MARGIN_PX = 64.0
"""How far outside the image the map still answers, so that tiles at the edge can be laid out."""

STRIDE_PX = 64.0
STEPS = 8
TOLERANCE_PX = 1e-4


class SwathGrid:
    """A ``GroundMap`` through points on a grid of rows and columns.

    Parameters
    ----------
    rows : [R]
        Pixel rows of the grid, growing strictly; at least 2.
    columns : [C]
        Pixel columns of the grid, growing strictly; at least 2.
    lon, lat : [R, C]
        Places of the grid's points, degrees.
    shape
        Rows and columns of the image.
    sight
        Height, incidence angle and slant range of each point, and how ground range was made.
        Without it all points are taken to lie at one height, and the map from pixels to the ground
        to be smooth.

    Raises
    ------
    FormatError
        If the grid is too small, not monotonic or folded, or contradicts itself.
    """

    def __init__(
        self,
        rows: FloatArray,
        columns: FloatArray,
        lon: FloatArray,
        lat: FloatArray,
        shape: tuple[int, int],
        sight: Sight | None = None,
    ) -> None:
        if min(len(rows), len(columns)) < 2:
            raise FormatError("a geolocation grid of fewer than 2 x 2 points")
        if (np.diff(rows) <= 0).any() or (np.diff(columns) <= 0).any():
            raise FormatError("a geolocation grid whose rows or columns do not grow")
        self.shape = shape
        normals = _normals(lon, lat)
        centre = normals.mean(axis=(0, 1))
        if np.linalg.norm(centre) < 0.9:
            raise FormatError("a geolocation grid that spans more than a quarter of the Earth")
        self._made_of = (rows, columns, lon, lat, shape, sight)
        self._frame = _local_frame(centre / np.linalg.norm(centre))
        turns = () if sight is None or sight.polynomials is None else sight.polynomials.rows
        nodes = (_lattice(shape[0], rows, turns), _lattice(shape[1], columns))
        self._nodes = nodes
        places = (
            smooth_lattice(rows, columns, normals, nodes)
            if sight is None
            else terrain_lattice(rows, columns, normals, sight, nodes)
        )
        if not np.isfinite(places).all():
            raise FormatError("a geolocation grid of impossible ranges, heights or angles")
        self._lattice = list(np.moveaxis(places @ self._frame.T, -1, 0))
        self._guess = _Inverse(nodes[0], nodes[1], self._lattice[0], self._lattice[1])
        self._slopes = _inverse_slopes(nodes, self._lattice[0], self._lattice[1])

    def __reduce__(self) -> tuple[Any, ...]:
        return SwathGrid, self._made_of  # the lattice is quicker made than sent

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude [deg] of pixel coordinates; NaN beyond 64 pixels outside."""
        row, column = np.broadcast_arrays(
            np.asarray(rows, np.float64), np.asarray(columns, np.float64)
        )
        inside = self._near(row, column)
        places = _places(self._nodes, row, column)
        local = [_between(one, places) for one in self._lattice]
        x, y, z = (sum(self._frame[k, axis] * local[k] for k in range(3)) for axis in range(3))
        lon = np.degrees(np.arctan2(y, x))
        lat = np.degrees(np.arctan2(z, np.hypot(x, y)))
        return np.where(inside, lon, np.nan), np.where(inside, lat, np.nan)

    def to_image(self, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Row and column of places on the ground; NaN beyond 64 pixels outside the image.

        Newton's method from a polynomial guess, on the same map as ``to_ground``.
        """
        lon, lat = np.broadcast_arrays(np.asarray(lon, np.float64), np.asarray(lat, np.float64))
        local = _normals(lon, lat) @ self._frame.T
        row, column = self._guess(local[..., 0], local[..., 1])
        for _ in range(STEPS):
            places = _places(self._nodes, row, column)
            u = local[..., 0] - _between(self._lattice[0], places)
            v = local[..., 1] - _between(self._lattice[1], places)
            slopes = [_between(one, places) for one in self._slopes]
            step = slopes[0] * u + slopes[1] * v, slopes[2] * u + slopes[3] * v
            row, column = row + step[0], column + step[1]
            ok = self._near(row, column) & (local[..., 2] > 0.0)
            if not ok.any() or max(np.abs(part[ok]).max() for part in step) < TOLERANCE_PX:
                break
        ok &= np.hypot(*step) < 10.0 * TOLERANCE_PX
        return np.where(ok, row, np.nan), np.where(ok, column, np.nan)

    def _near(self, row: FloatArray, column: FloatArray) -> Any:
        """Where a pixel is within the margin around the image; False for NaN."""
        inside = (row >= -MARGIN_PX) & (row <= self.shape[0] - 1 + MARGIN_PX)
        return inside & (column >= -MARGIN_PX) & (column <= self.shape[1] - 1 + MARGIN_PX)


def interpolate(rows: FloatArray, columns: FloatArray, values: FloatArray) -> Any:
    """A cubic spline through values [R, C] on a grid, to be called with (row, column)."""
    fitted = spline(rows, columns, values)
    return lambda row, column: float(fitted.ev(row, column))


class _Inverse:
    """Least-squares polynomials of fifth order from local ground coordinates to row and column."""

    def __init__(self, rows: FloatArray, columns: FloatArray, u: FloatArray, v: FloatArray) -> None:
        from numpy.polynomial import polynomial

        self._scale = float(max(np.abs(u).max(), np.abs(v).max()))
        if not self._scale > 0.0:
            raise FormatError("a geolocation grid of one point")
        pixels = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
        every = max(len(pixels) // 2000, 1)
        places = np.stack([u.ravel(), v.ravel()])[:, ::every] / self._scale
        order = min(5, len(rows) - 1, len(columns) - 1)
        terms = polynomial.polyvander2d(places[0], places[1], (order, order))
        solved, _, rank, _ = np.linalg.lstsq(terms, pixels[::every], rcond=1e-13)
        if rank < 3:
            raise FormatError("a geolocation grid whose points lie on one line")
        self._coefficients = solved.T.reshape(2, order + 1, order + 1)

    def __call__(self, u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
        from numpy.polynomial import polynomial

        row, column = (
            polynomial.polyval2d(u / self._scale, v / self._scale, one)
            for one in self._coefficients
        )
        return np.asarray(row), np.asarray(column)


def _inverse_slopes(nodes: Nodes, u: FloatArray, v: FloatArray) -> list[FloatArray]:
    """Derivatives of row by u and v, and of column by u and v, at the nodes of the lattice."""
    u_row, u_column = np.gradient(u, *nodes)
    v_row, v_column = np.gradient(v, *nodes)
    det = u_row * v_column - u_column * v_row
    if not (det > 0.0).all() and not (det < 0.0).all():
        raise FormatError("a geolocation grid that is folded")
    return [np.asarray(one / det) for one in (v_column, -u_column, -v_row, u_row)]


def _places(nodes: Nodes, row: FloatArray, column: FloatArray) -> FloatArray:
    """Where pixels lie among the nodes of the lattice."""
    return np.stack(
        [
            np.interp(at, one, np.arange(len(one), dtype=np.float64))
            for at, one in zip((row, column), nodes, strict=True)
        ]
    )


def _between(lattice: FloatArray, places: FloatArray) -> FloatArray:
    """Linear interpolation between nodes; constant outside the lattice, NaN for NaN."""
    from scipy.ndimage import map_coordinates

    return np.asarray(map_coordinates(lattice, places, order=1, mode="nearest"))


def _normals(lon: FloatArray, lat: FloatArray) -> FloatArray:
    """Unit vectors [..., 3] normal to the ellipsoid."""
    a, b = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)], axis=-1)


def _local_frame(up: FloatArray) -> FloatArray:
    """Rows are two tangents and the normal of a place."""
    helper = np.eye(3)[int(np.argmin(np.abs(up)))]
    first = np.cross(helper, up)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(up, first), up])


def _lattice(length: int, *bends: Any) -> FloatArray:
    """Pixels of the lattice along one axis, from one margin to the other.

    Where the map bends, between two points of the grid or two polynomials, is a node too, so that
    linear interpolation has nothing to cut off there.
    """
    last = length - 1 + MARGIN_PX
    even = np.arange(-MARGIN_PX, last, STRIDE_PX)
    every = np.round(np.concatenate([even, [last], *bends]), 2)
    return np.asarray(np.unique(every[(every >= -MARGIN_PX) & (every <= last)]))
