"""A fine-tuning run from recipe and tiles to an adapter or a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ... import __version__
from ...errors import InputError
from ...files import write_aside
from ...models.load import load_model
from ...models.loaded import LoadedModel
from ...models.locate import locate_model
from ...models.rewrite import write_variant
from ...options.finetune import FinetuneRecipe
from ...options.table import as_plain
from ..loop import LoopSettings, run
from .examples import Examples, Pixels, class_examples, load_examples
from .task import FinetuneTask

Report = Callable[[str], None]
PRECISIONS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}
MODEL, ADAPTER, TOKEN = "model", "adapter.safetensors", "token.safetensors"
PRIOR = "class-images"


Draw = Callable[[str, int, Path], list[Path]]
"""Draws images of a prompt with the base model: (prompt, count, folder) -> float GeoTIFFs of
amplitude; what the folder holds already is kept."""


def finetune(
    recipe: FinetuneRecipe,
    tiles: Path,
    out: Path,
    report: Report,
    device: str = "auto",
    draw: Draw | None = None,
) -> Path:
    """Fine-tune a base model on a tile set; go on where an earlier call was stopped.

    Parameters
    ----------
    recipe
        What is trained and how.
    tiles
        Folder of a tile set; ``train`` is trained on, ``validation`` held out.
    out
        Run folder.
    report
        Takes lines of progress.
    device
        As of ``load_model``.
    draw
        Makes the class images of DreamBooth; needed where the recipe has a ``prior_prompt``.

    Returns
    -------
    ``out/model`` where a whole network was trained (adapters folded in), else
    ``out/adapter.safetensors``, or ``out/token.safetensors`` where only a word was.

    Raises
    ------
    InputError
        If the recipe trains nothing, or the tiles do not fit the model.
    ModelError
        If the base cannot be loaded.
    TrainingError
        If the loss is not finite or the disk is full.
    """
    kinds = {recipe.unet, recipe.text_encoder, recipe.vae}
    if kinds == {"off"} and not recipe.token:
        raise InputError("the recipe trains nothing: set unet, text_encoder, vae or token")
    files = locate_model(recipe.base)
    whole = "full" in kinds
    if whole and files.is_single_file:
        raise InputError(f"{files.source} is a single file: full training needs a model folder")
    out.mkdir(parents=True, exist_ok=True)
    _same_run(out, recipe, tiles)
    torch.manual_seed(recipe.seed)
    model = load_model(files, device, "float32", library_networks=True)
    examples, pixels = load_examples(
        model, tiles, "train", out, report, recipe.size, recipe.mirror, recipe.vae == "full"
    )
    held_out = _held_out(model, tiles, recipe, out, report)
    prior = None
    if recipe.prior_prompt:
        if draw is None:
            raise InputError("prior_prompt needs a function that draws the class images")
        report(f"class images: {recipe.prior_count} of {recipe.prior_prompt!r} in {out / PRIOR}")
        files_of_class = draw(recipe.prior_prompt, recipe.prior_count, out / PRIOR)
        side = examples.latents.shape[-1] * model.cell
        prior = class_examples(model, files_of_class, recipe.prior_prompt, side)
    torch.manual_seed(recipe.seed + 1)
    task = FinetuneTask(model, recipe, examples, prior)
    settings = settings_of(recipe, len(examples))
    curve = out / "held-out.jsonl"

    def watch(step: int) -> None:
        with torch.random.fork_rng():
            task.module.eval()
            row = {"step": step, "train": task.held_out(examples)}
            if held_out is not None:
                row["held_out"] = task.held_out(held_out)
            task.module.train(step < settings.steps)
        with curve.open("a") as file:
            file.write(json.dumps(row) + "\n")
        gap = ""
        if held_out is not None:
            gap = f", held-out {row['held_out']['mean']:.4f}"  # type: ignore[index]
        report(f"step {step}: error on training tiles {row['train']['mean']:.4f}{gap}")  # type: ignore[index]

    run(task, settings, out / "state", report, watch, model.device)
    return save_result(task, files, pixels, out, whole)


def settings_of(recipe: FinetuneRecipe, tiles: int) -> LoopSettings:
    """The loop of a recipe on a number of tiles."""
    per_step = recipe.batch * recipe.accumulate
    steps = recipe.steps or max(1, round(recipe.epochs * tiles / per_step))
    return LoopSettings(
        steps=steps,
        learning_rate=recipe.learning_rate,
        warmup_steps=min(recipe.warmup_steps, steps),
        cooldown=recipe.cooldown,
        weight_decay=recipe.weight_decay,
        ema=recipe.ema,
        clip_norm=recipe.clip_norm,
        checkpoint_every=recipe.checkpoint_every,
        seed=recipe.seed,
        precision=PRECISIONS[recipe.precision],
        accumulate=recipe.accumulate,
        optimizer=recipe.optimizer,
        keep=recipe.keep,
        watch_every=recipe.validate_every,
    )


def save_result(task: FinetuneTask, files: Any, pixels: Pixels, out: Path, whole: bool) -> Path:
    """Write what was learned, in the forms that other tools read."""
    about = {
        "sarloom": __version__,
        "base": task.recipe.base,
        "base_fingerprint": task.model.fingerprint,
        "recipe": json.dumps(as_plain(task.recipe)),
        "radiometry": json.dumps(vars(pixels.radiometry)),
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
        for part in task.parts.values():
            part.merge()
        networks = {
            "unet": task.model.parts.unet,
            "vae": task.model.parts.vae,
            **dict(
                zip(task.model.family.encoder_folders, task.model.parts.text_encoders, strict=True)
            ),
        }
        changed = {name: networks[name] for name in task.parts}
        if task.token is not None:
            changed |= {name: networks[name] for name in task.model.family.encoder_folders}
        result = write_variant(out / MODEL, files, changed, pixels.radiometry, task.recipe.token)
    assert result is not None  # a recipe that trains nothing was refused
    return result


def _write(tensors: dict[str, torch.Tensor], path: Path, about: dict[str, str]) -> None:
    with write_aside(path) as aside:
        save_file({k: v.cpu().contiguous() for k, v in tensors.items()}, aside, about)


def _held_out(
    model: LoadedModel, tiles: Path, recipe: FinetuneRecipe, out: Path, report: Report
) -> Examples | None:
    """Tiles of the validation split, None where the set has none."""
    try:
        return load_examples(model, tiles, "validation", out, report, recipe.size)[0]
    except InputError as error:
        report(f"no held-out loss: {error}")
        return None


def _same_run(out: Path, recipe: FinetuneRecipe, tiles: Path) -> None:
    """A run folder belongs to one recipe; what only says how long or how safe may change.

    Raises
    ------
    InputError
        If the folder was begun with other settings.
    """
    free = {"steps", "epochs", "checkpoint_every", "keep", "validate_every", "samples"}
    settings: dict[str, Any] = {"recipe": as_plain(recipe), "tiles": str(tiles.resolve())}
    path = out / "recipe.json"
    if path.is_file():
        before = json.loads(path.read_text())
        changed = [
            key
            for key, value in settings["recipe"].items()
            if key not in free and before["recipe"].get(key) != value
        ]
        if changed or before["tiles"] != settings["tiles"]:
            raise InputError(
                f"{out} was begun with other settings ({', '.join(changed) or 'tiles'}): choose "
                "another --out"
            )
    path.write_text(json.dumps(settings, indent=2) + "\n")
