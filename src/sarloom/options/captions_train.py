"""What `sarloom captions train` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .table import check, option


@dataclass(frozen=True)
class TrainCaptionsOptions:
    """Options of one `sarloom captions train` call."""

    out: Path = option(
        help="run folder; a run that was stopped goes on where it was", short="-o", metavar="DIR"
    )
    annotations: tuple[Path, ...] = option(
        (), "annotation file with the official splits, e.g. dataset_rsicd.json; once for every set "
        "of captions to mix", metavar="FILE",
    )  # fmt: skip
    images: tuple[Path, ...] = option(
        (), "folder of the images of each --annotations, in the same order", metavar="DIR"
    )
    base: str = option(
        "embedded",
        "what to start from: embedded, blip, git, or a folder or hub id of a BLIP or GIT model",
        metavar="MODEL",
    )
    epochs: float = option(10.0, "times every training image is seen", minimum=0.0)
    steps: int = option(0, "training steps, in place of --epochs", minimum=0)
    batch: int = option(16, "images a step", minimum=1)
    accumulate: int = option(1, "batches whose gradients one step averages", minimum=1)
    learning_rate: float = option(2e-5, "highest learning rate", minimum=0.0)
    warmup_steps: int = option(100, "steps over which the learning rate rises", minimum=0)
    stop_on: str = option(
        "cider",
        "figure of the official validation split that decides which weights are kept and when to "
        "stop",
        choices=("cider", "loss"),
    )
    validate_every: int = option(500, "steps between validations", minimum=1)
    validation_images: int = option(
        0, "validation images looked at each time, evenly from every set; 0: all", minimum=0
    )
    patience: int = option(3, "validations without a better figure before training stops; 0: never",
                           minimum=0)  # fmt: skip
    device: str = option("auto", "auto, cpu, cuda or mps")
    precision: str = option("no", "arithmetic of the networks", choices=("no", "bf16", "fp16"))
    seed: int = option(0, "of every random draw", minimum=0)
    checkpoint_every: int = option(200, "steps between checkpoints", minimum=1)
    meteor_jar: Path | None = option(
        None, "the METEOR program, meteor-1.5.jar (default: that of pycocoevalcap, if installed)",
        metavar="FILE",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)
        if not self.annotations:
            raise InputError("nothing to learn from: give --annotations FILE --images DIR")
        if len(self.annotations) != len(self.images):
            raise InputError(
                f"{len(self.annotations)} --annotations and {len(self.images)} --images: give one "
                "folder of images for every annotation file, in the same order"
            )
