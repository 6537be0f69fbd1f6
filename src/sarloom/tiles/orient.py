"""The eight ways to turn an array by flips and transposition, and which of them a scene needs.

A tile shows the ground as seen from above, ground range growing towards the columns: near range is
column 0, and rows grow ninety degrees clockwise of range. So a tile is a turned map, never a
mirrored one, whatever the side the radar looked to and the direction it flew in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..records import FloatArray, RangeAxis


@dataclass(frozen=True)
class Orientation:
    """Transpose first, then flip: ``oriented = flip(transpose(array))``."""

    transpose: bool = False
    flip_rows: bool = False
    flip_columns: bool = False

    def apply(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """The array as it looks when oriented; a view."""
        turned = array.swapaxes(0, 1) if self.transpose else array
        if self.flip_rows:
            turned = turned[::-1]
        if self.flip_columns:
            turned = turned[:, ::-1]
        return turned

    def shape(self, source: tuple[int, int]) -> tuple[int, int]:
        """Shape of the oriented array."""
        return (source[1], source[0]) if self.transpose else source

    def to_source(
        self, rows: FloatArray, columns: FloatArray, source: tuple[int, int]
    ) -> tuple[FloatArray, FloatArray]:
        """Corner coordinates of the oriented array as corner coordinates of the source.

        Corner coordinates run from 0 to the number of pixels, so a flip is ``n - x``.
        """
        height, width = self.shape(source)
        rows = height - rows if self.flip_rows else rows
        columns = width - columns if self.flip_columns else columns
        return (columns, rows) if self.transpose else (rows, columns)

    def matrix(self, source: tuple[int, int]) -> FloatArray:
        """``to_source`` as a 3 x 3 matrix from (column, row, 1) to (column, row, 1)."""
        corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        rows, columns = self.to_source(corners[:, 1], corners[:, 0], source)
        origin = np.array([columns[0], rows[0]])
        across = np.array([columns[1], rows[1]]) - origin
        down = np.array([columns[2], rows[2]]) - origin
        return np.array(
            [[across[0], down[0], origin[0]], [across[1], down[1], origin[1]], [0.0, 0.0, 1.0]]
        )

    @property
    def text(self) -> str:
        """What was done, in words."""
        words = [
            word
            for done, word in (
                (self.transpose, "transposed"),
                (self.flip_rows, "rows flipped"),
                (self.flip_columns, "columns flipped"),
            )
            if done
        ]
        return ", ".join(words) if words else "as stored"


ALL = tuple(
    Orientation(transpose, rows, columns)
    for transpose in (False, True)
    for rows in (False, True)
    for columns in (False, True)
)

_TO_COLUMNS: dict[str, tuple[bool, bool]] = {
    "+column": (False, False),
    "-column": (False, True),
    "+row": (True, False),
    "-row": (True, True),
}


def turn_deg(angle: float) -> float:
    """An angle as (-180, 180]."""
    return float(180.0 - (180.0 - angle) % 360.0)


def oriented_azimuths(
    orientation: Orientation, row_azimuth_deg: float, column_azimuth_deg: float
) -> tuple[float, float]:
    """Azimuths of growing rows and growing columns after orienting, clockwise from north [deg]."""
    rows, columns = row_azimuth_deg, column_azimuth_deg
    if orientation.transpose:
        rows, columns = columns, rows
    return (
        (rows + 180.0 * orientation.flip_rows) % 360.0,
        (columns + 180.0 * orientation.flip_columns) % 360.0,
    )


def choose_orientation(
    range_axis: RangeAxis | None,
    range_azimuth_deg: float | None,
    row_azimuth_deg: float | None,
    column_azimuth_deg: float | None,
) -> tuple[Orientation, float | None]:
    """The orientation that brings range nearest to growing columns without mirroring the ground.

    Parameters
    ----------
    range_axis
        Axis of the array along which range grows, where it is one.
    range_azimuth_deg
        Azimuth of growing ground range; used where ``range_axis`` is None.
    row_azimuth_deg, column_azimuth_deg
        Azimuths on the ground of growing rows and columns of the source; None without a
        georeference, and then rows are left as stored, since nothing tells how they lie.

    Returns
    -------
    The orientation, and the angle [deg] from growing columns to range, clockwise on the ground:
    zero along an axis, within 45 degrees for a geocoded product, None if range is not known.
    """
    if range_axis is not None:
        transpose, flip_columns = _TO_COLUMNS[range_axis]
        kept = Orientation(transpose, False, flip_columns)
        if row_azimuth_deg is None or column_azimuth_deg is None:
            return kept, 0.0
        flipped = Orientation(transpose, True, flip_columns)
        mirrored = _mirrored(kept, row_azimuth_deg, column_azimuth_deg)
        return (flipped if mirrored else kept), 0.0
    if row_azimuth_deg is None or column_azimuth_deg is None:
        return Orientation(), None
    proper = [one for one in ALL if not _mirrored(one, row_azimuth_deg, column_azimuth_deg)]
    if range_azimuth_deg is None:
        # Nothing says where range is: leave a proper map as it is, unmirror another.
        return min(proper, key=lambda one: one.transpose + one.flip_columns), None

    def residual(one: Orientation) -> float:
        _, columns = oriented_azimuths(one, row_azimuth_deg, column_azimuth_deg)
        return turn_deg(range_azimuth_deg - columns)

    best = min(proper, key=lambda one: round(abs(residual(one)), 9))
    return best, residual(best)


def _mirrored(one: Orientation, row_azimuth_deg: float, column_azimuth_deg: float) -> bool:
    """Whether rows grow anticlockwise of columns, as in a mirror."""
    rows, columns = oriented_azimuths(one, row_azimuth_deg, column_azimuth_deg)
    return turn_deg(rows - columns) < 0.0
