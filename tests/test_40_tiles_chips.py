"""Folders of single chips: captions and splits from beside them, remarks made once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sarloom.errors import FormatError
from sarloom.tiles.beside import told_of
from sarloom.tiles.store import open_tiles
from tile_sets import run


@pytest.fixture
def chips(tmp_path: Path) -> Path:
    """Five pictures of 64 x 64 amplitudes."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "chips"
    folder.mkdir()
    for number in range(5):
        amplitude = np.sqrt(rng.exponential(3600.0, (64, 64))).clip(0, 255).astype(np.uint8)
        Image.fromarray(amplitude).save(folder / f"c{number}.png")
    (folder / "sarloom.toml").write_text("spacing_m = 0.2\n")
    return folder


def build(chips: Path, out: Path) -> int:
    return run("tiles", "build", "--sar", chips, "--spacing-m", "0.2", "--size", "64",
               "--out", out, "--workers", "1")  # fmt: skip


def test_captions_and_splits_beside_chips_come_with_them(
    chips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (chips / "captions.json").write_text(
        json.dumps({"c0.png": "a T72 tank", "c1.png": ["a truck", "a lorry"]})
    )
    rows = [{"file_name": "c1.png", "split": "test"}, {"file_name": "c2.png", "text": "a tank"}]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (chips / "metadata.jsonl").write_text(lines)
    assert build(chips, tmp_path / "tiles") == 0
    found = open_tiles(tmp_path / "tiles").columns("source", "text", "captions", "split")
    names = [Path(one).name for one in found["source"]]
    by_name = {name: n for n, name in enumerate(names)}
    assert len(by_name) == 5
    texts = {name: found["text"][n] for name, n in by_name.items()}
    assert texts == {
        "c0.png": "A SAR image of a T72 tank", "c1.png": "A SAR image of a truck",
        "c2.png": "A SAR image of a tank", "c3.png": None, "c4.png": None,
    }  # fmt: skip
    assert found["captions"][by_name["c1.png"]] == ["a truck", "a lorry"]
    assert found["split"][by_name["c1.png"]] == "test"
    said = capsys.readouterr().err.splitlines()
    georeference = [line for line in said if "not georeferenced" in line]
    assert len(georeference) == 1 and "and 4 others" in georeference[0]
    # another caption is another tile set, found without --replace
    (chips / "captions.json").write_text(json.dumps({"c0.png": "a bulldozer"}))
    assert build(chips, tmp_path / "tiles") == 0
    again = open_tiles(tmp_path / "tiles").columns("text")["text"]
    assert "A SAR image of a bulldozer" in again and "A SAR image of a T72 tank" not in again


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("captions.json", "[1, 2]", "must be an object"),
        ("captions.json", '{"c0.png": 3}', "a caption is a text"),
        ("captions.json", "{", "no JSON"),
        ("metadata.jsonl", '{"text": "a tank"}\n', "line 1"),
        ("metadata.jsonl", '{"file_name": "c0.png", "split": "dev"}\n', "'dev' is no split"),
    ],
)
def test_what_is_wrong_beside_chips_is_said_before_anything_is_cut(
    name: str, text: str, said: str, chips: Path, tmp_path: Path
) -> None:
    (chips / name).write_text(text)
    with pytest.raises(FormatError, match=said):
        told_of(chips / "c0.png")
    assert build(chips, tmp_path / "tiles") == 2
    assert not (tmp_path / "tiles" / "manifest.json").exists()
