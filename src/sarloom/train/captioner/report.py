"""The report of a trained captioner: a table in the form of the paper, and what it rests on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...captions.annotations import TEST, VALIDATION
from ...captions.captioners.base import Captioner
from ...captions.metrics import Programs
from ...captions.metrics.meteor import kept_program
from ...captions.score import Report as Score
from ...captions.score import score_files
from ...files import write_aside
from ..loop import Report
from .sets import CaptionedImages
from .watch import caption_all

COLUMNS = ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr", "METEOR", "ROUGE-L")
"""In the order of the paper's Table 1."""
PUBLISHED: dict[str, tuple[float, ...]] = {
    "paper, BLIP fine-tuned, RSICD test": (.8029, .6941, .6061, .5336, 2.7239, .4208, .7178),
    "paper, best rival, RSICD test": (.7905, .6782, .5742, .5030, 2.6309, .4640, .7246),
}  # fmt: skip
"""Table 1 of the text-to-SAR paper (Stable Diffusion 1.5, SETHI)."""


@dataclass(frozen=True)
class Results:
    """Where a run's captioner lies and what it scored."""

    model: Path
    text: str
    """The report, Markdown."""


def score_captioner(
    captioner: Captioner,
    sets: Sequence[CaptionedImages],
    out: Path,
    programs: Programs,
    report: Report,
) -> Results:
    """Caption the test and validation splits, score them, write ``report.md`` and ``report.json``.

    Captions lie in ``out/captions/FINGERPRINT``; those that are there are not made again.
    """
    folder = out / "captions" / captioner.fingerprint
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(one, split) for split in (TEST, VALIDATION) for one in sets if one.of_split(split)]
    for one, split in wanted:
        _captions_of(captioner, one, split, folder, report)
    scores: list[tuple[str, str, Score]] = []
    with kept_program():
        for number, (one, split) in enumerate(wanted):
            report(f"scoring {one.name}, {split} split ({number + 1} of {len(wanted)})")
            path = folder / f"{one.name}-{split}.json"
            score = score_files(one.annotations.path, path, split, True, programs)
            scores.append((one.name, split, score))
    text = as_text(captioner, scores)
    with write_aside(out / "report.md") as aside:
        aside.write_text(text, encoding="utf-8")
    plain: dict[str, Any] = {
        "captioner": {"name": captioner.name, "fingerprint": captioner.fingerprint},
        "scores": [
            {"set": name, "split": split, **score.as_plain()} for name, split, score in scores
        ],
        "published": {
            name: dict(zip(COLUMNS, row, strict=True)) for name, row in PUBLISHED.items()
        },
    }
    with write_aside(out / "report.json") as aside:
        aside.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")
    return Results(out / "best", text)


def _captions_of(
    captioner: Captioner, one: CaptionedImages, split: str, folder: Path, report: Report
) -> None:
    """Caption a split into ``folder``, unless it is there."""
    path = folder / f"{one.name}-{split}.json"
    if path.is_file():
        return
    images = one.of_split(split)
    said = caption_all(captioner, one, images, report)
    rows = [
        {"filename": image.name, "caption": text} for image, text in zip(images, said, strict=True)
    ]
    with write_aside(path) as aside:
        aside.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def as_text(captioner: Captioner, scores: Sequence[tuple[str, str, Score]]) -> str:
    """The report in Markdown: test splits first, then validation splits."""
    lines = [f"# Captions of {captioner.name}", "", f"Weights: {captioner.fingerprint}."]
    for name, split, score in scores:
        facts = score.facts
        lines += [
            "",
            f"## {name}, {split} split",
            "",
            f"{facts.images} images, {facts.references} references ({facts.each} per image); "
            f"{facts.alike} images with all references alike. Words: {facts.tokenizer}.",
            "",
            "| captions of | " + " | ".join(COLUMNS) + " |",
            "|---|" + "---|" * len(COLUMNS),
        ]
        titles = ["this captioner", *(one.name for one in score.scored[1:])]
        for title, one in zip(titles, score.scored, strict=True):
            lines.append(_row(title, [one.figures.get(column) for column in COLUMNS]))
        if split == TEST:
            lines += [_row(title, row) for title, row in PUBLISHED.items()]
        reasons = {reason for one in score.scored for reason in one.missing.values()}
        lines += ["", *(f"METEOR was not computed: {reason}" for reason in sorted(reasons))]
    lines += ["", NOTE, ""]
    return "\n".join(lines)


NOTE = (
    "Figures of different splits or sets cannot be compared. The two constant captioners never "
    "look at an image: what they reach is how much the split gives away."
)


def _row(title: str, figures: Sequence[float | None]) -> str:
    cells = ["–" if one is None else f"{one:.4f}" for one in figures]
    return f"| {title} | " + " | ".join(cells) + " |"
