"""Seconds to list 10,000 files, beside a bare walk that opens every TIFF with rasterio.

    python benchmarks/index_speed.py --files 10000

Processor seconds of one process, so that other work on the machine counts little; the first line
of the table is the bare minimum. Half of the products are TIFFs, half are NumPy arrays with a TOML,
which the bare walk opens and parses as well.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin

from sarloom import index_archive, search_archive
from sarloom.archive.registry import readers

TOML = """band = "X"
polarization = "VV"
spacing_m = 1.0
time = 2022-05-01T10:00:00Z
corners = [[2.0, 48.1], [2.2, 48.1], [2.2, 48.0], [2.0, 48.0]]
"""


def make(folder: Path, files: int) -> int:
    """An archive of so many files, a quarter of them TIFFs; the number of products."""
    grid = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    size = {"width": 8, "height": 8, "count": 1, "dtype": "uint16"}
    first = folder / "first.tif"
    with rasterio.open(first, "w", driver="GTiff", **size, **grid) as opened:
        opened.write(np.ones((1, 8, 8), np.uint16))
    tiff = first.read_bytes()
    first.unlink()
    for number in range(files // 4):
        place = folder / f"{number % 50:02d}"
        place.mkdir(exist_ok=True)
        (place / f"t-{number}.tif").write_bytes(tiff)
        np.save(place / f"a-{number}.npy", np.ones((8, 8), np.float32))
        (place / f"a-{number}.toml").write_text(TOML)
        (place / f"n-{number}.txt").write_text("note")
    return files // 4 * 2


def walk(folder: Path) -> int:
    """The bare minimum: find the products and open each once."""
    found = 0
    for path in folder.rglob("*"):
        if path.suffix == ".tif":
            with rasterio.open(path) as opened:
                found += opened.bounds is not None
        elif path.suffix == ".npy":
            np.load(path, mmap_mode="r")
            found += bool(tomllib.loads(path.with_suffix(".toml").read_text()))
    return found


def timed(label: str, function: Callable[[], Any], files: int, base: float = 0.0) -> float:
    processor, wall = time.process_time(), time.perf_counter()
    function()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    ratio = f"{processor / base:8.2f} x" if base else ""
    print(f"{label:<32} {processor:8.2f} s {wall:8.2f} s {files / processor:8.0f} files/s {ratio}")
    return processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    files = parser.parse_args().files
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch, "archive"), Path(scratch, "catalogue.parquet")
        folder.mkdir()
        products = make(folder, files)
        readers()  # imports are not what is measured
        small = Path(scratch, "small")
        small.mkdir()
        make(small, 4)
        index_archive(small, Path(scratch, "small.parquet"))
        print(f"{files} files, {products} products; processor seconds, wall seconds")
        assert walk(folder) == products
        base = timed("walk and open each", lambda: walk(folder), files)
        timed("index", lambda: index_archive(folder, out), files, base)
        timed("index again, nothing changed", lambda: index_archive(folder, out), files, base)
        timed("search by place and band", lambda: search_archive(
            out, band="X", bbox=(2.1, 48.0, 2.3, 48.2), limit=100), files, base)  # fmt: skip


if __name__ == "__main__":
    main()
