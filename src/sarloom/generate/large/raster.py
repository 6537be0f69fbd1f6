"""The files of a scene: tiled rasters that grow block by block, and the finished COG.

While a scene is made its raster lies uncompressed with all tiles laid out, so that a block is
written in place: whatever was written before stays readable, even if the program is killed while
it writes the next one.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...files import write_aside

FloatArray = NDArray[np.float32]
TILE = 256
PREVIEW_SIDE = 1024


@dataclass(frozen=True)
class Georeference:
    """Where a scene lies."""

    transform: tuple[float, float, float, float, float, float] | None = None
    """rasterio's a, b, c, d, e, f to the corner of the first pixel."""
    crs: str | None = None
    points: tuple[tuple[float, float, float, float], ...] = ()
    """Row, column (0, 0 the corner of the first pixel), longitude, latitude, where no transform
    does."""

    @classmethod
    def of_spacing(cls, spacing_m: float | None) -> Georeference:
        """No place, but a spacing [m] where it is known."""
        if spacing_m is None:
            return cls()
        return cls((spacing_m, 0.0, 0.0, 0.0, -spacing_m, 0.0))


def create(path: Path, shape: tuple[int, int]) -> None:
    """Lay out a float32 raster of zeros.

    Raises
    ------
    InputError
        If the disk has no room for it.
    """
    import rasterio
    from rasterio.errors import RasterioError

    profile = {
        "driver": "GTiff", "height": shape[0], "width": shape[1], "count": 1, "dtype": "float32",
        "tiled": True, "blockxsize": TILE, "blockysize": TILE, "bigtiff": "if_safer",
    }  # fmt: skip
    try:
        with write_aside(path) as aside, _quiet(), rasterio.open(aside, "w", **profile):
            pass
    except (RasterioError, OSError) as error:
        size = shape[0] * shape[1] * 4 / 2**30
        raise InputError(f"{path}: no room for a raster of {size:.1f} GiB ({error})") from error


def write_block(path: Path, values: FloatArray, row: int, column: int = 0) -> None:
    """Write values [rows, columns] in place, and hand them to the system before returning."""
    import rasterio
    from rasterio.windows import Window

    with _quiet(), rasterio.open(path, "r+") as raster:
        window = Window(column, row, values.shape[1], values.shape[0])
        raster.write(np.ascontiguousarray(values, np.float32), 1, window=window)


class Reader:
    """Windows of a raster that is kept open."""

    def __init__(self, path: Path) -> None:
        import rasterio

        with _quiet():
            self._raster = rasterio.open(path)

    def __call__(self, rows: slice, columns: slice) -> FloatArray:
        """Values [rows, columns]."""
        from rasterio.windows import Window

        window = Window(
            columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
        )
        return np.asarray(self._raster.read(1, window=window), np.float32)

    def close(self) -> None:
        """Let the file go."""
        self._raster.close()


def finish(part: Path, path: Path, place: Georeference, record: dict[str, Any]) -> None:
    """Turn the grown raster into a cloud-optimised GeoTIFF with overviews, record and place.

    Overviews are root mean squares: amplitudes average by their power. Speckle is noise, so the
    least level of compression saves as much as the usual one, within 2 %, in two thirds of its
    time.
    """
    import rasterio
    from rasterio.control import GroundControlPoint
    from rasterio.shutil import copy
    from rasterio.transform import Affine

    with _quiet(), rasterio.open(part, "r+") as raster:
        if place.transform is not None:
            raster.transform = Affine(*place.transform)
            if place.crs is not None:
                raster.crs = place.crs
        elif place.points:
            raster.gcps = (
                [GroundControlPoint(r, c, x, y) for r, c, x, y in place.points],
                "EPSG:4326",
            )
        raster.nodata = float("nan")
        raster.set_band_description(1, "amplitude")
        raster.update_tags(
            quantity="amplitude",
            calibration=record["calibration"],
            synthetic="yes",
            sarloom=json.dumps(record, ensure_ascii=False, separators=(",", ":")),
            TIFFTAG_SOFTWARE=record["software"],
            TIFFTAG_IMAGEDESCRIPTION=f"synthetic SAR image: {record['prompt']}",
        )
    with write_aside(path) as aside, _quiet():
        copy(
            str(part), str(aside), driver="COG", COMPRESS="DEFLATE", PREDICTOR="YES",
            LEVEL="1", BLOCKSIZE="512", OVERVIEW_RESAMPLING="RMS", BIGTIFF="IF_SAFER",
        )  # fmt: skip


def save_preview(path: Path, picture: Path, threshold: float) -> None:
    """A small 8-bit PNG of a finished scene, of root mean squares."""
    import rasterio
    from PIL import Image
    from rasterio.enums import Resampling

    with _quiet(), rasterio.open(path) as raster:
        scale = min(1.0, PREVIEW_SIDE / max(raster.shape))
        shape = tuple(max(1, round(side * scale)) for side in raster.shape)
        values = raster.read(1, out_shape=shape, resampling=Resampling.rms)
    u = np.clip(np.nan_to_num(values) / threshold, 0.0, 1.0)
    with write_aside(picture) as aside:
        Image.fromarray(np.rint(u * 255).astype(np.uint8)).save(aside, "PNG")


def save_sidecar(path: Path, record: dict[str, Any]) -> None:
    """The record as JSON beside the scene."""
    with write_aside(path) as aside:
        aside.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")


class _quiet(warnings.catch_warnings):
    """No warning that a synthetic scene lies nowhere."""

    def __enter__(self) -> None:
        from rasterio.errors import NotGeoreferencedWarning

        super().__enter__()
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
