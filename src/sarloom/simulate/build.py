"""From a name and a seed to a world: pure scenes and mixtures of two kinds."""

from __future__ import annotations

import difflib
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .canvas import Canvas, Mask
from .kinds import KINDS
from .kinds.base import SceneKind
from .kinds.nature import way
from .layout import distance_m, inside, smooth_noise
from .materials import CODE, MATERIALS
from .world import FloatArray, SceneObject, World

MIXTURES: tuple[str, ...] = (
    "city+river",
    "city+coast",
    "city+motorway",
    "suburb+river",
    "suburb+forest",
    "suburb+farmland",
    "suburb+motorway",
    "suburb+coast",
    "industry+river",
    "industry+farmland",
    "farmland+forest",
    "farmland+river",
    "farmland+motorway",
    "forest+river",
    "forest+mountains",
    "vehicles+farmland",
)
"""Pairs of kinds that are found beside each other; any other pair may be asked for as well."""

_LINEAR = ("river", "motorway")
"""Kinds that run through the other as a band."""
_BLEND_M = 18.0
_SOLID = ("roof_tile", "roof_flat", "roof_metal", "wall", "tank_metal", "container")
"""A road ends before these."""
_GREEN = ("grass", "crop", "scrub", "trees", "bare")
"""Ground that gets a grass verge beside a new road."""


def build_world(kind: str, seed: int, size: int = 512, spacing_m: float = 0.35) -> World:
    """Build the world of one scene.

    Parameters
    ----------
    kind : str
        A scene kind, or two joined by ``+`` ('farmland+forest').
    seed : int
        Not negative; the same kind, seed, size and spacing give the same world.
    size : int
        Rows and columns of the visible frame.
    spacing_m : float
        Ground distance between cells [m].

    Raises
    ------
    InputError
        For an unknown kind (with the nearest known name), a negative seed, or a size or spacing
        that cannot hold a scene.
    """
    names = _names(kind)
    if seed < 0:
        raise InputError(f"seed {seed} is negative: give 0 or more")
    if size < 64 or not 0.05 <= spacing_m <= 5.0:
        raise InputError(
            f"size {size} at {spacing_m} m cannot hold a scene: size >= 64, spacing 0.05 to 5 m"
        )
    name = "+".join(names)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    kinds = [KINDS[part] for part in names]
    canvas = Canvas(name, size, spacing_m, seed, rng, kinds[0].base)
    canvas.world.parts = tuple(names)
    if len(kinds) == 1:
        if kinds[0].relief is not None:
            canvas.terrain(kinds[0].relief(canvas))
        kinds[0].build(canvas, np.ones(canvas.shape, bool))
    else:
        _mix(canvas, kinds[0], kinds[1])
    return canvas.world


def name_of(kind: str) -> str:
    """A kind as ``World.kind`` spells it ('City + river' is 'city+river'); checks it on the way.

    Raises
    ------
    InputError
        For an unknown kind, with the nearest known name.
    """
    return "+".join(_names(kind))


def _names(kind: str) -> list[str]:
    """The one or two kinds in a name; InputError for anything else."""
    names = [part.strip().lower() for part in kind.split("+")]
    for part in names:
        if part not in KINDS:
            near = difflib.get_close_matches(part, list(KINDS), n=1, cutoff=0.5)
            hint = f": did you mean '{near[0]}'?" if near else ""
            raise InputError(f"unknown scene kind '{part}'{hint} (known: {', '.join(KINDS)})")
    if len(names) > 2 or len(set(names)) != len(names):
        raise InputError(f"'{kind}': a mixture is two different kinds, such as 'city+river'")
    return names


def _mix(canvas: Canvas, first: SceneKind, second: SceneKind) -> None:
    """Divide the grid between two kinds and build each in its own part."""
    if first.name in _LINEAR and second.name not in _LINEAR:
        first, second = second, first  # the band is laid last, through the other
    region = _band(canvas) if second.name in _LINEAR else _half(canvas, second.name == "coast")
    other = ~region
    _blend_terrain(canvas, first, second, region)
    canvas.cover(other, first.base)
    canvas.cover(region, second.base)
    confined(canvas, other, first.build)
    confined(canvas, region, second.build)
    if second.name == "river":
        for bridge in [thing for thing in canvas.world.objects if thing.kind == "bridge"]:
            _approaches(canvas, other, bridge)


def _approaches(canvas: Canvas, other: Mask, bridge: SceneObject) -> None:
    """Carry a bridge's road on into the scene beside the river, up to the first building."""
    reach = 1.5 * canvas.extent_m
    angle = math.radians(bridge.angle_deg)
    built = np.isin(canvas.world.material, [CODE[name] for name in _SOLID])
    green = np.isin(canvas.world.material, [CODE[m.name] for m in MATERIALS if m.label in _GREEN])
    for way_out in (-1, 1):
        bend = canvas.rng.normal(0, 0.12)
        steps = np.arange(bridge.length_m / 2, reach, 2.0)
        side = bend * np.clip(steps - bridge.length_m, 0, None)
        x = bridge.x_m + way_out * (steps * math.cos(angle) - side * math.sin(angle))
        y = bridge.y_m + way_out * (steps * math.sin(angle) + side * math.cos(angle))
        blocked = inside(canvas, built, np.column_stack([x, y]))
        stop = int(np.argmax(blocked)) if blocked.any() else len(x)
        line = list(zip(x[:stop].tolist(), y[:stop].tolist(), strict=True))
        if stop > 3:
            verge = canvas.stroke(line, bridge.width_m + 3) & other & green
            canvas.cover(verge, "grass")
            canvas.world.height_m[verge] = canvas.world.ground_m[verge]
            way(canvas, other & ~built, line, bridge.width_m - 1.0, "asphalt", "road")


def _side(canvas: Canvas, bend_m: float) -> tuple[FloatArray, float]:
    """Distance [m] from a wavy line through the middle at any angle, and the line's angle."""
    rng = canvas.rng
    angle = float(rng.uniform(0, 2 * np.pi))
    middle = np.float32(canvas.extent_m / 2)
    across = (canvas.x_m[None, :] - middle) * np.float32(math.cos(angle)) + (
        canvas.y_m[:, None] - middle
    ) * np.float32(math.sin(angle))
    scale = rng.uniform(0.35, 0.8) * canvas.extent_m
    return (across + smooth_noise(canvas, scale) * np.float32(bend_m)).astype(np.float32), angle


def _share(canvas: Canvas, field: FloatArray, share: float) -> Mask:
    """The cells with the lowest values, so that they make up a share of the visible frame."""
    return np.asarray(field < np.quantile(field[canvas.world.visible][::3, ::3], share))


def _half(canvas: Canvas, smooth: bool) -> Mask:
    """One side of a wavy border: 35 to 65 % of the visible frame."""
    rng = canvas.rng
    bend = rng.uniform(0, 0.03 if smooth else 0.09) * canvas.extent_m
    field, _ = _side(canvas, float(bend))
    return _share(canvas, field, float(rng.uniform(0.38, 0.62)))


def _band(canvas: Canvas) -> Mask:
    """A band across the frame (crossing) or off to one side (bordering): 24 to 38 % of it."""
    rng = canvas.rng
    field, _ = _side(canvas, float(rng.uniform(0.01, 0.07) * canvas.extent_m))
    shift = rng.uniform(-0.12, 0.12) if rng.random() < 0.6 else rng.choice([-1, 1]) * 0.3
    return _share(
        canvas, np.abs(field - np.float32(shift * canvas.extent_m)), float(rng.uniform(0.25, 0.38))
    )


def _blend_terrain(canvas: Canvas, first: SceneKind, second: SceneKind, region: Mask) -> None:
    """Lay both terrains with a smooth passage of some metres between them."""
    flat = np.zeros(canvas.shape, np.float32)
    heights = [kind.relief(canvas) if kind.relief else flat for kind in (first, second)]
    signed = distance_m(canvas, ~region) - distance_m(canvas, region)
    part = np.clip(signed / np.float32(2 * _BLEND_M) + np.float32(0.5), 0, 1)
    weight = part * part * (3 - 2 * part)
    canvas.terrain(((1 - weight) * heights[0] + weight * heights[1]).astype(np.float32))


def confined(canvas: Canvas, region: Mask, build: Callable[[Canvas, Mask], None]) -> None:
    """Run a builder and undo whatever it put outside its region.

    Builders keep inside by themselves as far as they can; this makes it certain, so that a roof
    corner or a crown never stands in the neighbouring scene.
    """
    world = canvas.world
    grids: tuple[NDArray[Any], ...] = (
        world.ground_m,
        world.height_m,
        world.material,
        world.direction_deg,
        world.period_m,
    )
    before = [grid.copy() for grid in grids]
    objects, feet, points = len(world.objects), len(world.wall_feet), len(world.reflectors)
    build(canvas, region)
    for grid, old in zip(grids, before, strict=True):
        np.copyto(grid, old, where=~region)

    def keeps(x_m: float, y_m: float) -> bool:
        column, row = canvas.cell(x_m, y_m)
        r, c = round(row), round(column)
        on_grid = 0 <= r < region.shape[0] and 0 <= c < region.shape[1]
        return bool(on_grid and region[r, c])

    world.wall_feet[feet:] = [
        foot
        for foot in world.wall_feet[feet:]
        if keeps((foot.x0_m + foot.x1_m) / 2, (foot.y0_m + foot.y1_m) / 2)
    ]
    world.reflectors[points:] = [p for p in world.reflectors[points:] if keeps(p.x_m, p.y_m)]
    # large areas may have their middle elsewhere: one point of the outline inside is enough
    world.objects[objects:] = [
        thing
        for thing in world.objects[objects:]
        if keeps(thing.x_m, thing.y_m) or any(keeps(x, y) for x, y in thing.outline_m)
    ]
