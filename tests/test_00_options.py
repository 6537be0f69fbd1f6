"""Option tables: ranges, types, TOML with inheritance, and how a mistake is reported."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarloom.errors import FormatError, InputError
from sarloom.options.fields import option_fields
from sarloom.options.table import as_plain, check, option
from sarloom.options.toml import load_table


@dataclass(frozen=True)
class Looms:
    """A table with every kind of field."""

    pattern: str = option(help="what to weave", argument=True)
    threads: int = option(8, "number of threads", minimum=1, maximum=64, short="-t")
    tension: float = option(0.5, "tension of the warp", minimum=0.0)
    dyes: tuple[str, ...] = option(("red",), "colours", choices=("red", "blue", "undyed"))
    out: Path = option(Path("out"), "where to put the cloth")
    seed: int | None = option(None, "seed")
    fringe: bool = option(False, "leave a fringe")

    def __post_init__(self) -> None:
        check(self)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_fields_are_read_once_with_type_default_and_range() -> None:
    fields = {field.name: field for field in option_fields(Looms)}
    assert list(fields) == ["pattern", "threads", "tension", "dyes", "out", "seed", "fringe"]
    assert fields["pattern"].required and fields["pattern"].flag == "PATTERN"
    assert (fields["dyes"].kind, fields["dyes"].many) == (str, True)
    assert (fields["seed"].kind, fields["seed"].optional) == (int, True)
    assert fields["threads"].range_text == "1 to 64"
    assert fields["tension"].range_text == "at least 0"
    assert fields["tension"].default_text == "0.5"


def test_a_field_without_command_line_form_is_a_mistake_in_the_table() -> None:
    @dataclass
    class Wrong:
        matrix: dict[str, int] = option(None, "no")

    with pytest.raises(TypeError, match=r"Wrong\.matrix"):
        option_fields(Wrong)


@given(st.integers())
def test_range_is_closed_on_both_sides(threads: int) -> None:
    if 1 <= threads <= 64:
        assert Looms("twill", threads=threads).threads == threads
    else:
        with pytest.raises(InputError, match=r"--threads .* is too (small|large)"):
            Looms("twill", threads=threads)


def test_choices_name_what_is_allowed() -> None:
    with pytest.raises(InputError, match="'green' is not known; choose one of: red, blue, undyed"):
        Looms("twill", dyes=("red", "green"))


def test_not_a_number_is_outside_every_range() -> None:
    with pytest.raises(InputError, match="--tension nan"):
        Looms("twill", tension=float("nan"))


def test_plain_values_survive_json() -> None:
    import json

    plain = as_plain(Looms("twill", dyes=("red", "blue"), out=Path("a/b")))
    assert json.loads(json.dumps(plain)) == plain
    assert plain["out"] == "a/b" and plain["dyes"] == ["red", "blue"]


def test_toml_takes_types_literally(tmp_path: Path) -> None:
    path = write(
        tmp_path, "a.toml", 'pattern = "twill"\ntension = 2\ndyes = ["blue"]\nout = "cloth"\n'
    )
    assert load_table(Looms, path) == Looms("twill", tension=2.0, dyes=("blue",), out=Path("cloth"))


@pytest.mark.parametrize("line", ["threads = true", "threads = 1.5", 'threads = "8"', "out = 3"])
def test_toml_refuses_the_wrong_type(tmp_path: Path, line: str) -> None:
    path = write(tmp_path, "a.toml", f'pattern = "twill"\n{line}\n')
    with pytest.raises(InputError, match=line.split(" ")[0]):
        load_table(Looms, path)


def test_the_nearest_key_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "a.toml", 'pattern = "twill"\ntheads = 3\n')
    with pytest.raises(InputError, match="unknown key 'theads'; did you mean 'threads'"):
        load_table(Looms, path)
    path = write(tmp_path, "b.toml", 'pattern = "twill"\n')
    with pytest.raises(InputError, match="--set: unknown key 'sed'; did you mean 'seed'"):
        load_table(Looms, path, ["sed=3"])


def test_nearer_settings_win(tmp_path: Path) -> None:
    write(tmp_path, "base.toml", 'pattern = "twill"\nthreads = 4\nseed = 1\ntension = 1.5\n')
    (tmp_path / "fine").mkdir()
    path = write(tmp_path, "fine/a.toml", 'extends = "../base.toml"\nthreads = 16\nseed = 2\n')
    table = load_table(Looms, path, ["seed=3", "dyes=['red', 'blue']", "out=some/where"])
    assert (table.pattern, table.tension, table.threads, table.seed) == ("twill", 1.5, 16, 3)
    assert table.dyes == ("red", "blue")
    assert table.out == Path("some/where")


def test_an_override_is_checked_like_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "a.toml", 'pattern = "twill"\n')
    with pytest.raises(InputError, match="--threads 65 is too large"):
        load_table(Looms, path, ["threads=65"])
    with pytest.raises(InputError, match="key=value"):
        load_table(Looms, path, ["threads"])


def test_a_circle_of_files_is_found(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", 'extends = "b.toml"\n')
    write(tmp_path, "b.toml", 'extends = "a.toml"\n')
    with pytest.raises(FormatError, match="extends itself"):
        load_table(Looms, tmp_path / "a.toml")


def test_unusable_files_say_which_and_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.toml does not exist"):
        load_table(Looms, tmp_path / "none.toml")
    with pytest.raises(InputError, match="cannot be read"):
        load_table(Looms, tmp_path)
    with pytest.raises(FormatError, match=r"a\.toml is not valid TOML.*line 1"):
        load_table(Looms, write(tmp_path, "a.toml", "pattern = \n"))
    with pytest.raises(InputError, match="does not set: pattern"):
        load_table(Looms, write(tmp_path, "b.toml", "threads = 2\n"))
