"""Known places in an image: ground control points, and rational polynomials turned into such."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import FormatError
from .ground import _transformers

RPC_GRID = 12
"""Points along each side at which rational polynomials are asked."""

Points = tuple[tuple[float, float, float, float], ...]


def control_points(opened: Any) -> tuple[Points, str]:
    """Row, column, longitude and latitude of known pixels of a rasterio dataset.

    Ground control points count pixels from the outer corner of the first one; rows and columns
    here count from its centre. Rational polynomials are asked at their own mean height, so places
    above or below it are off by their height difference over the tangent of the incidence angle.

    Returns
    -------
    The points, and in words how they are known; no points and '' where the file holds none.

    Raises
    ------
    FormatError
        If the points are in a coordinate system that cannot be tied to the Earth.
    """
    points, system = opened.gcps
    if points:
        crs = "EPSG:4326" if not system else str(system.to_wkt())
        to_lonlat, _ = _transformers(crs)
        lon, lat = to_lonlat.transform([p.x for p in points], [p.y for p in points])
        rows, columns = [p.row - 0.5 for p in points], [p.col - 0.5 for p in points]
        how = f"through {len(points)} ground control points"
        return tuple(zip(rows, columns, map(float, lon), map(float, lat), strict=True)), how
    if opened.rpcs is not None:
        return _through_rpcs(opened)
    return (), ""


def _through_rpcs(opened: Any) -> tuple[Points, str]:
    from rasterio.transform import RPCTransformer

    rows, columns = opened.shape
    down, across = np.meshgrid(
        np.linspace(0, rows - 1, RPC_GRID), np.linspace(0, columns - 1, RPC_GRID), indexing="ij"
    )
    height = float(opened.rpcs.height_off)
    with RPCTransformer(opened.rpcs) as transformer:
        lon, lat = transformer.xy(
            list(down.ravel()), list(across.ravel()), zs=[height] * down.size, offset="center"
        )
    found = [
        (float(row), float(column), float(x), float(y))
        for row, column, x, y in zip(down.ravel(), across.ravel(), lon, lat, strict=True)
        if np.isfinite([x, y]).all()
    ]
    if len(found) < down.size // 2:
        raise FormatError("rational polynomials that give no places")
    return tuple(found), f"through rational polynomials at a height of {height:.0f} m"
