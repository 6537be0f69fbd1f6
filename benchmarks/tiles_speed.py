"""Throughput from a 16384 x 16384 float32 COG to tiles, against the least that any tool must do.

Run: OMP_NUM_THREADS=1 python benchmarks/tiles_speed.py [--side 16384] [--repeats 3] [--folder DIR]
     --no-build leaves the command out, --profile prints where `cut` spends its time.

The bare minimum reads the same windows with rasterio and encodes them as the same 16-bit PNG; it
judges nothing, places nothing and stores nothing. `bare, stored` writes these PNGs into the same
Parquet shards, without any hash: the least that leaves tiles on disk. `cut` adds what makes a tile
to `bare`: power, rejection, looks, affine and footprint. `build` is the whole command, with its
hashes of the file, of every tile and of every shard, its tone, and Parquet shards on disk. All run
in turn in one process, `repeats` times; medians are printed. The file is read once before, so that
nobody pays for the disk.

`of_bare` and `of_stored` compare what the clock says, their `_cpu` what processors spent, children
included: on a machine that others use only the second means anything. Two workers want two free
cores.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.windows import Window

from sarloom.archive.registry import open_scenes
from sarloom.sar.tone import AmplitudeTone
from sarloom.tiles.cut import judge, read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.png import grey16_png
from sarloom.tiles.rows import radar_columns
from sarloom.tiles.tone import encode

SIZE = 512
TILES_PER_SHARD = 64
SPACING_M = 0.5
TONE = AmplitudeTone(0.88623 + 3 * 0.46325)
"""Mean and three deviations of single-look amplitude of unit power."""


def write_cog(path: Path, side: int) -> None:
    """Single-look speckle as amplitude, block by block, then as a COG of 512 x 512 blocks."""
    from rasterio.shutil import copy

    rng = np.random.default_rng(0)
    aside = path.with_suffix(".aside.tif")
    with rasterio.open(
        aside, "w", driver="GTiff", height=side, width=side, count=1, dtype="float32",
        crs="EPSG:32631", transform=Affine(SPACING_M, 0, 590000, 0, -SPACING_M, 5750000),
        tiled=True, blockxsize=SIZE, blockysize=SIZE,
    ) as opened:  # fmt: skip
        for top in range(0, side, SIZE):
            power = rng.standard_exponential((SIZE, side), dtype=np.float32)
            opened.write(np.sqrt(power), 1, window=Window(0, top, side, SIZE))
    copy(aside, path, driver="COG", blocksize=SIZE, compress="NONE", overviews="NONE")
    aside.unlink()


def bare(path: Path) -> int:
    """Windowed read and encoding, nothing else."""
    tiles = 0
    with rasterio.open(path) as opened:
        for top in range(0, opened.height - SIZE + 1, SIZE):
            for left in range(0, opened.width - SIZE + 1, SIZE):
                amplitude = opened.read(1, window=Window(left, top, SIZE, SIZE))
                tiles += bool(grey16_png(encode(amplitude, TONE)))
    return tiles


def stored(path: Path) -> int:
    """Windowed read, encoding, and shards on disk as `build` writes them; no hash, no metadata."""
    from sarloom.tiles.ledger import write_shard
    from sarloom.tiles.schema import NAMES, picture

    empty = dict.fromkeys(NAMES)
    out = Path(tempfile.mkdtemp(prefix="stored-", dir=path.parent))
    rows, tiles = [], 0
    try:
        with rasterio.open(path) as opened:
            for top in range(0, opened.height - SIZE + 1, SIZE):
                for left in range(0, opened.width - SIZE + 1, SIZE):
                    amplitude = opened.read(1, window=Window(left, top, SIZE, SIZE))
                    png = grey16_png(encode(amplitude, TONE))
                    rows.append({**empty, "id": f"{top}-{left}", "image": picture(png)})
                    tiles += 1
                    if len(rows) == TILES_PER_SHARD:
                        write_shard(rows, out / f"{tiles}.parquet")
                        rows = []
        if rows:
            write_shard(rows, out / "last.parquet")
    finally:
        shutil.rmtree(out)
    return tiles


def cut(path: Path, most: int | None = None) -> int:
    """Tiles with everything known about them, not stored."""
    scene = open_scenes(path)[0]
    grid = plan_grid(scene, SPACING_M, SIZE)
    tiles = 0
    for cell in grid.cells()[:most]:
        tile = read_cell(scene, grid, cell)
        if judge(tile) is None:
            tiles += bool(radar_columns(tile.power, TONE))
    return tiles


def build(path: Path, workers: int) -> int:
    """The whole of `sarloom tiles build`, into a folder that is then removed."""
    from sarloom.options.tiles import BuildTilesOptions
    from sarloom.tiles.build import build_tiles

    out = Path(tempfile.mkdtemp(prefix="tiles-", dir=path.parent))
    try:
        options = BuildTilesOptions(
            sar=(path,), spacing_m=f"{SPACING_M}", size=SIZE, out=out / "set", workers=workers
        )
        build_tiles(options, [path], open_scenes)
        return (plan_grid(open_scenes(path)[0], SPACING_M, SIZE).shape[0]) ** 2
    finally:
        shutil.rmtree(out)


def timed(function: Callable[[], int]) -> tuple[float, float]:
    """Tiles per second of the clock, and per second of processor time with that of children."""
    started, used = time.perf_counter(), _processor_s()
    tiles = function()
    return tiles / (time.perf_counter() - started), tiles / (_processor_s() - used)


def _processor_s() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def shares(rates: dict[str, float], base: str) -> dict[str, float]:
    """Rates as multiples of one of them."""
    return {name: round(rate / rates[base], 3) for name, rate in rates.items()}


def profiled(function: Callable[[], int]) -> None:
    """Where the time goes, by what each function spends itself."""
    import cProfile
    import pstats

    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(function)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(18)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=16384)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--no-build", action="store_true", help="only the cutting itself")
    parser.add_argument("--profile", action="store_true", help="where `cut` spends its time")
    given = parser.parse_args()
    path = given.folder / f"tiles-speed-{given.side}.tif"
    if not path.is_file():
        write_cog(path, given.side)
    contenders: dict[str, Callable[[], int]] = {
        "bare": lambda: bare(path),
        "cut": lambda: cut(path),
    }
    if not given.no_build:
        contenders["bare, stored"] = lambda: stored(path)
        contenders["build, 1 worker"] = lambda: build(path, 1)
        contenders["build, 2 workers"] = lambda: build(path, 2)
    if given.profile:
        profiled(lambda: cut(path))
        return
    bare(path)  # warm the page cache
    cut(path, 1)  # and load what is loaded when first used
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(given.repeats):
        for name, function in contenders.items():
            rates[name].append(timed(function))
    medians = {name: statistics.median(wall for wall, _ in found) for name, found in rates.items()}
    spent = {name: statistics.median(cpu for _, cpu in found) for name, found in rates.items()}
    report: dict[str, Any] = {
        "side": given.side,
        "tiles_per_second": {name: round(rate, 1) for name, rate in medians.items()},
        "of_bare": shares(medians, "bare"),
        "of_bare_cpu": shares(spent, "bare"),
    }
    if not given.no_build:
        report["of_stored"] = shares(medians, "bare, stored")
        report["of_stored_cpu"] = shares(spent, "bare, stored")
        report["two_workers_over_one"] = round(
            medians["build, 2 workers"] / medians["build, 1 worker"], 2
        )
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
