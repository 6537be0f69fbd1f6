"""Loading models: what is refused, with which words, and that nothing is left at random."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sarloom.errors import ModelError
from sarloom.models.fingerprint import WHOLE_FILE_LIMIT, fingerprint
from sarloom.models.load import choose_device, choose_dtype, load_model
from sarloom.models.locate import locate_model


@pytest.fixture
def broken(tiny_models: dict[str, Path], tmp_path: Path) -> Path:
    """A copy of a model to break."""
    return Path(shutil.copytree(tiny_models["sd15"], tmp_path / "broken"))


@pytest.mark.parametrize("family", ["sd15", "sd21", "sdxl", "reflectivity"])
def test_weights_on_disk_are_the_weights_in_memory(
    tiny_models: dict[str, Path], family: str
) -> None:
    model = load_model(tiny_models[family])
    stored = load_file(tiny_models[family] / "unet" / "diffusion_pytorch_model.safetensors")
    loaded = model.parts.unet.state_dict()
    assert set(stored) == set(loaded)
    assert all(torch.equal(loaded[name], stored[name]) for name in stored)
    assert model.cell == 2
    assert model.native_size == 16


def test_sdxl_has_two_encoders_and_a_pooled_text(tiny_models: dict[str, Path]) -> None:
    model = load_model(tiny_models["sdxl"])
    with torch.inference_mode():
        text = model.encode_text(["a city", ""])
        added = model.family.added_conditions(text, width=32, height=16)
    assert text.context.shape == (2, 77, 64)
    assert added is not None
    assert added["time_ids"].tolist() == [[16, 32, 0, 0, 16, 32]] * 2
    assert text.context[1].abs().max() == 0


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("no/such/folder/anywhere", "no model at"),
        ("missing.safetensors", "no model at"),
        ("./missing", "no model at"),
        ("two words", "no model at"),
    ],
)
def test_missing_models(spec: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        locate_model(spec)


def test_a_hub_id_without_a_hub_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="not in the hub cache"):
        locate_model("nobody/has-this-model")


def test_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model_index\.json"):
        locate_model(str(tmp_path))


def test_missing_component_is_named(broken: Path) -> None:
    shutil.rmtree(broken / "vae")
    with pytest.raises(ModelError, match=r"missing: vae/config\.json"):
        locate_model(str(broken))


def test_unknown_class(broken: Path) -> None:
    (broken / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    with pytest.raises(ModelError, match="is a FluxPipeline; sarloom can run: Stable"):
        locate_model(str(broken))


def test_unreadable_index(broken: Path) -> None:
    (broken / "model_index.json").write_text("{half")
    with pytest.raises(ModelError, match="cannot be read"):
        locate_model(str(broken))


def test_pickled_weights_are_refused(broken: Path) -> None:
    weights = broken / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelError, match="pickle"):
        locate_model(str(broken))


@pytest.mark.parametrize("suffix", [".ckpt", ".pt", ".bin"])
def test_pickled_checkpoints_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelError, match="pickle"):
        locate_model(str(path))


def test_incomplete_weights_are_refused(broken: Path) -> None:
    path = broken / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    del tensors["conv_in.weight"]
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lack 1 tensors .*conv_in\.weight"):
        load_model(broken)


def test_weights_of_another_shape_are_refused(broken: Path) -> None:
    path = broken / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    tensors["conv_in.weight"] = torch.zeros(8, 4, 3, 3)
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="cannot load the model"):
        load_model(broken)


def test_damaged_weights_are_one_error(broken: Path) -> None:
    path = broken / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot load the model"):
        load_model(broken)


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    save_file({"lora_unet_conv.lora_down.weight": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="an adapter is not a model"):
        locate_model(str(path))


def test_single_file_that_is_no_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"not a header at all")
    with pytest.raises(ModelError, match="not a safetensors file"):
        locate_model(str(path))


@pytest.mark.parametrize(
    ("key", "family"),
    [
        ("conditioner.embedders.1.model.ln_final.weight", "stable-diffusion-xl"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.weight", "stable-diffusion"),
    ],
)
def test_family_of_a_single_file(tmp_path: Path, key: str, family: str) -> None:
    path = tmp_path / "base.safetensors"
    save_file({key: torch.zeros(1), "model.diffusion_model.out.0.weight": torch.zeros(1)}, path)
    assert locate_model(str(path)).family.name == family


def test_fingerprint_follows_the_content(broken: Path) -> None:
    files = locate_model(str(broken))
    before = fingerprint(files.weights, files.root)
    assert before == fingerprint(reversed(files.weights), files.root)
    weights = broken / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint(files.weights, files.root) != before


def test_fingerprint_of_a_large_file_is_quick_and_sees_both_ends(tmp_path: Path) -> None:
    import time

    path = tmp_path / "large.safetensors"
    with path.open("wb") as handle:
        handle.truncate(WHOLE_FILE_LIMIT * 16)  # sparse: 4 GiB without writing them
    start = time.perf_counter()
    before = fingerprint([path], tmp_path)
    assert time.perf_counter() - start < 1.0
    with path.open("r+b") as handle:
        handle.seek(-1, 2)
        handle.write(b"\1")
    assert fingerprint([path], tmp_path) != before


def test_devices_and_formats() -> None:
    assert choose_dtype("auto", torch.device("cpu")) is torch.float32
    with pytest.raises(ModelError, match="not known"):
        choose_device("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(ModelError, match="no such CUDA device"):
            choose_device("cuda:3")
