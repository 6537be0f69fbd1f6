"""Airport: runway, taxiway and apron with parked aircraft, before a terminal, hangars or grass."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..canvas import Canvas, Mask
from ..layout import smooth_noise
from .aircraft import aircraft, footprint, sized
from .base import SceneKind
from .site import Line, Site
from .things import barrier, car, car_park, poles, truck


@dataclass(frozen=True)
class _Style:
    """What one sort of airport looks like; ranges in metres."""

    fleet: tuple[str, ...]
    rows: tuple[int, int]
    filled: tuple[float, float]
    building_m: tuple[float, float]
    """Depth of the buildings behind the apron; zero for none."""
    taxiway_m: tuple[float, float]
    runway_m: tuple[float, float]
    material: str


STYLES: dict[str, _Style] = {
    "terminal": _Style(("airliner", "airliner", "regional", "regional", "wide-body"), (1, 1),
                       (0.85, 1.0), (22, 34), (16, 23), (38, 45), "concrete"),
    "stands": _Style(("airliner", "regional", "transport", "business jet", "fighter"), (1, 3),
                     (0.55, 0.95), (0, 0), (15, 23), (34, 45), "concrete"),
    "hangars": _Style(("regional", "business jet", "fighter", "transport"), (1, 2), (0.4, 0.9),
                      (20, 36), (12, 18), (30, 42), "concrete"),
    "light": _Style(("light",), (2, 4), (0.45, 0.9), (11, 17), (7, 11), (18, 30), "asphalt"),
}  # fmt: skip


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a part of an airport in the region."""
    site = Site(canvas, region)
    canvas.cover(region, "grass")
    canvas.cover(region & (smooth_noise(canvas, 22.0) > 1.0), "meadow")
    name = str(site.rng.choice(list(STYLES), p=[0.27, 0.27, 0.24, 0.22]))
    airfield = _Airfield(site, name)
    airfield.pave()
    airfield.buildings()
    airfield.park()
    airfield.service()
    airfield.landside()


class _Airfield:
    """Bands side by side along one axis: land side, buildings, apron, taxiway, runway."""

    def __init__(self, site: Site, name: str) -> None:
        self.site, self.rng, self.name, self.style = site, site.rng, name, STYLES[name]
        rng, style = site.rng, self.style
        self.angle = float(rng.uniform(0, 360))
        self.reach = 0.75 * site.canvas.extent_m + 60
        self.planes: list[tuple[float, float, float, float]] = []
        self.type = str(rng.choice(style.fleet))
        self.length = sized(site, self.type)
        if site.span_m < 120 and self.length > 0.3 * site.span_m:
            self.type = "business jet"
            self.length = sized(site, self.type)
        self.slant = float(rng.choice([0.0, 0.0, 35.0, -35.0])) if name != "terminal" else 0.0
        self.pitch = 1.1 * max(self.length, 0.9 * footprint(self.type, self.length)) + 3
        most = max(1, int(0.5 * site.span_m / self.pitch))
        self.rows = min(int(rng.integers(style.rows[0], style.rows[1] + 1)), most)
        self._bands()

    def _bands(self) -> None:
        """Positions across the axis; a runway only where one fits beside the rest."""
        rng, style, span = self.rng, self.style, self.site.span_m
        self.depth = float(rng.uniform(*style.building_m))
        clear = float(rng.uniform(2, 9))
        apron = self.rows * self.pitch + clear
        self.taxi_width = float(rng.uniform(*style.taxiway_m))
        self.run_width = float(rng.uniform(*style.runway_m))
        strip = float(rng.uniform(8, 30))
        gap = float(rng.choice([0.0, rng.uniform(4, 14)]))
        without = self.depth + apron + gap + self.taxi_width
        total = without + strip + self.run_width
        keep = 0.6 if self.name == "terminal" else 0.85
        self.runway = total < 1.12 * span and rng.random() < keep
        total = total if self.runway else without
        spare = max(0.0, span - total)
        start = -total / 2 + float(rng.uniform(-0.35, 0.35)) * spare
        self.front = start + self.depth
        self.edge = self.front + apron
        self.taxi = self.edge + gap + self.taxi_width / 2
        self.run = self.taxi + self.taxi_width / 2 + strip + self.run_width / 2
        # an apron that ends within the picture, or runs through it
        self.left = -self.reach if rng.random() < 0.6 else -float(rng.uniform(0.3, 0.5)) * span
        self.right = self.reach if rng.random() < 0.6 else float(rng.uniform(0.3, 0.5)) * span

    def at(self, along: float, across: float) -> tuple[float, float]:
        """Point in metres of a place along and across the axis."""
        return self.site.polar(along, across, self.angle)

    def line(self, across: float, start: float | None = None, end: float | None = None) -> Line:
        """Straight line along the axis."""
        a = -self.reach if start is None else start
        b = self.reach if end is None else end
        return [self.at(a, across), self.at(b, across)]

    def pave(self) -> None:
        """Runway, taxiways and the apron, with their lights."""
        site, rng = self.site, self.rng
        lanes = [(self.line(self.taxi), self.taxi_width)]
        links = np.arange(-self.reach + rng.uniform(0, 70), self.reach, rng.uniform(60, 110))
        lean = float(rng.choice([0.0, 0.0, 28.0]))
        far = self.run if self.runway else self.taxi
        for u in links.tolist():
            ends = [self.at(u, self.edge - 3), self.at(u, self.taxi)]
            if self.left < u < self.right:
                lanes.append((ends, self.taxi_width))
            if self.runway:
                lanes.append(([self.at(u, self.taxi), self.at(u + lean, far)], self.taxi_width))
        if self.runway:
            self._runway()
        taxiways = site.strokes(lanes)
        site.paint(taxiways, "asphalt")
        site.record_line("taxiway", lanes[0][0], self.taxi_width)
        apron = [self.at(self.left, self.front), self.at(self.right, self.front),
                 self.at(self.right, self.edge), self.at(self.left, self.edge)]  # fmt: skip
        self.apron = site.polygons([apron])
        site.paint(self.apron & ~taxiways, self.style.material, claim=False)
        self.paved = self.apron | taxiways
        for side in (-1, 1):
            lamps = self._dots(self.taxi + side * (self.taxi_width / 2 + 1.0), 30.0)
            poles(site, lamps, 0.4, -6.0, within_free=True)

    def _runway(self) -> None:
        site, rng = self.site, self.rng
        line = self.line(self.run)
        shoulder = site.strokes([(line, self.run_width + 5)])
        site.paint(shoulder, "gravel" if rng.random() < 0.3 else "grass")
        site.lanes([(line, self.run_width)], "asphalt", "runway")
        for side in (-1, 1):
            lamps = self._dots(self.run + side * (self.run_width / 2 + 1.2), 20.0)
            poles(site, lamps, 0.5, 1.0)

    def _dots(self, across: float, step: float) -> Line:
        first = float(self.rng.uniform(0, step))
        return [self.at(u, across) for u in np.arange(-self.reach + first, self.reach, step)]

    def buildings(self) -> None:
        """A terminal or a row of hangars behind the apron."""
        site, rng = self.site, self.rng
        v = self.front - self.depth / 2
        if self.name == "terminal":
            length = float(rng.uniform(0.4, 0.8)) * site.span_m
            middle = float(rng.uniform(-0.15, 0.15)) * site.span_m
            for _ in range(4):
                if self._terminal(middle, v, length):
                    break
                length *= 0.7
        elif self.depth > 0:
            u = max(self.left, -self.reach) + float(rng.uniform(2, 10))
            roof = str(rng.choice(["barrel", "gable"]))
            tall = min(0.16 * self.depth, 5.0) + float(rng.uniform(1.5, 3))
            wide = self.depth * float(rng.uniform(0.9, 1.6))
            while u < self.right - wide:
                if rng.random() < 0.82:
                    site.box(
                        *self.at(u + wide / 2, v), self.depth, wide, tall, self.angle + 90,
                        kind="hangar", roof=roof, material="roof_metal",
                        wall_db=float(rng.normal(-6, 2)),
                    )  # fmt: skip
                u += wide + float(rng.choice([3.0, 8.0, 18.0]))

    def _terminal(self, u: float, v: float, length: float) -> bool:
        site, rng = self.site, self.rng
        tall = float(rng.uniform(9, 15))
        x, y = self.at(u, v)
        if not site.box(
            x, y, length, self.depth, tall, self.angle, kind="terminal", detail="flat-roofed",
            wall_db=-6.0,
        ):  # fmt: skip
            return False
        for _ in range(int(length / 9)):
            px, py = self.at(u + rng.uniform(-0.46, 0.46) * length,
                             v + rng.uniform(-0.36, 0.36) * self.depth)  # fmt: skip
            site.canvas.box(px, py, rng.uniform(2, 6), 2.5, 2.0, self.angle,
                            material="roof_metal", kind=None, lift_m=tall)  # fmt: skip
            site.canvas.reflector(px, py, tall + 1, float(rng.normal(15, 4)))
        return True

    def park(self) -> None:
        """Rows of aircraft on the apron, now and then one that taxis, at least one in all."""
        rng, site = self.rng, self.site
        filled = float(rng.uniform(*self.style.filled))
        outward = 90.0 if self.name != "terminal" and rng.random() < 0.6 else -90.0
        mixed = rng.random() < 0.5
        for row in range(self.rows):
            v = self.front + (row + 0.5) * self.pitch + 1
            self._row(v, self.angle + outward + self.slant, filled, mixed)
        if rng.random() < 0.35:
            lane = self.run if self.runway and rng.random() < 0.6 else self.taxi
            u = float(rng.uniform(-0.35, 0.35)) * site.span_m
            self._plane(*self.at(u, lane), self.angle + float(rng.choice([0, 180])),
                        self.type, self.length, on_region=True)  # fmt: skip
        if not self._seen():
            self._rescue()

    def _row(self, v: float, nose: float, filled: float, mixed: bool) -> None:
        rng, site = self.rng, self.site
        u = max(self.left, -self.reach) + float(rng.uniform(0, 8))
        while u < self.right:
            kind, length = self.type, self.length
            if mixed and rng.random() < 0.35:
                other = str(rng.choice(self.style.fleet))
                size = sized(site, other)
                if size <= 1.05 * length:
                    kind, length = other, size
            leaning = abs(math.sin(math.radians(self.slant))) * length
            step = 1.1 * max(footprint(kind, length), leaning)
            place = self.at(u + step / 2, v)
            if rng.random() > filled:
                u += step
            elif self._plane(*place, nose + float(rng.normal(0, 1.5)), kind, length):
                u += step + 1.5
            else:
                u += 4.0

    def _plane(
        self, x: float, y: float, nose: float, kind: str, length: float, *,
        on_region: bool = False,
    ) -> bool:  # fmt: skip
        if not aircraft(self.site, x, y, nose, kind, length, on_region=on_region):
            return False
        self.planes.append((x, y, nose, length))
        if self.name == "terminal" and not on_region and length > 18:
            self._bridge(x, y, length)
        return True

    def _bridge(self, x: float, y: float, length: float) -> None:
        """Passenger bridge from the terminal's front to a door behind the nose."""
        site = self.site
        c, s = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        u = (x - site.x_m) * c + (y - site.y_m) * s + 0.09 * length
        v = (y - site.y_m) * c - (x - site.x_m) * s
        door = v - 0.32 * length
        reach = door - self.front
        px, py = self.at(u, self.front + reach / 2)
        walls = [t for t in site.canvas.world.objects if t.kind == "terminal"]
        if not walls or math.dist((walls[0].x_m, walls[0].y_m), (px, py)) > walls[0].length_m / 2:
            return
        if 4 < reach < 40 and site.room(px, py, reach, 3.0, self.angle + 90, within=site.inner):
            site.canvas.box(px, py, reach, 3.0, 3.0, self.angle + 90, material="roof_metal",
                            kind=None, lift_m=3.5)  # fmt: skip
            site.claim(px, py, reach, 3.0, self.angle + 90)
            site.canvas.reflector(*self.at(u, door), 4.0, float(self.rng.normal(18, 3)))

    def _seen(self) -> bool:
        side = self.site.canvas.extent_m
        return any(
            min(x, y) > 0.3 * length and max(x, y) < side - 0.3 * length
            for x, y, _, length in self.planes
        )

    def _rescue(self) -> None:
        """One aircraft in sight where the rows found no room: smaller and smaller ones."""
        site, rng = self.site, self.rng
        side = site.canvas.extent_m
        for kind in (self.type, "business jet", "light", "light"):
            length = sized(site, kind)
            low, high = 0.35 * length, side - 0.35 * length
            for attempt in range(60):
                x, y = rng.uniform(low, high, 2).tolist()
                nose = self.angle + float(rng.choice([0, 90, 180, 270]))
                if self._plane(x, y, nose, kind, length, on_region=attempt > 45):
                    return

    def service(self) -> None:
        """Vehicles beside the aircraft and light masts along the apron."""
        site, rng = self.site, self.rng
        for x, y, nose, length in self.planes:
            for _ in range(int(rng.integers(0, 4)) if length > 12 else int(rng.random() < 0.2)):
                turn = math.radians(nose + float(rng.choice([60, 120, 240, 300])))
                away = float(rng.uniform(0.25, 0.6)) * length + 2
                place = (x + away * math.cos(turn), y + away * math.sin(turn))
                vehicle = truck if rng.random() < 0.5 and length > 18 else car
                mask = site.free & self.paved if length <= 12 else None
                vehicle(site, *place, nose + float(rng.choice([0, 90])), mask)
        if self.name != "light":
            masts = self._dots(self.front + 1.0, 45.0)
            poles(site, masts, 18.0, 14.0, within_free=True)
            poles(site, masts, 1.0, 17.0, within_free=True)

    def landside(self) -> None:
        """Fence, car park, a road and trees behind the buildings."""
        site, rng = self.site, self.rng
        back = self.front - self.depth - float(rng.uniform(3, 7))
        if rng.random() < 0.7:
            dots = [self.at(u, back) for u in np.arange(-self.reach, self.reach, 6.0).tolist()]
            if all(math.dist(dot, p[:2]) > p[3] for dot in dots for p in self.planes):
                barrier(site, dots, 0.4, 2.2, "guard_rail", -16.0)
        if self.depth > 0:
            site.lanes([(self.line(back - 7), 6.0)], "asphalt", "street")
            for u in (-0.25, 0.1, 0.4):
                if rng.random() < 0.5:
                    car_park(site, *self.at(u * site.span_m, back - 22), 38, 19, self.angle)
        wild = site.free & ~self.paved & (smooth_noise(site.canvas, 30.0) > 0.7)
        behind = site.polygons([[*self.line(back - 4), *reversed(self.line(back - 200))]])
        site.plant(site.jittered(wild & behind, 7.0), (1.5, 3.5), (4, 11))


KIND = SceneKind("airport", build, base="grass")
