"""METEOR's Java program is started once for all corpora that are scored together."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from sarloom.captions.metrics import Corpus, NotComputed, Programs
from sarloom.captions.metrics.meteor import kept_program, meteor
from sarloom.captions.score import score_files

ANSWERS = """
import pathlib, sys
log = pathlib.Path(__file__).with_name('starts')
log.write_text((log.read_text() if log.exists() else '') + 'x')
for line in iter(sys.stdin.readline, ''):
    parts = line.strip().split(' ||| ')
    if parts[0] == 'EVAL':
        counts = [float(one) for one in parts[1:]]
        print(*counts, sum(counts) / len(counts), sep='\\n', flush=True)
    elif 'die' in line:
        sys.exit('it died')
    else:
        print(float(parts[-1] in parts[1:-1]), flush=True)
"""
RIGHT = Corpus.of([["a"]], [[["a"]]])
HALF = Corpus.of([["a"], ["b"]], [[["a"]], [["a"]]])
DEADLY = Corpus.of([["die"]], [[["a"]]])


@pytest.fixture
def jar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is started in place of Java and counts its starts."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!{sys.executable}\n{ANSWERS}")
    java.chmod(java.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    (tmp_path / "meteor-1.5.jar").touch()
    return tmp_path / "meteor-1.5.jar"


def starts(jar: Path) -> int:
    return len((jar.parent / "bin" / "starts").read_text())


def test_one_start_answers_for_several_corpora(jar: Path) -> None:
    alone = [meteor(one, Programs(jar))[0] for one in (RIGHT, HALF)]
    assert alone == [1.0, 0.5] and starts(jar) == 2
    with kept_program():
        with kept_program():  # within another, as scores of several sets are
            assert meteor(RIGHT, Programs(jar)) == (1.0,)
        assert meteor(HALF, Programs(jar)) == (0.5,)
        assert meteor(RIGHT, Programs(jar)) == (1.0,)
    assert starts(jar) == 3


def test_a_program_that_died_is_started_again(jar: Path) -> None:
    with kept_program():
        with pytest.raises(NotComputed, match="it died"):
            meteor(DEADLY, Programs(jar))
        assert meteor(RIGHT, Programs(jar)) == (1.0,)
    assert starts(jar) == 2


def test_baselines_are_scored_by_the_same_program(jar: Path, tmp_path: Path) -> None:
    images = [
        {"filename": f"{split}_{number}.jpg", "split": split, "sentences": [{"raw": "a road ."}]}
        for split in ("train", "test") for number in range(3)
    ]  # fmt: skip
    references = tmp_path / "dataset.json"
    references.write_text(json.dumps({"images": images, "dataset": "tests"}))
    said = tmp_path / "said.json"
    rows = [{"filename": f"test_{number}.jpg", "caption": "a road"} for number in range(3)]
    said.write_text(json.dumps(rows))
    report = score_files(references, said, "test", True, Programs(jar))
    assert [one.figures["METEOR"] for one in report.scored] == [1.0, 1.0, 1.0]
    assert starts(jar) == 1
