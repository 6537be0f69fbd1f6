"""Reading pictures of any file type as colours, and what all preparations are told."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError
from ..init_image import TIFF_SUFFIXES

FloatArray = NDArray[np.float32]
STRETCH = (2.0, 98.0)
"""Percentiles that become black and white where values are wider than 8 bits."""


@dataclass(frozen=True)
class PrepareSettings:
    """What a preparation may hang on besides the picture."""

    scale: str = "auto"
    """What the values of a radar picture are."""
    legend: Path | None = None
    """File that names the classes of a segmentation map."""
    wanted: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Classes that the control knows, with their colours."""


def read_colours(path: Path) -> FloatArray:
    """A picture as [3, rows, columns], about 0 to 1, NaN where there is none.

    Raises
    ------
    FormatError
        If it cannot be read.
    """
    if path.suffix.lower() in TIFF_SUFFIXES:
        return _tiff_colours(path)
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
                grey = np.asarray(picture, np.float32)
                return np.repeat(_stretched(grey)[None], 3, 0)
            # what is clear shows the paper below
            clear = picture.convert("RGBA")
            sheet = Image.new("RGBA", clear.size, "white")
            colours = Image.alpha_composite(sheet, clear).convert("RGB")
            values = np.asarray(colours, np.float32).transpose(2, 0, 1) / np.float32(255)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise FormatError(f"--control {path} cannot be read as an image: {error}") from error
    return np.ascontiguousarray(values)


def _tiff_colours(path: Path) -> FloatArray:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver="GTiff") as raster:
                bands = (1, 2, 3) if raster.count >= 3 else (1, 1, 1)
                values = raster.read(bands)
                seen = raster.read_masks(bands) > 0
    except RasterioError as error:
        raise FormatError(f"--control {path} cannot be read as a TIFF: {error}") from error
    colours = values.astype(np.float32)
    colours[~seen] = np.nan
    if not np.isfinite(colours).any():
        raise FormatError(f"--control {path} holds no valid pixel")
    if values.dtype == np.uint8:
        return np.asarray(colours / np.float32(255), np.float32)
    return _stretched(colours)


def _stretched(values: FloatArray) -> FloatArray:
    """One stretch for all bands, so that colours keep their hue."""
    low, high = np.nanpercentile(values, STRETCH)
    return np.asarray((values - low) / max(float(high - low), 1e-12), np.float32)
