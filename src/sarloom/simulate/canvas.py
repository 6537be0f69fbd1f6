"""Drawing tools that build a ``World``: regions, roads, buildings, trees, vehicles.

Every tool takes metres from the upper left corner of the visible frame and writes heights,
materials and the object's record together, so the four pictures of a scene can never disagree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from .materials import CODE, MATERIALS
from .world import FloatArray, Reflector, SceneObject, WallFoot, World

Mask = NDArray[np.bool_]
Points = Sequence[tuple[float, float]]
MARGIN_ROWS, MARGIN_COLUMNS = 16, 128


class Canvas:
    """An empty, flat world of one material and the tools to fill it."""

    def __init__(
        self,
        kind: str,
        size: int,
        spacing_m: float,
        seed: int,
        rng: np.random.Generator,
        base: str = "grass",
    ) -> None:
        rows, columns = size + 2 * MARGIN_ROWS, size + 2 * MARGIN_COLUMNS
        self.rng = rng
        self.spacing_m = spacing_m
        self.extent_m = size * spacing_m
        self.world = World(
            kind=kind,
            seed=seed,
            spacing_m=spacing_m,
            margin=(MARGIN_ROWS, MARGIN_COLUMNS),
            ground_m=np.zeros((rows, columns), np.float32),
            height_m=np.zeros((rows, columns), np.float32),
            material=np.full((rows, columns), CODE[base], np.uint8),
            direction_deg=np.full((rows, columns), np.nan, np.float32),
            period_m=np.zeros((rows, columns), np.float32),
            parts=(kind,),
        )
        # metres of cell centres, negative in the margin
        self.x_m = ((np.arange(columns) - MARGIN_COLUMNS + 0.5) * spacing_m).astype(np.float32)
        self.y_m = ((np.arange(rows) - MARGIN_ROWS + 0.5) * spacing_m).astype(np.float32)

    # -- coordinates and masks ---------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the full grid, margins included."""
        return len(self.y_m), len(self.x_m)

    def cell(self, x_m: float, y_m: float) -> tuple[float, float]:
        """(column, row) in the full grid of a point in metres, as fractions of a cell."""
        return (
            x_m / self.spacing_m + MARGIN_COLUMNS - 0.5,
            y_m / self.spacing_m + MARGIN_ROWS - 0.5,
        )

    def window(self, x_m: float, y_m: float, radius_m: float) -> tuple[slice, slice]:
        """Slices of the square of half side ``radius_m`` about a point, cut at the grid."""
        column, row = self.cell(x_m, y_m)
        reach = radius_m / self.spacing_m + 1
        rows, columns = self.shape
        return (
            slice(max(0, math.floor(row - reach)), max(0, min(rows, math.ceil(row + reach) + 1))),
            slice(
                max(0, math.floor(column - reach)),
                max(0, min(columns, math.ceil(column + reach) + 1)),
            ),
        )

    def local(
        self, x_m: float, y_m: float, radius_m: float, angle_deg: float
    ) -> tuple[tuple[slice, slice], FloatArray, FloatArray]:
        """Window about a point with coordinates along (u) and across (v) a turned axis [m]."""
        where = self.window(x_m, y_m, radius_m)
        dx = self.x_m[where[1]][None, :] - x_m
        dy = self.y_m[where[0]][:, None] - y_m
        c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        return where, (dx * c + dy * s).astype(np.float32), (dy * c - dx * s).astype(np.float32)

    def polygon(self, points: Points) -> Mask:
        """Mask of the inside of a polygon given in metres."""
        picture = Image.new("L", (self.shape[1], self.shape[0]), 0)
        ImageDraw.Draw(picture).polygon([self.cell(x, y) for x, y in points], fill=1)
        return np.asarray(picture, dtype=bool)

    def stroke(self, points: Points, width_m: float) -> Mask:
        """Mask of a line of given width through points, round at bends and ends."""
        picture = Image.new("L", (self.shape[1], self.shape[0]), 0)
        draw = ImageDraw.Draw(picture)
        cells = [self.cell(x, y) for x, y in points]
        width = max(1, round(width_m / self.spacing_m))
        draw.line(cells, fill=1, width=width, joint="curve")
        if width > 2:
            for column, row in cells:
                r = width / 2
                draw.ellipse((column - r, row - r, column + r, row + r), fill=1)
        return np.asarray(picture, dtype=bool)

    def noise(self, scale_m: float, octaves: int = 1) -> FloatArray:
        """Smooth Gaussian field of zero mean and unit deviation, features of ``scale_m``."""
        rows, columns = self.shape
        total = np.zeros((rows, columns), np.float32)
        for octave in range(octaves):
            step = max(2.0, scale_m / self.spacing_m / 2**octave)
            coarse_shape = (math.ceil(rows / step) + 4, math.ceil(columns / step) + 4)
            coarse = self.rng.standard_normal(coarse_shape).astype(np.float32)
            offset = self.rng.uniform(0, 1, 2)
            field = ndimage.affine_transform(
                coarse,
                (1 / step, 1 / step),
                offset=1 + offset,
                output_shape=(rows, columns),
                order=3,
                prefilter=False,
            )
            total += field / 1.7**octave
        total -= total.mean()
        deviation = float(total.std())
        return total / deviation if deviation > 0 else total

    def curve(
        self, start: tuple[float, float], end: tuple[float, float], bend_m: float, count: int = 24
    ) -> list[tuple[float, float]]:
        """A smooth wandering line from start to end; ``bend_m`` is the largest side step."""
        t = np.linspace(0, 1, count)
        phases = self.rng.uniform(0, 2 * np.pi, 3)
        side = sum(np.sin(2 * np.pi * (k + 1) * 0.5 * t + phases[k]) / (k + 1) for k in range(3))
        side = np.asarray(side) * bend_m / 1.8
        side = side - np.linspace(side[0], side[-1], count)
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = math.hypot(dx, dy) or 1.0
        return [
            (start[0] + dx * k - dy / length * s, start[1] + dy * k + dx / length * s)
            for k, s in zip(t.tolist(), side.tolist(), strict=True)
        ]

    # -- ground ------------------------------------------------------------------------------

    def cover(self, mask: Mask, material: str) -> None:
        """Give the masked ground a material and clear its rows."""
        self.world.material[mask] = CODE[material]
        self.world.period_m[mask] = 0.0
        self.world.direction_deg[mask] = np.nan

    def rows(self, mask: Mask, direction_deg: float, period_m: float) -> None:
        """Mark ploughing or planting rows on the masked ground."""
        self.world.direction_deg[mask] = direction_deg
        self.world.period_m[mask] = period_m

    def terrain(self, height_m: FloatArray) -> None:
        """Set the terrain; call it before any object is placed."""
        self.world.ground_m[...] = height_m
        self.world.height_m[...] = height_m

    def sink(self, mask: Mask, level_m: float) -> None:
        """Flatten the masked ground to one level (water, platforms)."""
        self.world.ground_m[mask] = level_m
        self.world.height_m[mask] = level_m

    def ground_at(self, x_m: float, y_m: float) -> float:
        """Terrain height [m] at a point, clamped to the grid."""
        column, row = self.cell(x_m, y_m)
        rows, columns = self.shape
        return float(
            self.world.ground_m[
                min(max(round(row), 0), rows - 1), min(max(round(column), 0), columns - 1)
            ]
        )

    def label_at(self, x_m: float, y_m: float) -> str:
        """Segmentation label at a point, clamped to the grid."""
        column, row = self.cell(x_m, y_m)
        rows, columns = self.shape
        code = self.world.material[
            min(max(round(row), 0), rows - 1), min(max(round(column), 0), columns - 1)
        ]
        return MATERIALS[int(code)].label

    def record(self, thing: SceneObject) -> None:
        """Remember a thing that a person would name."""
        self.world.objects.append(thing)

    # -- things that stand up ----------------------------------------------------------------

    def raise_to(
        self, where: tuple[slice, slice], mask: Mask, height_m: FloatArray | float, material: str
    ) -> None:
        """Put a surface at absolute height over the window's mask where it tops what is there."""
        heights = self.world.height_m[where]
        level = np.broadcast_to(np.asarray(height_m, np.float32), mask.shape)
        wins = mask & (level > heights)
        heights[wins] = level[wins]
        self.world.material[where][wins] = CODE[material]
        self.world.period_m[where][wins] = 0.0
        self.world.direction_deg[where][wins] = np.nan

    def box(
        self,
        x_m: float,
        y_m: float,
        length_m: float,
        width_m: float,
        height_m: float,
        angle_deg: float = 0.0,
        *,
        roof: str = "flat",
        material: str = "roof_flat",
        kind: str | None = "building",
        detail: str = "",
        wall_db: float = -10.0,
        lift_m: float = 0.0,
    ) -> None:
        """A rectangular block; ``height_m`` to the eaves.

        Length runs along ``angle_deg``. Walls facing the radar become dihedral feet.

        Parameters
        ----------
        roof : str
            'flat', 'gable', 'hip', 'barrel' or 'saw' (the shed roofs of old factories).
        kind : str, optional
            ``None`` draws without recording an object (a part of a larger thing).
        lift_m : float
            Height of the bottom above the ground [m]; what stands on a roof has no wall feet.
        """
        radius = math.hypot(length_m, width_m) / 2
        where, u, v = self.local(x_m, y_m, radius, angle_deg)
        if u.size == 0:
            return
        half_l, half_w = length_m / 2, width_m / 2
        mask = (np.abs(u) <= half_l) & (np.abs(v) <= half_w)
        top = self.ground_at(x_m, y_m) + lift_m + height_m
        rise = _roof_rise(roof, u, v, half_l, half_w, height_m)
        self.raise_to(where, mask, (top + rise).astype(np.float32), material)
        corners = self.corners(x_m, y_m, length_m, width_m, angle_deg)
        if lift_m == 0:
            self.walls(corners, height_m, wall_db)
        if kind is not None:
            outline = (*corners, corners[0])
            self.record(
                SceneObject(kind, x_m, y_m, length_m, width_m, height_m, angle_deg, outline, detail)
            )

    def corners(
        self, x_m: float, y_m: float, length_m: float, width_m: float, angle_deg: float
    ) -> tuple[tuple[float, float], ...]:
        """The four corners of a turned rectangle, in metres."""
        c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        return tuple(
            (x_m + u * c - v * s, y_m + u * s + v * c)
            for u, v in (
                (-length_m / 2, -width_m / 2),
                (length_m / 2, -width_m / 2),
                (length_m / 2, width_m / 2),
                (-length_m / 2, width_m / 2),
            )
        )

    def walls(self, corners: Points, height_m: float, strength_db: float) -> None:
        """Record the radar-facing sides of a closed convex outline as wall feet."""
        cx = sum(x for x, _ in corners) / len(corners)
        cy = sum(y for _, y in corners) / len(corners)
        for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], corners[0]), strict=True):
            normal_x, normal_y = y1 - y0, x0 - x1
            outward = normal_x * ((x0 + x1) / 2 - cx) + normal_y * ((y0 + y1) / 2 - cy)
            if (normal_x if outward > 0 else -normal_x) < 0:  # towards the radar
                self.world.wall_feet.append(WallFoot(x0, y0, x1, y1, height_m, strength_db))

    def drum(
        self,
        x_m: float,
        y_m: float,
        radius_m: float,
        height_m: float,
        *,
        material: str = "tank_metal",
        kind: str | None = "tank",
        dome: float = 0.0,
        wall_db: float = -3.0,
    ) -> None:
        """An upright cylinder, such as a storage tank or silo."""
        where, u, v = self.local(x_m, y_m, radius_m, 0.0)
        if u.size == 0:
            return
        distance = np.hypot(u, v)
        base = self.ground_at(x_m, y_m)
        top = base + height_m + dome * np.sqrt(np.clip(1 - (distance / radius_m) ** 2, 0, 1))
        self.raise_to(where, distance <= radius_m, top.astype(np.float32), material)
        steps = np.linspace(0, 2 * np.pi, 17)[:-1]
        ring = [(x_m + radius_m * math.cos(a), y_m + radius_m * math.sin(a)) for a in steps]
        self.walls(ring, height_m, wall_db)
        if kind is not None:
            self.record(
                SceneObject(
                    kind, x_m, y_m, 2 * radius_m, 2 * radius_m, height_m, 0.0, (*ring, ring[0])
                )
            )

    def tree(
        self,
        x_m: float,
        y_m: float,
        crown_radius_m: float,
        height_m: float,
        *,
        conifer: bool = False,
        record: bool = False,
    ) -> None:
        """A tree crown: a lumpy dome (broadleaf) or cone (conifer) that shades what is behind."""
        where, u, v = self.local(x_m, y_m, crown_radius_m * 1.15, 0.0)
        if u.size == 0:
            return
        # lobes make every crown its own shape
        angle = np.arctan2(v, u)
        lobes = self.rng.uniform(0, 2 * np.pi, 2)
        edge = crown_radius_m * (
            1 + 0.10 * np.sin(3 * angle + lobes[0]) + 0.06 * np.sin(5 * angle + lobes[1])
        )
        part = np.clip(np.hypot(u, v) / edge, 0, 1)
        inside = part < 1
        crown = (1 - part) if conifer else np.sqrt(1 - part**2)
        depth = height_m * (0.85 if conifer else 0.6)
        base = self.ground_at(x_m, y_m)
        top = base + height_m - depth * (1 - crown)
        top += self.rng.normal(0, 0.05 * height_m, u.shape)
        self.raise_to(where, inside, top.astype(np.float32), "conifer" if conifer else "crown")
        if record:
            ring = [
                (x_m + crown_radius_m * math.cos(a), y_m + crown_radius_m * math.sin(a))
                for a in np.linspace(0, 2 * np.pi, 9)
            ]
            self.record(
                SceneObject(
                    "tree",
                    x_m,
                    y_m,
                    2 * crown_radius_m,
                    2 * crown_radius_m,
                    height_m,
                    0.0,
                    tuple(ring),
                )
            )

    def scatter_points(self, mask: Mask, spacing_m: float) -> list[tuple[float, float]]:
        """Jittered grid points (about ``spacing_m`` apart) that fall inside a mask, shuffled."""
        step = spacing_m
        x0, y0 = float(self.x_m[0]), float(self.y_m[0])
        nx = int((self.x_m[-1] - x0) / step) + 1
        ny = int((self.y_m[-1] - y0) / step) + 1
        jitter = self.rng.uniform(-0.42, 0.42, (ny, nx, 2)) * step
        xs = x0 + np.arange(nx)[None, :] * step + jitter[..., 0]
        ys = y0 + np.arange(ny)[:, None] * step + jitter[..., 1]
        rows, columns = self.shape
        c = np.clip(np.round((xs - x0) / self.spacing_m).astype(int), 0, columns - 1)
        r = np.clip(np.round((ys - y0) / self.spacing_m).astype(int), 0, rows - 1)
        keep = mask[r, c]
        points = list(zip(xs[keep].tolist(), ys[keep].tolist(), strict=True))
        self.rng.shuffle(points)
        return [(float(x), float(y)) for x, y in points]

    def reflector(self, x_m: float, y_m: float, z_m: float, rcs_dbsm: float) -> None:
        """A point target ``z_m`` above the ground."""
        self.world.reflectors.append(Reflector(x_m, y_m, self.ground_at(x_m, y_m) + z_m, rcs_dbsm))

    def solid(
        self,
        where: tuple[slice, slice],
        mask: Mask,
        above_ground_m: ArrayLike,
        material: str,
        base_m: float,
    ) -> None:
        """Raise any shape in a window (from ``local``) to heights above a base level."""
        level = np.asarray(above_ground_m, np.float32) + np.float32(base_m)
        self.raise_to(where, mask, level, material)

    def wall(
        self, start: tuple[float, float], end: tuple[float, float], height_m: float, db: float
    ) -> None:
        """One wall foot seen from the radar's side (quay walls, fences, rails, ship sides)."""
        self.world.wall_feet.append(WallFoot(*start, *end, height_m, db))


def _roof_rise(
    roof: str, u: FloatArray, v: FloatArray, half_l: float, half_w: float, height_m: float
) -> FloatArray:
    """Height of a roof above its eaves; pitches of 31 degrees, lower over wide halls."""
    pitch = min(0.6 * half_w, 5.5)
    if roof == "gable":
        rise = pitch * (1 - np.abs(v) / half_w)
    elif roof == "hip":
        rise = np.minimum(pitch * (1 - np.abs(v) / half_w), (half_l - np.abs(u)) * 0.9)
    elif roof == "barrel":
        rise = min(0.7 * half_w, 0.5 * height_m + 3) * np.sqrt(np.clip(1 - (v / half_w) ** 2, 0, 1))
    elif roof == "saw":
        rise = 2.6 * np.mod((u + half_l) / 8.0, 1.0)
    else:
        rise = np.zeros_like(u)
    return np.asarray(rise, np.float32)
