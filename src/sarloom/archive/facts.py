"""What is stated about a raster, from whatever source, and how several sources are laid over.

A sidecar, a tag and a TOML each become ``Facts``: what they do not state is None. The reader lays
them over one another, the nearer to the user the stronger, and ``rasters.py`` makes scenes of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import FormatError
from ..records import Calibration, Plane, RangeAxis
from .raster import Quantity

POLARIZATIONS = frozenset(sent + received for sent in "HVRL" for received in "HVRL")


@dataclass(frozen=True)
class Facts:
    """Statements about one raster; None where nothing is stated. Meanings as in ``Scene``."""

    quantity: Quantity | None = None
    factor: float | None = None
    """Of the power: calibration factor, scale factor squared."""
    slope: float | None = None
    offset: float | None = None
    exponent: float | None = None
    """A stored amplitude is the amplitude to this power."""
    full_scale_amplitude: float | None = None
    """Amplitude that the largest number stands for; the T of a clipped and scaled image."""
    decibels_at_zero: float | None = None
    decibels_at_full_scale: float | None = None
    nodata: float | None = None
    bands: tuple[int, ...] | None = None
    """Bands of the file that are radar channels, counted from one."""
    calibration: Calibration | None = None
    plane: Plane | None = None
    row_spacing_m: float | None = None
    column_spacing_m: float | None = None
    range_axis: RangeAxis | None = None
    range_azimuth_deg: float | None = None
    look_side: str | None = None
    incidence_angle_deg: float | None = None
    looks: float | None = None
    row_resolution_m: float | None = None
    column_resolution_m: float | None = None
    band: str | None = None
    center_frequency_hz: float | None = None
    polarizations: tuple[str, ...] | None = None
    """One for all channels, or one for each."""
    platform: str | None = None
    instrument_mode: str | None = None
    time: datetime | None = None
    corners: tuple[tuple[float, float], ...] | None = None
    """Longitude and latitude of the outer corners, in image order from the first pixel."""
    points: tuple[tuple[float, float, float, float], ...] | None = None
    """Known places: row, column, longitude, latitude."""
    crs: str | None = None
    transform: tuple[float, float, float, float, float, float] | None = None
    identifier: str | None = None
    synthetic: bool | None = None
    notes: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def over(self, weaker: Facts) -> Facts:
        """These facts, and from the weaker ones what these do not state; notes of both."""
        mine = {part.name: getattr(self, part.name) for part in fields(self)}
        stated = {name: value for name, value in mine.items() if value is not None}
        stated["notes"] = weaker.notes + self.notes
        stated["extra"] = {**weaker.extra, **self.extra}
        return replace(weaker, **stated)


class Document:
    """A parsed JSON document, asked by paths like 'collect.image.scale_factor'.

    Parameters
    ----------
    path
        File that a complaint should name.
    content
        Nested dictionaries and lists.
    """

    def __init__(self, path: Path, content: Any) -> None:
        self.path = path
        self.content = content

    def get(self, where: str) -> Any:
        """What lies at a path; None if any part of it is missing."""
        found = self.content
        for part in where.split("."):
            if isinstance(found, list) and part.isdigit() and int(part) < len(found):
                found = found[int(part)]
            elif isinstance(found, dict):
                found = found.get(part)
            else:
                return None
        return found

    def number(self, where: str, low: float = -math.inf, high: float = math.inf) -> float | None:
        """A finite number within bounds, which are allowed; None if it is missing.

        Raises
        ------
        FormatError
            If something else stands there.
        """
        value = self.get(where)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FormatError(f"{self.path}: {where} = {str(value)[:40]!r} is not a number")
        if not (math.isfinite(value) and low <= value <= high):
            raise FormatError(f"{self.path}: {where} = {value} is not between {low:g} and {high:g}")
        return float(value)

    def positive(self, where: str) -> float | None:
        """A number above zero; None if it is missing."""
        value = self.number(where)
        if value is not None and value <= 0:
            raise FormatError(f"{self.path}: {where} = {value:g} should be above zero")
        return value

    def text(self, where: str) -> str | None:
        """A string that is not empty, else None."""
        value = self.get(where)
        return value.strip() or None if isinstance(value, str) else None

    def time(self, where: str) -> datetime | None:
        """A time; without a zone it is taken as UTC."""
        text = self.text(where)
        return None if text is None else parse_time(text, f"{self.path}: {where}")

    def vector(self, where: str) -> tuple[float, float, float] | None:
        """Three finite numbers; None if they are missing."""
        value = self.get(where)
        if value is None:
            return None
        numbers = value if isinstance(value, list) else []
        if len(numbers) != 3 or not all(_is_finite(number) for number in numbers):
            raise FormatError(f"{self.path}: {where} should be three numbers")
        return float(numbers[0]), float(numbers[1]), float(numbers[2])


def parse_time(text: str, where: str) -> datetime:
    """ISO 8601 as UTC, with whatever number of decimals.

    Raises
    ------
    FormatError
        If it is none; the message begins with ``where``.
    """
    head, dot, tail = text.strip().partition(".")
    if dot:  # Python reads at most six decimals
        digits = len(tail) - len(tail.lstrip("0123456789"))
        text = f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise FormatError(
            f"{where} = {text[:40]!r} is not a time like 2024-05-17T10:30:00Z"
        ) from error
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def look_side_of(text: str | None) -> str | None:
    """'left' or 'right' from whatever case a product writes it in; None for anything else."""
    side = (text or "").strip().lower()
    return side if side in ("left", "right") else None


def look_azimuth_deg(
    azimuth_deg: float | None, look_side: str | None, orbit: str | None
) -> float | None:
    """Direction of growing ground range from an azimuth between platform and scene.

    Products disagree on whether a view azimuth points from the platform to the scene or back. The
    look side and the pass of a near-polar orbit decide: an ascending platform flies within 45
    degrees of north, and what it sees lies within 90 degrees of the perpendicular on its look side.
    None where side or pass is not stated, since then nothing decides.
    """
    heading = {"ascending": 0.0, "descending": 180.0}.get((orbit or "").strip().lower())
    if azimuth_deg is None or heading is None or look_side not in ("left", "right"):
        return None
    broadside = heading + (90.0 if look_side == "right" else -90.0)
    away = abs((azimuth_deg - broadside + 180.0) % 360.0 - 180.0)
    return (azimuth_deg if away <= 90.0 else azimuth_deg + 180.0) % 360.0


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)
