"""The blocks shared by the U-Net and the autoencoder; attribute names are those of the weights."""

# ruff: noqa: D102 - what forward() computes is said by its class
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Resnet(nn.Module):
    """Two normalised convolutions with a shortcut; the time embedding is added between them."""

    def __init__(
        self, inputs: int, outputs: int, groups: int, eps: float, time_width: int | None = None
    ) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=eps)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        if time_width is not None:
            self.time_emb_proj = nn.Linear(time_width, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=eps)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        h: Tensor = self.conv1(functional.silu(self.norm1(x)))
        if time is not None:
            h = h + self.time_emb_proj(functional.silu(time))[:, :, None, None]
        h = self.conv2(functional.silu(self.norm2(h)))
        shortcut: Tensor = x if self.conv_shortcut is None else self.conv_shortcut(x)
        return shortcut + h


class Downsample(nn.Module):
    """Half the size by a strided convolution, padded on both sides (U-Net) or at the end only."""

    def __init__(self, channels: int, padding: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=padding)
        self.at_end = padding == 0

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.conv(functional.pad(x, (0, 1, 0, 1)) if self.at_end else x)
        return result


class Upsample(nn.Module):
    """Twice the size, or a given one, by repetition and a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        rows, columns = size or (2 * x.shape[2], 2 * x.shape[3])
        result: Tensor = self.conv(functional.interpolate(x, (rows, columns), mode="nearest"))
        return result


class Attention(nn.Module):
    """softmax(Q K^T / sqrt(d)) V over tokens [n, tokens, width] (Vaswani et al. 2017, eq. 1)."""

    def __init__(
        self, width: int, heads: int, context_width: int | None = None, bias: bool = False
    ) -> None:
        super().__init__()
        self.heads = heads
        source = context_width or width
        self.to_q = nn.Linear(width, width, bias=bias)
        self.to_k = nn.Linear(source, width, bias=bias)
        self.to_v = nn.Linear(source, width, bias=bias)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])
        self._last: tuple[Tensor, Tensor, Tensor] | None = None

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        key, value = self._keys_and_values(x, context)
        mixed = functional.scaled_dot_product_attention(self._split(self.to_q(x)), key, value)
        result: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return result

    def _keys_and_values(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """K and V; those of a text are the same at every step, so they are kept for that text."""
        if context is None:
            return self._split(self.to_k(x)), self._split(self.to_v(x))
        if self._last is None or self._last[0] is not context or self.training:
            key, value = self._split(self.to_k(context)), self._split(self.to_v(context))
            self._last = (context, key, value)
        return self._last[1], self._last[2]

    def _split(self, tokens: Tensor) -> Tensor:
        """[n, tokens, width] to [n, heads, tokens, width / heads]."""
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


class GatedLinear(nn.Module):
    """GEGLU (Shazeer 2020): one half of a linear map gates the other."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.proj = nn.Linear(inputs, 2 * outputs)

    def forward(self, x: Tensor) -> Tensor:
        values, gate = self.proj(x).chunk(2, dim=-1)
        result: Tensor = values * functional.gelu(gate)
        return result


class FeedForward(nn.Module):
    """Widen fourfold and back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # the middle of three is a dropout in training code; it keeps the weights' numbering
        self.net = nn.ModuleList(
            [GatedLinear(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width)]
        )

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.net[2](self.net[0](x))
        return result


class TransformerLayer(nn.Module):
    """Attention among the pixels, attention to the text, feed-forward; each with a shortcut."""

    def __init__(self, width: int, heads: int, context_width: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn1 = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.attn2 = Attention(width, heads, context_width)
        self.norm3 = nn.LayerNorm(width)
        self.ff = FeedForward(width)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        x = x + self.attn1(self.norm1(x))
        x = x + self.attn2(self.norm2(x), context)
        result: Tensor = x + self.ff(self.norm3(x))
        return result


class SpatialTransformer(nn.Module):
    """A feature map as tokens through transformer layers, and back (Rombach et al. 2022, 3.3)."""

    def __init__(
        self, channels: int, heads: int, context_width: int, groups: int, layers: int, linear: bool
    ) -> None:
        super().__init__()
        self.linear = linear
        self.norm = nn.GroupNorm(groups, channels, eps=1e-6)
        self.proj_in = _projection(channels, linear)
        self.transformer_blocks = nn.ModuleList(
            [TransformerLayer(channels, heads, context_width) for _ in range(layers)]
        )
        self.proj_out = _projection(channels, linear)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        rows, columns = x.shape[2:]
        tokens = self.norm(x)
        if self.linear:
            tokens = self.proj_in(tokens.flatten(2).transpose(1, 2))
        else:
            tokens = self.proj_in(tokens).flatten(2).transpose(1, 2)
        for layer in self.transformer_blocks:
            tokens = layer(tokens, context)
        if self.linear:
            tokens = self.proj_out(tokens)
        image = tokens.transpose(1, 2).reshape(*x.shape[:2], rows, columns)
        if x.is_contiguous(memory_format=torch.channels_last):
            image = image.contiguous(memory_format=torch.channels_last)
        result: Tensor = x + (image if self.linear else self.proj_out(image))
        return result


def _projection(channels: int, linear: bool) -> Any:
    """A map over channels: on tokens, or as a convolution of one pixel."""
    return nn.Linear(channels, channels) if linear else nn.Conv2d(channels, channels, 1)
