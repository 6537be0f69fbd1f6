"""Where the pixels of SICD and SIDD products lie on the ground: projection by sarkit.

The ground is the surface of one ellipsoidal height, that of the product's reference point, since a
product carries no terrain. Formulas: SICD Volume 3, Image Projections Description Document; SIDD
Volume 1, chapter 3. The exact projection iterates; ``GridGroundMap`` interpolates it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.polynomial import polynomial
from sarkit import wgs84
from sarkit.sicd import projection

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..records import FloatArray, RangeAxis

    Pair = tuple[FloatArray, FloatArray]

NODE_SPACING = 32
"""Pixels between the nodes of exact projection, at most."""
MAX_INTERPOLATION_ERROR = 0.002
"""Pixels; the nodes are set closer until the interpolation keeps this."""
METRES_PER_DEGREE = 111_320.0
AXIS_TOLERANCE_DEG = 10.0
"""Up to which angle between range and an array axis the axis is called that of range."""


class Projection(Protocol):
    """Exact mapping between pixels and ground; both directions vectorised over one dimension."""

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> Pair:
        """Longitude and latitude [deg] of pixel coordinates."""

    def to_image(self, lon: FloatArray, lat: FloatArray) -> Pair:
        """Row and column of places [deg]."""


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
            self.pixel[1] + _wrapped(lon - self.lon) / self.spacing_deg[1],
        )


class GridGroundMap:
    """A projection, exact at nodes and linear between them; the ``GroundMap`` of a scene.

    The nodes lie 32 pixels apart, or closer where the projection bends by more than 0.002 pixels
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
        return _wrapped(lon + self._centre[0]), lat

    def to_image(self, lon: FloatArray, lat: FloatArray) -> Pair:
        """Row and column of places on the ground."""
        lon, lat = np.broadcast_arrays(np.asarray(lon, float), np.asarray(lat, float))
        relative = _wrapped(lon - self._centre[0])
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
        return _wrapped(lon - self._centre[0]), lat

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
        """Pixels between nodes that keep the error below the limit at centre and corners."""
        corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]]) * (
            np.array(self.shape) - 1
        )
        lon, lat = self._relative_ground(corners[:, 0], corners[:, 1])
        spacing = NODE_SPACING
        while spacing > 1:
            step = (spacing * self._degrees[0], spacing * self._degrees[1])
            bend = _bend(self._image_of_relative, lon, lat, step)
            if bend <= MAX_INTERPOLATION_ERROR:
                break
            spacing //= 2
        return spacing


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
    east = _wrapped(lon - lon[0]) * np.cos(np.radians(lat[0]))
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
    away = {name: abs(float(_wrapped(np.asarray(a - range_azimuth_deg)))) for name, a in axes}
    nearest = min(away, key=away.__getitem__)
    return nearest if away[nearest] <= AXIS_TOLERANCE_DEG else None


def corners(exact: Projection, shape: tuple[int, int]) -> tuple[tuple[float, float], ...]:
    """Outer corners of the image, longitude and latitude [deg], from the first pixel around."""
    bottom, right = shape[0] - 0.5, shape[1] - 0.5
    lon, lat = exact.to_ground(
        np.array([-0.5, -0.5, bottom, bottom]), np.array([-0.5, right, right, -0.5])
    )
    return tuple((float(x), float(y)) for x, y in zip(_wrapped(lon), lat, strict=True))


def _interpolated(
    exact: Callable[[FloatArray, FloatArray], Pair],
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
    exact: Callable[[FloatArray, FloatArray], Pair],
    x: FloatArray,
    y: FloatArray,
    step: tuple[float, float],
) -> float:
    """Largest difference of linear interpolation and the function in cells at given places."""
    a, b = np.array([0, 0, 1, 1, 0.5]), np.array([0, 1, 0, 1, 0.5])
    values = exact((x[:, None] + a * step[0]).ravel(), (y[:, None] + b * step[1]).ravel())
    worst = 0.0
    for table in values:
        cells = table.reshape(-1, 5)
        away = np.abs(cells[:, :4].mean(axis=1) - cells[:, 4])
        worst = max(worst, float(np.nanmax(away, initial=0.0)))
    return worst


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


def _wrapped(degrees: FloatArray) -> FloatArray:
    """The same angle from -180 up to below 180."""
    return np.asarray((degrees + 180) % 360 - 180)
