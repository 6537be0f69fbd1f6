"""BLEU-1 to BLEU-4 of a corpus (Papineni et al. 2002), as the COCO caption evaluation counts it."""

from __future__ import annotations

import math

from .base import LONGEST, Corpus, Programs

TINY = 1e-15
SMALL = 1e-9
"""Added to counts and to totals in the published evaluation. They stand in for smoothing: a corpus
without a common run of four words has a BLEU-4 of some 1e-4 and not 0."""


def bleu(corpus: Corpus, programs: Programs | None = None) -> tuple[float, ...]:
    r"""BLEU-1, BLEU-2, BLEU-3 and BLEU-4, each between 0 and 1.

    .. math:: B_n = b \, \bigl(\textstyle\prod_{k \le n} p_k\bigr)^{1/n}, \qquad
       b = \min(1, e^{1 - r/c})

    with :math:`p_k` the share of runs of k words that the references of the same image confirm,
    each as often as the one that has it most, :math:`c` the number of words in all hypotheses and
    :math:`r` that of the references closest in length, the shorter of two equally close.
    """
    right, total = [0] * LONGEST, [0] * LONGEST
    written = wanted = 0
    for words, references in zip(corpus.hypotheses, corpus.distinct, strict=True):
        length = len(words)
        written += length
        wanted += min((abs(len(one) - length), len(one)) for one in references)[1]
        known = [corpus.grams(one) for one in references]
        for order, grams in enumerate(corpus.grams(words)):
            total[order] += max(0, length - order)
            found = [one[order] for one in known]
            # most runs occur once: whether any reference has them is all that matters
            for run, count in grams.items():
                if count == 1:
                    right[order] += any([run in one for one in found])  # noqa: C419 - quicker
                else:
                    right[order] += min(count, max([one.get(run, 0) for one in found]))
    return _figures(right, total, written, wanted)


def _figures(right: list[int], total: list[int], written: int, wanted: int) -> tuple[float, ...]:
    """Geometric means of the shares with the penalty for brevity."""
    ratio = (written + TINY) / (wanted + SMALL)
    brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, figures = 1.0, []
    for order in range(LONGEST):
        product *= (right[order] + TINY) / (total[order] + SMALL)
        figures.append(brevity * product ** (1 / (order + 1)))
    return tuple(figures)
