"""The small pictures that networks look at: means of power, free of level, speckle and size."""

from __future__ import annotations

import numpy as np
import pytest

from sarloom.errors import InputError
from sarloom.sar.multilook import multilook
from sarloom.sar.picture import SIDE, WINDOW_DB, area_mean, decibel_picture, log_picture
from sarloom.sar.speckle import log_moments, speckle_intensity


def ground(side: int = 256) -> np.ndarray:
    """Four fields of different brightness and a bright line."""
    power = np.full((side, side), 0.1, np.float32)
    power[: side // 2, side // 2 :] = 0.02
    power[side // 2 :, : side // 2] = 0.5
    power[:, side // 4 : side // 4 + 4] = 3.0
    return power


def test_whole_blocks_are_multilooked() -> None:
    power = np.random.default_rng(0).gamma(1.0, 1.0, (384, 384)).astype(np.float32)
    np.testing.assert_allclose(area_mean(power, SIDE), multilook(power, 3), rtol=2e-5)


@pytest.mark.parametrize("side", [100, 128, 200, 333])
def test_parts_of_pixels_keep_the_mean_power(side: int) -> None:
    power = np.random.default_rng(1).gamma(1.0, 1.0, (side, side)).astype(np.float32)
    assert area_mean(power, SIDE).mean() == pytest.approx(power.mean(), rel=1e-4)


def test_missing_pixels_count_for_nothing() -> None:
    power = np.ones((256, 256), np.float32)
    power[:, :64] = np.nan
    power[:, 64] = np.nan  # half of a cell
    cells = area_mean(power, SIDE)
    assert np.isnan(cells[:, :32]).all()
    np.testing.assert_allclose(cells[:, 32:], 1.0, rtol=1e-5)
    assert np.isfinite(log_picture(power)).all()


def test_level_and_size_do_not_count() -> None:
    picture = log_picture(ground(256))
    np.testing.assert_allclose(log_picture(ground(256) * 1e5), picture, atol=1e-5)
    np.testing.assert_allclose(
        log_picture(np.repeat(np.repeat(ground(256), 2, 0), 2, 1)), picture, atol=1e-5
    )


def test_decibels_are_linear_in_the_picture() -> None:
    u = log_picture(ground())
    bright, dark = u[100, 20], u[20, 100]
    assert (bright - dark) * 2 * WINDOW_DB == pytest.approx(10 * np.log10(0.5 / 0.02), abs=1e-3)


def test_speckle_leaves_the_deviation_of_its_looks() -> None:
    power = np.ones((512, 512), np.float32)
    noisy = speckle_intensity(power, 1, np.random.default_rng(3))
    spread = log_picture(noisy).std() * 2 * WINDOW_DB
    assert spread == pytest.approx(log_moments(16).deviation_db, rel=0.02)


def test_the_middle_of_a_long_image_is_taken() -> None:
    wide = np.concatenate([ground()[:, :100] * 7, ground(), ground()[:, :100] * 9], axis=1)
    np.testing.assert_array_equal(log_picture(wide), log_picture(ground()))


def test_no_power_is_an_error() -> None:
    with pytest.raises(InputError, match="without power"):
        log_picture(np.zeros((64, 64), np.float32))


def test_dead_shadow_does_not_move_the_rest() -> None:
    power = ground()
    power[:8] = 0.0
    lit = log_picture(power)
    power[:8] = 1e-9
    np.testing.assert_allclose(log_picture(power), lit, atol=1e-6)
    assert decibel_picture(np.ones((2, 4, 4)))[1].tolist() == [[0.5] * 4] * 4
