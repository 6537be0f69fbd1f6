"""Averages of power: exact means, the looks that follow, and the law of speckle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sarloom.tiles import resample
from sarloom.tiles.cut import read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.resample import area_average, copied, looks_gain
from tile_scenes import ArrayPixels, band_limited, decibels, enl, make_scene


def blocks(power: np.ndarray, factor: int) -> np.ndarray:
    """An independent block average, in double precision."""
    rows, columns = (n // factor for n in power.shape)
    part = power[: rows * factor, : columns * factor].astype(np.float64)
    return part.reshape(rows, factor, columns, factor).mean(axis=(1, 3))


def speckle(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.0, shape).astype(np.float32)


def test_quarter_metre_to_one_metre() -> None:
    # The table: mean 1, ENL 16; averages of amplitude would give .798, of decibels .589.
    scene = make_scene(speckle((2048, 2048)), row_spacing_m=0.25, column_spacing_m=0.25)
    grid = plan_grid(scene, 1.0, 512)
    tile = read_cell(scene, grid, grid.cells()[0])
    assert abs(decibels(tile.power.mean())) < 0.05
    assert enl(tile.power) == pytest.approx(16.0, rel=0.03)
    assert tile.looks == pytest.approx(16.0)
    assert np.allclose(tile.power, blocks(scene.pixels.image, 4), rtol=1e-5)
    assert tile.method.startswith("multilook 4 x 4")


@pytest.mark.parametrize("holes", ["none", "some", "all", "clipped"])
@pytest.mark.parametrize("known", [None, 1.0])
def test_copies_tell_of_a_tile_what_averages_over_one_pixel_do(
    holes: str, known: float | None
) -> None:
    power = speckle((64, 48), 8)
    if holes == "clipped":
        np.minimum(power, np.float32(1.0), out=power)
    elif holes != "none":
        power[: 10 if holes == "some" else 64] = np.nan
    edges = np.arange(65.0), np.arange(49.0)
    wanted = area_average(lambda r, c: power[r, c], *edges, saturation_power=known)
    found = copied(power, known)
    assert np.array_equal(found.power, wanted.power, equal_nan=True)
    told = [(one.valid, one.saturated, one.top) for one in (found, wanted)]
    assert told[0] == pytest.approx(told[1]) and (told[0][2] is None) == (holes in ("some", "all"))


@pytest.mark.parametrize(
    ("oversampling", "expected"), [(1.0, 16.0), (1.2, 13.46), (1.5, 9.48), (2.0, 6.02)]
)
def test_looks_of_oversampled_bands(oversampling: float, expected: float) -> None:
    assert looks_gain(4.0, oversampling) ** 2 == pytest.approx(expected, abs=0.01)
    field = band_limited((2048, 2048), (oversampling,) * 2, np.random.default_rng(3))
    scene = make_scene(field, row_spacing_m=0.25, column_spacing_m=0.25)
    grid = plan_grid(scene, 1.0, 512, method="multilook")
    tile = read_cell(scene, grid, grid.cells()[0])
    assert enl(tile.power) == pytest.approx(expected, rel=0.03)
    # The plan measures the band itself: nothing told it the resolution.
    assert tile.looks == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("factor", [1.37, 2.5, 3.0, 7.3])
def test_any_factor_keeps_power_and_states_its_looks(factor: float) -> None:
    scene = make_scene(speckle((1400, 1400), 5))
    grid = plan_grid(scene, factor, 128)
    powers = [read_cell(scene, grid, cell) for cell in grid.cells()]
    stacked = np.stack([tile.power for tile in powers])
    assert abs(decibels(stacked.mean())) < 0.05
    # ENL of the mixture over all phases against the source grid.
    assert enl(stacked) == pytest.approx(powers[0].looks, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(
    start=st.floats(0, 5),
    factor=st.floats(0.3, 9),
    count=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_area_average_is_an_integral(start: float, factor: float, count: int, seed: int) -> None:
    image = speckle((int(np.ceil(start + factor * count)) + 1, 9), seed)
    edges = start + factor * np.arange(count + 1)
    found = area_average(lambda r, c: image[r, c], edges, np.array([0.0, 9.0])).power[:, 0]
    running = np.concatenate([[0.0], np.cumsum(image.astype(np.float64).mean(axis=1))])
    integral = np.interp(edges, np.arange(len(running)), running)
    assert np.allclose(found, np.diff(integral) / factor, rtol=2e-5)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    image = speckle((300, 310), 2)
    image[40:90, 100:140] = np.nan
    edges = 3.7 + 2.3 * np.arange(101)
    whole = area_average(lambda r, c: image[r, c], edges, edges)
    monkeypatch.setattr(resample, "MAX_BLOCK_PIXELS", 150)
    pieces = area_average(lambda r, c: image[r, c], edges, edges)
    assert np.allclose(whole.power, pieces.power, rtol=1e-5, equal_nan=True)
    assert whole.valid == pytest.approx(pieces.valid, abs=1e-6)


def test_missing_data_stays_out_of_the_mean() -> None:
    image = np.full((64, 64), 2.0, np.float32)
    image[:, 30:] = np.nan
    edges = np.arange(17) * 4.0
    found = area_average(lambda r, c: image[r, c], edges, edges)
    assert np.all(found.power[:, :8] == 2.0)  # column 7 has half of its area
    assert np.isnan(found.power[:, 8:]).all()
    assert found.valid == pytest.approx(30 / 64)
    strict = area_average(lambda r, c: image[r, c], edges, edges, min_coverage=0.75)
    assert np.isnan(strict.power[:, 7]).all()


def test_mean_of_decibels_is_not_what_we_do() -> None:
    image = speckle((1024, 1024), 4)
    edges = np.arange(257) * 4.0
    power = area_average(lambda r, c: image[r, c], edges, edges).power
    wrong = 10 ** (blocks(np.log10(image), 4))
    assert abs(decibels(power.mean())) < 0.05 < 2.0 < abs(decibels(wrong.mean()))


def test_saturated_pixels_are_counted_in_the_source() -> None:
    image = speckle((64, 64), 6)
    image[:16] = image.max() + 1
    edges = np.arange(17) * 4.0
    found = area_average(ArrayPixels(image).power, edges, edges)
    assert found.saturated == pytest.approx(0.25)
    assert area_average(ArrayPixels(speckle((64, 64))).power, edges, edges).saturated == 0.0
    told = area_average(ArrayPixels(image).power, edges, edges, saturation_power=1.0)
    assert told.saturated == pytest.approx(np.mean(image >= 1.0), abs=1e-3)
