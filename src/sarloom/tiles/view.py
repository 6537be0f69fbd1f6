"""A contact sheet: radar, optical picture and caption of tiles side by side."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..errors import InputError
from ..files import write_aside
from ..sar.tone import AmplitudeTone, dequantize, display, quantize
from .schema import Row
from .store import TileSet, open_tiles, row_amplitude, row_picture
from .survey import spread
from .tone import tone_of

PAPER, INK, FAINT = (24, 24, 24), (225, 225, 225), (140, 140, 140)
GAP = 14
HEAD = 30
FONT = 13


def write_sheet(
    folder: Path, path: Path, count: int = 12, split: str | None = None, cell: int = 256
) -> Path:
    """Write the sheet as PNG.

    Raises
    ------
    InputError
        If the set, or the split, holds no tile.
    """
    tiles = open_tiles(folder, split)
    if len(tiles) == 0:
        raise InputError(f"{folder} holds no tile{f' in {split}' if split else ''}")
    rows = [tiles.row(index) for index in spread(len(tiles), count)]
    across = 1 if len(rows) < 4 else 2
    down = -(-len(rows) // across)
    paired = any(row["optical"] is not None for row in rows)
    wide, high = (3 if paired else 2) * (cell + GAP), cell + GAP
    sheet = Image.new("RGB", (across * wide + GAP, down * high + GAP + HEAD), PAPER)
    ImageDraw.Draw(sheet).text((GAP, GAP), _heading(tiles, folder, len(rows), split), INK, font(15))
    for number, row in enumerate(rows):
        # down the columns first, as tiles are read
        left, top = GAP + number // down * wide, HEAD + GAP + number % down * high
        sheet.paste(entry(row, cell, paired), (left, top))
    with write_aside(path) as aside:
        sheet.save(aside, "PNG")
    return path


def _heading(tiles: TileSet, folder: Path, shown: int, split: str | None) -> str:
    """Which set, and how much of it."""
    where = f" in {split}" if split else ""
    optical = " with their optical pictures" if "optical" in tiles.pictures() else ""
    return f"{folder.resolve().name}: {shown} of {len(tiles)} tiles{where}{optical}"


def entry(row: Row, cell: int, paired: bool) -> Image.Image:
    """One tile: radar, optical picture where the sheet has any, words."""
    made = Image.new("RGB", ((3 if paired else 2) * (cell + GAP) - GAP, cell), PAPER)
    made.paste(fitted(grey8(row), cell), (0, 0))
    draw = ImageDraw.Draw(made)
    _words(draw, row, made.width - cell, cell)
    if not paired:
        return made
    optical = row_picture(row, "optical")
    if optical is None:
        draw.rectangle((cell + GAP, 0, 2 * cell + GAP - 1, cell - 1), outline=FAINT)
        draw.text((cell + GAP + 10, 10), "no optical picture", FAINT, font())
    else:
        made.paste(fitted(np.asarray(optical, np.uint8), cell), (cell + GAP, 0))
    return made


def grey8(row: Row) -> NDArray[np.uint8]:
    """The radar tile for looking at: the acquisition's own tone where that is linear."""
    if isinstance(tone_of(row), AmplitudeTone):
        pixels = row_picture(row, "image")
        assert pixels is not None
        return np.asarray(quantize(dequantize(pixels)), np.uint8)
    return display(row_amplitude(row))


def fitted(pixels: NDArray[np.uint8], cell: int) -> Image.Image:
    """A picture in a square of ``cell`` pixels."""
    picture = Image.fromarray(pixels).convert("RGB")
    shrinking = picture.width > cell
    return picture.resize(
        (cell, cell), Image.Resampling.BOX if shrinking else Image.Resampling.NEAREST
    )


def _words(draw: ImageDraw.ImageDraw, row: Row, left: int, cell: int) -> None:
    """Caption, then what is known of the tile, as far as there is room."""
    per_line = max(16, int(cell / (FONT * 0.54)))
    step = FONT + 4
    top = 0
    for text, ink in [(row["text"] or "no caption", INK if row["text"] else FAINT), *facts(row)]:
        lines = textwrap.wrap(text, per_line) or [""]
        for line in lines[: 5 if ink == INK else 2]:
            if top + step > cell:
                return
            draw.text((left, top), line, ink, font())
            top += step
        top += 2


def facts(row: Row) -> list[tuple[str, tuple[int, int, int]]]:
    """Lines about a tile."""

    def number(name: str, form: str, unit: str) -> str:
        return "" if row[name] is None else f"{row[name]:{form}} {unit}"

    radar = [row["platform"], row["band"] and f"{row['band']} band", row["polarization"]]
    seen = [
        number("spacing_m", "g", "m"),
        number("looks", ".3g", "look" if row["looks"] == 1 else "looks"),
        number("incidence_angle_deg", ".1f", "deg"),
    ]
    optical = ""
    if row["optical_source"]:
        days = "" if row["optical_days"] is None else f", {row['optical_days']:+.1f} days"
        optical = f"optical: {row['optical_overlap']:.0%}{days}"
    lines = [
        row["id"],
        ", ".join(part for part in radar if part),
        ", ".join(part for part in seen if part),
        _far(row),
        row["calibration"] or "",
        optical,
        row["split"],
    ]
    return [(line, FAINT) for line in lines if line]


def _far(row: Row) -> str:
    """Where far range lies."""
    residual = row["range_angle_residual_deg"]
    if residual is None:
        return "range direction not known"
    if abs(residual) < 0.5:
        return "far range right"
    return f"far range right, {residual:+.0f} deg clockwise"


def font(size: int = FONT) -> Any:
    """Pillow's own font."""
    return ImageFont.load_default(size)
