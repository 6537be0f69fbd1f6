"""City: street blocks with courtyards, slabs, towers, squares, parks and now and then a stadium."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..canvas import Canvas, Mask
from ..layout import smooth_noise
from ..world import FloatArray, SceneObject
from . import blocks as plan
from .base import SceneKind
from .blocks import Polygon
from .outlines import longest_run, resample
from .site import Site
from .things import car, car_park, hedge, poles, truck

STYLES: dict[str, dict[str, float]] = {
    "courtyards": {"ring": 8, "slabs": 1, "old": 1, "large": 1, "park": 0.7, "square": 0.5,
                   "tower": 0.4},
    "modern": {"slabs": 6, "tower": 3, "large": 2, "park": 1.2, "parking": 1, "ring": 0.5},
    "old town": {"old": 8, "ring": 2, "square": 1, "church": 1, "large": 0.5, "park": 0.3},
    "centre": {"tower": 4, "ring": 3, "large": 3, "square": 1, "park": 0.6, "slabs": 1},
}  # fmt: skip
"""Relative frequency of what fills a block, by the style of the town."""


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a town in the region."""
    site = Site(canvas, region)
    rng = site.rng
    canvas.cover(region, "concrete")
    style = str(rng.choice(list(STYLES)))
    town = _Town(site, style)
    street_mask = site.strokes(town.streets)
    site.paint(street_mask, "asphalt")
    if rng.random() < 0.12 and site.span_m > 110:
        town.stadium()
    # a stadium swallows streets
    town.road = street_mask & site.inner & ~town.closed
    for points, width in town.streets:
        if town.closed.any():
            points = _outside(site, points, town.closed)
        if points:
            site.record_line("street", points, width)
    for block in sorted(town.blocks, key=lambda b: math.dist(plan.middle(b), (site.x_m, site.y_m))):
        town.fill(block)
    town.traffic()


class _Town:
    """What all blocks of one town have in common."""

    def __init__(self, site: Site, style: str) -> None:
        self.site, self.rng = site, site.rng
        rng = site.rng
        self.kinds = STYLES[style]
        grain = rng.uniform(1300, 2600) if style == "old town" else rng.uniform(1700, 4600)
        self.road = self.closed = np.zeros(site.region.shape, bool)
        self.height_m = rng.uniform(9, 15) if style == "old town" else rng.uniform(12, 24)
        self.tiled = style == "old town" or rng.random() < 0.35
        self.green = rng.uniform(0.1, 0.9)
        self.sidewalk_m = rng.uniform(2.0, 4.5)
        self.traffic_density = rng.uniform(0.2, 1.0)
        skew = rng.choice([0.5, 3.0, 8.0])
        widths = (rng.uniform(7, 11), rng.uniform(12, 24))
        side = 1.6 * (site.canvas.extent_m + 60)
        whole = plan.rectangle(site.x_m, site.y_m, side, rng.uniform(0, 180))
        self.blocks, self.streets = plan.subdivide(
            rng, whole, (0.7 * grain, 1.4 * grain), widths, float(skew), self._visible
        )
        weights = np.array(list(self.kinds.values()))
        self.names = list(self.kinds)
        self.weights = weights / weights.sum()

    def _visible(self, polygon: Polygon) -> bool:
        x, y = plan.middle(polygon)
        reach = max(math.dist((x, y), p) for p in polygon)
        return self.site.near_grid(x, y, reach)

    def fill(self, block: Polygon) -> None:
        """Build one block up."""
        inner = plan.inset(block, self.sidewalk_m)
        if len(inner) < 3 or plan.area_m2(inner) < 250:
            return
        kind = str(self.rng.choice(self.names, p=self.weights))
        before = len(self.site.canvas.world.objects)
        getattr(self, kind)(inner)
        things = self.site.canvas.world.objects[before:]
        if kind not in ("park", "square", "parking") and not any(
            thing.kind == "building" for thing in things
        ):
            self.ring(inner)

    def _storeys(self, mean_m: float, spread: float = 0.22) -> float:
        """A height of whole storeys between 6 and 42 m."""
        height = mean_m * math.exp(self.rng.normal(0, spread))
        return float(np.clip(round(height / 3.1) * 3.1, 6.2, 40.3))

    def _roof(self, tiled: bool) -> dict[str, Any]:
        if tiled:
            shape = "gable" if self.rng.random() < 0.6 else "hip"
            return {"roof": shape, "material": "roof_tile", "detail": "pitched-roofed"}
        return {"roof": "flat", "material": "roof_flat", "detail": "flat-roofed"}

    def house(
        self, x: float, y: float, length: float, width: float, height: float, angle: float,
        tiled: bool,
    ) -> bool:  # fmt: skip
        """One building with whatever stands on its roof."""
        site, rng = self.site, self.rng
        if not site.room(x, y, length, width, angle):
            return False
        site.canvas.box(
            x, y, length, width, height, angle, wall_db=float(rng.normal(-9, 3)),
            **self._roof(tiled),
        )  # fmt: skip
        if not tiled:
            for _ in range(int(rng.integers(0, 2 + int(length * width / 160)))):
                along, across = rng.uniform(-0.35, 0.35, 2) * (length, width)
                px, py = _shift(x, y, along, across, angle)
                site.canvas.box(
                    px, py, rng.uniform(2, 5), rng.uniform(2, 3.5), rng.uniform(1.2, 3.2), angle,
                    material="roof_metal", kind=None, lift_m=height,
                )  # fmt: skip
                if rng.random() < 0.4:
                    site.canvas.reflector(px, py, height + 1, float(rng.normal(16, 4)))
        return True

    def ring(self, block: Polygon, tiled: bool | None = None, front_m: float = 24.0) -> None:
        """Houses shoulder to shoulder around a courtyard."""
        rng, site = self.rng, self.site
        depth = float(rng.uniform(10, 14)) if front_m > 15 else float(rng.uniform(7.5, 10.5))
        base = self._storeys(self.height_m)
        roofed = self.tiled if tiled is None else tiled
        court = plan.inset(block, depth + 1.5)
        if court:
            ground = "grass" if rng.random() < self.green else "gravel"
            site.canvas.cover(site.polygons([court]), ground)
        done: list[tuple[float, ...]] = []
        cx, cy = plan.middle(block)
        for (x0, y0), (x1, y1) in zip(block, block[1:] + block[:1], strict=True):
            length = math.hypot(x1 - x0, y1 - y0)
            if length < 9:
                continue
            along = ((x1 - x0) / length, (y1 - y0) / length)
            inward = (-along[1], along[0])
            if (cx - x0) * inward[0] + (cy - y0) * inward[1] < 0:
                inward = (along[1], -along[0])
            angle = math.degrees(math.atan2(along[1], along[0]))
            at = 0.0
            while at < length - 5:
                part = min(float(rng.uniform(0.6, 1.4)) * front_m, length - at)
                part = length - at if length - at - part < 6 else part
                if rng.random() < 0.95:
                    u, v = at + part / 2, depth / 2 + 0.3
                    x, y = x0 + along[0] * u + inward[0] * v, y0 + along[1] * u + inward[1] * v
                    tall = self._storeys(base, 0.12)
                    if self.house(x, y, part, depth, tall, angle, roofed):
                        done.append((x, y, part, depth, angle))
                at += part
        for item in done:
            site.claim(*item)
        if court and plan.area_m2(court) > 120:
            self._court(court)

    def _court(self, court: Polygon) -> None:
        """Trees, sheds and wings inside a block."""
        rng, site = self.rng, self.site
        x, y = plan.middle(court)
        angle = _direction(court)
        if plan.area_m2(court) > 500 and rng.random() < 0.6:
            for _ in range(int(rng.integers(1, 4))):
                px, py = x + rng.normal(0, 8), y + rng.normal(0, 8)
                site.box(
                    px, py, rng.uniform(8, 20), rng.uniform(6, 10), self._storeys(7), angle,
                    gap_m=1.0, detail="flat-roofed",
                )  # fmt: skip
        mask = site.polygons([court])
        site.plant(site.jittered(mask, 13 - 6 * self.green), (1.6, 3.6), (4, 10))

    def old(self, block: Polygon) -> None:
        """Narrow old houses, with a second ring where the block is deep."""
        self.ring(block, tiled=True, front_m=11.0)
        second = plan.inset(block, 13.0)
        if second and plan.area_m2(second) > 350:
            self.ring(second, tiled=True, front_m=11.0)

    def slabs(self, block: Polygon) -> None:
        """Parallel apartment slabs on a lawn."""
        rng, site = self.rng, self.site
        mask = site.polygons([block])
        site.canvas.cover(mask, "grass")
        angle = _direction(block) + (90 if rng.random() < 0.5 else 0)
        x, y = plan.middle(block)
        reach = max(math.dist((x, y), p) for p in block)
        depth = float(rng.uniform(11, 14))
        height = self._storeys(float(rng.uniform(15, 34)), 0.0)
        pitch = depth + height * float(rng.uniform(0.5, 1.0)) + 6
        full = float(rng.uniform(30, 62))
        inside = site.free & mask
        for v in np.arange(-reach, reach, pitch).tolist():
            for u in np.arange(-reach, reach, full + 8).tolist():
                for length in (full, 0.65 * full, 0.4 * full):
                    px, py = _shift(x, y, u, v, angle)
                    if site.room(px, py, length, depth, angle, within=inside):
                        self.house(px, py, length, depth, height, angle, tiled=False)
                        site.claim(px, py, length, depth, angle)
                        break
        if rng.random() < 0.5:
            self._parking(block, 30, 16, angle)
        site.plant(site.jittered(mask, 9), (1.8, 4.0), (5, 13))

    def tower(self, block: Polygon) -> None:
        """High-rises, each on a low base."""
        rng, site = self.rng, self.site
        mask = site.polygons([block])
        if rng.random() < self.green:
            site.canvas.cover(mask, "grass")
        angle = _direction(block)
        x, y = plan.middle(block)
        side = math.sqrt(plan.area_m2(block))
        count = max(1, round(side / 34))
        for k in range(count):
            a, b = float(rng.uniform(17, 30)), float(rng.uniform(15, 24))
            u = (k - (count - 1) / 2) * side / count * 0.95
            px, py = _shift(x, y, u, float(rng.normal(0, 3)), angle)
            tall = self._storeys(34.0, 0.2)
            podium = (min(1.5 * a, 0.8 * side / count), min(1.4 * b, 0.7 * side))
            if rng.random() < 0.6 and site.room(px, py, *podium, angle):
                site.canvas.box(px, py, *podium, 6.2, angle, kind=None, wall_db=-8)
            if self.house(px, py, a, b, tall, angle, tiled=False):
                site.claim(px, py, *podium, angle)
        site.plant(site.jittered(mask, 10), (1.6, 3.5), (4, 10))

    def large(self, block: Polygon) -> None:
        """A department store, school or market hall, with a wing or a car park."""
        site = self.site
        angle = _direction(block)
        x, y = plan.middle(block)
        side = min(math.sqrt(plan.area_m2(block)), 75.0)
        for scale in (0.95, 0.8, 0.65, 0.5, 0.35):
            a, b = side * scale * 1.1, side * scale * 0.75
            if self.house(x, y, a, b, self._storeys(11, 0.25), angle, tiled=False):
                site.claim(x, y, a, b, angle)
                break
        self._parking(block, 26, 16, angle)
        site.plant(site.jittered(site.polygons([block]), 12), (1.5, 3), (4, 8))

    def _parking(self, block: Polygon, length: float, width: float, angle: float) -> None:
        for _ in range(8):
            point = _random_point(self.rng, block)
            if car_park(self.site, *point, length, width, angle):
                return

    def parking(self, block: Polygon) -> None:
        """A block that is all car park."""
        angle = _direction(block)
        side = math.sqrt(plan.area_m2(block))
        for scale in (0.95, 0.8, 0.6):
            if car_park(self.site, *plan.middle(block), side * scale, side * scale * 0.8, angle):
                break
        self.site.plant(self.site.jittered(self.site.polygons([block]), 9), (1.5, 3), (4, 8))

    def square(self, block: Polygon) -> None:
        """An open square with a monument and rows of trees."""
        site, rng = self.site, self.rng
        mask = site.polygons([block])
        site.canvas.cover(mask, "quay" if rng.random() < 0.5 else "concrete")
        site.record_area("square", mask)
        x, y = plan.middle(block)
        if site.drum(x, y, 2.5, 3.0, material="rock", kind=None, wall_db=-6):
            site.canvas.reflector(x, y, 4.0, 22.0)
        alley = plan.inset(block, 5.0)
        for p, q in zip(alley, alley[1:] + alley[:1], strict=True) if alley else ():
            count = max(2, int(math.dist(p, q) / 8))
            site.plant(np.linspace(p, q, count), (1.8, 2.8), (5, 8))
        site.free &= ~mask

    def park(self, block: Polygon) -> None:
        """Lawns, paths, trees and perhaps a pond."""
        site, rng = self.site, self.rng
        mask = site.polygons([block])
        site.canvas.cover(mask, "meadow" if rng.random() < 0.5 else "grass")
        site.record_area("park", mask)
        x, y = plan.middle(block)
        paths = [([p, (x, y)], 2.4) for p in block[:: 1 + len(block) // 5]]
        path = site.strokes(paths) & mask
        site.paint(path, "gravel")
        side = math.sqrt(plan.area_m2(block))
        if rng.random() < 0.4 and side > 40:
            where, u, v = site.canvas.local(x, y, 0.2 * side, rng.uniform(0, 180))
            pond = np.zeros_like(mask)
            pond[where] = np.hypot(u / 1.5, v) < 0.13 * side
            site.paint(pond & mask, "water")
        site.plant(site.jittered(mask, rng.uniform(6, 11)), (2.2, 5.2), (6, 17), conifer=0.15)
        ring = plan.inset(block, 1.0)
        for p, q in zip(ring, ring[1:] + ring[:1], strict=True) if ring else ():
            if rng.random() < 0.5:
                hedge(site, p, q, 1.4)
        site.free &= ~mask

    def church(self, block: Polygon) -> None:
        """A nave with a tower and spire on a small square, houses around."""
        site, rng = self.site, self.rng
        x, y = plan.middle(block)
        angle = _direction(block)
        if not site.room(x, y, 46, 20, angle):
            self.old(block)
            return
        length, width = rng.uniform(26, 36), rng.uniform(11, 15)
        nave: dict[str, Any] = {"roof": "gable", "material": "roof_tile"}
        site.canvas.box(x, y, length, width, 12.0, angle, detail="church", **nave)
        site.canvas.box(x, y, 8.0, 1.6 * width, 11.0, angle, kind=None, **nave)
        px, py = _shift(x, y, length / 2 + 3.2, 0, angle)
        tall = float(rng.uniform(24, 36))
        site.canvas.box(
            px, py, 6.5, 6.5, tall, angle, kind=None, roof="hip", material="roof_tile", wall_db=-6
        )
        site.claim(x, y, 46, 20, angle)
        mask = site.polygons([block])
        site.plant(site.jittered(mask, 9), (2, 4), (6, 12))

    def stadium(self) -> None:
        """Tiers of seats around a pitch."""
        site, rng = self.site, self.rng
        angle = float(rng.uniform(0, 180))
        half_l = float(rng.uniform(40, 55))
        half_w = 0.78 * half_l
        u, v = rng.normal(0, 0.12 * site.span_m, 2).tolist()
        off = site.polar(u, v, angle)
        if not site.room(*off, 2 * half_l, 2 * half_w, angle, within=site.inner):
            return
        where, u, v = site.canvas.local(*off, math.hypot(half_l, half_w), angle)
        ring = np.sqrt((u / half_l) ** 4 + (v / half_w) ** 4) ** 0.5
        inside = ring <= 1
        whole = np.zeros(site.region.shape, bool)
        whole[where] = inside
        site.canvas.cover(whole, "grass")
        tall = float(rng.uniform(12, 22))
        inner = 0.66
        seats = 2.0 + (tall - 2.0) * np.clip((ring - inner) / (1 - inner), 0, 1)
        base = site.canvas.ground_at(*off)
        site.canvas.solid(where, inside & (ring > inner), seats, "roof_flat", base)
        site.canvas.solid(where, inside & (ring > 0.82), tall + 2.0, "roof_metal", base)
        steps = np.linspace(0, 2 * np.pi, 25)[:-1]
        edge = []
        for a in steps.tolist():
            c, s = math.cos(a), math.sin(a)
            r = (c**4 / half_l**4 + s**4 / half_w**4) ** -0.25
            edge.append(_shift(*off, r * c, r * s, angle))
        site.canvas.walls(edge, tall, -5.0)
        site.canvas.record(
            SceneObject("stadium", *off, 2 * half_l, 2 * half_w, tall, angle, (*edge, edge[0]))
        )
        for u0, v0 in ((0.9, 0.8), (0.9, -0.8), (-0.9, 0.8), (-0.9, -0.8)):
            site.canvas.reflector(*_shift(*off, u0 * half_l, v0 * half_w, angle), tall + 12, 24.0)
        grown = np.zeros(site.region.shape, bool)
        grown[where] = ring <= 1.12
        site.free &= ~grown
        self.closed = grown

    def traffic(self) -> None:
        """Cars parked and driving, lorries, lamps, rows of trees along wide streets."""
        site, rng = self.site, self.rng
        for points, width in self.streets:
            (x0, y0), (x1, y1) = points
            length = math.dist(*points)
            angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
            nx, ny = -(y1 - y0) / length, (x1 - x0) / length
            for side in (-1, 1):
                lane = side * (width / 2 - 1.3)
                for at in np.arange(4, length - 4, 6.2).tolist():
                    if rng.random() < 0.5 * self.traffic_density:
                        px = x0 + (x1 - x0) * at / length + nx * lane
                        py = y0 + (y1 - y0) * at / length + ny * lane
                        if site.on_grid(px, py):
                            car(site, px, py, angle, self.road)
            for at in np.arange(6, length - 6, 24).tolist():
                if rng.random() < 0.5 * self.traffic_density and width > 8:
                    lane = float(rng.choice([-1, 1])) * width / 6
                    px = x0 + (x1 - x0) * at / length + nx * lane
                    py = y0 + (y1 - y0) * at / length + ny * lane
                    if site.on_grid(px, py):
                        drive = truck if rng.random() < 0.15 else car
                        drive(site, px, py, angle, self.road)
            if width > 13 and rng.random() < 0.2 + 0.7 * self.green:
                for side in (-1, 1):
                    off = side * (width / 2 + 1.2)
                    row = np.linspace(points[0], points[1], max(2, int(length / 9)))
                    site.plant(row + np.array([nx, ny]) * off, (1.7, 3.0), (5, 9))
            lamps = np.linspace(points[0], points[1], max(2, int(length / 28)))
            poles(site, lamps + np.array([nx, ny]) * (width / 2 - 0.4), 4.0, 4.0)


def _outside(site: Site, points: list[tuple[float, float]], closed: Mask) -> plan.Polygon:
    """The longest part of a street that is not closed."""
    dense = resample(points, 2.0)
    first, stop = longest_run(~site.holds(closed, dense[:, 0], dense[:, 1]))
    return [tuple(dense[k].tolist()) for k in (first, stop - 1)] if stop - first > 4 else []


def _shift(x: float, y: float, u: float, v: float, angle_deg: float) -> tuple[float, float]:
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return x + u * c - v * s, y + u * s + v * c


def _direction(block: Polygon) -> float:
    """Angle of the longest side [deg]."""
    (x0, y0), (x1, y1) = max(
        zip(block, block[1:] + block[:1], strict=True), key=lambda side: math.dist(*side)
    )
    return math.degrees(math.atan2(y1 - y0, x1 - x0))


def _random_point(rng: np.random.Generator, block: Polygon) -> tuple[float, float]:
    weights = rng.dirichlet(np.full(len(block), 0.8))
    return (
        float(sum(w * x for w, (x, _) in zip(weights, block, strict=True))),
        float(sum(w * y for w, (_, y) in zip(weights, block, strict=True))),
    )


def relief(canvas: Canvas) -> FloatArray:
    """A gentle slope."""
    return smooth_noise(canvas, 220.0) * np.float32(canvas.rng.uniform(0.0, 1.2))


KIND = SceneKind("city", build, "concrete", relief)
