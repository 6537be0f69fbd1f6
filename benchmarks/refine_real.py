"""Simulated to real: how far simulated, refined and real images are from real ones.

    python benchmarks/train_segmenter.py --out runs/segmenter
    python benchmarks/refine_real.py --real ../shared/data/mstar_scenes --count 6 \
        --sheet out/refine.png

The real images are X-band airborne scenes of fields, woods and tracks, so woods, fields and both
together are simulated. Windows of 256 x 256 pixels are compared; of the real images those without
pasted vehicles. One half of the real images is what distances are taken to; the other half is what
`--like` learns from, and the floor: real against real, of as many windows.

Distances, each set over its own median: Kolmogorov-Smirnov of the amplitude law, co-occurrence
(GLCM), spectrum of the speckle, Frechet distance of features; goal: half of the raw simulation's.
Beside them the map read back by the segmenter, levels set to the raw simulation's median; goal:
within 5 points.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
from large_translate import read
from numpy.typing import NDArray
from PIL import Image

from sarloom.evaluate.encoders.descriptor import descriptor
from sarloom.evaluate.image import RadarImage, power_of_pixels
from sarloom.evaluate.metrics.amplitude import LAW
from sarloom.evaluate.metrics.features import feature_metrics
from sarloom.evaluate.metrics.speckle import SPECTRUM
from sarloom.evaluate.metrics.texture import TEXTURE
from sarloom.evaluate.readback import confusion, mean_iou
from sarloom.evaluate.segmenter import load_segmenter, read_map
from sarloom.evaluate.summaries.glcm import texture
from sarloom.evaluate.summaries.law import histogram
from sarloom.evaluate.summaries.speckle import spectrum
from sarloom.evaluate.table import Images
from sarloom.evaluate.view import View
from sarloom.options.refine import RefineOptions
from sarloom.sar.multilook import multilook
from sarloom.simulate.materials import LABELS
from sarloom.simulate.scene import simulate_scene
from sarloom.simulate.write import write_scene
from sarloom.workflows import refine

KINDS = ("forest", "farmland", "farmland+forest")
SIDE, FACTOR = 256, 4
Power = NDArray[np.float32]
METRICS = (LAW, TEXTURE, SPECTRUM, feature_metrics("descriptor", "features")[0])
SUMMARIES = {
    "histogram": histogram, "texture": texture, "spectrum": spectrum, "features": descriptor,
}  # fmt: skip


def boxes(path: Path) -> list[tuple[int, int, int, int]]:
    """Left, top, right, bottom of what was pasted into a scene."""
    found = []
    for box in ElementTree.parse(path).getroot().iter("bndbox"):
        names = ("xmin", "ymin", "xmax", "ymax")
        found.append(tuple(int(float(box.findtext(name, "0"))) for name in names))
    return found  # type: ignore[return-value]


def clean_window(
    shape: tuple[int, ...], taken: list[tuple[int, int, int, int]]
) -> tuple[int, int] | None:
    """Rows and columns of a window without a box, as one pair; None where there is none."""
    for row in range(0, shape[0] - SIDE + 1, 16):
        for column in range(0, shape[1] - SIDE + 1, 16):
            clear = all(
                right + 4 < column or left - 4 > column + SIDE
                or bottom + 4 < row or top - 4 > row + SIDE
                for left, top, right, bottom in taken
            )  # fmt: skip
            if clear:
                return row, column
    return None


def real_windows(folder: Path, most: int, out: Path) -> tuple[list[Power], list[Power]]:
    """Windows of the images, in two halves; the second half's are written for `--like`."""
    like = out / "like"
    shutil.rmtree(like, ignore_errors=True)
    like.mkdir(parents=True)
    halves: tuple[list[Power], list[Power]] = ([], [])
    for number, path in enumerate(sorted((folder / "images").glob("*.jpg"))):
        half = number % 2
        if len(halves[half]) >= most:
            continue
        pixels = np.asarray(Image.open(path).convert("L"))
        place = clean_window(pixels.shape, boxes(folder / "annotations" / f"{path.stem}.xml"))
        if place is None:
            continue
        row, column = place
        window = pixels[row : row + SIDE, column : column + SIDE]
        halves[half].append(power_of_pixels(window, "amplitude").values)
        if half:
            Image.fromarray(window).save(like / f"{path.stem}.png")
    return halves


def windows(powers: list[Power]) -> list[Power]:
    """Quarters of 512 x 512 images."""
    return [p[r : r + SIDE, c : c + SIDE] for p in powers for r in (0, SIDE) for c in (0, SIDE)]


def table(powers: list[Power], ceiling: float) -> Images:
    """Summaries of a set on the scale of its median, clipped where the 8-bit images are."""
    typical = float(np.exp(np.mean([np.log(np.median(one[one > 0])) for one in powers])))
    columns: dict[str, list[NDArray[np.float32]]] = {name: [] for name in SUMMARIES}
    for number, power in enumerate(powers):
        view = View(RadarImage(str(number), power), 1 / typical, 0.0, ceiling)
        for name, summary in SUMMARIES.items():
            columns[name].append(np.asarray(summary(view), np.float32))
    stacked = {name: np.stack(values) for name, values in columns.items()}
    return Images.of([str(number) for number in range(len(powers))], stacked)


def distances(first: Images, second: Images) -> dict[str, float]:
    """Distance of every kind."""
    found: dict[str, float] = {}
    for metric in METRICS:
        values = metric.compute(first, second, np.random.default_rng(0))
        name = metric.figures[0].key
        found[name] = float(values[name].value)
    return found


def refined(path: Path, out: Path, seed: int, **changes: object) -> Power:
    """What `sarloom refine` makes of a simulated scene."""
    shutil.rmtree(out, ignore_errors=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        files = refine(RefineOptions(path, seed=seed, out=out, **changes))  # type: ignore[arg-type]
    return np.nan_to_num(read(files[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, default=Path("../shared/data/mstar_scenes"))
    parser.add_argument("--seed", type=int, default=900_200)
    parser.add_argument("--count", type=int, default=6, help="simulated scenes")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--strength", type=float, default=0.5)
    parser.add_argument("--weight", type=float, default=1.0)
    parser.add_argument("--detail", type=float, default=RefineOptions.detail)
    parser.add_argument("--level-scale-m", type=float, default=RefineOptions.level_scale_m)
    parser.add_argument("--segmenter", type=Path, default=Path("runs/segmenter"))
    parser.add_argument("--control-model", default="", help="default: the shipped control")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/refine-real"))
    wanted = parser.parse_args()
    target, other = real_windows(wanted.real, 4 * wanted.count, wanted.out)
    network = load_segmenter(wanted.segmenter / "segmenter.safetensors", len(LABELS))
    sets: dict[str, list[Power]] = {"simulated": [], "refined": [], "refined, --like": []}
    tables = {name: np.zeros((len(LABELS),) * 2, np.int64) for name in sets}
    given: dict[str, object] = {
        "steps": wanted.steps, "strength": wanted.strength, "weight": wanted.weight,
        "level_scale_m": wanted.level_scale_m, "detail": wanted.detail,
        "control_model": (wanted.control_model,) if wanted.control_model else (),
    }  # fmt: skip
    for number in range(wanted.count):
        scene = simulate_scene(KINDS[number % len(KINDS)], wanted.seed + number)
        path = write_scene(scene, wanted.out).with_suffix(".tif")
        made = {"simulated": scene.radar.sigma_nought}
        made["refined"] = refined(path, wanted.out / "plain", scene.seed, **given)
        made["refined, --like"] = refined(
            path, wanted.out / "liked", scene.seed, like=wanted.out / "like", **given
        )
        for name, power in made.items():
            sets[name].append(power)
            level = np.float32(np.median(scene.radar.sigma_nought) / np.median(power))
            labels = read_map(network, multilook(power * level, FACTOR))
            truth = np.ascontiguousarray(scene.segmentation[::FACTOR, ::FACTOR])
            tables[name] += confusion(truth, labels, len(LABELS))
        print(scene.kind, scene.seed, flush=True)
    ceiling = float(1 / np.median(np.concatenate([one.ravel() for one in target])))
    first = table(target, ceiling)
    found = {name: distances(first, table(windows(ps), ceiling)) for name, ps in sets.items()}
    found["real against real"] = distances(first, table(other, ceiling))
    raw = found["simulated"]
    print(f"{len(target)} and {len(other)} real windows, {4 * wanted.count} simulated")
    for name, values in found.items():
        cells = "  ".join(f"{key} {one:.3f} ({one / raw[key]:.2f})" for key, one in values.items())
        text = f"  mean IoU {mean_iou(tables[name]):.3f}" if name in tables else ""
        print(f"{name:<18} {cells}{text}")
    if wanted.sheet is not None:
        save_sheet([*sets.values(), target], wanted.sheet)


def save_sheet(sets: list[list[Power]], path: Path) -> None:
    """A row per scene: simulated, refined, refined with --like, and a real window."""
    lines = []
    for row in zip(*sets, strict=False):
        shown = []
        for power in row:
            amplitude = np.sqrt(power[:SIDE, :SIDE])
            shown.append(np.clip(amplitude / (amplitude.mean() + 3 * amplitude.std()), 0, 1))
        lines.append(np.concatenate(shown, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(np.rint(np.concatenate(lines[:4], 0) * 255))).save(path)
    print(path)


if __name__ == "__main__":
    main()
