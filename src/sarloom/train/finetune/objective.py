"""The loss of fine-tuning: noise prediction on latents, for epsilon, v and sample models.

Min-SNR weights: Hang et al. 2023, *Efficient Diffusion Training via Min-SNR Weighting Strategy*.
Offset noise: N. Guttenberg 2023, *Diffusion with Offset Noise*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ...errors import InputError
from ...models.noise import alphas_bar, zero_terminal_config


@dataclass(frozen=True)
class NoiseSchedule:
    """Signal and noise at each training timestep, and what the network predicts."""

    alphas_cumprod: torch.Tensor
    prediction: str
    """epsilon, v_prediction or sample."""

    def __len__(self) -> int:
        return len(self.alphas_cumprod)

    def mixed(self, x: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """Latents [n, c, h, w] with noise at timesteps [n]."""
        alpha, sigma = self._parts(t)
        return alpha * x + sigma * noise

    def target(self, x: torch.Tensor, noise: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """What the network should give."""
        if self.prediction == "epsilon":
            return noise
        if self.prediction == "sample":
            return x
        alpha, sigma = self._parts(t)
        return alpha * noise - sigma * x

    def min_snr_weight(self, t: torch.Tensor, cap: float) -> torch.Tensor:
        """Weight of the squared error of each picture [n]; 1 for a cap of 0."""
        if not cap:
            return torch.ones(len(t))
        alpha_bar = self.alphas_cumprod[t]
        snr = alpha_bar / (1 - alpha_bar)
        capped = snr.clamp(max=cap)
        if self.prediction == "epsilon":
            return capped / snr.clamp(min=1e-8)
        return capped / (snr + 1) if self.prediction == "v_prediction" else capped

    def _parts(self, t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        alpha_bar = self.alphas_cumprod[t][:, None, None, None]
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()


def schedule_of(config: dict[str, Any], zero_terminal_snr: bool) -> NoiseSchedule:
    """The noise schedule of a model's scheduler configuration.

    Parameters
    ----------
    config
        As in ``scheduler_config.json``; what it says of zero terminal SNR holds in any case.
    zero_terminal_snr
        Stretch it so that the last step is noise alone.

    Raises
    ------
    InputError
        If zero terminal SNR is asked of a model that predicts epsilon: from pure noise, epsilon
        says nothing of the picture.
    """
    prediction = str(config.get("prediction_type", "epsilon"))
    if zero_terminal_snr and prediction == "epsilon":
        raise InputError("zero_terminal_snr needs a model of v prediction; this one is epsilon")
    alpha_bar = alphas_bar(zero_terminal_config(config) if zero_terminal_snr else config)
    return NoiseSchedule(alpha_bar, prediction)
