"""Distances between the amplitude laws of two sets, from their histograms in dB.

Kolmogorov-Smirnov, Kullback-Leibler, Jensen-Shannon do not depend on whether amplitude, intensity
or decibels are taken; Wasserstein does, and is taken in dB. Unless levels are absolute, both laws
are moved to a common median first, so only their shape counts.
"""

from __future__ import annotations

import numpy as np

from ..summaries.law import CENTRES_DB, EDGES_DB, STEP_DB
from ..table import Array, Images
from .base import SHARE, SIZE, Figure, Metric, Value, property_of

SECTION = "Amplitude law"
_COARSE = 4
"""Bins of 0.25 dB taken together for the divergences, which empty bins would blow up."""
_EMPTY = 1e-7


def cumulative(images: Images, column: str = "histogram") -> Array:
    """Distribution function at ``EDGES_DB``, moved to the median unless levels are absolute."""
    total = np.concatenate([[0.0], np.cumsum(images.mean(column))])
    total /= total[-1]
    if images.absolute:
        return np.asarray(total)
    return np.asarray(np.interp(EDGES_DB + quantile_db(total, 0.5), EDGES_DB, total))


def quantile_db(cumulated: Array, share: float) -> float:
    """dB below which ``share`` of the pixels lie."""
    place = int(np.searchsorted(cumulated, share))
    low, high = cumulated[place - 1], cumulated[place]
    return float(EDGES_DB[place - 1] + STEP_DB * (share - low) / max(high - low, 1e-12))


def distances(first: Array, second: Array) -> dict[str, Value]:
    """The four distances of two distribution functions at ``EDGES_DB``."""
    p, q = (np.maximum(np.diff(one[::_COARSE]), 0) + _EMPTY for one in (first, second))
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    return {
        "law_ks": Value(float(np.max(np.abs(first - second)))),
        "law_kl": Value(float(np.sum(q * np.log(q / p)))),
        "law_js": Value(float((p @ np.log(p / middle) + q @ np.log(q / middle)) / 2)),
        "law_wasserstein_db": Value(float(np.sum(np.abs(first - second)) * STEP_DB)),
    }


def _law(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
    return distances(cumulative(real), cumulative(generated))


def _spread(images: Images) -> dict[str, float]:
    total = np.concatenate([[0.0], np.cumsum(images.mean("histogram"))])
    quarter, three_quarters = (quantile_db(total / total[-1], share) for share in (0.25, 0.75))
    moments = images.mean("log_cumulants")
    return {
        "law_spread_db": three_quarters - quarter,
        "image_log_variance": float(moments[0]),
        "image_log_skew": float(moments[1] / max(moments[0], 1e-12) ** 1.5),
    }


LAW = Metric(
    SECTION,
    (
        Figure("law_ks", "Kolmogorov-Smirnov distance", "", *SHARE),
        Figure("law_kl", "Kullback-Leibler, generated from real", "nat", *SIZE),
        Figure("law_js", "Jensen-Shannon divergence", "nat", *SIZE),
        Figure("law_wasserstein_db", "Wasserstein distance", "dB", *SIZE),
    ),
    ("histogram",),
    _law,
)
SPREAD = property_of(
    SECTION,
    (
        Figure("law_spread_db", "Interquartile range of the law", "dB"),
        Figure("image_log_variance", "Log-variance within an image"),
        Figure("image_log_skew", "Log-skewness within an image"),
    ),
    ("histogram", "log_cumulants"),
    _spread,
)
__all__ = ["CENTRES_DB", "LAW", "SPREAD"]
