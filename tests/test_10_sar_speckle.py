"""Speckle: exact moments, number of looks, texture laws and multilooking."""

from __future__ import annotations

import numpy as np
import pytest

from sarloom.errors import InputError
from sarloom.sar.multilook import multilook
from sarloom.sar.psf import PointSpread
from sarloom.sar.speckle import (
    circular_gaussian,
    enl_blocks,
    enl_moment,
    intensity,
    log_moments,
    speckle_complex,
    speckle_intensity,
)
from sarloom.sar.statistics import (
    estimate_texture_order,
    g0_log_cumulants,
    k_cv_squared,
    k_log_cumulants,
    log_cumulants,
)

TABLE = {  # looks: amplitude mean, amplitude CV, intensity CV, E ln I, var ln I, dB bias, dB sd
    1: (0.88623, 0.52272, 1.0, -0.57722, 1.64493, -2.507, 5.570),
    2: (0.93999, 0.36300, 0.7071, -0.27036, 0.64493, -1.174, 3.488),
    4: (0.96931, 0.25362, 0.5, -0.13018, 0.28382, -0.565, 2.314),
    8: (0.98451, 0.17811, 0.3536, -0.06380, 0.13314, -0.277, 1.585),
    16: (0.99222, 0.12548, 0.25, -0.03158, 0.06449, -0.137, 1.103),
}


@pytest.mark.parametrize("looks", TABLE)
def test_theory_agrees_with_the_published_table(looks: int) -> None:
    m = log_moments(looks)
    found = (
        m.amplitude_mean,
        m.amplitude_cv,
        m.intensity_cv,
        m.log_mean,
        m.log_variance,
        m.bias_db,
        m.deviation_db,
    )
    assert found == pytest.approx(TABLE[looks], abs=6e-4)


@pytest.mark.parametrize("looks", [1, 2, 4, 16])
def test_drawn_speckle_has_the_moments_of_its_looks(looks: int) -> None:
    count = 512 * 512
    power = speckle_intensity(
        np.full((512, 512), 2.5, np.float32), looks, np.random.default_rng(looks)
    )
    theory = log_moments(looks)
    assert power.dtype == np.float32
    assert abs(power.mean() / 2.5 - 1) < 3 * theory.intensity_cv / np.sqrt(count)
    logs = np.log(power.astype(np.float64) / 2.5)
    assert abs(logs.mean() - theory.log_mean) < 3 * np.sqrt(theory.log_variance / count)
    fourth = np.mean((logs - logs.mean()) ** 4)
    spread = np.sqrt((fourth - theory.log_variance**2) / count)
    assert abs(logs.var() - theory.log_variance) < 3 * spread


def test_equivalent_number_of_looks_of_one_look_is_one() -> None:
    power = speckle_intensity(np.ones((512, 512), np.float32), 1, np.random.default_rng(5))
    assert abs(enl_moment(power) - 1) < 3 * 0.0040


def test_gamma_draws_and_averaged_looks_follow_one_law() -> None:
    flat = np.ones((256, 256), np.float32)
    drawn = np.sort(speckle_intensity(flat, 3, np.random.default_rng(1)).ravel())
    rng = np.random.default_rng(2)
    looks = [intensity(speckle_complex(flat, rng)) for _ in range(3)]
    averaged = np.sort(np.mean(looks, axis=0).ravel())
    grid = np.linspace(0.05, 4, 200)
    gap = np.abs(np.searchsorted(drawn, grid) - np.searchsorted(averaged, grid)) / drawn.size
    assert gap.max() < 1.63 * np.sqrt(2 / drawn.size)  # Kolmogorov-Smirnov at 1 %


def test_noise_is_circular() -> None:
    noise = circular_gaussian((512, 512), np.random.default_rng(3))
    assert noise.dtype == np.complex64
    bound = 3 / 512
    assert abs(np.mean(np.abs(noise) ** 2) - 1) < bound
    assert abs(np.mean(noise**2)) < 2 * bound
    assert abs(np.mean(noise)) < 2 * bound


@pytest.mark.parametrize("window", ["uniform", "taylor", "hamming"])
def test_impulse_response_keeps_mean_power(window: str) -> None:
    image = speckle_complex(
        np.full((512, 512), 0.3, np.float32), np.random.default_rng(4), PointSpread(window, 1.2)
    )
    inner = intensity(image)[32:-32, 32:-32]
    assert inner.mean() == pytest.approx(0.3, rel=0.015)


def test_seed_fixes_the_speckle() -> None:
    flat = np.ones((40, 50), np.float32)
    first = speckle_complex(flat, np.random.default_rng(8), PointSpread())
    again = speckle_complex(flat, np.random.default_rng(8), PointSpread())
    other = speckle_complex(flat, np.random.default_rng(9), PointSpread())
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_looks_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="looks 0"):
        speckle_intensity(np.ones((4, 4), np.float32), 0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("oversampling", "looks"), [(1.0, 16.0), (1.2, 13.46), (1.5, 9.48), (2.0, 6.02)]
)
def test_multilooking_oversampled_speckle_gains_fewer_looks(
    oversampling: float, looks: float
) -> None:
    flat = np.ones((2048, 2048), np.float32)
    image = speckle_complex(flat, np.random.default_rng(6), PointSpread("uniform", oversampling))
    assert enl_moment(multilook(intensity(image), 4)) == pytest.approx(looks, rel=0.02)


def test_multilook_averages_power_and_drops_the_remainder() -> None:
    power = np.arange(5 * 7, dtype=np.float32).reshape(5, 7)
    result = multilook(power, (2, 3))
    assert result.shape == (2, 2)
    assert result[0, 0] == pytest.approx(power[:2, :3].mean())
    assert result[1, 1] == pytest.approx(power[2:4, 3:6].mean())
    with pytest.raises(InputError, match="holds no block"):
        multilook(power, 6)


def test_block_looks_ignore_edges_that_spoil_the_global_figure() -> None:
    step = np.ones((512, 512), np.float32)
    step[:, 250:] = 20.0
    power = speckle_intensity(step, 1, np.random.default_rng(7))
    assert enl_moment(power) < 0.65
    assert enl_blocks(power) == pytest.approx(1.02, abs=0.05)


@pytest.mark.parametrize(("looks", "order"), [(1, 2.0), (4, 5.0)])
def test_k_clutter_has_its_log_cumulants(looks: int, order: float) -> None:
    rng = np.random.default_rng(11)
    texture = (rng.gamma(order, 1 / order, (1024, 1024))).astype(np.float32)
    power = speckle_intensity(texture, looks, rng)
    found, theory = log_cumulants(power), k_log_cumulants(looks, order)
    assert found.first == pytest.approx(theory.first, abs=0.006)
    assert found.second == pytest.approx(theory.second, rel=0.01)
    assert found.third == pytest.approx(theory.third, rel=0.03)
    cv2 = power.astype(np.float64).var() / power.astype(np.float64).mean() ** 2
    assert cv2 == pytest.approx(k_cv_squared(looks, order), rel=0.04)
    assert estimate_texture_order(power, looks) == pytest.approx(order, rel=0.03)


def test_g0_clutter_has_its_log_cumulants() -> None:
    rng = np.random.default_rng(12)
    looks, order = 2, 4.0
    texture = ((order - 1) / rng.gamma(order, 1.0, (1024, 1024))).astype(np.float32)
    found = log_cumulants(speckle_intensity(texture, looks, rng))
    theory = g0_log_cumulants(looks, order)
    assert found.first == pytest.approx(theory.first, abs=0.005)
    assert found.second == pytest.approx(theory.second, rel=0.01)
    assert found.third == pytest.approx(theory.third, rel=0.04)
    with pytest.raises(InputError, match="above 1"):
        g0_log_cumulants(1, 1.0)


def test_untextured_speckle_has_infinite_order() -> None:
    # the second log-cumulant of a draw falls below theory for about half of all seeds
    orders = [
        estimate_texture_order(
            speckle_intensity(np.ones((256, 256), np.float32), 1, np.random.default_rng(seed)), 1
        )
        for seed in range(8)
    ]
    assert min(orders) > 25
    assert any(np.isinf(order) for order in orders)
