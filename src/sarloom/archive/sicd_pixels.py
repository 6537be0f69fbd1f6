"""Windowed pixels of SICD products: complex amplitude in the scene's calibration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.polynomial import polynomial

from .nitf import RawImage
from .safety import check_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..records import ComplexArray, FloatArray, PowerArray

STORED = {"RE32F_IM32F": ">f4", "RE16I_IM16I": ">i2", "AMP8I_PHS8I": "u1"}

BLOCK_PIXELS = 1 << 21
"""Pixels that are worked on at a time, about 100 MB."""


@dataclass(frozen=True)
class SicdPixels:
    """Windowed pixels of a SICD: complex amplitude whose squared modulus is ``power``."""

    raw: RawImage
    pixel_type: str
    amplitudes: FloatArray | None
    """Amplitude of each stored value, where AMP8I_PHS8I comes with a table."""
    factor: FloatArray | None
    """Radiometric polynomial [exponent of xrow, exponent of ycol]; None if uncalibrated."""
    first_m: tuple[float, float]
    """Metres of the first pixel from the scene centre point, along rows and columns."""
    spacing_m: tuple[float, float]
    valid: FloatArray | None
    """Vertices (row, column) of the area with data, in pixels of this file."""

    def power(self, rows: slice, columns: slice) -> PowerArray:
        """Linear power [rows, columns]; NaN outside the valid area and where pixels are damaged."""
        check_window(self.raw.path, self.raw.shape, rows, columns)
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start), np.float32)
        for part in _blocks(rows, columns):
            values = np.square(self._values(part, columns))
            power = values.sum(axis=-1) if values.ndim == 3 else values
            with np.errstate(over="ignore", invalid="ignore"):
                out[part.start - rows.start : part.stop - rows.start] = power * self._factor(
                    part, columns
                )
        self._mask(out, rows, columns)
        return out

    def complex(self, rows: slice, columns: slice) -> ComplexArray:
        """Complex amplitude [rows, columns], calibrated like ``power``."""
        check_window(self.raw.path, self.raw.shape, rows, columns)
        out = np.empty((rows.stop - rows.start, columns.stop - columns.start), np.complex64)
        for part in _blocks(rows, columns):
            values = self._values(part, columns)
            if values.ndim == 3:
                found = values[..., 0] + 1j * values[..., 1]
            else:
                phase = self.raw.read(part, columns)["second"] * (2 * np.pi / 256)
                found = values * np.exp(1j * phase)
            with np.errstate(over="ignore", invalid="ignore"):
                out[part.start - rows.start : part.stop - rows.start] = found * np.sqrt(
                    self._factor(part, columns)
                )
        self._mask(out, rows, columns)
        return out

    def _values(self, rows: slice, columns: slice) -> FloatArray:
        """Real and imaginary part [rows, columns, 2], or amplitude [rows, columns]."""
        stored = self.raw.read(rows, columns)
        if self.pixel_type == "AMP8I_PHS8I":
            table = np.arange(256.0) if self.amplitudes is None else self.amplitudes
            return np.asarray(table[stored["first"]])
        pairs = stored.view(STORED[self.pixel_type]).reshape(*stored.shape, 2)
        with np.errstate(invalid="ignore"):  # damaged bytes may be signalling NaN
            return pairs.astype(np.float64)

    def _factor(self, rows: slice, columns: slice) -> FloatArray:
        """What turns squared modulus into backscatter, [rows, columns] or one number."""
        return self._factor_at(
            np.arange(rows.start, rows.stop), np.arange(columns.start, columns.stop)
        )

    def factor_limits(self) -> tuple[float, float]:
        """Smallest and largest factor at 33 x 33 pixels of the whole image; NaN if any is."""
        rows, columns = (np.linspace(0, length - 1, 33) for length in self.raw.shape)
        values = self._factor_at(rows, columns)
        return float(values.min()), float(values.max())

    def _factor_at(self, rows: FloatArray, columns: FloatArray) -> FloatArray:
        along = self.first_m[0] + rows * self.spacing_m[0]
        across = self.first_m[1] + columns * self.spacing_m[1]
        if self.factor is None:
            return np.ones(())
        return np.asarray(polynomial.polygrid2d(along, across, self.factor))

    def _mask(self, found: PowerArray | ComplexArray, rows: slice, columns: slice) -> None:
        """Set what is not finite, and what lies outside the valid area, to NaN."""
        found[~np.isfinite(found)] = np.nan
        if self.valid is not None and not covers(self.valid, rows, columns):
            found[outside(self.valid, rows, columns)] = np.nan


def covers(area: FloatArray, rows: slice, columns: slice) -> bool:
    """Whether all pixels of a window lie within a polygon [n, 2] (row, column), or on its edge."""
    import shapely

    window = shapely.box(rows.start, columns.start, rows.stop - 1, columns.stop - 1)
    return bool(_polygon(area).covers(window))


def outside(area: FloatArray, rows: slice, columns: slice) -> NDArray[np.bool_]:
    """Which pixels of a window [rows, columns] lie outside a polygon [n, 2] (row, column)."""
    import shapely

    polygon = _polygon(area)
    shapely.prepare(polygon)
    found = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.bool_)
    across = np.arange(columns.start, columns.stop)
    for part in _blocks(rows, columns):
        down = np.arange(part.start, part.stop)
        inside = shapely.contains_xy(polygon, down[:, None], across[None])
        found[part.start - rows.start : part.stop - rows.start] = ~inside
    return found


def _polygon(area: FloatArray) -> Any:
    """The area with its edge: pixels that are named as vertices belong to it."""
    import shapely

    polygon = shapely.Polygon(area)
    return (polygon if polygon.is_valid else polygon.buffer(0)).buffer(0.01)


def _blocks(rows: slice, columns: slice) -> Iterator[slice]:
    """Rows in portions of few enough pixels to be worked on in double precision."""
    step = max(1, BLOCK_PIXELS // (columns.stop - columns.start))
    for start in range(rows.start, rows.stop, step):
        yield slice(start, min(start + step, rows.stop))
