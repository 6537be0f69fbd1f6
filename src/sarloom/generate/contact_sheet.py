"""Several images on one sheet, each with a caption."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..files import write_aside

GAP = 12
CAPTION_HEIGHT = 24
PAPER, INK = 24, 225


def save_contact_sheet(
    pictures: Sequence[NDArray[np.uint8]],
    captions: Sequence[str],
    path: Path,
    columns: int | None = None,
    cell: int = 256,
) -> Path:
    """Write a sheet of 8-bit pictures, grey or RGB, each shrunk into a square with its caption.

    Raises
    ------
    InputError
        If there is no picture, or not one caption per picture.
    """
    from PIL import Image, ImageDraw

    if not pictures or len(pictures) != len(captions):
        raise InputError(f"{len(pictures)} pictures and {len(captions)} captions make no sheet")
    across = columns or min(len(pictures), max(2, round(len(pictures) ** 0.5)))
    down = -(-len(pictures) // across)
    width = across * (cell + GAP) + GAP
    height = down * (cell + CAPTION_HEIGHT + GAP) + GAP
    mode = "L" if all(pixels.ndim == 2 for pixels in pictures) else "RGB"
    paper, ink = (PAPER, INK) if mode == "L" else ((PAPER,) * 3, (INK,) * 3)
    sheet = Image.new(mode, (width, height), paper)
    draw = ImageDraw.Draw(sheet)
    for index, (pixels, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = GAP + index % across * (cell + GAP)
        top = GAP + index // across * (cell + CAPTION_HEIGHT + GAP)
        picture = Image.fromarray(pixels)
        picture.thumbnail((cell, cell), Image.Resampling.BOX)
        at = (left + (cell - picture.width) // 2, top + (cell - picture.height) // 2)
        sheet.paste(picture, at)
        draw.text((left, top + cell + 6), _shorten(caption, draw, cell), fill=ink)
    with write_aside(path) as aside:
        sheet.save(aside, "PNG")
    return path


def _shorten(text: str, draw: object, width: int) -> str:
    """Cut a caption to what fits under its picture, in characters the built-in font has."""
    from PIL import ImageDraw

    assert isinstance(draw, ImageDraw.ImageDraw)
    text = text.encode("latin-1", "replace").decode("latin-1")
    if draw.textlength(text) <= width:
        return text
    while text and draw.textlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."
