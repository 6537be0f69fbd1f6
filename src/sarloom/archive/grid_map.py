"""A slow exact projection made fast: exact at nodes and linear between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Protocol

import numpy as np

from ..records import FloatArray

Pair = tuple[FloatArray, FloatArray]
Mapping = Callable[[FloatArray, FloatArray], Pair]

NODE_SPACING = 32
"""Pixels between the nodes, at most."""
MAX_INTERPOLATION_ERROR = 0.003
"""Pixels; the nodes are set closer until the interpolation keeps this."""


class Projection(Protocol):
    """Exact mapping between pixels and ground; both directions vectorised over one dimension."""

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """Longitude and latitude [deg] of pixel coordinates."""

    def to_image(self, lon: FloatArray, lat: FloatArray) -> Pair:
        """Row and column of places [deg]."""


class GridGroundMap:
    """A projection, exact at nodes and linear between them; the ``GroundMap`` of a scene.

    The nodes lie 32 pixels apart, or closer where the projection bends by more than 0.003 pixels
    between them. They are set anew for what is asked, always at the same places, so that memory
    does not grow with the scene and neighbouring windows agree. Where fewer points than nodes are
    asked for, the projection itself answers.

    Parameters
    ----------
    exact
        The projection.
    shape
        Rows and columns of the scene. What lies farther outside than its larger side is NaN, since
        a product's polynomials hold only near its image.
    """

    def __init__(self, exact: Projection, shape: tuple[int, int]) -> None:
        self.exact = exact
        self.shape = shape

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """Longitude and latitude [deg] of pixel coordinates."""
        spacing = float(self._node_spacing)
        lon, lat = _interpolated(
            self._relative_ground, *self._near(rows, columns), (spacing, spacing), (0.0, 0.0)
        )
        return wrapped(lon + self._centre[0]), lat

    def to_image(self, lon: FloatArray, lat: FloatArray) -> Pair:
        """Row and column of places on the ground."""
        lon, lat = np.broadcast_arrays(np.asarray(lon, float), np.asarray(lat, float))
        relative = wrapped(lon - self._centre[0])
        step = (self._node_spacing * self._degrees[0], self._node_spacing * self._degrees[1])
        found = _interpolated(self._image_of_relative, relative, lat, step, (0.0, self._centre[1]))
        return self._near(*found)

    def _near(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """The same pixel coordinates, NaN where they are too far outside."""
        rows, columns = np.broadcast_arrays(np.asarray(rows, float), np.asarray(columns, float))
        margin = max(self.shape)
        far = ~(
            (rows > -margin)
            & (rows < self.shape[0] + margin)
            & (columns > -margin)
            & (columns < self.shape[1] + margin)
        )
        return np.where(far, np.nan, rows), np.where(far, np.nan, columns)

    def _relative_ground(self, rows: FloatArray, columns: FloatArray) -> Pair:
        lon, lat = self.exact.to_ground(rows, columns)
        return wrapped(lon - self._centre[0]), lat

    def _image_of_relative(self, lon: FloatArray, lat: FloatArray) -> Pair:
        return self.exact.to_image(lon + self._centre[0], lat)

    @cached_property
    def _centre(self) -> tuple[float, float]:
        """Longitude and latitude of the scene's centre: nodes and differences count from there."""
        middle = ((self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2)
        lon, lat = self.exact.to_ground(*(np.array([value]) for value in middle))
        return float(lon[0]), float(lat[0])

    @cached_property
    def _degrees(self) -> tuple[float, float]:
        """Size of a pixel in longitude and latitude, of its shorter side on the ground."""
        middle = np.array([(self.shape[0] - 1) / 2, (self.shape[1] - 1) / 2])
        at = middle + np.array([[0, 0], [1, 0], [0, 1]])
        lon, lat = self._relative_ground(at[:, 0], at[:, 1])
        shrink = max(np.cos(np.radians(self._centre[1])), 1e-3)
        sides = np.hypot((lon - lon[0]) * shrink, lat - lat[0])[1:]
        size = max(float(sides.min()), 1e-9)
        return size / shrink, size

    @cached_property
    def _node_spacing(self) -> int:
        """Pixels between nodes that keep the error low, both ways, at centre and corners."""
        corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]]) * (
            np.array(self.shape) - 1
        )
        rows, columns = corners.T
        lon, lat = self._relative_ground(rows, columns)
        spacing = NODE_SPACING
        while spacing > 1:
            step = (spacing * self._degrees[0], spacing * self._degrees[1])
            pixels = (float(spacing), float(spacing))
            bend = max(
                *_bend(self._image_of_relative, lon, lat, step),
                *np.divide(_bend(self._relative_ground, rows, columns, pixels), self._degrees),
            )
            if bend <= MAX_INTERPOLATION_ERROR:
                break
            spacing //= 2
        return spacing


def _interpolated(
    exact: Mapping,
    x: FloatArray,
    y: FloatArray,
    step: tuple[float, float],
    origin: tuple[float, float],
) -> Pair:
    """``exact(x, y)`` by bilinear interpolation between nodes at ``origin + step * integers``."""
    shape = x.shape
    out = np.full(shape, np.nan), np.full(shape, np.nan)
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return out
    u, v = (x[known] - origin[0]) / step[0], (y[known] - origin[1]) / step[1]
    first = int(np.floor(u.min())), int(np.floor(v.min()))
    count = int(np.floor(u.max())) + 2 - first[0], int(np.floor(v.max())) + 2 - first[1]
    if count[0] * count[1] >= u.size:
        out[0][known], out[1][known] = exact(x[known], y[known])
        return out
    nodes = np.meshgrid(
        origin[0] + step[0] * (first[0] + np.arange(count[0])),
        origin[1] + step[1] * (first[1] + np.arange(count[1])),
        indexing="ij",
    )
    values = exact(nodes[0].ravel(), nodes[1].ravel())
    u, v = u - first[0], v - first[1]
    i, j = u.astype(np.intp), v.astype(np.intp)
    u, v = u - i, v - j
    at = i * count[1] + j
    for target, table in zip(out, values, strict=True):
        low = table[at] * (1 - v) + table[at + 1] * v
        high = table[at + count[1]] * (1 - v) + table[at + count[1] + 1] * v
        target[known] = low * (1 - u) + high * u
    return out


def _bend(
    exact: Mapping,
    x: FloatArray,
    y: FloatArray,
    step: tuple[float, float],
) -> tuple[float, float]:
    """Largest differences of linear interpolation and the function in cells at given places."""
    a, b = np.array([0, 0, 1, 1, 0.5]), np.array([0, 1, 0, 1, 0.5])
    values = exact((x[:, None] + a * step[0]).ravel(), (y[:, None] + b * step[1]).ravel())
    cells = (table.reshape(-1, 5) for table in values)
    away = [np.abs(cell[:, :4].mean(axis=1) - cell[:, 4]) for cell in cells]
    return float(np.nanmax(away[0], initial=0.0)), float(np.nanmax(away[1], initial=0.0))


def wrapped(degrees: FloatArray) -> FloatArray:
    """The same angle from -180 up to below 180."""
    return np.asarray((degrees + 180) % 360 - 180)
