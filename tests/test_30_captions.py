"""Annotation files, folders of images, and `sarloom captions score` from file to figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sarloom.captions.annotations import read_annotations
from sarloom.captions.folder import match_folder
from sarloom.captions.hypotheses import baselines, kind_of, read_hypotheses
from sarloom.captions.score import describe, score_files
from sarloom.cli.main import run
from sarloom.errors import FormatError, InputError

SAID = {
    "airport_1.jpg": ("train", ["planes are parked .", "planes are parked .", "an airport"]),
    "port_1.jpg": ("train", ["boats are in a port .", "a port", "boats are in a port ."]),
    "port_2.jpg": ("train", ["boats are in a port .", "many boats", "a pier"]),
    "port_3.jpg": ("val", ["boats near a pier .", "a port with boats", "boats"]),
    "airport_2.jpg": ("test", ["two planes are parked .", "planes near a terminal", "an airport"]),
    "port_4.jpg": ("test", ["a port with boats .", "A port with boats!", "a port with boats"]),
    "00017.jpg": ("test", ["a bare patch of land .", "", "bare land"]),
}
TEST = [name for name, (split, _) in SAID.items() if split == "test"]


def write(path: Path, data: Any) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


@pytest.fixture
def karpathy(tmp_path: Path) -> Path:
    images = [
        {
            "filename": name,
            "imgid": number,
            "split": split,
            "sentences": [{"raw": one, "tokens": one.split(), "imgid": number} for one in said],
        }
        for number, (name, (split, said)) in enumerate(SAID.items())
    ]
    return write(tmp_path / "dataset_rsicd.json", {"images": images, "dataset": "rsicd"})


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    rows = [{"filename": name, "caption": SAID[name][1][0]} for name in TEST]
    return write(tmp_path / "captions.json", rows)


# annotation files


def coco(tmp_path: Path) -> Path:
    names = list(SAID)
    data = {
        "images": [{"id": 40 + number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [
            {"id": 9, "image_id": 40 + number, "caption": one}
            for number, name in enumerate(names)
            for one in SAID[name][1]
        ],
    }
    return write(tmp_path / "captions_val2017.json", data)


def nwpu(tmp_path: Path) -> Path:
    data: dict[str, list[dict[str, Any]]] = {}
    for number, (name, (split, said)) in enumerate(SAID.items()):
        entry = {"filename": name, "imgid": number, "split": split, "raw": said[0]}
        entry |= {f"raw_{place}": one for place, one in enumerate(said[1:], start=1)}
        data.setdefault(kind_from(name), []).append(entry)
    return write(tmp_path / "dataset_nwpu.json", data)


def kind_from(name: str) -> str:
    return name.partition("_")[0] if "_" in name else "land"


def lines(tmp_path: Path) -> Path:
    (tmp_path / "train_filename.txt").write_text("".join(f"{name}\n" for name in SAID))
    path = tmp_path / "train_caps.txt"
    path.write_text("".join(f"{one}\n" for _, said in SAID.values() for one in said))
    return path


@pytest.mark.parametrize("make", [coco, nwpu, lines])
def test_every_form_gives_the_same_captions(make, tmp_path, karpathy):
    wanted = {one.name: one.captions for one in read_annotations(karpathy).images}
    read = read_annotations(make(tmp_path))
    assert read.form == make.__name__
    assert {one.name: one.captions for one in read.images} == wanted


def test_splits_by_any_name(karpathy, tmp_path):
    read = read_annotations(karpathy)
    assert read.form == "karpathy"
    assert read.splits == {"train": 3, "validation": 1, "test": 3}
    assert read.of_split("val") == read.of_split("validation") != ()
    assert len(read.of_split("all")) == len(SAID)
    with pytest.raises(InputError, match=r"no image of split 'dev2'; there are: train \(3\)"):
        read.of_split("dev2")
    with pytest.raises(InputError, match="states no splits: --split all"):
        read_annotations(coco(tmp_path)).of_split("test")
    assert set(read_annotations(lines(tmp_path)).splits) == {"train"}


def test_nwpu_states_the_kind(tmp_path):
    read = read_annotations(nwpu(tmp_path))
    assert {one.category for one in read.images} == {"airport", "port", "land"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "no known form"),
        ("[1, 2]", "no known form"),
        ('{"images": []}', "no known form"),
        ('{"images": [1], "annotations": []}', "not of the coco form"),
        ('{"images": [{"sentences": []}]}', "not of the karpathy form: no 'filename'"),
        ('{"images": [{"filename": "a", "sentences": [{"raw": 3}]}]}', "is 3, not text"),
        ('{"images": [{"filename": "a", "sentences": [], "split": 3}]}', "is 3, not text"),
        ('{"images": [], "annotations": []}', "no image"),
        (
            '{"images": [{"id": 1, "file_name": "a"}], '
            '"annotations": [{"image_id": 2, "caption": ""}]}',
            "names image_id 2",
        ),
        (
            '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], '
            '"annotations": []}',
            "same id",
        ),
        (
            '{"images": [{"filename": "a", "sentences": []}, {"filename": "a", "sentences": []}]}',
            "1 images are listed twice; the first: a",
        ),
    ],
)
def test_damaged_annotation_files(text, complaint, tmp_path):
    path = tmp_path / "annotations.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=complaint) as caught:
        read_annotations(path)
    assert str(path) in str(caught.value)


def test_files_that_are_not_text_or_not_there(tmp_path):
    path = tmp_path / "annotations.json"
    with pytest.raises(InputError, match="cannot be read"):
        read_annotations(path)
    path.write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(FormatError, match="UTF-8"):
        read_annotations(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_annotations(tmp_path)


def test_lines_that_do_not_fit_their_names(tmp_path):
    path = lines(tmp_path)
    with path.open("a") as file:
        file.write("one more\n")
    with pytest.raises(FormatError, match="22 captions are no whole multiple of the 7 names"):
        read_annotations(path)


def test_real_annotation_files(shared_data):
    folder = shared_data / "captions"
    found = {
        name: read_annotations(folder / name / "train_caps.txt")
        for name in ("rsicd", "rsitmd", "sydney", "ucm")
    }
    numbers = {name: len(one.images) for name, one in found.items()}
    assert numbers == {"rsicd": 9828, "rsitmd": 4291, "sydney": 497, "ucm": 1680}
    assert {len(image.captions) for one in found.values() for image in one.images} == {5}
    assert len(read_annotations(folder / "rsicd_coco" / "captions_val2017.json").images) == 1092


# folders


def fill(folder: Path, names: list[str]) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def test_folder_that_matches_flat_or_by_kind(tmp_path, karpathy):
    flat = fill(tmp_path / "flat", [*SAID, "readme.txt"])
    assert set(match_folder(read_annotations(karpathy), flat)) == set(SAID)
    nested = fill(tmp_path / "nested", [f"{kind_from(name)}/{name}" for name in SAID])
    found = match_folder(read_annotations(nwpu(tmp_path)), nested)
    assert found["port_1.jpg"] == nested / "port" / "port_1.jpg"
    assert set(match_folder(read_annotations(karpathy), nested)) == set(SAID)


def test_folder_that_does_not_match_is_refused_with_counts(tmp_path, karpathy):
    read = read_annotations(karpathy)
    some = fill(tmp_path / "some", [*list(SAID)[2:], "airport_1.png", "lake_1.jpg"])
    with pytest.raises(InputError) as caught:
        match_folder(read, some)
    assert "of 7 annotated images 2 are not there (the first: airport_1.jpg)" in str(caught.value)
    assert "airport_1.png is there: another file format?" in str(caught.value)
    assert "of 7 images there 2 are not annotated" in str(caught.value)
    more = fill(tmp_path / "more", [*SAID, "lake_1.jpg"])
    with pytest.raises(InputError, match="of 8 images there 1 are not annotated"):
        match_folder(read, more)
    assert len(match_folder(read, more, more_images=True)) == 7
    with pytest.raises(InputError, match="no such folder"):
        match_folder(read, tmp_path / "nowhere")


def test_one_name_in_two_folders_is_not_guessed(tmp_path, karpathy):
    folder = fill(tmp_path / "twice", [*list(SAID)[1:], "a/airport_1.jpg", "b/airport_1.jpg"])
    with pytest.raises(InputError, match=r"airport_1\.jpg is there 2 times"):
        match_folder(read_annotations(karpathy), folder)


# captions to score


def test_captions_by_number_and_of_other_splits(tmp_path, karpathy):
    read = read_annotations(karpathy)
    rows = [{"image_id": number, "caption": f"c{number}"} for number in range(len(SAID))]
    found = read_hypotheses(write(tmp_path / "h.json", rows), read, read.of_split("test"))
    assert found.captions == ("c4", "c5", "c6")
    assert found.remark == "4 captions are of other splits and left out"


@pytest.mark.parametrize(
    ("rows", "kind", "complaint"),
    [
        ({"airport_2.jpg": "a"}, FormatError, "not a list of"),
        ([{"caption": "a"}], FormatError, 'entry 0 has neither "filename" nor'),
        ([{"filename": "port_4.jpg"}], FormatError, 'no text under "caption"'),
        ([{"filename": "port_4.jpg", "caption": "a"}] * 2, FormatError, "two captions for port_4"),
        ([{"filename": "lake.jpg", "caption": "a"}], InputError, "1 of 1 captions are of images"),
        ([{"image_id": 99, "caption": "a"}], InputError, "the first: image_id 99"),
        ([{"filename": "port_4.jpg", "caption": "a"}], InputError, "no caption for 2 of 3 images"),
    ],
)
def test_captions_that_cannot_be_scored(rows, kind, complaint, tmp_path, karpathy):
    read = read_annotations(karpathy)
    path = write(tmp_path / "h.json", rows)
    with pytest.raises(kind, match=complaint) as caught:
        read_hypotheses(path, read, read.of_split("test"))
    assert str(path) in str(caught.value)


def test_baselines_see_no_image(karpathy):
    read = read_annotations(karpathy)
    constant, of_kind = baselines(read, read.of_split("test"), "test")
    assert constant.captions == ("boats are in a port .",) * 3
    assert of_kind.captions == ("planes are parked .", *["boats are in a port ."] * 2)
    assert "the kind of 1 images is not known" in of_kind.remark
    with pytest.raises(InputError, match="learns from the training split"):
        baselines(read, read.of_split("train"), "train")
    kinds = [kind_of(one) for one in read.of_split("test")]
    assert kinds == ["airport", "port", ""]


# the whole command


def without_java(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The METEOR program takes long to start: leave it out where it is not what is tested."""
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)


def test_report_states_what_the_figures_rest_on(karpathy, captions, monkeypatch, tmp_path):
    without_java(monkeypatch, tmp_path)
    report = score_files(karpathy, captions)
    facts = report.facts
    assert (facts.split, facts.images, facts.references) == ("test", 3, 9)
    assert (facts.alike, facts.repeated, facts.empty) == (1, 2, 1)
    figures = report.scored[0].figures
    assert figures["BLEU-4"] == pytest.approx(1.0, abs=1e-6)
    assert figures["ROUGE-L"] == pytest.approx(1.0)
    text = "\n".join(describe(report))
    for part in ("test of dataset_rsicd.json", "9, 3 per image", "1 images with all", "PTB as"):
        assert part in text


def test_command_without_java(karpathy, captions, monkeypatch, capsys, tmp_path):
    without_java(monkeypatch, tmp_path)
    given = ["captions", "score", "--references", str(karpathy), "--hypotheses", str(captions)]
    assert run([*given, "--baselines"]) == 0
    out = capsys.readouterr().out
    assert "METEOR not computed: Java is not installed" in out
    assert "one constant caption" in out and "commonest caption of the kind" in out
    assert run([*given, "--split", "val"]) == 2
    assert "no caption for 1 of 1 images; the first: port_3.jpg" in capsys.readouterr().err
    assert run([*given, "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["scored"][0]["scores"]["METEOR"] is None
    assert plain["scored"][0]["scores"]["BLEU-1"] == pytest.approx(1.0, abs=1e-6)
    assert "Java" in plain["scored"][0]["not_computed"]["METEOR"]
    assert plain["duplicates"]["repeated_references"] == 2


def test_command_with_nothing_to_score(karpathy, capsys):
    assert run(["captions", "score", "--references", str(karpathy)]) == 2
    assert "nothing to score" in capsys.readouterr().err


def test_images_without_references_are_refused(tmp_path, captions):
    data = {"images": [{"filename": name, "split": "test", "sentences": []} for name in TEST]}
    path = write(tmp_path / "empty.json", data)
    with pytest.raises(FormatError, match="3 of 3 images have no caption to score against"):
        score_files(path, captions)
