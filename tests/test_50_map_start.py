"""Images led by a map start from the simulator's view of heights raised over it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image

from sarloom import workflows
from sarloom.generate.control.map_start import MapStart, labels_of
from sarloom.generate.large import from_options
from sarloom.generate.record import command_of, options_of
from sarloom.generate.run import check_request, preview, produce
from sarloom.models.load import load_model
from sarloom.options.generate import GenerateOptions
from sarloom.simulate.extrude import MATERIALS_OF, RISES, extruded
from sarloom.simulate.maps import LEGEND, segmentation_image
from sarloom.simulate.materials import CODE, LABELS, MATERIALS
from sarloom.simulate.radar import AIRBORNE, reflectivity

GRASS, BUILDING, WATER = (LABELS.index(name) for name in ("grass", "building", "water"))
SIDE, SPACING_M = 256, 0.35


def block_map() -> np.ndarray:
    """A house of 21 m on a meadow, water behind both (more columns: farther away)."""
    labels = np.full((SIDE, SIDE), GRASS, np.uint8)
    labels[100:160, 80:140] = BUILDING
    labels[:, 220:] = WATER
    return labels


def test_every_label_has_materials_of_its_own_name() -> None:
    assert set(MATERIALS_OF) == set(LABELS)
    for label, names in MATERIALS_OF.items():
        assert {MATERIALS[CODE[name]].label for name in names} == {label}
    assert set(RISES) <= set(LABELS)


def test_a_raised_house_casts_its_shadow_and_shows_its_wall() -> None:
    world = extruded(block_map(), SPACING_M, seed=3)
    height_m = float(world.height_m[world.visible][130, 110])
    assert RISES["building"].low_m <= height_m <= RISES["building"].high_m + 12.0
    seen = reflectivity(world, AIRBORNE, np.random.default_rng(0), texture=False).power
    decibel = 10 * np.log10(seen[110:150] + 1e-9).mean(0)
    reach = height_m * np.tan(np.radians(AIRBORNE.incidence_angle_deg)) / SPACING_M
    dark = decibel[140:220] < decibel[20:60].mean() - 10
    # the shadow starts on the roof's far edge; the meadow behind it is as bright as before it
    assert abs(int(dark.sum()) - min(reach, 80)) <= 2
    # layover comes nearer than the foot by h / tan(theta), the foot itself flashes
    near = height_m / np.tan(np.radians(AIRBORNE.incidence_angle_deg)) / SPACING_M
    assert decibel[80 - int(near) + 1 : 82].max() > decibel[20:60].mean() + 10
    assert decibel[230:].max() < decibel[20:60].mean() - 6


def test_another_seed_gives_another_place_over_the_same_map() -> None:
    one, same, other = (extruded(block_map(), SPACING_M, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.height_m, same.height_m)
    assert one.height_m.max() != other.height_m.max()
    np.testing.assert_array_equal(one.material == CODE["water"], other.material == CODE["water"])


def test_woods_have_crowns_and_no_edge_sticks_out() -> None:
    labels = np.full((SIDE, SIDE), LABELS.index("trees"), np.uint8)
    labels[:, :60] = GRASS
    world = extruded(labels, SPACING_M, seed=0)
    height = world.height_m[world.visible]
    assert height[:, :60].max() == 0
    inner = height[:, 100:]
    assert 5 < inner.mean() < 12
    assert inner.std() > 1
    assert height[:, 60].max() < 3.5


def test_rock_rises_from_its_edge_and_has_bright_and_dark_sides() -> None:
    rock = LABELS.index("rock")
    labels = np.full((SIDE, SIDE), GRASS, np.uint8)
    labels[40:216, 40:216] = rock
    world = extruded(labels, SPACING_M, seed=1)
    height = world.height_m[world.visible]
    assert height[labels == GRASS].max() == 0
    assert abs(height[40, 40:216]).max() < 1.0  # level with the ground along the edge
    inner = height[90:166, 90:166]
    assert 5 < inner.mean() < 22
    seen = reflectivity(world, AIRBORNE, np.random.default_rng(0), texture=False).power
    flat = world.height_m.copy()
    world.height_m[:] = 0
    plain = reflectivity(world, AIRBORNE, np.random.default_rng(0), texture=False).power
    world.height_m[:] = flat
    spread_db = [np.log10(one[90:166, 90:166] + 1e-9).std() * 10 for one in (seen, plain)]
    assert spread_db[0] > 3 * max(spread_db[1], 1.0)


def test_a_bridge_stands_above_the_water_with_bright_sides() -> None:
    labels = np.full((SIDE, SIDE), WATER, np.uint8)
    labels[118:138] = LABELS.index("bridge")
    world = extruded(labels, SPACING_M, seed=2)
    height_m = float(world.height_m[world.visible][128, 100])
    assert 2.0 <= height_m <= 5.0
    side_m = SIDE * SPACING_M
    # beside the map lies its mirror image
    seen_lamps = [one for one in world.reflectors if 0 < one.x_m < side_m and 0 < one.y_m < side_m]
    assert 4 <= len(seen_lamps) <= 40  # two sides of 90 m, one every 12 m on average
    for lamp in seen_lamps:
        from_side = min(abs(lamp.y_m / SPACING_M - 118.5), abs(lamp.y_m / SPACING_M - 137.5))
        assert from_side < 0.01 and lamp.z_m == pytest.approx(height_m)
    seen = reflectivity(world, AIRBORNE, np.random.default_rng(0), texture=False).power
    assert seen[116:140].max() > 100 * np.median(seen[126:130])


def test_a_prepared_map_gives_its_labels_back() -> None:
    labels = block_map()
    picture = np.asarray(segmentation_image(labels).convert("RGB"), np.float32) / 255
    legend = {label: LEGEND[label] for label in LABELS}
    np.testing.assert_array_equal(labels_of(picture.transpose(2, 0, 1), legend), labels)


@pytest.fixture(scope="module")
def map_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("maps") / "map.png"
    segmentation_image(block_map()).save(path)
    return path


def ask(map_file: Path, **changes: object) -> GenerateOptions:
    settings = {"seed": 4, "size": "256", "steps": 10, "control": (f"segmentation={map_file}",)}
    return GenerateOptions("a house on a meadow", **{**settings, **changes})  # type: ignore[arg-type]


def test_the_house_stands_where_the_map_has_it(map_file: Path) -> None:
    model = load_model("embedded")
    pictures = {
        strength: next(produce(check_request(ask(map_file, map_strength=strength, looks=0)), model))
        for strength in (0.0, 0.3)
    }
    rng = np.random.default_rng(np.random.SeedSequence(4, spawn_key=(16,)))
    view = reflectivity(
        extruded(block_map(), SPACING_M, seed=4), AIRBORNE, rng, texture=False
    ).power
    least, most = (
        10 ** (level / 10) for level in (model.radiometry.low_db, model.radiometry.high_db)
    )
    view = np.clip(view, least, most)  # what the model's pixels can say
    wanted = np.log(view.reshape(32, 8, 32, 8).mean((1, 3))).ravel()
    likeness = {}
    for strength, image in pictures.items():
        drawn = np.square(image.amplitude).reshape(32, 8, 32, 8).mean((1, 3))
        likeness[strength] = np.corrcoef(np.log(drawn).ravel(), wanted)[0, 1]
    assert likeness[0.0] > 0.999  # nothing drawn: the view itself, with all of its detail
    assert likeness[0.0] > likeness[0.3] > 0.7


def test_detail_that_the_autoencoder_loses_is_given_back_and_fades() -> None:
    half = torch.full((3, 8, 8), 0.5)
    lost = torch.zeros(3, 8, 8)
    lost[:, 4, 4] = 0.4
    start = MapStart(torch.zeros(1, 8, 1, 1), lost)
    for strength, given in ((0.0, 0.9), (0.5, 0.9), (0.75, 0.7), (1.0, 0.5)):
        assert float(start.give_back(half, strength)[0, 4, 4]) == pytest.approx(given)
    assert float(start.give_back(half + 0.3, 0.0).max()) == 1.0


def test_the_record_says_the_strength_and_draws_the_same_again(map_file: Path) -> None:
    model = load_model("embedded")
    image = next(produce(check_request(ask(map_file)), model))
    usual = ask(map_file).map_strength
    assert image.record["control"]["map_strength"] == usual
    assert f"--map-strength {usual}" in command_of(image.record)
    again = next(produce(check_request(options_of(image.record, out=Path("out"))), model))
    np.testing.assert_array_equal(again.amplitude, image.amplitude)
    noise = next(produce(check_request(ask(map_file, map_strength=1.0)), model))
    assert noise.record["control"]["map_strength"] == 1.0
    assert np.abs(noise.amplitude - image.amplitude).max() > 0.01


def test_the_preview_shows_the_start(map_file: Path, tmp_path: Path) -> None:
    files = preview(ask(map_file, out=tmp_path, preview_control=True))
    assert [one.name for one in files] == [
        "house-on-a-meadow-control-1-segmentation.png",
        "house-on-a-meadow-control-start-4.png",
    ]
    grey = np.asarray(Image.open(files[1]), np.float64)
    assert grey.shape == (SIDE, SIDE)
    # grass, the shadow of the house, water
    assert grey[:, 20:60].mean() > 2 * max(grey[110:150, 142:150].mean(), grey[:, 230:].mean())


def test_records_made_before_start_from_noise(map_file: Path) -> None:
    model = load_model("embedded")
    record = next(produce(check_request(ask(map_file, map_strength=1.0)), model)).record
    del record["control"]["map_strength"]
    assert options_of(record).map_strength == 1.0


def test_another_start_or_a_late_map_leaves_the_view_out(map_file: Path, tmp_path: Path) -> None:
    model = load_model("embedded")
    late = ask(map_file, control=(f"segmentation={map_file}:1@0.5-1",))
    assert next(produce(check_request(late), model)).record["control"]["map_strength"] == 1.0
    grey = tmp_path / "grey.png"
    Image.fromarray(np.full((SIDE, SIDE), 90, np.uint8)).save(grey)
    given = ask(map_file, init=grey)
    assert next(produce(check_request(given), model)).record["control"]["map_strength"] == 1.0


def test_a_scene_beyond_one_piece_starts_from_its_map_too(tmp_path: Path) -> None:
    """At strength 0 nothing is denoised, and what the autoencoder lost is laid over: the view."""
    labels = np.full((64, 1040), GRASS, np.uint8)
    labels[20:40, 300:360] = BUILDING
    labels[:, 900:] = WATER
    segmentation_image(labels).save(tmp_path / "map.png")
    files = workflows.generate(
        ask(
            tmp_path / "map.png", size="1040x64", map_strength=0.0, looks=0, out=tmp_path / "out",
            steps=4,
        )
    )  # fmt: skip
    with rasterio.open(files[0]) as opened:
        power = opened.read(1) ** 2
    model = load_model("embedded")
    rng = np.random.default_rng(np.random.SeedSequence(4, spawn_key=(16,)))
    view = reflectivity(extruded(labels, SPACING_M, 4), AIRBORNE, rng, texture=False).power
    least, most = (
        10 ** (level / 10) for level in (model.radiometry.low_db, model.radiometry.high_db)
    )
    np.testing.assert_allclose(power, np.clip(view, least, most), rtol=2e-3)
    record = json.loads(files[-1].read_text())
    assert record["control"]["map_strength"] == 0.0
    assert "--map-strength 0.0" in command_of(record)


def test_a_scene_too_large_for_its_map_says_that_it_starts_from_noise(
    map_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(from_options, "MAP_SIDE", 1024)
    settings = {"size": "1040x16", "steps": 1, "guidance": 1.0, "out": tmp_path}
    files = workflows.generate(ask(map_file, **settings))
    assert "start from noise" in capsys.readouterr().err
    assert json.loads(files[-1].read_text())["control"]["map_strength"] == 1.0
