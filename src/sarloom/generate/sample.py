"""The denoising loop: from noise (or a partly noised image) to a picture, one image at a time.

Symbols are those of Ho et al. 2020 and Rombach et al. 2022: z the latent, t the training time,
c the text, epsilon the predicted noise (or v, Salimans & Ho 2022; the scheduler knows which).

Images are never batched over seeds: on a CPU the order of sums in a convolution hangs on the batch
size, so a batch of four would not equal four images made alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..models.adapters import Adapters
from ..models.loaded import LoadedModel, TextCondition
from .schedule import build_scheduler

if TYPE_CHECKING:
    import torch

    from .control.controls import Controls

OnStep = Callable[[int, int], None]
"""Called after every denoising step with (steps done, steps of this image)."""


@dataclass(frozen=True)
class SampleSettings:
    """What the denoising of one image hangs on, besides the text and the seed."""

    steps: int
    guidance: float
    scheduler: str
    spacing: str
    strength: float = 1.0
    """Of image-to-image: the share of the steps that is run; 1 starts from pure noise."""


def encode_prompts(
    model: LoadedModel, prompt: str, negative: str, guidance: float
) -> TextCondition:
    """Conditions of one image: [negative, prompt] with guidance, [prompt] without."""
    return model.encode_text([negative, prompt] if guidance > 1.0 else [prompt])


def initial_noise(model: LoadedModel, width: int, height: int, seed: int) -> torch.Tensor:
    """The seed's standard normal latent [1, c, h, w], and nothing else decides it."""
    return _noise(model, width, height, _generator(seed))


def sample(
    model: LoadedModel,
    text: TextCondition,
    settings: SampleSettings,
    width: int,
    height: int,
    seed: int,
    init: torch.Tensor | None = None,
    on_step: OnStep | None = None,
    adapters: Adapters | None = None,
    controls: Controls | None = None,
) -> torch.Tensor:
    """Denoise one image and decode it.

    Parameters
    ----------
    init
        Latent [1, c, h, w] of an image to start from (image-to-image); ``None`` for pure noise.
    controls
        Pictures and numbers that lead it.

    Returns
    -------
    Pixels in [0, 1], [3, height, width], float32, on the CPU.
    """
    import torch

    with torch.inference_mode():
        generator = _generator(seed)
        scheduler = build_scheduler(
            settings.scheduler, settings.spacing, model.parts.scheduler_config
        )
        scheduler.set_timesteps(settings.steps, device=model.device)
        noise = _noise(model, width, height, generator).to(model.device)
        if init is None:
            latents, times = noise * scheduler.init_noise_sigma, scheduler.timesteps
        else:
            latents, times = partly_noised(scheduler, init, noise, settings)
        added = model.family.added_conditions(text, width, height)
        latents = denoise(
            model,
            scheduler,
            latents,
            times,
            text,
            added,
            settings.guidance,
            generator,
            on_step,
            adapters,
            controls,
        )
        return model.decode(latents)[0].cpu()


def partly_noised(
    scheduler: Any, init: torch.Tensor, noise: torch.Tensor, settings: SampleSettings
) -> tuple[torch.Tensor, torch.Tensor]:
    """Start image-to-image in the middle of the schedule (SDEdit, Meng et al. 2022).

    The image is noised to the level of the first step that is run, and only
    ``strength * steps`` steps are run. Strength 0 runs none.
    """
    run = min(int(settings.steps * settings.strength), settings.steps)
    skipped = (settings.steps - run) * scheduler.order
    times = scheduler.timesteps[skipped:]
    if run == 0:
        return init.to(noise.device), times[:0]
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(skipped)
    return scheduler.add_noise(init.to(noise.device), noise, times[:1]), times


def denoise(
    model: LoadedModel,
    scheduler: Any,
    latents: torch.Tensor,
    times: torch.Tensor,
    text: TextCondition,
    added: dict[str, torch.Tensor] | None,
    guidance: float,
    generator: torch.Generator,
    on_step: OnStep | None = None,
    adapters: Adapters | None = None,
    controls: Controls | None = None,
) -> torch.Tensor:
    """Run the reverse process over ``times``; returns the clean latent."""
    import torch

    takes_generator = "generator" in inspect.signature(scheduler.step).parameters
    extra = {"generator": generator} if takes_generator else {}
    unet, guided = model.parts.unet, text.context.shape[0] == 2
    numbers = {} if controls is None else controls.request.numbers
    with model.telling(numbers, len(text.context)):
        for index, t in enumerate(times):
            if adapters is not None:
                adapters.at(index / len(times))
            z = scheduler.scale_model_input(latents, t).to(model.dtype)
            z = torch.cat([z, z]) if guided else z
            led = {} if controls is None else controls.at(z, t, text, added, index / len(times))
            epsilon = unet(
                z,
                t,
                encoder_hidden_states=text.context,
                added_cond_kwargs=added,
                return_dict=False,
                **led,
            )[0].float()
            if guided:
                epsilon = guide(epsilon, guidance)
            latents = scheduler.step(epsilon, t, latents, return_dict=False, **extra)[0]
            if on_step is not None:
                on_step(index + 1, len(times))
    return latents


def guide(epsilon: torch.Tensor, guidance: float) -> torch.Tensor:
    """Classifier-free guidance (Ho & Salimans 2022, equation 6): e = e_neg + w (e_text - e_neg)."""
    negative, prompted = epsilon.chunk(2)
    return negative + guidance * (prompted - negative)


def _generator(seed: int) -> torch.Generator:
    """The random numbers of one seed, drawn on the CPU so that every device gets the same."""
    import torch

    return torch.Generator("cpu").manual_seed(seed)


def _noise(model: LoadedModel, width: int, height: int, generator: torch.Generator) -> torch.Tensor:
    """Standard normal latent of an image size, float32."""
    import torch

    shape = (1, model.latent_channels, height // model.cell, width // model.cell)
    return torch.randn(shape, generator=generator, dtype=torch.float32)
