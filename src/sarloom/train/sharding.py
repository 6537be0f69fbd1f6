"""Spread the networks in training over several processes, each holding a part of every weight.

``accelerate launch --use_fsdp`` asks for it. PyTorch's ``fully_shard`` is used directly, as
accelerate offers it on GPUs only. Networks that are trained whole are sharded; what is trained
beside frozen weights (adapters, a learned word) is small, so every process holds all of it and the
gradients are averaged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

FSDP = "ACCELERATE_USE_FSDP"
"""Set by ``accelerate launch --use_fsdp``."""
BLOCKS = (
    "BasicTransformerBlock", "ResnetBlock2D", "CLIPEncoderLayer", "DownEncoderBlock2D",
    "UpDecoderBlock2D",
)  # fmt: skip
"""Classes of modules whose weights are brought together at once."""
BESIDE = "adapters"
"""Child of a task's module that holds weights beside frozen networks."""


def sharding_asked() -> bool:
    """Whether the launcher asked for it, and there is more than one process."""
    asked = os.environ.get(FSDP, "false").lower() == "true"
    return asked and int(os.environ.get("WORLD_SIZE", "1")) > 1


def shard(model: nn.Module, device: torch.device) -> None:
    """Shard every network below ``model`` all of whose weights are trained, in place."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for network in _whole_networks(model):
        network.to(memory_format=torch.contiguous_format)  # fully_shard takes no other
        for module in network.modules():
            if type(module).__name__ in BLOCKS:
                fully_shard(module, mesh=mesh)
        fully_shard(network, mesh=mesh)
        for name in ("encode", "decode"):
            if hasattr(network, name):
                register_fsdp_forward_method(network, name)


def _whole_networks(model: nn.Module) -> Iterator[Any]:
    """The outermost modules that are trained whole."""
    parameters = list(model.parameters())
    if parameters and all(p.requires_grad for p in parameters):
        yield model
        return
    for name, child in model.named_children():
        if name == BESIDE:
            continue
        yield from _whole_networks(child) if isinstance(child, nn.ModuleList) else _if_whole(child)


def _if_whole(module: nn.Module) -> Iterator[nn.Module]:
    parameters = list(module.parameters())
    if parameters and all(p.requires_grad for p in parameters):
        yield module


def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Mean over processes of the gradients that are not sharded; sharded ones are means already."""
    for p in parameters:
        if p.grad is not None and not _is_sharded(p):
            dist.all_reduce(p.grad)
            p.grad /= dist.get_world_size()


def clip_gradients(parameters: Sequence[nn.Parameter], longest: float) -> None:
    """Shorten the gradient to a length, as ``clip_grad_norm_`` does on one process."""
    spread, common = torch.zeros(()), torch.zeros(())
    for p in parameters:
        if p.grad is not None:
            square = local(p.grad).square().sum().cpu()
            if _is_sharded(p):
                spread = spread + square
            else:
                common = common + square
    dist.all_reduce(spread)
    factor = min(1.0, longest / (float((spread + common).sqrt()) + 1e-6))
    for p in parameters:
        if p.grad is not None:
            local(p.grad).mul_(factor)


def local(tensor: torch.Tensor) -> torch.Tensor:
    """The part of a tensor that this process holds, sharing its memory."""
    part: Any = tensor.detach()
    held: torch.Tensor = part.to_local() if _is_sharded(part) else part
    return held


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """All of a tensor; every process has to ask at the same time."""
    part: Any = tensor
    found: torch.Tensor = part.full_tensor() if _is_sharded(tensor) else tensor
    return found


def wholes(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """All of each of some tensors."""
    return {name: whole(value.detach()) for name, value in tensors.items()}


def like(value: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``value`` spread as ``target`` is, in its layout."""
    if _is_sharded(target):
        from torch.distributed.tensor import distribute_tensor

        spread: Any = target
        value = value.to(local(target).device)
        return distribute_tensor(value, spread.device_mesh, spread.placements, src_data_rank=None)
    # fused AdamW walks through weights and state side by side
    return torch.empty_like(target, dtype=value.dtype).copy_(value)


def _is_sharded(tensor: torch.Tensor) -> bool:
    return hasattr(tensor, "full_tensor")
