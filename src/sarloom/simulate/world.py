"""A world: heights, materials and objects on one ground grid, before any sensor looks at it.

Conventions, used everywhere in sarloom:

* arrays are ``[row, column]`` = ``[azimuth y, ground range x]``; near range is column 0, so the
  radar stands to the left, light travels to the right and shadows fall to the right;
* ``x_m``, ``y_m`` are metres from the upper left corner of the *visible* frame; the grid carries a
  margin on every side so that layover and shadow from outside enter the frame;
* angles in degrees turn from +x (range) towards +y (downwards in the picture).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class SceneObject:
    """One thing that a person would name in the scene."""

    kind: str
    """Noun: 'building', 'house', 'tank', 'ship', 'tree', 'road', 'river', 'field', ..."""
    x_m: float
    y_m: float
    length_m: float = 0.0
    width_m: float = 0.0
    height_m: float = 0.0
    angle_deg: float = 0.0
    outline_m: tuple[tuple[float, float], ...] = ()
    """What a person would draw: (x, y) points; a closed shape repeats its first point."""
    detail: str = ""
    """Adjective for captions: 'flat-roofed', 'cargo', 'fighter', ..."""


@dataclass(frozen=True)
class WallFoot:
    """A wall standing on the ground: the dihedral that makes bright lines in radar images."""

    x0_m: float
    y0_m: float
    x1_m: float
    y1_m: float
    height_m: float
    strength_db: float = 0.0
    """Relative to a smooth metallic dihedral after incoherent losses; walls about -10, metal 0."""


@dataclass(frozen=True)
class Reflector:
    """A point target: corner reflector, lamp post, deck fitting. ``rcs_dbsm`` in dB m^2."""

    x_m: float
    y_m: float
    z_m: float
    rcs_dbsm: float


@dataclass
class World:
    """Everything that exists on the ground; arrays are (rows + 2 m_r, columns + 2 m_c)."""

    kind: str
    seed: int
    spacing_m: float
    margin: tuple[int, int]
    """Rows and columns of hidden ground on each side: (m_r, m_c)."""
    ground_m: FloatArray
    """Terrain height without objects [m]."""
    height_m: FloatArray
    """Height of whatever the radar meets first, objects included [m]."""
    material: NDArray[np.uint8]
    """Index into ``materials.MATERIALS``."""
    direction_deg: FloatArray
    """Direction of rows (ploughing, planting) where the texture is striped, NaN elsewhere."""
    period_m: FloatArray
    """Period of those rows, 0 elsewhere."""
    objects: list[SceneObject] = field(default_factory=list)
    wall_feet: list[WallFoot] = field(default_factory=list)
    reflectors: list[Reflector] = field(default_factory=list)
    parts: tuple[str, ...] = ()
    """Scene kinds that the world is made of: one, or two in a mixture."""

    @property
    def visible(self) -> tuple[slice, slice]:
        """Slices that cut the visible frame out of the full arrays."""
        rows, columns = self.height_m.shape
        return slice(self.margin[0], rows - self.margin[0]), slice(
            self.margin[1], columns - self.margin[1]
        )

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the visible frame."""
        rows, columns = self.height_m.shape
        return rows - 2 * self.margin[0], columns - 2 * self.margin[1]
