"""Find products in a catalogue, a folder or a STAC API by place, time and radar.

A catalogue and a folder are queried by DuckDB, which compares bounding boxes; exact overlap of a
footprint is left to shapely, since DuckDB's own spatial functions would have to be downloaded. A
STAC API is asked for place and time, and its answers are filtered here, by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FormatError, InputError, MissingExtraError, SarloomError
from ..files import write_aside
from ..options.archive import SearchOptions
from .catalogue import Tick, list_folder
from .stac import Item
from .stac_api import PAGE, search_api
from .table import items_table, read_table, table_items, write_items
from .wanted import Box, Unstated, Wanted, touches, wanted_of

if TYPE_CHECKING:
    import pystac


def search_archive(
    source: str | Path,
    *,
    bbox: Box | None = None,
    datetime: str | None = None,
    band: str | None = None,
    polarization: str | None = None,
    max_spacing_m: float | None = None,
    incidence_deg: tuple[float, float] | None = None,
    look_side: str | None = None,
    collection: Iterable[str] = (),
    limit: int = 0,
    tick: Tick | None = None,
    warn: Callable[[str], None] | None = None,
    remark: Callable[[str], None] | None = None,
) -> list[pystac.Item]:
    """Find products by place, time and radar.

    A product that does not state what is asked for is left out; ``remark`` says how many are.

    Parameters
    ----------
    source
        A catalogue made by ``index_archive``, a folder, or the address of a STAC API.
    bbox
        West, south, east, north [deg]; the footprint must touch it. West greater than east
        crosses the date line.
    datetime
        A time, a day, a month, a year, or an interval of two of these joined by '/', where '..'
        leaves an end open. UTC unless it says otherwise.
    band, polarization
        Such as 'X' and 'VV'; case does not matter.
    max_spacing_m
        The coarsest pixel spacing of both axes.
    incidence_deg
        Least and greatest incidence angle at the scene centre.
    look_side
        'left' or 'right'.
    collection
        Collections of a STAC API; names of readers, such as 'sentinel1', for other sources.
    limit
        The most items to return; 0 for all.
    tick
        Progress of listing a folder or the pages of an API: done, in all, and what is next.
    warn
        Called with one line about products in a folder that cannot be read.
    remark
        Called with one line about products that were left out only because they do not state what
        is asked for.

    Returns
    -------
    STAC items: for a catalogue and a folder in the order of their paths, for an API in its own.

    Raises
    ------
    InputError
        For a value that cannot be used, or a source that is not there or does not answer.
    FormatError
        If the source is neither a catalogue nor a STAC API.
    """
    options = SearchOptions(
        str(source),
        bbox,
        datetime,
        band,
        polarization,
        max_spacing_m,
        incidence_deg,
        look_side,
        tuple(collection),
        limit,
    )
    return list(search(options, tick, warn, remark))


def search(
    options: SearchOptions,
    tick: Tick | None = None,
    warn: Callable[[str], None] | None = None,
    remark: Callable[[str], None] | None = None,
) -> Iterator[pystac.Item]:
    """The items that ``search_archive`` returns, one by one as they come in."""
    try:
        import pystac
    except ImportError as error:
        raise MissingExtraError("pystac", "archive") from error
    wanted, unstated = wanted_of(options), Unstated()
    if re.match(r"https?://", options.source, re.IGNORECASE):
        found = search_api(wanted, tick, unstated)
    else:
        found = _search_table(_table(Path(options.source), tick, warn), wanted, unstated)
    with _understood(options.source):
        for number, item in enumerate(found, 1):
            yield pystac.Item.from_dict(item, preserve_dict=False)
            if number == options.limit:
                return
    if remark is not None and (line := unstated.line()):
        remark(line)


@contextmanager
def _understood(source: str) -> Iterator[None]:
    """Items written by others may hold anything under the names of STAC."""
    try:
        yield
    except (SarloomError, OSError):
        raise
    except Exception as error:  # what odd items make libraries raise is no closed list
        reason = " ".join(f"{type(error).__name__} {error}".split())[:300]
        raise FormatError(f"{source}: holds items that are no valid STAC ({reason})") from error


def write_found(items: Iterable[pystac.Item], out: Path) -> None:
    """Write items that were found as a catalogue of its own, which can be searched and tiled.

    Raises
    ------
    InputError
        If there are none, so that no older file is taken for them, or ``out`` cannot be written.
    FormatError
        If items of a STAC API are too odd for a table.
    """
    found = [one.to_dict(include_self_link=False, transform_hrefs=False) for one in items]
    if not found:
        raise InputError(f"nothing was found, so {out} was not written")
    try:
        with _understood("the search"), write_aside(out) as aside:
            write_items(found, aside)
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror})") from error


def _table(source: Path, tick: Tick | None, warn: Callable[[str], None] | None) -> Any:
    """The Arrow table of a catalogue, or one made from a folder."""
    if source.is_dir():
        items, broken = list_folder(source, tick)
        if broken and warn is not None:
            path, reason = next(iter(broken.items()))
            others = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
            warn(f"left out {path}{others}: {reason}")
        if not items:
            raise InputError(f"{source}: holds no readable radar product")
        return items_table(items)
    if not source.is_file():
        raise InputError(f"{source}: not there; give a catalogue, a folder or an https:// address")
    return read_table(source)


def _search_table(table: Any, wanted: Wanted, unstated: Unstated) -> Iterator[Item]:
    """Items of a table: bounding boxes and everything else by DuckDB, footprints by shapely.

    Those that fit but for what they do not state are counted.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("duckdb", "archive") from error
    import pyarrow as pa

    conditions, values, silent = _conditions(wanted, set(table.schema.names))
    # only the columns that are asked about: DuckDB need not know of geometry
    asked = [name for name in table.schema.names if f'"{name}"' in " ".join(conditions)]
    numbered = table.select(asked).append_column("row", pa.array(range(len(table)), pa.int64()))
    where = " AND ".join(conditions) or "true"
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.register("items", numbered)
        query = f"SELECT row FROM items WHERE {where} ORDER BY row"
        rows = [row for (row,) in connection.execute(query, values).fetchall()]
        query = f"SELECT row FROM items WHERE {' AND '.join(silent) or 'false'} ORDER BY row"
        found = set(rows)
        silents = [row for (row,) in connection.execute(query, values).fetchall()]
    for item in _of_rows(table, rows):
        if touches(item, wanted.boxes):
            yield item
    for item in _of_rows(table, [row for row in silents if row not in found]):
        unstated.look(item, wanted)


def _of_rows(table: Any, rows: list[int]) -> Iterator[Item]:
    for start in range(0, len(rows), PAGE):
        yield from table_items(table.take(rows[start : start + PAGE]))


def _conditions(wanted: Wanted, names: set[str]) -> tuple[list[str], list[Any], list[str]]:
    """SQL conditions, their values, and the same conditions for what may not be stated.

    Columns are chosen from a fixed list, never from input.
    """
    asked = wanted.options
    conditions: list[str] = []
    silent: list[str] = []
    values: list[Any] = []

    def column(name: str) -> str:
        return f'"{name}"' if name in names else f"NULL::{_TYPES.get(name, 'VARCHAR')}"

    def need(condition: str, *given: Any, or_silent: str | None = None) -> None:
        """A condition; ``or_silent`` is SQL that takes it as met where nothing is stated."""
        conditions.append(f"({condition})")
        silent.append(f"({or_silent or condition})")
        values.extend(given)

    def state(condition: str, *given: Any) -> None:
        """A condition on what a product may leave unsaid."""
        need(condition, *given, or_silent=f"({condition}) IS NOT FALSE")

    if wanted.boxes:
        need(" OR ".join([_BOX] * len(wanted.boxes)), *(v for b in wanted.boxes for v in _sides(b)))
    start = f"epoch_us(coalesce({column('start_datetime')}, {column('datetime')}))"
    stop = f"epoch_us(coalesce({column('end_datetime')}, {column('datetime')}))"
    unknown = f"{column('sarloom:time_unknown')} IS TRUE"
    if wanted.timed:
        need(f"NOT {unknown}", or_silent="true")
    if wanted.first is not None:
        late = f"{stop} >= ?"
        need(late, _microseconds(wanted.first), or_silent=f"{unknown} OR ({late}) IS NOT FALSE")
    if wanted.last is not None:
        early = f"{start} <= ?"
        need(early, _microseconds(wanted.last), or_silent=f"{unknown} OR ({early}) IS NOT FALSE")
    if asked.band is not None:
        state(f"lower({column('sar:frequency_band')}) = ?", asked.band.lower())
    if asked.polarization is not None:
        listed = column("sar:polarizations")
        state(f"list_contains({listed}, ?)", asked.polarization.upper())
    if asked.max_spacing_m is not None:
        both = f"{column('sar:pixel_spacing_range')}, {column('sar:pixel_spacing_azimuth')}"
        state(f"coalesce(greatest({both}), {column('gsd')}) <= ?", asked.max_spacing_m)
    if asked.incidence_deg is not None:
        state(f"{column('view:incidence_angle')} BETWEEN ? AND ?", *asked.incidence_deg)
    if asked.look_side is not None:
        state(f"{column('sar:observation_direction')} = ?", asked.look_side)
    if asked.collection:
        marks = ", ".join("?" * len(asked.collection))
        need(f"{column('sarloom:reader')} IN ({marks})", *asked.collection)
    return conditions, values, silent


_TYPES = {
    "datetime": "TIMESTAMPTZ",
    "start_datetime": "TIMESTAMPTZ",
    "end_datetime": "TIMESTAMPTZ",
    "sarloom:time_unknown": "BOOLEAN",
    "sar:polarizations": "VARCHAR[]",
    "sar:pixel_spacing_range": "DOUBLE",
    "sar:pixel_spacing_azimuth": "DOUBLE",
    "gsd": "DOUBLE",
    "view:incidence_angle": "DOUBLE",
}
"""Of columns that a catalogue may lack, where it is not text."""

_BOX = (
    '"bbox".ymin <= ? AND "bbox".ymax >= ? AND CASE WHEN "bbox".xmin <= "bbox".xmax '
    'THEN "bbox".xmin <= ? AND "bbox".xmax >= ? ELSE "bbox".xmin <= ? OR "bbox".xmax >= ? END'
)
"""A box against an item's, which has west greater than east where it crosses the date line."""


def _sides(box: Box) -> tuple[float, ...]:
    west, south, east, north = box
    return north, south, east, west, east, west


def _microseconds(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
