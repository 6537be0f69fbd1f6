"""Captions of tile sets, and their score."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .. import console

if TYPE_CHECKING:
    from pathlib import Path

    from ..options.captions import ScoreCaptionsOptions
    from ..options.captions_train import TrainCaptionsOptions


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


def captions_train(options: TrainCaptionsOptions) -> Path:
    """Teach a captioner and print its report; returns the folder of the captioner."""
    from ..train.captioner.run import train_captioner

    results = train_captioner(options, console.note)
    console.say(results.text)
    console.say(str(results.model))
    return results.model
