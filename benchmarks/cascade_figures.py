"""Scenes of words beyond a window: drawn at once and through a coarser spacing.

    python benchmarks/cascade_figures.py --scenes 2 --sheet out/cascade.png

Scenes of 2048 pixels (717 m) of several kinds are drawn by `sarloom generate` as they are, and with
`--through`; the simulator builds as many of the same kinds. All are without speckle. Printed are

* layout: power of decibels at wavelengths from 180 m (a window of 512 pixels) to 717 m, as decibels
  over that of simulated scenes of the kind, mean over kinds of the absolute difference, and each;
* dark: of scenes with a river, how often a row or column that meets water or a wide shadow meets
  one, in stretches of more than 22 m below -20 dB over 5.6 m; a river's arms in every window are
  met several times;
* kept: correlation of decibels between the result, averaged to the coarser grid, and the stage;
* seconds of the processor per scene.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

from sarloom.models.radiometry import Radiometry
from sarloom.options.generate import GenerateOptions
from sarloom.sar.multilook import multilook
from sarloom.simulate.build import build_world
from sarloom.simulate.radar import AIRBORNE, reflectivity
from sarloom.workflows import generate

Power = NDArray[np.float32]
PROMPTS = {
    "farmland+river": "A SAR image of a river crossing farmland",
    "city+river": "A SAR image of a river through a city",
    "farmland+motorway": "A SAR image of a motorway through fields",
    "coast": "A SAR image of a coast with a beach",
    "suburb+forest": "A SAR image of a suburb beside a forest",
}
SIDE, SPACING_M = 2048, 0.35
COARSE = 16
"""Pixels that are averaged before layout is looked at: 5.6 m."""
LONGEST_M, SHORTEST_M = 717.0, 180.0
DARK_DB, LEAST = -20.0, 4


def read(path: Path) -> Power:
    with rasterio.open(path) as raster:
        return np.asarray(np.square(raster.read(1)), np.float32)


def decibels(power: Power, pixels: int) -> NDArray[np.float64]:
    return 10 * np.log10(np.maximum(multilook(power, pixels), 10**-3.5).astype(np.float64))


def layout_power(power: Power) -> float:
    """Variance of decibels at wavelengths that one window does not see, per scene."""
    seen = decibels(power, COARSE)
    seen = (seen - seen.mean()) * np.outer(*[np.hanning(len(seen))] * 2)
    spectrum = np.abs(fft.fft2(seen)) ** 2 / seen.size
    frequency = np.fft.fftfreq(len(seen), COARSE * SPACING_M)
    radius = np.hypot(frequency[:, None], frequency)
    return float(spectrum[(radius >= 0.9 / LONGEST_M) & (radius <= 1 / SHORTEST_M)].mean())


def dark_stretches(power: Power) -> float:
    """Stretches of water or shadow along the lines that meet any, mean over rows and columns."""
    dark = decibels(power, COARSE) < DARK_DB
    found = []
    for line in (*dark, *dark.T):
        ends = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]])))
        stretches = int((ends[1::2] - ends[::2] > LEAST).sum())
        found += [stretches] if stretches else []
    return float(np.mean(found)) if found else 0.0


def drawn(
    prompt: str, seed: int, out: Path, through: str | None, steps: int, model: str
) -> tuple[Path, float]:
    """The scene and seconds of the processor that it took."""
    started = time.process_time()
    options = GenerateOptions(
        prompt, size=str(SIDE), seed=seed, steps=steps, looks=0, out=out, through=through,
        model=model,
        name=f"{'at-once' if through is None else 'through'}-{seed}",
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        files = generate(options)
    return files[0], time.process_time() - started


def simulated(kind: str, seed: int) -> Power:
    world = build_world(kind, seed, SIDE, SPACING_M)
    rng = np.random.default_rng([seed, 11])
    return reflectivity(world, AIRBORNE, rng, texture=False).power


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=2, help="of each kind")
    parser.add_argument("--seed", type=int, default=900_000)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--through", default="1.4")
    parser.add_argument("--kinds", nargs="+", default=list(PROMPTS))
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--out", type=Path, default=Path("out/cascade"))
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    ways = ("at once", f"through {given.through} m", "simulated")
    layout: dict[tuple[str, str], list[float]] = defaultdict(list)
    rivers: dict[tuple[str, str], list[float]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    kept, rows = [], []
    for kind in given.kinds:
        folder = given.out / kind.replace("+", "-")
        for seed in range(given.seed, given.seed + given.scenes):
            pictures = []
            for way, through in ((ways[0], None), (ways[1], given.through)):
                path, spent = drawn(PROMPTS[kind], seed, folder, through, given.steps, given.model)
                pictures.append(read(path))
                seconds[way].append(spent)
            coarse_m = float(given.through.split(",")[0])
            stage = read(folder / f"through-{seed}-{coarse_m:g}m-{seed}.tif")
            factor = round(coarse_m / SPACING_M)
            looked = decibels(pictures[1], factor).ravel()
            kept.append(float(np.corrcoef(looked, decibels(stage, 1).ravel())[0, 1]))
            pictures.append(simulated(kind, seed))
            for way, power in zip(ways, pictures, strict=True):
                layout[way, kind].append(layout_power(power))
                if "river" in kind:
                    rivers[way, kind].append(dark_stretches(power))
            rows.append(np.hstack([small(one) for one in pictures]))
            print(f"{kind} {seed}: drawn", flush=True)
    for way in ways[:2]:
        off = {
            kind: 10 * np.log10(np.mean(layout[way, kind]) / np.mean(layout[ways[2], kind]))
            for kind in given.kinds
        }
        each = ", ".join(f"{kind} {value:+.1f}" for kind, value in off.items())
        mean = np.mean([abs(value) for value in off.values()])
        print(f"{way}: layout off by {mean:.1f} dB ({each}); {np.mean(seconds[way]):.0f} s a scene")
    for way in ways:
        each = (
            f"{kind} {np.mean(rivers[way, kind]):.2f}" for kind in given.kinds if "river" in kind
        )
        print(f"{way}: dark stretches a line {', '.join(each)}")
    print(f"kept of the stage: correlation {np.mean(kept):.3f}")
    if given.sheet:
        given.sheet.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.vstack(rows)).save(given.sheet)


def small(power: Power) -> NDArray[np.uint8]:
    """A picture of 512 pixels on the model's scale, made lighter."""
    pixel = Radiometry("db", -35.0, 15.0).to_pixel(multilook(power, SIDE // 512))
    framed = np.pad(np.clip(pixel * 1.6, 0, 1), 2, constant_values=1.0)
    return np.asarray(np.round(framed * 255), np.uint8)


if __name__ == "__main__":
    main()
