"""The layouts of `tiles export`: what files become of a tile."""

from __future__ import annotations

import io
import json
import re
import tarfile
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..options.tiles import ExportTilesOptions
from ..sar.tone import dequantize, quantize
from .png import picture_png
from .schema import IMAGES, Row
from .store import TileSet, row_amplitude, row_picture

if TYPE_CHECKING:
    from .export import Journal

Layout = Callable[[TileSet, "Journal", ExportTilesOptions], Iterator[bool]]
"""Yields for every tile whether it had to be written."""

SIDE_PICTURES = tuple(name for name in IMAGES if name != "image")
PLAIN_CAPTION = "A SAR image"
"""Where a tile has no caption yet."""
TILES_PER_TAR = 1000


def file_stem(row: Row) -> str:
    """The tile's id as a file name; without dots, at which WebDataset cuts names."""
    stem = re.sub(r"[^\w-]", "_", row["id"])
    # an id that is no file name gets a hash, so that two of them never meet in one
    return stem if stem == row["id"].replace(".", "_") else f"{stem}-{row['sha256'][:8]}"


def radar_png(row: Row, bits: int) -> bytes:
    """The radar picture as a compressed PNG of 8 or 16 bits."""
    pixels = row_picture(row, "image")
    assert pixels is not None
    if bits == 8:
        return picture_png(np.asarray(quantize(dequantize(pixels)), np.uint8))
    held = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint16)).save(held, "PNG")
    return held.getvalue()


def record(row: Row) -> dict[str, Any]:
    """Everything known of a tile but its pictures and caption, JSON types."""
    left_out = {*IMAGES, "text"}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in left_out and value is not None
    }


def imagefolder(tiles: TileSet, journal: Journal, options: ExportTilesOptions) -> Iterator[bool]:
    """``SPLIT/ID.png`` and ``SPLIT/metadata.jsonl`` (`file_name`, `text`, and all that is known).

    Other pictures lie in ``SPLIT/optical/`` and so on; `optical_file_name` makes ``datasets`` load
    them as columns. ``datasets`` refuses splits of different columns, and JSON cannot say of what
    type a column of nothing is, so a column that one split lacks altogether is left out of all.
    """

    def write(row: Row) -> dict[str, Any]:
        folder = journal.folder / row["split"]
        folder.mkdir(exist_ok=True)
        name = f"{file_stem(row)}.png"
        (folder / name).write_bytes(radar_png(row, options.bits))
        about: dict[str, Any] = {"file_name": name, "text": row["text"] or PLAIN_CAPTION}
        for side in SIDE_PICTURES:
            if row[side] is not None:
                (folder / side).mkdir(exist_ok=True)
                (folder / side / name).write_bytes(row[side]["bytes"])
                about[f"{side}_file_name"] = f"{side}/{name}"
        return {"split": row["split"], "about": about | record(row)}

    names = tiles.columns("id")["id"]
    yield from _each(tiles, journal, write)
    known: dict[str, set[str]] = {}
    for line in journal.done.values():
        known.setdefault(line["split"], set()).update(line["about"])
    common = set.intersection(*known.values())
    for split in known:
        with (journal.folder / split / "metadata.jsonl").open("w", encoding="utf-8") as kept:
            for name in names:
                if journal.done[name]["split"] == split:
                    about = journal.done[name]["about"]
                    kept.write(json.dumps({k: about[k] for k in about if k in common}) + "\n")


def kohya(tiles: TileSet, journal: Journal, options: ExportTilesOptions) -> Iterator[bool]:
    """``REPEATS_sar/ID.png`` beside ``ID.txt``; splits other than training in folders of 1 repeat
    under their own name, which a training run does not see."""

    def write(row: Row) -> dict[str, Any]:
        if row["split"] == "train" or options.split is not None:
            folder = journal.folder / f"{options.repeats}_sar"
        else:
            folder = journal.folder / row["split"] / "1_sar"
        folder.mkdir(parents=True, exist_ok=True)
        stem = file_stem(row)
        (folder / f"{stem}.png").write_bytes(radar_png(row, options.bits))
        (folder / f"{stem}.txt").write_text((row["text"] or PLAIN_CAPTION) + "\n", "utf-8")
        return {}

    yield from _each(tiles, journal, write)


def geotiff(tiles: TileSet, journal: Journal, options: ExportTilesOptions) -> Iterator[bool]:
    """``SPLIT/ID.tif``: float32 amplitude in the tile's own coordinate system, NaN for no data."""

    def write(row: Row) -> dict[str, Any]:
        folder = journal.folder / row["split"]
        folder.mkdir(exist_ok=True)
        _write_geotiff(row, folder / f"{file_stem(row)}.tif")
        return {}

    yield from _each(tiles, journal, write)


def _each(
    tiles: TileSet, journal: Journal, write: Callable[[Row], dict[str, Any]]
) -> Iterator[bool]:
    """Write the tiles that are not done yet, each into the journal after its files."""
    for number, name in enumerate(tiles.columns("id")["id"]):
        fresh = name not in journal.done
        if fresh:
            journal.add(name, **write(tiles.row(number)))
        yield fresh


def webdataset(tiles: TileSet, journal: Journal, options: ExportTilesOptions) -> Iterator[bool]:
    """``SPLIT-000000.tar`` of ``ID.png``, ``ID.txt``, ``ID.json``, ``ID.optical.png``, ...

    A tar gets its name when it is whole, so the journal needs no tiles.
    """
    numbers: dict[str, list[int]] = {}
    for number, split in enumerate(tiles.columns("split")["split"]):
        numbers.setdefault(split, []).append(number)
    for split, of_split in numbers.items():
        for first in range(0, len(of_split), TILES_PER_TAR):
            path = journal.folder / f"{split}-{first // TILES_PER_TAR:06d}.tar"
            wanted = of_split[first : first + TILES_PER_TAR]
            if path.is_file():
                yield from (False for _ in wanted)
                continue
            aside = path.with_suffix(".partial")
            with tarfile.open(aside, "w") as tar:
                for number in wanted:
                    _add_sample(tar, tiles.row(number), options)
                    yield True
            aside.replace(path)


def _add_sample(tar: tarfile.TarFile, row: Row, options: ExportTilesOptions) -> None:
    """The members of one tile."""
    stem = file_stem(row)
    members = {
        "png": radar_png(row, options.bits),
        "txt": (row["text"] or PLAIN_CAPTION).encode(),
        "json": json.dumps(record(row)).encode(),
        **{f"{side}.png": row[side]["bytes"] for side in SIDE_PICTURES if row[side] is not None},
    }
    for suffix, data in members.items():
        member = tarfile.TarInfo(f"{stem}.{suffix}")  # its time is 0: equal bytes again
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))


def _write_geotiff(row: Row, path: Path) -> None:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.transform import Affine

    amplitude = row_amplitude(row)
    where: dict[str, Any] = {}
    if row["transform"] is not None:
        where = {"transform": Affine(*row["transform"]), "crs": row["crs"]}
    elif row["spacing_m"]:
        where = {"transform": Affine.scale(row["spacing_m"], -row["spacing_m"])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", height=amplitude.shape[0], width=amplitude.shape[1],
            count=1, dtype="float32", nodata=float("nan"), compress="deflate", zlevel=1, **where,
        ) as raster:  # fmt: skip
            raster.write(amplitude, 1)
            raster.set_band_description(1, "amplitude")
            raster.update_tags(**_tags(row))


def _tags(row: Row) -> dict[str, str]:
    """What a GeoTIFF says of itself."""
    left_out = ("captions", "transform", "bbox", "extra")
    known = {name: value for name, value in record(row).items() if name not in left_out}
    known["text"] = row["text"] or PLAIN_CAPTION
    tags = {name.upper(): str(value) for name, value in known.items()}
    return {**tags, "UNITS": f"amplitude, its square is {row['calibration']} power"}


LAYOUTS: dict[str, Layout] = {
    "imagefolder": imagefolder,
    "kohya": kohya,
    "webdataset": webdataset,
    "geotiff": geotiff,
}
