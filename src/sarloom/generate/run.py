"""One call of generation: check the request, load the model, make the images one by one."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, ModelError
from ..memory import kept_memory
from ..options.generate import GenerateOptions
from .contact_sheet import save_contact_sheet
from .control.controls import Controls, save_previews
from .control.map_start import save_view, start_of_map, starts_from_map, view_of_map
from .control.request import ControlRequest, parse_request, told_looks
from .guidance import guidance_of
from .init_image import InitImage, read_init, to_model_pixels
from .prompts import clean_prompt, truncation_warning
from .record import make_record
from .result import GeneratedImage, display_threshold
from .save import save_image, slug
from .schedule import check_spacing
from .sizes import check_size, default_size, parse_size
from .speckled import effective_looks, grey, lay_speckle

if TYPE_CHECKING:
    import torch

    from ..models.loaded import LoadedModel

OnStep = Callable[[int, int, int, int], None]
"""Called with (image, images, step, steps), all counted from 1, after every denoising step."""
OnWarning = Callable[[str], None]
OnImage = Callable[["SavedImage"], None]


@dataclass(frozen=True)
class SavedImage:
    """An image and the files it was written to."""

    image: GeneratedImage
    files: tuple[Path, ...]
    sheet: Path | None = None
    """The contact sheet of all images, with the last image of a call of several."""


@dataclass(frozen=True)
class Request:
    """Options which have been checked against the files they name."""

    options: GenerateOptions
    size: tuple[int, int] | None
    init: InitImage | None
    control: ControlRequest = field(default_factory=ControlRequest)


def generate(
    prompt: str,
    *,
    on_step: OnStep | None = None,
    on_warning: OnWarning | None = None,
    **options: Any,
) -> list[GeneratedImage]:
    """Make radar images from words; nothing is written to disk.

    Parameters
    ----------
    prompt
        What the radar shall see, in words.
    on_step
        Called after every denoising step.
    on_warning
        Called with each warning; without it they go to :mod:`warnings`.
    **options
        The fields of :class:`~sarloom.options.generate.GenerateOptions`: ``count``, ``seed``,
        ``size``, ``steps``, ``guidance``, ``negative``, ``scheduler``, ``spacing``, ``looks``,
        ``init``, ``strength``, ``model``, ``device``, ``dtype`` and others.

    Returns
    -------
    One :class:`~sarloom.generate.result.GeneratedImage` per seed, with float32 amplitude.

    Raises
    ------
    InputError
        If the prompt, the size, the start image or another option cannot be used.
    ModelError
        If the model cannot be loaded.

    Examples
    --------
    >>> images = generate("A SAR image of a harbour with ships", seed=7)  # doctest: +SKIP
    >>> images[0].amplitude.shape  # doctest: +SKIP
    (512, 512)
    """
    known = {field.name for field in dataclasses.fields(GenerateOptions)}
    strange = sorted(set(options) - known)
    if strange:
        raise InputError(f"generate() has no option {strange[0]!r}; it has: {sorted(known)}")
    if isinstance(options.get("size"), int):
        options["size"] = str(options["size"])
    if isinstance(options.get("init"), str):
        options["init"] = Path(options["init"])
    if isinstance(options.get("model"), Path):
        options["model"] = str(options["model"])
    request = check_request(GenerateOptions(prompt=prompt, **options))
    _check_one_piece(request)
    return list(produce(request, on_step=on_step, on_warning=on_warning))


def run(
    options: GenerateOptions,
    on_image: OnImage | None = None,
    on_step: OnStep | None = None,
    on_warning: OnWarning | None = None,
) -> Iterator[SavedImage]:
    """Make images and save each as soon as it is finished.

    Everything is checked before the first slow step, when the iterator is first asked. Whoever
    stops early (Ctrl-C) keeps all finished images; a call of several images ends with a contact
    sheet ``NAME-sheet.png``.

    Raises
    ------
    InputError
        If the prompt, the size, the start image or the folder cannot be used.
    ModelError
        If the model cannot be loaded.
    """
    request = check_request(options)
    _check_one_piece(request)
    folder = prepare_folder(options.out)
    name = options.name or slug(request.options.prompt)
    pictures, captions = [], []
    for image in produce(request, on_step=on_step, on_warning=on_warning):
        files = save_image(image, folder, name, options.format)
        sheet = None
        if options.count > 1:
            pictures.append(image.display())
            captions.append(f"seed {image.seed}")
            if len(pictures) == options.count:
                sheet = save_contact_sheet(pictures, captions, folder / f"{name}-sheet.png")
        saved = SavedImage(image, tuple(files), sheet)
        if on_image is not None:
            on_image(saved)
        yield saved


def check_request(options: GenerateOptions) -> Request:
    """Check all that can be checked without loading torch or a model.

    Raises
    ------
    InputError, ModelError
        Naming the first thing that cannot be used.
    """
    from ..models.adapters import parse_adapters
    from ..models.locate import HUB_ID, locate_model

    prompt = clean_prompt(options.prompt)
    negative = " ".join(options.negative.split())
    size = None if options.size is None else parse_size(options.size)
    check_spacing(options.scheduler, options.spacing)
    if options.name is not None and (not options.name or Path(options.name).name != options.name):
        raise InputError(f"--name {options.name!r} is no file name")
    is_here = options.model == "embedded" or Path(options.model).expanduser().exists()
    if is_here or not HUB_ID.fullmatch(options.model):
        locate_model(options.model)
    parse_adapters(options.adapter)
    init = None if options.init is None else read_init(options.init, options.init_scale)
    cleaned = dataclasses.replace(options, prompt=prompt, negative=negative)
    return Request(cleaned, size, init, parse_request(cleaned))


def _check_one_piece(request: Request) -> None:
    """Scenes drawn in windows go to a file, not into memory."""
    from .large.from_options import LARGE_SIDE, is_large

    if is_large(request.size):
        raise InputError(
            f"--size {request.options.size}: scenes beyond {LARGE_SIDE} pixels are written to "
            "disk: use the command line, or sarloom.workflows.generate(GenerateOptions(...))"
        )


def preview(options: GenerateOptions) -> list[Path]:
    """Write what the control pictures of a call become, and the view of a map that an image would
    start from; no image is made.

    Raises
    ------
    InputError, ModelError
        As :func:`run`.
    """
    from ..models.spacings import load_at

    request = check_request(options)
    folder = prepare_folder(options.out)
    model = load_at(options.model, options.device, options.dtype, options.spacing_m)
    width, height = request.size or default_size(model.native_size)
    check_size(width, height, model.cell)
    controls = Controls(model, request.control, width, height)
    name = options.name or slug(request.options.prompt)
    files = save_previews(controls, folder, name)
    if request.init is None and starts_from_map(model, controls):
        view = view_of_map(model, controls, options.seed)
        files.append(save_view(view, folder / f"{name}-control-start-{options.seed}.png"))
    return files


def prepare_folder(folder: Path) -> Path:
    """Make the output folder.

    Raises
    ------
    InputError
        If it cannot be made or is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder} cannot be made: {error.strerror}") from error
    return folder


def produce(
    request: Request,
    model: LoadedModel | None = None,
    on_step: OnStep | None = None,
    on_warning: OnWarning | None = None,
) -> Iterator[GeneratedImage]:
    """Make the images of a checked request, one after the other.

    Parameters
    ----------
    model
        A model already loaded, for callers that make many requests with it.
    """
    import torch

    before = torch.get_num_threads()
    if request.options.threads:
        torch.set_num_threads(request.options.threads)
    try:
        with kept_memory():
            yield from _produce(request, model, on_step, on_warning)
    finally:
        torch.set_num_threads(before)


def _produce(
    request: Request,
    model: LoadedModel | None,
    on_step: OnStep | None,
    on_warning: OnWarning | None,
) -> Iterator[GeneratedImage]:
    """The images, with the threads already set."""
    import torch

    from ..models.adapters import Adapters, parse_adapters
    from ..models.spacings import load_at
    from .sample import SampleSettings, encode_prompts, sample

    options = request.options
    if model is None:
        model = load_at(options.model, options.device, options.dtype, options.spacing_m)
    width, height = request.size or default_size(model.native_size)
    check_size(width, height, model.cell)
    specs = parse_adapters(options.adapter)
    adapters = Adapters(model, specs) if specs else None
    control = told_looks(request.control, model, options.looks)
    controls = Controls(model, control, width, height) if control else None
    looks = effective_looks(
        options.looks, model.radiometry, options.complex, "looks" in model.number_names
    )
    say_doubts(model, options, on_warning)
    for doubt in controls.doubts(model) if controls is not None else ():
        _say(doubt, on_warning)
    over_map = request.init is None and starts_from_map(model, controls)
    map_strength = options.map_strength if over_map else 1.0
    settings = SampleSettings(
        options.steps, guidance_of(options), options.scheduler, options.spacing,
        map_strength if over_map else options.strength,
    )  # fmt: skip
    init_sha256 = None if request.init is None else request.init.sha256
    record = make_record(options, model, width, height, looks, init_sha256, specs)
    spacing = model.radiometry.spacing_m if options.spacing_m is None else options.spacing_m
    if controls is not None:
        record |= {"control": controls.record(map_strength), "spacing_m": spacing}
    with torch.inference_mode():
        if adapters is not None:
            adapters.at(0.0)  # the words are read once, with what works from the first step on
        text = encode_prompts(model, options.prompt, options.negative, settings.guidance)
        start = None if request.init is None else _start(model, request.init, width, height)
    for index in range(options.count):
        seed = options.seed + index

        def tell(step: int, steps: int, number: int = index + 1) -> None:
            if on_step is not None:
                on_step(number, options.count, step, steps)

        over = start_of_map(model, controls, seed) if over_map and controls is not None else None
        begun = start if over is None else over.latent
        pixels = sample(model, text, settings, width, height, seed, begun, tell, adapters, controls)
        if over is not None:
            pixels = over.give_back(pixels, map_strength)
        yield _finish(pixels, model, record, looks, seed, options.complex)


def _start(model: LoadedModel, init: InitImage, width: int, height: int) -> torch.Tensor:
    """Latent of the start image."""
    import torch

    pixels = torch.from_numpy(to_model_pixels(init, model.radiometry, width, height))
    return model.encode(pixels.expand(1, 3, height, width).contiguous())


def _finish(
    pixels: torch.Tensor,
    model: LoadedModel,
    record: dict[str, Any],
    looks: int,
    seed: int,
    complex_too: bool,
) -> GeneratedImage:
    """Decoded pixels to an image with speckle, scale and record."""
    radiometry = model.radiometry
    pixel, spread = grey(pixels)
    if not np.isfinite(pixel).all():
        raise ModelError(
            f"the model {model.source} drew values that are not numbers for seed {seed}"
            + ("" if str(model.dtype) == "torch.float32" else "; try --dtype float32")
        )
    speckled = lay_speckle(pixel, radiometry, looks, seed, complex_too)
    if radiometry.scale == "amplitude" and looks == 0:
        threshold = radiometry.threshold
    else:
        threshold = display_threshold(speckled.amplitude)
    return GeneratedImage(
        amplitude=speckled.amplitude,
        sigma_nought=speckled.sigma_nought,
        seed=seed,
        threshold=threshold,
        calibration=radiometry.calibration,
        spacing_m=record["spacing_m"],
        record={**record, "seed": seed, "threshold": threshold, "channel_spread": spread},
        complex=speckled.complex,
    )


def say_doubts(model: LoadedModel, options: GenerateOptions, on_warning: OnWarning | None) -> None:
    """Tell about words the model will not read."""
    for text, what in ((options.prompt, "prompt"), (options.negative, "negative prompt")):
        message = truncation_warning(model.parts.tokenizers, text, what) if text else None
        if message:
            _say(message, on_warning)


def _say(message: str, on_warning: OnWarning | None) -> None:
    """A warning to whoever listens."""
    if on_warning is not None:
        on_warning(message)
    else:
        warnings.warn(message, UserWarning, stacklevel=4)
