"""A fine-tuning run from recipe and tiles to an adapter or a model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError
from ...files import write_aside
from ...models.load import load_model
from ...models.loaded import LoadedModel
from ...models.locate import ModelFiles, locate_model
from ...models.radiometry import Radiometry
from ...models.rewrite import write_variant
from ...options.finetune import FinetuneRecipe
from ...tiles.store import open_tiles
from ..checkpoint import checkpoints, load_tensors, part_of
from ..loop import LoopSettings, check_tracking, is_main_process, run
from ..sharding import sharding_asked
from .examples import Examples, check_stated, class_examples, load_examples
from .plan import (
    check_recipe,
    cost_of,
    in_format,
    is_whole,
    own_device,
    settings_of,
    with_schedule,
)
from .reconstruct import (
    Autoencoder,
    Latents,
    ReconstructionTask,
    load_pixels,
    settle_latents,
    speckle_kept,
    watch,
)
from .result import MODEL, same_run, save_result
from .room import saying_when_full
from .scale import Pixels, joint_radiometry, speckle_of
from .task import FinetuneTask, sentence
from .texts import TextCache
from .unpack import unpacked
from .watch import Paint, Watcher

Report = Callable[[str], None]
PRIOR, COST, STATE, UNPACKED = "class-images", "cost.json", "state", "base"
LEAST_KEPT = 0.5
"""Share of the tiles' speckle that an autoencoder must give back to count as drawing it."""
SPECKLE = {"own": "is drawn by the model", "none": "is laid on afterwards"}

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
    folders = [tiles] if isinstance(tiles, Path) else list(tiles)
    check_recipe(recipe, folders)
    check_tracking(recipe.tracking)
    with saying_when_full(out):
        return _finetune(recipe, folders, out, report, device, draw, paint)


def _finetune(
    recipe: FinetuneRecipe,
    folders: list[Path],
    out: Path,
    report: Report,
    device: str,
    draw: Draw | None,
    paint: Paint | None,
) -> Path:
    """``finetune`` once the recipe is known to be one."""
    if recipe.control != "off":
        from .methods.control_run import train_control

        out.mkdir(parents=True, exist_ok=True)
        same_run(out, recipe, folders)
        return train_control(recipe, folders[0], out, report, device)
    files = locate_model(recipe.base)
    if files.is_single_file and is_whole(recipe):
        out.mkdir(parents=True, exist_ok=True)
        same_run(out, recipe, folders)
        files = unpacked(files, out / UNPACKED, report)
    device = own_device(device)
    sets = [open_tiles(one, "train") for one in folders]
    check_stated(sets, recipe.numbers)
    settings = settings_of(recipe, [len(one) for one in sets])
    figures = None
    if not files.is_single_file:
        figures = cost_of(recipe, files, sets, settings.steps, device, report)
    out.mkdir(parents=True, exist_ok=True)
    same_run(out, recipe, folders)
    if figures is not None:
        with write_aside(out / COST) as aside:
            aside.write_text(json.dumps(figures, indent=2) + "\n")
    torch.manual_seed(recipe.seed)
    model = with_schedule(load_model(files, device, "float32", library_networks=True), recipe)
    speckle = speckle_of(recipe, model.radiometry, sets)
    if speckle != model.radiometry.speckle and not is_whole(recipe):
        raise InputError(
            f"speckle = {speckle!r} is not what {files.source} says, and only a model can say "
            "otherwise, no adapter or word: leave it out"
        )
    base = Run(recipe, files, model, folders, out, report, settings, speckle, paint)
    return _train_vae(base) if recipe.vae != "off" else _train_unet(base, draw)


@dataclass(frozen=True)
class Run:
    """A run that has been checked, with its base loaded."""

    recipe: FinetuneRecipe
    files: ModelFiles
    model: LoadedModel
    folders: list[Path]
    out: Path
    report: Report
    settings: LoopSettings
    speckle: str
    """As in the radiometry of the result."""
    paint: Paint | None

    def radiometry(self, pixels: Sequence[Pixels]) -> Radiometry:
        """What the pixels of the result mean."""
        return dataclasses.replace(joint_radiometry(pixels), speckle=self.speckle)


def _train_unet(base: Run, draw: Draw | None) -> Path:
    """U-Net, text encoders and a word, on latents."""
    recipe, out = base.recipe, base.out
    examples, pixels = _encode(base, "train", recipe.mirror)
    try:
        held_out = _encode(base, "validation")[0]
    except InputError as error:
        base.report(f"no held-out loss: {error}")
        held_out = []
    radiometry = base.radiometry(pixels)
    prior = _prior(base, examples[0].latents.shape[-1] * base.model.cell, draw)
    model = in_format(base.model, recipe)
    torch.manual_seed(recipe.seed + 1)
    task = FinetuneTask(model, recipe, examples, prior, _texts(model, recipe, examples, out))
    watcher = Watcher(task, held_out, radiometry, base.settings.steps, out, base.report, base.paint)
    run(task, base.settings, out / STATE, base.report, watcher, model.device)
    if sharding_asked() and is_main_process():
        watcher.task = task = _gathered(task, base)
        watcher(base.settings.steps)
    return save_result(task, base.files, radiometry, out, is_whole(recipe))


def _train_vae(base: Run) -> Path:
    """The autoencoder alone, on pictures."""
    recipe, out, model = base.recipe, base.out, base.model
    loaded = [
        load_pixels(model, folder, "train", out, number, recipe)
        for number, folder in enumerate(base.folders)
    ]
    stacks = [stack for stack, _ in loaded]
    held_out = []
    try:
        for number, folder in enumerate(base.folders):
            held_out.append(load_pixels(model, folder, "validation", out, number, recipe)[0])
    except InputError as error:
        base.report(f"no held-out reconstruction: {error}")
    before = Latents(model, stacks)
    task = ReconstructionTask(model.parts.vae, recipe, stacks)
    sheet = None if base.paint is None else base.paint.sheet
    look = watch(task, held_out, base.settings.steps, out, base.report, sheet)
    run(task, base.settings, out / STATE, base.report, look, model.device)
    if not is_main_process():
        return out / MODEL
    if sharding_asked():
        model = load_model(base.files, str(model.device), "float32", library_networks=True)
        task.module = Autoencoder(model.parts.vae)
        load_learned(task.module, out, recipe)
        look(base.settings.steps)
    settle_latents(model, recipe, stacks, before)
    radiometry = base.radiometry([pixels for _, pixels in loaded])
    if recipe.speckle == "auto" and base.speckle != model.radiometry.speckle:
        kept = speckle_kept(task, stacks, radiometry)
        learned = "own" if kept >= LEAST_KEPT else "none"
        radiometry = dataclasses.replace(radiometry, speckle=learned)
        base.report(
            f"tiles come back with {kept:.0%} of their speckle: it {SPECKLE[learned]} "
            f"(speckle = {learned!r})"
        )
    return write_variant(out / MODEL, base.files, {"vae": model.parts.vae}, radiometry)


def _prior(base: Run, side: int, draw: Draw | None) -> Examples | None:
    """The class images of DreamBooth, drawn by the base where they are missing."""
    recipe = base.recipe
    if not recipe.prior_prompt:
        return None
    if draw is None:
        raise InputError("prior_prompt needs a function that draws the class images")
    folder = base.out / PRIOR
    base.report(f"class images: {recipe.prior_count} of {recipe.prior_prompt!r} in {folder}")
    drawn = draw(recipe.prior_prompt, recipe.prior_count, folder)
    return class_examples(base.model, drawn, recipe.prior_prompt, side)


def _gathered(task: FinetuneTask, base: Run) -> FinetuneTask:
    """What several processes trained in parts, whole again from the last checkpoint."""
    place = str(base.model.device)
    model = load_model(base.files, place, "float32", library_networks=True)
    model = in_format(with_schedule(model, base.recipe), base.recipe)
    whole = FinetuneTask(model, base.recipe, task.buckets, task.prior, task.texts)
    load_learned(whole.module, base.out, base.recipe)
    return whole


def load_learned(module: Any, out: Path, recipe: FinetuneRecipe) -> None:
    """Load what was learned from the last checkpoint of a run."""
    tensors = load_tensors(checkpoints(out / STATE)[-1])
    learned = part_of(tensors, "average." if recipe.ema else "model.")
    module.load_state_dict(learned, strict=False)
    module.eval()


def _encode(base: Run, split: str, mirror: bool = False) -> tuple[list[Examples], list[Pixels]]:
    """Latents of a split of every tile set, and their scales."""
    size, enlarge = base.recipe.size, base.recipe.enlarge
    found = [
        load_examples(
            base.model,
            folder,
            split,
            base.out,
            base.report,
            size,
            mirror,
            number,
            enlarge,
            base.recipe.numbers,
        )
        for number, folder in enumerate(base.folders)
    ]
    return [one for one, _ in found], [pixels for _, pixels in found]


def _texts(
    model: LoadedModel, recipe: FinetuneRecipe, examples: Sequence[Examples], out: Path
) -> TextCache | None:
    """The sentences of a run, kept on disk; None where a text encoder is trained."""
    if recipe.text_encoder != "off" or recipe.token:
        return None
    texts = {text for one in examples for several in one.captions for text in several}
    sentences = {sentence(recipe, text) for text in texts} | {"", sentence(recipe, "")}
    return TextCache(model, out, sentences | {recipe.prior_prompt})
