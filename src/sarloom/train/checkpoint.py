"""Training state on disk: safetensors only, written aside and renamed, last one kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import TrainingError

LATEST = "checkpoint"


def save_state(
    folder: Path,
    step: int,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
) -> None:
    """Write weights, averages and optimiser state of a step; the old checkpoint goes last."""
    aside = folder / f"{LATEST}.new"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tensors = {f"model.{k}": v.detach().contiguous() for k, v in model.state_dict().items()}
    tensors |= {f"average.{k}": v.contiguous() for k, v in average.items()}
    for index, state in optimiser.state_dict()["state"].items():
        for key, value in state.items():
            tensors[f"optimiser.{index}.{key}"] = torch.as_tensor(value).contiguous()
    save_file({k: v.clone() for k, v in tensors.items()}, aside / "state.safetensors")
    (aside / "step.json").write_text(json.dumps({"step": step}))
    final, old = folder / LATEST, folder / f"{LATEST}.old"
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    aside.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def load_state(
    folder: Path,
    model: nn.Module,
    optimiser: torch.optim.Optimizer,
    average: dict[str, torch.Tensor],
) -> int:
    """Restore the last checkpoint in place and return its step; 0 where there is none.

    Raises
    ------
    TrainingError
        If the checkpoint was made with another architecture.
    """
    place = folder / LATEST
    if not place.exists():  # killed between the two renames
        place = folder / f"{LATEST}.old"
    if not (place / "step.json").is_file():
        return 0
    tensors = load_file(place / "state.safetensors")
    try:
        model.load_state_dict(_part(tensors, "model."))
        for name, value in _part(tensors, "average.").items():
            average[name].copy_(value)
    except (RuntimeError, KeyError) as error:
        raise TrainingError(
            f"{place} holds another architecture; choose a new --out folder ({error})"
        ) from error
    state: dict[int, dict[str, Any]] = {}
    for name, value in _part(tensors, "optimiser.").items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = value
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})
    return int(json.loads((place / "step.json").read_text())["step"])


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
