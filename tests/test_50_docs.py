"""The written pages and the public names agree with the code."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import sarloom
from sarloom.cli.build import Command
from sarloom.cli.commands import COMMANDS
from sarloom.cli.docs import pages
from sarloom.options.fields import option_fields


@pytest.mark.parametrize("name", pages())
def test_command_pages_are_up_to_date(name: str, repository: Path) -> None:
    page = repository / "docs" / "commands" / name
    assert page.read_text(encoding="utf-8") == pages()[name], "run `make docs`"


def test_no_page_is_left_of_a_command_that_went(repository: Path) -> None:
    assert {path.name for path in (repository / "docs/commands").glob("*.md")} == set(pages())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_examples_use_flags_that_exist(command: Command) -> None:
    words = shlex.split(command.example)
    assert " ".join(words).startswith(f"sarloom {command.name} ")
    flags = {field.flag for field in option_fields(command.table)}
    assert {word for word in words if word.startswith("--")} <= flags


def test_every_public_name_is_there() -> None:
    for name in sarloom.__all__:
        assert getattr(sarloom, name) is not None
    assert set(sarloom.__all__) <= set(dir(sarloom))
    with pytest.raises(AttributeError, match="no attribute 'wonder'"):
        sarloom.wonder  # noqa: B018 - the access is the test


def test_import_is_light_and_rooms_can_be_called() -> None:
    code = (
        "import sys, sarloom\n"
        "assert not {'numpy', 'torch', 'typer'} & set(sys.modules)\n"
        "from sarloom.generate.prompts import clean_prompt\n"
        "assert callable(sarloom.generate) and sarloom.generate.prompts.clean_prompt\n"
        "try:\n"
        "    sarloom.generate('   ')\n"
        "except sarloom.SarloomError as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("PromptError", "")


def test_links_between_pages_lead_somewhere(repository: Path) -> None:
    import re

    pages_to_read = [*repository.glob("*.md"), *(repository / "docs").rglob("*.md")]
    for page in pages_to_read:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
