"""A world from a segmentation map: every class gets materials and heights, drawn from a seed.

A map says what lies where, not how high it is or which way a field was sown. Connected pieces of a
class get one material of that class and one height each; woods get crowns, and sides of solid
things that face the radar get walls. So a map becomes something the simulator can look at: with
layover, shadow and the levels of ``materials``, and another seed gives another such place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .materials import CODE, LABELS
from .world import Reflector, WallFoot, World

FloatArray = NDArray[np.float32]
MARGIN_M = 60.0
"""Ground beside the map that is made up (mirrored), so that what stands there may cast shadows."""
CROWN_M = 4.0
"""Mean distance between trees of a wood."""
ROCK_SLOPE, ROCK_TOP_M = 0.5, 20.0
"""Rock rises from its edge by this slope, so high at the most."""
ROCK_M: tuple[tuple[float, float], ...] = ((15.0, 6.0), (4.0, 1.2), (1.2, 0.4))
"""Ridges, crags and ledges on it: correlation length and standard deviation of height."""
_WALL_DB = -10.0
_METAL_DB = -3.0
_DECK_DB = -6.0
LAMPS_M = 12.0
"""Distance of lamps and other corners along the sides of a bridge."""
_LAMP_DBSM = (4.0, 12.0)


@dataclass(frozen=True)
class Rise:
    """How a class stands above the ground."""

    low_m: float
    high_m: float
    """Heights are even between the two."""
    large_m: float = 0.0
    """Added to the tallest in proportion to the side of a piece, up to one of 40 m."""
    wall_db: float | None = None
    """Of the dihedral between its side and the ground, as ``WallFoot.strength_db``."""


RISES: dict[str, Rise] = {
    "building": Rise(4.0, 8.0, 12.0, _WALL_DB),
    "tank": Rise(6.0, 12.0, 0.0, _METAL_DB),
    "ship": Rise(3.0, 7.0, 4.0, _METAL_DB),
    "vehicle": Rise(1.5, 2.8, 0.0, _METAL_DB),
    "aircraft": Rise(2.5, 4.5),
    "container": Rise(2.6, 5.2, 0.0, _METAL_DB),
    "bridge": Rise(2.0, 5.0, 0.0, _DECK_DB),
}
MATERIALS_OF: dict[str, tuple[str, ...]] = {
    "bare": ("bare_soil",),
    "grass": ("grass",),
    "crop": ("crop_high", "crop_ripe"),
    "scrub": ("scrub",),
    "trees": ("crown", "conifer"),
    "water": ("water",),
    "rock": ("rock",),
    "road": ("asphalt",),
    "paved": ("concrete", "quay"),
    "track": ("dirt_track",),
    "railway": ("railway",),
    "building": ("roof_tile", "roof_flat", "roof_metal"),
    "tank": ("tank_metal",),
    "ship": ("ship_metal",),
    "vehicle": ("vehicle_metal",),
    "aircraft": ("aircraft_metal",),
    "container": ("container",),
    "bridge": ("bridge_deck",),
}
"""What a piece of each label may be made of: of those that share a label, the ones whose level is
least like that of other labels, since the map says which it is."""


def extruded(labels: NDArray[np.uint8], spacing_m: float, seed: int) -> World:
    """A world above a map.

    Parameters
    ----------
    labels
        Index into ``materials.LABELS`` [rows, columns]; columns grow with range.
    spacing_m
        Ground distance between cells [m].
    seed
        Of heights, materials and crowns.

    Raises
    ------
    IndexError
        If a label is none of ``LABELS``.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(15,)))
    margin = max(1, round(MARGIN_M / spacing_m))
    wide = np.pad(labels, margin, mode="symmetric")
    material = np.zeros(wide.shape, np.uint8)
    height = np.zeros(wide.shape, np.float32)
    feet: list[WallFoot] = []
    lamps: list[Reflector] = []
    for number in np.unique(wide):
        label = LABELS[number]
        mask = wide == number
        pieces, count = ndimage.label(mask)
        codes = np.array([CODE[name] for name in MATERIALS_OF[label]], np.uint8)
        chosen = np.r_[np.uint8(0), rng.choice(codes, count)]
        material[mask] = chosen[pieces[mask]]
        if label in ("trees", "scrub"):
            tall = (1.0, 2.0) if label == "scrub" else (6.0, 13.0)
            height[mask] = _crowns(mask, spacing_m, tall, rng)[mask]
        elif label == "rock":
            height[mask] = _relief(mask, spacing_m, rng)[mask]
        elif (rise := RISES.get(label)) is not None:
            tops = _tops(pieces, count, rise, spacing_m, rng)
            height[mask] = tops[pieces[mask]]
            if rise.wall_db is not None:
                feet += _walls(mask, height, spacing_m, margin, rise.wall_db)
            if label == "bridge":
                lamps += _lamps(mask, height, spacing_m, margin, rng)
    flat = np.zeros(wide.shape, np.float32)
    return World(
        "map", seed, spacing_m, (margin, margin), flat, height, material,
        np.full(wide.shape, np.nan, np.float32), flat.copy(), reflectors=lamps, wall_feet=feet,
    )  # fmt: skip


def _tops(
    pieces: NDArray[np.int32], count: int, rise: Rise, spacing_m: float, rng: np.random.Generator
) -> FloatArray:
    """Height of each piece [count + 1]; 0 is no piece."""
    side_m = np.sqrt(np.bincount(pieces.ravel(), minlength=count + 1)) * spacing_m
    most = rise.high_m + rise.large_m * np.minimum(side_m / 40.0, 1.0)
    tops = rng.uniform(rise.low_m, most).astype(np.float32)
    tops[0] = 0.0
    return np.asarray(tops, np.float32)


def _crowns(
    mask: NDArray[np.bool_], spacing_m: float, tall_m: tuple[float, float], rng: np.random.Generator
) -> FloatArray:
    """Heights of woods: domes about random stems, lower towards the edge of the wood."""
    stems = (rng.random(mask.shape) < (spacing_m / CROWN_M) ** 2) & mask
    edge_m = ndimage.distance_transform_edt(mask) * spacing_m
    top = np.minimum(tall_m[1], 1.5 + 2.5 * edge_m)
    if stems.any():
        away, nearest = ndimage.distance_transform_edt(~stems, return_indices=True)
        one = rng.uniform(*tall_m, mask.shape)[nearest[0], nearest[1]]
        dome = one * np.clip(1.0 - 0.5 * (away * spacing_m / (0.7 * CROWN_M)) ** 2, 0.3, 1.0)
        top = np.minimum(top, dome)
    return np.asarray(np.where(mask, top, 0.0), np.float32)


def _relief(mask: NDArray[np.bool_], spacing_m: float, rng: np.random.Generator) -> FloatArray:
    """Heights of rock, which is what stands out: a map says where it lies, not that it is steep.

    On flat ground rock looks like a wood; what tells it are slopes, bright towards the radar, and
    the shadows behind ridges. Everything is level with the ground at the edge.
    """
    edge_m = ndimage.distance_transform_edt(mask) * spacing_m
    height = np.minimum(ROCK_SLOPE * edge_m, ROCK_TOP_M)
    for length_m, deviation_m in ROCK_M:
        rough = ndimage.gaussian_filter(rng.standard_normal(mask.shape), length_m / spacing_m)
        rough *= deviation_m / max(float(rough.std()), 1e-9)
        height += rough * np.minimum(edge_m / length_m, 1.0)
    return np.asarray(height, np.float32)


def _lamps(
    mask: NDArray[np.bool_],
    height: FloatArray,
    spacing_m: float,
    margin: int,
    rng: np.random.Generator,
) -> list[Reflector]:
    """Corners that shine along the outline of bridges, about ``LAMPS_M`` apart."""
    outline = mask & ~ndimage.binary_erosion(mask)
    taken = outline & (rng.random(mask.shape) < spacing_m / LAMPS_M)
    rows, columns = np.nonzero(taken)
    return [
        Reflector(
            (column - margin + 0.5) * spacing_m, (row - margin + 0.5) * spacing_m,
            float(height[row, column]), float(rng.uniform(*_LAMP_DBSM)),
        )
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
    ]  # fmt: skip


def _walls(
    mask: NDArray[np.bool_], height: FloatArray, spacing_m: float, margin: int, strength_db: float
) -> list[WallFoot]:
    """A short wall foot at every cell whose side towards the radar (fewer columns) is free.

    Its direction is that of the outline about it, so that a wall along the flight path flashes and
    a slanted one does not.
    """
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 2.0)
    steep = np.hypot(*(slopes := np.gradient(soft)))
    rows, columns = np.nonzero(mask[:, 1:] & ~mask[:, :-1])
    columns = columns + 1
    size = np.maximum(steep[rows, columns], 1e-6)
    down, across = slopes[0][rows, columns] / size, slopes[1][rows, columns] / size
    faces = across > 0.2  # elsewhere it is the end of a wall, not its face
    found = []
    for row, column, a, b in zip(
        rows[faces], columns[faces], down[faces], across[faces], strict=True
    ):
        half = 0.5 * spacing_m / float(b)  # one row of the wall, however slanted it is
        x, y = (column - margin) * spacing_m, (row - margin + 0.5) * spacing_m
        found.append(
            WallFoot(
                x + float(a) * half, y - float(b) * half, x - float(a) * half, y + float(b) * half,
                float(height[row, column]), strength_db,
            )
        )  # fmt: skip
    return found
