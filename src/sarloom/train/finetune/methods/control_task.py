"""The loss of training a control: noise prediction by a frozen base that the control leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch

from ....models.control import ControlLayout
from ....models.loaded import LoadedModel
from ....options.finetune import FinetuneRecipe
from ...loop import Draw, Group
from ..objective import schedule_of
from ..task import sentence
from ..walk import Walk
from .control import ControlledUNet
from .control_data import ControlExamples, Variant


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
        self._walk = Walk([len(examples)], recipe.batch, recipe.seed)
        if recipe.gradient_checkpointing:
            model.parts.unet.enable_gradient_checkpointing()
            network.enable_gradient_checkpointing()

    def groups(self) -> list[Group]:
        """The control alone."""
        return [Group([p for p in self.module.parameters() if p.requires_grad])]

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Weighted error of the prediction on the pictures of a step."""
        x, texts, stacks, numbers = self.batch(draw)
        u = (torch.rand(1, generator=draw.torch) + torch.arange(len(x)) / len(x)) % 1
        # Esser et al. 2024: above 1, more of the noisy steps, where layout is decided
        u = self.recipe.noise_shift * u / (1 + (self.recipe.noise_shift - 1) * u)
        t = (u * len(self.schedule)).long()
        noise = torch.randn(x.shape, generator=draw.torch)
        mine = draw.share
        errors = self.errors(
            x[mine], texts[mine], stacks[mine], noise[mine], t[mine], numbers[mine]
        )
        weight = self.schedule.min_snr_weight(t[mine], self.recipe.min_snr).to(errors.device)
        return (errors * weight).mean(), {"mse": float(errors.detach().mean())}

    def batch(
        self, draw: Draw
    ) -> tuple[torch.Tensor, list[str], torch.Tensor, list[Mapping[str, float | str]]]:
        """Latents, sentences, stacks and numbers of a step: a walk through shuffled passes."""
        rng = draw.numpy
        latents, texts, stacks = [], [], []
        numbers: list[Mapping[str, float | str]] = []
        for index in self._walk.at(draw.step)[1]:
            one = self.examples.variants[index]
            rows, columns = self._window(one.latent, rng)
            latents.append(one.latent[:, rows, columns].float())
            dropped = rng.random() < self.recipe.caption_dropout
            pick = int(rng.integers(len(one.captions))) if len(one.captions) else -1
            text = one.captions[pick] if pick >= 0 else ""
            texts.append("" if dropped else sentence(self.recipe, text))
            stacks.append(self.stack(one, self._kinds(one, rng), rows, columns))
            numbers.append(one.numbers if one.needs_numbers or rng.random() < 0.5 else {})
        return torch.stack(latents), texts, torch.stack(stacks), numbers

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
    ) -> torch.Tensor:
        """What the network reads of a picture's window."""
        cell = self.model.cell
        high, wide = (slice(part.start * cell, part.stop * cell) for part in (rows, columns))
        pictures = {
            kind: self.examples.picture(kind, one.scene, one.mirrored, high, wide) for kind in kinds
        }
        height, width = high.stop - high.start, wide.stop - wide.start
        return torch.from_numpy(self.layout.stack(pictures, height, width))

    def errors(
        self,
        x: torch.Tensor,
        texts: Sequence[str],
        stacks: torch.Tensor | None,
        noise: torch.Tensor,
        t: torch.Tensor,
        numbers: Sequence[Mapping[str, float | str]],
    ) -> torch.Tensor:
        """Mean squared error of the prediction of each picture [n], the base told its numbers."""
        device = self.model.device
        layout = torch.channels_last
        with torch.no_grad():
            text = self.model.encode_text(list(texts))
        noisy = self.schedule.mixed(x, noise, t).to(device, memory_format=layout)
        target = self.schedule.target(x, noise, t).to(device)
        given = None if stacks is None else stacks.to(device, memory_format=layout)
        embedding = self.model.parts.numbers
        with nullcontext() if embedding is None else embedding.telling(numbers):
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
            base = float(self.errors(x, text, None, noise, t, [one.numbers]))
            sums.setdefault("base", []).append(base)
            for kind in self.layout.kinds:
                stack = self.stack(one, (kind,), rows, columns)[None]
                found = float(self.errors(x, text, stack, noise, t, [one.numbers]))
                sums.setdefault(kind, []).append(found)
        self.module.train(was_training)
        self.examples = own
        return {name: float(np.mean(values)) for name, values in sums.items()}
