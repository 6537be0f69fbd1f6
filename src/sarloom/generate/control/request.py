"""What a call asks of controls, read from its options and checked before any model is loaded."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import InputError, ModelError
from ...models.control import FILE_NAME, control_folder
from ...models.control_kinds import KINDS, NUMBERS
from .frame import Place, read_place
from .picture import PrepareSettings

if TYPE_CHECKING:
    from ...models.loaded import LoadedModel
    from ...options.generate import GenerateOptions

SPEC = re.compile(
    r"(?P<kind>\w+)=(?P<file>.+?)(?::(?P<weight>\d*\.?\d+))?"
    r"(?:@(?P<start>\d*\.?\d+)-(?P<stop>\d*\.?\d+))?"
)


@dataclass(frozen=True)
class ControlSpec:
    """One ``--control``."""

    kind: str
    file: Path
    weight: float
    start: float = 0.0
    stop: float = 1.0
    """Part of the denoising steps in which it works, 0 the first, 1 the last."""

    @property
    def spelled(self) -> str:
        """Written out in full."""
        return f"{self.kind}={self.file}:{self.weight:g}@{self.start:g}-{self.stop:g}"


@dataclass(frozen=True)
class ControlModel:
    """One ``--control-model``: a network, and its kind if its folder does not say it."""

    folder: Path
    kind: str = ""


@dataclass(frozen=True)
class ControlRequest:
    """What a call asks of controls, checked as far as goes without a model."""

    specs: tuple[ControlSpec, ...] = ()
    models: tuple[ControlModel, ...] = ()
    numbers: Mapping[str, float | str] = dataclasses.field(default_factory=dict)
    places: tuple[tuple[Place, tuple[int, int]], ...] = ()
    settings: PrepareSettings = dataclasses.field(default_factory=PrepareSettings)
    spacing_m: float | None = None
    """Of pictures that do not say it."""
    side: str = "guided"
    """Half of the guidance that pictures lead, as of :func:`.side.residuals`."""
    map_strength: float = 1.0
    """Share of the steps drawn over the simulator's view of a map; 1 starts from noise."""

    def __bool__(self) -> bool:
        return bool(self.specs or self.numbers)


def parse_request(options: GenerateOptions) -> ControlRequest:
    """Check the control options of a call.

    Raises
    ------
    InputError
        If one is misspelt, names no file, or a number lies outside its range.
    ModelError
        If a control network is not where it should be.
    """
    specs = _parse_specs(options.control)
    models = tuple(parse_control_model(text) for text in options.control_model)
    numbers: dict[str, float | str] = {
        name: value
        for name, value in (
            ("incidence_angle_deg", options.incidence_deg),
            ("range_azimuth_deg", options.look_azimuth_deg),
            ("spacing_m", options.spacing_m),
            ("polarization", options.polarization),
        )
        if value is not None
    }
    for name, value in numbers.items():
        NUMBERS[name].encode(value)
    if options.legend is not None and not any(one.kind == "segmentation" for one in specs):
        raise InputError("--legend belongs to --control segmentation=FILE")
    if options.preview_control and not specs:
        raise InputError("--preview-control shows what --control KIND=FILE becomes; give one")
    places = []
    for spec in specs:
        place, shape = read_place(spec.file)
        if place.transform is None and options.control_spacing_m is not None:
            from rasterio.transform import Affine

            step = options.control_spacing_m
            place = Place(Affine.scale(step, -step))
        places.append((place, shape))
    settings = PrepareSettings(options.control_scale, options.legend)
    return ControlRequest(
        specs,
        models,
        numbers,
        tuple(places),
        settings,
        options.control_spacing_m,
        options.control_side,
        options.map_strength,
    )


def told_looks(request: ControlRequest, model: LoadedModel, looks: int | None) -> ControlRequest:
    """With the looks that were asked for, if the model draws otherwise for other looks.

    One without speckle draws the same for all: its looks are laid on afterwards, and an image is
    the same whether the usual one look was asked for or not.
    """
    laid_on = model.radiometry.speckle == "none"
    if not looks or laid_on or "looks" not in model.number_names:
        return request
    NUMBERS["looks"].encode(looks)
    return dataclasses.replace(request, numbers={**request.numbers, "looks": looks})


def _parse_specs(texts: Sequence[str]) -> tuple[ControlSpec, ...]:
    specs = []
    for text in texts:
        match = SPEC.fullmatch(text)
        if match is None or match["kind"] not in KINDS:
            raise InputError(
                f"--control {text!r} is not of the form KIND=FILE:WEIGHT@START-STOP with a kind of "
                + ", ".join(KINDS)
            )
        start, stop = float(match["start"] or 0.0), float(match["stop"] or 1.0)
        if not 0.0 <= start < stop <= 1.0:
            raise InputError(f"--control {text!r}: the range of steps runs from 0 to 1, as 0.0-0.5")
        weight = float(match["weight"]) if match["weight"] else 1.0 / len(texts)
        file = Path(match["file"]).expanduser()
        specs.append(ControlSpec(match["kind"], file, weight, start, stop))
    return tuple(specs)


def parse_control_model(text: str) -> ControlModel:
    """One ``--control-model``.

    Raises
    ------
    ModelError
        If there is no control network, or nothing says its kind.
    """
    kind, equals, folder = text.partition("=")
    if not equals or kind not in KINDS:
        kind, folder = "", text
    place = Path(folder).expanduser()
    found = control_folder(place)
    if not kind and not (found / FILE_NAME).is_file():
        raise ModelError(
            f"--control-model {text}: it does not say what controls it; name the kind, as "
            f"--control-model sketch={text}"
        )
    return ControlModel(found, kind)
