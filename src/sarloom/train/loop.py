"""The one training loop, on accelerate: what is trained is a small object handed to it.

The batch of a step is drawn from ``numpy.random.default_rng([seed, step])`` and the noise of a
step from a torch generator seeded the same way. There is no random state to save, so a run that
was killed continues exactly as if it had not been.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from ..errors import TrainingError
from .checkpoint import load_state, save_state
from .learned import Group as Group
from .learned import Learned
from .log import TRACKING, Figures, Log, run_name, start_trackers, track
from .log import check_tracking as check_tracking
from .sharding import FSDP, shard, sharding_asked

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
    accumulate: int = 1
    """Batches whose gradients one optimiser step averages."""
    optimizer: str = "adamw"
    """adamw, fused where torch can, or adamw8bit of bitsandbytes."""
    keep: int = 1
    """Checkpoints kept."""
    watch_every: int = 0
    """Steps between calls of ``watch``; 0: never."""
    tracking: str = "off"
    """Where figures go besides the log: off, tensorboard or wandb."""

    def pace(self, step: int) -> float:
        """Share of the learning rates at a step: linear warm-up, constant, cosine fall."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        start = self.steps * (1 - self.cooldown)
        part = min(max((step - start) / max(self.steps - start, 1), 0.0), 1.0)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * part))


@dataclass(frozen=True)
class Draw:
    """Random numbers of one step."""

    step: int
    numpy: np.random.Generator
    torch: torch.Generator
    share: slice = field(default_factory=lambda: slice(None))
    """The part of the step's batch that this process computes; every process draws all of it."""


class Task(Protocol):
    """What is trained: its modules and the loss of one batch."""

    module: nn.Module
    """Everything that has weights to learn. With several processes the loop wraps it; ``loss`` has
    to call it by this name."""

    def groups(self) -> Sequence[Group]:
        """The parameters to train."""

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Mean loss of the batch of a step, and figures to log."""


Watch = Callable[[int], Figures | None]
"""Called with a step while the averaged weights are in place; what it returns is tracked."""


def draw_of(seed: int, step: int, share: slice | None = None) -> Draw:
    """Random numbers of a step, the same whenever and wherever the step is taken."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
    return Draw(step, np.random.default_rng([seed, step]), generator, share or slice(None))


def run(
    task: Task,
    settings: LoopSettings,
    folder: Path,
    report: Report,
    watch: Watch = lambda step: None,
    device: torch.device | str = "cpu",
) -> nn.Module:
    """Train a task to its last step, resuming from ``folder``; returns the averaged weights.

    Parameters
    ----------
    task
        What is trained; its module is on ``device`` already.
    settings
        How long and how fast.
    folder
        Of checkpoints and the log; made if it is missing.
    report
        Takes a line of progress.
    watch
        Called with the step every ``watch_every`` steps and after the last, with the averaged
        weights in place; not at all where the weights are spread over processes.
    device
        Where the module lies.

    Raises
    ------
    TrainingError
        If the loss is not finite, the disk is full, or the folder belongs to other settings.
    MissingExtraError
        If the tracker asked for is not installed.
    """
    sharded = sharding_asked()
    accelerator = _accelerator(settings, device, folder)
    main = accelerator.is_main_process
    folder.mkdir(parents=True, exist_ok=True)
    start_trackers(accelerator, settings.tracking, folder, asdict(settings))
    model = task.module
    if sharded:
        shard(model, torch.device(device))
        count = accelerator.num_processes
        report(f"{run_name(folder)}: weights are held in parts by {count} processes")
    weights = Learned(model, task.groups(), settings, accelerator, sharded)
    step = load_state(folder, weights.trained, weights.optimiser, weights.average)
    if step:
        report(f"resuming {run_name(folder)} at step {step} of {settings.steps}")
    model.train()
    if accelerator.num_processes > 1 and not sharded:
        task.module = accelerator.prepare_model(model)
    log = Log(folder, settings.steps, step, report if main else _silent)
    while step < settings.steps:
        weights.pace(settings.pace(step))
        figures = _gradients(task, settings, step, accelerator, folder)
        step += 1
        weights.learn(step)
        log.add(step, figures)
        last = step == settings.steps
        if main and (last or step % settings.log_every == 0):
            accelerator.log(log.write(step), step=step)
        if (main or sharded) and (last or step % settings.checkpoint_every == 0):
            held = weights.trained, weights.optimiser, weights.average
            save_state(folder, step, *held, settings.keep, main)
        every = settings.watch_every if main and not last and not sharded else 0
        if every and step % every == 0:
            # the plain module: its wrapping would wait for the other processes
            wrapped, task.module = task.module, model
            with weights.averaged(), accelerator.autocast():
                track(accelerator, watch(step), step)
            task.module = wrapped
    weights.finish()
    task.module = model.eval()
    if main:
        (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
        if not sharded:
            with accelerator.autocast():
                track(accelerator, watch(settings.steps), settings.steps)
    accelerator.wait_for_everyone()
    for tracker in accelerator.trackers:
        tracker.finish()
    return model


def _silent(line: str) -> None:
    """Of several processes one speaks."""


def is_main_process() -> bool:
    """Whether this process is the one of several that writes results."""
    return os.environ.get("RANK", "0") == "0"


def _accelerator(settings: LoopSettings, device: torch.device | str, folder: Path) -> Any:
    """Accelerate's view of the machine; a fresh one, as it keeps its precision for good."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state()
    names = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
    on_cpu = torch.device(device).type == "cpu"
    if on_cpu and settings.precision == "float16":
        raise TrainingError("precision fp16 needs a GPU; on a CPU take no or bf16")
    check_tracking(settings.tracking)
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true":
        raise TrainingError("DeepSpeed is not supported; launch with --use_fsdp, or without both")
    asked = os.environ.pop(FSDP, None)  # sharding.py takes care of it
    try:
        return Accelerator(
            mixed_precision=names[settings.precision],
            cpu=on_cpu,
            log_with=None if settings.tracking == "off" else settings.tracking,
            project_dir=str(folder.parent / TRACKING),
        )
    finally:
        if asked is not None:
            os.environ[FSDP] = asked


def _gradients(
    task: Task, settings: LoopSettings, step: int, accelerator: Any, folder: Path
) -> dict[str, float]:
    """Gradients of a step, summed up in the parameters; figures to log."""
    gathered: dict[str, float] = {}
    ranks, rank = accelerator.num_processes, accelerator.process_index
    share = slice(rank, None, ranks) if ranks > 1 else slice(None)
    for part in range(settings.accumulate):
        last = part == settings.accumulate - 1
        draw = draw_of(settings.seed, step * settings.accumulate + part, share)
        with nullcontext() if last else accelerator.no_sync(task.module):
            with accelerator.autocast():
                loss, figures = task.loss(draw)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"loss became {float(loss.detach())} at step {step} in {folder}; the last "
                    "checkpoint is kept: lower learning_rate and run the same command again"
                )
            accelerator.backward(loss / settings.accumulate)
        for name, value in {"loss": float(loss.detach()), **figures}.items():
            gathered[name] = gathered.get(name, 0.0) + value / settings.accumulate
    return gathered
