"""Scenes through several spacings, each drawn from the one before: what a cascade's stages are.

What lies kilometres apart cannot see each other in a window of 180 m. At 1.4 m the same window sees
717 m, so the layout is decided there; the finer stages keep it and add what is too small to be
drawn before, as in 'Expanding to large-scale imagery' (ONERA, RADAR 2024).
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from typing import TYPE_CHECKING

from ...errors import InputError, SizeError
from ...models.spacings import check_spacing
from ...options.translate import TranslateOptions
from ..save import slug
from ..sizes import check_size, default_size, parse_size

FROM_DRAWN = ("satellite", "simulated")
"""Controls by which a stage that was drawn from words leads the next, the best first. `satellite`
has learned from pictures of 4 to 16 times the spacing and makes crowns of a grey wood; `simulated`
keeps each blur."""
FINER_GUIDANCE = 3.0
"""Of the finer stages; by eye, of 1, 3 and 5."""

if TYPE_CHECKING:
    from pathlib import Path

    from ...models.loaded import LoadedModel
    from ...options.generate import GenerateOptions

SPACINGS_M = (0.05, 50.0)
"""Least and largest that ``--through`` takes, as ``--spacing-m``."""


def cascade_spacings(options: GenerateOptions | TranslateOptions, through: str) -> list[float]:
    """Spacings of a cascade [m], coarse to fine, the last that of the result.

    Raises
    ------
    InputError
        If they are misspelt, out of range or do not become finer, or the model cannot draw one.
    """
    from ...models.load import load_model

    try:
        coarse = [float(word) for word in through.split(",")]
    except ValueError:
        raise InputError(f"--through {through!r} is no list of spacings, as 1.4,0.7") from None
    low, high = SPACINGS_M
    if not all(low <= one <= high for one in coarse):  # nor are they when they are no numbers
        raise InputError(f"--through {through}: spacings lie from {low:g} to {high:g} m")
    model = load_model(options.model, options.device, options.dtype)
    spacings = [drawn_spacing(model, one) for one in (*coarse, options.spacing_m)]
    if any(after >= before for before, after in pairwise(spacings)):
        listed = ", ".join(f"{one:g}" for one in spacings)
        raise InputError(f"--through: spacings of {listed} m do not become finer")
    return spacings


def drawn_spacing(model: LoadedModel, asked: float | None) -> float:
    """The spacing that is drawn [m]: the one asked for, else the model's own.

    Raises
    ------
    InputError
        If there is none, or the model cannot draw it.
    """
    own = model.radiometry.spacing_m
    if own is None and asked is None:
        raise InputError(f"{model.source} does not say its pixel spacing: give --spacing-m")
    spacing = own if asked is None else asked
    assert spacing is not None  # one of both is there
    check_spacing(model, spacing)
    return spacing


def coarsest_of(options: GenerateOptions, spacings: list[float], seed: int) -> GenerateOptions:
    """The call that draws the coarsest stage of one scene from words, without speckle.

    Raises
    ------
    InputError
        If the scene is no whole number of latent cells at the coarsest spacing, or for what only
        scenes of one spacing have.
    """
    from ...models.load import load_model

    if options.complex:
        raise InputError("--complex: scenes drawn --through other spacings have no complex image")
    if options.adapter:
        raise InputError(
            "--adapter: an adapter is of one spacing, --through draws several: put one for each "
            "of them into the model's folder, as spacings/1.4m.safetensors"
        )
    model = load_model(options.model, options.device, options.dtype)
    times = spacings[0] / spacings[-1]
    if options.size is None:
        width, height = default_size(model.native_size)
    else:
        wanted = parse_size(options.size)
        width, height = (round(side / times) for side in wanted)
        try:
            check_size(width, height, model.cell)
            exact = all(
                abs(side * times - given) < 0.5
                for side, given in zip((width, height), wanted, strict=True)
            )
        except SizeError:
            exact = False
        if not exact:
            step = model.cell * times
            raise InputError(
                f"--size {options.size}: a scene drawn through {spacings[0]:g} m has sides that "
                f"are multiples of {step:g} pixels of {spacings[-1]:g} m"
            )
    return dataclasses.replace(
        options, through=None, size=f"{width}x{height}", spacing_m=spacings[0], looks=0, count=1,
        format="both",
        seed=seed, name=f"{options.name or slug(options.prompt)}-{spacings[0]:g}m",
    )  # fmt: skip


def finer_of(
    options: GenerateOptions, spacings: list[float], seed: int, scene: Path
) -> list[TranslateOptions]:
    """The calls that draw the finer stages of one scene from words; all but the last without
    speckle. Each next one's scene is named by the workflow, which knows the files."""
    name = options.name or slug(options.prompt)
    found = []
    for number, spacing in enumerate(spacings[1:], 2):
        last = number == len(spacings)
        found.append(TranslateOptions(
            scene, spacing_m=spacing, prompt=options.prompt, negative=options.negative,
            guidance=FINER_GUIDANCE, consistency="level",
            incidence_deg=options.incidence_deg, looks=options.looks if last else 0, seed=seed,
            steps=options.steps, stride=options.stride, scheduler=options.scheduler,
            out=options.out, name=name if last else f"{name}-{spacing:g}m", model=options.model,
            control_model=options.control_model, device=options.device, dtype=options.dtype,
            threads=options.threads,
        ))  # fmt: skip
    return found
