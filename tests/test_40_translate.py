"""`sarloom translate` and `sarloom refine`: the same ground, the same level, said in a record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine, array_bounds
from scipy import ndimage

from sarloom.errors import InputError
from sarloom.generate.info import describe, read_info
from sarloom.models.control import ControlLayout
from sarloom.options.refine import RefineOptions
from sarloom.options.translate import TranslateOptions
from sarloom.workflows import refine, translate
from test_40_control import random_control

COARSE_M, FINE_M = 2.8, 0.35
CORNER = (500_123.0, 4_100_456.0)
TARGET = (14, 9)


@pytest.fixture(scope="module")
def base(tiny_models: dict[str, Path]) -> Path:
    return tiny_models["reflectivity"]


@pytest.fixture(scope="module")
def control(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = ControlLayout(("satellite", "simulated"), shared=True)
    return random_control(base, tmp_path_factory.mktemp("controls") / "control", layout)


def save_scene(
    path: Path,
    power: np.ndarray,
    spacing_m: float,
    calibrated: bool = True,
    place: bool = True,
    looks: int = 4,
) -> Path:
    """A radar image as `sarloom simulate` writes it, or a bare GeoTIFF of amplitudes."""
    tags = {
        "SARLOOM_VERSION": "0", "QUANTITY": "sigma_nought", "SPACING_M": str(spacing_m),
        "LOOKS": str(looks), "INCIDENCE_ANGLE_DEG": "35", "SYNTHETIC": "yes",
    }  # fmt: skip
    lies = {
        "crs": "EPSG:32633",
        "transform": Affine(spacing_m, 0, CORNER[0], 0, -spacing_m, CORNER[1]),
    }
    with rasterio.open(
        path, "w", driver="GTiff", count=1, dtype="float32", height=power.shape[0],
        width=power.shape[1], **(lies if place else {}),
    ) as raster:  # fmt: skip
        raster.write(np.asarray(power if calibrated else 1e3 * np.sqrt(power), np.float32), 1)
        if calibrated:
            raster.update_tags(**tags)
    return path


@pytest.fixture(scope="module")
def satellite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fields of two levels, with speckle."""
    rng = np.random.default_rng(0)
    power = np.full((21, 18), 0.03)
    power[:, 9:] = 0.15
    power *= rng.gamma(4, 0.25, power.shape)
    return save_scene(tmp_path_factory.mktemp("scenes") / "s1.tif", power, COARSE_M)


def wanted(scene: Path, base: Path, control: Path, out: Path, **changes: Any) -> TranslateOptions:
    return TranslateOptions(
        scene, model=str(base), control_model=(str(control),), out=out, steps=2, stride=32,
        **{"spacing_m": FINE_M, **changes},
    )  # fmt: skip


def read(path: Path) -> tuple[np.ndarray, Any]:
    with rasterio.open(path) as raster:
        return raster.read(1), raster.profile | {"tags": raster.tags()}


def decibels(one: float, other: float) -> float:
    return float(10 * np.log10(one / other))


@pytest.fixture(scope="module")
def translated(
    satellite: Path, base: Path, control: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    return translate(wanted(satellite, base, control, tmp_path_factory.mktemp("out")))


def test_a_translated_scene_lies_on_the_same_ground(
    translated: list[Path], satellite: Path
) -> None:
    made, profile = read(translated[0])
    power, before = read(satellite)
    assert made.shape == (21 * 8, 18 * 8)
    assert profile["crs"] == before["crs"]
    assert profile["transform"].a == pytest.approx(FINE_M)
    bounds = array_bounds(*made.shape, profile["transform"])
    np.testing.assert_allclose(bounds, array_bounds(*power.shape, before["transform"]), atol=1e-6)


def test_a_point_stays_where_it_was(base: Path, control: Path, tmp_path: Path) -> None:
    power = np.full((21, 18), 0.05)
    power[TARGET] = 5.0
    scene = save_scene(tmp_path / "point.tif", power, COARSE_M, looks=400)
    files = translate(wanted(scene, base, control, tmp_path, looks=0))
    made, profile = read(files[0])
    # power gathered around every fine pixel as far as a coarse one reaches
    around = ndimage.uniform_filter(made.astype(np.float64) ** 2, 8)
    row, column = np.unravel_index(np.argmax(around), around.shape)
    x, y = profile["transform"] * (column, row)  # of 8 pixels the middle is a corner
    true_x = CORNER[0] + COARSE_M * (TARGET[1] + 0.5)
    true_y = CORNER[1] - COARSE_M * (TARGET[0] + 0.5)
    assert abs(x - true_x) < COARSE_M / 2 and abs(y - true_y) < COARSE_M / 2


def test_a_translated_scene_keeps_its_level(translated: list[Path], satellite: Path) -> None:
    made, profile = read(translated[0])
    power, _ = read(satellite)
    coarse = (made.astype(np.float64) ** 2).reshape(21, 8, 18, 8).mean((1, 3))
    assert abs(decibels(coarse.mean(), power.mean())) < 1.0
    for half in (slice(0, 5), slice(13, 18)):  # both fields, not their sum alone
        assert abs(decibels(coarse[:8, half].mean(), power[:8, half].mean())) < 1.0
    record = json.loads(translated[2].read_text())
    assert record["level"]["difference_after_db"] == pytest.approx(0, abs=0.01)
    assert profile["tags"]["calibration"] == "sigma_nought"


def test_the_record_says_where_it_came_from(translated: list[Path], satellite: Path) -> None:
    from sarloom.files import sha256_of

    info = read_info(translated[0])
    assert info.record["input"]["sha256"] == sha256_of(satellite)
    assert info.record["guides"][0]["kind"] == "satellite"
    assert info.command.startswith("sarloom translate ") and "--spacing-m 0.35" in info.command
    assert dict(describe(info))["made by"] == "sarloom translate"
    assert info.warnings == ()
    assert read_info(translated[2]).record == info.record


def test_a_part_of_an_uncalibrated_scene_keeps_its_units(
    base: Path, control: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    power = 0.05 * rng.gamma(4, 0.25, (30, 30))
    power[:4] = np.nan
    scene = save_scene(tmp_path / "amplitudes.tif", power, COARSE_M, calibrated=False)
    files = translate(wanted(scene, base, control, tmp_path, window="2,5,20,12", looks=4))
    made, profile = read(files[0])
    assert made.shape == (160, 96)
    assert np.isnan(made[:16]).all() and np.isfinite(made[16:]).all()  # not seen, not invented
    truth = np.nanmean(1e6 * power[2:22, 5:17])
    assert abs(decibels(float(np.nanmean(made**2)), truth)) < 1.0
    assert profile["transform"].c == pytest.approx(CORNER[0] + 5 * COARSE_M)
    assert profile["transform"].f == pytest.approx(CORNER[1] - 2 * COARSE_M)
    assert profile["tags"]["calibration"] == "uncalibrated"


def test_a_scene_without_a_projection_gets_points(
    base: Path, control: Path, tmp_path: Path
) -> None:
    from rasterio.control import GroundControlPoint

    scene = save_scene(tmp_path / "swath.tif", np.full((12, 10), 0.1), COARSE_M, place=False)
    corners = [
        GroundControlPoint(row, column, 15.0 + 3.2e-5 * column, 37.0 - 2.52e-5 * row)
        for row in (0, 6, 12) for column in (0, 5, 10)
    ]  # fmt: skip
    with rasterio.open(scene, "r+") as raster:
        raster.gcps = (corners, "EPSG:4326")
    files = translate(wanted(scene, base, control, tmp_path))
    with rasterio.open(files[0]) as raster:
        points, crs = raster.gcps
        rows, columns = raster.shape
    assert crs is not None and len(points) == 81
    last = max(points, key=lambda point: point.row + point.col)
    assert last.row == pytest.approx(rows, abs=0.6) and last.col == pytest.approx(columns, abs=0.6)
    assert last.x == pytest.approx(15.00032, abs=1e-6)
    assert last.y == pytest.approx(37 - 12 * 2.52e-5, abs=1e-6)


def test_what_cannot_be_translated_is_said_first(
    satellite: Path, base: Path, control: Path, tmp_path: Path
) -> None:
    fine = save_scene(tmp_path / "fine.tif", np.full((40, 40), 0.1), 0.2)
    bare = save_scene(tmp_path / "bare.tif", np.full((40, 40), 0.1), 1, False, place=False)
    empty = save_scene(tmp_path / "empty.tif", np.full((9, 9), np.nan), COARSE_M)
    out = tmp_path / "out"
    for scene, changes, message in (
        (fine, {}, "finer than the 0.35 m wanted"),
        (bare, {}, "does not say its pixel spacing"),
        (empty, {}, "hold data"),
        (satellite, {"spacing_m": 1.0}, "draws pixels of 0.35 m"),
        (satellite, {"window": "0,0,99,9"}, "leaves the scene"),
        (satellite, {"window": "0;0"}, "ROW,COLUMN,ROWS,COLUMNS"),
        (satellite, {"channel": "HV"}, "--channel HV"),
        (satellite, {"control_model": ()}, "no control for satellite"),
        (tmp_path / "none.tif", {}, "not there"),
    ):
        options = wanted(scene, base, control, out)
        options = type(options)(**{**vars(options), **changes})
        with pytest.raises(InputError, match=message):
            translate(options)
    assert not [path for path in out.rglob("*.tif") if ".part" not in str(path)]


# -- refine ----------------------------------------------------------------------------------------


def test_a_refined_scene_keeps_grid_and_level(base: Path, control: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    power = np.full((61, 360), 0.02)
    power[:, 180:] = 0.2
    scene = save_scene(tmp_path / "town.tif", power * rng.gamma(1, 1, power.shape), FINE_M)
    files = refine(
        RefineOptions(
            scene,
            model=str(base),
            control_model=(str(control),),
            out=tmp_path,
            steps=2,
            stride=32,
        )
    )
    made, profile = read(files[0])
    given, before = read(scene)
    assert made.shape == given.shape
    assert profile["transform"] == before["transform"] and profile["crs"] == before["crs"]
    # the level is smoothed over 32 pixels by default: both fields, three times that from their edge
    for half in (slice(0, 84), slice(276, 360)):
        ratio = decibels(float(np.mean(made[:, half] ** 2)), float(given[:, half].mean()))
        assert abs(ratio) < 1.0
    assert read_info(files[0]).record["task"] == "refine"
    # without a control it needs none
    alone = refine(
        RefineOptions(scene, model=str(base), weight=0.0, out=tmp_path / "alone", steps=2)
    )
    assert not np.array_equal(read(alone[0])[0], made)


def test_another_spacing_is_not_refined(base: Path, tmp_path: Path) -> None:
    scene = save_scene(tmp_path / "coarse.tif", np.full((40, 40), 0.1), 1.0)
    with pytest.raises(InputError, match=r"simulate it with --spacing-m 0\.35"):
        refine(RefineOptions(scene, model=str(base), weight=0.0, out=tmp_path))
