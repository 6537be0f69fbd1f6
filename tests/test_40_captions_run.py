"""Captioning a tile set, rewriting and viewing its captions, through the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from caption_models import save_clip
from sarloom.captions.annotations import read_annotations
from sarloom.captions.run import Journal, fill
from sarloom.errors import FormatError, InputError
from sarloom.tiles.check import check_tiles
from sarloom.tiles.recolumn import rewrite_columns
from sarloom.tiles.schema import NAMES
from sarloom.tiles.store import open_tiles
from tile_sets import built_set, run, simulated_set
from tiny_captioners import save_blip


@pytest.fixture(scope="module")
def blip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_blip(tmp_path_factory.mktemp("models") / "blip")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("models") / "clip")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulated_set(tmp_path_factory.mktemp("sets") / "simulated")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_set(tmp_path_factory.mktemp("sets") / "built")


def copy(source: Path, folder: Path) -> Path:
    shutil.copytree(source, folder)
    return folder


def rows(folder: Path) -> list[dict[str, Any]]:
    return list(open_tiles(folder))


def errors(folder: Path) -> list[str]:
    return [one.text for one in check_tiles(folder) if one.level == "Error"]


def put(folder: Path, captions: list[str]) -> None:
    rewrite_columns(folder, lambda row: {"captions": captions, "text": captions[0]})


# -- columns of a finished set ---------------------------------------------------------------------


def test_new_columns_leave_a_whole_set(simulated: Path, tmp_path: Path) -> None:
    folder = copy(simulated, tmp_path / "set")
    before = rows(folder)
    assert rewrite_columns(folder, lambda row: {"text": f"about {row['id']}"}, {"note": 1}) == 5
    after = rows(folder)
    assert [row["text"] for row in after] == [f"about {row['id']}" for row in before]
    same = set(NAMES) - {"text", "sha256"}
    assert all(old[name] == new[name] for old, new in zip(before, after, strict=True)
               for name in same)  # fmt: skip
    assert errors(folder) == []
    assert json.loads((folder / "manifest.json").read_text())["note"] == 1
    assert rewrite_columns(folder, lambda row: {"text": f"about {row['id']}"}) == 0


def test_the_command_that_built_a_set_keeps_captions(built: Path, tmp_path: Path) -> None:
    folder = copy(built, tmp_path / "set")
    rewrite_columns(folder, lambda row: {"text": "kept"})
    status = run("tiles", "build", "--sar", f"{built}-sources", "--optical", f"{built}-optical",
                 "--spacing-m", "1", "--size", "64", "--out", folder, "--workers", "1",
                 "--split", "0.34,0.33,0.33")  # fmt: skip
    assert status == 0
    assert {row["text"] for row in rows(folder)} == {"kept"}
    assert errors(folder) == []


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_stop_between_shards_leaves_a_whole_set(
    simulated: Path, tmp_path: Path, after: int
) -> None:
    folder = copy(simulated, tmp_path / "set")
    seen = 0

    def change(row: dict[str, Any]) -> dict[str, Any]:
        nonlocal seen
        seen += 1
        if seen > after:
            raise KeyboardInterrupt
        return {"text": "new"}

    with pytest.raises(KeyboardInterrupt):
        rewrite_columns(folder, change)
    assert errors(folder) == []
    assert sum(row["text"] == "new" for row in rows(folder)) == after
    # what a kill between shard and manifest would leave
    shard = next((folder / "data").glob("*.parquet"))
    left = shard.with_name(re.sub(r"(-[0-9a-f]{8})?\.parquet", "-0123abcd.parquet", shard.name))
    shutil.copy(shard, left)
    assert errors(folder)
    rewrite_columns(folder, lambda row: {"text": "new"})
    assert not left.exists() and errors(folder) == []
    assert {row["text"] for row in rows(folder)} == {"new"}


def test_damage_is_not_sealed(simulated: Path, tmp_path: Path) -> None:
    from tile_sets import edit_rows

    folder = copy(simulated, tmp_path / "set")
    edit_rows(folder, lambda row: row.update(looks=99.0), rehash=False)
    with pytest.raises(FormatError, match="damaged"):
        rewrite_columns(folder, lambda row: {"text": "new"})


# -- the journal -----------------------------------------------------------------------------------


def test_journal_survives_a_cut_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.add([("a", ["one"]), ("b", ["two"])])
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        held = Journal(path).held
        assert held == dict([("a", ["one"]), ("b", ["two"])][: whole[:length].count(b"\n")])
    asked: list[str] = []
    path.write_bytes(whole[:-3])

    def work(items: Any) -> list[list[str]]:
        asked.extend(items)
        return [[item.upper()] for item in items]

    journal = Journal(path)
    fill(journal, ["a", "b", "c"], lambda key: key, work, 2)
    assert asked == ["b", "c"]
    assert Journal(path).held == {"a": ["one"], "b": ["B"], "c": ["C"]}


# -- captions run ---------------------------------------------------------------------------------


def test_a_model_captions_what_has_an_optical_picture(
    built: Path, blip: Path, tmp_path: Path
) -> None:
    folder = copy(built, tmp_path / "set")
    assert (
        run("captions", "run", folder, "--captioner", blip, "--device", "cpu", "--count", "2") == 0
    )
    made = rows(folder)
    paired = [row for row in made if row["optical"] is not None]
    assert 0 < len(paired) < len(made)
    assert all(row["captions_original"] and row["text"] for row in paired)
    assert all(row["text"] == f"A SAR image of {row['captions'][0]}" for row in paired
               if row["captions"] and "scene:" not in row["captions"][0])  # fmt: skip
    assert all(row["text"] is None for row in made if row["optical"] is None)
    assert {row["caption_source"] for row in paired} != {None}
    assert errors(folder) == [] and not list((folder / ".units").glob("*.jsonl"))
    note = json.loads((folder / "manifest.json").read_text())["captions"]
    assert note["settings"]["count"] == 2 and note["report"]["captions"] == 2 * len(paired)
    # the same again changes nothing, whatever the batch
    again = copy(built, tmp_path / "again")
    assert run("captions", "run", again, "--captioner", blip, "--device", "cpu", "--count", "2",
               "--batch", "3") == 0  # fmt: skip
    assert [row["sha256"] for row in rows(again)] == [row["sha256"] for row in made]


def test_captions_that_are_there_stay(
    simulated: Path, blip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copy(simulated, tmp_path / "set")
    before = [row["sha256"] for row in rows(folder)]
    assert run("captions", "run", folder, "--captioner", blip, "--device", "cpu") == 0
    assert "--replace" in capsys.readouterr().err
    assert [row["sha256"] for row in rows(folder)] == before
    assert run("captions", "run", folder, "--captioner", blip, "--device", "cpu", "--replace",
               "--token", "<SAR>") == 0  # fmt: skip
    assert all(row["text"].startswith("<SAR>") for row in rows(folder))


def test_ranking_puts_the_best_first_and_keeps_scores(
    simulated: Path, blip: Path, clip: Path, tmp_path: Path
) -> None:
    from PIL import Image

    from sarloom.captions.rank import ClipRanker
    from sarloom.tiles.store import row_picture

    folder = copy(simulated, tmp_path / "set")
    assert run("captions", "run", folder, "--captioner", blip, "--device", "cpu", "--count", "3",
               "--replace", "--plain", "--rank", clip) == 0  # fmt: skip
    ranker = ClipRanker(str(clip))
    for row in rows(folder):
        scores = row["caption_scores"]
        assert scores == sorted(scores, reverse=True) and len(scores) == len(row["captions"])
        picture = Image.fromarray(row_picture(row, "optical")).convert("RGB")
        assert ranker.score([picture], [row["captions"]])[0] == pytest.approx(scores, abs=2e-4)
        assert all(-100 <= score <= 100 for score in scores)


def test_killed_run_goes_on(simulated: Path, blip: Path, tmp_path: Path) -> None:
    """kill -9 in the middle of captioning: what was said is not asked again."""
    folder = copy(simulated, tmp_path / "set")
    words = ["captions", "run", str(folder), "--captioner", str(blip), "--device", "cpu",
             "--replace", "--batch", "1", "--count", "2"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sarloom", *words], env=environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    journal = None
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        journal = next((folder / ".units").glob("captions-*.jsonl"), None)
        if journal is not None and journal.read_bytes().count(b"\n") >= 2:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert errors(folder) == []
    assert run(*words) == 0
    assert errors(folder) == [] and not list((folder / ".units").glob("*.jsonl"))
    whole = copy(simulated, tmp_path / "whole")
    assert run("captions", "run", whole, *words[3:]) == 0
    assert [row["sha256"] for row in rows(folder)] == [row["sha256"] for row in rows(whole)]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--captioner", "facts"], "--vectors"),
        (["--vectors", "map.gpkg"], "--captioner facts"),
        (["--captioner", "facts", "--cover", "nowhere.tif"], "no such raster"),
        (["--captioner", "/nowhere/model"], "no captioner"),
        (["--token", "two words"], "one word"),
        (["--device", "abacus"], "device"),
        (["--rank", "/nowhere/clip"], "CLIP"),
    ],
)
def test_wrong_calls_say_what_to_do(
    built: Path, blip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    more: list[str], says: str,
) -> None:  # fmt: skip
    folder = copy(built, tmp_path / "set")
    if "--captioner" not in more and "--vectors" not in more:
        more = [*more, "--captioner", str(blip)]
    assert run("captions", "run", folder, *more) == 2
    error = capsys.readouterr().err
    assert says in error and "Traceback" not in error


# -- captions rewrite -----------------------------------------------------------------------------


def test_rewriting_a_tile_set_keeps_the_originals(simulated: Path, tmp_path: Path) -> None:
    folder = copy(simulated, tmp_path / "set")
    said = ["many green trees are near a white road .", "Some trees are near a road", "red"]
    put(folder, said)
    assert run("captions", "rewrite", folder) == 0
    first = rows(folder)
    for row in first:
        assert row["captions_original"] == said
        assert row["captions"] == ["many trees near a road"]
        assert row["text"] == "A SAR image of many trees near a road"
    assert errors(folder) == []
    assert run("captions", "rewrite", folder) == 0  # from the originals, so the same
    assert [row["sha256"] for row in rows(folder)] == [row["sha256"] for row in first]
    assert run("captions", "rewrite", folder, "--phrase", "An aerial view") == 0
    assert {row["text"] for row in rows(folder)} == {"An aerial view of many trees near a road"}


def test_rewriting_an_annotation_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "set.json"
    sentences = ["many planes are parked in a green airport .", "it is green ."]
    source.write_text(
        json.dumps(
            {
                "dataset": "mine",
                "images": [
                    {"filename": f"{n}.jpg", "imgid": n, "split": split,
                     "sentences": [{"raw": sentences[at], "tokens": []} for at in which]}
                    for n, (split, which) in enumerate([("train", (0, 1)), ("val", (1,))])
                ],
            }
        )
    )  # fmt: skip
    assert run("captions", "rewrite", source, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["captions"] == 3 and report["changes"]["colours"] == 3 and report["bare"] == 1
    made = read_annotations(tmp_path / "set-radar.json")
    assert [(one.name, one.split, one.captions) for one in made.images] == [
        ("0.jpg", "train", ("A SAR image of many planes parked in an airport",)),
        ("1.jpg", "validation", ("A SAR image",)),
    ]
    held = json.loads((tmp_path / "set-radar.json").read_text())["images"][0]["sentences"]
    assert held[0]["original"] == sentences[0] and held[0]["tokens"][0] == "a"
    assert run("captions", "rewrite", source, "--out", source) == 2
    assert run("captions", "rewrite", tmp_path / "nothing.json") == 2


# -- captions view ---------------------------------------------------------------------------------


class Pages(HTMLParser):
    """Tags that are open at the end, and what scripts hold."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "input", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)


def data_of(page: Path) -> list[dict[str, Any]]:
    parser = Pages()
    parser.feed(page.read_text("utf-8"))
    assert parser.open == [] and len(parser.scripts) == 1
    found = re.search(r"^const tiles = (.*);$", parser.scripts[0], re.MULTILINE)
    assert found
    held: list[dict[str, Any]] = json.loads(found[1])
    return held


def test_page_shows_every_tile_with_its_flags(simulated: Path, tmp_path: Path) -> None:
    from PIL import Image

    folder = copy(simulated, tmp_path / "set")
    names = [row["id"] for row in rows(folder)]
    texts = {
        names[0]: {"text": "A SAR image of " + "a very long caption " * 30, "captions": ["x"]},
        names[1]: {"text": None, "captions": None},
        names[2]: {"text": "A SAR image of </script><b>", "captions": ["</script><b>"]},
        names[3]: {"text": "A SAR image of a green road", "captions": ["a green road", "a road"],
                   "caption_scores": [20.0, 10.0]},
        names[4]: {"text": "A SAR image of a green road", "captions": ["a road near a"],
                   "captions_original": ["a blue road blue road blue road near a"],
                   "caption_scores": [30.0]},
    }  # fmt: skip
    rewrite_columns(folder, lambda row: texts[row["id"]])
    page = tmp_path / "captions.html"
    assert run("captions", "view", folder, "--out", page, "--cell", "64", "--low-score", "25") == 0
    tiles = {tile["i"]: tile for tile in data_of(page)}
    assert list(tiles) == names
    assert "too long" in tiles[names[0]]["f"]
    assert tiles[names[1]]["f"] == ["no caption"]
    assert tiles[names[2]]["t"].endswith("</script><b>")
    assert {"duplicate", "not radar", "low score"} <= set(tiles[names[3]]["f"])
    assert {"rewritten", "loop", "not English"} <= set(tiles[names[4]]["f"])
    assert "low score" not in tiles[names[4]]["f"]
    for tile in tiles.values():
        for what in ("sar", "opt"):
            with Image.open(page.parent / tile[what]) as picture:
                assert picture.size == (64, 64) and picture.format == "JPEG"
    assert run("captions", "view", folder, "--out", page, "--embed") == 0
    assert all(tile["sar"].startswith("data:image/jpeg;base64,") for tile in data_of(page))


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to run the page's script")
def test_page_filters(simulated: Path, tmp_path: Path) -> None:
    """The script of the page, run by node against a small document."""
    folder = copy(simulated, tmp_path / "set")
    names = [row["id"] for row in rows(folder)]
    rewrite_columns(
        folder, lambda row: {"text": None if row["id"] == names[0] else f"about {row['id']}"}
    )
    page = tmp_path / "captions.html"
    assert run("captions", "view", folder, "--out", page, "--per-page", "2") == 0
    parser = Pages()
    parser.feed(page.read_text("utf-8"))
    script = Path(__file__).parent / "data" / "page_document.js"
    done = subprocess.run(
        ["node", "-e", script.read_text() + parser.scripts[0] + "\nreport();"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == {
        "first": 2, "pages": "5 tiles, page 1 of 3", "second": "5 tiles, page 2 of 3",
        "only": "1 tiles, page 1 of 1", "without": "4 tiles, page 1 of 2",
        "search": "1 tiles, page 1 of 1",
    }  # fmt: skip


def test_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        open_tiles(tmp_path)
    for command in ("run", "rewrite", "view"):
        assert run("captions", command, tmp_path) == 2
