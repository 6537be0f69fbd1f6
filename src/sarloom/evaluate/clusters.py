"""Kinds of ground, told by brightness and unevenness, and the amplitude law within each.

Two sets may agree in their law as a whole and be wrong in every part of it: too much shadow can
make up for too dark trees. So the law is also compared within clusters of 16 x 16 blocks. Clusters
are k-means (Lloyd 1982) of the blocks' mean and deviation of dB in the real set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .metrics.base import SHARE, Figure, Metric, Value, property_of
from .table import Array, Images
from .view import View, blocks

SECTION = "Amplitude law by ground"
COLUMN = "clusters"
COUNT = 4
LOW_DB, HIGH_DB, STEP_DB = -40.0, 40.0, 0.5
BINS = int((HIGH_DB - LOW_DB) / STEP_DB)
_RARE = 0.02
"""Share of the blocks of a set below which a cluster's law is not compared."""
_BLOCKS = 256
"""Blocks of one image at the most, from which clusters are found."""


def block_moments(view: View) -> tuple[NDArray[np.float32], Array]:
    """dB of whole blocks [blocks, 256], and their mean and deviation [blocks, 2]."""
    cells = blocks(view.decibels).reshape(-1, 256)
    cells = cells[np.isfinite(cells).all(axis=1)]
    wide = cells.astype(np.float64)
    return cells, np.stack([wide.mean(axis=1), wide.std(axis=1)], axis=1)


def find_clusters(views: Iterable[View]) -> Array:
    """Centres [clusters, 2] of the blocks of some images, darkest first."""
    from scipy.cluster.vq import kmeans2

    found = []
    for view in views:
        moments = block_moments(view)[1]
        found.append(moments[:: max(1, len(moments) // _BLOCKS)])
    points = np.concatenate(found)
    if len(points) < COUNT:
        return np.zeros((COUNT, 2))
    # from evenly spread quantiles of brightness, so nothing is drawn
    start = points[np.argsort(points[:, 0], kind="stable")]
    start = start[np.linspace(0, len(start) - 1, 2 * COUNT + 1).astype(int)[1::2]]
    centres, _ = kmeans2(points, start, minit="matrix", iter=30, missing="warn")
    return np.asarray(centres[np.argsort(centres[:, 0], kind="stable")], np.float64)


@dataclass(frozen=True)
class ClusterLaw:
    """Summary: share of an image's pixels in every cluster and bin of dB [clusters, bins]."""

    centres: Array

    @property
    def fingerprint(self) -> str:
        """Of the centres."""
        return hashlib.sha256(self.centres.tobytes()).hexdigest()[:16]

    def __call__(self, view: View) -> NDArray[np.float32]:
        """Shares of an image; NaN where it has no whole block."""
        cells, moments = block_moments(view)
        if not len(cells):
            return np.full((COUNT, BINS), np.nan, np.float32)
        gaps = np.sum((moments[:, None] - self.centres[None]) ** 2, axis=2)
        kind = np.argmin(gaps, axis=1)
        bins = np.clip((cells - LOW_DB) / STEP_DB, 0, BINS - 1).astype(np.int64)
        codes = (kind[:, None] * BINS + bins).ravel()
        shares = np.bincount(codes, minlength=COUNT * BINS) / codes.size
        return np.asarray(shares.reshape(COUNT, BINS), np.float32)


def cluster_metrics(centres: Array) -> tuple[Metric, ...]:
    """Law within each cluster, and how much ground is of which."""
    names = {
        str(number): f"ground of {mean:+.0f} dB, deviation {spread:.0f} dB"
        for number, (mean, spread) in enumerate(centres, 1)
    }
    return law_metrics(SECTION, COLUMN, "ground", names)


def law_metrics(
    section: str, column: str, key: str, names: Mapping[str, str]
) -> tuple[Metric, Metric]:
    """Distance of the laws within each of several parts, and the share of each part.

    Parameters
    ----------
    column
        Name of the summary: shares of an image's pixels in every part and bin of dB.
    key, names
        Of the figures: short name of each part -> what it is called.
    """

    def law(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
        first, second = real.mean(column), generated.mean(column)
        values = {}
        for a, b, name in zip(first, second, names, strict=True):
            rare = min(a.sum(), b.sum()) < _RARE
            gap = np.abs(np.cumsum(a) / max(a.sum(), 1e-9) - np.cumsum(b) / max(b.sum(), 1e-9))
            values[f"{key}_{name}_ks"] = Value(0.0 if rare else float(gap.max()))
        return values

    def shares(images: Images) -> dict[str, float]:
        found = images.mean(column).sum(axis=1)
        return {f"{key}_{name}_share": float(one) for one, name in zip(found, names, strict=True)}

    distances = tuple(
        Figure(f"{key}_{name}_ks", f"Kolmogorov-Smirnov, {title}", "", *SHARE)
        for name, title in names.items()
    )
    parts = tuple(Figure(f"{key}_{name}_share", f"Share of {one}") for name, one in names.items())
    return (
        Metric(section, distances, (column,), law, fewest=16),
        property_of(section, parts, (column,), shares, fewest=16),
    )
