"""Sets of images in memory, and faults to plant into them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from sarloom.evaluate.image import RadarImage, power_of_pixels
from sarloom.simulate.scene import simulate_scene

KINDS = ("suburb", "farmland", "forest", "motorway")


class Made:
    """A set of images in memory."""

    def __init__(self, title: str, images: Sequence[RadarImage]) -> None:
        self.title = title
        self.images = list(images)

    def __len__(self) -> int:
        return len(self.images)

    def image(self, index: int) -> RadarImage:
        return self.images[index]

    def name(self, index: int) -> str:
        return self.images[index].name

    def key(self, index: int) -> str:
        image = self.images[index]
        digest = hashlib.sha256(image.power.tobytes())
        digest.update(repr((image.floor, image.ceiling, image.own_scale)).encode())
        return f"{digest.hexdigest()}|{image.name}"


def simulated(
    seed: int, each: int, kinds: Sequence[str] = KINDS, spacing_m: float = 0.35
) -> list[RadarImage]:
    """``each`` scenes of every kind, single look, 128 x 128."""
    return [
        RadarImage(
            f"{kind}-{seed + number}",
            simulate_scene(kind, seed + number, size=128, spacing_m=spacing_m).radar.sigma_nought,
            looks=1.0,
            calibration="sigma_nought",
        )
        for kind in kinds
        for number in range(each)
    ]


def each(images: Sequence[RadarImage], change: Callable[[np.ndarray], np.ndarray]) -> Made:
    """Every image's power changed."""
    return Made(
        "changed",
        [RadarImage(one.name, np.asarray(change(one.power), np.float32)) for one in images],
    )


def in_eight_bits(images: Sequence[RadarImage], jpeg_quality: int | None = None) -> Made:
    """As `sarloom generate` writes PNGs: 8 bits, white at mean + 3 deviations of the amplitude;
    optionally through JPEG."""
    found = []
    for one in images:
        amplitude = np.sqrt(one.power)
        top = amplitude.mean() + 3 * amplitude.std()
        pixels = np.rint(np.clip(amplitude / top, 0, 1) * 255).astype(np.uint8)
        if jpeg_quality:
            held = io.BytesIO()
            Image.fromarray(pixels).save(held, "JPEG", quality=jpeg_quality)
            pixels = np.asarray(Image.open(held))
        power = power_of_pixels(pixels, "amplitude")
        found.append(
            RadarImage(one.name, power.values, own_scale=True, floor=power.floor,
                       ceiling=power.ceiling)
        )  # fmt: skip
    return Made("8 bits", found)


def log_normal(power: np.ndarray) -> np.ndarray:
    """The right log-variance, the wrong law, over the smoothed image."""
    rng = np.random.default_rng(int(power.sum() * 1e3) % 2**32)
    return ndimage.uniform_filter(power, 7) * np.exp(1.2825 * rng.standard_normal(power.shape))
