"""Values known at the points of a geolocation grid, brought to the nodes of a dense lattice.

Used by ``sentinel1_grid``, which says why.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..records import FloatArray
from .sentinel1_sight import Lean, Sight, lean_of

Nodes = tuple[FloatArray, FloatArray]


def smooth_lattice(
    rows: FloatArray, columns: FloatArray, values: FloatArray, nodes: Nodes
) -> FloatArray:
    """Values [R, C, K] at every pair of nodes, by a cubic spline."""
    ends = [
        (min(at[0], one[0]), max(at[-1], one[-1]))
        for at, one in zip((rows, columns), nodes, strict=True)
    ]
    wide = _widened(rows, columns, values, ends)
    at = [spline(wide[0], wide[1], one)(*nodes) for one in np.moveaxis(wide[2], -1, 0)]
    return np.stack(at, axis=-1)


def terrain_lattice(
    rows: FloatArray, columns: FloatArray, normals: FloatArray, sight: Sight, nodes: Nodes
) -> FloatArray:
    """Normals at every pair of nodes: smooth on the ellipsoid, and displaced by the terrain."""
    from scipy.interpolate import make_interp_spline

    sight.check(rows, columns)
    lean = lean_of(normals, sight)
    away_m = lean.displacement_m(sight.ranges_m, sight.heights_m)
    parts = (normals - away_m[..., None] * lean.turn, lean.turn, lean.antenna_m[..., None])
    smooth = np.concatenate(parts, axis=-1)
    if sight.polynomials is None:
        smooth = np.concatenate([smooth, sight.ranges_m[..., None]], axis=-1)
        at = smooth_lattice(rows, columns, smooth, nodes)
        ranges_m = at[..., 7]
    else:
        ranges_m = sight.polynomials(*nodes)
        # any even spacing on the ground will do to measure range in: that of the middle row
        middle = ranges_m[len(ranges_m) // 2]
        columns_at = make_interp_spline(middle, nodes[1], 3)
        at = _by_bent_columns(
            rows, columns, smooth, columns_at(sight.ranges_m), nodes[0], columns_at(ranges_m)
        )
    height_m = _linear(rows, columns, sight.heights_m, nodes)
    turn, antenna_m = at[..., 3:6], at[..., 6]
    away_m = Lean(turn, antenna_m).displacement_m(ranges_m, height_m)
    return np.asarray(at[..., :3] + away_m[..., None] * turn)


def _by_bent_columns(
    rows: FloatArray,
    columns: FloatArray,
    values: FloatArray,
    bent: FloatArray,
    node_rows: FloatArray,
    node_bent: FloatArray,
) -> FloatArray:
    """Values [R, C, K] known at bent columns [R, C], at bent columns [rows, columns] of the nodes.

    Bent columns are slant ranges, counted so that they grow evenly on the ground. Every row of the
    grid is first brought to the same ones, from which its own are some pixels away.
    """
    from scipy.interpolate import make_interp_spline

    order = min(3, len(columns) - 1)
    even = np.stack(
        [make_interp_spline(at, one, order)(columns) for at, one in zip(bent, values, strict=True)]
    )
    ends = [
        (min(rows[0], node_rows[0]), max(rows[-1], node_rows[-1])),
        (min(columns[0], node_bent.min()), max(columns[-1], node_bent.max())),
    ]
    wide = _widened(rows, columns, even, ends)
    row = np.broadcast_to(node_rows[:, None], node_bent.shape)
    found = [
        spline(wide[0], wide[1], one).ev(row, node_bent) for one in np.moveaxis(wide[2], -1, 0)
    ]
    return np.stack(found, axis=-1)


def _linear(
    rows: FloatArray, columns: FloatArray, values: FloatArray, nodes: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Values [R, C] interpolated linearly to every pair of nodes; constant outside the grid."""
    along = np.stack([np.interp(nodes[1], columns, row) for row in values])
    return np.stack([np.interp(nodes[0], rows, column) for column in along.T], axis=-1)


def _widened(
    rows: FloatArray,
    columns: FloatArray,
    values: FloatArray,
    ends: list[tuple[float, float]],
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The grid with one more point on each side, beyond ``ends``, so that a spline covers them."""
    for axis in (0, 1):
        nodes = (rows, columns)[axis]
        beyond = 1e-3 * (nodes[-1] - nodes[0])
        low, high = ends[axis][0] - beyond, ends[axis][1] + beyond
        before = _extrapolated(nodes[:4], np.moveaxis(values, axis, 0)[:4], low)
        after = _extrapolated(nodes[-4:], np.moveaxis(values, axis, 0)[-4:], high)
        values = np.concatenate(
            [np.expand_dims(before, axis), values, np.expand_dims(after, axis)], axis=axis
        )
        nodes = np.concatenate([[low], nodes, [high]])
        rows, columns = (nodes, columns) if axis == 0 else (rows, nodes)
    return rows, columns, values


def _extrapolated(nodes: FloatArray, values: FloatArray, where: float) -> FloatArray:
    """The polynomial through values [N, ...] at up to four nodes, in Lagrange's form."""
    total = np.zeros(values.shape[1:])
    for k, node in enumerate(nodes):
        others = np.delete(nodes, k)
        total += np.prod((where - others) / (node - others)) * values[k]
    return total


def spline(rows: FloatArray, columns: FloatArray, values: FloatArray) -> Any:
    """A cubic spline through values [R, C], of lower order where there are fewer points."""
    from scipy.interpolate import RectBivariateSpline

    degrees = {"kx": min(3, len(rows) - 1), "ky": min(3, len(columns) - 1)}
    return RectBivariateSpline(rows, columns, values, s=0, **degrees)
