"""The U-Net of Stable Diffusion 1.x, 2.x and XL (diffusers' UNet2DConditionModel)."""

# ruff: noqa: D102 - what forward() computes is said by its class
from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import Config, unsupported
from .blocks import Downsample, Resnet, SpatialTransformer, Upsample

DEFAULTS = {
    "sample_size": None,
    "in_channels": 4,
    "out_channels": 4,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
    "up_block_types": ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "norm_eps": 1e-5,
    "cross_attention_dim": 1280,
    "transformer_layers_per_block": 1,
    "attention_head_dim": 8,
    "num_attention_heads": None,
    "use_linear_projection": False,
    "addition_embed_type": None,
    "addition_time_embed_dim": None,
    "projection_class_embeddings_input_dim": None,
    "upcast_attention": False,
}
PLAIN = {
    "act_fn": ("silu", "swish"),
    "addition_embed_type_num_heads": 64,
    "attention_type": "default",
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "downsample_padding": 1,
    "dropout": 0.0,
    "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "resnet_out_scale_factor": 1.0,
    "resnet_time_scale_shift": "default",
    "time_embedding_type": "positional",
}
DOWN_BLOCKS = {"DownBlock2D": False, "CrossAttnDownBlock2D": True}
UP_BLOCKS = {"UpBlock2D": False, "CrossAttnUpBlock2D": True}


def why_not(config: Mapping[str, Any]) -> str | None:
    """What in a configuration this network cannot do; None if it can do all."""
    blocks = {*config["down_block_types"], *config["up_block_types"]}
    strange = blocks - set(DOWN_BLOCKS) - set(UP_BLOCKS)
    if strange:
        return f"the block {min(strange)}"
    if config.get("addition_embed_type") not in (None, "text_time"):
        return f"addition_embed_type = {config['addition_embed_type']!r}"
    if not isinstance(config.get("layers_per_block", 2), int):
        return "layers_per_block of several values"
    if not isinstance(config.get("cross_attention_dim", 0), int):
        return "cross_attention_dim of several values"
    return unsupported(config, PLAIN, frozenset(DEFAULTS))


class TimeEmbedding(nn.Module):
    """Two linear maps of a sinusoidal embedding."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(inputs, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.linear_2(functional.silu(self.linear_1(x)))
        return result


def sinusoids(t: Tensor, width: int, cos_first: bool, shift: float) -> Tensor:
    """Times [n] to sines and cosines [n, width], float32 (Ho et al. 2020, appendix B)."""
    half = width // 2
    ranks = torch.arange(half, dtype=torch.float32, device=t.device)
    angles = t.float()[:, None] * torch.exp(-math.log(10000) * ranks / (half - shift))[None]
    parts = (angles.cos(), angles.sin()) if cos_first else (angles.sin(), angles.cos())
    return torch.cat(parts, dim=-1)


class Block(nn.Module):
    """Resnets, each perhaps followed by a transformer, and perhaps a change of size."""

    def __init__(
        self,
        widths: list[tuple[int, int]],
        config: Config,
        level: int,
        crossed: bool,
        samplers: tuple[int, int] = (0, 0),
        transformers: int | None = None,
    ) -> None:
        super().__init__()
        outputs, groups = widths[0][1], config.norm_num_groups
        time_width = 4 * config.block_out_channels[0]
        self.resnets = nn.ModuleList(
            [Resnet(a, b, groups, config.norm_eps, time_width) for a, b in widths]
        )
        count = (len(widths) if transformers is None else transformers) if crossed else 0
        settings = (
            outputs,
            _at(config.num_attention_heads or config.attention_head_dim, level),
            config.cross_attention_dim,
            groups,
            _at(config.transformer_layers_per_block, level),
            config.use_linear_projection,
        )
        made = [SpatialTransformer(*settings) for _ in range(count)]
        self.attentions = nn.ModuleList(made)
        down, up = samplers
        self.downsamplers = nn.ModuleList([Downsample(outputs, padding=1)] * down)
        self.upsamplers = nn.ModuleList([Upsample(outputs)] * up)

    def pairs(self) -> Iterator[tuple[Any, Any]]:
        """Each resnet with the transformer that follows it, or None."""
        return zip_longest(self.resnets, self.attentions)


class UNet(nn.Module):
    """Noise (or v) of a latent at a time, given a text."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        c = self.config = Config({**DEFAULTS, **config})
        channels, layers, levels = c.block_out_channels, c.layers_per_block, len(c.down_block_types)
        skips = self._way_down()
        width = channels[-1]
        middle = [(width, width)] * 2
        self.mid_block = Block(middle, c, levels - 1, crossed=True, transformers=1)
        up: list[Block] = []
        for index, kind in enumerate(c.up_block_types):
            level = levels - 1 - index
            out, last = channels[level], level == 0
            widths = []
            for _ in range(layers + 1):
                widths.append((width + skips.pop(), out))
                width = out
            up.append(Block(widths, c, level, UP_BLOCKS[kind], samplers=(0, not last)))
        self.up_blocks = nn.ModuleList(up)
        self.conv_norm_out = nn.GroupNorm(c.norm_num_groups, channels[0], eps=c.norm_eps)
        self.conv_out = nn.Conv2d(channels[0], c.out_channels, 3, padding=1)

    def _way_down(self) -> list[int]:
        """Make what a ControlNet shares with its U-Net; returns the channels of each skip."""
        c = self.config
        channels, layers, levels = c.block_out_channels, c.layers_per_block, len(c.down_block_types)
        self.conv_in = nn.Conv2d(c.in_channels, channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(channels[0], 4 * channels[0])
        if c.addition_embed_type == "text_time":
            inputs = c.projection_class_embeddings_input_dim
            self.add_embedding = TimeEmbedding(inputs, 4 * channels[0])
        down: list[Block] = []
        skips, width = [channels[0]], channels[0]
        for level, kind in enumerate(c.down_block_types):
            out, last = channels[level], level == levels - 1
            widths = [(width if index == 0 else out, out) for index in range(layers)]
            down.append(Block(widths, c, level, DOWN_BLOCKS[kind], samplers=(not last, 0)))
            skips += [out] * (layers + (not last))
            width = out
        self.down_blocks = nn.ModuleList(down)
        return skips

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        added_cond_kwargs: dict[str, Tensor] | None = None,
        return_dict: bool = False,
        down_block_additional_residuals: Sequence[Tensor] | None = None,
        mid_block_additional_residual: Tensor | None = None,
    ) -> tuple[Tensor]:
        """The call of diffusers' class with ``return_dict=False``.

        Parameters
        ----------
        sample
            Noisy latent [n, c, h, w].
        timestep
            Training time, one number.
        encoder_hidden_states
            Text [n, tokens, width].
        added_cond_kwargs
            SDXL's ``text_embeds`` [n, width] and ``time_ids`` [n, 6].
        down_block_additional_residuals, mid_block_additional_residual
            What controls add to the skips, one per skip, and to the middle.
        """
        time = self._time(timestep, sample, added_cond_kwargs)
        text = encoder_hidden_states
        skips, h = self._down(self.conv_in(sample), time, text)
        if down_block_additional_residuals is not None:
            pairs = zip(skips, down_block_additional_residuals, strict=True)
            skips = [skip + residual for skip, residual in pairs]
        if mid_block_additional_residual is not None:
            h = h + mid_block_additional_residual
        for block in cast(Iterable[Block], self.up_blocks):
            for resnet, attend in block.pairs():
                h = resnet(torch.cat([h, skips.pop()], dim=1), time)
                h = attend(h, text) if attend else h
            if block.upsamplers:
                h = block.upsamplers[0](h, tuple(skips[-1].shape[2:]))
        return (self.conv_out(functional.silu(self.conv_norm_out(h))),)

    def _down(self, h: Tensor, time: Tensor, text: Tensor) -> tuple[list[Tensor], Tensor]:
        """The way down and the middle: what is handed on to each skip, and the middle's result."""
        skips = [h]
        for block in cast(Iterable[Block], self.down_blocks):
            for resnet, attend in block.pairs():
                h = resnet(h, time)
                h = attend(h, text) if attend else h
                skips.append(h)
            if block.downsamplers:
                h = block.downsamplers[0](h)
                skips.append(h)
        for resnet, attend in self.mid_block.pairs():
            h = resnet(h, time)
            h = attend(h, text) if attend else h
        return skips, h

    def _time(self, t: Tensor, sample: Tensor, added: dict[str, Tensor] | None) -> Tensor:
        """Embedding of the time, and of SDXL's further conditions."""
        c = self.config
        times = t.to(sample.device).reshape(-1).expand(sample.shape[0])
        waves = sinusoids(times, c.block_out_channels[0], c.flip_sin_to_cos, c.freq_shift)
        time: Tensor = self.time_embedding(waves.to(sample.dtype))
        if c.addition_embed_type is None or added is None:
            return time
        numbers = added["time_ids"]
        sizes = sinusoids(
            numbers.flatten(), c.addition_time_embed_dim, c.flip_sin_to_cos, c.freq_shift
        ).reshape(numbers.shape[0], -1)
        joined = torch.cat([added["text_embeds"], sizes.to(sample.dtype)], dim=-1)
        further: Tensor = self.add_embedding(joined.to(sample.dtype))
        return time + further


def _at(value: Any, level: int) -> int:
    """A setting of all levels, or of this one."""
    return int(value if isinstance(value, int) else value[level])
