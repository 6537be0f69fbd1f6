"""What is remembered of a product that was read, so that it is read again only when it changes."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from .. import __version__
from .description import FOLDER_NAME
from .stac import Item

SIDECARS = (".json", ".xml", ".toml")


@dataclass(frozen=True)
class Entry:
    """What reading one product gave: its items, or the reason why there are none."""

    path: str
    state: str
    """Size and time of the files, and the version that read them."""
    items: list[Item] = field(default_factory=list)
    error: str | None = None

    @property
    def line(self) -> str:
        """The entry as one line of JSON."""
        record: dict[str, Any] = {"path": self.path, "state": self.state}
        record |= {"error": self.error} if self.error is not None else {"items": self.items}
        return json.dumps(record, separators=(",", ":")) + "\n"


class States:
    """Sizes and times of products, so that a changed one is noticed without reading it."""

    def __init__(self) -> None:
        self._sidecars: dict[Path, list[str]] = {}

    def of(self, product: Path) -> str:
        """Sizes and times of a file and its sidecars, or of all files in a folder, as a hash."""
        if product.is_dir():
            files = sorted(path for path in product.rglob("*") if path.is_file())
        else:
            files = [product, *self._beside(product)]
        seen = hashlib.sha256(__version__.encode())
        for path in files:
            try:
                stat = path.stat()
            except OSError:
                continue  # gone since it was listed: reading will say so
            seen.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
        return seen.hexdigest()[:16]

    def _beside(self, product: Path) -> list[Path]:
        """Text files that may describe NAME.tif: NAME.*, NAME_*, for NAME = START_KIND also
        START.* and START_METADATA.*, and the description of the whole folder."""
        folder, name = product.parent, product.stem
        start = name.rpartition("_")[0]
        found = self._starting(folder, f"{name}.") + self._starting(folder, f"{name}_")
        if start:
            found += self._starting(folder, f"{start}.")
            found += self._starting(folder, f"{start}_METADATA.")
        found += self._starting(folder, FOLDER_NAME)
        return [folder / one for one in dict.fromkeys(found)]

    def _starting(self, folder: Path, start: str) -> list[str]:
        """Sidecars of a folder whose names start so; the folder is listed once."""
        names = self._sidecars.get(folder)
        if names is None:
            here = (one.name for one in folder.iterdir())
            names = sorted(name for name in here if name.lower().endswith(SIDECARS))
            self._sidecars[folder] = names
        stop = at = bisect_left(names, start)
        while stop < len(names) and names[stop].startswith(start):
            stop += 1
        return names[at:stop]


def read_lines(path: Path) -> Iterator[Entry]:
    """Entries of a journal; a line cut short by a kill is passed over."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                record = json.loads(line)
                yield Entry(
                    record["path"], record["state"], record.get("items", []), record.get("error")
                )
            except (ValueError, TypeError, KeyError):
                continue


@contextmanager
def appending(journal: Path, fresh: bool) -> Iterator[IO[str]]:
    """The journal, opened so that a new entry starts on a line of its own."""
    with journal.open("wb" if fresh else "ab+") as opened:
        if opened.tell() > 0:
            opened.seek(-1, 2)
            if opened.read(1) != b"\n":
                opened.write(b"\n")
        with TextIOWrapper(opened, encoding="utf-8", write_through=True) as lines:
            yield lines
