"""STAC items as an Arrow table, and as GeoParquet: what a catalogue is on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import FormatError, MissingExtraError
from .safety import reading
from .stac import Item

NO_PLACE: Item = {
    "geometry": {"type": "Polygon", "coordinates": []},
    "bbox": [float("nan")] * 4,
}
"""Stands for a missing place in GeoParquet, whose writer knows no null; NaN is in no box."""

TIMES = frozenset({"datetime", "start_datetime", "end_datetime"})

COLUMNS = frozenset({"id", "bbox", "geometry", "assets", "links", "stac_version"})
"""Without these a table holds no STAC items."""


def items_table(items: Iterable[Item]) -> Any:
    """Items as an Arrow table in the layout of STAC GeoParquet."""
    try:
        from stac_geoparquet.arrow import parse_stac_items_to_arrow
    except ImportError as error:
        raise MissingExtraError("stac-geoparquet", "archive") from error
    return parse_stac_items_to_arrow([_placed(one) for one in items]).read_all()


def _placed(item: Item) -> Item:
    """An item with a geometry and a flat box, whichever it came with: a column is of one kind."""
    if not item.get("geometry"):
        return {**item, **NO_PLACE}
    box = item.get("bbox")
    if box is None:
        from shapely.geometry import shape

        box = shape(item["geometry"]).bounds
    return {**item, "bbox": [*box[:2], *box[3:5]] if len(box) == 6 else list(box)}


def write_items(items: Iterable[Item], path: Path) -> None:
    """Write items, at least one, as GeoParquet; the caller renames."""
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
        for name in TIMES & given["properties"].keys():  # written with decimals, needed or not
            given["properties"][name] = given["properties"][name].replace(".000000Z", "Z")
        # STAC wants this one even where it is null
        given["properties"].setdefault("datetime", None)
        given["assets"] = {
            name: {key: value for key, value in asset.items() if value is not None}
            for name, asset in item["assets"].items()
            if asset is not None
        }
        yield given


def read_table(path: Path, next_step: str = "make one with: sarloom archive index") -> Any:
    """The table of a catalogue.

    Parameters
    ----------
    path
        GeoParquet file.
    next_step
        What a user should do if it is none.

    Raises
    ------
    FormatError
        If it is no GeoParquet of STAC items.
    """
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow", "archive") from error
    with reading(path, next_step):
        missing = COLUMNS - set(parquet.read_schema(path).names)
        if missing:
            raise FormatError(
                f"{path}: no catalogue of STAC items (no column {', '.join(sorted(missing))}); "
                f"{next_step}"
            )
        return parquet.read_table(path)
