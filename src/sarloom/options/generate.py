"""What `sarloom generate` can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import check, option

SCHEDULERS = (
    "ddim",
    "ddpm",
    "dpm++",
    "dpm++_sde",
    "euler",
    "euler_a",
    "heun",
    "lms",
    "pndm",
    "unipc",
)
"""Names of the samplers; sarloom/generate/schedule.py says what each one is."""

SPACINGS = ("linear", "exponential", "karras")
FORMATS = ("png", "tif", "both")
DTYPES = ("auto", "float32", "float16", "bfloat16")


@dataclass(frozen=True)
class GenerateOptions:
    """Options of one `sarloom generate` call."""

    prompt: str = option(help="what the radar shall see, in words", argument=True)
    count: int = option(1, "number of images; image i has seed SEED + i", minimum=1, short="-n")
    seed: int = option(0, "seed of the first image", minimum=0, maximum=2**53, short="-s")
    out: Path = option(Path("out"), "folder for the images", short="-o", metavar="DIR")
    size: str | None = option(
        None,
        "pixels, as 512 or WIDTHxHEIGHT, in multiples of the model's cell (default: 512, or the "
        "native size of a larger model); beyond 1024 drawn in windows into a GeoTIFF",
        metavar="N|WxH",
    )
    stride: int = option(
        24,
        "of a scene larger than 1024 pixels: 32 less the latent cells that neighbouring windows "
        "share; less is slower and smoother",
        minimum=4,
        maximum=32,
    )
    steps: int = option(20, "number of denoising steps", minimum=1, maximum=1000)
    guidance: float | None = option(
        None,
        "classifier-free guidance: how strictly the image follows the words; 1 turns it off "
        "(default: 5, but 1 with --control simulated)",
        minimum=0.0,
        maximum=100.0,
    )
    negative: str = option("", "what the image shall not show, in words", metavar="TEXT")
    scheduler: str = option("dpm++", "sampler", choices=SCHEDULERS)
    spacing: str = option("linear", "how the noise levels are spaced", choices=SPACINGS)
    looks: int | None = option(
        None,
        "looks of the speckle laid on; 0 for none (default: 1, or none for models which draw "
        "their own speckle)",
        minimum=0,
        maximum=1000,
    )
    complex: bool = option(
        False, "also save the single-look complex image as NAME-SEED.slc.tif (needs --looks 1)"
    )
    init: Path | None = option(
        None,
        "start from this image (PNG, 16-bit PNG or float GeoTIFF) instead of from noise",
        metavar="IMAGE",
    )
    init_scale: str = option(
        "auto",
        "what the values of --init are; auto: a PNG is amplitude, a GeoTIFF says it in its tags",
        choices=("auto", "amplitude", "sigma_nought", "db"),
    )
    strength: float = option(
        0.6, "with --init: 0 keeps the image, 1 forgets it", minimum=0.0, maximum=1.0
    )
    model: str = option(
        "embedded",
        "embedded, a diffusers folder, a hub id or one FILE.safetensors",
        short="-m",
        metavar="MODEL",
    )
    adapter: tuple[str, ...] = option(
        (),
        "lay an adapter or a learned word over the model: a file or a run folder, its strength, "
        "and the part of the steps in which it works; may be repeated",
        metavar="FILE:SCALE@START-STOP",
    )
    control: tuple[str, ...] = option(
        (),
        "lead the image by a picture: sketch, segmentation, optical, satellite or simulated, its "
        "weight, and the part of the steps in which it works; may be repeated",
        metavar="KIND=FILE:WEIGHT@START-STOP",
    )
    control_model: tuple[str, ...] = option(
        (),
        "control network to use: a run or a ControlNet folder, as KIND=FOLDER where the folder "
        "does not say its kind; may be repeated (default: the model's own)",
        metavar="FOLDER",
    )
    control_scale: str = option(
        "auto",
        "what the values of radar pictures of --control are, as --init-scale",
        choices=("auto", "amplitude", "sigma_nought", "db"),
    )
    control_spacing_m: float | None = option(
        None,
        "ground distance between pixels of --control pictures that do not say it; without it they "
        "are stretched over the image [m]",
        minimum=0.001,
        maximum=1000.0,
    )
    control_side: str = option(
        "guided",
        "guided: --guidance strengthens pictures with the words; both: the words against pictures, "
        "as stock pipelines do",
        choices=("guided", "both"),
    )
    map_strength: float = option(
        0.2,
        "where a segmentation map leads, the image starts from the simulator's view of heights "
        "raised over the map: 0 keeps that view, 1 starts from noise; up to 4096 pixels",
        minimum=0.0,
        maximum=1.0,
    )
    legend: Path | None = option(
        None,
        "CSV or JSON that names the classes of a segmentation map, by pixel value or colour",
        metavar="FILE",
    )
    preview_control: bool = option(
        False, "write what each --control picture becomes, and make no image"
    )
    incidence_deg: float | None = option(
        None, "incidence angle that the image shall have [deg]", minimum=10.0, maximum=85.0
    )
    look_azimuth_deg: float | None = option(
        None, "direction of growing range, clockwise from north [deg]", minimum=0.0, maximum=360.0
    )
    spacing_m: float | None = option(
        None, "ground distance between pixels that the image shall have [m]", minimum=0.05,
        maximum=50.0,
    )  # fmt: skip
    through: str | None = option(
        None,
        "spacings drawn on the way, coarse to fine, as 1.4,0.7: the first from the words, each "
        "next from the one before, so that a large scene has one layout [m]",
        metavar="SPACINGS",
    )
    polarization: str | None = option(
        None, "polarisation that the image shall have: HH, HV, VH or VV", metavar="TX+RX"
    )
    format: str = option("png", "files to write", choices=FORMATS, short="-f")
    name: str | None = option(
        None, "first part of the file names (default: made from the prompt)", metavar="NAME"
    )
    device: str = option("auto", "auto, cpu, cuda, cuda:1, mps", metavar="DEVICE")
    dtype: str = option("auto", "number format of the model on the device", choices=DTYPES)
    threads: int = option(
        0,
        "threads of the processor, 0 for all cores; the last bits of an image hang on it",
        minimum=0,
        maximum=1024,
    )

    def __post_init__(self) -> None:
        """Check ranges and choices; what needs files or the model is checked by generate.run."""
        check(self)
