"""`sarloom tiles check`: every planted fault is found, and clean sets are left in peace."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sarloom.errors import FormatError, InputError
from sarloom.files import sha256_of
from sarloom.tiles.check import Finding, check_tiles, ring_of
from sarloom.tiles.physics import (
    Histogram,
    looks_histogram,
    median_looks,
    shadow_sides,
    speckle_blocks,
)
from sarloom.tiles.png import grey16_png, png_pixels
from sarloom.tiles.recolumn import rewrite_columns
from sarloom.tiles.schema import IMAGES, Row, footer_hash, picture
from sarloom.tiles.shard import write_shard
from sarloom.tiles.store import open_tiles, row_picture
from tile_sets import as_format_2, built_set, edit_rows, run, simulated_set

IMAGE_NAMES = tuple(name for name in IMAGES if name != "satellite")  # of a grid of its own


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_set(tmp_path_factory.mktemp("check") / "simulated")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_set(tmp_path_factory.mktemp("check") / "built")


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def errors(folder: Path) -> list[Finding]:
    return [one for one in check_tiles(folder) if one.level == "Error"]


def warnings(folder: Path) -> list[Finding]:
    return [one for one in check_tiles(folder) if one.level == "Warning"]


# -- clean sets ------------------------------------------------------------------------------------


def test_clean_sets_have_no_error(simulated: Path, built: Path) -> None:
    assert errors(simulated) == [] and errors(built) == []
    # what is said of them is true: few scenes, and two without an optical picture
    assert all("no tile in" in one.text for one in warnings(simulated))
    texts = [one.text for one in warnings(built)]
    assert len(texts) == 1 and texts[0].startswith("32 tiles without an optical partner")
    assert run("tiles", "check", built) == 0


def test_a_set_of_two_spacings_is_clean(tmp_path: Path) -> None:
    folder = built_set(tmp_path / "scales", "--spacing-m", "2,1")
    assert errors(folder) == []
    assert not any("looks" in one.text for one in warnings(folder))


def test_real_products_give_clean_sets(shared_data: Path, tmp_path: Path) -> None:
    """Umbra: a picture stretched for display, a quarter of its pixels zero, is called that."""
    folder = tmp_path / "umbra"
    status = run("tiles", "build", "--sar", shared_data / "umbra", "--spacing-m", "0.6", "--size",
                 "256", "--split-by", "ground", "--split", "0.4,0.3,0.3", "--block-m", "300",
                 "--out", folder, "--workers", "1")  # fmt: skip
    assert status == 0
    assert len(set(open_tiles(folder).columns("split")["split"])) >= 2
    assert errors(folder) == []
    assert any("stretched for display" in one.text for one in warnings(folder))


# -- bytes -----------------------------------------------------------------------------------------


def test_one_flipped_bit_of_a_shard_is_found(copy: Path, capsys: Any) -> None:
    shard = open_tiles(copy).shards[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (found,) = errors(copy)
    assert shard.name in found.text and "SHA-256" in found.text
    assert run("tiles", "check", copy) == 2
    shown = capsys.readouterr()
    assert shard.name in shown.out and "1 error" in shown.err and "Traceback" not in shown.err


def test_no_flipped_bit_changes_a_tile_unseen(copy: Path) -> None:
    """Anywhere in a shard: an error, or a set that reads as it was."""
    shard = min(open_tiles(copy).shards, key=lambda path: path.stat().st_size)
    good, was = shard.read_bytes(), list(open_tiles(copy))
    footer = int.from_bytes(good[-8:-4], "little") + 8
    rng = np.random.default_rng(8)
    anywhere = [*rng.integers(0, len(good), 25), *rng.integers(len(good) - footer, len(good), 40)]
    # what lies between the pictures: page headers, lengths and the plain columns
    pictures = [good.index(row["image"]["bytes"]) for row in was if row["image"]["bytes"] in good]
    around = [at + step for at in pictures[:4] for step in (-1, -3, -7, -20, -40)]
    seen = 0
    for at in (*anywhere, *around):
        data = bytearray(good)
        data[int(at)] ^= 1 << int(rng.integers(8))
        shard.write_bytes(data)
        if any(shard.name in one.text for one in errors(copy)):
            seen += 1
        else:
            assert list(open_tiles(copy)) == was, at
    assert seen > 50


def test_whole_tiles_in_the_wrong_place_are_found(copy: Path) -> None:
    """Each tile is as its own hash says, but not the one that was written there."""
    manifest = json.loads((copy / "manifest.json").read_text())
    shard = max(manifest["shards"], key=lambda one: int(one["tiles"]))
    path = copy / shard["file"]
    rows = [row for row in open_tiles(copy) if row["split"] == shard["split"]]
    write_shard(rows[1::-1] + rows[2:], path)
    assert errors(copy)
    shard["bytes"], shard["footer_sha256"] = path.stat().st_size, footer_hash(path)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    (found,) = errors(copy)
    assert path.name in found.text and "other tiles" in found.text and "SHA-256" in found.text


def test_sets_of_the_first_format_are_read_and_checked(copy: Path) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    for shard in manifest["shards"]:
        del shard["tiles_sha256"], shard["footer_sha256"]
        shard["sha256"] = sha256_of(copy / shard["file"])
    manifest["format_version"] = 1
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert errors(copy) == []
    path = copy / manifest["shards"][0]["file"]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    (found,) = errors(copy)
    assert path.name in found.text and "SHA-256" in found.text
    manifest["format_version"] = 4
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(FormatError, match="version 4"):
        open_tiles(copy)


def test_sets_of_the_second_format_are_read_checked_and_rewritten(copy: Path) -> None:
    sources = [row["source_blake3"] for row in open_tiles(copy)]
    as_format_2(copy)
    assert errors(copy) == [] and None not in sources
    whole = open_tiles(copy).columns()
    assert whole["source_sha256"] == sources and set(whole["source_blake3"]) == {None}
    assert rewrite_columns(copy, lambda row: {"text": f"A SAR image of {row['id']}"}) == len(
        sources
    )
    assert errors(copy) == []
    for row, source in zip(open_tiles(copy), sources, strict=True):
        assert row["text"].endswith(row["id"]) and row["source_sha256"] == source
    out = copy.with_name("exported")
    assert run("tiles", "export", copy, "--to", "imagefolder", "--out", out) == 0
    told = "".join(one.read_text() for one in out.rglob("metadata.jsonl"))
    assert all(f'"source_sha256": "{one}"' in told for one in sources)
    for command in ("view", "stats"):
        assert run("tiles", command, copy) == 0


def test_a_set_of_an_older_format_is_not_built_over_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = as_format_2(built_set(tmp_path / "set"))
    words = json.loads((folder / "manifest.json").read_text())["settings"]["build"]
    before = list(open_tiles(folder))
    again = [
        "tiles", "build", "--sar", *words["sar"], "--optical", *words["optical"],
        "--spacing-m", "1", "--size", "64", "--split", "0.34,0.33,0.33", "--workers", "1",
        "--out", folder,
    ]  # fmt: skip
    capsys.readouterr()
    assert run(*again) == 2
    said = capsys.readouterr().err
    assert "format_version 1 or 2 there, 3 asked" in said and "--replace" in said
    assert list(open_tiles(folder)) == before and errors(folder) == []
    assert run(*again, "--replace") == 0 and errors(folder) == []
    assert {row["source_sha256"] for row in open_tiles(folder)} == {None}


def test_an_edited_row_with_its_old_hash_is_found(copy: Path) -> None:
    name = open_tiles(copy).row(5)["id"]

    def edit(row: Row) -> None:
        if row["id"] == name:
            row["text"] = "A SAR image of somewhere else"

    edit_rows(copy, edit, rehash=False)
    (found,) = errors(copy)
    assert found.tiles == (name,) and "changed" in found.text


def test_missing_and_foreign_shards_and_half_a_set_are_found(copy: Path) -> None:
    first, *rest = open_tiles(copy).shards
    double = first.with_name("train-0123456789.parquet")
    shutil.copy(first, double)
    (found,) = errors(copy)
    assert double.name in found.text and "twice" in found.text
    double.unlink()
    assert errors(copy) == []
    first.unlink()
    (found,) = errors(copy)
    assert first.name in found.text and "missing" in found.text
    for path in rest:
        path.unlink()
    (found,) = errors(copy)
    assert found.text.startswith(f"{1 + len(rest)} shards missing")
    (copy / "manifest.json").unlink()
    with pytest.raises(InputError, match="unfinished"):
        check_tiles(copy)
    shutil.rmtree(copy / ".units")
    with pytest.raises(InputError, match="no tile set"):
        check_tiles(copy)


def test_a_manifest_edited_by_hand_is_found(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    good = json.dumps(manifest)
    manifest["shards"][0]["tiles"] -= 1
    manifest["tiles"] -= 1
    manifest["splits"][manifest["shards"][0]["split"]] -= 1
    path.write_text(json.dumps(manifest))
    assert any("where the manifest says" in one.text for one in errors(copy))
    manifest = json.loads(good)
    manifest["tiles"] += 1
    path.write_text(json.dumps(manifest))
    assert any("totals" in one.text for one in errors(copy))
    manifest = json.loads(good)
    manifest["shards"].append(manifest["shards"][0])
    path.write_text(json.dumps(manifest))
    assert any("listed twice" in one.text for one in errors(copy))


def test_no_damage_of_a_manifest_is_a_traceback(copy: Path) -> None:
    """Manifests with a value replaced, taken away, or cut off: findings or one error."""
    path = copy / "manifest.json"
    good = path.read_text()
    rng = np.random.default_rng(5)
    for _ in range(40):
        manifest = json.loads(good)
        place: Any = manifest
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = keys[rng.integers(len(keys))]
            if isinstance(place[key], (dict, list)) and place[key] and rng.random() < 0.7:
                place = place[key]
                continue
            break
        if rng.random() < 0.3:
            del place[key]
        else:
            place[key] = [None, -1, "x", [], {}, 1e30, True][rng.integers(7)]
        path.write_text(json.dumps(manifest))
        try:
            check_tiles(copy)
        except InputError as error:
            assert str(copy) in str(error)
    path.write_text(good[: len(good) // 2])
    with pytest.raises(FormatError):
        check_tiles(copy)


def test_a_picture_that_cannot_be_decoded_is_found(copy: Path) -> None:
    def spoil(row: Row) -> None:
        if row["row"] == 0 and row["column"] == 0:
            row["image"] = picture(row["image"]["bytes"][:-500] + b"\0" * 500)

    edit_rows(copy, spoil, rehash=True)
    (found,) = errors(copy)
    assert "cannot be decoded" in found.text and len(found.tiles) == 3


# -- doubles and leakage ---------------------------------------------------------------------------


def test_double_ids_and_pixels_are_found(copy: Path) -> None:
    rows = list(open_tiles(copy))
    first = rows[0]["id"]

    def same_id(row: Row) -> None:
        if row["id"] == rows[1]["id"]:
            row["id"] = first

    other = next(row["id"] for row in rows if row["split"] != rows[0]["split"])

    def same_pixels(row: Row) -> None:
        if row["id"] in (rows[2]["id"], other):
            row["image"] = rows[3]["image"]

    edit_rows(copy, same_pixels, rehash=True)
    assert [one.tiles for one in errors(copy)] == [(other,)]
    assert "another split" in errors(copy)[0].text
    assert any("same pixels as another" in one.text for one in warnings(copy))
    edit_rows(copy, same_id, rehash=True)
    assert any(one.text.startswith("1 id there twice") for one in errors(copy))


def test_ground_and_acquisitions_in_two_splits_are_found(copy: Path) -> None:
    rows = list(open_tiles(copy))
    train = next(row for row in rows if row["split"] == "train")
    test = next(row for row in rows if row["split"] == "test")

    def leak(row: Row) -> None:
        if row["id"] == test["id"]:
            row["footprint"], row["group"] = train["footprint"], train["group"]
            row["acquisition"] = train["acquisition"]

    edit_rows(copy, leak, rehash=True)
    found = errors(copy)
    assert {train["id"], test["id"]} == set(found[0].tiles) and "ground" in found[0].text
    assert any("with spacings in two splits" in one.text for one in found)
    assert any(one.text.startswith("1 acquisition in two splits") for one in found)


def test_a_row_in_the_shard_of_another_split_is_found(copy: Path) -> None:
    name = open_tiles(copy, "test").row(0)["id"]

    def move(row: Row) -> None:
        if row["id"] == name:
            row["split"] = "train"

    edit_rows(copy, move, rehash=True)
    assert any("another split than the row says" in one.text for one in errors(copy))


@pytest.mark.parametrize("wkt", ["", "POINT (1 2)", "POLYGON ((1 2, 3 x, 1 2, 1 2))", "POLYGON (("])
def test_a_footprint_that_is_none_is_a_named_error(wkt: str) -> None:
    with pytest.raises(FormatError, match="footprint"):
        ring_of(wkt)


# -- physics ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("looks", "stated", "words"),
    [(1, 4, "fewer looks"), (4, 1, "more looks"), (8, 1, "more looks"), (1, 1, ""), (4, 4, "")],
)
def test_wrong_looks_are_found(looks: int, stated: int, words: str, tmp_path: Path) -> None:
    folder = built_set(tmp_path / "looks", looks=looks, stated=stated)
    found = [one.text for one in check_tiles(folder) if "looks" in one.text]
    assert len(found) == bool(words)
    assert all(words in one and f"where {stated} are stated" in one for one in found)


def test_power_taken_for_amplitude_is_found_where_no_looks_are_stated(copy: Path) -> None:
    def square(row: Row) -> None:
        row["looks"] = None
        u = np.asarray(row_picture(row, "image"), np.float64) / 65535
        row["image"] = picture(grey16_png(np.rint(u**2 * 65535).astype(np.uint16)))

    assert not any("looks" in one.text for one in warnings(copy))
    edit_rows(copy, square, rehash=True)
    assert any("power taken for amplitude" in one.text for one in warnings(copy))


@pytest.mark.parametrize("oversampled", [False, True])
@pytest.mark.parametrize("looks", [1, 4])
def test_looks_of_even_blocks_are_those_of_the_speckle(looks: int, oversampled: bool) -> None:
    """Half the tile is textured; the even quarter is not fooled. 15 %: medians of 64 blocks."""
    rng = np.random.default_rng(looks)
    if oversampled:
        from tile_scenes import band_limited

        fields = [band_limited((256, 256), (1.3, 1.3), rng) for _ in range(looks)]
        power = np.mean([np.abs(one) ** 2 for one in fields], axis=0)
    else:
        power = rng.gamma(looks, 1 / looks, (256, 256))
    power[:, 128:] *= rng.gamma(0.5, 2.0, (32, 16)).repeat(8, 0).repeat(8, 1)
    blocks = speckle_blocks(power.astype(np.float32))
    assert blocks.even.sum() == 64 and len(blocks.looks) == 256
    assert np.median(blocks.looks[blocks.even]) == pytest.approx(looks, rel=0.15)
    assert np.median(blocks.looks[blocks.looks < np.median(blocks.looks)]) < 0.85 * looks


def test_blocks_with_holes_and_clipped_pixels_do_not_count() -> None:
    power = np.random.default_rng(0).exponential(1.0, (64, 64)).astype(np.float32)
    power[3, 3], power[20, 50:60] = np.nan, 400.0
    assert len(speckle_blocks(power).looks) == 15
    assert len(speckle_blocks(power, 20.0).looks) == 14
    assert len(speckle_blocks(np.ones((8, 8), np.float32)).looks) == 0


def turned(times: int) -> Callable[[Row], None]:
    """Turn every picture of a tile by quarter turns."""

    def turn(row: Row) -> None:
        for name in IMAGE_NAMES:
            if row[name] is None:
                continue
            if name == "image":
                pixels = np.rot90(png_pixels(row[name]["bytes"]), times)
                row[name] = picture(grey16_png(np.ascontiguousarray(pixels, np.uint16)))
            else:
                image = Image.open(io.BytesIO(row[name]["bytes"]))
                held = io.BytesIO()
                image.rotate(90 * times, expand=True).save(held, "PNG")
                row[name] = picture(held.getvalue())

    return turn


@pytest.mark.parametrize(
    ("times", "words"),
    [(1, "falling rows"), (2, "falling columns"), (3, "growing rows"), (4, "")],
)
def test_a_turned_range_axis_is_found(
    times: int, words: str, simulated: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(simulated, tmp_path / "turned"))
    edit_rows(folder, turned(times), rehash=True)
    assert errors(folder) == []
    found = [one.text for one in warnings(folder) if "shadows" in one.text]
    assert len(found) == bool(words)
    assert all(words in one for one in found)


def test_shadows_need_a_map_that_fits() -> None:
    power = np.ones((64, 64), np.float32)
    labels = np.zeros((64, 64), np.uint8)
    names = ("grass", "building")
    assert shadow_sides(power, labels[:32], names) is None
    sides = shadow_sides(power, labels, names)
    assert sides is not None and sides.columns is None
    labels[16:48, 24:40] = 1
    power[16:48, 12:24], power[16:48, 40:56] = 4.0, 0.25
    sides = shadow_sides(power, labels, names)
    assert sides is not None and sides.columns is not None and sides.rows is not None
    assert sides.columns < -2.0 and abs(sides.rows) < 0.3


# -- histograms ------------------------------------------------------------------------------------


def test_histograms_count_everything() -> None:
    counted = Histogram.over(0.0, 4.0, 0.5)
    counted.add(np.array([-1.0, 0.0, 0.49, 3.99, 4.0, 99.0, np.nan, np.inf]))
    assert counted.counts.tolist() == [3, 0, 0, 0, 0, 0, 0, 4] and counted.high == 4.0
    assert Histogram.over(0, 1, 0.1).quantile(0.5) is None
    looks = looks_histogram()
    looks.add(np.log10(np.full(9, 4.4)))
    assert median_looks(looks) == pytest.approx(4.4, rel=0.012)
    assert run("tiles", "check") == 2
