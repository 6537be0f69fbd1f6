"""Pictures as PNG bytes inside a table.

Speckle of 16 bits does not compress: on such tiles deflate costs a hundred times what reading and
scaling them does and saves nothing. So radar pictures are PNGs whose one block is *stored*, and the
table's own Zstandard compression takes what little there is (8-bit sources, empty borders).
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import FormatError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY = 0


def grey16_png(pixels: NDArray[np.uint16]) -> bytes:
    """A 16-bit grey PNG, not compressed (PNG specification, chapters 5 to 11).

    Parameters
    ----------
    pixels : uint16 array, shape (rows, columns)
    """
    rows, columns = pixels.shape
    lines = np.empty((rows, 1 + 2 * columns), np.uint8)
    lines[:, 0] = 0  # filter type 0 before every line
    lines[:, 1:] = pixels.astype(">u2").view(np.uint8).reshape(rows, 2 * columns)
    header = struct.pack(">IIBBBBB", columns, rows, 16, _GREY, 0, 0, 0)
    body = zlib.compress(lines.data, 0)
    parts = [*_chunk(b"IHDR", header), *_chunk(b"IDAT", body), *_chunk(b"IEND", b"")]
    return b"".join([_SIGNATURE, *parts])


def _chunk(kind: bytes, body: bytes) -> tuple[bytes, ...]:
    """Parts of a chunk, to be joined once."""
    checksum = zlib.crc32(body, zlib.crc32(kind))
    return struct.pack(">I", len(body)), kind, body, struct.pack(">I", checksum)


def picture_png(picture: NDArray[np.uint8] | NDArray[np.bool_] | Image.Image) -> bytes:
    """An 8-bit grey, RGB, indexed or 1-bit picture as PNG, lightly compressed."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    held = io.BytesIO()
    image.save(held, "PNG", compress_level=1)
    return held.getvalue()


def png_pixels(data: bytes, what: str = "picture") -> NDArray[np.generic]:
    """The pixels of a PNG: uint16, uint8 (indices where it is indexed) or bool.

    Raises
    ------
    FormatError
        If the bytes are no whole PNG; ``what`` names it.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            pixels = np.asarray(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise FormatError(f"{what} is damaged ({error}): run `sarloom tiles check`") from error
    return pixels
