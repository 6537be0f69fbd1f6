"""Training of the small networks that judge images, the classifier and the segmenter: one loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Budget:
    """How long a network is trained, the same for all that are compared."""

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float


def fit(network: nn.Module, budget: Budget, loss_of: Callable[[int], torch.Tensor]) -> nn.Module:
    """AdamW under a one-cycle rate (Smith & Topin 2018).

    Parameters
    ----------
    loss_of
        Draws the batch of a step, counted from 0, and gives its loss.

    Returns
    -------
    The network, in evaluation mode.
    """
    import torch

    optimiser = torch.optim.AdamW(
        network.parameters(), budget.learning_rate, weight_decay=budget.weight_decay
    )
    pace = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, budget.learning_rate, total_steps=budget.steps
    )
    network.train()
    for step in range(budget.steps):
        loss = loss_of(step)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        pace.step()
    return network.eval()
