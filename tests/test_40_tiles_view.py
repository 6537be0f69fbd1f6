"""`sarloom tiles view` and `stats`: what is drawn is what is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sarloom.errors import InputError
from sarloom.tiles.chart import BAR, LAW, draw_figures, ticks
from sarloom.tiles.physics import Histogram
from sarloom.tiles.stats import Figures, amplitude_law, describe_figures, measure_tiles
from sarloom.tiles.store import open_tiles, row_picture
from sarloom.tiles.view import GAP, HEAD, facts, fitted, grey8, write_sheet
from tile_sets import built_set, run, simulated_set


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_set(tmp_path_factory.mktemp("view") / "simulated", kinds=("river", "suburb"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_set(tmp_path_factory.mktemp("view") / "built")


# -- view ------------------------------------------------------------------------------------------


def test_radar_lies_beside_its_optical_picture(simulated: Path, tmp_path: Path) -> None:
    path = write_sheet(simulated, tmp_path / "sheet.png", count=2, cell=192)
    sheet = np.asarray(Image.open(path))
    for number, row in enumerate(open_tiles(simulated)):
        top = HEAD + GAP + number * (192 + GAP)
        radar = sheet[top : top + 192, GAP : GAP + 192]
        optical = sheet[top : top + 192, 192 + 2 * GAP : 2 * (192 + GAP)]
        words = sheet[top : top + 192, 2 * (192 + GAP) + GAP : -GAP]
        assert np.array_equal(radar, np.repeat(grey8(row)[..., None], 3, 2))
        assert np.array_equal(optical, row_picture(row, "optical"))
        assert words.max() > 200  # a caption is written
    assert sheet[: HEAD + GAP].max() > 200  # and what set it is


def test_what_is_known_is_said(simulated: Path, built: Path) -> None:
    simulated_lines = [line for line, _ in facts(open_tiles(simulated).row(0))]
    assert "0.35 m, 1 look, 55.0 deg" in simulated_lines and "far range right" in simulated_lines
    lines = [line for line, _ in facts(open_tiles(built).row(0))]
    assert "tests, X band, HH" in lines and "range direction not known" in lines


def test_a_sheet_of_partly_paired_tiles_and_of_one_split(built: Path, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert run("tiles", "view", built, "--count", "3", "--cell", "64", "--out", path) == 0
    assert Image.open(path).height == HEAD + GAP + 3 * (64 + GAP)
    assert run("tiles", "view", built, "--split", "test", "--cell", "64", "--out", path) == 0
    assert len(open_tiles(built, "test")) == 16  # in two columns, each of two or three parts
    assert Image.open(path).width in (2 * 2 * (64 + GAP) + GAP, 2 * 3 * (64 + GAP) + GAP)


def test_names_beside_the_folder_by_default(built: Path, capsys: Any) -> None:
    assert run("tiles", "view", built, "--count", "1", "--cell", "64") == 0
    sheet = built.with_name("built-contact-sheet.png")
    assert capsys.readouterr().out.split() == [str(sheet)] and sheet.is_file()


def test_pictures_shrink_by_area_and_grow_by_whole_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    small = np.asarray(fitted(pixels, 32))[..., 0]
    truth = pixels.reshape(32, 2, 32, 2).mean(axis=(1, 3))
    assert np.abs(small - truth).max() <= 1
    assert np.array_equal(np.asarray(fitted(pixels, 128))[::2, ::2, 0], pixels)


def test_no_tile_is_a_plain_error(simulated: Path, tmp_path: Path, capsys: Any) -> None:
    used = set(open_tiles(simulated).columns("split")["split"])
    empty = next(split for split in ("validation", "test") if split not in used)
    with pytest.raises(InputError, match=f"holds no tile in {empty}"):
        write_sheet(simulated, tmp_path / "x.png", split=empty)
    assert run("tiles", "view", tmp_path / "nothing") == 2
    assert "tiles build" in capsys.readouterr().err


# -- stats -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("looks", [1.0, 4.4, 16.0])
def test_the_law_is_that_of_speckle(looks: float) -> None:
    """Goodman's moments: E[A] of one look 0.886, median by sampling within 5 sigma."""
    edges = np.linspace(0, 6, 6001)
    law = np.diff(amplitude_law(edges, looks))
    middle = (edges[1:] + edges[:-1]) / 2
    assert (law * middle**2).sum() == pytest.approx(1.0, abs=1e-3)
    draws = np.sqrt(np.random.default_rng(0).gamma(looks, 1 / looks, 100_000))
    assert np.mean(draws < 0.9) == pytest.approx(float(amplitude_law(np.array([0.9]), looks)[0]),
                                                 abs=5 * 0.5 / 316)  # fmt: skip
    if looks == 1.0:
        assert (law * middle).sum() == pytest.approx(0.88623, abs=1e-4)
        assert amplitude_law(np.array([1.0]), 1.0)[0] == pytest.approx(1 - np.exp(-1))


def test_figures_are_those_of_the_pixels(built: Path) -> None:
    figures = measure_tiles(built)
    tiles = open_tiles(built)
    amplitude = np.stack([tiles.amplitude(index) for index in range(len(tiles))])
    assert figures.tiles == figures.sampled == 48
    median = float(np.median(20 * np.log10(amplitude[amplitude > 0])))
    assert figures.as_plain()["amplitude_db"]["50 %"] == pytest.approx(median, abs=0.5)
    assert figures.amplitude_db.total == int((amplitude > 0).sum())
    # the tone clips 0.03 and 1.7 % of pixels of the two fields: 1.00 and 1.12 looks remain
    assert figures.measured_looks == pytest.approx(1.06, abs=0.1)
    assert figures.law_distance is not None and figures.law_distance < 0.03
    assert figures.area_km2 == pytest.approx(48 * 64 * 64 * 1e-6)
    assert figures.counts["optical"] == {"no": 32, "yes": 16}
    assert sum(map(len, figures.footprints.values())) == 48
    assert json.loads(json.dumps(figures.as_plain()))["stated_looks"] == {"1": 48}


def test_wrong_looks_lie_far_from_the_law(tmp_path: Path) -> None:
    figures = measure_tiles(built_set(tmp_path / "wrong", looks=4, stated=1), sample=12)
    assert figures.sampled == 12 and figures.law_looks == 1.0
    assert figures.law_distance is not None and figures.law_distance > 0.1
    assert figures.measured_looks == pytest.approx(4.0, rel=0.15)
    unknown = measure_tiles(built_set(tmp_path / "unknown", looks=4, stated=None), sample=12)
    assert unknown.law_looks == unknown.measured_looks
    assert unknown.law_distance is not None and unknown.law_distance < 0.03


def test_the_command_prints_figures_and_draws_them(
    built: Path, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "statistics.png"
    assert run("tiles", "stats", built, "--out", path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split(":", 1)[1].strip().startswith("48: ") and lines[-1] == str(path)
    pixels = np.asarray(Image.open(path)).reshape(-1, 3)
    for colour in (BAR, LAW):
        assert (pixels == colour).all(axis=1).sum() > 500
    assert run("tiles", "stats", built, "--json", "--out", path) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["tiles"] == 48 and printed["picture"] == str(path)


def test_a_set_with_nothing_to_draw_is_drawn(tmp_path: Path) -> None:
    empty = Figures(1, 0, {"train": 1}, {}, _no_counts(), 0.0, 10, 0.0, None)
    assert empty.law_distance is None and dict(describe_figures(empty))["measured looks"] == "-"
    assert draw_figures(empty, tmp_path / "a.png").is_file()
    point = [(2.0, 48.0)] * 4
    dot = Figures(1, 1, {"train": 1}, {}, _no_counts(), 0.0, 10, 0.0, 1.0,
                  footprints={"train": [point]})  # fmt: skip
    dot.speckle.add(np.zeros(5))
    dot.amplitude_db.add(np.full(5, -20.0))
    assert draw_figures(dot, tmp_path / "b.png").is_file()
    assert isinstance(dot.speckle, Histogram)


def _no_counts() -> dict[str, dict[str, int]]:
    names = ("spacing_m", "stated_looks", "calibration", "band", "polarization", "optical")
    return {**{name: {} for name in (*names, "caption")}, "acquisitions": {"number": 1}}


@pytest.mark.parametrize(("low", "high"), [(-60.0, 0.0), (2.0, 2.0001), (169.444, 169.456)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    marks = ticks(low, high)
    assert 2 <= len(marks) <= 10
    assert all(low - 1e-9 <= mark <= high + 1e-9 for mark in marks)
    steps = np.diff(marks)
    assert np.allclose(steps, steps[0], rtol=1e-6)
