"""Captions and splits that lie beside pictures, as people keep folders of single chips.

Read are, in the folder of a picture: ``captions.json``, an object of file name to a caption or a
list of them, and ``metadata.jsonl`` of imagefolder data sets, a line of JSON for each picture with
``file_name``, ``text`` or ``captions``, and perhaps ``split``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import FormatError
from .ledger import SPLITS

CAPTIONS, METADATA = "captions.json", "metadata.jsonl"
PREFIX = "A SAR image of "


@dataclass(frozen=True)
class Told:
    """What lies beside a picture about it."""

    captions: tuple[str, ...] = ()
    split: str | None = None

    def columns(self) -> dict[str, Any]:
        """Of a tile's row; nothing where nothing was told."""
        if not self.captions:
            return {}
        text = self.captions[0]
        whole = text if text.lower().startswith(PREFIX.lower()) else PREFIX + text
        return {
            "text": whole,
            "captions": list(self.captions),
            "caption_source": f"{CAPTIONS} or {METADATA} beside the picture",
        }


NOTHING = Told()


def told_of(path: Path) -> Told:
    """What is told of a picture in its folder.

    Raises
    ------
    FormatError
        If a file there is not what its name says, or names a split that there is not.
    """
    files = (path.parent / CAPTIONS, path.parent / METADATA)
    stamps = tuple(one.stat().st_mtime_ns if one.is_file() else 0 for one in files)
    return _folder(path.parent, stamps).get(path.name, NOTHING) if any(stamps) else NOTHING


@lru_cache(maxsize=8)
def _folder(folder: Path, stamps: tuple[int, ...]) -> dict[str, Told]:
    """All pictures of a folder of which something is told, as its files stand."""
    found = {name: Told(captions) for name, captions in _captions(folder / CAPTIONS)}
    for name, row in _lines(folder / METADATA):
        split = row.get("split")
        if split is not None and split not in SPLITS:
            raise FormatError(
                f"{folder / METADATA}: {name}: {split!r} is no split; write one of: "
                f"{', '.join(SPLITS)}"
            )
        captions = _several(row.get("captions") or row.get("text"), folder / METADATA, name)
        before = found.get(name, NOTHING)
        found[name] = Told(before.captions or captions, split)
    return found


def _captions(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    if not path.is_file():
        return
    try:
        table = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise FormatError(f"{path} is no JSON: {error}") from error
    if not isinstance(table, dict):
        raise FormatError(f'{path} must be an object such as {{"chip-1.png": "a T72 tank"}}')
    for name, value in table.items():
        yield name, _several(value, path, name)


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if not path.is_file():
        return
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            yield str(row["file_name"]), row
        except (ValueError, TypeError, KeyError) as error:
            raise FormatError(
                f"{path}: line {number} is no JSON object with a file_name"
            ) from error


def _several(value: Any, path: Path, name: str) -> tuple[str, ...]:
    """One caption or several, without empty ones."""
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise FormatError(f"{path}: {name}: a caption is a text, or a list of texts")
    return tuple(one.strip() for one in values if one.strip())
