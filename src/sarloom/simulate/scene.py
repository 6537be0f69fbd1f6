"""One simulated scene: a world and all its pictures, from a kind and a seed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .build import build_world
from .captions import captions
from .facts import SceneFacts, describe
from .maps import segmentation, sketch
from .optical import optical
from .radar import (
    AIRBORNE,
    SATELLITE,
    RadarImage,
    Reflectivity,
    Sensor,
    observe,
    reflectivity,
    satellite_view,
)
from .world import World


@dataclass(frozen=True)
class SimulatedScene:
    """A world, what can be said about it, and its pictures on one ground grid."""

    kind: str
    seed: int
    world: World
    facts: SceneFacts
    captions: tuple[str, ...]
    """Without sensor prefix (``captions.with_domain``); the first is short and canonical."""
    optical: NDArray[np.uint8]
    """sRGB, shape (rows, columns, 3)."""
    segmentation: NDArray[np.uint8]
    """Index into ``materials.LABELS``, shape (rows, columns)."""
    sketch: NDArray[np.uint8]
    """Edges of objects as a person would draw them, shape (rows, columns)."""
    reflectivity: Reflectivity
    """The airborne radar's view without speckle and noise."""
    radar: RadarImage
    """The airborne radar image: ``sigma_nought`` and, for a single look, ``complex``."""
    satellite: RadarImage
    """The same ground from a coarser sensor, with speckle of its own."""


def child_rng(kind: str, seed: int, picture: str) -> np.random.Generator:
    """The random generator of one picture of one scene.

    It depends on the names alone, so a new picture never changes an old one.
    """
    return np.random.default_rng([seed, zlib.crc32(kind.encode()), zlib.crc32(picture.encode())])


def simulate_scene(
    kind: str,
    seed: int,
    size: int = 512,
    spacing_m: float = 0.35,
    *,
    airborne: Sensor = AIRBORNE,
    satellite: Sensor = SATELLITE,
    caption_count: int = 5,
) -> SimulatedScene:
    """Simulate one scene.

    Parameters
    ----------
    kind
        A scene kind ('harbour') or two joined by '+' ('farmland+river').
    seed
        Not negative; equal arguments give equal bytes.
    size
        Rows and columns of the visible frame.
    spacing_m
        Ground distance between pixels [m], also of the airborne image.
    airborne, satellite
        The two radars; ``satellite.spacing_m`` must be a multiple of ``spacing_m``.
    caption_count
        Number of captions.

    Raises
    ------
    InputError
        For an unknown kind or a size, seed or spacing that cannot be used.
    """
    world = build_world(kind, seed, size, spacing_m)
    kind = world.kind
    facts = describe(world)
    quiet = reflectivity(world, airborne, child_rng(kind, seed, "reflectivity"))
    return SimulatedScene(
        kind=kind,
        seed=seed,
        world=world,
        facts=facts,
        captions=captions(facts, child_rng(kind, seed, "captions"), caption_count),
        optical=optical(world, child_rng(kind, seed, "optical")),
        segmentation=segmentation(world),
        sketch=sketch(world),
        reflectivity=quiet,
        radar=observe(quiet, airborne, child_rng(kind, seed, "radar")),
        satellite=satellite_view(world, satellite, child_rng(kind, seed, "satellite")),
    )
