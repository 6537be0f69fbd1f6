"""Harbour: a basin with straight quays or piers, moored ships, cranes, stacks and sheds behind."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..canvas import Canvas, Mask
from ..layout import smooth_noise
from ..world import FloatArray
from .base import SceneKind
from .nature import area
from .ships import CLASSES, ship
from .site import Line, Site
from .things import barrier, car_park, containers, gantry_crane, poles, truck

_LAYOUTS = {"straight": 0.26, "corner": 0.22, "channel": 0.14, "piers": 0.2, "marina": 0.18}
_TRADES: dict[str, tuple[str, ...]] = {
    "container": ("container", "container", "cargo", "tug", "barge"),
    "bulk": ("cargo", "cargo", "barge", "tug", "fishing", "ferry"),
    "oil": ("tanker", "tanker", "tug", "barge", "cargo"),
    "fishing": ("fishing", "fishing", "tug", "cargo", "yacht"),
}
_FREEBOARD_M = 2.4
"""Height of the quays above the water."""


@dataclass(frozen=True)
class _Face:
    """A straight quay edge in the harbour's frame; ``angle`` runs along it, water to its left."""

    u: float
    v: float
    angle: float
    length: float
    apron: float
    """Depth of land behind the edge [m]."""


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a part of a harbour in the region."""
    port = _Port(Site(canvas, region))
    port.shape()
    port.flood()
    port.quays()
    if port.layout == "marina":
        port.jetties()
    port.moor()
    port.protect()
    port.under_way()
    port.ensure_ships()
    port.work()
    port.behind()


class _Port:
    """One harbour: its axis, its land, the faces where ships lie and what stands behind."""

    def __init__(self, site: Site) -> None:
        self.site, self.rng = site, site.rng
        rng = site.rng
        self.layout = str(rng.choice(list(_LAYOUTS), p=list(_LAYOUTS.values())))
        self.trade = (
            "fishing"
            if self.layout == "marina"
            else str(rng.choice(list(_TRADES), p=[0.36, 0.28, 0.18, 0.18]))
        )
        self.angle = float(rng.uniform(0, 360))
        if not site.pure:
            # the water lies away from whatever is beside the region
            middle = site.canvas.extent_m / 2
            out = math.atan2(site.y_m - middle, site.x_m - middle)
            self.angle = math.degrees(out) - 90.0 + float(rng.normal(0, 8))
        self.reach = 0.75 * site.canvas.extent_m + 70
        self.faces: list[_Face] = []
        self.placed: list[tuple[float, float]] = []

    # -- places ------------------------------------------------------------------------------

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Point in metres of a place along and across the axis."""
        return self.site.polar(u, v, self.angle)

    def on(self, face: _Face, along: float, out: float) -> tuple[float, float]:
        """Point at steps along a face and out from it over the water."""
        c, s = math.cos(math.radians(face.angle)), math.sin(math.radians(face.angle))
        return self.at(face.u + along * c - out * s, face.v + along * s + out * c)

    def line(self, face: _Face, out: float, trim: float = 0.0) -> Line:
        """A line along a face, a number of metres out from it (negative: on land)."""
        return [self.on(face, trim, out), self.on(face, face.length - trim, out)]

    # -- ground ------------------------------------------------------------------------------

    def shape(self) -> None:
        """Choose the land so that 35 to 65 percent of what is seen is water."""
        site, rng, canvas = self.site, self.rng, self.site.canvas
        turn = math.radians(self.angle)
        c, s = np.float32(math.cos(turn)), np.float32(math.sin(turn))
        dx = canvas.x_m[None, :] - np.float32(site.x_m)
        dy = canvas.y_m[:, None] - np.float32(site.y_m)
        u, v = dx * c + dy * s, dy * c - dx * s
        shift = float(rng.uniform(-0.15, 0.35)) * site.span_m
        gap = float(rng.uniform(-0.1, 0.3)) * site.span_m
        if self.layout == "corner":
            level: FloatArray = np.minimum(v, u + np.float32(shift))
        elif self.layout == "channel":
            level = np.minimum(v, np.float32(gap) - v)
        else:
            level = v
        fingers = self.layout in ("piers", "marina")
        share = float(rng.uniform(0.35, 0.45) if fingers else rng.uniform(0.37, 0.62))
        seen = site.region & (canvas.x_m > 0) & (canvas.x_m < canvas.extent_m)
        seen &= ((canvas.y_m > 0) & (canvas.y_m < canvas.extent_m))[:, None]
        if not seen.any():
            seen = site.region
        edge = float(np.quantile(level[seen][::7], share))
        self.edge = edge
        self.land: Mask = site.region & (level < np.float32(edge))
        r = self.reach
        if self.layout == "corner":
            side = edge - shift
            self.faces = [_Face(side, edge, 0.0, r - side, 60.0),
                          _Face(side, r, -90.0, r - edge, 60.0)]  # fmt: skip
        elif self.layout == "channel":
            self.faces = [_Face(-r, edge, 0.0, 2 * r, 60.0),
                          _Face(r, gap - edge, 180.0, 2 * r, 60.0)]  # fmt: skip
        elif self.layout == "piers":
            self._piers()
        else:
            self.faces = [_Face(-r, edge, 0.0, 2 * r, 60.0)]

    def _piers(self) -> None:
        """Broad fingers of land that run out into the basin, with faces on three sides."""
        rng, site, edge = self.rng, self.site, self.edge
        width = float(rng.uniform(14, 30))
        step = width + float(rng.uniform(45, 75))
        out = float(rng.uniform(0.32, 0.5)) * site.span_m
        start = -self.reach + float(rng.uniform(0, step))
        shapes, last = [], -self.reach
        for u in np.arange(start, self.reach - width, step).tolist():
            shapes.append([self.at(u, edge - 2), self.at(u + width, edge - 2),
                           self.at(u + width, edge + out), self.at(u, edge + out)])  # fmt: skip
            self.faces += [
                _Face(u, edge, 90.0, out, width),
                _Face(u, edge + out, 0.0, width, 12.0),
                _Face(u + width, edge + out, -90.0, out, width),
                _Face(last, edge, 0.0, u - last, 60.0),
            ]
            last = u + width
        self.land |= site.polygons(shapes)

    def flood(self) -> None:
        """Lay the water a few metres below the quays, calm or with wind on it."""
        site, rng, canvas = self.site, self.rng, self.site.canvas
        sea = site.region & ~self.land
        canvas.cover(self.land, str(rng.choice(["concrete", "concrete", "asphalt", "gravel"])))
        canvas.cover(sea, "water")
        bound = float(rng.choice([9.0, 9.0, 0.9, -0.3]))
        canvas.cover(sea & (smooth_noise(canvas, rng.uniform(20, 60), 2) > bound), "rough_water")
        ground = float(np.median(canvas.world.ground_m[site.region][::7]))
        canvas.sink(sea, ground - _FREEBOARD_M)
        area(canvas, "sea", sea)
        self.water = sea & site.inner
        site.free &= self.land

    def quays(self) -> None:
        """Paved edges with their walls, bollards, fenders and light masts."""
        site, rng, canvas = self.site, self.rng, self.site.canvas
        depth = float(rng.uniform(9, 20))
        for face in self.faces:
            width = min(depth, 0.5 * face.apron)
            edge = site.strokes([(self.line(face, -width / 2), width)]) & self.land
            site.paint(edge, "quay", claim=False)
            if face.length > 18:
                site.record_line("quay", self.line(face, -width / 2 - 0.6, 1.0), width - 1.2)
            steps = np.arange(0, face.length, 5.0)
            points = [self.on(face, t, 0.0) for t in steps.tolist()]
            xy = np.asarray(points)
            keep = site.holds(site.inner, xy[:, 0], xy[:, 1]) & site.on_grid(xy[:, 0], xy[:, 1])
            heading = math.radians(self.angle + face.angle)
            if -math.sin(heading) < 0:  # the wall looks at the radar
                for i in np.flatnonzero(keep[:-1] & keep[1:]).tolist():
                    db = float(rng.normal(-7, 2))
                    canvas.wall(points[i], points[i + 1], _FREEBOARD_M, db)
            poles(site, [self.on(face, t, -0.8) for t in steps[::3].tolist()], 0.5, 5.0)
            masts = np.arange(float(rng.uniform(4, 20)), face.length, 38.0).tolist()
            poles(site, [self.on(face, t, -width + 1) for t in masts], 14.0, 11.0)

    def jetties(self) -> None:
        """Floating walkways with boats on both sides."""
        site, rng, canvas = self.site, self.rng, self.site.canvas
        berth = float(rng.uniform(9, 14))
        step = 2 * berth + float(rng.uniform(8, 14)) + 2.4
        out = float(rng.uniform(0.22, 0.36)) * site.span_m
        filled = float(rng.uniform(0.55, 0.95))
        for u in np.arange(-self.reach + rng.uniform(0, step), self.reach, step).tolist():
            line = [self.at(u, self.edge + 0.5), self.at(u, self.edge + out)]
            deck = site.strokes([(line, 2.2)]) & self.water
            if not deck.any():
                continue
            canvas.cover(deck, "quay")
            canvas.world.height_m[deck] += np.float32(0.6)
            self.water &= ~deck
            site.record_line("quay", line, 2.2, "jetty")
            poles(site, [self.at(u, self.edge + t) for t in np.arange(4, out, 12)], 1.5, 4.0)
            for side in (-1, 1):
                v = self.edge + 6.0
                while v < self.edge + out:
                    kind = "fishing" if rng.random() < 0.15 else "yacht"
                    longest = min(berth, 12.0 if kind == "yacht" else 15.0)
                    length = float(rng.uniform(max(7.0, 0.65 * longest), longest))
                    wide = max(length * CLASSES[kind].beam, 2.4)
                    x, y = self.at(u + side * (1.9 + length / 2), v + wide / 2)
                    if rng.random() < filled:
                        nose = self.angle + float(rng.choice([0, 180])) + float(rng.normal(0, 1.5))
                        self.float_ship(x, y, nose, kind, length)
                    v += wide + float(rng.uniform(0.9, 1.8))

    # -- ships -------------------------------------------------------------------------------

    def float_ship(self, x: float, y: float, nose: float, kind: str, length: float) -> bool:
        """Put a ship on free water and remember whether it can be seen."""
        if not ship(self.site, x, y, nose, kind, length, self.water):
            return False
        side = self.site.canvas.extent_m
        if 0 < x < side and 0 < y < side:
            self.placed.append((x, y))
        return True

    def _draw(self, longest: float) -> tuple[str, float]:
        """A class and a length that fit this place."""
        rng = self.rng
        kind = str(rng.choice(_TRADES[self.trade]))
        low, high = CLASSES[kind].length_m
        if low > longest:
            kind = str(rng.choice(["tug", "fishing"]))
            low, high = CLASSES[kind].length_m
        return kind, float(rng.uniform(low, max(low, min(high, longest, 110.0))))

    def moor(self) -> None:
        """Ships alongside the faces, now and then a second one outside the first."""
        rng, site = self.rng, self.site
        filled = float(rng.uniform(0.55, 0.95))
        longest = 0.62 * site.span_m
        for face in self.faces:
            if self.layout == "marina" or face.length < 18:
                continue
            along = float(rng.uniform(2, 14))
            while along < face.length - 10:
                kind, length = self._draw(min(longest, face.length - along - 2))
                beam = max(length * CLASSES[kind].beam, 2.4)
                nose = self.angle + face.angle + float(rng.choice([0, 180]))
                place = self.on(face, along + length / 2, beam / 2 + float(rng.uniform(0.8, 1.6)))
                if rng.random() > filled:
                    along += float(rng.uniform(10, 30))
                elif self.float_ship(*place, nose, kind, length):
                    if length < 45 and rng.random() < 0.25:
                        place = self.on(face, along + length / 2, 1.6 * beam + 3)
                        self.float_ship(*place, nose, kind, length)
                    along += length + float(rng.uniform(4, 16))
                else:
                    along += 6.0

    def under_way(self) -> None:
        """Sometimes a ship in the fairway or at anchor."""
        rng, site = self.rng, self.site
        if rng.random() > 0.45:
            return
        for _ in range(25):
            x, y = rng.uniform(0.1, 0.9, 2) * site.canvas.extent_m
            kind, length = self._draw(0.4 * site.span_m)
            if self.layout == "marina":
                kind, length = "yacht", float(rng.uniform(8, 15))
            nose = self.angle + float(rng.choice([0, 180])) + float(rng.normal(0, 20))
            if self.float_ship(float(x), float(y), nose, kind, length):
                return

    def ensure_ships(self) -> None:
        """At least two ships in sight wherever there is water for them."""
        rng, side = self.rng, self.site.canvas.extent_m
        for attempt in range(160):
            if len(self.placed) >= 2:
                return
            kind = str(rng.choice(["tug", "fishing"])) if attempt < 80 else "yacht"
            low, high = CLASSES[kind].length_m
            x, y = rng.uniform(0.04, 0.96, 2) * side
            nose = self.angle + float(rng.choice([0, 90, 180, 270]))
            length = high if attempt < 40 else low
            self.float_ship(float(x), float(y), nose, kind, length)

    def protect(self) -> None:
        """A rock breakwater across the open side with a lamp at its head."""
        site, rng, canvas = self.site, self.rng, self.site.canvas
        chance = 0.75 if self.layout == "marina" else 0.3
        if self.layout in ("corner", "channel") or rng.random() > chance:
            return
        v = self.edge + float(rng.uniform(0.4, 0.55)) * site.span_m
        head = float(rng.uniform(-0.3, 0.3)) * site.span_m
        width, height = float(rng.uniform(5, 9)), float(rng.uniform(3.5, 5.5))
        far = self.reach * float(rng.choice([-1, 1]))
        line = canvas.curve(self.at(head, v), self.at(far, v), float(rng.uniform(0, 8)))
        mask = site.strokes([(line, width)]) & self.water
        if mask.sum() * canvas.spacing_m**2 < 150:
            return
        canvas.cover(mask, "rock")
        lumps = rng.normal(0, 0.35, int(mask.sum())).astype(np.float32)
        canvas.world.height_m[mask] += np.float32(height) + lumps
        self.water &= ~mask
        site.record_line("breakwater", line, width, "", height)
        poles(site, line[:1], height + 5, 18.0)
        poles(site, line[2::3], height + 4, 8.0)

    # -- land --------------------------------------------------------------------------------

    def work(self) -> None:
        """Cranes on their rails along the edge, as the trade needs."""
        site, rng = self.site, self.rng
        if self.trade not in ("container", "bulk"):
            return
        tall = float(rng.uniform(26, 40) if self.trade == "container" else rng.uniform(16, 26))
        for face in self.faces:
            if face.length < 40 or face.apron < 17:
                continue
            along = float(rng.uniform(8, 40))
            while along < face.length - 10:
                x, y = self.on(face, along, -9.6)
                heading = self.angle + face.angle + 90
                if (
                    rng.random() < 0.75
                    and site.room(x, y, 17, 13, heading)
                    and gantry_crane(site, x, y, tall, heading, 0.8 * tall)
                ):
                    site.claim(x, y, 17, 13, heading)
                    for out in (-6.0, 6.0):
                        place = self.on(face, along, out)
                        if site.holds(site.inner, *place).all():
                            site.canvas.reflector(*place, 0.6 * tall, float(rng.normal(29, 2)))
                along += float(rng.uniform(24, 60))

    def behind(self) -> None:
        """Rails or a road, then stacks, tanks and sheds in rows, trucks between them."""
        rng, site = self.rng, self.site
        for face in self.faces:
            if face.apron < 14 or face.length < 30:
                continue
            back = 0.0 if self.layout == "marina" else 18.0
            if face.apron >= 40:
                back = self._lanes(face, back + 2)
            self._trucks(face, back)
            depth = face.apron if face.apron >= 40 else face.apron - 4
            if face.apron < 40:
                back = 3.0
            while back < (160 if face.apron >= 40 else depth - 6):
                back += self._row(face, back, face.apron < 40)
        if self.layout == "marina":
            for _ in range(2):
                x, y = self.at(float(rng.uniform(-0.4, 0.4)) * site.span_m, self.edge - 30)
                car_park(site, x, y, 34, 18, self.angle)

    def _lanes(self, face: _Face, back: float) -> float:
        """A quay road and sometimes a railway; returns where the storage begins."""
        rng, site = self.rng, self.site
        rail = self.layout != "marina" and rng.random() < 0.5
        if rail:
            for track in range(int(rng.integers(1, 3))):
                middle = -back - 2 - 4.5 * track
                mask = site.strokes([(self.line(face, middle), 3.0)]) & site.free
                site.paint(mask, "railway")
                if track == 0:
                    site.record_line("railway", self.line(face, middle, 2), 3.0)
            back += 10
        width = float(rng.uniform(6, 9))
        middle = -back - width / 2 - 1
        site.paint(site.strokes([(self.line(face, middle), width)]) & site.free, "asphalt")
        site.record_line("road", self.line(face, middle, 3), width)
        for t in np.arange(rng.uniform(0, 30), face.length, 34.0).tolist():
            if rng.random() < 0.35:
                place = self.on(face, t, middle + 1.8)
                truck(site, *place, self.angle + face.angle, site.inner & self.land)
        return back + width + 3

    def _trucks(self, face: _Face, back: float) -> None:
        rng, site = self.rng, self.site
        for t in np.arange(rng.uniform(0, 20), face.length, 22.0).tolist():
            if self.layout != "marina" and rng.random() < 0.3:
                place = self.on(face, t, -float(rng.uniform(3, max(4.0, min(back, 15.0)))))
                truck(site, *place, self.angle + face.angle + float(rng.choice([0, 0, 90])))

    def _row(self, face: _Face, back: float, narrow: bool) -> float:
        """One row of the same kind of thing along a face; returns its depth with a lane."""
        rng = self.rng
        uses = {"container": (0.72, 0.0, 0.28), "bulk": (0.2, 0.1, 0.7), "oil": (0.1, 0.7, 0.2),
                "fishing": (0.08, 0.02, 0.9)}[self.trade]  # fmt: skip
        use = str(rng.choice(["stacks", "tanks", "halls"], p=uses))
        if narrow:
            depth = max(4.0, face.apron - 12)
            use = "stacks" if self.trade == "container" or depth < 9 else "halls"
        else:
            depth = float(rng.uniform(13, 26))
        along = float(rng.uniform(0, 12))
        tall, tiers = float(rng.uniform(5, 10)), int(rng.integers(2, 5))
        roof = str(rng.choice(["gable", "barrel", "flat", "saw"]))
        while along < face.length - 8:
            along += self._store(face, use, along, back, depth, tall, tiers, roof)
        if not narrow and rng.random() < 0.15:
            fence = np.arange(0, face.length, 6.0).tolist()
            dots = [self.on(face, t, -back - depth - 3) for t in fence]
            if use != "tanks" and self.layout == "straight":
                barrier(self.site, dots, 0.4, 2.2, "guard_rail", -16.0)
        return depth + float(rng.uniform(6, 11))

    def _store(
        self, face: _Face, use: str, along: float, back: float, depth: float, tall: float,
        tiers: int, roof: str,
    ) -> float:  # fmt: skip
        """One stack, tank or hall; returns the step along the face to the next."""
        rng, site = self.rng, self.site
        turn = self.angle + face.angle
        if use == "stacks":
            columns, rows = int(rng.integers(1, 4)), max(1, int(depth / 2.7))
            x, y = self.on(face, along + 6.3 * columns, -back - depth / 2)
            if rng.random() < 0.88 and containers(site, x, y, columns, rows, tiers, turn):
                return 12.6 * columns + float(rng.choice([2.0, 4.0, 9.0]))
            return 8.0
        if use == "tanks":
            radius = 0.5 * depth * float(rng.uniform(0.8, 1.0))
            x, y = self.on(face, along + radius, -back - depth / 2)
            dome = float(rng.choice([0.0, 1.5]))
            site.drum(x, y, radius, float(rng.uniform(0.6, 1.3)) * radius + 3, 1.0, dome=dome)
            return 2 * radius + float(rng.uniform(3, 9))
        length = float(rng.uniform(18, 60)) if depth > 9 else 14.0
        x, y = self.on(face, along + length / 2, -back - depth / 2)
        metal = "roof_metal" if rng.random() < 0.7 else "roof_flat"
        if rng.random() < 0.85 and site.box(
            x, y, length, depth, tall, turn, gap_m=0.8, kind="hall", roof=roof, material=metal,
            wall_db=float(rng.normal(-7, 2)),
        ):  # fmt: skip
            return length + float(rng.choice([4.0, 8.0, 20.0]))
        return 8.0


KIND = SceneKind("harbour", build, base="concrete")
