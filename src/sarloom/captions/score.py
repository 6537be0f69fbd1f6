"""Score captions: seven figures, and beside them everything that decides what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError
from .annotations import Annotated, Annotations, read_annotations
from .hypotheses import Hypotheses, baselines, read_hypotheses
from .metrics import METRICS, Corpus, NotComputed, Programs
from .metrics.meteor import kept_program
from .tokenize import NAME, tokenize_lines

FIGURES = tuple(name for metric in METRICS for name in metric.figures)


@dataclass(frozen=True)
class Facts:
    """What the figures were counted on."""

    references_file: str
    split: str
    images: int
    references: int
    fewest: int
    most: int
    alike: int
    """Images with several references, all of the same words."""
    repeated: int
    """References with the words of an earlier one of the same image."""
    empty: int
    tokenizer: str = NAME

    @property
    def each(self) -> str:
        """References per image in words."""
        return str(self.most) if self.fewest == self.most else f"{self.fewest} to {self.most}"


@dataclass(frozen=True)
class Scored:
    """The figures of one set of hypotheses."""

    name: str
    figures: dict[str, float]
    missing: dict[str, str]
    """Figures that could not be computed, and why."""
    remark: str
    empty: int
    """Hypotheses without a word."""


@dataclass(frozen=True)
class Report:
    """Figures of every set of hypotheses, and the facts they share."""

    facts: Facts
    scored: tuple[Scored, ...]

    def as_plain(self) -> dict[str, Any]:
        """Values ready for JSON."""
        facts = self.facts
        return {
            "references_file": facts.references_file,
            "split": facts.split,
            "images": facts.images,
            "references": facts.references,
            "references_per_image": {"fewest": facts.fewest, "most": facts.most},
            "duplicates": {
                "images_with_all_references_alike": facts.alike,
                "repeated_references": facts.repeated,
                "removed": False,
            },
            "empty_references": facts.empty,
            "tokenizer": facts.tokenizer,
            "scored": [
                {
                    "name": one.name,
                    "scores": {name: one.figures.get(name) for name in FIGURES},
                    "not_computed": one.missing,
                    "empty_hypotheses": one.empty,
                    "remark": one.remark,
                }
                for one in self.scored
            ],
        }


def score_files(
    references: Path,
    hypotheses: Path | None,
    split: str = "",
    with_baselines: bool = False,
    programs: Programs | None = None,
) -> Report:
    """Score a file of captions against an annotation file.

    Parameters
    ----------
    references : Path
        Annotation file of any form that `read_annotations` knows.
    hypotheses : Path, optional
        Captions to score, see `read_hypotheses`; None for baselines alone.
    split : str
        Empty for the test split, or for all images where the file states no splits.
    with_baselines : bool
        Score `baselines` too.
    programs : Programs, optional
        Where to find programs that are not part of Python.

    Raises
    ------
    InputError, FormatError
        If a file is not there or damaged, or images and captions do not fit together.
    """
    annotations = read_annotations(references)
    split = split or ("test" if annotations.splits else "all")
    images = annotations.of_split(split)
    _check_references(annotations, images)
    sets: list[Hypotheses] = []
    if hypotheses is not None:
        sets.append(read_hypotheses(hypotheses, annotations, images))
    if with_baselines:
        sets += baselines(annotations, images, split)
    said = tokenize_references([one.captions for one in images])
    with kept_program():
        scored = tuple(_score(one, said, programs or Programs()) for one in sets)
    return Report(_facts(references, split, said), scored)


def _check_references(annotations: Annotations, images: Sequence[Annotated]) -> None:
    silent = [one.name for one in images if not one.captions]
    if silent:
        raise FormatError(
            f"{annotations.path}: {len(silent)} of {len(images)} images have no caption to score "
            f"against; the first: {silent[0]}"
        )


def tokenize_references(captions: Sequence[Sequence[str]]) -> list[list[list[str]]]:
    """Words of every caption of every image, read as one text as the Java tool chain does."""
    words = iter(tokenize_lines([caption for several in captions for caption in several]))
    return [[next(words) for _ in several] for several in captions]


def _score(hypotheses: Hypotheses, references: list[list[list[str]]], programs: Programs) -> Scored:
    said = tokenize_lines(hypotheses.captions)
    corpus = Corpus.of(said, references)
    figures: dict[str, float] = {}
    missing: dict[str, str] = {}
    for metric in METRICS:
        try:
            found = metric.measure(corpus, programs)
        except NotComputed as reason:
            missing.update(dict.fromkeys(metric.figures, str(reason)))
        else:
            figures.update(zip(metric.figures, found, strict=True))
    empty = sum(not words for words in said)
    return Scored(hypotheses.name, figures, missing, hypotheses.remark, empty)


def _facts(path: Path, split: str, references: list[list[list[str]]]) -> Facts:
    numbers = [len(several) for several in references]
    distinct = [len({tuple(words) for words in several}) for several in references]
    return Facts(
        references_file=path.name,
        split=split,
        images=len(references),
        references=sum(numbers),
        fewest=min(numbers),
        most=max(numbers),
        alike=sum(one == 1 < number for one, number in zip(distinct, numbers, strict=True)),
        repeated=sum(numbers) - sum(distinct),
        empty=sum(not words for several in references for words in several),
    )


def describe(report: Report) -> list[str]:
    """Lines for a person: a column of figures per set of hypotheses, then what they rest on."""
    titles = [one.name for one in report.scored]
    widths = [max(len(title), len("not computed")) for title in titles]
    lines = ["  ".join(["".ljust(10), *(f"{t:>{w}}" for t, w in zip(titles, widths, strict=True))])]
    for name in FIGURES:
        cells = [
            f"{one.figures[name]:.4f}" if name in one.figures else "not computed"
            for one in report.scored
        ]
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        lines.append("  ".join([name.ljust(10), *padded]))
    facts = report.facts
    rows = {
        "split": f"{facts.split} of {facts.references_file}",
        "images": str(facts.images),
        "references": f"{facts.references}, {facts.each} per image",
        "duplicates": f"kept: {facts.alike} images with all references alike, {facts.repeated} "
        "references repeat another of their image",
        "tokenizer": facts.tokenizer,
    }
    if facts.empty:
        rows["empty"] = f"{facts.empty} references without a word, counted as they are"
    for one in report.scored:
        if one.empty:
            rows[f"empty in {one.name}"] = f"{one.empty} captions without a word"
        if one.remark:
            rows[one.name] = one.remark
        for name, reason in one.missing.items():
            rows[f"{name} not computed"] = reason
    lines.append("")
    return lines + [f"{name + ':':<12} {text}" for name, text in rows.items()]
