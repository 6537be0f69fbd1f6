"""All metrics. A new one is one file here and one line in ``metrics_for``."""

from __future__ import annotations

from .amplitude import LAW, SPREAD
from .base import Figure, Metric, Value
from .direction import DIRECTION
from .jpeg import JPEG
from .law_fits import LAW_FITS
from .phase import PHASE
from .speckle import CORRELATION, RATIO, SPECTRUM, moments
from .texture import FEATURE_MEANS, TEXTURE
from .twins import MEMORISED, REPEATED


def metrics_for(looks: float | None = None) -> tuple[Metric, ...]:
    """In the order in which they are printed; ``looks`` is what the images should have."""
    return (
        LAW,
        SPREAD,
        LAW_FITS,
        moments(looks),
        RATIO,
        CORRELATION,
        SPECTRUM,
        PHASE,
        TEXTURE,
        FEATURE_MEANS,
        DIRECTION,
        REPEATED,
        MEMORISED,
        JPEG,
    )


__all__ = ["Figure", "Metric", "Value", "metrics_for"]
