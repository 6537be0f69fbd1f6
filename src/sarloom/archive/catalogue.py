"""A catalogue of radar products: STAC items in one GeoParquet file.

A product is read once. While a run goes on, what it has read is kept line by line in a journal
beside the catalogue, so a run that is killed loses nothing; the catalogue itself is written aside
and renamed when all is read. Later runs read only what is new or changed in size or time.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from .. import __version__
from ..errors import FormatError, InputError, MissingExtraError, SarloomError
from ..files import write_aside
from .registry import find_products, open_scenes
from .safety import reading
from .stac import Item, item_of

Tick = Callable[[int, int, str], None]

SOURCE = "sarloom:source"
FINGERPRINT = "sarloom:source_state"
SIDECARS = (".json", ".xml", ".toml")

NO_PLACE = {"type": "Polygon", "coordinates": []}
"""Stands for a missing geometry in GeoParquet, whose writer knows no null."""


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


@dataclass(frozen=True)
class IndexResult:
    """What an index run did."""

    catalogue: Path
    items: int
    """Channels in the catalogue."""
    products: int
    """Files and folders that were claimed by a reader, broken ones included."""
    read: int
    """Products that were read in this run; the others had not changed."""
    broken: dict[str, str]
    """Path of each product that cannot be read, and why."""


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
        cannot be read, if there are any, and NAME.journal.jsonl is there while a run goes on.
    fresh
        Read every product again.
    tick
        Called with products done, products in all and the name of the next one.

    Raises
    ------
    InputError
        If the folder is not there, nothing in it is a radar product, or ``out`` cannot be written.
    FormatError
        If ``out`` exists and is no catalogue.
    """
    folder, out = Path(folder), Path(out)
    if out.is_dir() or not out.parent.is_dir():
        raise InputError(f"{out}: cannot be written; name a file in a folder that is there")
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    journal, broken = beside(out, "journal"), beside(out, "broken")
    known = {} if fresh else _known(out, broken, journal)
    with _writing(out), _appending(journal, fresh) as lines:
        entries = list(_entries(folder, known, lines, tick))
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
        {entry.path: entry.error or "" for entry in faults},
    )


def list_folder(folder: Path, tick: Tick | None = None) -> tuple[list[Item], dict[str, str]]:
    """Items of all products below a folder, and the broken ones with the reason; nothing is
    written."""
    entries = [entry for entry, _ in _entries(folder, {}, None, tick)]
    items = _unique(item for entry in entries for item in entry.items)
    return items, {one.path: one.error for one in entries if one.error is not None}


def beside(out: Path, what: str) -> Path:
    """The file of that kind that goes with a catalogue."""
    return out.with_name(f"{out.stem}.{what}.jsonl")


def items_table(items: Iterable[Item]) -> Any:
    """Items as an Arrow table in the layout of STAC GeoParquet."""
    try:
        from stac_geoparquet.arrow import parse_stac_items_to_arrow
    except ImportError as error:
        raise MissingExtraError("stac-geoparquet", "archive") from error
    placed = ({**one, "geometry": one["geometry"] or NO_PLACE} for one in items)
    return parse_stac_items_to_arrow(list(placed)).read_all()


def write_items(items: Iterable[Item], path: Path) -> None:
    """Write items as GeoParquet; the caller renames."""
    from stac_geoparquet.arrow import to_parquet

    to_parquet(items_table(items), path, compression="zstd")


def table_items(table: Any) -> Iterator[Item]:
    """Items of an Arrow table, without the nulls that fill the columns of others."""
    from stac_geoparquet.arrow import stac_table_to_items

    for item in stac_table_to_items(table):
        given = {name: value for name, value in item.items() if value is not None}
        if not given.get("geometry", {}).get("coordinates"):
            given["geometry"] = None
            given.pop("bbox", None)
        filled = item["properties"].items()
        given["properties"] = {name: value for name, value in filled if value is not None}
        # STAC wants this one even where it is null
        given["properties"].setdefault("datetime", None)
        given["assets"] = {
            name: {key: value for key, value in asset.items() if value is not None}
            for name, asset in item["assets"].items()
            if asset is not None
        }
        yield given


def read_table(path: Path, rows: list[int] | None = None) -> Any:
    """The table of a catalogue, or some of its rows.

    Raises
    ------
    FormatError
        If it is no GeoParquet of STAC items.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "archive") from error
    with reading(path, "make it again with: sarloom archive index"):
        names = set(parquet.read_schema(path).names)
        missing = {"id", "bbox", "geometry", "assets", "links", "stac_version"} - names
        if missing:
            raise FormatError(
                f"{path}: no catalogue of STAC items (no column {', '.join(sorted(missing))}); "
                "make one with: sarloom archive index"
            )
        table = parquet.read_table(path)
        return table if rows is None else table.take(rows)


def _entries(
    folder: Path, known: dict[str, Entry], journal: IO[str] | None, tick: Tick | None
) -> Iterator[tuple[Entry, bool]]:
    """Every product's entry, and whether it had to be read for it."""
    try:
        products = list(find_products(folder.resolve()))
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error})") from error
    states = _States()
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
            journal.flush()
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


class _States:
    """Sizes and times of products, so that a changed one is noticed without reading it."""

    def __init__(self) -> None:
        self._sidecars: dict[Path, list[str]] = {}

    def of(self, product: Path) -> str:
        """Sizes and times of a file and its sidecars, or of all files in a folder, as a hash.

        Sidecars are text files beside it whose names start like its own, up to the last '_'.
        """
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
        names = self._sidecars.get(product.parent)
        if names is None:
            here = (one.name for one in product.parent.iterdir())
            names = sorted(name for name in here if name.lower().endswith(SIDECARS))
            self._sidecars[product.parent] = names
        start = product.stem.rpartition("_")[0] or product.stem
        at = bisect_left(names, start)
        found = []
        while at < len(names) and names[at].startswith(start):
            found.append(product.parent / names[at])
            at += 1
        return found


def _known(out: Path, broken: Path, journal: Path) -> dict[str, Entry]:
    """Entries of earlier runs; what was read last wins."""
    known: dict[str, Entry] = {}
    if out.exists():
        for item in table_items(read_table(out)):
            path, state = item["properties"].get(SOURCE), item["properties"].get(FINGERPRINT)
            if path is None or state is None:
                raise FormatError(
                    f"{out}: a catalogue that was not made here; choose another --out"
                )
            entry = known.setdefault(path, Entry(path, state))
            entry.items.append({**item, "id": item["properties"]["sarloom:identifier"]})
    for path_ in (broken, journal):
        known |= {entry.path: entry for entry in _read_lines(path_)}
    return known


def _read_lines(path: Path) -> Iterator[Entry]:
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
def _appending(journal: Path, fresh: bool) -> Iterator[IO[str]]:
    """The journal, opened so that a new entry starts on a line of its own."""
    with journal.open("wb" if fresh else "ab+") as opened:
        if opened.tell() > 0:
            opened.seek(-1, 2)
            if opened.read(1) != b"\n":
                opened.write(b"\n")
        with TextIOWrapper(opened, encoding="utf-8", write_through=True) as lines:
            yield lines


def _write_broken(path: Path, faults: list[Entry]) -> None:
    if not faults:
        path.unlink(missing_ok=True)
        return
    with write_aside(path) as aside:
        aside.write_text("".join(entry.line for entry in faults), encoding="utf-8")


def _unique(items: Iterable[Item]) -> list[Item]:
    """Items with distinct ids: a copy of a product elsewhere gets a mark of its place."""
    found: dict[str, Item] = {}
    for item in items:
        name = item["id"]
        if name in found:
            place = f"{item['assets']['data']['href']} {len(found)}"
            name = f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"
        found[name] = {**item, "id": name}
    return list(found.values())


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror})") from error
