"""What `sarloom simulate` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import check, option


@dataclass(frozen=True)
class SimulateOptions:
    """Options of one `sarloom simulate` call."""

    kinds: tuple[str, ...] = option(
        (),
        "scene kinds, mixtures such as farmland+river, or the word 'mixtures' for all usual "
        "mixtures (default: every single kind)",
        argument=True,
        metavar="KIND",
    )
    count: int = option(
        1, "scenes per kind; scene i of every kind has seed SEED + i", minimum=1, short="-n"
    )
    size: int = option(
        512, "rows and columns of the image", minimum=64, maximum=8192, metavar="PIXELS"
    )
    seed: int = option(0, "seed of the first scene", minimum=0, maximum=2**53, short="-s")
    out: Path = option(Path("out/simulated"), "folder for the scenes", short="-o", metavar="DIR")
    spacing_m: float = option(
        0.35, "ground distance between pixels, both axes [m]", minimum=0.05, maximum=5.0
    )
    incidence_deg: float = option(
        55.0, "incidence angle of the airborne radar [deg]", minimum=15.0, maximum=80.0
    )
    looks: int = option(
        1, "looks of the airborne image; a complex image needs 1", minimum=1, maximum=1000
    )
    satellite_spacing_m: float = option(
        2.8, "pixel distance of the satellite image, a multiple of --spacing-m [m]", minimum=0.05
    )
    satellite_incidence_deg: float = option(
        35.0, "incidence angle of the satellite radar [deg]", minimum=15.0, maximum=80.0
    )
    satellite_looks: int = option(4, "looks of the satellite image", minimum=1, maximum=1000)
    captions: int = option(5, "sentences per scene", minimum=1, maximum=20)
    tiles: Path | None = option(
        None,
        "write a tile set into this folder, as `sarloom tiles build` does, and no other files",
        metavar="DIR",
    )
    split: str = option(
        "0.8,0.1,0.1",
        "with --tiles: shares of training, validation and test",
        metavar="TRAIN,VAL,TEST",
    )
    workers: int = option(
        0, "processes that simulate side by side; 0 for one per processor core", minimum=0
    )

    def __post_init__(self) -> None:
        check(self)
