"""A tile set in layouts that other programs read. The folder is complete or not there.

It grows beside its final name, under ``.NAME.partial``, with a journal of the tiles that are done.
A run that was stopped, by kill -9 too, goes on from there; files of a tile that is not in the
journal are written again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from ..files import sha256_of
from ..options.tiles import ExportTilesOptions
from .layouts import LAYOUTS, PLAIN_CAPTION, file_stem
from .ledger import MANIFEST, Ledger
from .store import open_tiles

__all__ = ["PLAIN_CAPTION", "Exported", "export_tiles", "file_stem"]

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    tiles: int
    uncaptioned: int
    """Tiles whose caption is ``PLAIN_CAPTION`` for want of one."""
    resumed: int = 0
    """Tiles that a stopped run had written already."""


def export_tiles(
    options: ExportTilesOptions, progress: Progress = lambda done, total, doing: None
) -> Exported:
    """Export a tile set, or go on with an export that was stopped.

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
            journal = Journal(aside, _about(options))
            there = 0
            for number, fresh in enumerate(LAYOUTS[options.to](tiles, journal, options), 1):
                there += not fresh
                progress(number, len(tiles), "")
            journal.path.unlink()
            if out.exists():
                out.rmdir()
            aside.rename(out)
        except OSError as error:
            raise InputError(
                f"--out {options.out} cannot be written: {error}; the same command goes on from "
                f"what is in {aside}"
            ) from error
    return Exported(len(tiles), sum(not text for text in tiles.columns("text")["text"]), there)


def _about(options: ExportTilesOptions) -> dict[str, Any]:
    """All that the written files hang on."""
    return {
        "version": __version__,
        "set": sha256_of(options.folder / MANIFEST),
        "to": options.to,
        "split": options.split,
        "bits": options.bits,
        "repeats": options.repeats,
    }


class Journal:
    """What is done of an export: a line of settings, then one per tile, written after its files.

    Parameters
    ----------
    folder
        Of the export. What is in it is thrown away if the journal is of other settings.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.folder = folder
        self.path = folder / ".journal.jsonl"
        self.done: dict[str, dict[str, Any]] = {}
        """Tile id -> what ``add`` was told of it."""
        found, length = self._read()
        if found[:1] != [about]:
            _empty(folder)
            self.path.write_text(json.dumps(about) + "\n", "utf-8")
            return
        with self.path.open("r+b") as opened:
            opened.truncate(length)  # half a line of a run that was killed
        self.done = {one["id"]: one for one in found[1:]}

    def _read(self) -> tuple[list[Any], int]:
        """Whole lines, and how many bytes these are."""
        found: list[Any] = []
        length = 0
        with suppress(OSError, ValueError):
            for line in self.path.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n"):
                    break
                found.append(json.loads(line))
                length += len(line)
        return found, length

    def add(self, name: str, **more: Any) -> None:
        """A tile whose files are written."""
        line = {"id": name, **more}
        with self.path.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(line) + "\n")
        self.done[name] = line


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
