"""One small product of every reader family, as files, for tests of the whole `tiles build`."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine
from rasterio.windows import Window

from safe_files import Bursts, Swath, write_safe
from safe_files import Image as SafeImage
from sarloom.archive.registry import open_scenes
from sarloom.tiles.grid import plan_grid
from sicd_files import Geometry, Image, sicd_xml, sidd_xml, stored, write_sicd, write_sidd

SIDE = 96
SIZE = 32
UTM = "EPSG:32631"
PLACE = Affine(0.5, 0, 590_000, 0, -0.5, 5_750_000)


@dataclass(frozen=True, eq=False)
class Raw:
    """Where uncompressed pixels lie."""

    file: Path
    offsets: np.ndarray
    """First byte of every pixel [rows, columns] as stored."""
    size: int
    """Bytes per pixel."""


@dataclass(frozen=True)
class Product:
    """A product in a folder of its own."""

    name: str
    folder: Path
    path: Path
    """What a user would name."""
    spacing_m: float
    raw: Raw | None = None
    """None if compressed."""

    def copy(self, folder: Path) -> Product:
        """The same elsewhere."""
        shutil.copytree(self.folder, folder)

        def moved(path: Path) -> Path:
            return folder / path.relative_to(self.folder)

        raw = self.raw and Raw(moved(self.raw.file), self.raw.offsets, self.raw.size)
        return Product(self.name, folder, moved(self.path), self.spacing_m, raw)

    @property
    def files(self) -> list[Path]:
        """Everything that belongs to it."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


def speckle(seed: int, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """Single-look complex speckle of unit mean power."""
    parts = np.random.default_rng(seed).normal(size=(2, *shape)) / np.sqrt(2)
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def write_tiff(path: Path, values: np.ndarray, **profile: Any) -> Path:
    """A TIFF of one band, in strips unless the profile says otherwise."""
    tags = profile.pop("tags", {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(
            path, "w", driver="GTiff", count=1, height=values.shape[0], width=values.shape[1],
            **{"dtype": values.dtype.name, **profile},
        ) as opened:  # fmt: skip
            opened.write(values, 1)
            opened.update_tags(**tags)
    return path


def _row_by_row(path: Path, start: int, size: int) -> Raw:
    return Raw(path, start + size * np.arange(SIDE * SIDE).reshape(SIDE, SIDE), size)


def _raw_tiff(path: Path, size: int) -> Raw:
    """Blocks of an uncompressed TIFF, wherever they lie."""
    offsets = np.zeros((SIDE, SIDE), np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as opened:
            _, columns = opened.block_shapes[0]
            for (row, column), window in opened.block_windows(1):
                name = f"BLOCK_OFFSET_{column}_{row}"
                start = int(opened.get_tag_item(name, "TIFF", bidx=1))
                inside = np.arange(window.height)[:, None] * columns + np.arange(window.width)
                offsets[window.toslices()] = start + size * inside
    return Raw(path, offsets, size)


def _raw_nitf(path: Path, size: int) -> Raw:
    from sarloom.archive.nitf import read_nitf

    return _row_by_row(path, read_nitf(path).images[0].offset, size)


def _sicd(folder: Path, pixel_type: str) -> tuple[Path, Raw]:
    image = Image(rows=SIDE, columns=SIDE, first_row=30, first_column=20)
    field = speckle(1)
    if pixel_type == "AMP8I_PHS8I":
        first = np.clip(np.abs(field) * 60, 0, 255).astype(np.uint8)
        second = np.round((np.angle(field) % (2 * np.pi)) * 256 / (2 * np.pi)).astype(int) % 256
    else:
        first, second = np.round(field.real * 3000), np.round(field.imag * 3000)
    tree = sicd_xml(Geometry(), image, pixel_type=pixel_type, sigma_nought=[[1e-7]])
    path = write_sicd(folder / "a.nitf", tree, stored(pixel_type, first, second))
    size = {"RE32F_IM32F": 8, "RE16I_IM16I": 4, "AMP8I_PHS8I": 2}[pixel_type]
    return path, _raw_nitf(path, size)


def _sidd(folder: Path) -> tuple[Path, Raw]:
    grey = np.clip(np.abs(speckle(2)) * 60, 0, 255).astype(np.uint8)
    path = write_sidd(folder / "a.nitf", sidd_xml(shape=grey.shape, remap="LINEAR"), grey)
    return path, _raw_nitf(path, 1)


def _geotiff(folder: Path, **profile: Any) -> Path:
    path = write_tiff(folder / "a.tif", np.abs(speckle(3)), crs=UTM, transform=PLACE, **profile)
    path.with_suffix(".toml").write_text('quantity = "amplitude"\nlooks = 1\n')
    return path


def _umbra(folder: Path) -> Path:
    grey = np.clip(np.abs(speckle(4)) * 60, 0, 255).astype(np.uint8)
    path = write_tiff(folder / "2023_UMBRA-04_GEC.tif", grey, crs=UTM, transform=PLACE)
    collect = {
        "id": "5ba5", "startAtUTC": "2023-07-18T02:30:33+00:00", "radarBand": "X",
        "radarCenterFrequencyHz": 9.6e9, "polarizations": ["VV"], "angleAzimuthDegrees": 104.0,
        "angleIncidenceDegrees": 47.4, "satelliteTrack": "ASCENDING",
        "observationDirection": "LEFT",
    }  # fmt: skip
    whole = {"vendor": "Umbra Space", "imagingMode": "SPOTLIGHT", "collects": [collect]}
    (folder / "2023_UMBRA-04_METADATA.json").write_text(json.dumps(whole))
    return path


def _capella(folder: Path) -> Path:
    name = "CAPELLA_C14_SP_GEO_HH_20240709040329_20240709040358"
    grey = np.round(np.abs(speckle(5)) * 900).astype(np.uint16)
    path = write_tiff(folder / f"{name}.tif", grey, crs=UTM, transform=PLACE)
    image = {
        "data_type": "UInt16", "scale_factor": 0.001, "radiometry": "beta_nought",
        "azimuth_looks": 1.0, "range_looks": 1.0, "image_geometry": {"type": "geotransform"},
        "center_pixel": {"incidence_angle": 38.0},
    }  # fmt: skip
    collect = {
        "start_timestamp": "2024-07-09T04:03:29Z", "platform": "capella-14", "image": image,
        "radar": {"center_frequency": 9.65e9, "pointing": "right", "transmit_polarization": "H",
                  "receive_polarization": "H"},
    }  # fmt: skip
    whole = {"product_type": "GEO", "collect": collect}
    (folder / f"{name}_extended.json").write_text(json.dumps(whole))
    return path


def _iceye(folder: Path) -> Path:
    grey = np.round(np.abs(speckle(6)) * 200).astype(np.uint16)
    path = write_tiff(folder / "ICEYE_X7_GRD_SM_1_20211026T060946.tif", grey)
    far, low = 2.0 + SIDE * 2.5 / 74_620, 48.0 - SIDE * 2.5 / 111_200
    corners = "".join(
        f"<coord_{name}>[{column}, {row}, {lat}, {lon}]</coord_{name}>"
        for name, column, row, lat, lon in (
            ("first_near", 1, 1, 48.0, 2.0), ("first_far", SIDE, 1, 48.0, far),
            ("last_near", 1, SIDE, low, 2.0), ("last_far", SIDE, SIDE, low, far),
        )
    )  # fmt: skip
    path.with_suffix(".xml").write_text(
        "<?xml version='1.0'?><GRD xmlns='x'><calibration_factor>2e-5</calibration_factor>"
        "<product_type>GRD</product_type><look_side>right</look_side>"
        "<acquisition_mode>stripmap</acquisition_mode><incidence_center>27.5</incidence_center>"
        "<range_spacing>2.5</range_spacing><azimuth_spacing>2.5</azimuth_spacing>"
        "<azimuth_looks>2</azimuth_looks><range_looks>1</range_looks>"
        "<carrier_frequency>9.65e9</carrier_frequency><polarization>VV</polarization>"
        "<satellite_name>ICEYE-X7</satellite_name>"
        f"<acquisition_start_utc>2021-10-26T06:09:46</acquisition_start_utc>{corners}</GRD>"
    )
    return path


def _safe(folder: Path, slc: bool) -> tuple[Path, Raw]:
    swath = Swath(shape=(SIDE, SIDE))
    tables: dict[str, Any] = {"calibration": ((0.0, (0.0, 1e5), (500.0, 480.0)),)}
    if slc:
        field = speckle(7) * 300
        numbers = np.round(field.real) + 1j * np.round(field.imag)
        image = SafeImage(
            numbers.astype(np.complex64), swath, name="IW1", bursts=Bursts(48, (0, 40), 2), **tables
        )
        name = "S1A_IW_SLC__1SDV_20220304T050607_20220304T050632_042000_050000_ABCD"
        safe = write_safe(folder, [image], name)
    else:
        numbers = np.round(np.abs(speckle(8)) * 300).astype(np.uint16)
        safe = write_safe(folder, [SafeImage(numbers, swath, **tables)])
    (tiff,) = (safe / "measurement").iterdir()
    return safe, _raw_tiff(tiff, 4 if slc else 2)


def _array(folder: Path) -> tuple[Path, Raw]:
    np.save(folder / "a.npy", np.abs(speckle(9)))
    _describe(folder / "a.toml")
    size = (folder / "a.npy").stat().st_size
    return folder / "a.npy", _row_by_row(folder / "a.npy", size - SIDE * SIDE * 4, 4)


def _picture(folder: Path) -> Path:
    from PIL import Image as Picture

    grey = np.clip(np.abs(speckle(10)) * 60, 0, 255).astype(np.uint8)
    Picture.fromarray(grey).save(folder / "a.png")
    _describe(folder / "a.toml")
    return folder / "a.png"


def _describe(path: Path) -> None:
    path.write_text(
        'quantity = "amplitude"\nlooks = 1\nspacing_m = 0.5\nrange_direction = "right"\n'
        'band = "X"\npolarization = "HH"\ntime = "2021-06-01T10:00:00Z"\n'
        "corners = [[2.0, 48.0], [2.000643, 48.0], [2.000643, 47.999568], [2.0, 47.999568]]\n"
    )


def _open(path: Path, size: int) -> tuple[Path, Raw]:
    return path, _raw_tiff(path, size)


MAKERS: dict[str, Callable[[Path], Any]] = {
    "sicd float": lambda folder: _sicd(folder, "RE32F_IM32F"),
    "sicd int16": lambda folder: _sicd(folder, "RE16I_IM16I"),
    "sicd amp8": lambda folder: _sicd(folder, "AMP8I_PHS8I"),
    "sidd": _sidd,
    "geotiff float": lambda folder: _open(_geotiff(folder), 4),
    "geotiff tiles": lambda folder: _open(
        _geotiff(folder, tiled=True, blockxsize=32, blockysize=32), 4
    ),
    "geotiff deflate": lambda folder: _geotiff(folder, compress="deflate", predictor=3),
    "umbra": lambda folder: _open(_umbra(folder), 1),
    "capella": lambda folder: _open(_capella(folder), 2),
    "iceye": lambda folder: _open(_iceye(folder), 2),
    "sentinel1 grd": lambda folder: _safe(folder, slc=False),
    "sentinel1 slc": lambda folder: _safe(folder, slc=True),
    "array": _array,
    "png": _picture,
}
"""Family -> what writes it into a folder and returns its path, with its raw pixels if it has."""


def real_products(folder: Path, data: Path) -> list[Product]:
    """Cut-outs of real images beside the working copy; none where it has none."""
    sources = {
        "real umbra": (data / "umbra/umbra_mount_yasur.tiff", 0.6, 'quantity = "amplitude"\n'),
        "real sentinel1": (
            data / "sen1floods11/S1/Spain_7370579_S1Hand.tif", 10.0, 'quantity = "db"\n',
        ),
    }  # fmt: skip
    found = []
    for name, (source, spacing_m, toml) in sources.items():
        if not source.is_file():
            continue
        with rasterio.open(source) as opened:
            window = Window(200, 200, SIDE, SIDE)
            values, place = opened.read(1, window=window), opened.window_transform(window)
            crs, size = opened.crs, values.dtype.itemsize
        own = folder / name.replace(" ", "-")
        own.mkdir(parents=True)
        path = write_tiff(own / "a.tif", values, crs=crs, transform=place)
        path.with_suffix(".toml").write_text(toml)
        product = product_of(name, own, path, _raw_tiff(path, size))
        found.append(replace(product, spacing_m=max(product.spacing_m, spacing_m)))
    return found


def make_product(name: str, folder: Path) -> Product:
    """Write the product of a family; its spacing is the finest that needs no interpolation."""
    folder.mkdir(parents=True)
    made = MAKERS[name](folder)
    path, raw = made if isinstance(made, tuple) else (made, None)
    return product_of(name, folder, path, raw)


def product_of(name: str, folder: Path, path: Path, raw: Raw | None = None) -> Product:
    """A product that is there already."""
    spacing = plan_grid(open_scenes(path)[0], None, 8).spacing_m
    return Product(name, folder, path, round(spacing + 5e-4, 3), raw)


def add_sums(product: Product) -> None:
    """Checksums as archives send them: in the manifest of a SAFE folder, else SHA256SUMS."""
    if product.path.is_dir():
        entries = "".join(
            f'<byteStream size="{one.stat().st_size}"><fileLocation locatorType="URL" '
            f'href="./{one.relative_to(product.path).as_posix()}"/>'
            f'<checksum checksumName="MD5">{hashlib.md5(one.read_bytes()).hexdigest()}</checksum>'
            "</byteStream>\n"
            for one in product.files
            if one.name != "manifest.safe"
        )
        (product.path / "manifest.safe").write_text(
            f"<xfdu:XFDU xmlns:xfdu='urn:ccsds:schema:xfdu:1'>{entries}</xfdu:XFDU>"
        )
        return
    lines = [
        f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in product.files
    ]
    (product.folder / "SHA256SUMS").write_text("".join(lines))
