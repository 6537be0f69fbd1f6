"""What a coarse scene measured stays in the fine one, and its speckle does not become ground."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sarloom.errors import InputError
from sarloom.generate.large import like as like_module
from sarloom.generate.large.level import Level, Sums, fit
from sarloom.generate.large.like import (
    Likeness,
    oversampling_of,
    quantiles,
    read_likeness,
    tone_map,
)
from sarloom.generate.large.sources import PowerSource
from sarloom.sar.multilook import multilook
from sarloom.sar.psf import PointSpread
from sarloom.sar.speckle import enl_blocks, speckle_intensity

FACTOR, SIDE, LOOKS = 8, 32, 4.0


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Coarse power of a dark and a bright field, under speckle, and a fine drawing of it that is
    wrong: one level, with stripes."""
    rng = np.random.default_rng(seed)
    coarse = np.full((SIDE, SIDE), 0.03)
    coarse[:, 20:] = 0.4
    coarse *= rng.gamma(LOOKS, 1 / LOOKS, coarse.shape)
    fine = np.full((SIDE * FACTOR,) * 2, 0.1)
    fine[::4] *= 1.5
    return np.asarray(coarse, np.float32), np.asarray(fine, np.float32)


def fitted(consistency: str) -> tuple[np.ndarray, np.ndarray, dict]:
    coarse, fine = scene()
    target = PowerSource(coarse, 1 / FACTOR, 1 / FACTOR)
    level = Level(target, LOOKS, 0.5, None, consistency)

    def blocks() -> Iterator[tuple[np.ndarray, int]]:
        for row in range(0, len(fine), 100):
            yield fine[row : row + 100], row

    factor, figures = fit(level, blocks)
    whole = slice(0, len(fine))
    return fine * factor.read(whole, whole)[0], coarse, figures


def correlation(made: np.ndarray, coarse: np.ndarray) -> float:
    pair = [np.log(one).ravel() for one in (multilook(made, FACTOR), coarse)]
    return float(np.corrcoef(*pair)[0, 1])


def left_over(consistency: str) -> float:
    """Root mean square of what pixels of the scene miss [dB]."""
    made, coarse, _ = fitted(consistency)
    return float(np.sqrt(np.mean((10 * np.log10(multilook(made, FACTOR) / coarse)) ** 2)))


def test_averages_become_what_is_wanted() -> None:
    # a factor that is smooth between pixels cannot go down to a dark one among bright ones
    assert left_over("exact") < 0.5 * left_over("level")
    assert fitted("exact")[2]["left_over_db"] == pytest.approx(left_over("exact"), rel=0.01)
    figures = fitted("speckle")[2]
    assert figures["left_over_db"] < 0.3
    assert abs(figures["difference_after_db"]) < 0.01


def test_consistency_grows_and_the_mean_stays() -> None:
    found = []
    for consistency in ("level", "speckle", "exact"):
        made, coarse, _ = fitted(consistency)
        assert made.mean() == pytest.approx(coarse.mean(), rel=0.02)
        found.append(correlation(made, coarse))
    assert found[0] < found[1] < found[2]
    assert found[2] > 0.97


def test_speckle_of_the_scene_does_not_become_ground() -> None:
    """Single looks laid on even ground: 1 look stays 1 look unless the scene is copied exactly."""
    rng = np.random.default_rng(1)
    looks = {}
    for consistency in ("level", "speckle", "exact"):
        made, _, _ = fitted(consistency)
        field = np.asarray(made[:, :144] / made[:, :144].mean(), np.float32)
        field[::4] /= 1.5  # without the stripes, which are the drawing's own
        looks[consistency] = enl_blocks(speckle_intensity(field, 1, rng))
    assert looks["level"] == pytest.approx(1.0, abs=0.08)
    assert looks["speckle"] == pytest.approx(1.0, abs=0.08)
    assert looks["exact"] < 0.9


def test_detail_within_a_pixel_is_the_drawing() -> None:
    made, _, _ = fitted("speckle")
    rows = made[:, 40].reshape(-1, 4)
    assert np.median(rows[:, 0] / rows[:, 1:].mean(1)) == pytest.approx(1.5, rel=0.03)


def test_sums_of_blocks_are_those_of_the_whole() -> None:
    coarse, fine = scene()
    level = Level(PowerSource(coarse, 1 / FACTOR, 1 / FACTOR), LOOKS, 0.5)
    sums = Sums(level)
    for row in range(0, len(fine), 100):
        sums.add(fine[row : row + 100], row)
    np.testing.assert_allclose(sums.mean, multilook(fine, FACTOR), rtol=1e-6)


# -- likeness ------------------------------------------------------------------------------------


@pytest.mark.parametrize("oversampling", [1.0, 1.3, 2.0])
def test_oversampling_is_read_from_the_speckle(oversampling: float) -> None:
    rng = np.random.default_rng(0)
    psf = PointSpread(oversampling=oversampling)
    power = speckle_intensity(np.ones((256, 256), np.float32), 1, rng, psf)
    z = power - power.mean()
    pairs = (z[:, :-1] * z[:, 1:]).mean() + (z[:-1] * z[1:]).mean()
    rho = float(pairs / (2 * (z**2).mean()))
    assert oversampling_of(rho) == pytest.approx(oversampling, abs=0.06)


def contrasty(spread_db: float, seed: int, side: int = 128) -> np.ndarray:
    """Fields of 16 x 16 pixels whose levels spread so far."""
    rng = np.random.default_rng(seed)
    levels = 10 ** (rng.normal(0, spread_db, (side // 16, side // 16)) / 10)
    return np.asarray(np.kron(levels, np.ones((16, 16))), np.float32)


def test_tones_become_those_of_the_images() -> None:
    many = [contrasty(6.0, seed) for seed in range(12)]
    like = Likeness(np.stack([quantiles(multilook(one, 4)) for one in many]), 1.0, {})
    flat = contrasty(2.0, 99)
    made = tone_map(like, lambda tone: [tone(flat[:64]), tone(flat[64:])])(flat)
    assert np.median(made) == pytest.approx(np.median(flat), rel=0.15)
    assert np.std(np.log(made)) > 1.8 * np.std(np.log(flat))
    order = np.argsort(flat.ravel(), kind="stable")
    assert np.all(np.diff(made.ravel()[order]) >= -1e-6)


def test_speckle_does_not_hide_what_is_still_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The image shall have the law that is wanted, not the reflectivity under its speckle."""
    monkeypatch.setattr(like_module, "FOLLOWED", 1.0)
    rng = np.random.default_rng(5)
    real = [contrasty(3.0, seed) for seed in range(5)]
    grain = [rng.exponential(1.0, real[0].shape).astype(np.float32) for _ in range(6)]
    laws = [quantiles(multilook(one * g, 4)) for one, g in zip(real, grain, strict=False)]
    like = Likeness(np.stack(laws), 1.0, {})
    flat = contrasty(1.5, 99)

    def away(power: np.ndarray) -> float:
        return float(np.abs(quantiles(multilook(power * grain[5], 4)) - laws).mean(1).min())

    tone = tone_map(like, lambda tone: [tone(flat) * grain[5]])
    assert away(tone(flat)) < 0.35 * away(flat)
    steps = np.diff(tone.wanted_db) / np.diff(tone.given_db)
    assert np.all(steps <= 3.0 + 1e-6)


def test_a_scene_goes_most_of_the_way_to_the_law() -> None:
    many = [contrasty(4.0, seed, side=512) for seed in range(5)]
    like = Likeness(np.stack([quantiles(multilook(one, 4)) for one in many]), 1.0, {})
    flat = contrasty(2.0, 99, side=512)  # of 1,024 fields, so quantiles are hardly steps
    made = tone_map(like, lambda tone: [tone(flat)])(flat)
    own, now = quantiles(multilook(flat, 4)), quantiles(multilook(made, 4))
    way = like.quantiles_db[np.abs(like.quantiles_db - own).mean(1).argmin()] - own
    share = (way @ (now - own)) / (way @ way)
    assert share == pytest.approx(like_module.FOLLOWED, abs=0.05)


def test_a_scene_follows_the_images_most_like_it() -> None:
    many = [contrasty(0.5, seed) for seed in range(8)] + [contrasty(8.0, seed) for seed in range(8)]
    like = Likeness(np.stack([quantiles(multilook(one, 4)) for one in many]), 1.0, {})
    even = contrasty(1.0, 99)
    made = tone_map(like, lambda tone: [tone(even)])(even)
    assert np.std(np.log(made)) < 2 * np.std(np.log(even))


def test_a_folder_of_images_is_measured(tmp_path: Path) -> None:
    psf = PointSpread(oversampling=1.5)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        power = speckle_intensity(contrasty(3.0, seed), 1, rng, psf)
        amplitude = np.sqrt(power)
        top = amplitude.mean() + 3 * amplitude.std()
        pixels = np.uint8(np.clip(amplitude / top * 255, 0, 255))
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
    found = read_likeness(tmp_path)
    gaps = np.zeros((128, 128), np.uint8)
    gaps[:40] = pixels[:40, :128]
    Image.fromarray(gaps).save(tmp_path / "9.png")  # its median is 0
    with_gaps = read_likeness(tmp_path)
    assert np.array_equal(with_gaps.quantiles_db, found.quantiles_db)
    assert with_gaps.record == found.record
    assert found.record["images"] == 3
    assert found.oversampling == pytest.approx(1.5, abs=0.2)
    assert found.psf.oversampling == found.oversampling
    assert np.all(np.diff(found.quantiles_db, axis=1) > 0)


def test_no_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder of images"):
        read_likeness(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no image"):
        read_likeness(tmp_path / "empty")
