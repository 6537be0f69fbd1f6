"""Reading one tile of a grid: its power, where it lies, and whether it is worth keeping."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .grid import Cell, TileGrid
from .place import KnowsIncidence, fit_affine, geod, to_lonlat
from .resample import (
    KERNEL_TAPS,
    MAX_BLOCK_PIXELS,
    Averaged,
    Band,
    area_average,
    copied,
    highest,
    intensity,
    interpolate_complex,
    looks_gain,
    looks_gain_turned,
    measure_band,
)
from .turned import read_turned

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from ..records import ComplexArray, FloatArray, PowerArray, Scene
    from .axis import Axis
    from .orient import Orientation
    from .place import Affine

_PROOF_ROWS = 8
"""Of so many rows one is enough to prove the contrast of most tiles."""
_FILL_BLOCK = 8
"""Side of the blocks in which zeros are taken for fill."""


@dataclass(frozen=True, eq=False)
class TileData:
    """One tile as it comes from a scene."""

    power: PowerArray
    """[size, size], linear power in the scene's calibration, NaN where there is no data; near range
    is column 0."""
    spacing_m: float
    cell: Cell
    crs: str | None
    """WKT or 'EPSG:...' of ``transform``; None without a georeference."""
    transform: Affine | None
    """rasterio's a, b, c, d, e, f from (column, row) corner coordinates of the tile."""
    footprint: tuple[tuple[float, float], ...] | None
    """Corners (longitude, latitude) [deg], not closed: first pixel, then clockwise in the image."""
    geolocation_error_m: float | None
    """Worst distance of the affine from the product's own ground map, over a net of 5 x 5."""
    range_azimuth_deg: float | None
    """Direction of growing ground range at the tile, clockwise from north."""
    range_angle_residual_deg: float | None
    incidence_angle_deg: float | None
    looks: float | None
    """Effective number of looks after averaging."""
    method: str
    valid_fraction: float
    """Share of the ground with data."""
    saturated_fraction: float
    time: datetime | None
    source: str
    """Identifier of the scene."""
    top: float | None = None
    """Highest power where every pixel has data, if that is known already."""


@dataclass(frozen=True)
class Limits:
    """When a tile is not worth keeping. Shares of its pixels, 0 .. 1."""

    max_nodata: float = 0.0
    """Without data."""
    max_zero: float = 0.05
    """In blocks of exactly zero power: fill without a nodata value, or a sparse file."""
    max_saturated: float = 0.05
    """At the top of the scale."""
    min_contrast: float = 0.05
    """Standard deviation of amplitude over its mean; single-look speckle alone has .52, speckle of
    16 looks .125."""
    max_peak_db: float = 100.0
    """Brightest pixel over the median. A ship's side on calm water stands 80 dB above it; a flipped
    exponent of a floating point number stands hundreds."""


def judge(tile: TileData, limits: Limits | None = None) -> str | None:
    """Why a tile is rejected, None if it is kept.

    Returns
    -------
    'nodata', 'zeros', 'spikes', 'saturated' or 'low contrast': the first that applies.
    """
    limits = limits or Limits()
    power = tile.power
    holes = tile.top is None and not np.isfinite(power.max())
    nodata = float(np.count_nonzero(~np.isfinite(power))) / power.size if holes else 0.0
    if nodata > limits.max_nodata or nodata == 1.0:
        return "nodata"
    if _empty_share(power, limits.max_zero) > limits.max_zero:
        return "zeros"
    if spiked(power, limits.max_peak_db, tile.top):
        return "spikes"
    flat = not _surely_rich(power, limits.min_contrast) and _contrast(power) < limits.min_contrast
    if tile.saturated_fraction > limits.max_saturated:
        # A constant picture is at its own top everywhere; that is a want of contrast.
        return "low contrast" if flat else "saturated"
    return "low contrast" if flat else None


def _empty_share(power: PowerArray, enough: float) -> float:
    """Share of the tile in blocks of nothing but zeros.

    Single zeros are speckle: an 8-bit product rounds its darkest pixels to zero, one in thirty in
    the middle of a picture. Fill comes in one piece.
    """
    if power.min() > 0:  # many times faster than counting; false where there is a NaN
        return 0.0
    zeros = 1.0 - np.count_nonzero(power) / power.size
    if zeros <= enough:
        return zeros
    side = min(_FILL_BLOCK, *power.shape)
    rows, columns = (n // side for n in power.shape)
    blocks = power[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return float(1.0 - np.mean(np.any(blocks != 0, axis=(1, 3))))


def spiked(power: PowerArray, max_peak_db: float, top: float | None = None) -> bool:
    """Whether a pixel is brighter than any target: damage, which would also spoil the tone.

    ``top`` is the highest power, if known.
    """
    typical, factor = power[::4, ::4], 10 ** (max_peak_db / 10)
    top = highest(power) if top is None else top
    # the median is above a number that more than half are above, which is quicker to tell
    if 2 * np.count_nonzero(typical > np.float32(top / factor * (1 + 1e-6))) > typical.size + 1:
        return False
    typical = typical[typical > 0]  # NaN compares false
    return typical.size > 0 and top > float(np.median(typical)) * factor


def _surely_rich(power: PowerArray, enough: float) -> bool:
    """Whether an eighth of the rows that ``_contrast`` looks at proves that it is ``enough``.

    Deviations of some pixels about their own mean are at most what they add to those about the
    common one, and the mean of amplitudes is at most the root of that of powers. Holes prove
    nothing. Speckle of up to ten looks is told by this at the usual limit.
    """
    rows = power[::2]
    mean_power = float(np.add.reduce(rows, axis=0).mean()) / len(rows)  # a third of `mean`'s time
    some = np.sqrt(power[:: 2 * _PROOF_ROWS])
    some -= some.mean()
    apart = float(np.square(some, out=some).sum()) / rows.size
    # a thousandth for rounding; false where there is a NaN
    return apart > enough**2 * mean_power * 1.001


def _contrast(power: PowerArray) -> float:
    """Coefficient of variation of amplitude, from every second row."""
    amplitude = np.sqrt(power[::2])
    if np.isnan(amplitude.max()):
        amplitude = amplitude[np.isfinite(amplitude)]
    mean = float(amplitude.mean()) if amplitude.size else 0.0
    if not mean > 0:
        return 0.0
    amplitude -= np.float32(mean)  # the standard deviation, without the copies of `std`
    return float(np.sqrt(np.square(amplitude, out=amplitude).mean())) / mean


def read_cell(scene: Scene, grid: TileGrid, cell: Cell) -> TileData:
    """Read and resample one tile. Memory is bounded whatever the spacing.

    Raises
    ------
    FormatError
        If the scene's file turns out to be damaged under the tile.
    """
    if grid.turned is not None and grid.crs is not None:
        factors = (grid.rows.factor, grid.columns.factor)
        averaged = read_turned(
            scene, grid.crs, grid.turned, grid.rows.method, factors, cell.top, cell.left, grid.size
        )
        power = averaged.power
    else:
        averaged = _read_aligned(scene, grid, cell)
        power = np.ascontiguousarray(grid.orientation.apply(averaged.power), np.float32)
    transform, error, footprint = _georeference(scene, grid, cell)
    return TileData(
        power=power,
        spacing_m=grid.spacing_m,
        cell=cell,
        crs=grid.crs,
        transform=transform,
        footprint=footprint,
        geolocation_error_m=error,
        range_azimuth_deg=_range_azimuth(scene, grid, transform),
        range_angle_residual_deg=grid.range_angle_residual_deg,
        incidence_angle_deg=_incidence(scene, grid, cell),
        looks=_looks(scene, grid, cell),
        method=grid.method,
        valid_fraction=averaged.valid,
        saturated_fraction=averaged.saturated,
        time=scene.time,
        source=scene.identifier,
        top=averaged.top,
    )


def _read_aligned(scene: Scene, grid: TileGrid, cell: Cell) -> Averaged:
    """Power on the tile's grid, still in the order of the file."""
    flips = (grid.orientation.flip_rows, grid.orientation.flip_columns)
    axes = [grid.rows, grid.columns]
    top = scene.extra.get("saturation_power")
    down = grid.rows.pixels(cell.top, grid.size, flips[0])
    across = grid.columns.pixels(cell.left, grid.size, flips[1])
    if down is not None and across is not None and grid.size**2 <= MAX_BLOCK_PIXELS:
        window = (across, down) if grid.orientation.transpose else (down, across)
        return copied(scene.pixels.power(*window), top)
    edges = []
    for axis, flip, first in zip(axes, flips, (cell.top, cell.left), strict=True):
        along = np.clip(axis.edges(first, grid.size), 0.0, axis.count)
        edges.append((axis.count - along)[::-1] if flip else along)
    if grid.orientation.transpose:
        axes.reverse()
        edges.reverse()
    if any(axis.method == "sinc" for axis in axes):
        return _interpolated(scene, axes, edges)
    nearest = (axes[0].method == "nearest", axes[1].method == "nearest")
    return area_average(scene.pixels.power, edges[0], edges[1], nearest, top)


def _interpolated(scene: Scene, axes: Sequence[Axis], edges: Sequence[FloatArray]) -> Averaged:
    """Complex data interpolated along the axes that need it, detected, then averaged."""
    sinc = [axis.method == "sinc" for axis in axes]
    size = [len(one) - 1 for one in edges]
    spans = [float(one[-1] - one[0]) + 2 * KERNEL_TAPS for one in edges]
    parts = max(1, int(np.ceil(spans[0] * spans[1] * 8 / MAX_BLOCK_PIXELS)))
    step = max(1, size[0] // parts)
    lines, valid = [], 0.0
    for first in range(0, size[0], step):
        part = [edges[0][first : first + step + 1], edges[1]]
        averaged = _interpolated_block(scene, sinc, part)
        lines.append(averaged.power)
        valid += averaged.valid * len(averaged.power)
    return Averaged(np.concatenate(lines), valid / size[0], 0.0)


def _interpolated_block(
    scene: Scene, sinc: Sequence[bool], edges: Sequence[FloatArray]
) -> Averaged:
    """A strip of ``_interpolated``."""
    windows = []
    for axis, along in enumerate(edges):
        margin = KERNEL_TAPS if sinc[axis] else 0
        first = max(0, int(np.floor(along[0] + 1e-6)) - margin)
        last = min(scene.shape[axis], int(np.ceil(along[-1] - 1e-6)) + margin)
        windows.append(slice(first, last))
    field = scene.pixels.complex(windows[0], windows[1])
    missing = np.isnan(field.real) | np.isnan(field.imag)
    any_missing = bool(missing.any())
    if any_missing:
        field = np.where(missing, np.complex64(0), field)
    inner = []
    for axis, along in enumerate(edges):
        if sinc[axis]:
            centers = 0.5 * (along[1:] + along[:-1]) - 0.5
            field = interpolate_complex(
                field, centers, windows[axis].start, axis, _band(field, axis)
            )
            inner.append(np.arange(len(along), dtype=np.float64))
            if any_missing:
                picked = np.rint(centers).astype(int) - windows[axis].start
                missing = missing.take(np.clip(picked, 0, missing.shape[axis] - 1), axis=axis)
        else:
            inner.append(along - windows[axis].start)
    power = intensity(field)
    if any_missing:
        power[missing] = np.nan
    return area_average(lambda rows, columns: power[rows, columns], inner[0], inner[1])


def _band(field: ComplexArray, axis: int) -> Band:
    """The occupied band of a window; base band where it is empty."""
    return measure_band(field, axis) if field.any() else Band(0.0, 1.0)


# Where the tile lies


def _georeference(
    scene: Scene, grid: TileGrid, cell: Cell
) -> tuple[Affine | None, float | None, tuple[tuple[float, float], ...] | None]:
    """Affine of the tile, its worst error [m], and the corners on the ground."""
    if scene.ground is None or grid.crs is None:
        return None, None, None
    corners = np.array([0.0, 1.0, 1.0, 0.0]) * grid.size, np.array([0.0, 0.0, 1.0, 1.0]) * grid.size
    if grid.turned is not None or grid.exact:
        transform = (
            _shifted(grid.turned.transform, cell) if grid.turned else _own(scene, grid, cell)
        )
        a, b, c, d, e, f = transform
        x, y = a * corners[0] + b * corners[1] + c, d * corners[0] + e * corners[1] + f
        lon, lat = to_lonlat(grid.crs).transform(x, y)
        return transform, 0.0, _ring(lon, lat)
    places = np.linspace(0.0, grid.size, 5)
    rows, columns = np.meshgrid(places, places, indexing="ij")
    lon, lat = scene.ground.to_ground(*_pixels(scene, grid, cell, rows, columns))
    x, y = to_lonlat(grid.crs).transform(lon, lat, direction="INVERSE")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None, None, None
    transform, worst = fit_affine(columns, rows, np.asarray(x), np.asarray(y))
    outer = [(0, 0), (0, -1), (-1, -1), (-1, 0)]
    return transform, worst, _ring([lon[i] for i in outer], [lat[i] for i in outer])


def _pixels(
    scene: Scene, grid: TileGrid, cell: Cell, rows: FloatArray, columns: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Pixel coordinates in the source of corner coordinates in the tile."""
    down = grid.rows.corner(cell.top + rows)
    across = grid.columns.corner(cell.left + columns)
    source = grid.orientation.to_source(down, across, scene.shape)
    return source[0] - 0.5, source[1] - 0.5


def _ring(lon: Sequence[float], lat: Sequence[float]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in zip(lon, lat, strict=True))


def _shifted(transform: Affine, cell: Cell) -> Affine:
    """The grid's affine from the first pixel of a cell."""
    a, b, c, d, e, f = transform
    return (
        a, b, a * cell.left + b * cell.top + c,
        d, e, d * cell.left + e * cell.top + f,
    )  # fmt: skip


def _own(scene: Scene, grid: TileGrid, cell: Cell) -> Affine:
    """The scene's own affine, carried over to the tile's pixels."""
    assert scene.transform is not None
    place = np.array(
        [
            [grid.columns.factor, 0.0, grid.columns.start + grid.columns.factor * cell.left],
            [0.0, grid.rows.factor, grid.rows.start + grid.rows.factor * cell.top],
            [0.0, 0.0, 1.0],
        ]
    )
    found = _oriented(scene.transform, grid.orientation, scene.shape) @ place
    a, b, c, d, e, f = found[:2].ravel().tolist()
    return a, b, c, d, e, f


@lru_cache(maxsize=8)
def _oriented(
    transform: Affine, orientation: Orientation, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """From corner coordinates of the oriented image to the map, as a 3 x 3 matrix."""
    whole = np.array([*transform, 0.0, 0.0, 1.0]).reshape(3, 3)
    return whole @ orientation.matrix(shape)


def _range_azimuth(scene: Scene, grid: TileGrid, transform: Affine | None) -> float | None:
    """Azimuth of growing range at the tile."""
    if transform is None or grid.crs is None or grid.range_angle_residual_deg is None:
        return scene.range_azimuth_deg
    if scene.range_axis is None and grid.turned is None:
        return scene.range_azimuth_deg
    a, b, c, d, e, f = transform
    half = grid.size / 2.0
    columns = np.array([half - 1.0, half + 1.0])
    lon, lat = to_lonlat(grid.crs).transform(a * columns + b * half + c, d * columns + e * half + f)
    azimuth, _, _ = geod().inv(lon[0], lat[0], lon[1], lat[1])
    return float(azimuth) % 360.0


def _incidence(scene: Scene, grid: TileGrid, cell: Cell) -> float | None:
    """Incidence at the tile centre: a table of the product, slant geometry, or the scene's."""
    middle = np.array([grid.size / 2.0])
    if grid.turned is None and _knows_incidence(cast(Any, type(scene.ground))):
        ground = cast(KnowsIncidence, scene.ground)
        known = ground.incidence_deg(*_pixels(scene, grid, cell, middle, middle))
        if np.isfinite(known).all():
            return float(np.ravel(known)[0])
    spacing = scene.row_spacing_m if (scene.range_axis or "").endswith("row") else None
    spacing = scene.column_spacing_m if spacing is None else spacing
    if grid.columns.nodes is None or spacing is None or grid.turned is not None:
        return scene.incidence_angle_deg
    here = grid.columns.sine(float(grid.columns.corner(cell.left + middle)[0]), spacing)
    centre = grid.columns.sine(grid.columns.count / 2.0, spacing)
    if here is None or centre is None:
        return scene.incidence_angle_deg
    angle = float(np.degrees(np.arcsin(here)))
    if scene.incidence_angle_deg is None:
        return angle
    # The product's own angle at the centre includes terrain and squint; keep its difference.
    return angle + scene.incidence_angle_deg - float(np.degrees(np.arcsin(centre)))


@lru_cache(maxsize=64)
def _knows_incidence(ground: type[object]) -> bool:
    """Whether ground maps of a class are ``KnowsIncidence``; slow to ask for every tile."""
    return issubclass(ground, KnowsIncidence)


def _looks(scene: Scene, grid: TileGrid, cell: Cell) -> float | None:
    """Looks of the scene times what averaging adds, given how far the data are oversampled."""
    looks = scene.looks if scene.looks is not None else (1.0 if scene.is_complex else None)
    if looks is None:
        return None
    if grid.turned is not None:
        return _turned_looks(grid, looks)
    for axis, first in ((grid.rows, cell.top), (grid.columns, cell.left)):
        if axis.method != "area":
            continue
        edges = axis.corner(np.array([first, first + grid.size], np.float64))
        factor = float(edges[1] - edges[0]) / grid.size
        begin = round(float(edges[0]) % 1.0, 2)
        looks *= looks_gain(round(factor, 3), round(axis.oversampling, 3), begin)
    return float(looks)


def _turned_looks(grid: TileGrid, looks: float) -> float:
    """Looks on a grid turned against the pixels."""
    axes = (grid.rows, grid.columns)
    if any(axis.method != "area" for axis in axes):
        return looks
    assert grid.turned is not None
    factors = (round(axes[0].factor, 3), round(axes[1].factor, 3))
    rates = (round(axes[0].oversampling, 3), round(axes[1].oversampling, 3))
    return looks * looks_gain_turned(factors, round(grid.turned.angle_deg, 1), rates)
