"""Range grows towards the columns of every tile, and the ground is never mirrored."""

from __future__ import annotations

import numpy as np
import pytest

from sarloom.tiles.cut import read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.orient import ALL, Orientation, choose_orientation, turn_deg
from tile_scenes import PlaneGround, make_scene


def wall_with_shadow(rows: int = 96, columns: int = 128) -> np.ndarray:
    """A bright wall at column 40 facing the radar on the left, its shadow behind; one block."""
    power = np.random.default_rng(1).exponential(1.0, (rows, columns)).astype(np.float32)
    power[30:60, 40:43] *= 100
    power[30:60, 43:80] *= 0.001
    return power


def undo(one: Orientation, array: np.ndarray) -> np.ndarray:
    """The source of which ``one.apply`` makes the array."""
    if one.flip_rows:
        array = array[::-1]
    if one.flip_columns:
        array = array[:, ::-1]
    return np.ascontiguousarray(array.T if one.transpose else array)


def source_azimuths(one: Orientation, rows: float, columns: float) -> tuple[float, float]:
    """Azimuths of the source's axes when the oriented ones are given."""
    rows = (rows + 180 * one.flip_rows) % 360
    columns = (columns + 180 * one.flip_columns) % 360
    return (columns, rows) if one.transpose else (rows, columns)


AXIS_OF = {
    (False, False): "+column",
    (False, True): "-column",
    (True, False): "+row",
    (True, True): "-row",
}


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.text)
@pytest.mark.parametrize("range_azimuth", [10.0, 100.0, 281.0])
def test_shadow_falls_towards_growing_columns(one: Orientation, range_azimuth: float) -> None:
    truth = wall_with_shadow()
    image = undo(one, truth)
    rows_az, columns_az = source_azimuths(one, (range_azimuth + 90) % 360, range_azimuth)
    ground = PlaneGround(image.shape, rows_az, columns_az, 1.0, 1.0)
    scene = make_scene(
        image, ground, range_axis=AXIS_OF[(one.transpose, one.flip_columns)], plane="ground"
    )
    grid = plan_grid(scene, 1.0, 96)
    assert grid.orientation == one
    tile = read_cell(scene, grid, grid.cells()[0])
    start = round(grid.columns.start)  # flipped axes keep their tiles on the file's blocks
    behind = np.median(tile.power[35:55, 50 - start : 75 - start])
    before = np.median(tile.power[35:55, 33 - start : 39 - start])
    assert behind < 0.01 * before
    assert np.array_equal(tile.power, truth[:96, start : start + 96])
    assert tile.range_azimuth_deg == pytest.approx(range_azimuth, abs=0.05)
    assert "flip" in tile.method and one.text in tile.method


@pytest.mark.parametrize("look", ["left", "right"])
@pytest.mark.parametrize("heading", [348.0, 192.0], ids=["ascending", "descending"])
@pytest.mark.parametrize("near_first", [True, False])
def test_no_tile_is_a_mirror(look: str, heading: float, near_first: bool) -> None:
    # Rows in time along the track, columns in range or against it: what processors write.
    range_azimuth = (heading + (90 if look == "right" else -90)) % 360
    shape = (64, 80)
    column_azimuth = range_azimuth if near_first else (range_azimuth + 180) % 360
    ground = PlaneGround(shape, heading, column_azimuth, 1.0, 1.0)
    scene = make_scene(
        np.ones(shape, np.float32),
        ground,
        range_axis="+column" if near_first else "-column",
        look_side=look,
    )
    grid = plan_grid(scene, 1.0, 32)
    tile = read_cell(scene, grid, grid.cells()[0])
    a, b, _, d, e, _ = tile.transform
    # Unmirrored: rows grow clockwise of columns, so the affine's determinant is negative, as in
    # every north-up raster.
    assert a * e - b * d < 0
    assert turn_deg(tile.range_azimuth_deg - range_azimuth) == pytest.approx(0, abs=0.05)
    assert np.degrees(np.arctan2(a, d)) % 360 == pytest.approx(range_azimuth, abs=0.05)
    # Time runs up in a right-looking tile and down in a left-looking one.
    assert grid.orientation.flip_rows == (look == "right")
    assert grid.orientation.flip_columns == (not near_first)


@pytest.mark.parametrize("azimuth", range(0, 360, 15))
def test_north_up_products_come_within_45_degrees(azimuth: int) -> None:
    one, residual = choose_orientation(None, float(azimuth), 180.0, 90.0)
    assert residual is not None and abs(residual) <= 45.0
    # Apply the residual to the oriented column azimuth: range itself comes out.
    columns = (180.0 if one.transpose else 90.0) + 180.0 * one.flip_columns
    assert turn_deg(columns + residual - azimuth) == pytest.approx(0.0, abs=1e-9)
    rows = (90.0 if one.transpose else 180.0) + 180.0 * one.flip_rows
    assert turn_deg(rows - columns) == pytest.approx(90.0)


def test_unknown_range_leaves_a_map_alone() -> None:
    one, residual = choose_orientation(None, None, 180.0, 90.0)
    assert one == Orientation() and residual is None
    mirrored, _ = choose_orientation(None, None, 0.0, 90.0)
    assert mirrored == Orientation(flip_rows=True)


def test_without_georeference_rows_stay() -> None:
    one, residual = choose_orientation("-column", None, None, None)
    assert one == Orientation(flip_columns=True) and residual == 0.0


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.text)
def test_matrix_agrees_with_flipping_pixels(one: Orientation) -> None:
    image = np.arange(5 * 7).reshape(5, 7)
    oriented = one.apply(image)
    rows, columns = np.meshgrid(*(np.arange(n) + 0.5 for n in oriented.shape), indexing="ij")
    r, c = one.to_source(rows, columns, image.shape)
    assert np.array_equal(image[r.astype(int), c.astype(int)], oriented)
    mapped = one.matrix(image.shape) @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    assert np.allclose(mapped[0], c.ravel()) and np.allclose(mapped[1], r.ravel())
