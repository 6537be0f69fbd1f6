"""Captions of one kind of scene: its name, its density or course, and what it holds."""

from __future__ import annotations

import re

import numpy as np

from .facts import SceneFacts
from .names import names_of
from .phrases import item, some_items
from .wording import HEADS, MASS, NOUNS, PLACES, join, pick

ITEMS: dict[str, tuple[str, ...]] = {
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
_DENSITY: dict[tuple[str, str], tuple[str, ...]] = {
    ("city", "dense"): (
        "a dense city",
        "a densely built city",
        "a dense urban area",
        "a densely built-up area",
        "closely packed buildings",
        "a crowded city",
        "buildings packed closely together",
        "tightly packed city blocks",
    ),
    ("city", "sparse"): (
        "a loosely built city",
        "a sparse urban area",
        "scattered buildings",
        "a sparsely built-up area",
        "an open city quarter",
    ),
    ("suburb", "dense"): (
        "a dense suburb",
        "a dense residential area",
        "closely spaced houses",
        "a densely built suburb",
        "houses packed closely together",
    ),
    ("suburb", "sparse"): (
        "a sparse suburb",
        "a loosely built residential area",
        "widely spaced houses",
        "scattered houses",
        "a thinly built suburb",
    ),
    ("forest", "dense"): (
        "a dense forest",
        "a closed forest",
        "dense woodland",
        "thick woods",
        "a thick forest",
        "closely standing trees",
        "dense tree cover",
        "an unbroken forest",
    ),
    ("forest", "sparse"): (
        "an open forest",
        "a sparse forest",
        "open woodland",
        "thin woods",
        "scattered trees",
        "loosely standing trees",
        "a thin forest",
    ),
}
_INSIDE: dict[str, tuple[str, ...]] = {
    "city": (
        "in a city",
        "in a town",
        "in an urban area",
        "in a built-up area",
        "in town",
        "in the city",
        "within a city",
        "in a town centre",
        "among city buildings",
    ),
    "suburb": (
        "in a suburb",
        "in a residential area",
        "in a suburban area",
        "in the suburbs",
        "in a neighbourhood",
        "in a housing estate",
        "within a residential district",
    ),
    "industry": (
        "in an industrial area",
        "at an industrial site",
        "at a factory",
        "in an industrial park",
        "on factory grounds",
        "at an industrial plant",
        "within an industrial complex",
    ),
    "harbour": (
        "in a harbour",
        "in a port",
        "in a sea port",
        "at a port",
        "in a harbor",
        "in the docklands",
        "in the port",
    ),
    "airport": (
        "at an airport",
        "on an airfield",
        "at an airfield",
        "on airport grounds",
        "at the airport",
        "at an air base",
        "on the grounds of an airport",
    ),
    "forest": (
        "in a forest",
        "in woodland",
        "in a wooded area",
        "in the woods",
        "in a wood",
        "among trees",
        "amid trees",
        "within a forest",
        "in forested land",
    ),
    "mountains": (
        "in mountains",
        "in a mountain landscape",
        "in mountainous terrain",
        "in the mountains",
        "among mountains",
        "in steep terrain",
        "amid mountains",
        "in rugged mountains",
    ),
    "farmland": (
        "in farmland",
        "on farmland",
        "in an agricultural area",
        "in farming country",
        "in cultivated land",
    ),
}


_WIDE_HEADS = frozenset({"landscape", "valley", "banks", "lanes"})
"""Words of heads that mean more than the line itself, so that they do not run anywhere."""


def _head(facts: SceneFacts, rng: np.random.Generator) -> str:
    """The whole scene as a noun phrase, with what is known about its density or course."""
    kind = facts.kinds[0]
    if kind == "vehicles":
        return _vehicles_head(facts, rng)
    if facts.density and rng.random() < 0.3:
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
    options += ["standing in a clearing", "on open ground", "in an open clearing"]
    options += ["parked on open ground", "within a clearing", "standing in an open area"]
    if wooded:
        options += ["in a forest clearing", "in a clearing among trees", "near trees"]
        options += ["in a woodland clearing", "in an open space among trees"]
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


class Single:
    """Writes sentences about a scene of one kind."""

    def __init__(self, facts: SceneFacts) -> None:
        self._facts = facts
        self._kind = facts.kinds[0]
        self._names = names_of(facts, self._kind, loose=True)
        self._things = tuple(name for name in ITEMS[self._kind] if name != self._kind)

    def draft(self, rng: np.random.Generator, plan: int) -> str:
        """One caption, or '' where the draw did not fit; ``plan`` goes from plain to detailed."""
        facts, kind = self._facts, self._kind
        if plan == 3 and kind in _INSIDE and rng.random() < 0.6:
            lead = some_items(facts, self._things, rng, int(rng.integers(1, 3)), 0)
            if lead and lead[0] not in MASS["sea"]:
                return _once(join(lead), pick(rng, _INSIDE[kind]), " ")
        things = self._things
        head = _covering(facts, rng) if rng.random() < 0.2 else ""
        if not head and kind != "vehicles" and rng.random() < 0.55:
            name = pick(rng, self._names)
            head = name.bare if rng.random() < 0.15 else name.indefinite()
            things = tuple(thing for thing in things if thing not in name.things)
        head = head or _head(facts, rng)
        if plan == 0:
            return self._plain(head, things, rng)
        said = set(re.findall(r"[a-z-]+", head)) & {"sea", "water", "ocean", "waters"}
        kinds = tuple(name for name in things if name != "sea" or not said)
        count, placed = ((1, 0), (1, 0), (2, 1), (3, 2))[plan]
        items = some_items(facts, kinds, rng, count, placed)
        if not items:
            return head
        commas = " with " in head or " running " in head
        chance = rng.random()
        if chance < 0.12 and not commas:
            return _once(head, ", ".join(items), ", ")
        if chance < 0.2 and plan == 1 and not commas:
            return _once(items[0], head, pick(rng, (" and ", ", ")))
        if chance < 0.3 and not commas and kind not in ("vehicles", "coast"):
            return _once(head, join(items), pick(rng, _HOLDING))
        return _once(head, join(items), ", with " if commas or chance > 0.92 else " with ")

    def _plain(self, head: str, things: tuple[str, ...], rng: np.random.Generator) -> str:
        """A short sentence: the name alone, in a frame, or 'full of' something."""
        plenty = [name for name in things[:4] if self._facts.count(name) > 12]
        chance = rng.random()
        if plenty and chance < 0.3 and " with " not in head:
            many = pick(rng, NOUNS[pick(rng, plenty)])[1]
            return _once(head, many, pick(rng, _FULL_OF))
        if chance < 0.6:
            return pick(rng, _FRAMES).format(head)
        return head


_HOLDING = (
    " and ", " containing ", " showing ", " together with ", ", showing ", " including ",
    " and also ", " as well as ",
)  # fmt: skip
_FULL_OF = (
    " full of ", " with lots of ", " with plenty of ", " filled with ", " dotted with ",
    " with a large number of ",
)  # fmt: skip
_FRAMES = (
    "a view of {}", "view of {}", "a scene of {}", "a landscape with {}", "an area with {}",
    "a place with {}", "an aerial view of {}", "an overhead view of {}", "scene with {}",
    "a scene showing {}", "an overview of {}", "a region with {}",
)  # fmt: skip


def _once(first: str, second: str, joint: str) -> str:
    """Both phrases joined; '' where they share a noun ('fields with three fields')."""
    words = {word.removesuffix("s") for word in re.findall(r"[a-z-]+", first)} - _FREE
    repeated = words & {word.removesuffix("s") for word in re.findall(r"[a-z-]+", second)}
    return "" if repeated else f"{first}{joint}{second}"


_FREE = frozenset(
    re.findall(
        r"\w+",
        "a an the and of on in at by with from to upper lower left right top bottom side part "
        "centre middle running beside next above below close many numerous several two three four "
        "five six seven eight nine dozen hundred large small area one single crossing along near "
        "group center central corner half hand towards",
    )
)
"""Words that two phrases may share."""
