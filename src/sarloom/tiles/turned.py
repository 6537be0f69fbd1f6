"""Grids turned to the range direction, for scenes whose pixels lie oblique to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FormatError, InputError
from .place import ground_at, to_lonlat
from .resample import (
    EDGE,
    MAX_BLOCK_PIXELS,
    Averaged,
    Band,
    Peak,
    intensity,
    measure_band,
    sample_complex,
)

if TYPE_CHECKING:
    from ..records import FloatArray, PowerArray, Scene
    from .axis import AxisMethod
    from .place import Affine

_NODES = 9
"""Places a side at which a tile's map to the source is fitted by a quadratic."""
_MAX_FIT_ERROR = 0.25
"""Source pixels."""
_MARGIN = 8
"""Source pixels at the border of a scene that are not interpolated."""


@dataclass(frozen=True)
class TurnedFrame:
    """Where output pixels lie on a local map."""

    angle_deg: float
    """By which it is turned against the nearest axes of the array."""
    transform: Affine
    """From corner coordinates (column, row) of the output to metres on the local map."""
    kept: tuple[tuple[int, int], ...]
    """Cells (row, column) of which the scene covers at least a half."""


def turned_frame(
    scene: Scene,
    crs: str,
    azimuth_deg: float,
    angle_deg: float,
    spacing_m: float,
    size: int,
    stride: int,
) -> tuple[TurnedFrame, tuple[int, int]]:
    """A frame with columns along an azimuth and rows ninety degrees clockwise, over the scene.

    Raises
    ------
    InputError
        If no tile is at least half covered.
    """
    assert scene.ground is not None
    rows, columns = _outline(scene.shape)
    lon, lat = ground_at(scene.ground, scene, rows, columns)
    x, y = to_lonlat(crs).transform(lon, lat, direction="INVERSE")
    east, north = np.sin(np.radians(azimuth_deg)), np.cos(np.radians(azimuth_deg))
    across, down = x * east + y * north, x * north - y * east
    left, top = float(across.min()), float(down.min())
    transform = (
        spacing_m * east, spacing_m * north, left * east + top * north,
        spacing_m * north, -spacing_m * east, left * north - top * east,
    )  # fmt: skip
    shape = (
        max(1, int(np.ceil((float(down.max()) - top) / spacing_m / stride))),
        max(1, int(np.ceil((float(across.max()) - left) / spacing_m / stride))),
    )
    kept = _covered(scene, crs, transform, size, stride, shape)
    if not kept:
        raise InputError(
            f"{scene.path} covers no half of a turned tile of {size} x {size} pixels at "
            f"{spacing_m:g} m: ask for a smaller size or a finer spacing"
        )
    return TurnedFrame(angle_deg, transform, kept), shape


def _outline(shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Pixel coordinates around the edge of the image."""
    along = np.linspace(-0.5, 0.5, 33)
    edge = np.full(33, 0.5)
    rows = np.concatenate([along, along, edge, -edge]) * shape[0] + (shape[0] - 1) / 2.0
    columns = np.concatenate([edge, -edge, along, along]) * shape[1] + (shape[1] - 1) / 2.0
    # Keep within the pixels' outer edges, where a ground map must have an answer.
    return rows, columns


def _covered(
    scene: Scene,
    crs: str,
    transform: Affine,
    size: int,
    stride: int,
    shape: tuple[int, int],
) -> tuple[tuple[int, int], ...]:
    """Cells at least half inside the scene."""
    assert scene.ground is not None
    places = (np.arange(5) + 0.5) / 5 * size
    down, across = (grid.ravel() for grid in np.meshgrid(places, places, indexing="ij"))
    kept: list[tuple[int, int]] = []
    left = np.arange(shape[1]) * stride
    for row in range(shape[0]):
        columns = left[:, None] + across[None]
        rows = np.broadcast_to(row * stride + down[None], columns.shape)
        source_rows, source_columns = _to_image(scene, crs, transform, rows, columns)
        inside = (
            (source_rows >= -0.5) & (source_rows <= scene.shape[0] - 0.5)
            & (source_columns >= -0.5) & (source_columns <= scene.shape[1] - 0.5)
        )  # fmt: skip
        kept += [(row, int(c)) for c in np.flatnonzero(inside.mean(axis=1) >= 0.5)]
    return tuple(kept)


def _to_image(
    scene: Scene, crs: str, transform: Affine, rows: FloatArray, columns: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Source pixel coordinates of corner coordinates of the output."""
    assert scene.ground is not None
    a, b, c, d, e, f = transform
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    lon, lat = to_lonlat(crs).transform(x, y)
    return scene.ground.to_image(np.asarray(lon), np.asarray(lat))


def read_turned(
    scene: Scene,
    crs: str,
    frame: TurnedFrame,
    kind: AxisMethod,
    factors: tuple[float, float],
    top: int,
    left: int,
    size: int,
) -> Averaged:
    """Power of a turned tile.

    Averages are means over places spread evenly in the output pixel, at least two per source pixel
    and axis, each taking the pixel it falls on: area weights of a turned square to within the
    spread.

    Raises
    ------
    FormatError
        If the scene's ground map is too crooked within a tile.
    """
    coefficients = _fit(scene, crs, frame.transform, top, left, size)
    fine = int(np.ceil(2.0 * max(factors))) if kind == "area" else 1
    per_pixel = max(factors) ** 2 + fine**2
    step = max(1, min(size, int(MAX_BLOCK_PIXELS / (4.0 * size * per_pixel))))
    power = np.empty((size, size), np.float32)
    peak = Peak(scene.extra.get("saturation_power"))
    for first in range(0, size, step):
        lines = min(step, size - first)
        down = first + (np.arange(lines * fine) + 0.5) / fine
        across = (np.arange(size * fine) + 0.5) / fine
        rows, columns = _quadratic(coefficients, down[:, None] / size, across[None] / size)
        block = (
            _interpolated(scene, rows, columns)
            if kind == "sinc"
            else _gathered(scene, rows, columns, peak)
        )
        if fine > 1:
            cells = block.reshape(lines, fine, size, fine)
            known = ~np.isnan(cells)
            count = known.sum(axis=(1, 3), dtype=np.float32)
            total = np.where(known, cells, np.float32(0)).sum(axis=(1, 3), dtype=np.float32)
            block = np.where(count >= 0.5 * fine * fine, total / np.maximum(count, 1), np.nan)
        power[first : first + lines] = block
    return Averaged(power, float(1.0 - np.isnan(power).mean()), peak.share)


def _fit(scene: Scene, crs: str, transform: Affine, top: int, left: int, size: int) -> FloatArray:
    """Quadratic [6, 2] from places in the tile, 0 .. 1, to source rows and columns."""
    places = np.linspace(0.0, 1.0, _NODES)
    down, across = (grid.ravel() for grid in np.meshgrid(places, places, indexing="ij"))
    rows, columns = _to_image(scene, crs, transform, top + down * size, left + across * size)
    design = _design(down, across)
    target = np.stack([rows, columns], axis=1)
    good = np.isfinite(target).all(axis=1)
    if good.sum() < 12:
        raise FormatError(f"{scene.path}: its georeference has no answer where a tile was planned")
    solution, *_ = np.linalg.lstsq(design[good], target[good], rcond=None)
    worst = float(np.abs(design[good] @ solution - target[good]).max())
    if worst > _MAX_FIT_ERROR:
        raise FormatError(
            f"{scene.path}: within a tile its georeference bends by {worst:.2f} pixels; "
            "ask for smaller tiles, or leave rotation off"
        )
    return np.asarray(solution)


def _design(down: FloatArray, across: FloatArray) -> FloatArray:
    return np.stack(
        [np.ones_like(down), down, across, down * down, down * across, across * across], axis=1
    )


def _quadratic(
    solution: FloatArray, down: FloatArray, across: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The fitted map at every place of a block."""
    found = []
    for axis in (0, 1):
        c = solution[:, axis]
        found.append(
            (c[0] + c[1] * down + c[3] * down * down)
            + (c[2] * across + c[5] * across * across)
            + c[4] * down * across
        )
    return found[0], found[1]


def _window(
    shape: tuple[int, int], rows: FloatArray, columns: FloatArray, margin: int
) -> tuple[slice, slice] | None:
    """The part of the source under some pixel coordinates; None outside."""
    found = []
    for n, places in zip(shape, (rows, columns), strict=True):
        first = max(0, int(np.floor(places.min())) - margin)
        last = min(n, int(np.ceil(places.max())) + margin + 1)
        if first >= last:
            return None
        found.append(slice(first, last))
    return found[0], found[1]


def _gathered(scene: Scene, rows: FloatArray, columns: FloatArray, peak: Peak) -> PowerArray:
    """Power of the pixels nearest to places; NaN outside."""
    window = _window(scene.shape, rows, columns, 1)
    result = np.full(rows.shape, np.nan, np.float32)
    if window is None:
        return result
    block = scene.pixels.power(*window)
    peak.add(block)
    i = np.rint(rows).astype(np.int64) - window[0].start
    j = np.rint(columns).astype(np.int64) - window[1].start
    inside = (i >= 0) & (i < block.shape[0]) & (j >= 0) & (j < block.shape[1])
    result[inside] = block[i[inside], j[inside]]
    return result


def _interpolated(scene: Scene, rows: FloatArray, columns: FloatArray) -> PowerArray:
    """Detected band-limited interpolation of the complex field; NaN outside."""
    window = _window(scene.shape, rows, columns, 2 * EDGE)
    if window is None:
        return np.full(rows.shape, np.nan, np.float32)
    field = scene.pixels.complex(*window)
    missing = np.isnan(field.real)
    if missing.all():
        return np.full(rows.shape, np.nan, np.float32)
    field = np.where(missing, np.complex64(0), field)
    bands = (measure_band(field, 0), measure_band(field, 1)) if field.any() else (Band(0, 1),) * 2
    start = (window[0].start, window[1].start)
    ends = [(w.start == 0, w.stop == n) for w, n in zip(window, scene.shape, strict=True)]
    power = intensity(sample_complex(field, rows, columns, start, bands, (ends[0], ends[1])))
    i, j = np.rint(rows).astype(int) - start[0], np.rint(columns).astype(int) - start[1]
    # The kernel has only half of its samples at the end of the data.
    inside = (rows >= _MARGIN) & (rows <= scene.shape[0] - 1 - _MARGIN)
    inside &= (columns >= _MARGIN) & (columns <= scene.shape[1] - 1 - _MARGIN)
    i, j = np.clip(i, 0, field.shape[0] - 1), np.clip(j, 0, field.shape[1] - 1)
    power[~inside | missing[i, j]] = np.nan
    return power
