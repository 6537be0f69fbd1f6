"""The command line: instant help, one-line errors, exit statuses, tables turned into flags."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from sarloom import __version__, workflows
from sarloom.cli.build import Command, command_function
from sarloom.cli.commands import COMMANDS, GROUPS
from sarloom.cli.main import run
from sarloom.options.fields import option_fields
from sarloom.options.generate import GenerateOptions
from sarloom.options.spell import command_line
from sarloom.options.table import option

HEAVY = ("torch", "diffusers", "transformers", "numpy", "scipy", "rasterio", "PIL")


def in_a_new_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize("command", ["", *(one.name for one in COMMANDS)])
def test_help_loads_nothing_heavy(command: str) -> None:
    code = (
        "import sys, json\n"
        "from sarloom.cli.main import run\n"
        "status = run(sys.argv[1:])\n"
        "print(json.dumps([status, sorted(sys.modules)]))\n"
    )
    done = in_a_new_process(code, *command.split(), "--help")
    status, modules = json.loads(done.stdout.splitlines()[-1])
    assert status == 0
    assert not set(HEAVY) & set(modules)
    assert "Usage: sarloom" in done.stdout


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_help_names_every_option(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.name.split(), "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert command.summary in text
    for field in option_fields(command.table):
        assert field.flag in text
        assert field.help.split()[0] in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"sarloom {__version__}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["genrate"], "Did you mean 'generate'"),
        (["generate"], "PROMPT"),
        (["generate", "x", "--stepz", "3"], "--steps"),
        (["generate", "x", "--steps", "many"], "--steps"),
        (["generate", "x", "--steps", "0"], "--steps 0 is too small; the least is 1"),
        (["generate", "x", "--scheduler", "magic"], "'magic' is not known; choose one of: ddim"),
        (["generate", "  "], "prompt"),
        (["generate", "x", "--size", "17x"], "17x"),
        (["generate", "x", "--model", "no/such/folder/anywhere"], "no/such/folder/anywhere"),
        (["generate", "x", "--init", "no-such.png"], "no-such.png"),
        (["info", "no-such.png"], "no-such.png"),
        (["archive", "serch"], "Did you mean 'search'? (see: sarloom archive --help)"),
        (["archive", "search", "x", "--bbox", "1", "2"], "(see: sarloom archive search --help)"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("sarloom: ")
    assert words in captured.err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(workflows, "info", broken)
    with pytest.raises(ZeroDivisionError):
        run(["info", "x.png"])


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_ends_cleanly_with_130() -> None:
    code = (
        "import signal, sys, time\n"
        # a shell that puts the tests behind itself has SIGINT ignored, here too
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from sarloom import workflows\n"
        "def wait(options):\n"
        "    print('working', flush=True)\n"
        "    time.sleep(30)\n"
        "workflows.info = wait\n"
        "from sarloom.cli.main import main\n"
        "main(['info', 'x.png'])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "sarloom: stopped; what was finished is kept\n"


@dataclass(frozen=True)
class Cloth:
    """One field of each shape a command line knows."""

    place: tuple[float, float] | None = option(None, "place")
    shifts: tuple[int, int, int] = option((0, -1, 2), "shifts")

    kinds: tuple[str, ...] = option((), "kinds", argument=True)
    threads: int = option(8, "threads", short="-t")
    tension: float = option(0.5, "tension")
    dyes: tuple[str, ...] = option(("red",), "dyes")
    out: Path = option(Path("out"), "folder")
    seed: int | None = option(None, "seed")
    fringe: bool = option(False, "fringe")
    wash: bool = option(True, "wash")
    note: str = option("", "note")


def parse(words: list[str]) -> Cloth:
    """Fill the table as the command line would."""
    got: list[Cloth] = []
    command = Command("weave", Cloth, "weave", "Weave.", "sarloom weave")
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command()(command_function(command, got.append))
    app(args=words, standalone_mode=False)
    return got[0]


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Cloth,
        place=st.none() | st.tuples(numbers, numbers),
        shifts=st.tuples(*[st.integers(-9, 9)] * 3),
        kinds=st.lists(words, max_size=3).map(tuple),
        threads=st.integers(-99, 99),
        tension=numbers,
        dyes=st.lists(words, min_size=1, max_size=3).map(tuple),
        out=words.map(Path),
        seed=st.none() | st.integers(0, 99),
        fringe=st.booleans(),
        wash=st.booleans(),
        note=words,
    )
)
def test_a_table_spelt_as_a_command_reads_back_equal(cloth: Cloth) -> None:
    import shlex

    line = shlex.split(command_line("weave", cloth))
    assert line[:2] == ["sarloom", "weave"]
    assert parse(line[2:]) == cloth


def test_defaults_are_left_out_unless_asked_for() -> None:
    assert command_line("generate", GenerateOptions("a quay")) == "sarloom generate 'a quay'"
    line = command_line("generate", GenerateOptions("a quay", steps=5), always=("seed",))
    assert line == "sarloom generate 'a quay' --seed 0 --steps 5"


def test_no_arguments_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    text = " ".join(capsys.readouterr().out.split())
    alone = [command for command in COMMANDS if not command.group]
    assert all(command.name in text and command.summary in text for command in alone)
    groups = {command.group for command in COMMANDS} - {""}
    assert all(group in text and GROUPS[group] in text for group in groups)


@pytest.mark.parametrize("group", sorted({command.group for command in COMMANDS} - {""}))
def test_a_group_alone_shows_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([group]) == 0
    text = " ".join(capsys.readouterr().out.split())
    members = [command for command in COMMANDS if command.group == group]
    assert all(command.word in text and command.summary in text for command in members)
