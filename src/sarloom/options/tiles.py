"""What `sarloom tiles` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .table import check, option

TONES = ("musigma", "db")
SPLIT_RULES = ("acquisition", "ground")
EXPORTS = ("imagefolder", "kohya", "webdataset", "geotiff")
SPLIT_NAMES = ("train", "validation", "test")
LARGEST_SCALE = 64
"""Coarsest over finest spacing."""


@dataclass(frozen=True)
class BuildTilesOptions:
    """Options of one `sarloom tiles build` call."""

    sar: tuple[Path, ...] = option(
        help="radar products: a folder, one product, or a catalogue of `sarloom archive index`; "
        "may be repeated",
        metavar="SOURCE",
    )
    optical: tuple[Path, ...] = option(
        (), "georeferenced optical pictures to pair with: as --sar", metavar="SOURCE"
    )
    spacing_m: str = option(
        "0.35",
        "ground distance between pixels [m]; several, such as 1.6,0.8,0.4, give the same ground at "
        "each, the coarser tiles with fewer pixels",
        metavar="M[,M...]",
    )
    size: int = option(
        512, "rows and columns of a tile at the finest spacing", minimum=32, maximum=8192,
        metavar="PIXELS",
    )  # fmt: skip
    out: Path = option(Path("out/tiles"), "folder of the tile set", short="-o", metavar="DIR")
    overlap: float = option(
        0.0, "share of a tile's side that the next one repeats", minimum=0.0, maximum=0.9,
        group="Cutting",
    )  # fmt: skip
    rotate: bool = option(
        False,
        "turn tiles to the range direction where it lies oblique to the product's pixels; needs "
        "oversampled complex data or a coarse spacing",
        group="Cutting",
    )
    force: bool = option(
        False, "resample even where that breaks speckle; the tiles' `method` says so",
        group="Cutting",
    )  # fmt: skip
    polarization: str = option(
        "", "keep only these channels, such as VV or HH,VV", group="Cutting", metavar="PAIR[,PAIR]"
    )
    max_nodata: float = option(
        0.0, "largest share of pixels without data in a tile", minimum=0.0, maximum=1.0,
        group="Rejection",
    )  # fmt: skip
    max_zero: float = option(
        0.05, "largest share of exact zeros", minimum=0.0, maximum=1.0, group="Rejection"
    )
    max_saturated: float = option(
        0.05, "largest share of saturated pixels", minimum=0.0, maximum=1.0, group="Rejection"
    )
    min_contrast: float = option(
        0.05,
        "least standard deviation of amplitude over its mean; single-look speckle alone has 0.52, "
        "of 16 looks 0.125",
        minimum=0.0, maximum=10.0, group="Rejection",
    )  # fmt: skip
    max_peak_db: float = option(
        100.0,
        "brightest pixel over the median of a tile [dB]; beyond any target numbers are damaged",
        minimum=20.0, maximum=1000.0, group="Rejection",
    )  # fmt: skip
    max_days: float | None = option(
        None,
        "longest time between the radar and the optical picture; undated pictures then pair with "
        "nothing (default: any time)",
        minimum=0.0, group="Optical pairing",
    )  # fmt: skip
    min_overlap: float = option(
        0.9, "least share of a tile that its optical picture covers", minimum=0.0, maximum=1.0,
        group="Optical pairing",
    )  # fmt: skip
    tone: str = option(
        "musigma", "how amplitude becomes 16-bit pixels", choices=TONES, group="Tone"
    )
    tone_k: float = option(
        3.0, "musigma: white is the mean plus this many standard deviations", minimum=0.5,
        maximum=100.0, group="Tone",
    )  # fmt: skip
    tone_window_db: tuple[float, float] = option(
        (-40.0, 20.0), "db: window about the acquisition's mean power", metavar="LOW HIGH",
        group="Tone",
    )  # fmt: skip
    tone_sample: int = option(
        64, "tiles per acquisition, evenly spread, that set its tone; 0 for all", minimum=0,
        group="Tone",
    )  # fmt: skip
    split: str = option(
        "0.8,0.1,0.1", "shares of training, validation and test", metavar="TRAIN,VAL,TEST",
        group="Split",
    )  # fmt: skip
    split_by: str = option(
        "acquisition",
        "keep apart whole acquisitions with all that overlap them, or blocks of ground",
        choices=SPLIT_RULES, group="Split",
    )  # fmt: skip
    block_m: float = option(
        0.0, "ground: side of a block [m]; 0 for eight tiles", minimum=0.0, group="Split"
    )
    split_seed: int = option(0, "another seed deals ground out differently", group="Split")
    tiles_per_shard: int = option(64, "most tiles in one Parquet file", minimum=1, maximum=4096)
    workers: int = option(
        0,
        "processor cores to use, a process each; 0 for all; tiles are the same",
        minimum=0,
    )
    replace: bool = option(False, "throw away tiles made with other settings in the same folder")

    def __post_init__(self) -> None:
        check(self)
        if not self.sar:
            raise InputError("--sar is required: a folder, a product or a catalogue")
        if not self.tone_window_db[0] < self.tone_window_db[1]:
            raise InputError(f"--tone-window-db {self.tone_window_db}: LOW is not below HIGH")
        for factor in self.factors:
            if self.size % factor:
                raise InputError(
                    f"--size {self.size} is no multiple of {factor}, the step from "
                    f"{self.spacings_m[0]:g} to {self.spacings_m[0] * factor:g} m"
                )

    @property
    def spacings_m(self) -> tuple[float, ...]:
        """Spacings, finest first.

        Raises
        ------
        InputError
            If these are no positive numbers, or no whole multiples of the finest.
        """
        try:
            values = sorted({float(part) for part in self.spacing_m.split(",")})
        except ValueError:
            values = []
        if not values or not all(0.01 <= value <= 10_000 for value in values):
            raise InputError(
                f"--spacing-m {self.spacing_m!r}: give metres, such as 0.35 or 1.6,0.8"
            )
        for value in values:
            factor = value / values[0]
            if abs(factor - round(factor)) > 1e-6 * factor or factor > LARGEST_SCALE:
                raise InputError(
                    f"--spacing-m {self.spacing_m!r}: {value:g} is no whole multiple "
                    f"(up to {LARGEST_SCALE}) of {values[0]:g}"
                )
        return tuple(values)

    @property
    def factors(self) -> tuple[int, ...]:
        """Every spacing as a multiple of the finest."""
        return tuple(round(value / self.spacings_m[0]) for value in self.spacings_m)


@dataclass(frozen=True)
class CheckTilesOptions:
    """Options of one `sarloom tiles check` call."""

    folder: Path = option(argument=True, metavar="DIR", help="folder of the tile set")
    json: bool = option(False, "print findings as JSON")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ViewTilesOptions:
    """Options of one `sarloom tiles view` call."""

    folder: Path = option(argument=True, metavar="DIR", help="folder of the tile set")
    count: int = option(12, "tiles to show, evenly spread", minimum=1, maximum=400, short="-n")
    split: str | None = option(None, "of this split only", choices=SPLIT_NAMES)
    cell: int = option(256, "side of a picture on the sheet", minimum=64, maximum=2048)
    out: Path | None = option(
        None, "sheet to write (default: DIR-contact-sheet.png beside the folder)", short="-o",
        metavar="FILE",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class StatsTilesOptions:
    """Options of one `sarloom tiles stats` call."""

    folder: Path = option(argument=True, metavar="DIR", help="folder of the tile set")
    sample: int = option(
        256, "tiles, evenly spread, whose pixels are looked at; 0 for all", minimum=0
    )
    out: Path | None = option(
        None, "picture to write (default: DIR-statistics.png beside the folder)", short="-o",
        metavar="FILE",
    )  # fmt: skip
    json: bool = option(False, "print figures as JSON")

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ExportTilesOptions:
    """Options of one `sarloom tiles export` call."""

    folder: Path = option(argument=True, metavar="DIR", help="folder of the tile set")
    to: str = option(help="layout", choices=EXPORTS)
    out: Path = option(help="folder to write, new or empty", short="-o", metavar="DIR")
    split: str | None = option(None, "only this split", choices=SPLIT_NAMES)
    bits: int = option(8, "of PNGs: 8 for looking and training, 16 to keep amplitude")
    repeats: int = option(10, "kohya: number before the folder's name", minimum=1, maximum=1000)

    def __post_init__(self) -> None:
        check(self)
        if self.bits not in (8, 16):
            raise InputError(f"--bits {self.bits}: 8 or 16")
        if self.to == "kohya" and self.bits == 16:
            raise InputError("--bits 16: kohya's trainer clips 16-bit PNGs to white; leave it at 8")
