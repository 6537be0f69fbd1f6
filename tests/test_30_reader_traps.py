"""Each thing that breaks readers, through the whole of `tiles build`: docs/readers.md lists them.

The tests of single readers hold finer cases; here a product is damaged or made to deceive, lies
beside a sound one, and the sound one's tiles are all that comes of the run.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from sarloom.archive.registry import find_products, open_scenes
from sarloom.errors import FormatError, InputError
from sarloom.options.tiles import BuildTilesOptions
from sarloom.tiles.build import build_tiles
from sarloom.tiles.check import check_tiles
from sarloom.tiles.pair import describe_optical
from sarloom.tiles.store import open_tiles
from tile_products import PLACE, SIDE, SIZE, UTM, Product, make_product, speckle, write_tiff

DESCRIBED = 'quantity = "amplitude"\nlooks = 1\n'


def tiles_of(out: Path, *products: Path, **changed: Any) -> tuple[list[Any], dict[str, Any]]:
    """The rows of a tile set and its manifest."""
    options = BuildTilesOptions(
        sar=products, spacing_m="0.5", size=SIZE, out=out, workers=1, max_saturated=1.0, **changed
    )
    manifest = build_tiles(options, list(products), open_scenes)
    return list(open_tiles(out)), manifest


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A product whose nine tiles are kept in any company."""
    path = write_tiff(tmp_path / "sound.tif", np.abs(speckle(11)), crs=UTM, transform=PLACE)
    path.with_suffix(".toml").write_text(DESCRIBED)
    return path


def only_sound(out: Path, sound: Path, trap: Path, says: str, **changed: Any) -> None:
    """Nothing of the trap is in the tiles, and the manifest says why."""
    rows, manifest = tiles_of(out, sound, trap, **changed)
    assert len(rows) == (SIDE // SIZE) ** 2
    assert {Path(row["source"]).name for row in rows} == {sound.name}
    (left_out,) = manifest["skipped"].items()
    assert trap.name in left_out[0] and re.search(says, left_out[1]), left_out
    assert not [finding for finding in check_tiles(out) if finding.level == "Error"]


# -- random bytes overwritten in an image --------------------------------------------------------


@pytest.mark.parametrize("compress", ["none", "zstd"])
def test_overwritten_pixels_are_told_by_the_hash_of_the_source(
    tmp_path: Path, sound: Path, compress: str
) -> None:
    """No library can know: the pixels are as good as any others. The store remembers the file."""
    grey = np.clip(np.abs(speckle(12)) * 60, 1, 255).astype(np.uint8)
    path = write_tiff(tmp_path / "a.tif", grey, crs=UTM, transform=PLACE, compress=compress)
    path.with_suffix(".toml").write_text(DESCRIBED)
    before, _ = tiles_of(tmp_path / "before", path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = np.random.default_rng(1).bytes(40)
    path.write_bytes(data)
    after, manifest = tiles_of(tmp_path / "after", sound, path)
    after = [row for row in after if Path(row["source"]).name == path.name]
    hashes = {row["source_blake3"] for row in before}
    assert len(hashes) == 1 and not hashes & {row["source_blake3"] for row in after}
    if compress == "none":  # silently read by every library
        assert len(after) == len(before)
    else:  # a decoder may notice
        assert len(after) == len(before) or manifest["skipped"] or manifest["rejected"]


def test_overwritten_tiles_are_found(tmp_path: Path, sound: Path) -> None:
    """Bytes of a stored picture changed where Parquet has no checksum of its own."""
    tiles_of(tmp_path / "tiles", sound)
    (shard,) = (tmp_path / "tiles" / "data").rglob("*.parquet")
    data = bytearray(shard.read_bytes())
    at = data.index(b"IDAT") + 200
    data[at : at + 8] = bytes(byte ^ 255 for byte in data[at : at + 8])
    shard.write_bytes(data)
    errors = [finding for finding in check_tiles(tmp_path / "tiles") if finding.level == "Error"]
    assert errors and shard.name in " ".join(finding.text for finding in errors)


# -- SICD ----------------------------------------------------------------------------------------


def sicd(folder: Path) -> Product:
    return make_product("sicd float", folder)


def test_sicd_whose_rows_disagree_gives_no_tile(tmp_path: Path, sound: Path) -> None:
    """sarkit gives zeros for it."""
    path = sicd(tmp_path / "sicd").path
    content = path.read_bytes()
    stated = f"<NumRows>{SIDE}<".encode()
    assert content.count(stated) == 1
    path.write_bytes(content.replace(stated, f"<NumRows>{SIDE - 1}<".encode()))
    only_sound(tmp_path / "tiles", sound, path, "contradicts itself")


@pytest.mark.parametrize("keep", [0.2, 0.7, 0.999])
def test_truncated_sicd_gives_no_tile(tmp_path: Path, sound: Path, keep: float) -> None:
    path = sicd(tmp_path / "sicd").path
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    only_sound(tmp_path / "tiles", sound, path, str(path))


# -- sizes ---------------------------------------------------------------------------------------


def test_two_million_pixels_square_are_refused_before_they_are_read(
    tmp_path: Path, sound: Path
) -> None:
    path = tmp_path / "huge.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=2_000_000, width=2_000_000, count=1, dtype="complex64",
        tiled=True, blockxsize=8192, blockysize=8192, sparse_ok=True, bigtiff="yes", crs=UTM,
        transform=PLACE,
    ):  # fmt: skip
        pass
    tracemalloc.start()
    with pytest.raises(FormatError, match=r"huge\.tif: claims 2000000 x 2000000 pixels"):
        open_scenes(path)
    assert tracemalloc.get_traced_memory()[1] < 10 << 20
    tracemalloc.stop()
    only_sound(tmp_path / "tiles", sound, path, "claims 2000000 x 2000000")


def test_sparse_images_without_nodata_give_no_tile(tmp_path: Path) -> None:
    """What was never written is read as zeros; tiles are cut where there is something."""
    path = tmp_path / "sparse.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=SIDE, width=SIDE, count=1, dtype="float32", tiled=True,
        blockxsize=SIZE, blockysize=SIZE, sparse_ok=True, crs=UTM, transform=PLACE,
    ) as raster:  # fmt: skip
        one = np.abs(speckle(13, (SIZE, SIZE)))
        raster.write(one, 1, window=rasterio.windows.Window(SIZE, SIZE, SIZE, SIZE))
    rows, manifest = tiles_of(tmp_path / "tiles", path)
    assert [(row["row"], row["column"]) for row in rows] == [(SIZE, SIZE)]
    assert sum(manifest["rejected"].values()) == (SIDE // SIZE) ** 2 - 1
    assert any("zero" in reason for reason in manifest["rejected"])


# -- places --------------------------------------------------------------------------------------


def test_without_a_coordinate_system_nothing_is_warped(tmp_path: Path) -> None:
    """A geotransform alone places nothing: no footprint, no optical partner, no turning."""
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle(14)), transform=PLACE)
    path.with_suffix(".toml").write_text(DESCRIBED + "spacing_m = 0.5\n")
    (scene,) = open_scenes(path)
    assert scene.ground is None and scene.footprint is None
    assert any("not georeferenced" in note for note in scene.notes)
    rows, _ = tiles_of(tmp_path / "tiles", path)
    assert len(rows) == 9
    assert all(row["footprint"] is None and row["optical"] is None for row in rows)
    picture = np.full((SIDE, SIDE), 9, np.uint8)
    with pytest.raises(InputError, match="coordinate system"):
        describe_optical(write_tiff(tmp_path / "picture.tif", picture, transform=PLACE))


def test_a_vrt_named_tif_gives_no_tile(tmp_path: Path, sound: Path) -> None:
    secret = write_tiff(tmp_path / "secret.tif", np.abs(speckle(15)), crs=UTM, transform=PLACE)
    path = tmp_path / "false.tif"
    path.write_text(
        f'<VRTDataset rasterXSize="{SIDE}" rasterYSize="{SIDE}"><SRS>{UTM}</SRS>'
        "<GeoTransform>590000,0.5,0,5750000,0,-0.5</GeoTransform><VRTRasterBand "
        'dataType="Float32" band="1"><SimpleSource><SourceFilename>'
        f"{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        "</VRTDataset>"
    )
    assert rasterio.open(path).read(1).max() > 0  # the library does open the other file
    only_sound(tmp_path / "tiles", sound, path, "no reader knows it")


# -- containers and pickles ----------------------------------------------------------------------


class Trap:
    def __reduce__(self) -> Any:
        return os.mkdir, ("unpickled",)


def test_archives_and_pickles_are_never_unpacked(
    tmp_path: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tar that climbs out, 200 MB in 195 kB, and arrays and checkpoints that run code."""
    folder = tmp_path / "in"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with tarfile.open("climbs.tar", "w") as packed:
        member = tarfile.TarInfo("../escaped.tif")
        member.size = 4
        packed.addfile(member, io.BytesIO(b"II*\0"))
    with zipfile.ZipFile("swells.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a.tif", bytes(200_000_000))
    assert Path("swells.zip").stat().st_size < 200_000
    Path("swells.tif").write_bytes(Path("swells.zip").read_bytes())  # whatever its name
    with gzip.open("swells.tif.gz", "wb") as squeezed:
        squeezed.write(bytes(1_000_000))
    np.save("array.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    Path("array.toml").write_text(DESCRIBED)
    assert list(find_products(folder)) == [Path(folder / "array.npy")]
    says = {
        "climbs.tar": "tar archive", "swells.zip": "ZIP archive", "swells.tif": "ZIP archive",
        "swells.tif.gz": "compressed", "array.npy": "array.npy",
    }  # fmt: skip
    tracemalloc.start()
    for name, reason in says.items():
        with pytest.raises(InputError, match=reason):
            open_scenes(folder / name)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    only_sound(tmp_path / "tiles", sound, folder / "swells.tif", "ZIP archive")
    assert not (tmp_path / "escaped.tif").exists() and not Path("unpickled").exists()
    left = {"array.toml", *says}
    assert {path.name for path in folder.iterdir()} == left


# -- the list itself -----------------------------------------------------------------------------


def test_every_row_of_the_documented_list_names_tests_that_exist(repository: Path) -> None:
    text = (repository / "docs" / "readers.md").read_text()
    part = text.split("## What breaks readers", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1:-1] for line in part.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 10
    for cells in rows:
        named = re.findall(r"`(test_\w+)`", cells[-1])
        assert named, cells[0]
        for name in named:
            file = re.search(rf"^def {name}\(", _all_tests(repository), re.MULTILINE)
            assert file, f"{cells[0].strip()}: no test {name}"


def _all_tests(repository: Path) -> str:
    return "\n".join(path.read_text() for path in sorted((repository / "tests").glob("test_*.py")))


# -- another package's reader --------------------------------------------------------------------

READER = """
from sarloom.archive.facts import Facts
from sarloom.archive.rasters import scenes_of

name = "loomtest"


def claims(path):
    return path.name.startswith("LOOMTEST_")


def read(path):
    facts = Facts(quantity="intensity", calibration="sigma_nought", band="L", looks=3)
    return scenes_of(path, name, facts)
"""


def test_an_installed_reader_serves_the_whole_command(tmp_path: Path) -> None:
    """A distribution as pip leaves it, found by another process that does nothing for it."""
    site, data = tmp_path / "site", tmp_path / "data"
    info = site / "loomtest-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "loomtest_reader.py").write_text(READER)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: loomtest\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sarloom.readers]\nloomtest = loomtest_reader\n")
    data.mkdir()
    intensity = np.abs(speckle(16)) ** 2
    write_tiff(data / "LOOMTEST_1.tif", intensity, crs=UTM, transform=PLACE)
    command = [
        sys.executable, "-m", "sarloom", "tiles", "build", "--sar", str(data), "--spacing-m", "0.5",
        "--size", str(SIZE), "--out", str(tmp_path / "tiles"), "--workers", "1",
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = list(open_tiles(tmp_path / "tiles"))
    assert {(row["calibration"], row["band"], row["looks"]) for row in rows} == {
        ("sigma_nought", "L", 3.0)
    }
