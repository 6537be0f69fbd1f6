"""A meandering river with banks and trees along it, mostly with a bridge."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from ..canvas import Canvas, Mask
from ..layout import Line, blob, distance_m, inside, scatter, smooth_noise, spine
from ..materials import CODE
from ..woods import trees
from ..world import FloatArray, SceneObject
from .base import SceneKind
from .nature import CROPS, area, crop, draw_wood, hedge, lone_trees, plant, way


def relief(canvas: Canvas) -> FloatArray:
    """A flat valley floor."""
    return smooth_noise(canvas, 100.0) * np.float32(canvas.rng.uniform(0.1, 0.8))


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a river along the region's long axis, with its banks and a bridge."""
    rng = canvas.rng
    pure = bool(region.all())
    room = canvas.extent_m if pure else _band_width_m(canvas, region)
    width = rng.uniform(0.09, 0.30) * room if pure else rng.uniform(0.5, 0.68) * room
    # a bend no tighter than the river is wide: (wavelength / 2 pi)^2 / radius, wavelength 150 m
    bend = rng.uniform(0.3, 1.2) * min(570 / width, 45.0) if pure else rng.uniform(0, 0.07) * room
    course = spine(canvas, region, bend)
    away = distance_m(canvas, canvas.stroke(course, canvas.spacing_m))
    half = width / 2 * (1 + smooth_noise(canvas, 2.2 * width) * np.float32(rng.uniform(0.02, 0.16)))
    # the distance to a bent line has creases on the inner side of bends: round them off
    blur = max(3, round(0.22 * width / canvas.spacing_m))
    away = ndimage.uniform_filter(ndimage.uniform_filter(away, blur), blur)
    water = (away < half) & region
    if pure and rng.random() < 0.3:
        water &= ~_island(canvas, course, width)
    _land(canvas, region, away, half, course)
    _carve(canvas, region, water, away, half, float(rng.uniform(1.0, 3.5)))
    area(canvas, "river", water)
    _banks(canvas, region, water, away, half)
    _bank_trees(canvas, region, away, half)
    if rng.random() < 0.8:
        _bridge(canvas, region, course, float(width))


def _band_width_m(canvas: Canvas, region: Mask) -> float:
    """Typical width of a band-like region: four times its mean distance from its edge."""
    depth = distance_m(canvas, ~region)
    return float(np.clip(4 * depth[region].mean(), 12.0, canvas.extent_m))


def _island(canvas: Canvas, course: Line, width: float) -> Mask:
    x, y = course[int(canvas.rng.integers(25, 55))]
    return blob(canvas, x, y, 0.22 * width, canvas.rng.uniform(1.5, 3.0))


def _land(canvas: Canvas, region: Mask, away: FloatArray, half: FloatArray, course: Line) -> None:
    """Each side of the river has its own cover: meadow, scrub, wood or fields."""
    rng = canvas.rng
    (x0, y0), (x1, y1) = course[0], course[-1]
    length, wide = math.hypot(x1 - x0, y1 - y0) or 1.0, 3.0 * canvas.extent_m
    aside = (-(y1 - y0) / length * wide, (x1 - x0) / length * wide)
    left = canvas.polygon([*course, (x1 + aside[0], y1 + aside[1]), (x0 + aside[0], y0 + aside[1])])
    for side in (left, ~left):
        ground = region & side & (away > half)
        style = str(rng.choice(["meadow", "grass", "scrub", "wood", "fields"]))
        if style in ("meadow", "grass", "scrub"):
            canvas.cover(ground, style)
            lone_trees(canvas, ground & (away > half + 9), region, int(rng.integers(0, 9)))
        elif style == "wood":
            canvas.cover(ground, "grass")
            set_back = rng.uniform(4, 30)
            wood = ground & (away > half + set_back)
            if wood.sum() * canvas.spacing_m**2 > 600:
                area(canvas, "stand", wood, "", 14.0)
                plant(canvas, wood, draw_wood(canvas), region, gaps=float(rng.uniform(0, 0.4)))
        else:
            canvas.cover(ground, "grass")
            _riverside_fields(canvas, region, ground & (away > half + rng.uniform(6, 18)), course)


def _riverside_fields(canvas: Canvas, region: Mask, ground: Mask, course: Line) -> None:
    """Fields side by side, their borders square to the valley."""
    rng = canvas.rng
    (x0, y0), (x1, y1) = course[0], course[-1]
    angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along = canvas.x_m[None, :] * np.float32(c) + canvas.y_m[:, None] * np.float32(s)
    edges = float(along.min()) + np.cumsum(rng.uniform(28, 75, 14))
    strip = np.digitize(along, edges)
    for number in np.unique(strip[ground]):
        part = ground & (strip == number)
        if part.sum() * canvas.spacing_m**2 < 150:
            continue
        turn = 90.0 if rng.random() < 0.6 else 0.0
        direction = (angle + turn) % 180.0
        detail = crop(canvas, part, int(rng.integers(len(CROPS))), direction)
        area(canvas, "field", part, detail)
    if rng.random() < 0.5:
        for edge in edges:
            middle = canvas.extent_m / 2
            base = edge - (middle * c + middle * s)
            reach = 0.8 * canvas.extent_m
            line = [
                (middle + base * c - t * s, middle + base * s + t * c)
                for t in np.linspace(-reach, reach, 60)
            ]
            hedge(canvas, ground, line, float(rng.uniform(2, 4)))


def _carve(
    canvas: Canvas,
    region: Mask,
    water: Mask,
    away: FloatArray,
    half: FloatArray,
    depth_m: float,
) -> None:
    """Lower the ground towards the water and lay the water flat."""
    world, rng = canvas.world, canvas.rng
    reach = np.float32(rng.uniform(2.0, 9.0))
    slope = np.clip(1 - (away - half) / reach, 0, 1)
    drop = np.where(region, np.float32(depth_m) * slope**2 * (3 - 2 * slope), 0)
    bank = region & ~water & (slope > 0)
    low_trees = bank & (away < half + 0.7 * reach)
    world.ground_m[bank] -= drop[bank]
    world.height_m[bank] -= drop[bank]
    world.height_m[low_trees] = world.ground_m[low_trees]
    level = float(np.quantile(world.ground_m[region][::7], 0.5)) - depth_m
    canvas.cover(water, "water")
    canvas.sink(water, level)
    if rng.random() < 0.45:
        riffle = water & (smooth_noise(canvas, rng.uniform(10, 30), 2) > rng.uniform(0.7, 1.6))
        canvas.cover(riffle, "rough_water")


def _banks(canvas: Canvas, region: Mask, water: Mask, away: FloatArray, half: FloatArray) -> None:
    """Sand or gravel bars where the noise says so, grass or stones elsewhere on the banks."""
    rng = canvas.rng
    bank = region & ~water & (away < half + np.float32(rng.uniform(1.0, 3.5)))
    canvas.cover(bank, str(rng.choice(["grass", "scrub", "rock", "gravel", "sand"])))
    canvas.world.height_m[bank] = canvas.world.ground_m[bank]
    if rng.random() < 0.6:
        wide = half + np.float32(rng.uniform(4, 9))
        bars = smooth_noise(canvas, 28.0) > rng.uniform(0.7, 1.4)
        bars &= region & ~water & (away < wide)
        canvas.cover(bars, str(rng.choice(["sand", "gravel"])))
        canvas.world.height_m[bars] = canvas.world.ground_m[bars]


def _bank_trees(canvas: Canvas, region: Mask, away: FloatArray, half: FloatArray) -> None:
    """A gallery of trees along the water, broken into groups."""
    rng = canvas.rng
    strip = region & (away > half + 2.5) & (away < half + np.float32(rng.uniform(6, 14)))
    points = scatter(canvas, strip, rng.uniform(4.5, 8))
    groups = smooth_noise(canvas, 22.0) > rng.uniform(-1.2, 1.0)
    points = points[inside(canvas, groups, points)]
    count = len(points)
    radii = rng.uniform(1.4, 4.0, count)
    trees(canvas, points, radii, radii * rng.uniform(2.0, 3.2, count), region=region)


def _bridge(canvas: Canvas, region: Mask, course: Line, width: float) -> None:
    """A road that crosses the water on a raised deck with parapets, about square to the course."""
    rng = canvas.rng
    within = [
        k
        for k, (x, y) in enumerate(course)
        if 3 < k < len(course) - 4
        and 0.12 * canvas.extent_m < x < 0.88 * canvas.extent_m
        and 0.12 * canvas.extent_m < y < 0.88 * canvas.extent_m
    ]
    if not within:
        return
    k = within[int(rng.integers(len(within)))]
    (x, y), (xa, ya), (xb, yb) = course[k], course[k - 2], course[k + 2]
    angle = math.degrees(math.atan2(yb - ya, xb - xa)) + 90.0 + float(rng.normal(0, 9))
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    deck_width = rng.uniform(6, 13)
    length = 1.25 * width + 12
    reach = 1.5 * canvas.extent_m
    # straight over the water, then bending away on the land
    steps = np.linspace(-reach, reach, 160)
    bend = 0.15 * rng.normal() * np.clip(np.abs(steps) - length / 2, 0, None)
    road = [
        (x + t * c - b * s, y + t * s + b * c)
        for t, b in zip(steps.tolist(), bend.tolist(), strict=True)
    ]
    land = region & ~np.isin(canvas.world.material, (CODE["water"], CODE["rough_water"]))
    verge = canvas.stroke(road, deck_width + 6) & land
    canvas.cover(verge, "grass")
    canvas.world.height_m[verge] = canvas.world.ground_m[verge]
    way(canvas, land, road, deck_width - 1.0, "asphalt", "road")
    deck(canvas, region, x, y, length, deck_width, angle, float(rng.uniform(2.0, 5.0)))


def deck(
    canvas: Canvas,
    region: Mask,
    x_m: float,
    y_m: float,
    length_m: float,
    width_m: float,
    angle_deg: float,
    above_m: float,
) -> None:
    """The bridge itself: a slab above the water with parapets, lamps and bright sides."""
    rng, world = canvas.rng, canvas.world
    where, u, v = canvas.local(x_m, y_m, math.hypot(length_m, width_m) / 2, angle_deg)
    slab = (np.abs(u) <= length_m / 2) & (np.abs(v) <= width_m / 2) & region[where]
    ends = [
        canvas.ground_at(
            x_m + k * length_m / 2 * math.cos(math.radians(angle_deg)),
            y_m + k * length_m / 2 * math.sin(math.radians(angle_deg)),
        )
        for k in (-1, 1)
    ]
    level = np.float32(max(ends) + above_m * 0.4)
    end = np.clip((np.abs(u) / (length_m / 2) - 0.7) / 0.3, 0, 1)
    ramp = level - np.float32(0.4 * above_m) * end
    rail = slab & (np.abs(v) > width_m / 2 - 0.55)
    top = np.where(rail, ramp + 1.0, ramp)
    # where the ground is uneven the ends of the deck must not dip into the bank
    world.height_m[where][slab] = np.maximum(top, world.ground_m[where])[slab]
    for part, material in ((slab, "bridge_deck"), (rail, "guard_rail")):
        full = np.zeros(canvas.shape, bool)
        full[where] = part
        canvas.cover(full, material)
    corners = canvas.corners(x_m, y_m, length_m, width_m, angle_deg)
    canvas.walls(corners, above_m, -6.0)
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    for t in np.arange(-length_m / 2, length_m / 2 + 1, float(rng.uniform(8, 16))):
        for side in (-1, 1):
            w = side * (width_m / 2 - 0.3)
            px, py = x_m + t * c - w * s, y_m + t * s + w * c
            if inside(canvas, region, np.array([[px, py]]))[0]:
                canvas.reflector(px, py, above_m, float(rng.uniform(4, 12)))
    canvas.record(
        SceneObject(
            "bridge",
            x_m,
            y_m,
            length_m,
            width_m,
            above_m,
            angle_deg % 180.0,
            (*corners, corners[0]),
        )
    )


KIND = SceneKind("river", build, "grass", relief)
