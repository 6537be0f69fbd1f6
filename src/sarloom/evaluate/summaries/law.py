"""Histogram of the power of an image, and its log-cumulants."""

from __future__ import annotations

import numpy as np

from ..view import View

LOW_DB, HIGH_DB, STEP_DB = -60.0, 50.0, 0.25
EDGES_DB = np.arange(LOW_DB, HIGH_DB + STEP_DB / 2, STEP_DB)
CENTRES_DB = (EDGES_DB[1:] + EDGES_DB[:-1]) / 2
NEPERS_PER_DB = np.log(10) / 10


def histogram(view: View) -> np.ndarray:
    """Share of valid pixels in every bin of ``EDGES_DB``; what lies beyond is in the end bins."""
    values = view.decibels[np.isfinite(view.decibels)]
    bins = np.asarray((values - LOW_DB) / STEP_DB, np.int64)
    counts = np.bincount(np.clip(bins, 0, len(CENTRES_DB) - 1), minlength=len(CENTRES_DB))
    return np.asarray(counts / values.size, np.float32)


def log_cumulants(view: View) -> np.ndarray:
    """Second and third log-cumulant of the whole image, and the share of clipped pixels."""
    values = view.decibels[np.isfinite(view.decibels)].astype(np.float64) * NEPERS_PER_DB
    centred = values - values.mean()
    square = centred * centred  # a power of 3 takes ten times as long as two products
    return np.array([square.mean(), np.mean(square * centred), view.clipped], np.float32)
