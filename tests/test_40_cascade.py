"""Scenes through several spacings, with consistency, and refined towards measured images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image

from sarloom.errors import InputError
from sarloom.generate.info import read_info
from sarloom.generate.large.like import quantiles, read_likeness
from sarloom.models.control import ControlLayout
from sarloom.models.load import load_model
from sarloom.models.numbers import NumberEmbedding
from sarloom.options.refine import RefineOptions
from sarloom.options.translate import TranslateOptions
from sarloom.sar.multilook import multilook
from sarloom.workflows import refine, translate
from test_40_control import random_control
from test_40_translate import save_scene

COARSE_M = 3.2


@pytest.fixture(scope="module")
def base(tiny_models: dict[str, Path]) -> Path:
    return tiny_models["reflectivity"]


@pytest.fixture(scope="module")
def control(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = ControlLayout(("satellite", "simulated"), shared=True)
    return random_control(base, tmp_path_factory.mktemp("controls") / "control", layout)


@pytest.fixture(scope="module")
def satellite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two fields, the brighter one with speckle of 4 looks as well."""
    rng = np.random.default_rng(0)
    power = np.full((16, 16), 0.03)
    power[:, 8:] = 0.3
    power *= rng.gamma(4, 0.25, power.shape)
    return save_scene(tmp_path_factory.mktemp("scenes") / "s1.tif", power, COARSE_M)


def read(path: Path) -> tuple[np.ndarray, Any]:
    with rasterio.open(path) as raster:
        return np.nan_to_num(raster.read(1)).astype(np.float64) ** 2, raster.transform


def wanted(scene: Path, base: Path, control: Path, out: Path, **changes: Any) -> TranslateOptions:
    return TranslateOptions(
        scene, model=str(base), control_model=(str(control),), out=out, steps=1, stride=32,
        **{"spacing_m": 0.4, **changes},
    )  # fmt: skip


def correlation(fine: np.ndarray, coarse: np.ndarray, factor: int) -> float:
    looked = multilook(np.asarray(fine, np.float32), factor)
    pair = [np.log(np.maximum(one, 1e-6)).ravel() for one in (looked, coarse)]
    return float(np.corrcoef(*pair)[0, 1])


@pytest.fixture(scope="module")
def many(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, said to draw whatever spacing is asked for."""
    folder = tmp_path_factory.mktemp("models") / "many"
    shutil.copytree(base, folder)
    about = json.loads((folder / "radiometry.json").read_text())
    (folder / "radiometry.json").write_text(json.dumps(about | {"spacing_m": None}))
    return folder


def test_a_cascade_goes_from_coarse_to_fine(
    satellite: Path, many: Path, control: Path, tmp_path: Path
) -> None:
    files = translate(wanted(satellite, many, control, tmp_path, through="1.6,0.8"))
    assert [path.name for path in files[:1]] == ["s1-airborne-0.tif"]
    stages = [tmp_path / f"s1-airborne-{name}m-0.tif" for name in ("1.6", "0.8")]
    power, _ = read(satellite)
    given = np.sqrt(power)  # the simulator's file holds power already
    for path, spacing in zip([*stages, files[0]], (1.6, 0.8, 0.4), strict=True):
        made, transform = read(path)
        factor = round(COARSE_M / spacing)
        assert made.shape == (16 * factor, 16 * factor)
        assert transform.a == pytest.approx(spacing)
        if path != files[0]:
            assert made.mean() == pytest.approx(given.mean(), rel=0.05)
    # speckle moves the mean of a scene of few bright pixels: the last stage keeps it before speckle
    # is laid on, and with it within what single-look speckle allows (E[p^2] is twice the square)
    bare = translate(
        wanted(satellite, many, control, tmp_path / "bare", through="1.6,0.8", looks=0)
    )
    assert read(bare[0])[0].mean() == pytest.approx(given.mean(), rel=0.01)
    made, _ = read(files[0])
    deviation = float(np.sqrt(np.square(made).sum() / 2)) / made.size
    assert abs(made.mean() - given.mean()) < 4 * deviation
    # speckle is laid on at the end and nowhere before
    records = [read_info(path).record for path in (stages[0], files[0])]
    assert records[0]["looks"] == 0
    assert records[1]["looks"] == 1
    assert records[1]["input"]["file"] == str(stages[1])
    # alone, the last stage would take its scene for a measured one
    assert "--through 1.6,0.8" in records[1]["command"]
    assert str(satellite) in records[1]["command"]
    assert correlation(read(stages[1])[0], given, 4) > 0.8


def test_spacings_are_checked_before_anything_is_drawn(
    satellite: Path, many: Path, base: Path, control: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no list of spacings"):
        translate(wanted(satellite, many, control, tmp_path, through="fine"))
    for beyond in ("nan", "-1", "inf", "1.6,0.01"):
        with pytest.raises(InputError, match=r"from 0\.05 to 50 m"):
            translate(wanted(satellite, many, control, tmp_path, through=beyond))
    with pytest.raises(InputError, match="do not become finer"):
        translate(wanted(satellite, many, control, tmp_path, through="0.8,1.6"))
    with pytest.raises(InputError, match="and no others"):
        translate(wanted(satellite, base, control, tmp_path, through="1.6", spacing_m=0.35))
    assert not list(tmp_path.glob("*.tif"))


def test_consistency_is_kept_and_said(
    satellite: Path, base: Path, control: Path, tmp_path: Path
) -> None:
    power = np.sqrt(read(satellite)[0])
    found = {}
    for consistency in ("level", "exact"):
        options = wanted(
            satellite, base, control, tmp_path / consistency, consistency=consistency,
            spacing_m=0.35, looks=0, level_scale_m=20.0,
        )  # fmt: skip
        files = translate(options)
        made, _ = read(files[0])
        # 146 pixels of 0.35 m cover 16 of 3.2 m: each of theirs is found by its place
        place = np.minimum(((np.arange(len(made)) + 0.5) * 0.35 / COARSE_M).astype(int), 15)
        total = np.zeros((16, 16))
        np.add.at(total, (place[:, None], place[None]), made)
        found[consistency] = float(np.corrcoef(np.log(total).ravel(), np.log(power).ravel())[0, 1])
        record = read_info(files[0]).record
        assert record["consistency"] == consistency
    assert record["level"]["left_over_db"] < 1.5
    assert found["exact"] > max(0.95, found["level"])


def test_a_scene_is_refined_in_the_geometry_it_states(base: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    shutil.copytree(base, told)
    width = load_model(base).parts.unet.time_embedding.linear_2.weight.shape[0]
    numbers = NumberEmbedding(("incidence_angle_deg", "looks"), width)
    torch.manual_seed(0)
    torch.nn.init.normal_(numbers.linear_2.weight)
    numbers.save(told / "numbers")
    scene = save_scene(tmp_path / "scene.tif", np.full((64, 64), 0.05), 0.35)  # says 35 degrees

    def made(model: Path) -> tuple[np.ndarray, Any]:
        options = RefineOptions(
            scene, model=str(model), out=tmp_path / model.name, steps=2, weight=0.0, strength=1.0,
            looks=0,
        )  # fmt: skip
        files = refine(options)
        return read(files[0])[0], read_info(files[0]).record

    plain, record = made(base)
    assert record["told"] == {}
    led, record = made(told)
    assert record["told"] == {"incidence_angle_deg": 35.0}
    assert not np.allclose(plain, led)


def test_refining_towards_measured_images(base: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    real = tmp_path / "real"
    real.mkdir()
    for number in range(2):
        levels = np.kron(10 ** rng.normal(0, 0.8, (8, 8)), np.ones((16, 16)))
        amplitude = np.sqrt(levels * rng.exponential(1.0, levels.shape))
        top = amplitude.mean() + 3 * amplitude.std()
        Image.fromarray(np.uint8(np.clip(amplitude / top * 255, 0, 255))).save(
            real / f"{number}.png"
        )
    power = 0.05 * np.kron(10 ** rng.normal(0, 0.3, (8, 8)), np.ones((16, 16)))
    scene = save_scene(tmp_path / "scene.tif", power * rng.exponential(1.0, power.shape), 0.35)

    def made(name: str, **changes: Any) -> tuple[np.ndarray, Any]:
        options = RefineOptions(
            scene, model=str(base), out=tmp_path / name, steps=2, weight=0.0, strength=0.0,
            level_scale_m=1.4, **changes,
        )  # fmt: skip
        files = refine(options)
        return read(files[0])[0], read_info(files[0]).record

    plain, _ = made("plain")
    liked, record = made("liked", like=real)
    measured = read_likeness(real).quantiles_db
    away = [
        np.abs(measured - quantiles(multilook(one.astype(np.float32), 4))).mean(1).min()
        for one in (plain, liked)
    ]
    assert away[1] < 0.8 * away[0]
    assert record["like"]["images"] == 2
    with pytest.raises(InputError, match="no folder of images"):
        made("nowhere", like=tmp_path / "none")
