"""Rewrite an annotation file: the same images and splits, radar captions, the originals kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...files import write_aside
from ..annotations import Annotated, Annotations, read_annotations
from ..tokenize import tokenize
from .activation import Activation
from .report import RewriteReport
from .several import rewrite_captions

Progress = Callable[[int, int, str], None]


def rewrite_file(
    source: Path,
    out: Path,
    activation: Activation,
    progress: Progress = lambda done, total, doing: None,
) -> RewriteReport:
    """Read an annotation file of any form and write Karpathy JSON with radar captions.

    ``raw`` is the new caption behind its activation phrase, ``original`` the old one. An image of
    whose captions nothing is left keeps the activation phrase alone.

    Raises
    ------
    InputError
        If the source cannot be read.
    FormatError
        If it is damaged or of no known form.
    """
    annotations = read_annotations(source)
    report = RewriteReport()
    images = []
    for number, one in enumerate(annotations.images):
        images.append(_image(one, number, activation, report))
        progress(number + 1, len(annotations.images), "")
    number = 0
    for image in images:
        for sentence in image["sentences"]:
            sentence["sentid"] = number
            image["sentids"].append(number)
            number += 1
    with write_aside(out) as aside:
        aside.write_text(json.dumps(_whole(annotations, images, report), indent=None), "utf-8")
    return report


def _image(
    one: Annotated, number: int, activation: Activation, report: RewriteReport
) -> dict[str, Any]:
    made = rewrite_captions(one.captions, report)
    pairs = [(activation.of(text), one.captions[place]) for place, text in made]
    if not pairs and one.captions:
        pairs = [(activation.before(""), one.captions[0])]
    return {
        "filename": one.name,
        "imgid": number,
        "split": {"validation": "val"}.get(one.split or "", one.split or "train"),
        "sentids": [],
        "sentences": [
            {"tokens": tokenize(text), "raw": text, "imgid": number, "original": original}
            for text, original in pairs
        ],
    }


def _whole(
    annotations: Annotations, images: list[dict[str, Any]], report: RewriteReport
) -> dict[str, Any]:
    return {
        "images": images,
        "dataset": f"{annotations.path.stem}, rewritten for radar",
        "rewritten": {name: value for name, value in report.as_plain().items()
                      if name != "examples"},
    }  # fmt: skip
