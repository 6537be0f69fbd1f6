"""Features to compare sets by. A new encoder is one file here and one line in ``ENCODERS``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import ModelError
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
AUTO = "auto"


def named(encoders: Sequence[str]) -> tuple[str, ...]:
    """The same with 'auto' spelled out: `descriptor`, and `sarclip` where it ships."""
    found: list[str] = []
    for name in encoders:
        found += _always_there() if name == AUTO else [name]
    return tuple(dict.fromkeys(found))


def _always_there() -> list[str]:
    try:
        Sarclip.shipped()
    except ModelError:
        return [DESCRIPTOR]
    return [DESCRIPTOR, SARCLIP]


def features_of(encoders: Sequence[str]) -> tuple[list[tuple[str, Summary]], list[Metric]]:
    """Summaries and metrics for the encoders a user names.

    Raises
    ------
    InputError
        For a name that is neither known nor a folder of a model.
    """
    summaries: list[tuple[str, Summary]] = []
    metrics: list[Metric] = []
    for name in named(encoders):
        column = f"features/{name}"
        if name == SARCLIP:
            model, said = Sarclip.shipped(), f"captions/{name}"
            summaries += [(column, ImageFeatures(model)), (said, CaptionFeatures(model))]
            metrics.append(alignment_metric(name, column, said))
        else:
            summaries.append((column, ENCODERS.get(name) or FolderEncoder(Path(name))))
        metrics += feature_metrics(Path(name).name, column)
    return summaries, metrics
