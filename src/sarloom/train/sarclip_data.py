"""What the image-text model is trained on: small pictures of scenes in one file, and how they vary.

A scene is kept without speckle at 256 x 256 cells; window, looks, sharpness, noise floor, tone and
mirroring are drawn anew whenever it is shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..errors import FormatError
from ..files import write_aside
from ..models.radiometry import Radiometry
from ..sar.picture import SIDE, decibel_picture
from ..simulate.captions import flip_words
from .measured import load_measured
from .scenes import shards

KEPT = 2 * SIDE
MEASURED = "measured"
HELD_OUT_EVERY = 5
RADIOMETRY = Radiometry("db", speckle="none")
_TO_POWER = RADIOMETRY.to_power(np.linspace(0, 1, 256, dtype=np.float32))
PREFIXES = (
    "A SAR image of {}",
    "A SAR image of {}",
    "A simulated SAR image of {}",
    "An aerial view of {}",
    "{}",
)
MEASURED_PREFIXES = (
    "A SAR image of {}",
    "A SAR image of {}",
    "A measured X-band airborne SAR image of {}",
    "A measured SAR image of {}",
    "{}",
)


@dataclass(frozen=True)
class PictureSet:
    """Scenes and real images, kept small."""

    pixels: NDArray[np.uint8]
    """[n, 256, 256] on the embedded model's decibel scale; real ones hold their own speckle."""
    kinds: list[str]
    """Kind of scene, two joined by '+', or 'measured'."""
    captions: list[list[str]]

    def part(self, chosen: Sequence[int]) -> PictureSet:
        """Some of them."""
        return PictureSet(
            self.pixels[list(chosen)],
            [self.kinds[k] for k in chosen],
            [self.captions[k] for k in chosen],
        )


def shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures [n, side, side] of a multiple of 256 to 256 x 256 by the mean power of blocks."""
    n, side, _ = pixels.shape
    factor = side // KEPT
    out = np.empty((n, KEPT, KEPT), np.uint8)
    for k in range(n):
        blocks = _TO_POWER[pixels[k]].reshape(KEPT, factor, KEPT, factor)
        out[k] = np.round(RADIOMETRY.to_pixel(blocks.mean((1, 3))) * 255)
    return out


def keep_scenes(scenes_folder: Path, count: int, path: Path) -> PictureSet:
    """Shrink simulated scenes once into a file and read it."""
    if not path.is_file():
        pixels, kinds, captions = [], [], []
        for some, some_kinds, some_captions, _ in shards(scenes_folder):
            pixels.append(shrink(some))
            kinds += some_kinds
            captions += some_captions
            if len(kinds) >= count:
                break
        whole = PictureSet(np.concatenate(pixels), kinds, captions)
        _save(whole.part(range(min(count, len(kinds)))), path)
    return _read(path)


def keep_measured(data: Path, seed: int, path: Path) -> PictureSet | None:
    """Real images for training, shrunk once into a file; ``None`` where there are none."""
    if not path.is_file():
        found = measured_pictures(data, seed, held_out=False)
        if found is None:
            return None
        _save(found, path)
    return _read(path)


def measured_pictures(data: Path, seed: int, held_out: bool) -> PictureSet | None:
    """Real images for training, or every fifth of them, which training never sees."""
    real = load_measured(data, 2 * KEPT, RADIOMETRY, seed)
    if real is None:
        return None
    last = HELD_OUT_EVERY - 1
    chosen = [k for k in range(len(real.pixels)) if (k % HELD_OUT_EVERY == last) is held_out]
    small = shrink(real.pixels[chosen])
    return PictureSet(small, [MEASURED] * len(chosen), [real.captions[k] for k in chosen])


def _save(pictures: PictureSet, path: Path) -> None:
    texts = np.array(json.dumps([pictures.kinds, pictures.captions]))
    with write_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, pixels=pictures.pixels, text=texts)


def _read(path: Path) -> PictureSet:
    try:
        with np.load(path, allow_pickle=False) as kept:
            kinds, captions = json.loads(str(kept["text"]))
            return PictureSet(kept["pixels"], kinds, captions)
    except (OSError, ValueError, KeyError) as error:
        raise FormatError(f"{path} is damaged ({error}): remove it, it is made anew") from error


@dataclass(frozen=True)
class Variation:
    """How much a picture varies from one time it is shown to the next."""

    looks: tuple[float, float] = (4.0, 256.0)
    crop: float = 0.75


def vary(
    pixels: NDArray[np.uint8], rng: np.random.Generator, mirror: bool, variation: Variation
) -> NDArray[np.float32]:
    """Mean powers [128, 128] of a random window with speckle, noise floor, ceiling and blur."""
    rows, columns = pixels.shape
    side = rows if rng.random() < 0.3 else round(rows * rng.uniform(variation.crop, 1.0))
    r, c = (int(rng.integers(n - side + 1)) for n in (rows, columns))
    window = torch.from_numpy(_TO_POWER[pixels[r : r + side, c : c + side]])[None]
    cells = functional.adaptive_avg_pool2d(window, SIDE)
    if rng.random() < 0.5:  # sharpness must not decide
        soft = functional.avg_pool2d(cells, 3, 1, 1, count_include_pad=False)
        cells = torch.lerp(cells, soft, float(rng.random()))
    image = cells[0].numpy()
    low, high = np.log(variation.looks)
    looks = float(np.exp(rng.uniform(low, high)))
    middle = float(np.median(image[::4, ::4])) + 1e-12
    image = image + middle * 10 ** rng.uniform(-3.0, -0.7)  # thermal noise
    image = image * (rng.standard_gamma(looks, image.shape, dtype=np.float32) / looks)
    if rng.random() < 0.5:  # the end of an 8-bit scale
        image = np.minimum(image, middle * 10 ** rng.uniform(0.5, 2.5))
    return np.asarray(image[::-1] if mirror else image, np.float32)


def toned(cells: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Pictures [n, 128, 128] of mean powers, brightness and contrast a little off."""
    n = len(cells)
    shift = rng.uniform(-0.04, 0.04, (n, 1, 1))
    contrast = rng.uniform(0.9, 1.1, (n, 1, 1))
    pictures = (decibel_picture(cells) - 0.5) * contrast + 0.5 + shift
    return np.asarray(np.clip(pictures, 0, 1), np.float32)


def sentence(data: PictureSet, index: int, rng: np.random.Generator, mirror: bool) -> str:
    """One of a picture's captions behind one of the openings."""
    choices = data.captions[index]
    # the first caption is the short one: people write short prompts
    text = choices[0 if rng.random() < 0.3 else int(rng.integers(len(choices)))]
    openings = MEASURED_PREFIXES if data.kinds[index] == MEASURED else PREFIXES
    return str(rng.choice(openings)).format(flip_words(text) if mirror else text)


def joined(first: PictureSet, second: PictureSet | None) -> PictureSet:
    """Both."""
    if second is None:
        return first
    return PictureSet(
        np.concatenate([first.pixels, second.pixels]),
        first.kinds + second.kinds,
        first.captions + second.captions,
    )
