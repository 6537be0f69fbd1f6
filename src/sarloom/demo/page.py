"""An HTML page that shows pictures, the words they come from and the commands that make them.

The page is one file beside its pictures: no script, no font and no style from elsewhere, so it
opens from a disk without a network.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .8rem; border-bottom: 1px solid var(--line); }
.row { display: grid; gap: 1.2rem; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); }
.wide { grid-template-columns: 1fr; }
figure { margin: 0; }
img { width: 100%; display: block; background: #000; border-radius: 3px; }
figcaption { margin-top: .4rem; }
code { display: block; font: 12px/1.45 ui-monospace, monospace; background: var(--soft);
  padding: .5rem .6rem; margin-top: .3rem; border-radius: 3px; overflow-wrap: anywhere;
  user-select: all; }
footer { margin-top: 3rem; color: gray; font-size: .85rem; }
"""


@dataclass(frozen=True)
class Exhibit:
    """One picture: where it lies, what it shows, the command that makes it (may be empty)."""

    picture: Path
    caption: str
    command: str = ""


@dataclass(frozen=True)
class Section:
    """A row of pictures under a heading; ``wide`` gives each picture the full width."""

    title: str
    text: str
    exhibits: Sequence[Exhibit]
    wide: bool = False


def write_page(path: Path, title: str, lead: str, sections: Sequence[Section]) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        The HTML file. Pictures are linked relative to its folder.
    title, lead : str
        Heading and first paragraph, plain text.
    sections : sequence of Section
        Rows of pictures, in the order they are shown.
    """
    body = "\n".join(_section(section, path.parent) for section in sections)
    path.write_text(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p>{escape(lead)}</p>
{body}
<footer>Every picture on this page is synthetic: made by a program, measured by no radar.
Near range is on the left; the radar looks to the right, and shadows fall to the right.</footer>
</body>
</html>
""",
        encoding="utf-8",
    )


def _section(section: Section, folder: Path) -> str:
    figures = "\n".join(_figure(exhibit, folder) for exhibit in section.exhibits)
    shape = "row wide" if section.wide else "row"
    text = f"<p>{escape(section.text)}</p>\n" if section.text else ""
    return f'<h2>{escape(section.title)}</h2>\n{text}<div class="{shape}">\n{figures}\n</div>'


def _figure(exhibit: Exhibit, folder: Path) -> str:
    link = quote(Path(os.path.relpath(exhibit.picture, folder)).as_posix())
    command = f"<code>{escape(exhibit.command)}</code>" if exhibit.command else ""
    return (
        f'<figure><a href="{link}"><img src="{link}" alt="{escape(exhibit.caption)}"></a>'
        f"<figcaption>{escape(exhibit.caption)}{command}</figcaption></figure>"
    )
