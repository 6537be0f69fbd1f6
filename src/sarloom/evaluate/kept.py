"""Summaries kept beside the report, so that a stopped evaluation goes on where it was.

A row is found again by what its image holds and by everything its summaries depend on, so a changed
file, another partner set or another encoder means another row. Shards of 64 rows are written aside
and renamed; a folder of them may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..errors import InputError
from ..files import write_aside
from .summaries import SUMMARIES, Summary

FORMAT = 3
"""Changes whenever a summary is computed in another way."""
FOLDER = "summaries"
_ROWS = 64

Summaries = Mapping[str, NDArray[np.float32]]


class Kept:
    """Rows of summaries in a folder.

    Parameters
    ----------
    folder
        Where shards lie; made with the first of them.
    depends
        Everything but the image that its summaries depend on, as JSON.
    """

    def __init__(self, folder: Path, depends: dict[str, Any]) -> None:
        said = json.dumps([FORMAT, __version__, depends], sort_keys=True)
        self.folder = folder / hashlib.sha256(said.encode()).hexdigest()[:16]
        self._held: dict[str, tuple[Path, int]] = {}
        self._open: tuple[Path | None, dict[str, NDArray[np.float32]]] = None, {}
        self._new: dict[str, Summaries] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            self._find(path)

    def _find(self, path: Path) -> None:
        """Note which images a shard holds; its rows are read when they are asked for."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "numpy") as opened:
                keys = json.loads((opened.metadata() or {})["images"])
                lengths = [opened.get_slice(name).get_shape()[0] for name in opened.keys()]  # noqa: SIM118
        except (SafetensorError, OSError, KeyError, ValueError, IndexError):
            return  # damaged: its images are measured anew
        if all(length == len(keys) for length in lengths):
            self._held |= {key: (path, row) for row, key in enumerate(keys)}

    def get(self, key: str) -> dict[str, NDArray[np.float32]] | None:
        """Summaries of the image of this key, if they are there."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        if key not in self._held:
            return None
        path, row = self._held[key]
        if path != self._open[0]:
            try:
                self._open = path, load_file(path)  # one at a time: the table holds all rows
            except (SafetensorError, OSError):
                return None  # gone or damaged since
        return {name: column[row] for name, column in self._open[1].items()}

    def put(self, key: str, summaries: Summaries) -> None:
        """Keep the summaries of an image.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        self._new[key] = summaries
        if len(self._new) >= _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is not yet in a shard."""
        from safetensors.numpy import save_file

        if not self._new:
            return
        keys = list(self._new)
        names = list(next(iter(self._new.values())))
        columns = {name: np.stack([self._new[key][name] for key in keys]) for name in names}
        digest = hashlib.sha256("".join(keys).encode()).hexdigest()[:16]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with write_aside(self.folder / f"{digest}.safetensors") as aside:
                save_file(columns, aside, {"images": json.dumps(keys)})
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written: {error}") from error
        self._new = {}


def digest_of(held: object, name: str) -> str:
    """Key of an image: digest of what JSON can say of it, and its name."""
    said = json.dumps(held, sort_keys=True, default=str)
    return f"{hashlib.sha256(said.encode()).hexdigest()}|{name}"


def identity(name: str, function: Summary) -> str:
    """What a summary is, for keeping its values; empty where nothing tells, as of an encoder
    without ``fingerprint``."""
    if SUMMARIES.get(name) is function or hasattr(function, "__qualname__"):
        return f"{name}: {function.__module__}.{getattr(function, '__qualname__', '')}"
    found = getattr(function, "fingerprint", "")
    return f"{name}: {found}" if found else ""
