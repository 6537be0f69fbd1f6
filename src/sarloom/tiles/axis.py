"""How the pixels of a tile grid lie along one axis of the oriented image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from ..records import FloatArray

AxisMethod = Literal["copy", "area", "sinc", "nearest"]
SNAP = 0.01
"""A spacing within one per cent of a whole number of source pixels becomes that number: whole
pixels keep speckle independent, and the tile's affine carries the true size."""


@dataclass(frozen=True, eq=False)
class Axis:
    """Output pixel edges along one axis, as corner coordinates of the oriented image."""

    count: int
    """Source pixels."""
    spacing_m: float
    """Of the output, as asked."""
    factor: float
    """Source pixels per output pixel; at the middle, for slant range."""
    start: float = 0.0
    """Corner coordinate, or distance [m] where there are nodes, of the first output edge."""
    nodes: tuple[FloatArray, FloatArray] | None = None
    """Slant range: corner coordinates and their ground distances [m], both ascending."""
    method: AxisMethod = "area"
    oversampling: float = 1.0
    """Sampling rate over occupied band of the source."""
    source_spacing_m: float = 1.0
    """On the ground, at the middle."""

    @property
    def whole(self) -> bool:
        """Whether output pixels are whole numbers of source pixels."""
        return self.nodes is None and self.factor == round(self.factor) and self.factor >= 1

    def edges(self, first: int, count: int) -> FloatArray:
        """Corner coordinates of the edges of ``count`` output pixels, ``count + 1`` of them."""
        return self.corner(first + np.arange(count + 1, dtype=np.float64))

    def corner(self, output: FloatArray) -> FloatArray:
        """Corner coordinate in the oriented image of a corner coordinate of the output."""
        if self.nodes is None:
            return self.start + self.factor * output
        corners, metres = self.nodes
        return np.asarray(np.interp(self.start + self.spacing_m * output, metres, corners))

    def pixels(self, first: int, count: int, flip: bool) -> slice | None:
        """Source pixels that ``count`` output pixels copy, in the file's order if it is flipped;
        None where they are not whole pixels one by one within the image."""
        if self.method != "copy" or self.nodes is not None:
            return None
        low = (self.count - self.start - first - count) if flip else self.start + first
        whole = round(low)
        if abs(low - whole) > 1e-6 or not 0 <= whole <= self.count - count:
            return None
        return slice(whole, whole + count)

    def usable(self, margin: float) -> float:
        """Output pixels that fit when ``margin`` source pixels are kept at both ends."""
        if self.nodes is None:
            return (self.count - 2.0 * margin) / self.factor
        corners, metres = self.nodes
        low, high = np.interp([margin, self.count - margin], corners, metres)
        return float(high - low) / self.spacing_m

    def placed(self, margin: float, used: int, from_end: bool) -> Axis:
        """The axis with its first output pixel ``margin`` source pixels in.

        ``from_end`` lets the ``used`` output pixels end at the far side instead: a flipped axis
        then begins at a source pixel that is a whole number of tiles from the file's first block.
        """
        if self.nodes is None:
            start = self.count - margin - used * self.factor if from_end else margin
            return replace(self, start=start)
        corners, metres = self.nodes
        low, high = np.interp([margin, self.count - margin], corners, metres)
        return replace(self, start=float(high - used * self.spacing_m if from_end else low))

    def coarser(self, ratio: float, method: AxisMethod) -> Axis:
        """The same ground with pixels ``ratio`` times larger."""
        return replace(
            self,
            spacing_m=self.spacing_m * ratio,
            factor=_clean(self.factor * ratio),
            method=method,
        )

    def least_factor(self) -> float:
        """Fewest source pixels per output pixel anywhere along the axis."""
        if self.nodes is None:
            return self.factor
        corners, metres = self.nodes
        return float((np.diff(corners) / np.diff(metres)).min() * self.spacing_m)

    def sine(self, corner: float, slant_spacing_m: float) -> float | None:
        """sin(incidence) = slant spacing / ground spacing at a corner coordinate."""
        if self.nodes is None:
            return None
        corners, metres = self.nodes
        middle = 0.5 * (corners[1:] + corners[:-1])
        spacing = np.interp(corner, middle, np.diff(metres) / np.diff(corners))
        value = slant_spacing_m / float(spacing)
        return value if 0.0 < value <= 1.0 else None


def snapped(factor: float) -> float:
    """``factor``, or the whole number that it is within one per cent of."""
    whole = round(factor)
    return float(whole) if whole >= 1 and abs(factor / whole - 1.0) <= SNAP else factor


def _clean(factor: float) -> float:
    """Without the rounding noise of a product."""
    whole = round(factor)
    return float(whole) if abs(factor - whole) < 1e-9 * max(factor, 1.0) else factor
