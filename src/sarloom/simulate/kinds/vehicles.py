"""Vehicles parked in a clearing among trees, as in the open measurements of military targets."""

from __future__ import annotations

import math

import numpy as np

from ..canvas import Canvas, Mask
from ..layout import blob, distance_m, inside, scatter, smooth_noise, spine
from ..materials import CODE
from ..woods import trees
from ..world import FloatArray, SceneObject
from .base import SceneKind
from .nature import area, draw_wood, hedge, plant, way

Pose = tuple[float, float, float]


def relief(canvas: Canvas) -> FloatArray:
    """Nearly flat ground with small rises."""
    return smooth_noise(canvas, 70.0, 2) * np.float32(canvas.rng.uniform(0.1, 0.6))


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a clearing with trees around it and two to twelve vehicles."""
    rng = canvas.rng
    canvas.cover(region, str(rng.choice(["grass", "meadow", "grass"])))
    clearing = _clearing(canvas, region)
    bare = (smooth_noise(canvas, 12.0, 2) > rng.uniform(1.0, 2.2)) & clearing
    canvas.cover(bare, str(rng.choice(["bare_soil", "dirt_track", "scrub"])))
    lanes = np.zeros(canvas.shape, bool)
    for _ in range(int(rng.choice([0, 1, 1, 2]))):
        line = spine(canvas, region, rng.uniform(0, 25))
        material = str(rng.choice(["dirt_track", "dirt_track", "gravel", "asphalt"]))
        lanes |= way(canvas, region, line, rng.uniform(3.5, 7.0), material)
    area(canvas, "clearing", clearing)
    _surroundings(canvas, region, clearing, lanes)
    for pose in _poses(canvas, clearing, lanes):
        vehicle(canvas, *pose)


def _clearing(canvas: Canvas, region: Mask) -> Mask:
    rng = canvas.rng
    places = scatter(canvas, region & (distance_m(canvas, ~region) > 22), 12.0)
    frame = 0.28 * canvas.extent_m
    middle = canvas.extent_m / 2
    near = [p for p in places if abs(p[0] - middle) < frame and abs(p[1] - middle) < frame]
    chosen = near or list(places) or [(middle, middle)]
    x, y = chosen[int(rng.integers(len(chosen)))]
    radius = rng.uniform(0.2, 0.42) * min(canvas.extent_m, 200.0)
    if not region.all():
        radius *= math.sqrt(max(float(region.mean()), 0.3))
    return blob(canvas, float(x), float(y), radius, rng.uniform(1.0, 1.8)) & region


def _surroundings(canvas: Canvas, region: Mask, clearing: Mask, lanes: Mask) -> None:
    """Woods, clumps or tree lines about the clearing, and bushes in it."""
    rng = canvas.rng
    around = region & ~clearing & ~lanes
    style = rng.choice(["wood", "clumps", "lines"], p=[0.4, 0.4, 0.2])
    if style == "wood":
        plant(canvas, around, draw_wood(canvas), region, gaps=float(rng.uniform(0, 0.35)))
    elif style == "clumps":
        thick = smooth_noise(canvas, rng.uniform(18, 35), 2) > rng.uniform(0.0, 0.7)
        plant(canvas, around & thick, draw_wood(canvas), region)
    else:
        for _ in range(int(rng.integers(3, 8))):
            a, b = rng.uniform(-0.1, 1.1, (2, 2)) * canvas.extent_m
            line = canvas.curve((a[0], a[1]), (b[0], b[1]), 8.0, 30)
            hedge(canvas, around, line, rng.uniform(4, 9), record=False)
    bushes = scatter(canvas, clearing & ~lanes, 14.0)
    bushes = bushes[rng.random(len(bushes)) < rng.uniform(0.02, 0.35)]
    count = len(bushes)
    trees(canvas, bushes, rng.uniform(0.6, 2.4, count), rng.uniform(1.2, 7, count), region=region)


def _poses(canvas: Canvas, clearing: Mask, lanes: Mask) -> list[Pose]:
    """Two to twelve places: in a row, in two ranks, or scattered with any heading."""
    rng = canvas.rng
    count = int(rng.integers(2, 13))
    frame = np.zeros(canvas.shape, bool)
    frame[canvas.world.visible] = True
    room = clearing & frame & (distance_m(canvas, ~(clearing & frame)) > 6.0)
    if not room.any():
        room = clearing & frame
    heading = float(rng.uniform(0, 360))
    if rng.random() < 0.55:
        poses = _ranks(canvas, room, count, heading)
    else:
        points = scatter(canvas, room, rng.uniform(13, 24))
        rng.shuffle(points)
        loose = rng.random() < 0.6
        poses = [
            (float(x), float(y), float(rng.uniform(0, 360) if loose else rng.normal(heading, 8)))
            for x, y in points[:count]
        ]
    if len(poses) < 2:
        points = scatter(canvas, room, 8.0)
        rng.shuffle(points)
        poses = [(float(x), float(y), heading) for x, y in points[:2]]
    return poses


def _ranks(canvas: Canvas, room: Mask, count: int, heading: float) -> list[Pose]:
    rng = canvas.rng
    points = scatter(canvas, room, 6.0)
    if not len(points):
        return []
    x0, y0 = points.mean(0) + rng.normal(0, 3, 2)
    ranks = 1 if count < 5 else int(rng.integers(1, 4))
    side, gap = rng.uniform(5.5, 10), rng.uniform(11, 18)
    row_angle = math.radians(heading + 90 + float(rng.choice([0.0, 0.0, 35.0])))
    per_rank = math.ceil(count / ranks)
    poses = []
    for index in range(count):
        rank, place = divmod(index, per_rank)
        a = (place - (per_rank - 1) / 2) * side
        b = (rank - (ranks - 1) / 2) * gap
        h = math.radians(heading)
        x = x0 + a * math.cos(row_angle) + b * math.cos(h) + rng.normal(0, 0.4)
        y = y0 + a * math.sin(row_angle) + b * math.sin(h) + rng.normal(0, 0.4)
        poses.append((float(x), float(y), heading + float(rng.normal(0, 3))))
    good = inside(canvas, room, np.asarray([p[:2] for p in poses]))
    return [pose for pose, keep in zip(poses, good, strict=True) if keep]


def vehicle(canvas: Canvas, x_m: float, y_m: float, heading_deg: float) -> None:
    """A tracked or wheeled vehicle: hull, turret or cab, and its strong scattering centres."""
    rng = canvas.rng
    tracked = bool(rng.random() < 0.6)
    length = rng.uniform(5.5, 7.5) if tracked else rng.uniform(4.2, 9.0)
    width = rng.uniform(2.8, 3.5) if tracked else rng.uniform(2.0, 2.7)
    hull = rng.uniform(1.3, 1.9)
    _clear(canvas, x_m, y_m, length)
    canvas.box(
        x_m,
        y_m,
        length,
        width,
        hull,
        heading_deg,
        material="vehicle_metal",
        kind=None,
        wall_db=-2.0,
    )
    c, s = math.cos(math.radians(heading_deg)), math.sin(math.radians(heading_deg))
    shift = rng.uniform(-0.08, 0.12) * length if tracked else 0.33 * length
    top = (x_m + shift * c, y_m + shift * s)
    if tracked:
        canvas.box(
            *top,
            0.4 * length,
            0.75 * width,
            hull + rng.uniform(0.6, 1.0),
            heading_deg,
            material="vehicle_metal",
            kind=None,
            wall_db=-4.0,
        )
        if rng.random() < 0.6:  # a gun along the heading
            reach = 0.5 * length
            canvas.box(
                x_m + (shift + reach) * c,
                y_m + (shift + reach) * s,
                reach,
                0.5,
                hull + 0.4,
                heading_deg,
                material="vehicle_metal",
                kind=None,
                wall_db=-15.0,
            )
    else:
        canvas.box(
            *top,
            0.28 * length,
            width,
            hull + rng.uniform(0.5, 1.1),
            heading_deg,
            material="vehicle_metal",
            kind=None,
            wall_db=-4.0,
        )
    for u, v in rng.uniform(-0.45, 0.45, (int(rng.integers(3, 7)), 2)):
        a, b = u * length, v * width
        canvas.reflector(
            x_m + a * c - b * s,
            y_m + a * s + b * c,
            float(rng.uniform(0.3, hull)),
            float(rng.uniform(5, 16)),
        )
    # the brightest point stands at the corner that faces the radar
    near = min(canvas.corners(x_m, y_m, length * 0.9, width * 0.9, heading_deg))
    canvas.reflector(*near, 0.4, float(rng.uniform(15, 27)))
    corners = canvas.corners(x_m, y_m, length, width, heading_deg)
    canvas.record(
        SceneObject(
            "vehicle",
            x_m,
            y_m,
            length,
            width,
            hull,
            heading_deg % 360,
            (*corners, corners[0]),
            "tracked" if tracked else "wheeled",
        )
    )


def _clear(canvas: Canvas, x_m: float, y_m: float, length_m: float) -> None:
    """Trodden grass where the vehicle stands, so that no bush grows through it."""
    where, u, v = canvas.local(x_m, y_m, 0.75 * length_m, 0.0)
    spot = np.hypot(u, v) < 0.75 * length_m
    stands = spot & (canvas.world.height_m[where] > canvas.world.ground_m[where] + 0.4)
    canvas.world.height_m[where][stands] = canvas.world.ground_m[where][stands]
    canvas.world.material[where][stands] = CODE["grass"]


KIND = SceneKind("vehicles", build, "grass", relief)
