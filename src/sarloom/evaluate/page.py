"""The report as files: a page that needs nothing beside it, JSON, and the figures."""

from __future__ import annotations

import base64
import io
import json
from html import escape
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import write_aside
from ..sar.tone import display
from .collect import ImageSet
from .figures import draw_all
from .findings import number
from .harness import Row
from .report import Report, verdict

SHOWN = 6
"""Images of each set on the page, evenly spread."""
_THUMBNAIL = 256

STYLE = """
:root { color-scheme: light; --line: #ddd; --bad: #b3263a; --ok: #2c7a4b; }
* { box-sizing: border-box; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem;
  color: #222; background: #fff; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
.brief li { margin: .4rem 0; } .warn { color: #8a5a00; }
table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: right; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } td.differs { color: var(--bad); }
td.same { color: var(--ok); } td.few, td.perhaps { color: #8a5a00; }
td:not(:first-child) { white-space: nowrap; } .facts td:not(:first-child) { white-space: normal; }
tbody tr:has(td):hover { background: #f6f6f6; } th[colspan] { padding-top: 1rem; }
.score { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .5rem;
  margin: 1rem 0; }
.score a { border: 1px solid var(--line); border-left: 6px solid #aaa; padding: .4rem .6rem;
  color: inherit; text-decoration: none; font-size: .9rem; line-height: 1.3; }
.score b { display: block; } .score .differs { border-left-color: var(--bad); }
.score .same { border-left-color: var(--ok); } .score .few { border-left-color: #c98a1b; }
.note { color: #555; font-size: .9rem; margin: .2rem 0; }
.strip { display: grid; grid-template-columns: repeat(6, 1fr); gap: .4rem; margin: .4rem 0; }
.strip img { width: 100%; display: block; background: #000; }
figure { margin: 1.2rem 0; } figure img { max-width: 100%; } figcaption { color: #555; }
.facts td:first-child { width: 16rem; } .facts td { text-align: left; }
footer { margin-top: 2.5rem; color: #777; font-size: .85rem; }
"""


def write_report(report: Report, real: ImageSet, generated: ImageSet, folder: Path) -> Path:
    """Write ``report.html``, ``report.json`` and ``figures/*.png``; the page is written last.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    try:
        (folder / "figures").mkdir(parents=True, exist_ok=True)
        drawn = draw_all(report)
        for name, (data, _) in drawn.items():
            with write_aside(folder / "figures" / f"{name}.png") as aside:
                aside.write_bytes(data)
        with write_aside(folder / "report.json") as aside:
            aside.write_text(json.dumps(report.as_plain(), indent=2) + "\n", "utf-8")
        page = folder / "report.html"
        with write_aside(page) as aside:
            aside.write_text(_page(report, drawn, _strip(real), _strip(generated)), "utf-8")
    except OSError as error:
        raise InputError(f"--out {folder} cannot be written: {error}") from error
    return page


def _strip(images: ImageSet) -> str:
    """Some images of a set, each shown at mean + 3 standard deviations of its amplitude."""
    from PIL import Image

    cells = []
    for row in np.unique(np.linspace(0, len(images) - 1, SHOWN).astype(int)):
        image = images.image(int(row))
        picture = Image.fromarray(display(np.sqrt(image.power)))
        side = min(_THUMBNAIL, *picture.size)
        left, top = ((n - side) // 2 for n in picture.size)
        held = io.BytesIO()
        picture.crop((left, top, left + side, top + side)).save(held, "PNG")
        cells.append(f'<img src="{_data(held.getvalue())}" alt="{escape(image.name)}">')
    return f'<div class="strip">{"".join(cells)}</div>'


def _data(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _page(report: Report, drawn: dict[str, tuple[bytes, str]], real: str, generated: str) -> str:
    facts = report.facts
    title = (
        f"{Path(facts['generated']['source']).name} against {Path(facts['real']['source']).name}"
    )
    figures = "\n".join(
        f'<figure><img src="{_data(data)}" alt="{escape(name)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for name, (data, caption) in drawn.items()
    )
    brief = "".join(f"<li>{escape(one.text)}</li>" for one in report.findings)
    warned = "".join(f'<li class="warn">{escape(one)}</li>' for one in report.warnings)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{STYLE}</style></head><body>
<h1>How real are these images?</h1>
<p>{facts["generated"]["images"]} generated images of {escape(facts["generated"]["source"])} against
{facts["real"]["images"]} real images of {escape(facts["real"]["source"])}.</p>
<h2>In short</h2><p>{escape(_lead(report))}</p>{_score(report)}
<ul class="brief">{brief}</ul>
{f'<h2>Mind</h2><ul class="brief">{warned}</ul>' if warned else ""}
<h2>Real</h2>{real}<h2>Generated</h2>{generated}
<p class="note">Up to {SHOWN} of each, evenly spread, the middle {_THUMBNAIL} pixels: amplitude,
white at mean + 3 standard deviations.</p>
<h2>Figures</h2>
<p>A distance is 0 for equal laws; its <em>floor</em> is the same distance between two random halves
of the real set ({report.rows[0].split} images each), and <em>matched</em> the generated images in
that number against one half. Of a property the value is generated minus real. Intervals hold 95 %,
from bootstrap draws of whole images. <em>differs</em>: farther out than chance brings one figure in
2000, and beyond the floor; <em>perhaps</em>: beyond floor and 95 % interval, as chance brings one
in twenty.</p>
{_table(report)}
<h2>Pictures</h2>{figures}
<h2>What this rests on</h2>{_facts(report)}
<footer>Generated images are synthetic. Made by {escape(report.as_plain()["software"])}; all figures
with all digits are in report.json.</footer>
</body></html>
"""


def _lead(report: Report) -> str:
    """The whole table in one or two sentences."""
    count, differing = len(report.rows), sum(row.differs for row in report.rows)
    few = sum(bool(row.warnings) and not row.differs for row in report.rows)
    said = f"{differing or 'None'} of {count} figures differ by more than chance."
    return said + (f" For {few} there are too few images to be sure." if few else "")


def _score(report: Report) -> str:
    """One box per section, with its colour, that leads to its rows."""
    boxes = []
    for place, section in enumerate(dict.fromkeys(row.section for row in report.rows)):
        rows = [row for row in report.rows if row.section == section]
        differing = sum(row.differs for row in rows)
        few = all(row.warnings for row in rows)
        colour = "differs" if differing else "few" if few else "same"
        said = f"{differing} of {len(rows)} differ" if differing else "no difference found"
        said += ", few images" if few else ""
        boxes.append(
            f'<a class="{colour}" href="#section-{place}"><b>{escape(section)}</b>{said}</a>'
        )
    return f'<div class="score">{"".join(boxes)}</div>'


def _table(report: Report) -> str:
    head = ("figure", "value", "95 % interval", "floor", "matched", "real", "generated", "theory",
            "verdict")  # fmt: skip
    parts = []
    for place, section in enumerate(dict.fromkeys(row.section for row in report.rows)):
        rows = [row for row in report.rows if row.section == section]
        parts.append(
            f'<tr id="section-{place}"><th colspan="{len(head)}">{escape(section)}</th></tr>'
        )
        parts += [_line(row) for row in rows]
    header = "".join(f"<th>{one}</th>" for one in head)
    return f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(parts)}</tbody></table>"


def _line(row: Row) -> str:
    low, high = row.interval
    said = verdict(row)
    cells = (
        row.title + (f" [{row.unit}]" if row.unit else ""),
        number(row.value, signed=not row.distance),
        f"{number(low)} … {number(high)}",
        number(row.floor),
        number(row.matched) if row.distance else "",
        number(row.real) if row.real is not None else "",
        number(row.generated) if row.generated is not None else "",
        number(row.expected) if row.expected is not None else "",
    )
    plain = "".join(f"<td>{escape(one)}</td>" for one in cells)
    return f'<tr>{plain}<td class="{said.split()[0]}">{escape(said)}</td></tr>'


def _facts(report: Report) -> str:
    lines = []
    for name, value in report.facts.items():
        if isinstance(value, dict):
            lines += [(f"{name}: {key.replace('_', ' ')}", one) for key, one in value.items()]
        else:
            lines.append((name.replace("_", " "), value))
    lines += [(f"option {name}", value) for name, value in report.settings.items()]
    shown = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape('-' if value is None else str(value))}</td></tr>"
        for name, value in lines
    )
    return f'<table class="facts">{shown}</table>'
