"""The loss curve of a run as a picture: training loss, and error on tiles held out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ...files import write_aside
from ...tiles.chart import ticks
from ...tiles.view import FAINT, INK, PAPER, font

WIDE, HIGH = 900, 420
BOX = (64, 56, WIDE - 24, HIGH - 40)
COLOURS = {
    "loss of the batches": (110, 120, 132),
    "error on training tiles": (96, 156, 220),
    "error on held-out tiles": (226, 178, 72),
}
Points = list[tuple[int, float]]


def read_log(path: Path) -> list[dict[str, object]]:
    """Rows of a log by step; of a step that a resumed run took again, the last."""
    rows: dict[int, dict[str, object]] = {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # the run was killed in the middle of a line
        rows[int(row["step"])] = row
    return [rows[step] for step in sorted(rows)]


def curves_of(run: Path) -> dict[str, Points]:
    """Training loss and held-out errors of a run folder."""
    log = read_log(run / "state" / "log.jsonl")
    watched = read_log(run / "held-out.jsonl")
    found: dict[str, Points] = {name: [] for name in COLOURS}
    plain, train, held = found.values()
    for row in log:
        value = row.get("mse", row.get("reconstruction"))  # of a U-Net, of an autoencoder
        if value is not None:
            plain.append((int(str(row["step"])), float(str(value))))
    for row in watched:
        for points, part in ((train, row.get("train")), (held, row.get("held_out"))):
            if isinstance(part, dict):
                points.append((int(str(row["step"])), float(part["mean"])))
    return {name: points for name, points in found.items() if points}


def draw_curve(run: Path) -> Path | None:
    """Write ``RUN/loss.png``; None where nothing was logged yet."""
    curves = curves_of(run)
    if not curves:
        return None
    sheet = Image.new("RGB", (WIDE, HIGH), PAPER)
    draw = ImageDraw.Draw(sheet)
    values = sorted(value for points in curves.values() for _, value in points)
    # one early outlier shall not press the rest to the floor
    top = max(values[int(0.98 * (len(values) - 1))] * 1.1, 1e-9)
    last = max(step for points in curves.values() for step, _ in points)
    _axes(draw, last, top)
    x = float(BOX[0])
    for name, points in curves.items():
        places = [_place(step, value, last, top) for step, value in points]
        _line(draw, places, COLOURS[name])
        draw.rectangle((x, 24, x + 10, 34), COLOURS[name])
        draw.text((x + 16, 21), name, FAINT, font())
        x += 40 + draw.textlength(name, font())
    path = run / "loss.png"
    with write_aside(path) as aside:
        sheet.save(aside, "PNG")
    return path


def _place(step: float, value: float, last: int, top: float) -> tuple[float, float]:
    left, upper, right, lower = BOX
    share = min(max(value / top, 0.0), 1.0)
    return left + (right - left) * step / last, lower - (lower - upper) * share


def _line(
    draw: ImageDraw.ImageDraw, places: Sequence[tuple[float, float]], ink: tuple[int, int, int]
) -> None:
    if len(places) > 1:
        draw.line(list(places), ink, 2)
    x, y = places[-1]
    draw.ellipse((x - 3, y - 3, x + 3, y + 3), ink)


def _axes(draw: ImageDraw.ImageDraw, last: int, top: float) -> None:
    left, _, right, lower = BOX
    for value in ticks(0.0, top, 5):
        y = _place(0, value, last, top)[1]
        draw.line((left, y, right, y), (60, 64, 70))
        draw.text((8, y - 7), f"{value:.3g}", FAINT, font())
    for value in ticks(0.0, float(last), 8):
        x = _place(value, 0.0, last, top)[0]
        draw.line((x, lower, x, lower + 4), FAINT)
        draw.text((x - 8, lower + 8), f"{value:g}", FAINT, font())
    draw.text((right - 40, lower + 22), "step", INK, font())
