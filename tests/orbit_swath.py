"""A made-up orbit over WGS 84, and the ground that its radar sees: exact, by geodesics and vectors.

Independent of the reader's own formulas: a place is found as the point of a given height whose
distance from the antenna is the slant range and which lies square to the flight.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pyproj import Geod, Transformer

GEOD = Geod(ellps="WGS84")
TO_VECTORS = Transformer.from_crs(4979, 4978, always_xy=True)


def vectors(lon: Any, lat: Any, height_m: Any) -> np.ndarray:
    """Earth-centred positions [..., 3] in metres."""
    lon, lat, height_m = np.broadcast_arrays(lon, lat, height_m)
    return np.stack(TO_VECTORS.transform(lon, lat, height_m), axis=-1)


@dataclass(frozen=True)
class OrbitSwath:
    """Rows along a geodesic below the antenna, columns to the right of it."""

    lon: float = 12.0
    lat: float = 42.0
    heading_deg: float = 190.0
    row_m: float = 10.0
    column_m: float = 10.0
    shape: tuple[int, int] = (15001, 12001)
    altitude_m: float = 700_000.0
    near_m: float = 380_000.0
    """On the ground, from below the antenna to column 0."""
    height: Callable[[Any, Any], Any] = field(default=lambda row, column: 0.0 * row)
    wander: Callable[[Any, Any], Any] = field(default=lambda row, column: 0.0 * row)
    """Slant range on top of that of an even spacing, metres."""

    def slant_m(self, row: Any, column: Any) -> Any:
        """Slant range of pixels; the Earth's radius here is only a choice of spacing."""
        radius = 6_371_000.0
        angle = (self.near_m + np.asarray(column) * self.column_m) / radius
        top = radius + self.altitude_m
        even = np.sqrt(radius**2 + top**2 - 2 * radius * top * np.cos(angle))
        return even + self.wander(np.asarray(row), np.asarray(column))

    def ground(self, row: Any, column: Any, slant_m: Any = None) -> tuple[Any, Any]:
        """Longitude and latitude of pixels on the terrain."""
        row, column = np.broadcast_arrays(np.asarray(row, float), np.asarray(column, float))
        slant = self.slant_m(row, column) if slant_m is None else slant_m
        height = self.height(row, column)
        lon, lat, azimuth = self._below(row)
        antenna, forward = self._flight(row)
        turn, away = np.full(row.shape, 90.0), self.near_m + column * self.column_m
        for _ in range(40):
            place = GEOD.fwd(lon, lat, azimuth + turn, away)[:2]
            sight = vectors(*place, height) - antenna
            distance = np.linalg.norm(sight, axis=-1)
            ahead = np.sum(sight * forward, axis=-1)
            # steps that would be exact on a flat Earth seen from far away
            away = away + (slant - distance) * distance / away
            turn = turn + np.degrees(ahead / away)
        assert np.abs(slant - distance).max() < 1e-5 and np.abs(ahead).max() < 1e-3
        return place

    def incidence_deg(self, row: Any, column: Any, slant_m: Any = None) -> Any:
        """Angle between the line of sight and the ellipsoid's normal, at the place."""
        row, column = np.broadcast_arrays(np.asarray(row, float), np.asarray(column, float))
        lon, lat = self.ground(row, column, slant_m)
        place = vectors(lon, lat, self.height(row, column))
        up = vectors(lon, lat, self.height(row, column) + 1.0) - place
        sight = self._flight(row)[0] - place
        return np.degrees(np.arccos(np.sum(sight * up, axis=-1) / np.linalg.norm(sight, axis=-1)))

    def _below(self, row: Any) -> tuple[Any, Any, Any]:
        """Longitude, latitude and flight direction below the antenna."""
        full = np.full(np.shape(row), self.lon), np.full(np.shape(row), self.lat)
        # the start lies a little behind row 0, so that no distance is zero
        lon, lat, back = GEOD.fwd(
            *full, np.full(np.shape(row), self.heading_deg), 1e4 + row * self.row_m
        )
        return lon, lat, np.asarray(back) + 180.0

    def _flight(self, row: Any) -> tuple[np.ndarray, np.ndarray]:
        """Position of the antenna and unit vector of its flight."""
        at = [vectors(*self._below(row + step)[:2], self.altitude_m) for step in (-20.0, 20.0)]
        forward = at[1] - at[0]
        forward /= np.linalg.norm(forward, axis=-1, keepdims=True)
        return vectors(*self._below(row)[:2], self.altitude_m), forward
