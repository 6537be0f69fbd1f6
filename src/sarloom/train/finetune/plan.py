"""Before a run: what its recipe asks for, whether that goes together, and what it will need."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError
from ...models.control_kinds import check_kinds
from ...models.load import choose_device, quiet_libraries
from ...models.loaded import LoadedModel
from ...models.locate import ModelFiles
from ...models.noise import zero_terminal_config
from ...options.finetune import FinetuneRecipe
from ...tiles.store import TileSet
from ..loop import LoopSettings
from .cost import check_cost, held_in_float32, shape_of
from .examples import tile_side
from .objective import schedule_of

Report = Callable[[str], None]
PRECISIONS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}


def check_recipe(recipe: FinetuneRecipe, folders: Sequence[Path]) -> None:
    """Refuse what does not go together.

    Raises
    ------
    InputError
        Naming the keys and another way.
    """
    rest = {recipe.unet, recipe.text_encoder}
    if recipe.control != "off":
        if len(folders) != 1:
            raise InputError("a control is trained on one tile set")
        if recipe.enlarge != 1:
            raise InputError("enlarge is not for controls: their pictures are not enlarged")
    elif recipe.vae != "off" and (rest != {"off"} or recipe.token or recipe.prior_prompt):
        raise InputError(
            "vae is trained in a run of its own, as tiles are encoded once for the U-Net: first "
            "this recipe with --set unet=off --set text_encoder=off, no token and no prior_prompt, "
            "then without vae and with base = OUT/model of that run"
        )
    elif rest | {recipe.vae} == {"off"} and not recipe.token:
        raise InputError("the recipe trains nothing: set unet, text_encoder, vae or token")
    check_kinds((), recipe.numbers)
    if recipe.numbers and recipe.control == "off":
        if recipe.unet != "full":
            raise InputError('numbers are learned with the whole U-Net: set unet = "full"')
        if recipe.mirror and "range_azimuth_deg" in recipe.numbers:
            raise InputError("mirror turns the look direction round: leave range_azimuth_deg out")
    if recipe.zero_terminal_snr and (recipe.control != "off" or not is_whole(recipe)):
        raise InputError(
            "zero_terminal_snr changes the noise schedule, which only a model can carry, no "
            'adapter, word or control: train unet = "full"'
        )


def is_whole(recipe: FinetuneRecipe) -> bool:
    """Whether the result is a model, not something laid over one."""
    return "full" in (recipe.unet, recipe.text_encoder, recipe.vae)


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


def own_device(device: str) -> str:
    """The card of this process, where a launcher started one process per card."""
    place = os.environ.get("LOCAL_RANK")
    if place is not None and device in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{place}"
    return device


def with_schedule(model: LoadedModel, recipe: FinetuneRecipe) -> LoadedModel:
    """The model on the noise schedule that it is trained on.

    Raises
    ------
    InputError
        If zero terminal SNR is asked of a model that predicts epsilon.
    """
    if not recipe.zero_terminal_snr:
        return model
    schedule_of(model.parts.scheduler_config, True)
    config = zero_terminal_config(model.parts.scheduler_config)
    return dataclasses.replace(
        model, parts=dataclasses.replace(model.parts, scheduler_config=config)
    )


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


def cost_of(
    recipe: FinetuneRecipe,
    files: ModelFiles,
    sets: Sequence[TileSet],
    steps: int,
    device: str,
    report: Report,
) -> dict[str, Any] | None:
    """Estimate memory and time, and refuse what cannot fit; None for empty tile sets."""
    sides = (tile_side(one) * recipe.enlarge for one in sets if len(one))
    side = recipe.size or max(sides, default=0)
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
