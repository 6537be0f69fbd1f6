"""Find products in a catalogue, a folder or a STAC API by place, time and radar.

A catalogue and a folder are queried by DuckDB, which compares bounding boxes; exact overlap of a
footprint is left to shapely, since DuckDB's own spatial functions would have to be downloaded. A
STAC API is asked for place and time, and its answers are filtered here, by the same rules.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import FormatError, InputError, MissingExtraError, SarloomError
from ..options.archive import SearchOptions
from ..records import Scene
from .catalogue import Tick, items_table, list_folder, read_table, table_items
from .registry import open_scenes
from .stac import Item, href_of, utc_text

if TYPE_CHECKING:
    import pystac

Box = tuple[float, float, float, float]

TIMEOUT_S = 30.0
PAGE = 100


@dataclass(frozen=True)
class Wanted:
    """Search options in the form that both kinds of source compare with."""

    boxes: tuple[Box, ...]
    """West, south, east, north; two of them for a box across the date line, none for anywhere."""
    first: datetime | None
    last: datetime | None
    timed: bool
    """Whether a time was asked for at all."""
    options: SearchOptions


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
) -> list[pystac.Item]:
    """Find products by place, time and radar.

    A product that does not state what is asked for is left out.

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
        Progress of listing a folder.
    warn
        Called with one line about products in a folder that cannot be read.

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
    return list(search(options, tick, warn))


def search(
    options: SearchOptions,
    tick: Tick | None = None,
    warn: Callable[[str], None] | None = None,
) -> Iterator[pystac.Item]:
    """The items that ``search_archive`` returns, one by one as they come in."""
    try:
        import pystac
    except ImportError as error:
        raise MissingExtraError("pystac", "archive") from error
    wanted = _wanted(options)
    if re.match(r"https?://", options.source, re.IGNORECASE):
        found = _search_api(wanted)
    else:
        found = _search_table(_table(Path(options.source), tick, warn), wanted)
    with _understood(options.source):
        for number, item in enumerate(found, 1):
            yield pystac.Item.from_dict(item, preserve_dict=False)
            if number == options.limit:
                return


@contextmanager
def _understood(source: str) -> Iterator[None]:
    """Items written by others may hold anything under the names of STAC."""
    try:
        yield
    except SarloomError:
        raise
    except Exception as error:  # what odd items make libraries raise is no closed list
        reason = " ".join(f"{type(error).__name__} {error}".split())[:300]
        raise FormatError(f"{source}: holds items that are no valid STAC ({reason})") from error


def open_items(items: Iterable[pystac.Item]) -> Iterator[Scene]:
    """Open the products that items of a catalogue or a folder stand for.

    Raises
    ------
    InputError
        If an item lies elsewhere, as those of a STAC API do: download it first.
    """
    for item in items:
        href = href_of(item)
        if re.match(r"[a-z0-9+]+://", href, re.IGNORECASE) or not Path(href).exists():
            raise InputError(f"{item.id}: its data ({href}) is not on this machine; download it")
        wanted = item.properties.get("sarloom:identifier")
        scenes = [one for one in open_scenes(Path(href)) if wanted in (None, one.identifier)]
        if not scenes:
            raise InputError(f"{href}: no longer holds {wanted}; run sarloom archive index again")
        yield from scenes


def product_paths(catalogue: Path) -> list[Path]:
    """Every product of a catalogue once, in its order.

    Raises
    ------
    FormatError
        If it is no catalogue.
    """
    hrefs = (href_of(item) for item in table_items(read_table(catalogue)))
    return [Path(href) for href in dict.fromkeys(hrefs)]


def parse_times(text: str) -> tuple[datetime | None, datetime | None]:
    """First and last moment of a time or an interval; None where it is open.

    Raises
    ------
    InputError
        If it is neither, or ends before it starts.
    """
    parts = text.strip().split("/")
    if len(parts) > 2 or not text.strip():
        raise InputError(f"--datetime {text!r} is not a time or FROM/TO")
    ends = [None if part.strip() in ("", "..") else _moments(part.strip(), text) for part in parts]
    first, last = ends[0], ends[-1]
    start, stop = first and first[0], last and last[1]
    if start is None and stop is None:
        raise InputError(f"--datetime {text!r} leaves both ends open; give one of them")
    if start is not None and stop is not None and start > stop:
        raise InputError(f"--datetime {text!r} ends before it starts")
    return start, stop


def _moments(part: str, text: str) -> tuple[datetime, datetime]:
    """First and last moment of a year, month, day or time."""
    try:
        if match := re.fullmatch(r"(\d{4})(?:-(\d{2}))?", part):
            year, month = int(match[1]), int(match[2] or 1)
            last_month = month if match[2] else 12
            days = calendar.monthrange(year, last_month)[1]
            start = datetime(year, month, 1, tzinfo=UTC)
            return start, _end_of_day(datetime(year, last_month, days, tzinfo=UTC))
        found = datetime.fromisoformat(part)
    except ValueError as error:
        raise InputError(f"--datetime {text!r}: {part!r} is not a time ({error})") from error
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return found, _end_of_day(found) if re.fullmatch(r"[\d-]+", part) else found


def _end_of_day(day: datetime) -> datetime:
    return day + timedelta(days=1, microseconds=-1)


def _wanted(options: SearchOptions) -> Wanted:
    first, last = (None, None) if options.datetime is None else parse_times(options.datetime)
    if options.incidence_deg is not None and options.incidence_deg[0] > options.incidence_deg[1]:
        raise InputError(
            f"--incidence-deg {options.incidence_deg[0]:g} {options.incidence_deg[1]:g}: "
            "the least comes first"
        )
    return Wanted(_boxes(options.bbox), first, last, options.datetime is not None, options)


def _boxes(bbox: Box | None) -> tuple[Box, ...]:
    if bbox is None:
        return ()
    west, south, east, north = bbox
    lon_ok = all(-180.0 <= one <= 180.0 for one in (west, east))
    if not lon_ok or not -90.0 <= south <= north <= 90.0:
        raise InputError(
            f"--bbox {west:g} {south:g} {east:g} {north:g} is not west, south, east, north in "
            "degrees"
        )
    if west <= east:
        return (bbox,)
    return (west, south, 180.0, north), (-180.0, south, east, north)


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


def _search_table(table: Any, wanted: Wanted) -> Iterator[Item]:
    """Items of a table: bounding boxes and everything else by DuckDB, footprints by shapely."""
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("duckdb", "archive") from error
    import pyarrow as pa

    conditions, values = _conditions(wanted, set(table.schema.names))
    # only the columns that are asked about: DuckDB need not know of geometry
    asked = [name for name in table.schema.names if f'"{name}"' in " ".join(conditions)]
    numbered = table.select(asked).append_column("row", pa.array(range(len(table)), pa.int64()))
    where = " AND ".join(conditions) or "true"
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as connection:
        connection.register("items", numbered)
        query = f"SELECT row FROM items WHERE {where} ORDER BY row"
        rows = [row for (row,) in connection.execute(query, values).fetchall()]
    for start in range(0, len(rows), PAGE):
        for item in table_items(table.take(rows[start : start + PAGE])):
            if _touches(item, wanted.boxes):
                yield item


def _conditions(wanted: Wanted, names: set[str]) -> tuple[list[str], list[Any]]:
    """SQL conditions and their values. Columns are chosen from a fixed list, never from input."""
    asked = wanted.options
    conditions: list[str] = []
    values: list[Any] = []

    def column(name: str) -> str:
        return f'"{name}"' if name in names else f"NULL::{_TYPES.get(name, 'VARCHAR')}"

    def need(condition: str, *given: Any) -> None:
        conditions.append(f"({condition})")
        values.extend(given)

    if wanted.boxes:
        need(" OR ".join([_BOX] * len(wanted.boxes)), *(v for b in wanted.boxes for v in _sides(b)))
    start = f"epoch_us(coalesce({column('start_datetime')}, {column('datetime')}))"
    stop = f"epoch_us(coalesce({column('end_datetime')}, {column('datetime')}))"
    if wanted.timed:
        need(f"{column('sarloom:time_unknown')} IS NOT TRUE")
    if wanted.first is not None:
        need(f"{stop} >= ?", _microseconds(wanted.first))
    if wanted.last is not None:
        need(f"{start} <= ?", _microseconds(wanted.last))
    if asked.band is not None:
        need(f"lower({column('sar:frequency_band')}) = ?", asked.band.lower())
    if asked.polarization is not None:
        listed = column("sar:polarizations")
        need(f"list_contains({listed}, ?)", asked.polarization.upper())
    if asked.max_spacing_m is not None:
        both = f"{column('sar:pixel_spacing_range')}, {column('sar:pixel_spacing_azimuth')}"
        need(f"coalesce(greatest({both}), {column('gsd')}) <= ?", asked.max_spacing_m)
    if asked.incidence_deg is not None:
        need(f"{column('view:incidence_angle')} BETWEEN ? AND ?", *asked.incidence_deg)
    if asked.look_side is not None:
        need(f"{column('sar:observation_direction')} = ?", asked.look_side)
    if asked.collection:
        marks = ", ".join("?" * len(asked.collection))
        need(f"{column('sarloom:reader')} IN ({marks})", *asked.collection)
    return conditions, values


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


def _touches(item: Item, boxes: tuple[Box, ...]) -> bool:
    """Whether the footprint touches one of the boxes; no boxes mean anywhere."""
    if not boxes:
        return True
    if not item.get("geometry"):
        return False
    from shapely import box
    from shapely.geometry import shape

    footprint = shape(item["geometry"])
    return any(footprint.intersects(box(*one)) for one in boxes)


def _search_api(wanted: Wanted) -> Iterator[Item]:
    """Items of a STAC API: place and time asked of it, all else compared here."""
    url = wanted.options.source
    for item in _answers(url, wanted):
        item["assets"] = {
            name: asset for name, asset in item.get("assets", {}).items() if isinstance(asset, dict)
        }
        if _fits(item, wanted) and _touches(item, wanted.boxes):
            yield item


def _answers(url: str, wanted: Wanted) -> Iterator[Item]:
    """All items that the API returns, over all of its pages."""
    try:
        import requests
        from pystac_client import Client
        from pystac_client.exceptions import APIError
    except ImportError as error:
        raise MissingExtraError("pystac-client", "archive") from error
    asked: dict[str, Any] = {"limit": PAGE}
    if wanted.options.bbox is not None:
        asked["bbox"] = list(wanted.options.bbox)
    if wanted.timed:
        ends = [utc_text(one) if one is not None else ".." for one in (wanted.first, wanted.last)]
        asked["datetime"] = "/".join(ends)
    if wanted.options.collection:
        asked["collections"] = list(wanted.options.collection)
    seen: set[tuple[Any, Any]] = set()
    try:
        client = Client.open(url, timeout=TIMEOUT_S)
        if not client.conforms_to("ITEM_SEARCH"):
            raise FormatError(f"{url}: a STAC catalogue that cannot be searched; use a STAC API")
        for item in client.search(**asked).items_as_dicts():
            name = (item.get("collection"), item["id"])
            if name in seen:
                raise FormatError(f"{url}: lists {name[1]} twice; its pages may not end")
            seen.add(name)
            yield item
    except SarloomError:
        raise
    except (APIError, requests.RequestException, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(f"{url}: does not answer as a STAC API ({reason}); check it") from error
    except Exception as error:  # what a strange answer makes the client raise is no closed list
        reason = " ".join(f"{type(error).__name__} {error}".split())[:300]
        raise FormatError(f"{url}: is not a STAC API ({reason}); check the address") from error


def _fits(item: Item, wanted: Wanted) -> bool:
    """The rules of ``_conditions`` in Python, without the place."""
    asked, has = wanted.options, item.get("properties", {})
    if wanted.timed and not _in_time(has, wanted):
        return False
    if asked.band is not None and _lower(has.get("sar:frequency_band")) != asked.band.lower():
        return False
    polarizations = has.get("sar:polarizations") or ()
    if asked.polarization is not None and asked.polarization.upper() not in polarizations:
        return False
    spacings = [has.get("sar:pixel_spacing_range"), has.get("sar:pixel_spacing_azimuth")]
    spacing = max((one for one in spacings if one is not None), default=has.get("gsd"))
    if asked.max_spacing_m is not None and not (spacing or float("inf")) <= asked.max_spacing_m:
        return False
    angle = has.get("view:incidence_angle")
    if asked.incidence_deg is not None:
        low, high = asked.incidence_deg
        if angle is None or not low <= angle <= high:
            return False
    side = has.get("sar:observation_direction")
    return asked.look_side is None or side == asked.look_side


def _in_time(has: dict[str, Any], wanted: Wanted) -> bool:
    start = has.get("start_datetime") or has.get("datetime")
    stop = has.get("end_datetime") or has.get("datetime")
    if has.get("sarloom:time_unknown") or start is None or stop is None:
        return False
    after = wanted.first is None or datetime.fromisoformat(stop) >= wanted.first
    return after and (wanted.last is None or datetime.fromisoformat(start) <= wanted.last)


def _lower(value: Any) -> str:
    return str(value).lower() if value is not None else ""
