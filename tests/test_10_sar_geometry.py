"""Closed forms of geometry, reflectors and tone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarloom.errors import InputError
from sarloom.sar import geometry, reflectors, tone
from sarloom.sar.speckle import enl_moment, intensity, speckle_complex, speckle_intensity


@pytest.mark.parametrize(
    ("angle", "layover", "shadow", "slant_shadow"),
    [(30, 8.66, 5.77, 11.55), (45, 7.07, 10.00, 14.14), (60, 5.00, 17.32, 20.00)],
)
def test_layover_and_shadow_of_a_ten_metre_wall(
    angle: float, layover: float, shadow: float, slant_shadow: float
) -> None:
    assert geometry.layover_slant(10, angle) == pytest.approx(layover, abs=0.005)
    assert geometry.shadow_ground(10, angle) == pytest.approx(shadow, abs=0.005)
    assert geometry.shadow_slant(10, angle) == pytest.approx(slant_shadow, abs=0.005)
    on_plane = geometry.ground_from_slant(geometry.layover_slant(10, angle), angle)
    assert geometry.layover_ground(10, angle) == pytest.approx(on_plane)


@given(st.floats(-1e4, 1e4), st.floats(5, 85), st.floats(-100, 100))
def test_slant_and_ground_are_inverse_on_the_plane(x: float, angle: float, z: float) -> None:
    back = geometry.ground_from_slant(geometry.slant_from_ground(x, angle), angle)
    assert back == pytest.approx(x, abs=1e-7)
    raised = geometry.ground_from_slant(geometry.slant_from_ground(x, angle, z), angle)
    assert raised == pytest.approx(x - geometry.layover_ground(z, angle), abs=1e-7)


def test_foreshortening_turns_into_layover_at_the_incidence_angle() -> None:
    factor = geometry.foreshortening([0, 20, 40, 60, -20], 40)
    assert factor[0] == 1
    assert 0 < factor[1] < 1
    assert factor[2] == pytest.approx(0, abs=1e-12)
    assert factor[3] < 0
    assert factor[4] > 1
    assert geometry.local_incidence_deg(15, 40) == 25


def test_impossible_incidence_is_refused() -> None:
    with pytest.raises(InputError, match="incidence angle 90"):
        geometry.layover_ground(1, 90)


def test_cross_sections_of_one_metre_reflectors_at_x_band() -> None:
    db = reflectors.to_dbsm
    assert db(reflectors.triangular_trihedral(1, 9.6)) == pytest.approx(36.33, abs=0.01)
    assert db(reflectors.square_trihedral(1, 9.6)) == pytest.approx(45.87, abs=0.01)
    assert db(reflectors.dihedral(1, 1, 9.6)) == pytest.approx(44.11, abs=0.01)
    assert db(reflectors.plate(1, 1, 9.6)) == pytest.approx(41.10, abs=0.01)
    assert reflectors.from_dbsm(db(7.5)) == pytest.approx(7.5)
    with pytest.raises(InputError, match="not positive"):
        db(0.0)


@pytest.fixture(scope="module")
def amplitude() -> np.ndarray:
    flat = np.ones((512, 512), np.float32)
    return np.abs(speckle_complex(flat, np.random.default_rng(1)))


def test_three_sigma_rule_clips_half_a_percent(amplitude: np.ndarray) -> None:
    rule = tone.mean_sigma_tone(amplitude)
    assert np.mean(amplitude > rule.threshold) == pytest.approx(0.005628, abs=0.0005)
    picture = rule.inverse(tone.dequantize(tone.quantize(rule.forward(amplitude))))
    assert np.mean(picture.astype(float) ** 2) == pytest.approx(0.993, abs=0.006)
    assert enl_moment(picture**2) == pytest.approx(1.05, abs=0.015)


def test_decibel_window_keeps_power_and_looks_in_eight_bits(amplitude: np.ndarray) -> None:
    rule = tone.decibel_tone(amplitude)
    back = rule.inverse(tone.dequantize(tone.quantize(rule.forward(amplitude))))
    assert np.mean(back.astype(float) ** 2) == pytest.approx(np.mean(amplitude**2), rel=0.003)
    assert enl_moment(back**2) == pytest.approx(enl_moment(amplitude**2), abs=0.006)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("uint8", 2e-3), ("uint16", 8e-6), ("float32", 1e-7)]
)
def test_round_trip_error_is_half_a_step(
    amplitude: np.ndarray, dtype: str, tolerance: float
) -> None:
    rule = tone.mean_sigma_tone(amplitude)
    pixels = tone.quantize(rule.forward(amplitude), dtype)
    assert pixels.dtype == dtype
    back = rule.inverse(tone.dequantize(pixels))
    kept = amplitude < rule.threshold
    assert np.abs(back - amplitude)[kept].max() <= tolerance * rule.threshold
    assert back[~kept] == pytest.approx(rule.threshold)


def test_tone_ignores_masked_and_missing_pixels(amplitude: np.ndarray) -> None:
    spoiled = amplitude.copy()
    spoiled[:100] = 1e6
    spoiled[100] = np.nan
    mask = np.ones(spoiled.shape, bool)
    mask[:100] = False
    clean = tone.mean_sigma_tone(amplitude[101:]).threshold
    assert tone.mean_sigma_tone(spoiled, mask=mask).threshold == pytest.approx(clean)


def test_unusable_tones_are_refused() -> None:
    with pytest.raises(InputError, match="positive"):
        tone.mean_sigma_tone(np.zeros((4, 4), np.float32))
    with pytest.raises(InputError, match="no valid pixel"):
        tone.mean_sigma_tone(np.full((4, 4), np.nan, np.float32))
    with pytest.raises(InputError, match="empty"):
        tone.DecibelTone(0, -1)
    with pytest.raises(InputError, match="int32"):
        tone.quantize(np.zeros((2, 2), np.float32), np.int32)


def test_display_handles_empty_and_broken_images() -> None:
    assert not tone.display(np.zeros((3, 3), np.float32)).any()
    broken = np.array([[np.nan, 1.0], [2.0, np.inf]], np.float32)
    picture = tone.display(broken)
    assert picture.dtype == np.uint8
    assert picture[0, 0] == 0 < picture[0, 1] < picture[1, 0]


def test_averaging_power_is_the_unbiased_way_to_multilook() -> None:
    power = speckle_intensity(np.ones((512, 512), np.float32), 1, np.random.default_rng(2))
    assert power.mean() == pytest.approx(1, abs=0.01)
    assert np.sqrt(power).mean() ** 2 == pytest.approx(np.pi / 4, abs=0.01)
    assert intensity(np.array([3 + 4j], np.complex64)) == pytest.approx(25)
