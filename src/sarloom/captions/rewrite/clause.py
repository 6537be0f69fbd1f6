"""From a clause to a noun phrase: 'many planes are parked in an airport' -> 'many planes parked in
an airport', which may stand behind 'A SAR image of'.

What is done, in this order: a frame such as 'there are' or 'we can see' goes; what was put in front
('next to a field are two houses') goes behind; then every finite verb that is not in a relative
clause becomes part of its noun:

========================== ==============================
'planes are parked'        'planes parked'
'trees are near a pond'    'trees near a pond'
'the park is large'        'the park that is large'
'the park has a pond'      'the park with a pond'
'roads go through it'      'roads going through it'
'while a road goes by'     'with a road going by'
'and it is round'          'that is round'
'trees can be seen'        'trees'
========================== ==============================

What fits no pattern stays a clause; ``clause_to_phrase`` says so, and the caller puts a colon.
"""

from __future__ import annotations

import re

from .finite import clause_in, up_to_break
from .lexicon import (
    ADJECTIVES,
    BE,
    CONJUNCTIONS,
    DETERMINERS,
    HAVE,
    MODALS,
    PREPOSITIONS,
    RELATIVES,
    words_of,
)
from .reduce import reduced_verbs
from .repair import Words, is_preposition
from .verbs import AMBIGUOUS, base_of, ing, is_adverb, is_ing, is_participle, is_third_person

_SEEN = r"(?:see|find|saw|found|seen|notice|observe|know|spot|look at|watch)"
_VIEW = (
    r"(?:(?:an?|the|this|of) )?(?:(?:aerial|satellite|overhead|top|top-down|optical|close|close-up|"
    r"bird's-eye|bird's eye|birds eye|remote sensing|drone|panoramic|beautiful|wide|side|front|"
    r"large|high|resolution|high-resolution|air) )*"
    r"(?:views?|images?|photos?|pictures?|photographs?|shots?|scenes?|footage|pricture)"
)
_FRAMES: tuple[tuple[str, str], ...] = (
    (rf"^in (?:the |this |that )?{_VIEW} ?,? ", ""),
    (rf"^{_VIEW} (?:that |which )?(?:shows?|depicts?|displays?|contains?|is of|"
     r"features?|is|are|has) ", ""),
    (rf"^{_VIEW} (?:of|from|with|over) (?:above ?(?:of )?,?)?", ""),
    (r"^here (?:, )?(?=(?:we|you|i|the|an?|there|many|some|they)\b)", ""),
    (r"^(?:we|you|i|they) (?:have|came to|come to|planted|built|saw|got|need|must|walked to|"
     r"put) ", ""),
    (r"^there (?!is\b|are\b|was\b|were\b|has\b|have\b|no\b)(?=\w)", ""),
    (r"^(?:is|are|have|has|planted|built|placed) (?=(?:an?|the|some|many|several|two)\b)", ""),
    (rf"^(?:here |and |then )?(?:we|you|one|i|people) (?:can |could |may |will )?(?:also |clearly |"
     rf"still |easily )?{_SEEN} (?:that )?", ""),
    (r"^(?:it )?can (?:also )?be seen (?:that )?", ""),
    (r"^(?:here|there) (?:is|are|was|were|lies|lie|exists?|stands?|has|have|seems to be|s|also are|"
     r"also is|have been|has been|goes|comes)(?: also| only| just| still| even)? "
     r"(?=(?!in |on |at |near |next |by )\w)", ""),
    (r"^(?:it|this|that|these|those|they|its)(?: place| scene)? (?:is|are|was|were|'s|looks like|"
     r"seems to be|may be|must be|should be|could be|s)"
     r"(?: also| only| just| all| probably| really| actually| still)? "
     r"(?=(?:an?|the|some|many|several|two|three|four|five|six|one|lots?|part|another|no)\b)", ""),
    (r"^to see ", ""),
    (r"^next (?:door )?(?:that )?(?:there )?(?:is|are) ", ""),
    (r"^where (?:there )?(?:is|are) ", ""),
    (r"^where (?=\w+ (?:trees|buildings|roads|houses))", ""),
    (r"^(?:here|there) (?=(?:an?|two|three|four|five|many|some|several|lots|the|six)\b)", ""),
)  # fmt: skip
_MIDDLE: tuple[tuple[str, str], ...] = (
    (r"(?<=\w),? (?:and|but|while|with|as) there (?:is|are|was|were)(?: also| only)? (?=\w)",
     " and "),
    (r", there (?:is|are|was|were|lies?)(?: also| only)? (?=\w)", ", "),
    (r" (?:and|while|,) (?:we|you|one) can (?:also )?see ", " and "),
    (r" which (?:we|you|one) can see\b", ""),
    (r",? (?:that |which )?(?:can|could|may) (?:also |clearly |only )?be (?:clearly )?"
     r"(?:seen|found|observed)(?: clearly| from (?:above|the air|the sky|here|afar|a distance))?",
     ""),
    (r" from (?:above|the air|high altitude|afar|a distance)\b", ""),
    (r" (?:while|and|with) there (?=(?:an?|two|three|many|some|several)\b)", " and "),
    (r" with (is|are) ", " "),
    (r" while with ", " with "),
    (r"^((?:(?!\w+ed\b|with\b).)*?),? and surrounded by ", r"\1 surrounded by "),
)  # fmt: skip
_FRONT_WORDS = words_of(
    """surrounded flanked covered located encircled lined separated divided connected bordered
    situated built planted parked flowing passing standing"""
)


def clause_to_phrase(words: Words) -> tuple[Words, bool, bool]:
    """The noun phrase, whether anything was changed, and whether a clause is left."""
    text = " ".join(words)
    for pattern, instead in _FRAMES:
        text = re.sub(pattern, instead, text, count=1).strip()
    text = " ".join(_front_moved(text.split()))
    for pattern, instead in _MIDDLE:
        text = re.sub(pattern, instead, text)
    made = _subject_found(text.split())
    reduced = reduced_verbs(made)
    if reduced is None:
        return made, made != words, True
    return reduced, reduced != words, not starts_like_phrase(reduced)


def reducible(words: Words) -> bool:
    """Whether no finite verb is left outside relative clauses."""
    return reduced_verbs(words) == words


def starts_like_phrase(words: Words) -> bool:
    """Whether the words may follow 'of': no preposition, pronoun or verb first."""
    if not words:
        return True
    first = words[0]
    if first in ("inside", "outside", "opposite") or first in ("both", "all", "each"):
        return first in ("both", "all", "each")
    if is_preposition(words, 0) or first in CONJUNCTIONS or first in BE or first in HAVE:
        return False
    if first in ("it", "they", "he", "she", "we", "you", "i", "there", "here", "not", "its"):
        return False
    if (
        first in _FRONT_WORDS
        and len(words) > 1
        and (words[1] in PREPOSITIONS or words[1] in DETERMINERS)
    ):
        return False
    return first not in MODALS


# -- what stands in front ------------------------------------------------------------------------


def _front_moved(words: Words) -> Words:
    """'next to a field are two houses' -> 'two houses next to a field'."""
    if not words or not (
        is_preposition(words, 0)
        or words[0] in _FRONT_WORDS
        or (is_adverb(words[0]) and words[1:2] and words[1] in _FRONT_WORDS)
    ):
        return words
    split = _front_split(words)
    if split is None:
        return words
    front, skip = split
    rest = words[skip:]
    while rest and rest[0] in (",", "and"):
        rest = rest[1:]
    text = " ".join(rest)
    for pattern, instead in _FRAMES:
        text = re.sub(pattern, instead, text, count=1).strip()
    rest = text.split()
    if not rest:
        return words
    at = _clause_break(rest)
    if words[0] in _FRONT_WORDS:
        front = [",", *front]
    return rest[:at] + front + rest[at:]


def _front_split(words: Words) -> tuple[Words, int] | None:
    """The words in front, and where the rest of the sentence begins."""
    for at, word in enumerate(words[1:], 1):
        after = words[at + 1] if at + 1 < len(words) else ""
        if word == ",":
            if (
                after in DETERMINERS
                or after in ("there", "it", "we", "you")
                or clause_in(words[at + 1 :])
            ):
                return words[:at], at + 1
            continue
        if word == "there" and (after in BE or after in DETERMINERS or after in HAVE):
            return words[:at], at
        if word in ("we", "you") and after in ("can", "see", "could"):
            return words[:at], at
        if word in RELATIVES:
            return None
        inverted = word in BE or word in _INVERTED
        if inverted:
            fits = after in DETERMINERS or _bare_noun_phrase(words, at + 1)
            return (words[:at], at + 1) if fits else None
    return None


_INVERTED = words_of("stands stand stood lies lie sits sit runs comes exists exist")


def _bare_noun_phrase(words: Words, at: int) -> bool:
    """'houses with ...', 'white buildings': no participle, preposition or adverb first."""
    if at >= len(words):
        return False
    word = words[at]
    return not (
        is_participle(word) or is_ing(word) or is_preposition(words, at) or is_adverb(word)
        or word in CONJUNCTIONS or word == ","
    ) and (word not in ADJECTIVES or at + 1 < len(words))  # fmt: skip


def _clause_break(words: Words) -> int:
    """Where the first clause ends: a comma, or a conjunction before a subject and a verb."""
    for at, word in enumerate(words):
        if word in (",", "while", "but", "which", "who", "where"):
            return at
        if word == "and" and clause_in(up_to_break(words, at + 1)):
            return at
    return len(words)


_NOUNS_TOO = frozenset(word + "s" for word in AMBIGUOUS) - {"covers", "looks"}
_SUBJECTS = frozenset(["it", "they", "this", "that", "these", "those"])


def _subject_found(words: Words) -> Words:
    """'it is surrounded by trees' -> 'an area surrounded by trees'."""
    if len(words) > 2 and words[0] in _SUBJECTS and words[1] in BE and (
        _bare_noun_phrase(words, 2) and words[2] != "not"
    ):  # fmt: skip
        return words[2:]
    if len(words) > 1 and words[0] in _SUBJECTS and words[1] in (*BE, *HAVE):
        return ["an", "area", *words[1:]]
    if len(words) > 1 and words[0] == "it" and base_of(words[1]):
        return ["an", "area", *words[1:]]
    if len(words) > 1 and is_third_person(words[0]) and words[0] not in _NOUNS_TOO:
        return ["an", "area", ing(str(base_of(words[0]))), *words[1:]]
    if len(words) > 1 and words[0] in BE:
        return _subject_found(words[1:]) if is_participle(words[1]) else words
    if len(words) > 1 and (is_participle(words[0]) or is_ing(words[0])):
        if is_preposition(words, 1):
            return ["an", "area", *words]
        return words
    if words and words[0] in ("here", "there") and len(words) > 1 and words[1] in BE:
        return ["an", "area", *words[1:]]
    return words
