"""Every kind of set that the command reads, from the files that sarloom itself writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sarloom import workflows
from sarloom.options.evaluate import EvaluateOptions
from sarloom.options.generate import GenerateOptions
from sarloom.options.simulate import SimulateOptions

COUNT = 6


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, tiny_models: dict[str, Path]) -> dict[str, Path]:
    """Simulated scenes as files and as tiles; generated ones as PNG, and as GeoTIFF with phase."""
    root = tmp_path_factory.mktemp("sets")
    simulate: dict[str, Any] = {
        "kinds": ("farmland",), "count": COUNT, "size": 64, "satellite_spacing_m": 1.4,
        "workers": 1,
    }  # fmt: skip
    workflows.simulate(SimulateOptions(out=root / "scenes", **simulate))
    workflows.simulate(SimulateOptions(tiles=root / "tiles", **simulate))
    generate: dict[str, Any] = {
        "prompt": "fields", "count": COUNT, "size": "64", "steps": 1,
        "model": str(tiny_models["reflectivity"]),
    }  # fmt: skip
    workflows.generate(GenerateOptions(out=root / "png", **generate))
    workflows.generate(GenerateOptions(out=root / "tif", format="both", complex=True, **generate))
    return {path.name: path for path in root.iterdir()}


def facts(real: Path, generated: Path, out: Path, **more: Any) -> dict[str, Any]:
    more = {"encoder": ("descriptor",), "draws": 20, **more}
    workflows.evaluate(EvaluateOptions(real=real, generated=generated, out=out, **more))
    return dict(json.loads((out / "report.json").read_text()))


def test_simulated_scenes_against_the_same_as_tiles(sets: dict[str, Path], tmp_path: Path) -> None:
    """Sixteen bits and files of sigma-nought say the same."""
    found = facts(sets["scenes"], sets["tiles"], tmp_path / "report", paired=False)
    for which in ("real", "generated"):
        said = found["facts"][which]
        assert (said["images"], said["looks_stated"]) == (COUNT, 1.0)
        assert said["calibration"] == ["sigma_nought"]
    assert found["facts"]["real"]["complex"]
    by_key = {row["key"]: row for row in found["figures"]}
    assert by_key["memorised"]["value"] == 1.0  # they are the same scenes
    assert by_key["law_ks"]["value"] < 0.01
    assert found["facts"]["compared_up_to_db"] is not None  # tiles are clipped, so both are


def test_generated_pictures_and_rasters(sets: dict[str, Path], tmp_path: Path) -> None:
    pictures = facts(sets["tiles"], sets["png"], tmp_path / "a")
    assert pictures["facts"]["level"] == "image"  # PNGs are scaled one by one
    assert pictures["facts"]["generated"]["images"] == COUNT
    assert pictures["facts"]["generated"]["looks_stated"] == 1.0
    rasters = facts(sets["scenes"], sets["tif"], tmp_path / "b")
    assert rasters["facts"]["level"] == "set"
    said = rasters["facts"]["generated"]
    assert (said["images"], said["complex"], said["integer_pixels"]) == (COUNT, True, False)
    phase = {row["key"]: row for row in rasters["figures"] if row["section"] == "Complex pixels"}
    for which in ("real", "generated"):
        assert phase["phase_circular"][which] < 0.15
        assert phase["phase_uneven"][which] < 0.15


def test_generated_rasters_and_pictures_of_one_run_are_pairs(
    sets: dict[str, Path], tmp_path: Path
) -> None:
    found = facts(sets["tif"], sets["png"], tmp_path / "report", paired=True, level="image")
    rows = {row["key"]: row for row in found["figures"]}
    assert rows["pair_psnr"]["images"] == [COUNT, COUNT]
    assert rows["pair_psnr"]["generated"] > rows["pair_psnr"]["real"]  # the same draw of speckle


def test_pixels_without_data_count_for_nothing(tmp_path: Path) -> None:
    """NaN in one set, a declared value in the other, in the same corner of every image."""
    import rasterio

    rng = np.random.default_rng(0)
    for name in ("real", "generated"):
        (tmp_path / name).mkdir()
        for number in range(10):
            coarse = np.kron(rng.uniform(1, 6, (8, 8)), np.ones((16, 16)))
            power = (coarse * rng.standard_exponential((128, 128))).astype(np.float32)
            power[:48, :64] = np.nan if name == "real" else -9999.0
            with rasterio.open(
                tmp_path / name / f"{number}.tif", "w", driver="GTiff", width=128, height=128,
                count=1, dtype="float32", nodata=np.nan if name == "real" else -9999.0,
            ) as raster:  # fmt: skip
                raster.write(power, 1)
    found = facts(
        tmp_path / "real", tmp_path / "generated", tmp_path / "report", pixel="intensity", looks=1.0
    )
    assert [one["name"] for one in found["findings"]] == ["same", "few"]
    rows = {row["key"]: row for row in found["figures"]}
    assert rows["repeated"]["real"] == rows["repeated"]["generated"] == 0.0
    assert rows["memorised"]["value"] == 0.0
    for which in ("real", "generated"):
        assert rows["speckle_log_variance"][which] == pytest.approx(np.pi**2 / 6, rel=0.06)
