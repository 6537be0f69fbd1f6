"""The autoencoder of Stable Diffusion (diffusers' AutoencoderKL)."""

# ruff: noqa: D102 - what forward() computes is said by its class
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import Config, unsupported
from .blocks import Attention, Downsample, Resnet, Upsample

EPS = 1e-6
DEFAULTS = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ("DownEncoderBlock2D",),
    "up_block_types": ("UpDecoderBlock2D",),
    "block_out_channels": (64,),
    "layers_per_block": 1,
    "latent_channels": 4,
    "norm_num_groups": 32,
    "sample_size": 32,
    "scaling_factor": 0.18215,
    "shift_factor": None,
    "force_upcast": True,
    "use_quant_conv": True,
    "use_post_quant_conv": True,
    "mid_block_add_attention": True,
}
PLAIN = {"act_fn": ("silu", "swish")}
OLD_NAMES = {
    ".query.": ".to_q.",
    ".key.": ".to_k.",
    ".value.": ".to_v.",
    ".proj_attn.": ".to_out.0.",
}
"""Names of attention weights in folders written before 2023, and today's."""


def why_not(config: Mapping[str, Any]) -> str | None:
    """What in a configuration this network cannot do; None if it can do all."""
    blocks = {*config.get("down_block_types", ()), *config.get("up_block_types", ())}
    strange = blocks - {"DownEncoderBlock2D", "UpDecoderBlock2D"}
    if strange:
        return f"the block {min(strange)}"
    return unsupported(config, PLAIN, frozenset(DEFAULTS))


@dataclass(frozen=True)
class Posterior:
    """Gaussian of the latent, given a picture."""

    mean: Tensor

    def mode(self) -> Tensor:
        """Its most likely latent."""
        return self.mean


class PixelAttention(Attention):
    """Attention among all pixels of a map, one head, with a shortcut."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__(channels, heads=1, bias=True)
        self.group_norm = nn.GroupNorm(groups, channels, eps=EPS)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        mixed = super().forward(tokens)
        return x + mixed.transpose(1, 2).reshape(x.shape)


class Middle(nn.Module):
    """Resnet, attention, resnet at the coarsest size."""

    def __init__(self, channels: int, groups: int, attends: bool) -> None:
        super().__init__()
        made = [Resnet(channels, channels, groups, EPS) for _ in range(2)]
        self.resnets = nn.ModuleList(made)
        self.attentions = nn.ModuleList([PixelAttention(channels, groups)] if attends else [])

    def forward(self, x: Tensor) -> Tensor:
        x = self.resnets[0](x)
        for attention in self.attentions:
            x = attention(x)
        result: Tensor = self.resnets[1](x)
        return result


class Stage(nn.Module):
    """Resnets of one size, then a change of size."""

    def __init__(self, inputs: int, outputs: int, count: int, groups: int, change: str) -> None:
        super().__init__()
        widths = [inputs] + [outputs] * (count - 1)
        self.resnets = nn.ModuleList([Resnet(width, outputs, groups, EPS) for width in widths])
        self.change = change
        if change == "down":
            self.downsamplers = nn.ModuleList([Downsample(outputs, padding=0)])
        elif change == "up":
            self.upsamplers = nn.ModuleList([Upsample(outputs)])

    def forward(self, x: Tensor) -> Tensor:
        for resnet in self.resnets:
            x = resnet(x)
        if self.change == "down":
            x = self.downsamplers[0](x)
        elif self.change == "up":
            x = self.upsamplers[0](x)
        return x


class Half(nn.Module):
    """Encoder or decoder."""

    def __init__(self, config: Config, down: bool) -> None:
        super().__init__()
        c, channels, groups = config, list(config.block_out_channels), config.norm_num_groups
        order = channels if down else channels[::-1]
        count = c.layers_per_block + (0 if down else 1)
        self.down = down
        first = c.in_channels if down else c.latent_channels
        last = 2 * c.latent_channels if down else c.out_channels
        self.conv_in = nn.Conv2d(first, order[0], 3, padding=1)
        stages, width = [], order[0]
        for index, out in enumerate(order):
            change = "" if index == len(order) - 1 else ("down" if down else "up")
            stages.append(Stage(width, out, count, groups, change))
            width = out
        if down:
            self.down_blocks = nn.ModuleList(stages)
        else:
            self.up_blocks = nn.ModuleList(stages)
        self.mid_block = Middle(channels[-1], groups, c.mid_block_add_attention)
        self.conv_norm_out = nn.GroupNorm(groups, order[-1], eps=EPS)
        self.conv_out = nn.Conv2d(order[-1], last, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(x)
        h = h if self.down else self.mid_block(h)
        for stage in self.down_blocks if self.down else self.up_blocks:
            h = stage(h)
        h = self.mid_block(h) if self.down else h
        result: Tensor = self.conv_out(functional.silu(self.conv_norm_out(h)))
        return result


class Autoencoder(nn.Module):
    """Pictures in [-1, 1] to latents and back."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        c = self.config = Config({**DEFAULTS, **config})
        self.encoder = Half(c, down=True)
        self.decoder = Half(c, down=False)
        if c.use_quant_conv:
            self.quant_conv = nn.Conv2d(2 * c.latent_channels, 2 * c.latent_channels, 1)
        if c.use_post_quant_conv:
            self.post_quant_conv = nn.Conv2d(c.latent_channels, c.latent_channels, 1)

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights."""
        return self.encoder.conv_in.weight.dtype

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.encoder.conv_in.weight.device

    def encode(self, pixels: Tensor, return_dict: bool = False) -> tuple[Posterior]:
        """Pixels [n, 3, rows, columns] to the posterior of the latent."""
        moments = self.encoder(pixels)
        if self.config.use_quant_conv:
            moments = self.quant_conv(moments)
        return (Posterior(moments.chunk(2, dim=1)[0]),)

    def decode(self, latents: Tensor, return_dict: bool = False) -> tuple[Tensor]:
        """Latents [n, c, h, w] to pixels."""
        if self.config.use_post_quant_conv:
            latents = self.post_quant_conv(latents)
        return (self.decoder(latents),)
