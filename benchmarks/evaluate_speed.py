"""Time of co-occurrence features against scikit-image, and of FD and KID against torchmetrics.

pip install scikit-image torchmetrics    # into an environment that has sarloom
python benchmarks/evaluate_speed.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sarloom.evaluate.metrics.features import frechet, kernel_distance
from sarloom.evaluate.summaries.glcm import (
    DIRECTIONS,
    FEATURES,
    cooccurrence,
    haralick,
    levels_of,
)


def best(work: Callable[[], Any], times: int = 20) -> tuple[float, Any]:
    """Shortest of several processor times [s], and the last answer."""
    found = []
    for _ in range(times):
        start = time.process_time()
        answer = work()
        found.append(time.process_time() - start)
    return min(found), answer


def textures() -> None:
    """Of levels that are all alike frequent, and of single-look speckle over sixteen patches."""
    rng = np.random.default_rng(0)
    texture("even levels", rng.integers(0, 32, (512, 512)).astype(np.uint16))
    ground = np.kron(rng.uniform(1, 6, (4, 4)), np.ones((128, 128)))
    power = ground * rng.standard_exponential((512, 512))
    decibels = 10 * np.log10(power / np.median(power))
    texture("speckle", levels_of(decibels.astype(np.float32)))


def texture(what: str, levels: np.ndarray) -> None:
    from skimage.feature import graycomatrix, graycoprops

    distances, angles = [1, 2, 4], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]

    def theirs() -> np.ndarray:
        found = graycomatrix(levels, [1], angles, 32, symmetric=True, normed=True)
        for distance in distances[1:]:
            graycomatrix(levels, [distance], angles, 32, symmetric=True, normed=True)
        for _ in distances:
            values = [graycoprops(found, name) for name in FEATURES]
        return np.array(values)[:, 0].T

    def ours() -> np.ndarray:
        offsets = tuple((d * down, d * right) for d in distances for down, right in DIRECTIONS)
        return haralick(cooccurrence(levels, offsets))

    (a, expected), (b, found) = best(theirs), best(ours)
    order = [DIRECTIONS.index(one) for one in ((0, 1), (1, 1), (1, 0), (1, -1))]
    gap = np.max(np.abs(found[order] / expected - 1)[:, [0, 1, 2, 3, 5]])
    print(f"GLCM of {what}, 512 x 512, 12 offsets: scikit-image {a * 1e3:.1f} ms, "
          f"sarloom {b * 1e3:.1f} ms, {a / b:.1f} times; largest gap {gap:.1e}")  # fmt: skip


def distances() -> None:
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    rng = np.random.default_rng(0)
    for dimensions, count in ((64, 300), (64, 10000), (256, 10000), (768, 2000)):
        first = rng.normal(size=(count, dimensions)).astype(np.float32)
        second = (rng.normal(size=(count, dimensions)) * 1.2 + 0.1).astype(np.float32)

        def features(x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)

        network = torch.nn.Flatten()
        network.num_features = dimensions  # type: ignore[assignment]
        a, b = (torch.from_numpy(x)[:, :, None, None] for x in (first, second))

        def fid(network: torch.nn.Module = network, a: Any = a, b: Any = b) -> float:
            metric = FrechetInceptionDistance(
                feature=network, normalize=False, input_img_size=(a.shape[1], 1, 1)
            )
            metric.update(a, real=True)
            metric.update(b, real=False)
            return float(metric.compute())

        def kid(network: torch.nn.Module = network, a: Any = a, b: Any = b) -> float:
            metric = KernelInceptionDistance(
                feature=network, subsets=100, subset_size=min(1000, len(a))
            )
            metric.update(a, real=True)
            metric.update(b, real=False)
            return float(metric.compute()[0])

        x, y = first.astype(np.float64), second.astype(np.float64)
        pairs: tuple[tuple[str, Callable[[], float], Callable[[], float]], ...] = (
            ("FD", fid, lambda x=first, y=second: frechet(x, y)),
            ("KID", kid, lambda x=x, y=y: kernel_distance(x, y)),
        )
        totals = [0.0, 0.0]
        for name, theirs, ours in pairs:
            (t, expected), (o, found) = best(theirs, 3), best(ours, 3)
            totals = [totals[0] + t, totals[1] + o]
            print(f"{name} {count} x {dimensions}: torchmetrics {t:.3f} s ({expected:.5f}), "
                  f"sarloom {o:.3f} s ({found:.5f}), {t / o:.1f} times")  # fmt: skip
        print(f"FD and KID {count} x {dimensions}: {totals[0] / totals[1]:.1f} times")


if __name__ == "__main__":
    textures()
    distances()
