"""A catalogue of radar products: STAC items in one GeoParquet file.

A product is read once. While a run goes on, what it has read is kept line by line in a journal
beside the catalogue, so a run that is killed loses nothing; the catalogue itself is written aside
and renamed when all is read. Later runs read only what is new or changed in size or time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import FormatError, InputError, MissingExtraError, SarloomError
from ..files import write_aside
from .journal import Entry, States, appending, read_lines
from .registry import find_products, open_scenes
from .stac import Item, item_of
from .table import read_table, table_items, write_items

Tick = Callable[[int, int, str], None]

SOURCE = "sarloom:source"
FINGERPRINT = "sarloom:source_state"


@dataclass(frozen=True)
class IndexResult:
    """What an index run did."""

    catalogue: Path
    items: int
    """Channels in the catalogue."""
    products: int
    """Files and folders that were claimed by a reader, those left out included."""
    read: int
    """Products that were read in this run; the others had not changed."""
    gone: int
    """Products of the catalogue as it was that are no longer below the folder."""
    broken: dict[str, str]
    """Path of each product that was left out because it cannot be read or used, and why."""


def index_archive(
    folder: Path | str,
    out: Path | str = "catalogue.parquet",
    *,
    fresh: bool = False,
    tick: Tick | None = None,
) -> IndexResult:
    """List every radar product below a folder in one catalogue.

    Parameters
    ----------
    folder
        Searched with everything below it; symbolic links to folders are not followed.
    out
        The catalogue, GeoParquet of STAC items. Beside it, NAME.broken.jsonl lists products that
        were left out, if there are any, and NAME.journal.jsonl is there while a run goes on.
    fresh
        Read every product again.
    tick
        Called with products done, products in all and the name of the next one.

    Raises
    ------
    InputError
        If the folder is not there, nothing in it is a radar product, or ``out`` cannot be written.
    FormatError
        If ``out`` exists and is no catalogue that was made here.
    """
    folder, out = Path(folder), Path(out)
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"{out}: cannot be written; name a file in a folder that is there")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    journal, broken = beside(out, "journal"), beside(out, "broken")
    known = _known(out, broken)
    before = set(known)
    known |= {entry.path: entry for entry in read_lines(journal)}
    with _writing(out), appending(journal, fresh) as lines:
        entries = list(_entries(folder, {} if fresh else known, lines, tick))
    items = _unique(item for entry, _ in entries for item in entry.items)
    faults = [entry for entry, _ in entries if entry.error is not None]
    with _writing(out):
        _write_broken(broken, faults)
        if items:
            with write_aside(out) as aside:
                write_items(items, aside)
        journal.unlink()
    if not items:
        reasons = f"; what was tried is listed in {broken}" if faults else ""
        raise InputError(f"{folder}: holds no readable radar product{reasons}")
    return IndexResult(
        out,
        len(items),
        len(entries),
        sum(new for _, new in entries),
        len(before - {entry.path for entry, _ in entries}),
        {entry.path: entry.error or "" for entry in faults},
    )


def list_folder(folder: Path, tick: Tick | None = None) -> tuple[list[Item], dict[str, str]]:
    """Items of all products below a folder, and those left out with the reason; nothing is
    written."""
    entries = [entry for entry, _ in _entries(folder, {}, None, tick)]
    items = _unique(item for entry in entries for item in entry.items)
    return items, {one.path: one.error for one in entries if one.error is not None}


def beside(out: Path, what: str) -> Path:
    """The file of that kind that goes with a catalogue."""
    return out.with_name(f"{out.stem}.{what}.jsonl")


def _entries(
    folder: Path, known: dict[str, Entry], journal: IO[str] | None, tick: Tick | None
) -> Iterator[tuple[Entry, bool]]:
    """Every product's entry, and whether it had to be read for it."""
    try:
        products = list(find_products(folder.resolve()))
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error})") from error
    states = States()
    for number, product in enumerate(products):
        if tick is not None:
            tick(number, len(products), product.name)
        state = states.of(product)
        before = known.get(str(product))
        if before is not None and before.state == state:
            yield before, False
            continue
        entry = _read(product, state)
        if journal is not None:
            journal.write(entry.line)
            journal.flush()  # or a kill would lose it
        yield entry, True


def _read(product: Path, state: str) -> Entry:
    try:
        items = [item_of(scene) for scene in open_scenes(product)]
    except MissingExtraError:
        raise  # nothing is wrong with the product
    except SarloomError as error:
        return Entry(str(product), state, error=str(error))
    for item in items:
        item["properties"] |= {SOURCE: str(product), FINGERPRINT: state}
    return Entry(str(product), state, items)


def _known(out: Path, broken: Path) -> dict[str, Entry]:
    """Entries of the catalogue as it is, those left out included."""
    known: dict[str, Entry] = {}
    if out.exists():
        remedy = "choose another --out, or remove it and run the command again"
        for item in table_items(read_table(out, remedy)):
            path, state = item["properties"].get(SOURCE), item["properties"].get(FINGERPRINT)
            if path is None or state is None:
                raise FormatError(
                    f"{out}: a catalogue that was not made here; choose another --out"
                )
            entry = known.setdefault(path, Entry(path, state))
            entry.items.append({**item, "id": item["properties"]["sarloom:identifier"]})
    return known | {entry.path: entry for entry in read_lines(broken)}


def _write_broken(path: Path, faults: list[Entry]) -> None:
    if not faults:
        path.unlink(missing_ok=True)
        return
    with write_aside(path) as aside:
        aside.write_text("".join(entry.line for entry in faults), encoding="utf-8")


def _unique(items: Iterable[Item]) -> list[Item]:
    """Items with distinct ids: a copy of a product elsewhere gets a mark of its place.

    The mark hangs on the place alone, so that it stays when other products come and go.
    """
    found: dict[str, Item] = {}
    for item in items:
        place, name, again = item["assets"]["data"]["href"], item["id"], 0
        while name in found:
            mark = hashlib.sha256(f"{place} {again}".encode()).hexdigest()[:8]
            name, again = f"{item['id']}-{mark}", again + 1
        found[name] = {**item, "id": name}
    return list(found.values())


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror})") from error
