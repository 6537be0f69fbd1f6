"""Where things lie in the visible frame: sample points, words for places, relations of places.

Every thing is turned into sample points in *frame units*: x from 0 (left, near range) to 1
(right), y from 0 (top) to 1 (bottom). A compact thing is one point, a line is points along it, an
area is the centres of the coarse cells that it covers. All words for places are tests on points,
so one rule holds for ships, rivers and forests alike.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.spatial import cKDTree

from .materials import LABELS
from .world import SceneObject

Samples = NDArray[np.float64]
"""Sample points in frame units, shape (n, 2), columns x and y."""

CELLS = 64
"""Coarse cells along each side of the frame."""
MOSTLY = 0.78
"""Share of the samples that must agree before a place is put into words."""

COMPACT = frozenset(
    {
        "building", "house", "hall", "tank", "chimney", "container stack", "crane", "ship", "car",
        "truck", "aircraft", "tree", "farm building", "vehicle", "rock", "terminal", "hangar",
        "bridge", "overpass", "silo",
    }
)  # fmt: skip
"""Kinds that count by their centre; all others count by the part of their outline in the frame."""

_MADE_OF: dict[str, frozenset[str]] = {
    "building": frozenset({"building"}),
    "house": frozenset({"building"}),
    "hall": frozenset({"building"}),
    "terminal": frozenset({"building"}),
    "hangar": frozenset({"building"}),
    "farm building": frozenset({"building", "tank"}),
    "tank": frozenset({"tank"}),
    "container stack": frozenset({"container"}),
    "ship": frozenset({"ship", "container", "building"}),
    "car": frozenset({"vehicle"}),
    "truck": frozenset({"vehicle", "container"}),
    "vehicle": frozenset({"vehicle"}),
    "aircraft": frozenset({"aircraft"}),
    "tree": frozenset({"trees"}),
    "hedge": frozenset({"trees", "scrub"}),
    "stand": frozenset({"trees"}),
    "rock": frozenset({"rock"}),
    "river": frozenset({"water", "bridge"}),
    "lake": frozenset({"water"}),
    "sea": frozenset({"water", "ship"}),
    "field": frozenset({"crop", "bare", "grass"}),
    "railway": frozenset({"railway", "paved", "bridge"}),
}
"""Segmentation labels that must show where such a thing stands, or it is hidden by another."""


def is_closed(thing: SceneObject) -> bool:
    """Whether the outline is an area (first point repeated) rather than a line."""
    outline = thing.outline_m
    return len(outline) > 3 and math.dist(outline[0], outline[-1]) < 1e-6


def _line_points(thing: SceneObject, extent_m: tuple[float, float]) -> tuple[Samples, float]:
    """Samples of a line inside the frame, and its whole length in frame sides."""
    corners = np.asarray(thing.outline_m, float) / extent_m
    steps = np.hypot(*np.diff(corners, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    count = max(2, math.ceil(along[-1] * CELLS))
    at = (np.arange(count) + 0.5) / count * along[-1]
    points = np.stack([np.interp(at, along, corners[:, axis]) for axis in (0, 1)], axis=1)
    inside = ((points >= 0) & (points < 1)).all(axis=1)
    return points[inside], float(along[-1])


def _area_points(thing: SceneObject, extent_m: tuple[float, float]) -> tuple[Samples, float]:
    """Cell centres of an area inside the frame, and its whole area in frames."""
    corners = np.asarray(thing.outline_m, float) / extent_m
    x, y = corners.T
    area = abs(float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1]))) / 2
    fine = 4
    picture = Image.new("L", (CELLS * fine, CELLS * fine), 0)
    scaled = corners * CELLS * fine - 0.5
    ImageDraw.Draw(picture).polygon([tuple(corner) for corner in scaled.tolist()], 255)
    filled = np.asarray(picture.reduce(fine))
    covered = filled >= 128
    if covered.sum() < 0.5 * filled.sum() / 255:  # a strip narrower than a cell
        covered = filled > 0
    rows, columns = np.nonzero(covered)
    return (np.stack([columns, rows], axis=1) + 0.5) / CELLS, area


def visible_points(
    thing: SceneObject, labels: NDArray[np.uint8], extent_m: tuple[float, float]
) -> Samples:
    """Samples of what can be seen of a thing; none where too little of it lies in the frame.

    Parameters
    ----------
    thing
        Any object of a world.
    labels : shape (rows, columns)
        Segmentation classes of the visible frame (``maps.segmentation``): a thing that another
        covers (a car under a crown, a house under a later motorway) is not visible.
    extent_m
        Width and height of the frame [m].
    """
    if thing.kind in COMPACT or len(thing.outline_m) < 2:
        points, enough = np.array([[thing.x_m, thing.y_m]]) / extent_m, 1.0
        points = points[((points >= 0) & (points < 1)).all(axis=1)]
    elif is_closed(thing):
        points, area = _area_points(thing, extent_m)
        enough = min(0.02, 0.5 * area) * CELLS**2
    else:
        points, length = _line_points(thing, extent_m)
        enough = min(0.3, 0.5 * length) * CELLS
    made_of = _MADE_OF.get(thing.kind)
    if made_of and len(points):
        points = points[_shows(points, labels, made_of, reach=1 if len(points) == 1 else 0)]
    return points if len(points) >= max(1.0, enough) else points[:0]


def _shows(
    points: Samples, labels: NDArray[np.uint8], made_of: frozenset[str], reach: int
) -> NDArray[np.bool_]:
    """Which points stand on (or within ``reach`` cells of) one of the given labels."""
    rows, columns = labels.shape
    row = (points[:, 1] * rows).astype(int)
    column = (points[:, 0] * columns).astype(int)
    wanted = np.isin(np.arange(len(LABELS)), [LABELS.index(n) for n in made_of if n in LABELS])
    found = np.zeros(len(points), bool)
    for dr in range(-reach, reach + 1):
        for dc in range(-reach, reach + 1):
            r, c = np.clip(row + dr, 0, rows - 1), np.clip(column + dc, 0, columns - 1)
            found |= wanted[labels[r, c]]
    return found


def label_points(labels: NDArray[np.uint8], names: tuple[str, ...]) -> Samples:
    """Samples of the land cover with given labels, on a grid of about ``CELLS`` cells."""
    step = max(1, labels.shape[0] // CELLS)
    coarse = labels[step // 2 :: step, step // 2 :: step]
    wanted = [LABELS.index(name) for name in names if name in LABELS]
    rows, columns = np.nonzero(np.isin(coarse, wanted))
    return (np.stack([columns, rows], axis=1) + 0.5) / (coarse.shape[1], coarse.shape[0])


def place(points: Samples) -> str:
    """The place of a thing in words, or '' where no word fits.

    One of 'upper left', 'upper right', 'lower left', 'lower right', 'left', 'right', 'top',
    'bottom', 'centre', 'throughout'. 'left' means that at least 78 % of the thing lies left of
    the middle line and its mean clearly so; the corner words need that in both directions.
    """
    if not len(points):
        return ""
    x, y = points.T
    side, half = _half(x, "left", "right"), _half(y, "top", "bottom")
    central = np.mean((np.abs(x - 0.5) < 0.22) & (np.abs(y - 0.5) < 0.22))
    if central >= MOSTLY:
        return "centre"
    if side and half:
        return f"{'upper' if half == 'top' else 'lower'} {side}"
    if side or half:
        return side or half
    cells = np.unique((points * 4).astype(int), axis=0)
    return "throughout" if len(cells) >= 11 else ""


def _half(values: NDArray[np.float64], low: str, high: str) -> str:
    """Which half of the frame holds nearly all values, clearly off the middle line."""
    if abs(float(values.mean()) - 0.5) < 0.12:
        return ""
    if np.mean(values < 0.5) >= MOSTLY:
        return low
    return high if np.mean(values > 0.5) >= MOSTLY else ""


def direction(points: Samples) -> str:
    """How an elongated thing runs through the frame, or '' where it does not cross enough of it.

    One of 'from left to right', 'from top to bottom', 'from upper left to lower right',
    'from lower left to upper right'.
    """
    if len(points) < 8:
        return ""
    centred = points - points.mean(axis=0)
    spread, axes = np.linalg.eigh(centred.T @ centred)
    if spread[1] < 6.0 * max(spread[0], 1e-9):
        return ""
    axis = axes[:, 1] * (1 if axes[0, 1] >= 0 else -1)
    order = np.argsort(centred @ axis)
    tail = max(3, len(points) // 50)
    first, last = points[order[:tail]].mean(axis=0), points[order[-tail:]].mean(axis=0)
    steep = math.degrees(math.atan2(last[1] - first[1], last[0] - first[0]))
    if abs(steep) < 20:
        return "from left to right" if first[0] < 0.2 and last[0] > 0.8 else ""
    if abs(steep) > 70:
        low, high = sorted((first[1], last[1]))
        return "from top to bottom" if low < 0.2 and high > 0.8 else ""
    if not (first[0] < 0.45 and last[0] > 0.55):
        return ""
    if steep > 0:
        return "from upper left to lower right" if first[1] < 0.45 and last[1] > 0.55 else ""
    return "from lower left to upper right" if first[1] > 0.55 and last[1] < 0.45 else ""


def _share_before(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Probability that a random member of a is smaller than a random member of b."""
    return float(1.0 - np.searchsorted(np.sort(b), a, side="right").mean() / len(b))


def side_of(a: Samples, b: Samples) -> str:
    """'left of', 'right of', 'above', 'below' where a lies clearly on that side of b, else ''.

    Clearly: 85 % of all pairs of samples agree, and the mean offset along that axis is at least
    0.15 frames and the larger of the two offsets.
    """
    if not len(a) or not len(b):
        return ""
    offset = a.mean(axis=0) - b.mean(axis=0)
    axis = int(np.argmax(np.abs(offset)))
    if abs(offset[axis]) < 0.15:
        return ""
    before, after = (("left of", "right of"), ("above", "below"))[axis]
    if _share_before(a[:, axis], b[:, axis]) >= 0.85:
        return before
    return after if _share_before(b[:, axis], a[:, axis]) >= 0.85 else ""


def nearest(a: Samples, b: Samples) -> NDArray[np.float64]:
    """Distance from each point of a to the nearest point of b, in frame units."""
    return np.asarray(cKDTree(b).query(a)[0], np.float64)


def crosses(line: Samples, area: Samples) -> bool:
    """Whether a line runs through the frame with a good part of the area on either side of it."""
    if len(line) < 0.6 * CELLS or len(area) < 20:
        return False
    centre = line.mean(axis=0)
    spread, axes = np.linalg.eigh((line - centre).T @ (line - centre))
    if spread[1] < 4.0 * max(spread[0], 1e-9):
        return False
    # a wandering line is not straight: compare each area sample with the line beside it
    u_line, v_line = ((line - centre) @ axes[:, ::-1]).T
    u_area, v_area = ((area - centre) @ axes[:, ::-1]).T
    if np.ptp(u_line) < 0.7:
        return False
    edges = np.linspace(u_line.min(), u_line.max(), 17)
    step = np.clip(np.digitize(u_line, edges) - 1, 0, 15)
    weight = np.bincount(step, minlength=16)
    middle = np.bincount(step, v_line, 16)[weight > 0] / weight[weight > 0]
    at = ((edges[1:] + edges[:-1]) / 2)[weight > 0]
    beyond = float(np.mean(v_area > np.interp(u_area, at, middle)))
    return 0.1 < beyond < 0.9


def surrounds(outer: Samples, inner: Samples) -> bool:
    """Whether the inner thing keeps off the frame's edge and the outer lies on all its sides."""
    if len(outer) < 0.1 * CELLS**2 or not len(inner):
        return False
    if inner.min() < 0.06 or inner.max() > 0.94:
        return False
    centre = inner.mean(axis=0)
    bearing = np.arctan2(*(outer - centre).T)
    sectors = np.histogram(bearing, bins=8, range=(-math.pi, math.pi))[0]
    return bool((sectors > 0.02 * len(outer)).all())
