"""Read vector maps once, and give what lies in a tile, in the coordinates of its picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError, MissingExtraError
from .place import WORLD, TilePlace, transformer
from .tags import KEYS, LOOSE, kind_of

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Shaped:
    """One feature in the picture: x right and y down, 0 to 1, cut at the frame."""

    kind: str
    geometry: Any
    """A shapely geometry."""
    inside: float
    """Share of the whole feature that the frame shows."""


class VectorMap:
    """Features of all layers of some files that lie near the tiles."""

    def __init__(self, kinds: list[str], geometries: NDArray[np.object_]) -> None:
        shapely = _shapely()
        self.kinds = kinds
        self.geometries = geometries
        self._tree = shapely.STRtree(geometries)

    def __len__(self) -> int:
        return len(self.kinds)

    def shapes(self, place: TilePlace) -> list[Shaped]:
        """What the frame of a tile shows."""
        shapely = _shapely()
        box = shapely.box(*place.bounds(WORLD))
        found = np.sort(self._tree.query(box, predicate="intersects"))
        to_map = transformer(WORLD, place.crs)
        frame = shapely.box(0, 0, 1, 1)
        a, b, d, e, x, y = place.inverse()

        def moved(points: NDArray[np.float64]) -> NDArray[np.float64]:
            east, north = to_map.transform(points[:, 0], points[:, 1])
            return np.column_stack((a * east + b * north + x, d * east + e * north + y))

        shapes = []
        for number in found:
            whole = shapely.transform(self.geometries[number], moved)
            if not shapely.is_valid(whole):
                whole = shapely.make_valid(whole)
            cut = shapely.intersection(whole, frame)
            if not shapely.is_empty(cut):
                shapes.append(Shaped(self.kinds[number], cut, _share(cut, whole)))
        return shapes


def _share(cut: Any, whole: Any) -> float:
    for measure in ("area", "length"):
        if getattr(whole, measure) > 0:
            return float(getattr(cut, measure) / getattr(whole, measure))
    return 1.0


def read_vectors(paths: Sequence[Path], near: Bounds) -> VectorMap:
    """Read the features of files that lie within bounds.

    Parameters
    ----------
    paths
        GeoPackage, GeoJSON, Shapefile, FlatGeobuf, or an extract of OpenStreetMap (`.osm.pbf`).
    near
        West, south, east, north [deg] of all tiles.

    Raises
    ------
    InputError
        If a file is not there, or no file has a feature that is known here near the tiles.
    FormatError
        If one cannot be read, or states no coordinate system.
    """
    kinds: list[str] = []
    parts: list[Any] = []
    seen = 0
    for path in paths:
        for tags, geometries in _layers(path, near):
            seen += len(geometries)
            for tag, geometry in zip(tags, geometries, strict=True):
                kind = kind_of(tag)
                if kind is not None and geometry is not None and not geometry.is_empty:
                    kinds.append(kind)
                    parts.append(geometry)
    if not kinds:
        names = ", ".join(str(path) for path in paths)
        raise InputError(
            f"{names}: of {seen} features near the tiles none is of a known kind; columns such as "
            "highway, building, natural, landuse, waterway are looked at (docs/captions-run.md)"
        )
    held = np.empty(len(parts), dtype=object)
    held[:] = parts
    return VectorMap(kinds, held)


def _layers(path: Path, near: Bounds) -> Iterator[tuple[list[dict[str, Any]], Any]]:
    """Tags and geometries (longitude, latitude) of each layer."""
    pyogrio = _pyogrio()
    shapely = _shapely()
    if not path.exists():
        raise InputError(f"{path}: no such file of vectors")
    try:
        layers = [str(name) for name, kind in pyogrio.list_layers(path) if kind is not None]
        for layer in layers:
            info = pyogrio.read_info(path, layer=layer)
            crs = info["crs"]
            if crs is None:
                raise FormatError(f"{path}: layer {layer} states no coordinate system")
            wanted = {*KEYS, *LOOSE, "other_tags"}
            columns = [name for name in info["fields"] if str(name).lower() in wanted]
            meta, _, wkb, fields = pyogrio.raw.read(
                path, layer=layer, columns=columns, bbox=_bounds_in(crs, near), force_2d=True
            )
            names = [str(name) for name in meta["fields"]]
            tags = [dict(zip(names, row, strict=True)) for row in zip(*fields, strict=True)]
            tags = tags or [{} for _ in wkb]
            geometries = shapely.from_wkb(wkb)
            if crs != WORLD:
                back = transformer(crs, WORLD)
                geometries = shapely.transform(
                    geometries, lambda points, back=back: np.column_stack(back.transform(*points.T))
                )
            yield tags, geometries
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise FormatError(f"{path}: cannot be read as vectors: {error}") from error


def _bounds_in(crs: str, near: Bounds) -> Bounds:
    """Bounds in the layer's own system, a little wider."""
    west, south, east, north = near
    steps = np.linspace(0, 1, 9)
    x, y = (grid.ravel() for grid in np.meshgrid(steps, steps))
    lon, lat = west + (east - west) * x, south + (north - south) * y
    found_x, found_y = transformer(WORLD, crs).transform(lon, lat)
    wide = 0.02 * max(np.ptp(found_x), np.ptp(found_y), 1e-9)
    return (
        float(found_x.min() - wide), float(found_y.min() - wide),
        float(found_x.max() + wide), float(found_y.max() + wide),
    )  # fmt: skip


def _shapely() -> Any:
    try:
        import shapely
    except ImportError as error:
        raise MissingExtraError("shapely, which measures map features,", "archive") from error
    return shapely


def _pyogrio() -> Any:
    try:
        import pyogrio
        import pyogrio.errors
        import pyogrio.raw
    except ImportError as error:
        raise MissingExtraError("pyogrio, which reads vector maps,", "archive") from error
    return pyogrio
