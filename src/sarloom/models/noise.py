"""Signal and noise at each training step of a model, as its scheduler configuration has it.

Zero terminal SNR: Lin et al. 2023, *Common Diffusion Noise Schedules and Sample Steps are Flawed*,
algorithm 1; such a model has to be sampled from its last step on (their section 3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..errors import ModelError

ZERO_SNR = "rescale_betas_zero_snr"
CLASSES = (
    "DDIMScheduler", "DDPMScheduler", "DPMSolverMultistepScheduler", "EulerDiscreteScheduler",
    "EulerAncestralDiscreteScheduler", "UniPCMultistepScheduler",
)  # fmt: skip
"""Schedulers of diffusers that know the entry; the others would sample on the plain schedule."""
COMMON = {
    "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas",
    "prediction_type", "steps_offset", "clip_sample", "set_alpha_to_one",
}  # fmt: skip
"""Entries that DDIMScheduler shares with the schedulers that do not know it."""


def alphas_bar(config: Mapping[str, Any]) -> torch.Tensor:
    """Product of 1 - beta up to each training step, float32: the share of power that is image.

    Raises
    ------
    ModelError
        For a kind of betas that is not known here.
    """
    count = int(config.get("num_train_timesteps", 1000))
    start, end = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    kind = config.get("beta_schedule", "linear")
    if kind == "scaled_linear":
        betas = torch.linspace(start**0.5, end**0.5, count, dtype=torch.float32) ** 2
    elif kind == "linear":
        betas = torch.linspace(start, end, count, dtype=torch.float32)
    else:
        raise ModelError(f"beta_schedule {kind!r} of the model's scheduler is not known")
    found = torch.cumprod(1.0 - betas, dim=0)
    return zero_terminal(found) if config.get(ZERO_SNR) else found


def zero_terminal(alpha_bar: torch.Tensor) -> torch.Tensor:
    """A schedule stretched so that its last step is noise alone; its first step stays."""
    root = alpha_bar.sqrt()
    root = (root - root[-1]) * (root[0] / (root[0] - root[-1]))
    return root**2


def zero_terminal_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The scheduler configuration of a model that was trained with zero terminal SNR.

    Tools read from it the stretched schedule and that sampling begins at its last step. A scheduler
    that does not know the entry gives way to DDIM.
    """
    kept = dict(config)
    if kept.get("_class_name") not in CLASSES:
        kept = {key: value for key, value in config.items() if key in COMMON}
        kept = {"_class_name": "DDIMScheduler", "clip_sample": False, **kept}
    return {**kept, ZERO_SNR: True, "timestep_spacing": "trailing"}
