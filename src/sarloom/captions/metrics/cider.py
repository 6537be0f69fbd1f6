"""CIDEr-D (Vedantam et al. 2015), as the COCO caption evaluation counts it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from .base import LONGEST, Corpus, Programs, Words

SIGMA = 6.0
"""Width of the penalty for a difference in length [words]."""
SCALE = 10.0


@dataclass(frozen=True)
class _Vector:
    """Weights of runs of 1 to 4 words, the lengths of these vectors, and the caption's length."""

    weights: tuple[dict[Words, float], ...]
    norms: tuple[float, ...]
    length: int
    """Number of pairs of words: what the published evaluation takes for length."""


def cider(corpus: Corpus, programs: Programs | None = None) -> tuple[float]:
    r"""Mean over images of CIDEr-D, between 0 and 10.

    Captions are vectors of :math:`\mathrm{tf} \cdot \ln(N / \mathrm{df})` over runs of n words; N
    is the number of images, df the number of images that have the run in a reference. An image's
    score is the mean over references and n = 1..4 of

    .. math:: 10 \, e^{-(l_h - l_r)^2 / 2 \sigma^2} \,
       \frac{\sum \min(h, r) \, r}{\lVert h \rVert \, \lVert r \rVert}

    Since df is counted in the very references that are scored against, figures of different image
    sets cannot be compared, and one image alone always has 0.
    """
    images = math.log(len(corpus.references))
    rarity = {run: images - math.log(number) for run, number in _document_frequency(corpus).items()}
    vectors: dict[Words, _Vector] = {}

    def vector(words: Words) -> _Vector:
        if words not in vectors:
            vectors[words] = _vector(corpus, words, rarity, images)
        return vectors[words]

    total = 0.0
    for words, references in zip(corpus.hypotheses, corpus.references, strict=True):
        hypothesis = vector(words)
        of_image = sum(_similarity(hypothesis, vector(one)) for one in references)
        total += SCALE * of_image / len(references)
    return (total / len(corpus.hypotheses),)


def _document_frequency(corpus: Corpus) -> Counter[Words]:
    """In how many images a run occurs in any reference."""
    found: Counter[Words] = Counter()
    for several in corpus.distinct:
        found.update({run for one in several for grams in corpus.grams(one) for run in grams})
    return found


def _vector(corpus: Corpus, words: Words, rarity: dict[Words, float], unseen: float) -> _Vector:
    """Weights of a caption; a run that no reference has counts as seen once."""
    weights = tuple(
        {run: count * rarity.get(run, unseen) for run, count in grams.items()}
        for grams in corpus.grams(words)
    )
    norms = tuple(math.sqrt(sum(value * value for value in one.values())) for one in weights)
    return _Vector(weights, norms, max(0, len(words) - 1))


def _similarity(hypothesis: _Vector, reference: _Vector) -> float:
    """Clipped cosine, mean over the lengths of runs, with the penalty for length."""
    total = 0.0
    for order in range(LONGEST):
        norms = hypothesis.norms[order] * reference.norms[order]
        if norms == 0.0:
            continue
        known = reference.weights[order]
        dot = 0.0
        for run, weight in hypothesis.weights[order].items():
            other = known.get(run)
            if other is not None:
                dot += min(weight, other) * other
        total += dot / norms
    gap = hypothesis.length - reference.length
    return total / LONGEST * math.exp(-(gap**2) / (2 * SIGMA**2))
