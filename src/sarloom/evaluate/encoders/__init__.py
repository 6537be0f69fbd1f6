"""Features to compare sets by. A new encoder is one file here and one line in ``ENCODERS``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..metrics import Metric
from ..metrics.alignment import alignment_metric
from ..metrics.features import feature_metrics
from ..summaries import Summary
from .descriptor import NAME as DESCRIPTOR
from .descriptor import descriptor
from .folder import FolderEncoder
from .sarclip import NAME as SARCLIP
from .sarclip import CaptionFeatures, ImageFeatures, Sarclip

ENCODERS: dict[str, Summary] = {DESCRIPTOR: descriptor}
"""Those that are known by a name; any other name is a folder."""


def features_of(encoders: Sequence[str]) -> tuple[list[tuple[str, Summary]], list[Metric]]:
    """Summaries and metrics for the encoders a user names.

    Raises
    ------
    InputError
        For a name that is neither known nor a folder of a model.
    """
    summaries: list[tuple[str, Summary]] = []
    metrics: list[Metric] = []
    for name in dict.fromkeys(encoders):
        column = f"features/{name}"
        if name == SARCLIP:
            model, said = Sarclip.shipped(), f"captions/{name}"
            summaries += [(column, ImageFeatures(model)), (said, CaptionFeatures(model))]
            metrics.append(alignment_metric(name, column, said))
        else:
            summaries.append((column, ENCODERS.get(name) or FolderEncoder(Path(name))))
        metrics += feature_metrics(Path(name).name, column)
    return summaries, metrics
