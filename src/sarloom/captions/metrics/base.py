"""What a caption metric is given, and what it answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

Words = tuple[str, ...]
Grams = Counter[Words]

LONGEST = 4
"""Runs of up to four words are counted, by BLEU and CIDEr alike."""


class NotComputed(Exception):
    """A metric cannot be computed here; the text says why and what would help."""


@dataclass(frozen=True)
class Programs:
    """Where programs other than Python are, for the metrics that need one; None to look."""

    meteor_jar: Path | None = None


@dataclass(frozen=True)
class Corpus:
    """Tokenized captions: one hypothesis and some references for every image."""

    hypotheses: tuple[Words, ...]
    references: tuple[tuple[Words, ...], ...]
    """At least one for every image."""
    _counted: dict[Words, tuple[Grams, ...]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if len(self.hypotheses) != len(self.references) or not self.hypotheses:
            raise ValueError("one hypothesis for every image, and at least one image")
        if not all(self.references):
            raise ValueError("every image needs a reference")

    @classmethod
    def of(
        cls, hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
    ) -> Corpus:
        """From lists of words."""
        return cls(
            tuple(tuple(words) for words in hypotheses),
            tuple(tuple(tuple(words) for words in several) for several in references),
        )

    def grams(self, words: Words) -> tuple[Grams, ...]:
        """How often every run of 1, 2, 3 and 4 words occurs; counted once per distinct caption."""
        found = self._counted.get(words)
        if found is None:
            found = tuple(_runs(words, length) for length in range(1, LONGEST + 1))
            self._counted[words] = found
        return found

    @cached_property
    def distinct(self) -> tuple[tuple[Words, ...], ...]:
        """References of every image, each once, for metrics that take the best of them."""
        return tuple(tuple(dict.fromkeys(several)) for several in self.references)


def _runs(words: Words, length: int) -> Grams:
    return Counter(zip(*(words[start:] for start in range(length)), strict=False))


Measure = Callable[[Corpus, Programs], tuple[float, ...]]


@dataclass(frozen=True)
class Metric:
    """One or more figures of a corpus, computed together."""

    figures: tuple[str, ...]
    """Names as printed."""
    measure: Measure
    """Answers in the order of ``figures``; raises NotComputed where it cannot."""
