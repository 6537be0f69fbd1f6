"""Denoising a canvas: windows joined at every step.

MultiDiffusion (Bar-Tal et al. 2023, equation 5 with smooth weights): what the U-Net predicts for
overlapping windows is joined at every place before the solver takes its step, so neighbouring
windows agree on one image. While the layout is decided windows share much and pass smoothly into
one another, or a river would end at a cut; later they share just what is averaged around the cut,
since an average is softer than either picture and what is shared is computed twice. The cuts move
from step to step, hence what was on a border is inside a window at the next (SpotDiffusion, Frolov
et al. 2024, shares nothing at all). Windows go through the network one by
one, since the order of sums in a convolution hangs on the batch.
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
from .windows import Window, pairs, shifts, windows

if TYPE_CHECKING:
    import torch

    from ...models.loaded import LoadedModel, TextCondition

Tick = Callable[[int, int, str], None]
WINDOW = 32
"""Cells of a window, unless the model was trained on larger ones."""
GROWN = 2.0
"""Largest window in sizes that the model was trained on: the larger it is, the less of it is shared
with others."""
CELLS = 96
"""Cells on a side beyond which no window grows, since the time of attention grows with the square
of their number."""
PIECE = 1024
"""Pixels on a side beyond which no window grows."""
LAYOUT = 1 / 3
"""Share of the steps in which the layout is decided."""
LATE = 1 / 4
"""Cells that windows share after that, in those that ``--stride`` asks for."""
BLEND = 2
"""Cells around a cut in which predictions are averaged after that."""


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
    """32 less the cells that windows share; in proportion for models trained on other sizes."""
    guides: Guides | None = None
    adapters: Adapters | None = None

    @property
    def window(self) -> int:
        """Cells on a side of the smallest window: the size the model was trained on."""
        trained = int(self.model.parts.unet.config.sample_size or WINDOW)
        return max(trained, 8)

    @property
    def largest(self) -> int:
        """Cells on a side of the largest window, denoised or decoded."""
        most = min(int(GROWN * self.window), CELLS, PIECE // self.model.cell)
        return max(self.window, most)

    def laid_out(self, step: int, steps: int) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
        """Windows of a step, by rows and by columns."""
        shared = max(0, round((WINDOW - self.stride) * self.window / WINDOW))
        overlap: int = shared
        blend: float | None = None
        if step + 1 > LAYOUT * steps:
            overlap, blend = max(min(BLEND, shared), int(LATE * shared)), BLEND
        down, across = (
            windows(length, self.largest, overlap, least=self.window, blend=blend, shift=shift)
            for length, shift in zip(
                (self.rows, self.columns), shifts(self.seed, step), strict=True
            )
        )
        return down, across


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
    """The windows' predictions at one step, joined."""
    import torch

    t, progress = times[index], index / len(times)
    if canvas.adapters is not None:
        canvas.adapters.at(progress)
    rows, columns = canvas.laid_out(index, len(times))
    z = solver.scale_model_input(latents, t)
    total = torch.zeros_like(latents)
    count = len(rows) * len(columns)
    for number, (one, other) in enumerate(pairs(rows, columns)):
        places = slice(one.start, one.stop), slice(other.start, other.stop)
        epsilon = _window(canvas, z[:, :, places[0], places[1]], t, progress, *places)
        weights = torch.from_numpy(np.multiply.outer(one.weights(), other.weights()))
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
