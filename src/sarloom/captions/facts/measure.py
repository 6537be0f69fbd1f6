"""What a tile shows by its maps: kinds, counts, shares, places and how things lie to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from . import place as places
from .place import FloatArray, TilePlace
from .tags import KINDS, MASS
from .vectors import Shaped

GRID = 64
"""Points along each side on which areas are sampled."""
LEAST_SHARE = 0.02
LEAST_LENGTH = 0.15
"""Of a line, in sides of the picture."""
LEAST_PIXELS = 2.0
"""Width of a thing that is worth a word; a narrower one does not show among speckle."""
LINE_PIXELS = 0.7
"""The same for a line, which shows by its length."""
NEAR = 0.012
"""Ends of line segments this close, in sides of the picture, belong to one line."""
WEIGHTY = 2
"""Kinds of at least this weight are set in relation to each other."""


@dataclass(frozen=True)
class Found:
    """All there is of one kind."""

    kind: str
    """A key of ``tags.KINDS``, or words of a class table."""
    count: int
    """0 for what is not counted."""
    share: float
    """Part of the picture that it covers; 0 for things and lines."""
    where: str
    direction: str
    points: FloatArray
    """Samples [n, 2] in the picture, x right and y down."""

    @property
    def weight(self) -> int:
        """How much it is worth a word."""
        return KINDS[self.kind].weight if self.kind in KINDS else 2


@dataclass(frozen=True)
class TileFacts:
    """What may be said of a tile, the weightiest first."""

    found: tuple[Found, ...]
    relations: tuple[tuple[str, str, str], ...]
    """('water', 'left of', 'forest')."""


def measure(
    shapes: Sequence[Shaped], classes: NDArray[np.object_] | None, place: TilePlace
) -> TileFacts:
    """Facts of a tile.

    Parameters
    ----------
    shapes
        Vector features in the frame.
    classes : array of str, shape (cells, cells), or None
        Class names over the picture; used for kinds that no vector tells of.
    place
        The tile's grid, for sizes in pixels.
    """
    by_kind: dict[str, list[Shaped]] = {}
    for one in shapes:
        by_kind.setdefault(one.kind, []).append(one)
    found = [made for kind, members in by_kind.items() if (made := _of(kind, members, place))]
    told = {one.kind for one in found}
    if classes is not None:
        found += [one for one in _covers(classes) if one.kind not in told]
    found.sort(key=lambda one: (-one.weight * max(one.share, 0.15), -one.count, one.kind))
    return TileFacts(tuple(found), tuple(_relations(found)))


def _of(kind: str, members: list[Shaped], place: TilePlace) -> Found | None:
    shape = KINDS[kind].shape
    if shape == "thing":
        return _things(kind, members, place)
    return _lines(kind, members, place) if shape == "line" else _areas(kind, members)


def _things(kind: str, members: list[Shaped], place: TilePlace) -> Found | None:
    """Compact things of which the frame shows at least half, large enough to be seen."""
    import shapely

    side_m = place.columns * place.spacing_m
    seen = []
    for one in members:
        width_m = KINDS[kind].width_m
        if one.geometry.area > 0:
            width_m = side_m * float(np.sqrt(one.geometry.area / max(one.inside, 1e-9)))
        if one.inside >= 0.5 and width_m >= LEAST_PIXELS * place.spacing_m:
            centre = shapely.centroid(one.geometry)
            seen.append((float(centre.x), float(centre.y)))
    if not seen:
        return None
    points = np.asarray(seen)
    return Found(kind, len(points), 0.0, places.where(points), "", points)


def _lines(kind: str, members: list[Shaped], place: TilePlace) -> Found | None:
    """Roads, rivers: pieces that touch are one; polygons of rivers are taken as they are."""
    import shapely

    if KINDS[kind].width_m < LINE_PIXELS * place.spacing_m:
        return None
    wide = shapely.union_all([shapely.buffer(one.geometry, NEAR) for one in members])
    parts = [part for part in shapely.get_parts(wide) if _reach(part) >= LEAST_LENGTH]
    points = _inside(shapely.union_all(parts)) if parts else np.empty((0, 2))
    if not len(points):
        return None
    one_direction = places.direction(points) if len(parts) == 1 else ""
    return Found(kind, len(parts), 0.0, places.where(points), one_direction, points)


def _reach(geometry: object) -> float:
    import shapely

    west, south, east, north = shapely.bounds(geometry)
    return float(np.hypot(east - west, north - south))


def _areas(kind: str, members: list[Shaped]) -> Found | None:
    import shapely

    surfaces = [one.geometry for one in members if one.geometry.area > 0]
    if not surfaces:
        return None
    joined = shapely.union_all(surfaces)
    share = float(joined.area)
    points = _inside(joined)
    if share < LEAST_SHARE or not len(points):
        return None
    parts = [part for part in shapely.get_parts(joined) if part.area >= LEAST_SHARE / 4]
    count = 0 if kind in MASS else max(1, len(parts))
    return Found(kind, count, share, places.where(points), "", points)


def _inside(geometry: object) -> FloatArray:
    """Points of a grid over the picture that lie in a geometry."""
    import shapely

    steps = (np.arange(GRID) + 0.5) / GRID
    x, y = (grid.ravel() for grid in np.meshgrid(steps, steps))
    held = shapely.contains_xy(geometry, x, y)
    return np.column_stack((x[held], y[held]))


def _covers(classes: NDArray[np.object_]) -> list[Found]:
    """Classes of a raster that cover enough of what the raster tells."""
    cells = classes.shape[0]
    made = []
    for name in sorted({str(one) for one in classes.ravel()} - {""}):
        rows, columns = np.nonzero(classes == name)
        share = len(rows) / classes.size
        if share >= LEAST_SHARE:
            points = np.column_stack(((columns + 0.5) / cells, (rows + 0.5) / cells))
            made.append(Found(name, 0, share, places.where(points), "", points))
    return made


def _relations(found: Sequence[Found]) -> list[tuple[str, str, str]]:
    """'left of', 'above', ... between weighty kinds, and lines that cross areas."""
    made = []
    weighty = [one for one in found if one.weight >= WEIGHTY][:6]
    for a, b in permutations(weighty, 2):
        side = places.side_of(a.points, b.points)
        if side:
            made.append((a.kind, side, b.kind))
        elif a.direction and a.count == 1 and b.share > 0.15 and _crosses(a.points, b.points):
            made.append((a.kind, "crossing", b.kind))
    return made


def _crosses(line: FloatArray, area: FloatArray) -> bool:
    """Whether an area lies on both sides of a line that is as long as the picture."""
    wide, tall = line.max(axis=0) - line.min(axis=0)
    axis = 0 if wide >= tall else 1
    order = np.argsort(line[:, axis])
    along, across = line[order, axis], line[order, 1 - axis]
    beside = np.interp(area[:, axis], along, across)
    before = float(np.mean(area[:, 1 - axis] < beside))
    return max(wide, tall) > 0.8 and 0.2 < before < 0.8
