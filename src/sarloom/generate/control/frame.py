"""Where a generated image lies, and bringing pictures of any size and spacing onto its grid.

A georeferenced picture is warped; the centre of the first one is the centre of the image. A picture
of known spacing without a place lies centre on centre. Any other is cropped to the image's
proportions and stretched over it.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError
from ..init_image import LARGEST_PIXELS, TIFF_SUFFIXES

FloatArray = NDArray[np.float32]
LEAST_COVERED = 0.98
"""Share of the image that a picture must cover; the rest takes its nearest values."""


@dataclass(frozen=True)
class Place:
    """How a picture lies on the ground."""

    transform: Any = None
    """rasterio's Affine from pixel corners to ``crs``, or to metres where that is None."""
    crs: Any = None

    @property
    def spacing_m(self) -> float | None:
        """Spacing of a picture without a map, if it is known."""
        if self.transform is None or self.crs is not None:
            return None
        return float(abs(self.transform.determinant) ** 0.5)


@dataclass(frozen=True)
class Frame:
    """The grid of a generated image."""

    width: int
    height: int
    spacing_m: float | None
    transform: Any = None
    crs: Any = None
    """Map of the image; None where nothing says where it lies."""

    def around(self, place: Place, shape: tuple[int, int]) -> Frame:
        """This frame laid around the centre of a georeferenced picture.

        A picture in degrees, or feet, gets a transverse Mercator map of its own in metres.
        """
        if place.crs is None or self.spacing_m is None or self.crs is not None:
            return self
        from rasterio.crs import CRS
        from rasterio.transform import Affine
        from rasterio.warp import transform as reproject

        x, y = place.transform * (shape[1] / 2, shape[0] / 2)
        crs = place.crs
        if not crs.is_projected or abs(crs.linear_units_factor[1] - 1.0) > 1e-9:
            (lon,), (lat,) = reproject(crs, CRS.from_epsg(4326), [x], [y])
            crs = CRS.from_proj4(
                f"+proj=tmerc +lat_0={lat:.9f} +lon_0={lon:.9f} +k=1 +x_0=0 +y_0=0 +datum=WGS84 "
                "+units=m +no_defs"
            )
            x = y = 0.0
        step = self.spacing_m
        corner = Affine.translation(x - step * self.width / 2, y + step * self.height / 2)
        return Frame(self.width, self.height, step, corner * Affine.scale(step, -step), crs)


def read_place(path: Path) -> tuple[Place, tuple[int, int]]:
    """Place and shape (rows, columns) of a picture file.

    Raises
    ------
    InputError
        If it is missing or too large.
    FormatError
        If it is no picture.
    """
    if not path.is_file():
        raise InputError(f"--control {path}: there is no such file")
    if path.suffix.lower() not in TIFF_SUFFIXES:
        from PIL import Image, UnidentifiedImageError

        try:
            with Image.open(path) as picture:
                shape = (picture.height, picture.width)
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise FormatError(f"--control {path} cannot be read as an image: {error}") from error
        place = Place()
    else:
        place, shape = _tiff_place(path)
    if shape[0] * shape[1] > LARGEST_PIXELS:
        raise InputError(f"--control {path} is larger than {LARGEST_PIXELS} pixels: cut it first")
    return place, shape


def _tiff_place(path: Path) -> tuple[Place, tuple[int, int]]:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                known = not raster.transform.is_identity
                transform = raster.transform if known else None
                return Place(transform, raster.crs if known else None), raster.shape
    except RasterioError as error:
        raise FormatError(f"--control {path} cannot be read as a TIFF: {error}") from error


def onto(
    values: FloatArray, place: Place, frame: Frame, path: Path, nearest: bool = False
) -> FloatArray:
    """Bring bands [bands, rows, columns] onto a frame: averaged where shrunk, else linear between.

    Parameters
    ----------
    nearest
        For class numbers and their colours, which must not be mixed.

    Raises
    ------
    InputError
        If the picture covers less than the frame.
    """
    if place.crs is not None and frame.crs is not None:
        return _warped(values, place.transform, place.crs, frame, path, nearest)
    if place.spacing_m is not None and frame.spacing_m is not None:
        return _centred(values, place.spacing_m, frame, path, nearest)
    return _fitted(values, frame, nearest)


def _warped(
    values: FloatArray, transform: Any, crs: Any, frame: Frame, path: Path, nearest: bool
) -> FloatArray:
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    rows, columns = values.shape[1:]
    corners = transform * (0, 0), transform * (columns, rows)
    (left, top), (right, bottom) = corners
    bounds = min(left, right), min(top, bottom), max(left, right), max(top, bottom)
    usual, _, _ = calculate_default_transform(crs, frame.crs, columns, rows, *bounds)
    finer = float(abs(usual.determinant) ** 0.5) < float(frame.spacing_m or 1.0)
    method = Resampling.average if finer else Resampling.bilinear
    result = np.full((len(values), frame.height, frame.width), np.nan, np.float32)
    reproject(
        np.ascontiguousarray(values, np.float32), result,
        src_transform=transform, src_crs=crs, src_nodata=np.nan,
        dst_transform=frame.transform, dst_crs=frame.crs, dst_nodata=np.nan,
        resampling=Resampling.nearest if nearest else method,
    )  # fmt: skip
    return _filled(result, path, frame)


def _centred(
    values: FloatArray, spacing_m: float, frame: Frame, path: Path, nearest: bool
) -> FloatArray:
    """Centre on centre, by spacings alone; the same warp on a plane."""
    from rasterio.crs import CRS
    from rasterio.transform import Affine

    step = float(frame.spacing_m or 1.0)
    plane = CRS.from_epsg(32631)  # any plane in metres: both grids lie on it
    rows, columns = values.shape[1:]

    def grid(side: float, height: int, width: int) -> Any:
        corner = Affine.translation(500_000 - side * width / 2, 4_000_000 + side * height / 2)
        return corner * Affine.scale(side, -side)

    laid = Frame(frame.width, frame.height, step, grid(step, frame.height, frame.width), plane)
    return _warped(values, grid(spacing_m, rows, columns), plane, laid, path, nearest)


def _fitted(values: FloatArray, frame: Frame, nearest: bool) -> FloatArray:
    """Crop the middle to the frame's proportions and stretch it."""
    from PIL import Image

    rows, columns = values.shape[1:]
    keep_columns = min(columns, max(1, round(rows * frame.width / frame.height)))
    keep_rows = min(rows, max(1, round(columns * frame.height / frame.width)))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    part = values[:, top : top + keep_rows, left : left + keep_columns]
    if part.shape[1:] == (frame.height, frame.width):
        return np.ascontiguousarray(part)
    shrinks = keep_rows >= frame.height
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    method = Image.Resampling.NEAREST if nearest else method
    size = (frame.width, frame.height)
    bands = [
        np.asarray(Image.fromarray(np.ascontiguousarray(band)).resize(size, method), np.float32)
        for band in part
    ]
    return np.stack(bands)


def _filled(values: FloatArray, path: Path, frame: Frame) -> FloatArray:
    """Nearest values in what little a picture leaves out.

    Raises
    ------
    InputError
        If it is not little.
    """
    gaps = np.isnan(values).any(0)
    covered = 1.0 - float(gaps.mean())
    if covered < LEAST_COVERED:
        step = float(frame.spacing_m or 1.0)
        raise InputError(
            f"--control {path} covers {covered:.0%} of the image's {frame.width * step:.0f} m x "
            f"{frame.height * step:.0f} m: give a larger picture or a smaller --size"
        )
    if gaps.any():
        from scipy import ndimage

        nearest = ndimage.distance_transform_edt(gaps, False, True)
        values = values[:, nearest[0], nearest[1]]
    return values
