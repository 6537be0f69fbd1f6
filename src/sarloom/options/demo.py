"""What ``sarloom demo`` can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import check, option


@dataclass(frozen=True)
class DemoOptions:
    """Options of ``sarloom demo``."""

    out: Path = option(Path("out/demo"), "Folder for the pictures and the page.", short="-o")
    seed: int = option(7, "Seed of the first picture.", short="-s", minimum=0)
    size: int = option(512, "Width and height of each picture in pixels.", minimum=64)
    model: str = option("embedded", "Model to show, as in sarloom generate.", short="-m")
    steps: int = option(20, "Denoising steps per picture.", minimum=1, maximum=1000)

    def __post_init__(self) -> None:
        check(self)
