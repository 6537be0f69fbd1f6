"""A small network that draws the map of a radar image; it learns from pairs of image and map.

A U-Net (Ronneberger, Fischer & Brox 2015) of 0.5 M weights over decibels of multilooked power. It
sees absolute levels, shifted by a decibel or so: water is dark and steel is bright, and a generator
that misses the level of a surface shall be told so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from ..files import write_aside
from .fitting import Budget, fit

if TYPE_CHECKING:
    import torch
    from torch import nn

FLOOR = 1e-4
"""Power added before the logarithm: -40 dB."""
CENTRE_DB, SPREAD_DB = -12.0, 8.0
WIDTHS = (24, 48, 72, 96)
LEVEL_DB = 1.0
"""Level errors of training images are drawn within this, on either side."""
GRAIN_LOOKS = 40.0
"""Looks of the grain laid on anew at every step, beside the speckle the images have."""
RARE = 0.35
"""Weight of a class: its share of pixels to minus this."""


USUAL = Budget(steps=1150, batch=8, learning_rate=3e-3, weight_decay=0.01)


def train_segmenter(
    power: NDArray[np.float32],
    maps: NDArray[np.uint8],
    classes: int,
    seed: int,
    budget: Budget,
    tick: Callable[[int, float], None] | None = None,
) -> nn.Module:
    """Train on images [n, rows, columns] of linear power and their maps on the same grid.

    Parameters
    ----------
    tick
        Called with the number of every step and its loss.
    """
    import torch
    from torch.nn import functional

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = make_network(classes)
    shares = np.bincount(maps.ravel(), minlength=classes) / maps.size
    weights = torch.from_numpy((np.maximum(shares, 1e-4) ** -RARE).astype(np.float32))

    def loss_of(step: int) -> torch.Tensor:
        chosen = rng.integers(0, len(power), budget.batch)
        image, wanted = _changed(power[chosen], maps[chosen], rng)
        with torch.autocast("cpu", torch.bfloat16):
            scores = network(as_seen(image))
        loss = functional.cross_entropy(scores.float(), torch.from_numpy(wanted), weights)
        if tick is not None:
            tick(step + 1, loss.item())
        return loss

    return fit(network, budget, loss_of)


def read_map(network: nn.Module, power: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The map of one image (rows, columns) of linear power; sides are multiples of 16."""
    import torch

    with torch.inference_mode():
        return np.asarray(network(as_seen(power[None]))[0].argmax(0).numpy(), np.uint8)


def as_seen(power: NDArray[np.float32]) -> torch.Tensor:
    """Power [n, rows, columns] to what the network reads [n, 1, rows, columns]."""
    import torch

    decibels = 10 * np.log10(np.asarray(power, np.float32) + np.float32(FLOOR))
    return torch.from_numpy(((decibels - CENTRE_DB) / SPREAD_DB).astype(np.float32))[:, None]


def make_network(classes: int, widths: tuple[int, ...] = WIDTHS) -> nn.Module:
    """A U-Net over blocks of 2 x 2 pixels, which go in and out as channels, halved three times."""
    import torch
    from torch import nn
    from torch.nn import functional

    def pair(before: int, after: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(before, after, 3, 1, 1), nn.GroupNorm(8, after), nn.SiLU(),
            nn.Conv2d(after, after, 3, 1, 1), nn.GroupNorm(8, after), nn.SiLU(),
        )  # fmt: skip

    class Segmenter(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            befores = (4, *widths[:-1])
            self.down = nn.ModuleList(pair(b, a) for b, a in zip(befores, widths, strict=True))
            self.up = nn.ModuleList(pair(low + high, high) for high, low in pairwise(widths))
            self.head = nn.Conv2d(widths[0], 4 * classes, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            kept = []
            x = functional.pixel_unshuffle(x, 2)
            for number, block in enumerate(self.down):
                x = block(functional.avg_pool2d(x, 2) if number else x)
                kept.append(x)
            for block, skip in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
                wide = functional.interpolate(x, scale_factor=2.0, mode="nearest")
                x = block(torch.cat([wide, skip], 1))
            return functional.pixel_shuffle(self.head(x), 2)

    return Segmenter()


def save_segmenter(network: nn.Module, path: Path, budget: Budget, seed: int) -> None:
    """Weights as safetensors, with seed and budget."""
    from safetensors.torch import save_file

    about = {"seed": str(seed)} | {name: str(value) for name, value in asdict(budget).items()}
    with write_aside(path) as aside:
        save_file(network.state_dict(), aside, about)


def load_segmenter(path: Path, classes: int) -> nn.Module:
    """Read a segmenter that was kept.

    Raises
    ------
    FormatError
        If the file is none, or has another number of classes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = make_network(classes)
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise FormatError(f"{path} is no segmenter of {classes} classes: {error}") from error
    return network.eval()


def _changed(
    power: NDArray[np.float32], maps: NDArray[np.uint8], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Another level and grain; half flown the other way. Range is never mirrored."""
    level = 10 ** (rng.uniform(-LEVEL_DB, LEVEL_DB, (len(power), 1, 1)) / 10)
    grain = rng.gamma(GRAIN_LOOKS, 1 / GRAIN_LOOKS, power.shape)
    image, wanted = power * level * grain, maps
    if rng.random() < 0.5:
        image, wanted = image[:, ::-1], wanted[:, ::-1]
    return (
        np.ascontiguousarray(image, np.float32),
        np.ascontiguousarray(wanted, np.int64),
    )
