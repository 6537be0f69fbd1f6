"""Seams, repetition, time and memory of a large scene.

    python benchmarks/large_seams.py --size 2048 --steps 12 --prompt "A SAR image of farmland"

Draws a scene with the embedded model (or takes some with ``--scene``) and prints

* the energy of gradients across the borders and cuts of the windows it was decoded in, over that of
  lines near them, in decibels of the multilooked scene, and the same 160 pixels away; bound: within
  3 %;
* with ``--pairs``, the same energy against a twin that has no border there, before speckle: for
  decoding the same latents in one piece, for denoising the same scene with the cuts of the last
  third of its steps elsewhere. What the scene shows on a line cancels, so the error is far smaller;
* the highest autocorrelation away from zero lag, in decibels of the scene averaged over 8 x 8
  pixels; bound: 0.35 beyond 64 m, where one window's content would come back at the stride;
* without either, seconds of processor per megapixel and the peak of memory.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray

from sarloom.generate.large import denoise, run
from sarloom.generate.large.decode import decoded_rows
from sarloom.generate.large.denoise import Canvas
from sarloom.generate.large.windows import Window, windows
from sarloom.models.load import load_model
from sarloom.options.generate import GenerateOptions
from sarloom.sar.multilook import multilook

FloatArray = NDArray[np.float64]
CELL, PIECE = 16, 64
"""Pixels of a cell, and cells of a decoded window, of the embedded model."""
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


def decoded(cells: int) -> tuple[Window, ...]:
    """Windows of one axis of the embedded model's decoder."""
    return windows(cells, PIECE, run.DECODE_OVERLAP)


def border_rows(cells: int) -> list[int]:
    """First and last line of every decoded window inside the scene, and cuts, multilooked."""
    inner = [place for one in decoded(cells) for place in (one.start, one.stop, one.right or 0)]
    return sorted({place * CELL // LOOKS - 1 for place in inner if 0 < place < cells})


def energies(values: FloatArray) -> FloatArray:
    """Energy of gradients across every line, without the hundredth part that is steepest."""
    steps = np.abs(np.diff(values, axis=0))
    return np.asarray(np.square(np.minimum(steps, np.quantile(steps, 0.99))).mean(1))


def border_ratios(values: FloatArray, lines: list[int]) -> list[float]:
    """Gradient energy across each line over that of the lines around it, which see the same."""
    energy = energies(values)
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


class Twin:
    """A scene's latents, the cuts of its last steps, and the scene with those elsewhere."""

    def __init__(self, options: GenerateOptions) -> None:
        self.options = options
        self.late = options.steps - max(1, options.steps // 3)
        self.latents: list[torch.Tensor] = []
        self.cuts: list[tuple[set[int], set[int]]] = []

    def draw(self, elsewhere: bool) -> Path:
        """Draw the scene; the twin under another name."""
        kept, shifts, laid_out = run.denoise, denoise.shifts, Canvas.laid_out
        cuts: tuple[set[int], set[int]] = (set(), set())

        def capture(*given: object) -> torch.Tensor:
            self.latents.append(kept(*given))
            return self.latents[-1]

        def moved(seed: int, step: int) -> tuple[float, float]:
            return shifts(seed + (elsewhere and step >= self.late), step)

        def told(
            canvas: Canvas, step: int, steps: int
        ) -> tuple[tuple[Window, ...], tuple[Window, ...]]:
            found = laid_out(canvas, step, steps)
            if step >= self.late:
                for places, axis in zip(cuts, found, strict=True):
                    places.update(one.left for one in axis if one.left is not None)
            return found

        run.denoise, denoise.shifts, Canvas.laid_out = capture, moved, told  # type: ignore[method-assign]
        try:
            name = f"{self.options.name or 'scene'}{'-twin' if elsewhere else ''}"
            path = draw(replace(self.options, name=name))[0]
        finally:
            run.denoise, denoise.shifts, Canvas.laid_out = kept, shifts, laid_out  # type: ignore[method-assign]
        self.cuts.append(cuts)
        return path


def paired(twin: Twin) -> dict[str, list[float]]:
    """Energy on lines of borders over that on the same lines without them; nearby lines too."""
    model = load_model("embedded")

    def reflectivity(latents: torch.Tensor, piece: int) -> FloatArray:
        with torch.inference_mode():
            rows = [one for _, one in decoded_rows(model, latents, piece, run.DECODE_OVERLAP)]
        return decibels(model.radiometry.to_power(np.concatenate(rows)), LOOKS)

    here, there = (reflectivity(latents, PIECE) for latents in twin.latents)
    whole = reflectivity(twin.latents[0], max(twin.latents[0].shape))
    found: dict[str, list[float]] = {
        "decoded windows": [], "denoised windows": [], "elsewhere": []
    }  # fmt: skip
    for axis in (0, 1):
        a, b, w = (energies(one.T if axis else one) for one in (here, there, whole))
        cells = twin.latents[0].shape[2 + axis]
        near = 4

        def ratio(one: FloatArray, other: FloatArray, line: int) -> float:
            span = slice(max(0, line - 1), line + 2)
            return float(one[span].mean() / other[span].mean())

        found["decoded windows"] += [ratio(a, w, line) for line in border_rows(cells)]
        mine, others = twin.cuts[0][axis], twin.cuts[1][axis]
        for cell in range(near, cells - near):
            line = cell * CELL // LOOKS - 1
            at_mine = [abs(cell - cut) for cut in mine]
            at_others = [abs(cell - cut) for cut in others]
            if min(at_mine) == 0 and min(at_others) >= near:
                found["denoised windows"].append(ratio(a, b, line))
            elif min(at_others) == 0 and min(at_mine) >= near:
                found["denoised windows"].append(ratio(b, a, line))
            elif min(at_mine) >= near and min(at_others) >= near:
                found["elsewhere"].append(ratio(a, b, line))
    return found


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
    parser.add_argument("--pairs", type=int, default=0, help="scenes to draw, each with a twin")
    parser.add_argument("--out", type=Path, default=Path("out/large"))
    given = parser.parse_args()
    options = GenerateOptions(
        given.prompt, size=given.size, steps=given.steps, stride=given.stride, seed=given.seed,
        guidance=given.guidance, out=given.out,
    )  # fmt: skip
    scenes = list(given.scene or ())
    pooled: dict[str, list[float]] = {}
    for number in range(given.pairs):
        twin = Twin(replace(options, seed=given.seed + number))
        scenes.append(twin.draw(False))
        twin.draw(True)
        for name, ratios in paired(twin).items():
            pooled.setdefault(name, []).extend(ratios)
    if not scenes:
        path, used, passed = draw(options)
        with rasterio.open(path) as raster:
            megapixels = raster.width * raster.height / 1e6
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"{megapixels:.2f} Mpx  {used / megapixels:.1f} s of processor per Mpx  "
              f"{passed:.0f} s in all  peak {peak:.0f} MiB")  # fmt: skip
        scenes = [path]
    report(scenes)
    for name, ratios in pooled.items():
        say(f"against a twin, {name}", ratios, twins=True)


def say(name: str, ratios: list[float], twins: bool = False) -> None:
    """Mean of ratios and its error; of twins the geometric one, which favours neither."""
    values = np.log(ratios) if twins else np.asarray(ratios)
    error = float(np.std(values) / np.sqrt(len(values)))
    mean = np.exp(values.mean()) if twins else values.mean()
    print(f"gradient energy {name}: {mean:.3f} +- {error:.3f} ({len(ratios)} lines)")


def report(scenes: list[Path]) -> None:
    """Print seams and repetition of scenes, pooled."""
    borders: list[float] = []
    others: list[float] = []
    highest = 0.0
    for path in scenes:
        power = read(path)
        values = decibels(power, LOOKS)
        for image, count in ((values, power.shape[0]), (values.T, power.shape[1])):
            lines = border_rows(count // CELL)
            borders += border_ratios(image, lines)
            others += border_ratios(image, [line + 40 for line in lines])
        highest = max(highest, repetition(power, 0.35))
    for name, ratios in (("on borders", borders), ("160 pixels beside them", others)):
        say(f"over the lines around, {name}", ratios)
    holds = "holds" if abs(np.mean(borders) - 1) <= BORDER_BOUND else "does not hold"
    print(f"within {BORDER_BOUND:.0%}: {holds}")
    holds = "holds" if highest <= REPEAT_BOUND else "does not hold"
    print(f"autocorrelation beyond {LEAST_LAG_M:.0f} m: {highest:.3f}; bound {REPEAT_BOUND}: "
          f"{holds}")  # fmt: skip


if __name__ == "__main__":
    main()
