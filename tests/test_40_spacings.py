"""Other pixel spacings than a model's own, and scenes from words drawn through several of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from safetensors.torch import save_file
from scipy import ndimage

from sarloom.archive.registry import open_scenes
from sarloom.errors import InputError, ModelError
from sarloom.generate.info import read_info
from sarloom.models.control import ControlLayout
from sarloom.models.load import load_model
from sarloom.models.spacings import adapters_of, load_at
from sarloom.options.generate import GenerateOptions
from sarloom.sar.multilook import multilook
from sarloom.workflows import generate
from test_40_control import random_control

WORDS = "a river crossing farmland"


@pytest.fixture(scope="module")
def model(tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of 0.35 m with an adapter for 1.4 m, and controls over it."""
    folder = tmp_path_factory.mktemp("models") / "several"
    shutil.copytree(tiny_models["reflectivity"], folder)
    (folder / "spacings").mkdir()
    weight = load_model(folder).parts.unet.conv_in.weight
    torch.manual_seed(0)
    factors = {
        "lora_unet_conv_in.lora_up.weight": torch.randn(weight.shape[0], 2, 1, 1),
        "lora_unet_conv_in.lora_down.weight": torch.randn(2, *weight.shape[1:]),
    }
    save_file(factors, folder / "spacings" / "1.4m.safetensors")
    shutil.copy(folder / "spacings" / "1.4m.safetensors", folder / "spacings" / "5.6m.safetensors")
    layout = ControlLayout(("satellite", "simulated"), shared=True)
    random_control(folder, folder / "control", layout)
    return folder


def asked(model: Path, out: Path, **changes: object) -> GenerateOptions:
    given = {"size": "128", "through": "1.4", "looks": 0, "steps": 2, "stride": 32, **changes}
    return GenerateOptions(WORDS, model=str(model), out=out, **given)  # type: ignore[arg-type]


def amplitude(path: Path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return np.asarray(raster.read(1), np.float64)


def test_an_adapter_turns_a_model_into_one_of_another_spacing(model: Path) -> None:
    assert list(adapters_of(str(model))) == [5.6, 1.4]
    own, other = load_model(model), load_at(str(model), "auto", "auto", 1.4)
    assert load_at(str(model), "auto", "auto", 0.35).fingerprint == own.fingerprint
    assert own.radiometry.spacing_m == 0.35
    assert other.radiometry.spacing_m == 1.4
    assert other.base_fingerprint == own.fingerprint != other.fingerprint
    up, down = _factors(model)
    change = (up.flatten(1) @ down.flatten(1)).reshape(own.parts.unet.conv_in.weight.shape)
    moved = other.parts.unet.conv_in.weight - own.parts.unet.conv_in.weight
    assert torch.allclose(moved, change, atol=1e-5)


def _factors(model: Path) -> tuple[torch.Tensor, torch.Tensor]:
    from safetensors.torch import load_file

    held = load_file(model / "spacings" / "1.4m.safetensors")
    return (
        held["lora_unet_conv_in.lora_up.weight"],
        held["lora_unet_conv_in.lora_down.weight"],
    )


def test_a_scene_from_words_is_drawn_coarse_to_fine(model: Path, tmp_path: Path) -> None:
    files = generate(asked(model, tmp_path))
    coarse, fine = tmp_path / "river-crossing-farmland-1.4m-0.tif", files[0]
    assert fine == tmp_path / "river-crossing-farmland-0.tif"
    pictures = [amplitude(path) for path in (coarse, fine)]
    assert [one.shape for one in pictures] == [(32, 32), (128, 128)]
    for path, spacing in ((coarse, 1.4), (fine, 0.35)):
        scene = open_scenes(path)[0]
        assert scene.row_spacing_m == scene.column_spacing_m == spacing
        assert scene.calibration == "sigma_nought"
        assert scene.synthetic
    # the finer stage draws its own detail and keeps the level: beyond a few coarse pixels
    looked = multilook((pictures[1] ** 2).astype(np.float32), 4)
    smooth = [ndimage.gaussian_filter(one, 6.0) for one in (looked, pictures[0] ** 2)]
    assert np.corrcoef(*[np.log(one).ravel() for one in smooth])[0, 1] > 0.9
    assert looked.mean() == pytest.approx((pictures[0] ** 2).mean(), rel=0.001)
    # the first stage is the model of 1.4 m alone, which may be asked for by itself
    alone = generate(
        asked(model, tmp_path / "alone", through=None, spacing_m=1.4, size="32", format="tif")
    )
    assert np.allclose(amplitude(alone[0]), pictures[0], rtol=1e-4)


def test_the_record_makes_the_whole_cascade_again(model: Path, tmp_path: Path) -> None:
    files = generate(asked(model, tmp_path, seed=3))
    info = read_info(files[0])
    assert "--through 1.4" in info.command
    assert "--seed 3" in info.command
    assert not info.warnings
    coarse = read_info(tmp_path / "river-crossing-farmland-1.4m-3.tif")
    assert not coarse.warnings  # though the adapter makes other weights of the model's
    assert coarse.record["model"]["hash"] != coarse.record["model"]["base_hash"]
    assert "--spacing-m 1.4" in coarse.command


def test_every_stage_runs_on_so_many_threads(model: Path, tmp_path: Path) -> None:
    before = torch.get_num_threads()
    files = generate(asked(model, tmp_path, threads=before + 1))
    for path in (tmp_path / "river-crossing-farmland-1.4m-0.tif", files[0]):
        assert read_info(path).record["threads"] == before + 1
    large = generate(asked(model, tmp_path, through=None, size="1040x64", threads=before + 1))
    assert read_info(large[0]).record["threads"] == before + 1
    assert torch.get_num_threads() == before


def test_stages_that_are_finished_are_not_drawn_again(model: Path, tmp_path: Path) -> None:
    files = generate(asked(model, tmp_path, through="5.6,1.4", size="256"))
    middle = tmp_path / "river-crossing-farmland-1.4m-0.tif"
    before, whole = middle.stat().st_mtime_ns, files[0].read_bytes()
    files[0].unlink()
    generate(asked(model, tmp_path, through="5.6,1.4", size="256"))
    assert middle.stat().st_mtime_ns == before
    assert files[0].read_bytes() == whole
    # of other settings nothing is kept
    generate(asked(model, tmp_path, through="5.6,1.4", size="256", steps=3))
    assert middle.stat().st_mtime_ns != before


def test_what_cannot_be_drawn_is_said_before_anything_is(model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"multiples of \d+ pixels of 0\.35 m"):
        generate(asked(model, tmp_path, size="100"))
    with pytest.raises(InputError, match=r"draws pixels of 0\.35, 5\.6, 1\.4 m and no others"):
        generate(asked(model, tmp_path, through="1.4,0.7"))
    with pytest.raises(InputError, match=r"draws pixels of 0\.35, 5\.6, 1\.4 m and no others"):
        generate(asked(model, tmp_path, through=None, spacing_m=0.7))
    with pytest.raises(InputError, match="--complex"):
        generate(asked(model, tmp_path, complex=True))
    with pytest.raises(InputError, match="an adapter is of one spacing"):
        adapter = str(model / "spacings" / "1.4m.safetensors")
        generate(asked(model, tmp_path, adapter=(adapter,)))
    assert not list(tmp_path.glob("*.tif"))


def test_an_adapter_of_another_base_is_refused(model: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(model, wrong)
    save_file({"lora_unet_nowhere.lora_up.weight": torch.zeros(1, 1),
               "lora_unet_nowhere.lora_down.weight": torch.zeros(1, 1)},
              wrong / "spacings" / "0.7m.safetensors")  # fmt: skip
    with pytest.raises(ModelError, match="another base model"):
        load_at(str(wrong), "auto", "auto", 0.7)


def test_a_damaged_record_states_nothing(model: Path, tmp_path: Path) -> None:
    path = generate(asked(model, tmp_path))[0]
    with rasterio.open(path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as raster:
        raster.update_tags(sarloom="{")
    assert open_scenes(path)[0].calibration == "uncalibrated"
    assert json.loads(path.with_suffix(".json").read_text())["calibration"] == "sigma_nought"
