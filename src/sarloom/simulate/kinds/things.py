"""Things that several kinds share: cars, trucks, containers, cranes, chimneys, poles, hedges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..canvas import Mask, Points
from ..world import SceneObject
from .site import Site


def car(site: Site, x_m: float, y_m: float, angle_deg: float, within: Mask | None = None) -> bool:
    """A parked or driving car, on free ground or on a given mask; says whether it fitted."""
    rng = site.rng
    length, width, height = rng.uniform(3.8, 4.9), rng.uniform(1.7, 1.95), rng.uniform(1.4, 1.8)
    if not site.room(x_m, y_m, length, width, angle_deg, within=within):
        return False
    canvas = site.canvas
    canvas.box(
        x_m, y_m, length, width, 0.6 * height, angle_deg,
        material="vehicle_metal", kind=None, wall_db=-9.0,
    )  # fmt: skip
    canvas.box(
        x_m, y_m, 0.55 * length, 0.9 * width, height, angle_deg,
        material="vehicle_metal", kind=None, lift_m=0.01,
    )  # fmt: skip
    corners = canvas.corners(x_m, y_m, length, width, angle_deg)
    canvas.record(
        SceneObject("car", x_m, y_m, length, width, height, angle_deg, (*corners, corners[0]))
    )
    canvas.reflector(x_m, y_m, 0.7, float(rng.normal(11.0, 3.0)))
    return True


def truck(site: Site, x_m: float, y_m: float, angle_deg: float, within: Mask | None = None) -> bool:
    """A lorry or a bus: a tall box, with a cab in front."""
    rng = site.rng
    length, height = rng.uniform(8.5, 16.0), rng.uniform(3.0, 4.0)
    if not site.room(x_m, y_m, length, 2.6, angle_deg, within=within):
        return False
    canvas = site.canvas
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    front = length / 2 - 1.1
    for along, part, tall in ((-1.4, length - 2.8, height), (front, 2.2, 0.8 * height)):
        canvas.box(
            x_m + along * c, y_m + along * s, part, 2.5, tall, angle_deg,
            material="vehicle_metal", kind=None, wall_db=-5.0,
        )  # fmt: skip
    corners = canvas.corners(x_m, y_m, length, 2.5, angle_deg)
    canvas.record(
        SceneObject("truck", x_m, y_m, length, 2.5, height, angle_deg, (*corners, corners[0]))
    )
    for along in (-length / 2, front):
        canvas.reflector(x_m + along * c, y_m + along * s, 0.8, float(rng.normal(17.0, 3.0)))
    return True


def parked_rows(
    site: Site, x_m: float, y_m: float, length_m: float, width_m: float, angle_deg: float,
    filled: float,
) -> int:  # fmt: skip
    """Cars side by side in rows on a car park; how many there was room for."""
    rng, count = site.rng, 0
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    rows = np.arange(-width_m / 2 + 3.0, width_m / 2 - 2.0, 8.0)
    for v in rows.tolist():
        for u in np.arange(-length_m / 2 + 2, length_m / 2 - 1, 2.7).tolist():
            if rng.random() < filled:
                place = (x_m + u * c - v * s, y_m + u * s + v * c)
                turn = angle_deg + 90 + float(rng.normal(0, 2))
                count += car(site, *place, turn, site.inner)
    return count


def car_park(
    site: Site, x_m: float, y_m: float, length_m: float, width_m: float, angle_deg: float,
    filled: float | None = None,
) -> bool:  # fmt: skip
    """A paved rectangle with rows of cars."""
    if not site.room(x_m, y_m, length_m, width_m, angle_deg):
        return False
    corners = site.canvas.corners(x_m, y_m, length_m, width_m, angle_deg)
    mask = site.polygons([corners])
    site.paint(mask, "asphalt")
    full = float(site.rng.uniform(0.25, 0.95)) if filled is None else filled
    parked_rows(site, x_m, y_m, length_m, width_m, angle_deg, full)
    site.canvas.record(
        SceneObject("car park", x_m, y_m, length_m, width_m, 0.0, angle_deg, (*corners, corners[0]))
    )
    return True


def containers(
    site: Site, x_m: float, y_m: float, columns: int, rows: int, tiers: int, angle_deg: float
) -> bool:
    """A block of stacked 12.2 m containers with gaps where some were taken away."""
    rng, canvas = site.rng, site.canvas
    length, width = columns * 12.6, rows * 2.7
    if not site.room(x_m, y_m, length + 1, width + 1, angle_deg):
        return False
    where, u, v = canvas.local(x_m, y_m, math.hypot(length, width) / 2, angle_deg)
    column = np.floor((u + length / 2) / 12.6).astype(int)
    row = np.floor((v + width / 2) / 2.7).astype(int)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    stack = np.clip(rng.integers(max(0, tiers - 2), tiers + 1, (columns, rows)), 0, tiers)
    level = stack[np.clip(column, 0, columns - 1), np.clip(row, 0, rows - 1)] * 2.6
    gap = (np.mod(u + length / 2, 12.6) > 12.2) | (np.mod(v + width / 2, 2.7) > 2.45)
    base = canvas.ground_at(x_m, y_m)
    canvas.solid(where, inside & ~gap & (level > 0), level, "container", base)
    tall = float(stack.max() * 2.6)
    corners = canvas.corners(x_m, y_m, length, width, angle_deg)
    canvas.walls(corners, max(tall, 2.6), -2.0)
    site.claim(x_m, y_m, length, width, angle_deg)
    canvas.record(
        SceneObject(
            "container stack", x_m, y_m, length, width, tall, angle_deg, (*corners, corners[0])
        )
    )
    return True


def gantry_crane(
    site: Site, x_m: float, y_m: float, height_m: float, angle_deg: float, reach_m: float
) -> bool:
    """A quay crane: four legs 16 m apart, a portal beam and a boom along ``angle_deg``."""
    canvas, rng = site.canvas, site.rng
    legs = canvas.corners(x_m, y_m, 15.0, 11.0, angle_deg)
    if not site.room(x_m, y_m, 16.5, 12.5, angle_deg, within=site.inner):
        return False
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    while reach_m > 8 and not site.room(
        x_m + c * reach_m / 2, y_m + s * reach_m / 2, reach_m, 2, angle_deg, within=site.inner
    ):
        reach_m *= 0.7
    steel: dict[str, Any] = {"material": "container", "kind": None, "wall_db": -2.0}
    for x, y in legs:
        canvas.box(x, y, 1.4, 1.4, height_m, angle_deg, **steel)
        canvas.reflector(x, y, 1.0, float(rng.normal(24, 3)))
    for across in (-5.5, 5.5):
        canvas.box(
            x_m - across * s, y_m + across * c, 15.0, 1.1, 1.6, angle_deg,
            lift_m=0.4 * height_m, **steel,
        )  # fmt: skip
    back = 8.0
    length = reach_m + back
    middle = (reach_m - back) / 2
    canvas.box(
        x_m + middle * c, y_m + middle * s, length, 1.8, 2.0, angle_deg, lift_m=height_m - 2,
        **steel,
    )  # fmt: skip
    canvas.box(x_m - 4 * c, y_m - 4 * s, 7.0, 4.0, 4.0, angle_deg, lift_m=height_m - 2, **steel)
    for along in np.linspace(-back, reach_m, 6).tolist():
        canvas.reflector(x_m + along * c, y_m + along * s, height_m, float(rng.normal(20, 4)))
    x, y = x_m + middle * c, y_m + middle * s
    corners = canvas.corners(x, y, length, 12.0, angle_deg)
    ring = (*corners, corners[0])
    if not all(site.holds(site.region, *np.transpose(corners))):
        corners = canvas.corners(x_m, y_m, 15.0, 11.0, angle_deg)
        ring = (*corners, corners[0])
    canvas.record(SceneObject("crane", x_m, y_m, length, 12.0, height_m, angle_deg, ring))
    return True


def chimney(site: Site, x_m: float, y_m: float, height_m: float) -> bool:
    """A smokestack, which throws a long thin shadow and lays over towards the radar."""
    radius = float(0.9 + 0.035 * height_m)
    if not site.drum(
        x_m, y_m, radius, height_m, 1.0, material="wall", kind="chimney", wall_db=-4.0
    ):
        return False
    for z in np.arange(4.0, height_m + 1, 6.0).tolist():
        site.canvas.reflector(x_m - radius, y_m, z, float(site.rng.normal(14, 3)))
    return True


def poles(
    site: Site, points: ArrayLike, z_m: float, mean_dbsm: float, *, within_free: bool = False
) -> None:
    """Lamps, masts, runway lights: point targets, one for each point inside the region."""
    xy = np.asarray(points, float).reshape(-1, 2)
    mask = site.free if within_free else site.inner
    keep = site.holds(mask, xy[:, 0], xy[:, 1]) & site.on_grid(xy[:, 0], xy[:, 1])
    for x, y in xy[keep].tolist():
        site.canvas.reflector(x, y, z_m, float(site.rng.normal(mean_dbsm, 2.0)))


def barrier(
    site: Site, points: Points, width_m: float, height_m: float, material: str, db: float
) -> None:
    """A thin upright line: guard rail, fence or sound wall, with its wall feet."""
    canvas = site.canvas
    mask = site.strokes([(points, width_m)]) & site.inner
    canvas.cover(mask, material)
    top = canvas.world.ground_m + np.float32(height_m)
    rows, columns = mask.shape
    canvas.raise_to((slice(0, rows), slice(0, columns)), mask, top, material)
    xy = np.asarray(points, float)
    keep = site.holds(site.inner, xy[:, 0], xy[:, 1])
    for i in range(len(xy) - 1):
        if keep[i] and keep[i + 1]:
            canvas.wall(tuple(xy[i].tolist()), tuple(xy[i + 1].tolist()), height_m, db)


def hedge(
    site: Site, start: tuple[float, float], end: tuple[float, float], height_m: float
) -> bool:
    """A straight clipped hedge between two points."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    width = float(site.rng.uniform(0.9, 1.5))
    if length < 3 or not site.room(x, y, length, width, angle):
        return False
    canvas = site.canvas
    where, u, v = canvas.local(x, y, length / 2 + 1, angle)
    ragged = site.rng.normal(0, 0.18, u.shape)
    mask = (np.abs(u) <= length / 2) & (np.abs(v) <= width / 2)
    canvas.solid(where, mask, height_m * (1 + ragged), "hedge", canvas.ground_at(x, y))
    corners = canvas.corners(x, y, length, width, angle)
    canvas.record(
        SceneObject("hedge", x, y, length, width, height_m, angle, (*corners, corners[0]))
    )
    return True
