"""Caption many pictures in batches, and remember every batch, so that a killed run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ..errors import InputError

Progress = Callable[[int, int, str], None]
Item = TypeVar("Item")


class Writer(Protocol):
    """A captioner, or whatever else turns items into captions."""

    @property
    def name(self) -> str:
        """What the user called it."""

    @property
    def fingerprint(self) -> str:
        """Short hash of what its captions hang on."""

    def describe(self, images: Any, count: int = 1, seed: int = 0) -> list[list[str]]:
        """``count`` captions of every item."""


class Journal:
    """Results by key, one line of JSON each, on disk before the next batch begins.

    A line that a kill cut short is left out when the file is read again. The file is there only
    while a run is on; it lies beside what the run changes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: dict[str, Any] = {}
        try:
            if path.is_file():
                self._read()
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error

    def _read(self) -> None:
        whole = bytearray()
        for line in self.path.read_bytes().splitlines(keepends=True):
            try:
                key, value = json.loads(line)
            except ValueError:
                break
            if not line.endswith(b"\n"):
                break
            self.held[key] = value
            whole += line
        if len(whole) < self.path.stat().st_size:
            with self.path.open("r+b") as opened:
                opened.truncate(len(whole))

    def add(self, results: Iterable[tuple[str, Any]]) -> None:
        """Keep results; they are on disk when this returns."""
        pairs = list(results)
        try:
            with self.path.open("ab") as opened:
                for key, value in pairs:
                    opened.write(json.dumps([key, value]).encode() + b"\n")
                opened.flush()
                os.fsync(opened.fileno())
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.held.update(pairs)

    def forget(self) -> None:
        """The run is done."""
        self.path.unlink(missing_ok=True)


def fill(
    journal: Journal,
    keys: Sequence[str],
    load: Callable[[str], Item],
    work: Callable[[Sequence[Item]], Sequence[Any]],
    batch: int,
    progress: Progress = lambda done, total, doing: None,
) -> None:
    """Do ``work`` on the items of all keys that the journal lacks, a batch at a time.

    Parameters
    ----------
    load
        Gives the item of a key: a picture, say; called only for what is to be done.
    work
        Results of several items, in order.
    """
    todo = [key for key in keys if key not in journal.held]
    done = len(keys) - len(todo)
    for some in batches(todo, batch):
        results = work([load(key) for key in some])
        journal.add(zip(some, results, strict=True))
        done += len(some)
        progress(done, len(keys), "")


def batches(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """Lists of ``size`` items, the last one shorter."""
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
