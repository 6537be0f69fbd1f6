"""Whole commands on a tiny random model: files, commands that repeat them, what is printed."""

from __future__ import annotations

import json
import re
import shlex
from html import unescape
from pathlib import Path

import pytest
import torch

from sarloom.cli.main import run
from tiny_models import save_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion of a few thousand random weights that draws reflectivity."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    return save_model(folder, scale="db", speckle="none", calibration="sigma_nought")


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.split()


def test_info_prints_a_command_that_makes_the_same_bytes(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["a city, 'old'", "--count", "2", "--seed", "5", "--steps", "2", "--size", "64"]
    assert run(["generate", *words, "--model", str(tiny), "--out", "first"]) == 0
    files = [Path(name) for name in printed(capsys)]
    assert [path.name for path in files] == [f"city-old-{end}.png" for end in (5, 6, "sheet")]
    assert run(["info", str(files[1]), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["record"]["seed"] == 6 and found["warnings"] == []
    command = shlex.split(found["command"])
    # other threads round otherwise: the command carries their number
    assert command[command.index("--threads") + 1] == str(torch.get_num_threads())
    assert run([*command[1:], "--out", "second"]) == 0
    again = Path(printed(capsys)[0])
    assert again.read_bytes() == files[1].read_bytes()


def test_info_for_people_names_prompt_seed_and_command(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["a city", "--seed", "3", "--steps", "1", "--size", "64", "--format", "tif"]
    run(["generate", *words, "--model", str(tiny), "--out", str(tmp_path)])
    picture = printed(capsys)[0]
    assert run(["info", picture]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^prompt: +a city$", text, re.MULTILINE)
    assert re.search(r"^seed: +3$", text, re.MULTILINE)
    assert re.search(r"^made again by: +sarloom generate 'a city' .*-f.* tif", text, re.MULTILINE)


def test_simulate_names_its_radar_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scenes"
    words = ["simulate", "forest", "--count", "2", "--size", "64", "--out", str(out)]
    assert run(words) == 0
    names = printed(capsys)
    assert names == [str(out / "forest-0.tif"), str(out / "forest-1.tif")]
    before = (out / "forest-1.tif").stat().st_mtime_ns
    assert run(words) == 0
    assert (out / "forest-1.tif").stat().st_mtime_ns == before, "a finished scene is kept"


def test_an_unknown_kind_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["simulate", "harbor", "--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("sarloom: ")


def test_a_wrong_recipe_is_told_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("scene = 100\n")
    assert run(["train", str(recipe), "--out", str(tmp_path / "run")]) == 2
    assert "did you mean 'scenes'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_demo_shows_what_its_commands_make(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--out", "demo", "--size", "64", "--steps", "2", "--model", str(tiny)]
    assert run(["demo", *words]) == 0
    captured = capsys.readouterr()
    page = Path(captured.out.strip())
    assert page == tmp_path / "demo" / "index.html"
    text = page.read_text(encoding="utf-8")
    pictures = [page.parent / name for name in dict.fromkeys(re.findall(r'src="([^"]+)"', text))]
    assert len(pictures) == 8 + 2 + 1 and all(path.is_file() for path in pictures)
    commands = [unescape(code) for code in re.findall(r"<code>(.*?)</code>", text)]
    assert len(commands) == 8 + 2
    for command, picture in ((commands[2], pictures[2]), (commands[9], pictures[9])):
        shown = picture.read_bytes()
        picture.unlink()
        assert run(shlex.split(command)[1:]) == 0
        assert picture.read_bytes() == shown
