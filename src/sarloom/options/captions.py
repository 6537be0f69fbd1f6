"""What `sarloom captions` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .table import check, option


@dataclass(frozen=True)
class ScoreCaptionsOptions:
    """Options of one `sarloom captions score` call."""

    references: Path = option(
        help="annotation file: Karpathy JSON (RSICD, UCM, Sydney, RSITMD), COCO JSON, "
        "NWPU-Captions JSON, or NAME_caps.txt with NAME_filename.txt beside it",
        metavar="FILE",
    )
    hypotheses: Path | None = option(
        None,
        'captions to score: a JSON list of {"filename": ..., "caption": ...}, or of '
        '{"image_id": ..., "caption": ...}; one for every image of the split',
        metavar="FILE",
    )
    split: str = option(
        "", "split to score on: test, validation, train, all (default: test, or all where the "
        "file states no splits)", metavar="NAME",
    )  # fmt: skip
    baselines: bool = option(
        False,
        "also score two captioners that never look at an image: the commonest training caption, "
        "and the commonest one of the image's kind",
    )
    meteor_jar: Path | None = option(
        None, "the METEOR program, meteor-1.5.jar (default: that of pycocoevalcap, if installed)",
        metavar="FILE",
    )  # fmt: skip
    json: bool = option(False, "print the report as JSON")

    def __post_init__(self) -> None:
        check(self)
        if self.hypotheses is None and not self.baselines:
            raise InputError("nothing to score: give --hypotheses FILE, or --baselines")
