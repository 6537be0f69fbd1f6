"""The columns of a tile set, declared once: Arrow schema, Hugging Face features and docs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import MissingExtraError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

Row = dict[str, Any]
"""One tile: column name -> value; pictures are ``{"bytes": PNG, "path": None}`` or None."""


class Column(NamedTuple):
    """One column; ``kind`` is a key of ``_ARROW``."""

    name: str
    kind: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("id", "string", "unique, the same in every build of the same data"),
    Column("image", "image", "radar amplitude, 16-bit grey PNG through the tone below; near range "
           "is column 0"),
    Column("valid", "image", "1-bit mask of measured pixels; null where all are"),
    Column("optical", "image", "optical picture on exactly the tile's grid, 8-bit RGB"),
    Column("optical_valid", "image", "1-bit mask of the optical picture; null where it covers all"),
    Column("segmentation", "image", "class map, 8-bit; the manifest's `labels` names the values"),
    Column("sketch", "image", "edges of objects, 8-bit grey"),
    Column("satellite", "image", "the same ground by a coarser radar, 16-bit as `image`"),
    Column("simulated", "image", "the same ground by a simulator, through the tone of `image`"),
    Column("text", "string", "the caption to train with, sensor prefix included"),
    Column("captions", "strings", "all captions, without prefix"),
    Column("captions_original", "strings", "as the captioner wrote them, before rewriting"),
    Column("caption_scores", "floats", "of each of `captions` against the optical picture: "
           "100 times the cosine that a CLIP model gives"),
    Column("caption_source", "string", "who wrote the captions, with the hash of the model or map"),
    Column("tone", "string", "`musigma` or `db`: how amplitude became pixels"),
    Column("threshold", "float", "`musigma`: amplitude of the largest pixel value"),
    Column("low_db", "float", "`db`: 20 log10 amplitude of pixel 0"),
    Column("high_db", "float", "`db`: 20 log10 amplitude of the largest pixel value"),
    Column("saturated", "float", "share of pixels at the top of the tone"),
    Column("calibration", "string", "what squared amplitude is: `sigma_nought`, `beta_nought`, "
           "`gamma_nought` or `uncalibrated`"),
    Column("spacing_m", "float", "ground distance of pixels, both axes [m]"),
    Column("looks", "float", "looks after resampling, as far as the product tells"),
    Column("incidence_angle_deg", "float", "at the tile's centre [deg]"),
    Column("range_azimuth_deg", "float", "of growing columns, clockwise from north [deg]"),
    Column(
        "range_angle_residual_deg", "float",
        "angle from growing columns to range, clockwise on the ground; 0 where aligned [deg]",
    ),
    Column("look_side", "string", "`left` or `right` of the flight direction"),
    Column("band", "string", "letter of the radar band"),
    Column("center_frequency_hz", "float", "[Hz]"),
    Column("polarization", "string", "`VV`, `HV`, ..."),
    Column("platform", "string", "satellite or aircraft; `simulated`"),
    Column("instrument_mode", "string", "as the product calls it"),
    Column("time", "time", "start of the acquisition, UTC"),
    Column("footprint", "string", "WKT polygon, longitude and latitude on WGS 84"),
    Column("bbox", "floats", "west, south, east, north [deg]"),
    Column("crs", "string", "of `transform`: EPSG code or WKT"),
    Column("transform", "floats", "pixel corner to map: a, b, c, d, e, f of rasterio"),
    Column("geolocation_error_m", "float",
           "worst distance of `transform` from the product's own geometry [m]"),
    Column("row", "int", "of the tile's first pixel in the acquisition's grid"),
    Column("column", "int", "of the tile's first pixel in the acquisition's grid"),
    Column("method", "string", "how power came onto the grid"),
    Column("group", "string", "equal for tiles of the same ground at several spacings"),
    Column("acquisition", "string", "channel of the product"),
    Column("source", "string", "file or folder of the product"),
    Column("source_blake3", "string", "of that file; of the names and hashes of a folder's files"),
    Column("source_sha256", "string", "the same in sets of format version 1 and 2, null since"),
    Column("optical_source", "string", "file of the optical picture"),
    Column("optical_overlap", "float", "share of the tile that it covers"),
    Column("optical_days", "float", "days between the pictures, signed: optical minus radar"),
    Column("optical_stretch", "floats", "source values that became 0 and 255"),
    Column("satellite_tone", "string", "tone of `satellite`"),
    Column("satellite_threshold", "float", "as `threshold`, of `satellite`"),
    Column("satellite_low_db", "float", "as `low_db`, of `satellite`"),
    Column("satellite_high_db", "float", "as `high_db`, of `satellite`"),
    Column("satellite_spacing_m", "float", "of the pixels of `satellite` [m]"),
    Column("satellite_looks", "float", "of `satellite`"),
    Column("nodata_fraction", "float", "share of pixels without data"),
    Column("split", "string", "`train`, `validation` or `test`"),
    Column("synthetic", "bool", "simulated, not measured"),
    Column("extra", "string", "anything else, JSON"),
    Column("sha256", "string", "of all other columns, see `tile_hash`"),
)  # fmt: skip

NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
_KINDS = {column.name: column.kind for column in COLUMNS}
ADDED: frozenset[str] = frozenset(
    ("captions_original", "caption_scores", "caption_source", "simulated", "source_blake3")
)
"""Columns that tile sets of earlier versions lack; there they read as null."""
IMAGES: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.kind == "image")


def picture(data: bytes | None) -> dict[str, Any] | None:
    """PNG bytes as the table holds them."""
    return None if data is None else {"bytes": data, "path": None}


def complete(row: Mapping[str, Any], hashed: bool = True) -> Row:
    """A row with every column, None where nothing is known, and its hash.

    Without ``hashed`` that is left to whoever writes the row.

    Raises
    ------
    KeyError
        For a column that does not exist; a mistake in the code, not of the user.
    """
    unknown = set(row) - set(NAMES)
    if unknown:
        raise KeyError(f"no such columns: {sorted(unknown)}")
    filled: Row = dict.fromkeys(NAMES)
    filled |= {name: _as(_KINDS[name], value) for name, value in row.items() if value is not None}
    if hashed:
        filled["sha256"] = tile_hash(filled)
    return filled


def _as(kind: str, value: Any) -> Any:
    """A value as it will come back from the table, so that its hash is the same then."""
    if kind == "float":
        return float(value)
    if kind == "floats":
        return [float(one) for one in value]
    if kind == "time":
        return value.astimezone(UTC)
    return value


def tile_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 over every column that is not null: pictures by their PNG bytes, the rest as JSON.

    Pictures enter as the hash of their bytes, in the order of columns, so that a reader of another
    language can check a tile with a JSON and a hash library.
    """
    plain: dict[str, Any] = {}
    for column in COLUMNS:
        value = row.get(column.name)
        if column.name == "sha256" or value is None:
            continue  # so that a column added later changes no hash
        if column.kind == "image":
            value = hashlib.sha256(value["bytes"] or b"").hexdigest()  # none: a damaged shard
        elif isinstance(value, datetime):
            value = value.isoformat()
        plain[column.name] = value
    return hashlib.sha256(json.dumps(plain, separators=(",", ":")).encode()).hexdigest()


def shard_hash(rows: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 of a shard: over the hashes of its tiles as text, in order, nothing between them."""
    return hashlib.sha256("".join(str(row["sha256"]) for row in rows).encode()).hexdigest()


def footer_hash(path: Path) -> str:
    """SHA-256 of a Parquet file from its footer (schema, places of columns) to its end.

    What lies before are the columns, of which the hashes of tiles tell.
    """
    with path.open("rb") as opened:
        size = opened.seek(-8, 2) + 8
        length = int.from_bytes(opened.read(4), "little") + 8
        opened.seek(max(0, size - length))
        return hashlib.sha256(opened.read()).hexdigest()


def arrow() -> Any:
    """The pyarrow package.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("pyarrow, which writes tile sets,", "archive") from error
    return pyarrow


def arrow_schema() -> pa.Schema:
    """The schema, with the metadata by which ``datasets`` decodes pictures."""
    pa = arrow()
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    types = {
        "image": image,
        "string": pa.string(),
        "strings": pa.list_(pa.string()),
        "float": pa.float64(),
        "floats": pa.list_(pa.float64()),
        "int": pa.int64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    info = {"info": {"features": {column.name: _FEATURES[column.kind] for column in COLUMNS}}}
    return pa.schema(
        [pa.field(column.name, types[column.kind]) for column in COLUMNS],
        metadata={"huggingface": json.dumps(info)},
    )


def _value(dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "_type": "Value"}


_FEATURES: dict[str, dict[str, Any]] = {
    "image": {"_type": "Image"},
    "string": _value("string"),
    "strings": {"feature": _value("string"), "_type": "Sequence"},
    "float": _value("float64"),
    "floats": {"feature": _value("float64"), "_type": "Sequence"},
    "int": _value("int64"),
    "bool": _value("bool"),
    "time": _value("timestamp[us, tz=UTC]"),
}
