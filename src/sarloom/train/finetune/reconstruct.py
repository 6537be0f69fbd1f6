"""Fine-tuning of an autoencoder alone: tiles encoded and decoded again, no diffusion.

A U-Net is not trained beside it: its tiles are encoded once and for all, and latents of an
autoencoder that moves would go stale.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...files import write_aside
from ...models.loaded import LoadedModel
from ...models.radiometry import Radiometry
from ...options.finetune import FinetuneRecipe
from ..autoencoder import picture_errors, rescale_latents
from ..log import Figures
from ..loop import Draw, Group
from .curve import draw_curve
from .examples import data_key, encode_pixels, tiles_of
from .scale import PROBED, Pixels, measured_looks, spread
from .walk import Walk

Report = Callable[[str], None]
Stack = NDArray[np.float16]
"""Pixels u in [0, 1], [n, rows, columns]; mapped from disk."""
Sheet = Callable[[Sequence[NDArray[np.uint8]], Sequence[str], Path], None]
"""Writes pictures with captions onto one sheet."""
MOST = 64
"""Tiles on which errors are taken."""
MEASURED = 256
"""Tiles from which the mean and deviation of latents are taken."""
SHOWN = 8


def load_pixels(
    model: LoadedModel, folder: Path, split: str, run: Path, number: int, recipe: FinetuneRecipe
) -> tuple[Stack, Pixels]:
    """Pixels of the tiles of a split, kept in the run folder under a hash and mapped into memory.

    Raises
    ------
    InputError
        As :func:`~sarloom.train.finetune.examples.tiles_of`.
    """
    tiles, pixels, side = tiles_of(model, folder, split, recipe.size, recipe.enlarge)
    path = run / f"pixels-{number}-{split}-{data_key(tiles, pixels, side)}.npy"
    if not path.is_file():
        for old in run.glob(f"pixels-{number}-{split}-*.npy"):
            old.unlink(missing_ok=True)  # of other data
        with write_aside(path) as aside:
            stack = np.lib.format.open_memmap(
                aside, "w+", dtype=np.float16, shape=(len(tiles), side, side)
            )
            for index in range(len(tiles)):
                stack[index] = pixels.of(tiles.row(index), side)
            stack.flush()
    return np.load(path, mmap_mode="r", allow_pickle=False), pixels


class ReconstructionTask:
    """An autoencoder and the error of what it gives back."""

    def __init__(self, vae: Any, recipe: FinetuneRecipe, stacks: Sequence[Stack]) -> None:
        self.recipe, self.stacks = recipe, list(stacks)
        self.module: Any = Autoencoder(vae.requires_grad_(True))
        self._walk = Walk([len(one) for one in stacks], recipe.batch, recipe.seed)
        if recipe.gradient_checkpointing:
            vae.enable_gradient_checkpointing()

    def groups(self) -> list[Group]:
        """All of the autoencoder at one rate."""
        return [Group(list(self.module.parameters()), self.recipe.vae_learning_rate)]

    def loss(self, draw: Draw) -> tuple[torch.Tensor, dict[str, float]]:
        """Absolute error of pictures, of their coarse means and of their edges."""
        size, chosen = self._walk.at(draw.step)
        flips = [self.recipe.mirror and draw.numpy.random() < 0.5 for _ in chosen]
        pictures = [
            self.stacks[size][index][::-1] if flip else self.stacks[size][index]
            for index, flip in zip(chosen, flips, strict=True)
        ]
        plain, coarse, edges = self.errors(np.stack(pictures[draw.share]))
        total = plain + coarse + self.recipe.vae_edges * edges
        return total, {"reconstruction": float(plain.detach()), "edges": float(edges.detach())}

    def errors(self, pictures: Stack) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The three errors of ``picture_errors`` on pictures given back."""
        wanted = signed(pictures).to(next(self.module.parameters()).device)
        return picture_errors(self.module(wanted).float(), wanted)

    @torch.no_grad()
    def held_out(self, stacks: Sequence[Stack]) -> dict[str, float]:
        """Mean absolute error, and that of edges, on tiles of any sizes."""
        places = [(one, index) for one in stacks for index in range(len(one))]
        found = [
            self.errors(places[number][0][places[number][1]][None])
            for number in spread(len(places), MOST)
        ]
        plain, _, edges = (float(torch.stack(one).mean()) for one in zip(*found, strict=True))
        return {"mean": plain, "edges": edges}


class Autoencoder(nn.Module):
    """There and back."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures [n, 3, rows, columns] in [-1, 1] as they come back; no noise on the latents."""
        mode = self.vae.encode(pictures, return_dict=False)[0].mode()
        return cast(torch.Tensor, self.vae.decode(mode, return_dict=False)[0])


def signed(pictures: NDArray[Any]) -> torch.Tensor:
    """Pixels [n, rows, columns] in [0, 1] to what autoencoders take, [n, 3, rows, columns]."""
    grey = torch.from_numpy(np.ascontiguousarray(pictures, np.float32))[:, None]
    return (grey * 2 - 1).expand(-1, 3, -1, -1)


def watch(
    task: ReconstructionTask,
    held_out: Sequence[Stack],
    steps: int,
    out: Path,
    report: Report,
    sheet: Sheet | None,
) -> Callable[[int], Figures | None]:
    """What the loop calls: errors on training and held-out tiles, and at the end a sheet."""

    def look(step: int) -> Figures | None:
        task.module.eval()
        parts = {"train": task.held_out(task.stacks)}
        if held_out:
            parts["held_out"] = task.held_out(held_out)
        with (out / "held-out.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **parts}) + "\n")
        gap = f", held-out {parts['held_out']['mean']:.4f}" if held_out else ""
        report(f"step {step}: reconstruction of training tiles {parts['train']['mean']:.4f}{gap}")
        draw_curve(out)
        if step == steps and sheet is not None:
            _show(task, held_out or task.stacks, sheet, out / "reconstructions.png")
        task.module.train(step != steps)
        return {f"reconstruction/{name}": part["mean"] for name, part in parts.items()}

    return look


@torch.no_grad()
def _show(task: ReconstructionTask, stacks: Sequence[Stack], sheet: Sheet, path: Path) -> None:
    """Tiles beside what comes back of them."""
    pictures: list[NDArray[np.uint8]] = []
    captions: list[str] = []
    for number in spread(len(stacks[0]), SHOWN):
        wanted = signed(stacks[0][number][None])
        device = next(task.module.parameters()).device
        given = task.module(wanted.to(device)).float().cpu()
        for name, one in (("tile", wanted), ("given back", given)):
            grey = ((one[0].mean(dim=0) + 1) / 2).clamp(0, 1)
            pictures.append((grey * 255).round().to(torch.uint8).numpy())
            captions.append(f"{name} {number}")
    sheet(pictures, captions, path)


@torch.no_grad()
def speckle_kept(
    task: ReconstructionTask, stacks: Sequence[Stack], radiometry: Radiometry
) -> float:
    """Share of the tiles' speckle that comes back: of its contrast, 1 / sqrt(looks), measured where
    the tiles are evenest."""
    places = [(one, index) for one in stacks for index in range(len(one))]
    device = next(task.module.parameters()).device
    tiles: list[NDArray[np.float32]] = []
    given: list[NDArray[np.float32]] = []
    for number in spread(len(places), PROBED):
        stack, index = places[number]
        wanted = signed(stack[index][None])
        back = task.module(wanted.to(device)).float().cpu()
        for powers, one in ((tiles, wanted), (given, back)):
            powers.append(radiometry.to_power(((one[0].mean(dim=0) + 1) / 2).numpy()))
    return float((measured_looks(tiles) / measured_looks(given)) ** 0.5)


class Latents:
    """Mean and deviation of latents of training tiles, per channel."""

    def __init__(self, model: LoadedModel, stacks: Sequence[Stack]) -> None:
        """Measure them, on the scale of the diffusion."""
        places = [(one, index) for one in stacks for index in range(len(one))]
        values = torch.cat(
            [
                encode_pixels(model, places[number][0][places[number][1]][None].astype(np.float32))
                .flatten(2)[0]
                for number in spread(len(places), MEASURED)
            ],
            dim=1,
        )  # fmt: skip
        self.mean, self.deviation = values.mean(dim=1), values.std(dim=1)


def settle_latents(
    model: LoadedModel, recipe: FinetuneRecipe, stacks: Sequence[Stack], before: Latents
) -> None:
    """Bring the latents of a trained autoencoder back to a known mean and deviation, exactly.

    Parameters
    ----------
    recipe
        Its ``vae_latents``: ``base``, as the base's autoencoder had them on the same tiles, so that
        the U-Net finds what it knows; ``unit``, mean 0 and deviation 1.
    before
        Of the base's autoencoder.
    """
    vae = model.parts.vae
    if getattr(vae, "quant_conv", None) is None or getattr(vae, "post_quant_conv", None) is None:
        return  # nowhere to fold it in
    now = Latents(model, stacks)
    unit = recipe.vae_latents == "unit"
    wanted = torch.zeros_like(now.mean) if unit else before.mean
    stretch = now.deviation / (torch.ones_like(now.mean) if unit else before.deviation)
    # of u = (z - shift) scale, the diffusion's latents, to z, the autoencoder's own
    scale = float(vae.config.scaling_factor)
    shift = float(vae.config.get("shift_factor") or 0.0)
    mean = now.mean - wanted * stretch
    own = (mean / scale + shift) - stretch * shift
    device = next(vae.parameters()).device
    rescale_latents(vae, own.to(device), stretch.to(device))
