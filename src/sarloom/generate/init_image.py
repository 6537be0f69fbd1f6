"""Read a picture to start from and bring it to what a model calls pixels.

Three steps, each a function: a file to linear power (:func:`read_power`), power to the wanted size
(:func:`fit`), power to model pixels (:func:`to_model_pixels`). Averages are taken of power, never
of decibels or amplitude: only power is additive.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, InputError
from ..models.radiometry import Radiometry

FloatArray = NDArray[np.float32]
TYPICAL_LAND_DB = -12.0
"""Median sigma-nought given to pictures that do not say their scale: X-band land lies about
-15 to -10 dB."""
LARGEST_PIXELS = 400_000_000
TIFF_SUFFIXES = {".tif", ".tiff"}
QUANTITIES = {
    "amplitude": "amplitude",
    "sigma_nought": "sigma_nought",
    "sigma0": "sigma_nought",
    "intensity": "sigma_nought",
    "db": "db",
}


@dataclass(frozen=True)
class InitImage:
    """A picture as linear power, and how far its level can be trusted."""

    power: FloatArray
    """Linear power [rows, columns]."""
    calibrated: bool
    """Whether the level is sigma-nought, or only relative."""
    sha256: str


def read_init(path: Path, scale: str = "auto", flag: str = "--init") -> InitImage:
    """Read a PNG (8 or 16 bit), a float GeoTIFF or a complex GeoTIFF.

    Parameters
    ----------
    scale
        ``amplitude``, ``sigma_nought``, ``db``, or ``auto``: our own files say it themselves, other
        pictures are taken for amplitude, other GeoTIFFs must be told.
    flag
        Option that gave the path, for messages.

    Raises
    ------
    InputError
        If the file is missing, too large or does not say what its values are.
    FormatError
        If it is no image, or holds nothing but gaps.
    """
    if not path.is_file():
        raise InputError(f"{flag} {path}: there is no such file")
    reader = _read_tiff if path.suffix.lower() in TIFF_SUFFIXES else _read_picture
    values, quantity, threshold = reader(path, scale, flag)
    power = _to_power(values, quantity)
    if threshold is not None:
        power *= np.float32(threshold**2)
    calibrated = threshold is not None or quantity != "amplitude" or reader is _read_tiff
    return InitImage(_fill_gaps(power, path, flag), calibrated, file_hash(path))


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fit(power: FloatArray, width: int, height: int) -> FloatArray:
    """Crop the middle to the wanted proportions and bring it to ``height`` x ``width`` pixels.

    Shrinking averages power over the area of each new pixel; enlarging interpolates linearly.
    """
    from PIL import Image

    rows, columns = power.shape
    keep_columns = min(columns, max(1, round(rows * width / height)))
    keep_rows = min(rows, max(1, round(columns * height / width)))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    middle = np.ascontiguousarray(power[top : top + keep_rows, left : left + keep_columns])
    if middle.shape == (height, width):
        return middle
    shrinks = keep_rows >= height
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(middle).resize((width, height), method), np.float32)


def to_model_pixels(
    image: InitImage, radiometry: Radiometry, width: int, height: int
) -> FloatArray:
    """Pixels u in [0, 1] of a model, [height, width].

    Speckle is left in: the autoencoder of a model of speckle-free reflectivity was trained to take
    it off, and does so better than with a filter before it (docs/experiments.md). A picture of
    unknown level is set so that its median fits the model's scale: -12 dB on a decibel scale, and
    mu + 3 sigma of its amplitude at full white on an amplitude scale.
    """
    power = fit(image.power, width, height)
    if radiometry.scale == "db":
        if not image.calibrated:
            median = float(np.median(power[power > 0])) if np.any(power > 0) else 1.0
            power = power * np.float32(10 ** (TYPICAL_LAND_DB / 10) / median)
    elif not (image.calibrated and radiometry.calibration == "sigma_nought"):
        amplitude = np.sqrt(power)
        full_white = float(amplitude.mean() + 3 * amplitude.std()) or 1.0
        power = power * np.float32((radiometry.threshold / full_white) ** 2)
    return radiometry.to_pixel(power)


def _read_picture(path: Path, scale: str, flag: str) -> tuple[FloatArray, str, float | None]:
    """A PNG or JPEG as values 0 to 1; with the amplitude at 1 if the file is one of ours."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            if picture.width * picture.height > LARGEST_PIXELS:
                raise InputError(f"{flag} {path} is larger than {LARGEST_PIXELS} pixels")
            text = picture.info.get("sarloom")
            if picture.mode in ("I;16", "I;16B", "I;16L", "I"):
                values = np.asarray(picture, np.float32) / np.float32(65535)
            elif picture.mode == "F":
                values = np.asarray(picture, np.float32)
            else:
                values = np.asarray(picture.convert("L"), np.float32) / np.float32(255)
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise FormatError(f"{flag} {path} cannot be read as an image: {error}") from error
    threshold = None
    if text and scale == "auto":
        record = _json_object(text)
        if record.get("calibration") == "sigma_nought":
            threshold = record.get("threshold")
    return values, "amplitude" if scale == "auto" else scale, threshold


def _read_tiff(path: Path, scale: str, flag: str) -> tuple[FloatArray, str, float | None]:
    """First band of a TIFF; complex values become amplitude, gaps become NaN."""
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(path, driver="GTiff") as raster:
            if raster.width * raster.height > LARGEST_PIXELS:
                raise InputError(f"{flag} {path} is larger than {LARGEST_PIXELS} pixels")
            band = raster.read(1)
            tags = {**raster.tags(), **raster.tags(1)}
            nodata = raster.nodata
    except RasterioError as error:
        raise FormatError(f"{flag} {path} cannot be read as a TIFF: {error}") from error
    if np.iscomplexobj(band):
        return np.abs(band).astype(np.float32), "amplitude", None
    values = band.astype(np.float32)
    if nodata is not None:
        values[band == nodata] = np.nan
    if scale != "auto":
        return values, scale, None
    if band.dtype.kind in "iu":
        return values, "amplitude", None
    return values, _quantity_of(tags, path, flag), None


def _quantity_of(tags: dict[str, Any], path: Path, flag: str) -> str:
    """What the tags of a GeoTIFF say its values are."""
    lowered = {key.lower(): str(value).strip().lower() for key, value in tags.items()}
    for key in ("quantity", "sarloom_quantity", "scale", "radiometry"):
        found = QUANTITIES.get(lowered.get(key, "").replace("-", "_"))
        if found:
            return found
    raise InputError(
        f"{flag} {path} does not say what its values are; add {flag}-scale amplitude, "
        "sigma_nought or db"
    )


def _to_power(values: FloatArray, quantity: str) -> FloatArray:
    """Values of a quantity to linear power."""
    if quantity == "amplitude":
        return np.square(values)
    if quantity == "db":
        return np.asarray(np.power(np.float32(10), values / 10), np.float32)
    return np.maximum(values, 0)


def _fill_gaps(power: FloatArray, path: Path, flag: str) -> FloatArray:
    """Fill NaN and infinite pixels with the median of the rest."""
    valid = np.isfinite(power)
    if not valid.any():
        raise FormatError(f"{flag} {path} holds no valid pixel")
    if valid.all():
        return power
    return np.where(valid, power, np.median(power[valid])).astype(np.float32)


def _json_object(text: str) -> dict[str, Any]:
    """A JSON object, or an empty one if the text is something else."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
