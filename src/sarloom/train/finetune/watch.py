"""What a run tells about itself: held-out error, sample sheets, tiles learned by heart."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ...files import write_aside
from ...models.loaded import LoadedModel
from ...models.radiometry import Radiometry
from ..log import Figures
from .curve import draw_curve
from .examples import Examples, encode_pixels
from .memorised import Judge
from .task import FinetuneTask, sentence

SEED = 10_000
"""First seed of images compared with training tiles; samples count from 0."""


@dataclass(frozen=True)
class Painted:
    """An image drawn with a model in training."""

    pixels: NDArray[np.float32]
    """The model's own pixels before any speckle is laid on, in [0, 1], [rows, columns]."""
    picture: NDArray[np.uint8]
    """To look at."""


class Paint(Protocol):
    """Draws images for a run; the room of training does not know that of generation."""

    def draw(self, model: LoadedModel, prompt: str, seed: int, side: int) -> Painted:
        """One image of ``side`` pixels, 0: the model's own size."""

    def sheet(
        self, pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], path: Path
    ) -> None:
        """Write pictures with captions onto one sheet."""


class Watcher:
    """Called by the loop; writes into the run folder and returns figures for trackers."""

    def __init__(
        self,
        task: FinetuneTask,
        held_out: Sequence[Examples],
        radiometry: Radiometry,
        steps: int,
        out: Path,
        report: Callable[[str], None],
        paint: Paint | None,
    ) -> None:
        self.task, self.held_out, self.steps = task, held_out, steps
        self.out, self.report, self.paint = out, report, paint
        self.radiometry = radiometry

    @property
    def model(self) -> LoadedModel:
        """The model in training, on the scale it is trained on."""
        return dataclasses.replace(self.task.model, radiometry=self.radiometry)

    def __call__(self, step: int) -> Figures:
        """Held-out error and sample sheet where the step asks for them."""
        recipe, last = self.task.recipe, step == self.steps
        figures: dict[str, float | NDArray[np.uint8]] = {}
        with torch.random.fork_rng():
            self.task.module.eval()
            if last or (recipe.validate_every and step % recipe.validate_every == 0):
                figures |= self._errors(step)
            if not last and recipe.samples_every and step % recipe.samples_every == 0:
                figures |= self._sheet(step)
            if last:
                figures |= self._memorised()
            self.task.module.train(not last)
        draw_curve(self.out)
        return figures

    def _errors(self, step: int) -> dict[str, float]:
        """Error per bin of timesteps on training and held-out tiles, kept in held-out.jsonl."""
        parts = {"train": self.task.held_out(self.task.buckets)}
        if self.held_out:
            parts["held_out"] = self.task.held_out(self.held_out)
        with (self.out / "held-out.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **parts}) + "\n")
        gap = f", held-out {parts['held_out']['mean']:.4f}" if self.held_out else ""
        self.report(f"step {step}: error on training tiles {parts['train']['mean']:.4f}{gap}")
        return {f"error/{name}": part["mean"] for name, part in parts.items()}

    def _sheet(self, step: int) -> dict[str, NDArray[np.uint8]]:
        """The recipe's prompts with fixed seeds, drawn with the weights of this step."""
        recipe = self.task.recipe
        if self.paint is None or not recipe.samples:
            return {}
        pictures, captions = [], []
        for prompt in recipe.samples:
            for seed in range(recipe.sample_count):
                pictures.append(self.paint.draw(self.model, prompt, seed, recipe.size).picture)
                captions.append(f"seed {seed}: {prompt}")
        return {"samples": self._save_sheet(pictures, captions, f"samples/step-{step:08d}.png")}

    def _save_sheet(
        self, pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], name: str
    ) -> NDArray[np.uint8]:
        """Write a sheet into the run folder; returns it [rows, columns, 3]."""
        assert self.paint is not None  # whoever draws pictures has it
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.paint.sheet(pictures, captions, path)
        with Image.open(path) as opened:
            return np.asarray(opened.convert("RGB"), np.uint8)

    def _memorised(self) -> dict[str, float | NDArray[np.uint8]]:
        """Images of training captions beside their nearest training tiles; memorised.json."""
        wanted = self.task.recipe.memorised
        if self.paint is None or not wanted:
            return {}
        rows: list[dict[str, Any]] = []
        judged: list[dict[str, Any]] = []
        pairs: list[NDArray[np.uint8]] = []
        captions: list[str] = []
        for number, tiles in enumerate(self.task.buckets):
            judge = _judge(tiles)
            if judge is None:
                self.report("no check for memorised tiles: there are fewer than 8")
                continue
            share = wanted // len(self.task.buckets)
            share += number < wanted % len(self.task.buckets)
            images = self._draw(tiles, share)
            if not images:
                continue
            found = judge.report(torch.cat([one.latent for one in images]), tiles.ids)
            judged.append(self._judgement(number, judge, tiles))
            for one, row in zip(images, found, strict=True):
                rows.append({"prompt": one.prompt, "seed": one.seed, "tile_set": number, **row})
                pairs += [one.picture, self._tile_picture(tiles, row["nearest"])]
                captions += [f"drawn, seed {one.seed}", f"nearest, ratio {row['ratio']:.3f}"]
        if not rows:
            return {}
        flagged = sum(row["memorised"] for row in rows)
        with write_aside(self.out / "memorised.json") as aside:
            whole = {"memorised": flagged, "of": len(rows), "tile_sets": judged, "images": rows}
            aside.write_text(json.dumps(whole, indent=2) + "\n")
        self.report(
            f"{flagged} of {len(rows)} images are as near to a training tile as copies would be "
            f"({self.out / 'memorised.json'})"
        )
        sheet = self._save_sheet(pairs, captions, "memorised.png")
        return {"memorised": flagged / len(rows), "nearest": sheet}

    def _judgement(self, number: int, judge: Judge, tiles: Examples) -> dict[str, Any]:
        """The threshold, and how many tiles that were held out fall below it."""
        row: dict[str, Any] = {
            "tiles": len(tiles),
            "threshold_ratio": round(judge.threshold, 5),
            "median_ratio": round(judge.typical, 5),
        }
        held = [one for one in self.held_out if one.latents.shape[1:] == tiles.latents.shape[1:]]
        if held:
            latents = torch.cat([one.latents for one in held])[:256]
            near = judge.report(latents, tiles.ids)
            row["held_out_below"] = sum(one["memorised"] for one in near) / len(near)
        return row

    def _draw(self, tiles: Examples, count: int) -> list[_Drawn]:
        """Images of captions of training tiles, spread evenly over a set."""
        assert self.paint is not None  # looked at by the caller
        side = tiles.latents.shape[-1] * self.model.cell
        drawn = []
        for place, index in enumerate(np.linspace(0, len(tiles) - 1, count).astype(int).tolist()):
            texts = tiles.captions[index]
            prompt = sentence(self.task.recipe, texts[0] if texts else "")
            image = self.paint.draw(self.model, prompt or "radar", SEED + place, side)
            with torch.autocast(self.model.device.type, enabled=False):
                latent = encode_pixels(self.model, image.pixels[None])
            drawn.append(_Drawn(prompt, SEED + place, latent, image.picture))
        return drawn

    def _tile_picture(self, tiles: Examples, name: str) -> NDArray[np.uint8]:
        """A training tile as the base sees it: decoded, its contrast stretched to what is there."""
        index = tiles.ids.index(name)
        with torch.inference_mode():
            latent = tiles.latents[index : index + 1].to(self.model.device)
            grey = self.model.decode(latent)[0].mean(dim=0).cpu().numpy()
        low, high = np.percentile(grey, (1, 99))
        return np.asarray(255 * np.clip((grey - low) / max(high - low, 1e-6), 0, 1), np.uint8)


@dataclass(frozen=True)
class _Drawn:
    """An image to be compared with the tiles."""

    prompt: str
    seed: int
    latent: torch.Tensor
    picture: NDArray[np.uint8]


def _judge(tiles: Examples) -> Judge | None:
    """The training tiles, those flown the other way included, and their threshold."""
    judge = Judge.of(tiles.latents)
    if judge is None or tiles.mirrored is None:
        return judge
    return dataclasses.replace(judge, tiles=torch.cat([tiles.latents, tiles.mirrored]))
