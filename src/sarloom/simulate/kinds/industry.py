"""Industry: tank farms within bund walls, metal halls, pipe racks, chimneys, yards and sidings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..canvas import Canvas, Mask
from ..layout import smooth_noise
from . import blocks as plan
from .base import SceneKind
from .blocks import Polygon
from .site import Line, Site
from .things import barrier, car_park, chimney, containers, poles, truck


@dataclass(frozen=True)
class _Style:
    """What one sort of site looks like; lengths in metres, areas in square metres."""

    tanks: tuple[int, int]
    tank_radius_m: tuple[float, float]
    plot_m2: tuple[float, float]
    uses: dict[str, float]
    """Relative frequency of what fills a plot that is not a tank farm."""
    chimneys: tuple[int, int]
    hall_height_m: tuple[float, float]
    siding: float
    """Probability of a railway."""


STYLES: dict[str, _Style] = {
    "refinery": _Style((8, 14), (5, 15), (2800, 5200), {"process": 5, "halls": 1, "yard": 0.5},
                       (1, 4), (6, 11), 0.35),
    "depot": _Style((5, 11), (6, 20), (4000, 7500), {"halls": 2, "yard": 3, "parking": 1},
                    (0, 1), (6, 10), 0.65),
    "warehouses": _Style((3, 5), (4, 9), (4500, 9000), {"halls": 6, "yard": 1.5, "parking": 1},
                         (0, 2), (7, 13), 0.4),
    "power plant": _Style((3, 6), (6, 14), (4500, 8500), {"plant": 4, "heaps": 2, "process": 2},
                          (2, 4), (16, 30), 0.5),
}  # fmt: skip
MOST_TANKS = 14


@dataclass(frozen=True)
class _Plot:
    """The upright frame of a block between roads."""

    x_m: float
    y_m: float
    length_m: float
    width_m: float
    angle_deg: float
    mask: Mask

    def at(self, along_m: float, across_m: float) -> tuple[float, float]:
        """Point in metres of a place along and across the plot."""
        c, s = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        return (
            self.x_m + along_m * c - across_m * s,
            self.y_m + along_m * s + across_m * c,
        )

    def ring(self, inset_m: float) -> Line:
        """Closed outline, a step inside the border."""
        a, b = self.length_m / 2 - inset_m, self.width_m / 2 - inset_m
        corners = ((-a, -b), (a, -b), (a, b), (-a, b), (-a, -b))
        return [self.at(u, v) for u, v in corners]


def build(canvas: Canvas, region: Mask) -> None:
    """Draw an industrial site in the region."""
    site = Site(canvas, region)
    canvas.cover(region, "concrete")
    worn = smooth_noise(canvas, 18.0)
    canvas.cover(region & (worn > 0.9), "gravel")
    canvas.cover(region & (worn < -1.2), "grass")
    name = str(site.rng.choice(list(STYLES), p=[0.3, 0.25, 0.25, 0.2]))
    works = _Works(site, STYLES[name])
    works.railway()
    works.roads()
    works.fill()
    works.traffic()


class _Works:
    """Plots between the roads of one site and what stands on them."""

    def __init__(self, site: Site, style: _Style) -> None:
        self.site, self.rng, self.style = site, site.rng, style
        rng = site.rng
        self.angle = float(rng.uniform(0, 180))
        side = 1.6 * (site.canvas.extent_m + 60)
        # a small region gets smaller plots, so that more than one use is seen
        scale = float(np.clip(site.span_m / 179.0, 0.55, 1.0))
        low, high = style.plot_m2
        whole = plan.rectangle(site.x_m, site.y_m, side, self.angle)
        widths = (float(rng.uniform(5, 7)), float(rng.uniform(7, 10)))
        self.blocks, self.streets = plan.subdivide(
            rng, whole, (low * scale, high * scale), widths, 0.3, self._visible
        )
        self.tanks_wanted = int(rng.integers(style.tanks[0], style.tanks[1] + 1))
        self.tanks = 0
        self.road = np.zeros(site.region.shape, bool)

    def _visible(self, polygon: Polygon) -> bool:
        x, y = plan.middle(polygon)
        return self.site.near_grid(x, y, max(math.dist((x, y), p) for p in polygon))

    def _plot(self, block: Polygon) -> _Plot | None:
        """The block as an upright rectangle, a little inside its border."""
        inner = plan.inset(block, 1.5)
        if len(inner) < 3 or plan.area_m2(inner) < 250:
            return None
        sides = zip(inner, inner[1:] + inner[:1], strict=True)
        (x0, y0), (x1, y1) = max(sides, key=lambda side: math.dist(*side))
        angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
        x, y = plan.middle(inner)
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        u = [abs((px - x) * c + (py - y) * s) for px, py in inner]
        v = [abs((py - y) * c - (px - x) * s) for px, py in inner]
        return _Plot(x, y, 2 * min(u), 2 * min(v), angle, self.site.polygons([inner]))

    def roads(self) -> None:
        """Roads between the plots."""
        mask = self.site.lanes(self.streets, "asphalt", "road")
        self.road = mask & self.site.inner

    def railway(self) -> None:
        """One to three tracks side by side with wagons."""
        site, rng = self.site, self.rng
        if rng.random() > self.style.siding:
            return
        across = float(rng.choice([-1, 1])) * float(rng.uniform(0.15, 0.42)) * site.span_m
        angle = self.angle + float(rng.choice([0, 90]))
        reach = 0.75 * site.canvas.extent_m + 60
        for track in range(int(rng.integers(1, 4))):
            v = across + 4.8 * track
            line = [site.polar(-reach, v, angle), site.polar(reach, v, angle)]
            site.lanes([(line, 3.2)], "railway", "railway")
            if rng.random() < 0.75:
                self._wagons(v, angle)

    def _wagons(self, across: float, angle: float) -> None:
        """A string of covered or tank wagons."""
        site, rng = self.site, self.rng
        u = float(rng.uniform(-0.5, 0.2)) * site.span_m
        length, round_top = float(rng.uniform(11, 17)), rng.random() < 0.5
        for _ in range(int(rng.integers(3, 10))):
            x, y = site.polar(u, across, angle)
            if site.room(x, y, length, 2.9, angle, within=site.inner):
                site.canvas.box(
                    x, y, length, 2.8, 2.4 if round_top else 3.9, angle,
                    roof="barrel" if round_top else "flat", material="vehicle_metal", kind=None,
                    wall_db=-4.0,
                )  # fmt: skip
                for end in (-0.48, 0.48):
                    px, py = site.polar(u + end * length, across, angle)
                    site.canvas.reflector(px, py, 1.0, float(rng.normal(15, 3)))
            u += length + 1.2

    # -- plots ---------------------------------------------------------------------------------

    def fill(self) -> None:
        """Tank farms first, in the middle; then every other plot by chance."""
        rng, style = self.rng, self.style
        centre = (self.site.x_m, self.site.y_m)
        ordered = sorted(self.blocks, key=lambda b: math.dist(plan.middle(b), centre))
        plots = [plot for plot in map(self._plot, ordered) if plot is not None]
        near = plots[: max(2, len(plots) // 2)]
        first = int(rng.integers(0, min(3, len(near)))) if near else 0
        farms = near[first:] + near[:first]
        used: list[_Plot] = []
        for plot in farms:
            if self.tanks >= self.tanks_wanted:
                break
            if self._tank_farm(plot):
                used.append(plot)
        self._stray_tanks()
        names = list(style.uses)
        weights = np.array(list(style.uses.values()))
        rest = [plot for plot in plots if not any(plot is other for other in used)]
        self._chimneys(rest[:3] + used)
        for plot in rest:
            use = str(rng.choice(names, p=weights / weights.sum()))
            getattr(self, use)(plot)
            self._edge(plot)

    def _tank(self, x: float, y: float, radius: float, angle: float = 0.0) -> bool:
        """One tank with its dome, its stair and the pipes on its roof."""
        site, rng = self.site, self.rng
        side = site.canvas.extent_m
        seen = -radius < x < side + radius and -radius < y < side + radius
        if self.tanks >= MOST_TANKS and seen:
            return False
        tall = float(np.clip(rng.normal(11, 2), 5, 16)) * (0.75 if radius < 6 else 1.0)
        dome = float(rng.choice([0.0, 0.12, 0.22])) * radius
        if not site.room(x, y, 2 * radius, 2 * radius, angle):
            return False
        site.canvas.drum(x, y, radius, tall, dome=dome, wall_db=float(rng.normal(-3, 1.5)))
        site.claim(x, y, 2 * radius, 2 * radius, angle)
        self.tanks += bool(seen)
        for turn in rng.uniform(0, 2 * np.pi, 3).tolist():
            px, py = x + 0.96 * radius * math.cos(turn), y + 0.96 * radius * math.sin(turn)
            site.canvas.reflector(px, py, tall, float(rng.normal(15, 4)))
        site.canvas.reflector(x, y, tall + dome, float(rng.normal(12, 3)))
        return True

    def _places(self, a: float, b: float) -> list[tuple[float, float, float]]:
        """Along, across and radius [m] of tanks in rows on a plot, or loosely in their cells."""
        rng = self.rng
        low, high = self.style.tank_radius_m
        top = min(high, (0.46 if rng.random() < 0.3 else 0.3) * min(a, b))
        if min(a, b) < 9:
            return []
        radius = max(4.0, float(rng.uniform(min(low, top), top)))
        pitch = 2 * radius + float(rng.uniform(0.25, 0.7)) * radius + 1.5
        columns, rows = max(1, int(a // pitch)), max(1, int(b // pitch))
        loose = rng.random() < 0.3
        places = []
        for row in range(rows):
            for column in range(columns):
                size = max(4.0, radius * float(rng.uniform(0.65, 1.0))) if loose else radius
                slack = (radius - size) if loose else 0.0
                u = (column + 0.5) * a / columns - a / 2 + slack * float(rng.uniform(-1, 1))
                v = (row + 0.5) * b / rows - b / 2 + slack * float(rng.uniform(-1, 1))
                if rng.random() < 0.95:
                    places.append((u, v, size))
        return places

    def _tank_farm(self, plot: _Plot) -> bool:
        """Tanks within a bund wall; says whether there was room for any."""
        site, rng = self.site, self.rng
        a, b = plot.length_m - 6, plot.width_m - 6
        places = self._places(a, b)
        open_ground = [
            (*plot.at(u, v), radius) for u, v, radius in places
            if site.room(*plot.at(u, v), 2 * radius, 2 * radius, plot.angle_deg)
        ]  # fmt: skip
        if not open_ground:
            return False
        site.paint(plot.mask & site.free, "gravel" if rng.random() < 0.6 else "grass", claim=False)
        for x, y, radius in open_ground:
            if self.tanks < self.tanks_wanted:
                self._tank(x, y, radius, plot.angle_deg)
        ring = plot.ring(1.5)
        dots: Line = []
        for p, q in pairwise(ring):
            count = max(2, int(math.dist(p, q) / 8))
            dots += [(float(x), float(y)) for x, y in np.linspace(p, q, count)]
        barrier(site, dots, 0.9, float(rng.uniform(1.0, 2.0)), "wall", -9.0)
        if rng.random() < 0.8:
            self._pipes(plot.at(-a / 2, b / 2 + 1.2), plot.at(a / 2, b / 2 + 1.2), 0.8)
        site.free &= ~plot.mask
        return True

    def _stray_tanks(self) -> None:
        """At least three tanks in sight, where the farms found no room for them."""
        side = self.site.canvas.extent_m
        for attempt in range(400):
            if self.tanks >= 3:
                return
            radius = 8.0 if attempt < 60 else 5.5 if attempt < 150 else 4.0
            x, y = self.rng.uniform(radius, side - radius, 2).tolist()
            self._tank(x, y, radius)

    def _pipes(self, start: tuple[float, float], end: tuple[float, float], lift_m: float) -> None:
        """A bundle of pipes on supports, each of which shines."""
        site, rng = self.site, self.rng
        length = math.dist(start, end)
        angle = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
        x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        if length < 6 or not site.room(x, y, length, 2.6, angle, within=site.inner):
            return
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        for v in (-1.05, 0.0, 1.05):
            site.canvas.box(
                x - v * s, y + v * c, length, 0.55, 0.7, angle, material="container",
                kind=None, lift_m=lift_m, wall_db=-6.0,
            )  # fmt: skip
        site.canvas.wall(start, end, lift_m + 0.7, -9.0)
        for u in np.arange(-length / 2, length / 2, 6.0).tolist():
            z = lift_m + 0.4
            site.canvas.reflector(x + u * c, y + u * s, z, float(rng.normal(11, 4)))
        site.claim(x, y, length, 2.6, angle)

    def _hall(self, plot: _Plot, u: float, v: float, length: float, width: float) -> bool:
        """A metal hall with fans on a flat roof."""
        site, rng = self.site, self.rng
        x, y = plot.at(u, v)
        tall = float(rng.uniform(*self.style.hall_height_m))
        roof = str(rng.choice(["flat", "gable", "barrel", "saw"], p=[0.42, 0.32, 0.14, 0.12]))
        if roof == "barrel" and width > 34:
            roof = "gable"
        metal = roof != "flat" or rng.random() < 0.5
        turn = plot.angle_deg
        if length < width:
            length, width, turn = width, length, turn + 90
        if not site.box(
            x, y, length, width, tall, turn, gap_m=0.5, kind="hall", roof=roof,
            material="roof_metal" if metal else "roof_flat", wall_db=float(rng.normal(-6, 2)),
        ):  # fmt: skip
            return False
        for _ in range(int(rng.integers(1, 3 + int(length * width / 220)))):
            p, q = rng.uniform(-0.43, 0.43, 2).tolist()
            c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
            px, py = x + p * length * c - q * width * s, y + p * length * s + q * width * c
            if roof == "flat":
                site.canvas.box(px, py, rng.uniform(1.5, 5), 2.0, 1.6, turn,
                                material="roof_metal", kind=None, lift_m=tall)  # fmt: skip
            site.canvas.reflector(px, py, tall + 1.5, float(rng.normal(13, 4)))
        return True

    def halls(self, plot: _Plot) -> None:
        """One or more halls side by side, lorries at their doors."""
        rng = self.rng
        a, b = plot.length_m, plot.width_m
        depth = float(rng.uniform(0.6, 0.85)) * b
        u = -a / 2 + 1.5
        while u < a / 2 - 14:
            most = a / 2 - 1.5 - u
            length = float(min(rng.uniform(20, 80), 80.0, most))
            length = most if most - length < 16 else length
            middle = u + length / 2
            v = (depth - b) / 2 + 1.5
            for part in (1.0, 0.75, 0.5):
                if self._hall(plot, middle, v, min(length * part, 80), min(depth * part, 60)):
                    break
            self._docks(plot, u, length, v + depth / 2)
            u += length + float(rng.choice([1.5, 4.0, 9.0]))

    def _docks(self, plot: _Plot, u: float, length: float, v: float) -> None:
        for at in np.arange(u + 4, u + length - 3, 5.0).tolist():
            if self.rng.random() < 0.3:
                truck(self.site, *plot.at(at, v + 9.0), plot.angle_deg - 90)

    def plant(self, plot: _Plot) -> None:
        """A tall boiler house with a lower turbine hall beside it."""
        a, b = plot.length_m, plot.width_m
        self._hall(plot, -0.22 * a, 0.0, min(0.5 * a, 60), min(0.75 * b, 55))
        self._hall(plot, 0.26 * a, -0.12 * b, min(0.38 * a, 45), min(0.55 * b, 40))
        self._pipes(plot.at(-0.45 * a, 0.44 * b), plot.at(0.45 * a, 0.44 * b), 4.0)
        self._vessels(plot, 4)

    def process(self, plot: _Plot) -> None:
        """Pipe racks with columns, vessels and small buildings between them."""
        rng = self.rng
        a, b = plot.length_m, plot.width_m
        racks = np.arange(-b / 2 + rng.uniform(4, 10), b / 2 - 3, rng.uniform(13, 22)).tolist()
        for v in racks:
            self._pipes(plot.at(-0.47 * a, v), plot.at(0.47 * a, v), float(rng.uniform(3, 6)))
        cross = float(rng.uniform(-0.3, 0.3)) * a
        for v, w in pairwise(racks):
            self._pipes(plot.at(cross, v + 1.5), plot.at(cross, w - 1.5), 4.5)
        for _ in range(3):
            u, v = rng.uniform(-0.4, 0.4, 2) * (a, b)
            self._hall(plot, float(u), float(v), float(rng.uniform(20, 26)), 9.0)
        self._vessels(plot, int(a * b / 130))

    def _vessels(self, plot: _Plot, count: int) -> None:
        """Columns, lying drums and skids: small bright steel things."""
        site, rng = self.site, self.rng
        for _ in range(count):
            u, v = rng.uniform(-0.46, 0.46, 2) * (plot.length_m, plot.width_m)
            x, y = plot.at(float(u), float(v))
            tall = float(rng.uniform(3, 18))
            if rng.random() < 0.5:
                radius = float(rng.uniform(0.8, 2.2))
                done = site.drum(x, y, radius, tall, 0.4, kind=None, wall_db=-4.0)
            else:
                tall = min(tall, 6.0)
                done = site.box(
                    x, y, rng.uniform(3, 10), rng.uniform(2, 5), tall, plot.angle_deg,
                    gap_m=0.4, roof=str(rng.choice(["flat", "barrel"])), kind=None,
                    material="container", wall_db=-5.0,
                )  # fmt: skip
            if done:
                site.canvas.reflector(x, y, tall, float(rng.normal(16, 5)))

    def yard(self, plot: _Plot) -> None:
        """Rows of containers, or heaps."""
        rng = self.rng
        if rng.random() < 0.3:
            self.heaps(plot)
            return
        a, b = plot.length_m, plot.width_m
        columns = max(1, int(rng.integers(1, 4)))
        rows, tiers = int(rng.integers(2, 6)), int(rng.integers(1, 4))
        for v in np.arange(-b / 2 + 1.4 * rows + 2, b / 2 - 1.4 * rows, 2.7 * rows + 9).tolist():
            for u in np.arange(-a / 2 + 6.3 * columns + 2, a / 2, 12.6 * columns + 7).tolist():
                if rng.random() < 0.8:
                    containers(self.site, *plot.at(u, v), columns, rows, tiers, plot.angle_deg)
        for _ in range(5):
            u, v = rng.uniform(-0.4, 0.4, 2) * (a, b)
            truck(self.site, *plot.at(float(u), float(v)), plot.angle_deg)

    def heaps(self, plot: _Plot) -> None:
        """Long heaps of coal, sand or stone."""
        site, rng = self.site, self.rng
        site.paint(plot.mask & site.free, "bare_soil", claim=False)
        material = str(rng.choice(["gravel", "sand", "rock", "bare_soil"]))
        for _ in range(int(rng.integers(4, 9))):
            u, v = rng.uniform(-0.4, 0.4, 2) * (plot.length_m, plot.width_m)
            x, y = plot.at(float(u), float(v))
            length, width = float(rng.uniform(8, 34)), float(rng.uniform(7, 15))
            if not site.room(x, y, length, width, plot.angle_deg):
                continue
            where, p, q = site.canvas.local(x, y, math.hypot(length, width) / 2, plot.angle_deg)
            ridge = max(0.0, (length - width) / 2)
            far = np.hypot(np.clip(np.abs(p) - ridge, 0, None), q) / (min(width, length) / 2)
            rise = 0.33 * width * np.clip(1 - far, 0, 1) + rng.normal(0, 0.12, p.shape)
            base = site.canvas.ground_at(x, y)
            site.canvas.solid(where, far < 1, rise.astype(np.float32), material, base)
            site.claim(x, y, length, width, plot.angle_deg)

    def parking(self, plot: _Plot) -> None:
        """A car park beside a small hall."""
        a, b = plot.length_m, plot.width_m
        for scale in (0.9, 0.7, 0.5):
            size = (min(0.55 * a, 60) * scale, min(0.9 * b, 45) * scale)
            if car_park(self.site, *plot.at(-0.2 * a, 0), *size, plot.angle_deg):
                break
        self._hall(plot, 0.3 * a, 0.0, 0.36 * a, 0.7 * b)

    def _chimneys(self, plots: list[_Plot]) -> None:
        """Smokestacks near the middle, often in a row."""
        rng = self.rng
        low, high = self.style.chimneys
        wanted = int(rng.integers(low, high + 1))
        tall = float(rng.uniform(20, 50))
        for _ in range(40):
            if wanted <= 0 or not plots:
                return
            plot = plots[int(rng.integers(0, min(3, len(plots))))]
            u = float(rng.uniform(-0.45, 0.45)) * plot.length_m
            x, y = plot.at(u, 0.5 * plot.width_m - 4.0)
            side = self.site.canvas.extent_m
            if 0 < x < side and 0 < y < side and chimney(self.site, x, y, tall):
                wanted -= 1
                tall = float(np.clip(tall * rng.uniform(0.85, 1.15), 20, 50))

    def _edge(self, plot: _Plot) -> None:
        """Fence, light masts and a few bushes along a plot's border."""
        site, rng = self.site, self.rng
        ring = plot.ring(0.4)
        if rng.random() < 0.35:
            for p, q in pairwise(ring):
                count = max(2, int(math.dist(p, q) / 3))
                poles(site, np.linspace(p, q, count).tolist(), 1.5, -3.0, within_free=True)
        poles(site, ring[:-1], 16.0, 13.0)
        if rng.random() < 0.25:
            wild = site.free & plot.mask
            site.plant(site.jittered(wild, 14.0), (1.2, 2.6), (3, 7))

    def traffic(self) -> None:
        """Lorries on the roads."""
        rng = self.rng
        for points, width in self.streets:
            (x0, y0), (x1, y1) = points[0], points[-1]
            length = math.dist((x0, y0), (x1, y1))
            angle = math.degrees(math.atan2(y1 - y0, x1 - x0))
            for at in np.arange(10, length - 10, 28).tolist():
                if rng.random() < 0.22:
                    part, off = at / length, width / 4
                    px = x0 + (x1 - x0) * part - (y1 - y0) / length * off
                    py = y0 + (y1 - y0) * part + (x1 - x0) / length * off
                    truck(self.site, px, py, angle, self.road)


KIND = SceneKind("industry", build, base="concrete")
