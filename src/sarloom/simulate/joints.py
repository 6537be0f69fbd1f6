"""Sentence patterns for mixtures: how two parts of a scene may be put together in words.

In a pattern ``{a}`` and ``{b}`` are the parts with their articles, ``{a0}`` without;
``{riverside+a}`` has an adjective; ``<a:meets/meet>`` agrees with the number of ``a``. Which table
holds for a scene is decided in ``mixtures`` by its facts.
"""

from __future__ import annotations

ALWAYS: tuple[str, ...] = (
    "{a} and {b}", "{a} and {b}", "{a} with {b}", "both {a} and {b}", "{a} as well as {b}",
    "{a} together with {b}", "{a} plus {b}", "{a} and also {b}", "{a}, {b}", "{a0}, {b0}",
    "{a0} and {b0}", "{a} and {b} together", "{a} and {b} in one scene",
    "{a} in one part and {b} in another", "part {a0}, part {b0}", "partly {a0}, partly {b0}",
    "{a} in a scene with {b}", "not only {a} but also {b}", "{a}, and {b} as well",
    "{a} accompanied by {b}", "{a} with {b} in the same scene", "a mix of {a} and {b}",
    "a mixture of {a} and {b}", "a combination of {a} and {b}", "a scene that shows {a} and {b}",
    "{a} sharing the scene with {b}", "a landscape made up of {a} and {b}",
    "an area consisting of {a} and {b}", "there <a:is/are> {a}, and there <b:is/are> {b}",
    "{a} here and {b} there", "{a}, but also {b}", "{a}, then {b}", "{a} seen with {b}",
)  # fmt: skip
"""True wherever both are seen."""

NEAR: tuple[str, ...] = (
    "{a} in close proximity to {b}", "{a} set beside {b}", "{a} found near {b}",
    "{a} positioned beside {b}", "{a} nestled beside {b}", "{a} neighboured by {b}",
    "{a} within a short distance of {b}", "{a} in the neighbourhood of {b}",
    "{a} placed next to {b}", "{a} whose neighbour <b:is/are> {b}",
    "{a} near {b}", "{a} near {b}", "{a} by {b}", "{a} by {b}", "{a} close to {b}",
    "{a} beside {b}", "{a} next to {b}", "{a} not far from {b}", "{a} in the vicinity of {b}",
    "{a} alongside {b}", "{a} at the side of {b}", "{a} with {b} nearby",
    "{a} with {b} close at hand",
    "{a} with {b} next to <a:it/them>", "{a} and {b} side by side", "{a} close beside {b}",
    "{a} and {b} next to each other", "{a} and {b} beside each other", "{a} neighbouring {b}",
    "{a} neighboring {b}", "{a} adjacent to {b}", "{a} adjoining {b}", "{a0} near {b0}",
    "{a0} by {b0}", "{a0} beside {b0}", "{a0} next to {b0}", "{a0} alongside {b0}",
    "{a} that <a:adjoins/adjoin> {b}", "{a} which <a:lies/lie> near {b}",
    "{a} that <a:is/are> close to {b}", "{a} lying next to {b}", "{a} lying beside {b}",
    "{a} located near {b}", "{a} located beside {b}", "{a} situated by {b}",
    "{a} a short distance from {b}", "{a} and, close to <a:it/them>, {b}",
    "near {b}, {a}", "beside {b}, {a}", "next to {b}, {a}", "{a} immediately beside {b}",
    "{a} with {b} alongside", "{a} which <a:has/have> {b} next to <a:it/them>",
)  # fmt: skip
"""Where both lie close to each other, be it on one side or on several."""

BORDER: tuple[str, ...] = (
    "{a} abutting {b}", "{a} contiguous with {b}", "{a} fronting {b}", "{a} merging into {b}",
    "{a} leading up to {b}", "{a} on the margin of {b}", "{a} on the fringes of {b}",
    "{a} on the border of {b}", "{a} flush against {b}", "{a} fading into {b}",
    "{a} sharing an edge with {b}", "{a} rimmed by {b}",
    "{a} bordering {b}", "{a} bordered by {b}", "{a} that <a:borders/border> {b}",
    "{a} at the edge of {b}", "{a} on the edge of {b}", "{a} along the edge of {b}",
    "{a} meeting {b}", "where {a} <a:meets/meet> {b}", "a place where {a} <a:meets/meet> {b}",
    "a scene where {a} <a:meets/meet> {b}", "where {a} and {b} meet",
    "{a} up to the edge of {b}", "the boundary of {a} with {b}", "the border of {a} and {b}",
    "{a} facing {b}", "{a} with {b} beyond", "{a} with {b} behind <a:it/them>",
    "{a} and, beyond <a:it/them>, {b}", "{a} reaching as far as {b}", "{a} extending to {b}",
    "{a} up against {b}", "{a} that <a:reaches/reach> {b}", "{a} fringed by {b}",
    "{a} edged by {b}", "{a} bounded by {b}", "{a} touching {b}", "{a} joining {b}",
    "beyond {a}, {b}",
)  # fmt: skip
"""Where both lie beside each other and neither runs through the other."""

AREAS: tuple[str, ...] = (
    "{a} giving way to {b}", "{a} ending at {b}", "{a} stopping at {b}", "{a} backing onto {b}",
    "{b} starting where {a} <a:ends/end>", "{b} that <b:begins/begin> where {a} <a:ends/end>",
    "{a} on one side and {b} on the other", "{a} on one side, {b} on the other",
    "one side {a0}, the other side {b0}", "the edge where {a} <a:meets/meet> {b}",
    "the line where {a} and {b} meet", "the transition from {a} to {b}",
    "from {a} to {b}", "{a} to one side of {b}", "{a} sharing a border with {b}",
    "{a} changing to {b}", "{a} passing into {b}", "an area split into {a} and {b}",
)  # fmt: skip
"""For two areas on either side of a border; not for rivers and motorways."""

CROSSING: tuple[str, ...] = (
    "{a} bisecting {b}", "{b} bisected by {a}", "{b} sliced by {a}", "{a} carving through {b}",
    "{a} traversing {b}", "{a} threading through {b}", "{a} parting {b}", "{b} parted by {a}",
    "{b} carved in two by {a}", "{a} slicing across {b}", "{b} broken by {a}",
    "{b} severed by {a}", "{a} extending through {b}", "{a} stretching across {b}",
    "{a} hemmed by {b}", "{a} penetrating {b}", "{b} interrupted by {a}",
    "{a} heading through {b}",
    "{a} crossing {b}", "{a} running through {b}", "{a} cutting through {b}", "{a} through {b}",
    "{a} passing through {b}", "{a} going through {b}", "{a} slicing through {b}",
    "{a} cutting across {b}", "{a} running across {b}", "{a} across {b}", "{a0} through {b0}",
    "{a0} across {b0}", "{a} that <a:crosses/cross> {b}", "{a} that <a:runs/run> through {b}",
    "{a} which <a:cuts/cut> through {b}", "{b} crossed by {a}", "{b} traversed by {a}",
    "{b} cut by {a}", "{b} divided by {a}", "{b} split by {a}", "{b} cut in two by {a}",
    "{b} intersected by {a}", "{b} with {a} running through <b:it/them>",
    "{b} with {a} through <b:it/them>", "{b} with {a} cutting through", "{b} where {a} "
    "<a:runs/run> through", "{b} through which {a} <a:passes/pass>", "{b} on both sides of {a}",
    "{b} on either side of {a}", "{b} along both sides of {a}", "{a} with {b} on both sides",
    "{a} with {b} on either side", "{a} with {b} on each side", "{a} lined by {b}",
    "{a} lined with {b}", "{a} flanked by {b}", "{a} framed by {b}",
    "{a} bordered on both sides by {b}", "{a} dividing {b}", "{a} splitting {b}",
    "{b} straddling {a}", "{b} lining {a}", "{b} flanking {a}", "{a} in {b}", "{a} within {b}",
    "{b} along {a}", "{b} containing {a}", "{a} separating two parts of {b}",
    "through {b}, {a}", "on both sides of {a}, {b}", "{b} that {a} <a:runs/run> through",
    "{b0} with {a0} through <b:it/them>", "{b0} on both sides of {a}",
    "{a}, {b} on both sides", "{a} dividing {b} in two", "{b0} either side of {a0}",
)  # fmt: skip
"""The line a runs through b, which lies on both its sides."""

CROSSING_MANY: tuple[str, ...] = (
    "{a} sandwiched between {b}", "{a} wedged between {b}", "{a} tucked between {b}",
    "{a} squeezed between {b}",
    "{a} between {b}", "{a} running between {b}", "{a} among {b}", "{a} amid {b}",
    "{b} with {a} in between",
    "{b} with {a} between them", "{b} separated by {a}", "{a} separating {b}",
    "{a} passing between {b}", "{a0} between {b0}", "between {b}, {a}",
)  # fmt: skip
"""The same for a plural b."""

PAST: tuple[str, ...] = (
    "{a} bypassing {b}", "{a} tracing the edge of {b}", "{a} sweeping past {b}",
    "{a} stretching past {b}", "{a} leading past {b}",
    "{a} running past {b}", "{a} passing {b}", "{a} passing by {b}", "{a} running beside {b}",
    "{a} running along {b}", "{a} running along the edge of {b}", "{a} skirting {b}",
    "{a} following the edge of {b}", "{a} running by {b}", "{a} going past {b}",
    "{a} running close to {b}", "{a} that <a:passes/pass> {b}", "{a} past {b}",
    "{a} along the side of {b}", "{b} that {a} <a:runs/run> past", "{a0} past {b0}",
)  # fmt: skip
"""The line a lies beside b."""

ALONG: tuple[str, ...] = (
    "{a} strung along {b}", "{a} hugging {b}", "{a} following {b}", "{a} ranged along {b}",
    "{a} arranged along {b}", "{a} spreading along {b}",
    "{a} along {b}", "{a} lying along {b}", "{a} stretched out along {b}", "{a} spread along {b}",
    "{a} that <a:lies/lie> along {b}", "{a0} along {b0}", "along {b}, {a}",
)  # fmt: skip
"""The area a lies by the line or shore b, crossed by it or not."""

SURROUNDED: tuple[str, ...] = (
    "{a} hemmed by {b}", "{a} encompassed by {b}", "{a} embedded in {b}",
    "{a} bounded on all sides by {b}",
    "{a} surrounded by {b}", "{a} in the middle of {b}", "{a} amid {b}", "{a} enclosed by {b}",
    "{a} ringed by {b}", "{b} around {a}", "{b} surrounding {a}", "{a} set in {b}",
    "{b} all around {a}", "{a} encircled by {b}", "{a} with {b} all around", "{a0} amid {b0}",
    "{a} with {b} on all sides",
)  # fmt: skip

ON_SIDES: dict[str, tuple[str, ...]] = {
    "left of": (
        "{a} to the left of {b}", "{a} left of {b}", "{a} on the left of {b}",
        "{a} on the left and {b} on the right", "{a} on the left, {b} on the right",
        "{a} on the left with {b} on the right", "{b} to the right of {a}", "{b} right of {a}",
        "{b} on the right and {a} on the left", "left {a0}, right {b0}",
        "on the left {a}, on the right {b}", "{b} with {a} to the left",
        "{a} on the left side and {b} on the right side",
    ),
    "above": (
        "{a} above {b}", "{b} below {a}", "{a} at the top and {b} at the bottom",
        "{a} at the top, {b} at the bottom", "{a} at the top with {b} at the bottom",
        "{a} in the upper part and {b} in the lower part", "{b} in the lower part, {a} above",
        "{b} at the bottom and {a} at the top",
        "at the top {a}, at the bottom {b}",
    ),
}  # fmt: skip
"""Left, right, upper and lower as in the image; every word here is one that flips know."""

AT: dict[str, tuple[str, ...]] = {
    "river": (
        "{a} on the bank of {b}", "{a} on a riverbank", "{a} by the riverside",
        "{a} on the riverside", "{a} along the riverbank", "{riverside+a}", "{a} by the water",
        "{a} near the water", "{riverside+a}", "{a} at the river", "{a} along the bank of {b}",
    ),
    "coast": (
        "{a} on the coast", "{a} by the sea", "{a} at the seaside", "{a} on the shore",
        "{a} near the shore", "{coastal+a}", "{seaside+a}", "{a} along the shoreline",
        "{a} along the coast", "{a} beside the sea", "{a} facing the sea", "{a} by the ocean",
        "{a} near the sea", "{a} by the water", "{a} along the sea", "{a} by the coast",
        "the sea with {a} on the shore", "{a} overlooking the sea", "{a} overlooking {b}",
        "{a} on the waterfront",
    ),
    "forest": (
        "{a} at the edge of the woods", "{a} beside the trees", "{a} by the trees",
        "{a} at the forest edge", "{a} near the treeline", "{a} on the fringe of {b}",
        "{a} on the edge of the forest", "{a} close to the trees",
    ),
    "mountains": (
        "{a} at the foot of {b}", "{a} at the foot of the mountains", "{a} by the mountains",
        "{a} beside steep slopes", "{a} near the mountains", "{a} with mountains behind",
    ),
    "city": (
        "{a} on the outskirts of {b}", "{a} at the edge of town", "{a} on the edge of the city",
        "{a} near town", "{a} beside a town",
    ),
    "suburb": ("{a} on the edge of the suburb", "{a} by the houses"),
    "farmland": ("{a} at the edge of the farmland", "{a} bordering farm country"),
    "motorway": ("{roadside+a}", "{a} at the roadside", "{a} by the roadside", "{a} by the road"),
    "industry": ("{a} near an industrial area", "{a} beside industry"),
    "harbour": ("{a} at the harbour", "{a} by the docks"),
    "airport": ("{a} near the airport", "{a} beside an airfield"),
    "vehicles": ("{a} with vehicles parked nearby", "{a} near parked vehicles"),
}  # fmt: skip
"""For an area a beside b."""

THROUGH: dict[str, tuple[str, ...]] = {
    "river": (
        "{a} flowing through {b}", "{a} flowing across {b}", "{a} flowing in {b}",
        "{b} on both banks of {a}", "{b} on the banks of {a}", "{b} on either bank of {a}",
        "{b} along both banks of {a}",
    "{a} streaming through {b}", "{a} coursing through {b}",
    "{a} making its way through {b}", "{riverside+b}",
        "{b} through which {a} <a:flows/flow>", "{a} that <a:flows/flow> through {b}",
        "{b} along the river", "{b} by the riverside", "{b} at the river", "{b} along the water",
        "both banks of {a} lined with {b}",
    ),
    "motorway": (
        "{a} leading through {b}", "{b} along the roadside",
        "{b} by the roadside", "{roadside+b}", "{a} that <a:leads/lead> through {b}",
    ),
}  # fmt: skip
"""For a line a that runs through b."""

WINDING: tuple[str, ...] = (
    "{a} winding through {b}", "{a} snaking through {b}", "{a} meandering through {b}",
    "{a} curving through {b}", "{b} with {a} winding through <b:it/them>",
    "{a} bending through {b}",
)  # fmt: skip
"""For a river that bends and runs through b."""

FLOWING: tuple[str, ...] = (
    "{a} flowing past {b}", "{a} flowing by {b}", "{a} flowing beside {b}", "{a} flowing along "
    "the edge of {b}",
)  # fmt: skip
"""For a river beside b."""

WITHIN: dict[tuple[str, str], tuple[str, ...]] = {
    ("river", "city"): ("{urban+a}", "{a} in town", "{city+a}"),
    ("river", "forest"): ("{woodland+a}", "{forest+a}", "{a} in the woods", "{a} among trees"),
    ("river", "farmland"): ("{a} in farming country", "{a} in the countryside"),
    ("motorway", "city"): ("{urban+a}", "{a} in town", "{city+a}"),
    ("motorway", "suburb"): ("{suburban+a}", "{a} among houses"),
    ("motorway", "farmland"): ("{rural+a}", "{a} in the countryside", "{a} among fields"),
    ("motorway", "forest"): ("{a} in the woods", "{a} among trees"),
}
"""For a line a that runs through b: b is said by a word beside a."""

PARKED: tuple[str, ...] = (
    "{a} standing near {b}",
    "{a} standing beside {b}",
    "{a} standing next to {b}",
    "{a} standing at the edge of {b}",
    "{a} standing by {b}",
    "{a} at the edge of {b}",
    "{a} on the edge of {b}",
    "{a} with {b} beyond",
    "{a} by the side of {b}",
)
"""For vehicles a beside b."""

FRAMES: tuple[str, ...] = (
    "a snapshot of {}", "a depiction of {}", "a patch of ground with {}",
    "a tract of land with {}", "terrain showing {}", "scenery with {}", "a location with {}",
    "a setting with {}", "a spot with {}", "an observation of {}", "a section of land with {}",
    "a scan of {}",
    "a view of {}", "view of {}", "a scene with {}", "scene with {}", "a landscape with {}",
    "landscape with {}", "an area with {}", "a place with {}", "an aerial view of {}",
    "an overhead view of {}", "an overview of {}", "terrain with {}", "land with {}",
    "somewhere with {}", "a stretch of land with {}", "surroundings with {}", "a region with {}",
)  # fmt: skip
"""What may be put before a noun phrase without adding to what it says."""
