"""A folder of radar images: which files count, and what their pixels mean.

What a pixel means is read from what sarloom wrote (tags of a GeoTIFF, the text of a PNG, a line of
``metadata.jsonl``). A file that says nothing needs the user's word; nothing is guessed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, InputError
from ..files import sha256_of
from .class_maps import classes_of_file, is_map, labels_beside, map_beside
from .image import (
    MOST_PIXELS,
    ComplexArray,
    PixelMeaning,
    Power,
    RadarImage,
    power_of_pixels,
)
from .kept import digest_of

RASTERS = (".tif", ".tiff")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
METADATA = "metadata.jsonl"
_GREY = 2
"""Largest difference of the channels of a picture that is still grey; JPEG leaves one or two."""


@dataclass(frozen=True)
class Entry:
    """One image of a folder and what lies beside it."""

    path: Path
    about: dict[str, Any]
    """Its line of ``metadata.jsonl``."""
    complex: Path | None = None
    classes: Path | None = None
    """Its class map."""


@dataclass(frozen=True)
class PixelsSaid:
    """What the user says of images that do not say it themselves."""

    meaning: PixelMeaning | None = None
    window_db: tuple[float, float] | None = None
    option: str = "--pixel"


class ImageFolder:
    """The radar images of a folder, sorted by name."""

    def __init__(
        self, folder: Path, said: PixelsSaid | None = None, limit: int | None = None
    ) -> None:
        self.folder = folder
        self.title = str(folder)
        self.said = said or PixelsSaid()
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder of images")
        self.entries = spread(find_images(folder), limit)
        if not self.entries:
            raise InputError(
                f"{folder} holds no image ({', '.join((*RASTERS, *PICTURES))}) and no tile set"
            )

    def __len__(self) -> int:
        return len(self.entries)

    def key(self, index: int) -> str:
        """Digest of the files, of what is said of them, and the name."""
        entry = self.entries[index]
        parts = (entry.path, entry.complex, entry.classes)
        held = [sha256_of(path) if path else None for path in parts]
        labels = labels_beside(entry.path) if entry.classes else ()
        return digest_of(
            [held, labels, entry.about, self.said.meaning, self.said.window_db], self.name(index)
        )

    def name(self, index: int) -> str:
        """Path of an image within the folder."""
        return str(self.entries[index].path.relative_to(self.folder))

    def image(self, index: int) -> RadarImage:
        """Read an image."""
        entry = self.entries[index]
        name = self.name(index)
        kind = _raster if entry.path.suffix.lower() in RASTERS else _picture
        found = kind(entry, name, self.said)
        classes = classes_of_file(entry.path, entry.classes, entry.about, name, found.power.shape)
        return replace(found, classes=classes)


def spread(entries: list[Entry], limit: int | None) -> list[Entry]:
    """All entries, or ``limit`` of them evenly spread."""
    if limit is None or len(entries) <= limit:
        return entries
    return [entries[int(row)] for row in np.linspace(0, len(entries) - 1, limit)]


def find_images(folder: Path) -> list[Entry]:
    """Images of a folder and those below it.

    Where there is a ``metadata.jsonl``, what it lists; else every raster and picture, but pictures
    beside a raster of the same name, contact sheets, and what a simulated scene's record names.
    """
    found: list[Entry] = []
    for below in [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]:
        if not any(part.startswith(".") for part in below.relative_to(folder).parts):
            listed = below / METADATA
            found += _listed(listed) if listed.is_file() else _plain(below)
    return _without_sides(found, folder)


def _listed(path: Path) -> list[Entry]:
    entries = []
    try:
        for line in path.read_text("utf-8").splitlines():
            about = json.loads(line)
            raster = about.get("sigma_nought")
            name = raster if isinstance(raster, str) else about["file_name"]
            file = path.parent / name
            if not file.is_file():
                raise FormatError(f"{path} names {name}, which is not there")
            beside = file.with_name(f"{file.stem}-complex.tif")
            cells = beside if raster and beside.is_file() else None
            entries.append(Entry(file, about, cells, map_beside(file, about)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path} is no list of images ({error})") from error
    return entries


def _without_sides(entries: list[Entry], folder: Path) -> list[Entry]:
    """Without the optical pictures and masks in folders beside a ``metadata.jsonl``."""
    sides = {
        entry.path.parent / Path(value).parent
        for entry in entries
        for key, value in entry.about.items()
        if key.endswith("_file_name") and isinstance(value, str)
    }
    return [entry for entry in entries if entry.path.parent not in sides or entry.about]


def _plain(folder: Path) -> list[Entry]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    files = [path for path in files if not path.name.startswith(".")]
    rasters = {path.stem for path in files if path.suffix.lower() in RASTERS}
    stems = {path.stem for path in files}
    named = set(_named_by_records(files))
    entries = []
    for path in files:
        kind = path.suffix.lower()
        if kind not in (*RASTERS, *PICTURES) or path.name in named:
            continue
        beside = kind in PICTURES and path.stem in rasters
        if beside or path.stem.endswith((".slc", "-sheet")) or is_map(path, stems):
            continue
        held = [path.with_name(f"{path.stem}{end}") for end in (".slc.tif", "-complex.tif")]
        cells = next((one for one in held if one.is_file()), None)
        entries.append(Entry(path, {}, cells, map_beside(path, {})))
    return entries


def _named_by_records(files: list[Path]) -> Iterator[str]:
    """Files of simulated scenes other than the radar image."""
    for path in files:
        if path.suffix == ".json":
            try:
                record = json.loads(path.read_text("utf-8"))
            except ValueError:
                continue
            if isinstance(record, dict) and isinstance(record.get("files"), dict):
                yield from (name for name in record["files"] if name != f"{path.stem}.tif")


def _raster(entry: Entry, name: str, said: PixelsSaid) -> RadarImage:
    values, tags = read_raster(entry.path)
    record = _json(tags.get("sarloom", ""))
    quantity = str(tags.get("quantity", tags.get("QUANTITY", "")))
    looks = _number(tags.get("LOOKS", record.get("looks")))
    calibration = str(tags.get("calibration", "sigma_nought" if quantity == "sigma_nought" else ""))
    cells: ComplexArray | None = None
    if np.iscomplexobj(values):
        cells = np.asarray(values, np.complex64)
        found = Power(np.asarray(cells.real**2 + cells.imag**2, np.float32))
    elif quantity in ("amplitude", "sigma_nought"):
        real = np.asarray(values, np.float32)
        found = Power(np.square(real) if quantity == "amplitude" else real)
    else:
        found = _said_power(values, name, said)
    if cells is None and entry.complex is not None:
        cells = np.asarray(read_raster(entry.complex)[0], np.complex64)
        if cells.shape != found.values.shape:
            raise FormatError(f"{entry.complex} and {entry.path} are not of one size")
    return _image(
        name, found, looks=looks, calibration=calibration or None, complex=cells,
        caption=_caption(record, entry.about),
    )  # fmt: skip


def _image(name: str, power: Power, **known: Any) -> RadarImage:
    return RadarImage(name, power.values, floor=power.floor, ceiling=power.ceiling, **known)


def read_raster(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    """The one band of a GeoTIFF, NaN where there is no data, and its tags."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                if raster.count != 1:
                    raise InputError(f"{path} has {raster.count} bands; a radar image has one")
                if raster.width * raster.height > MOST_PIXELS:
                    raise InputError(f"{path} has {raster.shape} pixels: cut it into tiles first")
                values, tags, nodata = raster.read(1), raster.tags(), raster.nodata
    except RasterioError as error:
        raise FormatError(
            f"{path} cannot be read ({error}): take it out or write it anew"
        ) from error
    if nodata is not None and not np.iscomplexobj(values) and not np.isnan(nodata):
        values = np.where(values == nodata, np.nan, values.astype(np.float32))
    return values, tags


def _picture(entry: Entry, name: str, said: PixelsSaid) -> RadarImage:
    pixels, text = read_picture(entry.path)
    record = _json(text.get("sarloom", ""))
    if record:
        power = power_of_pixels(pixels, "amplitude")
        looks, calibration = _number(record.get("looks")), record.get("calibration")
        return _image(
            name, power, looks=looks, calibration=calibration, own_scale=True,
            caption=_caption(record, entry.about),
        )  # fmt: skip
    about = entry.about
    if about.get("tone") in ("musigma", "db"):
        power = _toned(pixels, about, name)
        looks, calibration = _number(about.get("looks")), about.get("calibration")
        return _image(
            name, power, looks=looks, calibration=calibration, caption=_caption({}, about)
        )
    return _image(name, _said_power(pixels, name, said), caption=_caption({}, about))


def _toned(pixels: NDArray[Any], about: dict[str, Any], name: str) -> Power:
    """Power of an exported tile, by the tone its line of ``metadata.jsonl`` states."""
    try:
        if about["tone"] == "db":
            return power_of_pixels(pixels, "db", (float(about["low_db"]), float(about["high_db"])))
        return power_of_pixels(pixels, "amplitude").times(float(about["threshold"]) ** 2)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{name}: its line of {METADATA} states no whole tone ({error})"
        ) from error


def read_picture(path: Path) -> tuple[NDArray[Any], dict[str, str]]:
    """Grey pixels of a PNG, JPEG or BMP, and its text."""
    from PIL import Image

    try:
        with Image.open(path, formats=("PNG", "JPEG", "BMP")) as image:
            if image.width * image.height > MOST_PIXELS:
                raise InputError(f"{path} has {image.size} pixels: cut it into tiles first")
            image.load()
            text = {str(key): str(value) for key, value in image.info.items()}
            plain = image.convert("RGB") if image.mode in ("LA", "P", "RGBA") else image
            pixels = np.asarray(plain)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"{path} is no whole picture ({error}): take it out") from error
    if pixels.ndim == 3:
        if int(np.ptp(pixels.astype(np.int16), axis=2).max()) > _GREY:
            raise InputError(f"{path} is in colour, so it is no radar image: take it out")
        pixels = pixels[:, :, 1]
    if pixels.dtype == np.int32:
        pixels = pixels.astype(np.uint16)
    if pixels.dtype == np.bool_:
        raise InputError(f"{path} is black and white, so it is no radar image: take it out")
    return pixels, text


def _said_power(pixels: NDArray[Any], name: str, said: PixelsSaid) -> Power:
    if said.meaning is None:
        raise InputError(
            f"{name} does not say what its pixels mean: give "
            f"{said.option} amplitude, intensity or db"
        )
    return power_of_pixels(pixels, said.meaning, said.window_db)


def _caption(record: dict[str, Any], about: dict[str, Any]) -> str | None:
    """The prompt of a generated image, or the caption of a listed or simulated one."""
    held = record.get("captions")
    first = held[0] if isinstance(held, list) and held else None
    given = (record.get("prompt"), about.get("text"), first)
    return next((text for text in given if isinstance(text, str) and text.strip()), None)


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
