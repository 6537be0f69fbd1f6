"""The statistics picture of a tile set: two histograms, speckle against its law, and a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..files import write_aside
from .physics import Histogram
from .rows import box_of
from .split import METRES_PER_DEGREE
from .stats import Figures, amplitude_law, describe_figures, law_name
from .view import FAINT, INK, PAPER, font

FloatArray = NDArray[np.float64]
Colour = tuple[int, int, int]
COLOURS: dict[str, Colour] = {
    "train": (96, 156, 220), "validation": (226, 178, 72), "test": (214, 96, 96),
}  # fmt: skip
BAR, LAW, STATED = (96, 156, 220), (240, 196, 84), (226, 120, 96)
WIDE, HIGH = 600, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 28, 72, 48
_TAIL = 1e-3
"""Share of counts at either end that does not stretch an axis."""


def draw_figures(figures: Figures, path: Path) -> Path:
    """Write the picture as PNG."""
    sheet = Image.new("RGB", (3 * WIDE, 2 * HIGH), PAPER)
    draw = ImageDraw.Draw(sheet)
    _amplitudes(draw, Panel(0, 0), figures)
    _speckle(draw, Panel(0, HIGH), figures)
    _looks(draw, Panel(WIDE, 0), figures)
    _words(draw, Panel(WIDE, HIGH), figures)
    _map(draw, (2 * WIDE + _LEFT + 20, _TOP, 3 * WIDE - _RIGHT, 2 * HIGH - _BOTTOM), figures)
    with write_aside(path) as aside:
        sheet.save(aside, "PNG")
    return path


@dataclass(frozen=True)
class Panel:
    """A corner of the sheet in which one diagram stands."""

    x: int
    y: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the diagram itself."""
        return self.x + _LEFT, self.y + _TOP, self.x + WIDE - _RIGHT, self.y + HIGH - _BOTTOM

    def title(self, draw: ImageDraw.ImageDraw, text: str) -> None:
        """The heading above."""
        draw.text((self.x + _LEFT, self.y + 18), text, INK, font(15))

    def legend(self, draw: ImageDraw.ImageDraw, entries: Sequence[tuple[Colour, str]]) -> None:
        """Colours and what they mean, in one line below the heading."""
        x = float(self.x + _LEFT)
        for colour, text in entries:
            draw.rectangle((x, self.y + 46, x + 10, self.y + 56), colour)
            draw.text((x + 16, self.y + 43), text, FAINT, font())
            x += 34 + draw.textlength(text, font())


@dataclass(frozen=True)
class Axes:
    """Value and share to a place on the sheet."""

    box: tuple[int, int, int, int]
    low: float
    high: float
    tallest: float

    def x(self, value: float) -> float:
        """Of a value."""
        left, _, right, _ = self.box
        return left + (value - self.low) / (self.high - self.low) * (right - left)

    def y(self, share: float) -> float:
        """Of a share of counts per step."""
        _, top, _, bottom = self.box
        return bottom - min(1.0, share / self.tallest) * (bottom - top)


def _bars(
    draw: ImageDraw.ImageDraw,
    panel: Panel,
    counted: Histogram,
    law: FloatArray | None = None,
    logarithmic: bool = False,
) -> Axes | None:
    """Bars over the occupied range with an axis below; None, said on the sheet, if empty.

    ``law`` is the share that should be in each step; it is drawn as a line. A first bar that towers
    above all others (pixels of exactly zero) is cut and its share written on it.
    """
    left, top, right, bottom = panel.box
    if counted.total == 0:
        draw.text((left, top), "nothing to count", FAINT, font())
        return None
    shares = counted.counts / counted.total
    reached = np.cumsum(shares)
    first = max(0, int(np.searchsorted(reached, _TAIL)) - 1)
    last = min(len(shares), int(np.searchsorted(reached, 1 - _TAIL)) + 2)
    low, step = counted.low, counted.step
    highest = float(shares[first + 1 :].max(initial=0.0)) or float(shares.max())
    if law is not None:
        highest = max(highest, float(law[first:last].max()))
    if shares[first] < 2 * highest:
        highest = max(highest, float(shares[first]))
    axes = Axes(panel.box, low + first * step, low + last * step, 1.05 * highest)
    for index in range(first, last):
        x = axes.x(low + index * step), axes.x(low + (index + 1) * step) - 1
        if shares[index] > 0:
            draw.rectangle((x[0], axes.y(shares[index]), max(x), bottom), BAR)
        if shares[index] > axes.tallest:
            draw.text((max(x) + 4, top), f"{shares[index]:.0%}", FAINT, font())
    draw.line((left, bottom, right, bottom), FAINT)
    marks = _decades(axes.low, axes.high) if logarithmic else ticks(axes.low, axes.high)
    for value in marks:
        x0 = axes.x(value)
        draw.line((x0, bottom, x0, bottom + 5), FAINT)
        text = f"{10**value:.3g}" if logarithmic else f"{value:g}"
        draw.text((x0, bottom + 8), text, INK, font(), anchor="ma")
    if law is not None:
        _curve(draw, axes, counted.middles, law)
    return axes


def _curve(draw: ImageDraw.ImageDraw, axes: Axes, values: FloatArray, shares: FloatArray) -> None:
    """A line over the bars, as far as the axis goes."""
    inside = (values >= axes.low) & (values <= axes.high)
    points = [
        (axes.x(value), axes.y(share))
        for value, share in zip(values[inside].tolist(), shares[inside].tolist(), strict=True)
    ]
    if len(points) > 1:
        draw.line(points, LAW, 2, joint="curve")


def _amplitudes(draw: ImageDraw.ImageDraw, panel: Panel, figures: Figures) -> None:
    """All pixels in decibels, with the law for ground that is the same everywhere."""
    counted, looks = figures.amplitude_db, figures.law_looks
    panel.title(draw, "amplitude of all pixels, 20 log10 A [dB]")
    law = None
    if looks is not None and counted.total:
        power = 10 ** (counted.middles / 10)
        mean = float((power * counted.counts).sum() / counted.total)
        edges = 10 ** ((counted.low + counted.step * np.arange(len(counted.counts) + 1)) / 20)
        law = np.diff(amplitude_law(edges / np.sqrt(mean), looks))
        name = f"if all ground were alike: {law_name(figures)}"
        panel.legend(draw, [(BAR, "measured"), (LAW, name)])
    _bars(draw, panel, counted, law)


def _speckle(draw: ImageDraw.ImageDraw, panel: Panel, figures: Figures) -> None:
    """Even ground over its own mean, where nothing but speckle is left."""
    counted, looks, distance = figures.speckle, figures.law_looks, figures.law_distance
    panel.title(draw, "speckle: amplitude over the r.m.s. of its 16 x 16 block, even ground")
    law = None
    if looks is not None and distance is not None:
        edges = counted.low + counted.step * np.arange(len(counted.counts) + 1)
        law = np.diff(amplitude_law(edges, looks))
        name = f"{law_name(figures)}; largest difference {distance:.3f}"
        panel.legend(draw, [(BAR, "measured"), (LAW, name)])
    _bars(draw, panel, counted, law)


def _looks(draw: ImageDraw.ImageDraw, panel: Panel, figures: Figures) -> None:
    """Looks of blocks, with what is stated and what even ground gives."""
    panel.title(draw, "looks of 16 x 16 blocks: squared mean over variance of power")
    axes = _bars(draw, panel, figures.looks, logarithmic=True)
    if axes is None:
        return
    legend: list[tuple[Colour, str]] = [(BAR, "all blocks")]
    _, top, _, bottom = panel.box
    for value, colour, name in (
        (figures.measured_looks, LAW, "even ground"),
        (figures.stated_looks, STATED, "stated"),
    ):
        if value is None or not axes.low <= np.log10(value) <= axes.high:
            continue
        x = axes.x(float(np.log10(value)))
        draw.line((x, top, x, bottom), colour, 2)
        legend.append((colour, f"{name}: {value:.3g}"))
    panel.legend(draw, legend)


def _words(draw: ImageDraw.ImageDraw, panel: Panel, figures: Figures) -> None:
    """The figures that the command prints."""
    panel.title(draw, "the set")
    left, top = panel.x + _LEFT, panel.y + 50
    width = WIDE - _LEFT - 140 - 8
    for number, (name, text) in enumerate(describe_figures(figures)):
        y = top + 21 * number
        draw.text((left, y), name, FAINT, font())
        while draw.textlength(text, font(12)) > width and len(text) > 4:
            text = text[:-4].rstrip(" ,.") + "..."
        draw.text((left + 140, y), text, INK, font(12))


def ticks(low: float, high: float, most: int = 8) -> list[float]:
    """Round numbers between two ends."""
    raw = (high - low) / most
    power = 10 ** np.floor(np.log10(raw))
    step = next(float(n * power) for n in (1, 2, 5, 10) if n * power >= raw * (1 - 1e-9))
    first = float(np.ceil(low / step) * step)
    return [round(first + step * n, 12) for n in range(int((high - first) / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Logarithms of 1, 2 and 5 in every decade between two ends."""
    decades = range(int(np.floor(low)), int(np.ceil(high)) + 1)
    marks = [decade + float(np.log10(n)) for decade in decades for n in (1, 2, 5)]
    return [mark for mark in marks if low <= mark <= high]


# -- the map -------------------------------------------------------------------------------------


def _map(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], figures: Figures) -> None:
    """Footprints in longitude and latitude, to scale at the middle latitude."""
    left, top, right, bottom = box
    panel = Panel(left - _LEFT, 0)
    panel.title(draw, "footprints: longitude, latitude [deg]")
    panel.legend(draw, [(COLOURS[split], f"{split} ({n})") for split, n in figures.splits.items()])
    rings = [ring for each in figures.footprints.values() for ring in each]
    if not rings:
        draw.text((left, top + 8), "no tile is georeferenced", FAINT, font())
        return
    boxes = np.array([box_of(ring) for ring in rings])
    west, south = float(boxes[:, 0].min()), float(boxes[:, 1].min())
    east, north = float(boxes[:, 2].max()), float(boxes[:, 3].max())
    squeeze = max(0.02, float(np.cos(np.radians((south + north) / 2))))
    width, height = max((east - west) * squeeze, 1e-9), max(north - south, 1e-9)
    scale = min((right - left) / width, (bottom - 36 - top) / height)

    def place(lon: float, lat: float) -> tuple[float, float]:
        return left + (lon - west) * squeeze * scale, top + (north - lat) * scale

    # training first, so that the few of the others lie on top where rounding makes them meet
    for split, each in figures.footprints.items():
        for ring in each:
            _footprint(draw, [place(*corner) for corner in ring], COLOURS[split])
    end_y = place(east, south)[1]
    for value in ticks(west, east, 4) if east > west else []:
        x = place(value, south)[0]
        draw.line((x, end_y + 6, x, end_y + 11), FAINT)
        draw.text((x, end_y + 14), f"{value:.7g}", INK, font(11), anchor="ma")
    for value in ticks(south, north, 6) if north > south else []:
        y = place(west, value)[1]
        draw.line((left - 8, y, left - 3, y), FAINT)
        draw.text((left - 10, y), f"{value:.7g}", INK, font(11), anchor="rm")
    _scale_bar(draw, (left, end_y + 40), scale / METRES_PER_DEGREE, right - left)


def _footprint(
    draw: ImageDraw.ImageDraw, corners: list[tuple[float, float]], colour: Colour
) -> None:
    """An outlined, faintly filled tile; a dot where it would be too small to see."""
    if max(abs(a - b) for a, b in zip(corners[0], corners[2], strict=True)) < 3:
        x, y = corners[0]
        draw.ellipse((x - 2, y - 2, x + 2, y + 2), colour)
        return
    dim = tuple((2 * paper + own) // 3 for paper, own in zip(PAPER, colour, strict=True))
    draw.polygon(corners, fill=dim, outline=colour)


def _scale_bar(
    draw: ImageDraw.ImageDraw, corner: tuple[float, float], per_metre: float, room: int
) -> None:
    """A round distance, about a third of the map."""
    rough = room / 3 / per_metre
    power = 10 ** np.floor(np.log10(rough))
    metres = max(float(n * power) for n in (1, 2, 5) if n * power <= rough)
    x, y = corner
    draw.line((x, y, x + metres * per_metre, y), INK, 2)
    text = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    draw.text((x + metres * per_metre + 8, y), text, FAINT, font(11), anchor="lm")
