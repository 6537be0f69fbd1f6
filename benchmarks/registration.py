"""How far the optical picture of the Capella pair lies from the radar image, in parts of a pixel.

Run: python benchmarks/registration.py --data ../shared/data/capella_rotterdam

Both files share one grid of 4.5 m to 0.06 per mille, so what is measured between their arrays,
before sarloom touches them (`files`), is the data's own. `tile` is the same ground as a tile of 6 m
with its partner, and `control` the tile with the radar image itself given as the picture: what is
there is sarloom's.
Shifts are (down, across) in metres, the parabola through the peak of the correlation of logarithms
of gradient magnitudes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy import ndimage

from sarloom.archive.registry import open_scenes
from sarloom.tiles.cut import read_cell
from sarloom.tiles.grid import plan_grid
from sarloom.tiles.pair import describe_optical, pair_optical

Array = NDArray[np.float64]
REACH = 4
TILE_M, SIZE = 6.0, 96


def edges(image: Array, good: NDArray[np.bool_]) -> Array:
    """Logarithm of gradient magnitude: where edges are, whatever their sides' brightness."""
    filled = np.where(good, image, np.median(image[good]))
    slope = ndimage.gaussian_gradient_magnitude(filled, 1.5)
    return np.asarray(np.log(slope + 0.05 * slope.std()))


def shift(one: Array, other: Array, good: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Down, across (pixels, how far `other` must move) and the correlation there."""
    first, second = edges(one, good), edges(other, np.ones_like(good))
    inner = ndimage.binary_erosion(good, iterations=6)
    inner[:REACH] = inner[-REACH:] = inner[:, :REACH] = inner[:, -REACH:] = False
    steps = range(-REACH, REACH + 1)
    scores = np.array(
        [
            [np.corrcoef(first[inner], np.roll(second, (d, a), (0, 1))[inner])[0, 1] for a in steps]
            for d in steps
        ]
    )
    row, column = (int(i) for i in np.unravel_index(scores.argmax(), scores.shape))
    return (
        row - REACH + _peak(scores[:, column], row),
        column - REACH + _peak(scores[row], column),
        float(scores.max()),
    )


def _peak(line: Array, at: int) -> float:
    """Offset of the top of a parabola through three values; 0 at a border."""
    if not 0 < at < len(line) - 1:
        return 0.0
    left, middle, right = line[at - 1 : at + 2]
    return float((left - right) / (2 * (left - 2 * middle + right)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data/capella_rotterdam"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measure(given.data.resolve(), Path(name))
    print(json.dumps(found, indent=1))


def measure(data: Path, work: Path) -> dict[str, Any]:
    """Shifts in metres."""
    radar = work / "sar.tif"
    radar.symlink_to(data / "sar_masked.tif")
    radar.with_suffix(".toml").write_text('quantity = "db"\nrange_azimuth_deg = 90.0\n')
    with rasterio.open(radar) as opened:
        stored, profile, place = opened.read(1), opened.profile, opened.transform
    with rasterio.open(data / "rgb_unmasked.tif") as opened:
        assert opened.transform.almost_equals(place, 1e-3)
        grey = opened.read().astype(np.float64).mean(axis=0)
    scene = open_scenes(radar)[0]
    grid = plan_grid(scene, TILE_M, SIZE, overlap=0.5)
    tile = max(
        (read_cell(scene, grid, one) for one in grid.cells()), key=lambda t: t.valid_fraction
    )
    assert tile.transform is not None
    level, good = decibels(tile.power)

    def partner(path: Path) -> Array:
        match = pair_optical(tile, [describe_optical(path)])
        assert match is not None
        return match.picture.astype(np.float64).mean(axis=2)

    left, top = ~place @ (tile.transform[2], tile.transform[5])
    side = round(SIZE * TILE_M / place.a)
    part = (slice(round(top), round(top) + side), slice(round(left), round(left) + side))
    picture = work / "radar-as-picture.tif"
    filled = np.clip(np.nan_to_num(stored, nan=-22.0), -22, 8)
    rows, columns = stored.shape
    with rasterio.open(
        picture, "w", driver="GTiff", height=rows, width=columns, count=1, dtype="uint8",
        crs=profile["crs"], transform=place,
    ) as opened:  # fmt: skip
        opened.write(np.rint((filled + 22) * 8 + 1).astype(np.uint8), 1)
    files_level, files_good = decibels(10 ** (stored / 10))
    return {
        "files": in_metres(shift(files_level[part], grey[part], files_good[part]), place.a),
        "tile": in_metres(shift(level, partner(data / "rgb_unmasked.tif"), good), TILE_M),
        "control": in_metres(shift(level, partner(picture), good), TILE_M),
    }


def decibels(power: NDArray[np.float32]) -> tuple[Array, NDArray[np.bool_]]:
    """Decibels and where these are; the spikes of the file are left out."""
    good = np.isfinite(power) & (power > 0) & (power < 1e3)
    return 10 * np.log10(np.where(good, power, 1.0).astype(np.float64)), good


def in_metres(found: tuple[float, float, float], spacing_m: float) -> dict[str, float]:
    down, across, score = found
    return {
        "down_m": round(down * spacing_m, 1),
        "across_m": round(across * spacing_m, 1),
        "correlation": round(score, 2),
    }


if __name__ == "__main__":
    main()
