"""Speed of geometry, texture and speckle for a 1024 x 1024 scene on one core.

Run: OMP_NUM_THREADS=1 python benchmarks/simulator_speed.py [repeats]

The alternative renders the same facets the plain way, row by row and cell by cell, in this run.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import numpy as np

from sarloom.simulate.backscatter import COSINES, WALL_OF, gamma_table
from sarloom.simulate.canvas import Canvas
from sarloom.simulate.facets import STEEP, Surface, render
from sarloom.simulate.materials import CODE
from sarloom.simulate.radar import AIRBORNE, observe, reflectivity
from sarloom.simulate.world import FloatArray, World

SIZE = 1024


def scene() -> World:
    """Fields, a wood, houses and water: all code paths in ordinary proportion."""
    rng = np.random.default_rng(1)
    canvas = Canvas("benchmark", SIZE, AIRBORNE.spacing_m, 1, rng)
    side = canvas.extent_m
    canvas.cover(canvas.polygon([(0, 0), (side, 0), (side, side / 4), (0, side / 4)]), "crop_low")
    canvas.cover(
        canvas.polygon([(0, 0.9 * side), (side, 0.9 * side), (side, side), (0, side)]), "water"
    )
    low, high, right = side / 4, side / 2, side / 3
    wood = canvas.polygon([(0, low), (right, low), (right, high), (0, high)])
    for x, y in canvas.scatter_points(wood, 5.0):
        canvas.tree(x, y, rng.uniform(2, 3.5), rng.uniform(6, 12))
    for k in range(60):
        canvas.box(
            side * (0.1 + 0.08 * (k % 10)),
            side * (0.55 + 0.05 * (k // 10)),
            14,
            9,
            6,
            10.0 * k,
            roof="gable",
            material="roof_tile",
        )
    return canvas.world


def render_plainly(surface: Surface, incidence_angle_deg: float) -> FloatArray:
    """The same facets, one after the other, each shared among its cells one after the other."""
    theta = np.radians(incidence_angle_deg)
    sine, cosine = np.sin(theta), np.cos(theta)
    rows, columns = surface.material.shape
    image = np.zeros((rows, columns))
    for r in range(rows):
        z = surface.height[r + 1].astype(float)
        slope = np.diff(z)
        azimuth = np.clip((surface.height[r + 2] - surface.height[r]) / 2, -3, 3)[:-1]
        across = np.arange(columns) * cosine + z * sine
        u = np.arange(columns) + 0.5 - z * cosine / sine
        local = (slope * sine + cosine) / np.sqrt(1 + slope**2 + azimuth**2)
        code = surface.material[r, :-1].copy()
        code[slope > STEEP] = WALL_OF[surface.material[r, 1:][slope > STEEP]]
        gain = gamma_table()[code, (np.clip(local, 0, 1) * (COSINES - 1) + 0.5).astype(int)]
        horizon = across[0]
        for i in range(columns - 1):
            lit = across[i + 1] - max(horizon, across[i])
            if across[i + 1] <= horizon:
                continue
            horizon = across[i + 1]
            start = u[i + 1] - (u[i + 1] - u[i]) * lit / (across[i + 1] - across[i])
            low, high = min(start, u[i + 1]), max(start, u[i + 1])
            rate = gain[i] * lit / max(high - low, 0.02)
            for k in range(max(int(low), 0), min(int(high), columns - 1) + 1):
                image[r, k] += rate * (min(high, k + 1) - max(low, k))
    return image.astype(np.float32)


def bare_surface(world: World, rows: slice) -> Surface:
    """The relief of some rows under grass: no vegetation depth, storeys or texture."""
    framed = world.height_m[rows.start - 1 : rows.stop + 1] / np.float32(world.spacing_m)
    material = np.full_like(world.material[rows], CODE["grass"])
    return Surface(framed, material, world.spacing_m)


def measure(repeats: int) -> dict[str, float]:
    """Seconds and rates; the plain alternative runs on every 64th row only."""
    world = scene()
    rendering, observing, geometry = [], [], []
    top = world.margin[0]
    whole = bare_surface(world, slice(top, top + SIZE))
    for k in range(repeats + 1):  # the first one warms caches and tables
        start = time.perf_counter()
        picture = reflectivity(world, AIRBORNE, np.random.default_rng(k))
        middle = time.perf_counter()
        observe(picture, AIRBORNE, np.random.default_rng(k))
        end = time.perf_counter()
        fast = render(whole, AIRBORNE.incidence_angle_deg).power
        rendering.append(middle - start)
        observing.append(end - middle)
        geometry.append(time.perf_counter() - end)
    chosen = range(0, SIZE, 64)
    start = time.perf_counter()
    plain = [
        render_plainly(
            bare_surface(world, slice(top + r, top + r + 1)), AIRBORNE.incidence_angle_deg
        )
        for r in chosen
    ]
    plain_s = (time.perf_counter() - start) * SIZE / len(chosen)
    agreement = sum(float(p.sum()) for p in plain) / float(fast[list(chosen)].sum())
    total = [a + b for a, b in zip(rendering[1:], observing[1:], strict=True)]
    return {
        "reflectivity_s": statistics.median(rendering[1:]),
        "speckle_s": statistics.median(observing[1:]),
        "geometry_only_s": statistics.median(geometry[1:]),
        "megapixels_per_s": SIZE * SIZE / 1e6 / statistics.median(total),
        "plain_geometry_s": plain_s,
        "plain_over_fast": plain_s / statistics.median(geometry[1:]),
        "power_agreement": agreement,
    }


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(json.dumps({k: round(v, 4) for k, v in measure(repeats).items()}, indent=2))
