"""What a scene kind is: a name, the ground it stands on and a function that builds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..canvas import Canvas, Mask
from ..world import FloatArray

Builder = Callable[[Canvas, Mask], None]
"""Draws a kind inside the region mask only (the whole grid, margins too, for a pure scene)."""


@dataclass(frozen=True)
class SceneKind:
    """One kind of scene that the procedural world can build."""

    name: str
    """The word a caption uses: 'city', 'harbour', 'forest', ..."""
    build: Builder
    base: str
    """Material of the empty ground."""
    relief: Callable[[Canvas], FloatArray] | None = None
    """Terrain heights [m] on the full grid, called before ``build``; ``None`` is flat ground."""
