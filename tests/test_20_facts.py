"""Facts are measured on the visible frame: counts, places, directions, relations."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from sarloom.simulate import places
from sarloom.simulate.build import build_world
from sarloom.simulate.canvas import Canvas
from sarloom.simulate.facts import SceneFacts, describe
from sarloom.simulate.materials import LABELS
from sarloom.simulate.world import SceneObject, World

SIZE, SPACING_M = 256, 0.7
SIDE_M = SIZE * SPACING_M


def make_canvas(kind: str = "industry", base: str = "grass") -> Canvas:
    return Canvas(kind, SIZE, SPACING_M, 0, np.random.default_rng(0), base)


def add_river(canvas: Canvas, line: list[tuple[float, float]], width_m: float = 20.0) -> None:
    canvas.cover(canvas.stroke(line, width_m), "water")
    canvas.record(SceneObject("river", 0, 0, 200.0, width_m, outline_m=tuple(line)))


def add_field(canvas: Canvas, x0: float, y0: float, x1: float, y1: float) -> None:
    ring = ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))
    canvas.cover(canvas.polygon(ring), "crop_low")
    canvas.record(SceneObject("field", (x0 + x1) / 2, (y0 + y1) / 2, outline_m=ring))


def test_only_tanks_inside_the_frame_are_counted() -> None:
    canvas = make_canvas()
    for x, y in ((40, 40), (60, 40), (40, 60), (-12, 40), (SIDE_M + 12, 60)):
        canvas.drum(x, y, 8, 10)
    facts = describe(canvas.world)
    tanks = facts.thing("tank")
    assert tanks is not None and tanks.count == 3
    assert tanks.where == "upper left"
    assert facts.count("ship") == 0


def test_a_thing_that_another_covers_is_not_counted() -> None:
    canvas = make_canvas("vehicles")
    for x in (50, 120):
        canvas.box(x, 90, 6, 3, 2, kind="vehicle", material="vehicle_metal")
    assert describe(canvas.world).count("vehicle") == 2
    canvas.tree(120, 90, 8, 15)
    assert describe(canvas.world).count("vehicle") == 1


@pytest.mark.parametrize(
    ("x", "y", "word"),
    [
        (0.5, 0.5, "centre"), (0.1, 0.1, "upper left"), (0.9, 0.1, "upper right"),
        (0.1, 0.9, "lower left"), (0.9, 0.9, "lower right"), (0.1, 0.5, "left"),
        (0.9, 0.5, "right"), (0.5, 0.1, "top"), (0.5, 0.9, "bottom"),
    ],
)  # fmt: skip
def test_places_are_those_of_the_image(x: float, y: float, word: str) -> None:
    canvas = make_canvas()
    canvas.drum(x * SIDE_M, y * SIDE_M, 6, 10)
    tank = describe(canvas.world).thing("tank")
    assert tank is not None and tank.where == word


def test_things_on_all_sides_are_throughout() -> None:
    canvas = make_canvas()
    for x in np.linspace(15, SIDE_M - 15, 5):
        for y in np.linspace(15, SIDE_M - 15, 5):
            canvas.drum(float(x), float(y), 6, 10)
    tank = describe(canvas.world).thing("tank")
    assert tank is not None and (tank.count, tank.where) == (25, "throughout")


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ((-20, 0.5 * SIDE_M), (SIDE_M + 20, 0.55 * SIDE_M), "from left to right"),
        ((0.5 * SIDE_M, -20), (0.5 * SIDE_M, SIDE_M + 20), "from top to bottom"),
        ((-20, -20), (SIDE_M + 20, SIDE_M + 20), "from upper left to lower right"),
        ((-20, SIDE_M + 20), (SIDE_M + 20, -20), "from lower left to upper right"),
        ((SIDE_M + 20, -20), (-20, SIDE_M + 20), "from lower left to upper right"),
        ((10, 10), (40, 40), ""),
    ],
)
def test_direction_of_a_river(
    start: tuple[float, float], end: tuple[float, float], words: str
) -> None:
    canvas = make_canvas("river")
    add_river(canvas, [start, end])
    river = describe(canvas.world).thing("river")
    assert river is not None and river.direction == words


def test_river_crosses_fields_on_both_banks_only() -> None:
    both, one = make_canvas("farmland"), make_canvas("farmland")
    for canvas in (both, one):
        add_field(canvas, 0, 0, SIDE_M, SIDE_M / 2 - 12)
    add_field(both, 0, SIDE_M / 2 + 12, SIDE_M, SIDE_M)
    for canvas in (both, one):
        add_river(canvas, [(-10, SIDE_M / 2), (SIDE_M + 10, SIDE_M / 2)])
    assert describe(both.world).holds("river", "crossing", "field")
    assert not describe(one.world).holds("river", "crossing", "field")


def test_relations_of_the_parts_of_a_mixture() -> None:
    canvas = make_canvas("farmland+river")
    canvas.world.parts = ("farmland", "river")
    add_field(canvas, 0, 0, SIDE_M * 0.7, SIDE_M)
    add_river(canvas, [(SIDE_M * 0.8, -10), (SIDE_M * 0.8, SIDE_M + 10)])
    facts = describe(canvas.world)
    assert facts.holds("farmland", "left of", "river")
    assert facts.holds("river", "right of", "farmland")
    assert facts.holds("river", "beside", "farmland")
    assert not facts.holds("river", "crossing", "farmland")


def test_beside_needs_nearness() -> None:
    near, far = make_canvas("harbour"), make_canvas("harbour")
    quay = ((0.0, 60.0), (SIDE_M, 60.0), (SIDE_M, 70.0), (0.0, 70.0), (0.0, 60.0))
    for canvas, y in ((near, 80.0), (far, 150.0)):
        canvas.cover(np.ones(canvas.shape, bool), "water")
        canvas.cover(canvas.polygon(quay), "quay")
        canvas.record(SceneObject("quay", SIDE_M / 2, 65, outline_m=quay))
        canvas.box(80, y, 40, 8, 6, kind="ship", material="ship_metal")
    assert describe(near.world).holds("ship", "beside", "quay")
    assert not describe(far.world).holds("ship", "beside", "quay")
    assert describe(far.world).holds("ship", "below", "quay")
    assert describe(far.world).holds("quay", "above", "ship")


def test_a_clearing_is_surrounded_by_trees_unless_it_opens_to_the_edge() -> None:
    inner, edge = make_canvas("forest", "crown"), make_canvas("forest", "crown")
    frame = ((-5.0, -5.0), (SIDE_M + 5, -5.0), (SIDE_M + 5, SIDE_M + 5), (-5.0, SIDE_M + 5))
    for canvas, x in ((inner, 90.0), (edge, 10.0)):
        canvas.record(SceneObject("stand", 90, 90, outline_m=(*frame, frame[0])))
        ring = ((x - 15, 75.0), (x + 15, 75.0), (x + 15, 105.0), (x - 15, 105.0), (x - 15, 75.0))
        canvas.cover(canvas.polygon(ring), "grass")
        canvas.record(SceneObject("clearing", x, 90, outline_m=ring))
    assert describe(inner.world).holds("clearing", "surrounded by", "stand")
    assert not describe(edge.world).holds("clearing", "surrounded by", "stand")


def test_cover_is_that_of_the_visible_frame() -> None:
    canvas = make_canvas("coast")
    half = ((0.0, -99.0), (0.25 * SIDE_M, -99.0), (0.25 * SIDE_M, 999.0), (0.0, 999.0))
    canvas.cover(canvas.polygon(half), "water")
    facts = describe(canvas.world)
    assert facts.share("water") == pytest.approx(0.25, abs=0.01)
    assert facts.share(*LABELS) == pytest.approx(1.0, abs=1e-3)
    assert facts.cover[0].label == "grass"
    assert next(c.where for c in facts.cover if c.label == "water") == "left"


def flipped(world: World) -> World:
    """The world mirrored in azimuth."""
    height = world.size[0] * world.spacing_m
    return replace(
        world,
        material=world.material[::-1].copy(),
        objects=[
            replace(
                thing,
                y_m=height - thing.y_m,
                angle_deg=-thing.angle_deg,
                outline_m=tuple((x, height - y) for x, y in thing.outline_m),
            )
            for thing in world.objects
        ],
    )


def test_side_of_is_antisymmetric_and_mirrors() -> None:
    rng = np.random.default_rng(3)
    names = {"left of": "right of", "above": "below"}
    opposite = names | {b: a for a, b in names.items()} | {"": ""}
    seen = set()
    for _ in range(200):
        a, b = (rng.uniform(0, 1, 2) + rng.normal(0, 0.1, (20, 2)) for _ in range(2))
        side = places.side_of(a, b)
        seen.add(side)
        assert places.side_of(b, a) == opposite[side]
        mirror = np.array([1.0, -1.0])
        expected = opposite[side] if side in ("above", "below") else side
        assert places.side_of(a * mirror, b * mirror) == expected
    assert seen == {"left of", "right of", "above", "below", ""}


@pytest.mark.parametrize("kind", ["city", "forest", "farmland+river", "vehicles"])
def test_facts_of_built_worlds_are_repeatable_and_survive_json(kind: str) -> None:
    facts = describe(build_world(kind, 4, 256, 0.7))
    assert facts == describe(build_world(kind, 4, 256, 0.7))
    assert SceneFacts.from_plain(json.loads(json.dumps(facts.as_plain()))) == facts


def test_mirrored_world_has_mirrored_places() -> None:
    swap = {"upper": "lower", "lower": "upper", "top": "bottom", "bottom": "top"}
    for kind in ("farmland", "river", "coast"):
        world = build_world(kind, 5, 256, 0.7)
        before, after = describe(world), describe(flipped(world))
        for thing in before.things:
            mirror = after.thing(thing.kind)
            assert mirror is not None
            # an area half in the frame may tip over: coarse cells are not quite symmetric
            assert abs(mirror.count - thing.count) <= (0 if thing.kind in places.COMPACT else 1)
            assert mirror.y == pytest.approx(1 - thing.y, abs=0.04)
            if thing.kind in places.COMPACT:
                words = " ".join(swap.get(word, word) for word in thing.where.split())
                assert mirror.where == words
