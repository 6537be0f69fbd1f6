"""Weights from a folder into the plain networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import ModelError
from ..locate import weight_files
from . import autoencoder, text, unet


def plain_network(folder: Path, class_name: str, dtype: torch.dtype) -> nn.Module | None:
    """The plain network of a component folder; None if its configuration asks for more.

    Raises
    ------
    ModelError
        If the weights do not fit the configuration.
    """
    config = json.loads((folder / "config.json").read_text())
    if class_name == "UNet2DConditionModel":
        upcast = config.get("upcast_attention") and dtype != torch.float32
        if upcast or unet.why_not(config):
            return None
        return fill(unet.UNet, {"config": config}, folder, dtype)
    if class_name == "AutoencoderKL":
        if autoencoder.why_not(config):
            return None
        return fill(autoencoder.Autoencoder, {"config": config}, folder, dtype)
    if text.why_not(config):
        return None
    projected = class_name == "CLIPTextModelWithProjection"
    return fill(text.TextEncoder, {"config": config, "projected": projected}, folder, dtype)


def fill(network_class: Any, settings: dict[str, Any], folder: Path, dtype: Any) -> nn.Module:
    """Build a network without memory and give it the tensors of the file."""
    with torch.device("meta"):
        network: nn.Module = network_class(**settings)
    tensors = _read(folder, dtype)
    wanted = network.state_dict()
    missing = sorted(set(wanted) - set(tensors))
    if missing:
        raise ModelError(
            f"the weights in {folder} lack {len(missing)} tensors of the network, "
            f"the first is {missing[0]}"
        )
    for name, shape in ((name, tensor.shape) for name, tensor in wanted.items()):
        if tensors[name].numel() == shape.numel():
            tensors[name] = tensors[name].reshape(shape)  # old attention weights are 1x1 maps
    network.load_state_dict({name: tensors[name] for name in wanted}, assign=True)
    return network


def _read(folder: Path, dtype: Any) -> dict[str, torch.Tensor]:
    """All tensors of a component, under today's names, in the wanted number format."""
    from safetensors.torch import load_file

    tensors: dict[str, torch.Tensor] = {}
    for path in weight_files(folder):
        for stored, tensor in load_file(path).items():
            name = stored.removeprefix("text_model.")
            for old, new in autoencoder.OLD_NAMES.items():
                name = name.replace(old, new)
            tensors[name] = tensor.to(dtype)
    return tensors
