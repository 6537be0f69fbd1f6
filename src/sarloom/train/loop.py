"""The one training loop: what is trained is a small object handed to it.

The batch of a step is drawn from ``numpy.random.default_rng([seed, step])`` and the noise of a
step from a torch generator seeded the same way. There is no random state to save, so a run that
was killed continues exactly as if it had not been.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import nn

from ..errors import TrainingError
from .checkpoint import load_state, save_state

Report = Callable[[str], None]


@dataclass(frozen=True)
class LoopSettings:
    """How long and how fast one part is trained."""

    steps: int = 1000
    learning_rate: float = 3e-4
    warmup_steps: int = 100
    cooldown: float = 0.2
    """Last part of the run over which the learning rate falls to a hundredth."""
    weight_decay: float = 0.01
    ema: float = 0.998
    clip_norm: float = 1.0
    checkpoint_every: int = 200
    log_every: int = 20
    seed: int = 0
    precision: str = "float32"
    """Of the networks' arithmetic; weights, their average and the optimiser are float32 always."""

    def rate(self, step: int) -> float:
        """Learning rate at a step: linear warm-up, constant, cosine fall at the end."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        start = self.steps * (1 - self.cooldown)
        part = min(max((step - start) / max(self.steps - start, 1), 0.0), 1.0)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part)))


@dataclass(frozen=True)
class Draw:
    """Random numbers of one step."""

    step: int
    numpy: np.random.Generator
    torch: torch.Generator


class Task(Protocol):
    """What is trained: its modules and the loss of one batch."""

    @property
    def module(self) -> nn.Module:
        """Everything that has weights to learn."""

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Mean loss of the batch of a step, and figures to log."""


def draw_of(seed: int, step: int) -> Draw:
    """Random numbers of a step, the same whenever and wherever the step is taken."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
    return Draw(step, np.random.default_rng([seed, step]), generator)


def run(task: Task, settings: LoopSettings, folder: Path, report: Report) -> nn.Module:
    """Train a task to its last step, resuming from ``folder``; returns the averaged weights.

    Raises
    ------
    TrainingError
        If the loss is not finite, or the folder belongs to other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = task.module
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay
    )
    average = {name: p.detach().clone() for name, p in model.named_parameters()}
    step = load_state(folder, model, optimiser, average)
    if step:
        report(f"resuming {folder.name} at step {step} of {settings.steps}")
    model.train()
    started, first = time.monotonic(), step
    totals: dict[str, list[float]] = {}
    while step < settings.steps:
        for group in optimiser.param_groups:
            group["lr"] = settings.rate(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
            loss, figures = task.loss(draw_of(settings.seed, step))
        if not torch.isfinite(loss):
            raise TrainingError(
                f"loss became {float(loss.detach())} at step {step} in {folder}; the last "
                "checkpoint is kept: lower learning_rate and run the same command again"
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimiser.step()
        step += 1
        # the average forgets its start early on
        decay = min(settings.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, p in model.named_parameters():
                average[name].lerp_(p, 1 - decay)
        for name, value in {"loss": float(loss.detach()), **figures}.items():
            totals.setdefault(name, []).append(value)
        if step % settings.log_every == 0 or step == settings.steps:
            _log(folder, settings, step, first, started, totals, report)
            totals = {}
        if step % settings.checkpoint_every == 0 or step == settings.steps:
            save_state(folder, step, model, optimiser, average)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(average[name])
    model.eval()
    (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
    return model


def _log(
    folder: Path,
    settings: LoopSettings,
    step: int,
    first: int,
    started: float,
    totals: dict[str, list[float]],
    report: Report,
) -> None:
    pace = (step - first) / max(time.monotonic() - started, 1e-9)
    figures = {name: float(np.mean(values)) for name, values in totals.items()}
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": step, "steps_per_s": pace, **figures}) + "\n")
    shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
    left = (settings.steps - step) / max(pace, 1e-9) / 60
    pace_text = f"{pace:.2f} steps/s  {left:.0f} min left"
    report(f"{folder.name} {step}/{settings.steps}  {shown}  {pace_text}")
