"""Options of ``sarloom train``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import option


@dataclass(frozen=True)
class TrainOptions:
    """Which recipe to follow, and where the run is kept."""

    recipe: Path = option(
        help="TOML file that says what to train, or the name of one that ships with the package, "
        "such as embedded-lora.",
        argument=True,
    )
    tiles: tuple[Path, ...] = option(
        (), "Tile set to fine-tune on; may be repeated, each set with a tile size of its own. "
        "Without it the embedded model is made from nothing.",
        metavar="DIR",
    )  # fmt: skip
    out: Path = option(
        Path("runs/embedded"),
        "Run folder; a run that was stopped goes on where it was.",
        short="-o",
    )
    resume: bool = option(False, "Insist that there is a stopped run to go on with.")
    device: str = option("auto", "auto, cpu, cuda or mps; with --tiles only.")
    set: tuple[str, ...] = option(
        (), "Change one key of the recipe, as key=value; may be repeated.", metavar="KEY=VALUE"
    )
    workers: int = option(2, "Processes that simulate scenes.", minimum=1)
