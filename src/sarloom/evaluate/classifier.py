"""A small network that names what a radar chip shows; the same for real and generated chips.

It looks at decibels, each chip over its own mean and spread, and at chips that are shifted,
speckled and softened at random, so that neither brightness nor sharpness nor grain decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .fitting import Budget, fit

if TYPE_CHECKING:
    import torch
    from torch import nn

LOOKS = (2.0, 4.0, 8.0, 1000.0)
"""Looks of the speckle that is laid over training chips, drawn with equal chance."""
SHIFT = 4
"""Rows and columns by which the network sees less than a chip, so that chips can be shifted."""
FLOOR = 1e-2
"""Power added before the logarithm, over the power of a chip's median."""


USUAL = Budget(steps=600, batch=64, learning_rate=2e-3, weight_decay=0.02)
"""The same for every training set."""


def train_classifier(
    power: NDArray[np.float32], labels: NDArray[np.int64], classes: int, seed: int, budget: Budget
) -> nn.Module:
    """Train on chips [n, side, side] of linear power; every class is drawn with equal chance."""
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = make_network(classes)
    members = [np.flatnonzero(labels == one) for one in range(classes)]

    def loss_of(step: int) -> torch.Tensor:
        wanted = rng.integers(0, classes, budget.batch)
        chosen = [int(rng.choice(members[one])) for one in wanted]
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(as_seen(changed(power[chosen], rng)))
        return functional.cross_entropy(
            scores.float(), torch.from_numpy(wanted), label_smoothing=0.05
        )

    return fit(network, budget, loss_of)


def named(network: nn.Module, power: NDArray[np.float32]) -> NDArray[np.int64]:
    """Class of every chip [n]."""
    import torch

    edge = SHIFT // 2
    middle = power[:, edge:-edge, edge:-edge]
    with torch.inference_mode():
        parts = [network(as_seen(part)).argmax(1) for part in _parts(middle)]
    return np.asarray(torch.cat(parts).numpy(), np.int64)


def accuracy(
    network: nn.Module, power: NDArray[np.float32], labels: NDArray[np.int64]
) -> tuple[float, NDArray[np.int64]]:
    """Share of chips named rightly, and the table of (true class, named class)."""
    found = named(network, power)
    classes = int(labels.max()) + 1
    table = np.zeros((classes, classes), np.int64)
    np.add.at(table, (labels, np.minimum(found, classes - 1)), 1)
    return float((found == labels).mean()), table


def changed(power: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Shifted, speckled, and for one half softened."""
    rows, columns = rng.integers(0, SHIFT + 1, 2)
    down, right = (size - SHIFT for size in power.shape[1:])
    chips = power[:, rows : rows + down, columns : columns + right]
    looks = rng.choice(LOOKS, (len(chips), 1, 1))
    chips = chips * rng.gamma(looks, 1 / looks, chips.shape).astype(np.float32)
    padded = np.pad(chips, ((0, 0), (1, 1), (1, 1)), "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    soft = windows.mean((-1, -2))
    share = (rng.random((len(chips), 1, 1)) * rng.integers(0, 2, (len(chips), 1, 1))).astype("f4")
    return np.asarray(chips * (1 - share) + soft * share, np.float32)


def as_seen(power: NDArray[np.float32]) -> torch.Tensor:
    """Power [n, rows, columns] to decibels of zero mean and unit spread [n, 1, rows, columns]."""
    import torch

    over = power / np.maximum(np.median(power, (1, 2), keepdims=True), 1e-12)
    decibels = torch.from_numpy(10 * np.log10(over + FLOOR).astype(np.float32))[:, None]
    mean, spread = decibels.mean((2, 3), keepdim=True), decibels.std((2, 3), keepdim=True)
    return (decibels - mean) / spread.clamp_min(1e-3)


def make_network(classes: int, width: int = 32) -> nn.Module:
    """Four convolutions, the last three with stride 2, and a linear layer: 0.2 M weights."""
    from torch import nn

    layers: list[nn.Module] = []
    before = 1
    for number in range(4):
        after = width * (number + 1)
        layers += [nn.Conv2d(before, after, 3, 2 if number else 1, 1), nn.GroupNorm(8, after)]
        layers += [nn.ReLU()]
        before = after
    head = nn.Linear(before * 16, classes)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.4), head)


def _parts(power: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [power[start : start + 128] for start in range(0, len(power), 128)]
