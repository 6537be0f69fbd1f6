"""Throughput from a 16384 x 16384 float32 COG to tiles, against the least that any tool must do.

Run: OMP_NUM_THREADS=1 python benchmarks/tiles_speed.py [--side 16384] [--repeats 3] [--folder DIR]
     --no-build leaves the command out, --profile prints where `cut` spends its time.

The bare minimum reads the same windows with rasterio and encodes them as the same 16-bit PNG; it
judges nothing, places nothing and stores nothing. `bare, stored` writes these PNGs into the same
Parquet shards, without any hash: the least that leaves tiles on disk. `cut` adds what makes a tile
to `bare`: power, rejection, looks, affine and footprint. `build` is the whole command, with its
hashes of the file and of every tile, its tone, and Parquet shards on disk. All run
in turn in one process, `repeats` times; medians are printed. The file is read once before, so that
nobody pays for the disk. One worker is one core: with one, `build` hashes, cuts, hashes again and
writes in one thread, and only waits for the disk in another; with two, this process is one of them.
Each `build` is timed within a process of its own, whose first work it is, as on the command line;
what Python takes to start and to import is left out, but not what processes beside it take.

`bare` and `bare, stored` run in processes of their own with the settings that any script has;
`tuned` are the same two where freed memory is kept and GDAL gets 256 MB, as `build` sets it for
itself: pages asked for anew cost up to half of the time of `bare`.

`of_bare`, `of_stored` and `of_stored_tuned` compare what the clock says, their `_cpu` what
processors spent, children included: on a machine that others use only the second means anything.
Two workers want two free cores: `two_over_one` says beside `build` how `bare` and `bare, stored`
fare when two processes, up already, do half of the tiles each, which nothing but the machine holds
back.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.windows import Window

from sarloom.archive.registry import open_scenes
from sarloom.memory import keep_freed_memory
from sarloom.sar.tone import AmplitudeTone
from sarloom.tiles.cut import judge, read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.png import grey16_png
from sarloom.tiles.rows import radar_columns
from sarloom.tiles.schema import arrow
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


Part = tuple[int, int]
"""Every how manieth line of tiles, and the first of them."""
WHOLE: Part = (1, 0)


def bare(path: Path, part: Part = WHOLE) -> int:
    """Windowed read and encoding, nothing else."""
    tiles = 0
    with rasterio.open(path) as opened:
        for top in range(part[1] * SIZE, opened.height - SIZE + 1, part[0] * SIZE):
            for left in range(0, opened.width - SIZE + 1, SIZE):
                amplitude = opened.read(1, window=Window(left, top, SIZE, SIZE))
                tiles += bool(grey16_png(encode(amplitude, TONE)))
    return tiles


def stored(path: Path, out: Path, part: Part = WHOLE) -> int:
    """Windowed read, encoding, and shards on disk as `build` writes them; no hash, no metadata."""
    from sarloom.tiles.schema import NAMES, picture
    from sarloom.tiles.shard import write_shard

    empty = dict.fromkeys(NAMES)
    rows, tiles = [], 0
    with rasterio.open(path) as opened:
        for top in range(part[1] * SIZE, opened.height - SIZE + 1, part[0] * SIZE):
            for left in range(0, opened.width - SIZE + 1, SIZE):
                amplitude = opened.read(1, window=Window(left, top, SIZE, SIZE))
                png = grey16_png(encode(amplitude, TONE))
                rows.append({**empty, "id": f"{top}-{left}", "image": picture(png)})
                tiles += 1
                if len(rows) == TILES_PER_SHARD:
                    write_shard(rows, out / f"{part[1]}-{tiles}.parquet")
                    rows = []
    if rows:
        write_shard(rows, out / f"{part[1]}-last.parquet")
    return tiles


def cut(path: Path, most: int | None = None) -> int:
    """Tiles with everything known about them, not stored."""
    scene = open_scenes(path)[0]
    grid = plan_grid(scene, SPACING_M, SIZE)
    tiles = 0
    for cell in grid.cells()[:most]:
        tile = read_cell(scene, grid, cell)
        if judge(tile) is None:
            tiles += bool(radar_columns(tile.power, TONE, tile.top))
    return tiles


def build(path: Path, out: Path, workers: int) -> int:
    """The whole of `sarloom tiles build`."""
    from sarloom.options.tiles import BuildTilesOptions
    from sarloom.tiles.build import build_tiles

    options = BuildTilesOptions(
        sar=(path,), spacing_m=f"{SPACING_M}", size=SIZE, out=out / "set", workers=workers
    )
    build_tiles(options, [path], open_scenes)
    return (plan_grid(open_scenes(path)[0], SPACING_M, SIZE).shape[0]) ** 2


def in_new_process(path: Path, workers: int) -> tuple[float, float]:
    """``timed`` of a build in a process that has done nothing else, as the command line is one."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as new:
        return new.submit(timed_build, path, workers).result()


def timed_build(path: Path, workers: int) -> tuple[float, float]:
    """``timed`` of a build."""
    with beside(path) as out:
        return timed(lambda: build(path, out, workers))


def timed_stored(path: Path) -> tuple[float, float]:
    """``timed`` of what leaves tiles on disk and no more."""
    with beside(path) as out:
        return timed(lambda: stored(path, out))


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A folder on the disk of a file; taking it away again is not timed."""
    with tempfile.TemporaryDirectory(prefix="tiles-", dir=path.parent) as name:
        yield Path(name)


def timed_one(function: Callable[[Path], int], path: Path) -> tuple[float, float]:
    """``timed`` in another process."""
    return timed(lambda: function(path))


def in_two(function: Callable[..., int], pool: ProcessPoolExecutor, *given: Path) -> int:
    """Every second line of tiles in each of two processes."""
    parts = [pool.submit(function, *given, (2, first)) for first in (0, 1)]
    return sum(one.result() for one in parts)


def stored_in_two(path: Path, pool: ProcessPoolExecutor) -> tuple[float, float]:
    """``timed`` of two processes that leave tiles on disk and no more."""
    with beside(path) as out:
        return timed(lambda: in_two(stored, pool, path, out))


def timed(function: Callable[[], int]) -> tuple[float, float]:
    """Tiles per second of the clock, and per second of processor time with that of children."""
    started, used = time.perf_counter(), _processor_s()
    tiles = function()
    wall_s, cpu_s = time.perf_counter() - started, _processor_s() - used
    return tiles / wall_s, tiles / max(cpu_s, 1e-3)  # none where another process did it


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
    if given.profile:
        profiled(lambda: cut(path))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context) as plain:
        in_two(bare, plain, path)  # the page cache, and what is loaded when first used
        stored_in_two(path, plain)
        os.environ.setdefault("GDAL_CACHEMAX", "256")  # as `build` sets it, before GDAL asks
        keep_freed_memory()
        cut(path, 1)
        arrow()
        contenders: dict[str, Contender] = {
            "bare": lambda: plain.submit(timed_one, bare, path).result(),
            "bare, tuned": lambda: timed(lambda: bare(path)),
            "cut": lambda: timed(lambda: cut(path)),
            "bare, 2 processes": lambda: timed(lambda: in_two(bare, plain, path)),
        }
        if not given.no_build:
            contenders |= {
                "bare, stored": lambda: plain.submit(timed_stored, path).result(),
                "bare, stored, tuned": lambda: timed_stored(path),
                "build, 1 worker": lambda: in_new_process(path, 1),
                "build, 2 workers": lambda: in_new_process(path, 2),
                "bare, stored, 2 processes": lambda: stored_in_two(path, plain),
            }
        report = compared(contenders, given.repeats)
    print(json.dumps({"side": given.side, **report}, indent=1))


Contender = Callable[[], tuple[float, float]]
"""Gives tiles per second of the clock and of processor time."""


def compared(contenders: dict[str, Contender], repeats: int) -> dict[str, Any]:
    """Medians of all in turn, and what they are of one another."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, function in contenders.items():
            rates[name].append(function())
    medians = {name: statistics.median(wall for wall, _ in found) for name, found in rates.items()}
    spent = {
        name: statistics.median(cpu for _, cpu in found)
        for name, found in rates.items()
        if not name.endswith("2 processes")  # which go on, so nobody knows yet what they spent
    }
    report: dict[str, Any] = {
        "tiles_per_second": {name: round(rate, 1) for name, rate in medians.items()},
        "of_bare": shares(medians, "bare"),
        "of_bare_cpu": shares(spent, "bare"),
    }
    over = {"bare": medians["bare, 2 processes"] / medians["bare"]}
    if "bare, stored" in contenders:
        report["of_stored"] = shares(medians, "bare, stored")
        report["of_stored_tuned"] = shares(medians, "bare, stored, tuned")
        report["of_stored_cpu"] = shares(spent, "bare, stored")
        over["bare, stored"] = medians["bare, stored, 2 processes"] / medians["bare, stored"]
        over["build"] = medians["build, 2 workers"] / medians["build, 1 worker"]
    report["two_over_one"] = {name: round(ratio, 2) for name, ratio in over.items()}
    return report


if __name__ == "__main__":
    main()
