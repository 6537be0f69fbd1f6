"""Strong echoes that a height grid cannot hold: dihedrals at wall feet and point targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..sar.psf import PointSpread
from .materials import MATERIALS
from .world import FloatArray, World

_GROUND_LOSS_DB = {"trees": 14.0, "scrub": 9.0, "crop": 6.0, "grass": 4.0, "bare": 2.0, "rock": 6.0}
"""What the ground in front of a wall takes from the double bounce; smooth ground takes nothing."""
_KERNEL_REACH = 20


@dataclass(frozen=True)
class View:
    """The image grid: full columns, visible rows."""

    world: World
    incidence_angle_deg: float
    reference_m: float
    first_row: int
    first_column: int
    """Grid indices of the visible frame's first cell."""
    horizon: FloatArray
    """Running maximum of x cos + z sin along the rows of the frame, cells."""

    def locate(
        self, x_m: NDArray[np.float64], y_m: NDArray[np.float64], z_m: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """(row, column) where points appear, as cell-centre fractions, and which are lit."""
        spacing = self.world.spacing_m
        theta = np.radians(self.incidence_angle_deg)
        row = y_m / spacing - 0.5
        column = x_m / spacing - 0.5
        z = (z_m - self.reference_m) / spacing
        rows, columns = self.horizon.shape
        k = np.clip(np.round(row).astype(int), 0, rows - 1)
        before = np.floor(column + self.first_column).astype(int) - 1
        j = np.clip(before, 0, columns - 1)
        height = (column + self.first_column) * np.cos(theta) + z * np.sin(theta)
        inside = (row > -1) & (row < rows) & (before >= 0) & (before < columns - 1)
        lit = inside & (height >= self.horizon[k, j] - 1e-3)
        return row, column - z / np.tan(theta), lit


def add_double_bounce(power: FloatArray, view: View, rng: np.random.Generator) -> None:
    """Add the dihedral echo of every lit wall foot to ``power`` (visible frame), in place.

    A smooth dihedral of height h and width b has RCS 16 pi h^2 b^2 sin(theta)^2 / lambda^2, the
    textbook 8 pi h^2 b^2 / lambda^2 at 45 degrees. Real walls are coherent over about half a
    wavelength only: summing such patches over h times l gives

        RCS = 4 pi h l sin(theta)^2 * 10^(strength_db / 10) * D(phi),

    independent of wavelength. phi is the angle between the wall's normal and the look direction;
    D = exp(-(phi / 9 deg)^2) + 0.03 cos(phi)^2 keeps the bright cardinal flash and the faint rest
    that windows and balconies return. All double-bounce paths have the range of the foot. A
    gamma-distributed factor every 1.2 m stands for openings and projections.
    """
    feet = view.world.wall_feet
    if not feet:
        return
    ends = np.array([(f.x0_m, f.y0_m, f.x1_m, f.y1_m) for f in feet])
    height = np.array([f.height_m for f in feet])
    strength = 10 ** (np.array([f.strength_db for f in feet]) / 10)
    dx, dy = ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]
    length = np.hypot(dx, dy)
    spacing = view.world.spacing_m
    counts = np.maximum(1, np.ceil(length / (0.5 * spacing)).astype(int))
    turn = np.degrees(np.arctan2(np.abs(dx), np.abs(dy)))
    facing = np.exp(-((turn / 9.0) ** 2)) + 0.03 * np.cos(np.radians(turn)) ** 2
    sine2 = np.sin(np.radians(view.incidence_angle_deg)) ** 2
    rcs = 4 * np.pi * height * length * sine2 * strength * facing / counts
    wall = np.repeat(np.arange(len(feet)), counts)
    step = np.arange(len(wall)) - np.repeat(np.cumsum(counts) - counts, counts)
    along = (step + 0.5) / counts[wall]
    x = ends[wall, 0] + along * dx[wall]
    y = ends[wall, 1] + along * dy[wall]
    cells = _ground_cells(view, x - spacing, y)
    row, column, lit = view.locate(x, y, view.world.ground_m[cells].astype(np.float64))
    patch = np.floor(along * length[wall] / 1.2).astype(int) + 7919 * wall
    _, patch = np.unique(patch, return_inverse=True)
    sparkle = rng.gamma(1.5, 1 / 1.5, int(patch.max()) + 1)[patch]
    amount = rcs[wall] * sparkle * _ground_gain()[view.world.material[cells]] / spacing**2
    _deposit(power, row[lit], column[lit], amount[lit])


def _ground_cells(
    view: View, x_m: NDArray[np.float64], y_m: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    spacing = view.world.spacing_m
    rows, columns = view.world.ground_m.shape
    r = np.floor(y_m / spacing).astype(np.intp) + view.world.margin[0]
    c = np.floor(x_m / spacing).astype(np.intp) + view.world.margin[1]
    return np.clip(r, 0, rows - 1), np.clip(c, 0, columns - 1)


def _ground_gain() -> NDArray[np.float64]:
    return np.array([10 ** (-_GROUND_LOSS_DB.get(m.label, 0.0) / 10) for m in MATERIALS])


def _deposit(
    power: FloatArray,
    row: NDArray[np.float64],
    column: NDArray[np.float64],
    amount: NDArray[np.float64],
) -> None:
    """Share amounts among the four nearest cells, so that the sum is kept inside the frame."""
    rows, columns = power.shape
    r0, c0 = np.floor(row).astype(int), np.floor(column).astype(int)
    fr, fc = row - r0, column - c0
    for dr, wr in ((0, 1 - fr), (1, fr)):
        for dc, wc in ((0, 1 - fc), (1, fc)):
            r, c = r0 + dr, c0 + dc
            good = (r >= 0) & (r < rows) & (c >= 0) & (c < columns)
            np.add.at(power, (r[good], c[good]), (amount * wr * wc)[good].astype(np.float32))


@dataclass(frozen=True)
class PointTargets:
    """Deterministic echoes of the visible frame."""

    row: NDArray[np.float64]
    column: NDArray[np.float64]
    """Sub-pixel positions; whole numbers are cell centres."""
    amplitude: NDArray[np.complex128]
    """sqrt(RCS / cell area) with the target's phase, so that |amplitude|^2 adds to sigma0."""

    def draw(self, shape: tuple[int, int], psf: PointSpread) -> NDArray[np.complex64]:
        """Complex image of the targets through the impulse response, exact below the pixel."""
        image = np.zeros((shape[0] + 2 * _KERNEL_REACH, shape[1] + 2 * _KERNEL_REACH), np.complex64)
        row0, row_kernel = _kernels(self.row, psf)
        column0, column_kernel = _kernels(self.column, psf)
        width = 2 * _KERNEL_REACH
        for k, amplitude in enumerate(self.amplitude):
            r, c = int(row0[k]), int(column0[k])
            if not (0 <= r < shape[0] and 0 <= c < shape[1]):
                continue
            spot = np.multiply.outer(row_kernel[k] * amplitude, column_kernel[k])
            image[r + 1 : r + 1 + width, c + 1 : c + 1 + width] += spot
        return image[_KERNEL_REACH:-_KERNEL_REACH, _KERNEL_REACH:-_KERNEL_REACH]

    def add_power(self, power: FloatArray) -> None:
        """Add the targets' power to a reflectivity picture, in place."""
        _deposit(power, self.row, self.column, np.abs(self.amplitude) ** 2)


def _kernels(
    position: NDArray[np.float64], psf: PointSpread
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Whole part of each position and the response at the cells around it, unit energy."""
    whole = np.floor(position).astype(np.intp)
    offset = np.arange(1 - _KERNEL_REACH, _KERNEL_REACH + 1)
    kernel = psf.response(offset[None, :] - (position - whole)[:, None])
    kernel /= np.sqrt(np.sum(kernel**2, axis=1, keepdims=True))
    return whole, kernel


def point_targets(view: View, rng: np.random.Generator) -> PointTargets:
    """The lit reflectors of a world, each with a random phase."""
    items = view.world.reflectors
    phase = rng.uniform(0, 2 * np.pi, len(items))
    table = np.array([(r.x_m, r.y_m, r.z_m, r.rcs_dbsm) for r in items]).reshape(-1, 4)
    row, column, lit = view.locate(table[:, 0], table[:, 1], table[:, 2])
    modulus = np.sqrt(10 ** (table[:, 3] / 10)) / view.world.spacing_m
    amplitude = modulus * np.exp(1j * phase)
    return PointTargets(row[lit], column[lit], amplitude[lit])
