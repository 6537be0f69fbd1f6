"""The pictures of a report, drawn with matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage, special

from ..errors import MissingExtraError
from .laws import TITLES
from .metrics.amplitude import cumulative
from .metrics.law_fits import fits_of
from .metrics.speckle import gamma_law, looks_of, ratio_law
from .summaries.glcm import DISTANCES, FEATURES
from .summaries.law import CENTRES_DB, EDGES_DB, NEPERS_PER_DB, STEP_DB
from .summaries.speckle import RATIO_EDGES, RATIO_STEP
from .table import Images

if TYPE_CHECKING:
    from .report import Report

REAL, GENERATED, THEORY = "#1b6ca8", "#d1495b", "#555555"
_SIZE = (7.2, 4.0)


def need_matplotlib() -> None:
    """Raise at once, before long work, if pictures cannot be drawn.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("matplotlib", "report") from error


def draw_all(report: Report) -> dict[str, tuple[bytes, str]]:
    """Name -> (PNG, what it shows)."""
    return {name: (_png(draw, report), caption) for name, (draw, caption) in FIGURES.items()}


def _png(draw: Callable[[Any, Report], None], report: Report) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure, report)
    held = io.BytesIO()
    figure.savefig(held, format="png", metadata={"Software": None})
    return held.getvalue()


def _axes(figure: Any, *places: int) -> Any:
    axes = figure.add_subplot(*(places or (1, 1, 1)))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return axes


def _law(figure: Any, report: Report) -> None:
    axes = _axes(figure)
    top = 0.0
    for images, colour, name in _sets(report):
        density = np.diff(cumulative(images)) / STEP_DB
        axes.plot(CENTRES_DB, density, color=colour, label=name, lw=1.6)
        top = max(top, float(ndimage.median_filter(density, 9).max()))
    axes.set_ylim(0, 1.25 * top)  # what is clipped in one bin would flatten all the rest
    best, _ = min(fits_of(report.real), key=lambda two: two[1])
    shift = 0.0 if report.real.absolute else _median_db(report.real)
    fitted = np.diff(best.below((EDGES_DB + shift) * NEPERS_PER_DB)) / STEP_DB
    axes.plot(CENTRES_DB, fitted, "--", color=THEORY, lw=1, label=f"{TITLES[best.law]} fit to real")
    shares = np.cumsum(report.real.mean("histogram"))
    low, high = np.searchsorted(shares, [1e-4, 1 - 1e-5])
    centre = CENTRES_DB - shift
    axes.set_xlim(centre[max(low - 16, 0)], centre[min(high + 16, len(centre) - 1)])
    axes.set_xlabel("power relative to the median [dB]")
    axes.set_ylabel("share of pixels per dB")
    axes.legend(frameon=False)


def _median_db(images: Images) -> float:
    shares = np.cumsum(images.mean("histogram"))
    return float(np.interp(shares[-1] / 2, shares, EDGES_DB[1:]))


def _cumulants(figure: Any, report: Report) -> None:
    axes = _axes(figure)
    for images, colour, name in _sets(report):
        found = images["log_cumulants"][:5000]
        axes.scatter(found[:, 1], found[:, 0], s=12, alpha=0.5, color=colour, label=name, lw=0)
    both = np.concatenate([report.real["log_cumulants"], report.generated["log_cumulants"]])
    top = float(np.nanpercentile(both[:, 0], 99)) * 1.3
    left, right = np.nanpercentile(both[:, 1], [1, 99])
    looks = report.looks or looks_of(report.real)
    shapes = np.geomspace(0.05, 1e3, 400)
    second, third = special.polygamma(1, shapes), special.polygamma(2, shapes)
    axes.plot(third, second, color=THEORY, lw=1.2, label="gamma: speckle of any looks")
    start = special.polygamma(1, looks), special.polygamma(2, looks)
    axes.plot(start[1] + third, start[0] + second, "--", color=THEORY, lw=1, label="K")
    axes.plot(start[1] - third, start[0] + second, ":", color=THEORY, lw=1.2, label="G0")
    axes.axvline(0, color=THEORY, lw=0.6, alpha=0.6)
    axes.text(0, top * 0.97, " log-normal", color=THEORY, fontsize=8, va="top")
    axes.plot(start[1], start[0], "k^", ms=7, label=f"speckle of {looks:.3g} looks")
    margin = 0.25 * max(right - left, 1.0)
    axes.set_xlim(min(left, start[1]) - margin, max(right, 0.0) + margin)
    axes.set_ylim(0, max(top, start[0] * 1.2))
    axes.set_xlabel("third log-cumulant")
    axes.set_ylabel("second log-cumulant")
    axes.legend(frameon=False, fontsize=8)


def _speckle(figure: Any, report: Report) -> None:
    centres = (RATIO_EDGES[1:] + RATIO_EDGES[:-1]) / 2 / NEPERS_PER_DB
    looks = report.looks or looks_of(report.real)
    curves = [(np.diff(ratio_law(one)), colour, name) for one, colour, name in _sets(report)]
    axes = _axes(figure, 1, 2, 1)
    for curve, colour, name in curves:
        axes.plot(centres, curve / RATIO_STEP, color=colour, label=name, lw=1.6)
    theory = np.diff(gamma_law(looks)) / RATIO_STEP
    axes.plot(centres, theory, "--", color=THEORY, lw=1, label=f"speckle of {looks:.3g} looks")
    axes.set_xlim(-25, 12)
    axes.set_xlabel("power over the block's mean [dB]")
    axes.set_ylabel("density per neper")
    axes.legend(frameon=False, fontsize=8)
    axes = _axes(figure, 1, 2, 2)
    for images, colour, name in _sets(report):
        found = 10 * np.log10(images.mean("spectrum"))
        for profile, style, way in zip(found, ("-", "--"), ("down", "across"), strict=True):
            frequency = np.arange(1, len(profile) + 1) / (2 * len(profile))
            axes.plot(frequency, profile, style, color=colour, lw=1.4, label=f"{name}, {way}")
    axes.set_xlabel("cycles per pixel")
    axes.set_ylabel("speckle spectrum over its mean [dB]")
    axes.legend(frameon=False, fontsize=8)


def _texture(figure: Any, report: Report) -> None:
    for place, feature in enumerate(("correlation", "contrast", "entropy"), 1):
        axes = _axes(figure, 1, 3, place)
        for images, colour, name in _sets(report):
            mean = images.mean("texture")[0, :, :, FEATURES.index(feature)]
            for direction, style, way in ((0, "-", "across"), (2, "--", "down")):
                axes.plot(
                    DISTANCES, mean[:, direction], style, marker="o", ms=3, color=colour,
                    label=f"{name}, {way}", lw=1.3,
                )  # fmt: skip
        axes.set_title(feature, fontsize=10)
        axes.set_xlabel("distance [pixels]")
        axes.set_xticks(DISTANCES)
        if place == 1:
            axes.legend(frameon=False, fontsize=7)


def _floors(figure: Any, report: Report) -> None:
    axes = _axes(figure)
    rows = [
        row
        for row in report.rows
        if row.distance and not row.two_sided and min(row.floor, row.matched) > 0
    ][::-1]
    for place, row in enumerate(rows):
        half = 1.96 * row.deviation / row.floor
        axes.errorbar(
            row.matched / row.floor, place, xerr=half, fmt="o", ms=4, capsize=2,
            color=GENERATED if row.differs else REAL,
        )  # fmt: skip
    axes.axvline(1, color=THEORY, lw=1)
    axes.set_xscale("log")
    axes.set_xlim(left=0.2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("{x:g}" if axes.get_xlim()[1] < 8 else "")
    axes.tick_params(axis="x", which="minor", labelsize=7)
    axes.set_yticks(range(len(rows)), [row.title for row in rows], fontsize=7)
    axes.set_xlabel("generated against real, over real against real (1: no difference)")


def _sets(report: Report) -> tuple[tuple[Images, str, str], ...]:
    return (report.real, REAL, "real"), (report.generated, GENERATED, "generated")


FIGURES: dict[str, tuple[Callable[[Any, Report], None], str]] = {
    "floors": (
        _floors,
        "Every distance as a multiple of its floor, the distance between two halves of the real "
        "set, with its 95 % interval. Red differs.",
    ),
    "law": (
        _law,
        "Distribution of power in dB, both sets moved to their medians. A spike at an end is what "
        "was clipped there, in both sets alike; it may leave the frame.",
    ),
    "log-cumulants": (
        _cumulants,
        "Log-cumulant diagram, one point per image. Speckle alone lies on the gamma line; texture "
        "moves an image up, to the K side (left) or the G0 side (right).",
    ),
    "speckle": (
        _speckle,
        "Left: law of the speckle in homogeneous blocks. Right: its spectrum; flat is white, a "
        "fall at high frequencies is the point spread, oversampling, or blur.",
    ),
    "texture": (_texture, "Co-occurrence features of dB images over distance."),
}
"""Name -> (how it is drawn, what it shows), in the order of the page."""
