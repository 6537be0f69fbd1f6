"""Forest: stands of broadleaf trees or conifers with clearings and tracks."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, Mask
from ..layout import blob, inside, scatter, smooth_noise, spine
from ..woods import trees
from ..world import FloatArray
from .base import SceneKind
from .nature import Wood, area, draw_wood, plant, way


def relief(canvas: Canvas) -> FloatArray:
    """Gently rolling ground, now and then a slope."""
    rng = canvas.rng
    swell = smooth_noise(canvas, rng.uniform(60, 140)) * np.float32(rng.uniform(0.3, 3.5))
    tilt = rng.normal(0, 0.03, 2)
    slope = tilt[0] * canvas.x_m[None, :] + tilt[1] * canvas.y_m[:, None]
    return np.asarray(swell + slope, np.float32)


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a forest inside the region."""
    rng = canvas.rng
    open_ground = ~region
    ground = str(rng.choice(["grass", "scrub", "grass", "meadow"]))
    canvas.cover(region, ground)
    for clearing in _clearings(canvas, region):
        canvas.cover(clearing, str(rng.choice(["grass", "meadow", "scrub", "bare_soil"])))
        area(canvas, "clearing", clearing)
        open_ground |= clearing
    open_ground |= _tracks(canvas, region)
    for stand, wood in _stands(canvas, region):
        grown = stand & ~open_ground
        if grown.sum() * canvas.spacing_m**2 < 120:
            continue
        area(canvas, "stand", grown, "conifer" if wood.conifer else "broadleaf", wood.height_m)
        plant(canvas, grown, wood, region, gaps=float(rng.choice([0.0, 0.08, 0.2, 0.4])))
    _undergrowth(canvas, region & ~open_ground, region)


def _clearings(canvas: Canvas, region: Mask) -> list[Mask]:
    rng = canvas.rng
    found: list[Mask] = []
    places = scatter(canvas, region, 30.0)
    rng.shuffle(places)
    inside_frame = [p for p in places if 0 < p[0] < canvas.extent_m and 0 < p[1] < canvas.extent_m]
    share = float(region.mean())
    wanted = int(rng.choice([0, 1, 1, 2, 3, 4]) * max(share, 0.4) + 0.5)
    for x, y in inside_frame[:wanted]:
        radius = rng.uniform(8, 32) / max(1.0, wanted / 2)
        clearing = blob(canvas, float(x), float(y), radius, rng.uniform(1.0, 2.2)) & region
        if clearing.sum() * canvas.spacing_m**2 > 80:
            found.append(clearing)
    return found


def _tracks(canvas: Canvas, region: Mask) -> Mask:
    rng = canvas.rng
    covered = np.zeros(canvas.shape, bool)
    width = rng.uniform(3.0, 5.5)
    for _ in range(int(rng.choice([0, 1, 1, 2]))):
        if rng.random() < 0.4:  # a straight ride across, cut through the wood
            angle = rng.uniform(0, np.pi)
            middle = canvas.extent_m * rng.uniform(0.25, 0.75, 2)
            reach = 0.8 * np.hypot(*canvas.shape) * canvas.spacing_m
            along = np.linspace(-reach, reach, 160)
            line = [
                (float(middle[0] + t * np.cos(angle)), float(middle[1] + t * np.sin(angle)))
                for t in along
            ]
        else:
            line = spine(canvas, region, rng.uniform(8, 40))
        verge = canvas.stroke(line, width + rng.uniform(2, 8)) & region
        material = str(rng.choice(["dirt_track", "gravel", "dirt_track", "asphalt"]))
        way(canvas, region, line, width, material)
        covered |= verge
    return covered


def _stands(canvas: Canvas, region: Mask) -> list[tuple[Mask, Wood]]:
    """One to three stands: grown together along wavy borders or planted in straight blocks."""
    rng = canvas.rng
    count = int(rng.choice([1, 2, 2, 3]))
    if count == 1:
        return [(region, draw_wood(canvas))]
    if rng.random() < 0.5:
        field = smooth_noise(canvas, rng.uniform(45, 110), 2)
    else:
        angle = rng.uniform(0, 2 * np.pi)
        field = (canvas.x_m[None, :] * np.cos(angle) + canvas.y_m[:, None] * np.sin(angle)).astype(
            np.float32
        )
    levels = np.quantile(field[region][::16], np.linspace(0, 1, count + 1)[1:-1])
    index = np.digitize(field, levels)
    return [(region & (index == k), draw_wood(canvas)) for k in range(count)]


def _undergrowth(canvas: Canvas, mask: Mask, region: Mask) -> None:
    """Young trees and bushes of all sizes between the crowns."""
    rng = canvas.rng
    points = scatter(canvas, mask, rng.uniform(5, 9))
    points = points[inside(canvas, mask, points)]
    count = len(points)
    trees(canvas, points, rng.uniform(0.8, 1.7, count), rng.uniform(2, 6, count), region=region)


KIND = SceneKind("forest", build, "grass", relief)
