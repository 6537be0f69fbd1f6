"""Look at the official validation split while a captioner learns; keep the best, stop in time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ...captions.annotations import VALIDATION, Annotated
from ...captions.captioners.base import BeamCaptioner, pixels_of
from ...captions.metrics import Corpus, Programs
from ...captions.metrics.cider import cider
from ...captions.score import tokenize_references
from ...captions.tokenize import tokenize_lines
from ..loop import Report
from .sets import CaptionedImages
from .task import Batch, CaptionerTask

AT_ONCE = 16
Save = Callable[[Path], None]


class Enough(Exception):
    """Training went on for long enough without a better figure."""


@dataclass(frozen=True)
class Rule:
    """What decides."""

    on: str = "cider"
    """'cider', where more is better, or 'loss', where less is."""
    patience: int = 3
    images: int = 0
    """Of every set; 0 for all."""

    def better(self, one: float, other: float) -> bool:
        """Whether ``one`` is the better figure."""
        return one > other if self.on == "cider" else one < other


class Watcher:
    """Measures the validation split; the figures and the best weights are files of the run."""

    def __init__(
        self,
        task: CaptionerTask,
        captioner: BeamCaptioner,
        sets: Sequence[CaptionedImages],
        rule: Rule,
        out: Path,
        save: Save,
        report: Report,
    ) -> None:
        self.task, self.captioner, self.rule = task, captioner, rule
        self.curve, self.best = out / "validation.jsonl", out / "best"
        self.save, self.report = save, report
        self.sets = [
            (one, _evenly(images, rule.images))
            for one in sets
            if (images := one.of_split(VALIDATION))
        ]

    def rows(self) -> list[dict[str, float]]:
        """Figures so far, one row for every step; a step that was taken twice counts once."""
        if not self.curve.is_file():
            return []
        read = [json.loads(line) for line in self.curve.read_text().splitlines() if line.strip()]
        return [row for _, row in sorted({row["step"]: row for row in read}.items())]

    def finished(self) -> bool:
        """Whether the last validations brought nothing."""
        rows = self.rows()
        return bool(self.rule.patience and self._since_best(rows) >= self.rule.patience)

    def _since_best(self, rows: list[dict[str, float]]) -> int:
        best = 0
        for number, row in enumerate(rows):
            if self.rule.better(row[self.rule.on], rows[best][self.rule.on]):
                best = number
        return len(rows) - 1 - best if rows else 0

    def __call__(self, step: int) -> dict[str, float]:
        """Measure, write down, keep the weights if they are the best.

        Raises
        ------
        Enough
            If there was no better figure for ``patience`` times.
        """
        training = self.task.module.training
        self.task.module.eval()
        figures = {"step": step, **self.measure()}
        self.task.module.train(training)
        before = [row for row in self.rows() if row["step"] < step]
        since = self._since_best([*before, figures])
        if not since:
            self._keep()
        with self.curve.open("a") as file:
            file.write(json.dumps(figures) + "\n")
        shown = "  ".join(
            f"{name} {value:.4f}" for name, value in figures.items() if name != "step"
        )
        note = "the best so far" if not since else f"no better for {since} of {self.rule.patience}"
        self.report(f"validation at step {step}: {shown}: {note}")
        if self.rule.patience and since >= self.rule.patience:
            raise Enough
        return figures

    def measure(self) -> dict[str, float]:
        """The figure that decides, a mean over images; CIDEr within each set."""
        total = count = 0.0
        for one, images in self.sets:
            said = self.cider(one, images) if self.rule.on == "cider" else self.loss(one, images)
            total, count = total + said * len(images), count + len(images)
        return {self.rule.on: total / count}

    def cider(self, one: CaptionedImages, images: Sequence[Annotated]) -> float:
        """CIDEr of beam search on images of a set."""
        said = caption_all(self.captioner, one, images, lambda text: None)
        references = tokenize_references([image.captions for image in images])
        return cider(Corpus.of(tokenize_lines(said), references), Programs())[0]

    def loss(self, one: CaptionedImages, images: Sequence[Annotated]) -> float:
        """Mean error of the next token over the first caption of every image."""
        total = 0.0
        for image in images:
            pixels = pixels_of(self.task.processor, [one.open(image)])
            said = next((caption for caption in image.captions if caption), "")
            with torch.inference_mode():
                given = self.task.inputs(Batch(pixels, [said], {}))
                total += float(self.task.module(given, {})["words"])
        return total / len(images)

    def _keep(self) -> None:
        aside = self.best.with_suffix(".new")
        shutil.rmtree(aside, ignore_errors=True)
        self.save(aside)
        shutil.rmtree(self.best, ignore_errors=True)
        aside.rename(self.best)


def caption_all(
    captioner: Any, one: CaptionedImages, images: Sequence[Annotated], report: Report
) -> list[str]:
    """One caption of every image."""
    said: list[str] = []
    for start in range(0, len(images), AT_ONCE):
        part = [one.open(image) for image in images[start : start + AT_ONCE]]
        said += [several[0] for several in captioner.describe(part)]
        report(f"{one.name}: {len(said)} of {len(images)} images")
    return said


def _evenly(images: Sequence[Annotated], number: int) -> tuple[Annotated, ...]:
    """At most so many, evenly through the file: its neighbours are of one kind."""
    if not number or number >= len(images):
        return tuple(images)
    return tuple(images[place * len(images) // number] for place in range(number))
