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
from .facts import SceneFacts
from .phrases import CROSSING, CROSSING_PLAIN, item, some_items
from .prompts import HELD_OUT
from .wording import HEADS, MASS, NOUNS, PART_HEADS, PLACES, join, pick

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
                 "road", "house", "wood"),
    "vehicles": ("track", "road", "tree", "car", "truck", "building"),
    "mountains": ("ridge", "scree", "lake", "river", "stand", "track", "road"),
}  # fmt: skip
"""What is worth a word in each kind of scene, most telling first."""
_OWN_THINGS: dict[str, tuple[str, ...]] = {
    "farmland": ("field",), "forest": ("stand", "copse", "tree"), "vehicles": ("vehicle",),
    "suburb": ("house",), "coast": ("sea",),
}  # fmt: skip
"""Things that the name of a part of a mixture says already."""


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


def _part(facts: SceneFacts, kind: str, rng: np.random.Generator | None = None) -> str:
    """A part of a mixture as a noun phrase; true to the count where it names things."""
    if kind == "vehicles":
        thing = facts.thing("vehicle")
        if rng is None or not thing:
            return _canonical_vehicles(facts)
        return (
            f"a clearing with {pick(rng, (_bare(facts, 'vehicle'), item(thing, rng, whole=True)))}"
        )
    if kind == "farmland" and rng is None and "forest" in facts.kinds:
        return "fields" if facts.count("field") > 1 else "farmland"
    options = PART_HEADS[kind]
    if rng is None:
        return options[0]
    if kind == "farmland" and facts.count("field") < 2:
        options = ("farmland", "agricultural land")
    if kind == "suburb" and facts.count("house") < 2:
        options = options[:2]
    return pick(rng, options)


# -- one kind of scene -------------------------------------------------------------------------

_DENSITY: dict[tuple[str, str], tuple[str, ...]] = {
    ("city", "dense"): ("a dense city", "a densely built city", "a dense urban area"),
    ("city", "sparse"): ("a loosely built city", "a sparse urban area"),
    ("suburb", "dense"): ("a dense suburb", "a dense residential area"),
    ("suburb", "sparse"): ("a sparse suburb", "a loosely built residential area"),
    ("forest", "dense"): ("a dense forest", "a closed forest", "dense woodland"),
    ("forest", "sparse"): ("an open forest", "a sparse forest", "open woodland"),
}
_INSIDE: dict[str, tuple[str, ...]] = {
    "city": ("in a city", "in a town", "in an urban area"),
    "suburb": ("in a suburb", "in a residential area", "in a suburban area"),
    "industry": ("in an industrial area", "at an industrial site", "at a factory"),
    "harbour": ("in a harbour", "in a port", "in a sea port"),
    "airport": ("at an airport", "on an airfield"),
    "forest": ("in a forest", "in woodland", "in a wooded area"),
    "mountains": ("in mountains", "in a mountain landscape", "in mountainous terrain"),
}


_WIDE_HEADS = frozenset({"landscape", "valley", "banks", "lanes"})
"""Words of heads that mean more than the line itself, so that they do not run anywhere."""


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
        if spine.direction and not _WIDE_HEADS & set(head.split()) and rng.random() < 0.5:
            return f"{head} running {spine.direction}"
    return head


def _vehicles_head(facts: SceneFacts, rng: np.random.Generator) -> str:
    thing = facts.thing("vehicle")
    wooded = facts.share("trees") >= 0.1
    if not thing:
        edge: tuple[str, ...] = ("a forest clearing", "a clearing among trees") if wooded else ()
        return pick(rng, ("a clearing", "an open area", "open ground", "an open clearing", *edge))
    subject = item(thing, rng, whole=True)
    options = ["in a clearing", "in an open area", "parked in a clearing"]
    options.append("standing in a clearing")
    if wooded:
        options += ["in a forest clearing", "in a clearing among trees"]
    if thing.where and rng.random() < 0.35:
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
        lead = some_items(facts, kinds, rng, int(rng.integers(1, 3)), 0)
        if lead and lead[0] not in MASS["sea"]:
            return f"{join(lead)} {pick(rng, _INSIDE[kind])}"
    head = (_covering(facts, rng) if rng.random() < 0.25 else "") or _head(facts, rng)
    if "open water" in head:
        kinds = tuple(name for name in kinds if name != "sea")
    if plan == 0 and " with " not in head and rng.random() < 0.35:
        plenty = [name for name in kinds[:4] if facts.count(name) > 12]
        if plenty:
            return f"{head} full of {pick(rng, NOUNS[pick(rng, plenty)])[1]}"
    count, placed = ((1, 0), (2, 1), (3, 2), (2, 2))[plan]
    items = some_items(facts, kinds, rng, count, placed)
    if not items:
        return head
    joint = ", with" if " with " in head or " running " in head else " with"
    return f"{head}{joint} {join(items)}"


# -- mixtures ----------------------------------------------------------------------------------


def _pronoun(head: str) -> str:
    return "them" if head in wording.PLURAL_HEADS else "it"


def _crossing(first: str, a: str, b: str) -> list[str]:
    """Ways to say that a runs through b."""
    b = "a residential area" if b == "houses" else b
    words = CROSSING["river"] if first == "river" else CROSSING_PLAIN
    verbs = ("crosses", "runs through", *(("flows through",) if first == "river" else ()))
    options = [f"{a} {word} {b}" for word in words] + [f"{a} that {verb} {b}" for verb in verbs]
    options += [f"{b} crossed by {a}", f"{b} with {a} running through {_pronoun(b)}"]
    options.append(f"{b} on both sides of {a}")
    return [*options, f"{a} between {b}"] if b in wording.PLURAL_HEADS else options


def _bordering(second: str, a: str, b: str) -> list[str]:
    """Ways to say that a lies beside b."""
    words = ["beside", "next to", "bordering", "close to"]
    if second in ("river", "motorway", "coast"):
        words += ["along", "lying along"]
    if second in ("forest", "city", "suburb"):
        words.append("at the edge of")
    options = [f"{a} {word} {b}" for word in words]
    return options if a in wording.PLURAL_HEADS else [*options, f"{a} that borders {b}"]


def _mixture_base(facts: SceneFacts, rng: np.random.Generator) -> str:
    """How the two parts lie to each other: 'a city on the left and a river on the right'."""
    options: list[str] = []
    for first, second in (facts.kinds, facts.kinds[::-1]):
        a, b = _part(facts, first, rng), _part(facts, second, rng)
        if facts.holds(first, "crossing", second):
            options += _crossing(first, a, b)
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
            options += _bordering(second, a, b)
    if not options:
        a, b = (_part(facts, kind, rng) for kind in facts.kinds)
        options = [f"{a} and {b}", f"{b} and {a}"]
    return pick(rng, options)


def _mixture(facts: SceneFacts, rng: np.random.Generator, plan: int) -> str:
    """One caption of a scene of two kinds."""
    base = _mixture_base(facts, rng)
    if plan == 0:
        return base
    named = {*facts.kinds, *(name for kind in facts.kinds for name in _OWN_THINGS.get(kind, ()))}
    first, second = (_ITEMS[kind] for kind in facts.kinds)
    kinds = tuple(dict.fromkeys(name for pair in zip_longest(first, second) for name in pair))
    kinds = tuple(name for name in kinds if name and name not in named)
    items = some_items(facts, kinds, rng, min(plan, 2), plan - 1)
    return f"{base}, with {join(items)}" if items else base
