"""What `sarloom translate` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .generate import DTYPES
from .table import check, option

TARGETS = ("airborne",)
CONSISTENCIES = ("level", "speckle", "exact")
LARGE_SCHEDULERS = ("ddim", "dpm++", "euler")
"""Samplers that can be stopped and taken up between any two steps."""


@dataclass(frozen=True)
class TranslateOptions:
    """Options of one `sarloom translate` call."""

    scene: Path = option(
        help="satellite radar image: a GeoTIFF, or any product that `sarloom archive index` reads",
        argument=True,
        metavar="SCENE",
    )
    to: str = option("airborne", "what the scene shall look like", choices=TARGETS)
    spacing_m: float | None = option(
        None,
        "ground distance between pixels of the result (default: the model's, 0.35) [m]",
        minimum=0.05,
        maximum=50.0,
    )
    through: str | None = option(
        None,
        "spacings drawn on the way, each from the one before, as 1.4,0.7; the embedded model "
        "draws these too [m]",
        metavar="SPACINGS",
    )
    channel: str | None = option(
        None, "polarisation to take of a product with several (default: the first)", metavar="TX+RX"
    )
    window: str | None = option(
        None,
        "part of the scene, in its own pixels: first row, first column, rows, columns",
        metavar="ROW,COLUMN,ROWS,COLUMNS",
    )
    prompt: str = option(
        "A measured X-band airborne SAR image",
        "what is in the scene, in words; more than the sensor helps",
        metavar="TEXT",
    )
    negative: str = option("", "what the result shall not show, in words", metavar="TEXT")
    guidance: float = option(
        1.0,
        "how strictly the words, and with them the scene, are followed; 1 takes half the time",
        minimum=0.0,
        maximum=100.0,
    )
    weight: float = option(1.0, "how strictly the scene is followed", minimum=0.0, maximum=4.0)
    incidence_deg: float | None = option(
        None, "incidence angle that the result shall have [deg]", minimum=10.0, maximum=85.0
    )
    level_scale_m: float | None = option(
        None,
        "the input's level is followed over this distance and no finer (default: over so many "
        "pixels that its speckle averages out) [m]",
        minimum=0.1,
        maximum=1e6,
    )
    consistency: str = option(
        "speckle",
        "how closely the mean power within each pixel of the scene is kept: level (smoothly), "
        "speckle (as far as its speckle lets one tell), exact (its speckle included)",
        choices=CONSISTENCIES,
    )
    looks: int | None = option(
        None, "looks of the speckle laid on; 0 for none (default: 1)", minimum=0, maximum=1000
    )
    seed: int = option(0, "seed of the noise", minimum=0, maximum=2**53, short="-s")
    steps: int = option(12, "number of denoising steps", minimum=1, maximum=1000)
    stride: int = option(
        24, "32 less the latent cells that neighbouring windows share", minimum=4, maximum=32
    )
    scheduler: str = option("dpm++", "sampler", choices=LARGE_SCHEDULERS)
    out: Path = option(Path("out"), "folder for the result", short="-o", metavar="DIR")
    name: str | None = option(
        None, "first part of the file names (default: SCENE-airborne)", metavar="NAME"
    )
    model: str = option(
        "embedded", "embedded, a diffusers folder or a hub id", short="-m", metavar="MODEL"
    )
    control_model: tuple[str, ...] = option(
        (),
        "control network to use, as for `sarloom generate` (default: the model's own)",
        metavar="FOLDER",
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps", metavar="DEVICE")
    dtype: str = option("auto", "number format of the model on the device", choices=DTYPES)
    threads: int = option(0, "threads of the processor, 0 for all cores", minimum=0, maximum=1024)

    def __post_init__(self) -> None:
        """Check ranges and choices."""
        check(self)
