"""The decoder alone, sharpened against a critic; latents, and so the denoiser, stay as they are.

Absolute error makes a decoder draw the mean of all pictures that fit a latent: woods without
crowns, houses without walls. A critic that learns to tell decoded from true reflectivity takes that
mean for what it is (Esser et al. 2021, VQGAN). It looks at small patches for sharpness and, beside
the latent, at larger ones for what stands there. Hinge loss (Lim & Ye 2017), spectral norm
(Miyato et al. 2018), and its features as the measure of likeness (Larsen et al. 2016).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from .autoencoder import AutoencoderTask, picture_errors
from .loop import Draw, Group

Maps = list[torch.Tensor]
WIDTH = 32
"""Features of the critic's first level; each further level has as many more."""
FINE = 1
"""Level whose features, of 10 pixels each, are judged for sharpness alone."""
BETAS = (0.5, 0.99)
"""Of both optimisers: with the usual memory of 0.9 decoder and critic circled around each other."""


class Bounded(nn.Conv2d):
    """A convolution divided by its weight's spectral norm.

    Reckoned anew every time, from the small Gram matrix: torch's own keeps a running estimate,
    which a run that was killed and resumed would have lost.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve with a weight of norm 1."""
        with torch.no_grad():
            flat = self.weight.flatten(1)
            longest = torch.linalg.eigvalsh(flat @ flat.T)[-1].clamp_min(1e-12).sqrt()
        bounded: torch.Tensor = self._conv_forward(x, self.weight / longest, self.bias)
        return bounded


class Critic(nn.Module):
    """Pictures [n, 1, rows, columns] and their latents to scores and the features behind them."""

    def __init__(self, latent_channels: int, halvings: int) -> None:
        """A critic of an autoencoder that halves pictures so many times, at least twice."""
        super().__init__()
        before, levels = 1, []
        for width in range(WIDTH, WIDTH * (halvings + 1), WIDTH):
            levels.append(Bounded(before, width, 4, 2, 1))
            before = width
        self.levels = nn.ModuleList(levels)
        self.fine = Bounded(WIDTH * (FINE + 1), 1, 3, 1, 1)
        self.joint = Bounded(before + latent_channels, 128, 3, 1, 1)
        self.coarse = Bounded(128, 1, 3, 1, 1)

    def forward(self, picture: torch.Tensor, latent: torch.Tensor) -> tuple[Maps, Maps]:
        """Scores of fine and of coarse patches, high for a true picture; features of each level."""
        features, x = [], picture
        for level in self.levels:
            x = functional.leaky_relu(level(x), 0.2)
            features.append(x)
        joint = functional.leaky_relu(self.joint(torch.cat([x, latent], 1)), 0.2)
        return [self.fine(features[FINE]), self.coarse(joint)], features


class Sharpened(nn.Module):
    """Decoder and critic in one, so that one optimiser serves both."""

    def __init__(self, autoencoder: Any) -> None:
        super().__init__()
        self.decoder, self.post_quant_conv = autoencoder.decoder, autoencoder.post_quant_conv
        sizes = autoencoder.config
        self.critic = Critic(sizes.latent_channels, len(sizes.block_out_channels) - 1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        """Grey pictures [n, 1, rows, columns] in -1..1."""
        picture: torch.Tensor = self.decoder(self.post_quant_conv(latent))
        return picture.mean(1, keepdim=True)

    def frozen_critic(self, picture: torch.Tensor, latent: torch.Tensor) -> tuple[Maps, Maps]:
        """What the critic says, without teaching it anything."""
        held = {name: value.detach() for name, value in self.critic.named_parameters()}
        said: tuple[Maps, Maps] = functional_call(self.critic, held, (picture, latent))
        return said


class DecoderTask(AutoencoderTask):
    """Sharp pictures from the latents of a finished encoder."""

    def __init__(
        self,
        autoencoder: Any,
        *pictures: Any,
        adversarial_weight: float,
        likeness_weight: float,
        latent_noise: float,
        critic_learning_rate: float,
        **settings: Any,
    ) -> None:
        super().__init__(autoencoder, *pictures, **settings)
        self._encode = autoencoder.requires_grad_(False).eval().encode
        self.module = Sharpened(autoencoder)
        self.module.requires_grad_(True)
        self._adversarial, self._likeness = adversarial_weight, likeness_weight
        self._noise, self._critic_rate = latent_noise, critic_learning_rate

    def groups(self) -> list[Group]:
        """Decoder, and critic at its own rate."""
        parts = self.module
        own = [*parts.decoder.parameters(), *parts.post_quant_conv.parameters()]
        return [
            Group(own, betas=BETAS),
            Group(list(parts.critic.parameters()), self._critic_rate, betas=BETAS),
        ]

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Errors of the picture and of the critic's features, the critic's doubt, its own error.

        Latents get a little noise, of another strength each: those that a denoiser draws are not
        as exact as those of an encoder.
        """
        seen, clean = self._pair(draw)
        with torch.no_grad():
            latent = self._encode(seen).latent_dist.mean
            noise = torch.randn(latent.shape, generator=draw.torch)
            strength = torch.rand((len(latent), 1, 1, 1), generator=draw.torch) * self._noise
            latent = latent + strength * noise
        true = clean[:, :1]
        drawn = self.module(latent)
        error, coarse, edges = picture_errors(drawn, true)
        doubted, alike = self.module.frozen_critic(drawn, latent)
        of_true, features = self.module.critic(true, latent)
        of_drawn, _ = self.module.critic(drawn.detach(), latent)
        likeness = torch.stack(
            [(a - b.detach()).abs().mean() for a, b in zip(alike, features, strict=True)]
        ).mean()
        doubt = -torch.stack([score.mean() for score in doubted]).mean()
        own = torch.stack(
            [
                functional.relu(1 - good).mean() + functional.relu(1 + bad).mean()
                for good, bad in zip(of_true, of_drawn, strict=True)
            ]
        ).mean()
        total = error + coarse + self._edge * edges
        total = total + self._likeness * likeness + self._adversarial * doubt + own
        figures = {
            "l1": float(error.detach()),
            "likeness": float(likeness.detach()),
            "doubt": float(doubt.detach()),
            "critic": float(own.detach()),
        }
        return total, figures
