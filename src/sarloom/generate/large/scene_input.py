"""A radar scene as `translate` and `refine` work on it: power without gaps, spacing, level."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError
from ...files import sha256_of, write_aside
from ...models.control_kinds import TYPICAL_DB
from .raster import Georeference

if TYPE_CHECKING:
    from ...records import Scene

FloatArray = NDArray[np.float32]
LARGEST_INPUT = 64_000_000
"""Pixels of an input; its grid is held in memory when the level is set."""
BLOCK_ROWS = 512
FEWEST_VALID = 0.2
CALIBRATED = ("sigma_nought", "beta_nought", "gamma_nought")
POINT_STEPS = 9


@dataclass(frozen=True)
class Part:
    """A window of a scene in its own pixels."""

    row: int
    column: int
    rows: int
    columns: int


@dataclass(frozen=True)
class RadarInput:
    """Power of a part of a scene, on disk."""

    power: FloatArray
    """Sigma-nought, or power whose median is -12 dB; gaps hold the median."""
    valid: NDArray[np.bool_] | None
    """None where all pixels are."""
    unit: float
    """Power of the file's own units over ``power``: 1 for sigma-nought."""
    calibration: str
    row_spacing_m: float
    column_spacing_m: float
    record: dict[str, Any]


def parse_part(text: str | None, shape: tuple[int, int]) -> Part:
    """``ROW,COLUMN,ROWS,COLUMNS``, or the whole scene.

    Raises
    ------
    InputError
        If it is misspelt or leaves the scene.
    """
    if text is None:
        return Part(0, 0, *shape)
    try:
        row, column, rows, columns = (int(word) for word in text.split(","))
    except ValueError:
        raise InputError(
            f"--window {text!r} is not of the form ROW,COLUMN,ROWS,COLUMNS, as 0,0,512,512"
        ) from None
    inside = row >= 0 and column >= 0 and row + rows <= shape[0] and column + columns <= shape[1]
    if not inside or rows < 1 or columns < 1:
        raise InputError(f"--window {text} leaves the scene of {shape[0]} x {shape[1]} pixels")
    return Part(row, column, rows, columns)


def spacings_of(scene: Scene, ground: tuple[float, float] | None) -> tuple[float, float]:
    """Ground distance of neighbouring rows and columns [m].

    Parameters
    ----------
    ground
        What the scene's map says; without it its own spacings, brought from slant to ground range.

    Raises
    ------
    InputError
        If nothing says them.
    """
    if ground is not None:
        return ground
    down, across = scene.row_spacing_m, scene.column_spacing_m
    if down is None or across is None:
        raise InputError(
            f"{scene.path} does not say its pixel spacing: state row_spacing_m and "
            "column_spacing_m in a TOML beside it (docs/readers.md)"
        )
    if scene.plane == "slant":
        if scene.incidence_angle_deg is None:
            raise InputError(f"{scene.path} lies in slant range and does not say its incidence")
        stretch = 1.0 / math.sin(math.radians(scene.incidence_angle_deg))
        along_rows = (scene.range_axis or "+column").endswith("row")
        down, across = (down * stretch, across) if along_rows else (down, across * stretch)
    return float(down), float(across)


def read_input(
    scene: Scene, part: Part, ground: tuple[float, float] | None, file: Path
) -> RadarInput:
    """Read a part of a scene into ``file`` (.npy) block by block.

    Raises
    ------
    InputError
        If it is too large, or its spacing is unknown.
    FormatError
        If it holds too little data.
    """
    down, across = spacings_of(scene, ground)
    if part.rows * part.columns > LARGEST_INPUT:
        raise InputError(
            f"{scene.path} has {part.rows} x {part.columns} pixels: take a part with --window"
        )
    factor, calibration, note = _sigma_factor(scene)
    with write_aside(file) as aside:
        values = np.lib.format.open_memmap(aside, "w+", np.float32, (part.rows, part.columns))
        valid = np.ones(values.shape, bool)
        for rows in _blocks(part.rows):
            wanted = slice(part.row + rows.start, part.row + rows.stop)
            columns = slice(part.column, part.column + part.columns)
            block = scene.pixels.power(wanted, columns) * np.float32(factor)
            valid[rows] = np.isfinite(block) & (block >= 0)
            values[rows] = np.where(valid[rows], block, 0)
        share = float(valid.mean())
        if share < FEWEST_VALID or not values[valid].any():
            raise FormatError(f"{scene.path}: only {share:.0%} of the pixels asked for hold data")
        known = values[valid]
        median = float(np.median(known[known > 0]))
        unit = 1.0
        if calibration == "uncalibrated":
            unit = median / 10 ** (TYPICAL_DB / 10)
        for rows in _blocks(part.rows):
            values[rows] = np.where(valid[rows], values[rows], median) / np.float32(unit)
        values.flush()
        del values
    power = np.load(file, mmap_mode="r", allow_pickle=False)
    record = {
        "file": str(scene.path),
        "sha256": sha256_of(scene.path) if scene.path.is_file() else None,
        "identifier": scene.identifier,
        "reader": scene.reader,
        "calibration": scene.calibration,
        "unit_db": round(10 * math.log10(unit), 4),
        "window": [part.row, part.column, part.rows, part.columns],
        "row_spacing_m": down,
        "column_spacing_m": across,
        "looks": scene.looks,
        "note": note,
        "valid": round(share, 4),
    }
    return RadarInput(
        power, None if share == 1.0 else valid, unit, calibration, down, across, record
    )


def _sigma_factor(scene: Scene) -> tuple[float, str, str]:
    """Factor from a scene's power to sigma-nought, what the result is, and a note.

    sigma = beta sin(incidence) = gamma cos(incidence), with the angle of the scene's centre.
    """
    if scene.calibration == "sigma_nought":
        return 1.0, "sigma_nought", ""
    if scene.calibration in CALIBRATED and scene.incidence_angle_deg is not None:
        angle = math.radians(scene.incidence_angle_deg)
        beta = scene.calibration == "beta_nought"
        factor = math.sin(angle) if beta else math.cos(angle)
        return factor, "sigma_nought", f"{scene.calibration} at the incidence of the centre"
    return 1.0, "uncalibrated", "level unknown: the median was taken as -12 dB while drawing"


def georeference(
    scene: Scene, part: Part, steps: tuple[float, float], spacing_m: float
) -> Georeference:
    """Where the finer grid of a part lies; of a scene without a place its spacing alone.

    Parameters
    ----------
    steps
        Rows and columns of the input per row and column of the output.
    """
    if scene.transform is not None and scene.crs is not None:
        a, b, c, d, e, f = scene.transform
        x = c + a * part.column + b * part.row
        y = f + d * part.column + e * part.row
        return Georeference(
            (a * steps[1], b * steps[0], x, d * steps[1], e * steps[0], y), scene.crs
        )
    if scene.ground is None:
        return Georeference.of_spacing(spacing_m)
    rows = np.linspace(0, part.rows, POINT_STEPS)
    columns = np.linspace(0, part.columns, POINT_STEPS)
    r, c_ = (grid.ravel() for grid in np.meshgrid(rows, columns, indexing="ij"))
    lon, lat = scene.ground.to_ground(r + part.row - 0.5, c_ + part.column - 0.5)
    points = tuple(
        (float(one / steps[0]), float(other / steps[1]), float(x), float(y))
        for one, other, x, y in zip(r, c_, lon, lat, strict=True)
        if np.isfinite(x) and np.isfinite(y)
    )
    return Georeference(points=points)


def _blocks(height: int) -> Iterator[slice]:
    for start in range(0, height, BLOCK_ROWS):
        yield slice(start, min(height, start + BLOCK_ROWS))
