"""One forward pass without numbers: what autograd would keep for the way back, and its arithmetic.

A network is built on torch's ``meta`` device from its configuration alone, so this takes no memory
whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from ...models.load import quiet_libraries
from ...options.finetune import FinetuneRecipe


@dataclass(frozen=True)
class Shape:
    """Of the networks of a base, without their weights."""

    unet: dict[str, Any]
    """Configurations as diffusers and transformers keep them."""
    vae: dict[str, Any]
    counts: dict[str, int]
    """Parameters of unet, vae and all text encoders together (text_encoder)."""


@dataclass(frozen=True)
class Traced:
    """One forward pass of one picture."""

    kept: float
    """Bytes that autograd keeps for the way back."""
    largest: float
    """Of them, bytes of the block that keeps most: what checkpointing needs at once."""
    inputs: float
    """Bytes that are kept with checkpointing: what goes into the blocks."""
    flops: float


def trace_unet(shape: Shape, recipe: FinetuneRecipe, cells: int) -> Traced:
    """One picture of ``cells`` x ``cells`` latent cells through the U-Net of a base."""
    from diffusers import UNet2DConditionModel

    config = shape.unet
    with quiet_libraries(), torch.device("meta"):
        net = UNet2DConditionModel.from_config(config)
        net.to(torch.float32 if recipe.precision == "no" else torch.bfloat16)
        net.requires_grad_(recipe.unet == "full")
        if recipe.unet not in ("off", "full"):
            for name, layer in net.named_modules():
                if isinstance(layer, nn.Linear) and ".attentions." in f".{name}":
                    layer.requires_grad_(True)
        dtype = next(net.parameters()).dtype
        noisy = torch.zeros(1, config["in_channels"], cells, cells, dtype=dtype)
        noisy.requires_grad_(recipe.text_encoder != "off" or bool(recipe.token))
        context = torch.zeros(1, 77, config["cross_attention_dim"], dtype=dtype)
        added = None
        if config.get("addition_embed_type") == "text_time":
            sizes = 6 * config["addition_time_embed_dim"]
            pooled = config["projection_class_embeddings_input_dim"] - sizes
            added = {
                "text_embeds": torch.zeros(1, pooled, dtype=dtype),
                "time_ids": torch.zeros(1, 6, dtype=dtype),
            }
        t = torch.zeros(1, dtype=torch.long)
        blocks = ("ResnetBlock2D", "BasicTransformerBlock")
        return traced(
            net, blocks, lambda: net(noisy, t, context, added_cond_kwargs=added, return_dict=False)
        )


def trace_vae(shape: Shape, side: int) -> Traced:
    """One picture of ``side`` pixels through the autoencoder and back."""
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        net = AutoencoderKL.from_config(shape.vae)
        picture = torch.zeros(1, 3, side, side)
        return traced(
            net,
            ("ResnetBlock2D",),
            lambda: net.decode(net.encode(picture, return_dict=False)[0].mode()),
        )


def traced(net: nn.Module, blocks: tuple[str, ...], forward: Callable[[], Any]) -> Traced:
    """Run a network without numbers and count what autograd keeps.

    ``blocks`` are the classes of modules that gradient checkpointing computes again.
    """
    own = {_storage(p) for p in net.parameters()}
    seen: dict[int, tuple[int, torch.Tensor]] = {}
    held: list[float] = []
    inputs: list[float] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        key = _storage(tensor)
        if key not in own:
            seen.setdefault(key, (tensor.untyped_storage().nbytes(), tensor))
        return tensor

    def total() -> float:
        return float(sum(size for size, _ in seen.values()))

    def before(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        held.append(total())
        inputs.append(float(sum(t.nbytes for t in arguments if isinstance(t, torch.Tensor))))

    sizes: list[float] = []

    def after(module: nn.Module, arguments: Any, result: Any) -> None:
        sizes.append(total() - held.pop())

    hooks = [
        hook
        for module in net.modules()
        if type(module).__name__ in blocks
        for hook in (module.register_forward_pre_hook(before), module.register_forward_hook(after))
    ]
    flash = _Flash()
    counter = FlopCounterMode(display=False)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), flash, counter:
        forward()
    for hook in hooks:
        hook.remove()
    outside = max(total() - sum(sizes), 0.0)
    return Traced(
        total(),
        max(sizes, default=0.0),
        outside + sum(inputs),
        float(counter.get_total_flops()) + flash.flops,
    )


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class _Flash(TorchFunctionMode):
    """Attention as processors and cards compute it: the matrix of weights is never kept."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0.0

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.nn.functional.scaled_dot_product_attention:
            query, key = args[0], args[1]
            self.flops += 4.0 * query.numel() * key.shape[-2]
            return _Attention.apply(*args[:3])  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
        result = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise NotImplementedError("only counted, never computed")
