"""What slant range says of a Sentinel-1 pixel: which ground it is, at which height.

Two things of a swath are rough, and both are exact in slant range. Ground range images are made
with polynomials that follow the mean height of each block of some 670 lines, while the geolocation
grid has a line only every third block: between its lines a column wanders by tens of metres. And
terrain lies displaced: a point at height h is farther from the radar's track than the ellipsoid at
the same range.

Both use the triangle of the Earth's centre of curvature, the antenna and the point, in the plane of
zero Doppler: with radius of curvature R in the direction of range, incidence angle t and range S at
height h the antenna is at

    A^2 = (R + h)^2 + S^2 + 2 (R + h) S cos t

from the centre, and the angle between antenna and point is

    cos g(h) = (A^2 + (R + h)^2 - S^2) / (2 A (R + h)),

so that height displaces by R (g(h) - g(0)); h / tan t is its first order only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import FormatError
from ..records import FloatArray

SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_2 = 0.00669437999014
"""WGS 84."""

LARGEST_CONTRADICTION_M = 1000.0
"""The grid takes the nearest polynomial, which is up to 70 m from the interpolated one."""


@dataclass(frozen=True)
class RangePolynomials:
    """Slant range of the columns of a ground range image.

    ``coefficients[k]`` are of rising order, of ground range less ``origins_m[k]``, and hold at
    ``rows[k]``; between these, slant range is interpolated linearly.
    """

    rows: FloatArray
    coefficients: FloatArray
    origins_m: FloatArray
    column_spacing_m: float

    def __call__(self, rows: FloatArray, columns: FloatArray) -> FloatArray:
        """Slant range [rows, columns] in metres."""
        ground_m = columns * self.column_spacing_m
        at_rows = np.stack(
            [
                np.polynomial.polynomial.polyval(ground_m - origin, one)
                for origin, one in zip(self.origins_m, self.coefficients, strict=True)
            ]
        )
        if len(self.rows) == 1:
            return np.repeat(at_rows, len(rows), axis=0)
        place = np.interp(rows, self.rows, np.arange(len(self.rows), dtype=np.float64))
        below = np.minimum(place.astype(np.intp), len(self.rows) - 2)
        weight = (place - below)[:, None]
        return np.asarray(at_rows[below] * (1.0 - weight) + at_rows[below + 1] * weight)


@dataclass(frozen=True)
class Sight:
    """How the points [R, C] of a geolocation grid were seen."""

    heights_m: FloatArray
    """Above the ellipsoid."""
    incidence_deg: FloatArray
    """Between the line of sight and the ellipsoid's normal."""
    ranges_m: FloatArray
    polynomials: RangePolynomials | None = None
    """Of a ground range image; in slant range columns are ranges already."""

    def check(self, rows: FloatArray, columns: FloatArray) -> None:
        """Refuse ranges that do not grow with the column or that contradict the polynomials.

        Raises
        ------
        FormatError
            If they do.
        """
        if not (np.diff(self.ranges_m, axis=1) > 0.0).all() or not (self.ranges_m > 0.0).all():
            raise FormatError("slant ranges in the geolocation grid that do not grow")
        if self.polynomials is None:
            return
        off = np.abs(self.polynomials(rows, columns) - self.ranges_m)
        if not (off < LARGEST_CONTRADICTION_M).all():
            raise FormatError(
                f"slant ranges of the geolocation grid and of the ground range polynomials that "
                f"differ by {off.max():.0f} m"
            )


@dataclass(frozen=True)
class Lean:
    """What height does at points: everything [...] or, of ``turn``, [..., 3]."""

    turn: FloatArray
    """Change of the ellipsoid's normal per metre along the ground, away from the radar."""
    antenna_m: FloatArray
    """Distance of the antenna from the centre of curvature."""

    @property
    def radius_m(self) -> FloatArray:
        """Radius of curvature of the ellipsoid in the direction of range."""
        return np.asarray(1.0 / np.linalg.norm(self.turn, axis=-1))

    def displacement_m(self, ranges_m: FloatArray, heights_m: FloatArray) -> FloatArray:
        """How far from the place of the same range on the ellipsoid a point of a height lies."""
        radius, antenna = self.radius_m, self.antenna_m

        def angle(distance: FloatArray) -> FloatArray:
            cosine = (antenna**2 + distance**2 - ranges_m**2) / (2.0 * antenna * distance)
            return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))

        return np.asarray(radius * (angle(radius + heights_m) - angle(radius)))


def lean_of(normals: FloatArray, sight: Sight) -> Lean:
    """What height does at the points of a grid, with unit ``normals`` [R, C, 3] of the ellipsoid.

    Moving by ds along the unit tangent t turns the normal n by

        dn / ds = W / a (t + e'^2 t_z (z - n_z n)),   W^2 = 1 - e^2 n_z^2,  e'^2 = e^2 / (1 - e^2),

    which is Euler's formula for the curvature of an ellipsoid of revolution about z.
    """
    chord = (normals[:, -1] - normals[:, 0])[:, None, :]
    along = chord - np.sum(chord * normals, axis=-1, keepdims=True) * normals
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    second = ECCENTRICITY_2 / (1.0 - ECCENTRICITY_2)
    up = normals[..., 2:]
    north = np.array([0.0, 0.0, 1.0]) - up * normals
    # the chord is one of normals; the direction on the ground differs by up to e'^2
    tangent = along - second * along[..., 2:] * north
    tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True)
    curved = np.sqrt(1.0 - ECCENTRICITY_2 * up**2) / SEMI_MAJOR_M
    turn = curved * (tangent + second * tangent[..., 2:] * north)
    distance = 1.0 / np.linalg.norm(turn, axis=-1) + sight.heights_m
    cosine = np.cos(np.radians(sight.incidence_deg))
    antenna_2 = distance**2 + sight.ranges_m**2 + 2.0 * distance * sight.ranges_m * cosine
    return Lean(np.asarray(turn), np.asarray(np.sqrt(antenna_2)))
