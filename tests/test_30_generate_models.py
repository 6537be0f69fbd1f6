"""Loading models: what is refused, with which words, and that nothing is left at random."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from sarloom.errors import ModelError
from sarloom.generate.run import generate
from sarloom.generate.sample import SampleSettings, encode_prompts, sample
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


@pytest.mark.parametrize("family", ["sd15", "sd21", "sdxl"])
def test_plain_networks_equal_the_library(tiny_models: dict[str, Path], family: str) -> None:
    """Text, noise prediction at an odd size, encoding and decoding, each within float32 noise."""
    ours = load_model(tiny_models[family])
    library = load_model(tiny_models[family], library_networks=True)
    for model, home in ((ours, "sarloom"), (library, "diffusers")):
        assert type(model.parts.unet).__module__.startswith(home)
        assert type(model.parts.vae).__module__.startswith(home)
    prompts = ["a sar image of a city", "", "ships " * 90]
    with torch.inference_mode():
        texts = [model.encode_text(prompts) for model in (ours, library)]
        torch.testing.assert_close(texts[0].context, texts[1].context, rtol=1e-4, atol=1e-5)
        generator = torch.Generator().manual_seed(0)
        latent = torch.randn((3, 4, 7, 10), generator=generator)
        picture = torch.rand((1, 3, 12, 16), generator=generator)
        outputs = []
        for model, text in zip((ours, library), texts, strict=True):
            added = model.family.added_conditions(text, 20, 14)
            predicted = model.parts.unet(
                latent,
                torch.tensor(321),
                encoder_hidden_states=text.context,
                added_cond_kwargs=added,
                return_dict=False,
            )[0]
            outputs.append((predicted, model.decode(latent), model.encode(picture)))
    for one, other in zip(*outputs, strict=True):
        assert one.std() > 1e-3
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_text_kept_for_its_steps_is_not_taken_for_another(tiny_models: dict[str, Path]) -> None:
    model = load_model(tiny_models["sd15"])
    latent, t = torch.ones(1, 4, 8, 8), torch.tensor(10)
    with torch.inference_mode():
        first, second = (model.encode_text([words]).context for words in ("a city", "ships"))
        alone = load_model(tiny_models["sd15"]).parts.unet(latent, t, second)[0]
        model.parts.unet(latent, t, first)
        after = model.parts.unet(latent, t, second)[0]
    assert torch.equal(alone, after)


def test_other_configurations_go_to_the_library(broken: Path) -> None:
    path = broken / "unet" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "act_fn": "gelu"}))
    model = load_model(broken)
    assert type(model.parts.unet).__module__.startswith("diffusers")
    assert type(model.parts.vae).__module__.startswith("sarloom")


def test_folders_of_the_older_layout(broken: Path) -> None:
    """No tokenizer.json, text weights under `text_model.`, the old names of attention weights."""
    expected = load_model(broken)
    (broken / "tokenizer" / "tokenizer.json").unlink()
    weights = broken / "text_encoder" / "model.safetensors"
    tensors = {f"text_model.{name}": tensor for name, tensor in load_file(weights).items()}
    save_file(tensors, weights, metadata={"format": "pt"})
    weights = broken / "vae" / "diffusion_pytorch_model.safetensors"
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = {}
    for name, tensor in load_file(weights).items():
        for new, former in old.items():
            name = name.replace(f".{new}.", f".{former}.")
        tensors[name] = tensor
    save_file(tensors, weights, metadata={"format": "pt"})
    model = load_model(broken)
    latent = torch.ones(1, 4, 8, 8)
    with torch.inference_mode():
        assert torch.equal(
            model.encode_text(["a city"]).context, expected.encode_text(["a city"]).context
        )
        assert torch.equal(model.decode(latent), expected.decode(latent))


def test_generation_imports_no_library(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    """The start-up that our networks and solvers save."""
    import subprocess
    import sys

    code = (
        "import sys; from sarloom.generate.run import generate; "
        f"generate('a city', size=16, steps=2, model={str(tiny_models['reflectivity'])!r}); "
        "print([name for name in ('diffusers', 'transformers', 'rasterio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_single_file_draws_what_its_folder_draws(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    """The folder beside it gives configurations and words; its weights are not needed."""
    from single_file import save_single_file

    checkpoint = save_single_file(tiny_models["sd15"], tmp_path / "base.safetensors")
    shutil.copytree(
        tiny_models["sd15"],
        tmp_path / "base",
        ignore=shutil.ignore_patterns("*.safetensors"),
    )
    single, folder = load_model(checkpoint), load_model(tiny_models["sd15"])
    assert single.fingerprint != folder.fingerprint
    settings = SampleSettings(steps=3, guidance=3.0, scheduler="euler", spacing="linear")
    images = []
    for model in (single, folder):
        with torch.inference_mode():
            text = encode_prompts(model, "a city with ships", "", settings.guidance)
        images.append(sample(model, text, settings, 16, 16, seed=1))
    torch.testing.assert_close(images[0], images[1], rtol=0, atol=1e-4)


def test_single_file_without_its_configuration(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub.constants

    from single_file import save_single_file

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    checkpoint = save_single_file(tiny_models["sd15"], tmp_path / "lone.safetensors")
    with pytest.raises(ModelError, match=r"put a diffusers folder of the same base at .*lone"):
        load_model(checkpoint)


def test_values_that_are_no_numbers_are_an_error(broken: Path) -> None:
    path = broken / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    tensors["decoder.conv_out.bias"][0] = float("nan")
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not numbers for seed 5"):
        generate("a city", seed=5, size=16, steps=1, model=broken)
