"""Captions to be scored: read from a file, or made by captioners that never look at an image."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError, InputError
from .annotations import TRAIN, Annotated, Annotations, read_json

_KIND = re.compile(r"([^\W\d_]+)_?\d+\.\w+$")


@dataclass(frozen=True)
class Hypotheses:
    """One caption for every image that is scored, in their order."""

    name: str
    captions: tuple[str, ...]
    remark: str = ""


def read_hypotheses(
    path: Path, annotations: Annotations, images: Sequence[Annotated]
) -> Hypotheses:
    """Read captions from a JSON list of ``{"filename" or "image_id": ..., "caption": ...}``.

    Captions of images that the annotation file has in another split are left out and counted.

    Raises
    ------
    InputError
        If the file is not there, an image has no caption, or a caption's image is not annotated.
    FormatError
        If the file is no such list, or has two captions for an image.
    """
    data = read_json(path)
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        raise FormatError(f'{path}: not a list of {{"filename": ..., "caption": ...}}')
    keys = {one.identifier: one.name for one in annotations.images if one.identifier is not None}
    given: dict[str, str] = {}
    known = {one.name for one in annotations.images}
    for number, entry in enumerate(data):
        name = _named(entry, keys, f"{path}: entry {number}")
        caption = entry.get("caption")
        if not isinstance(caption, str):
            raise FormatError(f'{path}: entry {number} ({name}) has no text under "caption"')
        if name in given:
            raise FormatError(f"{path}: two captions for {name}; give one for every image")
        given[name] = caption
    strange = [name for name in given if name not in known]
    if strange:
        raise InputError(
            f"{path}: {len(strange)} of {len(given)} captions are of images that "
            f"{annotations.path} does not have; the first: {strange[0]}"
        )
    missing = [one.name for one in images if one.name not in given]
    if missing:
        raise InputError(
            f"{path}: no caption for {len(missing)} of {len(images)} images; the first: "
            f"{missing[0]}"
        )
    others = len(given) - len(images)
    remark = f"{others} captions are of other splits and left out" if others else ""
    return Hypotheses(path.name, tuple(given[one.name] for one in images), remark)


def _named(entry: dict[str, Any], names: dict[str, str], where: str) -> str:
    """The image that an entry is about, by file name or by number."""
    name = entry.get("filename", entry.get("file_name"))
    if isinstance(name, str):
        return name.strip()
    number = entry.get("image_id")
    if number is None or isinstance(number, dict | list):
        raise FormatError(f'{where} has neither "filename" nor "image_id"')
    return names.get(str(number), f"image_id {number}")


def baselines(
    annotations: Annotations, images: Sequence[Annotated], split: str
) -> tuple[Hypotheses, Hypotheses]:
    """The commonest training caption for every image, and the commonest one of the image's kind.

    The kind is what the file states, else what the file name begins with (``airport_17.jpg``).
    Where neither is known, the commonest caption of all stands in.

    Raises
    ------
    InputError
        If there is no training split to learn from, or it is the one that is scored.
    """
    learned = [one for one in annotations.images if one.split == TRAIN]
    if not learned or split in (TRAIN, "all"):
        raise InputError(
            f"{annotations.path}: --baselines learns from the training split and scores on another "
            f"one; the file has {len(learned)} training images and {split!r} is scored"
        )
    common = _commonest(caption for one in learned for caption in one.captions)
    by_kind: dict[str, list[str]] = {}
    for one in learned:
        by_kind.setdefault(kind_of(one), []).extend(one.captions)
    of_kind = {kind: _commonest(said) for kind, said in by_kind.items() if kind}
    kinds = [kind_of(one) for one in images]
    unknown = sum(kind not in of_kind for kind in kinds)
    return (
        Hypotheses("one constant caption", (common,) * len(images), common),
        Hypotheses(
            "commonest caption of the kind",
            tuple(of_kind.get(kind, common) for kind in kinds),
            f"{len(set(kinds) & set(of_kind))} kinds; the kind of {unknown} images is not known",
        ),
    )


def kind_of(image: Annotated) -> str:
    """Kind of scene of an image; empty where neither the file nor the name tells it."""
    if image.category:
        return image.category
    found = _KIND.match(image.name.replace("\\", "/").rpartition("/")[2])
    return found[1].lower() if found else ""


def _commonest(captions: Any) -> str:
    """The commonest caption that is not empty, the first of equally common ones."""
    counted = Counter(caption for caption in captions if caption)
    return counted.most_common(1)[0][0] if counted else ""
