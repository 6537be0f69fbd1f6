"""A small network that names scene kinds in radar images; it learns from simulated scenes only.

It looks at 4 x 4 multilooked decibels (128 x 128 of a 512 x 512 scene), so fine speckle does not
decide. Every kind has its own yes/no output: a mixture shows two. One judge names the kind that a
scene was built as, another says what a scene shows (``scene_contents``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from sarloom.models.radiometry import Radiometry
from sarloom.simulate.kinds import KINDS
from sarloom.train.scenes import SceneSet

NAMES = tuple(KINDS)
LOOKS = 16
EPOCHS = 16


def looks_like(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the judge sees of an image [rows, columns] of linear power: block means in decibels."""
    rows, columns = (n // 4 for n in power.shape)
    blocks = power[: rows * 4, : columns * 4].reshape(rows, 4, columns, 4).mean((1, 3))
    return ((10 * np.log10(np.maximum(blocks, 1e-4)) + 20) / 12).astype(np.float32)


def clean_power(scenes: SceneSet, radiometry: Radiometry) -> NDArray[np.float32]:
    """Mean power of 4 x 4 blocks [n, rows/4, columns/4] of 8-bit scenes."""
    n, rows, columns = scenes.pixels.shape
    out = np.empty((n, rows // 4, columns // 4), np.float32)
    for k in range(n):
        power = radiometry.to_power(scenes.pixels[k].astype(np.float32) / 255)
        out[k] = power.reshape(rows // 4, 4, columns // 4, 4).mean((1, 3))
    return out


def targets(kinds: list[str]) -> NDArray[np.float32]:
    """One row per scene, 1 for every kind it holds."""
    out = np.zeros((len(kinds), len(NAMES)), np.float32)
    for row, kind in enumerate(kinds):
        for part in kind.split("+"):
            out[row, NAMES.index(part)] = 1
    return out


@dataclass
class Judge:
    """The trained network."""

    network: nn.Module

    def probabilities(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """Chance of each kind [n, kinds] for images [n, rows, columns] from ``looks_like``."""
        with torch.inference_mode():
            return torch.sigmoid(self.network(torch.from_numpy(seen)[:, None])).numpy()

    def features(self, seen: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features before the last layer [n, width], for distances between images."""
        body = nn.Sequential(*list(self.network.children())[:-1])
        with torch.inference_mode():
            return body(torch.from_numpy(seen)[:, None]).numpy()


class MeanAndMax(nn.Module):
    """Both over the whole image: a mean alone loses a few vehicles in a field."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)


def make_network() -> nn.Module:
    """Five strided convolutions and a linear layer."""
    layers: list[nn.Module] = []
    before = 1
    for width in (24, 48, 96, 128, 160):
        layers += [nn.Conv2d(before, width, 3, 2, 1), nn.GroupNorm(8, width), nn.ReLU()]
        layers += [nn.Conv2d(width, width, 3, 1, 1), nn.GroupNorm(8, width), nn.ReLU()]
        before = width
    return nn.Sequential(
        *layers,
        MeanAndMax(),
        nn.Dropout(0.2),
        nn.Linear(2 * before, len(NAMES)),
    )


def wobbled(x: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Six images in ten with outlines bent by up to some cells over about eight cells."""
    n, _, rows, columns = x.shape
    coarse = (n, 2, rows // 8, columns // 8)
    rough = torch.from_numpy(rng.standard_normal(coarse).astype(np.float32))
    bend = functional.interpolate(rough, (rows, columns), mode="bicubic", align_corners=False)
    size = rng.uniform(0.5, 1.5, n) * (rng.random(n) < 0.6)
    bend = bend * torch.from_numpy(size.astype(np.float32))[:, None, None, None]
    down, across = torch.meshgrid(
        torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij"
    )
    grid = torch.stack([across, down], -1)[None] + bend.permute(0, 2, 3, 1) * (2 / rows)
    return functional.grid_sample(x, grid, padding_mode="reflection", align_corners=True)


def train_judge(
    power: NDArray[np.float32],
    wanted: NDArray[np.float32],
    counts: NDArray[np.float32] | None = None,
    seed: int = 0,
) -> Judge:
    """Train on mean powers of simulated scenes, with fresh 16-look speckle in every epoch.

    Half of the images are softened and six in ten have bent outlines, as drawn images have.

    Parameters
    ----------
    power : float32 array, shape (n, rows, columns)
    wanted : float32 array, shape (n, kinds)
        1 for what the judge shall say yes to.
    counts : float32 array, shape (n, kinds), optional
        0 where it may say either.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = make_network()
    counts = np.ones_like(wanted) if counts is None else counts
    steps, batch = EPOCHS * (len(power) // 32), 32
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    network.train()
    for _ in range(steps):
        chosen = rng.choice(len(power), batch, replace=False)
        noise = rng.gamma(LOOKS, 1 / LOOKS, power[chosen].shape)
        level = 10 ** (rng.uniform(-1.5, 1.5, (batch, 1, 1)) / 10)
        x = (10 * np.log10(np.maximum(power[chosen] * noise * level, 1e-4)) + 20) / 12
        if rng.random() < 0.5:
            x = x[:, ::-1]
        # neither sharpness nor straight edges must decide: they tell simulated from drawn
        x_t = wobbled(torch.from_numpy(np.ascontiguousarray(x, np.float32))[:, None], rng)
        soft = functional.avg_pool2d(functional.pad(x_t, (1, 1, 1, 1), "replicate"), 3, 1)
        x_t = torch.where(torch.from_numpy(rng.random((batch, 1, 1, 1)) < 0.5), soft, x_t)
        loss = functional.binary_cross_entropy_with_logits(
            network(x_t), torch.from_numpy(wanted[chosen]), torch.from_numpy(counts[chosen])
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return Judge(network.eval())


def save_judge(judge: Judge, path: Path) -> None:
    """Keep a judge beside the run it was trained on."""
    from safetensors.torch import save_file

    save_file(judge.network.state_dict(), path, {"kinds": json.dumps(NAMES)})


def load_judge(path: Path) -> Judge:
    """Read a judge that was kept."""
    from safetensors.torch import load_file

    network = make_network()
    network.load_state_dict(load_file(path))
    return Judge(network.eval())
