"""`sarloom generate --size` beyond what is drawn in one piece."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...models.spacings import check_spacing
from ..control.controls import prepare_all, usual_legend
from ..control.map_start import detail_share, leading_map, view_of
from ..control.request import ControlRequest, told_looks
from ..guidance import guidance_of
from ..save import slug
from ..sizes import check_size
from ..speckled import effective_looks
from .denoise import Tick
from .guides import Guides, GuideSpec
from .raster import Georeference
from .run import SceneJob, make_scene
from .sources import ArraySource, LazySource, Source

if TYPE_CHECKING:
    from ...models.loaded import LoadedModel
    from ...options.generate import GenerateOptions
    from ..run import Request

LARGE_SIDE = 1024
"""Longest side in pixels that is still drawn in one piece."""
MAP_SIDE = 4096
"""Longest side of a scene that starts from the simulator's view of its map, which lies in memory
while it is made."""


def is_large(size: tuple[int, int] | None) -> bool:
    """Whether a picture of (width, height) is drawn in windows."""
    return size is not None and max(size) > LARGE_SIDE


def make_scenes(
    options: GenerateOptions, tick: Tick, on_warning: Callable[[str], None], keep: bool = False
) -> Iterator[list[Path]]:
    """Make the scenes of a call; yields the files of each. ``keep`` as for
    :func:`.run.make_scene`.

    Raises
    ------
    InputError, ModelError
        As :func:`sarloom.generate.run.run`; and for what only small images have.
    """
    from ...models.spacings import load_at
    from ..run import check_request, prepare_folder, say_doubts

    if options.complex:
        raise InputError("--complex: scenes beyond 1024 pixels have no complex image")
    request = check_request(options)
    if request.init is not None:
        raise InputError(
            "--init: scenes beyond 1024 pixels start from noise; `sarloom refine` takes a picture "
            "of any size"
        )
    folder = prepare_folder(options.out)
    model = load_at(options.model, options.device, options.dtype, options.spacing_m)
    say_doubts(model, request.options, on_warning)
    for index in range(options.count):
        one = dataclasses.replace(request.options, seed=options.seed + index)
        name = f"{options.name or slug(one.prompt)}-{one.seed}"
        job = _job(dataclasses.replace(request, options=one), model, folder / f"{name}.tif")
        for doubt in job.guides.doubts() if job.guides is not None else ():
            on_warning(doubt)
        if job.start is None and _leading(model, request.control, job.guides) is not None:
            on_warning(
                f"scenes beyond {MAP_SIDE} pixels start from noise, not from the simulator's view "
                "of the map, which is followed less"
            )
        yield make_scene(job, tick, keep)


def _job(request: Request, model: LoadedModel, path: Path) -> SceneJob:
    from ...models.adapters import Adapters, parse_adapters
    from ..record import make_record
    from ..sample import SampleSettings

    options = request.options
    assert request.size is not None  # is_large has looked
    width, height = request.size
    check_size(width, height, model.cell)
    specs = parse_adapters(options.adapter)
    looks = effective_looks(options.looks, model.radiometry, False, "looks" in model.number_names)
    record = make_record(options, model, width, height, looks, None, specs)
    record |= {"seed": options.seed, "scene": {"stride": options.stride}}
    guides, start, strength = None, None, 1.0
    control = told_looks(request.control, model, options.looks)
    if control:
        guides = _guides(model, control, width, height, path)
        if max(width, height) <= MAP_SIDE:
            start = _map_start(model, control, guides, width, height, path, options.seed)
        strength = 1.0 if start is None else options.map_strength
        record["control"] = _control_record(control, guides, strength)
        if options.spacing_m is not None:
            record["spacing_m"] = options.spacing_m
    settings = SampleSettings(
        options.steps, guidance_of(options), options.scheduler, options.spacing, strength
    )
    return SceneJob(
        model=model, path=path, shape=(height, width), prompt=options.prompt,
        negative=options.negative, settings=settings, seed=options.seed, looks=looks,
        stride=options.stride, record=record, guides=guides,
        adapters=Adapters(model, specs) if specs else None,
        place=Georeference.of_spacing(record["spacing_m"]), start=start,
        detail=0.0 if start is None else detail_share(strength),
    )  # fmt: skip


def _guides(
    model: LoadedModel, request: ControlRequest, width: int, height: int, path: Path
) -> Guides:
    """Controls of a call over the canvas; pictures are prepared whole, once, and kept on disk."""
    numbers = dict(request.numbers)
    if "spacing_m" in numbers and "spacing_m" not in model.number_names:
        check_spacing(model, float(numbers.pop("spacing_m")))  # which needs no telling
    made: list[NDArray[np.float16]] = []

    def picture(index: int) -> Source:
        if not made:
            legends = [one.layout.legend for one in guides.networks]
            folder = path.with_name(path.stem + ".part")
            for number, values in enumerate(prepare_all(request, legends, model, width, height)):
                file = folder / f"picture-{number}.npy"
                held = np.lib.format.open_memmap(file, "w+", np.float16, values.shape)
                held[:] = values
                made.append(held)
        return ArraySource(made[index])

    specs = [
        GuideSpec(one.kind, LazySource(partial(picture, number)), one.weight, one.start, one.stop)
        for number, one in enumerate(request.specs)
    ]
    guides = Guides(model, specs, request.models, numbers, request.side)
    return guides


def _leading(model: LoadedModel, request: ControlRequest, guides: Guides | None) -> int | None:
    """Number of the map that a scene could start from."""
    if guides is None:
        return None
    legends = [one.layout.legend or usual_legend() for one in guides.networks]
    return leading_map(model, request, legends)


def _map_start(
    model: LoadedModel,
    request: ControlRequest,
    guides: Guides,
    width: int,
    height: int,
    path: Path,
    seed: int,
) -> Source | None:
    """The simulator's view of a call's map as pixels to start from; None without such a map."""
    number = _leading(model, request, guides)
    if number is None:
        return None
    legend = guides.networks[number].layout.legend or usual_legend()

    def view() -> Source:
        picture = guides.specs[number].source.read(slice(0, height), slice(0, width))
        seen = view_of(picture, legend, model, request, seed)
        file = path.with_name(path.stem + ".part") / "view.npy"
        held = np.lib.format.open_memmap(file, "w+", np.float32, (1, height, width))
        held[0] = model.radiometry.to_pixel(seen.power)
        return ArraySource(held)

    return LazySource(view)


def _control_record(request: ControlRequest, guides: Guides, map_strength: float) -> dict[str, Any]:
    """As the record of a small image has it."""
    from ...files import sha256_of

    settings = request.settings
    networks = [one.fingerprint for one in guides.networks]
    return {
        "pictures": [
            {"spec": spec.spelled, "sha256": sha256_of(spec.file), "network": network,
             "georeferenced": place.crs is not None}
            for spec, network, (place, _) in zip(
                request.specs, networks, request.places, strict=False
            )
        ],
        "models": [
            f"{one.kind}={one.folder}" if one.kind else str(one.folder) for one in request.models
        ],
        "networks": sorted(set(networks)),
        "numbers": dict(request.numbers),
        "scale": settings.scale,
        "side": request.side,
        "map_strength": map_strength,
        "spacing_m": request.spacing_m,
        "legend": None
        if settings.legend is None
        else {"file": str(settings.legend), "sha256": sha256_of(settings.legend)},
    }  # fmt: skip
