"""Built-up scene kinds: promised things, variety, determinism, staying in place, radar looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from sarloom.simulate.build import build_world
from sarloom.simulate.canvas import MARGIN_COLUMNS, MARGIN_ROWS, Canvas, Mask
from sarloom.simulate.kinds import KINDS
from sarloom.simulate.kinds.aircraft import TYPES, aircraft
from sarloom.simulate.kinds.blocks import area_m2, clip, inset, rectangle, subdivide
from sarloom.simulate.kinds.outlines import area_outline, beside, longest_run, resample
from sarloom.simulate.kinds.ships import CLASSES, ship
from sarloom.simulate.kinds.site import Site
from sarloom.simulate.kinds.things import car, containers
from sarloom.simulate.materials import CODE, MATERIALS
from sarloom.simulate.radar import AIRBORNE, reflectivity
from sarloom.simulate.world import SceneObject, World

BUILT = ("city", "suburb", "industry", "harbour", "airport", "motorway")
SEEDS = range(5)


@lru_cache(maxsize=64)
def _world(kind: str, seed: int, size: int = 512) -> World:
    return build_world(kind, seed, size)


def _seen(world: World) -> Counter[str]:
    """Number of objects of each kind whose middle lies in the visible frame."""
    return Counter(thing.kind for thing in world.objects if _in_frame(world, thing))


def _in_frame(world: World, thing: SceneObject) -> bool:
    side = world.size[0] * world.spacing_m
    return 0 < thing.x_m < side and 0 < thing.y_m < side


def _share(world: World, *labels: str) -> float:
    codes = [CODE[m.name] for m in MATERIALS if m.label in labels]
    return float(np.isin(world.material[world.visible], codes).mean())


@pytest.mark.parametrize("kind", BUILT)
def test_every_seed_builds_a_sound_world(kind: str) -> None:
    for seed in SEEDS:
        world = _world(kind, seed)
        assert np.isfinite(world.height_m).all() and np.isfinite(world.ground_m).all()
        above = world.height_m - world.ground_m
        assert float(above.min()) > -1e-3 and float(above.max()) < 90
        assert world.material.max() < len(MATERIALS)
        assert len(world.objects) >= 5 and len(world.wall_feet) >= 5
        for thing in world.objects:
            assert np.isfinite([thing.x_m, thing.y_m, thing.height_m, thing.angle_deg]).all()
            assert thing.length_m >= 0 and thing.width_m >= 0 and thing.height_m >= 0


@pytest.mark.parametrize("kind", BUILT)
def test_a_seed_gives_the_same_world_again(kind: str) -> None:
    first, again = _world(kind, 3), build_world(kind, 3, 512)
    assert np.array_equal(first.height_m, again.height_m)
    assert np.array_equal(first.material, again.material)
    assert first.objects == again.objects
    assert first.reflectors == again.reflectors and first.wall_feet == again.wall_feet


@pytest.mark.parametrize("kind", BUILT)
def test_two_seeds_do_not_look_alike(kind: str) -> None:
    worlds = [_world(kind, seed) for seed in SEEDS]
    maps = [(w.height_m - w.ground_m)[::2, ::2] for w in worlds]
    pairs = [(a, b) for i, a in enumerate(maps) for b in maps[:i]]
    likeness = [float(np.corrcoef(a.ravel(), b.ravel())[0, 1]) for a, b in pairs]
    assert max(likeness) < 0.5 and float(np.median(likeness)) < 0.15
    agree = [
        float((a.material == b.material).mean()) for i, a in enumerate(worlds) for b in worlds[:i]
    ]
    # common ground (water, grass, concrete) agrees by chance; a whole plan does not
    assert max(agree) < 0.8


def test_cities_have_streets_between_many_buildings() -> None:
    counts = [_seen(_world("city", seed)) for seed in SEEDS]
    assert min(c["building"] for c in counts) >= 8
    assert float(np.median([c["building"] for c in counts])) >= 18
    assert min(c["street"] for c in counts) >= 3 and min(c["car"] for c in counts) >= 5
    for seed in SEEDS:
        world = _world("city", seed)
        assert 0.12 < _share(world, "building") < 0.75
        assert _share(world, "road") > 0.08
        tall = max(t.height_m for t in world.objects if t.kind == "building")
        assert 9 <= tall <= 42


def test_suburbs_have_low_houses_gardens_and_streets() -> None:
    for seed in SEEDS:
        world = _world("suburb", seed)
        seen = _seen(world)
        assert seen["house"] >= 20 and seen["street"] >= 1 and seen["tree"] >= 20
        houses = [t for t in world.objects if t.kind == "house"]
        assert max(t.height_m for t in houses) < 9
        assert max(t.length_m for t in houses) < 20
        assert 0.04 < _share(world, "building") < 0.4


def test_industry_has_at_least_three_tanks_and_a_hall() -> None:
    for seed in SEEDS:
        seen = _seen(_world("industry", seed))
        assert seen["tank"] >= 3
        assert seen["hall"] + seen["container stack"] + seen["chimney"] >= 1


def test_harbours_have_water_quays_and_ships_afloat() -> None:
    for seed in SEEDS:
        world = _world("harbour", seed)
        seen = _seen(world)
        assert seen["ship"] >= 2 and seen["quay"] >= 1
        assert 0.2 < _share(world, "water") < 0.8
        water = np.isin(world.material, [CODE["water"], CODE["rough_water"]])
        level = float(np.median(world.ground_m[water]))
        # jetties float: the quays themselves stand above the water
        ashore = world.material == CODE["quay"]
        assert float(np.quantile(world.ground_m[ashore], 0.95)) > level + 1
        for thing in world.objects:
            if thing.kind == "ship":
                row, column = _cell(world, thing.x_m, thing.y_m)
                assert abs(float(world.ground_m[row, column]) - level) < 0.6


def test_airports_have_aircraft_on_paved_ground_and_mostly_a_runway() -> None:
    runways = 0
    for seed in SEEDS:
        world = _world("airport", seed)
        seen = _seen(world)
        assert seen["aircraft"] >= 1 and seen["taxiway"] + seen["runway"] >= 1
        assert _share(world, "road", "paved") > 0.15
        runways += seen["runway"] > 0
        for thing in world.objects:
            if thing.kind == "aircraft" and _in_frame(world, thing):
                assert thing.detail in TYPES
                row, column = _cell(world, thing.x_m, thing.y_m)
                assert MATERIALS[world.material[row, column]].label == "aircraft"
    assert runways >= 2


def test_motorways_carry_vehicles_along_the_road() -> None:
    for seed in SEEDS:
        world = _world("motorway", seed)
        seen = _seen(world)
        assert seen["motorway"] >= 1 and seen["car"] + seen["truck"] >= 3
        road = next(t for t in world.objects if t.kind == "motorway")
        assert road.length_m > 100 and 15 < road.width_m < 60
        assert 0.05 < _share(world, "road") < 0.5


def _cell(world: World, x_m: float, y_m: float) -> tuple[int, int]:
    rows, columns = world.height_m.shape
    row = round(y_m / world.spacing_m + MARGIN_ROWS - 0.5)
    column = round(x_m / world.spacing_m + MARGIN_COLUMNS - 0.5)
    return min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)


# -- a part of the frame --------------------------------------------------------------------------


def _left(x: np.ndarray, y: np.ndarray, side: float) -> Mask:
    return np.broadcast_to(x < 0.55 * side, (y.shape[0], x.shape[1]))


def _slanted(x: np.ndarray, y: np.ndarray, side: float) -> Mask:
    return np.asarray(x + 0.7 * y > 0.8 * side)


def _wavy(x: np.ndarray, y: np.ndarray, side: float) -> Mask:
    return np.asarray(y < 0.6 * side + 12 * np.sin(x / 15))


@pytest.mark.parametrize("shape", [_left, _slanted, _wavy])
@pytest.mark.parametrize("kind", BUILT)
def test_nothing_leaves_the_region(kind: str, shape: Callable[..., Mask]) -> None:
    canvas = Canvas(kind, 384, 0.35, 1, np.random.default_rng(5), "meadow")
    region = shape(canvas.x_m[None, :], canvas.y_m[:, None], canvas.extent_m).copy()
    KINDS[kind].build(canvas, region)
    world = canvas.world
    outside = ~region
    assert (world.material[outside] == CODE["meadow"]).all()
    assert (world.height_m[outside] == 0).all() and (world.ground_m[outside] == 0).all()
    assert (world.material[region] != CODE["meadow"]).mean() > 0.2
    assert len(world.objects) >= 3
    near = np.pad(region, 3, mode="edge")
    rows, columns = region.shape
    near = np.any(
        [near[r : r + rows, c : c + columns] for r in (0, 3, 6) for c in (0, 3, 6)], axis=0
    )
    for thing in world.objects:
        for x, y in (*thing.outline_m, (thing.x_m, thing.y_m)):
            assert near[_cell(world, x, y)], (thing.kind, x, y)
    for point in world.reflectors:
        assert near[_cell(world, point.x_m, point.y_m)], point
    for foot in world.wall_feet:
        for x, y in ((foot.x0_m, foot.y0_m), (foot.x1_m, foot.y1_m)):
            assert near[_cell(world, x, y)], foot


@pytest.mark.parametrize("size", [256, 1024])
@pytest.mark.parametrize("kind", BUILT)
def test_other_frame_sizes_are_filled_too(kind: str, size: int) -> None:
    world = _world(kind, 2, size)
    seen = _seen(world)
    assert sum(seen.values()) >= 3
    promised = {"city": "building", "suburb": "house", "industry": "tank", "harbour": "ship",
                "airport": "aircraft", "motorway": "motorway"}  # fmt: skip
    assert seen[promised[kind]] >= 1
    # the margin is built upon like the rest: layover and shadow enter from there
    assert len(np.unique(world.material[:, :MARGIN_COLUMNS])) >= 2
    assert len(np.unique(world.material[:, -MARGIN_COLUMNS:])) >= 2


# -- radar ----------------------------------------------------------------------------------------


def _power(world: World) -> np.ndarray:
    return reflectivity(world, AIRBORNE, np.random.default_rng(0), texture=False).power


@pytest.mark.parametrize(("kind", "thing"), [("city", "building"), ("suburb", "house")])
def test_near_walls_are_bright_and_far_sides_dark(kind: str, thing: str) -> None:
    near, far = [], []
    tangent = float(np.tan(np.radians(AIRBORNE.incidence_angle_deg)))
    for seed in range(3):
        world = _world(kind, seed)
        power = _power(world)
        rows, columns = power.shape
        for item in world.objects:
            if item.kind != thing or not item.outline_m:
                continue
            xs = [x for x, _ in item.outline_m]
            row = int(item.y_m / world.spacing_m)
            foot = min(xs) / world.spacing_m
            # shadow reaches height * tan beyond the far wall; look in its first half
            shade = (max(xs) + 0.4 * item.height_m * tangent) / world.spacing_m
            lay = item.height_m / tangent / world.spacing_m
            if 2 < row < rows - 2 and lay + 2 < foot and shade < columns - 4:
                near.append(power[row - 2 : row + 3, int(foot - lay) : int(foot) + 1].mean())
                far.append(power[row - 2 : row + 3, int(shade) - 2 : int(shade) + 3].mean())
    assert len(near) > 30
    assert 10 * np.log10(np.median(near) / max(float(np.median(far)), 1e-6)) > 8


def test_ships_outshine_water_and_grass_outshines_runways() -> None:
    world = _world("harbour", 2)
    power, labels = _power(world), world.material[world.visible]
    ships = power[np.isin(labels, [CODE["ship_metal"], CODE["container"]])].mean()
    assert 10 * np.log10(ships / np.median(power[labels == CODE["water"]])) > 20
    field = next(w for s in SEEDS if _seen(w := _world("airport", s))["runway"])
    power, labels = _power(field), field.material[field.visible]
    grass = np.median(power[labels == CODE["grass"]])
    assert 10 * np.log10(grass / np.median(power[labels == CODE["asphalt"]])) > 6


# -- tools ----------------------------------------------------------------------------------------


def _site(size: int = 384, seed: int = 0) -> Site:
    canvas = Canvas("test", size, 0.35, seed, np.random.default_rng(seed))
    return Site(canvas, np.ones(canvas.shape, bool))


def test_claimed_ground_has_no_room() -> None:
    site = _site()
    assert site.box(60, 60, 20, 10, 8, 30)
    assert not site.room(60, 60, 4, 4) and not site.box(68, 64, 20, 10, 8, 30)
    assert site.room(60, 100, 20, 10, 30)
    assert [t.kind for t in site.canvas.world.objects] == ["building"]


def test_roof_furniture_stands_on_the_roof_and_has_no_wall_foot() -> None:
    canvas = _site().canvas
    canvas.box(60, 60, 20, 20, 10)
    feet = len(canvas.world.wall_feet)
    canvas.box(60, 60, 4, 4, 3, lift_m=10, kind=None)
    assert len(canvas.world.wall_feet) == feet
    row, column = _cell(canvas.world, 60, 60)
    assert canvas.world.height_m[row, column] == pytest.approx(13)


@pytest.mark.parametrize("roof", ["gable", "hip", "barrel", "saw"])
def test_roofs_rise_above_the_eaves_and_stay_on_their_walls(roof: str) -> None:
    canvas = _site().canvas
    canvas.box(60, 60, 30, 14, 6, 20, roof=roof)
    built = canvas.world.height_m[canvas.world.material == CODE["roof_flat"]]
    assert built.min() >= 6 - 1e-3 and 7.5 < built.max() < 14
    assert built.size * 0.35**2 == pytest.approx(30 * 14, rel=0.05)


@pytest.mark.parametrize("kind", sorted(CLASSES))
def test_ships_float_only_on_free_water(kind: str) -> None:
    site = _site()
    water = np.broadcast_to(site.canvas.x_m > 47, site.region.shape).copy()
    length = CLASSES[kind].length_m[0]
    assert not ship(site, 30, 60, 90, kind, length, water)
    assert ship(site, 95, 65, 90, kind, length, water)
    assert not ship(site, 95, 65, 90, kind, length, water), "the berth is taken"
    hull = site.canvas.world.material == CODE["ship_metal"]
    thing = site.canvas.world.objects[-1]
    assert 0.4 * thing.length_m * thing.width_m < hull.sum() * 0.35**2 or kind == "container"
    assert thing.detail == kind and thing.height_m > 0.5
    rows, columns = np.nonzero(site.canvas.world.height_m > 0)
    assert np.ptp(rows) * 0.35 == pytest.approx(thing.length_m, abs=1.5)
    assert np.ptp(columns) * 0.35 == pytest.approx(thing.width_m, abs=1.5)


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_aircraft_have_the_length_and_span_of_their_type(kind: str) -> None:
    site = _site()
    length = TYPES[kind].length_m[0]
    assert aircraft(site, 65, 65, 0, kind, length)
    rows, columns = np.nonzero(site.canvas.world.material == CODE["aircraft_metal"])
    assert np.ptp(columns) * 0.35 == pytest.approx(length, rel=0.12)
    assert np.ptp(rows) * 0.35 == pytest.approx(TYPES[kind].span * length, rel=0.12)
    # symmetric about the fuselage, long side forward
    assert rows.mean() == pytest.approx(_cell(site.canvas.world, 65, 65)[0], abs=2)


def test_cars_and_containers_have_their_sizes() -> None:
    site = _site()
    assert car(site, 40, 40, 30)
    assert containers(site, 80, 80, 3, 4, 3, 10)
    small, stack = site.canvas.world.objects
    assert 3.5 < small.length_m < 5 and small.height_m < 2
    assert stack.height_m / 2.6 == pytest.approx(round(stack.height_m / 2.6)) and (
        2 < stack.height_m < 8
    )
    metal = (site.canvas.world.material == CODE["container"]).sum() * 0.35**2
    assert metal <= 3 * 12.6 * 4 * 2.7


def test_blocks_and_streets_share_out_the_ground() -> None:
    rng = np.random.default_rng(1)
    whole = rectangle(0, 0, 300, 25)
    blocks, streets = subdivide(rng, whole, (2000, 4000), (8, 16), 4.0, lambda _: True)
    built = sum(map(area_m2, blocks))
    assert 0.6 * 90000 < built < 0.95 * 90000
    assert len(streets) == len(blocks) - 1 > 10
    assert max(map(area_m2, blocks)) < 4000
    assert all(8 <= width <= 16 for _, width in streets)


def test_inset_and_clip_keep_the_right_area() -> None:
    square = rectangle(10, 20, 40, 33)
    assert area_m2(square) == pytest.approx(1600)
    assert area_m2(inset(square, 5)) == pytest.approx(900)
    assert inset(square, 25) == []
    assert area_m2(clip(square, 10, 20, (1.0, 0.0))) == pytest.approx(800)


def test_area_outline_follows_the_mask_and_stays_inside() -> None:
    canvas = _site().canvas
    mask = canvas.polygon([(20, 20), (90, 30), (70, 100), (25, 80)])
    ring = area_outline(canvas, mask)
    assert ring[0] == ring[-1] and 4 < len(ring) < 60
    inside = [bool(mask[_cell(canvas.world, x, y)]) for x, y in ring]
    assert all(inside)
    drawn = area_m2(list(ring[:-1]))
    assert drawn == pytest.approx(mask.sum() * 0.35**2, rel=0.1)
    assert area_outline(canvas, np.zeros_like(mask)) == ()


def test_lines_are_resampled_and_shifted_evenly() -> None:
    dense = resample([(0, 0), (30, 0), (30, 40)], 1.0)
    assert len(dense) == 71 and tuple(dense[-1]) == (30.0, 40.0)
    assert beside([(0, 0), (10, 0), (20, 0)], 3.0)[1] == pytest.approx((10, 3))
    keep = np.array([1, 0, 1, 1, 1, 0, 1], bool)
    assert longest_run(keep) == (2, 5) and longest_run(np.zeros(4, bool)) == (0, 0)
