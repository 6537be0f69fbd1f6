"""Small real tile sets for the tests of check, view, stats and export."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin

from sarloom.cli.main import main
from sarloom.tiles.ledger import write_json
from sarloom.tiles.schema import Row, footer_hash, shard_hash, tile_hash
from sarloom.tiles.shard import write_shard
from sarloom.tiles.store import open_tiles

EAST, NORTH, UTM = 448_000.0, 5_411_000.0, 32631


def run(*words: str | Path) -> int:
    """A command line in this process; its exit status."""
    try:
        return main([str(word) for word in words]) or 0
    except SystemExit as stopped:
        return int(stopped.code or 0)


def simulated_set(folder: Path, *more: str, kinds: tuple[str, ...] = ()) -> Path:
    """As `sarloom simulate --tiles` writes it; 192 pixels, as much as shadows need."""
    kinds = kinds or ("suburb", "airport", "river", "vehicles", "forest")
    status = run("simulate", *kinds, "--size", "192", "--satellite-spacing-m", "1.4",
                 "--workers", "1", "--tiles", folder, *more)  # fmt: skip
    assert status == 0
    return folder


def write_radar(
    path: Path, looks: float, stated: float | None, east: float = EAST, seed: int = 0
) -> Path:
    """A GeoTIFF of 256 x 256 amplitudes at 1 m, two fields side by side, with its TOML."""
    rng = np.random.default_rng(seed)
    power = rng.gamma(looks, 1.0 / looks, (256, 256)) * np.repeat([0.05, 0.1], 128)
    write_raster(path, np.sqrt(power).astype(np.float32)[None], east)
    lines = [
        'quantity = "amplitude"', 'calibration = "sigma_nought"', 'band = "X"',
        'polarization = "HH"', 'platform = "tests"', "time = 2021-06-01T10:00:00Z",
    ]  # fmt: skip
    if stated is not None:
        lines.append(f"looks = {stated}")
    path.with_suffix(".toml").write_text("\n".join(lines) + "\n")
    return path


def write_raster(path: Path, bands: np.ndarray, east: float = EAST) -> Path:
    """Bands [band, row, column] at 1 m on a UTM grid."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, crs=CRS.from_epsg(UTM), transform=from_origin(east, NORTH, 1.0, 1.0),
    ) as raster:  # fmt: skip
        raster.write(bands)
    return path


def built_set(folder: Path, *more: str, looks: float = 1.0, stated: float | None = 1.0) -> Path:
    """As `sarloom tiles build` writes it: three scenes apart, the first paired."""
    sources = folder.parent / f"{folder.name}-sources"
    for number in range(3):
        write_radar(sources / f"scene{number}.tif", looks, stated, EAST + 2000 * number, number)
    rng = np.random.default_rng(9)
    write_raster(folder.parent / f"{folder.name}-optical" / "rgb.tif",
                 rng.integers(1, 255, (3, 256, 256)).astype(np.uint8))  # fmt: skip
    status = run("tiles", "build", "--sar", sources, "--optical",
                 folder.parent / f"{folder.name}-optical", "--spacing-m", "1", "--size", "64",
                 "--out", folder, "--workers", "1", "--split", "0.34,0.33,0.33", *more)  # fmt: skip
    assert status == 0
    return folder


def edit_rows(folder: Path, change: Callable[[Row], None], *, rehash: bool) -> None:
    """Change rows and write shards and manifest again, as a person with pyarrow would.

    With ``rehash`` the rows' own hashes are made to fit, too.
    """
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    for shard in manifest["shards"]:
        path = folder / shard["file"]
        rows = [row for row in open_tiles(folder) if _in(row, path)]
        for row in rows:
            change(row)
            if rehash:
                row["sha256"] = tile_hash(row)
        write_shard(rows, path)
    seal(folder, manifest)


def as_format_2(folder: Path) -> Path:
    """Make a set what version 2 of the format would have been: sources known by SHA-256."""
    import pyarrow.parquet as pq

    def older(row: Row) -> None:
        row["source_sha256"], row["source_blake3"] = row["source_blake3"], None

    edit_rows(folder, older, rehash=True)
    for path in (folder / "data").iterdir():
        pq.write_table(pq.read_table(path).drop_columns("source_blake3"), path, row_group_size=4)
    manifest = json.loads((folder / "manifest.json").read_text())
    seal(folder, {**manifest, "format_version": 2})
    begun = folder / ".units" / "settings.json"
    settings = json.loads(begun.read_text())
    assert settings.pop("format_version") == 3
    write_json(begun, settings)
    return folder


def _in(row: Row, path: Path) -> bool:
    import pyarrow.parquet as pq

    return row["id"] in pq.read_table(path, columns=["id"]).column("id").to_pylist()


def seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Make the manifest fit the shards."""
    import pyarrow.parquet as pq

    for shard in manifest["shards"]:
        path = folder / shard["file"]
        tiles = pq.read_table(path, columns=["sha256"]).to_pylist()
        shard["bytes"], shard["tiles_sha256"] = path.stat().st_size, shard_hash(tiles)
        shard["footer_sha256"] = footer_hash(path)
    write_json(folder / "manifest.json", manifest)
