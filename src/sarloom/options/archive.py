"""What `sarloom archive` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import check, option


@dataclass(frozen=True)
class IndexOptions:
    """Options of one `sarloom archive index` call."""

    folder: Path = option(
        argument=True, metavar="FOLDER", help="folder that is searched with everything below it"
    )
    out: Path = option(Path("catalogue.parquet"), "catalogue to write", short="-o", metavar="FILE")
    fresh: bool = option(False, "read every product again, also those that have not changed")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class SearchOptions:
    """Options of one `sarloom archive search` call."""

    source: str = option(
        argument=True,
        metavar="SOURCE",
        help="a catalogue, a folder (listed on the fly), or the https:// address of a STAC API",
    )
    bbox: tuple[float, float, float, float] | None = option(
        None,
        "longitude and latitude the product must touch [deg]; WEST greater than EAST crosses the "
        "date line",
        metavar="WEST SOUTH EAST NORTH",
    )
    datetime: str | None = option(
        None,
        "a time or an interval such as 2021-12-01/2021-12-31; .. leaves an end open",
        metavar="FROM/TO",
    )
    band: str | None = option(None, "letter of the radar band, such as X", metavar="LETTER")
    polarization: str | None = option(None, "such as VV", metavar="PAIR")
    max_spacing_m: float | None = option(
        None, "the coarsest pixel spacing, of both axes [m]", minimum=0.0
    )
    incidence_deg: tuple[float, float] | None = option(
        None,
        "incidence angle at the scene centre [deg]",
        minimum=0.0,
        maximum=90.0,
        metavar="MIN MAX",
    )
    look_side: str | None = option(
        None, "side of the flight path the radar looks to", choices=("left", "right")
    )
    collection: tuple[str, ...] = option(
        (), "collection to search in; a STAC API may insist on one", metavar="ID"
    )
    limit: int = option(0, "the most products to list; 0 for all of them", minimum=0)
    out: Path | None = option(
        None,
        "also write what was found as a catalogue of its own, for `sarloom tiles build --sar`",
        short="-o",
        metavar="FILE",
    )
    json: bool = option(False, "print STAC items as JSON, one a line, for other programs")

    def __post_init__(self) -> None:
        check(self)
