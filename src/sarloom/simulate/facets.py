"""Side-looking geometry of a height grid: who is lit, and where its echo lands.

Per row, between neighbouring samples (x_i, z_i) and (x_i+1, z_i+1) lies one straight facet.

* The echo of a point lands at slant range r = x sin(theta) - z cos(theta); on the reference plane
  that is the ground coordinate u = x - z / tan(theta).
* A point is lit if p = x cos(theta) + z sin(theta), its height across the line of sight, exceeds
  all that came before. The increment of the running maximum of p is the lit extent of a facet,
  also where a shadow ends in the middle of it. Facets turned away have none.
* A facet sends gamma(local incidence) times its lit extent: for flat ground that is exactly
  sigma0(theta) per unit of ground. Facet area times cos(local incidence) does not depend on the
  azimuth slope, which therefore enters through the local incidence angle only.
* The echo is spread evenly over the facet's interval of u, forwards or, in layover, backwards;
  see ``splat``.

Vegetation lets the wave in: the interval of such a facet is drawn out away from the radar by a
length that varies evenly between nothing and twice the mean depth, so that crowns are filled and
their far side fades. Walls of
buildings are split into bands of a metre, brighter at every storey's sills and slabs.

Lengths are in cells throughout, unless their name says metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .backscatter import (
    COSINES,
    DEPTH_M,
    DEVIATES,
    PLAIN,
    REACH,
    WALL,
    WALL_OF,
    gamma_table,
    texture_table,
)
from .splat import THINNEST, Boxes, cells, ramps

FloatArray = NDArray[np.float32]
STEEP = 1.7
"""Slope above which the side of the upper material is seen (60 degrees)."""
STOREY_M = 3.0
_BAND_M = 1.0
_BAND_GAIN = np.array([2.1, 0.45, 0.45], np.float32)
"""Sills and slabs of a storey against its glass and plaster; mean one."""
_CHUNK = 32


@dataclass(frozen=True)
class Surface:
    """What the rows are made of; arrays (rows, columns)."""

    height: FloatArray
    """Height above the reference plane [cells], with one more row above and below."""
    material: NDArray[np.uint8]
    spacing_m: float
    deviate: FloatArray | None = None
    """Gaussian deviates of the texture; ``None`` for none."""
    modulation: FloatArray | None = None


@dataclass(frozen=True)
class Echo:
    """Power on the ground-range grid of the reference plane, (rows, columns)."""

    power: FloatArray
    coverage: FloatArray | None
    """Surface intervals per cell: 0 in shadow, 1 on open ground, above 1 in layover."""
    horizon: FloatArray
    """Running maximum of p at every sample [cells]: what a point there must exceed to be lit."""


def render(surface: Surface, incidence_angle_deg: float, *, coverage: bool = False) -> Echo:
    """Power per cell received from a surface, equal to sigma0 on open flat ground."""
    rows, columns = surface.material.shape
    power = np.empty((rows, columns), np.float32)
    cover = np.empty((rows, columns), np.float32) if coverage else None
    horizon = np.empty((rows, columns), np.float32)
    for first in range(0, rows, _CHUNK):
        part = slice(first, min(first + _CHUNK, rows))
        sweep = _Sweep(surface, part, incidence_angle_deg)
        horizon[part] = sweep.horizon
        power[part] = sweep.spread(sweep.echo(), detailed=True)
        if cover is not None:
            cover[part] = sweep.spread(sweep.lit_length(), detailed=False)
    return Echo(power, cover, horizon)


class _Sweep:
    """A few rows at a time, so that the working set stays in the cache."""

    def __init__(self, surface: Surface, rows: slice, incidence_angle_deg: float) -> None:
        theta = np.radians(incidence_angle_deg)
        self.sine, self.cosine = np.float32(np.sin(theta)), np.float32(np.cos(theta))
        self.surface, self.rows = surface, rows
        framed = surface.height[rows.start : rows.stop + 2]
        self.z = framed[1:-1]
        self.azimuth_slope = np.clip(0.5 * (framed[2:] - framed[:-2]), -3.0, 3.0)[:, :-1]
        column = np.arange(self.z.shape[1], dtype=np.float32)
        across = column * self.cosine + self.z * self.sine
        self.horizon = np.maximum.accumulate(across, axis=1)
        self.lit = np.diff(self.horizon, axis=1)
        self.slope = np.diff(self.z, axis=1)
        self.u = column + np.float32(0.5) - self.z * (self.cosine / self.sine)
        self.du = np.diff(self.u, axis=1)
        self.facing = self.slope * self.sine + self.cosine
        safe = np.maximum(self.facing, np.float32(1e-6))
        self.fraction = np.clip(self.lit / safe, 0.0, 1.0)
        self.material = surface.material[rows, :-1].copy()
        steep = np.nonzero(self.slope > STEEP)
        self.material[steep] = WALL_OF[surface.material[rows, 1:][steep]]

    def echo(self) -> FloatArray:
        """Power of every facet."""
        surface, rows = self.surface, self.rows
        area = np.sqrt(1.0 + np.square(self.slope) + np.square(self.azimuth_slope))
        local = np.clip(self.facing / area, 0.0, 1.0)
        local *= COSINES - 1
        local += 0.5
        base = self.material.astype(np.intp)
        power = gamma_table().ravel()[base * COSINES + local.astype(np.intp)]
        power *= self.lit
        if surface.deviate is not None:
            scale = (DEVIATES - 1) / (2 * REACH)
            index = np.clip(surface.deviate[rows, :-1], -REACH, REACH)
            index = ((index + REACH) * scale + 0.5).astype(np.intp)
            power *= texture_table().ravel()[base * DEVIATES + index]
        if surface.modulation is not None:
            power *= surface.modulation[rows, :-1]
        return np.asarray(power, np.float32)

    def lit_length(self) -> FloatArray:
        """Length of every facet's lit part along u."""
        return np.asarray(np.abs(self.du) * self.fraction, np.float32)

    def spread(self, power: FloatArray, *, detailed: bool) -> FloatArray:
        """Distribute facet powers over the cells their lit parts fall on.

        ``detailed`` adds what a facet hides: depth of vegetation and storeys of walls.
        """
        length = self.du * self.fraction
        whole = (self.fraction > 0.9999) & (np.abs(length) > THINNEST)
        if detailed:
            whole &= PLAIN[self.material]
        density = np.divide(
            power, self.du, out=np.zeros(power.shape), where=whole, dtype=np.float64
        )
        shape = (self.z.shape[0], self.z.shape[1])
        step = np.zeros(shape)
        step[:, :-1] = density
        step[:, 1:] -= density
        total = ramps(np.arange(shape[0])[:, None], self.u, step, shape)
        odd = np.nonzero((self.lit > 0) & ~whole)
        if len(odd[0]):
            boxes = Boxes(odd[0], self.u[:, 1:][odd], length[odd], power[odd])
            if detailed:
                boxes = self._detail(boxes, odd)
            total += boxes.ramps(shape)
        return cells(total, shape)

    def _detail(self, boxes: Boxes, odd: tuple[NDArray[np.intp], ...]) -> Boxes:
        """Depth of vegetation and storeys of walls, for the facets at ``odd``."""
        material = self.material[odd]
        row = odd[0] + self.rows.start
        # Roberts' additive sequence: evenly spread over any neighbourhood, no generator needed
        even = (row * 0.7548776662466927 + odd[1] * 0.5698402909980532) % 1.0
        depth = DEPTH_M[material] * 2 * even / (self.sine * self.surface.spacing_m)
        boxes.lengthen(depth.astype(np.float32))
        walled = (material == WALL) & (self.slope[odd] > STEEP)
        wall = np.flatnonzero(walled)
        if len(wall) == 0:
            return boxes
        at = (odd[0][wall], odd[1][wall])
        spacing = self.surface.spacing_m
        top = (self.slope[at] * spacing).astype(np.float64)
        seen = top * self.fraction[at]
        counts = np.ones(len(material), np.intp)
        counts[wall] = np.maximum(1, np.ceil(seen / _BAND_M)).astype(np.intp)
        boxes, parent, place = boxes.split(counts)
        height = np.zeros(len(material))
        height[wall] = top
        thickness = np.zeros(len(material))
        thickness[wall] = seen / counts[wall]
        middle = height[parent] - (place + 0.5) * thickness[parent]
        gain = _BAND_GAIN[np.floor(middle % STOREY_M / _BAND_M).astype(int) % len(_BAND_GAIN)]
        gain *= (1 + 0.5 * np.cos(2 * np.pi * row * spacing / STOREY_M))[parent]
        boxes.power *= np.where(walled[parent], gain, 1.0).astype(np.float32)
        return boxes
