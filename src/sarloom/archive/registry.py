"""Which reader reads what: the list of readers, and the search for products in a folder.

A reader is any object with a ``name``, ``claims(path)`` and ``read(path)``. A module with these
three is one, and so is a module whose ``READER`` has them. A third party adds one without touching
this package, by an entry point in its own pyproject.toml::

    [project.entry-points."sarloom.readers"]
    mysensor = "mypackage.mysensor"

See docs/readers.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import InputError
from ..records import Scene
from .safety import magic_of, reading

ENTRY_POINTS = "sarloom.readers"

BUILT_IN = ("sentinel1", "sicd", "sidd", "umbra", "capella", "iceye", "geotiff", "described")
"""Modules of ``readers/`` in the order in which they are asked: the particular before the general.
Readers of third parties come before all of these, so that they can take over a family."""

DOCS = "docs/readers.md lists what can be read and how to describe any other raster by a TOML"


UNREADABLE: dict[str | None, str] = {
    "zip": "is a ZIP archive and is not unpacked here: unpack it and name what was in it",
    "gzip": "is compressed and is not unpacked here: unpack it and name what was in it",
    "tar": "is a tar archive and is not unpacked here: unpack it and name what was in it",
    "hdf5": "is an HDF5 file, which is not read: get the product as SICD or GeoTIFF",
    "png": "is a picture without a TOML that describes it",
    "jpeg": "is a picture without a TOML that describes it",
    "bmp": "is a picture without a TOML that describes it",
    "npy": "is an array without a TOML that describes it",
}


class Reader(Protocol):
    """One product family."""

    @property
    def name(self) -> str:
        """Name in the registry, in records and in messages."""

    def claims(self, path: Path) -> bool:
        """Whether this family's product lies at a path. Cheap: names and the first bytes only."""

    def read(self, path: Path) -> list[Scene]:
        """The product's channels: metadata only, no pixels.

        Raises
        ------
        FormatError
            If the product is damaged or is not what it says.
        InputError
            If it is sound but cannot be used.
        """


@cache
def readers() -> dict[str, Reader]:
    """All readers by name, in the order in which they are asked.

    Raises
    ------
    InputError
        If the entry point of an installed package cannot be loaded or gives no reader.
    """
    found = {point.name: _third_party(point) for point in entry_points(group=ENTRY_POINTS)}
    for module in BUILT_IN:
        reader = _as_reader(import_module(f".readers.{module}", __package__))
        found.setdefault(reader.name, reader)
    return found


def reader_for(path: Path) -> Reader | None:
    """The first reader that claims a path; None if none does."""
    return next((reader for reader in readers().values() if reader.claims(path)), None)


def open_scenes(path: Path | str) -> list[Scene]:
    """Metadata of every channel of a radar product, with windowed access to its pixels.

    Parameters
    ----------
    path
        A file, or the folder of a SAFE product.

    Raises
    ------
    FormatError
        If the product is damaged; the message names the file and the next step.
    InputError
        If nothing is there, or no reader knows it.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: not there")
    reader = reader_for(path)
    if reader is None:
        raise InputError(f"{path}: {UNREADABLE.get(magic_of(path), 'no reader knows it')}; {DOCS}")
    with reading(path, f"reader {reader.name!r}; check that the product is complete"):
        scenes = reader.read(path)
    if not scenes:
        raise InputError(f"{path}: holds no radar image")
    return scenes


def find_products(folder: Path | str) -> Iterator[Path]:
    """Every product below a folder, once, in sorted order; nothing is read but first bytes.

    A folder that a reader claims, such as a SAFE product, is one product and is not entered. Files
    that belong to a product, such as sidecars, are claimed by no reader. Hidden names and symbolic
    links to folders are passed by. A file given instead of a folder is itself.

    Raises
    ------
    InputError
        If the folder is not there.
    """
    folder = Path(folder)
    if not folder.exists():
        raise InputError(f"{folder}: not there")
    if not folder.is_dir() or reader_for(folder) is not None:
        yield folder
        return
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from find_products(Path(entry.path))
        elif entry.is_file() and reader_for(Path(entry.path)) is not None:
            yield Path(entry.path)


def _as_reader(found: Any) -> Reader:
    """An object, a module, a module's ``READER``, or a class that is made without arguments."""
    found = getattr(found, "READER", found)
    return cast(Reader, found() if isinstance(found, type) else found)


def _third_party(point: EntryPoint) -> Reader:
    try:
        reader = _as_reader(point.load())
    except Exception as error:
        raise InputError(
            f"entry point {point.name!r} of group {ENTRY_POINTS!r} ({point.value}) cannot be "
            f"loaded: {error}; repair or uninstall that package"
        ) from error
    missing = [part for part in ("name", "claims", "read") if not hasattr(reader, part)]
    if missing:
        raise InputError(f"reader {point.name!r} ({point.value}) has no {', '.join(missing)}")
    return reader
