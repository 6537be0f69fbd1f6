"""Where an image led by a segmentation map starts: the radar's view of the map, not noise.

The classes get materials and heights (``simulate.extrude``), the simulator looks at them, and the
denoising goes on from there as image-to-image does (SDEdit, Meng et al. 2022). So layover and
shadow of what the map holds are the simulator's, and only their look is the model's.

A latent cell is wider than a car, so the autoencoder loses what is small and sharp. What it lost of
the view is known, and is laid over the finished image again: the difference of the view and its
own decoded latent, in pixels (decibels, so that a factor is laid over power).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...files import write_aside
from ...simulate.extrude import extruded
from ...simulate.materials import LABELS
from ...simulate.radar import AIRBORNE, Sensor, reflectivity
from ..init_image import InitImage, to_model_pixels
from ..result import display_threshold
from .segmentation import nearest

if TYPE_CHECKING:
    import torch

    from ...models.loaded import LoadedModel
    from .controls import Controls
    from .request import ControlRequest

FloatArray = NDArray[np.float32]


FULL_DETAIL = 0.5
"""Strength up to which all of it is laid over; beyond, objects come to lie elsewhere, and it fades
until it is none at 1."""


@dataclass(frozen=True)
class MapStart:
    """Where an image starts, and what it gets back at the end."""

    latent: torch.Tensor
    """[1, c, h, w]."""
    lost: torch.Tensor
    """What the autoencoder took from the view, in pixels [3, height, width]."""

    def give_back(self, pixels: torch.Tensor, strength: float) -> torch.Tensor:
        """A finished image in [0, 1], [3, height, width], with that detail."""
        return (pixels + detail_share(strength) * self.lost).clamp(0.0, 1.0)


def start_of_map(model: LoadedModel, controls: Controls, seed: int) -> MapStart:
    """Latent of the view of a call's map, for one seed."""
    import torch

    view = view_of_map(model, controls, seed)
    height, width = view.power.shape
    pixels = torch.from_numpy(to_model_pixels(view, model.radiometry, width, height))
    whole = pixels.expand(1, 3, height, width).contiguous()
    with torch.inference_mode():
        latent = model.encode(whole)
        return MapStart(latent, (whole - model.decode(latent).cpu())[0])


def starts_from_map(model: LoadedModel, controls: Controls | None) -> bool:
    """Whether a call has a map that an image starts from (``leading_map``)."""
    return controls is not None and _leading(model, controls) is not None


def leading_map(
    model: LoadedModel, request: ControlRequest, legends: Sequence[Mapping[str, Any]]
) -> int | None:
    """Number of the picture that is a map which leads from the first step on, and which the
    simulator can see; None if there is none, or images start from noise.

    A model that draws its own speckle would not lay it over a picture without any; the view is
    sigma-nought, and its detail a difference of decibels.
    """
    radiometry = model.radiometry
    if (
        request.map_strength >= 1.0
        or (radiometry.speckle, radiometry.scale) != ("none", "db")
        or radiometry.calibration != "sigma_nought"
        or _spacing_m(model, request) is None
    ):
        return None
    for number, spec in enumerate(request.specs):
        leads = spec.kind == "segmentation" and spec.start == 0.0 and spec.weight > 0.0
        if leads and set(legends[number]) <= set(LABELS):
            return number
    return None


def view_of_map(model: LoadedModel, controls: Controls, seed: int) -> InitImage:
    """Speckle-free sigma-nought of the world raised over the map of a call, for one seed."""
    place = _leading(model, controls)
    assert place is not None  # starts_from_map has looked
    picture = controls.prepared[place]
    return view_of(picture, controls.legend_of(place), model, controls.request, seed)


def view_of(
    picture: FloatArray,
    legend: Mapping[str, Sequence[int]],
    model: LoadedModel,
    request: ControlRequest,
    seed: int,
) -> InitImage:
    """The same of a prepared map [3, rows, columns] in the colours of ``legend``."""
    spacing_m = _spacing_m(model, request)
    assert spacing_m is not None  # leading_map has looked
    labels = labels_of(picture, legend)
    told = request.numbers.get("incidence_angle_deg", AIRBORNE.incidence_angle_deg)
    sensor = Sensor(incidence_angle_deg=float(told))
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(16,)))
    seen = reflectivity(extruded(labels, spacing_m, seed), sensor, rng, texture=False)
    return InitImage(seen.power, calibrated=True, sha256="")


def detail_share(strength: float) -> float:
    """How much of what the autoencoder lost is laid over an image of a strength."""
    return min(1.0, (1.0 - strength) / (1.0 - FULL_DETAIL))


def save_view(view: InitImage, path: Path) -> Path:
    """Write a view as a grey picture, without speckle."""
    from PIL import Image

    amplitude = np.sqrt(view.power)
    grey = np.clip(amplitude / display_threshold(amplitude), 0.0, 1.0) * 255
    with write_aside(path) as aside:
        Image.fromarray(np.round(grey).astype(np.uint8)).save(aside, "PNG")
    return path


def labels_of(picture: FloatArray, legend: Mapping[str, Sequence[int]]) -> NDArray[np.uint8]:
    """Index into ``LABELS`` [rows, columns] of a prepared map [3, rows, columns] in [0, 1]."""
    by_label = {LABELS.index(name): (r, g, b) for name, (r, g, b) in legend.items()}
    return np.asarray(nearest(picture, by_label, Path("map")), np.uint8)


def _spacing_m(model: LoadedModel, request: ControlRequest) -> float | None:
    """Ground spacing that the pictures of a call were brought to."""
    spacing_m = request.numbers.get("spacing_m", model.radiometry.spacing_m)
    return None if spacing_m is None else float(spacing_m)


def _leading(model: LoadedModel, controls: Controls) -> int | None:
    legends = [controls.legend_of(number) for number in range(len(controls.request.specs))]
    return leading_map(model, controls.request, legends)
