"""Whether a set's pixels can be what they say: looks by its speckle, range by its shadows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .finding import Finding, named
from .physics import (
    Histogram,
    SideCounts,
    looks_histogram,
    median_looks,
    shadow_sides,
    speckle_blocks,
)
from .schema import Row
from .split import unit_hash
from .store import row_amplitude, row_picture

SMOOTHER, ROUGHER = 1.5, 0.5
"""Measured over stated looks, in even blocks, beyond which something is wrong. Texture makes even
ground rougher than speckle alone; nothing in nature makes it smoother."""
MOST_LOOKS = 10.0
"""Above, texture and not speckle sets how rough a block is."""
LEAST_LOOKS = 0.6
"""Measured where none are stated, below which pixels are no amplitude of a radar."""
LEAST_BLOCKS = 50
SHADOW_SIGMAS, SHADOW_NEPERS = 5.0, 1.0
"""By how many standard errors, and by how much, the wrong side of tall things has to be darker.
Measured on 36 simulated scenes: -2.7 +- 0.3 nepers along range, -0.2 +- 0.1 across."""
LEAST_TILES = 4
MEASURED_EACH, MEASURED_ALL = 16, 2000
"""Tiles whose pixels are measured: so many of each acquisition at least, about so many in all."""


@dataclass
class Measured:
    """What is gathered about the pixels of one acquisition at one spacing."""

    tiles: int = 0
    looks: Histogram = field(default_factory=looks_histogram)
    """Of even blocks."""


@dataclass
class Speckle:
    """What is gathered about the pixels of all tiles."""

    looks: dict[tuple[str, float, float | None], Measured] = field(default_factory=dict)
    """By acquisition, spacing and stated looks."""
    sides: SideCounts = field(default_factory=SideCounts)


def measure_tile(row: Row, labels: Sequence[str], into: Speckle, total: int) -> None:
    """Add a tile's pixels to what is known of its acquisition.

    Every simulated scene is an acquisition of its own; all are measured together.

    Raises
    ------
    InputError
        If the tile's pictures cannot be decoded.
    """
    amplitude = row_amplitude(row)  # of all, so that none is there that cannot be decoded
    name = "simulated scenes" if row["synthetic"] else str(row["acquisition"])
    stated = row["looks"]
    key = (name, float(row["spacing_m"] or 0.0), None if stated is None else round(stated, 1))
    measured = into.looks.setdefault(key, Measured())
    measured.tiles += 1
    if measured.tiles > MEASURED_EACH and unit_hash(row["id"]) * total > MEASURED_ALL:
        return
    power = np.square(amplitude)
    blocks = speckle_blocks(power, row["threshold"])
    measured.looks.add(np.log10(blocks.looks[blocks.even]))
    classes = row_picture(row, "segmentation") if labels else None
    if classes is not None and classes.ndim == 2:
        sides = shadow_sides(power, classes, labels)
        if sides is not None:
            into.sides.add(sides)


def looks_findings(
    acquisitions: Mapping[tuple[str, float, float | None], Measured],
) -> Iterator[Finding]:
    """Acquisitions whose speckle is not what they state."""
    smoother, rougher, unlike = [], [], []
    for (name, spacing, stated), measured in acquisitions.items():
        found = median_looks(measured.looks)
        if found is None or measured.looks.total < LEAST_BLOCKS:
            continue
        if stated is None:
            if found < LEAST_LOOKS:
                unlike.append(f"{name} at {spacing:g} m ({found:.2g})")
            continue
        said = f"{name} at {spacing:g} m ({found:.2g} where {stated:g} are stated)"
        if found > SMOOTHER * stated:
            smoother.append(said)
        elif found < ROUGHER * stated and stated <= MOST_LOOKS:
            rougher.append(said)
    if smoother:
        yield Finding(
            "Warning",
            "more looks measured than stated; amplitude taken for power, data smoothed, or looks "
            f"not stated rightly: {named(smoother)}",
        )
    if rougher:
        yield Finding(
            "Warning",
            "fewer looks measured than stated; power taken for amplitude, or looks not stated "
            f"rightly: {named(rougher)}",
        )
    if unlike:
        yield Finding(
            "Warning",
            "fewer looks measured than the one that every radar has; power taken for amplitude, "
            f"or a picture stretched for display: {named(unlike)}",
        )


def shadow_findings(sides: SideCounts) -> Iterator[Finding]:
    """Range that does not run along growing columns."""
    if len(sides.columns) < LEAST_TILES:
        return
    found = []
    for values, axis in ((sides.columns, "column"), (sides.rows, "row")):
        error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
        found.append((float(np.mean(values)), error, axis))
    mean, error, axis = max(found, key=lambda one: abs(one[0]))
    if abs(mean) < max(SHADOW_NEPERS, SHADOW_SIGMAS * error) or (axis == "column" and mean < 0):
        return
    way = "growing" if mean < 0 else "falling"
    yield Finding(
        "Warning",
        f"shadows fall towards {way} {axis}s, so range does not run along growing columns "
        f"(ground beyond tall things {mean:+.1f} +- {error:.1f} nepers against that before them)",
    )
