"""Peak memory of `sarloom tiles build` over scenes of growing side, to 100,000 x 100,000 pixels.

Run: python benchmarks/tiles_memory.py [--sides 2048 8192 16384 100000] [--dense 4096]

Each scene is a float32 GeoTIFF of 512 x 512 blocks with NaN for no data, stored sparse: speckle in
512 blocks spread over it (in every block of scenes that have fewer), nothing elsewhere. `--dense`
adds scenes with speckle everywhere. Every build is the whole command in a process of its own, with
one worker; what is printed is the largest resident memory of that process, GDAL's cache of
`--cache-mb` included, and `cells` as many places as it looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.windows import Window

BLOCK = 512
MOST_BLOCKS = 512
MEASURED = """
import resource, sys
from sarloom.cli.main import run
status = run(sys.argv[1:])
print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def write_scene(path: Path, side: int, dense: bool) -> None:
    """A scene and its TOML."""
    across = -(-side // BLOCK)
    count = across * across
    step = 1 if dense else max(1, count // MOST_BLOCKS)
    rng = np.random.default_rng(0)
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=1, dtype="float32",
        crs="EPSG:32631", transform=Affine(0.5, 0, 590000, 0, -0.5, 5750000), tiled=True,
        blockxsize=BLOCK, blockysize=BLOCK, nodata=float("nan"), SPARSE_OK="TRUE", BIGTIFF="YES",
    ) as opened:  # fmt: skip
        for number in range(0, count, step):
            top, left = (BLOCK * one for one in divmod(number, across))
            window = Window(left, top, min(BLOCK, side - left), min(BLOCK, side - top))
            power = rng.standard_exponential((window.height, window.width), dtype=np.float32)
            opened.write(np.sqrt(power), 1, window=window)
    path.with_suffix(".toml").write_text('quantity = "amplitude"\nlooks = 1\n')


def measured(folder: Path, side: int, dense: bool, cache_mb: int) -> dict[str, Any]:
    """One build."""
    path, out = folder / f"{side}.tif", folder / "set"
    write_scene(path, side, dense)
    words = ["tiles", "build", "--sar", str(path), "--spacing-m", "0.5", "--workers", "1"]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words, "--out", str(out)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "GDAL_CACHEMAX": str(cache_mb)},
    )  # fmt: skip
    status, peak = done.stdout.split()[-2:]
    assert status == "0", done.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    found = {
        "side": side,
        "dense": dense,
        "pixels_gb": round(4e-9 * side * side, 2),
        "cells": manifest["tiles"] + sum(manifest["rejected"].values()),
        "tiles": manifest["tiles"],
        "peak_mb": round(int(peak) / 1024),
        "seconds": round(time.perf_counter() - started),
    }
    shutil.rmtree(out)
    path.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", type=int, nargs="*", default=[2048, 8192, 16384, 100_000])
    parser.add_argument("--dense", type=int, nargs="*", default=[])
    parser.add_argument("--cache-mb", type=int, default=64)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        for side, dense in [(s, False) for s in given.sides] + [(s, True) for s in given.dense]:
            print(json.dumps(measured(Path(name), side, dense, given.cache_mb)), flush=True)


if __name__ == "__main__":
    main()
