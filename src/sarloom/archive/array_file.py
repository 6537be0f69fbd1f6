"""A NumPy array file as a stored image: mapped into memory, never unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .raster import Point
from .safety import check_window, magic_of, reading

RESAVE = "save it with numpy.save(file, array, allow_pickle=False) as a plain array"


class ArrayFile:
    """A .npy file with [rows, columns] or [bands, rows, columns].

    Raises
    ------
    FormatError
        If it is no such array, is cut short, or holds pickled objects.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        array = self._map()
        self._shape, self._dtype = array.shape, array.dtype

    def _map(self) -> NDArray[Any]:
        if magic_of(self.path) != "npy":
            raise FormatError(f"{self.path}: is not a .npy file; {RESAVE}")
        with reading(self.path, RESAVE):
            array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        if array.dtype.kind not in "uifc" or array.ndim not in (2, 3) or 0 in array.shape:
            raise FormatError(
                f"{self.path}: holds {array.dtype} of shape {array.shape}, "
                "not numbers [rows, columns] or [bands, rows, columns]"
            )
        return np.asarray(array[np.newaxis] if array.ndim == 2 else array)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        _, rows, columns = self._shape
        return int(rows), int(columns)

    @property
    def count(self) -> int:
        """How many bands there are."""
        return int(self._shape[0])

    def dtype(self, band: int) -> np.dtype[Any]:
        """Type of the numbers."""
        return self._dtype

    def nodata(self, band: int) -> float | None:
        """The format knows no such number."""
        return None

    def scaling(self, band: int) -> tuple[float, float]:
        """The format knows no scaling."""
        return 1.0, 0.0

    def description(self, band: int) -> str | None:
        """The format names no bands."""
        return None

    def colours(self) -> tuple[str, ...]:
        """The format knows no colours."""
        return ("gray",) + ("undefined",) * (self.count - 1)

    def crs(self) -> str | None:
        """The format knows no places."""
        return None

    def transform(self) -> tuple[float, float, float, float, float, float] | None:
        """The format knows no places."""
        return None

    def points(self) -> tuple[tuple[Point, ...], str]:
        """The format knows no places."""
        return (), ""

    def read(self, band: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Numbers [rows, columns] of one band (from 1), in the machine's byte order."""
        check_window(self.path, self.shape, rows, columns)
        array = self._map()  # not held: a mapped file is an open file
        if (array.shape, array.dtype) != (self._shape, self._dtype):
            raise FormatError(f"{self.path}: was replaced while it was read; open it again")
        with reading(self.path, RESAVE):
            window = array[band - 1, rows, columns]
            return np.array(window, window.dtype.newbyteorder("="))

    def measured(
        self, band: int, rows: slice, columns: slice
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The same; every finite number is data."""
        return self.read(band, rows, columns), None
