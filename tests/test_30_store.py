"""The tile set on disk: what is written comes back, whole or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sarloom.errors import FormatError, InputError
from sarloom.sar.tone import AmplitudeTone, DecibelTone, Tone
from sarloom.tiles.ledger import Ledger, UnitResult, key_of
from sarloom.tiles.png import grey16_png, picture_png, png_pixels
from sarloom.tiles.rows import radar_columns, satellite_columns
from sarloom.tiles.schema import COLUMNS, IMAGES, complete, picture, tile_hash
from sarloom.tiles.store import open_tiles, row_amplitude
from sarloom.tiles.tone import AmplitudeSums, ToneRule, decode, encode, measure, set_tone

SETTINGS = {"spacing_m": "0.35"}


def speckle(seed: int, size: int = 64, mean: float = 0.1) -> np.ndarray:
    """Single-look power."""
    return np.random.default_rng(seed).exponential(mean, (size, size)).astype(np.float32)


def row(number: int, split: str = "train", **more: Any) -> dict[str, Any]:
    power = speckle(number)
    return complete(
        {
            "id": f"tile-{number}",
            **radar_columns(power, AmplitudeTone(0.8)),
            "split": split,
            "text": f"tile {number}",
            "captions": [f"tile {number}", "again"],
            "time": datetime(2021, 5, 1, 12, tzinfo=UTC),
            "transform": [1.0, 0.0, 5.0, 0.0, -1.0, 7.0],
            "synthetic": True,
            "spacing_m": 0.35,
            **more,
        }
    )


def make(folder: Path, units: int = 2, tiles: int = 5) -> Path:
    """A set of ``units`` units with ``tiles`` tiles each, one in test."""
    ledger = Ledger(folder)
    ledger.open(SETTINGS)
    entries = []
    for unit in range(units):
        rows = [row(unit * tiles + n, "test" if n == tiles - 1 else "train") for n in range(tiles)]
        entries.append(ledger.commit(key_of(unit), UnitResult(rows, {"nodata": unit})))
    ledger.close(entries, {"settings": SETTINGS})
    return folder


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("set") / "tiles")


# -- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (3, 70), (64, 64)])
def test_16_bit_pngs_come_back_exactly(shape: tuple[int, int], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    data = grey16_png(pixels)
    assert np.array_equal(png_pixels(data), pixels)
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with Image.open(path) as opened:  # a stock reader takes it for what it is
        opened.verify()
    with Image.open(path) as opened:
        assert opened.mode == "I;16" and np.array_equal(np.asarray(opened), pixels)


def test_a_damaged_png_is_a_named_error() -> None:
    data = bytearray(grey16_png(np.arange(10_000, dtype=np.uint16).reshape(100, 100)))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(FormatError, match="image of tile x"):
        png_pixels(bytes(data), "image of tile x")
    with pytest.raises(FormatError):
        png_pixels(b"no picture")


# -- tone ----------------------------------------------------------------------------------------


def test_running_sums_equal_the_sums_of_the_whole() -> None:
    power = speckle(1, 200, 3e-7)
    power[:20] = np.nan
    power[40:56] = 0.0  # fill: whole blocks of it
    power[100, 7] = 0.0  # speckle, rounded down
    amplitude = np.sqrt(power)
    good = np.concatenate([amplitude[20:40], amplitude[56:]]).astype(np.float64)
    sums = measure(np.array_split(amplitude, 5))
    assert sums.valid == good.size and sums.missing == 4000 and sums.zero == 3200
    assert sums.mean == pytest.approx(good.mean(), rel=1e-9)
    assert sums.deviation == pytest.approx(good.std(), rel=1e-9)
    assert sums.largest == good.max()


def test_threshold_of_the_paper_clips_what_rayleigh_says() -> None:
    amplitude = np.sqrt(speckle(2, 1024))
    tone = set_tone(ToneRule("musigma", 3.0), measure([amplitude]), "x")
    assert isinstance(tone, AmplitudeTone)
    assert tone.threshold == pytest.approx(amplitude.mean() + 3 * amplitude.std(), rel=1e-6)
    # P(A > mean + 3 deviations) of Rayleigh amplitude is 0.005628; 4 standard deviations of it
    assert np.mean(amplitude > tone.threshold) == pytest.approx(0.005628, abs=4 * 7.3e-5)


@pytest.mark.parametrize("rule", [ToneRule("musigma"), ToneRule("db"), ToneRule("musigma", 6.0)])
@pytest.mark.parametrize("looks", [1, 4])
def test_amplitude_comes_back_within_a_tenth_of_a_decibel(rule: ToneRule, looks: int) -> None:
    rng = np.random.default_rng(3)
    power = rng.gamma(looks, 1 / looks, (512, 512)) * rng.gamma(2.0, 0.01, (512, 512))
    amplitude = np.sqrt(power).astype(np.float32)
    tone = set_tone(rule, measure([amplitude]), "x")
    back = decode(encode(amplitude, tone), tone)
    low, high = limits(tone)
    good = (amplitude < high) & (amplitude > low)
    assert good.mean() > 0.97
    error = np.abs(20 * np.log10(back[good] / amplitude[good]))
    assert error.max() < 0.1
    assert np.all(back[amplitude >= high] == pytest.approx(high, rel=1e-5))


def limits(tone: Tone) -> tuple[float, float]:
    """Amplitudes between which nothing is lost, as docs/tiles.md promises."""
    if isinstance(tone, AmplitudeTone):
        return tone.threshold * 10 ** (-63 / 20), tone.threshold
    assert isinstance(tone, DecibelTone)
    return 10 ** (tone.low_db / 20), 10 ** (tone.high_db / 20)


@given(st.floats(1e-6, 1e6), st.floats(-62.9, -0.001))
def test_round_trip_holds_at_any_scale(threshold: float, below_db: float) -> None:
    tone = AmplitudeTone(threshold)
    amplitude = np.full((1, 1), threshold * 10 ** (below_db / 20), np.float32)
    back = decode(encode(amplitude, tone), tone)
    assert abs(20 * np.log10(back[0, 0] / amplitude[0, 0])) < 0.1


def test_no_valid_pixel_is_an_error_that_names_the_acquisition() -> None:
    with pytest.raises(InputError, match="scene-7"):
        set_tone(ToneRule(), AmplitudeSums(), "scene-7")


# -- rows ----------------------------------------------------------------------------------------


def test_missing_pixels_stay_missing() -> None:
    power = speckle(4)
    power[10:20, 5] = np.nan
    made = complete({"id": "x", **radar_columns(power, AmplitudeTone(2.0))})
    back = row_amplitude(made)
    assert np.array_equal(np.isnan(back), np.isnan(power))
    assert made["nodata_fraction"] == pytest.approx(10 / power.size)
    assert row(1)["valid"] is None


def test_the_hash_covers_every_column() -> None:
    whole = row(5, optical=picture(picture_png(np.zeros((4, 4, 3), np.uint8))))
    hashes = {tile_hash(whole)}
    for column in COLUMNS:
        if column.name == "sha256":
            continue
        value = whole[column.name]
        changed = {
            "image": picture(b"other"), "strings": ["other"], "floats": [9.0], "bool": False,
            "float": 123.0, "int": 77, "string": "other",
            "time": datetime(1999, 1, 1, tzinfo=UTC),
        }[column.kind]  # fmt: skip
        assert changed != value
        hashes.add(tile_hash({**whole, column.name: changed}))
    assert len(hashes) == len(COLUMNS)
    with pytest.raises(KeyError, match="spacing"):
        complete({"id": "x", "spacing": 1.0})


# -- the folder ----------------------------------------------------------------------------------


def test_every_tile_comes_back_with_its_amplitude(tiles: Path) -> None:
    opened = open_tiles(tiles)
    assert len(opened) == 10 and len(open_tiles(tiles, "test")) == 2
    for index, found in enumerate(opened):
        number = int(found["id"].removeprefix("tile-"))
        assert found["sha256"] == tile_hash(found) == row(number, found["split"])["sha256"]
        assert found["time"] == datetime(2021, 5, 1, 12, tzinfo=UTC)
        truth = np.sqrt(speckle(number))
        back = opened.amplitude(index)
        good = (truth < 0.8) & (truth > 0.8 * 10 ** (-63 / 20))
        assert np.abs(20 * np.log10(back[good] / truth[good])).max() < 0.1
    # at random, backwards
    ids = opened.columns("id")["id"]
    assert [opened.row(index)["id"] for index in reversed(range(10))] == ids[::-1]
    with pytest.raises(IndexError):
        opened.row(10)


def test_datasets_opens_the_shards_with_pictures(tiles: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    shards = [str(path) for path in open_tiles(tiles, "train").shards]
    loaded = datasets.load_dataset(
        "parquet", data_files=shards, split="train", cache_dir=str(tmp_path)
    )
    assert len(loaded) == 8
    assert isinstance(loaded.features["image"], datasets.Image)
    first = loaded[0]
    assert isinstance(first["image"], Image.Image) and first["image"].size == (64, 64)
    assert np.array_equal(np.asarray(first["image"]), open_tiles(tiles, "train").picture(0))
    assert first["optical"] is None and first["captions"] == ["tile 0", "again"]
    # the folder itself is a data set too, its splits found by name
    whole = datasets.load_dataset(str(tiles), cache_dir=str(tmp_path / "b"))
    assert {name: part.num_rows for name, part in whole.items()} == {"train": 8, "test": 2}


def test_the_manifest_accounts_for_everything(tiles: Path) -> None:
    manifest = json.loads((tiles / "manifest.json").read_text())
    assert manifest["tiles"] == 10 and manifest["rejected"] == {"nodata": 1}
    assert manifest["splits"] == {"train": 8, "validation": 0, "test": 2}
    assert manifest["settings"] == SETTINGS
    assert {one["file"] for one in manifest["shards"]} == {
        f"data/{path.name}" for path in (tiles / "data").iterdir()
    }


def test_equal_rows_are_equal_bytes(tiles: Path, tmp_path: Path) -> None:
    again = make(tmp_path / "again")
    for path in sorted(tiles.rglob("*")):
        if path.is_file():
            assert (again / path.relative_to(tiles)).read_bytes() == path.read_bytes()


def test_other_settings_do_not_overwrite(tmp_path: Path) -> None:
    folder = make(tmp_path / "tiles", units=1)
    with pytest.raises(InputError, match=r"spacing_m 0.35 there, 0.5 asked.*--replace"):
        Ledger(folder).open({"spacing_m": "0.5"})
    assert len(open_tiles(folder)) == 5
    Ledger(folder).open({"spacing_m": "0.5"}, replace=True)
    with pytest.raises(InputError, match="unfinished"):
        open_tiles(folder)
    busy = tmp_path / "busy"
    busy.mkdir()
    (busy / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="other files"):
        Ledger(busy).open(SETTINGS)


def test_a_folder_is_written_by_one_run_at_a_time(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path / "tiles"), Ledger(tmp_path / "tiles")
    with one.alone(), pytest.raises(InputError, match="another run"), other.alone():
        pass
    with other.alone():
        pass


def test_a_unit_with_a_missing_or_cut_shard_is_not_finished(tmp_path: Path) -> None:
    folder = make(tmp_path / "tiles", units=1)
    ledger, shard = Ledger(folder), next((folder / "data").glob("train-*"))
    assert ledger.finished(key_of(0)) is not None and ledger.finished(key_of(1)) is None
    shard.write_bytes(shard.read_bytes()[:-1])
    assert ledger.finished(key_of(0)) is None
    shard.unlink()
    assert ledger.finished(key_of(0)) is None
    with pytest.raises(FormatError, match="missing"):
        open_tiles(folder)


def test_damage_is_one_typed_error(tmp_path: Path) -> None:
    folder = make(tmp_path / "tiles", units=1)
    manifest = folder / "manifest.json"
    good = manifest.read_text()
    for text in ("", "{}", "[1]", '{"format": "sarloom-tiles"}', good.replace('"data/', '"../')):
        manifest.write_text(text)
        with pytest.raises(FormatError):
            open_tiles(folder)
    manifest.write_text(good)
    for path in (folder / "data").iterdir():
        path.write_bytes(b"PAR1" + b"\0" * 100 + b"PAR1")
    with pytest.raises(FormatError, match="damaged"):
        open_tiles(folder).row(0)
    with pytest.raises(InputError, match="tiles build"):
        open_tiles(tmp_path)
    with pytest.raises(InputError, match="no split"):
        open_tiles(folder, "training")


def test_the_coarser_view_has_a_tone_of_its_own() -> None:
    power = speckle(9, 16)
    columns = satellite_columns(power, AmplitudeTone(1.5), 2.8, 4)
    back = row_amplitude(complete({"id": "x", **columns}), "satellite")
    assert np.abs(back - np.sqrt(power)).max() <= 1.5 / 65535
    assert columns["satellite_threshold"] == 1.5 and columns["satellite_spacing_m"] == 2.8


def test_quick_encoding_gives_the_pixels_of_the_tone() -> None:
    from sarloom.sar.tone import AmplitudeTone, quantize
    from sarloom.tiles.tone import encode

    rng = np.random.default_rng(3)
    tone = AmplitudeTone(2.2763)
    amplitude = np.sqrt(rng.exponential(1.0, (256, 256))).astype(np.float32)
    amplitude[0, :4] = 0.0, np.inf, tone.threshold, 1e-30
    assert np.array_equal(encode(amplitude, tone), quantize(tone.forward(amplitude), np.uint16))
    amplitude[1, :2] = np.nan, -1.0
    want = quantize(tone.forward(np.nan_to_num(amplitude, nan=0.0, posinf=np.inf)), np.uint16)
    assert np.array_equal(encode(amplitude, tone), want)


def test_pictures_come_back_whether_few_or_none_have_them(tmp_path: Path) -> None:
    """In every order of rows with and without, over the borders of row groups."""
    from sarloom.tiles.schema import arrow
    from sarloom.tiles.shard import write_shard

    some = {"optical": picture(picture_png(np.full((8, 8), 7, np.uint8)))}
    for number, held in enumerate(
        ("----------", "x---------", "----x-----", "-xx--xxxx-", "xxxxxxxxxx")
    ):
        rows = [row(n, **(some if one == "x" else {})) for n, one in enumerate(held)]
        path = write_shard(rows, tmp_path / f"{number}.parquet")
        opened = arrow().parquet.ParquetFile(path)
        assert opened.read().to_pylist() == rows
        assert [opened.metadata.row_group(i).num_rows for i in range(3)] == [4, 4, 2]
        assert write_shard(rows, tmp_path / "again.parquet").read_bytes() == path.read_bytes()


def test_columns_are_what_arrow_makes_of_rows_and_load_no_pandas(tmp_path: Path) -> None:
    """Whatever is null, empty, not ASCII, before 1970 or not a number."""
    import subprocess
    import sys

    from sarloom.tiles.columns import arrow_column
    from sarloom.tiles.schema import arrow, arrow_schema

    pa = arrow()
    kinds = {field.type for field in arrow_schema() if field.name not in IMAGES}
    values: dict[Any, list[Any]] = {
        pa.string(): ["", "Müller", None, "山 \U0001f6f0", "\0"],
        pa.float64(): [0.1, -0.0, None, float("inf"), 5e-324, 2],
        pa.int64(): [-(2**63), 2**63 - 1, None, 0],
        pa.bool_(): [True, None, False, True],
        pa.timestamp("us", tz="UTC"): [
            datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
            None,
            datetime.max.replace(tzinfo=UTC),
        ],
        pa.list_(pa.string()): [["a", ""], [], None, ["é", None]],
        pa.list_(pa.float64()): [[1.5], None, [], [float("-inf"), None, 3]],
    }  # fmt: skip
    assert kinds == set(values)
    for kind, held in values.items():
        for part in (held, held[:1], [None] * 9, held * 5, []):
            made = arrow_column(part, kind)
            made.validate(full=True)
            assert made.equals(pa.array(part, kind)), kind
    assert np.isnan(arrow_column([float("nan")], pa.float64())[0].as_py())
    code = (
        "import sys; from pathlib import Path; import test_30_store as t;"
        "from sarloom.tiles.shard import write_shard;"
        "write_shard([t.row(1), t.row(2)], Path(sys.argv[1])); assert 'pandas' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.parquet")],
        cwd=Path(__file__).parent, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_only_what_gets_smaller_is_compressed(tmp_path: Path) -> None:
    """16 bits of speckle are stored as they are, an 8-bit source in 16 bits is not."""
    from sarloom.sar.tone import AmplitudeTone
    from sarloom.tiles.rows import radar_columns
    from sarloom.tiles.schema import arrow, complete
    from sarloom.tiles.shard import write_shard

    rng = np.random.default_rng(4)
    speckle = rng.exponential(1.0, (128, 128)).astype(np.float32)
    coarse = np.square(rng.integers(0, 6, (128, 128)).astype(np.float32))
    kinds = []
    for power, tone in ((speckle, AmplitudeTone(2.2763)), (coarse, AmplitudeTone(9.0))):
        optical = picture(picture_png(np.zeros((8, 8), np.uint8)))
        more = {"optical": optical, "extra": '{"kind": "coast"}' * 40}
        row = complete({"id": "a", "split": "train", **radar_columns(power, tone), **more})
        path = write_shard([row], tmp_path / "a.parquet")
        group = arrow().parquet.ParquetFile(path).metadata.row_group(0)
        columns = [group.column(i) for i in range(group.num_columns)]
        kinds.append({one.path_in_schema: one.compression for one in columns})
        assert kinds[-1]["valid.bytes"] == kinds[-1]["id"] == "UNCOMPRESSED"  # none, and too little
        assert kinds[-1]["optical.bytes"] == kinds[-1]["extra"] == "ZSTD"
        assert arrow().parquet.read_table(path).to_pylist() == [row]
    assert [one["image.bytes"] for one in kinds] == ["UNCOMPRESSED", "ZSTD"]


def test_freed_memory_is_kept_for_the_next_tile() -> None:
    """In a process of its own: without it every picture's pages are asked of the system anew."""
    import platform
    import subprocess
    import sys

    if platform.libc_ver()[0] != "glibc":
        pytest.skip("another C library keeps memory by rules of its own")
    code = """
import resource, sys
import numpy as np
from sarloom.tiles.png import grey16_png
from sarloom.memory import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
pixels = np.zeros((512, 512), np.uint16)
grey16_png(pixels)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    grey16_png(pixels)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    asked = {
        mode: int(subprocess.check_output([sys.executable, "-c", code, mode]))
        for mode in ("keep", "leave")
    }
    assert asked["keep"] < 40  # of 20 pictures; else some 5000
    assert asked["keep"] <= asked["leave"]
