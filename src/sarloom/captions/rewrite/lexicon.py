"""Words of captions of the earth from above, sorted by what they do in a sentence.

Lists, no parser: captions are short and their vocabulary is small (4,500 words in 81,480 captions
of four public sets). A word that is in no list is taken for a noun, which is what most of the rest
are; a sentence that does not fit the patterns of ``clause`` keeps its words behind a colon.
"""

from __future__ import annotations


def words_of(text: str) -> frozenset[str]:
    """A set of words, written as text."""
    return frozenset(text.split())


COLOURS = words_of(
    """red green blue yellow white black gray grey brown orange purple pink khaki beige tan cyan
    turquoise aquamarine aqua azure crimson scarlet maroon violet magenta teal indigo ivory amber
    golden gold silver silvery emerald bronze reddish greenish bluish yellowish whitish brownish
    grayish greyish blackish pinkish russet vermilion ochre buff mahogany fawn cream-colored
    cream-coloured verdant colorful colourful colored coloured multicolored multicoloured
    multi-colored multi-coloured monochrome ultramarine viridis lake-blue sapphire glaucous tinted
    gree grren redor blu balck bule wite whit wiht blcak yello viridian nattier dark-colored
    dark-coloured light-colored light-coloured bright-colored bright-coloured many-colored"""
)
"""Adjectives of colour, with the misspellings that occur."""
SHADES = words_of("dark light pale bright deep dull vivid lightly dim")
"""Words that go with a colour, and leave with it."""
LOOKS = words_of(
    "dark bright darker brighter pale sunny sunlit sparkling glittering glistening shining shiny "
    "shimmering transparent dull gleaming crystal"
)
"""What only light shows; radar brightness is another matter."""
COLOUR_NOUNS = words_of(
    "color colors colour colours color's colour's coulour coluors couloured shade shades hue hues"
)

SKY = words_of(
    "sky skies cloud clouds sun sunlight sunshine sunset sunrise moon fog mist haze rainbow weather"
)
PEOPLE = words_of(
    """people person persons man men woman women child children kid kids boy boys girl girls guy
    guys players spectators audience tourist tourists visitors pedestrians
    passengers students crowd crowds residents inhabitants farmers swimmers surfers
    drivers families someone somebody nobody everyone walkers athletes workers"""
)
CAMERA = words_of(
    "picture pictures image images photo photos photograph photographs pricture camera cameras "
    "lens snapshot screen"
)

PREPOSITIONS = words_of(
    """of in on at with near by beside besides between betweeen betwwen betweem around across
    through along alongside over under above below behind beyond among amongst amid inside outside
    within
    without into onto from to toward towards against for about off upon up down past beneath
    underneath opposite despite like throughout nearby-to via per during except round aside atop
    acrosss acroos acrosses arround nexr-to including following"""
)
TWO_WORD_PREPOSITIONS = frozenset(
    {
        ("next", "to"), ("close", "to"), ("adjacent", "to"), ("parallel", "to"), ("far", "from"),
        ("full", "of"), ("opposite", "to"), ("due", "to"), ("similar", "to"), ("rich", "in"),
        ("because", "of"), ("away", "from"), ("out", "of"), ("instead", "of"), ("such", "as"),
        ("perpendicular", "to"), ("free", "of"), ("devoid", "of"), ("composed", "of"),
        ("consistent", "with"), ("along", "with"), ("together", "with"), ("side", "by"),
        ("lined", "with"), ("identical", "to"), ("capable", "of"), ("part", "of"),
        ("available", "for"), ("ready", "for"), ("busy", "with"), ("front", "of"), ("made", "up"),
        ("different", "from"), ("dense", "with"), ("connected", "to"), ("convenient", "for"),
    }
)  # fmt: skip
"""Adjective or adverb and preposition that stand behind a noun: 'a square full of cars'."""

DETERMINERS = words_of(
    """a an the this these those some many several few each every both any all its their his her our
    your no another most much lots one two three four five six seven eight nine ten eleven twelve
    dozens hundreds numerous various plenty countless half either neither whose tens thousands other
    innumerable couple what certain"""
)
NUMBERS = words_of(
    "two three four five six seven eight nine ten eleven twelve many several few numerous various "
    "some countless these those both fifteen twenty"
)
"""After these a countable noun is plural; 'some' only where the noun is one that is counted."""
PRONOUNS = words_of(
    "it they he she we you i them him us there here this that these those which who"
)
BE = words_of("is are was were 's am be")
HAVE = words_of("has have had owns own possesses possess boasts")
MODALS = words_of("can could will would may might must should shall")
CONJUNCTIONS = words_of("and or but while when where which that who whose because so if though "
                      "although as than whom wherever since until nor whereas yet")  # fmt: skip
RELATIVES = words_of("which that who whose where when whom because if though although since until "
                   "wherever what how whether")  # fmt: skip
"""Open a clause whose verb stays as it is."""

ADVERBS = words_of(
    """very quite so too also all together neatly densely sparsely closely well orderly only just
    almost nearly fully partly partially mostly respectively separately regularly randomly
    evenly here there away nearby roughly completely really rather not still always again
    often now both mainly simply slightly really tightly directly thickly irregularly
    haphazardly usually compactly deeply currently clearly symmetrically vertically
    horizontally diagonally beautifully extremely relatively particularly especially already
    widely alone highly semi already mainly however probably never once most more less half
    even vividly equally freshly newly easily"""
)
NOT_ADVERBS = words_of("family lovely lively lonely only early holiday ply")

ADJECTIVES = words_of(
    """large small big huge tall high low long short wide narrow broad thick thin dense sparse
    round square circular oval rectangular triangular straight curved winding crooked irregular
    regular neat tidy orderly different same similar various beautiful magnificent grand lush
    luxuriant dry wet bare empty vacant full busy quiet calm open closed old new modern ancient
    rural urban residential commercial industrial agricultural central main medium medium-sized tiny
    vast great spectacular compact uneven flat steep rugged rough smooth soft hard clean clear
    turbid muddy dirty clean crowded prosperous bustling simple complex complicated special unique
    unusual typical common ordinary natural artificial wild whole entire parallel vertical
    horizontal perpendicular diagonal staggered scattered semicircular cylindrical conical spherical
    hexagonal octagonal trapezoidal elliptical polygonal linear arched spiral zigzag jagged pointed
    striped mountainous sandy rocky grassy leafy wooded withered barren desolate deserted abandoned
    arid fertile continuous broken complete incomplete convenient developed wonderful splendid good
    nice pretty bad poor rich deep shallow violent tropical dilapidated messy lonely peaceful
    single double multiple numerous exposed snowy dusty cloudy foggy strange independent public
    private local outdoor indoor bald unbroken connected adjacent wavy tree-lined high-rise
    two-way one-way man-made luxury luxurious exquisite majestic elegant integrated smart cement
    concrete wooden metal stone brick plastic steel iron glass u-shaped l-shaped s-shaped t-shaped
    fan-shaped diamond-shaped simple crisscross crisscrossed radial fine strong slow fast heavy
    lively important famous amazing wrinkled wrinkly deserted sloping pitched vigorous rolling
    towering surrounded"""
)
PREDICATE_NOUNS = words_of("order")

COUNTED = words_of(
    """building house plane airplane aeroplane tree road street bridge car truck boat ship vessel
    field court pool pond lake river runway container tank lot playground stadium area block roof
    field villa crossroad crossing intersection overpass viaduct station rail railway track
    square garden park square church school factory warehouse hill mountain island dock port harbor
    harbour pier wharf baseballfield plant bush lawn meadow farmland bunker fairway line row piece
    side path trail highway freeway lane tower circle umbrella tent home apartment terminal apron
    hangar vehicle bus train carriage stand bleacher wall fence corner stone rock wave cluster
    yacht cottage hotel resort office mall shop hall dome mark stripe strip patch storagetank
    workshop courtyard yard center centre basketball-court goal boulder reservoir"""
)
"""Countable nouns whose number may be put right after a number word; singular."""
MODIFIER_NOUNS = words_of(
    """tennis basketball baseball football soccer badminton storage parking swimming residential
    railway train oil water golf bunker business factory play sports school farm house office
    container cargo fishing passenger apartment palm fruit volleyball rugby tank"""
)
IRREGULAR_PLURALS = {
    "church": "churches", "bus": "buses", "bush": "bushes", "factory": "factories",
    "overpass": "overpasses", "city": "cities", "ferry": "ferries", "patch": "patches",
    "pitch": "pitches", "beach": "beaches", "branch": "branches", "bench": "benches",
    "wharf": "wharves", "leaf": "leaves", "box": "boxes", "bleacher": "bleachers",
}  # fmt: skip


def plural_of(noun: str) -> str:
    """The plural of a countable noun of ``COUNTED``."""
    return IRREGULAR_PLURALS.get(noun, noun + "s")


PLURALS = frozenset(plural_of(noun) for noun in COUNTED)
