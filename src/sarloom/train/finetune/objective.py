"""The loss of fine-tuning: noise prediction on latents, for epsilon, v and sample models.

Min-SNR weights: Hang et al. 2023, *Efficient Diffusion Training via Min-SNR Weighting Strategy*.
Zero terminal SNR: Lin et al. 2023, *Common Diffusion Noise Schedules and Sample Steps are Flawed*,
algorithm 1. Offset noise: N. Guttenberg 2023, *Diffusion with Offset Noise*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from ...errors import InputError


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

    Raises
    ------
    InputError
        If zero terminal SNR is asked of a model that predicts epsilon: from pure noise, epsilon
        says nothing of the picture.
    """
    count = int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    kind = config.get("beta_schedule", "linear")
    if kind == "scaled_linear":
        betas = torch.linspace(start**0.5, end**0.5, count, dtype=torch.float32) ** 2
    elif kind == "linear":
        betas = torch.linspace(start, end, count, dtype=torch.float32)
    else:
        raise InputError(f"beta_schedule {kind!r} of the base model cannot be trained")
    alpha_bar = torch.cumprod(1.0 - betas, 0)
    prediction = str(config.get("prediction_type", "epsilon"))
    if zero_terminal_snr:
        if prediction == "epsilon":
            raise InputError("zero_terminal_snr needs a model of v prediction; this one is epsilon")
        root = alpha_bar.sqrt()
        root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
        alpha_bar = root**2
    return NoiseSchedule(alpha_bar, prediction)
