"""What stands where, as the files beside an image say it: a class map, a class, a folder's name."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..errors import FormatError
from .image import MOST_PIXELS, ClassMap

BESIDE = "-segmentation.png"
"""Ending of a class map beside its image."""
_MAPS = ("segmentation", "segmentation_file_name")
_CLASSES = ("kind", "label", "class")
"""Columns of ``metadata.jsonl``."""


def map_beside(image: Path, about: Mapping[str, Any]) -> Path | None:
    """The class map that a line of ``metadata.jsonl`` names, or that lies beside the image."""
    named = [about[key] for key in _MAPS if isinstance(about.get(key), str)]
    found = [image.parent / name for name in named]
    found.append(image.with_name(image.stem + BESIDE))
    return next((path for path in found if path.is_file()), None)


def is_map(image: Path, stems: set[str]) -> bool:
    """Whether a file is the class map of another of the folder, by the stems of all of them."""
    return image.name.endswith(BESIDE) and image.name.removesuffix(BESIDE) in stems


def labels_beside(image: Path) -> tuple[str, ...]:
    """Class names in the record beside an image of `sarloom simulate`, if there is one."""
    try:
        record = json.loads(image.with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError):
        return ()
    labels = record.get("labels") if isinstance(record, dict) else None
    return tuple(map(str, labels)) if isinstance(labels, list) else ()


def classes_of_file(
    image: Path, path: Path | None, about: Mapping[str, Any], name: str, shape: tuple[int, ...]
) -> ClassMap | None:
    """Classes of an image by its map; else by its own class, or its folder within the set.

    Raises
    ------
    FormatError
        If the map cannot be read.
    """
    if path is not None:
        return read_map(path.read_bytes(), labels_beside(image), str(path))
    said = next((about[key] for key in _CLASSES if isinstance(about.get(key), str)), None)
    parts = PurePath(name).parts
    label = said or (parts[0] if len(parts) > 1 else None)
    return ClassMap.whole(label, shape) if label else None


def read_map(data: bytes, labels: Sequence[str], what: str) -> ClassMap:
    """A picture of one byte per pixel; a class without a name is called by its number.

    Raises
    ------
    FormatError
        If it is none, or claims more pixels than any image may have.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise FormatError(f"{what} claims {picture.width} x {picture.height} pixels: "
                                  "take it out")  # fmt: skip
            codes = np.asarray(picture) if picture.mode in ("L", "P") else None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"{what} is no whole class map ({error}): take it out") from error
    if codes is None:
        raise FormatError(f"{what} is no class map: it needs one byte per pixel, a PNG of grey or "
                          "of a palette")  # fmt: skip
    named = {int(code): f"class {code}" for code in np.unique(codes)}
    names = {code: labels[code] if code < len(labels) else text for code, text in named.items()}
    return ClassMap(np.asarray(codes, np.uint8), names)
