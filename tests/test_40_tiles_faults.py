"""What a person is told when a source of `sarloom tiles build` is wrong: the reason, one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.transform import Affine
from scipy import ndimage

from sarloom.archive.registry import open_scenes
from sarloom.cli.main import run
from sarloom.errors import FormatError
from sarloom.tiles.cut import read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.ledger import MANIFEST
from sarloom.tiles.pair import describe_optical, pair_optical
from sarloom.tiles.store import open_tiles
from tile_products import UTM, make_product, speckle, write_tiff

PLACE = Affine(0.5, 0, 590_000, 0, -0.5, 5_750_000)
WORDS = ["--spacing-m", "0.5", "--size", "64", "--workers", "1"]


def radar(path: Path, values: np.ndarray, toml: str = 'quantity = "amplitude"\n') -> Path:
    """A product of 0.5 m with a TOML, if that says anything."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tiff(path, values.astype(np.float32), crs=UTM, transform=PLACE)
    if toml:
        path.with_suffix(".toml").write_text(toml)
    return path


def build(capsys: pytest.CaptureFixture[str], out: Path, *words: Any) -> tuple[int, str]:
    """Exit status and what was said on stderr, without notes of a finished set."""
    status = run(["tiles", "build", *map(str, words), "--out", str(out), *WORDS])
    return status, capsys.readouterr().err


def only_error(text: str) -> str:
    """The one line of an error; anything else fails."""
    (line,) = [one for one in text.splitlines() if one]
    assert line.startswith("sarloom: /") and "Traceback" not in text
    return line


# -- the real reason -----------------------------------------------------------------------------


def test_decibels_without_a_toml_are_named_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decibels = 20 * np.log10(np.abs(speckle(1, (128, 128)))) - 12
    path = radar(tmp_path / "a.tif", decibels, toml="")
    status, said = build(capsys, tmp_path / "set", "--sar", path)
    line = only_error(said)
    assert status == 2 and not (tmp_path / "set" / MANIFEST).exists()
    assert str(path) in line and "negative numbers" in line and 'quantity = "db"' in line
    # and as a warning, where another product can be cut
    good = radar(tmp_path / "b.tif", np.abs(speckle(2, (128, 128))))
    status, said = build(capsys, tmp_path / "two", "--sar", path, "--sar", good)
    assert status == 0 and 'quantity = "db"' in said and f"left out {path}" in said
    # what the message asks for helps; a folder without a tile may take other settings
    path.with_suffix(".toml").write_text('quantity = "db"\n')
    status, said = build(capsys, tmp_path / "set", "--sar", path, "--tone-k", "4")
    assert status == 0 and "4 tiles" in said
    status, said = build(capsys, tmp_path / "set", "--sar", path, "--tone-k", "5")
    assert status == 2 and "--replace" in only_error(said)


@pytest.mark.parametrize(
    ("value", "reason"), [(np.nan, "without data"), (0.0, "zero"), (1e12, "brighter")]
)
def test_a_product_without_a_usable_pixel_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], value: float, reason: str
) -> None:
    image = np.full((128, 128), value, np.float32)
    if value > 1:  # a pixel in every tile
        image[:] = np.abs(speckle(3, (128, 128)))
        image[::64, ::64] = value
    path = radar(tmp_path / "a.tif", image)
    status, said = build(capsys, tmp_path / "set", "--sar", path)
    assert status == 2 and str(path) in only_error(said) and reason in said


def test_a_file_that_breaks_off_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes lost in the middle move all pixels after them; only the end of the file shows it."""
    path = radar(tmp_path / "a.tif", np.abs(speckle(4, (128, 128))), toml="")
    with rasterio.open(path) as opened:  # its directory in front, as in a COG and in SAFE products
        rasterio.shutil.copy(opened, tmp_path / "cog.tif", driver="COG", compress="NONE")
    path = (tmp_path / "cog.tif").rename(path)
    data = path.read_bytes()
    for damaged in (data[:-400], data[:20_000] + data[20_126:]):
        path.write_bytes(damaged)
        status, said = build(capsys, tmp_path / "set", "--sar", path)
        assert status == 2 and re.search("a.tif: ends at byte .* fetch it again", only_error(said))
    path.write_bytes(data)
    assert build(capsys, tmp_path / "set", "--sar", path)[0] == 0


@pytest.mark.parametrize("family", ["iceye", "umbra", "capella", "sentinel1 grd", "array"])
@pytest.mark.parametrize("damage", ["half", "bytes", "empty"])
def test_a_damaged_sidecar_is_one_error_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], family: str, damage: str
) -> None:
    product = make_product(family, tmp_path / "product")
    sidecars = [one for one in product.files if one.suffix in (".xml", ".json", ".toml", ".safe")]
    if not sidecars:
        pytest.skip(f"{family} keeps its metadata in the image")
    sidecar = max(sidecars, key=lambda one: ("annotation" in str(one), one.stat().st_size))
    data = sidecar.read_bytes()
    sidecar.write_bytes(
        {"half": data[: len(data) // 2], "bytes": data[:40] + b"\xff\x00\xfe" * 9, "empty": b""}[
            damage
        ]
    )
    status, said = build(capsys, tmp_path / "set", "--sar", product.path)
    assert status == 2 and not (tmp_path / "set" / MANIFEST).exists()
    line = only_error(said)
    assert sidecar.name in line or product.path.name in line


# -- optical pictures ----------------------------------------------------------------------------


def optical(path: Path, values: np.ndarray, place: Affine = PLACE, **more: Any) -> Path:
    """An 8-bit picture on a grid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_tiff(path, values.astype(np.uint8), crs=UTM, transform=place, **more)


def test_a_damaged_optical_picture_is_told_once_and_tiles_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = radar(tmp_path / "sar" / "a.tif", np.abs(speckle(5, (256, 256))))
    picture = optical(
        tmp_path / "optical" / "p.tif", np.hypot(*np.mgrid[:256, :256]) % 251,
        compress="deflate", tiled=True, blockxsize=256, blockysize=256,
    )  # fmt: skip
    with rasterio.open(picture) as opened:
        at = int(opened.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    data = bytearray(picture.read_bytes())
    data[at + 200 : at + 300] = bytes(100)  # within the one compressed block
    picture.write_bytes(bytes(data))
    status, said = build(capsys, tmp_path / "set", "--sar", path, "--optical", picture)
    assert status == 0, said
    told = [line for line in said.splitlines() if "p.tif" in line]
    assert len(told) == 1 and "without a partner" in told[0] and "fetch it again" in told[0]
    rows = list(open_tiles(tmp_path / "set"))
    assert len(rows) == 16 and not any(row["optical"] for row in rows)
    # a folder: what is no picture at all is named before anything is cut
    (tmp_path / "optical" / "q.tif").write_bytes(b"II*\0" + bytes(30))
    good = optical(tmp_path / "optical" / "r.tif", np.full((256, 256), 90))
    status, said = build(capsys, tmp_path / "two", "--sar", path, "--optical", good.parent)
    assert status == 0
    (told_once,) = [line for line in said.splitlines() if "not paired with" in line]
    assert f"{tmp_path / 'optical' / 'q.tif'}: cannot be read" in told_once
    assert all(row["optical_source"] == str(good) for row in open_tiles(tmp_path / "two"))
    # alone it is an error
    status, said = build(capsys, tmp_path / "three", "--sar", path, "--optical",
                         tmp_path / "optical" / "q.tif")  # fmt: skip
    assert status == 2 and "q.tif" in only_error(said)


@pytest.mark.parametrize("finer", [1, 2, 5])
@pytest.mark.parametrize("moved", [(0.0, 0.0), (3.25, -7.5)])
def test_pairing_moves_no_picture(tmp_path: Path, finer: int, moved: tuple[float, float]) -> None:
    """The same ground, drawn on the radar's pixels and on a grid of its own: no half pixel."""
    side, spacing = 128, 0.5

    def ground(east_m: np.ndarray, south_m: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(6)
        total = np.zeros(np.broadcast(east_m, south_m).shape)
        for east, south in rng.normal(0, 0.45, (24, 2)):  # waves of ten metres and more
            total += np.cos(east * east_m + south * south_m + rng.uniform(0, 6))
        return np.asarray(128 + 9 * total)

    middle = (np.arange(side) + 0.5) * spacing
    image = ground(middle[None, :], middle[:, None])
    scene = open_scenes(radar(tmp_path / "a.tif", image))[0]
    tile = read_cell(scene, (grid := plan_grid(scene, spacing, side)), grid.cells()[0])
    pitch, count = spacing / finer, (side + 40) * finer
    east, south = moved[0] - 8.0, moved[1] - 8.0  # of the picture's corner from the radar's
    centre = (np.arange(count) + 0.5) * pitch
    place = Affine(pitch, 0, PLACE.c + east, 0, -pitch, PLACE.f - south)
    drawn = ground(centre[None, :] + east, centre[:, None] + south)
    match = pair_optical(
        tile, [describe_optical(optical(tmp_path / "p.tif", drawn, place))], None, 0.5
    )
    assert match is not None
    inner = ndimage.binary_erosion(match.valid, iterations=4, border_value=0)
    error = match.picture[..., 0].astype(float) - image
    # a shift (down, across) in pixels is the regression of the difference on the slopes
    slopes = np.stack([one[inner] for one in np.gradient(image)], axis=1)
    shift = np.linalg.lstsq(slopes, error[inner], rcond=None)[0]
    assert np.abs(shift).max() < 0.02
    wrong = np.roll(match.picture[..., 0].astype(float), 1, axis=1) - image
    seen = np.linalg.lstsq(slopes, wrong[inner], rcond=None)[0]
    assert abs(seen[1]) > 0.7  # the measurement sees a pixel


# -- size ----------------------------------------------------------------------------------------


def test_a_scene_of_a_hundred_thousand_pixels_a_side_is_cut_window_by_window(
    tmp_path: Path,
) -> None:
    side = 100_000
    path = tmp_path / "large.tif"
    data = np.abs(speckle(7, (512, 512))).astype(np.float32)
    corners = [(0, 0), (0, 512 * 194), (512 * 194, 0)]
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=1, dtype="float32", crs=UTM,
        transform=PLACE, tiled=True, blockxsize=512, blockysize=512, nodata=float("nan"),
        SPARSE_OK="TRUE", BIGTIFF="YES",
    ) as opened:  # fmt: skip
        for top, left in corners:
            opened.write(data, 1, window=rasterio.windows.Window(left, top, 512, 512))
    path.with_suffix(".toml").write_text('quantity = "amplitude"\n')
    assert path.stat().st_size < 8 << 20
    scene = open_scenes(path)[0]
    grid = plan_grid(scene, 0.5, 512)
    assert scene.shape == (side, side) and len(grid.cells()) == 195 * 195
    for top, left in corners:
        cell = next(one for one in grid.cells() if (one.top, one.left) == (top, left))
        assert np.allclose(read_cell(scene, grid, cell).power, data**2)
    assert np.isnan(read_cell(scene, grid, grid.cells()[1]).power).all()
    with pytest.raises((FormatError, Exception), match="read smaller windows"):
        scene.pixels.power(slice(0, side), slice(0, side))
