"""Train the segmenter that reads maps back from radar images, on simulated radar alone.

    python benchmarks/train_segmenter.py --scenes runs/control-scenes --out runs/segmenter

Takes the scenes that the shipped controls were trained on (benchmarks/control_scenes.py): of each
the simulator's own single-look picture, texture, points and noise included, and its speckle-free
reflectivity with speckle laid on as `sarloom generate` lays it. Both are multilooked to 1.4 m, the
grid of the maps. Prints the mean IoU on held-out scenes and writes ``segmenter.safetensors``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sarloom.evaluate.segmenter import USUAL, save_segmenter, train_segmenter
from sarloom.files import sha256_of
from sarloom.generate.speckled import lay_speckle
from sarloom.models.embedded import embedded_model_path
from sarloom.models.radiometry import Radiometry
from sarloom.sar.multilook import multilook
from sarloom.simulate.materials import LABELS

FACTOR = 4
"""Pixels of 0.35 m per side of a cell of the maps."""


def gather(
    folder: Path, most: int, radiometry: Radiometry
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Power [n, 128, 128] and maps, two images of every scene; kept beside the scenes' folder."""
    powers, maps = [], []
    for path in sorted(folder.glob("conditions-*.npz"))[: -(-most // 24)]:
        given = np.load(path)
        clean = np.load(folder / "scenes" / path.name.replace("conditions", "scenes"))["pixels"]
        for k, labels in enumerate(given["segmentation"]):
            simulated = radiometry.to_power(given["simulated"][k].astype(np.float32) / 255)
            pixel = clean[k].astype(np.float32) / 255
            laid = lay_speckle(pixel, radiometry, 1, len(powers)).amplitude ** 2
            powers += [multilook(simulated, FACTOR // 2), multilook(laid, FACTOR)]
            maps += [np.ascontiguousarray(labels[::2, ::2])] * 2
    return np.stack(powers), np.stack(maps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=Path, default=Path("runs/control-scenes"))
    parser.add_argument("--count", type=int, default=432)
    parser.add_argument("--steps", type=int, default=1150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/segmenter"))
    wanted = parser.parse_args()
    wanted.out.mkdir(parents=True, exist_ok=True)
    power, maps = gather(wanted.scenes, wanted.count, Radiometry.load(embedded_model_path()))
    began = time.monotonic()
    print(f"{len(power)} images", flush=True)

    def tick(step: int, loss: float) -> None:
        if step % 50 == 0 or step == 10:
            print(f"step {step}: loss {loss:.3f}, {time.monotonic() - began:.0f} s", flush=True)

    budget = replace(USUAL, steps=wanted.steps)
    network = train_segmenter(power, maps, len(LABELS), wanted.seed, budget, tick)
    path = wanted.out / "segmenter.safetensors"
    save_segmenter(network, path, budget, wanted.seed)
    print(f"{path} sha256 {sha256_of(path)}, {time.monotonic() - began:.0f} s of training")


if __name__ == "__main__":
    main()
