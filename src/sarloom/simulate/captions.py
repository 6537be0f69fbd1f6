"""English captions written from facts: noun phrases in lower case without a full stop.

A caption never says what the facts do not hold: counts are exact up to twelve, places and
relations are those that ``facts.describe`` measured, and colours, which radar cannot show, have no
words here. Captions are at most 45 words long, so that they fit CLIP's 77 tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import zip_longest

import numpy as np

from . import wording
from .facts import SceneFacts, Thing
from .places import COMPACT
from .prompts import HELD_OUT
from .wording import HEADS, MASS, NOUNS, PART_HEADS, PLACES, SIDES, join, pick

MAX_WORDS = 45

_PREFIXES: dict[str | None, str] = {
    "simulated": "A simulated SAR image of {}",
    "measured": "A measured X-band airborne SAR image of {}",
    None: "A SAR image of {}",
}

_ITEMS: dict[str, tuple[str, ...]] = {
    "city": ("building", "park", "square", "street", "road", "tree", "car", "car park", "river"),
    "suburb": ("house", "garden", "street", "road", "tree", "car", "park", "building"),
    "industry": ("tank", "hall", "chimney", "railway", "truck", "container stack", "car park",
                 "road", "building"),
    "harbour": ("ship", "quay", "crane", "container stack", "breakwater", "hall", "tank", "sea",
                "railway", "building"),
    "airport": ("aircraft", "runway", "terminal", "hangar", "taxiway", "car park", "building"),
    "forest": ("clearing", "track", "road", "lake", "stand", "field"),
    "farmland": ("hedge", "field", "farm building", "track", "road", "stand", "tree"),
    "river": ("bridge", "road", "field", "tree", "house", "track", "stand", "railway"),
    "coast": ("beach", "sea", "cliff", "dune", "rock", "house", "ship", "breakwater", "road",
              "tree", "field", "stand", "track", "building"),
    "motorway": ("car", "truck", "vehicle", "bridge", "overpass", "field", "tree", "railway",
                 "road", "house"),
    "vehicles": ("track", "road", "tree", "car", "truck", "building"),
    "mountains": ("ridge", "scree", "lake", "river", "stand", "track", "road"),
}  # fmt: skip
"""What is worth a word in each kind of scene, most telling first."""

_BESIDE: dict[tuple[str, str], tuple[str, ...]] = {
    ("ship", "quay"): ("moored at", "moored along", "berthed at", "beside"),
    ("aircraft", "terminal"): ("parked near", "parked beside", "next to"),
    ("aircraft", "hangar"): ("parked near", "in front of", "next to"),
    ("vehicle", "track"): ("parked along", "beside", "standing next to"),
    ("house", "street"): ("along", "lined up along"),
    ("house", "road"): ("along", "lined up along"),
    ("beach", "sea"): ("bordering", "along"),
    ("cliff", "sea"): ("facing", "along"),
    ("scree", "ridge"): ("below the crest of", "along"),
}
_BESIDE_PLAIN = ("beside", "next to", "close to")
_CROSSING: dict[str, tuple[str, ...]] = {
    "bridge": ("over", "crossing", "spanning"),
    "overpass": ("over", "crossing"),
    "river": ("crossing", "running through", "flowing through", "winding through"),
}
_CROSSING_PLAIN = ("crossing", "running through", "cutting through")
_PARKED = frozenset({"aircraft", "vehicle"})
_DETAILS = frozenset(
    {"cargo", "flat-roofed", "pitched-roofed", "fighter", "ploughed", "tracked", "wheeled"}
)
"""Details that read well in front of a noun; others stay in the facts."""
_MIXED_DETAILS = frozenset({"field", "ship", "aircraft", "vehicle"})
"""Kinds of which some may be named apart ('three ploughed fields' among nine)."""
_LINES = frozenset({"road", "street", "hedge", "track", "taxiway", "railway", "ridge", "motorway"})


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
    found = [canonical(facts)][:count]
    for attempt in range(80 * count):
        if len(found) >= count:
            break
        draft = (_mixture if mixed else _single)(facts, rng, attempt % 4)
        usable = len(draft.split()) <= MAX_WORDS and draft not in found
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
    return f"{_bare(facts, 'vehicle') or 'open ground'} in a clearing"


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


def _part(facts: SceneFacts, kind: str, rng: np.random.Generator | None = None) -> str:
    """A part of a mixture as a noun phrase; true to the count where it names things."""
    if kind == "vehicles":
        some = _bare(facts, "vehicle") or "open ground"
        thing = facts.thing("vehicle")
        if rng is None or not thing:
            return f"{some} in a clearing"
        return f"a clearing with {pick(rng, (some, _item(facts, thing, rng)))}"
    if kind == "farmland" and rng is None and "forest" in facts.kinds:
        return "fields" if facts.count("field") > 1 else "a field"
    options = PART_HEADS[kind]
    if rng is None:
        return options[0]
    if kind == "farmland" and facts.count("field") < 2:
        options = ("farmland", "agricultural land")
    if kind == "suburb" and facts.count("house") < 2:
        options = options[:2]
    return pick(rng, options)


# -- things ------------------------------------------------------------------------------------


def _item(facts: SceneFacts, thing: Thing, rng: np.random.Generator) -> str:
    """A thing with its number and an adjective: 'five large ships', 'a network of streets'."""
    if thing.kind in MASS:
        return pick(rng, MASS[thing.kind])
    noun = pick(rng, NOUNS[thing.kind]) if rng.random() < 0.5 else NOUNS[thing.kind][0]
    count, adjective = thing.count, ""
    details = [
        (word, n)
        for word, n in thing.details
        if word in _DETAILS and (n == count or thing.kind in _MIXED_DETAILS)
    ]
    if details and rng.random() < 0.4:  # those that bear the adjective, be it all or some
        adjective, count = pick(rng, details)
    elif thing.size and rng.random() < 0.5:
        adjective = thing.size
    many = f"{adjective} {noun[1]}".strip()
    if thing.kind == "tree":  # only single trees are on record, not those of woods and hedges
        return many if count > 1 else wording.with_article(noun[0])
    if thing.kind in _LINES and count > 3 and rng.random() < 0.3:
        return f"a network of {many}" if thing.kind in ("road", "street") else many
    if count > 2 and rng.random() < 0.2:
        return many
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
        words = pick(rng, _CROSSING.get(kind, _CROSSING_PLAIN))
    else:
        words = SIDES.get(chosen.relation, chosen.relation)
    return f"{words} {_object(facts, chosen.object, rng)}", chosen.object


def _items(
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
        phrase = _item(facts, thing, rng)
        if len(phrases) < placed:
            related, object_ = _relation(facts, thing.kind, rng, taken)
            if related and (rng.random() < 0.6 or not thing.where):
                phrase = f"{phrase} {related}"
                taken.add(object_)
            elif thing.direction and thing.kind not in MASS:
                phrase = f"{phrase} running {thing.direction}"
            elif thing.where and thing.where not in named_places:
                named_places.add(thing.where)
                parked = "parked " if thing.kind in _PARKED and rng.random() < 0.4 else ""
                phrase = f"{phrase} {parked}{pick(rng, PLACES[thing.where])}"
        phrases.append(phrase)
    return phrases


# -- one kind of scene -------------------------------------------------------------------------

_DENSITY: dict[tuple[str, str], tuple[str, ...]] = {
    ("city", "dense"): ("a dense city", "a densely built city", "a dense urban area"),
    ("city", "sparse"): ("a loosely built city", "a sparse urban area"),
    ("suburb", "dense"): ("a dense suburb", "a dense residential area"),
    ("suburb", "sparse"): ("a sparse suburb", "a loosely built residential area"),
    ("forest", "dense"): ("a dense forest", "a closed forest", "dense woodland"),
    ("forest", "sparse"): ("an open forest", "a sparse forest", "open woodland"),
}
_INSIDE: dict[str, str] = {
    "city": "in", "suburb": "in", "industry": "at", "harbour": "in", "airport": "at",
    "forest": "in", "mountains": "in",
}  # fmt: skip


def _head(facts: SceneFacts, rng: np.random.Generator) -> str:
    """The whole scene as a noun phrase, with what is known about its density or course."""
    kind = facts.kinds[0]
    if kind == "vehicles":
        return _vehicles_head(facts, rng)
    if facts.density and rng.random() < 0.5:
        return pick(rng, _DENSITY[kind, facts.density])
    options = HEADS[kind]
    if kind == "farmland" and facts.count("field") < 2:
        options = tuple(option for option in options if option != "fields")
    head = pick(rng, options) if rng.random() < 0.75 else options[0]
    spine = facts.thing(kind) if kind in ("river", "motorway") else None
    if spine and spine.count == 1:
        if spine.size and head == "a river":
            head = f"a {spine.size} river"
        if spine.direction and "banks" not in head and rng.random() < 0.5:
            return f"{head} running {spine.direction}"
    return head


def _vehicles_head(facts: SceneFacts, rng: np.random.Generator) -> str:
    thing = facts.thing("vehicle")
    subject = _item(facts, thing, rng) if thing else "open ground"
    wooded = facts.share("trees") >= 0.1
    options = ["in a clearing", "in an open area"]
    if thing:
        options += ["parked in a clearing", "standing in a clearing"]
    if wooded:
        options += ["in a forest clearing", "in a clearing among trees"]
    if thing and thing.where and rng.random() < 0.35:
        return f"{subject} {pick(rng, PLACES[thing.where])}, {pick(rng, options[:3])}"
    return f"{subject} {pick(rng, options)}"


def _covering(facts: SceneFacts, rng: np.random.Generator) -> str:
    """What covers most of the frame, where that is not the scene's own name."""
    kind = facts.kinds[0]
    if kind == "forest" and facts.share("trees") > 0.7:
        return f"{pick(rng, ('a forest', 'woodland'))} covering most of the scene"
    if kind in ("coast", "harbour") and facts.cover and facts.cover[0].label == "water":
        where = facts.cover[0].where
        if where and where != "throughout":
            return f"{pick(rng, HEADS[kind])} with open water {pick(rng, PLACES[where])}"
    return ""


def _single(facts: SceneFacts, rng: np.random.Generator, plan: int) -> str:
    """One caption of a scene of one kind; ``plan`` varies from plain to detailed."""
    kind = facts.kinds[0]
    kinds = tuple(name for name in _ITEMS[kind] if name != kind)
    if plan == 3 and kind in _INSIDE and rng.random() < 0.6:
        lead = _items(facts, kinds, rng, int(rng.integers(1, 3)), 0)
        if lead and lead[0] not in MASS["sea"]:
            return f"{join(lead)} {_INSIDE[kind]} {pick(rng, HEADS[kind][:3])}"
    head = (_covering(facts, rng) if rng.random() < 0.25 else "") or _head(facts, rng)
    if "open water" in head:
        kinds = tuple(name for name in kinds if name != "sea")
    count, placed = ((1, 0), (2, 1), (3, 2), (2, 2))[plan]
    items = _items(facts, kinds, rng, count, placed)
    if not items:
        return head
    joint = ", with" if " with " in head or " running " in head else " with"
    return f"{head}{joint} {join(items)}"


# -- mixtures ----------------------------------------------------------------------------------


def _pronoun(head: str) -> str:
    return "them" if head in wording.PLURAL_HEADS else "it"


def _mixture_base(facts: SceneFacts, rng: np.random.Generator) -> str:
    """How the two parts lie to each other: 'a city on the left and a river on the right'."""
    options: list[str] = []
    for first, second in (facts.kinds, facts.kinds[::-1]):
        a, b = _part(facts, first, rng), _part(facts, second, rng)
        if facts.holds(first, "crossing", second):
            words = _CROSSING["river"] if first == "river" else _CROSSING_PLAIN
            options += [f"{a} {word} {b}" for word in words]
            options += [f"{b} crossed by {a}", f"{b} with {a} running through {_pronoun(b)}"]
            continue
        if facts.holds(second, "crossing", first):
            continue
        if facts.holds(first, "surrounded by", second):
            options += [f"{a} surrounded by {b}", f"{b} around {a}"]
        if facts.holds(first, "left of", second):
            options += [f"{a} to the left of {b}", f"{a} on the left and {b} on the right"]
        if facts.holds(first, "above", second):
            options.append(f"{a} at the top and {b} at the bottom")
        if facts.holds(first, "beside", second):
            options += [f"{a} {word} {b}" for word in ("beside", "next to", "bordering")]
    if not options:
        options = [f"{_part(facts, facts.kinds[0], rng)} and {_part(facts, facts.kinds[1], rng)}"]
    return pick(rng, options)


def _mixture(facts: SceneFacts, rng: np.random.Generator, plan: int) -> str:
    """One caption of a scene of two kinds."""
    base = _mixture_base(facts, rng)
    if plan == 0:
        return base
    own = {"farmland": ("field",), "forest": ("stand", "copse", "tree"), "vehicles": ("vehicle",),
           "suburb": ("house",), "coast": ("sea",)}  # fmt: skip
    named = {*facts.kinds, *(name for kind in facts.kinds for name in own.get(kind, ()))}
    first, second = (_ITEMS[kind] for kind in facts.kinds)
    kinds = tuple(dict.fromkeys(name for pair in zip_longest(first, second) for name in pair))
    kinds = tuple(name for name in kinds if name and name not in named)
    items = _items(facts, kinds, rng, min(plan, 2), plan - 1)
    return f"{base}, with {join(items)}" if items else base
