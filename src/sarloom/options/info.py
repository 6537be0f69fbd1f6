"""What ``sarloom info`` can be asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import check, option


@dataclass(frozen=True)
class InfoOptions:
    """Options of ``sarloom info``."""

    file: Path = option(
        argument=True, metavar="FILE", help="An image made by sarloom (PNG, TIFF or its sidecar)."
    )
    json: bool = option(False, "Print the record as JSON, for other programs.")

    def __post_init__(self) -> None:
        check(self)
