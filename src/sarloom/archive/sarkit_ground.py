"""Where the pixels of SICD and SIDD products lie on the ground: projection by sarkit.

The ground is the surface of one ellipsoidal height, that of the product's reference point, since a
product carries no terrain. Formulas: SICD Volume 3, Image Projections Description Document; SIDD
Volume 1, chapter 3. The projections iterate; ``grid_map`` interpolates them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.polynomial import polynomial
from sarkit import wgs84
from sarkit.sicd import projection

from .grid_map import Pair, Projection, wrapped

if TYPE_CHECKING:
    from ..records import FloatArray, RangeAxis

METRES_PER_DEGREE = 111_320.0
AXIS_TOLERANCE_DEG = 10.0
"""Up to which angle between range and an array axis the axis is called that of range."""


@dataclass(frozen=True)
class SicdProjection:
    """SICD image grid to and from the surface of constant height through the scene centre point.

    SICD Volume 3, chapters 4 (projection sets), 6 (scene to image) and 9 (constant height).
    """

    parameters: Any
    """sarkit's MetadataParams."""
    offsets: Any = None
    """sarkit's AdjustableParameterOffsets, where the product states them."""

    def sets(self, rows: FloatArray, columns: FloatArray) -> Any:
        """sarkit's projection sets: position and velocity of the antenna, range and range rate."""
        at = self.parameters
        metres = np.stack(
            [
                (rows + at.FirstRow - at.SCP_Row) * at.Row_SS,
                (columns + at.FirstCol - at.SCP_Col) * at.Col_SS,
            ],
            axis=-1,
        )
        found = projection.compute_projection_sets(at, metres)
        return found if self.offsets is None else projection.apply_apos(at, found, self.offsets)

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """Longitude and latitude [deg]."""
        at = self.parameters
        with np.errstate(all="ignore"):
            points, _, _ = projection.r_rdot_to_constant_hae_surface(
                at.LOOK,
                at.SCP,
                self.sets(rows, columns),
                at.SCP_HAE,
                delta_hae_max=1e-4,
                nlim=10,
            )
            return _lon_lat(points)

    def to_image(self, lon: FloatArray, lat: FloatArray) -> Pair:
        """Row and column; NaN where the iteration finds none."""
        at = self.parameters
        with np.errstate(all="ignore"):
            metres, away_m, _ = projection.scene_to_image(
                at,
                _ecef(lon, lat, at.SCP_HAE),
                adjust_param_offsets=self.offsets,
                delta_gp_s2i=1e-4,
                maxiter=20,
            )
            metres[~(away_m < 1e-2 * min(at.Row_SS, at.Col_SS))] = np.nan
        return (
            metres[..., 0] / at.Row_SS + at.SCP_Row - at.FirstRow,
            metres[..., 1] / at.Col_SS + at.SCP_Col - at.FirstCol,
        )


@dataclass(frozen=True)
class PlaneProjection:
    """SIDD planar display (PGD) to and from the surface of constant height.

    A pixel names a point of the product plane (SIDD Volume 1, section 3.2). The echo in it comes
    from all points of equal range and range rate, so the place on the curved surface lies along
    that contour, not below the plane.
    """

    reference: FloatArray
    """Reference point [m] in ECEF."""
    pixel: tuple[float, float]
    """Row and column of the reference point."""
    spacing_m: tuple[float, float]
    row_direction: FloatArray
    column_direction: FloatArray
    time_polynomial: FloatArray
    """Centre of aperture [s] by metres from the reference point."""
    track: FloatArray
    """Coefficients [exponent, 3] of the antenna's position [m] over time [s]."""

    @property
    def normal(self) -> FloatArray:
        """Unit normal of the plane, upwards."""
        normal = np.cross(self.row_direction, self.column_direction)
        normal = normal / np.linalg.norm(normal)
        return np.asarray(normal * np.sign(normal @ self.reference), np.float64)

    @property
    def height_m(self) -> float:
        """Height of the reference point above the ellipsoid."""
        return float(wgs84.cartesian_to_geodetic(self.reference)[2])

    @property
    def look(self) -> int:
        """+1 if the antenna looks to the left of its track, -1 to the right, as sarkit has it."""
        at = float(self.time_polynomial[0, 0])
        position, velocity = antenna_at(self.track, np.asarray(at))
        return 1 if _looks_left(position, velocity, self.reference) else -1

    def antenna(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """Position [m] and velocity [m/s] of the antenna at the pixels' centre of aperture."""
        time_s = polynomial.polyval2d(
            (rows - self.pixel[0]) * self.spacing_m[0],
            (columns - self.pixel[1]) * self.spacing_m[1],
            self.time_polynomial,
        )
        return antenna_at(self.track, np.asarray(time_s, np.float64))

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """Longitude and latitude [deg]."""
        along_m = ((rows - self.pixel[0]) * self.spacing_m[0])[..., None]
        across_m = ((columns - self.pixel[1]) * self.spacing_m[1])[..., None]
        points = self.reference + along_m * self.row_direction + across_m * self.column_direction
        with np.errstate(all="ignore"):
            found, _, _ = projection.r_rdot_to_constant_hae_surface(
                self.look,
                self.reference,
                _contours(points, *self.antenna(rows, columns)),
                self.height_m,
                delta_hae_max=1e-4,
                nlim=10,
            )
            return _lon_lat(found)

    def to_image(self, lon: FloatArray, lat: FloatArray) -> Pair:
        """Row and column; the centre of aperture is found by iteration, as it depends on them."""
        ground = _ecef(lon, lat, self.height_m)
        rows, columns = self._pixel_of(ground)
        normal = self.normal
        with np.errstate(all="ignore"):
            for _ in range(4):
                contours = _contours(ground, *self.antenna(rows, columns))
                on_plane = projection.r_rdot_to_ground_plane_mono(
                    self.look, contours, self.reference, normal
                )
                rows, columns = self._pixel_of(on_plane)
        return rows, columns

    def _pixel_of(self, points: FloatArray) -> Pair:
        away_m = points - self.reference
        return (
            away_m @ self.row_direction / self.spacing_m[0] + self.pixel[0],
            away_m @ self.column_direction / self.spacing_m[1] + self.pixel[1],
        )


@dataclass(frozen=True)
class GeodeticProjection:
    """SIDD geodetic display (GGD): rows run south, columns east. SIDD Volume 1, section 3.4."""

    lon: float
    lat: float
    """Of the reference point [deg]."""
    pixel: tuple[float, float]
    spacing_deg: tuple[float, float]

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """Longitude and latitude [deg]."""
        return (
            self.lon + (columns - self.pixel[1]) * self.spacing_deg[1],
            self.lat - (rows - self.pixel[0]) * self.spacing_deg[0],
        )

    def to_image(self, lon: FloatArray, lat: FloatArray) -> Pair:
        """Row and column."""
        return (
            self.pixel[0] + (self.lat - lat) / self.spacing_deg[0],
            self.pixel[1] + wrapped(lon - self.lon) / self.spacing_deg[1],
        )


def antenna_at(track: FloatArray, time_s: FloatArray) -> Pair:
    """Position [m] and velocity [m/s], [..., 3], by a track's polynomial [exponent, 3]."""
    position, velocity = (
        np.moveaxis(np.asarray(polynomial.polyval(time_s, axis), np.float64), 0, -1)
        for axis in (track, polynomial.polyder(track))
    )
    return position, velocity


@dataclass(frozen=True)
class View:
    """How the radar looks at one place."""

    incidence_angle_deg: float
    """Between the line of sight and the vertical of the ellipsoid."""
    range_azimuth_deg: float
    """Direction of the line of sight on the ground, away from the radar, clockwise from north."""
    look_side: Literal["left", "right"]
    slant_range_m: float


def view_of(position: FloatArray, velocity: FloatArray, lon: float, lat: float, hae: float) -> View:
    """Geometry of a place [deg, deg, m] seen from an antenna [m], [m/s] in ECEF."""
    place = _ecef(np.asarray(lon), np.asarray(lat), hae)
    sight = place - position
    distance = float(np.linalg.norm(sight))
    up, north, east = (axis([lat, lon, hae]) for axis in (wgs84.up, wgs84.north, wgs84.east))
    return View(
        incidence_angle_deg=float(np.degrees(np.arccos(np.clip(-sight @ up / distance, -1, 1)))),
        range_azimuth_deg=float(np.degrees(np.arctan2(sight @ east, sight @ north)) % 360),
        look_side="left" if _looks_left(position, velocity, place) else "right",
        slant_range_m=distance,
    )


def axis_azimuths(exact: Projection, row: float, column: float) -> tuple[float, float]:
    """Directions on the ground of growing rows and growing columns, clockwise from north [deg]."""
    lon, lat = exact.to_ground(
        np.array([row, row + 1, row]), np.array([column, column, column + 1])
    )
    east = wrapped(lon - lon[0]) * np.cos(np.radians(lat[0]))
    azimuths = np.degrees(np.arctan2(east, lat - lat[0])) % 360
    return float(azimuths[1]), float(azimuths[2])


def range_axis_of(azimuths: tuple[float, float], range_azimuth_deg: float) -> RangeAxis | None:
    """Array axis along which range grows; None where range runs oblique to both.

    Parameters
    ----------
    azimuths
        Directions of growing rows and columns [deg], see ``axis_azimuths``.
    range_azimuth_deg
        Direction of growing range [deg].
    """
    axes: tuple[tuple[RangeAxis, float], ...] = (
        ("+row", azimuths[0]),
        ("-row", azimuths[0] + 180),
        ("+column", azimuths[1]),
        ("-column", azimuths[1] + 180),
    )
    away = {name: abs(float(wrapped(np.asarray(a - range_azimuth_deg)))) for name, a in axes}
    nearest = min(away, key=away.__getitem__)
    return nearest if away[nearest] <= AXIS_TOLERANCE_DEG else None


def corners(exact: Projection, shape: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Outer corners of the image, longitude and latitude [deg], from the first pixel around."""
    bottom, right = shape[0] - 0.5, shape[1] - 0.5
    lon, lat = exact.to_ground(
        np.array([-0.5, -0.5, bottom, bottom]), np.array([-0.5, right, right, -0.5])
    )
    return tuple((float(x), float(y)) for x, y in zip(wrapped(lon), lat, strict=True))


def _contours(points: FloatArray, position: FloatArray, velocity: FloatArray) -> Any:
    """sarkit's projection sets of points [m] in ECEF: their range and range rate."""
    away = position - points
    range_m = np.linalg.norm(away, axis=-1)
    return projection.ProjectionSetsMono(
        t_COA=np.zeros_like(range_m),
        ARP_COA=position,
        VARP_COA=velocity,
        R_COA=range_m,
        Rdot_COA=(velocity * away).sum(axis=-1) / range_m,
    )


def _looks_left(position: FloatArray, velocity: FloatArray, place: FloatArray) -> bool:
    """Whether a place lies to the left of the track: SICD Volume 1, SCPCOA.SideOfTrack."""
    return float(np.cross(position, velocity) @ (place - position)) > 0


def _ecef(lon: FloatArray, lat: FloatArray, height_m: float) -> FloatArray:
    return np.asarray(
        wgs84.geodetic_to_cartesian(np.stack([lat, lon, np.full(np.shape(lon), height_m)], -1))
    )


def _lon_lat(points: FloatArray) -> Pair:
    found = wgs84.cartesian_to_geodetic(points)
    return found[..., 1], found[..., 0]
