"""Distances between two sets of features.

Frechet distance (Heusel et al. 2017), kernel distance (Binkowski et al. 2018), CMMD (Jayasumana et
al. 2024), improved precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et
al. 2020), and the share of generated images nearer to a real one than that is to any other real
(Alaa et al. 2022, one minus authenticity).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from ..table import Array, Images
from .base import SHARE, SIZE, Figure, Metric, Value

NEIGHBOURS_PR, NEIGHBOURS_DC = 3, 5
_MOST_KERNEL, _MOST_NEIGHBOURS = 2000, 2000


def frechet(first: Array, second: Array, w1: Array | None = None, w2: Array | None = None) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features [images, dimensions].

    The trace of the root is the nuclear norm of X1 X2^T over the centred features, or with fewer
    dimensions than images the sum of the roots of the eigenvalues of the symmetric
    C1^(1/2) C2 C1^(1/2); neither needs the root of an unsymmetric matrix.

    Parameters
    ----------
    w1, w2
        How often each image counts.
    """
    (m1, x1), (m2, x2) = _centred(first, w1), _centred(second, w2)
    shift = float(np.sum((m1 - m2) ** 2))
    total = float(np.sum(x1**2) + np.sum(x2**2))
    if min(len(x1), len(x2)) < x1.shape[1]:
        root = float(linalg.svdvals(x1 @ x2.T, check_finite=False).sum())
    else:
        values, vectors = linalg.eigh(x1.T @ x1, check_finite=False)
        half = vectors * np.sqrt(np.maximum(values, 0.0))
        product = half.T @ ((x2.T @ x2) @ half)
        roots = linalg.eigvalsh(product, check_finite=False)
        root = float(np.sqrt(np.maximum(roots, 0.0)).sum())
    return max(0.0, shift + total - 2 * root)


def _centred(x: Array, weights: Array | None) -> tuple[Array, Array]:
    """Mean, and features without it such that X^T X is the covariance (over n - 1)."""
    w = np.ones(len(x)) if weights is None else weights
    mean = w @ x / w.sum()
    return mean, (x - mean) * np.sqrt(w / (w.sum() - 1.0))[:, None]


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


def _mmd(first: Array, second: Array, w1: Array | None, w2: Array | None, kernel: object) -> float:
    assert callable(kernel)
    a = np.ones(len(first)) if w1 is None else w1
    b = np.ones(len(second)) if w2 is None else w2
    return float(
        _within(kernel(first, first), a)
        + _within(kernel(second, second), b)
        - 2 * (a @ kernel(first, second) @ b) / (a.sum() * b.sum())
    )


def _within(matrix: Array, w: Array) -> float:
    """Mean over pairs of different images."""
    pairs = w.sum() ** 2 - np.sum(w**2)
    return float((w @ matrix @ w - np.sum(w**2 * np.diag(matrix))) / max(pairs, 1e-12))


def manifold(first: Array, second: Array, w1: Array, w2: Array) -> dict[str, float]:
    """Precision, recall, density, coverage and nearness of ``second`` (generated) to ``first``."""
    rr, gg, rg = _distances(first, first), _distances(second, second), _distances(first, second)
    np.fill_diagonal(rr, np.inf)
    np.fill_diagonal(gg, np.inf)
    real_radius, fake_radius = _kth(rr, NEIGHBOURS_PR), _kth(gg, NEIGHBOURS_PR)
    ball = _kth(rr, NEIGHBOURS_DC)
    inside = rg < ball[:, None]
    nearest = rg.argmin(axis=0)
    nearer = rg.min(axis=0) < rr.min(axis=1)[nearest]
    k = min(NEIGHBOURS_DC, len(first) - 1)
    return {
        "precision": _share((rg < real_radius[:, None]).any(axis=0), w2),
        "recall": _share((rg < fake_radius[None, :]).any(axis=1), w1),
        "density": float(np.sum(inside.sum(axis=0) * w2) / (k * w2.sum())),
        "coverage": _share(inside.any(axis=1), w1),
        "nearer": _share(nearer, w2),
    }


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
        return {f"{name}_frechet": Value(frechet(*both(real, generated)))}

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
