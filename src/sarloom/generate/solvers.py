"""DDIM, Euler and DPM-Solver++(2M) written out, with linear spacing.

They give the numbers of diffusers' schedulers of the same names (tests compare them) and are
called the same way, but need nothing of diffusers, whose import takes longer than the sampling.
Whatever a model's configuration asks beyond them is left to diffusers (:func:`why_not`).

Symbols: alpha_bar the product of 1 - beta up to training time t; alpha = sqrt(alpha_bar), the
share of the image; sigma_vp = sqrt(1 - alpha_bar), the share of noise; sigma = sigma_vp / alpha,
the noise level of Karras et al. 2022; x0 the clean latent predicted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..models.noise import ZERO_SNR, alphas_bar

PLAIN: dict[str, Any] = {
    "trained_betas": None,
    "thresholding": False,
    "use_karras_sigmas": (None, False),
    "use_exponential_sigmas": (None, False),
    "use_beta_sigmas": (None, False),
    "use_lu_lambdas": (None, False),
    "use_flow_sigmas": (None, False),
    "use_dynamic_shifting": (None, False),
    "final_sigmas_type": "zero",
    "solver_order": 2,
    "solver_type": "midpoint",
    "algorithm_type": "dpmsolver++",
    "euler_at_final": False,
    "lower_order_final": True,
    "interpolation_type": "linear",
    "timestep_type": "discrete",
    "variance_type": None,
}
"""Entries of a scheduler configuration, and the values under which these solvers do the same."""


def why_not(config: Mapping[str, Any], needs_no_clipping: bool) -> str | None:
    """What in a scheduler configuration these solvers cannot do; None if they can do all."""
    if needs_no_clipping and config.get("clip_sample", True):
        return "clip_sample"
    if config.get("beta_schedule", "linear") not in ("linear", "scaled_linear"):
        return "beta_schedule"
    if config.get("prediction_type", "epsilon") not in ("epsilon", "v_prediction"):
        return "prediction_type"
    if config.get(ZERO_SNR) and config.get("prediction_type") != "v_prediction":
        return ZERO_SNR  # noise alone says nothing of the image
    for key, allowed in PLAIN.items():
        if key in config:
            good = allowed if isinstance(allowed, tuple) else (allowed,)
            if config[key] not in good:
                return key
    return None


class Solver:
    """What the three have in common: the betas and the steps in time."""

    order = 1
    default_spacing = "linspace"

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.alpha_bar = alphas_bar(config)
        self.count = len(self.alpha_bar)
        self.velocity = config.get("prediction_type", "epsilon") == "v_prediction"
        self.spacing = config.get("timestep_spacing", self.default_spacing)
        self.offset = int(config.get("steps_offset", 0))
        self.init_noise_sigma = 1.0
        self.index = 0
        self.timesteps = torch.zeros(0)
        self.sigmas = np.zeros(0, np.float32)

    def set_begin_index(self, index: int) -> None:
        """Start in the middle of the schedule."""
        self.index = index

    def scale_model_input(self, latents: Tensor, t: Tensor) -> Tensor:
        """The latent as the U-Net takes it: of unit variance."""
        return latents

    def times(self, steps: int, beyond: int = 0) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Training times of the steps, falling (Lin et al. 2023, table 2).

        ``beyond`` more points are laid out at the end of the row and not used: DPM-Solver counts
        the end of the last step as a point.
        """
        if self.spacing == "linspace":
            return np.linspace(0.0, self.count - 1, steps + beyond)[::-1][:steps].copy()
        if self.spacing == "leading":
            row = np.arange(steps + beyond, dtype=np.float64) * (self.count // (steps + beyond))
            return np.asarray(row[::-1][:steps] + self.offset, np.float64)
        ratio = self.count / steps
        return np.asarray(np.arange(self.count, 0, -ratio).round() - 1, np.float64)

    def levels(
        self, times: np.ndarray[Any, np.dtype[np.float64]]
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Noise levels sigma at the times, closed by zero."""
        # of noise alone sigma is infinite; diffusers takes this much image instead
        alpha_bar = self.alpha_bar.clamp(min=2.0**-24)
        table = ((1 - alpha_bar) / alpha_bar).sqrt().numpy()
        sigmas = np.interp(times, np.arange(self.count), table)
        return np.append(sigmas, 0.0).astype(np.float32)


class Ddim(Solver):
    """Song et al. 2021, *Denoising Diffusion Implicit Models*, equation 12 with eta = 0."""

    default_spacing = "leading"

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__(config)
        to_one = config.get("set_alpha_to_one", True)
        self.last_alpha_bar = torch.tensor(1.0) if to_one else self.alpha_bar[0]

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        """Lay out the steps."""
        self.steps = steps
        times = self.times(steps).round().astype(np.int64)
        self.timesteps = torch.from_numpy(times).to(device)

    def step(
        self, prediction: Tensor, t: Tensor, z: Tensor, return_dict: bool = False
    ) -> tuple[Tensor]:
        """One step from time t to the next."""
        now = int(t)
        after = now - self.count // self.steps
        a = self.alpha_bar[now].item()
        a_next = (self.alpha_bar[after] if after >= 0 else self.last_alpha_bar).item()
        if self.velocity:
            x0 = math.sqrt(a) * z - math.sqrt(1 - a) * prediction
            epsilon = math.sqrt(a) * prediction + math.sqrt(1 - a) * z
        else:
            x0 = (z - math.sqrt(1 - a) * prediction) / math.sqrt(a)
            epsilon = prediction
        return (math.sqrt(a_next) * x0 + math.sqrt(1 - a_next) * epsilon,)

    def add_noise(self, image: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """Equation 4 of Ho et al. 2020."""
        a = self.alpha_bar[int(times[0])].item()
        return math.sqrt(a) * image + math.sqrt(1 - a) * noise


class Euler(Solver):
    """Karras et al. 2022, algorithm 1 (Euler's steps alone): dz/dsigma = (z - x0) / sigma."""

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        """Lay out the steps."""
        times = self.times(steps).astype(np.float32)
        self.sigmas = self.levels(times.astype(np.float64))
        self.timesteps = torch.from_numpy(times).to(device)
        top = float(self.sigmas.max())
        even = self.spacing in ("linspace", "trailing")
        self.init_noise_sigma = top if even else math.sqrt(top**2 + 1)

    def scale_model_input(self, latents: Tensor, t: Tensor) -> Tensor:
        """Latents here have variance 1 + sigma^2."""
        return latents / math.sqrt(float(self.sigmas[self.index]) ** 2 + 1)

    def step(
        self, prediction: Tensor, t: Tensor, z: Tensor, return_dict: bool = False
    ) -> tuple[Tensor]:
        """One step from this noise level to the next."""
        sigma, sigma_next = (float(self.sigmas[self.index + k]) for k in (0, 1))
        if self.velocity:
            x0 = prediction * (-sigma / math.sqrt(sigma**2 + 1)) + z / (sigma**2 + 1)
        else:
            x0 = z - sigma * prediction
        self.index += 1
        return (z + (z - x0) / sigma * (sigma_next - sigma),)

    def add_noise(self, image: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """The image with noise of the level of the first step."""
        return image + float(self.sigmas[self.index]) * noise


class DpmPlusPlus(Solver):
    """Lu et al. 2022, *DPM-Solver++*, algorithm 2 (2M), midpoint form; the first and last step
    are of first order."""

    def set_timesteps(self, steps: int, device: Any = None) -> None:
        """Lay out the steps."""
        times = self.times(steps, beyond=1).round()
        self.sigmas = self.levels(times)
        self.timesteps = torch.from_numpy(times.astype(np.int64)).to(device)
        self.before: Tensor | None = None

    def step(
        self, prediction: Tensor, t: Tensor, z: Tensor, return_dict: bool = False
    ) -> tuple[Tensor]:
        """One step; with the x0 of the step before it is of second order."""
        sigma, sigma_next = (float(self.sigmas[self.index + k]) for k in (0, 1))
        alpha = 1 / math.sqrt(sigma**2 + 1)
        if self.velocity:
            x0 = alpha * z - sigma * alpha * prediction
        else:
            x0 = (z - sigma * alpha * prediction) / alpha
        before, self.before = self.before, x0
        self.index += 1
        if sigma_next == 0.0:
            return (x0,)
        alpha_next = 1 / math.sqrt(sigma_next**2 + 1)
        h = math.log(sigma / sigma_next)  # lambda = -log sigma
        slope = x0
        if before is not None:
            h_before = math.log(float(self.sigmas[self.index - 2]) / sigma)
            slope = x0 + (x0 - before) * (0.5 * h / h_before)
        kept = sigma_next * alpha_next / (sigma * alpha)
        return (kept * z - alpha_next * math.expm1(-h) * slope,)

    def add_noise(self, image: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """The image with noise of the level of the first step, of unit variance."""
        sigma = float(self.sigmas[self.index])
        return (image + sigma * noise) / math.sqrt(sigma**2 + 1)


SOLVERS: dict[str, type[Ddim] | type[Euler] | type[DpmPlusPlus]] = {
    "ddim": Ddim,
    "euler": Euler,
    "dpm++": DpmPlusPlus,
}


def plain_solver(name: str, config: Mapping[str, Any]) -> Ddim | Euler | DpmPlusPlus | None:
    """The solver of that name, or None if the configuration asks for more than it does."""
    solver = SOLVERS.get(name)
    if solver is None or why_not(config, needs_no_clipping=name == "ddim"):
        return None
    return solver(config)
