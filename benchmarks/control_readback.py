"""Is the condition still in the image? Maps and sketches read back from generated images.

    python benchmarks/train_segmenter.py --out runs/segmenter
    python benchmarks/control_readback.py --seed 900000 --count 12

Held-out scenes are simulated, and drawn three times from their caption: led by their map, led by
their sketch, and by words alone. A segmenter trained on simulated radar reads the map back, an edge
detector (ratio of averages) finds the lines of the sketch. Printed for simulated images (the
ceiling), generated ones, and those without control:

* mean IoU, pooled over the scenes, of the classes that their maps hold; goal: 85 % of the ceiling.
  The ceiling is printed twice: for the simulator's own picture (texture, points, noise), which the
  goal is held against, and for its plain reflectivity under speckle, as the model is trained on.
  Led by the map stands three times: as `sarloom generate` does it (starting from the simulator's
  view of heights raised over the map), that view itself under speckle, and starting from noise.
* recall: share of the sketch's line pixels with one of the strongest edges (6 % of the pixels in
  every image alike) within 4 pixels (1.4 m); goal: 80 % of the ceiling.

`--try` repeats the led images with other settings, named as options of `sarloom generate`, as
`--try weight=1.5 --try guidance=3,steps=30`; `range=0-0.6` limits the steps led.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sarloom.evaluate.readback import (
    confusion,
    intersection_over_union,
    line_recall,
    mean_iou,
)
from sarloom.evaluate.segmenter import load_segmenter, read_map
from sarloom.files import sha256_of
from sarloom.generate.run import check_request, produce
from sarloom.generate.speckled import lay_speckle
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
from sarloom.options.generate import GenerateOptions
from sarloom.sar.multilook import multilook
from sarloom.simulate.extrude import extruded
from sarloom.simulate.kinds import KINDS
from sarloom.simulate.maps import segmentation_image
from sarloom.simulate.materials import LABELS
from sarloom.simulate.radar import AIRBORNE, reflectivity
from sarloom.simulate.scene import simulate_scene

FACTOR = 4
"""Pixels per side of a cell of the maps that are read."""
INK = 127
CLASSES = len(LABELS)
MAP_STRENGTH = next(one.default for one in fields(GenerateOptions) if one.name == "map_strength")


@dataclass
class Score:
    """What is read back from the images of one kind."""

    table: NDArray[np.int64] = field(default_factory=lambda: np.zeros((CLASSES, CLASSES), np.int64))
    found: int = 0
    lines: int = 0

    @property
    def iou(self) -> float:
        return mean_iou(self.table)

    @property
    def recall(self) -> float:
        return self.found / max(self.lines, 1)


class Reader:
    """Reads images and keeps scores by name."""

    def __init__(self, weights: Path) -> None:
        self.network = load_segmenter(weights, CLASSES)
        self.scores: dict[str, Score] = {}

    def read(self, name: str, power: NDArray[np.float32], scene: Scene) -> NDArray[np.uint8]:
        score = self.scores.setdefault(name, Score())
        labels = read_map(self.network, multilook(power, FACTOR))
        score.table += confusion(scene.labels[::FACTOR, ::FACTOR], labels, CLASSES)
        hits, lines = line_recall(power, scene.sketch > INK)
        score.found, score.lines = score.found + hits, score.lines + lines
        return labels


@dataclass
class Scene:
    """One held-out scene and its conditions as files."""

    kind: str
    seed: int
    caption: str
    labels: NDArray[np.uint8]
    sketch: NDArray[np.uint8]
    simulated: NDArray[np.float32]
    plain: NDArray[np.float32]
    map_file: Path
    sketch_file: Path


def scenes(seed: int, count: int, folder: Path, model: LoadedModel) -> Iterator[Scene]:
    """Simulate scenes of all kinds in turn."""
    folder.mkdir(parents=True, exist_ok=True)
    names = tuple(KINDS)
    for number in range(count):
        kind, one = names[number % len(names)], seed + number
        made = simulate_scene(kind, one)
        rng = np.random.default_rng([one, 11])
        quiet = reflectivity(made.world, AIRBORNE, rng, texture=False).power
        laid = lay_speckle(model.radiometry.to_pixel(quiet), model.radiometry, 1, one)
        files = [folder / f"{kind}-{one}-{what}.png" for what in ("map", "sketch")]
        segmentation_image(made.segmentation).save(files[0])
        Image.fromarray(made.sketch).save(files[1])
        yield Scene(
            kind, one, made.captions[0], made.segmentation, made.sketch,
            made.radar.sigma_nought, laid.amplitude**2, *files,
        )  # fmt: skip


def draw(
    model: LoadedModel, scene: Scene, control: str | None, settings: dict[str, str], network: str
) -> NDArray[np.float32]:
    """Power of one generated image, speckle included."""
    given = dict(settings)
    weight, part = given.pop("weight", "1"), given.pop("range", "0-1")
    controls = () if control is None else (f"{control}:{weight}@{part}",)
    options = GenerateOptions(
        f"A SAR image of {scene.caption}", seed=scene.seed, control=controls,
        control_model=(network,) if network and control else (), steps=int(given.pop("steps", 20)),
        guidance=float(given.pop("guidance", 5.0)),
        map_strength=float(given.pop("map_strength", MAP_STRENGTH)), **given,
    )  # fmt: skip
    (image,) = produce(check_request(options), model)
    return np.square(image.amplitude)


def view(model: LoadedModel, scene: Scene) -> NDArray[np.float32]:
    """What an image led by the map starts from, under speckle."""
    world = extruded(scene.labels, float(model.radiometry.spacing_m or 0.35), scene.seed)
    quiet = reflectivity(world, AIRBORNE, np.random.default_rng(scene.seed), texture=False).power
    laid = lay_speckle(model.radiometry.to_pixel(quiet), model.radiometry, 1, scene.seed)
    return np.square(laid.amplitude)


def picture(power: NDArray[np.float32]) -> Image.Image:
    """256 x 256, amplitude over its mean and three deviations."""
    amplitude = np.sqrt(multilook(power, 2))
    top = amplitude.mean() + 3 * amplitude.std()
    return Image.fromarray(np.uint8(np.clip(amplitude / top * 255, 0, 255))).convert("RGB")


def coloured(labels: NDArray[np.uint8]) -> Image.Image:
    """A map in the legend's colours, 256 x 256."""
    shown = segmentation_image(labels).convert("RGB")
    return shown.resize((256, 256), Image.Resampling.NEAREST)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=900_000)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--only", choices=("segmentation", "sketch"), help="one condition alone")
    parser.add_argument("--segmenter", type=Path, default=Path("runs/segmenter"))
    parser.add_argument("--control-model", default="", help="default: the shipped control")
    parser.add_argument("--try", dest="tries", action="append", default=[])
    parser.add_argument("--ceiling", action="store_true", help="simulated images alone")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--out", type=Path, default=Path("out/readback"))
    wanted = parser.parse_args()
    weights = wanted.segmenter / "segmenter.safetensors"
    model, reader = load_model("embedded"), Reader(weights)
    print(f"segmenter {sha256_of(weights)[:12]}, {wanted.count} scenes from {wanted.seed}")
    kinds = ("segmentation", "sketch") if wanted.only is None else (wanted.only,)
    tries = [""] if not wanted.tries else wanted.tries
    lines = []
    for scene in scenes(wanted.seed, wanted.count, wanted.out, model):
        files = {"segmentation": scene.map_file, "sketch": scene.sketch_file}
        seen = reader.read("simulated", scene.simulated, scene)
        reader.read("plain", scene.plain, scene)
        drawn = Image.fromarray(scene.sketch).convert("RGB").resize((256, 256))
        row = [coloured(scene.labels), drawn, picture(scene.simulated), coloured(seen)]
        if not wanted.ceiling:
            for change in tries:
                settings = dict(part.split("=", 1) for part in change.split(",") if part)
                for kind in kinds:
                    name = f"{kind} {change}".strip()
                    power = draw(
                        model, scene, f"{kind}={files[kind]}", settings, wanted.control_model
                    )
                    row += [picture(power), coloured(reader.read(name, power, scene))]
            if not wanted.tries and "segmentation" in kinds:
                reader.read("map: its view", view(model, scene), scene)
                power = draw(
                    model, scene, f"segmentation={files['segmentation']}", {"map_strength": "1"},
                    wanted.control_model,
                )  # fmt: skip
                row += [picture(power), coloured(reader.read("map: from noise", power, scene))]
            if not wanted.tries:
                power = draw(model, scene, None, {}, "")
                row += [picture(power), coloured(reader.read("words alone", power, scene))]
        lines.append(row)
        print(scene.kind, scene.seed, scene.caption, flush=True)
        if len(lines) % 4 == 0:
            report(reader.scores)  # so far: a stopped run has said something
    report(reader.scores)
    if wanted.sheet is not None:
        save_sheet(lines, wanted.sheet)


def report(scores: dict[str, Score]) -> None:
    """One line per kind of image, the shares of the ceiling, and IoU by class."""
    top = scores["simulated"]
    for name, score in scores.items():
        print(
            f"{name:<30} mean IoU {score.iou:.3f} ({score.iou / top.iou:.0%} of simulated)   "
            f"edge recall {score.recall:.3f} ({score.recall / top.recall:.0%})"
        )
    print("IoU by class: " + ", ".join(scores))
    values = [intersection_over_union(score.table) for score in scores.values()]
    share = top.table.sum(1) / top.table.sum()
    for number, label in enumerate(LABELS):
        if share[number]:
            cells = "  ".join(f"{one[number]:.2f}" for one in values)
            print(f"  {label:<10} {share[number]:6.1%}  {cells}")


def save_sheet(lines: list[list[Image.Image]], path: Path) -> None:
    """Map, sketch, simulated image and its map, then each image drawn and its map."""
    wide, high = 260 * max(len(row) for row in lines), 260 * len(lines)
    sheet = Image.new("RGB", (wide, high), "white")
    for down, row in enumerate(lines):
        for across, one in enumerate(row):
            sheet.paste(one, (260 * across, 260 * down))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    print(path)


if __name__ == "__main__":
    main()
