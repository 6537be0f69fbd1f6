"""Figures of a tile set, and a picture of them: amplitudes, looks, and where the tiles lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..errors import InputError
from ..files import write_aside
from .check import block_looks, ring_of
from .ledger import SPLITS
from .rows import box_of
from .store import open_tiles, row_amplitude
from .survey import spread
from .view import FAINT, INK, PAPER, font

Progress = Callable[[int, int, str], None]
LOW_DB, HIGH_DB, STEP_DB = -150.0, 150.0, 0.5
LOOKS_STEP, MOST_LOOKS = 0.1, 60.0
COLOURS = {"train": (96, 156, 220), "validation": (226, 178, 72), "test": (214, 96, 96)}
KM2 = 1e-6


@dataclass
class Figures:
    """What ``measure_tiles`` found."""

    tiles: int
    sampled: int
    splits: dict[str, int]
    rejected: dict[str, int]
    counts: dict[str, dict[str, int]]
    """Column -> value as text -> number of tiles."""
    area_km2: float
    bytes: int
    amplitude_db: NDArray[np.int64]
    """Pixels per half decibel of 20 log10 amplitude from -150 dB."""
    looks: NDArray[np.int64]
    """16 x 16 blocks per tenth of a look."""
    saturated: float
    footprints: dict[str, list[list[tuple[float, float]]]] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """JSON types; without footprints and histograms."""
        return {
            "tiles": self.tiles,
            "sampled": self.sampled,
            "splits": self.splits,
            "rejected": self.rejected,
            **self.counts,
            "area_km2": self.area_km2,
            "bytes": self.bytes,
            "amplitude_db": {
                f"{share:g} %": quantile(self.amplitude_db, share / 100, LOW_DB, STEP_DB)
                for share in (5, 50, 95)
            },
            "measured_looks_median": quantile(self.looks, 0.5, 0.0, LOOKS_STEP),
            "saturated": self.saturated,
        }


def measure_tiles(
    folder: Path, sample: int = 256, progress: Progress = lambda done, total, doing: None
) -> Figures:
    """Measure a tile set; pixels of ``sample`` evenly spread tiles, the rest from the columns.

    Raises
    ------
    InputError
        If the set holds no tile.
    """
    tiles = open_tiles(folder)
    if len(tiles) == 0:
        raise InputError(f"{folder} holds no tile")
    columns = tiles.columns(
        "split", "footprint", "spacing_m", "looks", "calibration", "band", "polarization",
        "acquisition", "optical_source", "saturated", "text",
    )  # fmt: skip
    picked = spread(len(tiles), sample)
    amplitude = np.zeros(round((HIGH_DB - LOW_DB) / STEP_DB), np.int64)
    looks = np.zeros(round(MOST_LOOKS / LOOKS_STEP), np.int64)
    pixels: dict[float, int] = {}
    for number, index in enumerate(picked, 1):
        row = tiles.row(index)
        values = row_amplitude(row)
        pixels[row["spacing_m"] or 0.0] = values.size
        good = values[np.isfinite(values) & (values > 0)]
        amplitude += np.histogram(20 * np.log10(good), len(amplitude), (LOW_DB, HIGH_DB))[0]
        found = block_looks(np.square(values), row["threshold"])
        looks += np.histogram(np.minimum(found, MOST_LOOKS - 1e-6), len(looks), (0, MOST_LOOKS))[0]
        progress(number, len(picked), "")
    footprints: dict[str, list[list[tuple[float, float]]]] = {split: [] for split in SPLITS}
    for split, wkt in zip(columns["split"], columns["footprint"], strict=True):
        if wkt:
            footprints[split].append(ring_of(wkt))
    return Figures(
        tiles=len(tiles),
        sampled=len(picked),
        splits=dict(tiles.manifest["splits"]),
        rejected=dict(tiles.manifest["rejected"]),
        counts={
            "spacing_m": _counted(columns["spacing_m"]),
            "stated_looks": _counted(
                [None if one is None else round(one, 1) for one in columns["looks"]]
            ),
            "calibration": _counted(columns["calibration"]),
            "band": _counted(columns["band"]),
            "polarization": _counted(columns["polarization"]),
            "optical": _counted([one is not None for one in columns["optical_source"]]),
            "caption": _counted([one is not None for one in columns["text"]]),
            "acquisitions": {"number": len(set(columns["acquisition"]))},
        },
        area_km2=float(
            sum(pixels.get(one or 0.0, 0) * (one or 0.0) ** 2 for one in columns["spacing_m"]) * KM2
        ),
        bytes=sum(int(shard["bytes"]) for shard in tiles.manifest["shards"]),
        amplitude_db=amplitude,
        looks=looks,
        saturated=float(np.mean([one or 0.0 for one in columns["saturated"]])),
        footprints=footprints,
    )


def _counted(values: Sequence[Any]) -> dict[str, int]:
    def spelt(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        return "not known" if value is None else f"{value:g}" if isinstance(value, float) else value

    return dict(Counter(spelt(value) for value in values).most_common())


def quantile(histogram: NDArray[np.int64], share: float, low: float, step: float) -> float | None:
    """Value below which a share of a histogram lies; None of an empty one."""
    total = int(histogram.sum())
    if total == 0:
        return None
    reached = np.cumsum(histogram) / total
    return float(low + step * (int(np.searchsorted(reached, share)) + 0.5))


def describe_figures(figures: Figures) -> list[tuple[str, str]]:
    """Lines for a person."""
    plain = figures.as_plain()

    def listed(counts: dict[str, int]) -> str:
        shown = [f"{value} ({number})" for value, number in list(counts.items())[:6]]
        return ", ".join(shown) + (", ..." if len(counts) > 6 else "")

    amplitude = ", ".join(
        f"{share} below {value:.1f} dB"
        for share, value in plain["amplitude_db"].items()
        if value is not None
    )
    looks = plain["measured_looks_median"]
    return [
        ("tiles", f"{figures.tiles} ({listed(figures.splits)})"),
        ("left out", listed(figures.rejected) or "none"),
        ("acquisitions", str(figures.counts["acquisitions"]["number"])),
        ("spacing [m]", listed(figures.counts["spacing_m"])),
        ("stated looks", listed(figures.counts["stated_looks"])),
        ("measured looks", "-" if looks is None else f"{looks:.2f} (median of 16 x 16 blocks)"),
        ("amplitude", amplitude or "-"),
        ("saturated", f"{figures.saturated:.3%} of pixels"),
        ("calibration", listed(figures.counts["calibration"])),
        ("band, polarisation", f"{listed(figures.counts['band'])}; "
                               f"{listed(figures.counts['polarization'])}"),
        ("optical partner", listed(figures.counts["optical"])),
        ("caption", listed(figures.counts["caption"])),
        ("tile area", f"{figures.area_km2:.3f} km2, counted once per tile and spacing"),
        ("size", f"{figures.bytes / 1e6:.1f} MB"),
    ]  # fmt: skip


# -- the picture ---------------------------------------------------------------------------------

WIDE, HIGH, MARGIN = 560, 400, 56


def draw_figures(figures: Figures, path: Path) -> Path:
    """Write histograms and the map as one PNG."""
    sheet = Image.new("RGB", (2 * WIDE, 2 * HIGH), PAPER)
    draw = ImageDraw.Draw(sheet)
    amplitude, looks = figures.amplitude_db, figures.looks
    _histogram(draw, (0, 0), amplitude, LOW_DB, STEP_DB, "20 log10 amplitude [dB], share of pixels")
    top = quantile(looks, 0.99, 0.0, LOOKS_STEP) or 2.0
    shown = looks[: max(10, round(1.2 * top / LOOKS_STEP))]
    _histogram(draw, (0, HIGH), shown, 0.0, LOOKS_STEP, "looks of 16 x 16 blocks, share of blocks")
    _map(draw, (WIDE, 0, 2 * WIDE, 2 * HIGH), figures)
    with write_aside(path) as aside:
        sheet.save(aside, "PNG")
    return path


def _histogram(
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    counts: NDArray[np.int64],
    low: float,
    step: float,
    title: str,
) -> None:
    """Bars over the occupied range."""
    left, top = corner[0] + MARGIN, corner[1] + MARGIN
    right, bottom = corner[0] + WIDE - MARGIN // 2, corner[1] + HIGH - MARGIN
    draw.text((left, corner[1] + 20), title, INK, font(15))
    draw.line((left, bottom, right, bottom), FAINT)
    total = int(counts.sum())
    if total == 0:
        draw.text((left, top), "nothing to count", FAINT, font())
        return
    # without the far tails, in which single pixels would stretch the axis
    reached = np.cumsum(counts) / total
    first = max(0, int(np.searchsorted(reached, 1e-4)) - 1)
    last = min(len(counts), int(np.searchsorted(reached, 1 - 1e-4)) + 2)
    heights = counts[first:last] / total
    bar = (right - left) / len(heights)
    for number, height in enumerate(heights):
        y = bottom - float(height / heights.max()) * (bottom - top)
        x = left + number * bar
        draw.rectangle((x, y, max(x, x + bar - 1), bottom), COLOURS["train"])
    ends = (low + first * step, low + last * step)
    for value in ticks(*ends):
        x = left + (value - ends[0]) / (ends[1] - ends[0]) * (right - left)
        draw.line((x, bottom, x, bottom + 5), FAINT)
        draw.text((x, bottom + 8), f"{value:g}", INK, font(), anchor="ma")
    draw.text((left, top - 6), f"{heights.max():.1%}", FAINT, font(), anchor="lb")


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Round numbers between two ends."""
    raw = (high - low) / most
    power = 10 ** np.floor(np.log10(raw))
    step = next(float(n * power) for n in (1, 2, 5, 10) if n * power >= raw)
    first = float(np.ceil(low / step) * step)
    return [round(first + step * n, 12) for n in range(int((high - first) / step + 1e-9) + 1)]


def _map(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], figures: Figures) -> None:
    """Footprints in longitude and latitude, to scale at the middle latitude."""
    left, top = box[0] + MARGIN, box[1] + MARGIN + 24
    right, bottom = box[2] - MARGIN // 2, box[3] - MARGIN
    draw.text((left, box[1] + 20), "footprints: longitude, latitude [deg]", INK, font(15))
    x = float(left)
    for split, colour in COLOURS.items():
        draw.rectangle((x, box[1] + 48, x + 10, box[1] + 58), colour)
        text = f"{split} ({figures.splits.get(split, 0)})"
        draw.text((x + 16, box[1] + 46), text, FAINT, font())
        x += 30 + draw.textlength(text, font())
    rings = [ring for each in figures.footprints.values() for ring in each]
    if not rings:
        draw.text((left, top), "no tile is georeferenced", FAINT, font())
        return
    boxes = np.array([box_of(ring) for ring in rings])
    west, south = boxes[:, 0].min(), boxes[:, 1].min()
    east, north = boxes[:, 2].max(), boxes[:, 3].max()
    squeeze = max(0.02, float(np.cos(np.radians((south + north) / 2))))
    width, height = max((east - west) * squeeze, 1e-9), max(north - south, 1e-9)
    scale = min((right - left) / width, (bottom - top) / height)

    def place(lon: float, lat: float) -> tuple[float, float]:
        return left + (lon - west) * squeeze * scale, top + (north - lat) * scale

    for split, each in figures.footprints.items():
        for ring in each:
            corners = [place(*corner) for corner in ring]
            if max(abs(a - b) for a, b in zip(corners[0], corners[2], strict=True)) < 3:
                dot = corners[0]
                draw.ellipse((dot[0] - 2, dot[1] - 2, dot[0] + 2, dot[1] + 2), COLOURS[split])
            else:
                draw.polygon(corners, outline=COLOURS[split])
    end_x, end_y = place(east, south)
    draw.line((left, end_y + 6, end_x, end_y + 6), FAINT)
    for value in ticks(west, east, 3):
        x = place(value, south)[0]
        draw.line((x, end_y + 6, x, end_y + 11), FAINT)
        draw.text((x, end_y + 14), f"{value:.10g}", INK, font(11), anchor="ma")
    for value in ticks(south, north, 6):
        y = place(west, value)[1]
        draw.line((left - 6, y, left - 1, y), FAINT)
        draw.text((left - 8, y), f"{value:.10g}", INK, font(11), anchor="rm")
