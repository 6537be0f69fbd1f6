"""Did a model learn its training tiles by heart? Generated images beside their nearest tiles.

An image is compared with all training tiles in the latents of the base. Its *ratio* is the distance
to the nearest tile over the mean distance to the fifty next ones, after Carlini et al. 2023,
*Extracting Training Data from Diffusion Models*, section 4.2; a smooth image is near to everything,
and the ratio forgives it that. The threshold comes from the training tiles themselves: a hundredth
of them have a smaller ratio to the rest. So of images that have nothing to do with the tiles about
one in a hundred is flagged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

NEIGHBOURS = 50
PERCENTILE = 1.0
MOST_REFERENCES = 1024
"""Training tiles from which the threshold is taken; spread evenly over the set."""
LEAST = 8
"""Fewer training tiles have no distribution of distances."""


@dataclass(frozen=True)
class Nearest:
    """What lies nearest to each of some images."""

    index: NDArray[np.int64]
    distance: NDArray[np.float64]
    """Root mean square difference of latents of about unit variance."""
    ratio: NDArray[np.float64]


def nearest(
    images: torch.Tensor, tiles: torch.Tensor, itself: NDArray[np.int64] | None = None
) -> Nearest:
    """Nearest tile of each image.

    Parameters
    ----------
    images, tiles
        Latents [n, c, h, w] and [m, c, h, w], m at least 3.
    itself
        Number of each image among the tiles, where it is one of them and shall not count.
    """
    flat = tiles.flatten(1).float()
    found = []
    for start in range(0, len(images), 64):
        chunk = images[start : start + 64].flatten(1).float()
        distances = torch.cdist(chunk, flat) / flat.shape[1] ** 0.5
        if itself is not None:
            rows = torch.arange(len(chunk))
            distances[rows, torch.from_numpy(itself[start : start + 64])] = torch.inf
        others = len(flat) - 1 - (itself is not None)
        low, where = distances.topk(1 + min(NEIGHBOURS, others), largest=False)
        found.append((where[:, 0], low[:, 0], low[:, 0] / low[:, 1:].mean(dim=1)))
    index, distance, ratio = (torch.cat(part).numpy() for part in zip(*found, strict=True))
    return Nearest(index.astype(np.int64), distance.astype(float), ratio.astype(float))


@dataclass(frozen=True)
class Judge:
    """The training tiles and the ratio below which an image counts as one of them."""

    tiles: torch.Tensor
    threshold: float
    typical: float
    """Median ratio of the training tiles among themselves."""

    @classmethod
    def of(cls, tiles: torch.Tensor) -> Judge | None:
        """From training latents [n, c, h, w]; None where there are too few."""
        if len(tiles) < LEAST:
            return None
        chosen = np.linspace(0, len(tiles) - 1, min(len(tiles), MOST_REFERENCES)).astype(np.int64)
        own = nearest(tiles[torch.from_numpy(chosen)], tiles, chosen).ratio
        return cls(tiles, float(np.percentile(own, PERCENTILE)), float(np.median(own)))

    def report(self, images: torch.Tensor, ids: list[str]) -> list[dict[str, Any]]:
        """Of each image [n, c, h, w] its nearest tile, distance, ratio, and whether it is flagged.

        ``ids`` name the tiles.
        """
        found = nearest(images, self.tiles)
        return [
            {
                "nearest": ids[int(index) % len(ids)],
                "distance": round(float(distance), 5),
                "ratio": round(float(ratio), 5),
                "memorised": bool(ratio < self.threshold),
            }
            for index, distance, ratio in zip(found.index, found.distance, found.ratio, strict=True)
        ]
