"""Training of the embedded autoencoder: a despeckling autoencoder of log reflectivity.

The encoder sees a scene with speckle of a random number of looks (or none), the decoder must give
back the reflectivity without it. So real single-look images go in by the same door, and the
latent carries structure, never noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..models.radiometry import Radiometry
from .loop import Draw, Group

LOOKS = (0, 0, 0, 1, 1, 2, 4)
"""Looks of the encoder's input, drawn with equal chance; 0 is no speckle."""


class AutoencoderTask:
    """Reconstruction of speckle-free pixels from speckled ones."""

    def __init__(
        self,
        model: Any,
        clean: NDArray[np.uint8],
        radiometry: Radiometry,
        batch: int = 8,
        crop: int = 256,
        kl_weight: float = 1e-4,
        edge_weight: float = 1.0,
        coarse_weight: float = 0.5,
        textured: NDArray[np.uint8] | None = None,
    ) -> None:
        self.module: Any = model.to(memory_format=torch.channels_last)
        self._clean = clean
        self._textured = clean if textured is None else textured
        self._radiometry = radiometry
        self._batch, self._crop = batch, crop
        self._kl, self._edge, self._shrunk = kl_weight, edge_weight, coarse_weight

    def groups(self) -> list[Group]:
        """The whole autoencoder at one rate."""
        return [Group(list(self.module.parameters()))]

    def _pair(self, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
        rng, crop = draw.numpy, self._crop
        clean = np.empty((self._batch, crop, crop), np.float32)
        seen = np.empty_like(clean)
        for k in range(self._batch):
            n = int(rng.integers(len(self._clean)))
            rows, columns = self._clean.shape[1:]
            r = int(rng.integers(rows - crop + 1))
            c = int(rng.integers(columns - crop + 1))
            step = int(rng.choice((-1, 1)))  # azimuth may be mirrored, range may not
            window = np.s_[n, r : r + crop, c : c + crop]
            clean[k] = self._clean[window][::step].astype(np.float32) / 255
            seen[k] = self._textured[window][::step].astype(np.float32) / 255
            looks = int(rng.choice(LOOKS))
            if looks:
                power = self._radiometry.to_power(seen[k])
                seen[k] = self._radiometry.to_pixel(
                    power * rng.gamma(looks, 1 / looks, power.shape).astype(np.float32)
                )
        return _as_picture(seen), _as_picture(clean)

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Absolute error at two scales, error of edges, a light pull to unit Gaussians, and the
        error of shrunk latents decoded against the shrunk picture.

        The last part is scale equivariance (Kouzelis et al. 2025, EQ-VAE): without it the latents
        of this autoencoder were nearly white, and a denoiser finds no layout in white latents.
        """
        seen, clean = self._pair(draw)
        posterior = self.module.encode(seen).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=draw.torch)
        latent = posterior.mean + posterior.std * noise
        output = self.module.decode(latent).sample.float()
        error, coarse, edges = picture_errors(output, clean)
        kl = posterior.kl().mean() / posterior.mean[0].numel()
        total = error + coarse + self._edge * edges + self._kl * kl
        figures = {"l1": float(error.detach()), "kl": float(kl.detach())}
        if self._shrunk:
            factor = int(draw.numpy.choice((2, 4)))
            small = self.module.decode(functional.avg_pool2d(latent, factor)).sample.float()
            shrunk = (small - functional.avg_pool2d(clean, factor)).abs().mean()
            total = total + self._shrunk * shrunk
            figures["shrunk"] = float(shrunk.detach())
        return total, figures


def picture_errors(
    output: torch.Tensor, wanted: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Absolute error of pictures [n, c, rows, columns], of their 8 x 8 means, and of their edges.

    Absolute error alone is least where texture is smoothed away; edges, the differences of
    neighbours along rows and columns, say what is lost then.
    """
    error = (output - wanted).abs().mean()
    coarse = (functional.avg_pool2d(output, 8) - functional.avg_pool2d(wanted, 8)).abs().mean()
    rows, columns = ((output.diff(dim=axis) - wanted.diff(dim=axis)).abs() for axis in (2, 3))
    return error, coarse, rows.mean() + columns.mean()


def _as_picture(pixels: NDArray[np.float32]) -> torch.Tensor:
    """Pixels [n, rows, columns] in 0..1 to model input [n, 3, rows, columns] in -1..1."""
    grey = torch.from_numpy(pixels * 2 - 1)[:, None]
    return grey.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def normalise_latents(model: Any, latents: torch.Tensor) -> None:
    """Fold the latents' mean and deviation per channel into the 1x1 convolutions, exactly.

    ``latents`` [n, channels, rows, columns] are posterior means of training pictures. Afterwards
    they have zero mean and unit deviation, so ``scaling_factor`` is 1 for every tool.
    """
    rescale_latents(model, latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3)))
    model.register_to_config(scaling_factor=1.0)


def rescale_latents(model: Any, mean: torch.Tensor, deviation: torch.Tensor) -> None:
    """Make the latents z of an autoencoder (z - mean) / deviation per channel; what it decodes from
    them stays the same."""
    channels = len(mean)
    with torch.no_grad():
        quant, post = model.quant_conv, model.post_quant_conv
        # z' = (z - mean) / deviation on the mean half, log-variance shifted on the other
        quant.weight[:channels] /= deviation[:, None, None, None]
        quant.bias[:channels] = (quant.bias[:channels] - mean) / deviation
        quant.bias[channels:] -= 2 * deviation.log()
        post.bias += (post.weight[:, :, 0, 0] * mean[None]).sum(1)
        post.weight *= deviation[None, :, None, None]


def equal_channels(model: Any) -> None:
    """Give the three picture channels one set of output weights, their mean.

    Radar has one channel. The mean of the three, which is all that is used, stays exactly the same,
    and no tool can show a colour cast any more.
    """
    with torch.no_grad():
        last = model.decoder.conv_out
        last.weight.copy_(last.weight.mean(0, keepdim=True).expand_as(last.weight).clone())
        last.bias.fill_(float(last.bias.mean()))


@torch.inference_mode()
def encode(model: Any, pixels: NDArray[np.uint8], batch: int = 8) -> torch.Tensor:
    """Posterior means [n, channels, rows/f, columns/f] of 8-bit pixels [n, rows, columns]."""
    model.eval()
    parts = []
    for start in range(0, len(pixels), batch):
        chunk = np.asarray(pixels[start : start + batch], np.float32) / np.float32(255)
        parts.append(model.encode(_as_picture(chunk)).latent_dist.mean.contiguous())
    return torch.cat(parts)
