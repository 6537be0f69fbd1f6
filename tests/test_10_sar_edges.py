"""Edges by the ratio of averages, and Lee's estimate of the mean power."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from sarloom.errors import InputError
from sarloom.sar.edges import ratio_contrast, strongest_edges, thin
from sarloom.sar.lee import lee_filter
from sarloom.sar.speckle import enl_moment


def speckled(power: np.ndarray, looks: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.asarray(power * rng.gamma(looks, 1 / looks, power.shape), np.float32)


def test_a_step_is_found_where_it_is() -> None:
    power = np.full((80, 80), 0.02)
    power[:, 40:] = 0.2
    contrast = ratio_contrast(speckled(power, 1), 6)
    assert np.argmax(contrast.mean(0)) in (38, 39, 40, 41)
    # in the middle of the step the halves lie on either side, but for what the gap leaves out
    assert contrast[:, 39:41].mean() == pytest.approx(10.0, abs=1.0)


def test_false_alarms_do_not_hang_on_the_level() -> None:
    dark, bright = (
        ratio_contrast(speckled(np.full((128, 128), level), 1, seed), 6)
        for level, seed in ((0.001, 1), (10.0, 2))
    )
    threshold = np.quantile(dark, 0.95)
    assert np.mean(bright > threshold) == pytest.approx(0.05, abs=0.02)


def test_as_many_edges_as_asked_for() -> None:
    power = np.full((64, 64), 0.02)
    power[20:40, 10:50] = 0.3
    contrast = ratio_contrast(speckled(power, 2), 4)
    edges = strongest_edges(contrast, 0.05)
    assert edges.mean() == pytest.approx(0.05, abs=0.002)
    assert np.all(thin(contrast)[edges])
    assert not strongest_edges(contrast, 0.0).any()


def test_discs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="no disc"):
        ratio_contrast(np.ones((10, 40), np.float32), 6)


def test_even_ground_becomes_its_mean() -> None:
    given = speckled(np.full((96, 96), 0.3), 4)
    made = lee_filter(given, 4.0)
    assert enl_moment(made) > 8 * enl_moment(given)
    assert made.mean() == pytest.approx(0.3, rel=0.02)


def test_what_stands_out_stays() -> None:
    power = np.full((40, 40), 0.02)
    power[20, 20] = 20.0
    made = lee_filter(speckled(power, 4, 3), 4.0)
    assert made[20, 20] > 0.7 * speckled(power, 4, 3)[20, 20]
    assert np.all(made >= 0)


@pytest.mark.parametrize(("shape", "side"), [((7, 9), 3), ((1100, 500), 5), ((64, 9000), 7)])
def test_rows_filtered_in_parts_are_those_of_the_whole(shape: tuple[int, int], side: int) -> None:
    """Against Lee's formula over the whole scene at once, over sixty decibels."""
    rng = np.random.default_rng(5)
    power = np.exp(rng.normal(0, 3, shape)).astype(np.float32)
    wide = power.astype(np.float64)
    mean, square = (ndimage.uniform_filter(one, side, mode="nearest") for one in (wide, wide**2))
    variation = np.maximum(square / mean**2 - 1, 0)
    gain = np.maximum(variation - 1 / 4, 0) / np.maximum(variation * (1 + 1 / 4), 1e-30)
    wanted = mean + np.minimum(gain, 1) * (wide - mean)
    np.testing.assert_allclose(lee_filter(power, 4.0, side), wanted, rtol=1e-5)


def test_a_filter_holds_little_more_than_what_it_returns() -> None:
    power = np.ones((2048, 2048), np.float32)
    tracemalloc.start()
    lee_filter(power, 4.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * power.nbytes


def test_a_filter_says_what_it_needs() -> None:
    with pytest.raises(InputError, match="above 0"):
        lee_filter(np.ones((9, 9), np.float32), 0.0)
    with pytest.raises(InputError, match="odd"):
        lee_filter(np.ones((9, 9), np.float32), 1.0, 4)
