"""The amplitude law within each class of a class map, where both sets have maps or class names.

Two sets that say what stands where can be compared thing by thing: are roofs as bright, is water as
dark, has grass the same law? An image with a class but without a map is wholly of that class.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clusters import BINS, LOW_DB, STEP_DB, law_metrics
from .collect import ImageSet, sample_of
from .metrics.base import Figure, Metric, property_of
from .table import Images
from .view import View

SECTION = "Amplitude law by class"
COLUMN = "classes"
MOST = 12
"""Classes, the most frequent ones of the real set."""
_LEAST = 0.01
"""Share of a set that a class must have."""
_ALL = 0.999
_EMPTY = 1e-9


def common_classes(real: ImageSet, generated: ImageSet) -> tuple[str, ...]:
    """Names of the classes that a sample of both sets has, by how much of the real set they are."""
    shares = [_shares(images) for images in (real, generated)]
    both = [
        name for name, share in shares[0].items() if min(share, shares[1].get(name, 0)) > _LEAST
    ]
    if len(both) == 1 and min(share[both[0]] for share in shares) > _ALL:
        return ()  # a folder's name, say: the whole law once more
    return tuple(sorted(both, key=lambda name: (-shares[0][name], name))[:MOST])


def _shares(images: ImageSet) -> dict[str, float]:
    found: dict[str, float] = {}
    rows = sample_of(images)
    count = len(rows)
    for row in rows:
        classes = images.image(row).classes
        if classes is not None:
            counts = np.bincount(classes.codes.ravel(), minlength=256) / classes.codes.size / count
            for code, name in classes.names.items():
                if counts[code] > 0:
                    found[name] = found.get(name, 0.0) + float(counts[code])
    return found


@dataclass(frozen=True)
class ClassLaw:
    """Summary: share of an image's pixels in every class and bin of dB [classes, bins]."""

    names: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Of the names."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()[:16]

    def __call__(self, view: View) -> NDArray[np.float32]:
        """Shares of an image; NaN where it has no classes."""
        classes, count = view.image.classes, len(self.names)
        if classes is None:
            return np.full((count, BINS), np.nan, np.float32)
        place = np.full(256, count, np.int64)
        for code, name in classes.names.items():
            place[code] = self.names.index(name) if name in self.names else count
        valid = np.isfinite(view.decibels)
        kind, decibels = place[classes.codes[valid]], view.decibels[valid]
        bins = np.clip((decibels - LOW_DB) / STEP_DB, 0, BINS - 1).astype(np.int64)
        counts = np.bincount(kind * BINS + bins, minlength=(count + 1) * BINS)[: count * BINS]
        return np.asarray(counts.reshape(count, BINS) / max(kind.size, 1), np.float32)


def class_metrics(names: tuple[str, ...]) -> tuple[Metric, ...]:
    """Law and typical level within each class."""

    def levels(images: Images) -> dict[str, float]:
        found = images.mean(COLUMN)
        return {f"class_{name}_db": _median_db(found[row]) for row, name in enumerate(names)}

    return (
        law_metrics(SECTION, COLUMN, "class", {name: name for name in names})[0],
        property_of(
            SECTION,
            tuple(Figure(f"class_{name}_db", f"Median of {name}", "dB") for name in names),
            (COLUMN,),
            levels,
            fewest=16,
        ),
    )


def _median_db(shares: NDArray[np.float64]) -> float:
    """dB below which half the pixels of a class lie; NaN for a class that is not there."""
    total = float(shares.sum())
    if not total > _EMPTY:
        return float("nan")
    cumulated = np.concatenate([[0.0], np.cumsum(shares) / total])
    return float(LOW_DB + STEP_DB * np.interp(0.5, cumulated, np.arange(BINS + 1)))
