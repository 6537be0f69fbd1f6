"""A folder of simulated scenes: what is in the files, resuming, equal bytes for equal seeds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from sarloom.errors import InputError
from sarloom.files import sha256_of
from sarloom.options.simulate import SimulateOptions
from sarloom.simulate.archive import plan, simulate_archive
from sarloom.simulate.facts import SceneFacts
from sarloom.simulate.materials import LABELS
from sarloom.simulate.prompts import HELD_OUT
from sarloom.simulate.scene import simulate_scene
from sarloom.simulate.write import preview, write_scene

SMALL = {"size": 128, "spacing_m": 0.7, "satellite_spacing_m": 2.8, "workers": 1}


def options(out: Path, *kinds: str, **changes: object) -> SimulateOptions:
    return SimulateOptions(**{"kinds": kinds, "out": out, **SMALL, **changes})  # type: ignore[arg-type]


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256_of(path) for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds, two scenes each."""
    out = tmp_path_factory.mktemp("archive")
    simulate_archive(options(out, "farmland", "farmland+river", count=2, seed=3))
    return out


def test_all_pictures_of_a_scene_lie_on_one_grid(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    parts = (".tif", "-complex.tif", "-satellite.tif", "-optical.png", "-segmentation.png",
             "-sketch.png", ".png", ".json")  # fmt: skip
    stems = ("farmland-3", "farmland-4", "farmland-river-3", "farmland-river-4")
    assert names == {stem + part for stem in stems for part in parts} | {"metadata.jsonl"}
    for part in ("-optical.png", "-segmentation.png", "-sketch.png", ".png"):
        with Image.open(folder / f"farmland-3{part}") as picture:
            assert picture.size == (128, 128)
            assert picture.info["synthetic"] == "yes"


def test_geotiffs_hold_calibrated_values_and_say_what_they_are(folder: Path) -> None:
    scene = simulate_scene("farmland", 3, 128, 0.7, airborne=next(
        plan(options(folder, "farmland", seed=3))).airborne)  # fmt: skip
    with rasterio.open(folder / "farmland-3.tif") as raster:
        values, tags, transform = raster.read(1), raster.tags(), raster.transform
        assert raster.crs is None
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, scene.radar.sigma_nought)
    assert (transform.a, transform.e) == (0.7, -0.7)
    assert tags["KIND"] == "farmland" and tags["SEED"] == "3" and tags["LOOKS"] == "1"
    assert tags["UNITS"] == "sigma_nought linear power" and tags["SYNTHETIC"] == "yes"
    assert float(tags["INCIDENCE_ANGLE_DEG"]) == 55.0 and float(tags["SPACING_M"]) == 0.7
    with rasterio.open(folder / "farmland-3-complex.tif") as raster:
        slc = raster.read(1)
    assert slc.dtype == np.complex64
    np.testing.assert_allclose(np.abs(slc) ** 2, values, rtol=1e-5, atol=1e-12)
    with rasterio.open(folder / "farmland-3-satellite.tif") as raster:
        assert raster.shape == (32, 32) and raster.transform.a == 2.8
        assert raster.tags()["LOOKS"] == "4"
        assert float(raster.tags()["INCIDENCE_ANGLE_DEG"]) == 35.0


def test_segmentation_png_keeps_class_numbers(folder: Path) -> None:
    scene = simulate_scene("farmland+river", 4, 128, 0.7)
    with Image.open(folder / "farmland-river-4-segmentation.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), scene.segmentation)
    record = json.loads((folder / "farmland-river-4.json").read_text())
    assert record["labels"] == list(LABELS)
    assert LABELS.index("water") in scene.segmentation


def test_sidecar_holds_facts_captions_and_true_hashes(folder: Path) -> None:
    record = json.loads((folder / "farmland-river-3.json").read_text())
    scene = simulate_scene("farmland+river", 3, 128, 0.7)
    assert SceneFacts.from_plain(record["facts"]) == scene.facts
    assert tuple(record["captions"]) == scene.captions
    assert len(record["captions"]) == 5 and not HELD_OUT & set(record["captions"])
    assert record["synthetic"] is True and record["settings"]["airborne"]["looks"] == 1
    assert len(record["files"]) == 7
    assert all(sha256_of(folder / name) == digest for name, digest in record["files"].items())


def test_metadata_lists_every_scene_once(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "metadata.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["seed"]) for row in rows] == [
        ("farmland", 3), ("farmland", 4), ("farmland+river", 3), ("farmland+river", 4),
    ]  # fmt: skip
    for row in rows:
        assert list(row)[:2] == ["file_name", "text"]
        assert row["text"] == f"A simulated SAR image of {row['captions'][0]}"
        assert (folder / row["file_name"]).is_file() and (folder / row["sigma_nought"]).is_file()


def test_a_scene_does_not_depend_on_the_rest_of_the_archive(folder: Path, tmp_path: Path) -> None:
    simulate_archive(options(tmp_path, "farmland", count=1, seed=4))
    mine = hashes(tmp_path)
    theirs = hashes(folder)
    assert len(mine) == 9
    assert all(theirs[name] == digest for name, digest in mine.items() if name != "metadata.jsonl")


def test_other_seeds_and_kinds_give_other_images(folder: Path) -> None:
    tiffs = list(folder.glob("*.tif"))
    assert len({sha256_of(path) for path in tiffs}) == len(tiffs) == 12


def test_workers_change_nothing(folder: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    paths = simulate_archive(
        options(tmp_path, "farmland", "farmland+river", count=2, seed=3, workers=2),
        lambda done, total, name: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [path.name for path in paths] == [
        "farmland-3.tif", "farmland-4.tif", "farmland-river-3.tif", "farmland-river-4.tif",
    ]  # fmt: skip
    assert hashes(tmp_path) == hashes(folder)


def test_finished_scenes_are_kept_and_damaged_ones_made_again(tmp_path: Path) -> None:
    simulate_archive(options(tmp_path, "farmland", count=3))
    before, times = hashes(tmp_path), (tmp_path / "farmland-0.tif").stat().st_mtime_ns
    (tmp_path / "farmland-1.json").unlink()  # as if stopped before the sidecar
    (tmp_path / "farmland-2-sketch.png").unlink()
    (tmp_path / "metadata.jsonl").unlink()
    simulate_archive(options(tmp_path, "farmland", count=3))
    assert hashes(tmp_path) == before
    assert (tmp_path / "farmland-0.tif").stat().st_mtime_ns == times


def test_other_settings_replace_a_scene(tmp_path: Path) -> None:
    simulate_archive(options(tmp_path, "farmland"))
    simulate_archive(options(tmp_path, "farmland", looks=3, incidence_deg=45.0))
    with rasterio.open(tmp_path / "farmland-0.tif") as raster:
        assert raster.tags()["LOOKS"] == "3"
        assert float(raster.tags()["INCIDENCE_ANGLE_DEG"]) == 45.0
    record = json.loads((tmp_path / "farmland-0.json").read_text())
    assert "farmland-0-complex.tif" not in record["files"]
    assert not (tmp_path / "farmland-0-complex.tif").exists()


def test_a_kill_leaves_only_whole_scenes(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from sarloom.options.simulate import SimulateOptions\n"
        "from sarloom.simulate.archive import simulate_archive\n"
        f"simulate_archive(SimulateOptions(('farmland',), 40, 128, 0, Path({str(tmp_path)!r}), "
        "0.7, workers=1))\n"
    )
    source = Path(__file__).parents[1] / "src"
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(source)}
    )
    give_up = time.monotonic() + 60
    while len(list(tmp_path.glob("farmland-*.json"))) < 2 and time.monotonic() < give_up:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL  # it was still running
    finished = list(tmp_path.glob("farmland-*.json"))
    assert 2 <= len(finished) < 40
    for path in tmp_path.glob("farmland-*.tif"):
        with rasterio.open(path) as raster:  # whole, even where its scene is not
            assert np.isfinite(raster.read(1)).all()
    for sidecar in finished:
        files = json.loads(sidecar.read_text())["files"]
        assert all(sha256_of(tmp_path / name) == digest for name, digest in files.items())
    simulate_archive(options(tmp_path, "farmland", count=len(finished) + 1))
    assert len(list(tmp_path.glob("farmland-*.json"))) >= len(finished) + 1


def test_unknown_kinds_and_unusable_folders_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="harbour"):
        simulate_archive(options(tmp_path, "harbor"))
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError, match="--out"):
        simulate_archive(options(blocked / "deeper", "farmland"))
    with pytest.raises(InputError, match="--count"):
        options(tmp_path, count=0)
    with pytest.raises(InputError, match="not a multiple"):
        simulate_archive(options(tmp_path, "farmland", satellite_spacing_m=1.0))


def test_the_plan_covers_all_kinds_and_mixtures(tmp_path: Path) -> None:
    kinds = [job.kind for job in plan(options(tmp_path, count=2))]
    assert len(set(kinds)) == 12 and len(kinds) == 24
    both = {job.kind for job in plan(options(tmp_path, "mixtures", "city + river"))}
    assert "city+river" in both and all("+" in kind for kind in both)


def test_preview_spans_the_grey_scale() -> None:
    power = np.random.default_rng(0).exponential(2.0, (200, 200)).astype(np.float32)
    grey = preview(power)
    amplitude = np.sqrt(power)
    white = amplitude.mean() + 3 * amplitude.std()
    assert grey.max() == 255 and abs(int(grey[0, 0]) - 255 * amplitude[0, 0] / white) < 1


def test_write_scene_makes_its_folder(tmp_path: Path) -> None:
    sidecar = write_scene(simulate_scene("forest", 1, 128, 0.7), tmp_path / "a" / "b")
    assert sidecar == tmp_path / "a" / "b" / "forest-1.json" and sidecar.is_file()
