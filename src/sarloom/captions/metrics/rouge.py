"""ROUGE-L (Lin 2004), as the COCO caption evaluation counts it."""

from __future__ import annotations

from .base import Corpus, Programs, Words

BETA = 1.2
"""How much more recall weighs than precision."""


def rouge_l(corpus: Corpus, programs: Programs | None = None) -> tuple[float]:
    r"""Mean over images of :math:`(1 + \beta^2) P R / (R + \beta^2 P)`, between 0 and 1.

    P and R are the longest common subsequence over the length of the hypothesis and of the
    reference. The largest P and the largest R over the references of an image are taken, which need
    not be of the same reference; other programs take the best F, and differ.
    """
    scores = [
        _f_measure(words, references)
        for words, references in zip(corpus.hypotheses, corpus.distinct, strict=True)
    ]
    return (sum(scores) / len(scores),)


def _f_measure(words: Words, references: tuple[Words, ...]) -> float:
    # an empty caption counts as one empty word, in the published evaluation and so here
    words = words or ("",)
    places = _places(words)
    precision = recall = 0.0
    for reference in references:
        common = common_length(places, len(words), reference or ("",))
        precision = max(precision, common / len(words))
        recall = max(recall, common / (len(reference) or 1))
    if precision == 0.0:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _places(words: Words) -> dict[str, int]:
    """Where each word stands, as bits of a whole number."""
    places: dict[str, int] = {}
    for place, word in enumerate(words):
        places[word] = places.get(word, 0) | 1 << place
    return places


def common_length(places: dict[str, int], length: int, other: Words) -> int:
    """Length of the longest common subsequence, a row of the table at a time.

    Bits of one whole number stand for a row of the usual table: bit i is 0 where the row grows at
    column i (Hyyrö 2004), so the answer is the number of zeros after the last row.
    """
    ones = (1 << length) - 1
    row = ones
    for word in other:
        matches = row & places.get(word, 0)
        row = ((row + matches) | (row - matches)) & ones
    return length - row.bit_count()
