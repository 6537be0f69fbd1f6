"""Forms of verbs, as far as captions need them: is this word one, and what is its -ing form."""

from __future__ import annotations

from .lexicon import ADVERBS, NOT_ADVERBS, words_of

_BASES = words_of(
    """surround semi-surround cross go run pass stand lie sit separate divide connect form
    consist contain
    include lead grow flow wind stretch extend cover occupy enclose encircle line link join
    fill flank float sail park dock moor drive fly play walk swim live look seem appear become
    make have hold face border adjoin intersect converge diverge split merge meander twist
    bend curve turn come get leave enter reach start end begin stop rest stay wait shine
    spread scatter gather distribute arrange locate place situate build construct plant show
    present give take use put keep bring throw cast bear serve belong provide need want meet
    overlap overlook hug embrace wrap circle dot decorate adorn beat lap slap hit crash rush
    surge roll spray wash melt blend mix match fit share carry move travel shuttle transport
    load work rise tower fall drop slope protrude span bridge straddle overpass traverse
    penetrate cut tear slice interrupt run back intersperse interweave crisscross constitute
    compose comprise resemble correspond accompany hide block protect shelter shade shadow
    sweep head point open hang rush flourish thrive exist remain continue vary differ increase
    happen seperate devide sorround parallel snake ripple stagger integrate embellish nestle
    dominate dwarf feature house accommodate display reflect cluster crowd stack pile
    intersect bisect outline frame rim hem fringe edge skirt lean attract derive depend
    beautify drain watch round loop ring produce create leave"""
)
AMBIGUOUS = words_of(
    """line park dock place plant house bridge circle ring edge round back block shade shadow
    work face end head point border bend curve turn wave play walk drive look stand run stop
    rest cover cross link share form show use cut drop slope load loop frame tower span start
    split overpass display cluster crowd stack pile slice parallel cast feature spray wash lap
    match transport move travel shelter fall rise spread beat reach present beach need reflect
    close open fit snake ripple roll rush sail float fly hit put wind"""
)
"""Nouns or adjectives as often as verbs; taken for verbs only where the words about say so."""
_IRREGULAR_PAST = {
    "ran": "run", "went": "go", "stood": "stand", "lay": "lie", "sat": "sit", "led": "lead",
    "grew": "grow", "flew": "fly", "drove": "drive", "came": "come", "held": "hold",
    "became": "become", "took": "take", "gave": "give", "rose": "rise", "fell": "fall",
    "kept": "keep", "met": "meet", "threw": "throw", "formed": "form", "swam": "swim",
    "contained": "contain", "consisted": "consist", "left": "leave",
}  # fmt: skip
PARTICIPLES = words_of(
    """built made seen grown drawn known shown found cut put set laid set worn torn thrown taken
    given spread split hidden broken frozen covered sown shut bound lit hung left kept held
    sunk wound woven interwoven overgrown strewn driven bent cast hemmed hidden beaten surroud
    surrouned surounded surroundeded surroundededed surrrounded sorrounded surrunded
    surrpunded surroed suttounded surroudned sourround shrunded srrounded plamted"""
)
_NOT_PARTICIPLES = words_of(
    """red bed shed need seed weed reed breed speed feed embed hundred watershed greed indeed
    thread bedded"""
)
_NOT_ING = words_of(
    """building swimming parking housing ceiling spring string ring king wing thing something
    anything nothing morning evening railing crossing planting greening shopping landing
    fishing living during including bowling marking dwelling awning clearing boxing string
    markings"""
)
_DOUBLED = words_of(
    """run sit cut stop get put dot hit swim wrap rim hem cram drop hug split begin lap slap span
    stir trim plan jam skim"""
)


def base_of(word: str) -> str | None:
    """The plain form of a finite verb in the present ('runs', 'run'), None for other words."""
    if word in _BASES:
        return word
    for ending, instead in (("ies", "y"), ("es", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and word[: -len(ending)] + instead in _BASES:
            return word[: -len(ending)] + instead
    return None


def is_third_person(word: str) -> bool:
    """Whether a present form is that of one thing: 'runs'."""
    return base_of(word) is not None and word not in _BASES


def past_base(word: str) -> str | None:
    """The plain form of a past tense, None for other words."""
    if word in _IRREGULAR_PAST:
        return _IRREGULAR_PAST[word]
    for ending, instead in (("ied", "y"), ("ed", "e"), ("ed", "")):
        if word.endswith(ending) and word[: -len(ending)] + instead in _BASES:
            return word[: -len(ending)] + instead
    if word.endswith("pped") and word[:-3] in _BASES:
        return word[:-3]
    return None


def is_participle(word: str) -> bool:
    """'parked', 'built': what may stand behind a noun without a form of 'be'."""
    if word in PARTICIPLES:
        return True
    long_enough = len(word) > 4 and word not in _NOT_PARTICIPLES
    return long_enough and word.endswith("ed") and not word.endswith("eed")


def is_ing(word: str) -> bool:
    """'flowing'."""
    return len(word) > 4 and word.endswith("ing") and word not in _NOT_ING


def is_adverb(word: str) -> bool:
    """'neatly', 'also'."""
    return word in ADVERBS or (len(word) > 4 and word.endswith("ly") and word not in NOT_ADVERBS)


def ing(base: str) -> str:
    """'running' from 'run'."""
    if base in _DOUBLED:
        return base + base[-1] + "ing"
    if base.endswith("ie"):
        return base[:-2] + "ying"
    if base.endswith("e") and not base.endswith(("ee", "oe", "ye")):
        return base[:-1] + "ing"
    return base + "ing"
