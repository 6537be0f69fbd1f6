"""Bases in a single file, in the layouts of SD 1.5, SD 2.1 and SDXL: trained whole and in part."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from chip_sets import chip_set
from sarloom.errors import InputError
from sarloom.generate.run import generate
from sarloom.models.load import load_model
from sarloom.options.finetune import FinetuneRecipe
from sarloom.train.finetune.run import finetune
from single_file import save_single_file
from test_40_finetune import predicted, quiet, recipe_of
from tiny_models import save_model

OPEN_CLIP = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


def save_sdxl_file(folder: Path, checkpoint: Path) -> Path:
    """The networks of an SDXL folder in the layout of Stability's own file."""
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    numbers = {name: tensor for name, tensor in weights.items() if name.startswith("add_emb")}
    thin = shutil.copytree(folder, checkpoint.with_suffix(".thin"))
    rest = {name: tensor for name, tensor in weights.items() if name not in numbers}
    save_file(rest, thin / "unet" / "diffusion_pytorch_model.safetensors")
    found = load_file(save_single_file(thin, checkpoint))
    shutil.rmtree(thin)
    tensors = {}
    for name, tensor in found.items():
        first = "cond_stage_model.transformer."
        tensors[name.replace(first, "conditioner.embedders.0.transformer.")] = tensor
    for name, tensor in numbers.items():
        place = 2 * (int(re.search(r"linear_(\d)", name)[1]) - 1)
        kind = name.rpartition(".")[2]
        tensors[f"model.diffusion_model.label_emb.0.{place}.{kind}"] = tensor
    second = load_file(folder / "text_encoder_2" / "model.safetensors")
    tensors |= {f"conditioner.embedders.1.model.{k}": v for k, v in open_clip(second).items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, checkpoint)
    return checkpoint


def open_clip(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A text encoder's weights under the names of OpenCLIP; q, k and v are one tensor there."""
    made: dict[str, torch.Tensor] = {}
    for name, tensor in weights.items():
        plain = name.removeprefix("text_model.")
        layer = re.match(r"encoder\.layers\.(\d+)\.(.*)\.(weight|bias)", plain)
        if layer is None:
            plain = plain.replace("final_layer_norm", "ln_final")
            plain = plain.replace("embeddings.token_embedding", "token_embedding")
            plain = plain.replace("embeddings.position_embedding.weight", "positional_embedding")
            if plain == "text_projection.weight":
                plain, tensor = "text_projection", tensor.T
            made[plain] = tensor
        elif layer[2] in OPEN_CLIP:
            made[f"transformer.resblocks.{layer[1]}.{OPEN_CLIP[layer[2]]}.{layer[3]}"] = tensor
        elif layer[2] == "self_attn.q_proj":
            stem = name.replace("q_proj", "{}_proj")
            parts = [weights[stem.format(one)] for one in "qkv"]
            place = f"transformer.resblocks.{layer[1]}.attn.in_proj_{layer[3]}"
            made[place] = torch.cat(parts)
    return made


def widen(folder: Path) -> None:
    """Make the second text encoder wider than the first: diffusers tells them apart by that."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    place = folder / "text_encoder_2"
    config = CLIPTextConfig.from_pretrained(place)
    before, wide = config.hidden_size, config.hidden_size + 16
    config.hidden_size = config.projection_dim = wide
    CLIPTextModelWithProjection(config).save_pretrained(place)
    settings = dict(UNet2DConditionModel.load_config(folder / "unet"))
    settings["cross_attention_dim"] = before + wide
    settings["projection_class_embeddings_input_dim"] += wide - before
    UNet2DConditionModel.from_config(settings).save_pretrained(folder / "unet")


SAVE = {"sd15": save_single_file, "sdxl": save_sdxl_file}


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chip_set(tmp_path_factory.mktemp("set") / "tiles", train=6)


@pytest.fixture(scope="module", params=SAVE)
def checkpoint(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A checkpoint with the configurations of its base beside it, and the folder it came from."""
    root = tmp_path_factory.mktemp(request.param)
    folder = save_model(root / "whole", request.param)
    if request.param == "sdxl":
        widen(folder)
    path = SAVE[request.param](folder, root / "base.safetensors")
    shutil.copytree(folder, root / "base", ignore=shutil.ignore_patterns("*.safetensors"))
    return path, folder


def test_a_single_file_is_the_model_of_its_folder(checkpoint):
    path, folder = checkpoint
    torch.testing.assert_close(
        predicted(load_model(path)), predicted(load_model(folder)), rtol=0, atol=1e-4
    )


def test_a_single_file_is_trained_whole(checkpoint, tiles, tmp_path):
    path, folder = checkpoint
    said: list[str] = []
    recipe = recipe_of(path, unet="full", steps=1, learning_rate=0.0, memorised=0)
    model = finetune(recipe, tiles, tmp_path / "run", said.append, "cpu")
    assert any("unpacking" in line for line in said) and (tmp_path / "run" / "base").is_dir()
    # at a learning rate of 0 the result is the base, but for its half precision
    torch.testing.assert_close(
        predicted(load_model(model)), predicted(load_model(folder)), rtol=0, atol=2e-2
    )
    assert json.loads((tmp_path / "run" / "cost.json").read_text())["memory_bytes"] > 0
    again: list[str] = []
    finetune(recipe, tiles, tmp_path / "run", again.append, "cpu")
    assert not any("unpacking" in line for line in again)
    image = generate("a T72 tank", model=model, size=32, steps=2, device="cpu")[0]
    assert image.amplitude.shape == (32, 32)


def test_a_single_file_carries_an_adapter(checkpoint, tiles, tmp_path):
    path, _ = checkpoint
    recipe = recipe_of(path, unet="lora", memorised=0)
    adapter = finetune(recipe, tiles, tmp_path / "run", quiet, "cpu")
    images = [
        generate("a T72 tank", model=path, size=32, steps=2, device="cpu", adapter=adapters)[0]
        for adapters in ((), (f"{adapter}:0.8@0.0-0.5",))
    ]
    assert (images[0].amplitude != images[1].amplitude).any()


def test_several_processes_do_not_unpack_at_once(checkpoint, tiles, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    recipe = FinetuneRecipe(base=str(checkpoint[0]), unet="full", steps=1, size=32)
    with pytest.raises(InputError, match="one process"):
        finetune(recipe, tiles, tmp_path / "run", quiet, "cpu")
