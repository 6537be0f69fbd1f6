"""Writing one Parquet file of a tile set: without copies, compressed only where it is worth it."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..files import write_aside
from .columns import arrow_column
from .schema import IMAGES, Row, arrow, arrow_schema

_ROWS_TOGETHER = 4
"""Tiles per row group: what has to be read to get at one tile."""
_STORED = ("image", "satellite", "simulated")
"""Pictures whose PNG is not compressed."""
_WORTH_BYTES = 1024
"""Of a column in a row group, below which it is stored as it is."""
_WORTH_IT = 0.95
"""Size after over before compression, above which a column is stored as it is."""


def write_shard(rows: Sequence[Row], path: Path) -> Path:
    """Write rows as one Parquet file, aside and renamed; equal rows give equal bytes."""
    with write_aside(path) as aside:
        write_rows(rows, aside)
    return path


def write_rows(rows: Sequence[Row], aside: Path) -> None:
    """The same into a file as it is, which is to be settled later."""
    arrow().parquet.write_table(
        _table(rows), aside, row_group_size=_ROWS_TOGETHER, use_dictionary=False,
        write_statistics=False, **_compression(rows),
    )  # fmt: skip


def _table(rows: Sequence[Row]) -> Any:
    """The rows as an Arrow table that points at their pictures instead of copying them."""
    pa, schema = arrow(), arrow_schema()
    columns = [
        (_pictures if field.name in IMAGES else arrow_column)(
            [row[field.name] for row in rows], field.type
        )
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _pictures(held: Sequence[dict[str, Any] | None], kind: Any) -> Any:
    """A column of pictures, each where it lies: an array of one value around its bytes."""
    pa = arrow()
    if not any(held):
        return pa.nulls(len(held), kind)
    parts = []
    for one in held:
        if one is None or one["bytes"] is None:
            parts.append(pa.nulls(1, kind))
            continue
        ends = pa.py_buffer(struct.pack("=ii", 0, len(one["bytes"])))
        data = pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(one["bytes"])])
        path = arrow_column([one["path"]], pa.string())
        parts.append(pa.StructArray.from_arrays([data, path], fields=list(kind)))
    return pa.chunked_array(parts, kind)


def _compression(rows: Sequence[Row]) -> dict[str, Any]:
    """Zstandard where it saves more than it costs.

    Sixteen bits of speckle do not get smaller, yet trying takes longer than all else in a tile, so
    radar pictures are compressed only where this makes them smaller; of a few bytes per row group
    Arrow's making ready to compress is all the cost. Single tiles tell: of a picture the first, the
    middle and the last that has it, of other columns these rows.
    """
    pa = arrow()
    some = [rows[i] for i in sorted({0, len(rows) // 2, len(rows) - 1})] if rows else []
    kinds: dict[str, str] = {}
    for leaf in _leaves():
        name, _, part = leaf.partition(".")
        if name not in IMAGES:
            length = sum(len(str(row[name])) for row in some) * _ROWS_TOGETHER
            worth = length > _WORTH_BYTES * len(some)
        elif part == "bytes":
            held = [row[name]["bytes"] for row in rows if row[name]]
            tried = [held[i] for i in sorted({0, len(held) // 2, len(held) - 1})] if held else []
            smaller = 0  # always, but for the radar's
            if name in _STORED:
                smaller = sum(len(pa.compress(one, "zstd", asbytes=True)) for one in tried)
            worth = smaller < _WORTH_IT * sum(map(len, tried))
        else:
            worth = False  # their paths, which are null
        kinds[leaf] = "zstd" if worth else "none"
    levels = {leaf: 1 for leaf, kind in kinds.items() if kind == "zstd"}
    return {"compression": kinds, "compression_level": levels}


@lru_cache(maxsize=1)
def _leaves() -> tuple[str, ...]:
    """Parquet's names of the columns, such as `image.bytes`."""
    pa = arrow()
    held = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_batches([], arrow_schema()), held)
    schema = pa.parquet.ParquetFile(held).schema
    return tuple(schema.column(i).path for i in range(len(schema)))
