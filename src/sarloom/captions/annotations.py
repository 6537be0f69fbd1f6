"""Read the annotation files of caption data sets: who says what about which image, in which split.

============ ===================================================== ==========================
form         what it looks like                                    data sets
============ ===================================================== ==========================
karpathy     ``{"images": [{"filename", "sentences": [{"raw"}],    RSICD, UCM-captions,
             "split"}]}``                                          Sydney-captions, RSITMD
coco         ``{"images": [{"id", "file_name"}], "annotations":    COCO and exports to it; no
             [{"image_id", "caption"}]}``                          splits
nwpu         ``{"airport": [{"filename", "raw", "raw_1", ...,      NWPU-Captions
             "split"}]}``
lines        ``train_caps.txt`` with the same number of lines for  sets cut for retrieval
             every line of ``train_filename.txt``
============ ===================================================== ==========================

A new form is two functions and one line in ``FORMS``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError, InputError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SAME_SPLIT = {"val": "validation", "dev": "validation", "valid": "validation"}
"""Other names of a split, and the one used here."""
LINES_CAPTIONS, LINES_NAMES = "_caps.txt", "_filename.txt"


@dataclass(frozen=True)
class Annotated:
    """One image and its captions, as the file has them but for blanks at the ends."""

    name: str
    """File name, as the annotation file spells it."""
    captions: tuple[str, ...]
    """Empty ones are kept: published scores count them."""
    split: str | None = None
    """'train', 'validation', 'test' or what else the file says; None where it states none."""
    category: str | None = None
    """Kind of scene, where the file states it."""
    identifier: str | None = None
    """The file's own number of the image."""


@dataclass(frozen=True)
class Annotations:
    """All images of one annotation file, in its order."""

    path: Path
    form: str
    images: tuple[Annotated, ...]

    @property
    def splits(self) -> dict[str, int]:
        """Number of images of every split that the file states."""
        return dict(Counter(one.split for one in self.images if one.split is not None))

    def of_split(self, split: str) -> tuple[Annotated, ...]:
        """Images of one split, by any of its names; of all for 'all'.

        Raises
        ------
        InputError
            If the file has no such split, or an image states none.
        """
        if split == "all":
            return self.images
        wanted = SAME_SPLIT.get(split, split)
        found = tuple(one for one in self.images if one.split == wanted)
        if not found:
            there = ", ".join(f"{name} ({number})" for name, number in self.splits.items())
            raise InputError(
                f"{self.path}: no image of split {split!r}; "
                + (f"there are: {there}" if there else "the file states no splits: --split all")
            )
        return found


def read_annotations(path: Path) -> Annotations:
    """Read an annotation file of any form in ``FORMS``.

    Raises
    ------
    InputError
        If the file is not there.
    FormatError
        If it is damaged, of no known form, has no image, or the same image twice.
    """
    if path.name.endswith(LINES_CAPTIONS):
        form, images = "lines", tuple(_read_lines(path))
    else:
        form, images = _read_json_form(path)
    if not images:
        raise FormatError(f"{path}: no image in this annotation file")
    often = Counter(one.name for one in images)
    twice = [name for name, number in often.items() if number > 1]
    if twice:
        raise FormatError(f"{path}: {len(twice)} images are listed twice; the first: {twice[0]}")
    return Annotations(path, form, images)


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises
    ------
    InputError
        If the file is not there or cannot be opened.
    FormatError
        If it is no JSON text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not a UTF-8 text file ({error.reason})") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON: {error}") from error


def _read_json_form(path: Path) -> tuple[str, tuple[Annotated, ...]]:
    data = read_json(path)
    for name, (recognise, read) in FORMS.items():
        if recognise(data):
            try:
                return name, tuple(read(data))
            except (KeyError, TypeError, AttributeError, ValueError) as error:
                what = f"no {error}" if isinstance(error, KeyError) else str(error)
                raise FormatError(f"{path}: an entry is not of the {name} form: {what}") from error
    raise FormatError(
        f"{path}: no known form of annotations ({', '.join(FORMS)}); docs/captions.md shows them"
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a caption or name is {value!r}, not text")
    return value.strip()


def _split(value: Any) -> str | None:
    if value is None or value == "":
        return None
    name = _text(value).lower()
    return SAME_SPLIT.get(name, name)


def _identifier(value: Any) -> str | None:
    return None if value is None else str(value)


def _first_has(entries: Any, *keys: str) -> bool:
    """Whether this is a list whose first entry has these keys."""
    if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
        return False
    return set(keys) <= set(entries[0])


def _is_karpathy(data: Any) -> bool:
    images = data.get("images") if isinstance(data, dict) else None
    return _first_has(images, "sentences")


def _read_karpathy(data: dict[str, Any]) -> Iterator[Annotated]:
    for one in data["images"]:
        yield Annotated(
            _text(one["filename"]),
            tuple(_text(sentence["raw"]) for sentence in one["sentences"]),
            _split(one.get("split")),
            _identifier(one.get("class") or one.get("category")),
            _identifier(one.get("cocoid", one.get("imgid"))),
        )


def _is_coco(data: Any) -> bool:
    if not isinstance(data, dict) or not isinstance(data.get("annotations"), list):
        return False
    return isinstance(data.get("images"), list)


def _read_coco(data: dict[str, Any]) -> Iterator[Annotated]:
    captions: dict[Any, list[str]] = {one["id"]: [] for one in data["images"]}
    if len(captions) < len(data["images"]):
        raise ValueError("two images have the same id")
    for one in data["annotations"]:
        if one["image_id"] not in captions:
            raise ValueError(f"a caption names image_id {one['image_id']!r}, which is not listed")
        captions[one["image_id"]].append(_text(one["caption"]))
    for one in data["images"]:
        name = _text(one["file_name"])
        said = tuple(captions[one["id"]])
        yield Annotated(name, said, _split(one.get("split")), None, str(one["id"]))


def _is_nwpu(data: Any) -> bool:
    if not isinstance(data, dict) or not data:
        return False
    return _first_has(next(iter(data.values())), "filename", "raw")


def _read_nwpu(data: dict[str, Any]) -> Iterator[Annotated]:
    for category, entries in data.items():
        for one in entries:
            keys = [key for key in one if key == "raw" or key.startswith("raw_")]
            said = tuple(_text(one[key]) for key in keys)
            split, number = _split(one.get("split")), _identifier(one.get("imgid"))
            yield Annotated(_text(one["filename"]), said, split, category, number)


Recognise = Callable[[Any], bool]
Read = Callable[[Any], Iterable[Annotated]]

FORMS: dict[str, tuple[Recognise, Read]] = {
    "karpathy": (_is_karpathy, _read_karpathy),
    "coco": (_is_coco, _read_coco),
    "nwpu": (_is_nwpu, _read_nwpu),
}
"""Forms of JSON, by name; the first that recognises a file reads it."""


def _read_lines(path: Path) -> Iterator[Annotated]:
    """Captions and names in two text files; the split is what stands before ``_caps``."""
    beside = path.with_name(path.name.removesuffix(LINES_CAPTIONS) + LINES_NAMES)
    captions, names = _lines_of(path), _lines_of(beside)
    each, rest = divmod(len(captions), len(names)) if names else (0, 1)
    if rest or not each:
        raise FormatError(
            f"{path}: {len(captions)} captions are no whole multiple of the {len(names)} names in "
            f"{beside.name}"
        )
    split = _split(path.name.removesuffix(LINES_CAPTIONS))
    for number, name in enumerate(names):
        said = tuple(captions[number * each : (number + 1) * each])
        yield Annotated(name, said, split, None, str(number))


def _lines_of(path: Path) -> list[str]:
    """Lines, parted at line feeds only: a caption may hold other breaks."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not a UTF-8 text file ({error.reason})") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return [line.strip() for line in text.removesuffix("\n").split("\n")]
