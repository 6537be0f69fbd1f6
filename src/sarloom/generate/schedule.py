"""The samplers by name, and how each can space its noise levels.

Every sampler is one line: the class of diffusers, its settings, and the spacings it supports.
The betas, the prediction type (epsilon or v) and the number of training steps come from the
model's own scheduler configuration.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError

ALL_SPACINGS = ("linear", "exponential", "karras")
SPACING_SETTINGS: dict[str, dict[str, Any]] = {
    "linear": {"use_karras_sigmas": False, "use_exponential_sigmas": False},
    "exponential": {"use_karras_sigmas": False, "use_exponential_sigmas": True},
    "karras": {"use_karras_sigmas": True, "use_exponential_sigmas": False},
}
"""linear: even in training time; exponential: even in log sigma; karras: even in sigma^(1/7)
(Karras et al. 2022, equation 5)."""


@dataclass(frozen=True)
class Sampler:
    """One line of the registry."""

    module: str
    class_name: str
    label: str
    """Name other programs use, for the `parameters` text of a PNG."""
    settings: dict[str, Any] = field(default_factory=dict)
    spacings: tuple[str, ...] = ALL_SPACINGS


SAMPLERS: dict[str, Sampler] = {
    "ddim": Sampler("ddim", "DDIMScheduler", "DDIM", spacings=("linear",)),
    "ddpm": Sampler("ddpm", "DDPMScheduler", "DDPM", spacings=("linear",)),
    "dpm++": Sampler(
        "dpmsolver_multistep",
        "DPMSolverMultistepScheduler",
        "DPM++ 2M",
        {"algorithm_type": "dpmsolver++", "solver_order": 2},
    ),
    "dpm++_sde": Sampler(
        "dpmsolver_multistep",
        "DPMSolverMultistepScheduler",
        "DPM++ 2M SDE",
        {"algorithm_type": "sde-dpmsolver++", "solver_order": 2},
    ),
    "euler": Sampler("euler_discrete", "EulerDiscreteScheduler", "Euler"),
    "euler_a": Sampler(
        "euler_ancestral_discrete",
        "EulerAncestralDiscreteScheduler",
        "Euler a",
        spacings=("linear",),
    ),
    "heun": Sampler("heun_discrete", "HeunDiscreteScheduler", "Heun"),
    "lms": Sampler("lms_discrete", "LMSDiscreteScheduler", "LMS"),
    "pndm": Sampler(
        "pndm", "PNDMScheduler", "PLMS", {"skip_prk_steps": True}, spacings=("linear",)
    ),
    "unipc": Sampler("unipc_multistep", "UniPCMultistepScheduler", "UniPC"),
}


def check_spacing(name: str, spacing: str) -> Sampler:
    """Look a sampler up and check that it can space its noise levels so.

    Raises
    ------
    InputError
        Naming the samplers, or the spacings of this one.
    """
    sampler = SAMPLERS.get(name)
    if sampler is None:
        raise InputError(f"--scheduler {name!r} is not known; choose one of: {', '.join(SAMPLERS)}")
    if spacing not in sampler.spacings:
        able = ", ".join(key for key, line in SAMPLERS.items() if spacing in line.spacings)
        raise InputError(
            f"--scheduler {name} has no {spacing} spacing, only {', '.join(sampler.spacings)}"
            + (f"; {spacing} works with: {able}" if able else "")
        )
    return sampler


def build_scheduler(name: str, spacing: str, config: Mapping[str, Any]) -> Any:
    """A fresh scheduler for one image: one of our solvers where it does all that is asked for.

    Parameters
    ----------
    config
        The model's ``scheduler_config.json``: betas, prediction type, training steps.
    """
    sampler = check_spacing(name, spacing)
    if spacing == "linear":
        from .solvers import plain_solver

        accepted = {**config, **sampler.settings, **SPACING_SETTINGS["linear"]}
        solver = plain_solver(name, accepted)
        if solver is not None:
            return solver
    return library_scheduler(name, spacing, config)


def library_scheduler(name: str, spacing: str, config: Mapping[str, Any]) -> Any:
    """The scheduler of diffusers for one image; parameters as :func:`build_scheduler`.

    Raises
    ------
    InputError
        If it does not know the schedule that the model was trained on.
    """
    sampler = check_spacing(name, spacing)
    module = importlib.import_module(f"diffusers.schedulers.scheduling_{sampler.module}")
    scheduler_class = getattr(module, sampler.class_name)
    settings = dict(sampler.settings)
    if len(sampler.spacings) > 1:
        settings |= SPACING_SETTINGS[spacing]
    accepted = scheduler_class._get_init_keys(scheduler_class)
    if config.get("rescale_betas_zero_snr") and "rescale_betas_zero_snr" not in accepted:
        raise InputError(
            f"--scheduler {name} cannot sample a model trained with zero terminal SNR; choose "
            "ddim, ddpm, euler, euler_a, dpm++ or unipc"
        )
    base = {key: value for key, value in config.items() if key in accepted}
    return scheduler_class(**{**base, **settings})
