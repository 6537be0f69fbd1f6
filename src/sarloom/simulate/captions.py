"""English captions written from facts: noun phrases in lower case without a full stop.

A caption never says what the facts do not hold: counts are exact up to twelve, places and
relations are those that ``facts.describe`` measured, and colours, which radar cannot show, have no
words here. Captions are at most 45 words long, so that they fit CLIP's 77 tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from . import wording
from .facts import SceneFacts
from .mixtures import Mixture
from .prompts import HELD_OUT
from .singles import ITEMS, Single
from .wording import HEADS, NOUNS, PARTS, join

MAX_WORDS = 45

_PREFIXES: dict[str | None, str] = {
    "simulated": "A simulated SAR image of {}",
    "measured": "A measured X-band airborne SAR image of {}",
    None: "A SAR image of {}",
}


def captions(facts: SceneFacts, rng: np.random.Generator, count: int = 5) -> tuple[str, ...]:
    """Write different captions of one scene.

    Parameters
    ----------
    facts
        What may be said.
    rng
        Source of choices; the same facts and generator state give the same captions.
    count
        How many; fewer come back only where a scene is too empty for that many sentences.

    Returns
    -------
    tuple of str
        Lower-case noun phrases without full stop; the first is short and canonical
        ('a harbour with ships'). None equals a held-out evaluation prompt (``prompts.HELD_OUT``).
    """
    mixed = len(facts.kinds) == 2
    draft_of = Mixture(facts, ITEMS).draft if mixed else Single(facts).draft
    found = [canonical(facts)][:count]
    for attempt in range(80 * count):
        if len(found) >= count:
            break
        draft = draft_of(rng, attempt % 4)
        usable = bool(draft) and len(draft.split()) <= MAX_WORDS and draft not in found
        if usable and not {draft, flip_words(draft)} & HELD_OUT:
            found.append(draft)
    return tuple(found)


def with_domain(caption: str, domain: str | None = None) -> str:
    """The caption behind its sensor prefix, as models are trained and prompted.

    ``domain``: 'simulated', 'measured' or None for 'A SAR image of ...'.
    """
    return _PREFIXES[domain].format(caption)


_FLIPS = {"upper": "lower", "above": "below", "top": "bottom"}
_FLIPS |= {after: before for before, after in _FLIPS.items()}


def flip_words(caption: str) -> str:
    """The caption of the image mirrored in azimuth (top to bottom).

    'upper', 'above' and 'top' change places with 'lower', 'below' and 'bottom', which turns
    diagonals too. Left and right stay: range never flips, or shadows would fall towards the radar.
    """
    pattern = rf"\b({'|'.join(_FLIPS)})\b"
    return re.sub(pattern, lambda match: _FLIPS[match.group()], caption)


# -- the canonical caption ---------------------------------------------------------------------


def canonical(facts: SceneFacts) -> str:
    """The short name of a scene, as a person would ask for it."""
    if len(facts.kinds) == 2:
        return _canonical_mixture(facts)
    kind = facts.kinds[0]
    writer = _CANONICAL.get(kind)
    return writer(facts) if writer else HEADS[kind][0]


def _bare(facts: SceneFacts, kind: str) -> str:
    """'ships', 'a ship' or ''."""
    count = facts.count(kind)
    one, many = NOUNS[kind][0]
    return many if count > 1 else wording.with_article(one) if count else ""


def _head_with(head: str, *kinds: str) -> Callable[[SceneFacts], str]:
    def write(facts: SceneFacts) -> str:
        items = [phrase for kind in kinds if (phrase := _bare(facts, kind))]
        return f"{head} with {join(items)}" if items else head

    return write


def _canonical_vehicles(facts: SceneFacts) -> str:
    vehicles = _bare(facts, "vehicle")
    return f"{vehicles} in a clearing" if vehicles else "a clearing"


def _canonical_motorway(facts: SceneFacts) -> str:
    traffic = sum(facts.count(kind) for kind in ("car", "truck", "vehicle"))
    return "a motorway with vehicles" if traffic > 1 else "a motorway"


_CANONICAL: dict[str, Callable[[SceneFacts], str]] = {
    "industry": _head_with("industry", "tank"),
    "harbour": _head_with("a harbour", "ship"),
    "airport": _head_with("an airport", "aircraft"),
    "forest": _head_with("a forest", "clearing", "track"),
    "farmland": _head_with("farmland", "hedge"),
    "river": _head_with("a river", "bridge"),
    "coast": _head_with("a coast", "beach"),
    "motorway": _canonical_motorway,
    "vehicles": _canonical_vehicles,
}


def _canonical_mixture(facts: SceneFacts) -> str:
    first, second = facts.kinds
    for subject, object_ in ((first, second), (second, first)):
        if facts.holds(subject, "crossing", object_):
            return f"{_part(facts, subject)} crossing {_part(facts, object_)}"
    if first == "vehicles" or second == "vehicles":
        other = second if first == "vehicles" else first
        return f"{_part(facts, 'vehicles')} next to {_part(facts, other)}"
    if facts.holds(first, "beside", second):
        joint = "beside" if {"river", "coast"} & set(facts.kinds) else "next to"
        if first in ("river", "coast"):
            first, second = second, first
        return f"{_part(facts, first)} {joint} {_part(facts, second)}"
    return f"{_part(facts, first)} and {_part(facts, second)}"


def _part(facts: SceneFacts, kind: str) -> str:
    """A part of a mixture by its plainest name."""
    if kind == "vehicles":
        return _canonical_vehicles(facts)
    if kind == "farmland" and "forest" in facts.kinds:
        return "fields" if facts.count("field") > 1 else "farmland"
    return PARTS[kind]
