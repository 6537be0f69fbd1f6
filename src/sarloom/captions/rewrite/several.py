"""Captions of one image, and of a whole set: no two alike, none everywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from .lexicon import words_of
from .report import RewriteReport
from .sentence import Rewritten, rewrite_caption

NEARLY = 0.85
"""Share of content words in common above which two captions say the same."""
_LITTLE = words_of(
    """a an the some many several few lots lot of in on at with and or is are it its their there
    that which this these next to near by beside very quite also here by"""
)


_remembered = lru_cache(4096)(rewrite_caption)  # captions of a data set repeat


def says(caption: str) -> frozenset[str]:
    """Content words of a caption."""
    return frozenset(re.findall(r"[\w'-]+", caption.lower())) - _LITTLE


def nearly_same(one: str, other: str) -> bool:
    """Whether two captions differ in little words only."""
    first, second = says(one), says(other)
    if not first or not second:
        return one == other
    return len(first & second) / len(first | second) >= NEARLY


def rewrite_captions(
    captions: Sequence[str], report: RewriteReport | None = None
) -> list[tuple[int, Rewritten]]:
    """Rewrite the captions of one image and leave out those that say nothing new.

    Returns
    -------
    list of (int, Rewritten)
        Number of the caption in ``captions``, and what became of it; in the order given. Empty
        where nothing is left of any.
    """
    counts = RewriteReport() if report is None else report
    kept: list[tuple[int, Rewritten]] = []
    for number, caption in enumerate(captions):
        made = _remembered(caption)
        counts.count(caption, made)
        if not made.text:
            counts.dropped["nothing left"] += 1
        elif any(made.text == other.text for _, other in kept):
            counts.dropped["same as another of the image"] += 1
        elif any(nearly_same(made.text, other.text) for _, other in kept):
            counts.dropped["nearly as another of the image"] += 1
        else:
            kept.append((number, made))
    counts.written += len(kept)
    counts.bare += bool(captions) and not kept
    return kept


class Repeats:
    """Holds back a caption that already stands at many tiles.

    A captioner says 'many buildings' of half a town; a model trained on it learns the sentence
    instead of the picture.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.times: Counter[str] = Counter()

    def choose(self, captions: Sequence[str]) -> tuple[int, bool]:
        """Number of the first caption that is not used up, and whether all were."""
        free = (n for n, one in enumerate(captions) if self.times[one] < self.most)
        at = next(free, None) if self.most else 0
        chosen = at if at is not None else 0
        self.times[captions[chosen]] += 1
        return chosen, at is None
