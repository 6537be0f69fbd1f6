"""Condition pictures of simulated scenes: what the shipped controls are trained on.

A shard ``conditions-00012.npz`` goes with ``scenes-00012.npz`` of the embedded model's run: the
same seeds, so that the latents which that run encoded are the targets. Beside the pictures it holds
the same scenes seen under another incidence angle, already as latents. Shards are written aside and
renamed, so a killed run continues with the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..files import write_aside
from ..models.radiometry import Radiometry
from ..sar.multilook import multilook
from ..simulate.build import build_world
from ..simulate.maps import segmentation, sketch
from ..simulate.optical import optical
from ..simulate.radar import AIRBORNE, Sensor, observe, reflectivity, satellite_view
from .scenes import SHARD, kind_of

SIDE = 256
"""Pixels per side of condition pictures; half of a training picture's."""
SATELLITE_SIDE = 128
SATELLITE_FACTORS = (4, 8, 16)
"""Spacings of satellites, in pixels of the scene (0.35 m): 1.4, 2.8 and 5.6 m."""
INCIDENCE_DEG = (30.0, 75.0)
"""Between which the second look at a scene is drawn."""

Picture = NDArray[np.uint8]
Encode = Callable[[NDArray[np.float32]], NDArray[np.float16]]
"""Model pixels [n, rows, columns] in [0, 1] to latents [n, channels, rows, columns]."""


def render_conditions(
    kind: str, seed: int, radiometry: Radiometry, size: int = 512
) -> tuple[dict[str, Any], NDArray[np.float32]]:
    """All conditions of one scene, and the scene under another incidence angle.

    The world and its echoes are those of ``scenes.make_shard`` for this seed; the simulated picture
    adds texture, speckle and noise to them.

    Returns
    -------
    Columns of one scene, and model pixels [size, size] in [0, 1] under ``incidence_angle_deg``.
    """
    world = build_world(kind, seed, size)
    step = size // SIDE
    rng = np.random.default_rng([seed, 13])
    full = observe(reflectivity(world, AIRBORNE, np.random.default_rng([seed, 11])), AIRBORNE, rng)
    spacing = float(rng.choice(SATELLITE_FACTORS)) * world.spacing_m
    satellite = Sensor(
        "satellite", float(rng.uniform(25.0, 50.0)), spacing, int(rng.integers(1, 9)),
        noise_equivalent_sigma_nought_db=-24.0,
    )  # fmt: skip
    seen = satellite_view(world, satellite, rng).sigma_nought
    angle = float(rng.uniform(*INCIDENCE_DEG))
    tilted = reflectivity(
        world, Sensor(incidence_angle_deg=angle), np.random.default_rng([seed, 11]), texture=False
    )
    drawn = sketch(world).reshape(SIDE, step, SIDE, step).mean((1, 3))
    photograph = optical(world, rng).reshape(SIDE, step, SIDE, step, 3).mean((1, 3))
    columns = {
        "sketch": np.round(drawn).astype(np.uint8),
        "segmentation": np.ascontiguousarray(segmentation(world)[::step, ::step]),
        "optical": np.round(photograph).astype(np.uint8),
        "satellite": _decibels(_resized(seen, SATELLITE_SIDE), radiometry),
        "simulated": _decibels(multilook(full.sigma_nought, step), radiometry),
        "satellite_spacing_m": np.float32(spacing),
        "incidence_angle_deg": np.float32(angle),
    }
    return columns, radiometry.to_pixel(tilted.power)


def make_condition_shard(
    folder: Path,
    shard: int,
    seed: int,
    radiometry: Radiometry,
    mixture_share: float,
    encode: Encode,
    size: int = 512,
) -> Path:
    """Render one shard; an existing one is kept."""
    path = folder / f"conditions-{shard:05d}.npz"
    if path.is_file():
        return path
    rows, tilted = [], []
    for index in range(shard * SHARD, (shard + 1) * SHARD):
        columns, pixels = render_conditions(
            kind_of(index, mixture_share), seed + index, radiometry, size
        )
        rows.append(columns)
        tilted.append(encode(pixels[None])[0])
    arrays = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    with write_aside(path) as aside, Path(aside).open("wb") as file:
        np.savez(file, **{**arrays, "tilted": np.stack(tilted)})  # type: ignore[arg-type]
    return path


def _resized(power: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Power on a finer or coarser grid of the same frame: linear between, averaged when shrunk."""
    shrinks = power.shape[0] > side
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(power).resize((side, side), method), np.float32)


def _decibels(power: NDArray[np.float32], radiometry: Radiometry) -> Picture:
    """Power on the model's decibel scale in 8 bits."""
    return np.asarray(np.round(radiometry.to_pixel(power) * 255), np.uint8)
