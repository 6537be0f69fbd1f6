"""``--control KIND=FILE:WEIGHT@START-STOP``: pictures and numbers that lead the denoising.

Every picture is one pass of its control network at every step in its range; what the passes add to
the U-Net is weighted and summed, as diffusers' ``MultiControlNetModel`` does. Without weights,
several pictures share a weight of 1. Numbers are told to the model itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, ModelError
from ...files import sha256_of, write_aside
from ...models.control import LoadedControl, control_folder, load_control
from ...models.control_kinds import NUMBERS
from ...models.locate import locate_model
from ...models.spacings import check_spacing
from .frame import Frame
from .request import ControlModel, ControlRequest
from .side import residuals

if TYPE_CHECKING:
    import torch

    from ...models.loaded import LoadedModel, TextCondition

FloatArray = NDArray[np.float32]


@dataclass
class _Pass:
    """One pass of a network at every step of a range."""

    network: Any
    picture: torch.Tensor
    weight: float
    start: float
    stop: float

    def works_at(self, progress: float) -> bool:
        return self.start <= progress < self.stop or (progress >= 1.0 and self.stop == 1.0)


def summed(passes: Iterable[tuple[Sequence[torch.Tensor], torch.Tensor]]) -> dict[str, Any]:
    """What several passes add to the U-Net, as its further arguments; empty without any."""
    down: list[torch.Tensor] = []
    middle: torch.Tensor | None = None
    for more, centre in passes:
        down = [a + b for a, b in zip(down, more, strict=True)] if down else list(more)
        middle = centre if middle is None else middle + centre
    if middle is None:
        return {}
    return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


class Controls:
    """Loaded networks and prepared pictures of one call."""

    def __init__(
        self, model: LoadedModel, request: ControlRequest, width: int, height: int
    ) -> None:
        """Load and prepare.

        Raises
        ------
        InputError
            If no network reads a kind or a number that is asked for, or a picture cannot be used.
        ModelError
            If a network does not fit the model.
        """
        self.request = request
        self._loaded: dict[Path, LoadedControl] = {}
        networks = [self._for_kind(spec.kind, model) for spec in request.specs]
        self.prepared: list[FloatArray] = prepare_all(
            request, [one.layout.legend for one in networks], model, width, height
        )
        self.networks = networks
        self._check_numbers(model)
        self._passes = self._make_passes(model, width, height)

    def at(
        self,
        latents: torch.Tensor,
        t: torch.Tensor,
        text: TextCondition,
        added: dict[str, torch.Tensor] | None,
        progress: float,
    ) -> dict[str, Any]:
        """What to hand to the U-Net at a share of the denoising done; nothing outside all ranges.

        Parameters
        ----------
        latents
            As the U-Net gets them [n, c, h, w].
        """
        return summed(
            residuals(
                one.network, latents, t, text, one.picture, one.weight, added, self.request.side
            )
            for one in self._passes
            if one.works_at(progress)
        )

    def legend_of(self, number: int) -> dict[str, tuple[int, ...]]:
        """Classes and colours that a picture of the call was prepared with."""
        legend = self.networks[number].layout.legend or usual_legend()
        return {name: tuple(colour) for name, colour in legend.items()}

    def doubts(self, model: LoadedModel) -> list[str]:
        """Why a control may lead less well than it was trained to."""
        others = [
            f"the control in {one.folder} was trained over another version of {model.source}"
            for one in self._loaded.values()
            if one.layout.base not in ("", model.fingerprint, model.base_fingerprint)
        ]
        return others + model.number_doubts(self.request.numbers)

    def record(self, map_strength: float = 1.0) -> dict[str, Any]:
        """What the images of a call hang on, for their record.

        Parameters
        ----------
        map_strength
            As it was used: 1 where an image started from noise, or from another picture.
        """
        settings = self.request.settings
        return {
            "pictures": [
                {
                    "spec": spec.spelled,
                    "sha256": sha256_of(spec.file),
                    "network": one.fingerprint,
                    "georeferenced": place.crs is not None,
                }
                for spec, one, (place, _) in zip(
                    self.request.specs, self.networks, self.request.places, strict=True
                )
            ],
            "models": [
                f"{one.kind}={one.folder}" if one.kind else str(one.folder)
                for one in self.request.models
            ],
            "networks": sorted(one.fingerprint for one in self._loaded.values()),
            "numbers": dict(self.request.numbers),
            "scale": settings.scale,
            "side": self.request.side,
            "map_strength": map_strength,
            "spacing_m": self.request.spacing_m,
            "legend": None
            if settings.legend is None
            else {"file": str(settings.legend), "sha256": sha256_of(settings.legend)},
        }

    def _load(self, folder: Path, model: LoadedModel, kind: str = "") -> LoadedControl:
        if folder not in self._loaded:
            self._loaded[folder] = load_control(folder, model, kind)
        return self._loaded[folder]

    def _candidates(self, model: LoadedModel) -> list[ControlModel]:
        """Networks named by the user, the last first, then the model's own."""
        return [*reversed(self.request.models), *own_control(model.source)]

    def _for_kind(self, kind: str, model: LoadedModel) -> LoadedControl:
        for one in self._candidates(model):
            if one.kind in ("", kind):
                loaded = self._load(one.folder, model, one.kind)
                if kind in loaded.layout.kinds:
                    return loaded
        raise InputError(
            f"the model {model.source} has no control for {kind}: train one with "
            f'condition = ["{kind}"] and name its run with --control-model'
        )

    def _check_numbers(self, model: LoadedModel) -> None:
        """Every number must be told; the model's own spacing needs no telling."""
        for name in self.request.numbers:
            if name in model.number_names:
                continue
            if name == "spacing_m":
                check_spacing(model, float(self.request.numbers[name]))
                continue
            raise InputError(
                f"{NUMBERS[name].flag}: the model {model.source} cannot be told it: train its "
                f'U-Net with numbers = ["{name}"]'
            )

    def _make_passes(self, model: LoadedModel, width: int, height: int) -> list[_Pass]:
        return [
            _pass(
                one,
                one.layout.stack({spec.kind: picture}, height, width),
                model,
                spec.weight,
                spec.start,
                spec.stop,
            )
            for spec, one, picture in zip(
                self.request.specs, self.networks, self.prepared, strict=True
            )
        ]


def _pass(
    one: LoadedControl,
    stack: FloatArray,
    model: LoadedModel,
    weight: float,
    start: float,
    stop: float,
) -> _Pass:
    import torch

    picture = torch.from_numpy(stack)[None].to(model.device, model.dtype)
    return _Pass(one.network, picture, weight, start, stop)


def own_control(source: str) -> list[ControlModel]:
    """The control network inside a model's folder, if it has one."""
    root = locate_model(source).root
    try:
        return [ControlModel(control_folder(root))] if root.is_dir() else []
    except ModelError:
        return []


def prepare_all(
    request: ControlRequest,
    legends: Sequence[Mapping[str, Sequence[int]]],
    model: LoadedModel,
    width: int,
    height: int,
) -> list[FloatArray]:
    """The pictures of a request as pixels on the grid of an image, [channels, height, width] each.

    Raises
    ------
    InputError, FormatError
        If a picture cannot be used.
    """
    from .prepare import PREPARE

    spacing = request.numbers.get("spacing_m", model.radiometry.spacing_m)
    frame = Frame(width, height, None if spacing is None else float(spacing))
    for place, shape in request.places:
        frame = frame.around(place, shape)
    prepared = []
    for spec, legend, (place, _) in zip(request.specs, legends, request.places, strict=True):
        wanted = legend or usual_legend()
        settings = dataclasses.replace(request.settings, wanted=wanted)
        prepared.append(PREPARE[spec.kind](spec.file, place, frame, settings))
    return prepared


def usual_legend() -> dict[str, tuple[int, int, int]]:
    """The simulator's classes in their order, for networks that name none."""
    from ...simulate.maps import LEGEND
    from ...simulate.materials import LABELS

    return {label: LEGEND[label] for label in LABELS}


def save_previews(controls: Controls, folder: Path, name: str) -> list[Path]:
    """Write what each picture became, ``NAME-control-1-KIND.png``, for any ControlNet program."""
    from PIL import Image

    files = []
    for number, (spec, one, picture) in enumerate(
        zip(controls.request.specs, controls.networks, controls.prepared, strict=True), 1
    ):
        coarse = one.layout.coarse(picture)
        pixels = np.round(coarse.transpose(1, 2, 0) * 255).astype(np.uint8)
        path = folder / f"{name}-control-{number}-{spec.kind}.png"
        with write_aside(path) as aside:
            Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(aside, "PNG")
        files.append(path)
    return files
