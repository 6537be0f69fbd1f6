"""Training: the embedded model from nothing, and fine-tuning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..models.loaded import LoadedModel
    from ..options.finetune import FinetuneRecipe
    from ..options.train import TrainOptions
    from ..train.finetune.watch import Painted


def train(options: TrainOptions) -> Path:
    """Follow a recipe; print where the result is.

    With ``--tiles`` a base model is fine-tuned on them, without it the embedded model is made from
    nothing.

    Raises
    ------
    InputError
        If ``--resume`` is given and there is no run to go on with, or the recipe is bad.
    """
    from ..errors import InputError
    from ..options.finetune import FinetuneRecipe
    from ..options.recipe import EmbeddedRecipe
    from ..options.toml import find_recipe, load_table, peek

    options = replace(options, recipe=find_recipe(options.recipe))
    base, model = peek(options.recipe, "base"), peek(options.recipe, "model")
    if base is not None and not options.tiles:
        raise InputError(f"{options.recipe} fine-tunes {base} on a tile set: give --tiles DIR")
    if options.tiles and (model is not None or peek(options.recipe, "scenes") is not None):
        raise InputError(
            f"{options.recipe} makes a model from nothing: leave --tiles away, or take a recipe "
            "for fine-tuning, such as embedded-lora"
        )
    if options.resume and not options.out.is_dir():
        raise InputError(f"--resume: there is no run in {options.out}")
    if options.tiles:
        wanted = load_table(FinetuneRecipe, options.recipe, options.set)
        from ..train.finetune.run import finetune
        from ..train.loop import is_main_process

        result = finetune(
            wanted,
            options.tiles,
            options.out,
            console.note,
            options.device,
            _draw_with(wanted),
            Painter(wanted),
        )
        if wanted.samples and is_main_process():
            _draw_samples(wanted, result, options.out / "samples")
        console.say(str(result))
        return result
    if model == "sarclip":
        return _train_sarclip(options)
    if model == "captioner":
        return _train_captioner(options)
    recipe = load_table(EmbeddedRecipe, options.recipe, options.set)
    from ..train.embedded import train_embedded  # torch: only once the recipe is known to be good

    made = train_embedded(recipe, options.out, console.note, options.workers)
    console.say(str(made))
    return made


def _train_sarclip(options: TrainOptions) -> Path:
    """The embedded image-text model from nothing."""
    from ..options.sarclip import SarclipRecipe
    from ..options.toml import load_table

    recipe = load_table(SarclipRecipe, options.recipe, options.set)
    from ..train.sarclip import train_sarclip

    model = train_sarclip(recipe, options.out, console.note, options.workers)
    console.say(str(model))
    return model


def _train_captioner(options: TrainOptions) -> Path:
    """The embedded captioner from nothing."""
    from ..options.captioner_recipe import CaptionerRecipe
    from ..options.toml import load_table

    recipe = load_table(CaptionerRecipe, options.recipe, options.set)
    from ..train.captioner.embedded import train_embedded_captioner

    model = train_embedded_captioner(recipe, options.out, console.note, options.workers)
    console.say(str(model))
    return model


def _draw_with(recipe: FinetuneRecipe) -> Callable[[str, int, Path], list[Path]]:
    """Draws class images with the base of a recipe; those that are there are kept."""

    def draw(prompt: str, count: int, folder: Path) -> list[Path]:
        from ..generate.run import run
        from ..models.locate import locate_model
        from ..models.radiometry import Radiometry
        from ..options.generate import GenerateOptions

        files = [folder / f"class-{seed}.tif" for seed in range(count)]
        missing = [seed for seed, path in enumerate(files) if not path.is_file()]
        if not missing:
            return files
        root = locate_model(recipe.base).root
        own = Radiometry.load(root if root.is_dir() else root.parent).speckle == "own"
        for seed in missing:
            options = GenerateOptions(
                prompt=prompt,
                seed=seed,
                out=folder,
                name="class",
                format="tif",
                model=recipe.base,
                looks=None if own else 0,
                size=str(recipe.size) if recipe.size else None,
            )
            list(run(options))
        return files

    return draw


class Painter:
    """Draws with the model in training, as ``sarloom generate`` does."""

    def __init__(self, recipe: FinetuneRecipe) -> None:
        self.recipe = recipe

    def draw(self, model: LoadedModel, prompt: str, seed: int, side: int) -> Painted:
        """One image of ``side`` pixels, 0: the model's own size."""
        from ..generate.run import check_request, produce
        from ..options.generate import GenerateOptions
        from ..train.finetune.watch import Painted

        options = GenerateOptions(
            prompt=prompt,
            seed=seed,
            steps=self.recipe.sample_steps,
            model=self.recipe.base,
            size=str(side) if side else None,
        )
        (image,) = produce(check_request(options), model, on_warning=lambda text: None)
        return Painted(model.radiometry.to_pixel(image.sigma_nought), image.display())

    def sheet(
        self, pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], path: Path
    ) -> None:
        """Write pictures with captions onto one sheet."""
        from ..generate.contact_sheet import save_contact_sheet

        save_contact_sheet(pictures, captions, path, columns=4)


def _draw_samples(recipe: FinetuneRecipe, result: Path, folder: Path) -> None:
    """Images of the recipe's prompts with what was trained, seeds from 0, and their commands."""
    from ..generate.run import run
    from ..options.generate import GenerateOptions

    whole = result.is_dir()
    for prompt in recipe.samples:
        options = GenerateOptions(
            prompt=prompt,
            count=recipe.sample_count,
            steps=recipe.sample_steps,
            out=folder,
            model=str(result) if whole else recipe.base,
            adapter=() if whole else (str(result.parent),),
            size=str(recipe.size) if recipe.size else None,
        )
        list(run(options))
