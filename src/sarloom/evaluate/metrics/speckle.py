"""Speckle of each set: looks, log-moments, and the law of the ratio image."""

from __future__ import annotations

import numpy as np
from scipy import special

from ..laws import shape_of_variance
from ..summaries.speckle import LAGS, RATIO_EDGES
from ..table import Array, Images
from .base import SHARE, SIZE, Figure, Metric, Value, property_of

SECTION = "Speckle"


def looks_of(images: Images) -> float:
    """Equivalent number of looks from the log-variance of the quiet blocks."""
    return shape_of_variance(float(images.mean("speckle")[1]))


def ratio_law(images: Images) -> Array:
    """Distribution function of ln(I / block mean) at ``RATIO_EDGES``."""
    total = np.concatenate([[0.0], np.cumsum(images.mean("ratio"))])
    return np.asarray(total / total[-1])


def gamma_law(looks: float) -> Array:
    """The same of speckle of ``looks``."""
    return np.asarray(special.gammainc(looks, looks * np.exp(RATIO_EDGES)))


def moments(looks: float | None) -> Metric:
    """Looks and log-moments; ``looks`` is what the images should have, if known."""

    def measure(images: Images) -> dict[str, float]:
        cv_squared, second, third = (float(one) for one in images.mean("speckle"))
        return {
            "enl": 1.0 / max(cv_squared, 1e-12),
            "speckle_cv": float(np.sqrt(max(cv_squared, 0.0))),
            "speckle_log_variance": second,
            "speckle_log_skew": third / max(second, 1e-12) ** 1.5,
            "speckle_gamma_ks": float(
                np.max(np.abs(ratio_law(images) - gamma_law(looks or looks_of(images))))
            ),
        }

    law = f"gamma law of {looks:g} looks" if looks else "gamma law of its own looks"
    return property_of(
        SECTION,
        (
            Figure("enl", "Equivalent number of looks, homogeneous blocks"),
            Figure("speckle_cv", "Coefficient of variation of the speckle"),
            Figure("speckle_log_variance", "Log-variance of the speckle"),
            Figure("speckle_log_skew", "Log-skewness of the speckle"),
            Figure("speckle_gamma_ks", f"Distance of the ratio image from the {law}"),
        ),
        ("speckle", "ratio"),
        measure,
    )


def expected(looks: float) -> dict[str, float]:
    """What fully developed speckle of ``looks`` has, by figure."""
    second = float(special.polygamma(1, looks))
    return {
        "enl": looks,
        "speckle_cv": float(1 / np.sqrt(looks)),
        "speckle_log_variance": second,
        "speckle_log_skew": float(special.polygamma(2, looks)) / second**1.5,
        "speckle_gamma_ks": 0.0,
    }


def _ratio(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
    gap = np.max(np.abs(ratio_law(real) - ratio_law(generated)))
    return {"ratio_ks": Value(float(gap))}


_LAGS = {(0, 1): "across_1", (1, 0): "down_1", (0, 2): "across_2", (2, 0): "down_2"}


def _correlation(images: Images) -> dict[str, float]:
    values = images.mean("correlation")
    return {f"correlation_{name}": float(values[LAGS.index(lag)]) for lag, name in _LAGS.items()}


def _spectrum(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
    first, second = (10 * np.log10(one.mean("spectrum")) for one in (real, generated))
    return {"spectrum_db": Value(float(np.sqrt(np.mean((first - second) ** 2))))}


RATIO = Metric(
    SECTION,
    (Figure("ratio_ks", "Ratio images, Kolmogorov-Smirnov distance", "", *SHARE),),
    ("ratio",),
    _ratio,
)
CORRELATION = property_of(
    SECTION,
    (
        Figure("correlation_across_1", "Autocorrelation, next column"),
        Figure("correlation_down_1", "Autocorrelation, next row"),
        Figure("correlation_across_2", "Autocorrelation, two columns on"),
        Figure("correlation_down_2", "Autocorrelation, two rows on"),
    ),
    ("correlation",),
    _correlation,
)
SPECTRUM = Metric(
    SECTION,
    (Figure("spectrum_db", "Spectra of the speckle, rms difference", "dB", *SIZE),),
    ("spectrum",),
    _spectrum,
)
