"""Street plans: a convex piece of ground cut again and again into irregular blocks."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Point = tuple[float, float]
Polygon = list[Point]
Street = tuple[list[Point], float]


def rectangle(x_m: float, y_m: float, side_m: float, angle_deg: float) -> Polygon:
    """A turned square about a point, corners in order."""
    c, s, h = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg)), side_m / 2
    return [
        (x_m + u * c - v * s, y_m + u * s + v * c) for u, v in ((-h, -h), (h, -h), (h, h), (-h, h))
    ]


def area_m2(polygon: Polygon) -> float:
    """Area of a polygon (shoelace formula)."""
    return 0.5 * abs(sum(
        x0 * y1 - x1 * y0
        for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True)
    ))  # fmt: skip


def middle(polygon: Polygon) -> Point:
    """Mean of the corners."""
    return (
        sum(x for x, _ in polygon) / len(polygon),
        sum(y for _, y in polygon) / len(polygon),
    )


def clip(polygon: Polygon, x_m: float, y_m: float, normal: Point) -> Polygon:
    """The part of a convex polygon on the side of a line to which its normal points."""
    side = [(x - x_m) * normal[0] + (y - y_m) * normal[1] for x, y in polygon]
    result: Polygon = []
    for i, (x, y) in enumerate(polygon):
        j = (i + 1) % len(polygon)
        if side[i] >= 0:
            result.append((x, y))
        if (side[i] >= 0) != (side[j] >= 0):
            part = side[i] / (side[i] - side[j])
            result.append((x + part * (polygon[j][0] - x), y + part * (polygon[j][1] - y)))
    return result


def inset(polygon: Polygon, depth_m: float) -> Polygon:
    """A convex polygon with every side moved inwards; empty where nothing is left."""
    result = polygon
    cx, cy = middle(polygon)
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        length = math.hypot(x1 - x0, y1 - y0)
        if length < 1e-6:
            continue
        normal = (-(y1 - y0) / length, (x1 - x0) / length)
        if (cx - x0) * normal[0] + (cy - y0) * normal[1] < 0:
            normal = (-normal[0], -normal[1])
        result = clip(result, x0 + normal[0] * depth_m, y0 + normal[1] * depth_m, normal)
        if len(result) < 3:
            return []
    return result


def subdivide(
    rng: np.random.Generator,
    polygon: Polygon,
    block_m2: tuple[float, float],
    widths_m: tuple[float, float],
    skew_deg: float,
    visible: Callable[[Polygon], bool],
    depth: int = 0,
) -> tuple[list[Polygon], list[Street]]:
    """Cut a convex polygon into blocks; the first cuts are the widest streets.

    Parameters
    ----------
    block_m2 : (float, float)
        A piece is left alone once its area is below a random value of this range.
    widths_m : (float, float)
        Width of side streets and of the first street.
    skew_deg : float
        Standard deviation of the cut from square to the longest side.
    visible : callable
        Pieces that cannot be seen are dropped.

    Returns
    -------
    (blocks, streets)
        Blocks without their half of the street, and streets as (points, width).
    """
    if len(polygon) < 3 or not visible(polygon):
        return [], []
    if area_m2(polygon) < rng.uniform(*block_m2):
        return [polygon], []
    sides = list(zip(polygon, polygon[1:] + polygon[:1], strict=True))
    (x0, y0), (x1, y1) = max(sides, key=lambda s: math.dist(*s) * rng.uniform(0.8, 1.2))
    at = rng.uniform(0.36, 0.64)
    x, y = x0 + at * (x1 - x0), y0 + at * (y1 - y0)
    turn = math.atan2(y1 - y0, x1 - x0) + math.radians(rng.normal(0, skew_deg))
    normal = (math.cos(turn), math.sin(turn))
    width = max(widths_m[0], widths_m[1] * 0.72**depth)
    blocks: list[Polygon] = []
    streets: list[Street] = []
    for sign in (1, -1):
        n = (sign * normal[0], sign * normal[1])
        part = clip(polygon, x + n[0] * width / 2, y + n[1] * width / 2, n)
        more, further = subdivide(rng, part, block_m2, widths_m, skew_deg, visible, depth + 1)
        blocks += more
        streets += further
    ends = crossings(polygon, x, y, normal)
    if len(ends) == 2 and math.dist(*ends) > width:
        streets.append((ends, width))
    return blocks, streets


def crossings(polygon: Polygon, x_m: float, y_m: float, normal: Point) -> list[Point]:
    """Where a line crosses the sides of a convex polygon."""
    side = [(x - x_m) * normal[0] + (y - y_m) * normal[1] for x, y in polygon]
    found: list[Point] = []
    for i, (x, y) in enumerate(polygon):
        j = (i + 1) % len(polygon)
        if (side[i] >= 0) != (side[j] >= 0):
            part = side[i] / (side[i] - side[j])
            found.append((x + part * (polygon[j][0] - x), y + part * (polygon[j][1] - y)))
    return found
