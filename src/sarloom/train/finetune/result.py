"""What a run leaves: adapters, a learned word, a model; and to which recipe its folder belongs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ... import __version__
from ...errors import InputError
from ...files import write_aside
from ...models.loaded import LoadedModel
from ...models.locate import ModelFiles
from ...models.noise import ZERO_SNR
from ...models.radiometry import Radiometry
from ...models.rewrite import write_variant
from ...options.finetune import FinetuneRecipe
from ...options.table import as_plain
from ..loop import is_main_process
from .task import FinetuneTask

MODEL, ADAPTER, TOKEN = "model", "adapter.safetensors", "token.safetensors"
FREE = {
    "steps", "epochs", "checkpoint_every", "keep", "validate_every", "samples", "samples_every",
    "sample_count", "sample_steps", "memorised", "tracking", "force", "speckle", "vae_latents",
}  # fmt: skip
"""Keys of a recipe that may change while its run folder stays: they decide no checkpoint."""


def save_result(
    task: FinetuneTask, files: ModelFiles, radiometry: Radiometry, out: Path, whole: bool
) -> Path:
    """Write what was learned, in the forms that other tools read."""
    if not is_main_process():
        adapts = any(part.adapter for part in task.parts.values())
        return out / (MODEL if whole else ADAPTER if adapts else TOKEN)
    about = {
        "sarloom": __version__,
        "base": task.recipe.base,
        "base_fingerprint": task.model.fingerprint,
        "recipe": json.dumps(as_plain(task.recipe)),
        "radiometry": json.dumps(vars(radiometry)),
    }
    result = None
    if task.token is not None:
        result = out / TOKEN
        _write(task.token.state(), result, {**about, "token": task.token.word})
    adapter: dict[str, torch.Tensor] = {}
    for part in task.parts.values():
        adapter |= part.state()
    if adapter:
        result = out / ADAPTER
        _write(adapter, result, {**about, "ss_network_module": "lycoris.kohya"})
    if whole:
        result = _write_model(task, files, radiometry, out)
    assert result is not None  # a recipe that trains nothing was refused
    return result


def _write_model(task: FinetuneTask, files: ModelFiles, radiometry: Radiometry, out: Path) -> Path:
    """The base with its trained networks in place, adapters folded in."""
    for part in task.parts.values():
        part.merge()
    parts, encoders = task.model.parts, task.model.family.encoder_folders
    networks = {"unet": parts.unet, **dict(zip(encoders, parts.text_encoders, strict=True))}
    changed = {name: networks[name] for name in task.parts}
    if task.token is not None:
        changed |= {name: networks[name] for name in encoders}
    return write_variant(
        out / MODEL,
        files,
        changed,
        radiometry,
        task.recipe.token,
        scheduler=schedule_to_save(task.model, task.recipe),
        numbers=task.numbers,
    )


def schedule_to_save(model: LoadedModel, recipe: FinetuneRecipe) -> dict[str, Any] | None:
    """The schedule of a model that was trained on another than its base's; None if it was not."""
    config = model.parts.scheduler_config
    return config if recipe.zero_terminal_snr and config.get(ZERO_SNR) else None


def _write(tensors: dict[str, torch.Tensor], path: Path, about: dict[str, str]) -> None:
    with write_aside(path) as aside:
        save_file({k: v.cpu().contiguous() for k, v in tensors.items()}, aside, about)


def same_run(out: Path, recipe: FinetuneRecipe, tiles: Sequence[Path]) -> None:
    """A run folder belongs to one recipe; what only says how long or how safe may change.

    Raises
    ------
    InputError
        If the folder was begun with other settings.
    """
    places = [str(one.resolve()) for one in tiles]
    settings: dict[str, Any] = {
        "recipe": as_plain(recipe),
        "tiles": places[0] if len(places) == 1 else places,
    }
    path = out / "recipe.json"
    if path.is_file():
        before = json.loads(path.read_text())
        default = as_plain(FinetuneRecipe())  # of keys that an older version did not have
        changed = [
            key
            for key, value in settings["recipe"].items()
            if key not in FREE and before["recipe"].get(key, default[key]) != value
        ]
        if changed or before["tiles"] != settings["tiles"]:
            raise InputError(
                f"{out} was begun with other settings ({', '.join(changed) or 'tiles'}): choose "
                "another --out"
            )
    with write_aside(path) as aside:
        aside.write_text(json.dumps(settings, indent=2) + "\n")
