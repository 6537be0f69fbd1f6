"""Thousands of trees at once: every crown its own lobed dome or cone, in a few array steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .canvas import MARGIN_COLUMNS, MARGIN_ROWS, Canvas, Mask
from .materials import CODE

_BATCH_CELLS = 400_000


def trees(
    canvas: Canvas,
    points: NDArray[np.float64],
    radii_m: ArrayLike,
    heights_m: ArrayLike,
    conifer: ArrayLike = False,
    *,
    region: Mask | None = None,
    material: str | None = None,
) -> None:
    """Plant crowns; where they overlap the highest wins, as the radar would meet it first.

    Parameters
    ----------
    canvas : Canvas
        Drawn upon; gives the random lobes and the roughness of the crowns.
    points : ndarray, shape (count, 2)
        x, y of the stems [m].
    radii_m, heights_m : float or array, shape (count,)
        Crown radius and height of the top above the ground [m].
    conifer : bool or array, shape (count,)
        Cones instead of domes.
    region : mask, optional
        Crowns are cut at its border.
    material : str, optional
        Instead of 'crown' and 'conifer', for hedges and scrub.
    """
    xy = np.asarray(points, np.float64).reshape(-1, 2)
    count = len(xy)
    if count == 0:
        return
    radius = np.broadcast_to(np.asarray(radii_m, np.float32), (count,))
    height = np.broadcast_to(np.asarray(heights_m, np.float32), (count,))
    cone = np.broadcast_to(np.asarray(conifer, bool), (count,))
    reach = np.ceil(radius * 1.2 / canvas.spacing_m).astype(int)
    order = np.argsort(reach, kind="stable")
    start = 0
    while start < count:
        cells = (2 * int(reach[order[start]]) + 3) ** 2
        stop = min(count, start + max(1, _BATCH_CELLS // cells))
        # one square size per batch: stop where crowns outgrow the first one by a quarter
        limit = int(reach[order[start]]) * 1.25 + 1
        stop = start + max(1, int(np.searchsorted(reach[order[start:stop]], limit, "right")))
        chosen = order[start:stop]
        _batch(canvas, xy[chosen], radius[chosen], height[chosen], cone[chosen], region, material)
        start = stop


def _batch(
    canvas: Canvas,
    xy: NDArray[np.float64],
    radius: NDArray[np.float32],
    height: NDArray[np.float32],
    cone: NDArray[np.bool_],
    region: Mask | None,
    material: str | None,
) -> None:
    """Plant trees of about one size."""
    rng, spacing, world = canvas.rng, canvas.spacing_m, canvas.world
    rows, columns = canvas.shape
    column = xy[:, 0] / spacing + MARGIN_COLUMNS - 0.5
    row = xy[:, 1] / spacing + MARGIN_ROWS - 0.5
    reach = int(np.ceil(radius.max() * 1.2 / spacing))
    ticks = np.arange(-reach, reach + 1)
    c0, r0 = np.round(column).astype(int), np.round(row).astype(int)
    cc = c0[:, None, None] + ticks[None, None, :]
    rr = r0[:, None, None] + ticks[None, :, None]
    dx = ((cc - column[:, None, None]) * spacing).astype(np.float32)
    dy = ((rr - row[:, None, None]) * spacing).astype(np.float32)
    radius3, height3, cone3 = (a[:, None, None] for a in (radius, height, cone))
    # lobes without trigonometry: cos 3a and cos 2a from the harmonics of (dx, dy)
    square = dx**2 + dy**2 + np.float32(1e-6)
    away = np.sqrt(square)
    three = (dx**3 - 3 * dx * dy**2) / (square * away)
    three_s = (3 * dx**2 * dy - dy**3) / (square * away)
    two = (dx**2 - dy**2) / square
    lobes = rng.normal(0, 0.09, (3, len(xy), 1, 1)).astype(np.float32)
    edge = radius3 * (1 + lobes[0] * three + lobes[1] * three_s + lobes[2] * two)
    part = np.minimum(away / edge, 1)
    crown = np.where(cone3, 1 - part, np.sqrt(1 - part**2))
    depth = height3 * np.where(cone3, np.float32(0.85), np.float32(0.6))
    base = world.ground_m[np.clip(r0, 0, rows - 1), np.clip(c0, 0, columns - 1)][:, None, None]
    top = base + height3 - depth * (1 - crown)
    top += rng.standard_normal(top.shape, dtype=np.float32) * (0.05 * height3)
    good = (part < 1) & (cc >= 0) & (cc < columns) & (rr >= 0) & (rr < rows)
    flat = (rr * columns + cc)[good]
    value = top[good]
    code = np.where(cone, CODE["conifer"], CODE["crown"]).astype(np.uint8)
    if material is not None:
        code[:] = CODE[material]
    codes = np.broadcast_to(code[:, None, None], top.shape)[good]
    if region is not None:
        allowed = region.ravel()[flat]
        flat, value, codes = flat[allowed], value[allowed], codes[allowed]
    heights = world.height_m.ravel()  # a view: the grid is contiguous
    before = heights[flat]
    np.maximum.at(heights, flat, value)
    wins = (heights[flat] == value) & (value > before)
    world.material.ravel()[flat[wins]] = codes[wins]
    world.period_m.ravel()[flat[wins]] = 0.0
    world.direction_deg.ravel()[flat[wins]] = np.nan
