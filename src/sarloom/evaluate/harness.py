"""Every figure with what it takes to believe it: a floor, an interval, counts, warnings.

Interval
    Both sets are drawn anew, with replacement, images being the units; the interval is the figure
    plus and minus 1.96 standard deviations of its draws. Percentiles are not taken since distances
    between redrawn sets are biased upwards.
Floor
    The real set is split at random into A and B; the floor is the figure of B against A. A distance
    hangs on the number of images, so beside the floor stands the generated set in the same number
    of images against the same A ('matched'). Several splits are averaged.
Verdict
    'differs' if a property's difference is so many deviations of its draws that chance alone would
    have it once in 2000 (3.5 for many images, 4.5 for ten) and exceeds that of two halves; for a
    distance, if matched minus floor is (for precision, recall and their like, in either direction).
    'perhaps' if the same holds of 1.96 deviations only: one figure in twenty does by chance.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy import stats

from .metrics.base import Figure, Metric, Value
from .table import Array, Images

SPLITS = 12
_CHANCE = 2.5e-4
"""Of a deviation so large to one side: with sixty figures, one report in thirty has a false one."""
_TINY = 1e-9
_USUAL = 1.96
"""Deviations of a 95 % interval."""


@dataclass(frozen=True)
class Row:
    """One figure of a report."""

    section: str
    key: str
    title: str
    unit: str
    distance: bool
    value: float
    """Distance, or generated minus real."""
    deviation: float
    """Standard deviation over bootstrap draws."""
    floor: float
    """The same between halves of the real set; of a property its mean size."""
    matched: float
    """Generated against a half of the real set, in as many images as the floor has."""
    differs: bool
    real: float | None = None
    generated: float | None = None
    expected: float | None = None
    """What theory says each set should have."""
    images: tuple[int, int] = (0, 0)
    """Images used of the real and of the generated set."""
    split: int = 0
    """Images in each half of the floor."""
    warnings: tuple[str, ...] = field(default=())
    two_sided: bool = False
    """A score, such as precision: below its floor is as strange as above."""
    fewest: int = 0
    """Images of each set that it takes."""
    perhaps: bool = False
    """Beyond its 95 % interval and its floor, but not so far that chance is ruled out."""
    within: tuple[float, float] = (-math.inf, math.inf)
    """No interval goes beyond: a share lies between 0 and 1."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval."""
        half = _USUAL * self.deviation
        least, most = self.within
        return max(self.value - half, least), min(self.value + half, most)

    @property
    def strength(self) -> float:
        """How many deviations above the floor; orders findings."""
        above = abs(self.matched - self.floor) if self.distance else abs(self.value)
        return above / max(self.deviation, _TINY)


def evaluate(
    real: Images,
    generated: Images,
    metrics: Sequence[Metric],
    draws: int = 100,
    seed: int = 0,
    tick: Callable[[int, int, str], None] = lambda done, total, doing: None,
) -> list[Row]:
    """All figures of two sets.

    Parameters
    ----------
    real, generated
        Tables of summaries.
    metrics
        Metrics whose summaries are lacking in a set are left out.
    draws
        Bootstrap draws.
    seed
        Of draws and splits; a figure does not depend on which others are computed.
    """
    rows: list[Row] = []
    usable = [one for one in metrics if has(real, one) and has(generated, one)]
    for number, metric in enumerate(usable):
        tick(number, len(usable), metric.section)
        rows += _measure(real.only(metric.needs), generated.only(metric.needs), metric, draws, seed)
    return rows


def left_out(real: Images, generated: Images, metrics: Sequence[Metric]) -> list[str]:
    """What could not be computed, and why."""
    found = []
    for name, images in (("real", real), ("generated", generated)):
        lacking = [one.figures[0].title for one in metrics if not has(images, one)]
        if lacking:
            found.append(
                f"not computed, since fewer than half of the {name} images allow it: "
                + "; ".join(lacking)
            )
    return found


def has(images: Images, metric: Metric) -> bool:
    """Whether every summary is there for at least half the images."""
    return all(
        name in images.columns
        and np.isfinite(images[name].reshape(len(images), -1)).all(axis=1).mean() >= 0.5
        for name in metric.needs
    )


def _measure(real: Images, generated: Images, metric: Metric, draws: int, seed: int) -> list[Row]:
    rng = np.random.default_rng([seed, zlib.crc32(metric.figures[0].key.encode())])
    if metric.most is not None:
        real, generated = real.some(metric.most, rng), generated.some(metric.most, rng)
    count = min(draws, metric.draws or draws)
    values = metric.compute(real, generated, rng)
    drawn = [metric.compute(real.drawn(rng), generated.drawn(rng), rng) for _ in range(count)]
    half = min(len(real) // 2, len(generated))
    pairs = [_split(real, generated, half, metric, rng) for _ in range(SPLITS if half else 0)]
    warnings = _warnings(real, generated, metric)
    return [
        _row(metric, figure, values[figure.key], drawn, pairs, (len(real), len(generated)), half,
             warnings)
        for figure in metric.figures
    ]  # fmt: skip


Values = tuple[dict[str, Value], dict[str, Value]]


def _split(
    real: Images, generated: Images, half: int, metric: Metric, rng: np.random.Generator
) -> Values:
    """(B against A, generated against A), each of ``half`` images."""
    order = rng.permutation(len(real))
    a, b = real.take(np.sort(order[:half])), real.take(np.sort(order[half : 2 * half]))
    return (
        dict(metric.compute(a, b, rng)),
        dict(metric.compute(a, generated.some(half, rng), rng)),
    )


def _warnings(real: Images, generated: Images, metric: Metric) -> tuple[str, ...]:
    return tuple(
        f"{name}: {len(images)} images, this needs {metric.fewest} or more"
        for name, images in (("real", real), ("generated", generated))
        if len(images) < metric.fewest
    )


def _row(
    metric: Metric,
    figure: Figure,
    value: Value,
    drawn: Sequence[Mapping[str, Value]],
    pairs: Sequence[Values],
    images: tuple[int, int],
    half: int,
    warnings: tuple[str, ...],
) -> Row:
    key = figure.key
    values = _finite(np.array([one[key].value for one in drawn]))
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    if metric.two_sided:
        # a share of n images that no draw moves, such as all of them, is known to one in n only
        deviation = max(deviation, 1 / max(min(images), 1))
    needed = _needed(*images)
    halves = [[_size(metric, one[key].value) for one in pair] for pair in pairs]
    floors, matched = _finite(np.array(halves).reshape(-1, 2)).T
    floor = float(floors.mean()) if len(floors) else float("nan")
    if metric.distance:
        above = float((matched - floors).mean()) if len(floors) else float("nan")
        above = value.value - floor if metric.at_full_size else above
        above = abs(above) if metric.two_sided else above
        spread = float(floors.std()) if len(floors) else float("nan")
        clear = above > 2 * spread and above > _TINY
    else:
        above = abs(value.value)
        clear = above > floor and above > _TINY
    differs, perhaps = (clear and above > times * deviation for times in (needed, _USUAL))
    return Row(
        section=metric.section, key=key, title=figure.title, unit=figure.unit,
        distance=metric.distance, value=value.value, deviation=deviation, floor=floor,
        matched=float(matched.mean()) if len(matched) else float("nan"), differs=bool(differs),
        perhaps=bool(perhaps and not differs),
        real=value.real, generated=value.generated, images=images, split=half, warnings=warnings,
        two_sided=metric.two_sided, fewest=metric.fewest, within=(figure.least, figure.most),
    )  # fmt: skip


def _finite(values: Array) -> Array:
    """Without draws that lack what is measured, such as a class that few images have."""
    return values[np.isfinite(values.reshape(len(values), -1)).all(axis=1)]


@lru_cache
def _needed(real: int, generated: int) -> float:
    """Deviations of bootstrap draws that chance hardly reaches.

    A bootstrap's deviation of few images is small by the root of n / (n - 1), and itself so
    uncertain that Student's law counts.
    """
    few = max(min(real, generated), 2)
    wide = stats.t.isf(_CHANCE, max(real + generated - 2, 1))
    return float(wide * np.sqrt(few / (few - 1)))


def _size(metric: Metric, value: float) -> float:
    """An unbiased distance may come out below zero, and must stay there to be averaged."""
    return value if metric.distance else abs(value)
