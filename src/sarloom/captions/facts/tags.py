"""What a map feature is called: tags of OpenStreetMap and its extracts -> kinds of things.

A kind is told by the first rule that fits. Columns may be the keys of OpenStreetMap itself
(``highway``, ``building``, ...), GDAL's ``other_tags``, or ``fclass`` of the shapefiles that are
cut from it; ``class``, ``type`` and ``kind`` are tried last.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Shape = Literal["area", "line", "thing"]


class Feature(NamedTuple):
    """A kind of map feature."""

    singular: str
    plural: str
    shape: Shape
    """An 'area' has a share, a 'line' a direction, a 'thing' is counted."""
    width_m: float
    """How wide a line is, or a point is taken to be, on the ground [m]."""
    weight: int
    """How much it is worth a word: 3 is what a scene is named after."""


def _f(singular: str, shape: Shape, weight: int, width_m: float = 0.0, plural: str = "") -> Feature:
    return Feature(singular, plural or singular + "s", shape, width_m, weight)


KINDS: dict[str, Feature] = {
    "airport": _f("airport", "area", 4),
    "harbour": _f("harbour", "area", 4),
    "runway": _f("runway", "line", 4, 40.0),
    "taxiway": _f("taxiway", "line", 2, 20.0),
    "river": _f("river", "line", 3, 25.0),
    "canal": _f("canal", "line", 3, 12.0),
    "stream": _f("stream", "line", 1, 3.0),
    "water": _f("lake", "area", 3),
    "pond": _f("pond", "area", 2),
    "sea": _f("the sea", "area", 3, plural="the sea"),
    "motorway": _f("motorway", "line", 3, 25.0),
    "road": _f("road", "line", 2, 9.0),
    "street": _f("street", "line", 1, 6.0),
    "track": _f("track", "line", 1, 3.0),
    "path": _f("path", "line", 1, 1.5),
    "railway": _f("railway", "line", 3, 5.0),
    "bridge": _f("bridge", "thing", 3, 10.0),
    "dam": _f("dam", "thing", 3, 10.0),
    "building": _f("building", "thing", 2),
    "house": _f("house", "thing", 2),
    "hall": _f("warehouse", "thing", 2),
    "greenhouse": _f("greenhouse", "thing", 2),
    "hangar": _f("hangar", "thing", 3),
    "church": _f("church", "thing", 2, plural="churches"),
    "tank": _f("storage tank", "thing", 3, 10.0),
    "silo": _f("silo", "thing", 2, 6.0),
    "chimney": _f("chimney", "thing", 3, 5.0),
    "wind turbine": _f("wind turbine", "thing", 3, 6.0),
    "pylon": _f("pylon", "thing", 2, 6.0),
    "tower": _f("tower", "thing", 2, 6.0),
    "pier": _f("pier", "thing", 3, 6.0),
    "breakwater": _f("breakwater", "thing", 3, 8.0),
    "stadium": _f("stadium", "area", 3),
    "pitch": _f("sports field", "area", 1),
    "forest": _f("forest", "area", 2),
    "farmland": _f("farmland", "area", 2, plural="farmland"),
    "orchard": _f("orchard", "area", 2),
    "vineyard": _f("vineyard", "area", 2),
    "grass": _f("grassland", "area", 1, plural="grassland"),
    "shrub": _f("shrubland", "area", 1, plural="shrubland"),
    "residential": _f("residential area", "area", 2),
    "commercial": _f("commercial area", "area", 2),
    "industrial": _f("industrial area", "area", 3),
    "built-up": _f("built-up land", "area", 2, plural="built-up land"),
    "quarry": _f("quarry", "area", 3, plural="quarries"),
    "park": _f("park", "area", 2),
    "golf": _f("golf course", "area", 3),
    "cemetery": _f("cemetery", "area", 2, plural="cemeteries"),
    "parking": _f("car park", "area", 2),
    "solar": _f("solar farm", "area", 3),
    "beach": _f("beach", "area", 3, plural="beaches"),
    "bare": _f("bare ground", "area", 1, plural="bare ground"),
    "wetland": _f("wetland", "area", 2, plural="wetland"),
    "glacier": _f("glacier", "area", 3),
    "snow": _f("snow and ice", "area", 2, plural="snow and ice"),
    "mangrove": _f("mangrove forest", "area", 2),
    "moss": _f("moss and lichen", "area", 1, plural="moss and lichen"),
}
"""Kinds and their words. No colours, no people: what a radar cannot show has no word here."""

MASS = frozenset(name for name, kind in KINDS.items() if kind.singular == kind.plural) | {"forest"}
"""Said without article: 'farmland', 'forest'."""

RULES: tuple[tuple[str, str, str], ...] = (
    ("bridge", "yes|viaduct|movable|aqueduct", "bridge"),
    ("man_made", "bridge", "bridge"),
    ("aeroway", "aerodrome|airport", "airport"),
    ("aeroway", "runway", "runway"),
    ("aeroway", "taxiway|taxilane", "taxiway"),
    ("aeroway", "hangar", "hangar"),
    ("aeroway", "terminal", "building"),
    ("harbour|landuse", "yes|harbour|port", "harbour"),
    ("man_made|fclass", "storage_tank|tank|gasometer", "tank"),
    ("man_made|fclass", "silo", "silo"),
    ("man_made|fclass", "chimney", "chimney"),
    ("man_made|fclass", "pier|jetty|quay", "pier"),
    ("man_made|fclass", "breakwater|groyne", "breakwater"),
    ("man_made|fclass", "tower|lighthouse|water_tower|mast|communications_tower", "tower"),
    ("power", "tower|portal", "pylon"),
    ("power|generator:source", "wind|wind_turbine", "wind turbine"),
    ("plant:source|generator:source|landuse", "solar|solar_farm", "solar"),
    ("building", "house|detached|semidetached_house|bungalow|terrace|residential", "house"),
    ("building", "warehouse|industrial|hangar|factory|manufacture", "hall"),
    ("building", "greenhouse", "greenhouse"),
    ("building", "church|cathedral|chapel|mosque|temple", "church"),
    ("building", "silo|storage_tank", "tank"),
    ("building", "(?!no$).+", "building"),
    ("waterway|fclass", "dam|weir", "dam"),
    ("waterway|fclass", "riverbank", "water"),
    ("waterway|fclass", "river", "river"),
    ("waterway|fclass", "canal", "canal"),
    ("waterway|fclass", "stream|ditch|drain", "stream"),
    ("water", "river|canal|stream", "river"),
    ("water", "pond|basin|pool", "pond"),
    ("natural|landuse|fclass|water", "water|reservoir|lake|basin|lagoon", "water"),
    ("natural|fclass", "bay|strait|sea", "sea"),
    ("highway|fclass", "motorway(_link)?|trunk(_link)?", "motorway"),
    ("highway|fclass", "(primary|secondary|tertiary)(_link)?|unclassified|road", "road"),
    ("highway|fclass", "residential|living_street|service|pedestrian", "street"),
    ("highway|fclass", "track(_grade\\d)?", "track"),
    ("highway|fclass", "path|footway|cycleway|bridleway|steps", "path"),
    ("railway|fclass", "rail|light_rail|narrow_gauge|tram|subway", "railway"),
    ("leisure|fclass", "stadium", "stadium"),
    ("leisure|fclass", "pitch|track|sports_centre", "pitch"),
    ("leisure|fclass", "golf_course", "golf"),
    ("leisure|fclass", "park|garden|recreation_ground", "park"),
    ("amenity|fclass", "parking", "parking"),
    ("landuse|natural|fclass", "forest|wood", "forest"),
    ("landuse|fclass", "farmland|farm|farmyard|plant_nursery", "farmland"),
    ("landuse|fclass", "orchard", "orchard"),
    ("landuse|fclass", "vineyard", "vineyard"),
    ("landuse|natural|fclass", "meadow|grass|grassland|village_green", "grass"),
    ("landuse|natural|fclass", "scrub|heath|shrub", "shrub"),
    ("landuse", "residential", "residential"),
    ("landuse|fclass", "commercial|retail", "commercial"),
    ("landuse|fclass", "industrial|depot|railway", "industrial"),
    ("landuse|fclass", "quarry|landfill", "quarry"),
    ("landuse|amenity|fclass", "cemetery|grave_yard", "cemetery"),
    ("natural|fclass", "beach", "beach"),
    ("natural|fclass", "sand|bare_rock|scree|shingle|mud", "bare"),
    ("natural|fclass", "wetland", "wetland"),
    ("natural|fclass", "glacier", "glacier"),
)  # fmt: skip
"""Keys (any of), pattern of the whole value, kind; the first that fits."""
_COMPILED = tuple((keys.split("|"), re.compile(pattern), kind) for keys, pattern, kind in RULES)

KEYS: tuple[str, ...] = tuple(dict.fromkeys(key for keys, _, _ in _COMPILED for key in keys))
LOOSE = ("class", "type", "kind", "category", "subclass")
"""Columns whose value may be a kind by its own name."""
_HSTORE = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')


def kind_of(tags: Mapping[str, Any]) -> str | None:
    """The kind of a feature, None where no rule fits.

    Parameters
    ----------
    tags
        Column name -> value; ``other_tags`` in GDAL's form is unpacked.
    """
    known = {name.lower(): str(value).lower() for name, value in tags.items() if _said(value)}
    for key, value in _HSTORE.findall(known.get("other_tags", "")):
        known.setdefault(key, value)
    for keys, pattern, kind in _COMPILED:
        if any(key in known and pattern.fullmatch(known[key]) for key in keys):
            return kind
    for name in LOOSE:
        value = known.get(name, "").replace("_", " ")
        if value in KINDS:
            return value
        for kind, feature in KINDS.items():
            if value and value in (feature.singular, feature.plural):
                return kind
    return None


def _said(value: Any) -> bool:
    return value is not None and value == value and str(value).strip() not in ("", "nan", "None")
