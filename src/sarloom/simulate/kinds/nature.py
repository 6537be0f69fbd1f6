"""Pieces that several natural scenes share: woods, hedges, tracks, farmsteads, fields of crops."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..canvas import Canvas, Mask, Points
from ..layout import Line, centre, clip_line, inside, outline, planted, scatter, smooth_noise
from ..woods import trees
from ..world import SceneObject


@dataclass(frozen=True)
class Wood:
    """How a stand of trees looks."""

    conifer: bool
    spacing_m: float
    radius_m: float
    height_m: float
    rows_deg: float | None = None
    """Direction of planting rows; ``None`` for natural growth."""


def draw_wood(canvas: Canvas, tall: bool = True) -> Wood:
    """A random kind of wood: old broadleaf, thicket, spruce plantation, open pines ..."""
    rng = canvas.rng
    conifer = bool(rng.random() < 0.45)
    spacing = rng.uniform(2.8, 4.2) if conifer else rng.uniform(4.0, 7.0)
    radius = spacing * rng.uniform(0.5, 0.68)
    height = radius * rng.uniform(4.0, 6.5) if conifer else radius * rng.uniform(2.4, 3.8)
    rows = float(rng.uniform(0, 180)) if conifer and rng.random() < 0.6 else None
    return Wood(conifer, spacing, radius, float(np.clip(height, 4, 26 if tall else 12)), rows)


def plant(canvas: Canvas, mask: Mask, wood: Wood, region: Mask, gaps: float = 0.0) -> None:
    """Fill a mask with a wood; ``gaps`` is the share of trees missing, in groups."""
    rng = canvas.rng
    if wood.rows_deg is None:
        points = scatter(canvas, mask, wood.spacing_m)
    else:
        points = planted(canvas, mask, wood.spacing_m * 0.9, wood.spacing_m * 1.15, wood.rows_deg)
    if gaps > 0 and len(points):
        density = smooth_noise(canvas, 14.0, 2)
        sparse = density < np.quantile(density[::4, ::4], gaps)
        points = points[~inside(canvas, sparse, points)]
    count = len(points)
    even = 0.1 if wood.rows_deg is not None else 0.22
    size = np.clip(rng.normal(1, even, count), 0.45, 1.7)
    radii, heights = wood.radius_m * size, wood.height_m * (0.5 + 0.5 * size)
    trees(canvas, points, radii, heights, wood.conifer, region=region)


def lone_trees(canvas: Canvas, mask: Mask, region: Mask, count: int) -> None:
    """Single broadleaf trees worth naming, a few metres clear of the mask's outside."""
    points = scatter(canvas, mask, 9.0)
    canvas.rng.shuffle(points)
    for x, y in points[:count]:
        radius = canvas.rng.uniform(2.2, 4.8)
        height = radius * canvas.rng.uniform(2.0, 3.0)
        if _room(canvas, region, x, y, radius * 1.2):
            canvas.tree(float(x), float(y), radius, height, record=True)


def _room(canvas: Canvas, region: Mask, x: float, y: float, radius: float) -> bool:
    ring = np.array(
        [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in np.arange(8) * np.pi / 4]
    )
    return bool(inside(canvas, region, ring).all())


def hedge(canvas: Canvas, region: Mask, line: Points, height_m: float, record: bool = True) -> None:
    """A line of bushes with gaps and, here and there, a tree."""
    rng = canvas.rng
    xy = np.asarray(line, float)
    steps = np.hypot(*np.diff(xy, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    if travelled[-1] < 6:
        return
    at = np.arange(0.5, travelled[-1], 0.9)
    at = at[np.sin(at / rng.uniform(4, 12) + rng.uniform(0, 6)) > rng.uniform(-1.3, -0.7)]
    points = np.column_stack(
        [np.interp(at, travelled, xy[:, 0]), np.interp(at, travelled, xy[:, 1])]
    )
    points += rng.normal(0, 0.25, points.shape)
    points = points[inside(canvas, region, points)]
    if len(points) < 5:
        return
    size = rng.uniform(0.75, 1.25, len(points))
    trees(canvas, points, 1.2 * size, height_m * size, region=region, material="hedge")
    tall = points[rng.random(len(points)) < rng.uniform(0, 0.07)]
    trees(
        canvas,
        tall,
        rng.uniform(1.8, 3.4, len(tall)),
        rng.uniform(6, 11, len(tall)),
        region=region,
    )
    if record:
        kept = clip_line(canvas, region, [(float(x), float(y)) for x, y in line])
        if len(kept) > 1:
            x, y = centre(kept)
            canvas.record(
                SceneObject("hedge", x, y, float(travelled[-1]), 2.4, height_m, 0.0, tuple(kept))
            )


def way(
    canvas: Canvas,
    region: Mask,
    line: Line,
    width_m: float,
    material: str = "dirt_track",
    kind: str = "track",
) -> Mask:
    """Lay a track or road along a line; returns the ground that it covers."""
    mask = canvas.stroke(line, width_m) & region
    canvas.cover(mask, material)
    canvas.world.height_m[mask] = canvas.world.ground_m[mask]
    kept = clip_line(canvas, region, line)
    if len(kept) > 2:
        (x0, y0), (x1, y1) = kept[0], kept[-1]
        x, y = kept[len(kept) // 2]
        canvas.record(
            SceneObject(
                kind,
                x,
                y,
                math.hypot(x1 - x0, y1 - y0),
                width_m,
                0.0,
                math.degrees(math.atan2(y1 - y0, x1 - x0)),
                tuple(kept),
            )
        )
    return mask


def area(canvas: Canvas, kind: str, mask: Mask, detail: str = "", height_m: float = 0.0) -> None:
    """Record an areal thing with its outline and its size along and across its main axis."""
    ring = outline(canvas, mask)
    if not ring:
        return
    xy = np.asarray(ring)
    x, y = xy.mean(0)
    _, vectors = np.linalg.eigh(np.cov((xy - [x, y]).T))
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180.0
    along = (xy - [x, y]) @ vectors
    width, length = np.ptp(along, axis=0)
    canvas.record(
        SceneObject(
            kind, float(x), float(y), float(length), float(width), height_m, angle, ring, detail
        )
    )


CROPS: tuple[tuple[str, float, float, str], ...] = (
    ("ploughed", 0.0, 1.4, "ploughed"),
    ("bare_soil", 0.0, 0.0, "bare"),
    ("crop_low", 0.25, 1.8, "green"),
    ("crop_high", 1.6, 1.6, "tall"),
    ("crop_ripe", 0.8, 2.2, "ripe"),
    ("meadow", 0.3, 0.0, "grass"),
)
"""Material, height [m], row period [m] (0: none) and adjective."""


def crop(canvas: Canvas, mask: Mask, choice: int, direction_deg: float) -> str:
    """Sow one field; returns the adjective for its record."""
    material, height, period, detail = CROPS[choice]
    canvas.cover(mask, material)
    canvas.world.height_m[mask] = canvas.world.ground_m[mask] + np.float32(height)
    if period > 0:
        stretch = canvas.rng.uniform(1.0, 1.7)
        canvas.rows(mask, direction_deg, period * stretch)
    return detail


def farmstead(canvas: Canvas, x: float, y: float, angle_deg: float, region: Mask) -> Mask:
    """A house, barns, a silo and a yard; returns the ground taken (False everywhere if no room)."""
    rng = canvas.rng
    size = rng.uniform(16, 24)
    if not _room(canvas, region, x, y, size * 1.45):
        return np.zeros(canvas.shape, bool)
    yard = canvas.polygon(canvas.corners(x, y, 2 * size, 1.7 * size, angle_deg)) & region
    canvas.cover(yard, str(rng.choice(["gravel", "dirt_track", "concrete"])))
    canvas.world.height_m[yard] = canvas.world.ground_m[yard]
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    plots = [(-0.55, -0.5), (0.5, -0.55), (0.55, 0.45), (-0.5, 0.5)]
    order = rng.permutation(4)[: int(rng.integers(2, 5))]
    for index, plot in enumerate(order):
        u, v = plots[int(plot)][0] * size, plots[int(plot)][1] * size
        turn = angle_deg + (90.0 if rng.random() < 0.3 else 0.0)
        place = (x + u * c - v * s, y + u * s + v * c)
        if index == 0:
            shape = (rng.uniform(9, 12), rng.uniform(7, 9), 4.5)
            roof, material = "gable", "roof_tile"
        else:
            length, width = size * rng.uniform(0.7, 0.95), size * rng.uniform(0.4, 0.55)
            shape = (length, width, rng.uniform(4, 7))
            roof = str(rng.choice(["gable", "gable", "barrel", "flat"]))
            material = str(rng.choice(["roof_metal", "roof_tile", "roof_metal"]))
        detail = "farmhouse" if index == 0 else "barn"
        canvas.box(
            *place, *shape, turn, roof=roof, material=material, kind="farm building", detail=detail
        )
    if rng.random() < 0.5:
        canvas.drum(
            x + 0.1 * size * c,
            y + 0.1 * size * s,
            rng.uniform(1.8, 3),
            rng.uniform(7, 13),
            material="roof_metal",
            kind="silo",
            dome=1.0,
        )
    return yard
