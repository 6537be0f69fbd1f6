"""Mountains: sharp ridges of rock above scree, alpine grass and forest, sometimes a lake."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from ..canvas import Canvas, Mask
from ..layout import outline, scatter, smooth_noise, spine
from ..woods import trees
from ..world import FloatArray, SceneObject
from .base import SceneKind
from .nature import area, draw_wood, plant


def relief(canvas: Canvas) -> FloatArray:
    """Ridges at any angle, 45 to 110 m above the lowest ground of the grid."""
    rng = canvas.rng
    angle = rng.uniform(0, np.pi)
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    x = canvas.x_m[None, :] - np.float32(canvas.extent_m / 2)
    y = canvas.y_m[:, None] - np.float32(canvas.extent_m / 2)
    # ridges run along the axis, spurs branch off to both sides
    bend = smooth_noise(canvas, 90.0) * np.float32(rng.uniform(8, 25))
    across = y * c - x * s + bend + np.float32(rng.uniform(-50, 50))
    span = np.float32(rng.uniform(170, 340))
    main = 1 - np.abs((across / span + 0.5) % 1 - 0.5) * 2
    spurs = 1 - np.minimum(np.abs(smooth_noise(canvas, rng.uniform(45, 80), 2)), 1.6) / 1.6
    crags = smooth_noise(canvas, 12.0, 3)
    weight = rng.uniform(0.2, 0.5)
    shape = (1 - weight) * main + weight * spurs * (0.35 + 0.65 * main)
    shape += crags * np.float32(0.018) * (0.3 + main)
    low, high = float(shape.min()), float(shape.max())
    height = (shape - low) / (high - low)
    # main slopes of 18 to 33 degrees and steeper spurs: more would lie in shadow as a whole
    height = height ** np.float32(rng.uniform(0.9, 1.2))
    height *= np.float32(np.clip(rng.uniform(0.17, 0.33) * float(span), 45.0, 110.0))
    # zero at the mean, so that the frame does not slide away in range
    return np.asarray(height - height.mean(), np.float32)


def build(canvas: Canvas, region: Mask) -> None:
    """Cover the terrain that ``relief`` made: rock, scree, grass, forest and perhaps a lake."""
    rng = canvas.rng
    ground = canvas.world.ground_m
    smooth = ndimage.uniform_filter(ground, 15)
    slope_y, slope_x = np.gradient(smooth, canvas.spacing_m)
    steep = np.hypot(slope_x, slope_y)
    low, high = np.quantile(smooth[region][::9], [0.02, 0.98])
    level = (smooth - np.float32(low)) / np.float32(max(high - low, 1.0))
    level += smooth_noise(canvas, 18.0, 2) * np.float32(0.06)
    tree_line = rng.uniform(0.15, 0.6)
    canvas.cover(region, str(rng.choice(["grass", "meadow", "grass", "scrub"])))
    scree = region & (level > tree_line * 0.9) & (steep > rng.uniform(0.25, 0.5))
    canvas.cover(scree, "gravel")
    rock = region & ((level > rng.uniform(0.6, 0.85)) | (steep > rng.uniform(0.7, 1.0)))
    _crag(canvas, rock)
    area(canvas, "scree", scree & ~rock)
    area(canvas, "rock", rock)
    lake = _lake(canvas, region, level) if rng.random() < 0.35 else np.zeros(canvas.shape, bool)
    wood = region & ~rock & ~lake & (level < tree_line) & (steep < 1.1)
    wood &= smooth_noise(canvas, 30.0) > rng.uniform(-2.0, 0.3)
    if wood.sum() * canvas.spacing_m**2 > 300:
        area(canvas, "stand", wood, "conifer", 12.0)
        plant(canvas, wood, draw_wood(canvas), region, gaps=float(rng.uniform(0.0, 0.4)))
    _scattered(canvas, region & ~rock & ~wood & ~lake & (level < tree_line + 0.15), region)
    _ridge(canvas, region, smooth)


def _crag(canvas: Canvas, rock: Mask) -> None:
    """Broken rock: ledges and blocks of a metre or two."""
    canvas.cover(rock, "rock")
    blocks = smooth_noise(canvas, 3.5, 2)
    ledges = np.round(blocks * 1.5) / np.float32(1.5) * np.float32(canvas.rng.uniform(0.3, 0.9))
    canvas.world.ground_m[rock] += ledges[rock]
    canvas.world.height_m[rock] = canvas.world.ground_m[rock]


def _lake(canvas: Canvas, region: Mask, level: FloatArray) -> Mask:
    """Still water in the lowest hollow of the visible frame."""
    seen = np.zeros(canvas.shape, bool)
    seen[canvas.world.visible] = True
    low = region & (level < np.quantile(level[region & seen][::7], canvas.rng.uniform(0.06, 0.16)))
    parts, count = ndimage.label(low[::2, ::2])
    if count == 0:
        return np.zeros(canvas.shape, bool)
    biggest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    lake = np.repeat(np.repeat(parts == biggest, 2, 0), 2, 1)[: low.shape[0], : low.shape[1]]
    lake = ndimage.binary_closing(lake, iterations=4) & region
    if lake.sum() * canvas.spacing_m**2 < 250:
        return np.zeros(canvas.shape, bool)
    canvas.cover(lake, "water")
    canvas.sink(lake, float(np.quantile(canvas.world.ground_m[lake], 0.7)))
    area(canvas, "lake", lake)
    return np.asarray(lake)


def _scattered(canvas: Canvas, mask: Mask, region: Mask) -> None:
    """Single trees and boulders above the wood."""
    rng = canvas.rng
    points = scatter(canvas, mask, rng.uniform(7, 12))
    chance = rng.random(len(points))
    pines = points[chance < 0.25]
    count = len(pines)
    trees(
        canvas, pines, rng.uniform(0.9, 2.2, count), rng.uniform(3, 9, count), True, region=region
    )
    stones = points[chance > 0.75]
    count = len(stones)
    trees(
        canvas,
        stones,
        rng.uniform(0.6, 2.0, count),
        rng.uniform(0.7, 2.5, count),
        region=region,
        material="rock",
    )


def _ridge(canvas: Canvas, region: Mask, smooth: FloatArray) -> None:
    """Record the crest line of the highest connected ground."""
    top = region & (smooth > np.quantile(smooth[region][::9], 0.88))
    parts, count = ndimage.label(top[::3, ::3])
    if count == 0:
        return
    biggest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    crest = np.repeat(np.repeat(parts == biggest, 3, 0), 3, 1)[: top.shape[0], : top.shape[1]]
    if crest.sum() < 400 or not outline(canvas, crest):
        return
    line = spine(canvas, crest)
    x, y = line[len(line) // 2]
    (x0, y0), (x1, y1) = line[0], line[-1]
    height = float(smooth[region].max() - smooth[region].min())
    canvas.record(
        SceneObject(
            "ridge",
            x,
            y,
            math.hypot(x1 - x0, y1 - y0),
            0.0,
            height,
            math.degrees(math.atan2(y1 - y0, x1 - x0)) % 180.0,
            tuple(line),
        )
    )


KIND = SceneKind("mountains", build, "grass", relief)
