"""What a fine-tuning run trains: networks, their learning rates, and the loss of a step."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ...errors import InputError
from ...models.loaded import LoadedModel, TextCondition
from ...models.numbers import NumberEmbedding, ranges_of
from ...options.finetune import FinetuneRecipe
from ..loop import Draw, Group
from .examples import Examples
from .methods import METHODS, AdapterSettings, Part
from .methods.token import LearnedToken
from .objective import NoiseSchedule, schedule_of
from .scale import spread
from .texts import TextCache
from .walk import Walk

Numbers = Mapping[str, float | str]
BINS = 10
"""Timestep bins of held-out losses."""


class FinetuneTask:
    """The networks of a base model, as a recipe trains them."""

    def __init__(
        self,
        model: LoadedModel,
        recipe: FinetuneRecipe,
        examples: Examples | Sequence[Examples],
        prior: Examples | None = None,
        texts: TextCache | None = None,
    ) -> None:
        self.model, self.recipe, self.prior, self.texts = model, recipe, prior, texts
        self.buckets = [examples] if isinstance(examples, Examples) else list(examples)
        """Tiles by size; a batch is of one size."""
        self.schedule: NoiseSchedule = schedule_of(
            model.parts.scheduler_config, recipe.zero_terminal_snr
        )
        self.token = (
            LearnedToken(recipe.token, recipe.token_from, model.parts) if recipe.token else None
        )
        self.parts = attach(model, recipe)
        self.numbers = number_embedding(model, recipe.numbers) if recipe.numbers else None
        if self.numbers is not None:
            told = [one for examples in self.buckets for one in examples.numbers]
            self.numbers.learned |= ranges_of(told)
        self.module: Any = Networks(model, self.parts, self.numbers)
        self._walk = Walk([len(one) for one in self.buckets], recipe.batch, recipe.seed)
        self.trains_text = recipe.text_encoder != "off" or bool(recipe.token)
        self._texts: dict[str, tuple[torch.Tensor, torch.Tensor | None]] = {}
        if recipe.gradient_checkpointing:
            self._checkpoint_gradients()

    @property
    def examples(self) -> Examples:
        """The tiles of the first size; of most runs the only one."""
        return self.buckets[0]

    def _checkpoint_gradients(self) -> None:
        """Compute activations again on the way back instead of keeping them."""
        self.model.parts.unet.enable_gradient_checkpointing(_again)
        for encoder in self.model.parts.text_encoders if self.trains_text else ():
            encoder.gradient_checkpointing_enable({"use_reentrant": False})

    def groups(self) -> list[Group]:
        """Parameters by learning rate."""
        recipe = self.recipe
        rates = {"unet": recipe.learning_rate}
        groups = [
            Group(part.parameters(), rates.get(name, recipe.text_learning_rate))
            for name, part in self.parts.items()
        ]
        if self.token is not None and recipe.text_encoder != "full":
            # no decay: it would pull the words that are held
            groups.append(Group(self.token.parameters(), recipe.token_learning_rate, 0.0))
        if self.numbers is not None:
            rate = recipe.numbers_learning_rate
            groups.append(Group(list(self.numbers.parameters()), rate))
        return groups

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Weighted error of the prediction on the tiles of a step, and on class images."""
        random.seed(int(draw.numpy.integers(2**63)))  # DyLoRA draws its ranks from it
        x, captions, indices = self.batch(draw)
        own, figures = self._error(x, captions, draw, self._told(indices, draw))
        total = own
        if self.prior is not None:
            picked = draw.numpy.choice(len(self.prior), len(x)).tolist()
            prompts = [self.recipe.prior_prompt] * len(x)
            kept, _ = self._error(self.prior.latents[picked], prompts, draw, [{}] * len(x))
            figures["prior"] = float(kept.detach())
            total = total + self.recipe.prior_weight * kept
        return total, figures

    def batch(self, draw: Draw) -> tuple[torch.Tensor, list[str], list[int]]:
        """Latents, captions and places of a step's tiles; these count in the tiles of its size."""
        size, indices = self._walk.at(draw.step)
        examples = self.buckets[size]
        latents, captions = [], []
        for index in indices:
            mirror = examples.mirrored is not None and draw.numpy.random() < 0.5
            source = examples.mirrored if mirror else examples.latents
            assert source is not None  # mirror is drawn only where there is one
            latents.append(source[index])
            captions.append(self._sentence(examples.captions[index], draw.numpy))
        return torch.stack(latents), captions, indices

    def _told(self, indices: Sequence[int], draw: Draw) -> list[Numbers]:
        """Numbers of a step's tiles, each left out half the time so that none is needed later."""
        if self.numbers is None:
            return [{}] * len(indices)
        size, _ = self._walk.at(draw.step)
        whole = [self.buckets[size].numbers[index] for index in indices]
        return [
            {name: value for name, value in one.items() if draw.numpy.random() < 0.5}
            for one in whole
        ]

    def _sentence(self, captions: Sequence[str], rng: np.random.Generator) -> str:
        if rng.random() < self.recipe.caption_dropout:
            return ""
        text = captions[int(rng.integers(len(captions)))] if captions else ""
        return sentence(self.recipe, text)

    def _error(
        self, x: torch.Tensor, captions: list[str], draw: Draw, numbers: list[Numbers]
    ) -> tuple[torch.Tensor, dict[str, float]]:
        recipe = self.recipe
        u = torch.rand(1, generator=draw.torch) + torch.arange(len(x)) / len(x)
        t = ((u % 1) * len(self.schedule)).long()
        noise = torch.randn(x.shape, generator=draw.torch)
        if recipe.offset_noise:
            shift = torch.randn((*x.shape[:2], 1, 1), generator=draw.torch)
            noise = noise + recipe.offset_noise * shift
        # every process has drawn the whole batch and computes its own part of it
        mine = draw.share
        x, noise, t = x[mine], noise[mine], t[mine]
        per_image = self.errors(x, captions[mine], noise, t, numbers[mine])
        weight = self.schedule.min_snr_weight(t, recipe.min_snr).to(per_image.device)
        return (per_image * weight).mean(), {"mse": float(per_image.detach().mean())}

    def errors(
        self,
        x: torch.Tensor,
        captions: list[str],
        noise: torch.Tensor,
        t: torch.Tensor,
        numbers: Sequence[Numbers] = (),
    ) -> torch.Tensor:
        """Mean squared error of the prediction of each picture [n]."""
        device = self.model.device
        noisy = self.schedule.mixed(x, noise, t)
        target = self.schedule.target(x, noise, t).to(device)
        # a text encoder in training runs inside the module's forward pass, where processes meet
        text = captions if self.trains_text else self._text(captions)
        predicted = self.module(noisy.to(device), t.to(device), text, numbers)
        error: torch.Tensor = (predicted.float() - target).square().mean(dim=(1, 2, 3))
        return error

    def _text(self, captions: list[str]) -> TextCondition:
        """Token states of text encoders that are not trained; kept from the first time on."""
        if self.texts is not None:
            return self.texts.of(captions)
        for text in captions:
            if text not in self._texts:
                with torch.no_grad():
                    one = self.model.encode_text([text])
                self._texts[text] = (one.context, one.pooled)
        found = [self._texts[text] for text in captions]
        context = torch.cat([one[0] for one in found])
        pooled = [one[1] for one in found if one[1] is not None]
        return TextCondition(context, torch.cat(pooled) if pooled else None)

    @torch.no_grad()
    def held_out(self, buckets: Sequence[Examples], most: int = 256) -> dict[str, float]:
        """Mean error per bin of timesteps on tiles of any sizes; the same noise every time.

        Keys are ``mean`` and ``t0`` (least noise) to ``t9``.
        """
        places = [(one, index) for one in buckets for index in range(len(one))]
        chosen = spread(len(places), most)
        sums = np.zeros(BINS)
        counts = np.zeros(BINS)
        for place, number in enumerate(chosen):
            examples, index = places[number]
            generator = torch.Generator().manual_seed(number)
            low = place % BINS
            t = torch.randint(
                low * len(self.schedule) // BINS,
                (low + 1) * len(self.schedule) // BINS,
                (1,),
                generator=generator,
            )
            x = examples.latents[index : index + 1]
            noise = torch.randn(x.shape, generator=generator)
            texts = examples.captions[index]
            caption = sentence(self.recipe, texts[0] if texts else "")
            told = [examples.numbers[index]] if self.numbers is not None else ()
            sums[low] += float(self.errors(x, [caption], noise, t, told))
            counts[low] += 1
        bins = {f"t{n}": float(sums[n] / counts[n]) for n in range(BINS) if counts[n]}
        return {"mean": float(np.mean(list(bins.values()))), **bins}


class Networks(nn.Module):
    """All trained networks under one name, and the U-Net's forward pass."""

    def __init__(
        self, model: LoadedModel, parts: dict[str, Part], numbers: NumberEmbedding | None = None
    ) -> None:
        super().__init__()
        self._model, self.numbers = model, numbers
        self.unet = model.parts.unet
        self.text_encoders = nn.ModuleList(model.parts.text_encoders)
        self.adapters = nn.ModuleDict(
            {name: part.net for name, part in parts.items() if part.adapter}  # type: ignore[attr-defined]
        )

    def forward(
        self,
        noisy: torch.Tensor,
        t: torch.Tensor,
        text: TextCondition | list[str],
        numbers: Sequence[Numbers] = (),
    ) -> torch.Tensor:
        """Prediction of the U-Net [n, c, h, w]; sentences are read by the text encoders here."""
        height, width = (side * self._model.cell for side in noisy.shape[-2:])
        read = self._model.encode_text(text) if isinstance(text, list) else text
        added = self._model.family.added_conditions(read, width, height)
        dtype = self.unet.dtype
        embedding = self.numbers if numbers else None
        with nullcontext() if embedding is None else embedding.telling(numbers):
            result: torch.Tensor = self.unet(
                noisy.to(dtype),
                t,
                read.context.to(dtype),
                added_cond_kwargs=added,
                return_dict=False,
            )[0]
        return result


def _again(module: Any, *arguments: Any) -> Any:
    """Gradient checkpointing of one block; DyLoRA draws the same ranks the second time."""
    state, first = random.getstate(), True

    def compute(*inner: Any) -> Any:
        nonlocal first
        if first:
            first = False
            return module(*inner)
        now = random.getstate()
        random.setstate(state)
        try:
            return module(*inner)
        finally:
            random.setstate(now)

    return checkpoint(compute, *arguments, use_reentrant=False)


def attach(model: LoadedModel, recipe: FinetuneRecipe) -> dict[str, Part]:
    """Make each network that the recipe names trainable in its way; freeze the rest."""
    encoders = dict(zip(model.family.encoder_folders, model.parts.text_encoders, strict=True))
    settings = AdapterSettings(recipe.rank, recipe.alpha, recipe.targets, len(encoders) > 1)
    wanted: list[tuple[str, Any, str]] = [("unet", model.parts.unet, recipe.unet)]
    wanted += [(name, encoder, recipe.text_encoder) for name, encoder in encoders.items()]
    for network in (model.parts.vae, *(network for _, network, _ in wanted)):
        network.requires_grad_(False)
    return {
        name: METHODS[kind](name, network, kind, settings)
        for name, network, kind in wanted
        if kind != "off"
    }


def number_embedding(model: LoadedModel, names: Sequence[str]) -> NumberEmbedding:
    """The base's own embedding, or a new one on its U-Net.

    Raises
    ------
    InputError
        If the base is told other numbers.
    """
    own = model.parts.numbers
    if own is None:
        made = NumberEmbedding(names, model.parts.unet.time_embedding.linear_2.out_features)
        made.attach(model.parts.unet)
        return made.to(model.device)
    if not set(names) <= set(own.names):
        raise InputError(
            f"{model.source} is told {', '.join(own.names)}; numbers may only name these"
        )
    return own.requires_grad_(True).train()


def sentence(recipe: FinetuneRecipe, text: str) -> str:
    """A caption as the model reads it: prefix, learned word, text."""
    if recipe.token:
        # 'A SAR image of' becomes 'A <SAR> image of', the follow-up paper's form
        prefix = recipe.prefix.replace(recipe.token.strip("<>"), recipe.token)
        if recipe.token not in prefix:
            prefix = f"{recipe.token} {prefix}"
    else:
        prefix = recipe.prefix
    return f"{prefix}{text}".strip()
