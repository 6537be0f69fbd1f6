"""The example that turns real airborne phase history into tiles."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sarloom.archive.registry import open_scenes
from sarloom.tiles.store import open_tiles, row_amplitude


@pytest.fixture(scope="module")
def made(
    repository: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Path]:
    """The example's module and the folder that it wrote, of 32 m instead of 128 m."""
    spec = importlib.util.spec_from_file_location(
        "gotcha_tiles", repository / "examples" / "gotcha_tiles.py"
    )
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    out = tmp_path_factory.mktemp("gotcha")
    history = shared_data / "gotcha_xband_phase_history"
    command = ["--phase-history", str(history), "--extent-m", "32", "--size", "64"]
    assert example.main([*command, "--out", str(out)]) == 0
    return example, out


def test_the_image_is_described_as_it_was_flown(made: tuple[Any, Path]) -> None:
    """Elevation 45 degrees and a band of 640 MHz at 9.6 GHz, as published."""
    _, out = made
    (scene,) = open_scenes(out / "scene" / "gotcha.npy")
    assert scene.is_complex and scene.calibration == "uncalibrated" and scene.looks == 1
    assert scene.shape == (128, 128) and scene.plane == "ground"
    assert scene.range_axis == "+column" and scene.band == "X" and scene.polarization == "HH"
    assert scene.incidence_angle_deg == pytest.approx(45, abs=1.5)
    assert scene.center_frequency_hz == pytest.approx(9.6e9, rel=1e-3)
    # measured on a corner reflector: 0.51 m in azimuth
    assert scene.row_resolution_m == pytest.approx(0.51, abs=0.01)
    assert scene.column_resolution_m == pytest.approx(0.41, abs=0.01)
    assert (out / "gotcha.png").stat().st_size > 5000


def test_its_tiles_hold_the_image(made: tuple[Any, Path]) -> None:
    example, out = made
    field = np.load(out / "scene" / "gotcha.npy", allow_pickle=False)
    rows = list(open_tiles(out / "tiles"))
    assert {row["spacing_m"] for row in rows} == {0.25, 0.5}
    assert sum(row["spacing_m"] == 0.25 for row in rows) == 4
    for row in rows:
        factor = round(row["spacing_m"] / 0.25)
        side = 64 // factor
        amplitude = row_amplitude(row)
        assert amplitude.shape == (side, side)
        top, left = row["row"] * factor, row["column"] * factor
        power = np.abs(field[top : top + 64, left : left + 64]) ** 2
        power = power.reshape(side, factor, side, factor).mean(axis=(1, 3))
        below = power < 0.99 * (row["threshold"] ** 2)
        assert below.mean() > 0.9
        ratio = (amplitude[below] ** 2).sum() / power[below].sum()
        assert abs(10 * np.log10(ratio)) < 0.05
    # cars and kerbs fill these 32 m, and structure only lowers it; the lawn of all 128 m has 0.99
    assert 0.5 < example.looks_of_even_blocks(field) < 1.15
