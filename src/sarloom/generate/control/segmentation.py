"""A segmentation map: class numbers or colours, with a legend, in the colours of the control.

A legend file names each class: JSON ``{"water": [0, 0, 255], "building": "#ff0000", "road": 7}``,
or lines ``water,0,0,255`` / ``building,#ff0000`` / ``road,7`` of a CSV file. One number is a pixel
value of an indexed map, three are a colour.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError
from ..init_image import TIFF_SUFFIXES
from .frame import Frame, Place, onto
from .picture import PrepareSettings, read_colours

FloatArray = NDArray[np.float32]
Entry = int | tuple[int, int, int]
LARGEST_DISTANCE = 40.0
"""Colours farther than this from every class [of 255] belong to none."""
MOST_STRANGE = 0.02
"""Share of such pixels (soft edges) that takes the nearest class all the same."""


def prepare(path: Path, place: Place, frame: Frame, settings: PrepareSettings) -> FloatArray:
    """Colours [3, height, width] in [0, 1], one per class.

    Raises
    ------
    InputError
        If classes of the map are not in its legend, or unknown to the control.
    """
    names = list(settings.wanted)
    legend = _legend(settings)
    numbers = _numbers(path)
    by_number = {key: names.index(name) for name, key in legend.items() if isinstance(key, int)}
    if settings.legend is None:
        by_number = dict(enumerate(range(len(names))))
    if numbers is not None and by_number:
        classes = _known(numbers, by_number, path)
    else:
        by_colour = {
            names.index(name): key for name, key in legend.items() if isinstance(key, tuple)
        }
        classes = nearest(read_colours(path), by_colour, path)
    table = np.array([settings.wanted[name] for name in names], np.float32) / np.float32(255)
    chosen = onto(classes[None].astype(np.float32), place, frame, path, nearest=True)[0]
    coloured = table[chosen.astype(np.int64)]
    return np.ascontiguousarray(coloured.transpose(2, 0, 1))


def _legend(settings: PrepareSettings) -> dict[str, Entry]:
    """Names of a map's classes -> number or colour; without a file those of the control."""
    if settings.legend is None:
        return {name: _colour(colour) for name, colour in settings.wanted.items()}
    legend = read_legend(settings.legend)
    unknown = sorted(set(legend) - set(settings.wanted))
    if unknown:
        raise InputError(
            f"--legend {settings.legend}: the control knows no {unknown[0]!r}; it knows: "
            + ", ".join(settings.wanted)
        )
    return legend


def read_legend(path: Path) -> dict[str, Entry]:
    """A legend file.

    Raises
    ------
    InputError
        If it is missing.
    FormatError
        If it is no legend.
    """
    if not path.is_file():
        raise InputError(f"--legend {path}: there is no such file")
    text = path.read_text("utf-8", errors="replace")
    try:
        if path.suffix.lower() == ".json":
            found = {str(name): _entry(value) for name, value in json.loads(text).items()}
        else:
            rows = [[cell.strip() for cell in row] for row in csv.reader(text.splitlines())]
            kept = [row for row in rows if row and row[0] and not row[0].startswith("#")]
            found = {row[0]: _entry(row[1] if len(row) == 2 else row[1:]) for row in kept}
    except (ValueError, AttributeError, TypeError, IndexError) as error:
        raise FormatError(
            f"--legend {path} is no legend ({error}): write lines such as water,0,0,255 or road,7"
        ) from error
    if not found:
        raise FormatError(f"--legend {path} names no class")
    return found


def _entry(value: Any) -> Entry:
    if isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        return _colour([int(value[k : k + 2], 16) for k in (1, 3, 5)])
    if isinstance(value, (list, tuple)):
        return _colour([int(part) for part in value])
    return int(value)


def _colour(values: Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in values)
    if not all(0 <= value <= 255 for value in (red, green, blue)):
        raise ValueError(f"colour {list(values)}")
    return red, green, blue


def _numbers(path: Path) -> NDArray[np.int64] | None:
    """Pixel values of an indexed map; None for a map of colours."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        import rasterio

        with rasterio.open(path, driver="GTiff") as raster:
            if raster.count >= 3 or raster.dtypes[0] not in ("uint8", "uint16", "int16", "int32"):
                return None
            return np.asarray(raster.read(1), np.int64)
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture, np.int64) if picture.mode in ("P", "L", "I;16", "I") else None


def _known(
    numbers: NDArray[np.int64], by_number: Mapping[int, int], path: Path
) -> NDArray[np.int64]:
    """Pixel values to places in the control's list of classes."""
    present, where = np.unique(numbers, return_inverse=True)
    strange = [int(value) for value in present if int(value) not in by_number]
    if strange:
        raise InputError(
            f"--control {path}: pixel value {strange[0]} is no class: name it in a --legend file, "
            f"as water,{strange[0]}"
        )
    table = np.array([by_number[int(value)] for value in present], np.int64)
    return np.asarray(table[where].reshape(numbers.shape), np.int64)


def nearest(
    colours: FloatArray, by_place: Mapping[int, tuple[int, int, int]], path: Path
) -> NDArray[np.int64]:
    """Colours to the place of the class whose colour is nearest."""
    if not by_place:
        raise InputError(f"--control {path} is coloured, and its --legend names no colour")
    places = np.array(list(by_place), np.int64)
    pixels = np.round(np.nan_to_num(colours) * 255).astype(np.int64)
    packed = (pixels[0] << 16) | (pixels[1] << 8) | pixels[2]
    present, where, count = np.unique(packed, return_inverse=True, return_counts=True)
    parts = np.stack([present >> 16, (present >> 8) & 255, present & 255], 1).astype(np.float32)
    wanted = np.array(list(by_place.values()), np.float32)
    distance = np.sqrt(((parts[:, None] - wanted[None]) ** 2).sum(2))
    far = distance.min(1) > LARGEST_DISTANCE
    if count[far].sum() > MOST_STRANGE * packed.size:
        worst = parts[far][np.argmax(count[far])].astype(int)
        raise InputError(
            f"--control {path}: colour {worst[0]},{worst[1]},{worst[2]} is no class: name it in a "
            f"--legend file, as water,{worst[0]},{worst[1]},{worst[2]}"
        )
    return np.asarray(places[distance.argmin(1)][where].reshape(packed.shape), np.int64)
