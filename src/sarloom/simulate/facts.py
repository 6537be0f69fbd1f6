"""Facts about a scene: what it holds, how many, where; everything that a caption may say.

Facts are measured on the finished world (what is visible in the frame), never copied from the
plan that built it, so text and image cannot contradict each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import places
from .maps import segmentation
from .materials import LABELS
from .places import Samples
from .world import SceneObject, World

Rule = Callable[[Samples, Samples], Any]


@dataclass(frozen=True)
class Thing:
    """All visible objects of one kind."""

    kind: str
    count: int
    x: float
    """Mean position, 0 at the left edge of the image, 1 at the right."""
    y: float
    """Mean position, 0 at the top, 1 at the bottom."""
    where: str = ""
    """'upper left', 'left', 'top', 'centre', 'throughout', ... or '' (``places.place``)."""
    direction: str = ""
    """'from left to right', ... for one elongated thing, or ''."""
    size: str = ""
    """'large', 'small', 'wide', 'narrow' or ''; said only when all of them are."""
    share: float = 0.0
    """Part of the frame that areas of this kind cover, 0 for compact things and lines."""
    details: tuple[tuple[str, int], ...] = ()
    """Adjectives and how many of them bear each: (('cargo', 2), ('fishing', 1))."""


@dataclass(frozen=True)
class Relation:
    """How two things, or two parts of a mixture, lie to each other: 'ship' 'beside' 'quay'."""

    subject: str
    relation: str
    """'left of', 'right of', 'above', 'below', 'beside', 'crossing' or 'surrounded by'."""
    object: str


@dataclass(frozen=True)
class Cover:
    """One land cover of the segmentation map."""

    label: str
    share: float
    where: str = ""


@dataclass(frozen=True)
class SceneFacts:
    """What a person could say about a scene; left, right, upper and lower as in the image."""

    kinds: tuple[str, ...]
    """Scene kinds: one, or two in a mixture."""
    width_m: float
    height_m: float
    things: tuple[Thing, ...]
    cover: tuple[Cover, ...]
    """Largest first; shares of the visible frame add up to 1."""
    relations: tuple[Relation, ...]
    density: str = ""
    """'dense', 'sparse' or '': of buildings in towns, of trees in a forest."""

    def thing(self, kind: str) -> Thing | None:
        """The things of a kind, or None where the frame shows none."""
        return next((thing for thing in self.things if thing.kind == kind), None)

    def count(self, kind: str) -> int:
        """How many things of a kind the frame shows."""
        thing = self.thing(kind)
        return thing.count if thing else 0

    def share(self, *labels: str) -> float:
        """Part of the visible frame with any of the given segmentation labels."""
        return sum(cover.share for cover in self.cover if cover.label in labels)

    def holds(self, subject: str, relation: str, object: str) -> bool:
        """Whether the relation was measured."""
        return Relation(subject, relation, object) in self.relations

    def as_plain(self) -> dict[str, Any]:
        """JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> SceneFacts:
        """The facts again, from what ``as_plain`` gave and JSON carried."""
        return cls(
            kinds=tuple(plain["kinds"]),
            width_m=plain["width_m"],
            height_m=plain["height_m"],
            things=tuple(
                Thing(**{**thing, "details": tuple((d, n) for d, n in thing["details"])})
                for thing in plain["things"]
            ),
            cover=tuple(Cover(**cover) for cover in plain["cover"]),
            relations=tuple(Relation(**relation) for relation in plain["relations"]),
            density=plain["density"],
        )


_LONG = frozenset(
    {
        "road", "street", "river", "motorway", "railway", "runway", "taxiway", "track", "ridge",
        "breakwater", "beach", "cliff", "hedge", "quay",
    }
)  # fmt: skip
"""Kinds of which one may be said to run from here to there."""
_SIZES: dict[str, tuple[float, str, float, str]] = {
    "building": (14.0, "small", 32.0, "large"),
    "hall": (20.0, "small", 45.0, "large"),
    "tank": (9.0, "small", 18.0, "large"),
    "ship": (22.0, "small", 60.0, "large"),
    "aircraft": (20.0, "small", 36.0, "large"),
    "terminal": (40.0, "small", 80.0, "large"),
    "hangar": (20.0, "small", 40.0, "large"),
    "river": (14.0, "narrow", 32.0, "wide"),
    "beach": (8.0, "narrow", 20.0, "wide"),
}
"""Length (width for river and beach) [m] below which all count as small, above which as large."""

_BESIDE_M: dict[tuple[str, str], float] = {
    ("ship", "quay"): 25.0,
    ("crane", "quay"): 15.0,
    ("container stack", "quay"): 30.0,
    ("aircraft", "terminal"): 60.0,
    ("aircraft", "hangar"): 45.0,
    ("terminal", "runway"): 90.0,
    ("hangar", "runway"): 90.0,
    ("tank", "hall"): 45.0,
    ("tank", "chimney"): 60.0,
    ("hall", "railway"): 50.0,
    ("vehicle", "track"): 15.0,
    ("farm building", "road"): 40.0,
    ("farm building", "track"): 40.0,
    ("house", "street"): 30.0,
    ("house", "road"): 30.0,
    ("road", "river"): 25.0,
    ("building", "park"): 30.0,
    ("building", "square"): 30.0,
    ("beach", "sea"): 10.0,
    ("cliff", "sea"): 10.0,
    ("railway", "motorway"): 40.0,
    ("railway", "river"): 40.0,
    ("scree", "ridge"): 40.0,
}
"""Subject is 'beside' the object when 60 % of it lies within this distance [m] of the object."""

_CROSSING: tuple[tuple[str, str], ...] = (
    ("river", "field"),
    ("river", "stand"),
    ("motorway", "field"),
    ("road", "field"),
    ("track", "stand"),
    ("railway", "field"),
)
_BRIDGING: tuple[tuple[str, str], ...] = (
    ("bridge", "river"),
    ("bridge", "motorway"),
    ("overpass", "motorway"),
    ("overpass", "railway"),
)
_SURROUNDED: tuple[tuple[str, str], ...] = (
    ("clearing", "stand"),
    ("park", "building"),
    ("square", "building"),
    ("lake", "stand"),
    ("farm building", "field"),
)
_MAIN = frozenset(
    {
        "quay", "ship", "tank", "hall", "chimney", "container stack", "terminal", "hangar",
        "aircraft", "runway", "motorway", "railway", "river", "lake", "sea", "beach", "park",
        "car park", "square", "clearing", "farm building", "vehicle", "ridge", "bridge",
        "breakwater", "cliff", "scree",
    }
)  # fmt: skip
"""Things worth a 'left of' or 'above'."""

# what a part of a mixture is made of: things where its ground may be anyone's, else ground
_PART_THINGS: dict[str, tuple[str, ...]] = {
    "suburb": ("house", "garden", "street"),
    "harbour": ("quay", "ship", "crane", "container stack", "breakwater"),
    "airport": ("runway", "taxiway", "terminal", "hangar", "aircraft"),
    "motorway": ("motorway",),
    "farmland": ("field",),
    "river": ("river",),
    "coast": ("sea", "beach"),
    "vehicles": ("vehicle", "clearing"),
}
_PART_COVER: dict[str, tuple[str, ...]] = {
    "city": ("building", "paved"),
    "industry": ("building", "paved", "tank", "container"),
    "forest": ("trees",),
    "mountains": ("rock",),
}


def describe(world: World) -> SceneFacts:
    """Measure the facts of a world inside its visible frame.

    Parameters
    ----------
    world
        A finished world.

    Returns
    -------
    SceneFacts
        Counts, places, land cover and relations; the same world always gives the same facts.
    """
    labels = segmentation(world)
    rows, columns = world.size
    extent_m = (columns * world.spacing_m, rows * world.spacing_m)
    seen: dict[str, list[SceneObject]] = {}
    samples: dict[str, list[Samples]] = {}
    for thing in world.objects:
        points = places.visible_points(thing, labels, extent_m)
        if len(points):
            seen.setdefault(thing.kind, []).append(thing)
            samples.setdefault(thing.kind, []).append(points)
    joined = {kind: np.concatenate(parts) for kind, parts in samples.items()}
    things = tuple(_thing(kind, seen[kind], joined[kind]) for kind in sorted(seen))
    cover = _covers(labels)
    kinds = world.parts or (world.kind,)
    relations = (
        *_part_relations(kinds, joined, labels),
        *_thing_relations(joined, extent_m[0]),
    )
    density = _density(kinds, {item.label: item.share for item in cover})
    return SceneFacts(
        kinds, extent_m[0], extent_m[1], things, cover, tuple(dict.fromkeys(relations)), density
    )


def _thing(kind: str, members: list[SceneObject], points: Samples) -> Thing:
    areal = kind not in places.COMPACT and any(map(places.is_closed, members))
    x, y = points.mean(axis=0)
    share = len(np.unique(points, axis=0)) / places.CELLS**2 if areal else 0.0
    details = Counter(member.detail for member in members if member.detail)
    return Thing(
        kind,
        len(members),
        round(float(x), 3),
        round(float(y), 3),
        places.place(points),
        places.direction(points) if len(members) == 1 and kind in _LONG else "",
        _size(kind, members),
        round(share, 3),
        tuple(sorted(details.items())),
    )


def _size(kind: str, members: list[SceneObject]) -> str:
    if kind not in _SIZES:
        return ""
    low, small, high, large = _SIZES[kind]
    lengths = [m.width_m if small == "narrow" else m.length_m for m in members]
    if not min(lengths) > 0:
        return ""
    return small if max(lengths) < low else large if min(lengths) > high else ""


def _covers(labels: NDArray[np.uint8]) -> tuple[Cover, ...]:
    shares = np.bincount(labels.ravel(), minlength=len(LABELS)) / labels.size
    order = [int(code) for code in np.argsort(-shares, kind="stable") if shares[code] > 0]
    return tuple(
        Cover(
            LABELS[code],
            round(float(shares[code]), 5),
            places.place(places.label_points(labels, (LABELS[code],))),
        )
        for code in order
    )


def _density(kinds: tuple[str, ...], shares: dict[str, float]) -> str:
    if kinds[0] in ("city", "suburb") and len(kinds) == 1:
        built = shares.get("building", 0.0)
        low, high = (0.14, 0.34) if kinds[0] == "city" else (0.08, 0.20)
        return "dense" if built > high else "sparse" if built < low else ""
    if kinds == ("forest",):
        wooded = shares.get("trees", 0.0)
        return "dense" if wooded > 0.75 else "sparse" if wooded < 0.4 else ""
    return ""


def _part_relations(
    kinds: tuple[str, ...], samples: dict[str, Samples], labels: NDArray[np.uint8]
) -> list[Relation]:
    """Relations of the two parts of a mixture, both ways round where that makes sense."""
    if len(kinds) != 2:
        return []
    first, second = (_part_points(kind, samples, labels) for kind in kinds)
    if not len(first) or not len(second):
        return []
    found: list[Relation] = []
    for (name_a, a), (name_b, b) in (
        ((kinds[0], first), (kinds[1], second)),
        ((kinds[1], second), (kinds[0], first)),
    ):
        if name_a in ("river", "motorway") and places.crosses(a, b):
            found.append(Relation(name_a, "crossing", name_b))
        if places.surrounds(b, a):
            found.append(Relation(name_a, "surrounded by", name_b))
        if side := places.side_of(a, b):
            found.append(Relation(name_a, side, name_b))
    if float(np.quantile(places.nearest(first, second), 0.05)) < 0.16:
        found += [Relation(*kinds[:1], "beside", kinds[1]), Relation(kinds[1], "beside", kinds[0])]
    return found


def _part_points(kind: str, samples: dict[str, Samples], labels: NDArray[np.uint8]) -> Samples:
    parts = [samples[name] for name in _PART_THINGS.get(kind, ()) if name in samples]
    if kind in _PART_COVER:
        return places.label_points(labels, _PART_COVER[kind])
    return np.concatenate(parts) if parts else np.empty((0, 2))


def _thing_relations(samples: dict[str, Samples], side_m: float) -> list[Relation]:
    found: list[Relation] = []

    def test(pairs: Iterable[tuple[str, str]], relation: str, rule: Rule) -> None:
        for a, b in pairs:
            if a in samples and b in samples and rule(samples[a], samples[b]):
                found.append(Relation(a, relation, b))

    for (subject, object_), reach_m in _BESIDE_M.items():
        if subject in samples and object_ in samples:
            near = places.nearest(samples[subject], samples[object_]) * side_m <= reach_m
            if near.mean() >= 0.6:
                found.append(Relation(subject, "beside", object_))
    test(_CROSSING, "crossing", places.crosses)
    test(_BRIDGING, "crossing", lambda a, b: places.nearest(a, b).max() * side_m < 20.0)
    test(_SURROUNDED, "surrounded by", lambda a, b: places.surrounds(b, a))
    joined = set(_BRIDGING)
    main = sorted(_MAIN & samples.keys())
    for subject, object_ in permutations(main, 2):
        if "sea" in (subject, object_) or {(subject, object_), (object_, subject)} & joined:
            continue  # a bridge is over its river, not above or below it
        if side := places.side_of(samples[subject], samples[object_]):
            found.append(Relation(subject, side, object_))
    return found
