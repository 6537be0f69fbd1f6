"""Captions of two kinds at once: patterns of ``joints`` filled with ``names`` as facts allow."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import permutations, zip_longest

import numpy as np

from . import joints
from .facts import SceneFacts
from .names import Name, names_of, winds
from .phrases import some_items
from .wording import join, pick

_LINES = ("river", "motorway")
_LONG = (*_LINES, "coast")
"""Kinds that something may lie along."""

_OWN_THINGS: dict[str, tuple[str, ...]] = {
    "farmland": ("field",), "forest": ("stand", "copse", "tree"), "vehicles": ("vehicle",),
    "suburb": ("house", "garden"), "coast": ("sea", "beach"), "city": ("building", "street"),
    "industry": ("building", "hall", "tank"), "mountains": ("ridge",),
    "harbour": ("ship", "quay"), "airport": ("runway", "aircraft"), "motorway": ("road",),
}  # fmt: skip
"""Things that the name of a part of a mixture may have said already."""

_LOOSE_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the and of on in at by to with from for one both side sides other part partly there "
        "here is are it them that which where left right top bottom upper lower but also as near "
        "through between along",
    )
)
"""Words that may come twice in a sentence without sounding wrong."""

_FRAMED = 0.13
"""Share of sentences that open with 'a view of', 'landscape with', ..."""
_CLOSED = re.compile(
    r"^(?:where|both|part|partly|not|on|at|left|one|there|from|near|beside|next|beyond|through|"
    r"between|along|a scene|a place|a mix|a mixture|a combination|a landscape|an area|the \w+ "
    r"(?:of|where|from))\b"
)
"""Openings before which no frame fits."""
_SLOT = re.compile(r"\{(?:([a-z]+)\+)?([ab])(0?)\}")
_VERB = re.compile(r"<([ab]):(\w+)/(\w+)>")

_DOUBLED = re.compile(r"\b(\w+) \1\b")

Pattern = tuple[str, str, str]
"""Sentence pattern, kind of a, kind of b."""
Add = Callable[[float, tuple[str, ...], str, str], None]


class Mixture:
    """Writes sentences about one mixture; no pattern comes twice while others are left."""

    def __init__(self, facts: SceneFacts, items: dict[str, tuple[str, ...]]) -> None:
        """``items``: what is worth a word in each kind of scene."""
        self._facts = facts
        self._families = families(facts)
        weights = np.array([weight for weight, _ in self._families])
        self._bounds = np.cumsum(weights) / weights.sum()
        self._names = {kind: names_of(facts, kind) for kind in facts.kinds}
        self._loose = {kind: names_of(facts, kind, loose=True) for kind in facts.kinds}
        self._spent: set[Pattern] = set()
        own = {name for kind in facts.kinds for name in _OWN_THINGS.get(kind, ())}
        first, second = (items[kind] for kind in facts.kinds)
        kinds = dict.fromkeys(name for pair in zip_longest(first, second) for name in pair if name)
        self._items = tuple(name for name in kinds if name not in own | set(facts.kinds))

    def draft(self, rng: np.random.Generator, plan: int) -> str:
        """One caption, or '' where the draw did not fit; plans 0 and 1 are short."""
        base = self._base(rng)
        if not base:
            return ""
        if plan < 2:
            if rng.random() < 2 * _FRAMED and not _CLOSED.match(base):
                frame = pick(rng, joints.FRAMES)
                return base if " with " in base and " with " in frame else frame.format(base)
            return base
        found = some_items(self._facts, self._items, rng, plan - 1, int(rng.integers(plan)))
        said = set(re.findall(r"[a-z-]+", base)) - _LOOSE_WORDS
        if not found or said & set(re.findall(r"[a-z-]+", " ".join(found))):
            return base
        chance = rng.random()
        if chance < 0.55:
            return f"{base}, with {join(found)}"
        if chance < 0.75 and " with " not in base and not base.startswith("where"):
            return f"{base} with {join(found)}"
        if chance < 0.9 or _CLOSED.match(base):
            return f"{base}, {', '.join(found)}"
        return f"{', '.join(found)}, {base}"

    def _base(self, rng: np.random.Generator) -> str:
        """The two parts and how they lie to each other."""
        index = min(int(np.searchsorted(self._bounds, rng.random())), len(self._families) - 1)
        options = self._families[index][1]
        chosen = pick(rng, options)
        for _ in range(4):
            if chosen not in self._spent:
                break
            chosen = pick(rng, options)
        self._spent.add(chosen)
        pattern, first, second = chosen
        names = self._loose if index == 0 else self._names
        a, b = pick(rng, names[first]), pick(rng, names[second])
        if pattern in joints.CROSSING_MANY and not b.plural:
            plural = [name for name in names[second] if name.plural]
            if not plural:
                return ""
            b = pick(rng, plural)
        text = filled(pattern, a, b, rng.random())
        words = [word for word in re.findall(r"[a-z-]+", text) if word not in _LOOSE_WORDS]
        doubled = len(set(words)) < len(words) or _DOUBLED.search(text)
        return "" if doubled else text


def filled(pattern: str, a: Name, b: Name, style: float) -> str:
    """A pattern with both names in it; '' where a name takes no adjective.

    ``style`` in [0, 1) chooses articles: mostly 'a' and 'an', at times 'the' before the second
    name or both, at times none at all, as in a search ('river through town').
    """
    parts = {"a": a, "b": b}
    fits = True

    def write(match: re.Match[str]) -> str:
        nonlocal fits
        adjective, letter, bare = match.groups()
        name = parts[letter]
        if adjective:
            text = name.modified(adjective)
            fits = fits and bool(text)
            return text
        if bare or style > 0.9:
            return name.bare
        later = match.start() > 0
        return name.definite() if style < 0.06 or (style < 0.3 and later) else name.indefinite()

    text = _SLOT.sub(write, pattern)
    text = _VERB.sub(lambda match: match[3] if parts[match[1]].plural else match[2], text)
    return text if fits else ""


def families(facts: SceneFacts) -> list[tuple[float, list[Pattern]]]:
    """The patterns that are true of a mixture, in groups with how often each group is drawn."""
    orders = list(permutations(facts.kinds, 2))
    crossed = any(facts.holds(a, "crossing", b) for a, b in orders)
    beside = any(facts.holds(a, "beside", b) for a, b in orders)
    straight = not any(kind in _LINES for kind in facts.kinds)
    groups: list[tuple[float, list[Pattern]]] = []

    def add(weight: float, patterns: tuple[str, ...], a: str, b: str) -> None:
        if patterns:
            groups.append((weight, [(pattern, a, b) for pattern in patterns]))

    groups.append((1.2, [(pattern, a, b) for a, b in orders for pattern in joints.ALWAYS]))
    for a, b in orders:
        if facts.holds(a, "crossing", b):
            add(2.6, joints.CROSSING, a, b)
            add(0.9, joints.CROSSING_MANY, a, b)
            add(1.2, joints.THROUGH.get(a, ()), a, b)
            add(0.4, joints.WITHIN.get((a, b), ()), a, b)
            if a == "river" and winds(facts):
                add(0.5, joints.WINDING, a, b)
        if facts.holds(a, "surrounded by", b) and not crossed:
            add(1.0, joints.SURROUNDED, a, b)
        for side, patterns in joints.ON_SIDES.items():
            if facts.holds(a, side, b) and not crossed:
                add(0.9, patterns, a, b)
        if not beside and not crossed:
            continue
        add(0.4 if crossed else 1.0, joints.NEAR, a, b)
        if b in _LONG and a not in _LONG:
            add(0.5, joints.ALONG, a, b)
        if not crossed:
            _add_beside(add, a, b, straight)
    return groups


def _add_beside(add: Add, a: str, b: str, straight: bool) -> None:
    """Patterns for a beside b where neither runs through the other."""
    if "vehicles" not in (a, b):
        add(0.9, joints.BORDER, a, b)
    if straight and a != "coast" and "vehicles" not in (a, b):
        add(0.7, joints.AREAS, a, b)
    if a not in _LONG:
        add(0.9, joints.AT.get(b, ()), a, b)
    if a in _LINES:
        add(0.6, joints.PAST, a, b)
    if a == "river":
        add(0.4, joints.FLOWING, a, b)
    if a == "vehicles":
        add(0.8, joints.PARKED, a, b)
