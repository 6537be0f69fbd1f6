"""Optical partners: the right one, on the tile's own grid, without made-up ground."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine

from sarloom.errors import FormatError, InputError
from sarloom.tiles.cut import TileData, read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.pair import OpticalSource, describe_optical, find_optical, pair_optical
from sarloom.tiles.place import to_lonlat
from tile_scenes import LAT, LON, PlaneGround, make_scene

UTM = "EPSG:32631"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
X0, Y0 = (float(v) for v in to_lonlat(UTM).transform(LON, LAT, direction="INVERSE"))


def pattern(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A smooth picture of ground coordinates [m], three bands."""
    red = 120 + 80 * np.sin(x / 23.0) * np.cos(y / 31.0)
    green = 120 + 80 * np.cos(x / 17.0 + y / 40.0)
    blue = 120 + 60 * np.sin((x - y) / 29.0)
    return np.stack([red, green, blue])


def picture(
    path: Path,
    pixel_m: float = 1.0,
    half_m: float = 200.0,
    shift_m: float = 0.0,
    dtype: str = "uint8",
    scale: float = 1.0,
    nodata: float | None = None,
    crs: str | None = UTM,
    hole: slice | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """A north-up GeoTIFF of the pattern about the scene centre."""
    n = round(2 * half_m / pixel_m)
    along = (np.arange(n) + 0.5) * pixel_m - half_m
    x, y = np.meshgrid(along + shift_m, -along)
    values = pattern(x, y) * scale
    if hole is not None:
        values[:, :, hole] = 0 if nodata is None else nodata
    transform = Affine(pixel_m, 0, X0 - half_m + shift_m, 0, -pixel_m, Y0 + half_m)
    with rasterio.open(
        path, "w", driver="GTiff", width=n, height=n, count=3, dtype=dtype, crs=crs,
        transform=transform, nodata=nodata, photometric="RGB",
    ) as opened:  # fmt: skip
        opened.write(np.rint(values).astype(dtype))
        if tags:
            opened.update_tags(**tags)
    return path


@pytest.fixture(scope="module")
def tile() -> TileData:
    """A tile of 128 x 128 m whose columns point to azimuth 110."""
    image = np.random.default_rng(0).exponential(1.0, (140, 140)).astype(np.float32)
    ground = PlaneGround(image.shape, 200.0, 110.0, 1.0, 1.0)
    scene = make_scene(image, ground, time=NOON)
    grid = plan_grid(scene, 1.0, 128)
    return read_cell(scene, grid, grid.cells()[0])


def truth(tile: TileData) -> np.ndarray:
    """The pattern where the tile's affine says its pixels are."""
    a, b, c, d, e, f = tile.transform
    columns, rows = np.meshgrid(np.arange(128) + 0.5, np.arange(128) + 0.5)
    lon, lat = to_lonlat(tile.crs).transform(a * columns + b * rows + c, d * columns + e * rows + f)
    x, y = to_lonlat(UTM).transform(lon, lat, direction="INVERSE")
    return np.moveaxis(pattern(x - X0, y - Y0), 0, -1)


@pytest.mark.parametrize("pixel_m", [0.2, 0.5, 1.0, 2.0])
def test_pictures_lie_on_the_tiles_grid(tmp_path: Path, tile: TileData, pixel_m: float) -> None:
    source = describe_optical(picture(tmp_path / "a.tif", pixel_m, half_m=120))
    match = pair_optical(tile, [source])
    assert match is not None and match.overlap == 1.0 and match.valid.all()
    error = match.picture.astype(float) - truth(tile)
    # The pattern's steepest slope is 5 per metre: half a pixel off would be seen.
    assert np.sqrt(np.mean(error**2)) < 0.6
    assert match.stretch == (0.0, 255.0) and match.picture.dtype == np.uint8


def test_another_coordinate_system(tmp_path: Path, tile: TileData) -> None:
    from rasterio.warp import Resampling, calculate_default_transform, reproject

    path = picture(tmp_path / "utm.tif", 0.5)
    with rasterio.open(path) as opened:
        transform, width, height = calculate_default_transform(
            UTM, "EPSG:4326", opened.width, opened.height, *opened.bounds
        )
        values = np.zeros((3, height, width), np.uint8)
        reproject(
            opened.read(), values, src_transform=opened.transform, src_crs=UTM,
            dst_transform=transform, dst_crs="EPSG:4326", resampling=Resampling.bilinear,
        )  # fmt: skip
    with rasterio.open(
        tmp_path / "wgs.tif", "w", driver="GTiff", width=width, height=height, count=3,
        dtype="uint8", crs="EPSG:4326", transform=transform,
    ) as opened:  # fmt: skip
        opened.write(values)
    match = pair_optical(tile, [describe_optical(tmp_path / "wgs.tif")])
    assert match is not None
    assert np.sqrt(np.mean((match.picture - truth(tile)) ** 2)) < 1.5


def test_sixteen_bits_are_stretched_once_for_a_source(tmp_path: Path, tile: TileData) -> None:
    path = picture(tmp_path / "deep.tif", 1.0, dtype="uint16", scale=20.0, nodata=0)
    match = pair_optical(tile, [describe_optical(path)])
    assert match is not None
    low, high = match.stretch
    assert 40 * 20 < low < 70 * 20 and 180 * 20 < high < 200 * 20
    back = low + match.picture / 255.0 * (high - low)
    inside = (match.picture > 0) & (match.picture < 255)
    assert np.abs(back - truth(tile) * 20)[inside].max() < 60


@pytest.mark.parametrize("nodata", [None, 7.0])
def test_fill_is_no_picture(tmp_path: Path, tile: TileData, nodata: float | None) -> None:
    # Columns without data in the middle: black without a word, or a nodata value.
    path = picture(tmp_path / "hole.tif", 1.0, nodata=nodata, hole=slice(195, 230))
    source = describe_optical(path)
    assert pair_optical(tile, [source]) is None  # covers less than nine tenths
    match = pair_optical(tile, [source], min_overlap=0.5)
    assert match is not None and 0.5 < match.overlap < 0.9
    assert match.valid.mean() == pytest.approx(match.overlap)
    assert (match.picture[~match.valid] == 0).all()
    # The edge of the hole does not bleed in: what is valid is the pattern.
    assert np.abs(match.picture - truth(tile))[match.valid].max() < 12


def at(source: OpticalSource, **changes) -> OpticalSource:
    from dataclasses import replace

    return replace(source, **changes)


def test_best_by_overlap_then_time_then_cloud(tmp_path: Path, tile: TileData) -> None:
    full = describe_optical(picture(tmp_path / "full.tif"))
    part = at(describe_optical(picture(tmp_path / "part.tif", shift_m=-180.0)), time=NOON)
    week = at(full, time=NOON + timedelta(days=7), cloud_cover=0.0)
    day = at(full, time=NOON - timedelta(days=1), cloud_cover=80.0)
    clear = at(full, time=NOON - timedelta(days=1), cloud_cover=5.0)
    for candidates, best in (
        ([part, week], week),
        ([week, day, part], day),
        ([week, day, clear], clear),
        ([full, week], week),
    ):
        match = pair_optical(tile, candidates, min_overlap=0.5)
        assert match is not None and match.source == best
    match = pair_optical(tile, [day])
    assert match is not None and match.days == pytest.approx(-1.0)
    assert pair_optical(tile, [week], max_days=3) is None
    assert pair_optical(tile, [full], max_days=3) is None  # when it was taken is not known
    assert pair_optical(tile, [full]) is not None
    only_part = pair_optical(tile, [part], min_overlap=0.3)
    assert only_part is not None and 0.3 < only_part.overlap < 0.9


def test_elsewhere_is_no_partner(tmp_path: Path, tile: TileData) -> None:
    assert pair_optical(tile, [describe_optical(picture(tmp_path / "a.tif", shift_m=3000))]) is None


def test_a_footprint_is_a_promise_to_be_checked(tmp_path: Path, tile: TileData) -> None:
    near = describe_optical(picture(tmp_path / "near.tif", shift_m=-140))
    full = describe_optical(picture(tmp_path / "full.tif"))
    boast = at(near, footprint=full.footprint, time=NOON)
    match = pair_optical(tile, [boast, full])
    assert match is not None and match.source == full and match.overlap == 1.0


def test_without_a_coordinate_system_nothing_is_guessed(tmp_path: Path) -> None:
    path = picture(tmp_path / "bare.tif", crs=None)
    with pytest.raises(InputError, match=r"bare\.tif has no coordinate system"):
        describe_optical(path)
    told: list[tuple[Path, str]] = []
    good = picture(tmp_path / "good.tif")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "broken.tif").write_bytes(b"II*\0broken")
    found = find_optical(tmp_path, lambda *what: told.append(what))
    assert [source.path for source in found] == [good]
    assert {what[0].name for what in told} == {"bare.tif", "broken.tif"}
    with pytest.raises(InputError, match="does not exist"):
        find_optical(tmp_path / "nowhere")


def test_a_damaged_candidate_does_not_hide_a_good_one(tmp_path: Path, tile: TileData) -> None:
    good = describe_optical(picture(tmp_path / "good.tif"))
    path = picture(tmp_path / "cut.tif")
    source = at(describe_optical(path), time=NOON)
    path.write_bytes(path.read_bytes()[:20000])
    match = pair_optical(tile, [source, good])
    assert match is not None and match.source == good
    with pytest.raises(FormatError, match=r"cut\.tif"):
        pair_optical(tile, [source])


def test_a_vrt_by_another_name_opens_nothing(tmp_path: Path) -> None:
    secret = picture(tmp_path / "secret.tif")
    (tmp_path / "link.tif").write_text(
        '<VRTDataset rasterXSize="9" rasterYSize="9"><VRTRasterBand dataType="Byte" band="1">'
        f"<SimpleSource><SourceFilename>{secret}</SourceFilename></SimpleSource>"
        "</VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(FormatError, match=r"link\.tif"):
        describe_optical(tmp_path / "link.tif")


def test_time_and_cloud_come_from_the_stac_item_beside(tmp_path: Path) -> None:
    path = picture(tmp_path / "s2.tif", tags={"TIFFTAG_DATETIME": "2023:01:02 03:04:05"})
    assert describe_optical(path).time == datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)
    item = {"properties": {"datetime": "2024-05-03T10:00:00Z", "eo:cloud_cover": 12.5}}
    path.with_suffix(".json").write_text(json.dumps(item))
    source = describe_optical(path)
    assert source.time == datetime(2024, 5, 3, 10, tzinfo=UTC) and source.cloud_cover == 12.5
    path.with_suffix(".json").write_text("[1, 2")
    with pytest.raises(FormatError, match=r"s2\.json"):
        describe_optical(path)


def test_bands_are_named_or_coloured(tmp_path: Path, tile: TileData) -> None:
    # A Sentinel-2 stack: red, green and blue are bands 4, 3 and 2, whatever comes first.
    plain = picture(tmp_path / "rgb.tif")
    with rasterio.open(plain) as opened:
        red, green, blue = opened.read()
        profile = opened.profile | {"count": 4, "photometric": "MINISBLACK"}
    with rasterio.open(tmp_path / "stack.tif", "w", **profile) as opened:
        for band, (name, values) in enumerate(
            [("B1", red // 4), ("B2", blue), ("B3", green), ("B4", red)], 1
        ):
            opened.write(values, band)
            opened.set_band_description(band, name)
    one = pair_optical(tile, [describe_optical(plain)])
    two = pair_optical(tile, [describe_optical(tmp_path / "stack.tif")])
    assert one is not None and two is not None
    assert np.array_equal(one.picture, two.picture)
    grey = profile | {"count": 1}
    with rasterio.open(tmp_path / "grey.tif", "w", **grey) as opened:
        opened.write(red, 1)
    match = pair_optical(tile, [describe_optical(tmp_path / "grey.tif")])
    assert match is not None
    assert np.array_equal(match.picture, np.repeat(one.picture[..., :1], 3, axis=2))
