"""Satellite to airborne on held-out simulated scenes: what is kept, and what is won.

    python benchmarks/translate_figures.py --seed 900100 --count 8 --sheet out/translate.png

Scenes of several kinds are seen by the simulator's satellite (2.8 m, 4 looks, 35 degrees) and by
its airborne radar (0.35 m, one look, 60 degrees). `sarloom translate` draws each with the
consistencies asked for. Beside it stand

* cubic interpolation of the satellite's power, as it is and with single-look speckle on it,
* despeckled (Lee) and then interpolated with single-look speckle on it: the plain remedy,
* `same ground`: the satellite's own speckle-free view in fine pixels under single-look speckle,
  which agrees with the satellite image as well as an image can that does not copy its speckle,
* the true airborne image, which lies under another angle.

Figures, pooled over the scenes:

* correlation of decibels with the satellite image, after averaging power to its grid, and over
  3 x 3 of its pixels; goal: 0.9;
* amplitude KS and co-occurrence distance (16 levels of 4 x 4 multilooked decibels) to the true
  airborne images, and each over that of cubic interpolation; goal: half. Both are printed as they
  are, and with every set over its own median: ground is darker at 60 degrees than at 35;
* ENL in blocks of 16 x 16 pixels of one even surface (grass, road, water, ...), median; 1 is
  single-look speckle on even ground.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from large_translate import Power, cooccurrence, decibels, read
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, stats

from sarloom.options.translate import TranslateOptions
from sarloom.sar.lee import lee_filter
from sarloom.sar.multilook import multilook
from sarloom.sar.psf import PointSpread
from sarloom.sar.speckle import enl_moment, speckle_intensity
from sarloom.simulate.materials import LABELS
from sarloom.simulate.radar import SATELLITE, reflectivity
from sarloom.simulate.scene import SimulatedScene, simulate_scene
from sarloom.simulate.write import write_scene
from sarloom.workflows import translate

KINDS = ("suburb", "farmland", "industry", "harbour", "forest", "city", "airport", "river")
EVEN = tuple(LABELS.index(name) for name in ("grass", "road", "water", "paved", "crop", "bare"))
BLOCK = 16
THIN = 11
"""Every so many pixels count for the KS distance."""


@dataclass
class Sums:
    """Figures of one kind of image over all scenes."""

    fine: list[NDArray[np.float64]] = field(default_factory=list)
    smooth: list[NDArray[np.float64]] = field(default_factory=list)
    amplitude: list[NDArray[np.float32]] = field(default_factory=list)
    power: list[Power] = field(default_factory=list)
    enl: list[float] = field(default_factory=list)
    level: list[float] = field(default_factory=list)

    def add(self, made: Power, coarse: Power, even: NDArray[np.bool_]) -> None:
        """One image on its satellite image."""
        looked = multilook(made, made.shape[0] // coarse.shape[0])
        self.level.append(float(looked.mean() / coarse.mean()))
        self.fine.append(np.stack([decibels(one).ravel() for one in (looked, coarse)]))
        wide = [ndimage.uniform_filter(one, 3) for one in (looked, coarse)]
        self.smooth.append(np.stack([decibels(one).ravel() for one in wide]))
        self.amplitude.append(np.sqrt(made).ravel()[::THIN])
        self.power.append(made)
        for row, column in np.argwhere(even) * BLOCK:
            self.enl.append(enl_moment(made[row : row + BLOCK, column : column + BLOCK]))

    @staticmethod
    def together(parts: list[NDArray[np.float64]]) -> float:
        """Correlation within the scenes: differences between their means would flatter it."""
        centred = [one - one.mean(1, keepdims=True) for one in parts]
        return float(np.corrcoef(np.concatenate(centred, 1))[0, 1])


def even_blocks(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Blocks that hold one even surface and nothing else."""
    n = labels.shape[0] // BLOCK
    blocks = labels[: n * BLOCK, : n * BLOCK].reshape(n, BLOCK, n, BLOCK)
    least, most = blocks.min((1, 3)), blocks.max((1, 3))
    return np.asarray((least == most) & np.isin(least, EVEN))


def cubic(coarse: Power, factor: int) -> Power:
    """Cubic interpolation of power; what it undershoots below zero is cut."""
    made = ndimage.zoom(coarse, factor, order=3, grid_mode=True, mode="nearest")
    return np.asarray(np.maximum(made, 1e-6), np.float32)


def baselines(scene: SimulatedScene, coarse: Power, factor: int) -> dict[str, Power]:
    """Images without a model."""
    rng = np.random.default_rng([scene.seed, 21])
    quiet = reflectivity(scene.world, SATELLITE, np.random.default_rng([scene.seed, 22]))

    def speckled(power: Power) -> Power:
        return speckle_intensity(power, 1, rng, PointSpread())

    plain = cubic(coarse, factor)
    return {
        "cubic": plain,
        "cubic, speckle laid on": speckled(plain),
        "Lee, cubic, speckle laid on": speckled(cubic(lee_filter(coarse, 4.0), factor)),
        "same ground": speckled(quiet.sigma_nought),
        "true airborne": scene.radar.sigma_nought,
    }


def drawn(
    scene: SimulatedScene, folder: Path, consistency: str, wanted: argparse.Namespace
) -> Power:
    """What `sarloom translate` makes of a scene's satellite image."""
    prompt = f"A measured X-band airborne SAR image of {scene.captions[0]}"
    out = folder / consistency
    options = TranslateOptions(
        folder / f"{scene.kind}-{scene.seed}-satellite.tif", consistency=consistency,
        seed=scene.seed, steps=wanted.steps, guidance=wanted.guidance, weight=wanted.weight,
        out=out, through=wanted.through, model=wanted.model,
        control_model=(wanted.control_model,) if wanted.control_model else (),
        **({"prompt": prompt} if wanted.words else {}),
    )  # fmt: skip
    shutil.rmtree(out, ignore_errors=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        path = translate(options)[0]
    return np.nan_to_num(read(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=900_100)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--weight", type=float, default=1.0)
    parser.add_argument("--words", action="store_true", help="say what is in the scene")
    parser.add_argument("--consistency", nargs="+", default=["level", "speckle", "exact"])
    parser.add_argument("--control-model", default="", help="default: the shipped control")
    parser.add_argument("--through", help="spacings drawn on the way, as of the command")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/translate-figures"))
    wanted = parser.parse_args()
    found: dict[str, Sums] = {}
    rows = []
    for number in range(wanted.count):
        scene = simulate_scene(KINDS[number % len(KINDS)], wanted.seed + number, wanted.size)
        write_scene(scene, wanted.out)
        coarse = scene.satellite.sigma_nought
        made = baselines(scene, coarse, wanted.size // coarse.shape[0])
        for name in wanted.consistency:
            made[f"translated, {name}"] = drawn(scene, wanted.out, name, wanted)
        even = even_blocks(scene.segmentation)
        for name, power in made.items():
            found.setdefault(name, Sums()).add(power, coarse, even)
        shown = ["cubic", *(n for n in made if n.startswith("translated")), "true airborne"]
        rows.append([made[name] for name in shown])
        print(scene.kind, scene.seed, flush=True)
    report(found)
    if wanted.sheet is not None:
        save_sheet(rows, wanted.sheet)


def report(found: dict[str, Sums]) -> None:
    """One line per kind of image."""
    truth, plain = found["true airborne"], found["cubic"]

    def middle(one: Sums) -> float:
        return float(np.median([np.median(power) for power in one.power]))

    def distances(one: Sums, over: bool) -> tuple[float, float]:
        sets = []
        for images in (one, truth):
            factor = middle(truth) / middle(images) if over else 1.0
            pairs = sum(cooccurrence(power * np.float32(factor)) for power in images.power)
            sets.append((np.concatenate(images.amplitude) * factor**0.5, pairs))
        (first, ours), (second, theirs) = sets
        texture = float(0.5 * np.abs(ours - theirs).sum() / len(truth.power))
        return float(stats.ks_2samp(first, second).statistic), texture

    for name, one in found.items():
        print(
            f"{name:<28} correlation {one.together(one.fine):.3f} (3 x 3: "
            f"{one.together(one.smooth):.3f})  ENL {np.median(one.enl):.2f}  "
            f"level {10 * np.log10(np.mean(one.level)):+.2f} dB"
        )
        for over in (False, True):
            ours, least = distances(one, over), distances(plain, over)
            print(
                f"{'    over medians' if over else '    as it is':<28} "
                f"amplitude KS {ours[0]:.3f} ({ours[0] / least[0]:.2f})  "
                f"co-occurrence {ours[1]:.3f} ({ours[1] / least[1]:.2f})"
            )


def save_sheet(rows: list[list[Power]], path: Path) -> None:
    """A row per scene: cubic, translated, truth; amplitudes on the scale of the truth."""
    lines = []
    for row in rows:
        amplitude = [np.sqrt(multilook(power, 2)) for power in row]
        top = amplitude[-1].mean() + 3 * amplitude[-1].std()
        lines.append(np.concatenate([np.clip(one / top, 0, 1) for one in amplitude], 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(np.rint(np.concatenate(lines, 0) * 255))).save(path)
    print(path)


if __name__ == "__main__":
    main()
