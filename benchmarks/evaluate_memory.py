"""Peak memory and time per image of an evaluation, for a few and for many images.

python benchmarks/evaluate_memory.py --images 200 2000 --side 64
python benchmarks/evaluate_memory.py --images 300 1000 3000 --side 512 --different 40

Files are written once and linked under new names as often as needed: every name is read, decoded
and measured.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from sarloom.evaluate.encoders import features_of
from sarloom.evaluate.files import ImageFolder, PixelsSaid
from sarloom.evaluate.report import make_report


def write_set(folder: Path, seed: int, count: int, side: int, different: int) -> None:
    """Single-look speckle over patches of sixteen levels, as 16-bit PNG."""
    folder.mkdir()
    for number in range(count):
        if number >= different:
            os.link(folder / f"{number % different:05}.png", folder / f"{number:05}.png")
            continue
        rng = np.random.default_rng([seed, number])
        ground = np.kron(rng.uniform(1, 6, (4, 4)), np.ones((side // 4, side // 4)))
        amplitude = np.sqrt(ground * rng.standard_exponential((side, side)))
        pixels = np.rint(np.clip(amplitude / 12, 0, 1) * 65535).astype(np.uint16)
        Image.fromarray(pixels).save(folder / f"{number:05}.png")


def measure(folder: Path) -> None:
    """Print peak memory and processor time of one evaluation."""
    said = PixelsSaid("amplitude")
    sets = [ImageFolder(folder / name, said) for name in ("real", "generated")]
    extra, metrics = features_of(("descriptor",))
    passes: list[float] = []
    start = time.process_time()
    make_report(
        *sets, {}, draws=20, extra=extra, extra_metrics=metrics, keep=folder / "summaries",
        tick=lambda done, total, doing: passes.append(time.process_time()),
    )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    images = 2 * len(sets[0])
    each = (passes[images - 1] - start) / images * 1e3
    figures = time.process_time() - passes[images - 1]
    print(f"{images} images: peak {peak:.0f} MB, {each:.1f} ms each, {figures:.1f} s for figures")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--different", type=int, default=10**9, help="files that are not links")
    given = parser.parse_args()
    if given.measure:
        measure(given.measure)
        sys.exit()
    for wanted in given.images:
        with tempfile.TemporaryDirectory() as held:
            for number, name in enumerate(("real", "generated")):
                write_set(Path(held) / name, number, wanted // 2, given.side, given.different)
            # a process of its own, whose peak is its own
            subprocess.run([sys.executable, __file__, "--measure", held], check=True)
