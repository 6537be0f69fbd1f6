"""Which words are verbs of a clause of its own, told by what stands around them."""

from __future__ import annotations

from .lexicon import (
    ADJECTIVES,
    BE,
    COUNTED,
    DETERMINERS,
    HAVE,
    MODALS,
    PLURALS,
    PREPOSITIONS,
    RELATIVES,
    words_of,
)
from .repair import Words, is_preposition
from .verbs import AMBIGUOUS, PARTICIPLES, base_of, is_adverb, past_base


def base_at(words: Words, at: int) -> str | None:
    """As ``base_of``; also an unknown word in -s between a known thing and what it is done to."""
    word = words[at]
    known = base_of(word)
    if known or at == 0 or at + 1 >= len(words) or len(word) < 4:
        return known
    unknown = word.endswith("s") and not word.endswith("ss") and word not in PLURALS
    acts = words[at + 1] in DETERMINERS or words[at + 1] in _TOWARDS
    return word[:-1] if unknown and acts and words[at - 1] in COUNTED else None


_TOWARDS = words_of("""through across towards toward into over along past around from""")


def finite_verb(words: Words, at: int) -> bool:
    """Whether a verb of its own stands here."""
    word = words[at]
    after = words[at + 1] if at + 1 < len(words) else None
    if at and words[at - 1] in ("to", "not"):
        return False
    if word == "can" and words[at - 1] in ADJECTIVES | DETERMINERS and base_of(after or "") is None:
        return after == "be"
    if word in BE or word in HAVE or word in MODALS or word in ("does", "do", "did"):
        return True
    base = base_at(words, at)
    if base is None:
        return _finite_past(words, at)
    if at == 0 or not _may_be_subject(words, at, base):
        return False
    return _surely_verb(words, at, base) if {word, base} & AMBIGUOUS else True


def _may_be_subject(words: Words, at: int, base: str) -> bool:
    """Whether what stands before a verb does not speak against one."""
    word, before = words[at], words[at - 1]
    if before in DETERMINERS and before not in _SUBJECTS_TOO:
        return words[max(0, at - 2) : at] == ["parking", "lots"]
    if is_preposition(words, at - 1) and before not in _BEHIND:
        return False
    if before in ADJECTIVES and before not in COUNTED and base not in ("look", "seem", "appear"):
        return word != base and not {word, base} & AMBIGUOUS
    return not (before == "to" or (before == "and" and word in AMBIGUOUS))


def _surely_verb(words: Words, at: int, base: str) -> bool:
    """Of a word that may be a noun: what stands around it tells."""
    word, before = words[at], words[at - 1]
    after = words[at + 1] if at + 1 < len(words) else None
    if word in ("covers", "looks", "look"):
        return True
    if after is None or (word in PARTICIPLES and after not in DETERMINERS):
        return False
    one = word != base
    plural = before.endswith("s") and not before.endswith("ss")
    fits = plural != one or is_adverb(before) or before in ("which", "that")
    if base in _STANDING and fits and is_preposition(words, at + 1) and after != "of":
        return True
    if after in DETERMINERS and (one or word in ("hit", "cut", "put", "left", "cast")):
        return True
    if one and base == "cross":
        return after not in PREPOSITIONS or after in ("over", "through")
    governs = after in PREPOSITIONS and after not in ("of", "with", "near", "in", "on")
    return fits and (
        governs or after in DETERMINERS or is_adverb(after) or after in ("straight", "parallel")
    )


_SUBJECTS_TOO = frozenset(("all", "both", "each", "that", "these", "those"))
_STANDING = words_of("""stand run sit look fly drive walk play stop rest sail float""")
_BEHIND = words_of("""nearby around beside alongside inside outside behind by besides""")


def _finite_past(words: Words, at: int) -> bool:
    """'passed the field', 'ran along it': a past tense with a subject before and no 'be'."""
    if at == 0 or past_base(words[at]) is None:
        return False
    before = words[at - 1]
    after = words[at + 1] if at + 1 < len(words) else None
    if before in BE or is_adverb(before) or before in ("and", ",", "of") or before in DETERMINERS:
        return False
    if words[at] in _ALWAYS_PAST:
        return True
    return after in DETERMINERS and after not in ("all", "both", "one")


_ALWAYS_PAST = words_of(
    """ran went stood lay sat grew flew drove came became flowed passed stretched consisted
    appeared looked contained swam belonged"""
)


def up_to_break(words: Words, at: int) -> Words:
    """Words up to a comma, a conjunction or a relative word."""
    end = at
    while end < len(words) and words[end] not in (",", "and", "while", "but", *RELATIVES):
        end += 1
    return words[at:end]


def clause_in(words: Words) -> bool:
    """Whether any word is a verb of its own."""
    return any(finite_verb(words, at) for at in range(len(words)))


def verb_from(words: Words, at: int) -> bool:
    """Whether a verb of its own stands at a place or behind it."""
    return any(finite_verb(words, place) for place in range(at, len(words)))
