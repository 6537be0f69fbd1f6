"""Finer or turned grids: oversampled complex data keep the law of speckle, all else is refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sarloom.errors import InputError
from sarloom.tiles.cut import read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.resample import measure_band
from tile_scenes import (
    PlaneGround,
    SlantGround,
    band_limited,
    decibels,
    enl,
    make_scene,
)


def all_power(scene, grid) -> np.ndarray:
    return np.stack([read_cell(scene, grid, cell).power for cell in grid.cells()])


@pytest.mark.parametrize("oversampling", [1.15, 1.25, 1.5, 2.0])
@pytest.mark.parametrize("center", [(0.0, 0.0), (0.31, -0.22)])
def test_finer_grid_keeps_single_look_speckle(
    oversampling: float, center: tuple[float, float]
) -> None:
    field = band_limited((900, 900), (oversampling,) * 2, np.random.default_rng(1), center)
    scene = make_scene(field)
    grid = plan_grid(scene, 0.77, 512)
    assert grid.method.startswith("complex")
    power = all_power(scene, grid)
    first = int(grid.rows.start)
    under = np.abs(field[first : first + 394, first : first + 394]) ** 2
    assert abs(decibels(power.mean() / under.mean())) < 0.05
    independent = 394**2 / oversampling**2
    assert enl(power) == pytest.approx(1.0, abs=5 * 1.9 / np.sqrt(independent))
    # Exponential intensity, not only its second moment. A distance, as the samples correlate.
    distance = stats.kstest((power / power.mean()).ravel(), "expon").statistic
    assert distance < 2.5 / np.sqrt(independent)
    assert read_cell(scene, grid, grid.cells()[0]).looks == 1.0


def test_interpolation_is_exact_for_a_band_limited_field() -> None:
    # Twice as many samples of the same field, by zero padding its spectrum: an independent way.
    rng = np.random.default_rng(2)
    field = band_limited((256, 256), (1.3, 1.3), rng)
    spectrum = np.fft.fftshift(np.fft.fft2(field))
    fine = np.fft.ifft2(np.fft.ifftshift(np.pad(spectrum, 128))) * 4
    scene = make_scene(field)
    grid = plan_grid(scene, 0.5, 256)
    tile = read_cell(scene, grid, grid.cells()[0])
    # Output centres lie at (k + .5) / 2 - .5 source pixels: a quarter pixel off the fine samples.
    shift = np.exp(2j * np.pi * np.fft.fftfreq(512) * -0.5)
    moved = np.fft.ifft2(np.fft.fft2(fine) * shift[:, None] * shift[None])
    first = round(2 * grid.rows.start)
    truth = np.abs(moved[first : first + 256, first : first + 256]) ** 2
    assert np.abs(tile.power - truth).max() < 0.02 * truth.max()
    assert np.sqrt(np.mean((tile.power - truth) ** 2)) < 5e-3


def test_one_axis_finer_the_other_coarser() -> None:
    field = band_limited((800, 1600), (1.4, 1.0), np.random.default_rng(3))
    scene = make_scene(field, row_spacing_m=1.4, column_spacing_m=0.3)
    grid = plan_grid(scene, 1.2, 256)
    assert (grid.rows.method, grid.columns.method) == ("sinc", "area")
    power = all_power(scene, grid)
    assert enl(power) == pytest.approx(4.0, rel=0.05)
    assert read_cell(scene, grid, grid.cells()[0]).looks == pytest.approx(4.0, rel=0.02)
    assert abs(decibels(power.mean())) < 0.05


def test_critically_sampled_data_are_refused() -> None:
    field = band_limited((600, 600), (1.0, 1.0), np.random.default_rng(4))
    with pytest.raises(InputError, match=r"made.tif.*1\.00 times its band.*1 m or more.*--force"):
        plan_grid(make_scene(field), 0.6, 256)


def test_detected_data_are_refused_finer() -> None:
    power = np.random.default_rng(5).exponential(1.0, (600, 600)).astype(np.float32)
    scene = make_scene(power, row_spacing_m=1.25)
    with pytest.raises(InputError, match=r"detected.*1\.25 m or more.*--force"):
        plan_grid(scene, 0.6, 256)
    with pytest.raises(InputError, match="detected"):
        plan_grid(scene, 2.0, 256, method="complex")
    assert plan_grid(scene, 1.25, 256).method.startswith("multilook")
    forced = plan_grid(scene, 0.6, 256, force=True)
    assert forced.method.startswith("nearest neighbour")
    tile = read_cell(scene, forced, forced.cells()[0])
    # Copies of pixels: the one-point law stays, whatever their correlation.
    assert np.isin(tile.power, power).all()
    assert enl(tile.power) == pytest.approx(1.0, abs=0.06)


def test_flip_refuses_another_spacing() -> None:
    with pytest.raises(InputError, match="multilook"):
        plan_grid(make_scene(np.ones((600, 600), np.float32)), 2.0, 256, method="flip")


def test_missing_complex_data_stay_missing() -> None:
    field = band_limited((400, 400), (1.4, 1.4), np.random.default_rng(6))
    field[:, 200:] = np.nan
    scene = make_scene(field)
    grid = plan_grid(scene, 0.7, 512)
    tile = read_cell(scene, grid, grid.cells()[0])
    edge = (200 - grid.columns.start) / 0.7
    assert np.isfinite(tile.power[:, : int(edge) - 2]).all()
    assert np.isnan(tile.power[:, int(edge) + 2 :]).all()
    assert tile.valid_fraction == pytest.approx(edge / 512, abs=0.01)


def test_measured_band() -> None:
    field = band_limited((512, 300), (1.25, 2.0), np.random.default_rng(7), (0.4, -0.1))
    rows, columns = measure_band(field, 0), measure_band(field, 1)
    assert rows.width == pytest.approx(0.8, abs=0.01)
    assert columns.width == pytest.approx(0.5, abs=0.01)
    assert rows.center == pytest.approx(0.4, abs=0.01)
    assert columns.center == pytest.approx(-0.1, abs=0.01)


def oblique(image: np.ndarray, azimuth: float, spacing: float = 1.0, **fields):
    """A north-up product whose range points along an azimuth."""
    ground = PlaneGround(image.shape, 180.0, 90.0, spacing, spacing)
    return make_scene(
        image,
        ground,
        plane="geocoded",
        range_axis=None,
        range_azimuth_deg=azimuth,
        row_spacing_m=spacing,
        column_spacing_m=spacing,
        **fields,
    )


@pytest.mark.parametrize(("azimuth", "rate"), [(53.0, 1.15), (127.0, 1.3), (290.0, 1.3)])
def test_rotation_of_oversampled_complex_data(azimuth: float, rate: float) -> None:
    field = band_limited((700, 700), (rate, rate), np.random.default_rng(8), (0.2, -0.4))
    scene = oblique(field, azimuth)
    # A bilinear rotation by 37 degrees would make ENL 4.4 of it.
    grid = plan_grid(scene, 0.9, 256, rotate=True)
    assert "rotation" in grid.method and grid.method.startswith("complex")
    power = all_power(scene, grid)
    inside = power[np.isfinite(power)]
    independent = inside.size * 0.81 / rate**2
    assert enl(inside) == pytest.approx(1.0, abs=5 * 1.9 / np.sqrt(independent))
    assert abs(decibels(inside.mean() / np.mean(np.abs(field) ** 2))) < 0.05
    assert grid.range_angle_residual_deg == 0.0


def test_rotation_brings_a_place_where_its_georeference_says() -> None:
    # One bright point; its tile pixel, through the tile's affine, is where it stands.
    field = band_limited((500, 500), (1.5, 1.5), np.random.default_rng(9)) * 0.01
    spread = np.sinc((np.arange(500) - 260) / 1.5)
    field += (100 * np.sinc((np.arange(500) - 210) / 1.5)[:, None] * spread[None]).astype(
        np.complex64
    )
    scene = oblique(field, 120.0)
    grid = plan_grid(scene, 0.8, 400, rotate=True)
    tile = max((read_cell(scene, grid, c) for c in grid.cells()), key=lambda t: np.nanmax(t.power))
    row, column = np.unravel_index(np.nanargmax(tile.power), tile.power.shape)
    a, b, c, d, e, f = tile.transform
    x, y = a * (column + 0.5) + b * (row + 0.5) + c, d * (column + 0.5) + e * (row + 0.5) + f
    assert (x, y) == (pytest.approx(260 - 249.5, abs=0.6), pytest.approx(249.5 - 210, abs=0.6))
    assert tile.range_azimuth_deg == pytest.approx(120.0, abs=0.05)


def test_detected_data_turn_only_onto_a_coarser_grid() -> None:
    power = np.random.default_rng(10).exponential(1.0, (1500, 1500)).astype(np.float32)
    scene = oblique(power, 120.0)
    with pytest.raises(InputError, match="3 m or more"):
        plan_grid(scene, 2.0, 128, rotate=True)
    assert plan_grid(scene, 2.0, 128, rotate=True, force=True).method.startswith("nearest")
    grid = plan_grid(scene, 4.0, 128, rotate=True)
    tiles = [read_cell(scene, grid, cell) for cell in grid.cells()]
    inside = np.concatenate([t.power[np.isfinite(t.power)] for t in tiles])
    assert abs(decibels(inside.mean())) < 0.05
    assert enl(inside) == pytest.approx(tiles[0].looks, rel=0.03)
    # Left as it is, the angle is kept and said.
    plain = plan_grid(scene, 2.0, 128)
    assert plain.range_angle_residual_deg == pytest.approx(30.0, abs=0.1)
    assert any("30" in note for note in plain.notes)


def test_slant_range_of_an_airborne_swath_becomes_square() -> None:
    # Incidence from 45 to 71 degrees: ground spacing falls from 0.42 to 0.32 m.
    ground = SlantGround((600, 4000), near_m=2130.0, slant_m=0.6, azimuth_m=0.3, height_m=1500.0)
    angles = [ground.incidence_at(c) for c in (0, 3999)]
    assert angles[0] == pytest.approx(45, abs=1) and angles[1] == pytest.approx(71, abs=1)
    wave = 40.0
    y = ground.ground_range(np.arange(4000))
    power = np.broadcast_to(1 + 0.8 * np.cos(2 * np.pi * y / wave), (600, 4000)).astype(np.float32)
    scene = make_scene(
        power,
        ground,
        plane="slant",
        row_spacing_m=0.3,
        column_spacing_m=0.6,
        incidence_angle_deg=ground.incidence_at(1999.5),
    )
    grid = plan_grid(scene, 1.0, 128)
    tiles = [read_cell(scene, grid, cell) for cell in grid.cells()]
    row = [t for t in tiles if t.cell.row == 0]
    profile = np.concatenate([t.power.mean(axis=0) for t in row])
    k = np.arange(len(profile)) + 0.5
    start = float(ground.ground_range(np.array(-0.5)))
    # Averaging over a pixel of 1 m lowers a wave of 40 m by sinc(1/40).
    expected = 1 + 0.8 * np.sinc(1 / wave) * np.cos(2 * np.pi * (start + k) / wave)
    assert np.abs(profile - expected).max() < 0.03
    for tile in row:
        middle = tile.cell.left + 64.0
        column = np.sqrt((start + middle) ** 2 + 1500.0**2)
        assert tile.incidence_angle_deg == pytest.approx(
            np.degrees(np.arctan2(start + middle, 1500.0)), abs=0.1
        ), column
        a, b, _, d, e, _ = tile.transform
        assert np.hypot(a, d) == pytest.approx(1.0, abs=2e-3)
        assert np.hypot(b, e) == pytest.approx(1.0, abs=2e-3)
        assert tile.geolocation_error_m < 0.1
        assert tile.range_azimuth_deg == pytest.approx(80.0, abs=0.1)
    # Looks grow with the number of slant pixels under a metre of ground.
    assert row[0].looks < row[-1].looks


def test_slant_range_without_geometry_needs_an_incidence() -> None:
    power = np.ones((400, 400), np.float32)
    with pytest.raises(InputError, match="incidence_angle_deg"):
        plan_grid(make_scene(power, plane="slant"), 4.0, 64)
    scene = make_scene(power, plane="slant", incidence_angle_deg=30.0)
    grid = plan_grid(scene, 2.0, 64)
    assert grid.columns.source_spacing_m == pytest.approx(2.0)
    assert (grid.rows.factor, grid.columns.factor) == (2.0, 1.0)


def test_axes_that_are_not_at_right_angles() -> None:
    # 85.5 degrees: an affine per tile, not a rotation, and the ground is where it was.
    ground = PlaneGround((300, 300), 180.0 - 4.5, 90.0, 1.0, 1.0)
    scene = make_scene(np.ones((300, 300), np.float32), ground)
    grid = plan_grid(scene, 2.0, 64)
    assert grid.axes_angle_deg == pytest.approx(85.5, abs=0.01)
    assert any("85.5" in note for note in grid.notes)
    for cell in grid.cells():
        tile = read_cell(scene, grid, cell)
        a, b, _, d, e, _ = tile.transform
        lon, lat = tile.footprint[0]
        row, column = ground.to_image(np.array([lon]), np.array([lat]))
        assert row[0] == pytest.approx(2.0 * cell.top - 0.5, abs=1e-3)
        assert column[0] == pytest.approx(2.0 * cell.left - 0.5, abs=1e-3)
        assert np.hypot(b, e) == pytest.approx(2.0, abs=1e-3)
        assert (a * b + d * e) / 4.0 == pytest.approx(np.cos(np.radians(85.5)), abs=1e-3)
