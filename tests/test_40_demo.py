"""The demo's page, and the commands it shows."""

from __future__ import annotations

import shlex
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

from sarloom.cli.commands import COMMANDS
from sarloom.demo.page import Exhibit, Section, write_page
from sarloom.demo.prompts import INIT_KIND, PROMPTS
from sarloom.options.simulate import SimulateOptions
from sarloom.options.spell import command_line


class Reader(HTMLParser):
    """Pictures, texts and tags of a page, and whether its tags are balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures: list[str] = []
        self.codes: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "img":
            self.pictures.append(unquote(values["src"] or ""))
        if tag in ("script", "link", "iframe"):
            self.outside.append(tag)
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "code":
            self.codes.append(data)


def test_page_shows_every_picture_with_its_words_and_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "sub folder").mkdir()
    pictures = [tmp_path / "a 1.png", tmp_path / "sub folder" / "b#2.png"]
    for picture in pictures:
        picture.write_bytes(b"")
    evil = "a <script>\"harbour\"</script> & 'ships'"
    exhibits = [Exhibit(pictures[0], evil, f"sarloom generate {shlex.quote(evil)}")]
    exhibits.append(Exhibit(pictures[1], "plain"))
    page = tmp_path / "index.html"
    write_page(page, "A <title>", "First words", [Section("Row", "text", exhibits)])
    reader = Reader()
    reader.feed(page.read_text(encoding="utf-8"))
    assert reader.open == []
    assert [(page.parent / name).resolve() for name in reader.pictures] == pictures
    assert shlex.split(reader.codes[0]) == ["sarloom", "generate", evil]
    assert len(reader.codes) == 1
    assert reader.outside == []
    assert "http" not in page.read_text(encoding="utf-8")


def test_the_demo_asks_for_eight_different_things() -> None:
    assert len(set(PROMPTS)) == 8


def test_the_start_scene_is_a_kind_the_simulator_knows() -> None:
    from sarloom.simulate.kinds import KINDS

    assert INIT_KIND in KINDS
    line = command_line("simulate", SimulateOptions(kinds=(INIT_KIND,), size=256, seed=7))
    assert line == f"sarloom simulate {INIT_KIND} --size 256 --seed 7"
    assert "simulate" in {command.name for command in COMMANDS}
