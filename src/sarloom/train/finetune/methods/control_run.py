"""A run that trains a control network: from recipe and pairs to a folder in diffusers' layout."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from ....errors import InputError
from ....files import write_aside
from ....models.control import FOLDER, ControlLayout
from ....models.control_kinds import check_kinds
from ....models.load import load_model
from ....models.loaded import LoadedModel
from ....options.finetune import FinetuneRecipe
from ....tiles.store import open_tiles
from ...loop import Draw, Group, run
from ..examples import load_examples
from ..objective import schedule_of
from ..task import sentence
from .control import ControlledUNet, make_control
from .control_data import (
    ControlExamples,
    Variant,
    is_rendered,
    legend_of,
    rendered_examples,
    tile_conditions,
    tile_numbers,
)

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
    from ..run import settings_of

    check_recipe(recipe)
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
    check_kinds(recipe.condition, recipe.numbers)
    if not recipe.condition and not recipe.numbers:
        raise InputError('a control needs condition = ["sketch"], say, or numbers')
    if recipe.token or recipe.prior_prompt or {recipe.text_encoder, recipe.vae} != {"off"}:
        raise InputError(
            "a control is trained over a frozen base: take out text_encoder, vae, token and "
            "prior_prompt, or train these first and name that run's model as base"
        )
    if recipe.samples:
        raise InputError("samples cannot be drawn with a control: it needs a picture of each")


def layout_of(
    recipe: FinetuneRecipe, model: LoadedModel, examples: ControlExamples
) -> ControlLayout:
    """What the channels of a recipe's control mean."""
    stored = [one.shape[1] for one in examples.pictures.values()]
    legend = examples.legend if "segmentation" in recipe.condition else {}
    return ControlLayout(
        recipe.condition,
        recipe.numbers,
        shared=len(recipe.condition) != 1 or bool(recipe.numbers),
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
    numbers = tile_numbers(tiles, recipe.numbers)
    variants = [
        Variant(found.latents[n], n, found.captions[n], numbers[n]) for n in range(len(found))
    ]
    if found.mirrored is not None:
        variants += [
            Variant(found.mirrored[n], n, found.captions[n], numbers[n], mirrored=True)
            for n in range(len(found))
        ]
    return ControlExamples(variants, pictures, side, legend_of(tiles.manifest))


class ControlTask:
    """Noise prediction by a frozen base that a control leads."""

    def __init__(
        self,
        model: LoadedModel,
        recipe: FinetuneRecipe,
        layout: ControlLayout,
        network: Any,
        examples: ControlExamples,
    ) -> None:
        self.model, self.recipe, self.layout, self.examples = model, recipe, layout, examples
        self.schedule = schedule_of(model.parts.scheduler_config, recipe.zero_terminal_snr)
        self.module: Any = ControlledUNet(model, network)
        if recipe.gradient_checkpointing:
            model.parts.unet.enable_gradient_checkpointing()
            network.enable_gradient_checkpointing()

    def groups(self) -> list[Group]:
        """The control alone."""
        return [Group([p for p in self.module.parameters() if p.requires_grad])]

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Weighted error of the prediction on the pictures of a step."""
        x, texts, stacks = self.batch(draw)
        u = (torch.rand(1, generator=draw.torch) + torch.arange(len(x)) / len(x)) % 1
        # Esser et al. 2024: above 1, more of the noisy steps, where layout is decided
        u = self.recipe.noise_shift * u / (1 + (self.recipe.noise_shift - 1) * u)
        t = (u * len(self.schedule)).long()
        noise = torch.randn(x.shape, generator=draw.torch)
        mine = draw.share
        errors = self.errors(x[mine], texts[mine], stacks[mine], noise[mine], t[mine])
        weight = self.schedule.min_snr_weight(t[mine], self.recipe.min_snr).to(errors.device)
        return (errors * weight).mean(), {"mse": float(errors.detach().mean())}

    def batch(self, draw: Draw) -> tuple[torch.Tensor, list[str], torch.Tensor]:
        """Latents, sentences and stacks of a step: a walk through shuffled passes."""
        count, batch, rng = len(self.examples), self.recipe.batch, draw.numpy
        latents, texts, stacks = [], [], []
        for position in range(draw.step * batch, (draw.step + 1) * batch):
            turn, place = divmod(position, count)
            order = np.random.default_rng([self.recipe.seed, 7, turn]).permutation(count)
            one = self.examples.variants[int(order[place])]
            rows, columns = self._window(one.latent, rng)
            latents.append(one.latent[:, rows, columns].float())
            dropped = rng.random() < self.recipe.caption_dropout
            pick = int(rng.integers(len(one.captions))) if len(one.captions) else -1
            text = one.captions[pick] if pick >= 0 else ""
            texts.append("" if dropped else sentence(self.recipe, text))
            stacks.append(self.stack(one, self._kinds(one, rng), rows, columns, rng))
        return torch.stack(latents), texts, torch.stack(stacks)

    def _window(self, latent: torch.Tensor, rng: np.random.Generator) -> tuple[slice, slice]:
        """The whole latent, or a window of it."""
        sides = [min(self.recipe.window or side, side) for side in latent.shape[-2:]]
        starts = [
            int(rng.integers(whole - side + 1))
            for whole, side in zip(latent.shape[-2:], sides, strict=True)
        ]
        rows, columns = (slice(a, a + b) for a, b in zip(starts, sides, strict=True))
        return rows, columns

    def _kinds(self, one: Variant, rng: np.random.Generator) -> tuple[str, ...]:
        """The one kind that is given this time, or none."""
        kinds = self.layout.kinds if one.kinds is None else one.kinds
        if not kinds or rng.random() < self.recipe.condition_dropout:
            return ()
        return (kinds[int(rng.integers(len(kinds)))],)

    def stack(
        self,
        one: Variant,
        kinds: Sequence[str],
        rows: slice,
        columns: slice,
        rng: np.random.Generator | None = None,
    ) -> torch.Tensor:
        """What the network reads of a picture's window; numbers come and go with ``rng``."""
        cell = self.model.cell
        high, wide = (slice(part.start * cell, part.stop * cell) for part in (rows, columns))
        pictures = {
            kind: self.examples.picture(kind, one.scene, one.mirrored, high, wide) for kind in kinds
        }
        numbers = {
            name: value
            for name, value in one.numbers.items()
            if one.needs_numbers or rng is None or rng.random() < 0.5
        }
        height, width = high.stop - high.start, wide.stop - wide.start
        return torch.from_numpy(self.layout.stack(pictures, numbers, height, width))

    def errors(
        self,
        x: torch.Tensor,
        texts: Sequence[str],
        stacks: torch.Tensor | None,
        noise: torch.Tensor,
        t: torch.Tensor,
    ) -> torch.Tensor:
        """Mean squared error of the prediction of each picture [n]."""
        device = self.model.device
        layout = torch.channels_last
        with torch.no_grad():
            text = self.model.encode_text(list(texts))
        noisy = self.schedule.mixed(x, noise, t).to(device, memory_format=layout)
        target = self.schedule.target(x, noise, t).to(device)
        given = None if stacks is None else stacks.to(device, memory_format=layout)
        predicted = self.module(noisy, t.to(device), text, given)
        error: torch.Tensor = (predicted.float() - target).square().mean(dim=(1, 2, 3))
        return error

    @torch.no_grad()
    def held_out(self, examples: ControlExamples, most: int = 24) -> dict[str, float]:
        """Mean error on held-out pictures without a condition and with each kind.

        The same noise, at the noisier half of the timesteps, every time.
        """
        chosen = np.linspace(0, len(examples) - 1, min(len(examples), most)).astype(int).tolist()
        own, self.examples = self.examples, examples
        was_training = self.module.training
        self.module.eval()
        sums: dict[str, list[float]] = {}
        for place, index in enumerate(chosen):
            one = examples.variants[index]
            generator = torch.Generator().manual_seed(index)
            half = len(self.schedule) // 2
            t = torch.tensor([half + place * half // len(chosen)])
            x = one.latent[None].float()
            noise = torch.randn(x.shape, generator=generator)
            text = [sentence(self.recipe, one.captions[0] if len(one.captions) else "")]
            rows, columns = (slice(0, side) for side in x.shape[-2:])
            base = float(self.errors(x, text, None, noise, t))
            sums.setdefault("base", []).append(base)
            names: list[tuple[str, ...]] = [(kind,) for kind in self.layout.kinds]
            names += [()] if self.layout.numbers else []
            for kinds in names:
                stack = self.stack(one, kinds, rows, columns)[None]
                found = float(self.errors(x, text, stack, noise, t))
                sums.setdefault(kinds[0] if kinds else "numbers", []).append(found)
        self.module.train(was_training)
        self.examples = own
        return {name: float(np.mean(values)) for name, values in sums.items()}


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
