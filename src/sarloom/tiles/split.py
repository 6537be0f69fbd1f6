"""Training, validation and test: no ground in two of them.

Two rules. Both keep a model from being tested on ground it was trained on, which overlapping passes
of one place would otherwise do in silence:

``acquisition``
    Acquisitions whose footprints touch, directly or through others, are one *component*; every
    component goes into one split. Neither ground nor acquisition is shared.
``ground``
    The Earth is divided into blocks, each of one split by its hash. A tile that touches blocks of
    two splits is left out. Right for few, large scenes; acquisitions are then shared, ground is
    not, and blocks keep their split when scenes are added.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError, MissingExtraError
from .ledger import SPLITS

Ring = Sequence[tuple[float, float]]
"""Corners (longitude, latitude) [deg], not closed."""

METRES_PER_DEGREE = 111_195.0
"""Of latitude, on a sphere of 6371 km."""
_MARGIN_M = 100.0
"""Footprints in metadata are good to tens of metres; nearer than this counts as touching."""
_NEAR_POLE_DEG = 89.0


def shares(text: str) -> tuple[float, float, float]:
    """Read '0.8,0.1,0.1'.

    Raises
    ------
    InputError
        If these are not three shares that add up to one.
    """
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != 3 or min(values) < 0 or not math.isclose(sum(values), 1.0, abs_tol=1e-6):
        raise InputError(
            f"--split {text!r}: give the shares of training, validation and test, "
            "such as 0.8,0.1,0.1"
        )
    return values[0], values[1], values[2]


def unit_hash(*parts: object) -> float:
    """A number in [0, 1) that hangs on the parts alone, the same on every machine."""
    text = "\0".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


def split_of_hash(value: float, fractions: Sequence[float]) -> str:
    """The split into which a number in [0, 1) falls."""
    if value < fractions[0]:
        return SPLITS[0]
    return SPLITS[1] if value < fractions[0] + fractions[1] else SPLITS[2]


# -- by acquisition ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Ground:
    """One acquisition as splitting sees it."""

    name: str
    """Stable and unique."""
    product: str
    """Channels of one product, equal here, never part."""
    footprint: Ring | None
    tiles: int


def components(grounds: Sequence[Ground], margin_m: float = _MARGIN_M) -> list[list[int]]:
    """Indices of acquisitions that hang together by footprint or product.

    Without footprint an acquisition hangs together with its own product only.
    """
    parent = list(range(len(grounds)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    first: dict[str, int] = {}
    for index, ground in enumerate(grounds):
        parent[root(index)] = root(first.setdefault(ground.product, index))
    placed = [index for index, ground in enumerate(grounds) if ground.footprint]
    rings = [grounds[index].footprint or () for index in placed]
    for one, other in touching(rings, margin_m):
        parent[root(placed[one])] = root(placed[other])
    found: dict[int, list[int]] = {}
    for index in range(len(grounds)):
        found.setdefault(root(index), []).append(index)
    return list(found.values())


def split_acquisitions(
    grounds: Sequence[Ground], fractions: Sequence[float], seed: int = 0
) -> dict[str, str]:
    """The split of every acquisition by name.

    Components are dealt out largest first, each to the split that lacks most tiles, so the shares
    are met as well as components allow; among equals a hash of names decides, so that the order
    of sources does not.
    """
    names = {
        tuple(sorted(grounds[index].name for index in group)): group
        for group in components(grounds)
    }
    total = sum(ground.tiles for ground in grounds) or 1
    lacking = {
        split: share * total for split, share in zip(SPLITS, fractions, strict=True) if share > 0
    }
    result: dict[str, str] = {}
    sizes = {key: sum(grounds[index].tiles for index in group) for key, group in names.items()}
    for key in sorted(names, key=lambda key: (-sizes[key], unit_hash(seed, *key))):
        split = max(lacking, key=lambda one: lacking[one])  # the first of SPLITS among equals
        lacking[split] -= sizes[key]
        result |= {grounds[index].name: split for index in names[key]}
    return result


def touching(
    rings: Sequence[Ring], margin_m: float = 0.0, classes: Sequence[str] | None = None
) -> list[tuple[int, int]]:
    """Pairs of footprints that overlap, or come nearer than the margin.

    Footprints across the antimeridian are taken as they are on the globe. Pairs of one class are
    not looked at where ``classes`` gives each footprint one.

    Raises
    ------
    MissingExtraError
        If shapely is not installed.
    """
    shapely = _shapely()
    if not rings:
        return []
    shapes, owners = [], []
    for index, ring in enumerate(rings):
        shape = polygon(ring, margin_m / 2)
        west, _, east, _ = shape.bounds
        for turn in (-360.0, 0.0, 360.0):
            if west + turn < 180.0 and east + turn > -180.0:
                shapes.append(
                    shapely.transform(shape, lambda xy, by=turn: xy + np.array([by, 0.0]))
                )
                owners.append(index)
    tree = shapely.STRtree(shapes)
    pairs = set()
    for one, other in zip(*tree.query(shapes, predicate="intersects"), strict=True):
        a, b = owners[int(one)], owners[int(other)]
        if classes is not None and classes[a] == classes[b]:
            continue
        if a < b and (margin_m > 0 or _share_area(shapes[int(one)], shapes[int(other)])):
            pairs.add((a, b))
    return sorted(pairs)


def _share_area(one: Any, other: Any) -> bool:
    """Overlap in area, not along an edge; rounding of coordinates is no overlap."""
    return bool(one.intersection(other).area > 1e-6 * min(one.area, other.area))


def polygon(ring: Ring, margin_m: float = 0.0) -> Any:
    """A footprint as a shapely polygon with continuous longitudes, widened by a margin."""
    shapely = _shapely()
    lon = np.degrees(np.unwrap(np.radians([corner[0] for corner in ring])))
    lat = np.asarray([corner[1] for corner in ring], float)
    shape = shapely.make_valid(shapely.Polygon(np.column_stack([lon, lat])))
    if margin_m <= 0:
        return shape
    widest = min(float(np.abs(lat).max()), _NEAR_POLE_DEG)
    stretch = 1.0 / math.cos(math.radians(widest))
    # widen in units in which a degree of longitude is as long as one of latitude
    squeezed = shapely.transform(shape, lambda xy: xy / np.array([stretch, 1.0]))
    wider = squeezed.buffer(margin_m / METRES_PER_DEGREE, quad_segs=2)
    return shapely.transform(wider, lambda xy: xy * np.array([stretch, 1.0]))


# -- by ground ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blocks:
    """The Earth in blocks about ``size_m`` wide: rows of latitude, cut evenly along longitude."""

    size_m: float
    fractions: tuple[float, float, float]
    seed: int = 0

    def touched(self, ring: Ring) -> set[tuple[int, int]]:
        """Blocks (row, column) that the bounding box of a footprint touches."""
        lon = np.degrees(np.unwrap(np.radians([corner[0] for corner in ring])))
        lat = np.asarray([corner[1] for corner in ring], float)
        step = self.size_m / METRES_PER_DEGREE
        found = set()
        for row in range(math.floor(lat.min() / step), math.floor(lat.max() / step) + 1):
            across = self._columns(row)
            first = math.floor((lon.min() + 180.0) / 360.0 * across)
            last = math.floor((lon.max() + 180.0) / 360.0 * across)
            found |= {(row, column % across) for column in range(first, last + 1)}
        return found

    def split(self, ring: Ring) -> str | None:
        """The split of a tile; None if it touches ground of two."""
        splits = {
            split_of_hash(unit_hash(self.seed, *block), self.fractions)
            for block in self.touched(ring)
        }
        return splits.pop() if len(splits) == 1 else None

    def _columns(self, row: int) -> int:
        """Blocks around the Earth in a row, at least one."""
        latitude = (row + 0.5) * self.size_m / METRES_PER_DEGREE
        around = 360.0 * METRES_PER_DEGREE * max(math.cos(math.radians(latitude)), 0.0)
        return max(1, round(around / self.size_m))


def leaks(rings: Sequence[Ring], splits: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of tiles of different splits whose ground overlaps, by index."""
    return touching(rings, classes=splits)


def _shapely() -> Any:
    try:
        import shapely
    except ImportError as error:
        raise MissingExtraError("shapely, which compares footprints,", "archive") from error
    return shapely
