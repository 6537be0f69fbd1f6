"""Do images show what their captions say? By an image-text model, in each set by itself.

Score: 100 times the mean cosine of an image and its caption (CLIPScore without its factor 2.5;
Hessel et al. 2021). Retrieval: how often an image's own caption is among the first k of a gallery
of captions, sorted by cosine. The gallery is drawn from the set's other captions; the chance of a
hit over all such draws is computed, not sampled, so the figure hangs on no draw.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from ..table import Array, Images
from .base import Figure, Metric, Value

SECTION = "Prompt alignment"
GALLERY = 100
RANKS = (1, 5)
_SAME = 1 - 1e-5
"""Cosine from which on two captions count as one."""


def alignment_metric(name: str, images: str, captions: str) -> Metric:
    """The metric over columns of unit vectors of images and of their captions.

    Parameters
    ----------
    name
        Of the model, as it stands in the figures' keys.
    images, captions
        Names of summaries.
    """

    def compute(real: Images, generated: Images, rng: np.random.Generator) -> dict[str, Value]:
        both = [Similarities.of(one, images, captions) for one in (real, generated)]
        size = min(GALLERY, *(one.captions for one in both))
        found = [
            {
                f"{name}_score": one.score,
                f"{name}_margin": one.margin,
                **{f"{name}_recall_{k}": one.recall(k, size) for k in RANKS},
                f"{name}_gallery": float(size),
            }
            for one in both
        ]
        first, second = found
        return {key: Value(second[key] - first[key], first[key], second[key]) for key in first}

    figures = (
        Figure(f"{name}_score", "SAR-CLIP score: image and its caption, 100 cosine"),
        Figure(f"{name}_margin", "SAR-CLIP score above that of the set's other captions"),
        *(
            Figure(f"{name}_recall_{k}", f"R@{k}: own caption among the first {k} of the gallery")
            for k in RANKS
        ),
        Figure(f"{name}_gallery", f"Captions in the gallery, {GALLERY} at the most"),
    )
    return Metric(
        SECTION, figures, (images, captions), compute, distance=False, fewest=32, most=2000,
        draws=50,
    )  # fmt: skip


class Similarities:
    """Cosines of every captioned image of a set with every different caption of it."""

    def __init__(self, cosines: Array, own: np.ndarray, weights: Array) -> None:
        """Take cosines [images, captions], each image's own caption, and weights."""
        self.cosines, self._own, self._weights = cosines, own, weights
        self._rows = np.arange(len(own))

    @classmethod
    def of(cls, table: Images, images: str, captions: str) -> Similarities:
        """From a table; images without a caption are left out."""
        seen = np.asarray(table[images], np.float64)
        said = np.asarray(table[captions], np.float64)
        good = np.isfinite(said).all(axis=1) & np.isfinite(seen).all(axis=1)
        different, own = distinct(said[good])
        return cls(seen[good] @ different.T, own, table.weights[good])

    @property
    def captions(self) -> int:
        """How many different ones."""
        return int(self.cosines.shape[1])

    @property
    def score(self) -> float:
        """100 times the mean cosine of images with their own captions."""
        return 100 * self._mean(self.cosines[self._rows, self._own])

    @property
    def margin(self) -> float:
        """The score above that of the other captions; near zero for captions drawn at random."""
        if self.captions < 2:
            return float("nan")
        mine = self.cosines[self._rows, self._own]
        others = (self.cosines.sum(axis=1) - mine) / (self.captions - 1)
        return 100 * self._mean(mine - others)

    def recall(self, k: int, gallery: int) -> float:
        """Mean chance that fewer than k of ``gallery`` - 1 other captions fit better.

        The others are drawn without replacement, so their number is hypergeometric.
        """
        if self.captions < 2:
            return float("nan")
        mine = self.cosines[self._rows, self._own]
        better = (self.cosines > mine[:, None]).sum(axis=1)
        chance = stats.hypergeom.cdf(k - 1, self.captions - 1, better, gallery - 1)
        return self._mean(chance)

    def _mean(self, values: Array) -> float:
        return float(self._weights @ values / self._weights.sum())


def distinct(vectors: Array) -> tuple[Array, np.ndarray]:
    """The different rows, and which of them each row is."""
    kept: list[int] = []
    own = np.empty(len(vectors), int)
    for row, vector in enumerate(vectors):
        near = vectors[kept] @ vector if kept else np.zeros(0)
        if near.size and near.max() >= _SAME:
            own[row] = int(near.argmax())
        else:
            own[row] = len(kept)
            kept.append(row)
    return vectors[kept], own
