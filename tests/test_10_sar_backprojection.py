from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from sarloom.errors import FormatError, InputError
from sarloom.sar.backprojection import LIGHT_SPEED_M_S, back_project
from sarloom.sar.psf import half_power_width
from sarloom.train.gotcha import load_gotcha

FREQUENCY = 9.6e9 + np.linspace(-300e6, 300e6, 128)
BANDWIDTH = 600e6 * 128 / 127
WAVELENGTH = LIGHT_SPEED_M_S / FREQUENCY[64]
STEP_RAD = np.radians(0.03)
AZIMUTH = (np.arange(100) - 49.5) * STEP_RAD


def flight(elevation_deg: float, heading_rad: float = 0.0) -> NDArray[np.float64]:
    """Arc at 10 km whose middle lies at azimuth pi + heading: range runs along +x for heading 0."""
    a, e = AZIMUTH + np.pi + heading_rad, np.radians(elevation_deg)
    unit = [np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.full(a.size, np.sin(e))]
    return 10e3 * np.stack(unit, axis=1)


def echoes(antenna: NDArray[np.float64], targets: dict[tuple[float, float, float], complex]):
    history = np.zeros((FREQUENCY.size, len(antenna)), complex)
    for place, amplitude in targets.items():
        offset = np.linalg.norm(antenna - np.array(place), axis=1) - 10e3
        history += amplitude * np.exp(-4j * np.pi * np.outer(FREQUENCY, offset) / LIGHT_SPEED_M_S)
    return history


def focus(antenna, history, x, y, z=0.0, window="uniform"):
    reference = np.full(len(antenna), 10e3)
    return back_project(history, FREQUENCY, antenna, reference, x, y, z, window)


def test_targets_come_back_at_their_cells_with_amplitude_and_phase() -> None:
    antenna = flight(35.0)
    x = (np.arange(80) - 40)[None, :] * 0.3
    y = (np.arange(70) - 35)[:, None] * 0.3
    cells = {(10, 65): 1.0 + 0j, (35, 40): 0.8j, (60, 12): 0.9 * np.exp(-2.5j)}
    history = echoes(antenna, {(x[0, c], y[r, 0], 0.0): a for (r, c), a in cells.items()})
    image = focus(antenna, history, x, y, window="taylor")
    assert image.dtype == np.complex64 and image.shape == (70, 80)
    left = np.abs(image)
    for _ in cells:
        cell = np.unravel_index(left.argmax(), left.shape)
        assert cell in cells
        assert abs(image[cell] - cells[cell]) < 0.03
        left[cell[0] - 6 : cell[0] + 7, cell[1] - 6 : cell[1] + 7] = 0


def test_resolution_is_that_of_bandwidth_and_aperture() -> None:
    antenna = flight(0.0)
    history = echoes(antenna, {(3.0, -2.0, 0.0): 1.0})
    along = (np.arange(256) - 128) * 0.05
    in_range = focus(antenna, history, 3.0 + along[None, :], np.array([[-2.0]]))[0]
    in_azimuth = focus(antenna, history, np.array([[3.0]]), -2.0 + along[:, None])[:, 0]
    # the 3 dB width of a sinc is 0.886 of the resolution unit
    range_m = 0.886 * LIGHT_SPEED_M_S / (2 * BANDWIDTH)
    azimuth_m = 0.886 * WAVELENGTH / (2 * AZIMUTH.size * STEP_RAD)
    assert half_power_width(in_range, 16) * 0.05 == pytest.approx(range_m, rel=0.02)
    assert half_power_width(in_azimuth, 16) * 0.05 == pytest.approx(azimuth_m, rel=0.02)


def test_height_is_taken_into_account() -> None:
    antenna = flight(40.0)
    history = echoes(antenna, {(0.0, 0.0, 5.0): 1.0})
    spot = np.array([[0.0]])
    assert abs(focus(antenna, history, spot, spot, 5.0)[0, 0] - 1) < 0.01
    x = np.linspace(-10, 10, 401)[None, :]
    laid_over = x[0, np.abs(focus(antenna, history, x, spot))[0].argmax()]
    assert laid_over == pytest.approx(-5.0 * np.tan(np.radians(40.0)), abs=0.1)


def test_nothing_is_folded_in_from_beyond_the_swath() -> None:
    antenna = flight(0.0)
    swath = LIGHT_SPEED_M_S / (2 * (FREQUENCY[1] - FREQUENCY[0]))
    history = echoes(antenna, {(10.0, 0.0, 0.0): 1.0})
    image = focus(antenna, history, np.array([[10.0, 10.0 - swath, 10.0 + swath]]), 0.0)
    assert abs(image[0, 0]) > 0.99
    assert (image[0, 1:] == 0).all()


def test_what_cannot_be_focused_is_refused() -> None:
    antenna, spot = flight(0.0), np.zeros((1, 1))
    history = echoes(antenna, {(0.0, 0.0, 0.0): 1.0})
    reference = np.full(100, 10e3)
    with pytest.raises(InputError, match="frequencies for"):
        back_project(history, FREQUENCY[1:], antenna, reference, spot, spot)
    with pytest.raises(InputError, match="even steps"):
        back_project(history, np.geomspace(9e9, 10e9, 128), antenna, reference, spot, spot)
    with pytest.raises(InputError, match="antenna positions"):
        back_project(history, FREQUENCY, antenna[1:], reference, spot, spot)
    with pytest.raises(InputError, match="not finite"):
        back_project(history * np.nan, FREQUENCY, antenna, reference, spot, spot)
    with pytest.raises(InputError, match="window"):
        back_project(history, FREQUENCY, antenna, reference, spot, spot, window="bohman")


def write_mat(path: Path, pulses: slice, heading_rad: float, **changes: object) -> None:
    antenna = flight(45.0, heading_rad)
    # 4 m farther than the centre as seen from the middle of the arc, 2.5 m to the left of that
    c, s = np.cos(heading_rad), np.sin(heading_rad)
    history = echoes(antenna, {(4 * c - 2.5 * s, 4 * s + 2.5 * c, 0.0): 1.0})
    antenna = antenna[pulses]
    data = {
        "fp": history[:, pulses].astype(np.complex64),
        "freq": FREQUENCY[:, None],
        "r0": np.linalg.norm(antenna, axis=1),
    }
    data |= dict(zip("xyz", antenna.T, strict=True))
    savemat(path, {"data": data | changes})


@pytest.mark.parametrize("heading_deg", [0.0, 78.0, 179.9])
def test_gotcha_files_make_one_image_with_range_to_the_right(
    tmp_path: Path, heading_deg: float
) -> None:
    write_mat(tmp_path / "az001.mat", slice(0, 50), np.radians(heading_deg))
    write_mat(tmp_path / "az002.mat", slice(50, 100), np.radians(heading_deg))
    image = load_gotcha(tmp_path, spacing_m=0.5, extent_m=20.5)
    assert image.shape == (41, 41)
    # left of the range direction is up
    assert np.unravel_index(np.abs(image).argmax(), image.shape) == (20 - 5, 20 + 8)
    assert abs(image[15, 28]) == pytest.approx(1.0, abs=0.02)


def test_missing_and_broken_gotcha_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no Gotcha phase history"):
        load_gotcha(tmp_path / "absent")
    with pytest.raises(InputError, match="no Gotcha phase history"):
        load_gotcha(tmp_path)
    path = tmp_path / "az001.mat"
    write_mat(path, slice(0, 50), 0.0)
    whole = path.read_bytes()
    for content in (b"", b"not a mat file", whole[:100], whole[:400], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(FormatError, match=r"az001\.mat"):
            load_gotcha(tmp_path)
    savemat(path, {"other": 1})
    with pytest.raises(FormatError, match=r"az001\.mat"):
        load_gotcha(tmp_path)
    write_mat(path, slice(0, 50), 0.0, r0=np.ones(50))
    with pytest.raises(FormatError, match="r0"):
        load_gotcha(tmp_path)
    write_mat(path, slice(0, 40), 0.0)
    write_mat(tmp_path / "az002.mat", slice(60, 100), 0.0)
    with pytest.raises(InputError, match="follow each other"):
        load_gotcha(tmp_path)
    with pytest.raises(InputError, match="grid"):
        load_gotcha(tmp_path, spacing_m=0.0)


def test_the_real_car_park(shared_data: Path) -> None:
    folder = shared_data / "gotcha_xband_phase_history"
    if not folder.is_dir():
        pytest.skip(f"no Gotcha phase history at {folder}")
    begin = time.process_time()
    image = load_gotcha(folder)
    seconds = time.process_time() - begin
    assert seconds < 30
    assert image.shape == (286, 286) and np.isfinite(image).all()
    power = np.abs(image.astype(np.complex128)) ** 2
    # cars and a corner reflector stand out of the ground: contrast is far above speckle's 1
    assert power.std() / power.mean() > 5
    # an even piece of the grass below the road: fully developed single-look speckle
    grass = power[245:275, 50:110]
    assert 0.85 < grass.mean() ** 2 / grass.var() < 1.15
    # the corner reflector is the brightest point and shades the ground on its far side: with the
    # opposite sign of the phase history the picture would be turned, and the shadow on the left
    row, column = (int(k) for k in np.unravel_index(power.argmax(), power.shape))
    rows = [row + k for k in range(-5, 6) if abs(k) >= 2]
    far, near = power[rows, column + 3 : column + 10], power[rows, column - 9 : column - 2]
    assert far.mean() < 0.2 * near.mean()
    # the spectrum of the ground is centred on zero both ways, its edges at the ends
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2(image[225:, :150]))) ** 2
    for axis in (0, 1):
        band = spectrum.mean(axis)
        band /= band.sum()
        edge = len(band) // 10
        assert band[:edge].sum() + band[-edge:].sum() < 0.05
        assert abs(band @ np.linspace(-0.5, 0.5, len(band))) < 0.02
