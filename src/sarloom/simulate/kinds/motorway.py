"""Motorway: two bent carriageways with rails and traffic, an overpass or ramps, farmland around."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ..canvas import Canvas, Mask
from ..layout import distance_m, smooth_noise, spine
from ..materials import CODE
from ..world import FloatArray, SceneObject
from .base import SceneKind
from .nature import CROPS, area, crop, draw_wood, hedge, lone_trees, plant
from .outlines import Polyline, beside, normals, resample
from .site import Line, Site
from .things import barrier, car, poles, truck


def relief(canvas: Canvas) -> FloatArray:
    """Nearly flat land, as a road this wide prefers."""
    return smooth_noise(canvas, 140.0) * np.float32(canvas.rng.uniform(0.1, 0.9))


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a motorway along the region's long axis and the land beside it."""
    road = _Motorway(Site(canvas, region))
    road.earthworks()
    road.land()
    road.pave()
    road.furniture()
    road.traffic()
    road.overpass()


@dataclass(frozen=True)
class _Crossing:
    """A road over the motorway: where, which way, and how high."""

    x_m: float
    y_m: float
    angle_deg: float
    length_m: float
    width_m: float
    above_m: float

    def axis(self, reach_m: float) -> Line:
        """Straight middle line of the road, to ``reach_m`` on both sides."""
        c, s = math.cos(math.radians(self.angle_deg)), math.sin(math.radians(self.angle_deg))
        steps = np.linspace(-reach_m, reach_m, 60).tolist()
        return [(self.x_m + t * c, self.y_m + t * s) for t in steps]


class _Motorway:
    """The course of the road and the habits of its whole length."""

    def __init__(self, site: Site) -> None:
        self.site, self.canvas, self.rng = site, site.canvas, site.rng
        rng = site.rng
        # lanes of 3.6 m, hard shoulder and margin: 11 to 14.5 m for each direction
        self.lanes = 3 if rng.random() < 0.4 and site.pure else 2
        shoulder = float(rng.uniform(2.2, 3.4))
        self.carriage_m = 3.6 * self.lanes + shoulder + 1.0
        self.median_m = float(rng.uniform(2.5, 4.5 if self.lanes == 3 else 7.0))
        self.half_m = self.carriage_m + self.median_m / 2
        self.course = _course(site)
        self.away = distance_m(self.canvas, self.canvas.stroke(_line(self.course), 0.5))
        self.crossing = self._crossing() if site.pure and rng.random() < 0.5 else None
        self.ramps = self._ramps() if site.pure and rng.random() < 0.55 else []
        self.asphalt = np.zeros(self.canvas.shape, bool)
        self.deck = np.zeros(self.canvas.shape, bool)

    def _visible(self, edge: float) -> list[int]:
        """Stations of the course at least a share ``edge`` of the frame from its border."""
        low, high = edge * self.canvas.extent_m, (1 - edge) * self.canvas.extent_m
        good = ((self.course > low) & (self.course < high)).all(axis=1)
        return [int(k) for k in np.flatnonzero(good)]

    def _heading_deg(self, k: int) -> float:
        before, after = self.course[max(k - 2, 0)], self.course[min(k + 2, len(self.course) - 1)]
        return math.degrees(math.atan2(after[1] - before[1], after[0] - before[0]))

    def _crossing(self) -> _Crossing | None:
        stations = self._visible(0.2)
        if not stations:
            return None
        k = int(self.rng.choice(stations))
        skew = float(np.clip(self.rng.normal(0, 12), -30, 30))
        length = (2 * self.half_m + self.rng.uniform(5, 9)) / math.cos(math.radians(skew))
        return _Crossing(
            float(self.course[k, 0]), float(self.course[k, 1]), self._heading_deg(k) + 90 + skew,
            length, float(self.rng.uniform(7, 12)), float(self.rng.uniform(5.2, 6.5)),
        )  # fmt: skip

    def _ramps(self) -> list[tuple[Line, float]]:
        """Slip roads, and a loop where there is a road to loop up to."""
        rng, stations = self.rng, self._visible(0.15)
        if not stations:
            return []
        if self.crossing is None:
            here = int(rng.choice(stations))
        else:
            spot = np.array([self.crossing.x_m, self.crossing.y_m])
            here = int(np.argmin(np.hypot(*(self.course - spot).T)))
        ramps = []
        for side in (-1, 1) if rng.random() < 0.5 else (int(rng.choice([-1, 1])),):
            forth = int(rng.choice([-1, 1]))
            ramps.append((self._slip(here, side, forth), 5.5))
            if self.crossing is not None and rng.random() < 0.6:
                ramps.append((self._loop(here, side, -forth), 5.5))
        return ramps

    def _slip(self, here: int, side: int, forth: int) -> Line:
        """A lane that leaves the carriageway and swings out to the crossing road, or away."""
        length, out = float(self.rng.uniform(90, 140)), float(self.rng.uniform(30, 55))
        steps = np.arange(0.0, length if self.crossing else 3 * length, 2.0)
        # leaves along the road, ends square to it
        offset = self.half_m - 2.5 + out * (steps / length) ** 2.4
        at = here + forth * np.round(length - steps).astype(int) // 2
        at = np.clip(at, 0, len(self.course) - 1)
        across = normals(self.course)
        xy = self.course[at] + (side * offset)[:, None] * across[at]
        if self.crossing is not None:  # a skew crossing: swing the end on to its axis
            turn = math.radians(self.crossing.angle_deg + 90)
            square = np.array([math.cos(turn), math.sin(turn)])
            gap = float((np.array([self.crossing.x_m, self.crossing.y_m]) - xy[-1]) @ square)
            xy += gap * ((steps / length) ** 2)[:, None] * square
        return _line(xy)

    def _loop(self, here: int, side: int, forth: int) -> Line:
        """Three quarters of a circle between the carriageway and the crossing road."""
        radius = float(self.rng.uniform(20, 30))
        heading = math.radians(self._heading_deg(here))
        along = np.array([math.cos(heading), math.sin(heading)]) * forth
        across = np.array([-math.sin(heading), math.cos(heading)]) * side
        centre = self.course[here] + along * (radius + 3) + across * (self.half_m - 2 + radius)
        turn = np.radians(np.arange(-95.0, 186.0, 6.0))[:, None]
        return _line(centre + radius * (np.cos(turn) * along + np.sin(turn) * across))

    # -- ground ------------------------------------------------------------------------------

    def earthworks(self) -> None:
        """Embankment or cutting along the road, and the approach banks of an overpass."""
        world, rng, site = self.canvas.world, self.rng, self.site
        if site.pure and self.crossing is None and rng.random() < 0.4:
            rise = float(rng.choice([-1, 1]) * rng.uniform(1.0, 3.5))
            slope = 1 - (self.away - self.half_m - 3) / np.float32(2.2 * abs(rise))
            world.ground_m += np.float32(rise) * np.clip(slope, 0, 1)
        if self.crossing is not None:
            over = self.crossing
            _, u, v = self.canvas.local(over.x_m, over.y_m, 1e4, over.angle_deg)
            beyond = np.abs(u) - np.float32(over.length_m / 2)
            top = np.float32(over.above_m) * np.clip(1 - beyond / np.float32(75), 0, 1)
            bank = top - np.clip(np.abs(v) - np.float32(over.width_m / 2 + 1.5), 0, None) / 2
            world.ground_m += np.where(beyond > 0, np.clip(bank, 0, None), 0)
            self.deck = (beyond <= 0) & (np.abs(v) <= over.width_m / 2)
            site.inner &= ~self.deck
        world.height_m[site.region] = world.ground_m[site.region]

    def land(self) -> None:
        """Fields on both sides, trees, hedges, sometimes a wood, a grass verge by the road."""
        canvas, site, rng = self.canvas, self.site, self.rng
        canvas.cover(site.region, "grass")
        verge = self.half_m + float(rng.uniform(3, 8))
        open_land = site.free & (self.away > verge)
        slips = site.strokes([(line, width + 8) for line, width in self.ramps])
        if self.crossing is not None:
            over = self.crossing
            slips |= site.strokes([(over.axis(400), over.width_m + 9)])
        open_land &= ~slips
        if site.pure or rng.random() < 0.7:
            self._fields(open_land)
        strip = site.region & (self.away > self.half_m + 3.5) & (self.away < verge + 2) & ~slips
        if rng.random() < 0.5:  # planted verge: bushes in groups
            canvas.cover(strip & (smooth_noise(canvas, 16.0) > rng.uniform(-0.5, 1.2)), "scrub")
        if rng.random() < 0.5:
            groups = strip & (smooth_noise(canvas, 24.0) > rng.uniform(-0.6, 1.0))
            site.plant(site.jittered(groups, 5.5), (1.4, 3.0), (4, 9), within=site.inner)
        clear = open_land & (self.away > verge + 4)
        lone_trees(canvas, clear, site.region, int(rng.integers(0, 9)))

    def _fields(self, ground: Mask) -> None:
        """Strips cut into fields, divided again by the motorway."""
        canvas, rng = self.canvas, self.rng
        axis = math.radians(self._heading_deg(len(self.course) // 2) + rng.choice([0, 0, 90, 35]))
        axis += float(rng.normal(0, 0.12))
        c, s = np.float32(math.cos(axis)), np.float32(math.sin(axis))
        x, y = canvas.x_m[None, :], canvas.y_m[:, None]
        u, v = x * c + y * s, y * c - x * s
        scale = float(rng.uniform(0.8, 1.5))
        cuts_v = float(v.min()) + np.cumsum(rng.uniform(28, 75, 24)) * scale
        rank = np.digitize(v, cuts_v)
        cuts_u = float(u.min()) + np.cumsum(rng.uniform(45, 130, 20)) * scale
        shift = (rng.uniform(0, 90, 25) * scale).astype(np.float32)
        label = rank * 32 + np.digitize(u + shift[rank], cuts_u)
        parts, _ = ndimage.label(ground)
        label = np.where(ground, label * 8 + np.minimum(parts, 7), 0).astype(np.int32)
        wood = rng.random() < 0.35
        along = math.degrees(axis)
        used = -1
        for number in np.unique(label[::6, ::6])[1:].tolist():
            field = label == number
            size = float(field[canvas.world.visible].sum()) * canvas.spacing_m**2
            if wood and 400 < size < 5000:
                wood = False
                area(canvas, "wood", field, "", 13.0)
                plant(canvas, field, draw_wood(canvas), self.site.region, 0.1)
                continue
            used = (used + int(rng.integers(1, len(CROPS)))) % len(CROPS)
            turn = 90.0 if rng.random() < 0.25 else 0.0
            detail = crop(canvas, field, used, (along + turn) % 180.0)
            if size > 150:
                self.site.record_area("field", field, detail)
        share, height = float(rng.choice([0.0, 0.3, 0.7])), float(rng.uniform(1.8, 4))
        steps = np.linspace(float(u.min()), float(u.max()), 70)
        for cut in cuts_v[(cuts_v > v.min()) & (cuts_v < v.max())].tolist():
            if rng.random() < share:
                line = [(float(t * c - cut * s), float(t * s + cut * c)) for t in steps]
                hedge(canvas, ground, line, height)

    def pave(self) -> None:
        """Carriageways, shoulders of gravel, the median and the slip roads."""
        site, rng, world = self.site, self.rng, self.canvas.world
        middle = (self.median_m + self.carriage_m) / 2
        clear = site.region & (self.away < self.half_m + 2.5)
        world.height_m[clear] = world.ground_m[clear]
        site.paint(clear, "grass")
        site.paint(site.region & (self.away < self.half_m + 0.8), "gravel")
        if self.ramps:
            bed = site.strokes([(line, width + 4) for line, width in self.ramps])
            world.height_m[bed] = world.ground_m[bed]
            site.paint(bed & (self.away > self.half_m), "grass")
            site.lanes(self.ramps, "asphalt", "road", "slip")
        lines = [(beside(self.course, side * middle), self.carriage_m) for side in (-1, 1)]
        self.asphalt = site.strokes(lines)
        site.paint(self.asphalt, "asphalt")
        median = site.region & (self.away < self.median_m / 2)
        site.paint(median, str(rng.choice(["grass", "gravel", "concrete", "grass"])))
        if self.median_m > 4 and rng.random() < 0.4:
            bushes = median & (self.away < 0.8) & (smooth_noise(self.canvas, 9.0) > -0.6)
            top = world.ground_m + np.float32(1.4)
            rows, columns = median.shape
            self.canvas.raise_to((slice(0, rows), slice(0, columns)), bushes, top, "hedge")
        whole = 2 * self.half_m
        site.record_line("motorway", _line(self.course), whole, f"{2 * self.lanes}-lane")

    # -- things ------------------------------------------------------------------------------

    def furniture(self) -> None:
        """Guard rails, sound walls, lamp posts and signs."""
        site, rng = self.site, self.rng
        offsets = [-self.median_m / 2 + 0.3, self.median_m / 2 - 0.3]
        if rng.random() < 0.3:
            offsets = [0.0]
        offsets += [k * (self.half_m + 0.4) for k in (-1, 1) if rng.random() < 0.6]
        rail_db = float(rng.uniform(-16, -10))
        coarse = resample(self.course, 6.0)
        for offset in offsets:
            line = beside(coarse, offset)
            barrier(site, line, 0.4, 0.8, "guard_rail", rail_db)
            posts = beside(resample(self.course, 8.0), offset)
            poles(site, posts, 0.6, float(rng.uniform(-4, 2)))
        for side in (-1, 1):
            if not self.ramps and rng.random() < 0.25:
                wall = beside(coarse, side * (self.half_m + 2.6))
                first = int(rng.integers(0, len(wall) // 2))
                wall = wall[first : first + int(rng.integers(len(wall) // 4, len(wall)))]
                height = float(rng.uniform(2.5, 4.5))
                barrier(site, wall, 0.6, height, "wall", -9.0)
                site.record_line("sound wall", wall, 0.6, height_m=height)
        if rng.random() < 0.5:
            lamps = beside(resample(self.course, float(rng.uniform(28, 45))), 0.0)
            poles(site, lamps, 10.0, 9.0)

    def traffic(self) -> None:
        """Cars and trucks in their lanes, as many as the traffic of the hour asks for."""
        rng, canvas = self.rng, self.canvas
        wanted, heavy = int(rng.integers(6, 41)), float(rng.uniform(0.1, 0.45))
        dense = resample(self.course, 1.0)
        across = normals(dense)
        angle = np.degrees(np.arctan2(*np.gradient(dense, axis=0).T[::-1]))
        drivable = self.asphalt & self.site.inner
        taken: dict[int, list[float]] = {}
        seen = 0
        for _ in range(12 * wanted):
            if seen >= wanted:
                break
            lane = int(rng.integers(2 * self.lanes))
            side, rank = (-1 if lane % 2 else 1), lane // 2
            k = int(rng.integers(3, len(dense) - 3))
            if any(abs(k - other) < 19 for other in taken.get(lane, [])):
                continue
            offset = side * (self.median_m / 2 + 1.0 + 3.6 * (rank + 0.5))
            x, y = (dense[k] + (offset + rng.normal(0, 0.2)) * across[k]).tolist()
            heading = float(angle[k]) + (180.0 if side < 0 else 0.0)
            slow = rank == self.lanes - 1
            big = rng.random() < heavy * (1.6 if slow else 0.3)
            if (truck if big else car)(self.site, x, y, heading, drivable):
                taken.setdefault(lane, []).append(float(k))
                seen += 0 < x < canvas.extent_m and 0 < y < canvas.extent_m

    def overpass(self) -> None:
        """The crossing road on its banks, and the slab with parapets over the motorway."""
        over, site, canvas = self.crossing, self.site, self.canvas
        if over is None:
            return
        world, rng, axis = canvas.world, self.rng, over.axis(400)
        lane = site.strokes([(axis, over.width_m - 1.0)]) & ~(self.away < self.half_m)
        world.height_m[lane] = world.ground_m[lane]
        site.paint(lane, str(rng.choice(["asphalt", "asphalt", "concrete"])))
        site.record_line("road", axis, over.width_m - 1.0)
        rows, columns = canvas.shape
        whole = (slice(0, rows), slice(0, columns))
        _, _, v = canvas.local(over.x_m, over.y_m, 1e4, over.angle_deg)
        level = canvas.ground_at(over.x_m, over.y_m) + over.above_m
        world.height_m[self.deck] = level
        canvas.cover(self.deck, "bridge_deck")
        rail = self.deck & (np.abs(v) > over.width_m / 2 - 0.5)
        canvas.raise_to(whole, rail, level + 1.0, "guard_rail")
        corners = canvas.corners(over.x_m, over.y_m, over.length_m, over.width_m, over.angle_deg)
        canvas.walls(corners, over.above_m, -7.0)
        for t in np.linspace(0.05, 0.95, 6).tolist():
            for a, b in ((corners[0], corners[1]), (corners[3], corners[2])):
                x, y = a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
                canvas.reflector(x, y, over.above_m, float(rng.normal(6, 3)))
        canvas.record(
            SceneObject(
                "overpass",
                over.x_m,
                over.y_m,
                over.length_m,
                over.width_m,
                over.above_m,
                over.angle_deg % 180.0,
                (*corners, corners[0]),
            )
        )
        driven = lane & (world.material == CODE["asphalt"])
        for x, y in rng.permutation(np.asarray(axis))[: int(rng.integers(0, 10))].tolist():
            car(site, x, y, over.angle_deg, driven)


def _course(site: Site) -> Polyline:
    """The middle line, stations 2 m apart: a wide arc or an S, never tighter than 260 m."""
    canvas, rng = site.canvas, site.rng
    xy = resample(spine(canvas, site.region), 2.0)
    if not site.pure:
        smooth: Polyline = ndimage.gaussian_filter1d(xy, 12.0, axis=0, mode="nearest")
        return smooth
    along = 2.0 * (np.arange(len(xy)) - len(xy) / 2)
    tightest = 1 / float(rng.uniform(260, 1500))
    if rng.random() < 0.6:
        offset = tightest * along**2 / 2 * rng.choice([-1, 1])
    else:
        wave = float(rng.uniform(55, 110))  # wavelength / 2 pi
        offset = tightest * wave**2 * np.sin(along / wave + rng.uniform(0, 6.3))
    return resample(xy + offset[:, None] * normals(xy), 2.0)


def _line(points: Polyline) -> Line:
    return [(float(x), float(y)) for x, y in points]


KIND = SceneKind("motorway", build, "grass", relief)
