"""What `sarloom translate` makes of a simulated satellite scene, beside interpolation and truth.

    sarloom simulate suburb --size 1024 --seed 11 --out out/simulated
    sarloom translate out/simulated/suburb-11-satellite.tif --out out/translated
    python benchmarks/large_translate.py out/simulated/suburb-11-satellite.tif \
        out/translated/suburb-11-satellite-airborne-0.tif --truth out/simulated/suburb-11.tif

Prints, for the translated scene and for cubic interpolation of the satellite image, the level and
the correlation of decibels with the satellite image on its grid (what is kept), and distances of
amplitude law and texture to the true airborne scene (what is won). A sheet is written with --sheet.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from scipy import ndimage, stats

from sarloom.sar.multilook import multilook

Power = NDArray[np.float32]
LEVELS, LOW_DB, HIGH_DB = 16, -30.0, 10.0
TEXTURE_LOOKS = 4
"""Pixels per side that are averaged before textures are compared."""


def read(path: Path) -> Power:
    """Power of a simulated scene, or of an amplitude image."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as raster:
            values, tags = raster.read(1).astype(np.float32), raster.tags()
    return values if tags.get("QUANTITY") == "sigma_nought" else np.square(values)


def decibels(power: Power) -> NDArray[np.float64]:
    """10 log10, for the eye and for textures."""
    return np.asarray(10 * np.log10(np.maximum(power, 1e-6)), np.float64)


def cooccurrence(power: Power) -> NDArray[np.float64]:
    """Shares of pairs of grey levels of neighbours, in both directions."""
    scaled = (decibels(multilook(power, TEXTURE_LOOKS)) - LOW_DB) / (HIGH_DB - LOW_DB)
    grey = np.clip((scaled * LEVELS).astype(int), 0, LEVELS - 1)
    pairs = np.concatenate([
        (grey[:, :-1] * LEVELS + grey[:, 1:]).ravel(), (grey[:-1] * LEVELS + grey[1:]).ravel()
    ])  # fmt: skip
    return np.bincount(pairs, minlength=LEVELS**2) / len(pairs)


def row(name: str, made: Power, coarse: Power, truth: Power | None) -> str:
    """One line of the table."""
    factor = round(made.shape[0] / coarse.shape[0])
    looked = multilook(made, factor)
    looked, given = (part[: looked.shape[0], : looked.shape[1]] for part in (looked, coarse))
    level = 10 * np.log10(looked.mean() / given.mean())
    together = np.corrcoef(decibels(looked).ravel(), decibels(given).ravel())[0, 1]
    # speckle of both keeps the correlation below one; over 3 x 3 pixels there is less
    smooth = [decibels(ndimage.uniform_filter(part, 3)).ravel() for part in (looked, given)]
    line = f"{name:<14} level {level:+.2f} dB  correlation {together:.3f} "
    line += f"(3 x 3: {np.corrcoef(*smooth)[0, 1]:.3f})"
    if truth is not None:
        ks = stats.ks_2samp(np.sqrt(made).ravel()[::7], np.sqrt(truth).ravel()[::7]).statistic
        texture = 0.5 * np.abs(cooccurrence(made) - cooccurrence(truth)).sum()
        line += f"  amplitude KS {ks:.3f}  co-occurrence {texture:.3f}"
    return line


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("satellite", type=Path)
    parser.add_argument("translated", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    coarse, made = read(given.satellite), np.nan_to_num(read(given.translated))
    truth = None if given.truth is None else read(given.truth)
    factor = made.shape[0] / coarse.shape[0]
    cubic = np.maximum(ndimage.zoom(coarse, factor, order=3, grid_mode=True, mode="nearest"), 0)
    print(row("translated", made, coarse, truth))
    print(row("cubic", cubic[: made.shape[0], : made.shape[1]], coarse, truth))
    shown = [cubic, made]
    if truth is not None:
        print(row("truth", truth, coarse, truth))
        shown.append(truth)
    if given.sheet is not None:
        top = 3 * float(np.sqrt(np.mean(coarse)))
        side = min(image.shape[0] for image in shown), min(image.shape[1] for image in shown)
        cut = [np.sqrt(image[: side[0], : side[1]]) / top for image in shown]
        grey = np.rint(np.clip(np.concatenate(cut, 1), 0, 1) * 255).astype(np.uint8)
        Image.fromarray(grey).save(given.sheet)


if __name__ == "__main__":
    main()
