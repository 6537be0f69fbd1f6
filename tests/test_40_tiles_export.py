"""`sarloom tiles export`: other programs read what comes out, and read the same."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tarfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image

from sarloom.errors import InputError
from sarloom.options.tiles import ExportTilesOptions
from sarloom.tiles import layouts
from sarloom.tiles.export import PLAIN_CAPTION, Exported, export_tiles, file_stem
from sarloom.tiles.schema import COLUMNS, NAMES
from sarloom.tiles.store import open_tiles, row_amplitude, row_picture
from tile_sets import built_set, run, simulated_set


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_set(tmp_path_factory.mktemp("export") / "simulated", kinds=("river", "suburb"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_set(tmp_path_factory.mktemp("export") / "built")


def exported(folder: Path, to: str, out: Path, **more: Any) -> Path:
    export_tiles(ExportTilesOptions(folder, to, out, **more))
    return out


# -- layouts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16])
def test_datasets_loads_an_imagefolder(built: Path, bits: int, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    out = exported(built, "imagefolder", tmp_path / "out", bits=bits)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "c"))
    rows = {row["id"]: row for row in open_tiles(built)}
    assert sum(part.num_rows for part in loaded.values()) == len(rows) == 48
    for split, part in loaded.items():
        assert isinstance(part.features["image"], datasets.Image)
        for sample in part:
            row = rows.pop(sample["id"])
            assert row["split"] == split and sample["text"] == PLAIN_CAPTION
            truth = np.asarray(row_picture(row, "image"), np.float64) / 65535
            pixels = np.asarray(sample["image"], np.float64) / (2**bits - 1)
            assert np.abs(pixels - truth).max() <= 0.5001 / (2**bits - 1)
            assert sample["threshold"] == row["threshold"] and sample["spacing_m"] == 1.0
            assert "optical" not in sample  # two of the splits have none
    assert not rows


def test_datasets_loads_optical_partners_as_a_column(built: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    names = open_tiles(built).columns("split", "optical_source")
    (paired,) = {split for split, source in zip(*names.values(), strict=True) if source}
    out = exported(built, "imagefolder", tmp_path / "out", split=paired)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "c"))
    rows = {row["id"]: row for row in open_tiles(built, paired)}
    samples = [sample for part in loaded.values() for sample in part]
    assert len(samples) == len(rows) == 16
    for sample in samples:
        truth = row_picture(rows[sample["id"]], "optical")
        assert np.array_equal(np.asarray(sample["optical"]), truth)


def test_amplitude_comes_back_from_an_export(simulated: Path, tmp_path: Path) -> None:
    out = exported(simulated, "imagefolder", tmp_path / "out", bits=16)
    for row in open_tiles(simulated):
        folder = out / row["split"]
        lines = (folder / "metadata.jsonl").read_text().splitlines()
        about = next(one for one in map(json.loads, lines) if one["id"] == row["id"])
        assert about["text"] == row["text"] and about["captions"] == row["captions"]
        u = np.asarray(Image.open(folder / about["file_name"]), np.float32) / 65535
        assert np.allclose(u * about["threshold"], row_amplitude(row), rtol=1e-6)
        for side in ("optical", "segmentation", "sketch", "satellite"):
            path = folder / about[f"{side}_file_name"]
            assert path.read_bytes() == row[side]["bytes"]


def test_kohya_finds_pictures_with_captions(simulated: Path, tmp_path: Path) -> None:
    out = exported(simulated, "kohya", tmp_path / "out", repeats=7)
    # as kohya reads it: folders NN_name of the root, pictures, the caption of the same stem
    found = {}
    for folder in out.iterdir():
        repeats = re.match(r"(\d+)_(.+)", folder.name)
        if repeats is None:
            continue
        for path in folder.glob("*.png"):
            found[path.stem] = (int(repeats[1]), path.with_suffix(".txt").read_text().strip())
            assert Image.open(path).mode == "L"
    train = {file_stem(row): (7, row["text"]) for row in open_tiles(simulated, "train")}
    assert train and found == train
    with pytest.raises(InputError, match="16-bit"):
        ExportTilesOptions(simulated, "kohya", tmp_path / "x", bits=16)


def test_other_splits_are_out_of_a_training_run_s_sight(built: Path, tmp_path: Path) -> None:
    out = exported(built, "kohya", tmp_path / "out")
    assert len(list((out / "10_sar").glob("*.png"))) == len(open_tiles(built, "train")) == 16
    assert len(list((out / "test" / "1_sar").glob("*.txt"))) == 16
    only = exported(built, "kohya", tmp_path / "only", split="test")
    assert len(list((only / "10_sar").glob("*.png"))) == 16


def test_missing_captions_are_said(
    built: Path, simulated: Path, tmp_path: Path, capsys: Any
) -> None:
    assert run("tiles", "export", built, "--to", "kohya", "--out", tmp_path / "a") == 0
    assert "48 tiles have no caption" in capsys.readouterr().err
    assert run("tiles", "export", simulated, "--to", "kohya", "--out", tmp_path / "b") == 0
    assert "caption" not in capsys.readouterr().err


def samples_of(path: Path) -> dict[str, dict[str, bytes]]:
    """A tar as WebDataset groups it: the key ends at the first dot of the name."""
    found: dict[str, dict[str, bytes]] = defaultdict(dict)
    order = []
    with tarfile.open(path) as tar:
        for member in tar:
            key, suffix = member.name.split(".", 1)
            held = tar.extractfile(member)
            assert held is not None and suffix not in found[key]
            if not order or order[-1] != key:
                order.append(key)
            found[key][suffix] = held.read()
    assert len(order) == len(set(order))  # a sample's members lie together
    return found


def test_webdataset_samples_come_back(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layouts, "TILES_PER_TAR", 5)
    out = exported(built, "webdataset", tmp_path / "out")
    names = sorted(path.name for path in out.iterdir())
    assert len(names) == 12 and names[0] == "test-000000.tar"
    for split in ("train", "validation", "test"):
        found: dict[str, dict[str, bytes]] = {}
        for path in out.glob(f"{split}-*.tar"):
            found |= samples_of(path)
        rows = {file_stem(row): row for row in open_tiles(built, split)}
        assert found.keys() == rows.keys()
        for key, members in found.items():
            row = rows[key]
            assert json.loads(members["json"])["id"] == row["id"]
            assert members["txt"].decode() == PLAIN_CAPTION
            assert ("optical.png" in members) == (row["optical"] is not None)
            pixels = np.asarray(Image.open(io.BytesIO(members["png"])), np.float64)
            truth = np.asarray(row_picture(row, "image"), np.float64) / 257
            assert np.abs(pixels - truth).max() <= 0.5001


def test_the_webdataset_package_reads_it(simulated: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    out = exported(simulated, "webdataset", tmp_path / "out")
    urls = [str(path) for path in sorted(out.glob("train-*.tar"))]
    samples = list(webdataset.WebDataset(urls, shardshuffle=False))
    assert {one["__key__"] for one in samples} == {
        file_stem(row) for row in open_tiles(simulated, "train")
    }


def test_datasets_loads_the_tars(simulated: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    out = exported(simulated, "webdataset", tmp_path / "out")
    tars = [str(path) for path in out.glob("train-*.tar")]
    loaded = datasets.load_dataset(
        "webdataset", data_files=tars, split="train", cache_dir=str(tmp_path / "c")
    )
    rows = {file_stem(row): row for row in open_tiles(simulated, "train")}
    assert {sample["__key__"] for sample in loaded} == rows.keys()
    first = loaded[0]
    assert first["png"].size == (192, 192) and first["txt"] == rows[first["__key__"]]["text"]


def test_geotiffs_lie_where_the_tiles_do(built: Path, tmp_path: Path) -> None:
    out = exported(built, "geotiff", tmp_path / "out")
    for row in open_tiles(built):
        with rasterio.open(out / row["split"] / f"{file_stem(row)}.tif") as raster:
            assert raster.dtypes == ("float32",) and np.isnan(raster.nodata)
            assert raster.crs == rasterio.crs.CRS.from_user_input(row["crs"])
            assert np.array_equal(raster.read(1), row_amplitude(row))
            assert list(raster.transform)[:6] == pytest.approx(row["transform"], abs=1e-9)
            assert raster.tags()["CALIBRATION"] == "sigma_nought"
            # and where the source has the same amplitudes, to half a 16-bit step
            with rasterio.open(row["source"]) as source:
                window = rasterio.windows.from_bounds(*raster.bounds, source.transform)
                truth = source.read(1, window=window)
            small = truth < row["threshold"]
            error = np.abs(raster.read(1) - truth)[small]
            assert error.max() <= 0.51 * row["threshold"] / 65535


def test_pixels_without_data_stay_so(tmp_path: Path) -> None:
    from sarloom.sar.tone import AmplitudeTone
    from sarloom.tiles.ledger import Ledger, UnitResult, key_of
    from sarloom.tiles.rows import radar_columns
    from sarloom.tiles.schema import complete

    power = np.random.default_rng(0).exponential(1.0, (64, 64)).astype(np.float32)
    power[:8] = np.nan
    row = complete({"id": "hole.1/a", "split": "train", "spacing_m": 2.0, "synthetic": False,
                    **radar_columns(power, AmplitudeTone(3.0))})  # fmt: skip
    ledger = Ledger(tmp_path / "set")
    ledger.open({})
    ledger.close([ledger.commit(key_of(1), UnitResult([row]))], {"settings": {}})
    out = exported(tmp_path / "set", "geotiff", tmp_path / "out")
    (path,) = out.rglob("*.tif")
    assert "." not in path.stem and path.stem.startswith("hole_1_a-")
    with rasterio.open(path) as raster:
        assert np.array_equal(np.isnan(raster.read(1)), np.isnan(power))
        assert raster.res == (2.0, 2.0)
    folder = exported(tmp_path / "set", "imagefolder", tmp_path / "folder") / "train"
    about = json.loads((folder / "metadata.jsonl").read_text())
    mask = np.asarray(Image.open(folder / about["valid_file_name"]), bool)
    assert np.array_equal(mask, np.isfinite(power))


# -- whole or not there ----------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["imagefolder", "kohya", "webdataset", "geotiff"])
def test_a_stopped_export_is_not_there_and_goes_on(
    to: str, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, total: int, doing: str) -> None:
        if done == 20:
            raise Stopped

    out = tmp_path / "out"
    monkeypatch.setattr(layouts, "TILES_PER_TAR", 5)
    leftover = tmp_path / ".out.partial"
    (leftover / "train").mkdir(parents=True)
    (leftover / "train" / "junk.png").write_text("of an export with other settings")
    for _ in range(2):
        with pytest.raises(Stopped):
            export_tiles(ExportTilesOptions(built, to, out), stop)
        assert [path.name for path in tmp_path.iterdir()] == [".out.partial"]
    found = export_tiles(ExportTilesOptions(built, to, out))
    assert found == Exported(48, 48, found.resumed) and found.resumed >= 15
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    straight = tmp_path / "straight"
    assert export_tiles(ExportTilesOptions(built, to, straight)) == Exported(48, 48)
    assert contents(out) == contents(straight)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file by its name in the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("to", ["imagefolder", "webdataset"])
def test_an_export_killed_at_any_moment_goes_on(to: str, built: Path, tmp_path: Path) -> None:
    out, aside = tmp_path / "out", tmp_path / ".out.partial"
    code = (
        "import sys\nfrom sarloom.tiles import layouts\nlayouts.TILES_PER_TAR = 5\n"
        "from sarloom.cli.main import run\nsys.exit(run(sys.argv[1:]))"
    )
    words = ["tiles", "export", str(built), "--to", to, "--out", str(out)]
    stops = 0
    for files in (5, 12):
        running = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)  # fmt: skip
        while running.poll() is None and sum(1 for one in aside.rglob("*.*")) < files:
            time.sleep(0.001)
        stops += running.poll() is None
        running.kill()
        running.wait()
        assert not out.exists() or running.returncode == 0
    assert stops >= 1
    if not out.exists():
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == 0 and "were there already" in done.stderr, done.stderr
    straight = tmp_path / "straight"
    layouts_five = [sys.executable, "-c", code, *words[:-1], str(straight)]
    assert subprocess.run(layouts_five, capture_output=True, check=False).returncode == 0
    assert contents(out) == contents(straight)
    assert not aside.exists()


def test_a_folder_in_use_is_left_alone(built: Path, tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("mine")
    assert run("tiles", "export", built, "--to", "kohya", "--out", out) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]
    with pytest.raises(InputError, match="not empty"):
        exported(built, "kohya", out / "thesis.tex")
    (tmp_path / "empty").mkdir()
    assert (exported(built, "kohya", tmp_path / "empty") / "10_sar").is_dir()


def test_two_exports_into_one_folder_do_not_mix(built: Path, tmp_path: Path) -> None:
    from sarloom.tiles.ledger import Ledger

    with Ledger(tmp_path / ".out.partial").alone():
        with pytest.raises(InputError, match="another run"):
            exported(built, "kohya", tmp_path / "out")
        assert (tmp_path / ".out.partial").is_dir()


def test_equal_sets_give_equal_tars(simulated: Path, tmp_path: Path) -> None:
    one, other = (exported(simulated, "webdataset", tmp_path / name) for name in "ab")
    for path in one.iterdir():
        assert path.read_bytes() == (other / path.name).read_bytes()


# -- the store itself, and its page ----------------------------------------------------------------


def test_datasets_opens_the_store_of_either_kind(
    built: Path, simulated: Path, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets")
    for number, folder in enumerate((built, simulated)):
        shards = [str(path) for path in open_tiles(folder).shards]
        loaded = datasets.load_dataset(
            "parquet", data_files=shards, split="train", cache_dir=str(tmp_path / str(number))
        )
        assert len(loaded) == len(open_tiles(folder))
        pictures = {n for n, kind in loaded.features.items() if isinstance(kind, datasets.Image)}
        assert pictures == {column.name for column in COLUMNS if column.kind == "image"}
        paired = next(sample for sample in loaded if sample["optical"] is not None)
        assert paired["image"].mode == "I;16" and paired["optical"].mode == "RGB"
        assert paired["image"].size == paired["optical"].size


def test_the_page_says_what_the_code_does(
    repository: Path, built: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Python of docs/tiles.md runs, and its amplitude is the store's."""
    pytest.importorskip("datasets")
    page = (repository / "docs" / "tiles.md").read_text("utf-8")
    table = page[page.index("## Columns") :]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(NAMES)
    for column in COLUMNS:
        assert column.meaning and f" | {column.meaning} |\n" in table
    (tmp_path / "tiles").symlink_to(built)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(snippets) == 4
    for snippet in snippets:
        names: dict[str, Any] = {}
        exec(compile(snippet, "docs/tiles.md", "exec"), names)
        if "def amplitude" in snippet:
            rows = {row["id"]: row for row in open_tiles(built)}
            for row in names["rows"]:
                assert np.array_equal(names["amplitude"](row), row_amplitude(rows[row["id"]]))
        if "by_ground" in names:
            assert len(names["by_ground"]) == 48
