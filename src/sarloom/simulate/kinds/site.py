"""The ground that a kind may build on: its region, what is still free, tools that stay inside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from ..canvas import MARGIN_COLUMNS, MARGIN_ROWS, Canvas, Mask, Points
from ..woods import trees
from ..world import SceneObject
from .outlines import area_outline, longest_run, resample, ribbon

Line = list[tuple[float, float]]


class Site:
    """A region of a canvas with a plan of what is taken.

    Attributes
    ----------
    region, free : mask
        What may be drawn upon, and the part of it where nothing stands yet.
    x_m, y_m : float
        Middle of the region's visible part [m].
    span_m : float
        Side of the square of the same visible area [m].
    """

    def __init__(self, canvas: Canvas, region: Mask) -> None:
        self.canvas, self.rng, self.region = canvas, canvas.rng, region
        self.pure = bool(region.all())
        visible = region[MARGIN_ROWS:-MARGIN_ROWS, MARGIN_COLUMNS:-MARGIN_COLUMNS]
        if self.pure:
            self.free = region.copy()
            self.x_m = self.y_m = canvas.extent_m / 2
        else:
            # two cells of distance, so that no footprint spills over the border
            self.free = ndimage.binary_erosion(region, iterations=2, border_value=1)
            rows, columns = np.nonzero(visible[::4, ::4])
            step = 4 * canvas.spacing_m
            empty = len(rows) == 0
            self.x_m = canvas.extent_m / 2 if empty else float(columns.mean()) * step
            self.y_m = canvas.extent_m / 2 if empty else float(rows.mean()) * step
        self.inner = self.free.copy()
        self.span_m = math.sqrt(max(float(visible.mean()), 1e-3)) * canvas.extent_m

    # -- looking -----------------------------------------------------------------------------

    def holds(self, mask: Mask, x_m: ArrayLike, y_m: ArrayLike) -> NDArray[np.bool_]:
        """Mask values at points; points beyond the grid take its nearest cell."""
        rows, columns = mask.shape
        x, y = np.asarray(x_m, float), np.asarray(y_m, float)
        c = np.rint(x / self.canvas.spacing_m + (MARGIN_COLUMNS - 0.5)).astype(np.intp)
        r = np.rint(y / self.canvas.spacing_m + (MARGIN_ROWS - 0.5)).astype(np.intp)
        return mask[np.clip(r, 0, rows - 1), np.clip(c, 0, columns - 1)]

    def on_grid(self, x_m: ArrayLike, y_m: ArrayLike) -> NDArray[np.bool_]:
        """Whether points lie on the grid, margins included."""
        x, y = np.asarray(x_m), np.asarray(y_m)
        ax, ay = self.canvas.x_m, self.canvas.y_m
        return np.asarray((x >= ax[0]) & (x <= ax[-1]) & (y >= ay[0]) & (y <= ay[-1]))

    def near_grid(self, x_m: float, y_m: float, reach_m: float) -> bool:
        """Whether anything of a thing with this reach could be seen."""
        ax, ay = self.canvas.x_m, self.canvas.y_m
        return bool(
            ax[0] - reach_m < x_m < ax[-1] + reach_m and ay[0] - reach_m < y_m < ay[-1] + reach_m
        )

    def room(
        self,
        x_m: float,
        y_m: float,
        length_m: float,
        width_m: float,
        angle_deg: float = 0.0,
        *,
        within: Mask | None = None,
    ) -> bool:
        """Whether a turned rectangle lies wholly on free ground (or in another mask)."""
        if not self.near_grid(x_m, y_m, max(length_m, width_m) / 2):
            return False
        mask = self.free if within is None else within
        step = 2 * self.canvas.spacing_m
        u = np.linspace(-length_m / 2, length_m / 2, max(2, math.ceil(length_m / step) + 1))
        v = np.linspace(-width_m / 2, width_m / 2, max(2, math.ceil(width_m / step) + 1))
        c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        x = x_m + u[:, None] * c - v[None, :] * s
        y = y_m + u[:, None] * s + v[None, :] * c
        return bool(self.holds(mask, x, y).all())

    def claim(
        self, x_m: float, y_m: float, length_m: float, width_m: float, angle_deg: float = 0.0
    ) -> None:
        """Take a turned rectangle out of the free ground."""
        radius = math.hypot(length_m, width_m) / 2
        where, u, v = self.canvas.local(x_m, y_m, radius, angle_deg)
        taken = (np.abs(u) <= length_m / 2) & (np.abs(v) <= width_m / 2)
        self.free[where][taken] = False

    def polar(self, along_m: float, across_m: float, angle_deg: float) -> tuple[float, float]:
        """The point at steps along and across a direction from the middle of the region."""
        c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
        return self.x_m + along_m * c - across_m * s, self.y_m + along_m * s + across_m * c

    # -- ground ------------------------------------------------------------------------------

    def strokes(self, lines: Sequence[tuple[Points, float]]) -> Mask:
        """Mask of many lines (points, width in metres) within the region."""
        picture = Image.new("L", (self.canvas.shape[1], self.canvas.shape[0]), 0)
        draw = ImageDraw.Draw(picture)
        for points, width_m in lines:
            cells = [self.canvas.cell(x, y) for x, y in points]
            width = max(1, round(width_m / self.canvas.spacing_m))
            draw.line(cells, fill=1, width=width, joint="curve")
            r = width / 2
            for column, row in cells if width > 2 else ():
                draw.ellipse((column - r, row - r, column + r, row + r), fill=1)
        return np.asarray(picture, dtype=bool) & self.region

    def polygons(self, shapes: Sequence[Points]) -> Mask:
        """Mask of the inside of any of several polygons within the region."""
        picture = Image.new("L", (self.canvas.shape[1], self.canvas.shape[0]), 0)
        draw = ImageDraw.Draw(picture)
        for points in shapes:
            draw.polygon([self.canvas.cell(x, y) for x, y in points], fill=1)
        return np.asarray(picture, dtype=bool) & self.region

    def paint(self, mask: Mask, material: str, *, claim: bool = True) -> None:
        """Cover a mask (already within the region) and take it out of the free ground."""
        self.canvas.cover(mask, material)
        if claim:
            self.free &= ~mask

    def lanes(
        self,
        lines: Sequence[tuple[Points, float]],
        material: str,
        kind: str | None = None,
        detail: str = "",
    ) -> Mask:
        """Paint roads and record one object for each."""
        mask = self.strokes(lines)
        self.paint(mask, material)
        if kind is not None:
            for points, width_m in lines:
                self.record_line(kind, points, width_m, detail)
        return mask

    def record_line(
        self, kind: str, points: Points, width_m: float, detail: str = "", height_m: float = 0.0
    ) -> bool:
        """Record a long thing by its longest run inside the region; False if it never enters."""
        dense = resample(points, 2.0)
        left, right = ribbon(dense, width_m)
        keep = self.on_grid(dense[:, 0], dense[:, 1])
        for side in (left, right):
            keep &= self.holds(self.region, side[:, 0], side[:, 1])
        first, stop = longest_run(keep)
        if stop - first < 4:
            return False
        left, right, middle = left[first:stop], right[first:stop], dense[first:stop]
        ring = [*_thinned(left), *reversed(_thinned(right))]
        x, y = middle[len(middle) // 2]
        (x0, y0), (x1, y1) = middle[0], middle[-1]
        length = float(np.hypot(*np.diff(middle, axis=0).T).sum())
        angle = math.degrees(math.atan2(y1 - y0, x1 - x0)) % 180.0
        self.canvas.record(
            SceneObject(
                kind, float(x), float(y), length, width_m, height_m, angle,
                (*ring, ring[0]), detail,
            )
        )  # fmt: skip
        return True

    def record_area(self, kind: str, mask: Mask, detail: str = "") -> bool:
        """Record a patch by the outline of its largest part; False for an empty mask."""
        ring = area_outline(self.canvas, mask & self.region)
        if len(ring) < 4:
            return False
        xy = np.asarray(ring)
        size = xy.max(axis=0) - xy.min(axis=0)
        x, y = xy[:-1].mean(axis=0)
        self.canvas.record(
            SceneObject(
                kind, float(x), float(y), float(size.max()), float(size.min()), 0.0, 0.0, ring,
                detail,
            )
        )  # fmt: skip
        return True

    # -- things ------------------------------------------------------------------------------

    def box(
        self,
        x_m: float,
        y_m: float,
        length_m: float,
        width_m: float,
        height_m: float,
        angle_deg: float = 0.0,
        *,
        gap_m: float = 0.0,
        **style: Any,
    ) -> bool:
        """``Canvas.box`` where there is room with a gap around it; says whether there was."""
        if not self.room(x_m, y_m, length_m + 2 * gap_m, width_m + 2 * gap_m, angle_deg):
            return False
        self.canvas.box(x_m, y_m, length_m, width_m, height_m, angle_deg, **style)
        self.claim(x_m, y_m, length_m, width_m, angle_deg)
        return True

    def drum(
        self, x_m: float, y_m: float, radius_m: float, height_m: float, gap_m: float = 0.0,
        **style: Any,
    ) -> bool:  # fmt: skip
        """``Canvas.drum`` where there is room; says whether there was."""
        side = 2 * (radius_m + gap_m)
        if not self.room(x_m, y_m, side, side):
            return False
        self.canvas.drum(x_m, y_m, radius_m, height_m, **style)
        self.claim(x_m, y_m, 2 * radius_m, 2 * radius_m)
        return True

    def plant(
        self,
        points: ArrayLike,
        radius_m: tuple[float, float],
        height_m: tuple[float, float],
        *,
        conifer: float = 0.0,
        within: Mask | None = None,
        record: bool = True,
    ) -> int:
        """Plant trees on those points that are free (or inside another mask); how many."""
        xy = np.asarray(points, float).reshape(-1, 2)
        mask = self.free if within is None else within
        xy = xy[self.on_grid(xy[:, 0], xy[:, 1])]
        xy = xy[self.holds(mask, xy[:, 0], xy[:, 1])]
        count = len(xy)
        size = self.rng.uniform(0, 1, count)
        radii = radius_m[0] + size * (radius_m[1] - radius_m[0])
        heights = height_m[0] + size * (height_m[1] - height_m[0])
        heights *= self.rng.uniform(0.85, 1.15, count)
        cone = self.rng.uniform(0, 1, count) < conifer
        radii = np.where(cone, 0.7 * radii, radii)
        trees(self.canvas, xy, radii, heights, cone, region=self.region)
        if record:
            for (x, y), r, h in zip(xy.tolist(), radii.tolist(), heights.tolist(), strict=True):
                self._record_tree(x, y, r, h)
        return count

    def _record_tree(self, x_m: float, y_m: float, radius_m: float, height_m: float) -> None:
        ring = tuple((x_m + radius_m * c, y_m + radius_m * s) for c, s in _OCTAGON)
        if self.room(x_m, y_m, 2 * radius_m, 2 * radius_m, within=self.region):
            width = 2 * radius_m
            self.canvas.record(SceneObject("tree", x_m, y_m, width, width, height_m, 0.0, ring))

    def jittered(self, mask: Mask, spacing_m: float) -> NDArray[np.float64]:
        """Random points, about ``spacing_m`` apart, inside a mask: array (count, 2) [m]."""
        points = self.canvas.scatter_points(mask, spacing_m)
        return np.asarray(points, float).reshape(-1, 2)


_OCTAGON = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * np.pi, 9).tolist()]


def _thinned(points: NDArray[np.float64]) -> Line:
    """The line without the points that a straight pencil stroke would skip."""
    kept = [0]
    heading = np.unwrap(np.arctan2(*np.diff(points, axis=0).T[::-1]))
    for i in range(1, len(points) - 1):
        if abs(heading[i] - heading[kept[-1]]) > 0.06:
            kept.append(i)
    kept.append(len(points) - 1)
    return [(float(points[i, 0]), float(points[i, 1])) for i in kept]
