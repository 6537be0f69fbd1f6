"""Names of kinds: the many ways a person calls a wood, a suburb or a motorway.

Only what follows from the facts may be said: an entry names what it needs after a bar, as in
'+houses | house>1'. How an entry is marked decides its articles:

=============  =====================================================================
'a town'       singular: 'a town', 'the town', 'town'
'+houses'      plural: 'houses', 'the houses'
'=farmland'    mass: 'farmland', 'the farmland'
'!the sea'     as it stands, singular
'!+the ...'    as it stands, plural
=============  =====================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from .facts import SceneFacts
from .wording import NUMBERS, with_article

_ENTRIES: dict[str, tuple[str, ...]] = {
    "city": (
        "an inner city area", "an urban settlement", "=urban development", "a block of the city",
        "a municipal area", "an urban quarter", "+built-up blocks | building>3", "a city scene",
        "=urban sprawl", "a metropolitan area", "+structures of a city | building>1",
        "a city", "a town", "an urban area", "a built-up area", "an urban district",
        "a city district", "a city quarter", "a town centre", "a town center", "a city center",
        "a downtown area", "an urban landscape", "a cityscape", "a townscape", "=urban land",
        "=built-up land", "an urban neighbourhood", "an urban neighborhood", "!part of a city",
        "!part of a town", "an urban zone", "an area of buildings | building>1",
        "+buildings | building>1", "+city buildings | building>1", "+town buildings | building>1",
        "+urban buildings | building>1", "+city blocks | building>3", "+urban blocks | building>3",
        "+blocks of buildings | building>3", "+streets and buildings | street>1, building>1",
        "+buildings and streets | street>1, building>1", "+city streets | street>1",
        "!+the buildings of a city | building>1", "!+the buildings of a town | building>1",
        "!+the streets of a town | street>1", "!+the streets of a city | street>1",
        "!+the blocks of a city | building>3", "+rooftops | building>1",
    ),
    "suburb": (
        "a residential settlement", "a settlement of houses | house>1", "a residential suburb",
        "+single-family houses | house>1", "+family homes | house>1", "a commuter suburb",
        "+residences | house>1", "a residential community", "a suburban settlement",
        "a suburb", "a residential area", "a suburban area", "a residential district",
        "a housing area", "a housing estate", "a residential neighbourhood",
        "a residential neighborhood", "a suburban neighbourhood", "a suburban neighborhood",
        "a suburban district", "a residential quarter", "a housing subdivision",
        "a residential zone", "=housing | house>1", "=suburban housing | house>1",
        "=residential land", "=suburbia", "a suburban landscape", "a neighbourhood of houses",
        "an area of houses | house>1", "+houses | house>1", "+homes | house>1",
        "+dwellings | house>1", "+suburban houses | house>1", "+suburban homes | house>1",
        "+residential houses | house>1", "+residential buildings | house>1",
        "+rows of houses | house>8", "+houses and streets | house>1, street>1",
        "+streets of houses | house>1, street>1", "+suburban streets | street>1",
        "+residential streets | street>1", "!+the houses of a suburb | house>1",
        "!+the homes of a suburb | house>1", "!+the streets of a suburb | street>1",
        "!+the houses of a residential area | house>1",
    ),
    "industry": (
        "an industrial compound", "a processing plant", "a manufacturing plant",
        "+production halls | hall>1", "+industrial structures", "+sheds | hall>1",
        "a manufacturing complex", "+storage vessels | tank>1", "a storage depot | tank>3",
        "=industry", "an industrial area", "an industrial site", "an industrial zone",
        "an industrial estate", "an industrial park", "an industrial district",
        "an industrial plant", "an industrial complex", "an industrial facility", "a factory",
        "a factory site", "a factory complex", "a manufacturing site", "a production site",
        "a plant", "=industrial land", "=heavy industry | tank>1, chimney>0",
        "+industrial buildings | hall>1", "+factory buildings | hall>1",
        "+factory halls | hall>1", "+industrial halls | hall>1", "+warehouses | hall>1",
        "+storage tanks | tank>1", "+tanks | tank>1", "+industrial tanks | tank>1",
        "a tank farm | tank>3", "+factory grounds", "+industrial grounds",
        "+industrial installations", "+chimneys and tanks | chimney>1, tank>1",
        "+halls and tanks | hall>1, tank>1", "!+the tanks of a factory | tank>1",
        "!+the halls of a factory | hall>1", "!+the grounds of a factory",
        "!+the buildings of a factory | hall>1", "!+the tanks of an industrial plant | tank>1",
    ),
    "harbour": (
        "a harbour", "a harbor", "a port", "a seaport", "a sea port", "a port area",
        "a harbour area", "a harbor area", "a harbour basin", "a harbor basin", "+docklands",
        "+docks", "+port facilities", "+quays | quay>1", "+wharves | quay>1",
        "+harbour quays | quay>1", "+ships | ship>1", "+ships and quays | ship>1, quay>1",
        "!+the docks of a port", "!+the quays of a port | quay>1",
        "!+the ships of a harbour | ship>1", "+harbour installations",
    ),
    "airport": (
        "an airport", "an airfield", "an aerodrome", "an air base", "an airport area",
        "+airport grounds", "an aviation site", "a flying field", "a runway | runway=1",
        "+runways | runway>1", "a landing strip | runway=1", "+planes | aircraft>1",
        "+aircraft | aircraft>1", "+airplanes | aircraft>1",
        "+aprons and taxiways | taxiway>1", "!+the grounds of an airport",
        "!the runway of an airport | runway=1", "!+the planes of an airport | aircraft>1",
    ),
    "forest": (
        "a canopy of trees", "=tree canopy", "a timbered area", "a grove of trees | stand=1",
        "a body of woodland", "a block of forest", "a wooded tract", "a forest region",
        "a cover of trees", "a wooded landscape",
        "a forest", "a wood", "+woods", "=woodland", "a wooded area", "a forested area",
        "a forest area", "a woodland area", "=forested land", "=wooded land", "=wooded terrain",
        "=forested terrain", "+trees", "+forest trees", "=tree cover", "a tree-covered area",
        "=tree-covered land", "a tract of forest", "a tract of woodland", "an area of forest",
        "an area of trees", "an area of woodland", "an expanse of trees", "an expanse of forest",
        "a stretch of forest", "a stretch of woodland", "=timberland", "=forest land",
        "+stands of trees | stand>1", "a stand of trees | stand=1", "=forest",
        "!+the trees of a forest", "!+the trees of a wood", "a mass of trees", "+woodlands",
        "a forest landscape",
    ),
    "farmland": (
        "+croplands", "+farmlands", "+acres of farmland | field>1", "a rural area",
        "a rural landscape", "a farming landscape", "+agricultural parcels | field>1",
        "+tracts of cropland | field>1", "=agrarian land", "a mosaic of fields | field>3",
        "=ploughland | ploughed", "+furrowed fields | field>1, ploughed",
        "=farmland", "=agricultural land", "=cropland", "=arable land", "=farm land",
        "=cultivated land", "=farming land", "=open farmland", "=rural land",
        "=open countryside", "=farm country", "an agricultural area", "a farming area",
        "a farmed area", "an agricultural landscape", "a stretch of farmland",
        "an area of farmland", "an expanse of farmland", "+fields | field>1",
        "+farm fields | field>1", "+cultivated fields | field>1", "+agricultural fields | field>1",
        "+open fields | field>1", "+plots of farmland | field>1", "+parcels of farmland | field>1",
        "+patches of farmland | field>1", "+agricultural plots | field>1",
        "+farm plots | field>1", "an area of fields | field>1",
        "a patchwork of fields | field>3", "a farm field | field=1",
        "!+the fields of a farm | field>1, farm building>0",
        "!a farm and its fields | field>1, farm building>0",
        "+fields and hedges | field>1, hedge>1", "+fields and farm buildings | field>1, "
        "farm building>1", "+ploughed fields | field>1, ploughed", "+plowed fields | field>1, "
        "ploughed", "=ploughed land | ploughed", "=plowed land | ploughed",
        "=tilled land | ploughed",
    ),
    "river": (
        "a river course", "an inland waterway", "=running water", "a flowing river",
        "a freshwater river", "a body of flowing water", "a stream channel | narrow",
        "a reach of river", "a section of waterway",
        "a river", "a river", "a river", "a waterway", "a watercourse", "a river channel",
        "a stretch of river", "a section of river", "a stretch of water", "=flowing water",
        "=river water", "!the water of a river", "!the course of a river", "a wide river | wide",
        "a broad river | wide", "a large river | wide", "a narrow river | narrow",
        "a stream | narrow", "a small river | narrow", "a winding river | winds",
        "a meandering river | winds", "a curving river | winds",
    ),
    "coast": (
        "a waterfront", "an ocean shore", "!the coast of the ocean", "=salt water",
        "a marine shore", "an ocean coast", "a coastal zone", "!the waters of the sea",
        "!the sea", "a coast", "a shoreline", "a coastline", "a seashore", "a shore",
        "a sea coast", "=open water", "=sea", "=sea water", "!the ocean", "!the open sea",
        "!the seaside", "!the shore of the sea", "!the edge of the sea", "a stretch of coast",
        "a stretch of shoreline", "a strip of coast", "+coastal waters", "a coastal strip",
        "a coastal area", "a beach | beach=1", "+beaches | beach>1", "+cliffs | cliff>1",
        "!the shore", "!the coast", "!the water of the sea",
    ),
    "motorway": (
        "a thoroughfare", "a carriageway", "a controlled-access highway",
        "a turnpike", "a limited-access road", "an autobahn", "a long-distance road",
        "a multi-lane expressway",
        "a motorway", "a highway", "a freeway", "an expressway", "a multi-lane road",
        "a dual carriageway", "a divided highway", "a main road", "a major road",
        "an interstate highway", "a broad road", "a stretch of motorway", "a stretch of highway",
        "a stretch of freeway", "a section of motorway", "a section of highway",
        "an arterial road", "a multi-lane highway", "+motorway lanes", "+highway lanes",
        "!+the lanes of a motorway", "!+the lanes of a highway", "a {lanes}-lane road | lanes",
        "a {lanes}-lane highway | lanes", "a {lanes}-lane motorway | lanes",
        "a motorway with several lanes | lanes", "a trunk road", "a traffic route",
    ),
    "vehicles": (
        "+vehicles in a clearing | vehicle>1", "+vehicles | vehicle>1",
        "+parked vehicles | vehicle>1", "+vehicles parked in a clearing | vehicle>1",
        "+vehicles standing in a clearing | vehicle>1", "+standing vehicles | vehicle>1",
        "+vehicles on open ground | vehicle>1", "a clearing with vehicles | vehicle>1",
        "a clearing where vehicles stand | vehicle>1", "+{vehicles} | vehicle>1",
        "+{vehicles} in a clearing | vehicle>1", "+{vehicles} in an open area | vehicle>1",
        "+{vehicles} parked in a clearing | vehicle>1", "a clearing with {vehicles} | vehicle>1",
        "a clearing occupied by vehicles | vehicle>1", "a group of vehicles | vehicle>2",
        "+several vehicles | vehicle>2", "+a few vehicles | vehicle=3",
        "a vehicle | vehicle=1", "a parked vehicle | vehicle=1",
        "a vehicle in a clearing | vehicle=1", "a vehicle parked in a clearing | vehicle=1",
        "a clearing with a vehicle | vehicle=1", "a clearing | vehicle=0",
        "an open clearing | vehicle=0", "a patch of open ground | vehicle=0",
    ),
    "mountains": (
        "+uplands", "=highland terrain", "+summits", "+mountain flanks", "+heights", "+crags",
        "=upland terrain", "+rocky heights", "a massif", "=craggy terrain", "=sloping terrain",
        "+mountains", "+steep mountains", "=mountainous terrain", "+mountain slopes",
        "+steep slopes", "+peaks", "+mountain peaks", "a mountain range", "=mountain country",
        "=rocky terrain", "+rocky slopes", "+rugged slopes", "+mountainsides",
        "+steep hillsides", "a mountainous area", "a mountain landscape", "a mountain region",
        "=rugged terrain", "=rocky ground", "=steep terrain", "+rugged mountains",
        "+high mountains", "=high ground", "+hillsides", "+rocky mountains", "+ridges | ridge>1",
        "+mountain ridges | ridge>1", "+ridges and slopes | ridge>1", "a mountain ridge | ridge=1",
        "a ridge | ridge=1", "a mountainside", "a rocky mountainside",
        "+peaks and ridges | ridge>1", "!+the slopes of mountains",
    ),
}  # fmt: skip
"""The plainest first."""


@dataclass(frozen=True)
class Name:
    """One way to call a kind."""

    bare: str
    """Without an article: 'town', 'houses', 'farmland', 'buildings of a town'."""
    plural: bool
    form: str
    """'one', 'many', 'mass' or 'fixed', which decides the articles."""
    fixed: str = ""
    needs: tuple[str, ...] = ()

    @property
    def things(self) -> frozenset[str]:
        """Kinds of things that the name says already."""
        return frozenset(counted[0] for need in self.needs if (counted := _counted(need)))

    def indefinite(self) -> str:
        """'a town', 'houses', 'farmland', 'the sea'."""
        if self.form == "fixed":
            return self.fixed
        return with_article(self.bare) if self.form == "one" else self.bare

    def definite(self) -> str:
        """'the town', 'the houses'; long names and fixed ones stay as they are."""
        if self.form == "fixed" or len(self.bare.split()) > 2:
            return self.indefinite()
        if self.bare.split()[0] in (*NUMBERS, "several", "many"):
            return self.indefinite()
        return f"the {self.bare}"

    def modified(self, adjective: str) -> str:
        """'a riverside town', 'coastal houses'; '' where the name takes no adjective."""
        first = self.bare.split()[0]
        if self.form == "fixed" or adjective[:4] == first[:4] or len(self.bare.split()) > 2:
            return ""
        several = " " in self.bare
        if first.endswith(("ed", "-up")) or (several and self.form == "mass"):
            return ""
        if several and first in (*NUMBERS, "several", "rows", "docks"):
            return ""
        both = f"{adjective} {self.bare}"
        return with_article(both) if self.form == "one" else both


def _parse(entry: str) -> Name:
    phrase, _, needs = entry.partition(" | ")
    wanted = tuple(need.strip() for need in needs.split(",") if need.strip())
    if phrase.startswith("!"):
        fixed = phrase.lstrip("!+")
        bare = re.sub(r"^(?:an?|the) ", "", fixed)
        return Name(bare, phrase.startswith("!+"), "fixed", fixed, wanted)
    if phrase[0] in "+=":
        plural = phrase[0] == "+"
        return Name(phrase[1:], plural, "many" if plural else "mass", "", wanted)
    return Name(re.sub(r"^an? ", "", phrase), False, "one", "", wanted)


NAMES: dict[str, tuple[Name, ...]] = {
    kind: tuple(_parse(entry) for entry in entries) for kind, entries in _ENTRIES.items()
}


@cache
def _counted(need: str) -> tuple[str, str, int] | None:
    match = re.fullmatch(r"([a-z ]+)([=>])(\d+)", need)
    return (match[1], match[2], int(match[3])) if match else None


def winds(facts: SceneFacts) -> bool:
    """Whether the one river surely bends: it passes the middle, yet in no straight direction.

    A straight river through the middle has a direction (``places.direction``); one that cuts off
    a corner has none either, so its mean position must be near the middle.
    """
    river = facts.thing("river")
    if river is None or river.count != 1 or river.direction:
        return False
    return abs(river.x - 0.5) < 0.12 and abs(river.y - 0.5) < 0.12


def _true(need: str, facts: SceneFacts, loose: bool) -> bool:
    """Whether a need of a name ('house>1', 'ploughed', 'wide', 'winds', 'lanes') is met."""
    if counted := _counted(need):
        kind, sign, number = counted
        count = facts.count(kind)
        return count > number if sign == ">" else count == number
    if need in ("wide", "narrow"):
        river = facts.thing("river")
        return river is not None and river.count == 1 and river.size == need
    if need == "ploughed":
        fields = facts.thing("field")
        ploughed = dict(fields.details).get("ploughed", 0) if fields else 0
        return fields is not None and (ploughed == fields.count or (loose and ploughed > 1))
    if need == "winds":
        return winds(facts)
    return bool(lanes(facts))


def lanes(facts: SceneFacts) -> str:
    """'four', 'six', ... where all motorways have as many lanes, else ''."""
    roads = facts.thing("motorway")
    if roads is None or len(roads.details) != 1:
        return ""
    match = re.fullmatch(r"(\d+)-lane", roads.details[0][0])
    return NUMBERS[int(match[1])] if match and 2 < int(match[1]) < len(NUMBERS) else ""


def names_of(facts: SceneFacts, kind: str, *, loose: bool = False) -> tuple[Name, ...]:
    """All names of a kind that are true of the scene; never empty.

    ``loose`` allows what is true of some only ('ploughed fields' among others), as is right
    where no place or relation follows.
    """
    count = facts.count("vehicle")
    vehicles = NUMBERS[count] if count < len(NUMBERS) else "many"
    filled = {"{lanes}": lanes(facts), "{vehicles}": f"{vehicles} vehicles"}
    found = []
    for name in NAMES[kind]:
        if not all(_true(need, facts, loose) for need in name.needs):
            continue
        for mark, word in filled.items():
            if mark in name.bare:
                bare = name.bare.replace(mark, word)
                name = Name(bare, name.plural, name.form, name.fixed, name.needs)
        found.append(name)
    return tuple(found)
