"""Denoising a canvas: windows of the model's own size, joined at every step.

MultiDiffusion (Bar-Tal et al. 2023, equation 5 with smooth weights): what the U-Net predicts for
overlapping windows is averaged at every place before the solver takes its step, so neighbouring
windows agree on one image. The windows move from step to step, hence no place is always on a
border. Windows go through the network one by one, since the order of sums in a convolution hangs on
the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError, ModelError
from ...models.adapters import Adapters
from ..sample import SampleSettings, guide
from ..solvers import SOLVERS, plain_solver
from .guides import Guides
from .noise import latent_noise
from .state import Work
from .windows import bump_windows, pairs, shifts

if TYPE_CHECKING:
    import torch

    from ...models.loaded import LoadedModel, TextCondition

Tick = Callable[[int, int, str], None]
WINDOW = 32
"""Cells of a window, unless the model was trained on larger ones."""


@dataclass(frozen=True)
class Canvas:
    """What one canvas is made with."""

    model: LoadedModel
    text: TextCondition
    settings: SampleSettings
    rows: int
    columns: int
    """Cells."""
    seed: int
    stride: int
    """Cells between windows of 32; in proportion for larger or smaller ones."""
    guides: Guides | None = None
    adapters: Adapters | None = None

    @property
    def window(self) -> int:
        """Cells on a side of a window: the size the model was trained on."""
        trained = int(self.model.parts.unet.config.sample_size or WINDOW)
        return max(trained, 8)

    @property
    def step(self) -> int:
        """Cells between windows."""
        return max(1, min(self.window, round(self.stride * self.window / WINDOW)))


def check_solver(settings: SampleSettings, config: dict[str, Any]) -> Any:
    """A solver whose whole memory can be kept between steps.

    Raises
    ------
    InputError
        If the sampler is not among them, or the model's schedule asks for more.
    """
    solver = plain_solver(settings.scheduler, config) if settings.spacing == "linear" else None
    if solver is None:
        raise InputError(
            f"--scheduler {settings.scheduler} --spacing {settings.spacing} cannot draw a scene "
            f"larger than a window of this model; use {', '.join(SOLVERS)} with linear spacing"
        )
    return solver


def denoise(canvas: Canvas, work: Work, start: torch.Tensor | None, tick: Tick) -> torch.Tensor:
    """Denoise a canvas, or go on where it was stopped.

    Parameters
    ----------
    start
        Latent [1, c, rows, columns] of a picture to start from; None for noise alone.

    Returns
    -------
    The clean latent [1, c, rows, columns], float32, on the CPU.
    """
    import torch

    model, settings = canvas.model, canvas.settings
    solver = check_solver(settings, model.parts.scheduler_config)
    solver.set_timesteps(settings.steps)
    run = settings.steps
    if start is not None:
        run = min(int(settings.steps * settings.strength), settings.steps)
    skipped = settings.steps - run
    times = solver.timesteps[skipped:]
    solver.set_begin_index(skipped)
    done, kept = work.load_latents()
    if kept:
        latents = kept["latents"]
        solver.index = skipped + done
        if "before" in kept:
            solver.before = kept["before"]
    else:
        latents = _first(canvas, solver, start, times)
    for index in range(done, len(times)):
        tick(index, len(times), "denoising")
        predicted = _predict(canvas, solver, latents, times, index, tick)
        latents = solver.step(predicted, times[index], latents, return_dict=False)[0]
        if not bool(torch.isfinite(latents).all()):
            raise ModelError(
                f"the model {model.source} drew values that are not numbers at step {index + 1}"
                + ("" if str(model.dtype) == "torch.float32" else "; try --dtype float32")
            )
        state = {"latents": latents}
        if getattr(solver, "before", None) is not None:
            state["before"] = solver.before
        work.save_latents(index + 1, state)
    return latents


def _first(
    canvas: Canvas, solver: Any, start: torch.Tensor | None, times: torch.Tensor
) -> torch.Tensor:
    """Noise, or a picture with noise of the first step's level."""
    import torch

    channels = canvas.model.latent_channels
    noise = torch.from_numpy(
        latent_noise(canvas.seed, channels, slice(0, canvas.rows), slice(0, canvas.columns))
    )[None]
    if start is None:
        first: torch.Tensor = noise * solver.init_noise_sigma
    elif len(times) == 0:
        first = start
    else:
        first = solver.add_noise(start, noise, times[:1])
    return first


def _predict(
    canvas: Canvas,
    solver: Any,
    latents: torch.Tensor,
    times: torch.Tensor,
    index: int,
    tick: Tick,
) -> torch.Tensor:
    """The windows' predictions at one step, averaged."""
    import torch

    t, progress = times[index], index / len(times)
    if canvas.adapters is not None:
        canvas.adapters.at(progress)
    down, across = shifts(canvas.seed, index, canvas.step)
    rows = bump_windows(canvas.rows, canvas.window, canvas.step, down)
    columns = bump_windows(canvas.columns, canvas.window, canvas.step, across)
    z = solver.scale_model_input(latents, t)
    total = torch.zeros_like(latents)
    count = len(rows) * len(columns)
    for number, (one, other) in enumerate(pairs(rows, columns)):
        places = slice(one.start, one.stop), slice(other.start, other.stop)
        epsilon = _window(canvas, z[:, :, places[0], places[1]], t, progress, *places)
        weights = torch.from_numpy(np.multiply.outer(one.weights, other.weights))
        total[:, :, places[0], places[1]] += epsilon * weights
        tick(index * count + number + 1, len(times) * count, f"step {index + 1} of {len(times)}")
    return total


def _window(
    canvas: Canvas, z: torch.Tensor, t: torch.Tensor, progress: float, rows: slice, columns: slice
) -> torch.Tensor:
    """The prediction for one window, on the CPU."""
    import torch

    model, text = canvas.model, canvas.text
    guided = text.context.shape[0] == 2
    given = z.to(model.device, model.dtype)
    given = torch.cat([given, given]) if guided else given
    t = t.to(model.device)
    width, height = z.shape[3] * model.cell, z.shape[2] * model.cell
    added = model.family.added_conditions(text, width, height)
    led: dict[str, Any] = {}
    numbers: Mapping[str, float | str] = {}
    if canvas.guides is not None:
        led = canvas.guides.at(given, t, text, added, progress, rows, columns)
        numbers = canvas.guides.numbers
    with model.telling(numbers, len(text.context)):
        epsilon: torch.Tensor = model.parts.unet(
            given, t, encoder_hidden_states=text.context, added_cond_kwargs=added,
            return_dict=False, **led,
        )[0].float()  # fmt: skip
    return (guide(epsilon, canvas.settings.guidance) if guided else epsilon).cpu()
