"""A small image-text model of radar pictures: CLIP's networks, its own words, stock file layout.

``transformers.CLIPModel.from_pretrained`` opens the folder. The picture side reads what
``sar.picture.log_picture`` makes, three times over as channels, in [-1, 1].
"""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from ..sar.picture import SIDE
from .tokenizer import MAX_TOKENS, save_tokenizer

MEAN, DEVIATION = 0.5, 0.5
"""Of the processor: pictures in [0, 1] become [-1, 1]."""


@dataclass(frozen=True)
class SarclipSizes:
    """What decides the number of weights."""

    patch: int = 16
    vision_width: int = 192
    vision_layers: int = 4
    text_width: int = 128
    text_layers: int = 3
    expansion: int = 2
    """Width of the networks' inner layers over their width."""
    features: int = 128
    """Length of the common vectors of pictures and sentences."""


def make_sarclip(sizes: SarclipSizes, tokenizer: Any) -> Any:
    """An untrained ``transformers.CLIPModel`` for a tokenizer's vocabulary."""
    from transformers import CLIPConfig, CLIPModel

    vision = {
        "image_size": SIDE,
        "patch_size": sizes.patch,
        "hidden_size": sizes.vision_width,
        "intermediate_size": sizes.expansion * sizes.vision_width,
        "num_hidden_layers": sizes.vision_layers,
        "num_attention_heads": sizes.vision_width // 32,
        "projection_dim": sizes.features,
    }
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": sizes.text_width,
        "intermediate_size": sizes.expansion * sizes.text_width,
        "num_hidden_layers": sizes.text_layers,
        "num_attention_heads": sizes.text_width // 32,
        "max_position_embeddings": MAX_TOKENS,
        "projection_dim": sizes.features,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    return CLIPModel(
        CLIPConfig(vision_config=vision, text_config=text, projection_dim=sizes.features)
    )


def save_sarclip(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write model, tokenizer and processor; the folder is filled aside and renamed.

    A model card that lies there already is kept.
    """
    from transformers import CLIPImageProcessorPil

    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    copy.deepcopy(model).to(torch.float16).save_pretrained(aside)
    weights = load_file(aside / "model.safetensors")
    # position numbers are no weights: both releases of transformers make them anew
    weights = {k: v for k, v in weights.items() if not k.endswith("position_ids")}
    save_file(weights, aside / "model.safetensors", {"format": "pt"})
    save_tokenizer(tokenizer, aside)
    CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        image_mean=[MEAN] * 3,
        image_std=[DEVIATION] * 3,
    ).save_pretrained(aside)
    card = folder / "README.md"
    if card.is_file():
        shutil.copyfile(card, aside / card.name)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
