"""Write a model folder as one checkpoint in the original Stable Diffusion key layout.

Only what the tests need: the reverse of what diffusers' ``from_single_file`` does, for models with
one text encoder.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def save_single_file(folder: Path, checkpoint: Path) -> Path:
    """Write the three networks of a folder into one file."""
    weights = "diffusion_pytorch_model.safetensors"
    config = json.loads((folder / "unet" / "config.json").read_text())
    tensors = {}
    for name, tensor in load_file(folder / "unet" / weights).items():
        new = unet_name(name, config["layers_per_block"])
        tensors[f"model.diffusion_model.{new}"] = tensor.contiguous()
    stages = len(json.loads((folder / "vae" / "config.json").read_text())["block_out_channels"])
    for name, tensor in load_file(folder / "vae" / weights).items():
        new = vae_name(name, stages)
        is_map = ".attn_1." in new and new.endswith("weight") and ".norm." not in new
        tensors[f"first_stage_model.{new}"] = tensor[:, :, None, None] if is_map else tensor
    for name, tensor in load_file(folder / "text_encoder" / "model.safetensors").items():
        new = name.removeprefix("text_model.")
        tensors[f"cond_stage_model.transformer.text_model.{new}"] = tensor
    tensors["alphas_cumprod"] = torch.zeros(1000)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, checkpoint)
    return checkpoint


def unet_name(name: str, layers: int) -> str:
    """A U-Net weight's name in the original layout."""
    stem, _, kind = name.rpartition(".")
    if stem in UNET_ENDS:
        return f"{UNET_ENDS[stem]}.{kind}"
    found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", name)
    if found is None:
        _, part, index, rest = name.split(".", 3)
        place = 1 if part == "attentions" else 2 * int(index)
        return f"middle_block.{place}.{resnet_name(rest) if part == 'resnets' else rest}"
    side, part, rest = found[1], found[3], found[5]
    block, index = int(found[2]), int(found[4])
    if part == "downsamplers":
        return f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{kind}"
    if part == "upsamplers":
        place = 2 if block == 0 else 1  # after the attention, where there is one
        return f"output_blocks.{block * (layers + 1) + layers}.{place}.conv.{kind}"
    first = 1 + block * (layers + 1) if side == "down" else block * (layers + 1)
    row = f"{'input' if side == 'down' else 'output'}_blocks.{first + index}"
    return f"{row}.0.{resnet_name(rest)}" if part == "resnets" else f"{row}.1.{rest}"


def resnet_name(rest: str) -> str:
    stem, _, kind = rest.rpartition(".")
    return f"{RESNET[stem]}.{kind}"


def vae_name(name: str, stages: int) -> str:
    """An autoencoder weight's name in the original layout."""
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if "mid_block.attentions.0" in name:
        half, rest = name.split(".mid_block.attentions.0.")
        stem, _, kind = rest.rpartition(".")
        return f"{half}.mid.attn_1.{ATTENTION[stem]}.{kind}"
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
    found = re.search(r"up_blocks\.(\d+)\.", name)
    if found is None:
        return name
    name = name.replace(found[0], f"up.{stages - 1 - int(found[1])}.")
    return name.replace("upsamplers.0", "upsample").replace("resnets", "block")
