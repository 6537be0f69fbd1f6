"""Randomly drawn captions to score: the same on every machine for the same number."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

_SENTENCES = """many planes are parked next to a long building in an airport .
Some boats are in a port near many buildings and green trees.
There is a baseball field beside the green playground
a river with a bridge over it goes through a dense residential area.
four white storage tanks are near a road, and a parking lot is beside them .
It's a bird's-eye view of the viaduct with many cars on it.
the church isn't large; it has a gray roof and a small square .
A piece of farmland is divided into 12 rectangles (light green).
several ships moored in the harbor , with 2-3 cranes on the pier"""

_ODD = """
's n't U.S. 3.5 1,000 20% (left) "red" `` -- - ... ? ! ?! ; and/or e.g. etc. st. I'm cannot
#1 & $5 100x100 L-shaped '90s planes' No. Mr. a. image.There court,and <unk> café ½ “red” – * + =
a_b 1990s two-story Ave. trees,well-kept rock'n'roll are'on the'edge ##ing"""

SENTENCES = _SENTENCES.split("\n")
ODD = _ODD.split()


@dataclass(frozen=True)
class Case:
    """Raw captions of a few images."""

    hypotheses: list[str]
    references: list[list[str]]


class _Draw:
    """Only `random()` is used: its numbers are promised to stay the same."""

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)

    def below(self, number: int) -> int:
        return int(self._source.random() * number)

    def one(self, of: Sequence[str]) -> str:
        return of[self.below(len(of))]

    def caption(self) -> str:
        """A sentence with some words dropped, doubled, swapped, shouted or made odd."""
        if self.below(60) == 0:
            return ""
        words = self.one(SENTENCES).split()
        for _ in range(self.below(6)):
            place = self.below(len(words) + 1)
            change = self.below(6)
            if change == 0:
                words.insert(place, self.one(ODD))
            elif change == 1:
                words[place : place + 1] = []
            elif change == 2:
                words[place:place] = self.one(SENTENCES).split()[: self.below(5)]
            elif change == 3:
                words[place:place] = words[place : place + 1]
            elif change == 4 and place < len(words):
                words[place] += self.one((",", ".", "!", ";", "'s"))
            elif place < len(words):
                words[place] = words[place].upper()
        return " ".join(words)


def draw(seed: int) -> Case:
    """One to six images with one to five references each, some of them repeated."""
    source = _Draw(seed)
    images = 1 + source.below(6)
    references = [[source.caption() for _ in range(1 + source.below(5))] for _ in range(images)]
    # the published evaluation stops with an error where no reference at all has a word
    references[0][0] = references[0][0] or SENTENCES[0]
    for several in references:
        if len(several) > 1 and source.below(3) == 0:
            several[-1] = several[0]
    hypotheses = [
        several[0] if source.below(8) == 0 else source.caption() for several in references
    ]
    return Case(hypotheses, references)
