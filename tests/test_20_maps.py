"""The photograph, the segmentation and the sketch agree with the world they show."""

from __future__ import annotations

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from sarloom.simulate.build import build_world
from sarloom.simulate.canvas import Canvas
from sarloom.simulate.maps import (
    LEGEND,
    segmentation,
    segmentation_image,
    segmentation_rgb,
    sketch,
)
from sarloom.simulate.materials import CODE, LABELS, MATERIALS
from sarloom.simulate.optical import optical, sun_shadow
from sarloom.simulate.woods import trees


def _canvas(base: str = "concrete") -> Canvas:
    return Canvas("test", 256, 0.35, 0, np.random.default_rng(0), base)


# -- segmentation ----------------------------------------------------------------------------


def test_labels_agree_with_the_materials() -> None:
    world = build_world("river", 1, 256)
    labels = segmentation(world)
    assert labels.shape == world.size and labels.dtype == np.uint8
    visible = world.material[world.visible]
    for material in MATERIALS:
        here = visible == CODE[material.name]
        assert (labels[here] == LABELS.index(material.label)).all()


def test_a_building_is_labelled_where_it_stands() -> None:
    canvas = _canvas("grass")
    canvas.box(40.0, 30.0, 20.0, 10.0, 6.0)
    labels = segmentation(canvas.world)
    row, column = round(30.0 / 0.35), round(40.0 / 0.35)
    assert LABELS[labels[row, column]] == "building"
    assert LABELS[labels[row, column + round(12 / 0.35)]] == "grass"
    area = (labels == LABELS.index("building")).sum() * 0.35**2
    assert abs(area - 200.0) < 12.0


def test_every_label_has_its_own_colour() -> None:
    assert set(LEGEND) == set(LABELS)
    assert len(set(LEGEND.values())) == len(LEGEND)


def test_the_indexed_picture_keeps_labels_and_shows_colours() -> None:
    labels = segmentation(build_world("farmland", 0, 128))
    stream = io.BytesIO()
    segmentation_image(labels).save(stream, "PNG")
    back = Image.open(io.BytesIO(stream.getvalue()))
    assert back.mode == "P"
    assert np.array_equal(np.asarray(back), labels)
    assert np.array_equal(np.asarray(back.convert("RGB")), segmentation_rgb(labels))


# -- sketch ----------------------------------------------------------------------------------


def test_the_sketch_runs_along_the_outline_of_a_building() -> None:
    canvas = _canvas("grass")
    canvas.box(45.0, 40.0, 30.0, 16.0, 6.0, 20.0)
    lines = sketch(canvas.world) > 100
    assert lines.any()
    outline = np.asarray(canvas.world.objects[0].outline_m) / 0.35 - 0.5
    drawn = np.zeros(lines.shape, bool)
    for (x0, y0), (x1, y1) in pairwise(outline):
        t = np.linspace(0, 1, 300)
        drawn[
            np.round(y0 + (y1 - y0) * t).astype(int), np.round(x0 + (x1 - x0) * t).astype(int)
        ] = True
    assert float(ndimage.distance_transform_edt(~drawn)[lines].max()) < 5
    assert float(np.quantile(ndimage.distance_transform_edt(~lines)[drawn], 0.98)) < 4
    # a pen of two to three cells
    length = 2 * (30 + 16) / 0.35
    assert 1.2 < lines.sum() / length < 4.5


def test_an_empty_world_is_an_empty_page() -> None:
    assert int(sketch(_canvas("grass").world).max()) == 0


def test_shores_are_drawn_and_the_open_water_is_not() -> None:
    canvas = _canvas("grass")
    lake = canvas.polygon([(-99, -99), (50, -99), (50, 190), (-99, 190)])
    canvas.cover(lake, "water")
    lines = sketch(canvas.world) > 100
    columns = np.nonzero(lines)[1]
    assert lines.sum() > 200
    assert np.abs(columns - 50 / 0.35).max() < 8


def test_single_trees_of_a_wood_are_not_drawn() -> None:
    canvas = _canvas("grass")
    gx, gy = np.meshgrid(np.arange(-20, 110, 4.0), np.arange(-5, 95, 4.0))
    trees(canvas, np.column_stack([gx.ravel(), gy.ravel()]), 2.4, 9.0)
    assert float((sketch(canvas.world) > 100).mean()) < 0.002


@pytest.mark.parametrize("kind", ["forest", "farmland", "coast", "mountains", "forest+river"])
def test_sketches_are_sparse_steady_and_never_empty(kind: str) -> None:
    world = build_world(kind, 5, 256)
    page = sketch(world)
    assert page.shape == world.size and page.dtype == np.uint8
    assert 0.002 < float((page > 100).mean()) < 0.2
    assert np.array_equal(page, sketch(world))


# -- photograph ------------------------------------------------------------------------------


@pytest.mark.parametrize("azimuth", [0.0, 90.0, 180.0, 235.0])
def test_a_shadow_falls_away_from_the_sun_as_long_as_it_should(azimuth: float) -> None:
    height = np.zeros((241, 241), np.float32)
    height[118:123, 118:123] = 12.0
    shadow = sun_shadow(height, 0.35, azimuth, 48.0)
    rows, columns = np.nonzero(shadow & (height == 0))
    towards = np.array([math.cos(math.radians(azimuth)), math.sin(math.radians(azimuth))])
    along = (columns - 120) * towards[0] + (rows - 120) * towards[1]
    assert along.max() < 3.5  # nothing on the sunny side but the rim
    expected = 12.0 / math.tan(math.radians(48.0))
    reach = (-along.min() - 2.5) * 0.35
    assert abs(reach - expected) < 1.5


def test_roofs_have_a_bright_and_a_dark_side_and_the_shadow_is_dark() -> None:
    canvas = _canvas()
    canvas.box(45.0, 45.0, 30.0, 14.0, 7.0, 0.0, roof="gable", material="roof_tile")
    picture = optical(canvas.world, np.random.default_rng(1), sun_azimuth_deg=270.0)
    level = picture.astype(float).mean(2)
    row, column = round(45 / 0.35), round(45 / 0.35)
    strip = slice(column - 25, column + 25)
    sunny, shady = level[row - 12 : row - 6, strip].mean(), level[row + 6 : row + 12, strip].mean()
    assert sunny > 1.15 * shady
    behind = level[row + 24 : row + 30, strip].mean()
    front = level[row - 60 : row - 40, strip].mean()
    assert behind < 0.75 * front


def test_the_photograph_shows_material_colours() -> None:
    canvas = _canvas("sand")
    canvas.cover(canvas.polygon([(-9, -9), (45, -9), (45, 99), (-9, 99)]), "water")
    picture = optical(canvas.world, np.random.default_rng(0)).astype(float)
    water, sand = picture[:, :100].mean((0, 1)), picture[:, 160:].mean((0, 1))
    assert water[2] > water[0]  # blue
    assert sand[0] > sand[2]  # yellow
    assert sand.mean() > 1.5 * water.mean()


def test_photographs_are_repeatable_and_not_black_or_burnt() -> None:
    world = build_world("farmland", 2, 256)
    picture = optical(world, np.random.default_rng(5))
    assert picture.shape == (256, 256, 3) and picture.dtype == np.uint8
    assert np.array_equal(picture, optical(world, np.random.default_rng(5)))
    assert 50 < float(picture.mean()) < 200
    assert float((picture == 255).mean()) < 0.05


def test_rows_can_be_seen_in_the_photograph() -> None:
    canvas = _canvas("crop_ripe")
    everywhere = np.ones(canvas.shape, bool)
    canvas.rows(everywhere, 0.0, 2.8)
    level = optical(canvas.world, np.random.default_rng(0)).astype(float).mean(2)
    spectrum = np.abs(np.fft.rfft(level.mean(1) - level.mean()))
    frequency = np.fft.rfftfreq(256, 0.35)
    at_rows = spectrum[np.abs(frequency - 1 / 2.8) < 0.02].max()
    assert at_rows > 5 * np.median(spectrum)
