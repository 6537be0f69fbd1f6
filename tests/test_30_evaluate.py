"""The parts of the evaluation against closed forms and small cases worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import integrate, linalg, special, stats

from sarloom.errors import FormatError, InputError
from sarloom.evaluate.files import ImageFolder, PixelsSaid
from sarloom.evaluate.image import RadarImage, power_of_pixels
from sarloom.evaluate.laws import LAWS, fit
from sarloom.evaluate.metrics.features import cmmd, frechet, kernel_distance, manifold
from sarloom.evaluate.summaries.glcm import cooccurrence, haralick
from sarloom.evaluate.summaries.speckle import correlation, moments
from sarloom.evaluate.table import Images
from sarloom.evaluate.view import View
from sarloom.sar.psf import PointSpread
from sarloom.sar.speckle import speckle_complex, speckle_intensity


def view_of(power: np.ndarray) -> View:
    return View(RadarImage("drawn", power.astype(np.float32)), 1.0)


# laws


def drawn_logs(law: str, rng: np.random.Generator, count: int = 200_000) -> np.ndarray:
    speckle = np.log(rng.standard_gamma(4.0, count) / 4.0)
    return {
        "rayleigh": lambda: np.log(rng.standard_exponential(count)),
        "gamma": lambda: np.log(rng.standard_gamma(2.5, count)),
        "k": lambda: speckle + np.log(rng.standard_gamma(1.7, count)),
        "g0": lambda: speckle - np.log(rng.standard_gamma(2.2, count)),
        "weibull": lambda: np.log(rng.weibull(0.8, count)),
        "lognormal": lambda: rng.normal(0.3, 0.9, count),
    }[law]()


@pytest.mark.parametrize("law", LAWS)
def test_a_fit_finds_the_law_its_draws_come_from(law: str) -> None:
    logs = drawn_logs(law, np.random.default_rng(3))
    fitted = fit(law, float(logs.mean()), float(logs.var()), 4.0)
    assert stats.kstest(logs[:20_000], fitted.below).statistic < 0.012
    wanted = {"gamma": 2.5, "k": 1.7, "g0": 2.2, "weibull": 0.8, "lognormal": 0.9}
    if law in wanted:
        key = "order" if law in ("k", "g0") else next(iter(fitted.parameters))
        assert fitted.parameters[key] == pytest.approx(wanted[law], rel=0.05)


@pytest.mark.parametrize("law", [law for law in LAWS if law not in ("rayleigh", "lognormal")])
def test_another_law_of_the_same_cumulants_is_told_apart(law: str) -> None:
    logs = drawn_logs(law, np.random.default_rng(4))
    fitted = fit("lognormal", float(logs.mean()), float(logs.var()), 4.0)
    assert stats.kstest(logs[:20_000], fitted.below).statistic > 0.015


@pytest.mark.parametrize("order", [0.5, 3.0, 60.0])
def test_the_k_law_equals_its_density_integrated(order: float) -> None:
    looks = 3.0
    mean = special.digamma(looks) + special.digamma(order)
    variance = special.polygamma(1, looks) + special.polygamma(1, order)
    fitted = fit("k", float(mean), float(variance), looks)

    def density(power: float) -> float:  # of a gamma draw times a gamma draw, both unscaled
        middle = (looks + order) / 2
        bessel = special.kv(order - looks, 2 * np.sqrt(power))
        return float(
            2 * power ** (middle - 1) * bessel / special.gamma(looks) / special.gamma(order)
        )

    for level in (0.1 * looks * order, looks * order, 3 * looks * order):
        expected = integrate.quad(density, 0, level, limit=200)[0]
        assert fitted.below(np.log(np.array([level])))[0] == pytest.approx(expected, abs=2e-4)


# speckle


@pytest.mark.parametrize("looks", [1, 4])
def test_speckle_moments_are_those_of_theory(looks: int) -> None:
    rng = np.random.default_rng(1)
    found = [
        moments(view_of(speckle_intensity(np.ones((128, 128), np.float32), looks, rng)))
        for _ in range(12)
    ]
    cv_squared, second, third = np.mean(found, axis=0)
    assert 1 / cv_squared == pytest.approx(looks, rel=0.035)
    assert second == pytest.approx(special.polygamma(1, looks), rel=0.02)
    assert third == pytest.approx(special.polygamma(2, looks), rel=0.06)


def test_texture_between_blocks_does_not_count_as_speckle() -> None:
    rng = np.random.default_rng(2)
    fields = np.kron(rng.lognormal(0, 1, (8, 8)), np.ones((16, 16))).astype(np.float32)
    _, second, _ = moments(view_of(speckle_intensity(fields, 1, rng)))
    assert second == pytest.approx(special.polygamma(1, 1), rel=0.05)


def test_correlation_of_intensity_is_that_of_the_field_squared() -> None:
    spread = PointSpread(oversampling=1.5)
    rng = np.random.default_rng(5)
    flat = np.ones((256, 256), np.float32)
    found = np.mean(
        [correlation(view_of(np.abs(speckle_complex(flat, rng, spread)) ** 2)) for _ in range(6)],
        axis=0,
    )
    response = spread.response(np.arange(-40.0, 41.0))
    expected = np.correlate(response, response, "full")[81] / np.sum(response**2)
    # a little low: what varies slowly goes with the mean of a block
    assert expected**2 - 0.06 < found[0] < expected**2
    assert found[1] == pytest.approx(found[0], abs=0.02)
    white = correlation(view_of(speckle_intensity(flat, 1, rng)))
    np.testing.assert_allclose(white, 0, atol=0.025)


# texture


def test_cooccurrence_of_a_case_from_the_literature() -> None:
    # Haralick, Shanmugam & Dinstein 1973, figure 3
    image = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 2, 2, 2], [2, 2, 3, 3]], np.uint16)
    found = cooccurrence(image, ((0, 1), (1, 0)), 4)
    across = np.array([[4, 2, 1, 0], [2, 4, 0, 0], [1, 0, 6, 1], [0, 0, 1, 2]]) / 24
    down = np.array([[6, 0, 2, 0], [0, 4, 2, 0], [2, 2, 2, 2], [0, 0, 2, 0]]) / 24
    np.testing.assert_allclose(found, [across, down])


def test_pixels_without_data_make_no_pairs() -> None:
    image = np.array([[0, 1, 4], [4, 1, 0]], np.uint16)
    found = cooccurrence(image, ((0, 1),), 4)[0]
    assert found[0, 1] == found[1, 0] == 0.5


def test_texture_features_of_white_noise() -> None:
    levels = np.random.default_rng(0).integers(0, 32, (400, 400)).astype(np.uint16)
    contrast, _, _, energy, correlated, entropy = haralick(cooccurrence(levels, ((0, 1),)))[0]
    variance = (32**2 - 1) / 12
    assert contrast == pytest.approx(2 * variance, rel=0.01)
    assert correlated == pytest.approx(0, abs=0.01)
    assert energy == pytest.approx(1 / 32, rel=0.01)
    assert entropy == pytest.approx(2 * np.log(32), rel=0.01)


# features


def test_frechet_distance_of_two_gaussians() -> None:
    rng = np.random.default_rng(7)
    first, second = rng.normal(size=(4000, 8)), 2 * rng.normal(size=(4000, 8)) + 0.5
    assert frechet(first, second) == pytest.approx(8 * (0.25 + 1.0), rel=0.05)
    assert frechet(first, first) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("count", [12, 60])
def test_frechet_distance_equals_the_matrix_root(count: int) -> None:
    """With fewer images than dimensions, and with more."""
    rng = np.random.default_rng(8)
    first, second = rng.normal(size=(count, 24)), rng.normal(size=(count + 3, 24)) * 1.5
    c1, c2 = np.cov(first.T), np.cov(second.T)
    root = linalg.sqrtm((c1 + 1e-9 * np.eye(24)) @ (c2 + 1e-9 * np.eye(24)))
    shift = np.sum((first.mean(0) - second.mean(0)) ** 2)
    expected = shift + np.trace(c1 + c2) - 2 * np.trace(root).real
    assert frechet(first, second) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_frechet_distance_with_a_constant_feature_and_far_from_zero(mean: float) -> None:
    """Neither takes digits: the distance of independent features is known, one by one."""
    rng = np.random.default_rng(12)
    first, second = rng.normal(size=(3000, 6)), 3 * rng.normal(size=(2500, 6))
    for one in (first, second):  # independent to the last digit, with deviations 1 and 3
        one -= one.mean(0)
        one @= np.linalg.inv(np.linalg.cholesky(np.cov(one.T))).T
    second *= 3
    first, second = (np.pad(one, ((0, 0), (0, 1))) + mean for one in (first, second))
    assert frechet(first, second) == pytest.approx(6 * (3 - 1) ** 2, rel=1e-6)
    assert frechet(first, second + 1) == pytest.approx(6 * (3 - 1) ** 2 + 7, rel=1e-6)


def test_weights_stand_for_repeated_images() -> None:
    rng = np.random.default_rng(9)
    first, second = rng.normal(size=(30, 5)), rng.normal(size=(40, 5))
    times = rng.integers(1, 4, 30)
    repeated = np.repeat(first, times, axis=0)
    weights = times.astype(float)
    assert frechet(first, second, weights) == pytest.approx(frechet(repeated, second))


def test_kernel_distance_is_unbiased_and_sees_a_shift() -> None:
    rng = np.random.default_rng(10)
    same = [
        kernel_distance(rng.normal(size=(200, 16)), rng.normal(size=(200, 16))) for _ in range(20)
    ]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(20)
    shifted = kernel_distance(rng.normal(size=(2000, 16)), rng.normal(size=(2000, 16)) + 0.5)
    assert shifted == pytest.approx(1.03, abs=0.1)
    assert cmmd(rng.normal(size=(200, 16)), rng.normal(size=(200, 16)) + 0.5) > 0.5


def test_precision_falls_with_strange_images_and_recall_with_missing_ones() -> None:
    rng = np.random.default_rng(11)
    real = np.concatenate([rng.normal(size=(150, 2)), rng.normal(size=(150, 2)) + 30])
    ones = np.ones(300)
    half = rng.normal(size=(300, 2))
    found = manifold(real, half, ones, ones)
    assert found["precision"] > 0.9
    assert found["recall"] == pytest.approx(0.5, abs=0.08)
    assert found["coverage"] == pytest.approx(0.5, abs=0.08)
    strange = np.concatenate([real[:150] + rng.normal(size=(150, 2)) * 0.1, half[:150] - 90])
    assert manifold(real, strange, ones, ones)["precision"] == pytest.approx(0.5, abs=0.08)
    copied = manifold(real, real + 1e-6, ones, ones)
    assert copied["nearer"] == 1.0


def test_a_bootstrap_draw_repeats_no_row() -> None:
    images = Images.of([str(n) for n in range(50)], {"x": np.arange(50, dtype=np.float32)})
    drawn = images.drawn(np.random.default_rng(0))
    assert len(set(drawn.names)) == len(drawn) < 50
    assert drawn.weights.sum() == 50


# reading


def test_pixels_keep_their_power_through_eight_bits() -> None:
    rng = np.random.default_rng(12)
    amplitude = np.sqrt(rng.standard_exponential((256, 256)))
    pixels = np.rint(np.clip(amplitude / 4.0, 0, 1) * 255).astype(np.uint8)
    found = power_of_pixels(pixels, "amplitude")
    assert found.values.mean() * 16 == pytest.approx(1.0, rel=0.01)
    logs = np.log(found.values * 16)
    assert logs.var() == pytest.approx(special.polygamma(1, 1), rel=0.03)
    assert len(np.unique(found.values)) > 10_000  # no comb left


def test_what_pixels_mean_is_asked_for(tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64), 9, np.uint8)).save(tmp_path / "plain.png")
    with pytest.raises(InputError, match=r"plain\.png does not say .* --pixel amplitude"):
        ImageFolder(tmp_path).image(0)
    assert ImageFolder(tmp_path, PixelsSaid("amplitude")).image(0).power.shape == (64, 64)
    with pytest.raises(InputError, match="--db-window"):
        ImageFolder(tmp_path, PixelsSaid("db")).image(0)


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("broken.png", b"no picture", "is no whole picture"),
        ("broken.tif", b"no raster", "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes, wanted: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=wanted):
        ImageFolder(tmp_path, PixelsSaid("amplitude")).image(0)


def test_pictures_that_are_no_radar_images_are_refused(tmp_path: Path) -> None:
    colour = np.zeros((64, 64, 3), np.uint8)
    colour[..., 0] = 200
    Image.fromarray(colour).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match="in colour"):
        ImageFolder(tmp_path, PixelsSaid("amplitude")).image(0)
    Image.fromarray(np.full((32, 64), 9, np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match="at least 64 x 64"):
        ImageFolder(tmp_path, PixelsSaid("amplitude")).image(0)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match="holds no power"):
        ImageFolder(tmp_path, PixelsSaid("amplitude")).image(0)


def test_metadata_of_an_export_gives_tone_and_level(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(1, 65000, (64, 64)).astype(np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    line = {"file_name": "a.png", "tone": "musigma", "threshold": 3.0, "looks": 2.0,
            "calibration": "sigma_nought"}  # fmt: skip
    (tmp_path / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    image = ImageFolder(tmp_path).image(0)
    np.testing.assert_allclose(np.sqrt(image.power), pixels / 65535 * 3.0, atol=3.0 / 65535)
    assert (image.looks, image.calibration, image.ceiling) == (2.0, "sigma_nought", 9.0)
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "b.png"}\n')
    with pytest.raises(FormatError, match=r"names b\.png, which is not there"):
        ImageFolder(tmp_path)
