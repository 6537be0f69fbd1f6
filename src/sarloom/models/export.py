"""Writing a model in diffusers' folder layout: half-precision safetensors and JSON, nothing else.

The folder is filled aside and renamed, so a half-written model never has its final name.
"""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from .load import quiet_libraries
from .numbers import FOLDER, NumberEmbedding
from .radiometry import Radiometry
from .tokenizer import save_tokenizer


def save_model(
    folder: Path,
    autoencoder: Any,
    unet: Any,
    text_encoder: Any,
    tokenizer: Any,
    scheduler: Any,
    radiometry: Radiometry,
    numbers: NumberEmbedding | None = None,
) -> None:
    """Write a Stable Diffusion folder that stock ``StableDiffusionPipeline`` opens."""
    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    parts = {"vae": autoencoder, "unet": unet, "text_encoder": text_encoder}
    for name, module in parts.items():
        with quiet_libraries():
            half = copy.deepcopy(module).to(torch.float16, memory_format=torch.contiguous_format)
            half.save_pretrained(aside / name, safe_serialization=True)
        _forget_origin(aside / name / "config.json")
    restore_prefix(aside / "text_encoder" / "model.safetensors")
    save_tokenizer(tokenizer, aside / "tokenizer")
    scheduler.save_pretrained(aside / "scheduler")
    radiometry.save(aside)
    if numbers is not None:
        numbers.save(aside / FOLDER)
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.35.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (aside / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def _forget_origin(config: Path) -> None:
    """Leave out where the part was read from: a folder of this machine."""
    table = json.loads(config.read_text())
    table.pop("_name_or_path", None)
    config.write_text(json.dumps(table, indent=2, sort_keys=True) + "\n")


def restore_prefix(path: Path) -> None:
    """Name text weights as every release of transformers reads them.

    Release 5 leaves out ``text_model.`` when it saves; release 4 would not find the weights then
    and start from random ones without an error.
    """
    prefix = "text_model."
    weights = load_file(path)
    named = {k if k.startswith(prefix) else prefix + k: v for k, v in weights.items()}
    save_file(named, path, {"format": "pt"})
