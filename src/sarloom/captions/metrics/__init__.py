"""The seven figures of captions. A new metric is one file here and one line in ``METRICS``."""

from __future__ import annotations

from .base import Corpus, Metric, NotComputed, Programs
from .bleu import bleu
from .cider import cider
from .meteor import meteor
from .rouge import rouge_l

METRICS: tuple[Metric, ...] = (
    Metric(("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"), bleu),
    Metric(("METEOR",), meteor),
    Metric(("ROUGE-L",), rouge_l),
    Metric(("CIDEr",), cider),
)
"""In the order in which they are printed."""

__all__ = ["METRICS", "Corpus", "Metric", "NotComputed", "Programs"]
