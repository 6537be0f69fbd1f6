"""Class rasters such as ESA WorldCover: which class lies where in a tile."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError
from .place import TilePlace, transformer
from .tags import KINDS

CELLS = 48
"""Samples along each side of a tile."""

WORLD_COVER: dict[int, str] = {
    10: "forest", 20: "shrub", 30: "grass", 40: "farmland", 50: "built-up", 60: "bare",
    70: "snow", 80: "water", 90: "wetland", 95: "mangrove", 100: "moss",
}  # fmt: skip
"""Codes of ESA WorldCover 10 m 2020 v100 and 2021 v200, product user manual, table of classes."""


@dataclass(frozen=True)
class CoverMap:
    """Class rasters and the names of their codes."""

    paths: tuple[Path, ...]
    names: dict[int, str]
    """Code -> a kind of ``tags.KINDS``, or words of the user's own."""

    def classes(self, place: TilePlace) -> NDArray[np.object_]:
        """Names [CELLS, CELLS] over the picture; '' where no raster tells.

        Raises
        ------
        FormatError
            If a raster is damaged.
        """
        import rasterio
        from rasterio.errors import RasterioError
        from rasterio.windows import Window

        middle = (np.arange(CELLS) + 0.5) / CELLS
        x, y = (grid.ravel() for grid in np.meshgrid(middle, middle))
        found = np.full(CELLS * CELLS, "", dtype=object)
        for path in self.paths:
            try:
                with rasterio.open(path) as raster:
                    east, north = transformer(place.crs, raster.crs.to_string()).transform(
                        *place.to_map(x, y)
                    )
                    back = ~raster.transform
                    column = back.a * np.asarray(east) + back.b * np.asarray(north) + back.c
                    row = back.d * np.asarray(east) + back.e * np.asarray(north) + back.f
                    column, row = np.floor(column).astype(int), np.floor(row).astype(int)
                    inside = (
                        (column >= 0) & (column < raster.width) & (row >= 0) & (row < raster.height)
                        & (found == "")
                    )  # fmt: skip
                    if not inside.any():
                        continue
                    left, top = int(column[inside].min()), int(row[inside].min())
                    wide = int(column[inside].max()) - left + 1
                    high = int(row[inside].max()) - top + 1
                    codes = raster.read(1, window=Window(left, top, wide, high))
            except RasterioError as error:
                raise FormatError(f"{path}: cannot be read: {error}") from error
            picked = codes[row[inside] - top, column[inside] - left]
            found[inside] = [self.names.get(int(code), "") for code in picked]
        return found.reshape(CELLS, CELLS)


def open_cover(paths: Sequence[Path], table: Path | None = None) -> CoverMap:
    """Class rasters with the table of their codes.

    Raises
    ------
    InputError
        If a raster is not there.
    FormatError
        If one is no raster of whole numbers with a place on the ground, or holds no known code.
    """
    names = dict(WORLD_COVER) if table is None else read_table(table)
    for path in paths:
        _check_raster(path, names)
    return CoverMap(tuple(paths), names)


def _check_raster(path: Path, names: dict[int, str]) -> None:
    import rasterio
    from rasterio.errors import RasterioError

    if not path.is_file():
        raise InputError(f"{path}: no such raster of classes")
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise FormatError(f"{path}: states no coordinate system")
            if not np.issubdtype(np.dtype(raster.dtypes[0]), np.integer):
                raise FormatError(f"{path}: classes are whole numbers, not {raster.dtypes[0]}")
            step = max(1, max(raster.shape) // 512)
            seen: Any = raster.read(1, out_shape=(raster.height // step, raster.width // step))
    except RasterioError as error:
        raise FormatError(f"{path}: no raster that can be read: {error}") from error
    codes = [int(code) for code in np.unique(seen)]
    if not any(code in names for code in codes):
        raise FormatError(
            f"{path}: none of its codes ({', '.join(map(str, codes[:8]))}) is in the table "
            f"({', '.join(map(str, sorted(names)[:8]))}, ...): give its own with --classes"
        )


def read_table(path: Path) -> dict[int, str]:
    """Lines ``CODE,NAME``; '#' begins a remark. Names that are no known kind are used as written.

    Raises
    ------
    InputError
        If the file cannot be read.
    FormatError
        If a line is something else.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    names: dict[int, str] = {}
    for number, cells in enumerate(csv.reader(lines), 1):
        cells = [cell.strip() for cell in cells]
        if not cells or not cells[0] or cells[0].startswith("#"):
            continue
        if number == 1 and not cells[0].lstrip("-").isdigit():
            continue  # a heading
        if len(cells) < 2 or not cells[0].lstrip("-").isdigit() or not cells[1]:
            raise FormatError(f"{path}, line {number}: not of the form CODE,NAME")
        names[int(cells[0])] = _known(cells[1].lower())
    if not names:
        raise FormatError(f"{path}: no line of the form CODE,NAME")
    return names


def _known(name: str) -> str:
    """A kind by its own name or its words, else the words themselves."""
    for kind, feature in KINDS.items():
        if name in (kind, feature.singular, feature.plural):
            return kind
    return name
