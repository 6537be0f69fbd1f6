"""Other pixel spacings than a model's own: an adapter for each, in the model's folder.

A field of 100 m covers 18 latent cells at 0.35 m and 4 at 1.4 m, so a network draws one spacing.
``spacings/1.4m.safetensors`` beside the U-Net is an adapter, of any kind that ``--adapter`` reads,
which turns the model into one of 1.4 m; the autoencoder is the same. The stages of a cascade are
the model at one spacing after another.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from .adapters import Adapters, AdapterSpec
from .load import load_model
from .locate import locate_model

if TYPE_CHECKING:
    from .loaded import LoadedModel

FOLDER = "spacings"
TOLERANCE = 0.02
"""Share by which a spacing may differ from one that was learned."""
_NAME = re.compile(r"(\d+(?:\.\d+)?)m\.safetensors")


def load_at(spec: str, device: str, dtype: str, spacing_m: float | None) -> LoadedModel:
    """Load a base model that draws pixels of a spacing, as far as it can.

    Parameters
    ----------
    spacing_m
        Wanted spacing [m]; None for the model's own.

    Returns
    -------
    The model, with its adapter for this spacing laid over it if it has one. Whether the model can
    be told a spacing that it has no adapter for is looked at where it is told.

    Raises
    ------
    ModelError
        As :func:`.load.load_model`; or if the adapter does not fit the model.
    """
    model = load_model(spec, device, dtype)
    own = model.radiometry.spacing_m
    if spacing_m is None or own is None or is_same(spacing_m, own):
        return model
    found = next((path for m, path in adapters_of(spec).items() if is_same(spacing_m, m)), None)
    return model if found is None else at_spacing(model, found, spacing_m)


def at_spacing(model: LoadedModel, adapter: Path, spacing_m: float) -> LoadedModel:
    """A model turned, for good, into one of another spacing by an adapter."""
    laid = AdapterSpec(adapter)
    Adapters(model, [laid]).at(0.0)
    name = hashlib.sha256(f"{model.fingerprint} {laid.sha256}".encode()).hexdigest()[:16]
    return dataclasses.replace(
        model,
        radiometry=dataclasses.replace(model.radiometry, spacing_m=spacing_m),
        fingerprint=name,
        base_fingerprint=model.fingerprint,
    )


def adapters_of(spec: str) -> dict[float, Path]:
    """Spacings [m] that a model folder has an adapter for, coarse to fine."""
    folder = locate_model(spec).root / FOLDER
    found = {
        float(match[1]): path
        for path in folder.glob("*.safetensors")
        if (match := _NAME.fullmatch(path.name))
    }
    return dict(sorted(found.items(), reverse=True))


def is_same(spacing_m: float, other_m: float) -> bool:
    """Whether two spacings are one for a model."""
    return abs(spacing_m / other_m - 1.0) < TOLERANCE


def check_spacing(model: LoadedModel, spacing_m: float) -> None:
    """Check that a model draws a spacing: its own, one it is told, or one with an adapter.

    Raises
    ------
    InputError
        If it draws others.
    """
    own = model.radiometry.spacing_m
    if own is None or is_same(spacing_m, own) or "spacing_m" in model.number_names:
        return
    known = adapters_of(model.source)
    if any(is_same(spacing_m, one) for one in known):
        return
    others = "".join(f", {one:g}" for one in known)
    raise InputError(
        f"{model.source} draws pixels of {own:g}{others} m and no others, not of {spacing_m:g} m: "
        f"train an adapter on tiles of that spacing and put it into its folder as "
        f'{FOLDER}/{spacing_m:g}m.safetensors, or train a model with numbers = ["spacing_m"]'
    )
