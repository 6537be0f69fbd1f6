"""A grid of square tiles over a scene: ground range towards growing columns, one spacing.

Grids follow the product's own array axes (after flips and transposition), because only then are
pixels averaged whole. Rows and columns of a product need not be at right angles on the ground, nor
its range direction along an axis; each tile's affine and the recorded angles say how they lie.
``rotate`` turns the grid to the range direction instead, where the data can bear it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from ..errors import InputError
from .axis import Axis, AxisMethod, snapped
from .method import METHODS, Method, axis_method, oblique_method, oversampling
from .orient import Orientation, choose_orientation, oriented_azimuths, turn_deg
from .place import axes_on_ground, ground_at, is_range, local_crs, range_nodes
from .resample import KERNEL_TAPS
from .turned import TurnedFrame, turned_frame

if TYPE_CHECKING:
    from ..records import Scene

MIN_SIZE, MAX_SIZE = 8, 8192


@dataclass(frozen=True)
class Cell:
    """One tile's place in a grid."""

    row: int
    column: int
    top: int
    """First output row of the grid."""
    left: int

    @property
    def group(self) -> str:
        """Name of the ground within the scene; the same for every spacing of one plan."""
        return f"r{self.row:05d}c{self.column:05d}"


class Cells(Sequence[Cell]):
    """The cells of a grid in reading order, made when asked for."""

    def __init__(
        self, shape: tuple[int, int], stride: int, kept: tuple[tuple[int, int], ...] | None = None
    ) -> None:
        self._shape, self._stride, self._kept = shape, stride, kept

    def __len__(self) -> int:
        return self._shape[0] * self._shape[1] if self._kept is None else len(self._kept)

    @overload
    def __getitem__(self, index: int) -> Cell: ...
    @overload
    def __getitem__(self, index: slice) -> list[Cell]: ...
    def __getitem__(self, index: int | slice) -> Cell | list[Cell]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        row, column = divmod(index, self._shape[1]) if self._kept is None else self._kept[index]
        return Cell(row, column, row * self._stride, column * self._stride)

    def __iter__(self) -> Iterator[Cell]:
        return (self[i] for i in range(len(self)))


@dataclass(frozen=True, eq=False)
class TileGrid:
    """How a scene is cut: everything that ``read_cell`` needs beside the scene."""

    spacing_m: float
    size: int
    """Pixels along a side of a tile."""
    stride: int
    """Pixels from one tile to the next."""
    shape: tuple[int, int]
    """Rows and columns of cells."""
    orientation: Orientation
    rows: Axis
    columns: Axis
    method: str
    """How the pixels were made, in words."""
    crs: str | None
    """WKT of the tiles' coordinate system; None for a scene without georeference."""
    exact: bool
    """Whether the tiles' affine is the scene's own, in its own CRS."""
    range_angle_residual_deg: float | None
    """Angle from growing columns to range, clockwise on the ground; None where range is unknown."""
    axes_angle_deg: float | None
    """Angle from growing columns to growing rows on the ground; 90 on a square grid."""
    turned: TurnedFrame | None = None
    notes: tuple[str, ...] = ()

    def cells(self) -> Cells:
        """All cells, row by row; lazily, as there may be many thousands."""
        return Cells(self.shape, self.stride, None if self.turned is None else self.turned.kept)

    def record(self) -> dict[str, Any]:
        """What was planned, JSON types only."""
        return {
            "spacing_m": self.spacing_m,
            "size": self.size,
            "stride": self.stride,
            "cells": [len(self.cells()), *self.shape],
            "method": self.method,
            "orientation": self.orientation.text,
            "transpose": self.orientation.transpose,
            "flip_rows": self.orientation.flip_rows,
            "flip_columns": self.orientation.flip_columns,
            "source_spacing_m": [self.rows.source_spacing_m, self.columns.source_spacing_m],
            "factors": [self.rows.factor, self.columns.factor],
            "oversampling": [self.rows.oversampling, self.columns.oversampling],
            "crs": self.crs,
            "frame": self.frame,
            "range_angle_residual_deg": self.range_angle_residual_deg,
            "axes_angle_deg": self.axes_angle_deg,
            "notes": list(self.notes),
        }

    @property
    def frame(self) -> str:
        """Which axes the tiles follow."""
        if self.turned is not None:
            return "turned to range"
        if self.crs is None:
            return "pixels"
        return "map of the product" if self.exact else "axes of the product on the ground"


def plan_grid(
    scene: Scene,
    spacing_m: float | None,
    size: int = 512,
    overlap: float = 0.0,
    *,
    method: Method = "auto",
    rotate: bool = False,
    force: bool = False,
) -> TileGrid:
    """Lay a grid of square tiles over a scene. Reads no more than a few small windows.

    Parameters
    ----------
    spacing_m
        Ground spacing of the tiles; None takes the finest that needs no interpolation.
    size
        Pixels along a side.
    overlap
        Share of a tile's side that it has in common with its neighbour, 0 <= overlap < 1.
    method
        'multilook' averages power by area, 'flip' copies pixels, 'complex' interpolates the complex
        field before detection, 'nearest' copies the nearest pixel; 'auto' takes what keeps the law
        of speckle.
    rotate
        Turn tiles to the range direction where it lies oblique to the array. Interpolated complex
        data, averages over at least three pixels a side, or forced.
    force
        Allow nearest neighbour where everything else would break speckle.

    Returns
    -------
    The grid, its method in words.

    Raises
    ------
    InputError
        If the spacing is not known, the scene is smaller than a tile, or no resampling would keep
        the law of speckle; the message says what to change.
    FormatError
        If the product's georeference is unusable.
    """
    _check(spacing_m, size, overlap, method)
    on_ground = axes_on_ground(scene)
    orientation, residual = choose_orientation(
        scene.range_axis,
        scene.range_azimuth_deg,
        on_ground[0].azimuth_deg,
        on_ground[1].azimuth_deg,
    )
    rates = oversampling(scene)
    source = (1, 0) if orientation.transpose else (0, 1)
    bare = [
        _axis(scene, axis, flip, on_ground[axis].spacing_m, rates[axis])
        for axis, flip in zip(
            source, (orientation.flip_rows, orientation.flip_columns), strict=True
        )
    ]
    finest = max(axis.source_spacing_m * axis.factor / axis.least_factor() for axis in bare)
    spacing = finest if spacing_m is None else float(spacing_m)
    angle = range_azimuth = None
    if on_ground[0].azimuth_deg is not None and on_ground[1].azimuth_deg is not None:
        rows_az, columns_az = oriented_azimuths(
            orientation, on_ground[0].azimuth_deg, on_ground[1].azimuth_deg
        )
        angle = turn_deg(rows_az - columns_az)
        range_azimuth = None if residual is None else (columns_az + residual) % 360.0
    if rotate:
        return _turned(
            scene, spacing, size, overlap, method, force, orientation, bare, range_azimuth, residual
        )
    stride = max(1, round(size * (1.0 - overlap)))
    laid = []
    for axis in bare:
        fitted = _spaced(axis, spacing)
        kind = axis_method(scene, method, fitted, force, finest)
        laid.append(replace(fitted, method=kind))
    flips = (orientation.flip_rows, orientation.flip_columns)
    counts, placed = [], []
    for axis, flip in zip(laid, flips, strict=True):
        margin = KERNEL_TAPS / 2.0 if axis.method == "sinc" else 0.0
        count = _count(axis.usable(margin), size, stride)
        counts.append(count)
        placed.append(axis.placed(margin, (count - 1) * stride + size, flip))
    if min(counts) < 1:
        raise InputError(
            f"{scene.path} covers {_metres(laid[0])} x {_metres(laid[1])} m, less than a tile of "
            f"{size} x {size} pixels at {spacing:g} m: ask for a smaller size or a finer spacing"
        )
    exact = scene.ground is not None and scene.crs is not None and scene.transform is not None
    return TileGrid(
        spacing_m=spacing,
        size=size,
        stride=stride,
        shape=(counts[0], counts[1]),
        orientation=orientation,
        rows=placed[0],
        columns=placed[1],
        method=_words(placed[0], placed[1], orientation),
        crs=scene.crs if exact else _frame(scene),
        exact=exact,
        range_angle_residual_deg=residual,
        axes_angle_deg=angle,
        notes=_notes(residual, angle, placed),
    )


def plan_grids(
    scene: Scene,
    spacings_m: Sequence[float],
    size: int = 512,
    overlap: float = 0.0,
    *,
    method: Method = "auto",
    rotate: bool = False,
    force: bool = False,
) -> list[TileGrid]:
    """Grids of the same ground at several spacings, in the order given.

    The finest has tiles of ``size`` pixels and defines the ground; a tile at twice its spacing has
    half as many pixels a side. Cells of the same ``group`` are registered edge to edge.

    Raises
    ------
    InputError
        As ``plan_grid``, or if a spacing does not divide the tile into whole pixels.
    """
    if not spacings_m:
        raise InputError("give at least one spacing")
    finest = min(spacings_m)
    ratios = [spacing / finest for spacing in spacings_m]
    for ratio, spacing in zip(ratios, spacings_m, strict=True):
        pixels = size / ratio
        if abs(pixels - round(pixels)) > 1e-6 or round(pixels) < MIN_SIZE:
            raise InputError(
                f"a tile of {size} pixels at {finest:g} m is {pixels:.2f} pixels at {spacing:g} m; "
                f"choose spacings that are {finest:g} m times divisors of {size}"
            )
    base = plan_grid(scene, finest, size, overlap, method=method, rotate=rotate, force=force)
    return [_coarser(scene, base, ratio) for ratio in ratios]


def _coarser(scene: Scene, base: TileGrid, ratio: float) -> TileGrid:
    """The same cells with pixels ``ratio`` times larger."""
    if ratio == 1.0:
        return base
    if base.turned is not None:
        raise InputError("several spacings and rotation cannot be combined: choose one of them")
    stride = base.stride / ratio
    if abs(stride - round(stride)) > 1e-6:
        raise InputError(
            f"an overlap that moves tiles by {base.stride} pixels does not fit {ratio:g} times "
            "coarser pixels: choose an overlap of 0, 0.25 or 0.5"
        )
    axes = []
    for axis in (base.rows, base.columns):
        fewest = axis.least_factor() * ratio
        kind: AxisMethod = "area" if fewest >= 1.0 else axis.method
        axes.append(axis.coarser(ratio, kind))
    return replace(
        base,
        spacing_m=base.spacing_m * ratio,
        size=round(base.size / ratio),
        stride=round(stride),
        rows=axes[0],
        columns=axes[1],
        method=_words(axes[0], axes[1], base.orientation),
    )


def _check(spacing_m: float | None, size: int, overlap: float, method: str) -> None:
    if spacing_m is not None and not (np.isfinite(spacing_m) and spacing_m > 0):
        raise InputError(f"spacing {spacing_m} m is not a positive number")
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise InputError(f"tile size {size} is not between {MIN_SIZE} and {MAX_SIZE} pixels")
    if not 0.0 <= overlap < 1.0:
        raise InputError(f"overlap {overlap} is not a share of the tile: 0 <= overlap < 1")
    if method not in METHODS:
        raise InputError(f"method {method!r} is not one of {', '.join(METHODS)}")


def _axis(scene: Scene, axis: int, flip: bool, spacing_m: float, rate: float) -> Axis:
    """A source axis, oriented, one output pixel per source pixel at the middle."""
    nodes = None
    if scene.plane == "slant" and is_range(scene, axis):
        found = range_nodes(scene, axis)
        if found is not None:
            corners, metres = found
            if flip:
                corners = (scene.shape[axis] - corners)[::-1].copy()
                metres = (metres[-1] - metres)[::-1].copy()
            nodes = (corners, metres)
    return Axis(
        count=scene.shape[axis],
        spacing_m=spacing_m,
        factor=1.0,
        nodes=nodes,
        oversampling=rate,
        source_spacing_m=spacing_m,
    )


def _spaced(axis: Axis, spacing_m: float) -> Axis:
    """The axis with output pixels of a spacing."""
    factor = spacing_m / axis.source_spacing_m
    return replace(
        axis, spacing_m=spacing_m, factor=snapped(factor) if axis.nodes is None else factor
    )


def _count(usable: float, size: int, stride: int) -> int:
    """Whole tiles in so many output pixels."""
    pixels = int(np.floor(usable + 1e-6))
    return 0 if pixels < size else (pixels - size) // stride + 1


def _metres(axis: Axis) -> str:
    return f"{axis.usable(0.0) * axis.spacing_m:.6g}"


def _frame(scene: Scene) -> str | None:
    """A local map about the scene centre."""
    if scene.ground is None:
        return None
    middle = [np.array([(n - 1) / 2.0]) for n in scene.shape]
    lon, lat = ground_at(scene.ground, scene, middle[0], middle[1])
    return local_crs(float(lon[0]), float(lat[0]))


def _words(rows: Axis, columns: Axis, orientation: Orientation) -> str:
    """The method in words: 'multilook 4 x 2 (power, by area); rows flipped'."""
    kinds = {rows.method, columns.method}
    if "nearest" in kinds:
        head = "nearest neighbour (speckle not kept)"
    elif kinds == {"copy"}:
        head = "flip"
    elif "sinc" in kinds:
        parts = [
            f"{name} {'band-limited before detection' if axis.method == 'sinc' else axis.method}"
            for name, axis in (("rows", rows), ("columns", columns))
        ]
        head = f"complex ({', '.join(parts)})"
    else:
        head = f"multilook {rows.factor:.4g} x {columns.factor:.4g} (power, by area)"
    return f"{head}; {orientation.text}"


def _notes(residual: float | None, angle: float | None, axes: Sequence[Axis]) -> tuple[str, ...]:
    """What a user should know about the grid."""
    notes = []
    if residual is None:
        notes.append("range direction not known: tiles keep the direction of the file")
    elif abs(residual) > 1.0:
        notes.append(f"range lies {residual:.1f} degrees off the columns")
    if angle is not None and abs(angle - 90.0) > 1.0:
        notes.append(f"rows and columns meet at {angle:.1f} degrees on the ground")
    if any(a.method == "area" and not a.whole and a.least_factor() < 2.0 for a in axes):
        notes.append(
            "pixels average between one and two source pixels: looks vary from pixel to pixel"
        )
    return tuple(notes)


def _turned(
    scene: Scene,
    spacing_m: float,
    size: int,
    overlap: float,
    method: Method,
    force: bool,
    orientation: Orientation,
    bare: Sequence[Axis],
    azimuth_deg: float | None,
    angle_deg: float | None,
) -> TileGrid:
    """A grid whose columns grow along ground range, whatever the array's axes."""
    crs = _frame(scene)
    if scene.ground is None or crs is None or azimuth_deg is None or angle_deg is None:
        raise InputError(
            f"{scene.path}: without georeference and range direction it cannot be turned to range; "
            "leave rotation off"
        )
    axes = [_spaced(axis, spacing_m) for axis in bare]
    stride = max(1, round(size * (1.0 - overlap)))
    kind = oblique_method(
        scene,
        method,
        (axes[0].least_factor(), axes[1].least_factor()),
        (axes[0].oversampling, axes[1].oversampling),
        force,
        spacing_m,
    )
    frame, shape = turned_frame(scene, crs, azimuth_deg, angle_deg, spacing_m, size, stride)
    axes = [replace(axis, method=kind) for axis in axes]
    heads = {
        "sinc": "complex (rotation, band-limited before detection)",
        "area": f"multilook {axes[0].factor:.4g} x {axes[1].factor:.4g} (rotation, power, by area)",
        "nearest": "nearest neighbour (rotation, speckle not kept)",
    }
    return TileGrid(
        spacing_m=spacing_m,
        size=size,
        stride=stride,
        shape=shape,
        orientation=orientation,
        rows=axes[0],
        columns=axes[1],
        method=heads[kind],
        crs=crs,
        exact=False,
        range_angle_residual_deg=0.0,
        axes_angle_deg=90.0,
        turned=frame,
    )
