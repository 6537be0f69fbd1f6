"""Natural scene kinds and mixtures: promised things, variety, determinism, staying in place."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sarloom.errors import InputError
from sarloom.simulate.build import MIXTURES, build_world, confined
from sarloom.simulate.canvas import Canvas
from sarloom.simulate.kinds import KINDS
from sarloom.simulate.layout import (
    boundaries,
    distance_m,
    outline,
    scatter,
    smooth_noise,
    spine,
)
from sarloom.simulate.materials import CODE, LABELS, MATERIALS
from sarloom.simulate.woods import trees
from sarloom.simulate.world import World

NATURAL = ("forest", "farmland", "river", "coast", "vehicles", "mountains")
SIZE = 256


def _share(world: World, *labels: str) -> float:
    codes = [CODE[m.name] for m in MATERIALS if m.label in labels]
    return float(np.isin(world.material[world.visible], codes).mean())


def _kinds(world: World) -> list[str]:
    return [thing.kind for thing in world.objects]


def _canvas(size: int = SIZE, seed: int = 0) -> Canvas:
    return Canvas("test", size, 0.35, seed, np.random.default_rng(seed))


def _same(one: World, two: World) -> bool:
    return (
        np.array_equal(one.height_m, two.height_m)
        and np.array_equal(one.material, two.material)
        and one.objects == two.objects
        and one.reflectors == two.reflectors
        and one.wall_feet == two.wall_feet
    )


@pytest.mark.parametrize("kind", [*NATURAL, "farmland+river"])
def test_a_seed_gives_the_same_world_again_and_another_seed_another(kind: str) -> None:
    first, again = build_world(kind, 3, SIZE), build_world(kind, 3, SIZE)
    assert _same(first, again)
    other = build_world(kind, 4, SIZE)
    assert float((first.material != other.material).mean()) > 0.05


@pytest.mark.parametrize("kind", NATURAL)
def test_worlds_are_finite_and_nothing_lies_under_the_ground(kind: str) -> None:
    for seed in range(4):
        world = build_world(kind, seed, SIZE)
        assert np.isfinite(world.height_m).all() and np.isfinite(world.ground_m).all()
        assert float((world.height_m - world.ground_m).min()) > -1e-3
        assert world.parts == (kind,)
        assert ((world.period_m > 0) == np.isfinite(world.direction_deg)).all()


def test_forest_is_mostly_crowns_that_stand_high() -> None:
    shares = [_share(build_world("forest", seed), "trees") for seed in range(8)]
    assert min(shares) > 0.3 and float(np.median(shares)) > 0.55
    world = build_world("forest", 1)
    crowns = world.material == CODE["crown"]
    crowns |= world.material == CODE["conifer"]
    assert 2.5 < float((world.height_m - world.ground_m)[crowns].mean()) < 22
    assert "stand" in _kinds(world)


@pytest.mark.parametrize("seed", range(6))
def test_farmland_has_fields_of_several_crops_with_rows(seed: int) -> None:
    world = build_world("farmland", seed)
    fields = [thing for thing in world.objects if thing.kind == "field"]
    assert len(fields) >= 4
    assert len({thing.detail for thing in fields}) >= 2
    assert float((world.period_m[world.visible] > 0).mean()) > 0.05
    assert _share(world, "crop", "bare", "grass") > 0.6


def test_ploughing_directions_differ_between_seeds() -> None:
    angles = []
    for seed in range(10):
        direction = build_world("farmland", seed, SIZE).direction_deg
        angles.append(float(np.nanmedian(direction)))
    assert np.ptp(angles) > 60


@pytest.mark.parametrize("seed", range(6))
def test_a_river_runs_through_the_frame(seed: int) -> None:
    world = build_world("river", seed)
    water = np.isin(
        world.material[world.visible],
        [CODE[name] for name in ("water", "rough_water", "bridge_deck", "guard_rail")],
    )
    # it touches two sides, or the same side twice far apart
    sides = [water[0], water[-1], water[:, 0], water[:, -1]]
    touched = np.concatenate(sides)
    assert touched.sum() > 20
    loops = boundaries(water[::4, ::4])
    longest = np.asarray(max(loops, key=len))
    assert np.hypot(*np.ptp(longest, axis=0)) > 0.6 * water.shape[0] / 4
    assert 0.03 < _share(world, "water") < 0.6
    assert "river" in _kinds(world)


def test_most_rivers_have_a_bridge_above_the_water() -> None:
    worlds = [build_world("river", seed) for seed in range(12)]
    bridges = [(w, o) for w in worlds for o in w.objects if o.kind == "bridge"]
    assert len(bridges) >= 6
    for world, bridge in bridges:
        deck = world.height_m[world.material == CODE["bridge_deck"]].mean()
        level = world.ground_m[world.material == CODE["water"]].mean()
        assert deck - level > 1.0
        assert bridge.length_m > bridge.width_m > 4


def test_water_is_level() -> None:
    world = build_world("river", 2)
    water = world.material == CODE["water"]
    assert float(np.ptp(world.height_m[water])) < 1e-3


@pytest.mark.parametrize("seed", range(6))
def test_coast_has_sea_and_land(seed: int) -> None:
    world = build_world("coast", seed)
    assert 0.15 < _share(world, "water") < 0.9
    assert "sea" in _kinds(world)
    assert {"beach", "cliff"} & set(_kinds(world))


@pytest.mark.parametrize("seed", range(8))
def test_vehicles_stand_free_and_reflect_strongly(seed: int) -> None:
    world = build_world("vehicles", seed)
    vehicles = [thing for thing in world.objects if thing.kind == "vehicle"]
    assert 2 <= len(vehicles) <= 12
    strong = [p for p in world.reflectors if 15 <= p.rcs_dbsm <= 30]
    assert len(strong) >= len(vehicles)
    extent = SIZE * 2 * world.spacing_m
    for thing in vehicles:
        assert 3 <= thing.length_m <= 9.5 and 1.9 <= thing.width_m <= 3.6
        assert thing.detail in ("tracked", "wheeled")
        assert 0 < thing.x_m < extent and 0 < thing.y_m < extent
    metal = _share(world, "vehicle") * extent**2
    assert metal > 0.6 * sum(t.length_m * t.width_m for t in vehicles)


def test_vehicles_do_not_overlap() -> None:
    for seed in range(8):
        places = [
            (o.x_m, o.y_m) for o in build_world("vehicles", seed).objects if o.kind == "vehicle"
        ]
        xy = np.asarray(places)
        gaps = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
        gaps[np.diag_indices(len(xy))] = np.inf
        assert gaps.min() > 3.0, seed


@pytest.mark.parametrize("seed", range(8))
def test_mountains_have_relief_and_a_ridge(seed: int) -> None:
    world = build_world("mountains", seed)
    relief = float(np.ptp(world.ground_m[world.visible]))
    assert 30 <= relief <= 130
    assert {"ridge", "rock"} <= set(_kinds(world))


@pytest.mark.parametrize("kind", NATURAL)
def test_a_builder_stays_inside_its_region(kind: str) -> None:
    for seed in range(3):
        canvas = _canvas(seed=seed)
        scene = KINDS[kind]
        if scene.relief is not None:
            canvas.terrain(scene.relief(canvas))
        half = np.zeros(canvas.shape, bool)
        half[:, : canvas.shape[1] // 2] = True
        ground, material = canvas.world.ground_m.copy(), canvas.world.material.copy()
        height = canvas.world.height_m.copy()
        scene.build(canvas, half)
        outside = ~half
        changed = (canvas.world.material != material) & outside
        changed |= (np.abs(canvas.world.height_m - height) > 1e-6) & outside
        assert np.array_equal(canvas.world.ground_m[outside], ground[outside])
        assert not changed.any()


def test_confined_undoes_what_a_careless_builder_puts_outside() -> None:
    canvas = _canvas()
    half = np.zeros(canvas.shape, bool)
    half[:, : canvas.shape[1] // 2] = True
    edge_m = float(canvas.x_m[canvas.shape[1] // 2])

    def careless(canvas: Canvas, _: object) -> None:
        canvas.box(edge_m, 40.0, 20.0, 10.0, 6.0)
        canvas.box(edge_m + 25.0, 20.0, 10.0, 10.0, 6.0)
        canvas.reflector(edge_m + 20.0, 40.0, 1.0, 20.0)
        canvas.reflector(edge_m - 20.0, 40.0, 1.0, 20.0)

    confined(canvas, half, careless)
    assert float(canvas.world.height_m[:, canvas.shape[1] // 2 :].max()) == 0.0
    assert float(canvas.world.height_m.max()) == 6.0
    assert len(canvas.world.reflectors) == 1 and canvas.world.reflectors[0].x_m < edge_m
    assert len(canvas.world.objects) == 1


# -- build_world -----------------------------------------------------------------------------


def test_mixtures_are_pairs_of_known_kinds() -> None:
    assert len(MIXTURES) == len(set(MIXTURES)) >= 16
    for name in MIXTURES:
        first, second = name.split("+")
        assert first in KINDS and second in KINDS and first != second


@pytest.mark.parametrize("seed", range(4))
def test_farmland_and_forest_share_the_frame(seed: int) -> None:
    world = build_world("farmland+forest", seed)
    assert world.parts == ("farmland", "forest")
    assert _share(world, "trees") > 0.12
    assert _share(world, "crop", "bare", "grass") > 0.2
    assert {"field", "stand"} <= set(_kinds(world))


@pytest.mark.parametrize("first", ["farmland", "forest"])
def test_a_river_through_something_keeps_a_fair_share(first: str) -> None:
    for seed in range(4):
        world = build_world(f"{first}+river", seed)
        assert 0.08 < _share(world, "water") < 0.45
        assert "river" in _kinds(world)


def test_the_road_over_a_bridge_goes_on_beside_the_river() -> None:
    found = 0
    for seed in range(5):
        world = build_world("farmland+river", seed)
        for bridge in [thing for thing in world.objects if thing.kind == "bridge"]:
            angle = math.radians(bridge.angle_deg)
            for side in (-1, 1):
                at = side * (bridge.length_m / 2 + 6)
                x, y = bridge.x_m + at * math.cos(angle), bridge.y_m + at * math.sin(angle)
                row, column = round(y / 0.35) + world.margin[0], round(x / 0.35) + world.margin[1]
                if 0 <= row < world.material.shape[0] and 0 <= column < world.material.shape[1]:
                    found += 1
                    assert MATERIALS[world.material[row, column]].label in ("road", "trees")
    assert found >= 4


def test_the_order_of_a_linear_kind_does_not_matter_for_what_is_drawn() -> None:
    world = build_world("river+farmland", 1, SIZE)
    assert {"river", "field"} <= set(_kinds(world))


def _lone_steps(ground_m: np.ndarray) -> float:
    """Share of cells with a step that its neighbours do not share, as between two terrains.

    A slope, however steep, goes on over several cells.
    """
    step = np.abs(np.diff(ground_m, axis=1))
    middle, around = step[:, 2:-2], np.maximum(step[:, :-4], step[:, 4:])
    return float(((middle > 0.7) & (around < 0.3 * middle)).mean())


def test_mixed_terrain_has_no_step_at_the_border() -> None:
    mixed, pure = (
        float(np.mean([_lone_steps(build_world(kind, seed).ground_m) for seed in range(4)]))
        for kind in ("forest+mountains", "mountains")
    )
    # rock ledges give some in mountains alone; a seam through the frame would add 1.3e-3
    assert mixed < pure + 4e-4


def test_a_step_in_the_terrain_would_be_found() -> None:
    ground = build_world("forest", 0).ground_m.copy()
    ground[:, 300:] += 3.0
    assert _lone_steps(ground) > 1e-3


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("forrest", "did you mean 'forest'"),
        ("farmland+rivr", "did you mean 'river'"),
        ("river+river", "two different kinds"),
        ("river+forest+coast", "two different kinds"),
        ("", "unknown scene kind"),
    ],
)
def test_a_wrong_name_is_explained(kind: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build_world(kind, 0, SIZE)


def test_impossible_sizes_and_seeds_are_refused() -> None:
    for arguments in (
        {"seed": -1},
        {"seed": 0, "size": 8},
        {"seed": 0, "spacing_m": 0.0},
        {"seed": 0, "spacing_m": math.nan},
    ):
        with pytest.raises(InputError):
            build_world("forest", **arguments)  # type: ignore[arg-type]


@settings(max_examples=12, deadline=None)
@given(
    kind=st.sampled_from(NATURAL),
    seed=st.integers(0, 2**31),
    size=st.sampled_from([128, 256, 300]),
    spacing_m=st.sampled_from([0.2, 0.35, 1.0]),
)
def test_any_seed_size_and_spacing_builds(
    kind: str, seed: int, size: int, spacing_m: float
) -> None:
    world = build_world(kind, seed, size, spacing_m)
    assert world.size == (size, size)
    assert np.isfinite(world.height_m).all()
    assert int(world.material.max()) < len(MATERIALS)
    assert len(LABELS) < 256


# -- tools -----------------------------------------------------------------------------------


def test_crowns_stand_where_they_are_planted() -> None:
    canvas = _canvas()
    points = np.array([[20.0, 20.0], [60.0, 40.0]])
    trees(canvas, points, [3.0, 2.0], [10.0, 12.0], [False, True])
    height = canvas.world.height_m
    for (x, y), radius, top, name in zip(
        points, (3.0, 2.0), (10.0, 12.0), ("crown", "conifer"), strict=True
    ):
        column, row = canvas.cell(x, y)
        near = height[round(row) - 2 : round(row) + 3, round(column) - 2 : round(column) + 3]
        assert abs(float(near.max()) - top) < 0.25 * top
        covered = (canvas.world.material == CODE[name]).sum() * canvas.spacing_m**2
        assert abs(covered - math.pi * radius**2) < 0.35 * math.pi * radius**2


def test_of_overlapping_crowns_the_higher_is_on_top() -> None:
    canvas = _canvas()
    trees(canvas, np.array([[30.0, 30.0], [31.0, 30.0]]), 3.0, [15.0, 5.0], [True, False])
    column, row = canvas.cell(30.0, 30.0)
    assert canvas.world.material[round(row), round(column)] == CODE["conifer"]
    alone = _canvas()
    trees(alone, np.array([[31.0, 30.0]]), 3.0, 5.0)
    assert float(canvas.world.height_m.max()) > float(alone.world.height_m.max()) + 5


def test_smooth_noise_has_unit_deviation_and_its_scale() -> None:
    canvas = _canvas()
    field = smooth_noise(canvas, 20.0)
    assert abs(float(field.mean())) < 1e-3 and abs(float(field.std()) - 1) < 1e-3
    near = float((field[:, 3:] * field[:, :-3]).mean())
    step = round(40.0 / canvas.spacing_m)
    far = float((field[:, step:] * field[:, :-step]).mean())
    assert near > 0.9 and abs(far) < 0.5


def test_distance_is_right_to_half_a_cell() -> None:
    canvas = _canvas()
    mask = np.zeros(canvas.shape, bool)
    mask[:, 100:] = True
    found = distance_m(canvas, mask)[50, :100]
    expected = (100 - np.arange(100)) * canvas.spacing_m
    assert float(np.abs(found - expected).max()) <= 1.01 * canvas.spacing_m


def test_outline_runs_along_the_edge_of_a_square() -> None:
    canvas = _canvas()
    square = canvas.polygon([(20, 20), (60, 20), (60, 60), (20, 60)])
    ring = np.asarray(outline(canvas, square))
    assert np.allclose(ring[0], ring[-1])
    assert np.abs(ring.min(0) - 20).max() < 1.5 and np.abs(ring.max(0) - 60).max() < 1.5
    away = np.minimum(
        np.minimum(abs(ring[:, 0] - 20), abs(ring[:, 0] - 60)),
        np.minimum(abs(ring[:, 1] - 20), abs(ring[:, 1] - 60)),
    )
    assert float(away.max()) < 2.5


def test_a_spine_follows_a_band() -> None:
    canvas = _canvas()
    band = canvas.stroke([(-60.0, 10.0), (160.0, 90.0)], 25.0)
    line = np.asarray(spine(canvas, band))
    slope, offset = np.polyfit(line[5:-5, 0], line[5:-5, 1], 1)
    assert abs(slope - 80 / 220) < 0.1
    middle = slope * 50 + offset
    assert abs(middle - (10 + 110 * 80 / 220)) < 4


def test_scattered_points_lie_in_the_mask_at_about_the_spacing() -> None:
    canvas = _canvas()
    mask = canvas.polygon([(10, 10), (70, 10), (70, 50), (10, 50)])
    points = scatter(canvas, mask, 4.0)
    assert abs(len(points) - 60 * 40 / 16) < 30
    assert (points.min(0) > 9).all() and (points.max(0) < [71, 51]).all()
