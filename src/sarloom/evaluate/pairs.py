"""Pairs of images that should show the same ground: is everything where it belongs?

Pixels of two draws of speckle differ however well the ground agrees, so nothing is compared but
multilooked power, and beside every figure stands what two independent draws of speckle over the
truth reach. Peak signal-to-noise ratio; SSIM (Wang et al. 2004); edges by the contrast of
neighbouring averages (Touzi, Lopes & Bousquet 1988); overlap of dark cells (shadows) and bright
ones (layover, buildings, edges of woods).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from .collect import ImageSet, Tick
from .files import PICTURES, RASTERS
from .metrics.base import Figure, Metric, property_of
from .table import Images

SECTION = "Pairs, multilooked"
COLUMN = "pairs"
LOOKS = 64.0
"""Looks after averaging, at least: a deviation of half a decibel."""
FEWEST_CELLS = 12
EDGE_DB = 3.0
"""Contrast of neighbouring cells that is an edge: four deviations of the speckle left."""
DARK_DB, BRIGHT_DB = -6.0, 6.0
"""Against the image's median: shadows, and what towers or answers directly."""
_FEW = 4
"""Cells; overlap of fewer says nothing."""
_UNKNOWN = -9.0
"""Stands for a figure that cannot be told of a pair; none of them is so low."""
KEYS = ("psnr", "ssim", "edge_recall", "edge_precision", "dark_iou", "bright_iou")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Averaged:
    """Multilooked power of both images of a pair on one grid."""

    truth: FloatArray
    other: FloatArray
    looks: FloatArray
    """Of each cell of the truth, for white speckle."""


def averaged(
    truth: NDArray[np.float32], other: NDArray[np.float32], looks: float, name: str
) -> Averaged:
    """Both images averaged until a cell has ``LOOKS`` looks, each over its own median.

    Raises
    ------
    InputError
        If the two differ in size.
    """
    if truth.shape != other.shape:
        raise InputError(
            f"{name} is {truth.shape[0]} x {truth.shape[1]} in the real set and "
            f"{other.shape[0]} x {other.shape[1]} in the generated one: a pair has one grid"
        )
    factor = max(1, int(np.ceil(np.sqrt(LOOKS / looks))))
    factor = max(1, min(factor, min(truth.shape) // FEWEST_CELLS))
    both = []
    for power in (truth, other):
        cells = _cells(np.asarray(power, np.float64), factor)
        positive = cells[cells > 0]
        both.append(np.maximum(cells / np.median(positive), 1e-6))
    wide = np.asarray(truth, np.float64)
    square = _cells(wide**2, factor) / np.maximum(_cells(wide, factor) ** 2, 1e-30)
    # a cell across an edge has fewer looks than its pixels, as its brighter half decides: the
    # variance of its mean is the sum of sigma^2 / L over n^2, and E I^2 = sigma^2 (1 + 1 / L)
    return Averaged(both[0], both[1], factor**2 * (looks + 1) / np.maximum(square, 1.0))


def _cells(power: FloatArray, factor: int) -> FloatArray:
    """Mean power of cells; cells without any data take the median, equally in both images."""
    rows, columns = (n // factor for n in power.shape)
    cut = power[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    held = np.isfinite(cut)
    total, count = np.where(held, cut, 0.0).sum(axis=(1, 3)), held.sum(axis=(1, 3))
    found = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return np.asarray(np.where(np.isfinite(found), found, np.nanmedian(found)), np.float64)


def compare(truth: FloatArray, other: FloatArray) -> NDArray[np.float32]:
    """``KEYS`` of two multilooked images; NaN where there is nothing to find."""
    a, b = np.sqrt(truth), np.sqrt(other)
    top = a.mean() + 3 * a.std()
    a, b = np.minimum(a / top, 1), np.minimum(b / top, 1)
    psnr = -10 * np.log10(max(float(np.mean((a - b) ** 2)), 1e-12))
    first, second = 10 * np.log10(truth), 10 * np.log10(other)
    return np.array(
        [
            psnr,
            ssim(a, b),
            _found(first, second),
            _found(second, first),
            _overlap(first < DARK_DB, second < DARK_DB),
            _overlap(first > BRIGHT_DB, second > BRIGHT_DB),
        ],
        np.float32,
    )


def ssim(first: FloatArray, second: FloatArray) -> float:
    """Mean structural similarity of images within 0 .. 1, uniform windows of 7 x 7."""

    def mean(x: FloatArray) -> FloatArray:
        return np.asarray(ndimage.uniform_filter(x, 7)[3:-3, 3:-3])

    n = 49.0
    ma, mb = mean(first), mean(second)
    va = (mean(first * first) - ma * ma) * n / (n - 1)
    vb = (mean(second * second) - mb * mb) * n / (n - 1)
    both = (mean(first * second) - ma * mb) * n / (n - 1)
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * ma * mb + c1) * (2 * both + c2)
    return float(np.mean(top / ((ma**2 + mb**2 + c1) * (va + vb + c2))))


def _steps(decibels: FloatArray) -> tuple[FloatArray, FloatArray]:
    return decibels[1:] - decibels[:-1], decibels[:, 1:] - decibels[:, :-1]


def _found(wanted: FloatArray, there: FloatArray) -> float:
    """Share of the steps between neighbouring cells beyond ``EDGE_DB`` that are in the other image
    too, in the same direction and at least half as high."""
    hits, count = 0, 0
    for ours, theirs in zip(_steps(wanted), _steps(there), strict=True):
        edge = np.abs(ours) > EDGE_DB
        hits += int(np.sum(theirs[edge] * np.sign(ours[edge]) > EDGE_DB / 2))
        count += int(edge.sum())
    return hits / count if count >= _FEW else float("nan")


def _overlap(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Intersection over union."""
    if first.sum() < _FEW:
        return float("nan")
    return float((first & second).sum() / (first | second).sum())


def two_draws(cells: FloatArray, looks: FloatArray, seed: int) -> NDArray[np.float32]:
    """``compare`` of two independent draws of white speckle over multilooked truth."""
    rng = np.random.default_rng(seed)
    first, second = (cells * rng.gamma(looks, 1 / looks) for _ in range(2))
    return compare(first, second)


def pairs_of(real: Sequence[str], generated: Sequence[str]) -> list[tuple[int, int]]:
    """Rows of the images of the same name, folders below the set's own included.

    Raises
    ------
    InputError
        If there is no such pair.
    """
    rows = {_bare(name): row for row, name in enumerate(real)}
    found = [(rows[_bare(name)], row) for row, name in enumerate(generated) if _bare(name) in rows]
    if not found:
        raise InputError(
            "--paired: no image has the same name in --real and --generated, such as "
            f"{generated[0]}; a pair has one name but for its ending"
        )
    return found


def _bare(name: str) -> str:
    stem, dot, kind = name.rpartition(".")
    return stem if dot and f".{kind.lower()}" in (*RASTERS, *PICTURES) else name


def pair_tables(
    real: ImageSet,
    generated: ImageSet,
    rows: Sequence[tuple[int, int]],
    looks: float,
    seed: int,
    tick: Tick = lambda done, total, doing: None,
) -> tuple[Images, Images]:
    """Figures of every pair, and beside them of two draws of speckle over its truth.

    Parameters
    ----------
    rows
        Of ``pairs_of``.
    looks
        Of the real images.

    Returns
    -------
    Two tables over the same pairs, of the draws and of the pairs.
    """
    found: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    names = []
    for number, (first, second) in enumerate(rows):
        truth, other = real.image(first), generated.image(second)
        cells = averaged(truth.power, other.power, looks, other.name)
        found[0].append(two_draws(cells.truth, cells.looks, seed + number))
        found[1].append(compare(cells.truth, cells.other))
        names.append(other.name)
        tick(number + 1, len(rows), "pairs")
    tables = [
        Images.of(names, {COLUMN: np.nan_to_num(np.stack(one), nan=_UNKNOWN)}) for one in found
    ]
    return tables[0], tables[1]


def _measure(images: Images) -> Mapping[str, float]:
    """Mean over the pairs of which a figure can be told."""
    found = {}
    for number, key in enumerate(KEYS):
        values = np.asarray(images[COLUMN][:, number], np.float64)
        good = values != _UNKNOWN
        weight = images.weights * good
        total = float(weight.sum())
        known = np.where(good, values, 0.0)
        found[f"pair_{key}"] = float(weight @ known) / total if total else 0.0
    return found


PAIRS: Metric = property_of(
    SECTION,
    (
        Figure("pair_psnr", "Peak signal-to-noise ratio; real: two draws of speckle", "dB"),
        Figure("pair_ssim", "SSIM; real: two draws of speckle"),
        Figure("pair_edge_recall", "Real edges found in the generated image"),
        Figure("pair_edge_precision", "Generated edges that are in the real image"),
        Figure("pair_dark_iou", "Overlap of shadows and other dark ground"),
        Figure("pair_bright_iou", "Overlap of layover and other bright ground"),
    ),
    (COLUMN,),
    _measure,
)
