"""Suburb: winding streets of detached houses with gardens, hedges, trees and parked cars."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..canvas import Canvas, Mask
from ..layout import smooth_noise
from ..world import FloatArray
from .base import SceneKind
from .outlines import beside, normals, resample
from .site import Line, Site
from .things import car, hedge, parked_rows, poles


def build(canvas: Canvas, region: Mask) -> None:
    """Draw a housing estate in the region."""
    estate = _Estate(Site(canvas, region))
    estate.streets()
    if estate.rng.random() < 0.22 and estate.site.span_m > 100:
        estate.school()
    for line, width in estate.lines:
        estate.houses_along(line, width)
    estate.greenery()


class _Estate:
    """Habits that the whole estate shares."""

    def __init__(self, site: Site) -> None:
        self.site, self.rng = site, site.rng
        rng = site.rng
        site.canvas.cover(site.region, "grass")
        self.patches = smooth_noise(site.canvas, rng.uniform(14, 30))
        site.canvas.cover(site.region & (self.patches > 0.9), "meadow")
        site.canvas.cover(site.region & (self.patches < -1.3), "scrub")
        self.plot_m = float(rng.uniform(13, 26))
        self.setback_m = float(rng.uniform(4, 9))
        self.house_m = (float(rng.uniform(9, 13)), float(rng.uniform(7.5, 9.5)))
        self.terraced = rng.random() < 0.25
        self.hedged = float(rng.uniform(0.1, 0.9))
        self.tree_spacing_m = float(rng.uniform(11, 26))
        self.conifers = float(rng.choice([0.0, 0.15, 0.5]))
        self.gable = float(rng.uniform(0.2, 1.0))
        self.lines: list[tuple[Line, float]] = []

    def streets(self) -> None:
        """One bent main street and side streets that leave it, or loops around a green."""
        site, rng = self.site, self.rng
        pattern = rng.choice(["ribs", "parallel", "rings"], p=[0.4, 0.35, 0.25])
        width = float(rng.uniform(5, 7))
        angle = float(rng.uniform(0, 360))
        reach = 0.9 * site.canvas.extent_m + 40
        spacing = 2 * (self.setback_m + self.house_m[1]) + rng.uniform(12, 30)
        bend = float(rng.choice([2.0, 10.0, 24.0]))
        if pattern == "rings":
            u, v = rng.normal(0, 0.3 * site.span_m, 2).tolist()
            middle = site.polar(u, v, angle)
            for k, radius in enumerate(np.arange(rng.uniform(18, 40), 1.4 * reach, spacing)):
                self.lines.append((_ring(rng, middle, float(radius)), width))
                ray = angle + k * 137.5
                inner = _polar(middle, float(radius), ray)
                self.lines.append(([inner, _polar(middle, float(radius + spacing), ray)], width))
        else:
            main = self._crossing(angle, 0.0, reach, bend)
            self.lines.append((main, width + 1.5))
            if pattern == "parallel":
                offsets = np.arange(-reach, reach, spacing)
                shift = rng.uniform(0, spacing)
                for off in (offsets + shift).tolist():
                    if abs(off) > 0.6 * spacing:
                        self.lines.append((beside(main, off), width))
                cut = self._crossing(angle + rng.uniform(60, 120), 0.0, reach, 4.0)
                self.lines.append((cut, width))
            else:
                self._ribs(main, width, spacing, bend)
        mask = site.lanes(self.lines, "asphalt", "street")
        paved = site.strokes([(line, w + 3.2) for line, w in self.lines]) & ~mask
        site.paint(paved, "concrete")
        self.road = mask & site.inner

    def _crossing(self, angle: float, aside: float, reach: float, bend: float) -> Line:
        a = self.site.polar(-reach, aside, angle)
        b = self.site.polar(reach, aside, angle)
        return self.site.canvas.curve(a, b, bend, 40)

    def _ribs(self, main: Line, width: float, spacing: float, bend: float) -> None:
        dense = resample(main, 2.0)
        side = normals(dense)
        at = int(self.rng.integers(2, 20))
        sign = 1
        while at < len(dense):
            x, y = dense[at]
            length = float(self.rng.uniform(0.35, 0.9)) * self.site.canvas.extent_m
            lean = self.rng.normal(0, 0.25)
            nx, ny = sign * side[at]
            end = (x + (nx - ny * lean) * length, y + (ny + nx * lean) * length)
            line = self.site.canvas.curve((float(x), float(y)), end, 0.4 * bend, 20)
            self.lines.append((line, width))
            sign = -sign
            at += max(3, int(spacing * self.rng.uniform(0.4, 0.7) / 2))

    def houses_along(self, line: Line, width: float) -> None:
        """Plots on both sides of a street, in step with it."""
        site = self.site
        dense = resample(line, 1.0)
        side = normals(dense)
        for sign in (-1, 1):
            at = float(self.rng.uniform(4, 12))
            while at < len(dense) - 4:
                plot = self.plot_m * float(self.rng.uniform(0.85, 1.2))
                if self.terraced and self.rng.random() < 0.8:
                    plot = self.house_m[0] + 0.3
                k = int(at)
                if site.near_grid(dense[k, 0], dense[k, 1], 30):
                    self._plot(dense[k], sign * side[k], width, plot)
                at += plot

    def _plot(
        self, kerb: NDArray[np.float64], inward: NDArray[np.float64], width: float, plot: float
    ) -> None:
        """A house with what belongs to it; ``inward`` points from the street into the plot."""
        site, rng = self.site, self.rng
        angle = math.degrees(math.atan2(inward[1], inward[0])) - 90
        along = np.array([inward[1], -inward[0]])
        length = self.house_m[0] * float(rng.uniform(0.85, 1.2))
        depth = self.house_m[1] * float(rng.uniform(0.9, 1.15))
        if rng.random() < 0.06:
            return
        setback = self.setback_m * float(rng.uniform(0.9, 1.15))
        x, y = (kerb + inward * (width / 2 + 1.6 + setback + depth / 2)).tolist()
        turned = not self.terraced and rng.random() > self.gable
        roof = "gable" if rng.random() < self.gable else "hip"
        size = (depth * 0.9, length * 0.85) if turned else (length, depth)
        height = float(rng.choice([3.0, 5.6, 5.9, 6.2]))
        if not site.box(
            x, y, *size, height, angle, kind="house", roof=roof, material="roof_tile",
            wall_db=float(rng.normal(-10, 3)), detail="pitched-roofed",
        ):  # fmt: skip
            return
        if rng.random() < 0.45 and not self.terraced:
            gx, gy = (np.array([x, y]) + along * (size[0] / 2 + 2.6) - inward * 1.5).tolist()
            site.box(gx, gy, 3.6, 6.2, 2.7, angle, kind=None, wall_db=-9)
        if rng.random() < 0.6:
            start = kerb + inward * (width / 2 + 1.7)
            drive = start + along * (0.42 * plot)
            cx, cy = (drive + inward * 2.8).tolist()
            car(site, cx, cy, angle + 90 + float(rng.normal(0, 2)))
        elif rng.random() < 0.5:
            cx, cy = (kerb + inward * (width / 2 - 1.1)).tolist()
            car(site, cx, cy, angle, self.road)
        back = np.array([x, y]) + inward * (depth / 2 + 1.5)
        far = back + inward * float(rng.uniform(9, 16))
        if rng.random() < self.hedged:
            edge = along * (plot / 2)
            hedge(site, tuple((back + edge).tolist()), tuple((far + edge).tolist()), 1.8)
            if rng.random() < 0.6:
                hedge(site, tuple((far + edge).tolist()), tuple((far - edge).tolist()), 1.8)
            front = kerb + inward * (width / 2 + 2.3)
            a, b = front - along * (0.42 * plot), front + along * (0.2 * plot)
            hedge(site, tuple(a.tolist()), tuple(b.tolist()), 1.1)
        if rng.random() < 0.25:
            sx, sy = (far - inward * 2.5 + along * rng.uniform(-4, 4)).tolist()
            site.box(sx, sy, 3.0, 2.4, 2.2, angle, kind=None, wall_db=-12)
        if rng.random() < 0.12:
            px, py = (back + inward * 5).tolist()
            if site.room(px, py, 8, 4, angle):
                pool = site.canvas.corners(px, py, 8, 4, angle)
                site.paint(site.polygons([pool]), "water")

    def school(self) -> None:
        """A flat school with wings, a car park and a playing field."""
        site, rng = self.site, self.rng
        angle = float(rng.uniform(0, 180))
        for _ in range(25):
            u, v = (site.span_m * rng.uniform(-0.4, 0.4, 2)).tolist()
            x, y = site.polar(u, v, angle)
            if site.room(x, y, 62, 44, angle):
                break
        else:
            return
        c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        for u, v, a, b, h in ((-10, -12, 40, 12, 7.5), (-24, 4, 12, 22, 7.5), (6, 6, 16, 14, 9)):
            site.canvas.box(
                x + u * c - v * s, y + u * s + v * c, a, b, h, angle, detail="flat-roofed",
                kind="building",
            )  # fmt: skip
        yard = site.canvas.corners(x + 22 * c, y + 22 * s, 17, 40, angle)
        site.canvas.cover(site.polygons([yard]), "asphalt")
        parked_rows(site, x + 22 * c, y + 22 * s, 16, 30, angle, 0.6)
        site.claim(x, y, 62, 44, angle)

    def greenery(self) -> None:
        """Trees in gardens and along streets, lamps."""
        site, rng = self.site, self.rng
        site.plant(
            site.jittered(site.region, self.tree_spacing_m), (1.2, 3.0), (3.0, 8.0),
            conifer=self.conifers,
        )  # fmt: skip
        woods = site.free & (self.patches < -0.9)
        site.plant(site.jittered(woods, 5.0), (2.0, 4.0), (7, 15), conifer=self.conifers)
        if rng.random() < 0.4:
            line, width = self.lines[0]
            for off in (-width / 2 - 2.4, width / 2 + 2.4):
                row = np.asarray(beside(resample(line, 9.0), off))
                site.plant(row, (1.8, 3.0), (5, 9), within=site.inner)
        for line, width in self.lines:
            poles(site, beside(resample(line, 30.0), width / 2 + 0.5), 4.0, 4.0)


def _polar(middle: tuple[float, float], radius: float, angle_deg: float) -> tuple[float, float]:
    a = math.radians(angle_deg)
    return middle[0] + radius * math.cos(a), middle[1] + radius * math.sin(a)


def _ring(rng: np.random.Generator, middle: tuple[float, float], radius: float) -> Line:
    wave = rng.uniform(0, 360)
    return [
        _polar(middle, radius * (1 + 0.05 * math.sin(math.radians(3 * a + wave))), a)
        for a in np.linspace(0, 360, 61).tolist()
    ]


def relief(canvas: Canvas) -> FloatArray:
    """Gentle rises."""
    return smooth_noise(canvas, 160.0) * np.float32(canvas.rng.uniform(0.2, 1.8))


KIND = SceneKind("suburb", build, "grass", relief)
