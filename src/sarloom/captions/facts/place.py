"""Where a tile lies: from map coordinates to the picture and back, and words for places in it.

Pictures of tiles are turned so that near range is on the left. So places are said as in the
picture ('upper left'), never by compass: north is up in none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingExtraError

FloatArray = NDArray[np.float64]
WORLD = "EPSG:4326"


@dataclass(frozen=True)
class TilePlace:
    """A tile's grid on the ground."""

    transform: tuple[float, float, float, float, float, float]
    """Pixel corner to map: a, b, c, d, e, f of rasterio."""
    crs: str
    rows: int
    columns: int
    spacing_m: float

    @cached_property
    def matrix(self) -> FloatArray:
        """Shares of width and height (x right, y down) to map coordinates, 2 x 3."""
        a, b, c, d, e, f = self.transform
        return np.array(
            [[a * self.columns, b * self.rows, c], [d * self.columns, e * self.rows, f]]
        )

    def to_map(self, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Map coordinates of places in the picture, 0 to 1."""
        m = self.matrix
        return m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]

    def inverse(self) -> tuple[float, float, float, float, float, float]:
        """From map to picture, as shapely's ``affine_transform`` takes it: a, b, d, e, x, y."""
        m = self.matrix
        back = np.linalg.inv(m[:, :2])
        off = -back @ m[:, 2]
        a, b, d, e = (float(value) for value in back.ravel())
        return a, b, d, e, float(off[0]), float(off[1])

    def bounds(self, crs: str, margin: float = 0.0) -> tuple[float, float, float, float]:
        """West, south, east, north of the tile in another system, with a margin (share of it)."""
        steps = np.linspace(-margin, 1 + margin, 9)
        x, y = (grid.ravel() for grid in np.meshgrid(steps, steps))
        east, north = transformer(self.crs, crs).transform(*self.to_map(x, y))
        return (
            float(np.min(east)), float(np.min(north)), float(np.max(east)), float(np.max(north))
        )  # fmt: skip


@lru_cache(maxsize=64)
def transformer(source: str, target: str) -> Any:
    """Between two coordinate systems, x before y."""
    try:
        from pyproj import Transformer
    except ImportError as error:
        raise MissingExtraError("pyproj, which places maps on tiles,", "archive") from error
    return Transformer.from_crs(source, target, always_xy=True)


# -- words ---------------------------------------------------------------------------------------

SPREAD = 0.62
"""Share of the width over which samples reach (10 % to 90 %), from which on they have no place."""


def where(points: FloatArray) -> str:
    """'upper left', 'left', 'top', 'centre', 'throughout' or '', of points [n, 2]."""
    if len(points) == 0:
        return ""
    low, high = np.quantile(points, 0.1, axis=0), np.quantile(points, 0.9, axis=0)
    wide, tall = (high - low) > SPREAD
    x, y = points.mean(axis=0)
    if wide and tall:
        return "throughout"
    side = "" if wide else _third(x, "left", "right")
    level = "" if tall else _third(y, "upper", "lower")
    if side and level:
        return f"{level} {side}"
    if side:
        return side
    if level:
        return {"upper": "top", "lower": "bottom"}[level]
    return "centre" if not wide and not tall else ""


def _third(value: float, low: str, high: str) -> str:
    return low if value < 0.4 else high if value > 0.6 else ""


def side_of(a: FloatArray, b: FloatArray) -> str:
    """'left of', 'right of', 'above', 'below' where 95 % of the pairs of points agree, or ''."""
    for axis, before, after in ((0, "left of", "right of"), (1, "above", "below")):
        share = _share_before(a[:, axis], b[:, axis])
        gap = abs(float(np.median(a[:, axis]) - np.median(b[:, axis])))
        if gap > 0.15 and share > 0.95:
            return before
        if gap > 0.15 and share < 0.05:
            return after
    return ""


def _share_before(a: FloatArray, b: FloatArray) -> float:
    """Share of pairs in which the first number is the smaller one."""
    return float(np.searchsorted(np.sort(a), b).mean() / len(a))


def direction(points: FloatArray) -> str:
    """'from left to right', ... of one long thing that reaches over half the picture, or ''."""
    reach = points.max(axis=0) - points.min(axis=0)
    wide, tall = reach > 0.55
    if wide and tall:
        falls = np.corrcoef(points[:, 0], points[:, 1])[0, 1] > 0
        return "from upper left to lower right" if falls else "from lower left to upper right"
    if wide:
        return "from left to right"
    return "from top to bottom" if tall else ""
