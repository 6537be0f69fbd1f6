"""Training of the embedded U-Net, text encoder and number embedding, together and from nothing.

Velocity prediction (Salimans & Ho 2022) with min-SNR weights (Hang et al. 2023): with signal
alpha and noise sigma, v = alpha eps - sigma x. All noise levels weigh alike, unless min-SNR
weights are asked for: min(SNR, 5) / (SNR + 1) leaves the noisy levels, where layout is decided, a
twentieth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ..models.numbers import NumberEmbedding
from ..simulate.radar import AIRBORNE
from .loop import Draw, Group

USUAL_DEG = AIRBORNE.incidence_angle_deg
"""What a picture shows when no incidence angle is asked for."""

PREFIXES = {
    "simulated": (
        "A SAR image of {}",
        "A SAR image of {}",
        "A SAR image of {}",
        "A simulated SAR image of {}",
        "A simulated SAR image of {}",
        "An aerial view of {}",
        "{}",
    ),
    "measured": (
        "A measured X-band airborne SAR image of {}",
        "A measured SAR image of {}",
    ),
}


@dataclass
class LatentSet:
    """Training pictures as latents, with their sentences."""

    latents: torch.Tensor
    """[n, channels, rows, columns]"""
    captions: Sequence[Sequence[str]]
    domains: Sequence[str]
    weights: torch.Tensor
    """[n, rows, columns], 0 where a picture must not be learned from (pasted vehicles)."""
    shares: np.ndarray[Any, np.dtype[np.float64]]
    """Chance of each picture to be drawn."""
    kinds: Sequence[str] = ()
    """Scene kind of each picture, two joined by ``+``, or ``measured``."""
    numbers: Sequence[Mapping[str, float]] = ()
    """Numbers of each picture's acquisition, as far as known."""


class _ChannelsLast(torch.autograd.Function):
    """Lays a tensor, and the gradient that comes back, out as [n, rows, columns, channels]."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return gradients[0].contiguous(memory_format=torch.channels_last)


def _channels_last(x: torch.Tensor) -> torch.Tensor:
    result: torch.Tensor = _ChannelsLast.apply(x)  # type: ignore[no-untyped-call]
    return result


def keep_channels_last(module: nn.Module) -> None:
    """Give every convolution channels-last tensors, forwards and backwards.

    Attention blocks hand on the other layout, in which a bfloat16 convolution's backward pass takes
    up to six times as long on a CPU; a whole step gains an eighth.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_pre_hook(lambda _, args: (_channels_last(args[0]),))
            part.register_forward_hook(lambda _, args, out: _channels_last(out))


class Denoiser(nn.Module):
    """U-Net, text encoder and numbers in one, so that one optimiser and one average serve all."""

    def __init__(self, unet: Any, text_encoder: Any, numbers: NumberEmbedding) -> None:
        super().__init__()
        self.unet = unet.to(memory_format=torch.channels_last)
        self.text_encoder = text_encoder
        self.numbers = numbers
        numbers.attach(unet)

    def forward(
        self,
        noisy: torch.Tensor,
        t: torch.Tensor,
        tokens: torch.Tensor,
        numbers: Sequence[Mapping[str, float]],
    ) -> torch.Tensor:
        """Predict v [n, channels, rows, columns] of noisy latents at timesteps [n]."""
        words = self.text_encoder(input_ids=tokens).last_hidden_state
        with self.numbers.telling(numbers):
            result: torch.Tensor = self.unet(noisy, t, words, return_dict=False)[0]
        return result


class DiffusionTask:
    """Velocity prediction on cached latents."""

    def __init__(
        self,
        denoiser: Denoiser,
        tokenizer: Any,
        scheduler: Any,
        data: LatentSet,
        batch: int,
        cells: int,
        caption_dropout: float = 0.1,
        min_snr: float = 0.0,
        shift: float = 1.0,
    ) -> None:
        self.module: Any = denoiser
        self._tokenizer, self._data = tokenizer, data
        self._batch, self._cells = batch, cells
        self._dropout, self._min_snr, self._shift = caption_dropout, min_snr, shift
        self._alphas: torch.Tensor = scheduler.alphas_cumprod

    def groups(self) -> list[Group]:
        """U-Net, text encoder and numbers at one rate."""
        return [Group(list(self.module.parameters()))]

    def _sentence(self, index: int, rng: np.random.Generator) -> str:
        if rng.random() < self._dropout:
            return ""
        prefix = str(rng.choice(PREFIXES[self._data.domains[index]]))
        choices = self._data.captions[index]
        # the first caption is the short one: people write short prompts
        pick = 0 if rng.random() < 0.25 else int(rng.integers(len(choices)))
        return prefix.format(choices[pick])

    def _numbers(self, index: int, rng: np.random.Generator) -> Mapping[str, float]:
        """Numbers of a picture, every other time; always where they are not the usual ones."""
        told = self._data.numbers[index] if self._data.numbers else {}
        unusual = told.get("incidence_angle_deg", USUAL_DEG) != USUAL_DEG
        return told if unusual or rng.random() < 0.5 else {}

    def batch(
        self, draw: Draw
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[Mapping[str, float]]]:
        """Latents [n, c, cells, cells], token ids, pixel weights and numbers of a step."""
        rng, cells = draw.numpy, self._cells
        chosen = rng.choice(len(self._data.latents), self._batch, p=self._data.shares)
        latents, weights = [], []
        rows, columns = self._data.latents.shape[2:]
        for index in chosen.tolist():
            r, c = int(rng.integers(rows - cells + 1)), int(rng.integers(columns - cells + 1))
            latents.append(self._data.latents[index, :, r : r + cells, c : c + cells].float())
            weights.append(self._data.weights[index, r : r + cells, c : c + cells])
        tokens = self._tokenizer(
            [self._sentence(index, rng) for index in chosen.tolist()],
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        ).input_ids
        numbers = [self._numbers(index, rng) for index in chosen.tolist()]
        return torch.stack(latents), tokens, torch.stack(weights)[:, None], numbers

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Weighted squared error of the predicted velocity."""
        x, tokens, mask, numbers = self.batch(draw)
        # stratified timesteps: less noise in the loss of a small batch
        u = (torch.rand(1, generator=draw.torch) + torch.arange(len(x)) / len(x)) % 1
        # Esser et al. 2024: above 1, more of the noisy steps
        u = self._shift * u / (1 + (self._shift - 1) * u)
        t = (u * len(self._alphas)).long()
        eps = torch.randn(x.shape, generator=draw.torch)
        alpha_bar = self._alphas[t][:, None, None, None]
        alpha, sigma = alpha_bar.sqrt(), (1 - alpha_bar).sqrt()
        noisy = (alpha * x + sigma * eps).to(memory_format=torch.channels_last)
        v = alpha * eps - sigma * x
        error = (self.module(noisy, t, tokens, numbers) - v).square() * mask
        per_image = error.mean(dim=(1, 2, 3))
        figures = {"mse": float(per_image.detach().mean())}
        # the noisiest third alone: whether layout is being learned
        noisiest = per_image.detach()[t * 3 > 2 * len(self._alphas)]
        if len(noisiest):
            figures["mse_noisy"] = float(noisiest.mean())
        if self._min_snr:
            snr = (alpha_bar / (1 - alpha_bar))[:, 0, 0, 0]
            per_image = per_image * (snr.clamp(max=self._min_snr) / (snr + 1) + 0.05) / 0.5
        return per_image.mean(), figures
