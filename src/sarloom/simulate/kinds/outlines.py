"""Outlines that a person would draw: ribbons along lines, rings around patches."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..canvas import MARGIN_COLUMNS, MARGIN_ROWS, Canvas, Mask, Points

Polyline = NDArray[np.float64]


def resample(points: Points | Polyline, step_m: float) -> Polyline:
    """The same line with points about ``step_m`` apart: array (count, 2) [m]."""
    xy = np.asarray(points, float)
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(xy, axis=0).T))])
    at = np.linspace(0, travelled[-1], max(2, math.ceil(travelled[-1] / step_m) + 1))
    return np.column_stack([np.interp(at, travelled, xy[:, k]) for k in (0, 1)])


def normals(points: Polyline) -> Polyline:
    """Unit vectors to the right-hand side of a line (y down), one for each point."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    return np.column_stack([-tangent[:, 1], tangent[:, 0]])


def beside(points: Points | Polyline, offset_m: float) -> list[tuple[float, float]]:
    """The line shifted to its right-hand side (y down)."""
    xy = np.asarray(points, float)
    shifted = xy + offset_m * normals(xy)
    return [(float(x), float(y)) for x, y in shifted]


def ribbon(points: Polyline, width_m: float) -> tuple[Polyline, Polyline]:
    """The two edges of a band along a line."""
    side = normals(points) * (width_m / 2)
    return points - side, points + side


def longest_run(keep: NDArray[np.bool_]) -> tuple[int, int]:
    """First index and stop of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], keep.astype(np.int8), [0]])))
    if len(edges) == 0:
        return 0, 0
    starts, stops = edges[::2], edges[1::2]
    best = int(np.argmax(stops - starts))
    return int(starts[best]), int(stops[best])


def area_outline(
    canvas: Canvas, mask: Mask, detail_m: float = 1.4
) -> tuple[tuple[float, float], ...]:
    """Closed ring of cell corners around the largest part of a mask, straightened; () if empty.

    The region is shrunk by about half a ``detail_m``, so that the ring stays inside the mask.
    """
    step = max(1, round(detail_m / canvas.spacing_m))
    coarse = np.pad(mask[step // 2 :: step, step // 2 :: step], 1)
    parts, count = ndimage.label(coarse)
    if count == 0:
        return ()
    part = parts == int(np.argmax(np.bincount(parts.ravel())[1:])) + 1
    shell = part & ~ndimage.binary_erosion(part)
    if shell.sum() < 6:
        return ()
    loop = _straightened(_walk(part), 0.8)
    if len(loop) < 3:
        return ()
    ring = [
        (
            ((c - 1) * step + step // 2 - MARGIN_COLUMNS + 0.5) * canvas.spacing_m,
            ((r - 1) * step + step // 2 - MARGIN_ROWS + 0.5) * canvas.spacing_m,
        )
        for r, c in loop
    ]
    return (*ring, ring[0])


_AROUND = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def _walk(part: Mask) -> list[tuple[int, int]]:
    """Border cells in order (Moore neighbour tracing, clockwise) of one connected part."""
    row, column = (int(k) for k in np.argwhere(part)[0])
    start, came, loop = (row, column), 6, [(row, column)]
    for _ in range(4 * part.size):
        for turn in range(8):
            way = (came + 6 + turn) % 8
            r, c = row + _AROUND[way][0], column + _AROUND[way][1]
            if part[r, c]:
                row, column, came = r, c, way
                break
        else:
            break
        if (row, column) == start:
            break
        loop.append((row, column))
    return loop


def _straightened(loop: list[tuple[int, int]], tolerance: float) -> list[tuple[int, int]]:
    """Douglas-Peucker simplification of a closed loop, in cells."""
    if len(loop) < 4:
        return loop
    xy = np.asarray(loop, float)
    far = int(np.argmax(np.hypot(*(xy - xy[0]).T)))
    if far == 0:
        return loop
    closed = np.vstack([xy, xy[:1]])
    keep = {0, far}
    stack = [(0, far), (far, len(xy))]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        chord = closed[last] - closed[first]
        inner = closed[first + 1 : last] - closed[first]
        length = max(float(np.hypot(*chord)), 1e-9)
        away = np.abs(inner[:, 0] * chord[1] - inner[:, 1] * chord[0]) / length
        worst = int(np.argmax(away))
        if away[worst] > tolerance:
            middle = first + 1 + worst
            keep.add(middle % len(xy))
            stack += [(first, middle), (middle, last)]
    return [loop[i] for i in sorted(keep)]
