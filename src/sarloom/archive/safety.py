"""What stands between a file from anywhere and the libraries that parse it.

A file is told by its first bytes, never by its name. GDAL may use only the driver that fits them,
so that a VRT renamed to .tif cannot open another file. What a window costs in memory is known
before it is read. Whatever a library raises becomes one FormatError that names the file.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import rasterio
from rasterio.errors import NotGeoreferencedWarning

from ..errors import FormatError, InputError, SarloomError

Magic = Literal["tiff", "png", "jpeg", "bmp", "npy", "nitf", "zip", "gzip", "tar", "hdf5"]

MAGIC_BYTES: tuple[tuple[bytes, int, Magic], ...] = (
    (b"II*\0", 0, "tiff"),
    (b"MM\0*", 0, "tiff"),
    (b"II+\0", 0, "tiff"),  # BigTIFF
    (b"MM\0+", 0, "tiff"),
    (b"\x89PNG\r\n\x1a\n", 0, "png"),
    (b"\xff\xd8\xff", 0, "jpeg"),
    (b"BM", 0, "bmp"),
    (b"\x93NUMPY", 0, "npy"),
    (b"NITF", 0, "nitf"),
    (b"NSIF", 0, "nitf"),
    (b"PK\x03\x04", 0, "zip"),
    (b"\x1f\x8b", 0, "gzip"),
    (b"ustar", 257, "tar"),
    (b"\x89HDF\r\n\x1a\n", 0, "hdf5"),
)

GDAL_DRIVERS: dict[Magic, str] = {"tiff": "GTiff", "png": "PNG", "jpeg": "JPEG", "bmp": "BMP"}
"""The only drivers that rasters are opened with; none of them opens a second image file."""

MAX_WINDOW_PIXELS = 1 << 28
"""Pixels that one window, or one stored block, may have: 2 GiB of complex64."""
MAX_PIXELS_PER_BYTE = 20_000
"""Pixels that one byte of a file may stand for where an image is larger than a window; well above
what a real image of one constant compresses to, and far below an empty file's billions."""
MAX_TEXT_BYTES = 64 << 20
"""Size of a sidecar (JSON, XML, TOML) that is still read."""


def magic_of(path: Path) -> Magic | None:
    """What a file is by its first bytes; None for a folder or anything unknown."""
    try:
        with path.open("rb") as opened:
            head = opened.read(264)
    except OSError:
        return None
    found = (name for magic, at, name in MAGIC_BYTES if head[at : at + len(magic)] == magic)
    return next(found, None)


@contextmanager
def reading(path: Path, next_step: str) -> Iterator[None]:
    """Turn whatever a library raises inside the block into one FormatError naming the file.

    Parameters
    ----------
    path
        What is being read.
    next_step
        What a user should do then; it closes the message.

    Raises
    ------
    FormatError
        For any exception that is not already one of sarloom's; the original is its cause.
    InputError
        If the file is not there or may not be read.
    """
    try:
        yield
    except SarloomError:
        raise
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror})") from error
    except RecursionError as error:
        raise FormatError(f"{path}: nested too deeply; {next_step}") from error
    except Exception as error:  # what a damaged file makes a parser raise is not a closed list
        reason = " ".join(f"{type(error).__name__} {error}".split())[:300]
        raise FormatError(f"{path}: cannot be read ({reason}); {next_step}") from error


def open_raster(path: Path) -> Any:
    """A rasterio dataset, opened with the one driver that fits the file's first bytes.

    Raises
    ------
    FormatError
        If it is no such image, is damaged, or claims far more pixels than its bytes can hold.
    InputError
        If it is not there, or its stored blocks are too large to read one at a time.
    """
    if not path.is_file():
        raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'not there'}")
    magic = magic_of(path)
    if magic is None or magic not in GDAL_DRIVERS:
        raise FormatError(
            f"{path}: {'is a ' + magic.upper() if magic else 'its first bytes are those of'}"
            f"{'' if magic else ' no known image'}, not a TIFF, PNG, JPEG or BMP; "
            "check the download, or convert it with gdal_translate"
        )
    with reading(path, "the image is damaged; fetch it again"), _quiet():
        opened = rasterio.open(path.absolute(), driver=GDAL_DRIVERS[magic])
    try:
        with reading(path, "the image is damaged; fetch it again"):
            _check_size(path, opened)
    except BaseException:
        opened.close()
        raise
    return opened


def check_window(path: Path, shape: tuple[int, int], rows: slice, columns: slice) -> None:
    """Refuse a window that leaves the image or would not fit into memory.

    Raises
    ------
    InputError
        Before anything is read.
    """
    for name, part, length in (("rows", rows, shape[0]), ("columns", columns, shape[1])):
        ok = part.step in (None, 1) and isinstance(part.start, int) and isinstance(part.stop, int)
        if not ok or not 0 <= part.start < part.stop <= length:
            raise InputError(f"{path}: {name} {part.start}:{part.stop} are not within 0:{length}")
    check_pixels(path, rows.stop - rows.start, columns.stop - columns.start)


def check_pixels(path: Path, rows: int, columns: int) -> None:
    """Refuse more pixels at once than the budget; read windows instead.

    Raises
    ------
    InputError
        If rows times columns exceed ``MAX_WINDOW_PIXELS``.
    """
    if rows * columns > MAX_WINDOW_PIXELS:
        raise InputError(
            f"{path}: {rows} x {columns} pixels at once are more than {MAX_WINDOW_PIXELS}; "
            "read smaller windows"
        )


def read_text(path: Path) -> str:
    """A sidecar's text.

    Raises
    ------
    FormatError
        If it is larger than ``MAX_TEXT_BYTES`` or not UTF-8.
    """
    with reading(path, "a sidecar should be text in UTF-8"):
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise FormatError(f"{path}: larger than {MAX_TEXT_BYTES >> 20} MiB, no sidecar is")
        return path.read_text("utf-8-sig")


def _check_size(path: Path, opened: Any) -> None:
    rows, columns = opened.shape
    if opened.count < 1 or rows < 1 or columns < 1:
        raise FormatError(f"{path}: has no pixels; fetch it again")
    pixels, size = rows * columns * opened.count, path.stat().st_size
    if pixels > MAX_WINDOW_PIXELS and pixels > MAX_PIXELS_PER_BYTE * size:
        raise FormatError(
            f"{path}: claims {rows} x {columns} pixels in {size} bytes, so nearly all of it is "
            "empty; cut out what holds data, for example with gdal_translate -projwin"
        )
    if opened.driver == "GTiff":
        _check_end(path, opened, size)
    if math.prod(opened.block_shapes[0]) > MAX_WINDOW_PIXELS:
        raise InputError(
            f"{path}: stored as blocks of {opened.block_shapes[0]} pixels, too large to read; "
            "store it in tiles: gdal_translate -of COG"
        )


def _check_end(path: Path, opened: Any, size: int) -> None:
    """Refuse a TIFF that ends before its last block does.

    A download that broke off, or bytes lost on the way: in an uncompressed image all pixels after
    a gap are then others, and only the last block shows it.
    """
    for band in range(1, opened.count + 1):
        height, width = opened.block_shapes[band - 1]
        last = f"{(opened.width - 1) // width}_{(opened.height - 1) // height}"
        offset = opened.get_tag_item(f"BLOCK_OFFSET_{last}", "TIFF", bidx=band)
        length = opened.get_tag_item(f"BLOCK_SIZE_{last}", "TIFF", bidx=band)
        if offset and length and int(offset) + int(length) > size:
            raise FormatError(
                f"{path}: ends at byte {size}, but its last pixels would end at "
                f"{int(offset) + int(length)}: cut off, or bytes are lost within; fetch it again"
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """An image without georeference is nothing to warn of: scenes say so themselves.

    A damaged sidecar makes GDAL utter bytes that are no text; rasterio cannot log these and Python
    would print a traceback of that, though the error itself is raised and named.
    """
    import warnings

    usual = sys.unraisablehook

    def hook(seen: Any) -> None:
        if not isinstance(seen.exc_value, UnicodeDecodeError):
            usual(seen)

    sys.unraisablehook = hook
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            yield
    finally:
        sys.unraisablehook = usual
