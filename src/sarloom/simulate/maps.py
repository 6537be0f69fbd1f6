"""The segmentation map and the sketch of a world: what is where, and how a person would draw it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from .layout import boundaries
from .materials import LABELS, MATERIALS
from .world import SceneObject, World

Picture = NDArray[np.uint8]

LEGEND: dict[str, tuple[int, int, int]] = {
    "bare": (178, 140, 92),
    "grass": (150, 200, 90),
    "crop": (236, 210, 90),
    "scrub": (150, 150, 60),
    "trees": (30, 110, 50),
    "water": (40, 100, 200),
    "rock": (130, 130, 130),
    "road": (60, 60, 70),
    "paved": (190, 190, 190),
    "track": (210, 170, 120),
    "railway": (140, 80, 140),
    "building": (220, 60, 50),
    "tank": (250, 160, 200),
    "ship": (250, 120, 30),
    "vehicle": (255, 0, 200),
    "aircraft": (0, 230, 230),
    "container": (160, 60, 20),
    "bridge": (110, 40, 160),
}
"""Label to sRGB colour; every label of ``materials.LABELS`` has one."""

_LABEL_OF_MATERIAL = np.array([LABELS.index(m.label) for m in MATERIALS], np.uint8)


def segmentation(world: World) -> Picture:
    """Label of every visible cell.

    Returns
    -------
    ndarray of uint8, shape (rows, columns)
        Index into ``materials.LABELS``.
    """
    return _LABEL_OF_MATERIAL[world.material[world.visible]]


def segmentation_image(labels: Picture) -> Image.Image:
    """Indexed picture (mode P): pixel values stay label indices, the palette holds the legend."""
    picture = Image.fromarray(np.ascontiguousarray(labels, np.uint8), mode="P")
    palette = [channel for label in LABELS for channel in _colour(label)]
    picture.putpalette(palette + [0] * (768 - len(palette)))
    return picture


def segmentation_rgb(labels: Picture) -> Picture:
    """The segmentation in the legend's colours: uint8, shape (rows, columns, 3)."""
    return np.array([_colour(label) for label in LABELS], np.uint8)[labels]


def _colour(label: str) -> tuple[int, int, int]:
    return LEGEND.get(label, (255, 255, 255))


# -- sketch ----------------------------------------------------------------------------------

_DOUBLE = {"road", "track", "railway", "taxiway", "breakwater", "river"}
"""Long things that are drawn as two lines along their sides when given as an open line."""
_SKIPPED = {"stand", "rock", "sea", "lake", "river", "clearing", "scree", "beach", "forest"}
"""Areas whose borders are taken from the ground itself, where they are exact."""
_SHARED = {"field", "hedge", "dune", "cliff", "copse", "parcel"}
"""Things that lie side by side: one line is drawn where two outlines run close together."""
_REGION_LABELS = {"water": 25.0, "trees": 120.0, "rock": 60.0, "bare": 400.0}
"""Labels whose borders are drawn, and the least area worth a line [m^2]."""


def sketch(world: World, line_px: float = 2.4) -> Picture:
    """White lines on black, as a person would draw the scene.

    Outlines of objects and borders of large regions, a little simplified and unsteady; nothing
    for the single trees of a wood. The same world always gives the same sketch.

    Parameters
    ----------
    world : World
        Its visible frame is drawn.
    line_px : float
        Width of the pen in cells at 512 columns; larger frames get no thicker pen.

    Returns
    -------
    ndarray of uint8, shape (rows, columns)
        0 to 255, lines about two to three cells wide.
    """
    rng = np.random.default_rng(world.seed + 77)
    rows, columns = world.size
    scale = 2  # drawn at twice the size, then averaged: soft edges
    page = Image.new("L", (columns * scale, rows * scale), 0)
    pen = ImageDraw.Draw(page)
    width = max(2, round(line_px * scale))
    ink = _Ink(rows, columns)
    for thing in sorted(world.objects, key=lambda thing: thing.kind in _SHARED):
        lines = _lines(thing, world.spacing_m)
        for line in ink.fresh(lines) if thing.kind in _SHARED else lines:
            _draw(pen, line * scale, width, rng, scale)
        ink.add(lines)
    for label, least_m2 in _REGION_LABELS.items():
        lines = _borders(world, label, least_m2)
        for line in ink.fresh(lines):
            _draw(pen, line * scale, width, rng, scale)
        ink.add(lines)
    small = np.asarray(page, np.float32).reshape(rows, scale, columns, scale).mean((1, 3))
    return np.asarray(np.clip(small * 1.25, 0, 255), np.uint8)


class _Ink:
    """Remembers where lines are, to draw only one of two that run within about two metres."""

    _CELL = 5

    def __init__(self, rows: int, columns: int) -> None:
        self._used = np.zeros((rows // self._CELL + 3, columns // self._CELL + 3), bool)

    def _cells(self, points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row and column of the coarse grid; all points off the frame share its border."""
        r = np.clip(points[:, 1] // self._CELL + 1, 0, self._used.shape[0] - 1)
        c = np.clip(points[:, 0] // self._CELL + 1, 0, self._used.shape[1] - 1)
        return r.astype(np.int64), c.astype(np.int64)

    def add(self, lines: list[NDArray[np.float64]]) -> None:
        """Remember lines, with the eight cells around each of theirs."""
        for line in lines:
            r, c = self._cells(_resampled(line, 2.0))
            for dr in (-1, 0, 1):
                for dc in (-1, 0, 1):
                    self._used[
                        np.clip(r + dr, 0, self._used.shape[0] - 1),
                        np.clip(c + dc, 0, self._used.shape[1] - 1),
                    ] = True

    def fresh(self, lines: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """The parts of lines that run where nothing has been drawn."""
        parts: list[NDArray[np.float64]] = []
        for line in lines:
            fine = _resampled(line, 2.0)
            free = ~self._used[self._cells(fine)]
            edges = np.flatnonzero(np.diff(np.concatenate([[False], free, [False]]).astype(int)))
            for first, last in zip(edges[::2], edges[1::2], strict=True):
                if last - first > 8:
                    parts.append(_simplify(fine[max(0, first - 2) : last + 2], 0.3))
        return parts


def _resampled(points: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    """The same line with a point every ``step`` cells."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.linspace(0, travelled[-1], max(2, int(travelled[-1] / step) + 1))
    return np.column_stack(
        [np.interp(at, travelled, points[:, 0]), np.interp(at, travelled, points[:, 1])]
    )


def _lines(thing: SceneObject, spacing_m: float) -> list[NDArray[np.float64]]:
    """What to draw for one object, as arrays (count, 2) of column, row."""
    if thing.kind in _SKIPPED or len(thing.outline_m) < 2:
        return []
    points = np.asarray(thing.outline_m, float) / spacing_m - 0.5
    closed = bool(np.allclose(points[0], points[-1], atol=1e-6))
    if closed or thing.kind not in _DOUBLE or thing.width_m < 2.5:
        return [_simplify(points, 0.6 if len(points) <= 6 else 1.2)]
    half = thing.width_m / 2 / spacing_m
    smooth = _simplify(points, 0.8)
    tangent = np.gradient(smooth, axis=0)
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    normal = np.column_stack([-tangent[:, 1], tangent[:, 0]]) * half
    return [smooth + normal, smooth - normal]


def _draw(
    pen: ImageDraw.ImageDraw,
    points: NDArray[np.float64],
    width: int,
    rng: np.random.Generator,
    scale: int,
) -> None:
    """One pen stroke that trembles slowly by up to a cell."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    if travelled[-1] < 4 * scale:
        return
    count = max(2, int(travelled[-1] / (7 * scale)))
    knots = np.linspace(0, travelled[-1], count + 1)
    tremble = rng.normal(0, 0.45 * scale, (count + 1, 2))
    at = np.union1d(knots, travelled)
    x = np.interp(at, travelled, points[:, 0]) + np.interp(at, knots, tremble[:, 0])
    y = np.interp(at, travelled, points[:, 1]) + np.interp(at, knots, tremble[:, 1])
    line = [((a + 0.5), (b + 0.5)) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
    pen.line(line, fill=255, width=width, joint="curve")


def _simplify(points: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Douglas-Peucker: leave out points closer than ``tolerance`` cells to the simpler line."""
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    stack = [(0, len(points) - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        start, along = points[first], points[last] - points[first]
        offset = points[first + 1 : last] - start
        length = math.hypot(along[0], along[1])
        if length < 1e-9:
            away = np.hypot(offset[:, 0], offset[:, 1])
        else:
            away = np.abs(along[0] * offset[:, 1] - along[1] * offset[:, 0]) / length
        far = int(np.argmax(away))
        if away[far] > tolerance:
            middle = first + 1 + far
            keep[middle] = True
            stack += [(first, middle), (middle, last)]
    return points[keep]


def _borders(world: World, label: str, least_m2: float) -> list[NDArray[np.float64]]:
    """Smoothed borders of the large connected areas of one label, as (column, row) loops.

    Crowns are first closed to woods: gaps smaller than a few metres vanish, and so do single trees.
    """
    code = LABELS.index(label)
    pad = 12
    rows, columns = world.size
    mask = _LABEL_OF_MATERIAL[world.material] == code
    top, left = world.margin[0] - pad, world.margin[1] - pad
    mask = mask[max(top, 0) : top + rows + 2 * pad, max(left, 0) : left + columns + 2 * pad]
    step = 3
    size_m = step * world.spacing_m
    blur = {"trees": 5.0, "rock": 2.5, "bare": 2.0}.get(label, 1.2) / size_m
    share = ndimage.zoom(mask.astype(np.float32), 1 / step, order=1, grid_mode=True, mode="nearest")
    share = ndimage.gaussian_filter(share, blur, mode="nearest")
    solid = share > (0.45 if label == "trees" else 0.5)
    parts, count = ndimage.label(solid)
    if count == 0:
        return []
    area = np.bincount(parts.ravel()) * size_m**2
    solid &= (area >= least_m2)[parts]
    holes, _ = ndimage.label(~solid)
    hole_area = np.bincount(holes.ravel()) * size_m**2
    solid |= (~solid) & (hole_area < least_m2)[holes]
    return [
        _simplify(_rounded(loop) * step - pad - 0.5, 1.0)
        for loop in boundaries(solid)
        if len(loop) > 12
    ]


def _rounded(loop: list[tuple[int, int]]) -> NDArray[np.float64]:
    """A loop of cell corners without its stairs, closed."""
    xy = ndimage.gaussian_filter1d(np.asarray(loop, float), 1.2, axis=0, mode="wrap")
    return np.vstack([xy, xy[:1]])
