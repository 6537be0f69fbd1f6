"""Coast: sea, surf, a beach with dunes or cliffs, sometimes breakwaters, and the land behind."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from ..canvas import Canvas, Mask
from ..layout import distance_m, inside, scatter, smooth_noise
from ..materials import CODE
from ..woods import trees
from ..world import FloatArray, SceneObject
from .base import SceneKind
from .nature import CROPS, area, crop, draw_wood, lone_trees, plant


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a coast inside the region; its sea lies away from whatever is beside the region."""
    rng = canvas.rng
    inland, seaward = _shoreline(canvas, region)
    cliffs = bool(rng.random() < 0.35)
    sea = region & (inland <= 0)
    beach_m = np.float32(rng.uniform(0.5, 5) if cliffs else rng.uniform(7, 34))
    beach = region & (inland > 0) & (inland < beach_m)
    land = region & (inland >= beach_m)
    _sea(canvas, sea, inland, seaward)
    canvas.cover(beach, "rock" if cliffs else str(rng.choice(["sand", "sand", "gravel"])))
    if cliffs:
        _cliffs(canvas, region, land, inland, float(beach_m))
    else:
        _slope(canvas, land | beach, inland, float(rng.uniform(0.03, 0.09)))
        area(canvas, "beach", beach)
    area(canvas, "sea", sea)
    dune_m = 0.0
    if not cliffs and rng.random() < 0.6:
        dune_m = float(rng.uniform(12, 40))
        _dunes(canvas, land & (inland < beach_m + np.float32(dune_m)), seaward)
    _hinterland(canvas, region, land, inland - beach_m - np.float32(dune_m), seaward)
    if rng.random() < 0.45:
        _breakwaters(canvas, region, sea, inland, seaward)
    if cliffs or rng.random() < 0.3:
        _boulders(canvas, region, inland, cliffs)


def _shoreline(canvas: Canvas, region: Mask) -> tuple[FloatArray, float]:
    """Distance inland from the shore [m, negative at sea] and the direction of the sea [deg]."""
    rng = canvas.rng
    wave = smooth_noise(canvas, rng.uniform(50, 130)) * np.float32(rng.uniform(2, 22))
    wave += smooth_noise(canvas, 14.0) * np.float32(rng.uniform(0.2, 1.2))
    if region.all():
        seaward = float(rng.uniform(0, 360))
        c, s = math.cos(math.radians(seaward)), math.sin(math.radians(seaward))
        middle = canvas.extent_m / 2
        towards = (canvas.x_m[None, :] - middle) * np.float32(c) + (
            canvas.y_m[:, None] - middle
        ) * np.float32(s)
        share = np.float32(rng.uniform(-0.2, 0.22) * canvas.extent_m)
        return (share - towards + wave).astype(np.float32), seaward
    depth = distance_m(canvas, ~region)
    rows, columns = np.nonzero(region[::4, ::4])
    other_rows, other_columns = np.nonzero(~region[::4, ::4])
    seaward = math.degrees(
        math.atan2(rows.mean() - other_rows.mean(), columns.mean() - other_columns.mean())
    )
    reach = float(np.quantile(depth[region][::5], 0.9))
    land_m = np.float32(rng.uniform(0.1, 0.4) * reach)
    # keep the wander of the shore within the region's own land
    bound = np.float32(0.5 * land_m / max(float(np.abs(wave).max()), 1e-3))
    return (land_m - depth + wave * np.minimum(bound, 1)).astype(np.float32), seaward


def _sea(canvas: Canvas, sea: Mask, inland: FloatArray, seaward: float) -> None:
    """Calm or rough water, with lines of surf along the shore."""
    rng = canvas.rng
    canvas.cover(sea, "water")
    canvas.sink(sea, 0.0)
    roughness = float(rng.choice([-9.0, -0.8, 0.3, 1.2]))
    canvas.cover(sea & (smooth_noise(canvas, rng.uniform(20, 60), 2) > -roughness), "rough_water")
    if rng.random() < 0.7:
        spacing, count = rng.uniform(4, 11), int(rng.integers(2, 7))
        broken = smooth_noise(canvas, 16.0, 2)
        wobble = smooth_noise(canvas, 30.0) * np.float32(rng.uniform(1, 3))
        for line in range(count):
            out = -inland + wobble * (1 + line) / 2 - np.float32(spacing * (line + 0.3))
            width = np.float32(rng.uniform(0.35, 0.85)) * (1 + broken * np.float32(0.5))
            crest = sea & (np.abs(out) < width) & (broken > rng.uniform(-1.2, 0.3))
            canvas.cover(crest, "rough_water")
            # breaking crests stand up: seen from the sea side they are bright
            canvas.world.height_m[crest] += np.float32(rng.uniform(0.2, 0.6))
    if rng.random() < 0.5:
        swell_deg = (seaward + 90 + float(rng.normal(0, 15))) % 180.0
        rough = sea & (canvas.world.material == CODE["rough_water"])
        canvas.rows(rough, swell_deg, float(rng.uniform(4, 9)))


def _slope(canvas: Canvas, mask: Mask, inland: FloatArray, grade: float) -> None:
    """Ground that rises gently from the water's edge."""
    rise = np.clip(inland, 0, 90) * np.float32(grade)
    rise += np.clip(inland / 30, 0, 1) * smooth_noise(canvas, 60.0) * np.float32(0.6)
    canvas.world.ground_m[mask] += rise[mask]
    canvas.world.height_m[mask] = canvas.world.ground_m[mask]


def _cliffs(canvas: Canvas, region: Mask, land: Mask, inland: FloatArray, foot_m: float) -> None:
    """A steep rock face behind the shore and a plateau on top."""
    rng = canvas.rng
    height = rng.uniform(9, 32)
    face = np.float32(height * rng.uniform(0.3, 0.8))
    rough = smooth_noise(canvas, 7.0, 2)
    part = np.clip((inland - np.float32(foot_m) + rough * np.float32(0.12 * face)) / face, 0, 1)
    rise = np.float32(height) * part + smooth_noise(canvas, 70.0) * np.float32(1.2) * part
    canvas.world.ground_m[land] += rise[land]
    canvas.world.height_m[land] = canvas.world.ground_m[land]
    wall = land & (part < 1)
    canvas.cover(wall, "rock")
    area(canvas, "cliff", wall, height_m=float(height))


def _dunes(canvas: Canvas, zone: Mask, seaward: float) -> None:
    """Ridges of sand along the shore with tufts of grass."""
    rng = canvas.rng
    c, s = math.cos(math.radians(seaward)), math.sin(math.radians(seaward))
    along = canvas.x_m[None, :] * np.float32(c) + canvas.y_m[:, None] * np.float32(s)
    bend = smooth_noise(canvas, 25.0, 2)
    waves = np.sin(along / np.float32(rng.uniform(1.6, 3.2)) + bend * np.float32(2.2))
    lift = np.clip(waves + bend * np.float32(0.6), -0.5, 2) * np.float32(rng.uniform(0.6, 1.8)) + 1
    soft = np.clip(distance_m(canvas, ~zone) / 5, 0, 1)
    canvas.world.ground_m[zone] += (lift * soft)[zone]
    canvas.world.height_m[zone] = canvas.world.ground_m[zone]
    canvas.cover(zone, "sand")
    tufts = zone & (smooth_noise(canvas, 5.0, 2) + waves > rng.uniform(0.3, 1.3))
    canvas.cover(tufts, str(rng.choice(["grass", "scrub"])))
    area(canvas, "dune", zone, height_m=float(lift.max()))


def _hinterland(
    canvas: Canvas, region: Mask, land: Mask, behind: FloatArray, seaward: float
) -> None:
    """What lies behind: meadow, scrub, wood or fields, and often a road along the shore."""
    rng = canvas.rng
    ground = land & (behind > 0) & (canvas.world.material != CODE["rock"])
    style = str(rng.choice(["meadow", "grass", "scrub", "wood", "fields"]))
    canvas.cover(ground, style if style in ("meadow", "grass", "scrub") else "grass")
    back = ground & (behind > rng.uniform(10, 28))
    if style == "wood" and back.any():
        area(canvas, "stand", back, height_m=9.0)
        plant(canvas, back, draw_wood(canvas, tall=False), region, gaps=float(rng.uniform(0, 0.4)))
    elif style == "fields" and back.any():
        _fields(canvas, back, seaward)
    elif style == "scrub":
        bushes = scatter(canvas, ground, 4.5)
        bushes = bushes[rng.random(len(bushes)) < 0.4]
        count = len(bushes)
        trees(
            canvas, bushes, rng.uniform(0.6, 1.8, count), rng.uniform(0.8, 3, count), region=region
        )
    else:
        lone_trees(canvas, back, region, int(rng.integers(0, 8)))
    if rng.random() < 0.5:
        band = ground & (np.abs(behind - np.float32(rng.uniform(4, 12))) < rng.uniform(1.8, 3.6))
        band = ndimage.binary_closing(band, iterations=2) & ground
        canvas.cover(band, str(rng.choice(["asphalt", "dirt_track"])))
        canvas.world.height_m[band] = canvas.world.ground_m[band]
        if band.sum() > 400:
            area(canvas, "road", band)


def _fields(canvas: Canvas, ground: Mask, seaward: float) -> None:
    rng = canvas.rng
    turn = math.radians(seaward + float(rng.normal(90, 12)))
    along = canvas.x_m[None, :] * np.float32(math.cos(turn)) + canvas.y_m[:, None] * np.float32(
        math.sin(turn)
    )
    edges = float(along.min()) + np.cumsum(rng.uniform(25, 70, 14))
    strip = np.digitize(along, edges)
    for number in np.unique(strip[ground]):
        part = ground & (strip == number)
        if part.sum() * canvas.spacing_m**2 < 150:
            continue
        direction = (math.degrees(turn) + 90.0) % 180.0
        area(canvas, "field", part, crop(canvas, part, int(rng.integers(len(CROPS))), direction))


def _breakwaters(
    canvas: Canvas, region: Mask, sea: Mask, inland: FloatArray, seaward: float
) -> None:
    """One long mole or a row of groynes, of rock, running out from the shore."""
    rng = canvas.rng
    shore = region & (np.abs(inland - 1.0) < 0.6)
    places = scatter(canvas, shore, 2.5)
    frame = [p for p in places if 0 < p[0] < canvas.extent_m and 0 < p[1] < canvas.extent_m]
    if not frame:
        return
    turn = math.radians(seaward)
    across = np.array([p[0] * -math.sin(turn) + p[1] * math.cos(turn) for p in frame])
    if rng.random() < 0.5:
        wanted = [float(rng.choice(across))]
        length, width, height = rng.uniform(35, 80), rng.uniform(5, 10), rng.uniform(2.5, 5)
    else:
        wanted = np.arange(across.min(), across.max(), rng.uniform(22, 40)).tolist()
        length, width, height = rng.uniform(12, 32), rng.uniform(2, 4), rng.uniform(1.2, 2.2)
    for at in wanted:
        x0, y0 = frame[int(np.argmin(np.abs(across - at)))]
        heading = turn + float(rng.normal(0, 0.08))
        end = (float(x0 + length * math.cos(heading)), float(y0 + length * math.sin(heading)))
        bend = float(rng.uniform(0, 0.2) * length) if length > 34 else 0.0
        line = canvas.curve((float(x0), float(y0)), end, bend)
        mask = canvas.stroke(line, float(width)) & region
        canvas.cover(mask, "rock")
        lumps = canvas.rng.normal(0, 0.35, int(mask.sum())).astype(np.float32)
        canvas.world.height_m[mask] = np.float32(height) + lumps
        kept = [p for p, ok in zip(line, inside(canvas, sea, np.asarray(line)), strict=True) if ok]
        for x, y in kept[:: max(1, len(kept) // 8)]:
            canvas.reflector(x, y, 1.0, float(rng.uniform(2, 9)))
        middle = line[len(line) // 2]
        canvas.record(
            SceneObject(
                "breakwater",
                *middle,
                float(length),
                float(width),
                float(height),
                math.degrees(heading) % 180.0,
                tuple(line),
            )
        )


def _boulders(canvas: Canvas, region: Mask, inland: FloatArray, cliffs: bool) -> None:
    """Rocks awash in front of the shore."""
    rng = canvas.rng
    zone = region & (inland > -rng.uniform(6, 25)) & (inland < 3)
    near = smooth_noise(canvas, 25.0) > rng.uniform(-0.3 if cliffs else 0.5, 1.2)
    points = scatter(canvas, zone & near, 3.5)
    points = points[rng.random(len(points)) < 0.5]
    count = len(points)
    trees(
        canvas,
        points,
        rng.uniform(0.5, 1.9, count),
        rng.uniform(0.5, 2.2, count),
        region=region,
        material="rock",
    )
    for x, y in points[::12]:
        canvas.record(SceneObject("rock", float(x), float(y), 2.0, 2.0, 1.0))


KIND = SceneKind("coast", build, "grass")
