"""Real models of the classes sarloom runs, with random weights and a few ten thousand parameters.

Each is written as a folder in diffusers' layout, so that tests go through the same files, classes
and code as a model of full size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Shape:
    """How large a model is; the default is as small as the classes allow."""

    unet_channels: tuple[int, ...] = (32, 48)
    vae_channels: tuple[int, ...] = (16, 16)
    latent_channels: int = 4
    sample_size: int = 8
    width: int = 32
    layers: int = 2


TINY = Shape()


def save_tokenizer(folder: Path, pad_token: str = "<|endoftext|>") -> int:
    """A CLIP tokenizer which knows single characters and a few merges; returns its vocabulary."""
    from transformers import CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,-'!"
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    for letter in letters:
        vocabulary[letter + "</w>"] = len(vocabulary)
    merges = [("s", "a"), ("sa", "r</w>"), ("c", "i"), ("t", "y</w>"), ("ci", "ty</w>")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    lines = "\n".join(" ".join(pair) for pair in merges)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}\n")
    tokenizer = CLIPTokenizer.from_pretrained(
        folder, model_max_length=77, pad_token=pad_token, local_files_only=True
    )
    tokenizer.save_pretrained(folder)
    return len(vocabulary)


def save_model(
    folder: Path, family: str = "sd15", shape: Shape = TINY, seed: int = 0, **radiometry: Any
) -> Path:
    """Write a model of random weights: ``sd15``, ``sd21`` (v-prediction) or ``sdxl``."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(seed)
    large = family == "sdxl"
    vocabulary = save_tokenizer(folder / "tokenizer")
    text = {
        "vocab_size": vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": 2 * shape.width,
        "projection_dim": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": 4,
        "max_position_embeddings": 77,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
        "pad_token_id": vocabulary - 1,
        "hidden_act": "gelu" if large else "quick_gelu",
    }
    CLIPTextModel(CLIPTextConfig(**text)).save_pretrained(folder / "text_encoder")
    if large:
        save_tokenizer(folder / "tokenizer_2", pad_token="!")
        second = CLIPTextModelWithProjection(CLIPTextConfig(**text))
        second.save_pretrained(folder / "text_encoder_2")
    levels = len(shape.unet_channels)
    unet: dict[str, Any] = {
        "sample_size": shape.sample_size,
        "in_channels": shape.latent_channels,
        "out_channels": shape.latent_channels,
        "block_out_channels": shape.unet_channels,
        "down_block_types": ("DownBlock2D",) + ("CrossAttnDownBlock2D",) * (levels - 1),
        "up_block_types": ("CrossAttnUpBlock2D",) * (levels - 1) + ("UpBlock2D",),
        "cross_attention_dim": shape.width * (2 if large else 1),
        # one number for all levels in SD 1.5, one per level in the later bases
        "attention_head_dim": 8 if family == "sd15" else tuple(c // 8 for c in shape.unet_channels),
        "layers_per_block": 1,
        "norm_num_groups": 16,
        "use_linear_projection": family != "sd15",
    }
    if large:
        unet |= {
            "transformer_layers_per_block": tuple(range(1, levels + 1)),
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 8,
            "projection_class_embeddings_input_dim": 6 * 8 + shape.width,
        }
    UNet2DConditionModel(**unet).save_pretrained(folder / "unet")
    stages = len(shape.vae_channels)
    AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * stages,
        up_block_types=("UpDecoderBlock2D",) * stages,
        block_out_channels=shape.vae_channels,
        latent_channels=shape.latent_channels,
        norm_num_groups=16,
        layers_per_block=1,
        sample_size=shape.sample_size * 2 ** (stages - 1),
        mid_block_add_attention=True,
    ).save_pretrained(folder / "vae")
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction" if family == "sd21" else "epsilon",
    ).save_pretrained(folder / "scheduler")
    write_index(folder, large)
    if radiometry:
        from sarloom.models.radiometry import Radiometry

        Radiometry(**radiometry).save(folder)
    return folder


def write_index(folder: Path, large: bool) -> None:
    """model_index.json as diffusers writes it."""
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionXLPipeline" if large else "StableDiffusionPipeline",
        "_diffusers_version": "0.35.0",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if large:
        index["text_encoder_2"] = ["transformers", "CLIPTextModelWithProjection"]
        index["tokenizer_2"] = ["transformers", "CLIPTokenizer"]
        index["force_zeros_for_empty_prompt"] = True
    else:
        index |= {
            "safety_checker": [None, None],
            "feature_extractor": [None, None],
            "image_encoder": [None, None],
            "requires_safety_checker": False,
        }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))
