"""Impulse response: width, sidelobes and energy."""

from __future__ import annotations

import numpy as np
import pytest

from sarloom.errors import InputError
from sarloom.sar.psf import PointSpread, apply_psf, half_power_width, peak_sidelobe_db

DESIGNS = [
    (PointSpread("uniform"), 0.8859, -13.26),
    (PointSpread("taylor", nbar=4, sidelobe_db=-30.0), 1.1247, None),
    (PointSpread("taylor", sidelobe_db=-35.0), 1.1842, -35.17),
    (PointSpread("hamming"), 1.3047, -42.67),
]


def impulse(psf: PointSpread) -> np.ndarray:
    image = np.zeros((255, 255), np.complex64)
    image[127, 127] = 1
    return apply_psf(image, psf)


@pytest.mark.parametrize("oversampling", [1.0, 1.5])
@pytest.mark.parametrize(("design", "width", "sidelobe"), DESIGNS)
def test_width_and_sidelobes_of_the_windows(
    design: PointSpread, width: float, sidelobe: float | None, oversampling: float
) -> None:
    psf = PointSpread(design.window, oversampling, design.nbar, design.sidelobe_db)
    image = impulse(psf)
    for profile in (image[127], image[:, 127]):
        assert half_power_width(profile) / oversampling == pytest.approx(width, rel=0.01)
        if sidelobe is not None:
            # the band edge falls between two FFT frequencies: a quarter of a decibel
            assert peak_sidelobe_db(profile) == pytest.approx(sidelobe, abs=0.25)


@pytest.mark.parametrize("design", [d[0] for d in DESIGNS])
def test_response_has_unit_energy_and_matches_its_closed_form(design: PointSpread) -> None:
    psf = PointSpread(design.window, 1.3, design.nbar, design.sidelobe_db)
    image = impulse(psf)
    assert np.sum(np.abs(image) ** 2) == pytest.approx(1.0, abs=0.01)
    closed = psf.response(np.arange(255) - 127.0)
    assert np.sum(closed**2) == pytest.approx(1.0, abs=0.01)
    measured = image[127].real / np.sqrt(np.sum(image[127].real ** 2))
    assert np.abs(measured - closed).max() < 0.01 * closed.max()


def test_nothing_wraps_around_the_border() -> None:
    image = np.zeros((64, 64), np.complex64)
    image[0, 0] = 1
    far = np.abs(apply_psf(image, PointSpread("taylor", 1.2))[40:, 40:]) ** 2
    assert far.max() < 1e-8


def test_bad_designs_are_refused() -> None:
    with pytest.raises(InputError, match="alias"):
        PointSpread("uniform", 0.9)
    with pytest.raises(InputError, match="not known"):
        PointSpread("kaiser")
