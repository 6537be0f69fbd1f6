"""Grids: where tiles lie, how many there are, several spacings, and memory that does not grow."""

from __future__ import annotations

import json
import pickle
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import Affine

from sarloom.archive.raster import AffineGround
from sarloom.errors import FormatError, InputError
from sarloom.tiles.cut import Limits, _contrast, _surely_rich, judge, read_cell
from sarloom.tiles.grid import plan_grid, plan_grids
from tile_scenes import PlaneGround, decibels, make_scene


def speckle(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.0, shape).astype(np.float32)


def geocoded(path: Path, image: np.ndarray, transform: Affine, crs: str, **fields):
    """A real GeoTIFF, and a scene over it."""
    with rasterio.open(
        path, "w", driver="GTiff", height=image.shape[0], width=image.shape[1], count=1,
        dtype="float32", crs=crs, transform=transform, tiled=True, blockxsize=256, blockysize=256,
    ) as opened:  # fmt: skip
        opened.write(image, 1)
    with rasterio.open(path) as opened:
        stored = opened.read(1)
        plain = tuple(opened.transform)[:6]
        wkt = opened.crs.to_wkt()
    return make_scene(
        stored,
        AffineGround(plain, wkt),
        path=path,
        plane="geocoded",
        range_axis=None,
        row_spacing_m=None,
        column_spacing_m=None,
        crs=wkt,
        transform=plain,
        **fields,
    )


UTM = "EPSG:32631"


def matrix_of(transform) -> np.ndarray:
    return np.array([*tuple(transform)[:6], 0, 0, 1], np.float64).reshape(3, 3)


@pytest.mark.parametrize("azimuth", [None, 20.0, 100.0, 190.0, 280.0])
@pytest.mark.parametrize("spacing", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("turn", [0.0, 76.0])
def test_geolocation_agrees_with_rasterio(
    tmp_path: Path, azimuth: float | None, spacing: float, turn: float
) -> None:
    cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    transform = Affine(0.5 * cosine, 0.5 * sine, 592317.5, 0.5 * sine, -0.5 * cosine, 5750102.25)
    image = speckle((700, 900), 1)
    scene = geocoded(tmp_path / "scene.tif", image, transform, UTM, range_azimuth_deg=azimuth)
    grid = plan_grid(scene, spacing, 128)
    worst = 0.0
    with rasterio.open(scene.path) as opened:
        back = np.linalg.inv(matrix_of(opened.transform))
        for cell in list(grid.cells())[::3]:
            tile = read_cell(scene, grid, cell)
            assert CRS.from_user_input(tile.crs) == opened.crs
            onto = back @ matrix_of(tile.transform)
            # Mean power under a tile pixel, by rasterio's own transform: an independent average.
            for row, column in ((0, 0), (17, 90), (127, 127)):
                corners = np.array([(column + i, row + j, 1) for i in (0, 1) for j in (0, 1)])
                places = (corners @ onto.T)[:, :2]
                low, high = places.min(axis=0), places.max(axis=0)
                if spacing != 1.7:
                    assert np.allclose(places, np.rint(places), atol=1e-5)
                    c0, r0 = np.rint(low).astype(int)
                    c1, r1 = np.rint(high).astype(int)
                    mean = image[r0:r1, c0:c1].astype(np.float64).mean()
                    assert tile.power[row, column] == pytest.approx(mean, rel=1e-5)
            lon, lat = scene.ground.to_ground(*_source_of(scene, grid, cell))
            first = np.array(tile.footprint[0])
            metres = np.hypot(
                (first[0] - lon) * 111320 * np.cos(np.radians(lat)), (first[1] - lat) * 111320
            )
            worst = max(worst, float(metres))
            assert tile.geolocation_error_m == 0.0
    assert worst < 0.5 * 0.5


def _source_of(scene, grid, cell) -> tuple[np.ndarray, np.ndarray]:
    """Source pixel coordinates of a tile's first corner, through the axes."""
    down = grid.rows.corner(np.array(float(cell.top)))
    across = grid.columns.corner(np.array(float(cell.left)))
    rows, columns = grid.orientation.to_source(down, across, scene.shape)
    return np.asarray(rows) - 0.5, np.asarray(columns) - 0.5


def test_degrees_become_square_metres(tmp_path: Path) -> None:
    step = 9e-5
    transform = Affine(step, 0, 20.0, 0, -step, 60.0)
    scene = geocoded(tmp_path / "wgs.tif", speckle((600, 900), 2), transform, "EPSG:4326")
    grid = plan_grid(scene, 20.0, 128)
    # At 60 degrees a degree of longitude is half as long: twice as many columns per tile pixel.
    assert grid.columns.factor / grid.rows.factor == pytest.approx(2.0, rel=0.01)
    tile = read_cell(scene, grid, grid.cells()[0])
    (lon0, lat0), (lon1, lat1), (_, lat2), _ = tile.footprint
    width = (lon1 - lon0) * 111320 * np.cos(np.radians(0.5 * (lat0 + lat2)))
    assert width == pytest.approx(128 * 20, rel=0.01)
    assert (lat1 - lat2) * 111400 == pytest.approx(128 * 20, rel=0.01)
    assert abs(decibels(tile.power.mean())) < 0.05


def test_mercator_metres_are_not_ground_metres(tmp_path: Path) -> None:
    # At 60 degrees north a metre of EPSG:3857 is half a metre of ground.
    transform = Affine(1.0, 0, 2226389.8, 0, -1.0, 8399737.9)
    scene = geocoded(tmp_path / "mercator.tif", speckle((300, 300), 3), transform, "EPSG:3857")
    grid = plan_grid(scene, None, 64)
    assert grid.spacing_m == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.75])
def test_overlapping_tiles_share_ground(overlap: float) -> None:
    image = speckle((400, 500), 4)
    scene = make_scene(image, PlaneGround(image.shape, 180.0, 90.0, 1.0, 1.0))
    grid = plan_grid(scene, 1.0, 128, overlap)
    stride = round(128 * (1 - overlap))
    assert grid.shape == ((400 - 128) // stride + 1, (500 - 128) // stride + 1)
    cells = list(grid.cells())
    assert len(cells) == len(grid.cells()) == grid.shape[0] * grid.shape[1]
    assert len({cell.group for cell in cells}) == len(cells)
    left, right = (read_cell(scene, grid, cell) for cell in cells[:2])
    if overlap:
        assert np.array_equal(left.power[:, stride:], right.power[:, : 128 - stride])
    assert grid.cells()[-1] == cells[-1] and list(grid.cells()[1:3]) == cells[1:3]
    with pytest.raises(IndexError):
        grid.cells()[len(cells)]


def test_several_spacings_show_the_same_ground() -> None:
    image = speckle((1100, 900), 5)
    ground = PlaneGround(image.shape, 10.0, 100.0, 0.4, 0.4)
    scene = make_scene(image, ground, row_spacing_m=0.4, column_spacing_m=0.4, range_axis="-column")
    coarse, middle, fine = plan_grids(scene, [1.6, 0.8, 0.4], 256)
    assert [grid.size for grid in (coarse, middle, fine)] == [64, 128, 256]
    assert len(coarse.cells()) == len(middle.cells()) == len(fine.cells()) > 1
    for one, two, four in zip(coarse.cells(), middle.cells(), fine.cells(), strict=True):
        assert one.group == two.group == four.group
        tiles = [
            read_cell(scene, grid, cell)
            for grid, cell in ((coarse, one), (middle, two), (fine, four))
        ]
        for tile, factor in ((tiles[0], 4), (tiles[1], 2)):
            n = 256 // factor
            mean = tiles[2].power.reshape(n, factor, n, factor).mean(axis=(1, 3))
            assert np.allclose(tile.power, mean, rtol=1e-5)
            assert np.allclose(tile.footprint, tiles[2].footprint, atol=1e-9)
        assert [tile.looks for tile in tiles] == pytest.approx([16, 4, 1])
    with pytest.raises(InputError, match="divisors of 256"):
        plan_grids(scene, [0.4, 0.6], 256)
    with pytest.raises(InputError, match="overlap"):
        plan_grids(scene, [0.4, 0.8, 1.6], 256, overlap=0.3)
    assert [g.stride for g in plan_grids(scene, [0.4, 0.8], 256, overlap=0.5)] == [128, 64]


@dataclass
class Endless:
    """A raster far larger than memory; counts what is asked for at once."""

    shape: tuple[int, int] = (100_000, 100_000)
    largest: int = 0

    def power(self, rows: slice, columns: slice) -> np.ndarray:
        assert 0 <= rows.start < rows.stop <= self.shape[0]
        assert 0 <= columns.start < columns.stop <= self.shape[1]
        n = rows.stop - rows.start, columns.stop - columns.start
        self.largest = max(self.largest, n[0] * n[1])
        ramp = 1.0 + (np.arange(columns.start, columns.stop) % 7).astype(np.float32)
        return np.broadcast_to(ramp, n).copy()

    def complex(self, rows: slice, columns: slice) -> np.ndarray:
        raise NotImplementedError


@pytest.mark.parametrize(("spacing", "bound_mib"), [(1.0, 8), (3.3, 60), (20.0, 200)])
def test_memory_does_not_grow_with_the_scene(spacing: float, bound_mib: int) -> None:
    pixels = Endless()
    scene = make_scene(pixels, PlaneGround(pixels.shape, 180.0, 90.0, 1.0, 1.0))
    tracemalloc.start()
    grid = plan_grid(scene, spacing, 512)
    cells = grid.cells()
    for index in (0, len(cells) // 2, len(cells) - 1):
        tile = read_cell(scene, grid, cells[index])
        assert tile.power.shape == (512, 512)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(cells) == (100_000 // round(512 * spacing, 6)) ** 2
    # The whole scene is 38 GiB.
    assert peak < bound_mib * 2**20
    assert pixels.largest <= 1 << 24


def test_plans_travel_to_workers_and_into_manifests() -> None:
    image = speckle((300, 300), 6)
    scene = make_scene(image, PlaneGround(image.shape, 180.0, 90.0, 1.0, 1.0))
    grid = plan_grid(scene, 2.0, 64)
    again = pickle.loads(pickle.dumps(grid))
    cell = grid.cells()[3]
    assert np.array_equal(
        read_cell(scene, grid, cell).power, read_cell(scene, again, again.cells()[3]).power
    )
    told = json.loads(json.dumps(grid.record()))
    assert told["method"].startswith("multilook 2 x 2") and told["factors"] == [2.0, 2.0]
    # The local map is one that rasterio understands.
    assert CRS.from_wkt(told["crs"]).is_projected


def test_nearly_whole_factors_are_whole() -> None:
    image = speckle((400, 400), 7)
    scene = make_scene(image, row_spacing_m=0.594, column_spacing_m=0.594)
    grid = plan_grid(scene, 1.19, 128)
    assert grid.rows.factor == 2.0 and grid.rows.whole
    assert plan_grid(scene, 0.59, 128).method.startswith("flip")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"spacing_m": 0.0}, "positive"),
        ({"spacing_m": float("nan")}, "positive"),
        ({"spacing_m": 1.0, "size": 4}, "between"),
        ({"spacing_m": 1.0, "overlap": 1.0}, "overlap"),
        ({"spacing_m": 1.0, "method": "bicubic"}, "multilook"),
        ({"spacing_m": 1.0, "size": 512}, "smaller size or a finer spacing"),
        ({"spacing_m": 3.0, "size": 64, "rotate": True}, "leave rotation off"),
    ],
)
def test_what_cannot_be_planned_says_what_to_do(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_grid(make_scene(speckle((300, 300))), **arguments)


def test_scenes_that_tell_no_spacing() -> None:
    with pytest.raises(InputError, match="TOML"):
        plan_grid(make_scene(speckle((300, 300)), row_spacing_m=None), 1.0, 64)


def test_a_georeference_without_answers() -> None:
    class Nowhere:
        def to_ground(self, rows, columns):
            return np.full_like(rows, np.nan), np.full_like(rows, np.nan)

        def to_image(self, lon, lat):
            return lon, lat

    with pytest.raises(FormatError, match=r"made\.tif"):
        plan_grid(make_scene(speckle((300, 300)), Nowhere()), 1.0, 64)


def tile_of(image: np.ndarray):
    scene = make_scene(image)
    grid = plan_grid(scene, 1.0, image.shape[0])
    return read_cell(scene, grid, grid.cells()[0])


def test_reasons_of_rejection() -> None:
    good = speckle((128, 128), 8)
    assert judge(tile_of(good)) is None
    holes = good.copy()
    holes[:4] = np.nan
    assert judge(tile_of(holes)) == "nodata"
    assert judge(tile_of(holes), Limits(max_nodata=0.05)) is None
    assert judge(tile_of(np.full_like(good, np.nan))) == "nodata"
    fill = good.copy()
    fill[:, :16] = 0
    assert judge(tile_of(fill)) == "zeros"
    assert judge(tile_of(np.zeros_like(good))) == "zeros"
    # One pixel in eight rounded to zero is speckle of an 8-bit product, not fill.
    dark = np.where(good < 0.13, 0, good).astype(np.float32)
    assert np.mean(dark == 0) > 0.1 and judge(tile_of(dark)) is None
    clipped = np.minimum(good, 1.5)
    assert judge(tile_of(clipped)) == "saturated"
    flat = (1 + 0.02 * np.random.default_rng(9).standard_normal((128, 128))).astype(np.float32)
    assert judge(tile_of(flat)) == "low contrast"
    assert judge(tile_of(np.ones_like(good))) == "low contrast"
    assert judge(tile_of(flat), Limits(min_contrast=0.0)) is None


@pytest.mark.parametrize("looks", [1, 4, 16, 100, 390, 400, 410, 2000])
def test_what_proves_contrast_never_says_more_than_all_pixels(looks: int) -> None:
    """Speckle of 400 looks has a contrast of 0.05 (half of 1/sqrt(L) to first order)."""
    rng = np.random.default_rng(looks)
    for slope in (0.0, 0.5):  # even, and brighter from one side to the other
        for axis in (0, 1):
            power = rng.gamma(looks, 1 / looks, (128, 128)) * (1 + slope * np.linspace(0, 1, 128))
            power = np.ascontiguousarray(power.T if axis else power, np.float32)
            for enough in (0.01, 0.025, 0.05, 0.2, 0.52, 0.53):
                if _surely_rich(power, enough):
                    assert _contrast(power) >= enough
    lone = np.ones((128, 128), np.float32)
    lone[::16] = np.nan
    assert not _surely_rich(lone, 0.05)
    assert _surely_rich(speckle((128, 128), 8), 0.05)  # most tiles need no more
