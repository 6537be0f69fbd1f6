"""The container of SICD and SIDD: where in a NITF file pixels and XML lie, and windowed reads.

What a header claims is compared with the length of the file before anything is read, so that a
truncated file is one error and never a block of zeros. MIL-STD-2500C; the header is parsed by jbpy.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormatError, MissingExtraError
from .safety import check_window, magic_of, reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_XML_BYTES = 64 << 20
"""Longest metadata that is still parsed; the longest known ones have a few MB."""

FILE_HEADER_LENGTH_AT = 354
"""Offset of the six digits that tell where the first image subheader begins."""

logging.getLogger("jbpy").addHandler(logging.NullHandler())  # it warns of blank fields on stderr


@dataclass(frozen=True)
class ImageSegment:
    """One image segment: where its pixels lie and how they are coded."""

    name: str
    """IID1: 'SICD000', 'SIDD001002', ..."""
    category: str
    """ICAT: 'SAR', or 'LEG' for a legend."""
    offset: int
    size: int
    rows: int
    columns: int
    bands: int
    value_type: str
    """PVTYPE: 'R', 'SI', 'INT'."""
    bits: int
    compression: str
    """IC: 'NC' if there is neither compression nor a mask."""
    interleave: str
    """IMODE: 'P' by pixel, 'B' by block."""
    blocks: tuple[int, int]


@dataclass(frozen=True)
class Nitf:
    """Structure of one file."""

    path: Path
    images: tuple[ImageSegment, ...]
    documents: tuple[bytes, ...]
    """Contents of the data extension segments that start like XML, in file order."""


@dataclass(frozen=True)
class RawImage:
    """An image that is stored row by row in one or more segments, one below the other."""

    path: Path
    columns: int
    parts: tuple[tuple[int, int], ...]
    """Offset in the file and number of rows, of each segment."""
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return sum(rows for _, rows in self.parts), self.columns

    def read(self, rows: slice, columns: slice) -> NDArray[Any]:
        """Stored values [rows, columns] of a window; nothing else is read.

        Raises
        ------
        InputError
            If the window leaves the image or is too large.
        FormatError
            If the file has become shorter since it was opened.
        """
        check_window(self.path, self.shape, rows, columns)
        window = np.empty((rows.stop - rows.start, columns.stop - columns.start), self.dtype)
        done, first = 0, 0
        with reading(self.path, "fetch it again"), self.path.open("rb") as opened:
            for offset, count in self.parts:
                start, stop = max(rows.start, first), min(rows.stop, first + count)
                if start < stop:
                    part = window[done : done + stop - start]
                    at = offset + (start - first) * self.columns * self.dtype.itemsize
                    self._fill(opened, at, columns, part)
                    done += stop - start
                first += count
        return window

    def _fill(self, opened: BufferedReader, at: int, columns: slice, part: NDArray[Any]) -> None:
        """Rows of one segment from offset ``at``, in one go if they are whole rows."""
        if part.shape[1] == self.columns:
            self._exactly(opened, at, part)
            return
        for row in range(len(part)):
            start = at + (row * self.columns + columns.start) * self.dtype.itemsize
            self._exactly(opened, start, part[row])

    def _exactly(self, opened: BufferedReader, at: int, part: NDArray[Any]) -> None:
        opened.seek(at)
        got = opened.readinto(part.reshape(-1).view(np.uint8).data)
        if got != part.nbytes:
            raise FormatError(f"{self.path}: has become shorter while it was read; fetch it again")


def first_image_name(path: Path) -> str:
    """IID1 of the first image segment, '' if the file is no NITF; reads a few hundred bytes."""
    if path.is_dir() or magic_of(path) != "nitf":
        return ""
    try:
        with path.open("rb") as opened:
            opened.seek(FILE_HEADER_LENGTH_AT)
            digits = opened.read(6)
            if not digits.isdigit():
                return ""
            opened.seek(int(digits))
            head = opened.read(12)
    except OSError:
        return ""
    return head[2:].decode("ascii", "replace").strip() if head[:2] == b"IM" else ""


def read_nitf(path: Path) -> Nitf:
    """Structure of a NITF file, with its XML documents; no pixels are read.

    Raises
    ------
    FormatError
        If the header is damaged or the file is shorter than its header says.
    MissingExtraError
        If jbpy, which comes with sarkit, is not installed.
    """
    try:
        import jbpy
    except ModuleNotFoundError as error:
        raise MissingExtraError("sarkit, which reads SICD and SIDD,", "archive") from error
    length = path.stat().st_size
    with reading(path, "the NITF header is damaged; fetch it again"), path.open("rb") as opened:
        parsed = jbpy.Jbp().load(opened)
        claimed = int(parsed["FileHeader"]["FL"].value)
        if claimed > length:
            raise FormatError(
                f"{path}: has {length} bytes and should have {claimed}: truncated; fetch it again"
            )
        images = tuple(_segment(found) for found in parsed["ImageSegments"])
        places = [
            (int(found["DESDATA"].get_offset()), int(found["DESDATA"].size))
            for found in parsed["DataExtensionSegments"]
        ]
        for offset, size in [(image.offset, image.size) for image in images] + places:
            if offset + size > length:
                raise FormatError(
                    f"{path}: has {length} bytes, a segment ends at {offset + size}: truncated; "
                    "fetch it again"
                )
        documents = tuple(_document(opened, *place) for place in places)
    return Nitf(path, images, tuple(found for found in documents if found))


def raw_image(
    path: Path,
    segments: list[ImageSegment],
    shape: tuple[int, int],
    dtype: np.dtype[Any],
    coding: tuple[str, int, int],
) -> RawImage:
    """Put an image together from its segments, after checking that they are what the XML says.

    Parameters
    ----------
    path
        The NITF file.
    segments
        In the order of rows.
    shape
        Rows and columns by the XML.
    dtype
        Of one pixel, big-endian.
    coding
        Type of value (PVTYPE), bits per value and values per pixel by the XML.

    Raises
    ------
    FormatError
        If any of these disagrees with the image subheaders.
    """
    if not segments:
        raise FormatError(f"{path}: holds no image segment of this product; fetch it again")
    for segment in segments:
        _check_coding(path, segment, coding)
        stored = segment.rows * segment.columns * dtype.itemsize
        if segment.columns != shape[1] or segment.rows < 1 or segment.size != stored:
            raise FormatError(
                f"{path}: segment {segment.name} has {segment.rows} x {segment.columns} pixels in "
                f"{segment.size} bytes, which does not fit {shape[1]} columns of the XML; "
                "the product contradicts itself: ask its producer"
            )
    rows = sum(segment.rows for segment in segments)
    if rows != shape[0] or shape[1] < 1:
        raise FormatError(
            f"{path}: the XML says {shape[0]} x {shape[1]} pixels, the image segments have "
            f"{rows} rows; the product contradicts itself: ask its producer"
        )
    parts = tuple((segment.offset, segment.rows) for segment in segments)
    return RawImage(path, shape[1], parts, dtype)


def _check_coding(path: Path, segment: ImageSegment, coding: tuple[str, int, int]) -> None:
    if segment.compression != "NC":
        raise FormatError(
            f"{path}: compressed or masked (IC = {segment.compression}), which is not read; "
            "ask for the uncompressed product"
        )
    if (segment.value_type, segment.bits, segment.bands) != coding:
        raise FormatError(
            f"{path}: segment {segment.name} holds {segment.bands} x {segment.bits} bits of type "
            f"{segment.value_type}, the XML says {coding[2]} x {coding[1]} of type {coding[0]}; "
            "the product contradicts itself: ask its producer"
        )
    if segment.blocks != (1, 1) or (segment.bands > 1 and segment.interleave != "P"):
        raise FormatError(
            f"{path}: stored in {segment.blocks[0]} x {segment.blocks[1]} blocks, IMODE "
            f"{segment.interleave}, which is not read; ask for a product with one block"
        )


def _segment(found: Any) -> ImageSegment:
    head, data = found["subheader"], found["Data"]

    def text(name: str) -> str:
        return str(head[name].value or "").strip()

    return ImageSegment(
        name=text("IID1"),
        category=text("ICAT"),
        offset=int(data.get_offset()),
        size=int(data.size),
        rows=int(head["NROWS"].value),
        columns=int(head["NCOLS"].value),
        bands=int(head["NBANDS"].value) or int(head["XBANDS"].value),
        value_type=text("PVTYPE"),
        bits=int(head["NBPP"].value),
        compression=text("IC"),
        interleave=text("IMODE"),
        blocks=(int(head["NBPC"].value), int(head["NBPR"].value)),
    )


def _document(opened: BufferedReader, offset: int, size: int) -> bytes:
    """The XML in a data extension segment; b'' if it holds something else."""
    if not 0 < size <= MAX_XML_BYTES:
        return b""
    opened.seek(offset, os.SEEK_SET)
    content = opened.read(size)
    return content if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") else b""
