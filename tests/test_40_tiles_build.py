"""The whole of `sarloom tiles build`: stopped at any moment, several scales, splits, partners."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.crs
import rasterio.warp
import shapely
from blake3 import blake3
from rasterio.transform import Affine
from rasterio.windows import Window

from sarloom.archive.registry import open_scenes
from sarloom.cli.main import run
from sarloom.errors import FormatError, InputError, MissingExtraError
from sarloom.files import sha256_of
from sarloom.options.tiles import BuildTilesOptions
from sarloom.sar.tone import AmplitudeTone
from sarloom.tiles.build import build_tiles
from sarloom.tiles.check import check_tiles
from sarloom.tiles.ledger import MANIFEST
from sarloom.tiles.pair import OpticalSource, find_optical
from sarloom.tiles.store import open_tiles, row_amplitude, row_picture
from sarloom.tiles.tone import tone_of
from tile_products import UTM, add_sums, make_product, speckle, write_tiff

EAST, NORTH = 590_000.0, 5_750_000.0
NOON = datetime(2021, 6, 1, 12, tzinfo=UTC)


def scene(
    path: Path, side: int = 256, east_m: float = 0.0, seed: int = 0, spacing_m: float = 0.4,
    image: np.ndarray | None = None, **more: Any,
) -> Path:  # fmt: skip
    """A north-up amplitude product of single-look speckle with its TOML."""
    values = np.abs(speckle(seed, (side, side))) if image is None else image
    place = Affine(spacing_m, 0, EAST + east_m, 0, -spacing_m, NORTH)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tiff(path, values.astype(np.float32), crs=UTM, transform=place, **more)
    path.with_suffix(".toml").write_text(
        f'quantity = "amplitude"\nlooks = 1\ntime = "{NOON.isoformat()}"\n'
        f'range_azimuth_deg = 90.0\nlook_side = "right"\nidentifier = "{path.stem}"\n'
    )
    return path


def build(out: Path, *sources: Path, optical: tuple[OpticalSource, ...] = (), **more: Any) -> Any:
    """The command's own work in this process; the manifest."""
    settings: dict[str, Any] = {
        "spacing_m": "0.4", "size": 64, "workers": 1, "tone_sample": 0, **more,
    }  # fmt: skip
    options = BuildTilesOptions(sar=sources, out=out, **settings)
    return build_tiles(options, sources, open_scenes, optical)


def rows_of(out: Path) -> list[dict[str, Any]]:
    return list(open_tiles(out))


def shards(out: Path) -> dict[str, str]:
    """File -> SHA-256 of every shard that a reader of the set sees."""
    manifest = json.loads((out / MANIFEST).read_text())
    listed = {one["file"]: sha256_of(out / one["file"]) for one in manifest["shards"]}
    assert {f"data/{path.name}" for path in (out / "data").iterdir()} == set(listed)
    return listed


# -- stopped and begun again ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two products that do not touch, of 49 and 16 tiles."""
    root = tmp_path_factory.mktemp("archive")
    scene(root / "one.tif", 448, seed=1)
    scene(root / "two.tif", 256, east_m=9000, seed=2)
    return root


def command(archive: Path, out: Path, workers: int = 1) -> list[str]:
    words = ["--spacing-m", "0.4", "--size", "64", "--tiles-per-shard", "4", "--tone-sample", "0"]
    return [
        sys.executable, "-m", "sarloom", "tiles", "build", "--sar", str(archive), *words,
        "--out", str(out), "--workers", str(workers),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def whole(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set of a run that nobody stopped."""
    out = tmp_path_factory.mktemp("whole") / "set"
    done = subprocess.run(command(archive, out), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "65 tiles" in done.stderr and done.stdout.strip() == str(out)
    return out


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def killed(words: list[str], out: Path, files: int, pause_s: float) -> tuple[bool, list[int]]:
    """Start a run, kill it when the set has so many files; whether it was still running."""
    running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 300
    while running.poll() is None and time.monotonic() < deadline:
        if sum(path.is_file() for path in out.rglob("*")) >= files:
            break
        time.sleep(0.005)
    time.sleep(pause_s)
    offspring = children(running.pid)
    was_running = running.poll() is None
    running.send_signal(signal.SIGKILL)
    running.communicate()
    return was_running, offspring


def test_killed_at_any_moment_the_next_run_goes_on(
    archive: Path, whole: Path, tmp_path: Path
) -> None:
    rng = random.Random(5)
    out = tmp_path / "set"
    stops = 0
    # settings and sums kept make five files; every unit adds a shard and an entry
    for files in (1, 5 + rng.randrange(6), 16 + rng.randrange(8), 30 + rng.randrange(8)):
        stopped, _ = killed(command(archive, out), out, files, rng.uniform(0.0, 0.02))
        # the manifest comes last: with it the set is whole, though the process was still ending
        stopped = stopped and not (out / MANIFEST).exists()
        stops += stopped
        if stopped:
            with pytest.raises(InputError, match="unfinished"):
                open_tiles(out)
    assert stops >= 3
    done = subprocess.run(command(archive, out), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert shards(out) == shards(whole)
    assert (out / MANIFEST).read_bytes() == (whole / MANIFEST).read_bytes()
    ids = [row["id"] for row in rows_of(out)]
    assert len(ids) == len(set(ids)) == 65
    assert not [path for path in out.rglob(".*") if path.name != ".units"]
    assert [one for one in check_tiles(out) if one.level == "Error"] == []


def test_two_workers_make_the_same_files_and_end_with_their_parent(
    archive: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    stopped, offspring = killed(command(archive, out, workers=2), out, 10, 0.0)
    if stopped and Path("/proc/self/task").is_dir():
        assert len(offspring) >= 2
        deadline = time.monotonic() + 60
        while any(map(alive, offspring)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(alive, offspring)), "workers outlive a killed run"
    done = subprocess.run(
        command(archive, out, workers=2), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert shards(out) == shards(whole)
    assert (out / MANIFEST).read_bytes() == (whole / MANIFEST).read_bytes()


LATE = """
import sys
from sarloom.tiles.workers import may_fork
assert may_fork() == (sys.platform == "linux"), "nothing with threads is loaded yet"
import sarloom.cli.main, sarloom.tiles.build, sarloom.archive.registry
assert may_fork() == (sys.platform == "linux"), "what a build starts with loads no threads"
import pyarrow
assert not may_fork()
"""


def test_processes_are_forked_only_while_nothing_has_threads() -> None:
    done = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_forked_workers_make_the_same_files_and_leave_the_folder_free(tmp_path: Path) -> None:
    # large enough that processes are started before it is known how many tiles come
    path = scene(tmp_path / "large.tif", 4608, seed=3)
    words = ["--spacing-m", "0.4", "--size", "256", "--tiles-per-shard", "8"]

    def called(out: Path, workers: int) -> list[str]:
        return [
            sys.executable, "-m", "sarloom", "tiles", "build", "--sar", str(path), *words,
            "--out", str(out), "--workers", str(workers),
        ]  # fmt: skip

    alone, out = tmp_path / "alone", tmp_path / "set"
    assert subprocess.run(called(alone, 1), capture_output=True, check=False).returncode == 0
    stopped, offspring = killed(called(out, 2), out, 8, 0.0)
    if stopped and sys.platform == "linux":
        # one: a forked process; spawned ones have a tracker of their resources beside them
        assert len(offspring) == 1
        deadline = time.monotonic() + 60
        while any(map(alive, offspring)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(alive, offspring)), "workers outlive a killed run"
    done = subprocess.run(called(out, 2), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert shards(out) == shards(alone)
    assert (out / MANIFEST).read_bytes() == (alone / MANIFEST).read_bytes()


def test_a_finished_set_is_left_alone_and_other_settings_need_replace(
    archive: Path, tmp_path: Path
) -> None:
    out, source = tmp_path / "set", archive / "two.tif"
    build(out, source)
    before = {path.name: path.stat().st_mtime_ns for path in (out / "data").iterdir()}
    build(out, source)
    assert {path.name: path.stat().st_mtime_ns for path in (out / "data").iterdir()} == before
    with pytest.raises(InputError, match=r"size 64 there, 128 asked.*--replace") as caught:
        build(out, source, size=128)
    assert len(str(caught.value)) < 300
    manifest = build(out, source, size=128, replace=True)
    assert manifest["tiles"] == 4 and len(shards(out)) == len(manifest["shards"])
    assert [one for one in check_tiles(out) if one.level == "Error"] == []


def test_a_changed_sidecar_makes_other_tiles(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif")
    build(tmp_path / "set", path, tone="db")
    before = np.mean([np.mean(row_amplitude(row) ** 2) for row in rows_of(tmp_path / "set")])
    text = path.with_suffix(".toml").read_text().replace('"amplitude"', '"intensity"')
    path.with_suffix(".toml").write_text(text)
    build(tmp_path / "set", path, tone="db")
    after = np.mean([np.mean(row_amplitude(row) ** 2) for row in rows_of(tmp_path / "set")])
    # mean intensity of unit power speckle is 1, the mean of amplitudes taken for it .886
    assert before == pytest.approx(1.0, abs=0.02) and after == pytest.approx(0.886, abs=0.02)


def test_a_changed_file_of_a_safe_folder_makes_other_tiles(tmp_path: Path) -> None:
    product = make_product("sentinel1 grd", tmp_path / "product")
    settings: dict[str, Any] = {"spacing_m": f"{product.spacing_m}", "size": 32}
    build(tmp_path / "set", product.path, **settings)
    before = rows_of(tmp_path / "set")
    data = bytearray(product.raw.file.read_bytes())
    at = product.raw.offsets[40, 40]
    data[at : at + 2] = (7).to_bytes(2, "little")
    product.raw.file.write_bytes(bytes(data))  # as long as before
    build(tmp_path / "set", product.path, **settings)
    after = rows_of(tmp_path / "set")
    assert {row["source_blake3"] for row in before}.isdisjoint(
        row["source_blake3"] for row in after
    )
    assert [row["image"] for row in before] != [row["image"] for row in after]


@pytest.mark.parametrize("family", ["umbra", "sentinel1 grd"])
def test_a_product_that_is_not_what_its_checksum_says_is_refused(
    tmp_path: Path, family: str
) -> None:
    product = make_product(family, tmp_path / "product")
    add_sums(product)
    settings: dict[str, Any] = {"spacing_m": f"{product.spacing_m}", "size": 32}
    assert build(tmp_path / "good", product.path, **settings)["tiles"] > 0
    data = bytearray(product.raw.file.read_bytes())
    data[product.raw.offsets[50, 50]] ^= 1
    product.raw.file.write_bytes(bytes(data))
    with pytest.raises(InputError, match="came with it: damaged or changed"):
        build(tmp_path / "bad", product.path, **settings)


def test_sources_are_named_by_their_blake3(tmp_path: Path) -> None:
    """Of a file that of its bytes; of a folder that of the names and hashes of its files."""
    path = scene(tmp_path / "a.tif")
    build(tmp_path / "one", path)
    digest = blake3(path.read_bytes()).hexdigest()
    assert {row["source_blake3"] for row in rows_of(tmp_path / "one")} == {digest}
    assert {row["source_sha256"] for row in rows_of(tmp_path / "one")} == {None}
    manifest = json.loads((tmp_path / "one" / MANIFEST).read_text())
    assert manifest["format_version"] == 3
    assert [one["source_blake3"] for one in manifest["acquisitions"]] == [digest]
    product = make_product("sentinel1 grd", tmp_path / "product")
    build(tmp_path / "two", product.path, spacing_m=f"{product.spacing_m}", size=32)
    listed = [
        [one.relative_to(product.path).as_posix(), blake3(one.read_bytes()).hexdigest()]
        for one in sorted(product.path.rglob("*"))
        if one.is_file()
    ]
    whole = blake3(json.dumps(sorted(listed)).encode()).hexdigest()
    assert {row["source_blake3"] for row in rows_of(tmp_path / "two")} == {whole}


@pytest.mark.parametrize("library", ["blake3", "pyarrow"])
def test_what_is_not_installed_is_said_before_anything_is_cut(
    tmp_path: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scene(tmp_path / "a.tif")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf"{library}.*pip install 'sarloom\[archive\]'"):
        build(tmp_path / "set", path)
    assert not list(tmp_path.glob("set/data/*"))


def test_one_worker_spends_the_time_of_one_thread(tmp_path: Path) -> None:
    """Whatever runs beside it only waits for the disk."""
    if not hasattr(resource, "RUSAGE_THREAD"):
        pytest.skip("this system counts no time by thread")
    path = scene(tmp_path / "a.tif", 2048, tiled=True, blockxsize=256, blockysize=256)
    words: dict[str, Any] = {"size": 256, "tiles_per_shard": 8, "tone_sample": 8}
    build(tmp_path / "warm", path, **words)  # libraries load in threads of their own
    asked = resource.RUSAGE_SELF, resource.RUSAGE_THREAD
    before = [resource.getrusage(one) for one in asked]
    build(tmp_path / "set", path, **words)
    after = [resource.getrusage(one) for one in asked]
    everything, ours = (
        sum(getattr(b, name) - getattr(a, name) for name in ("ru_utime", "ru_stime"))
        for a, b in zip(before, after, strict=True)
    )
    assert everything > 0.05 and everything - ours < 0.15 * everything


# -- scales, overlap, rejection ------------------------------------------------------------------


def test_several_spacings_cover_the_same_ground(tmp_path: Path) -> None:
    path = scene(tmp_path / "a.tif", 300, seed=3)
    build(tmp_path / "set", path, spacing_m="1.6,0.8,0.4", tone="db")
    groups: dict[str, dict[float, dict[str, Any]]] = {}
    for row in rows_of(tmp_path / "set"):
        groups.setdefault(row["group"], {})[row["spacing_m"]] = row
    assert len(groups) == 16
    for scales in groups.values():
        assert sorted(scales) == pytest.approx([0.4, 0.8, 1.6])
        finest = scales[min(scales)]
        power = row_amplitude(finest).astype(np.float64) ** 2
        a, _, c, _, e, f = finest["transform"]
        for spacing, row in scales.items():
            n = round(spacing / 0.4)
            blocks = power.reshape(64 // n, n, 64 // n, n).mean(axis=(1, 3))
            error = 10 * np.log10(row_amplitude(row).astype(np.float64) ** 2 / blocks)
            assert np.abs(error).max() < 0.05
            assert row["transform"] == pytest.approx([a * n, 0, c, 0, e * n, f], abs=1e-9)
            ring, whole = shapely.from_wkt(row["footprint"]), shapely.from_wkt(finest["footprint"])
            assert ring.symmetric_difference(whole).area < 1e-6 * whole.area
            assert row["split"] == finest["split"]


def test_overlapping_tiles_repeat_the_same_pixels(tmp_path: Path) -> None:
    build(tmp_path / "set", scene(tmp_path / "a.tif", 192), overlap=0.5)
    tiles = {(row["row"], row["column"]): row_amplitude(row) for row in rows_of(tmp_path / "set")}
    assert sorted(tiles) == [(32 * i, 32 * j) for i in range(5) for j in range(5)]
    for (top, left), image in tiles.items():
        if (top, left + 32) in tiles:
            assert np.array_equal(image[:, 32:], tiles[top, left + 32][:, :32])
        if (top + 32, left) in tiles:
            assert np.array_equal(image[32:], tiles[top + 32, left][:32])


def test_what_is_left_out_is_printed_with_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = np.abs(speckle(4, (256, 256)))
    image[:64, :64] = np.nan
    image[:64, 64:128] = 0.0
    image[64:128, :64] = 0.9
    image[64:128, 64:128] *= 100.0
    image[130, 130] = 1e12
    image[200, 200] = 1e30
    path = scene(tmp_path / "a.tif", image=image)
    out = tmp_path / "set"
    words = ["--spacing-m", "0.4", "--size", "64", "--workers", "1", "--tone-k", "0.5"]
    words += ["--max-saturated", "0.5", "--tone-sample", "0"]
    assert run(["tiles", "build", "--sar", str(path), "--out", str(out), *words]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(out)
    for reason in ("nodata", "zeros", "low contrast", "saturated", "spikes", "source damaged"):
        assert f"left out 1: {reason}" in said.err
    assert "10 tiles" in said.err
    rejected = json.loads((out / MANIFEST).read_text())["rejected"]
    assert sum(rejected.values()) + 10 == 16


def test_a_healthy_picture_does_not_inherit_the_error_of_a_damaged_one(tmp_path: Path) -> None:
    good = make_product("iceye", tmp_path / "good")
    bad = make_product("iceye", tmp_path / "bad")
    sidecar = bad.path.with_suffix(".xml")
    sidecar.write_text(sidecar.read_text()[:200])
    for _ in range(2):
        assert len(open_scenes(good.path)) == 1
        with pytest.raises(FormatError):
            open_scenes(bad.path)
    assert len(open_scenes(good.path)) == 1


def test_a_sidecar_of_no_text_prints_no_traceback(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    product = make_product("iceye", tmp_path / "product")
    sidecar = product.path.with_suffix(".xml")
    sidecar.write_bytes(sidecar.read_bytes().replace(b"product_type>GRD</", b"pro\xa5t>GRD</\xa5"))
    with pytest.raises(FormatError):
        open_scenes(product.path)
    assert capfd.readouterr().err == ""


# -- splits --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["acquisition", "ground"])
def test_no_ground_is_in_two_splits(tmp_path: Path, rule: str) -> None:
    # 128 pixels are 51.2 m: scenes 0 to 2 overlap in a chain, 3 and 4 in part, 5 to 7 stand alone
    places = [0.0, 30.0, 60.0, 1000.0, 1020.0, 2000.0, 3000.0, 4000.0]
    paths = [
        scene(tmp_path / f"s{k}.tif", 128, east_m=east, seed=k) for k, east in enumerate(places)
    ]
    more: dict[str, Any] = {"size": 32, "split": "0.4,0.3,0.3", "split_by": rule}
    if rule == "ground":
        more["block_m"] = 40.0
    build(tmp_path / "set", *paths, **more)
    rows = rows_of(tmp_path / "set")
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    ground: dict[str, Any] = {}
    for split in ("train", "validation", "test"):
        ground[split] = shapely.union_all(
            [shapely.from_wkt(row["footprint"]) for row in rows if row["split"] == split]
        )
    whole = shapely.union_all(list(ground.values()))
    for one, other in combinations(ground.values(), 2):
        assert one.intersection(other).area < 1e-9 * whole.area
    splits: dict[str, set[str]] = {}
    for row in rows:
        splits.setdefault(row["acquisition"][:2], set()).add(row["split"])
    if rule == "acquisition":
        assert all(len(found) == 1 for found in splits.values())
        assert splits["s0"] == splits["s1"] == splits["s2"] and splits["s3"] == splits["s4"]
        assert len(rows) == 8 * 16
    else:
        assert json.loads((tmp_path / "set" / MANIFEST).read_text())["rejected"] == {
            "on the border of two splits": 8 * 16 - len(rows)
        }


# -- tone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"tone": "musigma", "tone_k": 3.0},
        {"tone": "musigma", "tone_k": 6.0},
        {"tone": "db"},
        {"tone": "db", "tone_window_db": (-25.0, 5.0)},
    ],
)
def test_amplitude_comes_back_within_a_tenth_of_a_decibel(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    truth = np.abs(speckle(6, (128, 128))) * 3.7e-3
    build(tmp_path / "set", scene(tmp_path / "a.tif", image=truth), max_saturated=1.0, **more)
    truth = truth.astype(np.float64)
    for row in rows_of(tmp_path / "set"):
        back = row_amplitude(row).astype(np.float64)
        want = truth[row["row"] : row["row"] + 64, row["column"] : row["column"] + 64]
        tone = tone_of(row)
        if isinstance(tone, AmplitudeTone):
            low, high = tone.threshold * 10 ** (-63 / 20), tone.threshold
        else:
            low, high = 10 ** (tone.low_db / 20), 10 ** (tone.high_db / 20)
        good = (want > low) & (want < high)
        assert good.mean() > 0.9
        assert np.abs(20 * np.log10(back[good] / want[good])).max() < 0.1
        assert row["saturated"] == pytest.approx(np.mean(want > high), abs=1e-6)
        assert back[want > high] == pytest.approx(high, rel=1e-5)


# -- optical partners ----------------------------------------------------------------------------


def picture(
    path: Path, level: int, days: float | None, cloud: float | None, cover: float = 1.0
) -> Path:
    """A grey picture of the scene's ground, or its western part, with a STAC item beside it."""
    path.parent.mkdir(exist_ok=True)
    columns = round(120 * cover)
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=120, count=3, dtype="uint8", crs=UTM,
        transform=Affine(1.0, 0, EAST - 5, 0, -1.0, NORTH + 5), photometric="RGB",
    ) as opened:  # fmt: skip
        opened.write(np.full((3, 120, columns), level, np.uint8))
    if days is not None:
        said: dict[str, Any] = {"datetime": (NOON + timedelta(days=days)).isoformat()}
        said |= {} if cloud is None else {"eo:cloud_cover": cloud}
        path.with_suffix(".json").write_text(json.dumps({"properties": said}))
    return path


def partners(tmp_path: Path, **more: Any) -> list[dict[str, Any]]:
    path = scene(tmp_path / "sar" / "a.tif")
    found = tuple(find_optical(tmp_path / "optical"))
    build(tmp_path / "set", path, optical=found, **more)
    return rows_of(tmp_path / "set")


def test_the_best_partner_by_overlap_then_days_then_cloud(tmp_path: Path) -> None:
    for name, level, days, cloud, cover in (
        ("half", 10, 0.0, 0.0, 0.5), ("late", 20, 9.0, 0.0, 1.0), ("cloudy", 30, -3.0, 60.0, 1.0),
        ("clear", 40, 3.0, 5.0, 1.0), ("undated", 50, None, None, 1.0),
    ):  # fmt: skip
        picture(tmp_path / "optical" / f"{name}.tif", level, days, cloud, cover)
    rows = partners(tmp_path)
    assert len(rows) == 16
    west = [row for row in rows if row["column"] < 128]
    east = [row for row in rows if row["column"] >= 128]
    # the western half is whole in the picture of the same day
    assert {Path(row["optical_source"]).stem for row in west} == {"half"}
    assert {Path(row["optical_source"]).stem for row in east} == {"clear"}
    for row in east:
        assert row["optical_days"] == pytest.approx(3.0) and row["optical_overlap"] == 1.0
        shown = row_picture(row, "optical")
        assert shown is not None and shown.shape == (64, 64, 3) and (shown == 40).all()


def test_tiles_without_a_partner_are_kept_and_marked(tmp_path: Path) -> None:
    picture(tmp_path / "optical" / "late.tif", 20, 9.0, 0.0, 0.5)
    picture(tmp_path / "optical" / "undated.tif", 20, None, None)
    rows = partners(tmp_path, max_days=10.0)
    west = [row for row in rows if row["column"] < 128]
    east = [row for row in rows if row["column"] >= 128]
    assert len(west) == len(east) == 8
    assert {row["optical_days"] for row in west} == {9.0}
    assert all(
        row[name] is None
        for row in east
        for name in ("optical", "optical_source", "optical_overlap", "optical_days")
    )
    (tmp_path / "sooner").mkdir()
    (tmp_path / "optical").rename(tmp_path / "sooner" / "optical")
    rows = partners(tmp_path / "sooner", max_days=8.0)
    assert len(rows) == 16 and not any(row["optical"] for row in rows)


# -- memory --------------------------------------------------------------------------------------

MEASURED = """
import resource, sys
from sarloom.cli.main import run
status = run(sys.argv[1:])
print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_scene(tmp_path: Path) -> None:
    peaks = []
    for side in (1024, 8192):
        path = tmp_path / f"{side}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", width=side, height=side, count=1, dtype="float32", crs=UTM,
            transform=Affine(0.4, 0, EAST, 0, -0.4, NORTH), tiled=True, blockxsize=512,
            blockysize=512, SPARSE_OK="TRUE",
        ) as opened:  # fmt: skip
            for at in range(0, side, 512):  # data along the diagonal, nothing elsewhere
                block = np.abs(speckle(at, (512, 512))).astype(np.float32)
                opened.write(block, 1, window=Window(at, at, 512, 512))
        words = ["tiles", "build", "--sar", str(path), "--spacing-m", "0.4", "--size", "512"]
        words += ["--workers", "1", "--tiles-per-shard", "4", "--out", str(tmp_path / f"t{side}")]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *words],
            capture_output=True, text=True, check=False, env={**os.environ, "GDAL_CACHEMAX": "32"},
        )  # fmt: skip
        status, peak = done.stdout.split()[-2:]
        assert status == "0", done.stderr
        peaks.append(int(peak) / 1024)
    # the larger scene holds 268 MB of pixels
    assert peaks[1] < peaks[0] + 60, peaks


# -- real products -------------------------------------------------------------------------------


def real(shared_data: Path, name: str, folder: Path, toml: str = "") -> Path:
    """A shared file in a folder of its own, with a TOML where it needs one."""
    source = shared_data / name
    if not source.is_file():
        pytest.skip(f"{source} is not there")
    folder.mkdir(exist_ok=True)
    path = folder / f"{source.stem}.tif"
    path.symlink_to(source.resolve())
    if toml:
        path.with_suffix(".toml").write_text(toml)
    return path


REAL = {
    "umbra": ("umbra/umbra_mount_yasur.tiff", 1.2, 128, ""),
    "sentinel-1": (
        "sen1floods11/S1/Spain_7370579_S1Hand.tif", 20.0, 64,
        'quantity = "db"\ncalibration = "sigma_nought"\nlooks = 4.4\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(REAL))
def test_tiles_of_real_products_keep_power_and_place(
    shared_data: Path, tmp_path: Path, name: str
) -> None:
    source, spacing_m, size, toml = REAL[name]
    path = real(shared_data, source, tmp_path / "sar", toml)
    build(
        tmp_path / "set", path, spacing_m=f"{spacing_m}", size=size, tone="db",
        tone_window_db=(-60.0, 50.0),
    )  # fmt: skip
    powers, shifts = [], []
    with rasterio.open(path) as opened:
        for row in list(open_tiles(tmp_path / "set"))[::5]:
            place = Affine(*row["transform"])
            edge = np.array([0.0, size, size, 0.0]), np.array([0.0, 0.0, size, size])
            crs = rasterio.crs.CRS.from_user_input(row["crs"])
            corners = rasterio.warp.transform(crs, opened.crs, *(place * edge))
            columns, rows = ~opened.transform * (np.array(corners[0]), np.array(corners[1]))
            ring = list(shapely.from_wkt(row["footprint"]).exterior.coords)[:4]
            lon, lat = zip(*ring, strict=True)
            x, y = rasterio.warp.transform("EPSG:4326", opened.crs, lon, lat)
            again = ~opened.transform * (np.array(x), np.array(y))
            shifts.append(max(np.abs(again[0] - columns).max(), np.abs(again[1] - rows).max()))
            stored = opened.read(_band(row["polarization"], opened)).astype(np.float64)
            power = stored**2 if name == "umbra" else 10 ** (stored / 10)
            want = _mean_over(power, rows.min(), rows.max(), columns.min(), columns.max())
            got = np.mean(row_amplitude(row).astype(np.float64) ** 2)
            powers.append(abs(10 * np.log10(got / want)))
    print(f"{name}: {len(powers)} tiles, power {max(powers):.4f} dB, place {max(shifts):.4f} px")
    assert len(powers) >= 4 and max(powers) < 0.05 and max(shifts) < 0.5


def _band(polarization: str | None, opened: Any) -> int:
    names = [str(name).upper() for name in opened.descriptions]
    return 1 if polarization is None else 1 + names.index(polarization)


def _mean_over(power: np.ndarray, r0: float, r1: float, c0: float, c1: float) -> float:
    """Mean of a rectangle in corner coordinates, border pixels in part."""
    rows = np.diff(np.clip(np.arange(power.shape[0] + 1.0), r0, r1))
    columns = np.diff(np.clip(np.arange(power.shape[1] + 1.0), c0, c1))
    return float(rows @ power @ columns / ((r1 - r0) * (c1 - c0)))


def test_a_real_radar_image_and_its_picture_register(shared_data: Path, tmp_path: Path) -> None:
    from test_30_tiles_real import registration

    toml = 'quantity = "db"\nidentifier = "rotterdam"\nrange_azimuth_deg = 90.0\n'
    path = real(shared_data, "capella_rotterdam/sar_masked.tif", tmp_path / "sar", toml)
    real(shared_data, "capella_rotterdam/rgb_unmasked.tif", tmp_path / "optical")
    with rasterio.open(path) as opened:
        spacing_m = float(np.ceil(max(map(abs, opened.res)) * 1000 + 1)) / 1000
    found = tuple(find_optical(tmp_path / "optical"))
    build(
        tmp_path / "set", path, optical=found, spacing_m=f"{max(spacing_m, 6.0)}", size=96,
        overlap=0.5, max_nodata=0.2, tone="db",
    )  # fmt: skip
    row = max(rows_of(tmp_path / "set"), key=lambda one: -one["nodata_fraction"])
    power = row_amplitude(row).astype(np.float64) ** 2
    good = np.isfinite(power) & (power > 0)
    picture_ = row_picture(row, "optical")
    assert picture_ is not None and row["optical_overlap"] == 1.0
    level = 10 * np.log10(np.where(good, power, 1.0))
    down, across = registration(level, picture_.astype(float).mean(axis=2), good)
    print(f"shift of the optical picture: {down}, {across} pixels")
    assert abs(down) <= 1 and abs(across) <= 1
