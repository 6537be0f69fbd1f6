"""A satellite scene drawn as an airborne radar would see it, on the same ground."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ... import __version__
from ...errors import InputError
from ...models.control_kinds import NUMBERS
from ...models.spacings import TOLERANCE, load_at
from ...options.spell import command_line
from ..control.request import ControlModel, parse_control_model
from ..record import model_record
from ..sizes import LARGEST_SIDE
from ..speckled import effective_looks
from .cascade import cascade_spacings, drawn_spacing
from .guides import Guides, GuideSpec
from .level import Level
from .like import read_likeness
from .own import without_grain
from .run import SceneJob
from .scene_input import RadarInput, georeference, parse_part, read_input, spacings_of
from .sources import DecibelSource, LazySource, ModelPixels, PowerSource

if TYPE_CHECKING:
    from ...models.loaded import LoadedModel
    from ...options.refine import RefineOptions
    from ...options.translate import TranslateOptions
    from ...records import Calibration, Scene

LARGEST_OUTPUT = 4 * LARGEST_SIDE
"""Pixels on a side of a result."""
SPECKLE_FREE_LOOKS = 1e4
"""Looks of a scene without speckle."""
SIMULATED_MEAN = 2
"""Side of the blocks over which the `simulated` control averages its speckle."""
FROM_SATELLITE = ("satellite",)
FROM_STAGE = ("simulated", "satellite")
"""The stage before was seen in the same geometry, as a simulator's picture is: the `simulated`
control keeps walls and shadows where they are, the `satellite` control moves them."""
Ground = tuple[float, float] | None
Say = Callable[[str], None]


def translate_job(
    options: TranslateOptions,
    scene: Scene,
    ground: Ground,
    say: Say,
    kinds: Sequence[str] = FROM_SATELLITE,
) -> SceneJob:
    """A satellite scene as a job for :func:`.run.make_scene`.

    Parameters
    ----------
    ground
        Ground distance of rows and columns [m] that the scene's map says; None if it has none.
    say
        Called with each doubt.
    kinds
        Controls that the scene may lead through, the best first.

    Raises
    ------
    InputError
        If the scene is finer than the result shall be, too large, or of unknown spacing; if the
        model cannot draw the spacing; if there is no control for satellite scenes.
    """
    path = _output(options.out, options.name or f"{scene.path.stem}-{options.to}", options.seed)
    part = parse_part(options.window, scene.shape)
    down, across = spacings_of(scene, ground)
    model = _model(options, options.spacing_m)
    spacing = drawn_spacing(model, options.spacing_m)
    steps = spacing / down, spacing / across
    if max(steps) > 1.0 + TOLERANCE:
        raise InputError(
            f"{scene.path} has pixels of {down:.3g} m x {across:.3g} m, finer than the {spacing:g} "
            "m wanted: there is nothing to add; `sarloom refine` keeps the grid"
        )
    shape = max(1, round(part.rows / steps[0])), max(1, round(part.columns / steps[1]))
    if max(shape) > LARGEST_OUTPUT:
        raise InputError(
            f"{scene.path} would become {shape[0]} x {shape[1]} pixels of {spacing:g} m, more than "
            f"{LARGEST_OUTPUT}: take a part with --window ROW,COLUMN,ROWS,COLUMNS"
        )
    _tell(scene, say)
    numbers = {"incidence_angle_deg": options.incidence_deg} if options.incidence_deg else {}
    if "spacing_m" in model.number_names:
        numbers["spacing_m"] = spacing
    # the network is looked for before the scene is read, which may take long
    later = LazySource(lambda: DecibelSource(power))
    guides = _guided(options, model, later, numbers, kinds)
    given = read_input(scene, part, ground, _input_file(path))
    power = PowerSource(given.power, *steps)
    least = model.cell * spacing if options.level_scale_m is None else options.level_scale_m
    level = _level(given, power, scene, least / math.sqrt(down * across), options.consistency)
    return _job(options, model, path, shape, given, guides, None, level,
                georeference(scene, part, steps, spacing), "translate",
                {"to": options.to, "spacing_m": spacing, "incidence_deg": options.incidence_deg,
                 "level_scale_m": options.level_scale_m, "consistency": options.consistency},
                say)  # fmt: skip


def _guided(
    options: TranslateOptions,
    model: LoadedModel,
    source: LazySource,
    numbers: Mapping[str, float | str],
    kinds: Sequence[str],
) -> Guides:
    """The scene as a control of the first kind that there is a network for."""
    networks = _networks(options.control_model)
    for kind in kinds[:-1]:
        with suppress(InputError):
            return Guides(model, [GuideSpec(kind, source, options.weight)], networks, numbers)
    return Guides(model, [GuideSpec(kinds[-1], source, options.weight)], networks, numbers)


def stages(options: TranslateOptions) -> list[TranslateOptions]:
    """The calls that a cascade consists of, coarse to fine; one without `--through`.

    Every stage but the last is without speckle, and is the scene of the next. A stage's scene is
    named by the workflow, which knows the files.

    Raises
    ------
    InputError
        If the spacings are misspelt, out of range or do not become finer, or the model cannot draw
        one of them.
    """
    if options.through is None:
        return [options]
    spacings = cascade_spacings(options, options.through)
    name = options.name or f"{options.scene.stem}-{options.to}"
    found = []
    for number, spacing in enumerate(spacings):
        last = number == len(spacings) - 1
        found.append(dataclasses.replace(
            options, spacing_m=spacing, through=None, name=name if last else f"{name}-{spacing:g}m",
            looks=options.looks if last else 0, window=options.window if number == 0 else None,
            channel=options.channel if number == 0 else None,
        ))  # fmt: skip
    return found


def command_of(task: str, options: TranslateOptions | RefineOptions) -> str:
    """The command that makes a scene again."""
    return command_line(task, options, always=("seed", "steps", "stride", "guidance"))


def without_speckle(scene: Scene, calibration: str) -> Scene:
    """A stage's result as the scene of the next one: its power is known, nothing averages out."""
    known = cast("Calibration", calibration)
    return dataclasses.replace(scene, calibration=known, looks=SPECKLE_FREE_LOOKS)


def refine_job(options: RefineOptions, scene: Scene, ground: Ground, say: Say) -> SceneJob:
    """A simulated scene as a job: the same grid, the same level, another hand.

    Raises
    ------
    InputError
        If the scene's spacing is not the model's, it is too large, or there is no control.
    """
    path = _output(options.out, options.name or f"{scene.path.stem}-refined", options.seed)
    part = parse_part(None, scene.shape)
    down, across = spacings_of(scene, ground)
    if max(scene.shape) > LARGEST_OUTPUT:
        raise InputError(f"{scene.path} is larger than {LARGEST_OUTPUT} pixels on a side: cut it")
    model = _model(options, across)
    own = model.radiometry.spacing_m
    if own is not None and max(abs(down / own - 1), abs(across / own - 1)) > TOLERANCE:
        raise InputError(
            f"{scene.path} has pixels of {down:.3g} m x {across:.3g} m, {model.source} draws "
            f"{own:g} m: simulate it with --spacing-m {own:g}"
        )
    like = None if options.like is None else read_likeness(options.like)
    later = LazySource(lambda: DecibelSource(power, SIMULATED_MEAN))
    led = [GuideSpec("simulated", later, options.weight)] if options.weight > 0 else []
    numbers = _stated(scene, across, model)
    guides = Guides(model, led, _networks(options.control_model), numbers)
    given = read_input(scene, part, ground, _input_file(path))
    power = PowerSource(given.power, 1.0, 1.0)
    level = _level(given, power, scene, options.level_scale_m / math.sqrt(down * across))
    shown = without_grain(given.power, level.looks, path) if options.detail > 0 else None
    job = _job(options, model, path, scene.shape, given, guides, ModelPixels(power,
                model.radiometry), level, georeference(scene, part, (1.0, 1.0), across), "refine",
                {"strength": options.strength, "weight": options.weight, "detail": options.detail,
                 "level_scale_m": options.level_scale_m, "spacing_m": across, "told": numbers,
                 **({} if like is None else {"like": like.record})}, say)  # fmt: skip
    return dataclasses.replace(job, like=like, own=shown, own_share=options.detail)


def _stated(scene: Scene, spacing_m: float, model: LoadedModel) -> dict[str, float | str]:
    """What a scene says of its acquisition, as far as the model can be told it.

    A scene is drawn again in the geometry it has: the shadows of 35 degrees are not those of 60.
    """
    stated: dict[str, float | str] = {"spacing_m": spacing_m}
    if scene.incidence_angle_deg is not None:
        stated["incidence_angle_deg"] = scene.incidence_angle_deg
    told = {}
    for name in model.number_names:
        if name in stated:
            with suppress(InputError):  # beyond what can be told at all
                NUMBERS[name].encode(stated[name])
                told[name] = stated[name]
    return told


def _job(
    options: TranslateOptions | RefineOptions,
    model: LoadedModel,
    path: Path,
    shape: tuple[int, int],
    given: RadarInput,
    guides: Guides | None,
    start: ModelPixels | None,
    level: Level,
    place: Any,
    task: str,
    more: dict[str, Any],
    say: Say,
) -> SceneJob:
    """What both commands share, with the record."""
    from ..sample import SampleSettings

    looks = effective_looks(options.looks, model.radiometry, False)
    for doubt in guides.doubts() if guides is not None else ():
        say(doubt)
    strength = more.get("strength", 1.0)
    settings = SampleSettings(
        options.steps, options.guidance, options.scheduler, "linear", strength
    )
    record = {
        "record": 1,
        "task": task,
        "command": command_of(task, options),
        "software": f"sarloom {__version__}",
        "synthetic": True,
        "prompt": " ".join(options.prompt.split()),
        "negative": " ".join(options.negative.split()),
        "width": shape[1],
        "height": shape[0],
        "seed": options.seed,
        "steps": options.steps,
        "guidance": options.guidance,
        "scheduler": options.scheduler,
        "spacing": "linear",
        "looks": looks,
        "stride": options.stride,
        "input": given.record,
        **more,
        "guides": [] if guides is None else guides.record(),
        "model": model_record(options.model, model),
        "device": model.device.type,
        "dtype": str(model.dtype).removeprefix("torch."),
        "threads": _threads(model),
        "speckle": model.radiometry.speckle,
        "calibration": given.calibration,
    }  # fmt: skip
    return SceneJob(
        model=model, path=path, shape=shape, prompt=record["prompt"], negative=record["negative"],
        settings=settings, seed=options.seed, looks=looks, stride=options.stride, record=record,
        guides=guides, start=start, level=level, place=place, unit=given.unit,
    )  # fmt: skip


def _level(
    given: RadarInput,
    power: PowerSource,
    scene: Scene,
    least_cells: float,
    consistency: str = "level",
) -> Level:
    looks = scene.looks if scene.looks and scene.looks > 0 else 1.0
    return Level(power, float(looks), least_cells, given.valid, consistency)


def _output(folder: Path, name: str, seed: int) -> Path:
    from ..run import prepare_folder

    if not name or Path(name).name != name:
        raise InputError(f"--name {name!r} is no file name")
    return prepare_folder(folder) / f"{name}-{seed}.tif"


def _input_file(path: Path) -> Path:
    """Where the input's power lies while the scene is made."""
    folder = path.with_name(path.stem + ".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be made: {error.strerror}") from error
    return folder / "input.npy"


def _model(options: TranslateOptions | RefineOptions, spacing_m: float | None) -> LoadedModel:
    return load_at(options.model, options.device, options.dtype, spacing_m)


def _networks(texts: tuple[str, ...]) -> tuple[ControlModel, ...]:
    return tuple(parse_control_model(text) for text in texts)


def _tell(scene: Scene, say: Say) -> None:
    """What makes the result worse than it could be."""
    if scene.range_axis not in (None, "+column"):
        say(
            f"{scene.path}: range grows along {scene.range_axis}; shadows may be drawn as if it "
            "grew along columns"
        )


def _threads(model: LoadedModel) -> int | None:
    import torch

    return torch.get_num_threads() if model.device.type == "cpu" else None
