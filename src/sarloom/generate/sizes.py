"""Image sizes as the user writes them."""

from __future__ import annotations

import re

from ..errors import SizeError

LARGEST_SIDE = 8192


def parse_size(text: str) -> tuple[int, int]:
    """``512`` or ``WIDTHxHEIGHT`` to (width, height) in pixels.

    Raises
    ------
    SizeError
        If it is neither, or a side is zero or beyond 8192.
    """
    match = re.fullmatch(r"(\d+)(?:\s*[xX×]\s*(\d+))?", text.strip())
    if match is None:
        raise SizeError(f"--size {text!r} is no size; write 512 or WIDTHxHEIGHT, as 768x512")
    width = int(match[1])
    height = int(match[2] or match[1])
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise SizeError(f"--size {text}: each side must be 1 to {LARGEST_SIDE} pixels")
    return width, height


def check_size(width: int, height: int, cell: int) -> None:
    """Check that an image is a whole number of latent cells.

    Raises
    ------
    SizeError
        Naming the nearest size that fits.
    """
    if width % cell == 0 and height % cell == 0:
        return
    near = "x".join(str(max(cell, round(side / cell) * cell)) for side in (width, height))
    raise SizeError(
        f"--size {width}x{height}: this model draws in cells of {cell} pixels; the nearest size "
        f"that fits is {near}"
    )


def default_size(native: int) -> tuple[int, int]:
    """512 x 512, or the native size of a model trained on larger images."""
    side = max(512, native)
    return side, side
