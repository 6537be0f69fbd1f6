"""Summaries of one image, from which all metrics are computed: a pass over the pixels, once.

A new summary is a function of a ``View`` and one line in ``SUMMARIES``. Its array has the same
shape for every image, so a set of 10,000 images is a table of some ten thousand short rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..view import View
from .glcm import texture
from .law import histogram, log_cumulants
from .layout import direction, jpeg_grid, thumbnail
from .speckle import correlation, moments, phase, ratio_histogram, spectrum

Summary = Callable[[View], NDArray[np.float32]]

SUMMARIES: dict[str, Summary] = {
    "histogram": histogram,
    "log_cumulants": log_cumulants,
    "speckle": moments,
    "ratio": ratio_histogram,
    "correlation": correlation,
    "spectrum": spectrum,
    "phase": phase,
    "texture": texture,
    "direction": direction,
    "thumbnail": thumbnail,
    "jpeg_grid": jpeg_grid,
}
"""Name -> function of one image."""
