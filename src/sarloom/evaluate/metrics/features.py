"""Distances between two sets of features.

Frechet distance (Heusel et al. 2017), kernel distance (Binkowski et al. 2018), CMMD (Jayasumana et
al. 2024), improved precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et
al. 2020), and the share of generated images nearer to a real one than that is to any other real
(Alaa et al. 2022, one minus authenticity).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ..table import Array, Images
from .base import SHARE, SIZE, Figure, Metric, Value

NEIGHBOURS_PR, NEIGHBOURS_DC = 3, 5
_MOST_KERNEL, _MOST_NEIGHBOURS = 2000, 2000
_CHUNK = 512
"""Images whose distances to all others are held at once."""
_ROWS, _CACHED = 1024, 2**16
"""Images whose covariance is summed at once: at least, and numbers of all of them."""
_SAMPLE = 64
"""Images that tell whether means are large."""

Features = Array | NDArray[np.float32]
Kernel = Callable[[Array, Array], Array]


def frechet(
    first: Features, second: Features, w1: Array | None = None, w2: Array | None = None
) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features [images, dimensions].

    The trace of the root is the sum of the roots of the eigenvalues of C1 C2, taken from the
    symmetric problem that Cholesky's factor of C2 makes of it. With no more images than dimensions
    a covariance has no such factor, and the trace is the sum of the singular values of X1 X2^T over
    the centred features, a matrix of images. Neither needs an unsymmetric matrix.

    Parameters
    ----------
    w1, w2
        How often each image counts.
    """
    if min(len(first), len(second)) <= first.shape[1]:
        (m1, x1), (m2, x2) = _centred(first, w1), _centred(second, w2)
        total = float(np.vdot(x1, x1) + np.vdot(x2, x2))
        product = x1 @ x2.T if len(x1) <= len(x2) else x2 @ x1.T
        values = linalg.eigvalsh(product @ product.T, check_finite=False)
    else:
        (m1, c1), (m2, c2) = _moments(first, w1), _moments(second, w2)
        total = float(np.trace(c1) + np.trace(c2))
        values = _product_values(c1, c2)
    root = float(np.sqrt(np.maximum(values, 0.0)).sum())
    return max(0.0, float(np.sum((m1 - m2) ** 2)) + total - 2 * root)


def _product_values(c1: Array, c2: Array) -> Array:
    """Eigenvalues of the product of two covariances."""
    try:
        found = linalg.eigh(c1, c2, type=2, eigvals_only=True, driver="gv", check_finite=False)
    except linalg.LinAlgError:  # some features follow from others, or are constant
        values, vectors = linalg.eigh(c1, check_finite=False)
        half = vectors * np.sqrt(np.maximum(values, 0.0))
        found = linalg.eigvalsh(half.T @ (c2 @ half), check_finite=False)
    return np.asarray(found)


def _centred(x: Features, weights: Array | None) -> tuple[Array, Array]:
    """Mean, and features without it such that X^T X is the covariance (over n - 1)."""
    w = np.ones(len(x)) if weights is None else weights
    mean = w @ np.asarray(x, np.float64) / w.sum()
    centred = x - mean
    centred *= np.sqrt(w / (w.sum() - 1.0))[:, None]
    return mean, centred


def _moments(x: Features, weights: Array | None) -> tuple[Array, Array]:
    """Mean and covariance (over n - 1), by rows that fit the cache.

    Where means are large, a mean of a few is taken off first: from sums of squares about zero they
    would take the digits.
    """
    count, dimensions = x.shape
    rows = max(_ROWS, _CACHED // dimensions)
    sample = np.asarray(x[:: max(1, count // _SAMPLE)], np.float64)
    about = sample.mean(axis=0)
    if np.all(about**2 <= 1e4 * sample.var(axis=0)):
        about = np.zeros(dimensions)
    roots = np.ones(count) if weights is None else np.sqrt(weights)
    plain, near = bool(np.all(roots == 1)), not about.any()
    sums, squares = np.zeros(dimensions), np.zeros((dimensions, dimensions), order="F")
    held = np.empty((min(rows, count), dimensions))
    for first in range(0, count, rows):
        some = slice(first, first + rows)
        part = held[: len(x[some])]
        part[:] = x[some]
        if not near:
            part -= about
        if not plain:
            part *= roots[some, None]
        sums += roots[some] @ part
        squares = linalg.blas.dsyrk(1.0, part.T, 1.0, squares, overwrite_c=1)  # upper half
    total = float(roots @ roots)
    mean = sums / total
    upper = np.triu(squares)
    covariance = (upper + np.triu(upper, 1).T - total * np.outer(mean, mean)) / (total - 1.0)
    return about + mean, covariance


def kernel_distance(
    first: Array, second: Array, w1: Array | None = None, w2: Array | None = None
) -> float:
    """Unbiased squared MMD of the kernel (x y / d + 1)^3, over all images at once."""
    scale = 1.0 / first.shape[1]
    return _mmd(first, second, w1, w2, lambda a, b: (a @ b.T * scale + 1.0) ** 3)


def cmmd(first: Array, second: Array, w1: Array | None = None, w2: Array | None = None) -> float:
    """1000 times the squared MMD of a Gaussian kernel of width 10 over unit vectors."""

    def unit(x: Array) -> Array:
        return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))

    def kernel(a: Array, b: Array) -> Array:
        return np.asarray(np.exp((a @ b.T - 1.0) / 100.0))

    return 1000.0 * _mmd(unit(first), unit(second), w1, w2, kernel)


def _mmd(first: Array, second: Array, w1: Array | None, w2: Array | None, kernel: Kernel) -> float:
    a = np.ones(len(first)) if w1 is None else w1
    b = np.ones(len(second)) if w2 is None else w2
    within = _within(first, a, kernel) + _within(second, b, kernel)
    across = sum(float(a[some] @ kernel(first[some], second) @ b) for some in _chunks(len(first)))
    return within - 2 * across / float(a.sum() * b.sum())


def _within(x: Array, w: Array, kernel: Kernel) -> float:
    """Mean over pairs of different images."""
    found = 0.0
    for some in _chunks(len(x)):
        matrix, own = kernel(x[some], x), w[some]
        found += float(own @ matrix @ w) - float(own**2 @ matrix.diagonal(some.start))
    return found / max(float(w.sum() ** 2 - np.sum(w**2)), 1e-12)


def _chunks(count: int) -> Iterator[slice]:
    """Rows for which distances to all images are held at once."""
    for start in range(0, count, _CHUNK):
        yield slice(start, min(start + _CHUNK, count))


def manifold(first: Array, second: Array, w1: Array, w2: Array) -> dict[str, float]:
    """Precision, recall, density, coverage and nearness of ``second`` (generated) to ``first``."""
    own = _own_distances(first, (1, NEIGHBOURS_PR, NEIGHBOURS_DC))
    fake_radius = _own_distances(second, (NEIGHBOURS_PR,))[0]
    precise, hits = np.zeros(len(second), bool), np.zeros(len(second))
    closest, nearest = np.full(len(second), np.inf), np.zeros(len(second), np.intp)
    recalled, covered = np.zeros(len(first), bool), np.zeros(len(first), bool)
    for some in _chunks(len(first)):
        gaps = _distances(first[some], second)
        inside = gaps < own[2, some, None]
        hits += inside.sum(axis=0)
        covered[some] = inside.any(axis=1)
        precise |= (gaps < own[1, some, None]).any(axis=0)
        recalled[some] = (gaps < fake_radius).any(axis=1)
        place = gaps.argmin(axis=0)
        least = gaps[place, np.arange(len(second))]
        nearest = np.where(least < closest, place + some.start, nearest)
        closest = np.minimum(least, closest)
    k = min(NEIGHBOURS_DC, len(first) - 1)
    return {
        "precision": _share(precise, w2),
        "recall": _share(recalled, w1),
        "density": float(np.sum(hits * w2) / (k * w2.sum())),
        "coverage": _share(covered, w1),
        "nearer": _share(closest < own[0][nearest], w2),
    }


def _own_distances(x: Array, places: Sequence[int]) -> Array:
    """Squared distances of every image to its k-th neighbour in its set: [places, images]."""
    found = np.empty((len(places), len(x)))
    for some in _chunks(len(x)):
        gaps = _distances(x[some], x)
        gaps[np.arange(len(gaps)), np.arange(some.start, some.stop)] = np.inf
        for row, k in enumerate(places):
            found[row, some] = _kth(gaps, k)
    return found


def _share(hits: Any, weights: Array) -> float:
    return float(weights @ hits / weights.sum())


def _kth(distances: Array, k: int) -> Array:
    place = min(k, distances.shape[1] - 1) - 1
    return np.asarray(np.partition(distances, max(place, 0), axis=1)[:, max(place, 0)])


def _distances(first: Array, second: Array) -> Array:
    """Squared Euclidean distances."""
    squares = np.sum(first**2, axis=1)[:, None] + np.sum(second**2, axis=1)[None]
    return np.asarray(np.maximum(squares - 2 * (first @ second.T), 0.0))


def feature_metrics(name: str, column: str) -> list[Metric]:
    """The metrics over one encoder's features."""
    section = f"Features: {name}"

    def both(real: Images, generated: Images) -> tuple[Array, Array, Array, Array]:
        first, second = (np.asarray(one[column], np.float64) for one in (real, generated))
        return first, second, real.weights, generated.weights

    def _frechet(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
        found = frechet(real[column], generated[column], real.weights, generated.weights)
        return {f"{name}_frechet": Value(found)}

    def _kernel(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
        given = both(real, generated)
        return {
            f"{name}_kernel": Value(kernel_distance(*given)),
            f"{name}_cmmd": Value(cmmd(*given)),
        }

    def _manifold(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
        found = manifold(*both(real, generated))
        return {f"{name}_{key}": Value(value) for key, value in found.items()}

    titles = {
        "precision": f"Precision, {name}: generated within the real manifold",
        "recall": f"Recall, {name}: real within the generated manifold",
        "density": f"Density, {name}",
        "coverage": f"Coverage of the real images, {name}",
        "nearer": f"Generated nearer to a real image than any other real is, {name}",
    }
    return [
        Metric(section, (Figure(f"{name}_frechet", f"Frechet distance, {name}", "", *SIZE),),
               (column,), _frechet, fewest=64, draws=20),
        Metric(section, (Figure(f"{name}_kernel", f"Kernel distance (KID), {name}"),
                         Figure(f"{name}_cmmd", f"CMMD, {name}")),
               (column,), _kernel, fewest=32, most=_MOST_KERNEL, draws=30),
        Metric(section,
               tuple(Figure(f"{name}_{key}", title, "", *(SIZE if key == "density" else SHARE))
                     for key, title in titles.items()),
               (column,), _manifold, distance=True, two_sided=True, fewest=64,
               most=_MOST_NEIGHBOURS, draws=30),
    ]  # fmt: skip
