"""Captions from facts: lower-case noun phrases, to stand behind 'A SAR image of'."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from .measure import Found, TileFacts
from .tags import KINDS, MASS

MAX_WORDS = 45
"""So that a caption fits CLIP's 77 tokens."""
_NUMBERS = [
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
_SHARES: tuple[tuple[float, tuple[str, ...]], ...] = (
    (0.12, ("a small part of the scene",)),
    (0.29, ("about a quarter of the scene", "a quarter of the scene")),
    (0.41, ("about a third of the scene", "a third of the scene")),
    (0.58, ("about half of the scene", "half of the scene")),
    (0.71, ("about two thirds of the scene", "two thirds of the scene")),
    (0.85, ("about three quarters of the scene", "most of the scene")),
    (0.97, ("nearly all of the scene", "most of the scene")),
    (1.01, ("the whole scene", "all of the scene")),
)
_PLACES: dict[str, tuple[str, ...]] = {
    "left": ("on the left", "on the left side"),
    "right": ("on the right", "on the right side"),
    "top": ("at the top", "along the top"),
    "bottom": ("at the bottom", "along the bottom"),
    "centre": ("in the centre", "in the middle"),
    "throughout": ("throughout",),
    **{f"{level} {side}": (f"in the {level} {side}", f"in the {level} {side} corner")
       for level in ("upper", "lower") for side in ("left", "right")},
}  # fmt: skip
_ALONG = ("running", "going", "leading")
MIN_HEAD_SHARE = 0.35


def sentences(facts: TileFacts, count: int, seed: str) -> list[str]:
    """Different captions of one tile; none where nothing is known.

    Parameters
    ----------
    facts
        What may be said.
    count
        How many; fewer come back where there is little to say.
    seed
        The same seed and facts give the same captions.
    """
    if not facts.found:
        return []
    rng = random.Random(seed)
    writers: list[Callable[[TileFacts, random.Random], str]] = [_short, _placed, _shares, _related]
    made: list[str] = []
    for attempt in range(12 * count):
        text = writers[attempt % 4](facts, rng)
        if text and text not in made and len(text.split()) <= MAX_WORDS:
            made.append(text)
        if len(made) == count:
            break
    return made


def article(words: str) -> str:
    """'a road', 'an airport'."""
    vowel = words[0] in "aeiou" and not words.startswith(("uni", "use", "eu", "one"))
    return f"{'an' if vowel else 'a'} {words}"


def number(count: int) -> str:
    """'three'; 'many' beyond twelve, which nobody counts at a glance."""
    return _NUMBERS[count] if count < len(_NUMBERS) else "many"


def name(one: Found) -> str:
    """'farmland', 'a lake', 'three storage tanks', 'many buildings'."""
    if one.kind not in KINDS or one.kind in MASS or one.count == 0:
        return _mass(one)
    feature = KINDS[one.kind]
    if one.count == 1:
        return article(feature.singular)
    return f"{number(one.count)} {feature.plural}"


def _mass(one: Found) -> str:
    """What is not counted: of a raster's class 'lake' only the water is known."""
    words = {"water": "open water", "forest": "forest", "mangrove": "mangrove forest"}
    if one.kind in KINDS and one.kind not in MASS and one.kind not in words:
        return KINDS[one.kind].plural
    return words.get(one.kind, KINDS[one.kind].singular if one.kind in KINDS else one.kind)


def _located(one: Found, rng: random.Random) -> str:
    """With its place or its direction."""
    if one.direction and one.count == 1:
        return f"{name(one)} {rng.choice(_ALONG)} {one.direction}"
    place = _PLACES.get(one.where)
    if place is None or (one.where == "throughout" and (one.share > 0.5 or one.count < 4)):
        return name(one)
    return f"{name(one)} {rng.choice(place)}"


def join(parts: Sequence[str]) -> str:
    """'a, b and c'."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def _head(facts: TileFacts) -> tuple[str, list[Found]]:
    """What the scene is called, and what is left to say."""
    areas = [one for one in facts.found if one.share >= MIN_HEAD_SHARE]
    named = [one for one in facts.found if one.weight >= 4]
    first = (named or areas or list(facts.found))[0]
    rest = [one for one in facts.found if one is not first]
    return name(first), rest


def _short(facts: TileFacts, rng: random.Random) -> str:
    """'farmland with a river and three roads'."""
    head, rest = _head(facts)
    items = [name(one) for one in rest[: rng.choice((1, 2, 3))]]
    return f"{head} with {join(items)}" if items else head


def _placed(facts: TileFacts, rng: random.Random) -> str:
    """'two storage tanks in the upper left, a road running from left to right'."""
    return join([_located(one, rng) for one in facts.found[: rng.choice((2, 3, 4))]])


def _shares(facts: TileFacts, rng: random.Random) -> str:
    """'farmland covering about two thirds of the scene, with a river on the left'."""
    areas = sorted((one for one in facts.found if one.share), key=lambda one: -one.share)
    if not areas:
        return ""
    parts = []
    for one in areas[: rng.choice((1, 2))]:
        words = next(words for top, words in _SHARES if one.share < top)
        parts.append(f"{name(one)} covering {rng.choice(words)}")
    said = {one.kind for one in areas[: len(parts)]}
    rest = [one for one in facts.found if one.kind not in said][: rng.choice((0, 1, 2))]
    tail = f", with {join([_located(one, rng) for one in rest])}" if rest else ""
    return join(parts) + tail


def _related(facts: TileFacts, rng: random.Random) -> str:
    """'a lake left of forest', 'a river crossing farmland, with many buildings'."""
    if not facts.relations:
        return ""
    subject, relation, other = rng.choice(facts.relations)
    by_kind = {one.kind: one for one in facts.found}
    rest = [one for one in facts.found if one.kind not in (subject, other)]
    tail = f", with {join([name(one) for one in rest[:2]])}" if rest and rng.random() < 0.6 else ""
    return f"{name(by_kind[subject])} {relation} {name(by_kind[other])}{tail}"
