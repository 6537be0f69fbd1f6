"""What a search asks for, checked, and compared with single items in Python."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import InputError
from ..options.archive import SearchOptions
from .stac import Item

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Wanted:
    """Search options in the form that all kinds of source compare with."""

    boxes: tuple[Box, ...]
    """West, south, east, north; two of them for a box across the date line, none for anywhere."""
    first: datetime | None
    last: datetime | None
    options: SearchOptions

    @property
    def timed(self) -> bool:
        """Whether a time was asked for at all."""
        return self.first is not None or self.last is not None


def wanted_of(options: SearchOptions) -> Wanted:
    """Search options, checked.

    Raises
    ------
    InputError
        For a box, a time or an interval of angles that is none.
    """
    first, last = (None, None) if options.datetime is None else parse_times(options.datetime)
    if options.incidence_deg is not None and options.incidence_deg[0] > options.incidence_deg[1]:
        raise InputError(
            f"--incidence-deg {options.incidence_deg[0]:g} {options.incidence_deg[1]:g}: "
            "the least comes first"
        )
    return Wanted(_boxes(options.bbox), first, last, options)


def parse_times(text: str) -> tuple[datetime | None, datetime | None]:
    """First and last moment of a time or an interval; None where it is open.

    Raises
    ------
    InputError
        If it is neither, or ends before it starts.
    """
    parts = [part.strip() for part in text.split("/")]
    if len(parts) > 2 or not text.strip():
        raise InputError(f"--datetime {text!r} is not a time or FROM/TO")
    ends = [None if part in ("", "..") else _moments(part, text) for part in parts]
    first, last = ends[0], ends[-1]
    start, stop = first and first[0], last and last[1]
    if start is None and stop is None:
        raise InputError(f"--datetime {text!r} leaves both ends open; give one of them")
    if start is not None and stop is not None and start > stop:
        raise InputError(f"--datetime {text!r} ends before it starts")
    return start, stop


def fits(item: Item, wanted: Wanted) -> bool:
    """Whether an item is all that is asked for, apart from its place and its collection."""
    return all(compare(item, wanted).values())


def compare(item: Item, wanted: Wanted) -> dict[str, bool | None]:
    """What is asked of a product, by name, and whether it holds; None where it is not stated."""
    asked, has = wanted.options, item.get("properties", {})
    found: dict[str, bool | None] = {}
    if wanted.timed:
        found["time"] = _in_time(has, wanted)
    if asked.band is not None:
        band = has.get("sar:frequency_band")
        found["band"] = None if band is None else str(band).lower() == asked.band.lower()
    if asked.polarization is not None:
        listed = has.get("sar:polarizations")
        found["polarization"] = asked.polarization.upper() in listed if listed else None
    if asked.max_spacing_m is not None:
        spacing = spacing_of(has)
        found["spacing"] = None if spacing is None else spacing <= asked.max_spacing_m
    if asked.incidence_deg is not None:
        angle, (low, high) = has.get("view:incidence_angle"), asked.incidence_deg
        found["incidence angle"] = None if angle is None else low <= angle <= high
    if asked.look_side is not None:
        side = has.get("sar:observation_direction")
        found["look side"] = None if side is None else side == asked.look_side
    return found


class Unstated:
    """Counts products that were left out only because they do not state what is asked for."""

    def __init__(self) -> None:
        self.products = 0
        self.first = ""
        """Identifier of the first one."""
        self.of: Counter[str] = Counter()
        """Products that do not state it, by name."""

    def look(self, item: Item, wanted: Wanted) -> None:
        """Count an item, if it is one of these."""
        found = compare(item, wanted)
        silent = [name for name, holds in found.items() if holds is None]
        others = all(holds is not False for holds in found.values())
        if silent and others and touches(item, wanted.boxes):
            self.first = self.first or str(item.get("id"))
            self.products += 1
            self.of.update(silent)

    def line(self) -> str:
        """One line about them; empty where there are none."""
        if not self.products:
            return ""
        what = ", ".join(f"{name} ({number})" for name, number in self.of.most_common())
        return (
            f"left out, as what is asked for is not stated: {self.products}, for want of {what}; "
            f"the first: {self.first}"
        )


def touches(item: Item, boxes: tuple[Box, ...]) -> bool:
    """Whether the footprint touches one of the boxes; no boxes mean anywhere."""
    if not boxes:
        return True
    if not item.get("geometry"):
        return False
    from shapely import box
    from shapely.geometry import shape

    footprint = shape(item["geometry"])
    return any(footprint.intersects(box(*one)) for one in boxes)


def spacing_of(has: dict[str, Any]) -> float | None:
    """The coarser pixel spacing of an item's properties [m]; None if it states none."""
    spacings = [has.get("sar:pixel_spacing_range"), has.get("sar:pixel_spacing_azimuth")]
    found = max((one for one in spacings if one is not None), default=has.get("gsd"))
    return None if found is None else float(found)


def _moments(part: str, text: str) -> tuple[datetime, datetime]:
    """First and last moment of a year, month, day or time."""
    try:
        if match := re.fullmatch(r"(\d{4})(?:-(\d{2}))?", part):
            year, month = int(match[1]), int(match[2] or 1)
            last_month = month if match[2] else 12
            start = datetime(year, month, 1, tzinfo=UTC)
            days = calendar.monthrange(year, last_month)[1]
            return start, _end_of_day(datetime(year, last_month, days, tzinfo=UTC))
        found = datetime.fromisoformat(part)
        whole_day = re.search("[T: ]", part) is None
        zoned = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
        start = zoned.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"--datetime {text!r}: {part!r} is not a time ({error})") from error
    return start, _end_of_day(start) if whole_day else start


def _end_of_day(day: datetime) -> datetime:
    return day + timedelta(days=1, microseconds=-1)


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


def _in_time(has: dict[str, Any], wanted: Wanted) -> bool | None:
    start = has.get("start_datetime") or has.get("datetime")
    stop = has.get("end_datetime") or has.get("datetime")
    if has.get("sarloom:time_unknown") or start is None or stop is None:
        return None
    after = wanted.first is None or _utc(stop) >= wanted.first
    return after and (wanted.last is None or _utc(start) <= wanted.last)


def _utc(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
