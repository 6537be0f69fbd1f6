"""Tiles of real products: geolocation, power and registration against independent measurements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform as warp_points
from scipy import ndimage

from sarloom.archive.raster import AffineGround
from sarloom.records import Scene
from sarloom.tiles.cut import judge, read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.pair import describe_optical, pair_optical
from tile_scenes import decibels, make_scene


def scene_of(path: Path, power: np.ndarray, **fields) -> Scene:
    """A scene over a real file's georeference."""
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with rasterio.open(path) as opened:
        plain, wkt = tuple(opened.transform)[:6], opened.crs.to_wkt()
    return make_scene(
        power.astype(np.float32),
        AffineGround(plain, wkt),
        path=path,
        identifier=path.stem,
        plane="geocoded",
        range_axis=None,
        row_spacing_m=None,
        column_spacing_m=None,
        crs=wkt,
        transform=plain,
        **fields,
    )


def read(path: Path, band: int = 1) -> np.ndarray:
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with rasterio.open(path) as opened:
        return opened.read(band).astype(np.float64)


FILES = {
    "umbra": "umbra/umbra_mount_yasur.tiff",
    "sentinel-1": "sen1floods11/S1/Spain_7370579_S1Hand.tif",
}


def real_scene(shared_data: Path, name: str, azimuth: float | None) -> Scene:
    path = shared_data / FILES[name]
    stored = read(path)
    power = stored**2 if name == "umbra" else 10 ** (stored / 10)
    return scene_of(path, power, range_azimuth_deg=azimuth)


@pytest.mark.parametrize("azimuth", [None, 30.0, 120.0, 215.0, 300.0])
@pytest.mark.parametrize(("name", "factor"), [("umbra", 1), ("umbra", 3), ("sentinel-1", 2.5)])
def test_real_tiles_lie_where_rasterio_says(
    shared_data: Path, name: str, factor: float, azimuth: float | None
) -> None:
    scene = real_scene(shared_data, name, azimuth)
    with rasterio.open(scene.path) as opened:
        crs, forward = opened.crs, np.array([*tuple(opened.transform)[:6], 0, 0, 1]).reshape(3, 3)
    native = plan_grid(scene, None, 64).spacing_m
    spacing = native * factor
    grid = plan_grid(scene, spacing, 96)
    inside = np.asarray(scene.pixels.image, np.float64)
    errors = []
    for cell in grid.cells():
        tile = read_cell(scene, grid, cell)
        # Corner of the tile -> its CRS -> rasterio's transform of the file -> source pixels.
        a, b, c, d, e, f = tile.transform
        corners = np.array([(0, 0), (96, 0), (96, 96), (0, 96)], np.float64)
        x = a * corners[:, 0] + b * corners[:, 1] + c
        y = d * corners[:, 0] + e * corners[:, 1] + f
        x, y = warp_points(tile.crs, crs, list(x), list(y))
        places = (np.linalg.inv(forward) @ np.array([x, y, np.ones(4)]))[:2]
        lon, lat = np.array(tile.footprint).T
        again = warp_points("EPSG:4326", crs, list(lon), list(lat))
        placed = (np.linalg.inv(forward) @ np.array([*again, np.ones(4)]))[:2]
        errors.append(np.abs(places - placed).max())
        # Mean power of exactly that ground, by running sums in double precision.
        (c0, c1), (r0, r1) = ((v.min(), v.max()) for v in places)
        mean = integral(inside, r0, r1, c0, c1) / ((r1 - r0) * (c1 - c0))
        assert abs(decibels(float(tile.power.mean(dtype=np.float64)) / mean)) < 0.05
    assert max(errors) < 0.5
    if azimuth is not None:
        assert abs(grid.range_angle_residual_deg) <= 45.0


def integral(image: np.ndarray, r0: float, r1: float, c0: float, c1: float) -> float:
    """Sum of an image over a rectangle in corner coordinates, border pixels in part."""

    def shares(low: float, high: float, n: int) -> np.ndarray:
        edges = np.arange(n + 1, dtype=np.float64)
        return np.diff(np.clip(edges, low, high))

    return float(shares(r0, r1, image.shape[0]) @ image @ shares(c0, c1, image.shape[1]))


def test_umbra_tiles_are_worth_keeping(shared_data: Path) -> None:
    scene = real_scene(shared_data, "umbra", None)
    grid = plan_grid(scene, None, 512)
    reasons = [judge(read_cell(scene, grid, cell)) for cell in grid.cells()]
    # One pixel in thirty is exactly zero in this 8-bit product; that is no fill.
    assert len(reasons) == 9 and reasons.count(None) == 9


def registration(
    sar: np.ndarray, grey: np.ndarray, good: np.ndarray, least: float = 0.3
) -> tuple[int, int]:
    """Shift of the optical picture that makes edges coincide best, within 6 pixels.

    Normalised correlation of the logarithms of gradient magnitudes: what both sensors share is
    where edges are, not how bright their sides.
    """
    filled = np.where(good, sar, np.median(sar[good]))
    one = np.log(ndimage.gaussian_gradient_magnitude(filled, 1.5) + 0.1)
    two = np.log(ndimage.gaussian_gradient_magnitude(grey, 1.5) + 1.0)
    keep = ndimage.binary_erosion(good, iterations=6)
    best = (-1.0, 0, 0)
    for down in range(-6, 7):
        for across in range(-6, 7):
            moved = ndimage.shift(two, (down, across), order=0, cval=np.nan)
            both = keep & np.isfinite(moved)
            score = float(np.corrcoef(one[both], moved[both])[0, 1])
            best = max(best, (score, down, across))
    assert best[0] > least, "the pictures have nothing in common"
    return best[1], best[2]


@pytest.mark.parametrize("azimuth", [None, 10.0, 100.0, 190.0, 280.0])
@pytest.mark.parametrize("spacing", [None, 6.0])
def test_capella_and_its_picture_register(
    shared_data: Path, azimuth: float | None, spacing: float | None
) -> None:
    folder = shared_data / "capella_rotterdam"
    stored = read(folder / "sar_masked.tif")  # decibels, two fifths of it masked
    scene = scene_of(folder / "sar_masked.tif", 10 ** (stored / 10), range_azimuth_deg=azimuth)
    grid = plan_grid(scene, spacing, 96 if spacing else 128, overlap=0.5)
    tile = max(
        (read_cell(scene, grid, cell) for cell in grid.cells()), key=lambda t: t.valid_fraction
    )
    assert tile.valid_fraction > 0.8
    match = pair_optical(tile, [describe_optical(folder / "rgb_unmasked.tif")])
    assert match is not None and match.overlap == 1.0
    good = np.isfinite(tile.power) & (tile.power < 1e3)
    level = 10 * np.log10(np.where(good, tile.power, 1.0))
    grey = match.picture.mean(axis=2)
    down, across = registration(level, grey, good)
    assert abs(down) <= 1 and abs(across) <= 1
    # The measurement sees a shift that is there.
    moved = registration(level, ndimage.shift(grey, (4, -3), order=1, mode="nearest"), good)
    assert abs(moved[0] + 4) <= 1 and abs(moved[1] - 3) <= 1


def test_sentinel_pair_shares_its_ground(shared_data: Path) -> None:
    scene = real_scene(shared_data, "sentinel-1", 80.0)
    grid = plan_grid(scene, 10.0, 384)
    tile = read_cell(scene, grid, grid.cells()[0])
    path = shared_data / "sen1floods11/S2/Spain_7370579_S2Hand.tif"
    match = pair_optical(tile, [describe_optical(path)])
    assert match is not None and match.overlap == 1.0
    level = 10 * np.log10(tile.power)
    good = np.isfinite(level)
    # Fields differ more between the sensors than quays do, but the peak is sharp.
    down, across = registration(level, match.picture.mean(axis=2), good, least=0.1)
    assert abs(down) <= 1 and abs(across) <= 1
