"""Scenes with known geometry for the tests of tiles: arrays in memory, maps in closed form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sarloom.records import Scene
from sarloom.tiles.place import local_crs, to_lonlat

LON, LAT = 2.0, 48.0


@dataclass
class ArrayPixels:
    """An image in memory; power or complex."""

    image: np.ndarray

    def power(self, rows: slice, columns: slice) -> np.ndarray:
        part = self.image[rows, columns]
        return np.asarray(np.abs(part) ** 2 if np.iscomplexobj(part) else part, np.float32)

    def complex(self, rows: slice, columns: slice) -> np.ndarray:
        assert np.iscomplexobj(self.image)
        return self.image[rows, columns]


@dataclass
class PlaneGround:
    """Image axes with given azimuths and spacings on a local map; linear."""

    shape: tuple[int, int]
    row_azimuth_deg: float
    column_azimuth_deg: float
    row_m: float
    column_m: float
    crs: str = field(default_factory=lambda: local_crs(LON, LAT))

    def _matrix(self) -> np.ndarray:
        def unit(azimuth: float) -> np.ndarray:
            return np.array([np.sin(np.radians(azimuth)), np.cos(np.radians(azimuth))])

        return np.stack(
            [self.row_m * unit(self.row_azimuth_deg), self.column_m * unit(self.column_azimuth_deg)]
        )

    def to_ground(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        down = np.asarray(rows) - (self.shape[0] - 1) / 2
        across = np.asarray(columns) - (self.shape[1] - 1) / 2
        m = self._matrix()
        x = down * m[0, 0] + across * m[1, 0]
        y = down * m[0, 1] + across * m[1, 1]
        return to_lonlat(self.crs).transform(x, y)

    def to_image(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = to_lonlat(self.crs).transform(lon, lat, direction="INVERSE")
        inverse = np.linalg.inv(self._matrix())
        rows = x * inverse[0, 0] + y * inverse[1, 0]
        columns = x * inverse[0, 1] + y * inverse[1, 1]
        return rows + (self.shape[0] - 1) / 2, columns + (self.shape[1] - 1) / 2


@dataclass
class SlantGround:
    """Flat earth under a straight track: slant range along columns, sqrt(H^2 + y^2)."""

    shape: tuple[int, int]
    near_m: float
    slant_m: float
    azimuth_m: float
    height_m: float
    range_azimuth_deg: float = 80.0
    crs: str = field(default_factory=lambda: local_crs(LON, LAT))

    def ground_range(self, columns: np.ndarray) -> np.ndarray:
        return np.sqrt((self.near_m + self.slant_m * np.asarray(columns)) ** 2 - self.height_m**2)

    @property
    def middle_m(self) -> float:
        return float(self.ground_range(np.array((self.shape[1] - 1) / 2)))

    def incidence_at(self, column: float) -> float:
        y = float(self.ground_range(np.array(column)))
        return float(np.degrees(np.arctan2(y, self.height_m)))

    def to_ground(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        across = self.ground_range(columns) - self.middle_m
        along = (np.asarray(rows) - (self.shape[0] - 1) / 2) * self.azimuth_m
        a = np.radians(self.range_azimuth_deg)
        # A right-looking radar flies ninety degrees anticlockwise of range.
        x = across * np.sin(a) - along * np.cos(a)
        y = across * np.cos(a) + along * np.sin(a)
        return to_lonlat(self.crs).transform(x, y)

    def to_image(self, lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = to_lonlat(self.crs).transform(lon, lat, direction="INVERSE")
        a = np.radians(self.range_azimuth_deg)
        across, along = x * np.sin(a) + y * np.cos(a), -x * np.cos(a) + y * np.sin(a)
        slant = np.sqrt((across + self.middle_m) ** 2 + self.height_m**2)
        return (
            along / self.azimuth_m + (self.shape[0] - 1) / 2,
            (slant - self.near_m) / self.slant_m,
        )


def make_scene(pixels: np.ndarray | Any, ground: Any = None, **fields: Any) -> Scene:
    """A scene with sensible defaults: ground range, 1 m, single-look, uncalibrated."""
    image = pixels if isinstance(pixels, np.ndarray) else None
    values: dict[str, Any] = {
        "path": Path("made.tif"),
        "reader": "test",
        "identifier": "made-VV",
        "shape": image.shape if image is not None else pixels.shape,
        "pixels": ArrayPixels(image) if image is not None else pixels,
        "ground": ground,
        "calibration": "uncalibrated",
        "is_complex": image is not None and np.iscomplexobj(image),
        "plane": "ground",
        "row_spacing_m": 1.0,
        "column_spacing_m": 1.0,
        "range_axis": "+column",
        "looks": 1.0,
    }
    return Scene(**(values | fields))


def band_limited(
    shape: tuple[int, int],
    oversampling: tuple[float, float],
    rng: np.random.Generator,
    center: tuple[float, float] = (0.0, 0.0),
) -> np.ndarray:
    """Circular Gaussian speckle of unit power with a flat band 1/oversampling along each axis."""
    field_ = rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]
    spectrum = np.fft.fft2(field_)
    for axis in (0, 1):
        f = np.fft.fftfreq(shape[axis])
        distance = np.abs((f - center[axis] + 0.5) % 1.0 - 0.5)
        keep = distance <= 0.5 / oversampling[axis]
        spectrum = spectrum * (keep[:, None] if axis == 0 else keep[None])
    result = np.fft.ifft2(spectrum)
    return (result / np.sqrt(np.mean(np.abs(result) ** 2))).astype(np.complex64)


def decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


def enl(power: np.ndarray) -> float:
    good = np.asarray(power[np.isfinite(power)], np.float64)
    return float(good.mean() ** 2 / good.var())


Window = Callable[[slice, slice], np.ndarray]
