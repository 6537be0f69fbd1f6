"""What `sarloom evaluate` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .table import check, option

PIXELS = ("amplitude", "intensity", "db")
LEVELS = ("auto", "set", "image", "absolute")


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of one `sarloom evaluate` call."""

    real: Path = option(
        help="real images: a folder of PNG, JPEG or GeoTIFF files, or a tile set", metavar="DIR"
    )
    generated: Path = option(
        help="generated images: a folder, such as `sarloom generate --out` made, or a tile set",
        metavar="DIR",
    )
    out: Path = option(
        Path("out/evaluate"), "folder of the report, made if it is not there", metavar="DIR",
        short="-o",
    )  # fmt: skip
    looks: float | None = option(
        None, "looks that the speckle should have (default: as the real images' records say, if "
        "they do)", minimum=0.1, metavar="L",
    )  # fmt: skip
    pixel: str | None = option(
        None, "what pixels mean where a file does not say: proportional to amplitude or to "
        "intensity, or 10 log10 of intensity", choices=PIXELS, group="Reading",
    )  # fmt: skip
    generated_pixel: str | None = option(
        None, "the same for the generated images (default: as --pixel)", choices=PIXELS,
        group="Reading",
    )  # fmt: skip
    db_window: tuple[float, float] | None = option(
        None, "dB of the smallest and the largest value of integer pixels in dB",
        metavar="LOW HIGH", group="Reading",
    )  # fmt: skip
    split: str | None = option(
        None, "split of a tile set of real images (default: all)",
        choices=("train", "validation", "test"), group="Reading",
    )  # fmt: skip
    limit: int | None = option(
        None, "images of each set at the most, evenly spread (default: all)", minimum=2,
        metavar="N", group="Reading",
    )  # fmt: skip
    level: str = option(
        "auto", "what may differ in level: every set is taken relative to its own median (set), "
        "every image to its own (image), or levels count (absolute); auto is set, or image where "
        "records say that each image was scaled for itself", choices=LEVELS,
    )  # fmt: skip
    encoder: tuple[str, ...] = option(
        ("auto",), "features to compare sets by: `descriptor` (fixed, not learned), "
        "`sarclip` (the image-text model that ships; reads captions too), `auto` (both), or a "
        "folder of an image encoder that transformers reads, such as CLIP or DINOv2; may be "
        "repeated",
        metavar="NAME|FOLDER",
    )  # fmt: skip
    paired: bool = option(
        False, "images of the same name in both sets show the same ground: also compare where "
        "things lie, pair by pair",
    )  # fmt: skip
    classify: bool = option(
        False, "sub-folders of both sets are classes: also train a small classifier on generated "
        "images and test it on real ones, beside one trained on real images",
    )  # fmt: skip
    draws: int = option(
        100, "bootstrap draws for the intervals", minimum=20, maximum=10000, metavar="N"
    )
    seed: int = option(0, "seed of draws and splits", minimum=0, maximum=2**32 - 1, metavar="S")
    json: bool = option(False, "print the report as JSON instead of the table")

    def __post_init__(self) -> None:
        check(self)
        if self.db_window is not None and not self.db_window[1] > self.db_window[0]:
            raise InputError("--db-window LOW HIGH: HIGH must be above LOW")
