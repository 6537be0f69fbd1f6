"""Real radar images for the embedded model's training: public-release and CC-BY data only.

* MSTAR clutter scenes (X band, airborne, 0.3 m, AFRL public release): vehicles are pasted in with
  visible seams, so their boxes are masked out of the loss;
* AFRL Gotcha phase history (X band, airborne, public release), back-projected at 0.35 m;
* Umbra (X band, spaceborne, 0.59 m, CC-BY 4.0).

All are uncalibrated amplitude, 8-bit but for Gotcha. The mean power that their median
amplitude stands for is set to -14 dB, the level of grassland, so that they lie on the model's
scale; nothing absolute can be learned from them.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..models.radiometry import Radiometry
from .gotcha import load_gotcha

GROUND_DB = -14.0
MSTAR_SPACING_M, UMBRA_SPACING_M = 0.30, 0.594
_MSTAR_WORDS = {
    "woods": (
        "woodland with bright crowns and long shadows",
        "trees with long shadows",
        "clumps of trees and open grass",
        "a forest edge with long shadows",
    ),
    "mixed": (
        "open land with trees and tracks",
        "grassland with scattered trees and a road",
        "fields with trees and dirt tracks",
        "rural land with trees and long shadows",
    ),
    "open": (
        "open grassland",
        "grass fields with a track",
        "open fields with few trees",
        "rural open land",
    ),
}
_GOTCHA_WORDS = (
    "a car park with rows of cars and a road",
    "cars in a car park beside a road and grass",
    "a parking lot with many cars",
)
_UMBRA_WORDS = (
    "volcanic slopes",
    "mountains with steep slopes and rock",
    "rugged mountain slopes",
    "a volcano with bare rock",
)


@dataclass(frozen=True)
class MeasuredSet:
    """Real pictures on the model's scale."""

    pixels: NDArray[np.uint8]
    """[n, rows, columns], speckle included; range to the right."""
    captions: list[list[str]]
    keep: NDArray[np.bool_]
    """[n, rows, columns], False on pasted vehicles and beyond the image."""


def load_measured(data: Path, size: int, radiometry: Radiometry, seed: int) -> MeasuredSet | None:
    """Read whatever of the known real sets lies below ``data``; ``None`` where there is none."""
    pixels, texts, keeps = [], [], []
    for path in sorted((data / "mstar_scenes" / "images").glob("*.jpg")):
        amplitude = _grey(path)
        keep = _outside_boxes(data / "mstar_scenes" / "annotations" / f"{path.stem}.xml", amplitude)
        # near range is the lower edge of these files: turn it to the left
        amplitude, keep = np.rot90(amplitude, -1), np.rot90(keep, -1)
        words = _mstar_words(amplitude)
        cut, kept = _fit(amplitude, keep, size, np.random.default_rng([seed, int(path.stem)]))
        pixels.append(_to_pixel(cut, amplitude, radiometry))
        texts.append(list(words))
        keeps.append(kept)
    gotcha = data / "gotcha_xband_phase_history"
    if gotcha.is_dir():
        amplitude = np.abs(load_gotcha(gotcha)).astype(np.float32)
        whole = np.ones(amplitude.shape, bool)
        cut, kept = _fit(amplitude, whole, size, np.random.default_rng([seed, 0]))
        pixels.append(_to_pixel(cut, amplitude, radiometry))
        texts.append(list(_GOTCHA_WORDS))
        keeps.append(kept)
    umbra = data / "umbra" / "umbra_mount_yasur.tiff"
    if umbra.is_file():
        amplitude = _grey(umbra)
        for r in range(0, amplitude.shape[0] - size + 1, size):
            for c in range(0, amplitude.shape[1] - size + 1, size):
                cut = amplitude[r : r + size, c : c + size]
                pixels.append(_to_pixel(cut, amplitude, radiometry))
                texts.append(list(_UMBRA_WORDS))
                keeps.append(cut > 0)
    if not pixels:
        return None
    return MeasuredSet(np.stack(pixels), texts, np.stack(keeps))


def _grey(path: Path) -> NDArray[np.float32]:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32)


def _outside_boxes(path: Path, amplitude: NDArray[np.float32]) -> NDArray[np.bool_]:
    keep = np.ones(amplitude.shape, bool)
    if path.is_file():
        for box in ElementTree.parse(path).iter("bndbox"):
            x0, y0, x1, y1 = (
                int(float(box.findtext(k, "0"))) for k in ("xmin", "ymin", "xmax", "ymax")
            )
            # the pasted chip is larger than the vehicle's box
            cx, cy, half = (x0 + x1) // 2, (y0 + y1) // 2, 68
            keep[max(cy - half, 0) : cy + half, max(cx - half, 0) : cx + half] = False
    return keep


def _mstar_words(amplitude: NDArray[np.float32]) -> tuple[str, ...]:
    rows, columns = (n // 16 * 16 for n in amplitude.shape)
    blocks = amplitude[:rows, :columns].reshape(rows // 16, 16, columns // 16, 16).mean((1, 3))
    spread = float(blocks.std() / blocks.mean())
    return _MSTAR_WORDS["woods" if spread > 0.55 else "mixed" if spread > 0.35 else "open"]


def _fit(
    amplitude: NDArray[np.float32],
    keep: NDArray[np.bool_],
    size: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cut or mirror-fill to size x size; mirrored ground is not kept for training."""
    pad = [(0, max(0, size - n)) for n in amplitude.shape]
    amplitude = np.pad(amplitude, pad, mode="symmetric")
    keep = np.pad(keep, pad, constant_values=False)
    r, c = (int(rng.integers(n - size + 1)) for n in amplitude.shape)
    return amplitude[r : r + size, c : c + size], keep[r : r + size, c : c + size]


def _to_pixel(
    cut: NDArray[np.float32], whole: NDArray[np.float32], radiometry: Radiometry
) -> NDArray[np.uint8]:
    # the median intensity of single-look speckle is ln 2 times its mean
    mean = float(np.median(whole[whole > 0])) ** 2 / np.log(2)
    level = 10 ** (GROUND_DB / 10) / mean
    pixel = radiometry.to_pixel((cut**2 * level).astype(np.float32))
    return np.round(pixel * 255).astype(np.uint8)
