"""The optical partner of a radar tile: same ground, near in time, on the tile's exact grid."""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, InputError, SarloomError
from .place import to_lonlat

if TYPE_CHECKING:
    from .cut import TileData

Ring = tuple[tuple[float, float], ...]

DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"\0\0\0\x0cjP": "JP2OpenJPEG",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
}
"""Formats read as optical pictures, told by their first bytes; none opens a second image file."""
SUFFIXES = (".tif", ".tiff", ".jp2", ".png", ".jpg", ".jpeg")
MIN_OVERLAP = 0.9
_STRETCH_PERCENT = (1.0, 99.0)
_PROBE = 512
_SENTINEL2 = {"B4": 0, "B04": 0, "B3": 1, "B03": 1, "B2": 2, "B02": 2}


@dataclass(frozen=True)
class OpticalSource:
    """A candidate: where and when, without its pixels."""

    path: Path
    footprint: Ring
    """Corners (longitude, latitude) [deg], not closed."""
    time: datetime | None = None
    cloud_cover: float | None = None
    """Per cent."""


@dataclass(frozen=True, eq=False)
class OpticalMatch:
    """The partner of a tile."""

    source: OpticalSource
    picture: NDArray[np.uint8]
    """[size, size, 3], red, green, blue; zero where there is no picture."""
    valid: NDArray[np.bool_]
    """[size, size], where there is a picture."""
    overlap: float
    """Share of the tile with a picture."""
    days: float | None
    """From the radar acquisition to the picture; negative if the picture is older."""
    stretch: tuple[float, float]
    """Source values that became 0 and 255; (0, 255) for 8-bit sources."""


def describe_optical(path: Path) -> OpticalSource:
    """Footprint, time and cloud cover of an optical raster.

    Time and cloud cover come from a STAC item beside it (same name, .json) or from the TIFF's date.

    Raises
    ------
    InputError
        If it has no coordinate system: it could not be placed.
    FormatError
        If it cannot be read.
    """
    with _opened(path) as opened:
        rows, columns = opened.shape
        a, b, c, d, e, f = tuple(opened.transform)[:6]
        across, down = np.array([0, columns, columns, 0]), np.array([0, 0, rows, rows])
        x, y = a * across + b * down + c, d * across + e * down + f
        lon, lat = to_lonlat(opened.crs.to_wkt()).transform(x, y)
        stamp = opened.tags().get("TIFFTAG_DATETIME")
    if not np.isfinite([*lon, *lat]).all():
        raise FormatError(f"{path}: its coordinates leave the earth; check its coordinate system")
    time, cloud = _beside(path)
    return OpticalSource(
        path,
        tuple((float(a), float(b)) for a, b in zip(lon, lat, strict=True)),
        time or _tiff_time(stamp),
        cloud,
    )


def find_optical(
    path: Path, skipped: Callable[[Path, str], None] | None = None
) -> list[OpticalSource]:
    """The optical rasters of a folder tree, or the one file.

    Parameters
    ----------
    skipped
        Told of files in a folder that cannot be candidates, and why.

    Raises
    ------
    InputError
        If there is no candidate, or the one file has no coordinate system.
    """
    if path.is_file():
        return [describe_optical(path)]
    if not path.is_dir():
        raise InputError(f"{path} does not exist: give a raster or a folder of rasters")
    found = []
    for candidate in sorted(path.rglob("*")):
        if candidate.suffix.lower() not in SUFFIXES or not candidate.is_file():
            continue
        try:
            found.append(describe_optical(candidate))
        except SarloomError as error:
            if skipped is not None:
                skipped(candidate, str(error))
    if not found:
        raise InputError(f"{path} holds no optical raster with a coordinate system")
    return found


def pair_optical(
    tile: TileData,
    candidates: Sequence[OpticalSource],
    max_days: float | None = None,
    min_overlap: float = MIN_OVERLAP,
) -> OpticalMatch | None:
    """The best optical picture of a tile's ground, on the tile's grid.

    Best by overlap (to one per cent), then by time, then by cloud cover. What a footprint promises
    is checked in the pixels: a candidate whose picture covers less than ``min_overlap`` is passed
    over.

    Parameters
    ----------
    max_days
        Largest time between the two; then pictures or tiles without a time have no partner. None
        sets no bound.

    Raises
    ------
    InputError
        If a candidate is damaged or has no coordinate system, and no other will do.
    """
    if not candidates or tile.footprint is None or tile.crs is None or tile.transform is None:
        return None
    best: OpticalMatch | None = None
    failure: InputError | None = None
    for source in _ranked(tile, candidates, max_days, min_overlap):
        try:
            found = read_onto(source.path, tile)
        except InputError as error:
            failure = failure or error
            continue
        if found is None:
            continue
        picture, valid, stretch = found
        overlap = float(valid.mean())
        if overlap < min_overlap or (best is not None and overlap < best.overlap + 0.01):
            continue
        best = OpticalMatch(source, picture, valid, overlap, _days(tile, source), stretch)
        if overlap > 0.99:
            break
    if best is None and failure is not None:
        raise failure
    return best


def _ranked(
    tile: TileData,
    candidates: Sequence[OpticalSource],
    max_days: float | None,
    min_overlap: float,
) -> list[OpticalSource]:
    """Candidates that may do, best first."""
    from shapely.geometry import Polygon

    assert tile.footprint is not None
    origin = tile.footprint[0][0]
    ground = _unwrapped(tile.footprint, origin)
    box = (*ground.min(axis=0), *ground.max(axis=0))
    area = Polygon(ground)
    ranked = []
    for source in candidates:
        days = _days(tile, source)
        if max_days is not None and (days is None or abs(days) > max_days):
            continue
        ring = _unwrapped(source.footprint, origin)
        low, high = ring.min(axis=0), ring.max(axis=0)
        if low[0] > box[2] or low[1] > box[3] or high[0] < box[0] or high[1] < box[1]:
            continue
        overlap = area.intersection(Polygon(ring)).area / area.area
        if overlap >= min_overlap - 0.01:
            gap = np.inf if days is None else abs(days)
            cloud = np.inf if source.cloud_cover is None else source.cloud_cover
            ranked.append(((-round(overlap, 2), gap, cloud, str(source.path)), source))
    return [source for _, source in sorted(ranked, key=lambda one: one[0])]


def _unwrapped(ring: Ring, origin: float) -> NDArray[np.float64]:
    """Longitudes within 180 degrees of an origin, so that the date line cuts nothing."""
    places = np.array(ring, np.float64)
    places[:, 0] = (places[:, 0] - origin + 180.0) % 360.0 - 180.0
    return places


def _days(tile: TileData, source: OpticalSource) -> float | None:
    if tile.time is None or source.time is None:
        return None
    return (source.time - tile.time).total_seconds() / 86400.0


def read_onto(
    path: Path, tile: TileData
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], tuple[float, float]] | None:
    """An optical raster on a tile's grid.

    Averaged by area where the raster is finer, bilinear where it is coarser; what is not picture
    (nodata, alpha, mask, or black in all bands of a file that declares none of these) stays out of
    both.

    Returns
    -------
    Picture [size, size, 3] uint8, valid [size, size], and the stretch; None outside the raster.
    """
    from rasterio.crs import CRS
    from rasterio.warp import Resampling, reproject

    assert tile.crs is not None and tile.transform is not None
    from rasterio.transform import Affine

    size = tile.power.shape[0]
    onto = Affine(*tile.transform)
    with _opened(path) as opened:
        window = _window(opened, tile, onto)
        if window is None:
            return None
        bands = _bands(opened)
        per_pixel = float(np.sqrt(window.width * window.height)) / size
        values, transform = _read(opened, bands, window, per_pixel)
        crs = opened.crs
        stretch = _stretch(path, path.stat().st_mtime_ns)
    placed = np.full((len(bands), size, size), np.nan, np.float32)
    reproject(
        values,
        placed,
        src_transform=transform,
        src_crs=crs,
        src_nodata=np.nan,
        dst_transform=onto,
        dst_crs=CRS.from_user_input(tile.crs),
        dst_nodata=np.nan,
        resampling=Resampling.average if per_pixel >= 2.0 else Resampling.bilinear,
    )
    valid: NDArray[np.bool_] = np.asarray(np.isfinite(placed).all(axis=0))
    scaled = (placed - stretch[0]) * (255.0 / (stretch[1] - stretch[0]))
    picture = np.rint(np.clip(np.where(valid, scaled, 0.0), 0.0, 255.0)).astype(np.uint8)
    if len(bands) == 1:
        picture = np.repeat(picture, 3, axis=0)
    return np.ascontiguousarray(np.moveaxis(picture, 0, -1)), valid, stretch


def _window(opened: Any, tile: TileData, onto: Any) -> Any | None:
    """The part of a raster under a tile, with a margin; None if there is none."""
    from rasterio.windows import Window

    assert tile.crs is not None
    size = tile.power.shape[0]
    along = np.linspace(0.0, size, 9)
    columns, rows = (grid.ravel() for grid in np.meshgrid(along, along))
    x = onto.a * columns + onto.b * rows + onto.c
    y = onto.d * columns + onto.e * rows + onto.f
    lon, lat = to_lonlat(tile.crs).transform(x, y)
    x, y = to_lonlat(opened.crs.to_wkt()).transform(lon, lat, direction="INVERSE")
    back = ~opened.transform
    columns, rows = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    good = np.isfinite(columns) & np.isfinite(rows)
    if not good.any():
        return None
    margin = 2.0 + 2.0 * float(np.ptp(columns[good])) / size
    left = max(0, int(np.floor(columns[good].min() - margin)))
    right = min(opened.width, int(np.ceil(columns[good].max() + margin)))
    top = max(0, int(np.floor(rows[good].min() - margin)))
    bottom = min(opened.height, int(np.ceil(rows[good].max() + margin)))
    if left >= right or top >= bottom:
        return None
    return Window(left, top, right - left, bottom - top)


def _read(
    opened: Any, bands: Sequence[int], window: Any, per_pixel: float
) -> tuple[NDArray[np.float32], Any]:
    """A window as float32 with NaN where there is no picture, and its transform.

    A raster many times finer than the tile is read averaged to half a tile pixel, from its
    overviews where it has them, so that memory does not grow with it.
    """
    from rasterio.enums import Resampling
    from rasterio.transform import Affine

    shrink = max(1.0, per_pixel / 2.0) if per_pixel >= 4.0 else 1.0
    rows, columns = (max(1, round(n / shrink)) for n in (window.height, window.width))
    with _reading(Path(opened.name)):
        raw = opened.read(
            bands,
            window=window,
            out_shape=(len(bands), rows, columns),
            masked=True,
            resampling=Resampling.average if shrink > 1.0 else Resampling.nearest,
        )
    values = np.ma.filled(raw.astype(np.float32), np.nan)
    if _undeclared(opened):
        values[:, (values == 0).all(axis=0)] = np.nan
    values[:, ~np.isfinite(values).all(axis=0)] = np.nan
    a, b, c, d, e, f = tuple(opened.transform)[:6]
    wide, high = window.width / columns, window.height / rows
    c, f = (
        a * window.col_off + b * window.row_off + c,
        d * window.col_off + e * window.row_off + f,
    )
    return values, Affine(a * wide, b * high, c, d * wide, e * high, f)


def _undeclared(opened: Any) -> bool:
    """Whether a file says nothing about where it has no picture."""
    from rasterio.enums import MaskFlags

    return all(MaskFlags.all_valid in flags for flags in opened.mask_flag_enums)


def _bands(opened: Any) -> list[int]:
    """Numbers of the red, green and blue bands, or of the only one."""
    from rasterio.enums import ColorInterp

    with contextlib.suppress(Exception):
        # clears an error that GDAL kept of another file and rasterio would take for this one's
        _ = opened.colorinterp
    with _reading(Path(opened.name)):
        told = list(opened.colorinterp)
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    named = {
        _SENTINEL2[name.upper()]: number
        for number, name in enumerate(opened.descriptions, 1)
        if name and name.upper() in _SENTINEL2
    }
    if len(named) == 3:
        return [named[0], named[1], named[2]]
    if all(colour in told for colour in colours):
        return [told.index(colour) + 1 for colour in colours]
    usable = [n for n, kind in enumerate(told, 1) if kind != ColorInterp.alpha]
    return usable[:3] if len(usable) >= 3 else usable[:1]


@lru_cache(maxsize=1024)
def _stretch(path: Path, modified_ns: int) -> tuple[float, float]:
    """Values of a source that become 0 and 255: one pair per source, so that its tiles compare."""
    with _opened(path) as opened:
        bands = _bands(opened)
        if all(opened.dtypes[band - 1] == "uint8" for band in bands):
            return 0.0, 255.0
        from rasterio.windows import Window

        per_pixel = 4.0 * max(opened.shape) / _PROBE if max(opened.shape) > _PROBE else 1.0
        values, _ = _read(opened, bands, Window(0, 0, opened.width, opened.height), per_pixel)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, _STRETCH_PERCENT))
    return (low, high) if high > low else (low, low + 1.0)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A raster with a coordinate system, through a driver that opens no other file.

    Raises
    ------
    InputError
        If it has no coordinate system.
    FormatError
        If it cannot be read.
    """
    import rasterio

    with _reading(path):
        with path.open("rb") as file:
            head = file.read(8)
        driver = next((name for magic, name in DRIVERS.items() if head.startswith(magic)), None)
        if driver is None:
            raise FormatError(f"{path} is no TIFF, JPEG 2000, PNG or JPEG: convert it to GeoTIFF")
        opened = rasterio.open(path.absolute(), driver=driver)
    with opened:
        if opened.crs is None or opened.transform.is_identity:
            raise InputError(
                f"{path} has no coordinate system, so nothing tells what ground it shows; "
                "georeference it (gdal_translate -a_srs ... -a_ullr ...)"
            )
        yield opened


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """What a damaged file makes the library raise, as one FormatError."""
    from rasterio.errors import NotGeoreferencedWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            yield
    except SarloomError:
        raise
    except Exception as error:  # what a damaged file makes GDAL raise is not a closed list
        reason = " ".join(str(error).split())[:300]
        raise FormatError(
            f"{path} cannot be read as a raster ({reason}): take it out, or fetch it again"
        ) from error


def _beside(path: Path) -> tuple[datetime | None, float | None]:
    """Time and cloud cover of the STAC item beside a raster."""
    item = path.with_suffix(".json")
    if not item.is_file() or item.stat().st_size > 16 << 20:
        return None, None
    try:
        properties = json.loads(item.read_text("utf-8"))["properties"]
        cloud = properties.get("eo:cloud_cover")
        stamp = properties.get("datetime") or properties.get("start_datetime")
        time = None if stamp is None else _aware(datetime.fromisoformat(stamp))
        return time, None if cloud is None else float(cloud)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{item} is not a STAC item ({error}): mend it or take it out") from error


def _tiff_time(stamp: str | None) -> datetime | None:
    """The date of a TIFF, 'YYYY:MM:DD HH:MM:SS'."""
    if stamp is None:
        return None
    try:
        return _aware(datetime.strptime(stamp.strip(), "%Y:%m:%d %H:%M:%S"))
    except ValueError:
        return None


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
