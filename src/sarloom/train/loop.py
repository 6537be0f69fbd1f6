"""The one training loop, on accelerate: what is trained is a small object handed to it.

The batch of a step is drawn from ``numpy.random.default_rng([seed, step])`` and the noise of a
step from a torch generator seeded the same way. There is no random state to save, so a run that
was killed continues exactly as if it had not been.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import MissingExtraError, TrainingError
from .checkpoint import load_state, save_state
from .sharding import FSDP, average_gradients, clip_gradients, local, shard, sharding_asked

Report = Callable[[str], None]


TRACKING = "tracking"
"""Folder of a run where trackers keep their files."""


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


@dataclass(frozen=True)
class Group:
    """Parameters with a learning rate of their own."""

    parameters: Sequence[nn.Parameter]
    learning_rate: float | None = None
    """None: that of the loop."""
    weight_decay: float | None = None


class Task(Protocol):
    """What is trained: its modules and the loss of one batch."""

    module: nn.Module
    """Everything that has weights to learn. With several processes the loop wraps it; ``loss`` has
    to call it by this name."""

    def groups(self) -> Sequence[Group]:
        """The parameters to train."""

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Mean loss of the batch of a step, and figures to log."""


Figures = Mapping[str, float | NDArray[np.uint8]]
"""What a watch saw: numbers, and pictures [rows, columns, 3]."""
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
    if settings.tracking != "off":
        place = folder.parent / TRACKING
        place.mkdir(exist_ok=True)
        own = {"wandb": {"dir": str(place)}} if settings.tracking == "wandb" else {}
        accelerator.init_trackers(folder.parent.name, asdict(settings), own)
    model = task.module
    if sharded:
        shard(model, torch.device(device))
        report(f"{folder.name}: weights are held in parts by {accelerator.num_processes} processes")
    groups = task.groups()
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    optimiser = accelerator.prepare_optimizer(_optimiser(groups, settings))
    rates = [group["lr"] for group in optimiser.param_groups]
    average = {name: p.detach().clone() for name, p in trained.items()} if settings.ema else {}
    step = load_state(folder, trained, optimiser, average)
    if step:
        report(f"resuming {folder.name} at step {step} of {settings.steps}")
    model.train()
    if accelerator.num_processes > 1 and not sharded:
        task.module = accelerator.prepare_model(model)
    started, first = time.monotonic(), step
    totals: dict[str, list[float]] = {}
    while step < settings.steps:
        for group, rate in zip(optimiser.param_groups, rates, strict=True):
            group["lr"] = rate * settings.pace(step)
        figures = _gradients(task, settings, step, accelerator, folder)
        learned = list(trained.values())
        if sharded:
            average_gradients(learned)
            clip_gradients(learned, settings.clip_norm or math.inf)
        else:
            accelerator.clip_grad_norm_(learned, settings.clip_norm or math.inf)
        optimiser.step()
        optimiser.zero_grad()
        step += 1
        # the average forgets its start early on
        decay = min(settings.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, kept in average.items():
                local(kept).lerp_(local(trained[name]), 1 - decay)
        for name, value in figures.items():
            totals.setdefault(name, []).append(value)
        last = step == settings.steps
        if main and (last or step % settings.log_every == 0):
            shown = _log(folder, settings, step, first, started, totals, report)
            accelerator.log(shown, step=step)
            totals = {}
        if (main or sharded) and (last or step % settings.checkpoint_every == 0):
            save_state(folder, step, trained, optimiser, average, settings.keep, main)
        if (
            main
            and not last
            and not sharded
            and settings.watch_every
            and step % settings.watch_every == 0
        ):
            # the plain module: its wrapping would wait for the other processes
            wrapped, task.module = task.module, model
            with _averaged(trained, average), accelerator.autocast():
                _track(accelerator, watch(step), step)
            task.module = wrapped
    with torch.no_grad():
        for name, kept in average.items():
            local(trained[name]).copy_(local(kept))
    task.module = model.eval()
    if main:
        (folder / "settings.json").write_text(json.dumps(asdict(settings), indent=2) + "\n")
        if not sharded:
            with accelerator.autocast():
                _track(accelerator, watch(settings.steps), settings.steps)
    accelerator.wait_for_everyone()
    for tracker in accelerator.trackers:
        tracker.finish()
    return model


@contextmanager
def _averaged(
    trained: Mapping[str, nn.Parameter], average: Mapping[str, torch.Tensor]
) -> Iterator[None]:
    """Lay the averaged weights in place of the trained ones, and change them back afterwards."""

    def swap() -> None:
        with torch.no_grad():
            for name, kept in average.items():
                weight = trained[name].detach().clone()
                trained[name].copy_(kept)
                kept.copy_(weight)

    swap()
    try:
        yield
    finally:
        swap()


def _track(accelerator: Any, figures: Figures | None, step: int) -> None:
    """Hand what a watch returned to the trackers, if there are any."""
    pictures = {k: v[None] for k, v in (figures or {}).items() if isinstance(v, np.ndarray)}
    numbers = {k: v for k, v in (figures or {}).items() if k not in pictures}
    if numbers:
        accelerator.log(numbers, step=step)
    for tracker in accelerator.trackers if pictures else ():
        form = {"dataformats": "NHWC"} if tracker.name == "tensorboard" else {}
        tracker.log_images(pictures, step=step, **form)


def check_tracking(name: str) -> None:
    """Refuse a tracker that is not installed, before any work.

    Raises
    ------
    MissingExtraError
        Naming the extra that brings it.
    """
    if name == "off":
        return
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:  # a folder of that name is no package
        raise MissingExtraError(f"tracking by {name}", name)


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


def _optimiser(groups: Sequence[Group], settings: LoopSettings) -> torch.optim.Optimizer:
    table: list[dict[str, Any]] = [
        {
            "params": list(group.parameters),
            "lr": settings.learning_rate if group.learning_rate is None else group.learning_rate,
            "weight_decay": (
                settings.weight_decay if group.weight_decay is None else group.weight_decay
            ),
        }
        for group in groups
    ]
    if settings.optimizer == "adamw8bit":
        try:
            from bitsandbytes.optim import AdamW8bit
        except ImportError as error:
            raise MissingExtraError("optimizer adamw8bit", "8bit") from error
        eight_bit: torch.optim.Optimizer = AdamW8bit(table, betas=(0.9, 0.99))
        return eight_bit
    return torch.optim.AdamW(table, betas=(0.9, 0.99), fused=True)


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


def _log(
    folder: Path,
    settings: LoopSettings,
    step: int,
    first: int,
    started: float,
    totals: dict[str, list[float]],
    report: Report,
) -> dict[str, float]:
    """Write and say the means since the last time; returns them."""
    pace = (step - first) / max(time.monotonic() - started, 1e-9)
    figures = {name: float(np.mean(values)) for name, values in totals.items()}
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"step": step, "steps_per_s": pace, **figures}) + "\n")
    shown = "  ".join(f"{name} {value:.4f}" for name, value in figures.items())
    left = (settings.steps - step) / max(pace, 1e-9) / 60
    pace_text = f"{pace:.2f} steps/s  {left:.0f} min left"
    report(f"{folder.name} {step}/{settings.steps}  {shown}  {pace_text}")
    return {**figures, "steps_per_s": pace}
