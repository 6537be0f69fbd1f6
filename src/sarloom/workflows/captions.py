"""Captions of tile sets, and their score."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .. import console

if TYPE_CHECKING:
    from ..options.captions import ScoreCaptionsOptions


def captions_score(options: ScoreCaptionsOptions) -> None:
    """Print the seven figures of captions and what they rest on."""
    from ..captions.metrics import Programs
    from ..captions.score import describe, score_files

    report = score_files(
        options.references,
        options.hypotheses,
        options.split,
        options.baselines,
        Programs(options.meteor_jar),
    )
    if options.json:
        console.say(json.dumps(report.as_plain(), indent=2))
        return
    for line in describe(report):
        console.say(line)
