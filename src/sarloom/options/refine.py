"""What `sarloom refine` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .generate import DTYPES
from .table import check, option
from .translate import LARGE_SCHEDULERS


@dataclass(frozen=True)
class RefineOptions:
    """Options of one `sarloom refine` call."""

    scene: Path = option(
        help="simulated radar image: a GeoTIFF of `sarloom simulate`, or any other radar raster",
        argument=True,
        metavar="SIMULATED",
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
    strength: float = option(
        0.5, "0 keeps the scene, 1 draws it anew from the control alone", minimum=0.0, maximum=1.0
    )
    weight: float = option(
        1.0,
        "how strictly the `simulated` control follows the scene; 0 goes without a control",
        minimum=0.0,
        maximum=4.0,
    )
    level_scale_m: float = option(
        11.2,
        "the input's level is followed over this distance and no finer [m]",
        minimum=0.1,
        maximum=1e6,
    )
    detail: float = option(
        0.5,
        "share of the scene's own detail, its speckle filtered out, in what is drawn [decibels]",
        minimum=0.0,
        maximum=1.0,
    )
    like: Path | None = option(
        None,
        "folder of measured images: tones and the look of the speckle become theirs",
        metavar="DIR",
    )
    looks: int | None = option(
        None, "looks of the speckle laid on; 0 for none (default: 1)", minimum=0, maximum=1000
    )
    seed: int = option(0, "seed of the noise", minimum=0, maximum=2**53, short="-s")
    steps: int = option(20, "number of denoising steps", minimum=1, maximum=1000)
    stride: int = option(
        24, "32 less the latent cells that neighbouring windows share", minimum=4, maximum=32
    )
    scheduler: str = option("dpm++", "sampler", choices=LARGE_SCHEDULERS)
    out: Path = option(Path("out"), "folder for the result", short="-o", metavar="DIR")
    name: str | None = option(
        None, "first part of the file names (default: SIMULATED-refined)", metavar="NAME"
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
