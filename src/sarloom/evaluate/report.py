"""The report of an evaluation: everything that its page, its table and its JSON show."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from .classes import COLUMN as CLASSES
from .classes import ClassLaw, class_metrics, common_classes
from .clusters import COLUMN, ClusterLaw, cluster_metrics
from .collect import (
    ImageSet,
    Level,
    Scale,
    Survey,
    clusters,
    collect,
    common_scale,
    names_of,
)
from .findings import Finding, findings_of, number
from .harness import Row, evaluate, has, left_out
from .metrics import Metric, metrics_for
from .metrics.phase import THEORY as PHASE_THEORY
from .metrics.speckle import expected, looks_of
from .pairs import PAIRS, pair_tables, pairs_of
from .summaries import Summary
from .table import Images
from .usefulness import USEFULNESS, classes_of, usefulness

FORMAT = 1
Tick = Callable[[int, int, str], None]
HEADER = ("figure", "value", "95 % interval", "floor", "real", "generated", "verdict")


@dataclass(frozen=True)
class Report:
    """Figures, findings and the facts they rest on."""

    rows: tuple[Row, ...]
    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    facts: dict[str, Any]
    settings: dict[str, Any]
    real: Images
    generated: Images
    looks: float | None

    def as_plain(self) -> dict[str, Any]:
        """Values ready for JSON; what is not a number is null."""
        return {
            "format": FORMAT,
            "software": f"sarloom {__version__}",
            "findings": [dataclasses.asdict(one) for one in self.findings],
            "warnings": list(self.warnings),
            "facts": self.facts,
            "settings": self.settings,
            "figures": [_plain_row(row) for row in self.rows],
        }


def make_report(
    real: ImageSet,
    generated: ImageSet,
    settings: dict[str, Any],
    level: Level = "auto",
    looks: float | None = None,
    draws: int = 100,
    seed: int = 0,
    extra: Sequence[tuple[str, Summary]] = (),
    extra_metrics: Sequence[Metric] = (),
    tick: Tick = lambda done, total, doing: None,
    keep: Path | None = None,
    paired: bool = False,
    classify: bool = False,
) -> Report:
    """Compare two sets of images.

    Parameters
    ----------
    settings
        What was asked for, kept with the report.
    looks
        Looks of the speckle; by default as the records of the real images say.
    extra, extra_metrics
        Features of encoders and the metrics over them.
    keep
        Folder in which summaries are kept, so that a stopped run goes on.
    paired
        Images of the same name show the same ground.
    classify
        Sub-folders are classes, to train a classifier on.
    """
    names = (names_of(real), names_of(generated)) if paired or classify else ([], [])
    pairs = pairs_of(*names) if paired else []
    if classify:
        classes_of(*names)
    scale, first, second = common_scale(real, generated, level)
    looks = looks or first.looks
    centres = clusters(real, scale.real_gain, scale)
    classes = common_classes(real, generated)
    by_class = [(CLASSES, ClassLaw(classes))] if classes else []
    extra = (*extra, (COLUMN, ClusterLaw(centres)), *by_class)
    a = collect(real, scale.real_gain, scale, tick, extra, keep)
    b = collect(generated, scale.generated_gain, scale, tick, extra, keep)
    ground = (*cluster_metrics(centres), *(class_metrics(classes) if classes else ()))
    metrics = (*metrics_for(looks), *ground, *extra_metrics)
    rows = evaluate(a, b, metrics, draws, seed, tick)
    if pairs:
        tables = pair_tables(real, generated, pairs, looks or looks_of(a), seed, tick)
        rows += evaluate(*tables, (PAIRS,), draws, seed)
    if classify:
        tables = usefulness(real, generated, names, seed, tick=tick)
        rows += evaluate(*tables, (USEFULNESS,), draws, seed)
    lacking = left_out(a, b, [one for one in metrics if not _optional(one) or has(a, one)])
    theory = {**PHASE_THEORY, **(expected(looks) if looks else {})}
    rows = [dataclasses.replace(row, expected=theory.get(row.key)) for row in rows]
    return Report(
        rows=tuple(rows),
        findings=tuple(findings_of(rows, a, b)),
        warnings=(*lacking, *_warnings(rows, scale, looks, a)),
        facts={
            "real": _facts(real, first, a),
            "generated": _facts(generated, second, b),
            "looks": looks,
            "classes": list(classes),
            "level": scale.level,
            "compared_from_db": 10 * math.log10(scale.floor) if scale.floor else None,
            "compared_up_to_db": _finite(10 * math.log10(scale.ceiling)),
        },
        settings=settings,
        real=a,
        generated=b,
        looks=looks,
    )


def _optional(metric: Metric) -> bool:
    """Whether it needs what many sets do not have, phase or captions."""
    return any(name == "phase" or name.startswith("captions/") for name in metric.needs)


def _facts(images: ImageSet, found: Survey, table: Images) -> dict[str, Any]:
    return {
        "source": images.title,
        "images": len(table),
        "calibration": list(found.calibrations),
        "looks_stated": found.looks,
        "looks_measured": _finite(round(looks_of(table), 4)),
        "share_clipped": round(float(table.mean("log_cumulants")[2]), 6),
        "integer_pixels": found.integer,
        "each_scaled_for_itself": found.own_scale,
        "complex": found.has_complex,
    }


def _warnings(rows: Sequence[Row], scale: Scale, looks: float | None, real: Images) -> list[str]:
    found = _few(rows)
    if math.isfinite(scale.ceiling) or scale.floor > 0:
        low = f"{10 * math.log10(scale.floor):.1f}" if scale.floor else "any"
        high = f"{10 * math.log10(scale.ceiling):.1f}" if math.isfinite(scale.ceiling) else "any"
        found.append(
            f"pixels lie at the ends of the scale of their file: both sets are compared between "
            f"{low} and {high} dB about the median only"
        )
    if scale.level == "image":
        found.append("every image was taken relative to its own median: levels are not compared")
    measured = looks_of(real)
    if looks is not None and math.isfinite(measured) and not 0.67 < measured / looks < 1.5:
        found.append(
            f"the real images should have {looks:g} looks and their speckle has {measured:.2f}: "
            "is amplitude taken for intensity, or is the speckle correlated?"
        )
    return found


def _few(rows: Sequence[Row]) -> list[str]:
    """One warning for all sections that need more images than there are."""
    most: dict[str, int] = {}
    for row in rows:
        if row.warnings:
            most[row.section] = max(row.fewest, most.get(row.section, 0))
    if not most:
        return []
    needs = {count: [one for one in most if most[one] == count] for count in most.values()}
    real, generated = next(row.images for row in rows if row.warnings)
    said = "; ".join(f"{count} for {', '.join(needs[count])}" for count in sorted(needs))
    return [f"few images: {real} real and {generated} generated, and it takes {said}"]


def table_rows(report: Report) -> list[tuple[str, ...]]:
    """Cells of the printed table, under ``HEADER``."""
    cells: list[tuple[str, ...]] = []
    for row in report.rows:
        low, high = row.interval
        unit = f" [{row.unit}]" if row.unit else ""
        cells.append(
            (
                row.title + unit,
                number(row.value, signed=not row.distance),
                f"{number(low)} .. {number(high)}",
                number(row.floor),
                number(row.real),
                number(row.generated),
                verdict(row),
            )
        )
    return cells


def verdict(row: Row) -> str:
    """One word for the table."""
    if row.warnings:
        return "differs (few images)" if row.differs else "few images"
    return "differs" if row.differs else "perhaps" if row.perhaps else "same"


def _plain_row(row: Row) -> dict[str, Any]:
    plain = {
        name: _finite(value) if isinstance(value, float) else value
        for name, value in dataclasses.asdict(row).items()
        if name != "within"
    }
    return {**plain, "interval": [_finite(one) for one in row.interval], "verdict": verdict(row)}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
