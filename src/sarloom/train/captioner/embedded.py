"""The embedded captioner from nothing: photographs of simulated scenes, words, networks, folder.

Beside its sentences the picture encoder is taught what covers every cell of a coarse map and which
kinds of scene it sees. A small transformer learns to see from that in a tenth of the pictures that
sentences alone would need. Both heads are thrown away afterwards.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from ...errors import InputError
from ...files import write_aside
from ...libraries import quiet_transformers
from ...options.captioner_recipe import CaptionerRecipe
from ...options.table import as_plain
from ...simulate.kinds import KINDS
from ...simulate.materials import LABELS
from ..loop import Draw, LoopSettings, Report, run
from .model import CaptionerSizes, learn_words, make_captioner, make_processor
from .scenes import (
    GRID,
    OpticalSet,
    SceneDraw,
    load_optical,
    make_optical,
    mirrored_words,
)
from .task import Batch, CaptionerTask

PLACE_WORDS = ("left", "right", "upper", "lower", "top", "bottom", "above", "below")


def train_embedded_captioner(
    recipe: CaptionerRecipe, out: Path, report: Report, workers: int = 2
) -> Path:
    """Train everything a recipe asks for; returns the folder of the finished captioner.

    Raises
    ------
    InputError
        If ``out`` holds a run of another recipe.
    TrainingError
        If a loss is not finite or the disk is full.
    """
    out.mkdir(parents=True, exist_ok=True)
    done = out / "captioner.safetensors"
    _same_run(recipe, out, done.is_file())
    scenes = out / "scenes"
    draw = SceneDraw(
        recipe.seed, recipe.pixels, recipe.scene_cells, mixture_share=recipe.mixture_share
    )
    make_optical(scenes, recipe.scenes, draw, workers, report)
    data = load_optical(scenes, recipe.scenes)
    task, processor = make_task(recipe, data)
    if done.is_file():
        task.module.model.load_state_dict(load_file(done))
    else:
        run(task, settings_of(recipe), out / "state", report)
        with write_aside(done) as aside:
            state = {k: v.detach().clone() for k, v in task.module.model.state_dict().items()}
            save_file(state, aside)
    return save_captioner(task.module.model, processor, out / "model")


def _same_run(recipe: CaptionerRecipe, out: Path, done: bool) -> None:
    """A run folder belongs to one recipe; its length may change until it is done.

    Raises
    ------
    InputError
        If the folder was begun with another recipe: its scenes and words would be mixed.
    """
    path = out / "recipe.json"
    wanted = as_plain(recipe)
    if path.is_file():
        before = json.loads(path.read_text())
        free = {"checkpoint_every"} if done else {"checkpoint_every", "steps"}
        changed = [key for key in wanted if key not in free and before.get(key) != wanted[key]]
        if changed:
            raise InputError(
                f"{out} was begun with another recipe ({', '.join(changed)}): choose another --out"
            )
    with write_aside(path) as aside:
        aside.write_text(json.dumps(wanted, indent=2) + "\n")


def make_task(recipe: CaptionerRecipe, data: OpticalSet) -> tuple[CaptionerTask, Any]:
    """The untrained captioner with its lessons, and its processor."""
    torch.manual_seed(recipe.seed)
    sizes = CaptionerSizes(
        recipe.pixels,
        recipe.patch,
        recipe.width,
        recipe.vision_layers,
        recipe.text_layers,
        recipe.heads,
    )
    words = learn_words((text for texts in data.captions for text in texts), recipe.vocabulary)
    model = make_captioner(sizes, words)
    processor = make_processor(sizes, words)
    lessons = Lessons(recipe.width, recipe.map_weight, recipe.kind_weight)
    examples = OpticalExamples(data, processor, recipe.batch, recipe.captions)
    return CaptionerTask(model, processor, examples, lessons), processor


def settings_of(recipe: CaptionerRecipe) -> LoopSettings:
    """The loop of a recipe."""
    return LoopSettings(
        recipe.steps,
        recipe.learning_rate,
        warmup_steps=recipe.warmup_steps,
        cooldown=recipe.cooldown,
        weight_decay=recipe.weight_decay,
        ema=recipe.ema,
        seed=recipe.seed,
        checkpoint_every=recipe.checkpoint_every,
        precision=recipe.precision,
    )


def save_captioner(model: Any, processor: Any, folder: Path) -> Path:
    """Write a captioner in half precision, as stock ``transformers`` reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        model.half().save_pretrained(folder, safe_serialization=True)
        processor.save_pretrained(folder)
    model.float()
    words = processor.tokenizer.get_vocab()
    lines = "\n".join(sorted(words, key=lambda token: words[token]))
    (folder / "vocab.txt").write_text(lines + "\n", encoding="utf-8")
    return folder


class Lessons(nn.Module):
    """What is taught beside sentences: the cover of every cell, and the kinds of scene."""

    def __init__(self, width: int, map_weight: float, kind_weight: float) -> None:
        super().__init__()
        self.cover = nn.Linear(width, len(LABELS))
        self.kinds = nn.Linear(width, len(KINDS))
        self.map_weight, self.kind_weight = map_weight, kind_weight

    def forward(
        self, seen: torch.Tensor, extra: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Losses of both; ``seen`` is [n, 1 + cells, width], the first row sees everything."""
        said = torch.log_softmax(self.cover(seen[:, 1:]).float(), -1)
        side = round(said.shape[1] ** 0.5)
        wanted = extra["cover"].to(seen.device)
        if side != GRID:
            said = said.reshape(len(said), side, side, -1).permute(0, 3, 1, 2)
            said = functional.adaptive_avg_pool2d(said, GRID).flatten(2).transpose(1, 2)
        cover = -(wanted.flatten(1, 2) * said).sum(-1).mean()
        kinds = functional.binary_cross_entropy_with_logits(
            self.kinds(seen[:, 0]).float(), extra["kinds"].to(seen.device)
        )
        return {"cover": self.map_weight * cover, "kinds": self.kind_weight * len(KINDS) * kinds}


class OpticalExamples:
    """Batches of simulated photographs, turned over, shifted and tinted at random."""

    def __init__(self, data: OpticalSet, processor: Any, batch: int, captions: int) -> None:
        self.data, self.size, self.captions = data, batch, captions
        self.mean = np.array(processor.image_processor.image_mean, np.float32)
        self.deviation = np.array(processor.image_processor.image_std, np.float32)
        names = list(KINDS)
        self.kinds = np.zeros((len(data.kinds), len(names)), np.float32)
        for row, kind in zip(self.kinds, data.kinds, strict=True):
            row[[names.index(part) for part in kind.split("+")]] = 1

    def batch(self, draw: Draw) -> Batch:
        """Pictures, sentences, maps and kinds of a step."""
        rng = draw.numpy
        chosen = rng.integers(len(self.data.kinds), size=self.size)
        rows = [self._one(int(index), rng) for index in chosen][draw.share]
        pixels = np.stack([row[0] for row in rows])
        cover = np.stack([row[1] for row in rows]).astype(np.float32) / 255
        return Batch(
            torch.from_numpy(((pixels - self.mean) / self.deviation).transpose(0, 3, 1, 2).copy()),
            [text for row in rows for text in row[2]],
            {
                "cover": torch.from_numpy(cover),
                "kinds": torch.from_numpy(self.kinds[chosen[draw.share]]),
            },
        )

    def _one(
        self, index: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8], list[str]]:
        pixels = self.data.pixels[index].astype(np.float32) / 255
        cover = self.data.cover[index]
        rows, columns, turned = (bool(rng.integers(2)) for _ in range(3))
        texts = self.data.captions[index]
        if turned:
            # sentences cannot be turned by 90 degrees: those without a place stay true
            free = [text for text in texts if not set(PLACE_WORDS) & set(text.split())]
            texts = free or texts[:1]
            pixels, cover = pixels.transpose(1, 0, 2), cover.transpose(1, 0, 2)
        # long sentences say more, and short ones repeat
        lengths = np.array([len(text.split()) for text in texts], float)
        picks = rng.choice(len(texts), self.captions, p=lengths / lengths.sum())
        said = [mirrored_words(texts[int(pick)], rows, columns) for pick in picks]
        if rows:
            pixels, cover = pixels[::-1], cover[::-1]
        if columns:
            pixels, cover = pixels[:, ::-1], cover[:, ::-1]
        return _tinted(pixels, rng), cover, said


def _tinted(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Other light, contrast, haze and camera."""
    gain = np.float32(np.exp(rng.normal(0, 0.15)))
    colour = np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    shift = np.float32(rng.normal(0, 0.04))
    out = pixels * gain * colour + shift
    return np.clip(np.asarray(out, np.float32), 0, 1)
