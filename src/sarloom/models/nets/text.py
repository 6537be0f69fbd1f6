"""The text encoder of CLIP (transformers' CLIPTextModel and CLIPTextModelWithProjection)."""

# ruff: noqa: D102 - what forward() computes is said by its class
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from . import Config

DEFAULTS = {
    "vocab_size": 49408,
    "hidden_size": 512,
    "intermediate_size": 2048,
    "projection_dim": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
    "eos_token_id": 49407,
}
OLD_EOS = 2
"""Wrong end-of-text number in old configurations; the end is then the largest token number."""


def why_not(config: Mapping[str, Any]) -> str | None:
    """What in a configuration this network cannot do; None if it can do all."""
    if config.get("hidden_act", "quick_gelu") not in ("quick_gelu", "gelu"):
        return f"hidden_act = {config['hidden_act']!r}"
    return "use_attention_mask" if config.get("use_attention_mask") else None


@dataclass(frozen=True)
class TextStates:
    """What the encoder makes of a text; indexing gives what transformers puts first."""

    first: Tensor
    """Projected text [n, width] of an encoder with projection, else the last states."""
    hidden_states: tuple[Tensor, ...]
    """States [n, tokens, width] before the first layer and after each."""

    def __getitem__(self, index: int) -> Tensor:
        return (self.first,)[index]


class SelfAttention(nn.Module):
    """Attention of each token to itself and those before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            projection(x).reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        result: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return result


class Mlp(nn.Module):
    """Two linear maps with CLIP's activation between."""

    def __init__(self, width: int, inner: int, activation: str) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.quick = activation == "quick_gelu"

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc1(x)
        h = h * torch.sigmoid(1.702 * h) if self.quick else functional.gelu(h)
        result: Tensor = self.fc2(h)
        return result


class Layer(nn.Module):
    """One transformer layer, normalised before each part."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)
        self.self_attn = SelfAttention(c.hidden_size, c.num_attention_heads)
        self.layer_norm2 = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)
        self.mlp = Mlp(c.hidden_size, c.intermediate_size, c.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        result: Tensor = x + self.mlp(self.layer_norm2(x))
        return result


class Embeddings(nn.Module):
    """A vector for each token and one for its place."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.token_embedding = _table(c.vocab_size, c.hidden_size)
        self.position_embedding = _table(c.max_position_embeddings, c.hidden_size)

    def forward(self, ids: Tensor) -> Tensor:
        words: Tensor = self.token_embedding(ids)
        return words + self.position_embedding.weight[: ids.shape[1]]


class Layers(nn.Module):
    """The layers one after the other; gives the states before the first and after each."""

    def __init__(self, c: Config) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Layer(c) for _ in range(c.num_hidden_layers)])

    def forward(self, h: Tensor) -> list[Tensor]:
        states = [h]
        for layer in self.layers:
            h = layer(h)
            states.append(h)
        return states


class TextEncoder(nn.Module):
    """Token numbers to states; with ``projected``, also one vector per text."""

    def __init__(self, config: Mapping[str, Any], projected: bool = False) -> None:
        super().__init__()
        c = self.config = Config({**DEFAULTS, **config})
        self.embeddings = Embeddings(c)
        self.encoder = Layers(c)
        self.final_layer_norm = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)
        if projected:
            self.text_projection = nn.Linear(c.hidden_size, c.projection_dim, bias=False)
        self.projected = projected

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.final_layer_norm.weight.device

    def forward(self, ids: Tensor, **_: Any) -> TextStates:
        """Token numbers [n, tokens]; the flags of the library's call are not needed here."""
        states = self.encoder(self.embeddings(ids))
        last = self.final_layer_norm(states[-1])
        if not self.projected:
            return TextStates(last, tuple(states))
        pooled = last[torch.arange(ids.shape[0], device=ids.device), self._end(ids)]
        return TextStates(self.text_projection(pooled), tuple(states))

    def _end(self, ids: Tensor) -> Tensor:
        """Position of the first end mark of each text."""
        end = self.config.eos_token_id
        return ids.argmax(dim=-1) if end == OLD_EOS else (ids == end).int().argmax(dim=-1)


def _table(rows: int, width: int) -> nn.Embedding:
    """An embedding not yet filled: drawing random rows on torch's meta device loads its compiler,
    a second for numbers that are replaced at once."""
    return nn.Embedding(rows, width, _weight=torch.empty(rows, width))
