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
    values = view.valid_decibels
    bins = np.clip((values - LOW_DB) / STEP_DB, 0, len(CENTRES_DB) - 1).astype(np.int64)
    counts = np.bincount(bins, minlength=len(CENTRES_DB))
    return np.asarray(counts / values.size, np.float32)


def log_cumulants(view: View) -> np.ndarray:
    """Second and third log-cumulant of the whole image, and the share of clipped pixels."""
    values = view.valid_decibels.astype(np.float64)
    values *= NEPERS_PER_DB
    values -= values.mean()
    square = values * values  # a power of 3 takes ten times as long as two products
    third = np.dot(square, values) / values.size
    return np.array([square.mean(), third, view.clipped], np.float32)
