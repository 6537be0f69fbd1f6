"""Dark ground fluctuates as in measured images; a scene keeps its own detail, however it is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sarloom.generate.large import own as own_module
from sarloom.generate.large.dark import NONE, Dark, blocks_of, dark_of, thinned
from sarloom.generate.large.like import read_likeness, tone_map
from sarloom.generate.large.own import without_grain
from sarloom.generate.large.speckle import speckled_power
from sarloom.sar.lee import lee_filter
from sarloom.sar.multilook import multilook
from sarloom.sar.psf import PointSpread
from sarloom.sar.speckle import speckle_intensity

PSF = PointSpread(oversampling=1.15)
SIDE = 256
FALLS = 10.0
"""Decibels from the bright half to the dark one."""


def image(seed: int, looks_of_shadow: int) -> np.ndarray:
    """A field of one look and a shadow of more."""
    rng = np.random.default_rng(seed)
    power = speckle_intensity(np.ones((SIDE, SIDE), np.float32), 1, rng, PSF)
    shadow = speckle_intensity(np.ones((SIDE, SIDE), np.float32), looks_of_shadow, rng, PSF)
    power[:, SIDE // 2 :] = shadow[:, SIDE // 2 :] * 10 ** (-FALLS / 10)
    return np.asarray(power, np.float32)


def variation(power: np.ndarray) -> float:
    """Median coefficient of variation of blocks."""
    return float(np.median(blocks_of(power).variation))


def drawn(reflectivity: np.ndarray, rows: slice, columns: slice, dark: Dark) -> np.ndarray:
    def read(down: slice, across: slice) -> np.ndarray:
        return reflectivity[down, across]

    def draw(down: slice, across: slice) -> np.ndarray:
        return speckled_power(read, reflectivity.shape, down, across, 1, 7, PSF)

    return thinned(draw, read, reflectivity.shape, rows, columns, dark)


@pytest.mark.parametrize("looks", [2, 3])
def test_shadows_fluctuate_as_in_the_images_and_fields_stay(looks: int) -> None:
    real = [image(seed, looks) for seed in range(4)]
    dark = dark_of([blocks_of(one) for one in real], PSF)
    ground = np.ones((SIDE, SIDE), np.float32)
    ground[:, SIDE // 2 :] = 10 ** (-FALLS / 10)
    whole = slice(0, SIDE), slice(0, SIDE)
    plain, made = drawn(ground, *whole, NONE), drawn(ground, *whole, dark)
    # 512 blocks of 64 correlated pixels: the median is known to about 0.01
    wanted = variation(real[0][:, SIDE // 2 :])
    assert variation(plain[:, SIDE // 2 :]) > wanted + 0.15
    assert variation(made[:, SIDE // 2 + 4 :]) == pytest.approx(wanted, abs=0.05)
    np.testing.assert_array_equal(made[:, : SIDE // 2 - 4], plain[:, : SIDE // 2 - 4])
    # the mean of 32,768 pixels of less than one look: 0.03 dB
    ratio = made[:, SIDE // 2 :].mean() / plain[:, SIDE // 2 :].mean()
    assert 10 * np.log10(ratio) == pytest.approx(0, abs=0.15)


def test_full_speckle_everywhere_is_left_alone() -> None:
    dark = dark_of([blocks_of(image(seed, 1)) for seed in range(4)], PSF)
    # a block that is dark by chance alone also fluctuates less; what that comes to must be little
    ground = np.array([1.0, 10 ** (-FALLS / 10)], np.float32)
    assert np.all(dark.share(ground) < 0.1)


def test_any_cutting_gives_the_same_scene() -> None:
    rng = np.random.default_rng(3)
    ground = np.asarray(10 ** rng.normal(-1, 0.5, (90, 70)), np.float32)
    dark = Dark(np.array([-20.0, -5.0]), np.array([0.8, 0.0]))
    whole = drawn(ground, slice(0, 90), slice(0, 70), dark)
    assert not np.array_equal(whole, drawn(ground, slice(0, 90), slice(0, 70), NONE))
    for rows, columns in ((slice(0, 33), slice(0, 70)), (slice(33, 90), slice(11, 52))):
        part = drawn(ground, rows, columns, dark)
        np.testing.assert_array_equal(part, whole[rows, columns])


def test_it_is_measured_on_a_folder_and_follows_the_scene(tmp_path: Path) -> None:
    for seed in range(4):
        amplitude = np.sqrt(image(seed, 3))
        scaled = np.clip(amplitude / amplitude.max() * 255, 0, 255)
        Image.fromarray(np.uint8(np.rint(scaled))).save(tmp_path / f"{seed}.png")
    found = read_likeness(tmp_path)
    assert found.record["dark_speckle"]["shares"] and found.medians_db is not None
    power = image(9, 1)
    near = tone_map(found, lambda tone: [tone(power)]).dark
    far = tone_map(found, lambda tone: [tone(1000 * power)]).dark
    np.testing.assert_allclose(far.levels_db - near.levels_db, 30.0, atol=1e-3)
    # the field of the scene is left alone, its shadow is not
    field, shadow = near.share(np.array([power[:, :128].mean(), power[:, 128:].mean()], np.float32))
    assert field < 0.1 < 0.2 < shadow


def test_detail_of_a_scene_is_filtered_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = np.asarray(np.random.default_rng(4).exponential(0.1, (150, 60)), np.float32)
    power[70:80] *= 20
    monkeypatch.setattr(own_module, "ROWS", 32)
    (tmp_path / "scene.part").mkdir()
    made = without_grain(power, 1.0, tmp_path / "scene.tif")
    np.testing.assert_allclose(made.power, lee_filter(power, 1.0), rtol=2e-5)
    assert multilook(np.asarray(made.power)[72:76], 4).mean() > 10 * made.power[:60].mean()
