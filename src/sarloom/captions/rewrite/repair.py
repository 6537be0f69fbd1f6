"""Words of a caption and back again, and the small repairs that leave grammar whole."""

from __future__ import annotations

import re
from collections import Counter

from .lexicon import (
    ADJECTIVES,
    BE,
    CONJUNCTIONS,
    COUNTED,
    DETERMINERS,
    MODIFIER_NOUNS,
    NUMBERS,
    PLURALS,
    PREPOSITIONS,
    TWO_WORD_PREPOSITIONS,
    plural_of,
    words_of,
)
from .verbs import PARTICIPLES, base_of, is_adverb, is_participle

Words = list[str]

_PIECE = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*|[.,;:!?()]")
_ENDS = re.compile(r"(?<=[^\W\d_])\s*[.!?;]+(?=\s|$|[A-Z])|\n")
LONGEST_LOOP = 6
_MOST_TIMES = 2
_CLOSERS = frozenset((",", "and", "or", "but", "while", "with", "as", "so"))


def sentences(caption: str) -> list[Words]:
    """Lower-case words of every sentence; commas are words of their own, other marks are gone."""
    text = caption.replace("’", "'").replace("`", "'").replace("_", " ")
    text = re.sub(r"(?<=\w)[ \t]{2,}(?=\w)", ", ", text.strip())  # what a lost comma leaves
    text = re.sub(r"\b(there|it|here|that|what|he|she)'s\b", r"\1 is", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(they|we|you|there)'re\b", r"\1 are", text, flags=re.IGNORECASE)
    text = re.sub(r"(\w)'(s|re)\b(?=\s+(?:a|an|the|many|some|no|two|there)\b)", r"\1 is", text)
    found = []
    for part in _ENDS.split(text):
        words = [one.lower() for one in _PIECE.findall(part)]
        words = ["," if one in (";", ":") else one for one in words]
        words = [one for one in words if one == "," or one[0].isalnum()]
        words = [one for one in words if any(letter.isascii() for letter in one)]
        if any(one != "," for one in words):
            found.append(_with_participles(words))
    return found


def _with_participles(words: Words) -> Words:
    """'is surround by' -> 'is surrounded by'."""
    made = list(words)
    for at in range(1, len(words) - 1):
        plain = base_of(words[at]) == words[at] and words[at] not in PARTICIPLES
        if plain and words[at - 1] in BE and words[at + 1] in ("by", "with", "in", "on"):
            made[at] = words[at] + ("d" if words[at].endswith("e") else "ed")
    return made


def spoken(words: Words) -> str:
    """Words as text, without a full stop."""
    return " ".join(words).replace(" ,", ",")


def without_loops(words: Words, changes: Counter[str]) -> Words:
    """Take out words said twice in a row, and runs of words that come back again and again.

    'a building building' loses one; 'bald bald bald land' keeps one 'bald'; of a phrase of three
    to six words that occurs more than twice, everything from the third time on goes.
    """
    made: Words = []
    for word in words:
        made.append(word)
        if len(made) > 2 and made[-2] == "," and made[-3] == word:
            del made[-2:]  # 'trees, trees'
            changes["doubled words"] += 1
            continue
        for length in range(LONGEST_LOOP, 0, -1):
            tail = made[-length:]
            if len(made) >= 2 * length and made[-2 * length : -length] == tail:
                if length == 1 and word == ",":
                    made.pop()
                    continue
                del made[-length:]
                changes["doubled words" if length == 1 else "loops"] += 1
                break
    for length in range(LONGEST_LOOP, 2, -1):
        times: Counter[tuple[str, ...]] = Counter()
        for start in range(len(made) - length + 1):
            run = tuple(made[start : start + length])
            times[run] += 1
            if times[run] > _MOST_TIMES:
                changes["loops"] += 1
                return made[:start]
    return made


def is_preposition(words: Words, at: int) -> int:
    """How many words the preposition at this place has: 0 for none, 2 for 'next to'."""
    if tuple(words[at : at + 2]) in TWO_WORD_PREPOSITIONS:
        return 2
    return 1 if at < len(words) and words[at] in PREPOSITIONS else 0


def repaired(words: Words, changes: Counter[str]) -> Words:
    """Take away what nothing depends on any more, until nothing is left to take.

    Articles, prepositions and conjunctions before an end, a comma or each other; commas in a row
    or at an end; then a and an, and plurals after number words.
    """
    before: Words = []
    made = [word for word in words if word]
    while made != before:
        before, made = made, _one_round(made)
    if len(made) != len(words):
        changes["repairs"] += 1
    return with_articles(_counted(made, changes), changes)


def _one_round(words: Words) -> Words:
    made: Words = []
    for at, word in enumerate(words):
        after = words[at + 1] if at + 1 < len(words) else None
        before = made[-1] if made else None
        if word == "," and (before in (None, ",", "and", "or", "with", "of") or after is None):
            continue
        if word == "," and before in ("that", "this", "a", "an", "the", "its", "their", "some"):
            continue
        if word in _NEED_CLAUSE and (after in (None, ",", "and") or after in _NEED_CLAUSE):
            continue
        if word == "on" and after == "with":
            continue
        if word == "," and before in PREPOSITIONS and before not in _PLACE_ADVERBS:
            continue
        if word in ("and", "or", "but", "while", "as", "so") and (
            before is None or after in (None, ",", "and", "or", "but", "while")
        ):
            continue
        if word in ("a", "an", "the") and _nothing_follows(word, after):
            continue
        if word in ("a", "an") and after in _COUNTING:
            continue
        if word in DETERMINERS and word not in _ALONE and after is None:
            continue
        if _dangles(words, at, after, before):
            continue
        if word in ("very", "quite", "too") and (
            after is None or after in (",", "and") or after in PREPOSITIONS
        ):
            continue
        made.append(word)
        lone = word in _NO_NOUNS and before in ("a", "an", "the")
        if lone and (after is None or after in PREPOSITIONS or after in BE):
            made.append("one")  # 'docked on the wide', 'the straight between two fields'
    return made


_NO_NOUNS = words_of(
    "large small big huge tall long short wide narrow round rectangular circular irregular dense "
    "sparse beautiful straight curved"
)
_ALONE = words_of(
    """both all each one two three four five some many another most lots several few other"""
)
_COUNTING = frozenset(("two", "three", "four", "five", "six", "many", "several", "some", "these"))
_PLACE_ADVERBS = words_of(
    """nearby around by along beside inside outside behind above below across through in over up
    down besides alongside on off about out past round opposite near under aside"""
)
"""Prepositions that may stand alone at the end of a clause: 'with trees around'."""
_NEED_CLAUSE = frozenset(["because", "which", "whose", "although", "though", "whether"])
_NEVER_LAST = words_of(
    """of with from to into onto for at between among via towards toward against as than upon
    including amongst amid beyond"""
)


def _nothing_follows(word: str, after: str | None) -> bool:
    """Whether an article has no noun phrase behind it."""
    if after is None or after == "," or after in ("a", "an", "the", "and", "or", "but"):
        return True
    if after in BE or after in ("has", "have", "which", "that", "while", "their", "its"):
        return True
    if after in PREPOSITIONS and after not in ("inside", "outside", "opposite", "above", "below"):
        return after not in ("past", "near", "off", "like", "round", "in", "about", "up", "down")
    return False


def _dangles(words: Words, at: int, after: str | None, before: str | None) -> bool:
    """Whether the word is a preposition without what it should govern."""
    word = words[at]
    if word in _NEVER_LAST and word in PREPOSITIONS | {"as", "than"}:
        follows = (
            after is None or after in (",", "and", "or", "but", "while", "which") or (after in BE)
        )
        if follows:
            return True
        if after in ("of", "with", "by", "on", "in", "at") and word in ("of", "with", "to", "at"):
            return True
    if word in ("in", "on", "by", "near") and after is None:
        return before in CONJUNCTIONS or before in (None, ",", "a", "an", "the")
    if word in ("in", "on", "by", "at", "of") and after in ("and", ",", "of", "or", "but"):
        return word not in ("by", "on", "in") or after == "of" or before not in _PHRASAL
    return False


_PHRASAL = words_of(
    """passing closed surrounded pass go going built walled fenced moved towed taken carried
    joined passed walking driving parking docked parked"""
)


def with_articles(words: Words, changes: Counter[str]) -> Words:
    """Choose between a and an by the sound that follows."""
    made = list(words)
    for at, word in enumerate(made[:-1]):
        if word in ("a", "an"):
            right = "an" if _vowel_sound(made[at + 1]) else "a"
            if right != word:
                made[at] = right
                changes["a or an"] += 1
    return made


_CONSONANT_FIRST = re.compile(r"uni(?!n|m)|us[ae]|usu|util|euro|eu|one\b|one-|once|ubi|"
                              r"u-|u$|ura|ute|uto")  # fmt: skip
_VOWEL_FIRST = re.compile(r"hour|hono|heir|honest|[fhlmnrsx](?:-|$)|8|11|18|mri|sar$|x-")


def _vowel_sound(word: str) -> bool:
    """Whether a word begins with the sound of a vowel: 'hour' and 'L-shaped', not 'uniform'."""
    if _CONSONANT_FIRST.match(word):
        return False
    if word == "sar":
        return False
    return word[0] in "aeiou" or _VOWEL_FIRST.match(word) is not None


def _counted(words: Words, changes: Counter[str]) -> Words:
    """Put a countable noun behind a number into the plural, and no article before a plural."""
    made = list(words)
    for at, word in enumerate(words):
        measured = word == "of" and at > 0 and words[at - 1] in _MANY
        if word in NUMBERS or word in ("a", "an") or measured:
            last = _noun_after(words, at + 1)
            if last is None:
                continue
            if word in ("a", "an"):
                if words[last] in PLURALS and words[last] not in ("crossroads", "stands"):
                    made[at] = ""
                    changes["repairs"] += 1
            elif words[last] in COUNTED and (
                word not in ("some", "of") or _is_plain_end(words, last)
            ):
                made[last] = plural_of(words[last])
                changes["plurals"] += 1
    return [word for word in made if word]


_MANY = words_of("""lot lots number dozens hundreds rows lines group pieces plenty variety""")
_NOT_COUNTED = words_of("""park rock stone ground stand school church plant line block work""")


def _is_plain_end(words: Words, at: int) -> bool:
    """For 'some': only nouns that cannot be taken for stuff."""
    return words[at] not in _NOT_COUNTED


def _noun_after(words: Words, at: int) -> int | None:
    """Place of the countable noun that ends the run of adjectives and nouns, if that is sure."""
    last = None
    for place in range(at, min(at + 5, len(words))):
        word = words[place]
        if word in COUNTED or word in PLURALS:
            last = place
            if word in PLURALS:
                break
        elif not (word in ADJECTIVES or word in MODIFIER_NOUNS or is_participle(word)):
            break
    if last is None:
        return None
    after = words[last + 1] if last + 1 < len(words) else None
    sure = after is None or after == "," or after in CONJUNCTIONS or after in BE
    return (
        last
        if sure
        or is_preposition(words, last + 1)
        or after in PREPOSITIONS
        or is_participle(after or "")
        or is_adverb(after or "")
        else None
    )
