"""What a loop learns: weights, their optimiser and their average."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import MissingExtraError
from .sharding import average_gradients, clip_gradients, local

if TYPE_CHECKING:
    from .loop import LoopSettings


@dataclass(frozen=True)
class Group:
    """Parameters with a learning rate of their own."""

    parameters: Sequence[nn.Parameter]
    learning_rate: float | None = None
    """None: that of the loop."""
    weight_decay: float | None = None
    betas: tuple[float, float] = (0.9, 0.99)
    """Memory of AdamW for gradients and for their squares."""


class Learned:
    """What is learned, its optimiser, and its average."""

    def __init__(
        self,
        module: nn.Module,
        groups: Sequence[Group],
        settings: LoopSettings,
        accelerator: Any,
        sharded: bool,
    ) -> None:
        """Take the parameters of ``module`` that ask for gradients."""
        self._settings, self._accelerator, self._sharded = settings, accelerator, sharded
        self.trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
        self.optimiser = accelerator.prepare_optimizer(_optimiser(groups, settings))
        self._rates = [group["lr"] for group in self.optimiser.param_groups]
        averaged = self.trained if settings.ema else {}
        self.average = {name: p.detach().clone() for name, p in averaged.items()}

    def pace(self, share: float) -> None:
        """Set every learning rate to a share of its own."""
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * share

    def learn(self, step: int) -> None:
        """Follow the gradients, and let the average follow the weights; ``step`` counts from 1."""
        learned = list(self.trained.values())
        longest = self._settings.clip_norm or math.inf
        if self._sharded:
            average_gradients(learned)
            clip_gradients(learned, longest)
        else:
            self._accelerator.clip_grad_norm_(learned, longest)
        self.optimiser.step()
        self.optimiser.zero_grad()
        # the average forgets its start early on
        decay = min(self._settings.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, kept in self.average.items():
                local(kept).lerp_(local(self.trained[name]), 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Lay the averaged weights in place of the trained ones, and change them back after."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        with torch.no_grad():
            for name, kept in self.average.items():
                weight = self.trained[name].detach().clone()
                self.trained[name].copy_(kept)
                kept.copy_(weight)

    def finish(self) -> None:
        """Leave the averaged weights in place."""
        with torch.no_grad():
            for name, kept in self.average.items():
                local(self.trained[name]).copy_(local(kept))


def _optimiser(groups: Sequence[Group], settings: LoopSettings) -> torch.optim.Optimizer:
    table: list[dict[str, Any]] = [
        {
            "params": list(group.parameters),
            "betas": group.betas,
            "lr": settings.learning_rate if group.learning_rate is None else group.learning_rate,
            "weight_decay": (
                settings.weight_decay if group.weight_decay is None else group.weight_decay
            ),
        }
        for group in groups
    ]
    if settings.optimizer == "adamw8bit":
        try:
            from bitsandbytes.optim import AdamW8bit
        except ImportError as error:
            raise MissingExtraError("optimizer adamw8bit", "8bit") from error
        eight_bit: torch.optim.Optimizer = AdamW8bit(table)
        return eight_bit
    return torch.optim.AdamW(table, fused=True)
