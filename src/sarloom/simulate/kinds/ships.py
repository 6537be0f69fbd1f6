"""Ships: a hull with a pointed bow and what stands on its deck, from yachts to tankers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..world import SceneObject
from .site import Site


@dataclass(frozen=True)
class ShipClass:
    """Sizes of one class of ships; ranges in metres."""

    length_m: tuple[float, float]
    beam: float
    """Beam as part of the length."""
    freeboard_m: tuple[float, float]
    bow: float
    """Part of the length over which the hull narrows."""


CLASSES: dict[str, ShipClass] = {
    "cargo": ShipClass((48, 105), 0.155, (3.5, 6.0), 0.2),
    "container": ShipClass((75, 140), 0.15, (5.0, 8.0), 0.2),
    "tanker": ShipClass((60, 130), 0.165, (3.0, 6.0), 0.14),
    "ferry": ShipClass((45, 95), 0.18, (5.0, 7.0), 0.22),
    "fishing": ShipClass((12, 26), 0.27, (1.4, 2.4), 0.4),
    "tug": ShipClass((18, 30), 0.34, (1.8, 2.6), 0.35),
    "yacht": ShipClass((7, 16), 0.3, (0.9, 1.4), 0.6),
    "barge": ShipClass((40, 85), 0.13, (1.2, 2.4), 0.08),
}


def ship(
    site: Site, x_m: float, y_m: float, angle_deg: float, kind: str, length_m: float,
    water: NDArray[np.bool_],
) -> bool:  # fmt: skip
    """Float a ship where its hull lies wholly on free water; says whether it did."""
    form = CLASSES[kind]
    beam = max(length_m * form.beam, 2.4)
    if not site.room(x_m, y_m, length_m, beam, angle_deg, within=water):
        return False
    rng, canvas = site.rng, site.canvas
    where, u, v = canvas.local(x_m, y_m, math.hypot(length_m, beam) / 2, angle_deg)
    half_l, half_b = length_m / 2, beam / 2
    to_bow = np.clip((half_l - u) / (form.bow * length_m), 0, 1)
    to_stern = np.clip((u + half_l) / (0.06 * length_m) + 0.75, 0, 1)
    half = half_b * np.sqrt(1 - (1 - to_bow) ** 2) * to_stern
    hull = (np.abs(v) <= half) & (np.abs(u) <= half_l)
    deck = float(rng.uniform(*form.freeboard_m))
    sheer = deck * (1 + 0.35 * np.clip((u / half_l - 0.6) / 0.4, 0, 1))
    base = canvas.ground_at(x_m, y_m)
    canvas.solid(where, hull, sheer, "ship_metal", base)
    fit = _Fitting(site, x_m, y_m, angle_deg, length_m, beam, deck)
    getattr(fit, kind)()
    # the side towards the radar and the water form a dihedral; the outline is kept convex
    ring = [
        _turn(x_m, y_m, a * half_l, b * half_b, angle_deg)
        for a, b in (
            (-1, -0.75), (1 - 2 * form.bow, -1), (1 - 0.6 * form.bow, -0.72), (1, 0),
            (1 - 0.6 * form.bow, 0.72), (1 - 2 * form.bow, 1), (-1, 0.75),
        )
    ]  # fmt: skip
    canvas.walls(ring, deck, -6.0 if length_m > 30 else -10.0)
    tall = float(np.max(canvas.world.height_m[where] - base, where=hull, initial=deck))
    canvas.record(
        SceneObject("ship", x_m, y_m, length_m, beam, tall, angle_deg % 360, (*ring, ring[0]), kind)
    )
    water_free = (np.abs(v) <= half_b + 1.5) & (np.abs(u) <= half_l + 1.5)
    water[where][water_free] = False
    site.free[where][water_free] = False
    return True


def _turn(x: float, y: float, u: float, v: float, angle_deg: float) -> tuple[float, float]:
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return x + u * c - v * s, y + u * s + v * c


class _Fitting:
    """Deck houses, hatches, masts; positions as parts of half length and half beam."""

    def __init__(
        self, site: Site, x: float, y: float, angle: float, length: float, beam: float, deck: float
    ) -> None:
        self.site, self.rng = site, site.rng
        self.x, self.y, self.angle = x, y, angle
        self.length, self.beam, self.deck = length, beam, deck

    def block(
        self, along: float, across: float, length_m: float, width_m: float, height_m: float,
        material: str = "ship_metal", roof: str = "flat",
    ) -> None:  # fmt: skip
        """A box on the deck."""
        x, y = _turn(self.x, self.y, along * self.length / 2, across * self.beam / 2, self.angle)
        self.site.canvas.box(
            x, y, length_m, width_m, height_m, self.angle, roof=roof, material=material,
            kind=None, lift_m=self.deck,
        )  # fmt: skip

    def shine(self, along: float, across: float, z_m: float, dbsm: float) -> None:
        """A strong point target: mast, winch, corner of a deck house."""
        x, y = _turn(self.x, self.y, along * self.length / 2, across * self.beam / 2, self.angle)
        self.site.canvas.reflector(x, y, self.deck + z_m, float(self.rng.normal(dbsm, 3.0)))

    def bridge_house(self, along: float, height_m: float) -> None:
        """Accommodation block with bridge wings, funnel and mast."""
        self.block(along, 0, 0.09 * self.length + 3, 0.85 * self.beam, height_m)
        self.block(along + 0.03, 0, 4.0, 0.98 * self.beam, height_m + 2.5)
        self.block(along - 0.09, 0, 3.0, 3.0, height_m + 5)
        for across in (-0.8, 0.8):
            self.shine(along + 0.05, across, height_m, 26)
            self.shine(along - 0.05, across, 1.0, 23)
        self.shine(along, 0, height_m + 5, 24)

    def fittings(self, count: int, dbsm: float) -> None:
        """Winches, bollards, rails spread over the deck."""
        for along, across in self.rng.uniform(-0.85, 0.85, (count, 2)).tolist():
            self.shine(along, across, 1.0, dbsm)

    def cargo(self) -> None:
        """Hatches with two to four deck cranes between them, bridge aft."""
        hatches = int(self.rng.integers(2, 5))
        places = np.linspace(-0.48, 0.62, hatches)
        step = self.length * 0.55 / hatches
        for along in places.tolist():
            self.block(along, 0, 0.72 * step, 0.66 * self.beam, 1.6)
        for along in ((places[:-1] + places[1:]) / 2).tolist():
            self.block(along, 0, 2.0, 2.0, 11.0)
            self.block(along + 0.12, 0, 0.14 * self.length, 1.0, 1.0)
            self.shine(along, 0, 9.0, 24)
        self.bridge_house(-0.78, 9.0)
        self.fittings(10, 18)

    def container(self) -> None:
        """Bays of containers of uneven height from bow to bridge, some behind it."""
        step = 12.8 / (self.length / 2)
        aft = self.rng.random() < 0.5
        house = -0.55 if aft else -0.8
        for along in np.arange(-0.88, 0.72, step).tolist():
            if abs(along - house) > 0.19 and self.rng.random() < 0.92:
                tiers = int(self.rng.integers(1, 5))
                width = self.beam * (0.92 if along < 0.5 else 0.66)
                self.block(along, 0, 12.1, width, 2.6 * tiers, "container")
                self.shine(along, -0.85, 2.6 * tiers, 20)
        self.bridge_house(house, 15.0)
        self.fittings(6, 19)

    def tanker(self) -> None:
        """Low deck with pipes along the middle, manifold amidships, bridge aft."""
        self.block(0.05, 0, 0.62 * self.length, 1.2, 1.2)
        for across in (-0.25, 0.25):
            self.block(0.05, across, 0.55 * self.length, 0.5, 0.8)
        for along in np.linspace(-0.5, 0.6, 7).tolist():
            self.block(along, 0, 0.6, 0.8 * self.beam, 0.8)
            self.shine(along, 0, 1.2, 17)
        self.shine(0.05, 0.6, 3.0, 22)
        self.shine(0.05, -0.6, 3.0, 22)
        self.bridge_house(-0.78, 10.0)

    def ferry(self) -> None:
        """Decks over nearly the whole length in two or three steps, a funnel."""
        self.block(-0.08, 0, 0.78 * self.length, 0.92 * self.beam, 4.5)
        self.block(-0.1, 0, 0.6 * self.length, 0.8 * self.beam, 7.5)
        self.block(0.35, 0, 0.08 * self.length, 0.9 * self.beam, 10.0)
        self.block(-0.35, 0, 0.07 * self.length, 0.3 * self.beam, 13.0)
        self.fittings(14, 19)
        self.shine(0.35, 0, 12.0, 24)

    def fishing(self) -> None:
        """Wheelhouse forward of the middle, mast, gallows."""
        self.block(0.25, 0, 0.2 * self.length, 0.6 * self.beam, 3.0)
        self.shine(0.25, 0, 5.0, 19)
        self.shine(-0.7, 0, 2.5, 17)
        self.fittings(3, 12)

    def tug(self) -> None:
        """Big wheelhouse amidships."""
        self.block(0.15, 0, 0.35 * self.length, 0.6 * self.beam, 3.0)
        self.block(0.2, 0, 0.15 * self.length, 0.45 * self.beam, 6.0)
        self.shine(0.2, 0, 6.5, 22)
        self.shine(-0.4, 0, 1.0, 18)
        self.fittings(3, 14)

    def yacht(self) -> None:
        """A cabin and a mast."""
        self.block(0.0, 0, 0.4 * self.length, 0.55 * self.beam, 0.9)
        self.shine(0.1, 0, 4.0, 12)

    def barge(self) -> None:
        """An open hold or covers, small house aft."""
        self.block(0.08, 0, 0.74 * self.length, 0.78 * self.beam, 1.0)
        self.block(-0.84, 0, 6.0, 0.7 * self.beam, 3.2)
        self.shine(-0.84, 0, 3.0, 19)
        self.fittings(5, 14)
