"""`sarloom captions train`: sets mixed, splits kept, stopped in time, resumed exactly, reported."""

from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sarloom.captions.captioners import load_captioner
from sarloom.cli.main import run as run_cli
from sarloom.errors import InputError
from sarloom.files import sha256_of
from sarloom.options.captions_train import TrainCaptionsOptions
from sarloom.train.captioner.run import train_captioner
from tiny_captioners import SENTENCES, picture, save_blip, save_git, save_set

SPLITS = {"train": 6, "val": 2, "test": 2}


@pytest.fixture(scope="module", autouse=True)
def without_java():
    """As on a machine without Java: the program takes many seconds to start."""
    with pytest.MonkeyPatch.context() as patched:
        module = importlib.import_module("sarloom.captions.metrics.meteor")
        patched.setattr(module, "find_java", lambda: None)
        yield


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {"blip": save_blip(root / "blip"), "git": save_git(root / "git")}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    root = tmp_path_factory.mktemp("sets")
    return [save_set(root / "one", SPLITS), save_set(root / "two", {"train": 4, "val": 1}, 50)]


def options_for(
    sets: list[tuple[Path, Path]], base: Path, out: Path, **more
) -> TrainCaptionsOptions:
    given = {
        "annotations": tuple(one[0] for one in sets), "images": tuple(one[1] for one in sets),
        "base": str(base), "out": out, "device": "cpu", "steps": 6, "batch": 4,
        "validate_every": 3, "checkpoint_every": 3, "warmup_steps": 2, "learning_rate": 1e-3,
    }  # fmt: skip
    return TrainCaptionsOptions(**{**given, **more})


@pytest.fixture(scope="module")
def finished(sets, bases, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    lines: list[str] = []
    results = train_captioner(options_for(sets, bases["blip"], out), lines.append)
    return out, results, lines


def test_report_has_the_papers_row_and_both_baselines_with_the_test_split_first(finished):
    out, results, _ = finished
    text = (out / "report.md").read_text()
    assert text == results.text
    assert text.index("## one, test split") < text.index("## one, validation split")
    assert "## two, test split" not in text  # the set has none
    assert (
        "| paper, BLIP fine-tuned, RSICD test | 0.8029 | 0.6941 | 0.6061 | 0.5336 | 2.7239 |"
        in text
    )
    assert "| one constant caption |" in text
    assert "| commonest caption of the kind |" in text
    plain = json.loads((out / "report.json").read_text())
    assert [(one["set"], one["split"]) for one in plain["scores"]] == [
        ("one", "test"), ("one", "validation"), ("two", "validation")
    ]  # fmt: skip
    assert plain["scores"][0]["images"] == 2
    assert "METEOR was not computed: Java is not installed" in text


def test_mixed_sets_and_their_splits_are_stated(finished):
    _, _, lines = finished
    assert "one: 10 images, train 6, validation 2, test 2" in lines
    assert "two: 5 images, train 4, validation 1" in lines
    assert any(line.startswith("validation at step 3: cider") for line in lines)


def test_stock_transformers_opens_the_result(finished):
    from transformers import BlipForConditionalGeneration, BlipProcessor

    _, results, _ = finished
    model = BlipForConditionalGeneration.from_pretrained(results.model)
    processor = BlipProcessor.from_pretrained(results.model)
    pixels = processor(images=picture(0), return_tensors="pt")
    tokens = model.generate(**pixels, num_beams=3, max_new_tokens=40)
    wanted = load_captioner(str(results.model)).describe([picture(0)])[0][0]
    assert processor.decode(tokens[0], skip_special_tokens=True).strip() == wanted
    about = json.loads((results.model / "sarloom.json").read_text())
    assert about["options"]["batch"] == 4 and len(about["annotations_sha256"]) == 2


class Killed(Exception):
    pass


def test_a_run_that_was_killed_ends_with_the_same_weights(sets, bases, finished, tmp_path):
    out, _, _ = finished
    options = options_for(sets, bases["blip"], tmp_path / "again")

    def kill(line: str) -> None:
        if line.startswith("validation at step 3"):
            raise Killed

    with pytest.raises(Killed):
        train_captioner(options, kill)
    train_captioner(options, lambda line: None)
    for name in ("state/checkpoint-00000006/state.safetensors", "best/model.safetensors"):
        assert sha256_of(tmp_path / "again" / name) == sha256_of(out / name)
    rows = [json.loads(line) for line in (out / "validation.jsonl").read_text().splitlines()]
    again = (tmp_path / "again" / "validation.jsonl").read_text().splitlines()
    assert {json.dumps(row) for row in rows} == set(again)


def test_another_run_in_the_same_folder_is_refused(sets, bases, finished):
    out, _, _ = finished
    with pytest.raises(InputError, match=r"begun with other settings .*--batch"):
        train_captioner(options_for(sets, bases["blip"], out, batch=2), lambda line: None)
    with pytest.raises(InputError, match="base_fingerprint"):
        train_captioner(options_for(sets, bases["git"], out), lambda line: None)


@pytest.mark.parametrize("on", ["cider", "loss"])
def test_training_stops_when_validation_brings_nothing(on, sets, bases, tmp_path):
    options = options_for(
        sets[:1], bases["blip"], tmp_path / "run", learning_rate=0.0, steps=40, validate_every=1,
        patience=2, stop_on=on, validation_images=2,
    )  # fmt: skip
    lines: list[str] = []
    train_captioner(options, lines.append)
    rows = (tmp_path / "run" / "validation.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2, 3]
    assert any(line.startswith("stopped:") for line in lines)
    train_captioner(options, lines.append)  # finished: nothing is trained or validated again
    assert (tmp_path / "run" / "validation.jsonl").read_text().splitlines() == rows


@pytest.mark.parametrize("kind", ["blip", "git"])
def test_a_captioner_learns_to_say_what_it_was_taught(kind, bases, tmp_path):
    """Word for word: it fails where training begins captions with another token than asking."""
    one = save_set(tmp_path / "few", {"train": 4, "val": 1, "test": 1})
    options = options_for(
        [one], bases[kind], tmp_path / "run", steps=120, validate_every=120, batch=8,
        learning_rate=4e-3, warmup_steps=10, checkpoint_every=120,
    )  # fmt: skip
    results = train_captioner(options, lambda line: None)
    said = load_captioner(str(results.model)).describe([picture(number) for number in range(4)])
    # words are joined as English is written, without the data sets' blank before a period
    assert [text for (text,) in said] == [text.replace(" .", ".") for text in SENTENCES]


def test_a_folder_that_is_not_the_annotations_is_refused_with_counts(sets, bases, tmp_path, capsys):
    wrong = ["captions", "train", "--annotations", str(sets[0][0]), "--images", str(sets[1][1])]
    assert run_cli([*wrong, "--base", str(bases["blip"]), "--out", str(tmp_path / "no")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "of 10 annotated images 10 are not there" in said
    assert "of 5 images there 5 are not annotated" in said
    assert not (tmp_path / "no").exists()


def test_what_cannot_be_trained_is_said_before_anything_is_written(sets, bases, tmp_path):
    none = save_set(tmp_path / "none", {"train": 4, "test": 4})
    with pytest.raises(InputError, match="no image of split 'validation'"):
        train_captioner(options_for([none], bases["blip"], tmp_path / "a"), lambda line: None)
    assert not (tmp_path / "a").exists()
    with pytest.raises(InputError, match="2 --annotations and 1 --images"):
        replace(options_for(sets, bases["blip"], tmp_path / "a"), images=(sets[0][1],))
    with pytest.raises(InputError, match="nothing to learn from"):
        TrainCaptionsOptions(out=tmp_path)


def test_a_damaged_picture_is_named(sets, bases, tmp_path):
    path, folder = save_set(tmp_path / "bad", SPLITS)
    for broken in folder.glob("scene_*.png"):
        broken.write_bytes(broken.read_bytes()[:60])
    options = options_for([(path, folder)], bases["blip"], tmp_path / "run")
    with pytest.raises(InputError, match=r"scene_\d+\.png: not a picture"):
        train_captioner(options, lambda line: None)
