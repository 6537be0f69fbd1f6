"""Training state on disk: safetensors only, written aside and renamed, the last few kept.

A checkpoint is ``checkpoint-00000200/``: trained weights, their averages and the optimiser's state
in ``state.safetensors``, the step in ``step.json``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ..errors import TrainingError
from .sharding import like, local, whole, wholes

NAME = "checkpoint"
Tensors = dict[str, torch.Tensor]


def checkpoints(folder: Path) -> list[Path]:
    """Finished checkpoints of a run, oldest first."""
    return sorted(one for one in folder.glob(f"{NAME}-*") if one.suffix == "" and one.is_dir())


def save_state(
    folder: Path,
    step: int,
    trained: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    average: Mapping[str, torch.Tensor],
    keep: int = 1,
    write: bool = True,
) -> None:
    """Write weights, averages and optimiser state of a step; then remove all but the last ones.

    Where weights are spread over processes all of them have to call, and one of them writes.

    Raises
    ------
    TrainingError
        If the disk is full; the checkpoints before are untouched.
    """
    tensors: Tensors = {f"model.{k}": v for k, v in wholes(trained).items()}
    tensors |= {f"average.{k}": v for k, v in wholes(average).items()}
    for index, state in optimiser.state_dict()["state"].items():
        for key, value in state.items():
            tensors[f"optimiser.{index}.{key}"] = whole(torch.as_tensor(value))
    if not write:
        return
    final = folder / f"{NAME}-{step:08d}"
    aside = final.with_suffix(".new")
    for left in folder.glob(f"{NAME}-*.new"):
        shutil.rmtree(left, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        save_file(
            {k: v.detach().cpu().contiguous() for k, v in tensors.items()},
            aside / "state.safetensors",
        )
        (aside / "step.json").write_text(json.dumps({"step": step}))
    except (OSError, SafetensorError) as error:
        shutil.rmtree(aside, ignore_errors=True)
        raise TrainingError(
            f"checkpoint of step {step} cannot be written to {folder}: {error}; the one before is "
            "whole: make room and run the same command again"
        ) from error
    shutil.rmtree(final, ignore_errors=True)
    aside.rename(final)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def load_state(
    folder: Path,
    trained: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    average: Mapping[str, torch.Tensor],
) -> int:
    """Restore the last checkpoint in place and return its step; 0 where there is none.

    Raises
    ------
    TrainingError
        If the checkpoint was made with another architecture.
    """
    found = checkpoints(folder)
    if not found:
        return 0
    place = found[-1]
    tensors = load_tensors(place)
    try:
        with torch.no_grad():
            for names, prefix in ((trained, "model."), (average, "average.")):
                stored = part_of(tensors, prefix)
                if set(stored) != set(names):
                    raise KeyError(*sorted(set(stored) ^ set(names))[:1])
                for name, value in stored.items():
                    local(names[name]).copy_(local(like(value, names[name])))
    except (RuntimeError, KeyError) as error:
        raise TrainingError(
            f"{place} holds another architecture; choose a new --out folder ({error})"
        ) from error
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for name, value in part_of(tensors, "optimiser.").items():
        number, key = name.split(".", 1)
        parameter = parameters[int(number)].detach()
        if value.shape == parameter.shape:
            value = like(value, parameter)
        state.setdefault(int(number), {})[key] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return int(json.loads((place / "step.json").read_text())["step"])


def load_tensors(place: Path) -> Tensors:
    """All tensors of a checkpoint."""
    tensors: Tensors = load_file(place / "state.safetensors")
    return tensors


def part_of(tensors: Mapping[str, torch.Tensor], prefix: str) -> Tensors:
    """The tensors under a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
