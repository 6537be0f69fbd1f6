"""The small TOML that describes a raster whose file does not: docs/readers.md shows one.

``NAME.toml`` beside ``NAME.png`` (or .npy, .tif, ...) describes that file, ``sarloom.toml`` all
files of its folder that its key ``files`` matches. The file's own TOML is the stronger.
"""

from __future__ import annotations

import difflib
import fnmatch
import math
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from ..errors import FormatError
from ..records import Calibration, Plane
from .facts import POLARIZATIONS, Facts, parse_time
from .raster import Quantity
from .safety import read_text, reading

FOLDER_NAME = "sarloom.toml"

RANGE_DIRECTIONS = {"right": "+column", "left": "-column", "down": "+row", "up": "-row"}
"""Where far range lies in the picture as it is stored."""

Value = Callable[[Any], Any]


def descriptions_of(path: Path) -> list[Path]:
    """TOML files that describe a raster, the stronger last. Cheap: names, and a folder's globs."""
    folder, own = path.parent / FOLDER_NAME, path.with_suffix(".toml")
    found = [folder] if folder.is_file() and _covers(folder, path) else []
    if own != folder and own != path and own.is_file():
        found.append(own)
    return found


def described_facts(path: Path) -> Facts:
    """What TOML files beside a raster state of it; nothing where there are none.

    Raises
    ------
    FormatError
        If one is no TOML, has an unknown key or a value that does not fit.
    """
    facts = Facts()
    for toml in descriptions_of(path):
        facts = read_description(toml).over(facts)
    return facts


def read_description(toml: Path) -> Facts:
    """Facts out of one TOML file.

    Raises
    ------
    FormatError
        If it is no TOML, has an unknown key or a value that does not fit.
    """
    content = _parse(toml)
    stated: dict[str, Any] = {}
    for key, value in content.items():
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(KEYS)}"
            raise FormatError(f"{toml}: unknown key {key!r}; {hint}")
        names, convert = KEYS[key]
        try:
            converted = convert(value)
        except (TypeError, ValueError) as error:
            raise FormatError(f"{toml}: {key} = {str(value)[:60]!r} {error}") from error
        for name in names:
            stated[name] = converted
    if ("decibels_at_zero" in stated) != ("decibels_at_full_scale" in stated):
        raise FormatError(f"{toml}: state decibels_at_zero and decibels_at_full_scale together")
    return Facts(**stated, extra={"described_by": [toml.name]})


def _parse(toml: Path) -> dict[str, Any]:
    with reading(toml, "see docs/readers.md for the keys"):
        return tomllib.loads(read_text(toml))


def _covers(toml: Path, path: Path) -> bool:
    """Whether a folder's TOML means this file; a damaged one does, so that reading complains."""
    try:
        globs = _parse(toml).get("files", "*")
    except FormatError:
        return True
    globs = [globs] if isinstance(globs, str) else globs
    return any(fnmatch.fnmatch(path.name, str(glob)) for glob in globs)


def _number(low: float = -math.inf, high: float = math.inf, above: bool = False) -> Value:
    """A number between bounds, or above the lower one."""

    def convert(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError("is not a number")
        fits = (low < value if above else low <= value) and value <= high
        if not math.isfinite(value) or not fits:
            raise ValueError(f"is not {'above' if above else 'from'} {low:g} to {high:g}")
        return float(value)

    return convert


def _nodata(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("is not a number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError("is not a text")
    return value.strip()


def _choice(*choices: str) -> Value:
    def convert(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"is none of {', '.join(choices)}")
        return str(value)

    return convert


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("is neither true nor false")
    return value


def _time(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if hasattr(value, "isoformat"):  # a TOML date without a time
        return parse_time(value.isoformat(), "time")
    return parse_time(_text(value), "time")


def _range_direction(value: Any) -> str:
    if value not in RANGE_DIRECTIONS:
        raise ValueError(f"is none of {', '.join(RANGE_DIRECTIONS)}: the side where far range lies")
    return RANGE_DIRECTIONS[value]


def _polarizations(value: Any) -> tuple[str, ...]:
    items = tuple(_text(item).upper() for item in (value if isinstance(value, list) else [value]))
    if not items or not set(items) <= POLARIZATIONS:
        raise ValueError("is no polarisation like 'HH' or list of such")
    return items


def _bands(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(type(item) is int for item in value):
        raise TypeError("is not a list of band numbers, counted from 1")
    return tuple(value)


def _place(value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise TypeError("is not a list of [longitude, latitude]")
    return _number(-360, 360)(value[0]), _number(-90, 90)(value[1])


def _corners(value: Any) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, list) or len(value) != 4:
        raise TypeError(
            "is not four [longitude, latitude]: of the outer corners of the first row's first and "
            "last pixel, then of the last row's last and first"
        )
    return tuple(_place(item) for item in value)


def _points(value: Any) -> tuple[tuple[float, float, float, float], ...]:
    if not isinstance(value, list) or len(value) < 3:
        raise TypeError("is not a list of at least three [row, column, longitude, latitude]")
    if not all(isinstance(item, list) and len(item) == 4 for item in value):
        raise TypeError("is not a list of [row, column, longitude, latitude]")
    any_number = _number()
    return tuple((any_number(r), any_number(c), *_place([x, y])) for r, c, x, y in value)


def _transform(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != 6:
        raise TypeError("is not six numbers [a, b, c, d, e, f]: x = a column + b row + c, ...")
    return tuple(_number()(item) for item in value)


def _notes(value: Any) -> tuple[str, ...]:
    return tuple(_text(item) for item in (value if isinstance(value, list) else [value]))


def _ignored(value: Any) -> tuple[str, ...]:
    """``files`` says which files are meant; it states nothing about them."""
    return _notes(value)


_POSITIVE = _number(0, above=True)

KEYS: dict[str, tuple[tuple[str, ...], Value]] = {
    "files": ((), _ignored),
    "quantity": (("quantity",), _choice(*get_args(Quantity))),
    "calibration": (("calibration",), _choice(*get_args(Calibration))),
    "calibration_factor": (("factor",), _POSITIVE),
    "full_scale_amplitude": (("full_scale_amplitude",), _POSITIVE),
    "decibels_at_zero": (("decibels_at_zero",), _number(-300, 300)),
    "decibels_at_full_scale": (("decibels_at_full_scale",), _number(-300, 300)),
    "nodata": (("nodata",), _nodata),
    "bands": (("bands",), _bands),
    "plane": (("plane",), _choice(*get_args(Plane))),
    "spacing_m": (("row_spacing_m", "column_spacing_m"), _POSITIVE),
    "row_spacing_m": (("row_spacing_m",), _POSITIVE),
    "column_spacing_m": (("column_spacing_m",), _POSITIVE),
    "resolution_m": (("row_resolution_m", "column_resolution_m"), _POSITIVE),
    "row_resolution_m": (("row_resolution_m",), _POSITIVE),
    "column_resolution_m": (("column_resolution_m",), _POSITIVE),
    "range_direction": (("range_axis",), _range_direction),
    "range_azimuth_deg": (("range_azimuth_deg",), _number(0, 360)),
    "look_side": (("look_side",), _choice("left", "right")),
    "incidence_angle_deg": (("incidence_angle_deg",), _number(0, 90, above=True)),
    "looks": (("looks",), _number(1)),
    "band": (("band",), _text),
    "center_frequency_hz": (("center_frequency_hz",), _number(1e6, 1e12)),
    "polarization": (("polarizations",), _polarizations),
    "platform": (("platform",), _text),
    "instrument_mode": (("instrument_mode",), _text),
    "time": (("time",), _time),
    "corners": (("corners",), _corners),
    "points": (("points",), _points),
    "crs": (("crs",), _text),
    "transform": (("transform",), _transform),
    "identifier": (("identifier",), _text),
    "synthetic": (("synthetic",), _flag),
    "notes": (("notes",), _notes),
}
"""Keys of a description: which facts each states, and what its value may be."""
