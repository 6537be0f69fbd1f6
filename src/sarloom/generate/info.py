"""Read back how an image was made, and the command which makes it again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError, InputError, ModelError
from .init_image import TIFF_SUFFIXES, file_hash
from .record import command_of
from .save import slug


@dataclass(frozen=True)
class ImageInfo:
    """How an image was made."""

    file: Path
    record: dict[str, Any]
    command: str
    """Makes the same bytes again in the default folder, on the same kind of processor."""
    warnings: tuple[str, ...]
    """Why the command may not give the same bytes here: another model, start image or version."""


def read_info(path: Path) -> ImageInfo:
    """Read the record of a PNG, a GeoTIFF or the JSON beside it.

    Raises
    ------
    InputError
        If there is no such file.
    FormatError
        If it holds no record of sarloom.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    record = _parse(_text_of(path), path)
    if record.get("task"):
        return ImageInfo(path, record, record["command"], tuple(_scene_doubts(record)))
    stem = path.name.removesuffix(path.suffix).removesuffix(".slc")
    name = stem.removesuffix(f"-{record['seed']}")
    own_name = name if stem != name and name != slug(record["prompt"]) else None
    file_format = "png" if path.suffix.lower() == ".png" else "tif"
    return ImageInfo(
        file=path,
        record=record,
        command=command_of(record, own_name, file_format),
        warnings=tuple(_doubts(record)),
    )


def describe(info: ImageInfo) -> list[tuple[str, str]]:
    """The record as (name, value) lines for people, without what is empty."""
    record = info.record
    if record.get("task"):
        return _describe_scene(info)
    init = record["init"]
    looks = str(record["looks"]) if record["speckle"] == "none" else "the model's own"
    lines = [
        ("file", str(info.file)),
        ("synthetic", "yes, made by a generative model"),
        ("prompt", record["prompt"]),
        ("negative prompt", record["negative"]),
        ("seed", str(record["seed"])),
        ("size", f"{record['width']} x {record['height']} pixels"),
        ("steps", str(record["steps"])),
        ("scheduler", f"{record['scheduler']}, {record['spacing']} spacing"),
        ("guidance", f"{record['guidance']:g}"),
        ("looks", looks),
        ("start image", f"{init['file']}, strength {init['strength']:g}" if init else ""),
        *_controls(record.get("control")),
        ("model", f"{record['model']['name']} ({record['model']['family']})"),
        ("model hash", record["model"]["hash"]),
        ("ground spacing", f"{record['spacing_m']:g} m" if record["spacing_m"] else ""),
        ("calibration", record["calibration"]),
        ("amplitude at white", f"{record['threshold']:.6g}"),
        ("computed on", _place(record)),
        ("software", record["software"]),
    ]
    return [(name, value) for name, value in lines if value]


def _describe_scene(info: ImageInfo) -> list[tuple[str, str]]:
    """A scene made from a scene."""
    record, given = info.record, info.record["input"]
    level = record.get("level") or {}
    lines = [
        ("file", str(info.file)),
        ("synthetic", "yes, made by a generative model"),
        ("made by", f"sarloom {record['task']}"),
        ("from", f"{given['identifier']} ({given['file']})"),
        ("prompt", record["prompt"]),
        ("seed", str(record["seed"])),
        ("size", f"{record['width']} x {record['height']} pixels"),
        ("level set by", f"{level['gain_mean_db']} dB (std {level['gain_std_db']} dB)"
         if level else ""),
        ("model", f"{record['model']['name']} ({record['model']['family']})"),
        ("model hash", record["model"]["hash"]),
        ("ground spacing", f"{record['spacing_m']:g} m"),
        ("calibration", record["calibration"]),
        ("computed on", _place(record)),
        ("software", record["software"]),
    ]  # fmt: skip
    return [(name, value) for name, value in lines if value]


def _scene_doubts(record: dict[str, Any]) -> list[str]:
    """Whether a scene's input is still what it was."""
    given = record["input"]
    path = Path(given["file"])
    if not path.exists():
        return [f"the scene {path} is not here"]
    if given["sha256"] and file_hash(path) != given["sha256"]:
        return [f"the scene {path} has changed since"]
    return []


def _controls(control: dict[str, Any] | None) -> list[tuple[str, str]]:
    """What led the image, a line each."""
    if not control:
        return []
    lines = [("control", one["spec"]) for one in control["pictures"]]
    return [*lines, *((name, f"{value}") for name, value in control["numbers"].items())]


def _place(record: dict[str, Any]) -> str:
    """Device, number format and threads: with others the last bits may differ."""
    threads = f", {record['threads']} threads" if record.get("threads") else ""
    return f"{record['device']}, {record['dtype']}{threads}"


def _text_of(path: Path) -> str | None:
    """The record's JSON text inside a file."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        return path.read_text("utf-8", errors="replace")
    if suffix in TIFF_SUFFIXES:
        import rasterio
        from rasterio.errors import RasterioError

        try:
            with rasterio.open(path, driver="GTiff") as raster:
                tag = raster.tags().get("sarloom")
                return tag if isinstance(tag, str) else None
        except RasterioError as error:
            raise FormatError(f"{path} cannot be read as a TIFF: {error}") from error
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            text = picture.info.get("sarloom")
    except (UnidentifiedImageError, OSError) as error:
        raise FormatError(f"{path} cannot be read as an image: {error}") from error
    return text if isinstance(text, str) else None


def _parse(text: str | None, path: Path) -> dict[str, Any]:
    """Check that a text is a record of ours."""
    try:
        record = json.loads(text or "")
    except ValueError:
        record = None
    needed = {"prompt", "negative", "seed", "width", "height", "steps", "guidance", "scheduler"}
    needed |= {"spacing", "looks", "speckle", "init", "model", "software", "threshold"}
    if isinstance(record, dict) and record.get("task"):
        needed = {"task", "command", "input", "model", "software", "prompt", "seed"}
    if not isinstance(record, dict) or not needed <= set(record):
        raise FormatError(f"{path} does not say how it was made: it holds no record of sarloom")
    return record


def _doubts(record: dict[str, Any]) -> list[str]:
    """What differs here from where the image was made."""
    from .. import __version__
    from ..models.fingerprint import fingerprint
    from ..models.locate import HUB_ID, locate_model

    doubts = []
    made = record["model"]
    source, wanted = made["source"], made.get("base_hash", made["hash"])
    if not (HUB_ID.fullmatch(source) and not Path(source).exists()):
        try:
            files = locate_model(source)
            folder = files.root.parent if files.is_single_file else files.root
            found = fingerprint(files.weights, folder)
            if found != wanted:
                doubts.append(f"the model {source} here has hash {found}, the image's {wanted}")
        except ModelError as error:
            doubts.append(f"the model is not here: {error}")
    init = record["init"]
    if init:
        start = Path(init["file"])
        if not start.is_file():
            doubts.append(f"the start image {start} is not here")
        elif file_hash(start) != init["sha256"]:
            doubts.append(f"the start image {start} has changed since")
    control = record.get("control") or {"pictures": [], "legend": None}
    pictures = [
        (one["spec"].partition("=")[2].rpartition("@")[0].rpartition(":")[0], one["sha256"])
        for one in control["pictures"]
    ]
    if control["legend"]:
        pictures.append((control["legend"]["file"], control["legend"]["sha256"]))
    for name, wanted in pictures:
        if not Path(name).is_file():
            doubts.append(f"the control {name} is not here")
        elif file_hash(Path(name)) != wanted:
            doubts.append(f"the control {name} has changed since")
    if record["software"] != f"sarloom {__version__}":
        doubts.append(f"it was made with {record['software']}, here is sarloom {__version__}")
    return doubts
