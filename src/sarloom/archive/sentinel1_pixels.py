"""Sentinel-1 pixels: digital numbers to sigma nought, and bursts joined into one image.

sigma nought = (|DN|^2 - eta) / A^2 with eta the thermal noise and A the sigma nought table, both
interpolated to the pixel (S1-RS-MDA-52-7441; MPC-0392). A digital number of zero is no data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..errors import FormatError, InputError
from ..records import ComplexArray, PowerArray
from .raster import RasterFile
from .safety import check_window
from .sentinel1_annotation import Annotation
from .sentinel1_tables import Noise, Table


@dataclass(frozen=True)
class Stretch:
    """Rows ``start`` to ``stop`` of the scene are those of the file from ``line`` on."""

    start: int
    stop: int
    line: int


def stretches_of(annotation: Annotation) -> tuple[Stretch, ...]:
    """How the rows of the scene map to lines of the file.

    An image without bursts is one stretch. Bursts overlap on the ground and share one grid of
    zero-Doppler times, so they join without resampling: row = (time - first time) / interval, and
    each seam lies in the middle of an overlap, where both bursts hold data. Rows that no burst
    covers are in no stretch.

    Raises
    ------
    FormatError
        If the bursts do not fill the file or are not in order of time.
    """
    lines = annotation.lines_per_burst
    if not annotation.bursts:
        return (Stretch(0, annotation.shape[0], 0),)
    if lines < 1 or lines * len(annotation.bursts) != annotation.shape[0]:
        raise FormatError(
            f"{annotation.path}: {len(annotation.bursts)} bursts of {lines} lines are not the "
            f"{annotation.shape[0]} lines of the image; fetch the product again"
        )
    first = annotation.bursts[0].time
    offsets = [
        round((burst.time - first).total_seconds() / annotation.line_interval_s)
        for burst in annotation.bursts
    ]
    spans = [
        [offset + burst.valid[0], offset + burst.valid[1] + 1]
        for offset, burst in zip(offsets, annotation.bursts, strict=True)
    ]
    for earlier, later in pairwise(spans):
        if later[0] <= earlier[0] or later[1] <= earlier[1]:
            raise FormatError(f"{annotation.path}: bursts out of order; fetch the product again")
        if later[0] < earlier[1]:
            earlier[1] = later[0] = (later[0] + earlier[1]) // 2
    return tuple(
        Stretch(start, stop, number * lines + start - offset)
        for number, ((start, stop), offset) in enumerate(zip(spans, offsets, strict=True))
    )


class SentinelPixels:
    """The ``Pixels`` of one measurement image.

    Parameters
    ----------
    file
        The measurement TIFF.
    stretches
        See ``stretches_of``; the scene ends with the last.
    is_complex
        Whether the file holds complex numbers.
    calibration
        Sigma nought table, or None to give squared digital numbers.
    noise
        What is taken off, in squared digital numbers; None for nothing.
    """

    def __init__(
        self,
        file: RasterFile,
        stretches: tuple[Stretch, ...],
        is_complex: bool,
        calibration: Table | None,
        noise: Noise | None,
    ) -> None:
        self.file = file
        self.stretches = stretches
        self.is_complex = is_complex
        self.calibration = calibration
        self.noise = noise

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns with the bursts joined."""
        return self.stretches[-1].stop, self.file.shape[1]

    def power(self, rows: slice, columns: slice) -> PowerArray:
        """Sigma nought [rows, columns]; NaN where there is no data.

        Where the noise exceeds the measured power the answer is 0.
        """
        check_window(self.file.path, self.shape, rows, columns)
        power = np.full(_size(rows, columns), np.nan, np.float32)
        for into, lines in self._parts(rows):
            power[into] = self._calibrated(self.file.read(1, lines, columns), lines, columns)
        return power

    def complex(self, rows: slice, columns: slice) -> ComplexArray:
        """Complex amplitude [rows, columns] whose squared modulus is ``power``; NaN outside."""
        if not self.is_complex:
            raise InputError(f"{self.file.path}: is detected and has no phase; use its power")
        check_window(self.file.path, self.shape, rows, columns)
        missing = np.complex64(complex(np.nan, np.nan))
        value = np.full(_size(rows, columns), missing, np.complex64)
        for into, lines in self._parts(rows):
            stored = self.file.read(1, lines, columns).astype(np.complex64)
            power = self._calibrated(stored, lines, columns)
            with np.errstate(invalid="ignore", divide="ignore"):
                scaled = stored * (np.sqrt(power) / np.abs(stored))
            value[into] = np.where(np.isnan(power), missing, scaled)
        return value

    def _parts(self, rows: slice) -> Iterator[tuple[slice, slice]]:
        """Rows of the window and the lines of the file they come from."""
        for stretch in self.stretches:
            start, stop = max(stretch.start, rows.start), min(stretch.stop, rows.stop)
            if start < stop:
                line = stretch.line + start - stretch.start
                yield slice(start - rows.start, stop - rows.start), slice(line, line + stop - start)

    def _calibrated(self, stored: np.ndarray, lines: slice, columns: slice) -> PowerArray:
        if self.is_complex:
            measured = stored.real.astype(np.float64) ** 2 + stored.imag.astype(np.float64) ** 2
        else:
            measured = stored.astype(np.float64) ** 2
        valid = measured > 0.0
        nodata = self.file.opened.nodatavals[0]
        if nodata is not None and not self.is_complex:
            valid &= stored != nodata
        if self.noise is not None:
            measured = np.maximum(measured - self.noise.window(lines, columns), 0.0)
        if self.calibration is not None:
            measured = measured / self.calibration.window(lines, columns) ** 2
        return np.where(valid, measured, np.nan).astype(np.float32)


def _size(rows: slice, columns: slice) -> tuple[int, int]:
    return rows.stop - rows.start, columns.stop - columns.start
