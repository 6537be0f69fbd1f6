"""Phrases for the things of a scene: number, adjective, place or relation, true to the facts."""

from __future__ import annotations

import numpy as np

from . import wording
from .facts import SceneFacts, Thing
from .places import COMPACT
from .wording import DETAILED, MASS, NOUNS, PLACES, SIDES, pick

_BESIDE: dict[tuple[str, str], tuple[str, ...]] = {
    ("ship", "quay"): (
        "moored at",
        "moored along",
        "berthed at",
        "beside",
        "tied up at",
        "lying at",
        "docked at",
    ),
    ("aircraft", "terminal"): ("parked near", "parked beside", "next to", "standing at", "at"),
    ("aircraft", "hangar"): ("parked near", "in front of", "next to", "standing near", "outside"),
    ("vehicle", "track"): ("parked along", "beside", "standing next to"),
    ("house", "street"): ("along", "lined up along", "lining", "facing"),
    ("house", "road"): ("along", "lined up along", "lining", "by"),
    ("beach", "sea"): ("bordering", "along"),
    ("cliff", "sea"): ("facing", "along"),
    ("scree", "ridge"): ("beside", "along"),
}
_BESIDE_PLAIN = ("beside", "next to", "close to", "near", "by", "alongside", "not far from")
CROSSING: dict[str, tuple[str, ...]] = {
    "bridge": ("over", "crossing", "spanning", "across"),
    "overpass": ("over", "crossing", "spanning", "passing over"),
    "river": ("crossing", "running through", "flowing through"),
}
CROSSING_PLAIN = ("crossing", "running through", "cutting through", "passing through")
_PARKED = frozenset({"aircraft", "vehicle"})
_MIXED_DETAILS = frozenset({"field", "ship", "aircraft"})
"""Kinds of which some may be named apart ('three ploughed fields' among nine)."""
_GROUPED = frozenset({"vehicle", "tank", "ship", "aircraft", "building", "house", "hall"})
_ROWS = frozenset({"house", "hedge"})
_LINES = frozenset({"road", "street", "hedge", "track", "taxiway", "railway", "ridge", "motorway"})


def item(thing: Thing, rng: np.random.Generator, *, whole: bool = False) -> str:
    """A thing with its number and an adjective: 'five large ships', 'a network of streets'.

    ``whole`` forbids naming a part of them ('two ploughed fields' among nine), as a place or
    relation that follows is true of all of them together.
    """
    if thing.kind in MASS:
        return pick(rng, MASS[thing.kind])
    noun = pick(rng, NOUNS[thing.kind]) if rng.random() < 0.5 else NOUNS[thing.kind][0]
    count, adjective = thing.count, ""
    details = [
        (DETAILED[thing.kind, word], n)
        for word, n in thing.details
        if (thing.kind, word) in DETAILED
        and (n == count or (thing.kind in _MIXED_DETAILS and not whole))
    ]
    if details and rng.random() < 0.4:  # those that bear the detail, be it all or some
        noun, count = pick(rng, details)
    elif thing.size and rng.random() < 0.5:
        adjective = thing.size
    many = f"{adjective} {noun[1]}".strip()
    if thing.kind == "tree":  # only single trees are on record, not those of woods and hedges
        return many if count > 1 else wording.with_article(noun[0])
    if thing.kind in _LINES and count > 3 and rng.random() < 0.3:
        return f"a network of {many}" if thing.kind in ("road", "street") else many
    if count > 2 and rng.random() < 0.2:
        return many
    few = 2 < count <= 12 and thing.where != "throughout"
    if few and thing.kind in _GROUPED and rng.random() < 0.2:
        return f"a group of {many}"
    if count > 12 and thing.kind in _ROWS and rng.random() < 0.3:
        return f"rows of {many}"
    exact = 12 if thing.kind in COMPACT else 4
    return wording.number_phrase(count, noun, rng, adjective, exact)


def _object(facts: SceneFacts, kind: str, rng: np.random.Generator) -> str:
    """The object of a relation: 'a quay', 'the tanks', 'the sea'."""
    if kind in MASS:
        return MASS[kind][0]
    one, many = pick(rng, NOUNS[kind])
    return wording.with_article(one) if facts.count(kind) == 1 else f"the {many}"


def _relation(
    facts: SceneFacts, kind: str, rng: np.random.Generator, taken: set[str]
) -> tuple[str, str]:
    """A true relation of a thing to one not yet named: ('moored at a quay', 'quay')."""
    options = [
        relation
        for relation in facts.relations
        if relation.subject == kind and relation.object in NOUNS.keys() | MASS.keys()
        and relation.object not in taken and relation.object not in facts.kinds
    ]  # fmt: skip
    if not options:
        return "", ""
    chosen = pick(rng, options)
    pair = (kind, chosen.object)
    if chosen.relation == "beside":
        words = pick(rng, _BESIDE.get(pair, _BESIDE_PLAIN))
    elif chosen.relation == "crossing":
        words = pick(rng, CROSSING.get(kind, CROSSING_PLAIN))
    else:
        words = SIDES.get(chosen.relation, chosen.relation)
    return f"{words} {_object(facts, chosen.object, rng)}", chosen.object


def some_items(
    facts: SceneFacts, kinds: tuple[str, ...], rng: np.random.Generator, count: int, placed: int
) -> list[str]:
    """Up to ``count`` phrases of things, the first ``placed`` of them with a place or relation."""
    present = [thing for kind in kinds if (thing := facts.thing(kind))]
    weights = np.array([0.8**rank for rank in range(len(present))])
    if not present:
        return []
    order = rng.choice(len(present), len(present), replace=False, p=weights / weights.sum())
    taken: set[str] = set()
    named_places: set[str] = set()
    phrases: list[str] = []
    for index in order.tolist():
        thing = present[index]
        if thing.kind in taken or len(phrases) >= count:
            continue
        taken.add(thing.kind)
        skipped = {"throughout"} if thing.kind in MASS else set()
        phrase = item(thing, rng, whole=len(phrases) < placed)
        if len(phrases) < placed:
            related, object_ = _relation(facts, thing.kind, rng, taken)
            if related and (rng.random() < 0.6 or not thing.where):
                phrase = f"{phrase} {related}"
                taken.add(object_)
            elif thing.direction and thing.kind not in MASS:
                phrase = f"{phrase} running {thing.direction}"
            elif thing.where and thing.where not in named_places | skipped:
                named_places.add(thing.where)
                parked = "parked " if thing.kind in _PARKED and rng.random() < 0.4 else ""
                phrase = f"{phrase} {parked}{pick(rng, PLACES[thing.where])}"
        phrases.append(phrase)
    return phrases
