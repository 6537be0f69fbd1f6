"""Seams, repetition, time and memory of a large scene.

    python benchmarks/large_seams.py --size 2048 --steps 12 --prompt "A SAR image of farmland"

Draws a scene with the embedded model (or takes one with ``--scene``) and prints

* the energy of gradients across the borders of the windows it was decoded in, over that of lines
  near them, in decibels of the multilooked scene, and the same 160 pixels away; bound: within 3 %;
* the highest autocorrelation away from zero lag, in decibels of the scene averaged over 8 x 8
  pixels; bound: 0.35 beyond 64 m, where one window's content would come back at the stride;
* seconds of processor per megapixel and the peak of memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from sarloom.generate.large.run import DECODE_OVERLAP
from sarloom.generate.large.windows import starts
from sarloom.options.generate import GenerateOptions
from sarloom.sar.multilook import multilook

FloatArray = NDArray[np.float64]
CELL, WINDOW = 16, 32
LOOKS = 4
"""Pixels per side that are averaged before gradients are taken, to see through the speckle."""
REPEAT_PIXELS = 8
AROUND = (4, 16)
"""Nearest and farthest line that a border is compared with."""
BORDER_BOUND, REPEAT_BOUND = 0.03, 0.35
LEAST_LAG_M = 64.0


def read(path: Path) -> NDArray[np.float32]:
    """Amplitude of a scene, as power."""
    with rasterio.open(path) as raster:
        return np.asarray(np.square(raster.read(1)), np.float32)


def decibels(power: NDArray[np.float32], pixels: int) -> FloatArray:
    """Multilooked decibels."""
    return np.asarray(10 * np.log10(np.maximum(multilook(power, pixels), 1e-6)), np.float64)


def border_rows(count: int) -> list[int]:
    """First and last pixel of every decoded window inside the scene, as multilooked rows."""
    window = WINDOW * CELL
    step = window - DECODE_OVERLAP * CELL
    found = starts(count, window, step)
    edges = set(found[1:]) | {start + window for start in found[:-1]}
    return sorted(edge // LOOKS - 1 for edge in edges)


def border_ratios(values: FloatArray, lines: list[int]) -> list[float]:
    """Gradient energy across each line over that of the lines around it, which see the same."""
    steps = np.abs(np.diff(values, axis=0))
    energy = np.square(np.minimum(steps, np.quantile(steps, 0.99))).mean(1)
    found = []
    for line in lines:
        around = [line + side * k for side in (-1, 1) for k in range(*AROUND)]
        around = [one for one in around if 0 <= one < len(energy)]
        if 1 <= line < len(energy) - 1 and around:
            found.append(float(energy[line - 1 : line + 2].mean() / energy[around].mean()))
    return found


def repetition(power: NDArray[np.float32], spacing_m: float) -> float:
    """Highest autocorrelation coefficient beyond the least lag, of overlapping parts only."""
    values = decibels(power, REPEAT_PIXELS)
    values -= values.mean()
    shape = [2 * side for side in values.shape]
    ones = np.ones_like(values)

    def correlate(one: FloatArray, other: FloatArray) -> FloatArray:
        first, second = np.fft.rfft2(one, shape), np.fft.rfft2(other, shape)
        return np.asarray(np.fft.irfft2(first * second.conj(), shape), np.float64)

    shared = np.maximum(correlate(ones, ones), 1.0)
    # energies of the overlapping parts alone: a bright corner is not a repetition
    left, right = correlate(values**2, ones), correlate(ones, values**2)
    scale = np.sqrt(np.maximum(left * right, 1e-9))
    found = correlate(values, values) / scale
    rows, columns = (np.fft.fftfreq(side, 1 / side) for side in shape)
    lag_m = np.hypot(rows[:, None], columns[None]) * REPEAT_PIXELS * spacing_m
    enough = shared > 0.25 * values.size
    return float(found[(lag_m >= LEAST_LAG_M) & enough].max())


def draw(options: GenerateOptions) -> tuple[Path, float, float]:
    """A scene, seconds of processor, and seconds."""
    from sarloom.workflows import generate

    began, used = time.perf_counter(), time.process_time()
    files = generate(options)
    return files[0], time.process_time() - used, time.perf_counter() - began


def main() -> None:
    """Draw, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scene", type=Path, nargs="*", help="scenes drawn before")
    parser.add_argument("--prompt", default="A SAR image of a river crossing farmland")
    parser.add_argument("--size", default="2048")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--stride", type=int, default=24)
    parser.add_argument("--guidance", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/large"))
    given = parser.parse_args()
    scenes = given.scene
    if not scenes:
        options = GenerateOptions(
            given.prompt, size=given.size, steps=given.steps, stride=given.stride, seed=given.seed,
            guidance=given.guidance, out=given.out,
        )  # fmt: skip
        path, used, passed = draw(options)
        with rasterio.open(path) as raster:
            megapixels = raster.width * raster.height / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"{megapixels:.2f} Mpx  {used / megapixels:.1f} s of processor per Mpx  "
              f"{passed:.0f} s in all  peak {peak:.0f} MiB")  # fmt: skip
        scenes = [path]
    report(scenes)


def report(scenes: list[Path]) -> None:
    """Print seams and repetition of scenes, pooled."""
    borders: list[float] = []
    others: list[float] = []
    highest = 0.0
    for path in scenes:
        power = read(path)
        values = decibels(power, LOOKS)
        for image, count in ((values, power.shape[0]), (values.T, power.shape[1])):
            lines = border_rows(count)
            borders += border_ratios(image, lines)
            others += border_ratios(image, [line + 40 for line in lines])
        highest = max(highest, repetition(power, 0.35))
    for name, ratios in (("on borders", borders), ("160 pixels beside them", others)):
        error = float(np.std(ratios) / np.sqrt(len(ratios)))
        print(f"gradient energy {name}: {np.mean(ratios):.3f} +- {error:.3f} of the lines around "
              f"({len(ratios)} lines)")  # fmt: skip
    holds = "holds" if abs(np.mean(borders) - 1) <= BORDER_BOUND else "does not hold"
    print(f"within {BORDER_BOUND:.0%}: {holds}")
    holds = "holds" if highest <= REPEAT_BOUND else "does not hold"
    print(f"autocorrelation beyond {LEAST_LAG_M:.0f} m: {highest:.3f}; bound {REPEAT_BOUND}: "
          f"{holds}")  # fmt: skip


if __name__ == "__main__":
    main()
