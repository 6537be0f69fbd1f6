"""Resampling of radar power: averages of power by area, or interpolation of the complex field.

Averages of amplitudes or decibels are biased by 1 and 2.5 dB at one look, interpolated intensity
is smoother than its looks say, and cubic kernels make negative power. What keeps the law of speckle
is to average power by area on the way to a coarser grid, to interpolate the band-limited complex
field before detection on the way to a finer one, and to copy pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

if TYPE_CHECKING:
    from scipy import sparse

    from ..records import ComplexArray, FloatArray, PowerArray

    PowerWindow = Callable[[slice, slice], PowerArray]

MAX_BLOCK_PIXELS = 1 << 24
"""Most source pixels in memory at once: 64 MiB of float32."""
KERNEL_TAPS = 32
"""Width of the interpolation kernel in source pixels."""
_KAISER_BETA = 5.0
EDGE = 16
"""Source pixels at the border of a window that fade out before its spectrum is taken."""
_FINE_TAPS = 10
_FINE_BETA = 8.0
_PHASES = 4096
_DAMAGED = 1e5
"""Amplitude over the median that no target has: 100 dB."""
RESOLUTION_TO_CELL = 1.0 / 0.8859
"""Cell 1/B of an unweighted band over its half-power width .8859/B."""


@dataclass(frozen=True)
class Averaged:
    """Power on the new grid, and what was under it."""

    power: PowerArray
    """NaN where less than half of the area had data."""
    valid: float
    """Share of the source area that had data."""
    saturated: float
    """Share of valid source pixels at the highest value met, if more than one is."""
    top: float | None = None
    """Highest power on the new grid where every pixel has data; None where that was not asked."""


class _Weights:
    """Area weights along one axis: each output pixel is the average over [edge k, edge k + 1].

    ``nearest`` takes the one pixel at the middle of the interval instead.
    """

    def __init__(self, edges: FloatArray, nearest: bool = False) -> None:
        self.start = int(np.floor(edges[0] + 1e-6))
        self.stop = int(np.ceil(edges[-1] - 1e-6))
        self.count = len(edges) - 1
        factor = (self.stop - self.start) / self.count
        whole = factor == round(factor) and bool(
            np.all(np.abs(edges - self.start - factor * np.arange(self.count + 1)) < 1e-6)
        )
        self.factor = round(factor) if whole else 0
        self.matrix: sparse.csr_array | None = None
        if nearest:
            self.factor = 0
            self.matrix = nearest_matrix(edges, self.start, self.stop)
        elif not whole:
            self.matrix = area_matrix(edges, self.start, self.stop)

    def rows(self, values: PowerArray) -> PowerArray:
        """Average [source, n] to [output, n]."""
        if self.matrix is not None:
            return np.asarray(self.matrix @ values, np.float32)
        if self.factor == 1:
            return values
        total = values[0 :: self.factor].copy()
        for phase in range(1, self.factor):
            total += values[phase :: self.factor]
        total *= np.float32(1.0 / self.factor)
        return total

    def columns(self, values: PowerArray) -> PowerArray:
        """Average [n, source] to [n, output]."""
        if self.matrix is not None:
            return np.ascontiguousarray((self.matrix @ np.ascontiguousarray(values.T)).T)
        if self.factor == 1:
            return values
        total = values[:, 0 :: self.factor].copy()
        for phase in range(1, self.factor):
            total += values[:, phase :: self.factor]
        total *= np.float32(1.0 / self.factor)
        return total


def area_matrix(edges: FloatArray, start: int, stop: int) -> sparse.csr_array:
    """Sparse weights [output, stop - start] of the pixels between ascending edges; rows sum to 1.

    Source pixel s covers [s, s + 1]; its weight is the share of the interval that it covers.
    """
    from scipy import sparse  # slow to import, and whole pixels need none of it

    inside = np.arange(start, stop + 1, dtype=np.float64)
    breaks = np.union1d(np.clip(edges, start, stop), inside)
    breaks = breaks[(breaks >= edges[0]) & (breaks <= edges[-1])]
    middle = 0.5 * (breaks[1:] + breaks[:-1])
    output = np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, len(edges) - 2)
    source = np.clip(np.floor(middle).astype(int) - start, 0, stop - start - 1)
    weights = np.diff(breaks) / np.diff(edges)[output]
    matrix = sparse.csr_array(
        (weights, (output, source)), shape=(len(edges) - 1, stop - start), dtype=np.float64
    )
    total = np.asarray(matrix.sum(axis=1)).ravel()
    scale = sparse.dia_array((1.0 / np.maximum(total, 1e-30)[None], [0]), shape=(len(total),) * 2)
    return sparse.csr_array(scale @ matrix, dtype=np.float32)


def nearest_matrix(edges: FloatArray, start: int, stop: int) -> sparse.csr_array:
    """Sparse weights that pick the pixel at the middle of every interval."""
    from scipy import sparse

    middle = np.floor(0.5 * (edges[1:] + edges[:-1])).astype(int) - start
    picked = np.clip(middle, 0, stop - start - 1)
    ones = np.ones(len(picked), np.float32)
    return sparse.csr_array(
        (ones, (np.arange(len(picked)), picked)), shape=(len(picked), stop - start)
    )


def area_average(
    window: PowerWindow,
    row_edges: FloatArray,
    column_edges: FloatArray,
    nearest: tuple[bool, bool] = (False, False),
    saturation_power: float | None = None,
    min_coverage: float = 0.5,
) -> Averaged:
    """Mean power over the areas between edges, read in blocks of bounded size.

    Parameters
    ----------
    window
        Gives power [rows, columns] of a window of the source, NaN where there is no data.
    row_edges, column_edges
        Ascending corner coordinates in the source, one more than output pixels; pixel s of the
        source covers [s, s + 1].
    nearest
        Whether rows and columns take the pixel at the middle instead of the average.
    saturation_power
        Power of a saturated pixel, where the format has such a value; otherwise the highest value
        counts, if several pixels share it.
    min_coverage
        Least share of an output pixel's area with data; below it the pixel is NaN.

    Returns
    -------
    The averages; each is the mean over the part of its area that has data.
    """
    rows, columns = len(row_edges) - 1, len(column_edges) - 1
    step_rows, step_columns = _block(row_edges, column_edges)
    power: PowerArray | None = None
    top: float | None = None
    valid_area = 0.0
    peak = Peak(saturation_power)
    for first in range(0, rows, step_rows):
        down = _Weights(row_edges[first : min(first + step_rows, rows) + 1], nearest[0])
        for left in range(0, columns, step_columns):
            part = column_edges[left : min(left + step_columns, columns) + 1]
            across = _Weights(part, nearest[1])
            block = window(slice(down.start, down.stop), slice(across.start, across.stop))
            highest_here = float(block.max())  # one pass for all who ask; NaN where there is a hole
            peak.add(block, highest_here)
            averaged, coverage = _average(block, down, across, min_coverage, highest_here)
            valid_area += coverage * down.count * across.count
            if power is None and averaged.shape == (rows, columns):
                power = averaged  # the usual tile, which needs no copy
                top = highest_here if averaged is block and np.isfinite(highest_here) else None
                continue
            if power is None:
                power = np.empty((rows, columns), np.float32)
            power[first : first + down.count, left : left + across.count] = averaged
    assert power is not None
    return Averaged(power, valid_area / (rows * columns), peak.share, top)


def copied(power: PowerArray, saturation_power: float | None = None) -> Averaged:
    """What ``area_average`` gives where every pixel is one of the source."""
    top, peak = float(power.max()), Peak(saturation_power)  # one pass; NaN where there is a hole
    peak.add(power, top)
    valid = 1.0 - float(np.isnan(power).mean()) if np.isnan(top) else 1.0
    return Averaged(power, valid, peak.share, top if np.isfinite(top) else None)


def _average(
    block: PowerArray, down: _Weights, across: _Weights, min_coverage: float, top: float
) -> tuple[PowerArray, float]:
    """One block's averages and the share of its area that has data; ``top`` is its maximum."""
    if not np.isnan(top):
        return across.columns(down.rows(block)), 1.0
    missing = np.isnan(block)
    if missing.all():
        return np.full((down.count, across.count), np.nan, np.float32), 0.0
    if down.factor == 1 and across.factor == 1:
        return block, float(1.0 - missing.mean())
    filled = np.where(missing, np.float32(0.0), block)
    coverage = across.columns(down.rows((~missing).astype(np.float32)))
    summed = across.columns(down.rows(filled))
    known = coverage >= np.float32(max(min_coverage, 1e-6) - 1e-6)
    averaged = np.full_like(summed, np.nan)
    np.divide(summed, coverage, out=averaged, where=known)
    return averaged, float(coverage.mean())


def _block(row_edges: FloatArray, column_edges: FloatArray) -> tuple[int, int]:
    """Output rows and columns that keep a source block within the memory bound."""
    rows, columns = len(row_edges) - 1, len(column_edges) - 1
    per_row = float(np.diff(row_edges).max()) + 1.0
    per_column = float(np.diff(column_edges).max()) + 1.0
    step_columns = columns
    while step_columns > 1 and per_row * per_column * step_columns > MAX_BLOCK_PIXELS:
        step_columns = (step_columns + 1) // 2
    step_rows = int(MAX_BLOCK_PIXELS / (per_row * per_column * step_columns))
    return max(1, min(rows, step_rows)), step_columns


class Peak:
    """Share of source pixels at the top of the scale, gathered block by block."""

    def __init__(self, saturation_power: float | None) -> None:
        self.known = saturation_power
        self.value = -np.inf if saturation_power is None else saturation_power * (1.0 - 1e-6)
        self.hits = 0
        self.valid = 0

    def add(self, block: PowerArray, found: float | None = None) -> None:
        """Count one block; ``found`` is its maximum, NaN where there is a hole, if known."""
        self.valid += block.size
        if self.known is not None:
            self.hits += int(np.count_nonzero(block >= np.float32(self.value)))
            return
        top = highest(block) if found is None or np.isnan(found) else found
        if not top > 0.0 or top < self.value:
            return
        count = int(np.count_nonzero(block == np.float32(top)))
        self.hits = count if top > self.value else self.hits + count
        self.value = top

    @property
    def share(self) -> float:
        """Zero where only one pixel is as bright."""
        alone = self.known is None and self.hits <= 1
        return 0.0 if alone or self.valid == 0 else self.hits / self.valid


def highest(power: PowerArray) -> float:
    """The largest number that is one; NaN if none is."""
    found = float(power.max())  # many times faster than a maximum that passes NaN by
    return float(np.fmax.reduce(power, axis=None)) if np.isnan(found) else found


# Interpolation of complex data


@dataclass(frozen=True)
class Band:
    """Occupied band of a complex signal along one axis, cycles per sample."""

    center: float
    width: float
    """Shortest interval that holds 99.5 % of the energy; 1 is critically sampled."""

    @property
    def oversampling(self) -> float:
        """Sampling rate over occupied band."""
        return 1.0 / max(self.width, 1e-3)


def measure_band(field: ComplexArray, axis: int, share: float = 0.995) -> Band:
    """Measure the occupied band of complex data along an axis from its mean power spectrum.

    The centre and width are measured rather than taken from metadata because the Doppler centroid
    moves through a scene, and because a band that turns out full must not be interpolated.

    Raises
    ------
    InputError
        If the window holds no energy.
    """
    values = np.moveaxis(np.nan_to_num(field), axis, 0)
    typical = np.abs(values[::4, ::4])
    typical = typical[typical > 0]
    if typical.size:
        damaged = np.abs(values) > _DAMAGED * np.median(typical)
        values = np.where(damaged, np.complex64(0), values) if damaged.any() else values
    spectrum = np.mean(np.square(np.abs(np.fft.fft(values, axis=0))), axis=1)
    total = float(spectrum.sum())
    if not total > 0.0:
        raise InputError("complex data without energy has no band")
    n = len(spectrum)
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([spectrum, spectrum]))]) / total
    ends = np.searchsorted(running, running[:n] + share, side="left")
    lengths = ends - np.arange(n)
    first = int(np.argmin(lengths))
    length = int(lengths[first])
    center = (first + (length - 1) / 2.0) / n
    return Band(float((center + 0.5) % 1.0 - 0.5), min(1.0, length / n))


def sinc_matrix(positions: FloatArray, start: int, stop: int) -> sparse.csr_array:
    """Sparse interpolation weights [len(positions), stop - start] for base-band samples.

    Parameters
    ----------
    positions
        Pixel coordinates (0 is the centre of the first pixel of the source).
    start, stop
        Samples at hand; the kernel is cut off at their ends.

    Notes
    -----
    A sinc of ``KERNEL_TAPS`` samples under a Kaiser window (Harris, *On the use of windows for
    harmonic analysis*, 1978), scaled to unit gain at the centre of the band.
    """
    from scipy import sparse

    half = KERNEL_TAPS // 2
    taps = np.floor(positions)[:, None] + np.arange(-half + 1, half + 1)[None]
    offset = positions[:, None] - taps
    taper = np.i0(_KAISER_BETA * np.sqrt(np.maximum(1.0 - (offset / half) ** 2, 0.0)))
    weights = np.sinc(offset) * taper / np.i0(_KAISER_BETA)
    weights /= weights.sum(axis=1, keepdims=True)
    inside = (taps >= start) & (taps < stop)
    rows = np.broadcast_to(np.arange(len(positions))[:, None], taps.shape)
    return sparse.csr_array(
        (
            weights[inside].astype(np.float32),
            (rows[inside], taps[inside].astype(int) - start),
        ),
        shape=(len(positions), stop - start),
    )


def interpolate_complex(
    field: ComplexArray, positions: FloatArray, start: int, axis: int, band: Band
) -> ComplexArray:
    """Values of a band-limited complex field between its samples, along one axis.

    The band is brought to zero frequency first and not brought back: detection follows, to which
    the phase ramp makes no difference.
    """
    n = field.shape[axis]
    ramp = np.exp(-2j * np.pi * band.center * np.arange(n)).astype(np.complex64)
    matrix = sinc_matrix(positions, start, start + n)
    if axis == 0:
        return np.asarray(matrix @ (field * ramp[:, None]), np.complex64)
    turned = np.ascontiguousarray((field * ramp[None]).T)
    return np.asarray((matrix @ turned).T, np.complex64)


def sample_complex(
    field: ComplexArray,
    rows: FloatArray,
    columns: FloatArray,
    start: tuple[int, int],
    bands: tuple[Band, Band],
    ends: tuple[tuple[bool, bool], tuple[bool, bool]],
) -> ComplexArray:
    """Values of a band-limited complex field at scattered places: rotation, shear, any map.

    The field is first sampled twice as finely through its spectrum, after which a short kernel is
    exact to better than -80 dB.

    Parameters
    ----------
    rows, columns
        Pixel coordinates in the source, of one shape.
    start
        Pixel coordinates of ``field[0, 0]``.
    ends
        For rows and columns, whether the field begins and ends with the data. Where it is cut out
        of more, its outer ``EDGE`` pixels fade out, and places should lie further inside.
    """
    fine = _twice(field, bands, ends)
    half = _FINE_TAPS // 2
    padded = np.pad(fine, half)
    places = [2.0 * (rows - start[0]), 2.0 * (columns - start[1])]
    below, phase = [], []
    for place, n in zip(places, fine.shape, strict=True):
        floor = np.floor(place)
        phase.append(np.rint((place - floor) * _PHASES).astype(np.int32))
        # Beyond the data everything is read from the zeros of the padding.
        inside = (floor >= 0) & (floor < n)
        below.append(np.where(inside, floor, -1).astype(np.int64) + half)
    kernel = _fine_kernel()
    flat, width = padded.ravel(), padded.shape[1]
    total = np.zeros(rows.shape, np.complex64)
    for i in range(_FINE_TAPS):
        line = np.zeros(rows.shape, np.complex64)
        index = (below[0] + (i - half + 1)) * width + below[1] - half + 1
        for j in range(_FINE_TAPS):
            line += flat[index + j] * kernel[j][phase[1]]
        total += line * kernel[i][phase[0]]
    return total


def _twice(
    field: ComplexArray,
    bands: tuple[Band, Band],
    ends: tuple[tuple[bool, bool], tuple[bool, bool]],
) -> ComplexArray:
    """The field in base band, sampled twice as finely; sample (0, 0) stays where it was."""
    from scipy import fft

    base = np.asarray(field, np.complex64)
    for axis, band in enumerate(bands):
        n = base.shape[axis]
        ramp = np.exp(-2j * np.pi * band.center * np.arange(n))
        if n > 4 * EDGE:
            fade = 0.5 - 0.5 * np.cos(np.pi * (np.arange(EDGE) + 0.5) / EDGE)
            if not ends[axis][0]:
                ramp[:EDGE] *= fade
            if not ends[axis][1]:
                ramp[-EDGE:] *= fade[::-1]
        along = ramp.astype(np.complex64)
        base = base * (along[:, None] if axis == 0 else along[None])
        length = fft.next_fast_len(n + EDGE)
        spectrum = fft.fft(base, length, axis=axis)
        low, high = np.array_split(spectrum, [(length + 1) // 2], axis=axis)
        middle = list(base.shape)
        middle[axis] = length
        zeros = np.zeros(middle, np.complex64)
        fine = fft.ifft(np.concatenate([low, zeros, high], axis=axis), axis=axis)
        base = 2.0 * (fine[: 2 * n] if axis == 0 else fine[:, : 2 * n])
    return np.asarray(base, np.complex64)


@lru_cache(maxsize=1)
def _fine_kernel() -> NDArray[np.float32]:
    """Kernel [tap, phase] for data sampled at more than twice their band."""
    half = _FINE_TAPS // 2
    offset = (np.arange(_PHASES + 1) / _PHASES)[None] - np.arange(-half + 1, half + 1)[:, None]
    taper = np.i0(_FINE_BETA * np.sqrt(np.maximum(1.0 - (offset / half) ** 2, 0.0)))
    weights = np.sinc(offset) * taper
    return np.asarray(weights / weights.sum(axis=0), np.float32)


def intensity(field: ComplexArray) -> PowerArray:
    """Squared modulus, float32."""
    power = np.square(field.real)
    power += np.square(field.imag)
    return np.asarray(power, np.float32)


@lru_cache(maxsize=4096)
def looks_gain(factor: float, oversampling: float, first: float = 0.0) -> float:
    """Factor by which averaging along one axis raises the number of looks.

    Parameters
    ----------
    factor
        Source pixels averaged per output pixel; one or less gains nothing.
    oversampling
        Sampling rate over occupied band of the complex data before detection; below one counts as
        one.
    first
        Corner coordinate in the source of the first output edge: with a factor of 2.5 all pixels
        average two whole pixels and a half, unless the grid begins a quarter of a pixel later.

    Returns
    -------
    (sum w)^2 / sum_mn w_m w_n sinc^2((m - n) / oversampling): the intensity of neighbours
    correlates as the squared modulus of their field's correlation. Averaged over the output pixels.
    """
    if factor <= 1.0:
        return 1.0
    phases, counts = np.unique(
        np.round((first + factor * np.arange(256)) % 1.0, 2) % 1.0, return_counts=True
    )
    source = np.arange(int(np.ceil(factor)) + 1)
    upper = np.minimum(source[None] + 1.0, phases[:, None] + factor)
    weights = np.clip(upper - np.maximum(source[None], phases[:, None]), 0.0, None) / factor
    correlation = np.sinc((source[:, None] - source[None]) / max(oversampling, 1.0)) ** 2
    spread = np.einsum("pm,mn,pn->p", weights, correlation, weights)
    return float(1.0 / np.average(spread, weights=counts))


@lru_cache(maxsize=256)
def looks_gain_turned(
    factors: tuple[float, float], angle_deg: float, rates: tuple[float, float]
) -> float:
    """``looks_gain`` of a square turned against the pixels, over both axes.

    A turned square touches more pixels than it has area, each in part, so it holds more looks than
    its area says. Measured on squares spread over the phases of the grid.
    """
    side = int(np.ceil(2.0 * max(factors)))
    along = (np.arange(side) + 0.5) / side - 0.5
    cosine, sine = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    rows = factors[0] * (cosine * along[:, None] + sine * along[None])
    columns = factors[1] * (cosine * along[None] - sine * along[:, None])
    spread, squares = 0.0, 64
    for k in range(squares):
        # A low-discrepancy sequence of phases (golden ratio in the plane).
        i = np.floor(rows + (k * 0.7548776662) % 1.0).astype(int).ravel()
        j = np.floor(columns + (k * 0.5698402910) % 1.0).astype(int).ravel()
        pixels, hits = np.unique(np.stack([i, j]), axis=1, return_counts=True)
        weights = hits / hits.sum()
        lag = pixels[:, :, None] - pixels[:, None, :]
        correlation = (
            np.sinc(lag[0] / max(rates[0], 1.0)) * np.sinc(lag[1] / max(rates[1], 1.0))
        ) ** 2
        spread += float(weights @ correlation @ weights) / squares
    return 1.0 / spread
