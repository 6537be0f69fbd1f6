"""Words for captions: nouns with their plurals and synonyms, numbers, articles, places.

Only words; which of them are true of a scene is decided in ``captions``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Word = TypeVar("Word")
Noun = tuple[str, str]
"""Singular and plural."""


def _s(*singular: str) -> tuple[Noun, ...]:
    return tuple((word, word + "s") for word in singular)


NOUNS: dict[str, tuple[Noun, ...]] = {
    "building": _s("building"),
    "house": _s("house", "detached house", "dwelling", "home"),
    "hall": _s("hall", "warehouse", "industrial building", "factory hall", "shed"),
    "tank": _s("tank", "storage tank", "round tank", "cylindrical tank"),
    "chimney": _s("chimney", "smokestack", "tall chimney"),
    "container stack": (*_s("container stack"), ("stack of containers", "stacks of containers")),
    "crane": _s("crane", "harbour crane", "cargo crane"),
    "ship": _s("ship", "vessel"),
    "quay": (("quay", "quays"), ("wharf", "wharves"), ("dock", "docks")),
    "breakwater": _s("breakwater", "mole"),
    "road": _s("road"),
    "street": _s("street"),
    "car": _s("car", "automobile"),
    "truck": (("truck", "trucks"), ("lorry", "lorries")),
    "aircraft": (
        ("aircraft", "aircraft"),
        ("plane", "planes"),
        ("airplane", "airplanes"),
        ("aeroplane", "aeroplanes"),
    ),
    "runway": _s("runway", "airstrip"),
    "taxiway": _s("taxiway"),
    "terminal": _s("terminal", "terminal building"),
    "hangar": _s("hangar"),
    "motorway": _s("motorway", "highway", "freeway"),
    "bridge": _s("bridge"),
    "overpass": (("overpass", "overpasses"), ("flyover", "flyovers")),
    "railway": _s("railway", "railway line", "railroad", "rail line"),
    "tree": _s("tree"),
    "park": _s("park"),
    "square": _s("square", "plaza"),
    "car park": _s("car park", "parking lot", "parking area"),
    "hedge": _s("hedge", "hedgerow"),
    "garden": _s("garden", "yard"),
    "clearing": (
        *_s("clearing", "glade", "forest clearing"),
        ("gap in the trees", "gaps in the trees"),
    ),
    "track": _s("track", "dirt track", "trail"),
    "stand": (
        ("stand of trees", "stands of trees"),
        ("patch of forest", "patches of forest"),
        ("grove", "groves"),
        ("patch of woodland", "patches of woodland"),
    ),
    "field": (*_s("field", "farm field"), ("plot of land", "plots of land")),
    "farm building": _s("farm building", "agricultural building"),
    "silo": _s("silo"),
    "copse": (
        ("copse", "copses"),
        ("clump of trees", "clumps of trees"),
        ("cluster of trees", "clusters of trees"),
    ),
    "wood": _s("small wood"),
    "sound wall": _s("noise barrier", "sound wall"),
    "river": _s("river"),
    "beach": (("beach", "beaches"), ("strip of beach", "strips of beach")),
    "cliff": _s("cliff", "sea cliff"),
    "dune": _s("dune", "sand dune"),
    "vehicle": _s("vehicle"),
    "ridge": _s("ridge", "mountain ridge", "rocky ridge"),
    "scree": (*_s("scree slope"), ("slope of loose rock", "slopes of loose rock")),
    "rock": _s("rock", "boulder"),
    "lake": _s("lake"),
}
"""Synonyms per object kind, the plainest first."""

DETAILED: dict[tuple[str, str], Noun] = {
    ("ship", "cargo"): ("cargo ship", "cargo ships"),
    ("ship", "container"): ("container ship", "container ships"),
    ("ship", "tanker"): ("tanker", "tankers"),
    ("ship", "ferry"): ("ferry", "ferries"),
    ("ship", "fishing"): ("fishing boat", "fishing boats"),
    ("ship", "tug"): ("tug", "tugs"),
    ("ship", "yacht"): ("yacht", "yachts"),
    ("ship", "barge"): ("barge", "barges"),
    ("aircraft", "airliner"): ("airliner", "airliners"),
    ("aircraft", "wide-body"): ("wide-body airliner", "wide-body airliners"),
    ("aircraft", "business jet"): ("business jet", "business jets"),
    ("aircraft", "light"): ("light aircraft", "light aircraft"),
    ("aircraft", "fighter"): ("fighter jet", "fighter jets"),
    ("aircraft", "transport"): ("transport plane", "transport planes"),
    ("building", "flat-roofed"): ("flat-roofed building", "flat-roofed buildings"),
    ("building", "pitched-roofed"): ("pitched-roofed building", "pitched-roofed buildings"),
    ("house", "pitched-roofed"): ("pitched-roofed house", "pitched-roofed houses"),
    ("hall", "flat-roofed"): ("flat-roofed hall", "flat-roofed halls"),
    ("field", "ploughed"): ("ploughed field", "ploughed fields"),
    ("vehicle", "tracked"): ("tracked vehicle", "tracked vehicles"),
    ("vehicle", "wheeled"): ("wheeled vehicle", "wheeled vehicles"),
}
"""Nouns for things with a detail, where the detail shows in a radar image."""

MASS: dict[str, tuple[str, ...]] = {
    "sea": ("the sea", "open water", "water"),
}
"""Things that are not counted."""

HEADS: dict[str, tuple[str, ...]] = {
    "city": ("a city", "a town", "an urban area", "a built-up area", "a city centre",
             "city blocks and streets", "the centre of a town", "a downtown area"),
    "suburb": ("a suburb", "a residential area", "a suburban area", "a residential district",
               "a housing area", "a neighbourhood of houses"),
    "industry": ("industry", "an industrial area", "an industrial site", "an industrial zone",
                 "a factory site", "an industrial estate", "a factory", "an industrial plant",
                 "an industrial complex"),
    "harbour": ("a harbour", "a port", "a sea port", "a harbour basin", "a harbour area"),
    "airport": ("an airport", "an airfield", "an airport area", "an air base",
                "the grounds of an airport"),
    "forest": ("a forest", "woodland", "a wooded area", "a forest area", "woods", "a wood",
               "forested land"),
    "farmland": ("farmland", "fields", "agricultural land", "cultivated land", "cropland",
                 "an agricultural area"),
    "river": ("a river", "a river landscape", "a river valley", "a stretch of river",
              "a river and its banks"),
    "coast": ("a coast", "a coastline", "a seashore", "a shoreline", "a stretch of coast",
              "the shore of the sea", "a sea coast"),
    "motorway": ("a motorway", "a highway", "a multi-lane road", "a stretch of motorway",
                 "a stretch of highway", "a freeway", "a highway with several lanes"),
    "vehicles": ("vehicles",),
    "mountains": ("mountains", "a mountain landscape", "mountainous terrain", "steep mountains",
                  "rugged mountains", "a mountainous area", "mountain ridges and slopes",
                  "high mountains", "a mountain range"),
}  # fmt: skip
"""Noun phrases for a whole scene, the canonical one first."""

PARTS: dict[str, str] = {
    "city": "a city", "suburb": "a suburb", "industry": "industry", "harbour": "a harbour",
    "airport": "an airport", "forest": "a forest", "farmland": "farmland", "river": "a river",
    "coast": "the sea", "motorway": "a motorway", "mountains": "mountains",
}  # fmt: skip
"""The plain noun phrase for one part of a mixture, as canonical captions have it."""

PLACES: dict[str, tuple[str, ...]] = {
    "upper left": (
        "in the upper left",
        "at the upper left",
        "in the upper left corner",
        "in the upper left part",
        "towards the upper left",
    ),
    "upper right": (
        "in the upper right",
        "at the upper right",
        "in the upper right corner",
        "in the upper right part",
        "towards the upper right",
    ),
    "lower left": (
        "in the lower left",
        "at the lower left",
        "in the lower left corner",
        "in the lower left part",
        "towards the lower left",
    ),
    "lower right": (
        "in the lower right",
        "at the lower right",
        "in the lower right corner",
        "in the lower right part",
        "towards the lower right",
    ),
    "left": (
        "on the left",
        "on the left side",
        "on the left-hand side",
        "in the left half",
        "to the left",
    ),
    "right": (
        "on the right",
        "on the right side",
        "on the right-hand side",
        "in the right half",
        "to the right",
    ),
    "top": ("at the top", "in the upper part", "in the upper half", "near the top"),
    "bottom": ("at the bottom", "in the lower part", "in the lower half", "near the bottom"),
    "centre": (
        "in the centre",
        "in the middle",
        "in the center",
        "in the central part",
        "at the centre",
    ),
    "throughout": (
        "throughout the scene",
        "spread over the whole scene",
        "all over the scene",
        "across the scene",
        "across the whole area",
    ),
}

SIDES: dict[str, str] = {
    "left of": "to the left of",
    "right of": "to the right of",
    "above": "above",
    "below": "below",
}

NUMBERS = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
)  # fmt: skip


def pick(rng: np.random.Generator, options: Sequence[Word]) -> Word:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def with_article(phrase: str) -> str:
    """The phrase with 'a' or 'an' in front, by the sound of its first letter."""
    vowel = phrase[0] in "aeiou" and not phrase.startswith(("uni", "one", "eu", "use"))
    return f"{'an' if vowel else 'a'} {phrase}"


def number_phrase(
    count: int, noun: Noun, rng: np.random.Generator, adjective: str = "", exact_up_to: int = 12
) -> str:
    """'a ship', 'five large ships', 'several fields', 'dozens of cars': true for ``count``."""
    one, many = (f"{adjective} {word}".strip() for word in noun)
    if count == 1:
        single = f"{pick(rng, ('one', 'a single'))} {one}"
        return single if rng.random() < 0.15 else with_article(one)
    if count <= exact_up_to:
        return f"{NUMBERS[count]} {many}"
    if count <= 12:
        return f"several {many}"
    words = ["many", "numerous"]
    if count >= 30:
        words.append("dozens of")
    if count >= 300:
        words.append("hundreds of")
    return f"{pick(rng, words)} {many}"


def join(items: Sequence[str]) -> str:
    """'x', 'x and y', 'x, y and z'."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
