"""The catalogue of an archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import console

if TYPE_CHECKING:
    from ..options.archive import IndexOptions, SearchOptions


def index(options: IndexOptions) -> Path:
    """List the radar products of a folder in a catalogue; print its name."""
    from ..archive.catalogue import beside, index_archive

    with console.progress("index") as tick:
        done = index_archive(options.folder, options.out, fresh=options.fresh, tick=tick)
    kept = done.products - done.read
    console.note(
        f"{_number(done.items, 'channel')} of "
        f"{_number(done.products - len(done.broken), 'product')}"
        + (f"; {kept} had not changed" if kept else "")
        + (f"; {done.gone} of the last time are gone" if done.gone else "")
    )
    if done.broken:
        path, reason = next(iter(done.broken.items()))
        console.warn(
            f"{len(done.broken)} left out, with the reason in {beside(done.catalogue, 'broken')}; "
            f"the first: {reason or path}"
        )
    console.say(str(done.catalogue))
    return done.catalogue


def search(options: SearchOptions) -> None:
    """Print the products that fit, one a line: identifier, what is known of it, and its place."""
    from ..archive.search import search as find
    from ..archive.search import write_found
    from ..archive.stac import href_of

    with console.progress("search") as tick:
        remarks: list[str] = []
        found = list(find(options, tick, console.warn, remarks.append))
    if options.json:
        for item in found:
            # hrefs as they are: making them relative would ask the server for its root
            plain = item.to_dict(include_self_link=False, transform_hrefs=False)
            console.say(json.dumps(plain))
    else:
        header = ("identifier", "time", "band", "pol", "spacing", "incidence", "side", "data")
        console.table(
            header, [[item.id, *_described(item.properties), href_of(item)] for item in found]
        )
    console.note(f"{len(found)} found")
    for remark in remarks:
        console.note(remark)
    if options.out is not None:
        write_found(found, options.out)
        console.note(f"catalogue of these: {options.out}")


def _described(has: dict[str, Any]) -> list[str]:
    """Time, band and polarisation, spacing, incidence and look side of an item; - if not stated."""
    from ..archive.wanted import spacing_of

    known_time = not has.get("sarloom:time_unknown")
    time = (has.get("datetime") or has.get("start_datetime")) if known_time else None
    spacing, angle = spacing_of(has), has.get("view:incidence_angle")
    return [
        str(time)[:19] if time else "-",
        str(has.get("sar:frequency_band") or "-"),
        ",".join(has.get("sar:polarizations") or ["-"]),
        "-" if spacing is None else f"{spacing:.4g} m",
        "-" if angle is None else f"{angle:.1f} deg",
        str(has.get("sar:observation_direction") or "-"),
    ]


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
