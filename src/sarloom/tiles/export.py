"""A tile set in layouts that other programs read. The folder is complete or not there."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import InputError
from ..options.tiles import ExportTilesOptions
from ..sar.tone import dequantize, quantize
from .ledger import Ledger
from .png import picture_png
from .schema import IMAGES, Row
from .store import TileSet, open_tiles, row_amplitude, row_picture

Progress = Callable[[int, int, str], None]
Write = Callable[[TileSet, Path, ExportTilesOptions], Iterator[None]]

SIDE_PICTURES = tuple(name for name in IMAGES if name != "image")
PLAIN_CAPTION = "A SAR image"
"""Where a tile has no caption yet."""
TILES_PER_TAR = 1000


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    tiles: int
    uncaptioned: int
    """Tiles whose caption is ``PLAIN_CAPTION`` for want of one."""


def export_tiles(
    options: ExportTilesOptions, progress: Progress = lambda done, total, doing: None
) -> Exported:
    """Export a tile set. It is written aside and renamed, so the folder is whole or not there.

    Raises
    ------
    InputError
        If the folder to write is not empty, no tile would be in it, or another run writes it.
    FormatError
        If the set is damaged.
    """
    tiles = open_tiles(options.folder, options.split)
    if len(tiles) == 0:
        raise InputError(f"{options.folder} holds no tile in {options.split or 'any split'}")
    out = options.out.resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"--out {options.out} is not empty: choose a new folder")
    aside = out.with_name(f".{out.name}.partial")
    with Ledger(aside).alone():
        try:
            _empty(aside)  # what a killed run left
            for number, _ in enumerate(WRITERS[options.to](tiles, aside, options), 1):
                progress(number, len(tiles), "")
            if out.exists():
                out.rmdir()
            aside.rename(out)
        except OSError as error:
            raise InputError(f"--out {options.out} cannot be written: {error}") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return Exported(len(tiles), sum(not text for text in tiles.columns("text")["text"]))


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


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


def imagefolder(tiles: TileSet, out: Path, options: ExportTilesOptions) -> Iterator[None]:
    """``SPLIT/ID.png`` and ``SPLIT/metadata.jsonl`` (`file_name`, `text`, and all that is known).

    Other pictures lie in ``SPLIT/optical/`` and so on; `optical_file_name` makes ``datasets`` load
    them as columns. ``datasets`` refuses splits of different columns, and JSON cannot say of what
    type a column of nothing is, so a column that one split lacks altogether is left out of all.
    """
    known: dict[str, set[str]] = {}
    for row in tiles:
        folder = out / row["split"]
        folder.mkdir(exist_ok=True)
        name = f"{file_stem(row)}.png"
        (folder / name).write_bytes(radar_png(row, options.bits))
        about: dict[str, Any] = {"file_name": name, "text": row["text"] or PLAIN_CAPTION}
        for side in SIDE_PICTURES:
            if row[side] is not None:
                (folder / side).mkdir(exist_ok=True)
                (folder / side / name).write_bytes(row[side]["bytes"])
                about[f"{side}_file_name"] = f"{side}/{name}"
        about |= record(row)
        known.setdefault(row["split"], set()).update(about)
        with (folder / _ALL_LINES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(about) + "\n")
        yield
    common = set.intersection(*known.values())
    for split in known:
        _metadata(out / split, common)


_ALL_LINES = ".metadata.jsonl"


def _metadata(folder: Path, common: set[str]) -> None:
    """Write the metadata of one split with the columns that every split has."""
    with (
        (folder / _ALL_LINES).open(encoding="utf-8") as lines,
        (folder / "metadata.jsonl").open("w", encoding="utf-8") as kept,
    ):
        for line in lines:
            about = json.loads(line)
            kept.write(json.dumps({k: about[k] for k in about if k in common}) + "\n")
    (folder / _ALL_LINES).unlink()


def kohya(tiles: TileSet, out: Path, options: ExportTilesOptions) -> Iterator[None]:
    """``REPEATS_sar/ID.png`` beside ``ID.txt``; splits other than training in folders of 1 repeat
    under their own name, which a training run does not see."""
    for row in tiles:
        if row["split"] == "train" or options.split is not None:
            folder = out / f"{options.repeats}_sar"
        else:
            folder = out / row["split"] / "1_sar"
        folder.mkdir(parents=True, exist_ok=True)
        stem = file_stem(row)
        (folder / f"{stem}.png").write_bytes(radar_png(row, options.bits))
        (folder / f"{stem}.txt").write_text((row["text"] or PLAIN_CAPTION) + "\n", "utf-8")
        yield


def webdataset(tiles: TileSet, out: Path, options: ExportTilesOptions) -> Iterator[None]:
    """``SPLIT-000000.tar`` of ``ID.png``, ``ID.txt``, ``ID.json``, ``ID.optical.png``, ..."""
    written: dict[str, int] = {}
    opened: dict[str, tarfile.TarFile] = {}
    try:
        for row in tiles:
            split = row["split"]
            number, within = divmod(written.get(split, 0), TILES_PER_TAR)
            if within == 0:
                if split in opened:
                    opened[split].close()
                opened[split] = tarfile.open(out / f"{split}-{number:06d}.tar", "w")  # noqa: SIM115
            stem = file_stem(row)
            members = {
                "png": radar_png(row, options.bits),
                "txt": (row["text"] or PLAIN_CAPTION).encode(),
                "json": json.dumps(record(row)).encode(),
                **{
                    f"{side}.png": row[side]["bytes"]
                    for side in SIDE_PICTURES
                    if row[side] is not None
                },
            }
            for suffix, data in members.items():
                member = tarfile.TarInfo(f"{stem}.{suffix}")  # its time is 0: equal bytes again
                member.size = len(data)
                opened[split].addfile(member, io.BytesIO(data))
            written[split] = written.get(split, 0) + 1
            yield
    finally:
        for tar in opened.values():
            tar.close()


def geotiff(tiles: TileSet, out: Path, options: ExportTilesOptions) -> Iterator[None]:
    """``SPLIT/ID.tif``: float32 amplitude in the tile's own coordinate system, NaN for no data."""
    import warnings

    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.transform import Affine

    for row in tiles:
        folder = out / row["split"]
        folder.mkdir(exist_ok=True)
        amplitude = row_amplitude(row)
        where: dict[str, Any] = {}
        if row["transform"] is not None:
            where = {"transform": Affine(*row["transform"]), "crs": row["crs"]}
        elif row["spacing_m"]:
            where = {"transform": Affine.scale(row["spacing_m"], -row["spacing_m"])}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(
                folder / f"{file_stem(row)}.tif", "w", driver="GTiff", height=amplitude.shape[0],
                width=amplitude.shape[1], count=1, dtype="float32", nodata=float("nan"),
                compress="deflate", zlevel=1, **where,
            ) as raster:  # fmt: skip
                raster.write(amplitude, 1)
                raster.set_band_description(1, "amplitude")
                raster.update_tags(**_tags(row))
        yield


def _tags(row: Row) -> dict[str, str]:
    """What a GeoTIFF says of itself."""
    left_out = ("captions", "transform", "bbox", "extra")
    known = {name: value for name, value in record(row).items() if name not in left_out}
    known["text"] = row["text"] or PLAIN_CAPTION
    tags = {name.upper(): str(value) for name, value in known.items()}
    return {**tags, "UNITS": f"amplitude, its square is {row['calibration']} power"}


WRITERS: dict[str, Write] = {
    "imagefolder": imagefolder,
    "kohya": kohya,
    "webdataset": webdataset,
    "geotiff": geotiff,
}
