"""A run that trains a control network: from recipe and pairs to a folder in diffusers' layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ....errors import InputError
from ....files import write_aside
from ....models.control import FOLDER, ControlLayout, control_folder
from ....models.control_kinds import check_kinds
from ....models.load import load_model
from ....models.loaded import LoadedModel
from ....models.locate import locate_model
from ....options.finetune import FinetuneRecipe
from ....tiles.store import open_tiles
from ...loop import run
from ..examples import load_examples, tile_numbers
from .control import make_control
from .control_data import (
    ControlExamples,
    Variant,
    is_rendered,
    legend_of,
    rendered_examples,
    tile_conditions,
)
from .control_task import ControlTask

Report = Callable[[str], None]
WEIGHTS = "diffusion_pytorch_model.safetensors"


def train_control(
    recipe: FinetuneRecipe, tiles: Path, out: Path, report: Report, device: str = "auto"
) -> Path:
    """Train a control over a frozen base; go on where an earlier call was stopped.

    Parameters
    ----------
    tiles
        A tile set with the conditions as columns, or a folder of rendered scenes.

    Returns
    -------
    ``out/control``, a ``diffusers.ControlNetModel`` with ``control.json``.

    Raises
    ------
    InputError
        If the recipe asks for more than a control, or the tiles lack a condition.
    """
    from ..plan import settings_of

    check_recipe(recipe)
    begun = start_folder(recipe.control_start)
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    model = load_model(recipe.base, device, "float32", library_networks=True)
    if is_rendered(tiles):
        examples, held_out = rendered_examples(tiles, recipe.condition)
    else:
        examples = tile_examples(recipe, model, tiles, "train", out, report)
        try:
            held_out = tile_examples(recipe, model, tiles, "validation", out, report)
        except InputError as error:
            report(f"no held-out error: {error}")
            held_out = ControlExamples([], {}, 0)
    layout = layout_of(recipe, model, examples)
    torch.manual_seed(recipe.seed + 1)
    network = make_control(model, layout, recipe.control == "light")
    if begun is not None:
        begin_from(network, layout, begun)
    task = ControlTask(model, recipe, layout, network, examples)
    _for_processor(task, recipe, model)
    count = sum(one.numel() for one in network.parameters())
    report(f"control of {count / 1e6:.1f} M weights, {len(examples)} pictures")
    settings = settings_of(recipe, len(examples))
    curve = out / "held-out.jsonl"

    def watch(step: int) -> None:
        if not len(held_out):
            return
        row = {"step": step, **task.held_out(held_out)}
        with curve.open("a") as file:
            file.write(json.dumps(row) + "\n")
        shown = "  ".join(f"{name} {value:.4f}" for name, value in row.items() if name != "step")
        report(f"step {step}: error on held-out pictures  {shown}")

    run(task, settings, out / "state", report, watch, model.device)
    return save_control(network, layout, out / FOLDER)


def check_recipe(recipe: FinetuneRecipe) -> None:
    """Check what a recipe says about its control.

    Raises
    ------
    InputError
        If it asks for something that a control cannot be trained with.
    """
    check_kinds(recipe.condition, ())
    if not recipe.condition:
        raise InputError('a control needs condition = ["sketch"], say')
    if recipe.numbers:
        raise InputError(
            "numbers are told to the U-Net, not to a control: train it with numbers first, and "
            "name that run's model as base"
        )
    if recipe.token or recipe.prior_prompt or {recipe.text_encoder, recipe.vae} != {"off"}:
        raise InputError(
            "a control is trained over a frozen base: take out text_encoder, vae, token and "
            "prior_prompt, or train these first and name that run's model as base"
        )
    if recipe.samples:
        raise InputError("samples cannot be drawn with a control: it needs a picture of each")


def start_folder(start: str) -> Path | None:
    """Folder of the control that training goes on from; None for a new one.

    Raises
    ------
    ModelError
        If there is none.
    """
    if not start:
        return None
    place = locate_model("embedded").root if start == "embedded" else Path(start).expanduser()
    return control_folder(place)


def begin_from(network: Any, layout: ControlLayout, folder: Path) -> None:
    """Give a new network the weights of a finished control.

    Raises
    ------
    InputError
        If that one reads other kinds, or has other sizes.
    """
    path = folder / WEIGHTS
    kinds = ControlLayout.load(folder, layout.kinds[0]).kinds
    if tuple(kinds) != tuple(layout.kinds):
        raise InputError(
            f"control_start {folder} reads {', '.join(kinds)}, the recipe's condition is "
            f"{', '.join(layout.kinds)}: they must be the same, in the same order"
        )
    try:
        held = load_file(path)
        wanted = {name: one.shape for name, one in network.state_dict().items()}
        if {name: one.shape for name, one in held.items()} != wanted:
            raise InputError(f"control_start {folder} has other sizes than this base and control")
    except (OSError, SafetensorError) as error:
        raise InputError(f"control_start {path} cannot be read: {error}") from error
    network.load_state_dict({name: one.float() for name, one in held.items()})


def layout_of(
    recipe: FinetuneRecipe, model: LoadedModel, examples: ControlExamples
) -> ControlLayout:
    """What the channels of a recipe's control mean."""
    stored = [one.shape[1] for one in examples.pictures.values()]
    legend = examples.legend if "segmentation" in recipe.condition else {}
    return ControlLayout(
        recipe.condition,
        shared=len(recipe.condition) != 1,
        picture_step=examples.side // max(stored) if stored else 1,
        legend={label: [int(part) for part in colour] for label, colour in legend.items()},
        base=model.fingerprint,
        base_source=recipe.base,
    )


def tile_examples(
    recipe: FinetuneRecipe,
    model: LoadedModel,
    folder: Path,
    split: str,
    out: Path,
    report: Report,
) -> ControlExamples:
    """Pairs of a split of a tile set.

    Raises
    ------
    InputError
        If the split is empty or lacks a condition.
    """
    found, _ = load_examples(model, folder, split, out, report, recipe.size, recipe.mirror)
    side = found.latents.shape[-1] * model.cell
    tiles = open_tiles(folder, split)
    pictures = tile_conditions(folder, split, recipe.condition, side, out, report)
    numbers = tile_numbers(tiles, model.number_names)
    variants = [
        Variant(found.latents[n], n, found.captions[n], numbers[n]) for n in range(len(found))
    ]
    if found.mirrored is not None:
        # no map has the mirrored ground, so where its range points is not told
        told = [
            {name: value for name, value in one.items() if name != "range_azimuth_deg"}
            for one in numbers
        ]
        variants += [
            Variant(found.mirrored[n], n, found.captions[n], told[n], mirrored=True)
            for n in range(len(found))
        ]
    return ControlExamples(variants, pictures, side, legend_of(tiles.manifest))


def _for_processor(task: ControlTask, recipe: FinetuneRecipe, model: LoadedModel) -> None:
    """What makes bfloat16 quick on a CPU; nothing elsewhere."""
    if model.device.type != "cpu" or recipe.precision != "bf16":
        return
    from diffusers.models.attention_processor import AttnProcessor

    from ...diffusion import keep_channels_last

    model.parts.unet.set_attn_processor(AttnProcessor())
    keep_channels_last(task.module)


def save_control(network: Any, layout: ControlLayout, folder: Path) -> Path:
    """Write the network in half precision, aside and renamed."""
    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    network.save_config(aside)
    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    with write_aside(aside / WEIGHTS) as weights:
        save_file(tensors, weights, {"format": "pt"})
    layout.save(aside)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return folder
