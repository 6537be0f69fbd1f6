"""Windowed access to rasters of any size, and what their numbers mean as power.

``RasterFile`` reads numbers, ``Conversion`` says what they mean, ``RasterPixels`` joins both into
the ``Pixels`` of a scene. All can be pickled and sent to worker processes.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import MaskFlags
from rasterio.windows import Window

from ..errors import FormatError, InputError
from ..records import ComplexArray, PowerArray
from .ground import AffineGround, FittedGround
from .safety import check_window, open_raster, reading

__all__ = [
    "AffineGround",
    "Conversion",
    "FittedGround",
    "Quantity",
    "RasterFile",
    "RasterPixels",
]

Quantity = Literal["amplitude", "intensity", "db", "complex", "iq", "amplitude_phase"]
"""What the numbers of a raster are. Of two bands: 'iq' real and imaginary part, 'amplitude_phase'
amplitude and phase [rad]."""

MAX_OPEN_FILES = 16
"""Handles that a thread keeps open; each may hold some megabytes of GDAL's block cache."""

COMPLEX_QUANTITIES = ("complex", "iq", "amplitude_phase")
STATE_IT = 'state quantity = "db" or "intensity" in a TOML beside it (docs/readers.md)'
DAMAGED = "the image is damaged there; fetch it again"


Point = tuple[float, float, float, float]
"""Row, column, longitude, latitude of a place in an image."""


class StoredImage(Protocol):
    """Numbers on disk, read in windows, and what the file itself says of them."""

    path: Path

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""

    @property
    def count(self) -> int:
        """How many bands there are; they are counted from one."""

    def dtype(self, band: int) -> np.dtype[Any]:
        """Type of the numbers that ``read`` gives."""

    def nodata(self, band: int) -> float | None:
        """Stored number that means no data."""

    def scaling(self, band: int) -> tuple[float, float]:
        """Slope and offset from a stored number to its value."""

    def description(self, band: int) -> str | None:
        """Name of a band."""

    def colours(self) -> tuple[str, ...]:
        """Use of each band: 'gray', 'red', 'palette', 'alpha', 'undefined', ..."""

    def crs(self) -> str | None:
        """Coordinate system as 'EPSG:...' or WKT."""

    def transform(self) -> tuple[float, float, float, float, float, float] | None:
        """Geotransform, None where there is none."""

    def points(self) -> tuple[tuple[Point, ...], str]:
        """Places of known pixels, and in words how they are known."""

    def read(self, band: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Numbers [rows, columns] as they are stored."""

    def measured(
        self, band: int, rows: slice, columns: slice
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """The same, and where they are data; None where all that are finite are."""


_held = threading.local()


class RasterFile:
    """One image file, read in windows.

    A handle is opened when first needed, one for each process and thread, since GDAL's handles may
    be shared by neither. The few used last are kept open, however many files there are.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def opened(self) -> Any:
        """The rasterio dataset of this process and thread."""
        if getattr(_held, "process", None) != os.getpid():
            _held.process, _held.handles = os.getpid(), OrderedDict()
        handles: OrderedDict[Path, tuple[tuple[int, int], Any]] = _held.handles
        try:
            state = os.stat(self.path)  # noqa: PTH116  # for every window; a quarter quicker
        except OSError:
            with reading(self.path, "check that it is still there"):
                raise
        version = (state.st_mtime_ns, state.st_size)
        known = handles.pop(self.path, None)
        if known is None or known[0] != version:
            known = (version, _opened(self.path))
        handles[self.path] = known  # the last in line is the one used last
        while len(handles) > MAX_OPEN_FILES:
            handles.popitem(last=False)
        return known[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.opened.shape
        return int(rows), int(columns)

    @property
    def count(self) -> int:
        """How many bands there are."""
        return int(self.opened.count)

    def dtype(self, band: int) -> np.dtype[Any]:
        """Type of the numbers that ``read`` gives; complex integers are read as complex64."""
        name = self.opened.dtypes[band - 1]
        return np.dtype(np.complex64 if name == "complex_int16" else name)

    def nodata(self, band: int) -> float | None:
        """Stored number that means no data."""
        value = self.opened.nodatavals[band - 1]
        return None if value is None else float(value)

    def scaling(self, band: int) -> tuple[float, float]:
        """Slope and offset of a band from its tags; 1 and 0 where it has none."""
        return float(self.opened.scales[band - 1]), float(self.opened.offsets[band - 1])

    def description(self, band: int) -> str | None:
        """Name of a band from its tags."""
        text = self.opened.descriptions[band - 1]
        return None if text is None else str(text)

    def colours(self) -> tuple[str, ...]:
        """Use of each band. A palette that is a plain grey ramp is grey."""
        opened = self.opened
        # rasterio takes an error that GDAL kept of another, damaged file for one of this call;
        # raising it clears it
        with contextlib.suppress(Exception):  # its type is not public
            _ = opened.colorinterp
        names = tuple(str(use.name) for use in opened.colorinterp)
        if names == ("palette",):
            palette = self.opened.colormap(1)
            if all(colour[:3] == (level,) * 3 for level, colour in palette.items()):
                return ("gray",)
        return names

    def crs(self) -> str | None:
        """Coordinate system, as an EPSG code where it is one."""
        found = self.opened.crs
        if not found:
            return None
        code = found.to_epsg()
        return f"EPSG:{code}" if code else str(found.to_wkt())

    def transform(self) -> tuple[float, float, float, float, float, float] | None:
        """Geotransform; None for the identity that stands for none."""
        found = self.opened.transform
        if found.is_identity:
            return None
        return (*map(float, tuple(found)[:6]),)  # type: ignore[return-value]

    def points(self) -> tuple[tuple[Point, ...], str]:
        """Ground control points, or points through rational polynomials at their mean height."""
        from .control import control_points

        with reading(self.path, "its control points are damaged; fetch it again"):
            return control_points(self.opened)

    def read(self, band: int, rows: slice, columns: slice) -> NDArray[Any]:
        """Numbers [rows, columns] of one band (from 1) as they are stored.

        Raises
        ------
        InputError
            If the window leaves the image or exceeds the pixel budget.
        FormatError
            If the file is damaged there.
        """
        return self._window(self.opened, band, rows, columns)

    def measured(
        self, band: int, rows: slice, columns: slice
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """``read``, and where its numbers are data, by nodata value and mask.

        None where neither leaves out any: then all numbers are that are finite.
        """
        opened = self.opened
        values = self._window(opened, band, rows, columns)
        nodata = opened.nodatavals[band - 1]
        valid: NDArray[Any] | None = None
        if nodata is not None and np.isfinite(nodata) and not _beyond(values, nodata):
            valid = np.isfinite(values) & (values != nodata)
        if MaskFlags.per_dataset in opened.mask_flag_enums[band - 1]:
            valid = np.isfinite(values) if valid is None else valid
            with reading(self.path, DAMAGED):
                window = Window.from_slices(rows, columns)
                valid &= opened.read_masks(band, window=window) != 0
        return values, valid

    def _window(self, opened: Any, band: int, rows: slice, columns: slice) -> NDArray[Any]:
        check_window(self.path, opened.shape, rows, columns)
        size = columns.stop - columns.start, rows.stop - rows.start
        with reading(self.path, DAMAGED):
            window = Window(columns.start, rows.start, *size)
            return np.asarray(opened.read(band, window=window))


def _opened(path: Path) -> Any:
    """The dataset; of a GeoTIFF in uncompressed tiles one that is read past GDAL's cache.

    Filling that takes a third of the time of reading, and the system keeps the file anyway. Strips
    are read line by line then, which takes longer.
    """
    found = open_raster(path)
    strips = found.block_shapes[0][1] == found.width
    if found.driver != "GTiff" or found.compression is not None or strips:
        return found
    found.close()
    with rasterio.Env(GTIFF_DIRECT_IO=True):
        return open_raster(path)


def _beyond(values: NDArray[Any], number: float) -> bool:
    """Whether a number is below or above all values, which two quick passes tell."""
    if np.iscomplexobj(values):
        return False
    return bool(values.min() > number or values.max() < number)  # false where there is a NaN


@dataclass(frozen=True)
class Conversion:
    """How stored numbers become linear power.

    A number DN means the value v = slope DN^(1/exponent) + offset. Power is factor v^2 of an
    amplitude or complex value, factor v of an intensity, and factor 10^(v/10) of decibels.
    """

    quantity: Quantity
    factor: float = 1.0
    slope: float = 1.0
    offset: float = 0.0
    exponent: float = 1.0
    """Amplitudes only: DN is the amplitude to this power."""
    nodata: float | None = None
    """A stored number that means no data, besides the file's own."""
    assumed: bool = False
    """Whether the quantity was taken for granted instead of stated by the product."""

    @property
    def is_complex(self) -> bool:
        """Whether there is a phase."""
        return self.quantity in COMPLEX_QUANTITIES

    def value(self, stored: NDArray[Any]) -> NDArray[Any]:
        """The value of stored numbers; of complex ones slope times the number."""
        if self.is_complex:
            return np.asarray(stored.astype(np.complex64, copy=False) * np.float32(self.slope))
        # eight and sixteen bits and their squares fit float32 as well as the result does
        is_short = stored.dtype.itemsize <= 2 or stored.dtype == np.float32
        dtype = np.float32 if is_short and self.exponent == 1.0 else np.float64
        value: NDArray[Any] = stored.astype(dtype, copy=False)
        if self.exponent != 1.0:
            value = np.sign(value) * np.abs(value) ** (1.0 / self.exponent)
        if (self.slope, self.offset) != (1.0, 0.0):
            value = value * self.slope + self.offset
        return np.asarray(value)

    def power(
        self, path: Path, stored: NDArray[Any], valid: NDArray[Any] | None, spent: bool = False
    ) -> PowerArray:
        """Linear power, NaN where not valid.

        Parameters
        ----------
        valid
            Where ``stored`` is data; None for wherever it is finite.
        spent
            Whether ``stored`` may be written over: half the memory to go through.

        Raises
        ------
        FormatError
            If the numbers contradict the quantity, such as a negative amplitude.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            value = self.value(stored)
            ours = spent or value is not stored
            if valid is None and self.is_complex:
                power = self._power(value, ours)
                if np.isfinite(power.max()):
                    return power
            elif valid is None and self._is_sound(value):  # as nearly every window is
                return self._power(value, ours)
            valid = np.isfinite(stored) if valid is None else valid
            if not valid.all():
                value, ours = np.where(valid, value, value.dtype.type(np.nan)), True
            if not self.is_complex:
                _refuse_negative(path, self.quantity, value, self.assumed)
            return _finite(path, self._power(value, ours), valid)

    def _is_sound(self, value: NDArray[Any]) -> bool:
        """Whether every value is finite, stands for power, and for no more than float32 holds.

        The least and the largest of real values tell, in two quick passes; where there is a NaN,
        both are.
        """
        low, high = value.min(), value.max()
        if not (np.isfinite(low) if self.quantity == "db" else low >= 0):
            return False
        return bool(np.isfinite(self._power(np.array([high]), False)[0]))

    def _power(self, value: NDArray[Any], ours: bool) -> PowerArray:
        """Power of values; ``ours`` if they may be written over."""
        power: NDArray[Any]
        if self.is_complex:
            power = value.real**2 + value.imag**2
        elif self.quantity == "amplitude":
            power = np.square(value, out=value if ours else None)
        elif self.quantity == "db":
            power = 10.0 ** (value / 10.0)
        else:
            power = np.maximum(value, 0.0)
        if self.factor != 1.0:
            power = power * self.factor
        return np.asarray(power, np.float32)


class RasterPixels:
    """The ``Pixels`` of one channel: one band of a file, or two for 'iq' and 'amplitude_phase'."""

    def __init__(self, file: StoredImage, band: int, conversion: Conversion) -> None:
        self.file = file
        self.band = band
        self.conversion = conversion

    def power(self, rows: slice, columns: slice) -> PowerArray:
        """Linear power [rows, columns]; NaN where there is no data."""
        stored, valid = self._stored(rows, columns)
        spent = stored.flags.owndata and stored.flags.writeable
        return self.conversion.power(self.file.path, stored, valid, spent)

    def complex(self, rows: slice, columns: slice) -> ComplexArray:
        """Complex amplitude [rows, columns] with ``power`` as its squared modulus."""
        if self.conversion.quantity not in COMPLEX_QUANTITIES:
            raise InputError(f"{self.file.path}: is detected and has no phase; use its power")
        stored, valid = self._stored(rows, columns)
        valid = np.isfinite(stored) if valid is None else valid
        with np.errstate(over="ignore", invalid="ignore"):
            value = self.conversion.value(stored) * np.float32(np.sqrt(self.conversion.factor))
            _finite(self.file.path, np.abs(value), valid)
        return np.where(valid, value, np.complex64(complex(np.nan, np.nan)))

    def _stored(self, rows: slice, columns: slice) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Stored numbers, and where they are data; None for wherever they are finite."""
        stored, valid = self.file.measured(self.band, rows, columns)
        nodata = self.conversion.nodata
        if nodata is not None and np.isfinite(nodata) and not _beyond(stored, nodata):
            valid = (np.isfinite(stored) if valid is None else valid) & (stored != nodata)
        if self.conversion.quantity in ("iq", "amplitude_phase"):
            second, more = self.file.measured(self.band + 1, rows, columns)
            valid = np.isfinite(stored) if valid is None else valid
            valid &= np.isfinite(second) if more is None else more
            slope, offset = self.file.scaling(self.band + 1)
            other = (second * slope + offset).astype(np.float32)
            if self.conversion.quantity == "iq":
                stored = stored.astype(np.float32) + np.complex64(1j) * other
            else:
                amplitude = stored.astype(np.float64) ** (1.0 / self.conversion.exponent)
                stored = amplitude.astype(np.float32) * np.exp(np.complex64(1j) * other)
        return stored, valid


def _refuse_negative(path: Path, quantity: str, value: NDArray[Any], assumed: bool) -> None:
    """Amplitudes below zero, or mostly negative intensities, are decibels under a false name.

    Intensities with the noise level taken off may lie a little below zero; these become zero.
    """
    if quantity == "db" or value.min() >= 0 or not (value < 0).any():
        return  # the first is fast, and false where there is a NaN
    mostly = np.nanmin(value) < -1.0 and (value < 0).mean() > 0.5
    if quantity != "intensity" or mostly:
        how = "taken for granted" if assumed else "stated"
        raise FormatError(
            f"{path}: negative numbers in what was {how} to be {quantity}; {STATE_IT}"
        )


def _finite(path: Path, power: NDArray[Any], valid: NDArray[Any]) -> PowerArray:
    """Refuse infinite power made of finite numbers: no radar measures 10^38."""
    if np.isfinite(power.max()):  # one pass, which nearly every window passes
        return np.asarray(power, np.float32)
    if np.isinf(power).any() or np.isnan(power[valid]).any():
        raise FormatError(f"{path}: numbers too large for a radar image; {DAMAGED}")
    return np.asarray(power, np.float32)
