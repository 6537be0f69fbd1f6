"""A fine-tuning run from recipe and tiles to an adapter or a model."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from ... import __version__
from ...errors import InputError
from ...files import write_aside
from ...models.load import choose_device, load_model, quiet_libraries
from ...models.loaded import LoadedModel
from ...models.locate import ModelFiles, locate_model
from ...models.radiometry import Radiometry
from ...models.rewrite import write_variant
from ...options.finetune import FinetuneRecipe
from ...options.table import as_plain
from ...tiles.store import TileSet, open_tiles
from ..checkpoint import checkpoints, load_tensors, part_of
from ..loop import LoopSettings, check_tracking, is_main_process, run
from ..sharding import sharding_asked
from .cost import check_cost, held_in_float32, shape_of
from .examples import Examples, class_examples, joint_radiometry, load_examples, tile_side
from .task import FinetuneTask, sentence
from .texts import TextCache
from .watch import Paint, Watcher

Report = Callable[[str], None]
PRECISIONS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}
MODEL, ADAPTER, TOKEN = "model", "adapter.safetensors", "token.safetensors"
PRIOR, COST = "class-images", "cost.json"
FREE = {
    "steps", "epochs", "checkpoint_every", "keep", "validate_every", "samples", "samples_every",
    "sample_count", "sample_steps", "memorised", "tracking", "force",
}  # fmt: skip
"""Keys of a recipe that may change while its run folder stays: they decide no weights."""

Draw = Callable[[str, int, Path], list[Path]]
"""Draws images of a prompt with the base model: (prompt, count, folder) -> float GeoTIFFs of
amplitude; what the folder holds already is kept."""


def finetune(
    recipe: FinetuneRecipe,
    tiles: Path | Sequence[Path],
    out: Path,
    report: Report,
    device: str = "auto",
    draw: Draw | None = None,
    paint: Paint | None = None,
) -> Path:
    """Fine-tune a base model on a tile set; go on where an earlier call was stopped.

    Parameters
    ----------
    recipe
        What is trained and how.
    tiles
        Folders of tile sets, each with tiles of one size; ``train`` is trained on, ``validation``
        held out.
    out
        Run folder.
    report
        Takes lines of progress.
    device
        As of ``load_model``.
    draw
        Makes the class images of DreamBooth; needed where the recipe has a ``prior_prompt``.
    paint
        Draws images with the model in training, for sample sheets and the check whether tiles were
        memorised; without it there are neither.

    Returns
    -------
    ``out/model`` where a whole network was trained (adapters folded in), else
    ``out/adapter.safetensors``, or ``out/token.safetensors`` where only a word was.

    Raises
    ------
    InputError
        If the recipe trains nothing, the tiles do not fit the model, or memory will not do.
    MissingExtraError
        If the recipe asks for a tracker or an adapter kind that is not installed.
    ModelError
        If the base cannot be loaded.
    TrainingError
        If the loss is not finite or the disk is full.
    """
    if recipe.control != "off":
        from .methods.control_run import train_control

        folders = [tiles] if isinstance(tiles, Path) else list(tiles)
        if len(folders) != 1:
            raise InputError("a control is trained on one tile set")
        check_tracking(recipe.tracking)
        out.mkdir(parents=True, exist_ok=True)
        _same_run(out, recipe, folders)
        return train_control(recipe, folders[0], out, report, device)
    kinds = {recipe.unet, recipe.text_encoder, recipe.vae}
    if kinds == {"off"} and not recipe.token:
        raise InputError("the recipe trains nothing: set unet, text_encoder, vae or token")
    check_tracking(recipe.tracking)
    device = own_device(device)
    folders = [tiles] if isinstance(tiles, Path) else list(tiles)
    sets = [open_tiles(one, "train") for one in folders]
    files = locate_model(recipe.base)
    whole = "full" in kinds
    if whole and files.is_single_file:
        raise InputError(f"{files.source} is a single file: full training needs a model folder")
    settings = settings_of(recipe, [len(one) for one in sets])
    figures = None
    if not files.is_single_file:
        figures = _check_cost(recipe, files, sets, settings.steps, device, report)
    out.mkdir(parents=True, exist_ok=True)
    _same_run(out, recipe, folders)
    if figures is not None:
        with write_aside(out / COST) as aside:
            aside.write_text(json.dumps(figures, indent=2) + "\n")
    torch.manual_seed(recipe.seed)
    model = load_model(files, device, "float32", library_networks=True)
    encode = partial(_encode, model, folders, recipe, out, report)
    examples, radiometry = encode("train", recipe.mirror, recipe.vae == "full")
    try:
        held_out = encode("validation")[0]
    except InputError as error:
        report(f"no held-out loss: {error}")
        held_out = []
    prior = None
    if recipe.prior_prompt:
        if draw is None:
            raise InputError("prior_prompt needs a function that draws the class images")
        report(f"class images: {recipe.prior_count} of {recipe.prior_prompt!r} in {out / PRIOR}")
        files_of_class = draw(recipe.prior_prompt, recipe.prior_count, out / PRIOR)
        side = examples[0].latents.shape[-1] * model.cell
        prior = class_examples(model, files_of_class, recipe.prior_prompt, side)
    model = in_format(model, recipe)
    torch.manual_seed(recipe.seed + 1)
    task = FinetuneTask(model, recipe, examples, prior, _texts(model, recipe, examples, out))
    watcher = Watcher(task, held_out, radiometry, settings.steps, out, report, paint)
    sharded = sharding_asked()
    run(task, settings, out / "state", report, watcher, model.device)
    if sharded and is_main_process():
        watcher.task = task = _gathered(task, files, device, out)
        watcher(settings.steps)
    return save_result(task, files, radiometry, out, whole)


def own_device(device: str) -> str:
    """The card of this process, where a launcher started one process per card."""
    place = os.environ.get("LOCAL_RANK")
    if place is not None and device in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{place}"
    return device


def in_format(model: LoadedModel, recipe: FinetuneRecipe) -> LoadedModel:
    """Bring the networks that are not trained to the number format of the arithmetic."""
    kinds = {recipe.unet, recipe.text_encoder, recipe.vae}
    low = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[recipe.precision]
    networks = [("unet", recipe.unet, model.parts.unet)]
    networks += [("text_encoder", recipe.text_encoder, one) for one in model.parts.text_encoders]
    with quiet_libraries():
        for name, kind, network in networks:
            if not held_in_float32(name, kind, recipe, "full" in kinds):
                network.to(low)
    return dataclasses.replace(model, dtype=model.parts.unet.dtype)


def _gathered(task: FinetuneTask, files: ModelFiles, device: str, out: Path) -> FinetuneTask:
    """What several processes trained in parts, whole again from the last checkpoint."""
    model = in_format(load_model(files, device, "float32", library_networks=True), task.recipe)
    whole = FinetuneTask(model, task.recipe, task.buckets, task.prior, task.texts)
    tensors = load_tensors(checkpoints(out / "state")[-1])
    learned = part_of(tensors, "average." if task.recipe.ema else "model.")
    whole.module.load_state_dict(learned, strict=False)
    whole.module.eval()
    return whole


def _encode(
    model: LoadedModel,
    folders: Sequence[Path],
    recipe: FinetuneRecipe,
    out: Path,
    report: Report,
    split: str,
    mirror: bool = False,
    keep_pixels: bool = False,
) -> tuple[list[Examples], Radiometry]:
    """Latents of a split of every tile set, and what the pixels of all mean."""
    found = [
        load_examples(model, folder, split, out, report, recipe.size, mirror, keep_pixels, number)
        for number, folder in enumerate(folders)
    ]
    return [one for one, _ in found], joint_radiometry([pixels for _, pixels in found])


def _texts(
    model: LoadedModel, recipe: FinetuneRecipe, examples: Sequence[Examples], out: Path
) -> TextCache | None:
    """The sentences of a run, kept on disk; None where a text encoder is trained."""
    if recipe.text_encoder != "off" or recipe.token:
        return None
    texts = {text for one in examples for several in one.captions for text in several}
    sentences = {sentence(recipe, text) for text in texts} | {"", sentence(recipe, "")}
    return TextCache(model, out, sentences | {recipe.prior_prompt})


def _check_cost(
    recipe: FinetuneRecipe,
    files: ModelFiles,
    sets: Sequence[TileSet],
    steps: int,
    device: str,
    report: Report,
) -> dict[str, Any] | None:
    """Estimate memory and time, and refuse what cannot fit; None for empty tile sets."""
    side = recipe.size or max((tile_side(one) for one in sets if len(one)), default=0)
    if not side:
        return None  # which is said where they are read
    shape = shape_of(files)
    cell = 2 ** (len(shape.vae["block_out_channels"]) - 1)
    if side % cell:
        raise InputError(f"size {side} is no multiple of the model's cell of {cell} pixels")
    place = choose_device(device)
    if place.type == "cuda":  # each process has a card, and its share of the batch
        share = -(-recipe.batch // int(os.environ.get("WORLD_SIZE", "1")))
        recipe = dataclasses.replace(recipe, batch=share)
    line, figures = check_cost(shape, recipe, side, steps, place)
    report(line)
    return figures


def settings_of(recipe: FinetuneRecipe, tiles: int | Sequence[int]) -> LoopSettings:
    """The loop of a recipe on a number of tiles, or on the numbers of several sets."""
    count = tiles if isinstance(tiles, int) else sum(tiles)
    per_step = recipe.batch * recipe.accumulate
    steps = recipe.steps or max(1, round(recipe.epochs * count / per_step))
    watched = [every for every in (recipe.validate_every, recipe.samples_every) if every]
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
        watch_every=math.gcd(*watched),
        tracking=recipe.tracking,
    )


def save_result(
    task: FinetuneTask, files: ModelFiles, radiometry: Radiometry, out: Path, whole: bool
) -> Path:
    """Write what was learned, in the forms that other tools read."""
    about = {
        "sarloom": __version__,
        "base": task.recipe.base,
        "base_fingerprint": task.model.fingerprint,
        "recipe": json.dumps(as_plain(task.recipe)),
        "radiometry": json.dumps(vars(radiometry)),
    }
    if not is_main_process():
        adapts = any(part.adapter for part in task.parts.values())
        return out / (MODEL if whole else ADAPTER if adapts else TOKEN)
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
        result = write_variant(out / MODEL, files, changed, radiometry, task.recipe.token)
    assert result is not None  # a recipe that trains nothing was refused
    return result


def _write(tensors: dict[str, torch.Tensor], path: Path, about: dict[str, str]) -> None:
    with write_aside(path) as aside:
        save_file({k: v.cpu().contiguous() for k, v in tensors.items()}, aside, about)


def _same_run(out: Path, recipe: FinetuneRecipe, tiles: Sequence[Path]) -> None:
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
    path.write_text(json.dumps(settings, indent=2) + "\n")
