"""Plans for scenes: smooth noise, distances, middle lines and outlines of regions.

Scene kinds use these to fit themselves into any region: a river runs along the long axis of the
region it is given, a coast turns its sea away from whatever lies beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .canvas import MARGIN_COLUMNS, MARGIN_ROWS, Canvas, Mask, Points
from .world import FloatArray

Line = list[tuple[float, float]]


def _spline_weights(count: int, step: float, offset: float, nodes: int) -> FloatArray:
    """Cubic B-spline weights that carry ``nodes`` coarse values to ``count`` cells."""
    position = np.arange(count) / step + 1.5 + offset
    distance = np.abs(position[:, None] - np.arange(nodes)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    return np.where(distance < 1, near, far).astype(np.float32)


def smooth_noise(canvas: Canvas, scale_m: float, octaves: int = 1) -> FloatArray:
    """Smooth Gaussian field of zero mean and unit deviation over the grid.

    Parameters
    ----------
    canvas : Canvas
        Gives the grid and the random generator.
    scale_m : float
        Distance between independent values of the first octave [m].
    octaves : int
        Further octaves halve the scale and divide the amplitude by 1.7.

    Returns
    -------
    ndarray of float32, shape of the grid
        Separable cubic B-spline interpolation, two matrix products: a few milliseconds.
    """
    rows, columns = canvas.shape
    total = np.zeros((rows, columns), np.float32)
    for octave in range(octaves):
        step = max(2.0, scale_m / canvas.spacing_m / 2**octave)
        shape = (math.ceil(rows / step) + 5, math.ceil(columns / step) + 5)
        coarse = canvas.rng.standard_normal(shape).astype(np.float32)
        offset = canvas.rng.uniform(0, 1, 2)
        down = _spline_weights(rows, step, float(offset[0]), shape[0])
        across = _spline_weights(columns, step, float(offset[1]), shape[1])
        total += (down @ coarse @ across.T) / np.float32(1.7**octave)
    total -= total.mean()
    deviation = float(total.std())
    return total / np.float32(deviation) if deviation > 0 else total


def distance_m(canvas: Canvas, mask: Mask) -> FloatArray:
    """Distance [m] of every cell from the mask, to about half a cell; worked at half resolution."""
    small = mask[::2, ::2]
    if not small.any():
        return np.full(mask.shape, 1e6, np.float32)
    coarse = ndimage.distance_transform_edt(~small).astype(np.float32) * (2 * canvas.spacing_m)
    rows, columns = mask.shape
    # even cells are known, odd ones lie halfway
    full = np.empty((2 * coarse.shape[0], 2 * coarse.shape[1]), np.float32)
    full[::2, ::2] = coarse
    full[::2, 1:-1:2] = (coarse[:, :-1] + coarse[:, 1:]) / 2
    full[::2, -1] = coarse[:, -1]
    full[1:-1:2] = (full[:-2:2] + full[2::2]) / 2
    full[-1] = full[-2]
    return full[:rows, :columns]


def blob(canvas: Canvas, x_m: float, y_m: float, radius_m: float, stretch: float = 1.4) -> Mask:
    """A rounded, irregular patch about a point: an ellipse at any angle with a wavy edge."""
    rng = canvas.rng
    angle = rng.uniform(0, np.pi)
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    dx = canvas.x_m[None, :] - np.float32(x_m)
    dy = canvas.y_m[:, None] - np.float32(y_m)
    u, v = (dx * c + dy * s) / np.float32(stretch), dy * c - dx * s
    polar = np.linspace(0, 2 * np.pi, 129)
    edge = np.ones_like(polar)
    for order in range(2, 7):
        edge += rng.normal(0, 0.22 / order**0.8) * np.cos(order * polar + rng.uniform(0, 6.3))
    reach = np.interp(np.arctan2(v, u) % (2 * np.pi), polar, np.clip(edge, 0.4, 2))
    return np.asarray(np.hypot(u, v) < radius_m * reach)


def scatter(canvas: Canvas, mask: Mask, spacing_m: float) -> NDArray[np.float64]:
    """Jittered points of a grid at a random angle, inside a mask: array (count, 2) of x, y [m]."""
    rng = canvas.rng
    angle = rng.uniform(0, np.pi / 2)
    half = 0.75 * math.hypot(*canvas.shape) * canvas.spacing_m
    ticks = np.arange(-half, half, spacing_m)
    u, v = np.meshgrid(ticks, ticks)
    u = u + rng.uniform(-0.42, 0.42, u.shape) * spacing_m
    v = v + rng.uniform(-0.42, 0.42, v.shape) * spacing_m
    middle = canvas.extent_m / 2
    c, s = math.cos(angle), math.sin(angle)
    points = np.column_stack([(middle + u * c - v * s).ravel(), (middle + u * s + v * c).ravel()])
    return points[inside(canvas, mask, points)]


def planted(
    canvas: Canvas, mask: Mask, along_m: float, across_m: float, angle_deg: float
) -> NDArray[np.float64]:
    """Points in straight planting rows inside a mask: array (count, 2) of x, y [m]."""
    half = 0.75 * math.hypot(*canvas.shape) * canvas.spacing_m
    u, v = np.meshgrid(np.arange(-half, half, along_m), np.arange(-half, half, across_m))
    u = u + canvas.rng.normal(0, 0.12 * along_m, u.shape)
    v = v + canvas.rng.normal(0, 0.06 * across_m, v.shape)
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    middle = canvas.extent_m / 2
    points = np.column_stack([(middle + u * c - v * s).ravel(), (middle + u * s + v * c).ravel()])
    return points[inside(canvas, mask, points)]


def inside(canvas: Canvas, mask: Mask, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the points (count, 2) fall on the grid and inside the mask."""
    columns = np.round(points[:, 0] / canvas.spacing_m + MARGIN_COLUMNS - 0.5).astype(int)
    rows = np.round(points[:, 1] / canvas.spacing_m + MARGIN_ROWS - 0.5).astype(int)
    on_grid = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    found = np.zeros(len(points), bool)
    found[on_grid] = mask[rows[on_grid], columns[on_grid]]
    return found


def long_axis_deg(canvas: Canvas, region: Mask) -> float:
    """Direction of the region's long axis; a random one where the region has none (pure scene)."""
    rows, columns = np.nonzero(region[::4, ::4])
    if len(rows) < 8:
        return float(canvas.rng.uniform(0, 180))
    spread = np.cov(np.stack([columns, rows]).astype(float))
    values, vectors = np.linalg.eigh(spread)
    if region.all() or values[1] < 1.5 * values[0]:
        return float(canvas.rng.uniform(0, 180))
    return math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])) % 180.0


def spine(canvas: Canvas, region: Mask, bend_m: float = 0.0, stations: int = 40) -> Line:
    """A line along the middle of a region, from one of its ends to the other.

    In a pure scene it crosses the whole grid at a random angle through about the middle; in a
    band it follows the band. ``bend_m`` adds a smooth wander of about that size.
    """
    rng = canvas.rng
    pure = bool(region.all())
    angle = math.radians(long_axis_deg(canvas, region))
    c, s = math.cos(angle), math.sin(angle)
    along = np.linspace(0, 1, stations)
    if pure:
        reach = 0.75 * math.hypot(*canvas.shape) * canvas.spacing_m
        aside = rng.uniform(-0.15, 0.15) * canvas.extent_m
        u, v = (along * 2 - 1) * reach, np.full(stations, aside)
    else:
        u, v = _middle(canvas, region, c, s, stations)
    if bend_m > 0:
        phase = rng.uniform(0, 2 * np.pi, 3)
        turns = rng.uniform(0.75, 1.3, 3) * np.array([0.6, 1.1, 1.9])
        length = (u - u[0]) / 180.0
        wander = sum(
            np.sin(2 * np.pi * turns[k] * length + phase[k]) / (k + 1) ** 1.4 for k in range(3)
        )
        v = v + np.asarray(wander) * bend_m / 1.3
    middle = canvas.extent_m / 2
    points = [
        (middle + a * c - b * s, middle + a * s + b * c)
        for a, b in zip(u.tolist(), v.tolist(), strict=True)
    ]
    return smooth_line(points)


def _middle(
    canvas: Canvas, region: Mask, c: float, s: float, stations: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean cross position of a region's cells at stations along its axis (cosine, sine)."""
    rows, columns = np.nonzero(region[::2, ::2])
    middle = canvas.extent_m / 2
    x = canvas.x_m[::2][columns].astype(float) - middle
    y = canvas.y_m[::2][rows].astype(float) - middle
    along, across = x * c + y * s, y * c - x * s
    low, high = float(along.min()), float(along.max())
    bins = np.clip(((along - low) / (high - low + 1e-9) * stations).astype(int), 0, stations - 1)
    count = np.bincount(bins, minlength=stations)
    total = np.bincount(bins, weights=across, minlength=stations)
    u = low + (np.arange(stations) + 0.5) / stations * (high - low)
    filled = count > 0.3 * np.median(count)
    v = np.interp(u, u[filled], total[filled] / count[filled])
    # the ends of a band that leaves the grid at an angle are cut askew: carry the trend on
    v = ndimage.gaussian_filter1d(v, stations / 14, mode="nearest")
    stretch = 0.06 * (high - low)
    u = np.concatenate([[u[0] - stretch], u, [u[-1] + stretch]])
    return u, np.concatenate([[2 * v[0] - v[2]], v, [2 * v[-1] - v[-3]]])


def smooth_line(points: Points, count: int = 80) -> Line:
    """The same line with ``count`` evenly spaced points, rounded by linear resampling."""
    xy = np.asarray(points, float)
    steps = np.hypot(*np.diff(xy, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0, travelled[-1], count)
    x = ndimage.gaussian_filter1d(np.interp(at, travelled, xy[:, 0]), 1.5, mode="nearest")
    y = ndimage.gaussian_filter1d(np.interp(at, travelled, xy[:, 1]), 1.5, mode="nearest")
    return [(float(a), float(b)) for a, b in zip(x, y, strict=True)]


def clip_line(canvas: Canvas, region: Mask, points: Points) -> Line:
    """The longest run of a line that lies inside the region."""
    keep = inside(canvas, region, np.asarray(points, float))
    best: Sequence[int] = ()
    run: list[int] = []
    for index, good in enumerate(keep):
        run = [*run, index] if good else []
        if len(run) > len(best):
            best = run
    return [(float(points[i][0]), float(points[i][1])) for i in best]


def outline(canvas: Canvas, mask: Mask, detail_m: float = 2.0) -> tuple[tuple[float, float], ...]:
    """Closed outline of the largest connected part of a mask, as a person would sketch it.

    The boundary between cells is followed on a coarse grid and rounded; empty for an empty mask.
    """
    step = max(1, round(detail_m / canvas.spacing_m))
    coarse = mask[step // 2 :: step, step // 2 :: step]
    parts, count = ndimage.label(coarse)
    if count == 0:
        return ()
    biggest = int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    xy = np.asarray(max(boundaries(parts == biggest), key=len), float)
    if len(xy) < 4:
        return ()
    xy = ndimage.gaussian_filter1d(xy, 1.0, axis=0, mode="wrap")
    if len(xy) > 24:
        xy = xy[::2]
    # corner (column, row) of the coarse grid to metres
    shift = step // 2 - step / 2 + 0.5
    x = (xy[:, 0] * step + shift - MARGIN_COLUMNS) * canvas.spacing_m
    y = (xy[:, 1] * step + shift - MARGIN_ROWS) * canvas.spacing_m
    ring = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    return (*ring, ring[0])


def boundaries(part: Mask) -> list[list[tuple[int, int]]]:
    """Closed loops of cell corners (column, row) around the parts of a mask and around their holes.

    Loops around parts that touch the edge of the grid run along that edge.
    """
    padded = np.pad(part, 1)
    following: dict[tuple[int, int], list[tuple[int, int]]] = {}
    # every cell side between inside and outside, directed so that the inside is on the right
    for dr, dc, tail, head in (
        (-1, 0, (0, 0), (1, 0)),
        (0, 1, (1, 0), (1, 1)),
        (1, 0, (1, 1), (0, 1)),
        (0, -1, (0, 1), (0, 0)),
    ):
        rows, columns = np.nonzero(padded & ~np.roll(padded, (-dr, -dc), (0, 1)))
        for r, c in zip((rows - 1).tolist(), (columns - 1).tolist(), strict=True):
            following.setdefault((c + tail[0], r + tail[1]), []).append((c + head[0], r + head[1]))
    loops: list[list[tuple[int, int]]] = []
    while following:
        start = next(iter(following))
        loop, at = [start], start
        while True:
            nexts = following[at]
            to = nexts.pop()
            if not nexts:
                del following[at]
            if to == start:
                break
            loop.append(to)
            at = to
        loops.append(loop)
    return loops


def centre(points: Points) -> tuple[float, float]:
    """Mean of the points of an outline."""
    return (
        sum(x for x, _ in points) / max(len(points), 1),
        sum(y for _, y in points) / max(len(points), 1),
    )
