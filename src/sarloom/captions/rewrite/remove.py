"""Take out of a caption what a radar cannot see: colours, the sky, people, the camera.

Each function takes words and gives words; what a removal leaves behind is mended by
``repair.repaired``, except where a whole phrase or clause goes with the word.
"""

from __future__ import annotations

from collections import Counter

from .lexicon import (
    ADJECTIVES,
    BE,
    CAMERA,
    COLOUR_NOUNS,
    COLOURS,
    CONJUNCTIONS,
    DETERMINERS,
    HAVE,
    LOOKS,
    MODALS,
    PEOPLE,
    PREPOSITIONS,
    PRONOUNS,
    RELATIVES,
    SHADES,
    SKY,
    words_of,
)
from .repair import Words, is_preposition
from .verbs import AMBIGUOUS, base_of, is_adverb, is_ing, is_participle

_PAINTED = frozenset(["painted", "dyed", "coated", "colored", "coloured", "tinted", "stained"])
_MEASURES = words_of(
    """lot lots group groups number crowd crowds plenty dozens hundreds thousands bunch series
    team line row couple mass full"""
)


# -- colours -----------------------------------------------------------------------------------


def without_colours(words: Words, changes: Counter[str]) -> Words:
    """Take out colours and what only light shows.

    'its color is green' goes as a clause, 'in green' and 'of different colors' as phrases, 'is
    white' as a predicate, 'green and lush' leaves 'lush', 'a green' before a verb 'an area'.
    """
    made = _without_colour_nouns(_joined_colours(words))
    found = sum(map(is_colour, made)) + len(words) - len(made)
    made = _without_predicates(made)
    made = _without_adjectives(made)
    if made != words:
        changes["colours"] += max(1, found)
    return made


def is_colour(word: str) -> bool:
    """'green', 'dark-green', 'white-roofed', 'colourful'."""
    if word in COLOURS or word in LOOKS:
        return True
    parts = word.split("-")
    return len(parts) > 1 and any(part in COLOURS for part in parts)


def _joined_colours(words: Words) -> Words:
    """'blu e' is one word, and 'red-roofed' leaves no rest; 'white house' has no proper name."""
    made: Words = []
    for at, word in enumerate(words):
        if word == "e" and at and words[at - 1] in ("blu", "whit"):
            continue
        made.append(word)
    return made


def _without_colour_nouns(words: Words) -> Words:
    """'of different colors', 'the color of the roof is red', 'colour patches'."""
    made = list(words)
    while (at := next((i for i, w in enumerate(made) if w in COLOUR_NOUNS), None)) is not None:
        start = _colour_noun_start(made, at)
        before = made[start - 1] if start else None
        if made[at + 1 : at + 2] == ["of"] and before not in PREPOSITIONS:
            made[start : at + 2] = []
        elif before in PREPOSITIONS or before in HAVE:
            only = start - 1
            if only and made[only - 1] in (*_PAINTED, "kinds", "different", "similar", "same"):
                only -= 1
            made[only : at + 1] = []
        elif made[at + 1 : at + 2] and not _ends_phrase(made, at + 1):
            made[at - 1 if at and made[at - 1] in ("different", "same") else at : at + 1] = []
        elif _predicate_follows(made, at):
            made[_clause_start(made, start) : _clause_end(made, at)] = []
        else:
            made[at : at + 1] = []
    return made


def _colour_noun_start(words: Words, at: int) -> int:
    """Back over 'the same', 'many different kinds of', 'red and green'."""
    start = at
    while start:
        word, before = words[start - 1], words[start - 2] if start > 1 else ""
        joined = word in ("and", ",") and is_colour(before)
        kinds = word == "of" and before in ("kind", "kinds", "variety", "lot", "lots", "number")
        describes = (
            word in DETERMINERS or word in ADJECTIVES or word in SHADES or word == "same"
            or is_colour(word) or is_adverb(word)
        )  # fmt: skip
        if not (joined or kinds or describes):
            break
        start -= 2 if kinds else 1
    return start


def _predicate_follows(words: Words, at: int) -> bool:
    """'the color [of the roof] is ...'."""
    end = _clause_end(words, at)
    return any(word in BE or word in ("vary", "varies", "range", "ranges", "makes", "make", "looks")
               for word in words[at:end])  # fmt: skip


def _clause_end(words: Words, at: int) -> int:
    """Where the clause ends: a comma, 'while', 'but', or 'and' with a subject behind it."""
    for place in range(at + 1, len(words)):
        word = words[place]
        if word in (",", "while", "but", "so"):
            return place
        if word == "and" and place + 1 < len(words) and not is_colour(words[place + 1]):
            after = words[place + 1]
            if after in DETERMINERS or after in PRONOUNS:
                return place
    return len(words)


def _clause_start(words: Words, at: int) -> int:
    """The conjunction or comma that joins the clause, where there is one."""
    while at and words[at - 1] in (",", "and", "while", "but", "with", "that", "so", "of"):
        at -= 1
    return at


def _without_predicates(words: Words) -> Words:
    """'is white', 'are green and red', 'which is dark blue', 'in white', 'painted red'."""
    made: Words = []
    at = 0
    while at < len(words):
        word = words[at]
        end = _colour_run(words, at + 1)
        if end > at + 1 and _ends_phrase(words, end):
            both = words[end : end + 1] in (["and"], [","]) and end + 1 < len(words)
            if (
                word in BE
                and both
                and words[end + 1] in ADJECTIVES
                and _ends_phrase(words, end + 2)
            ):
                made.append(word)  # 'is white and large' keeps 'is large'
                at = end + 1
                continue
            if word in BE or word in ("looks", "look", "turned", "painted", "appears", "become"):
                while made and (is_adverb(made[-1]) or made[-1] in BE):
                    made.pop()
                if made and made[-1] in ("which", "that") and len(made) > 1:
                    made.pop()
                elif made and made[-1] in PRONOUNS:
                    made.pop()
                    while made and made[-1] in ("and", ",", "while", "but"):
                        made.pop()
                at = _after_adverb(words, end)
                continue
            if word in ("in", "with", "of", "into", "by", "on", "from") and not _is_thing(
                words, at, end
            ):
                while made and made[-1] in (*_PAINTED, *BE):
                    made.pop()
                at = _after_adverb(words, end)
                continue
        made.append(word)
        at += 1
    return made


def _is_thing(words: Words, at: int, end: int) -> bool:
    """Whether a noun follows the colours."""
    return end < len(words) and not _ends_phrase(words, end)


def _after_adverb(words: Words, at: int) -> int:
    while at < len(words) and words[at] in ("respectively", "separately", "too", "also"):
        at += 1
    return at


def _colour_run(words: Words, at: int) -> int:
    """End of a run such as 'very dark green , red and white'; ``at`` where there is none."""
    place, end = at, at
    while place < len(words):
        word = words[place]
        if is_colour(word):
            end = place + 1
        elif not (
            word in SHADES
            or (word in ("and", "or", ",") and end > at)
            or word
            in ("very", "mostly", "all", "mainly", "almost", "quite", "so", "partly", "both")
        ):
            break
        place += 1
    return end


def _ends_phrase(words: Words, at: int) -> bool:
    """Whether no noun follows at this place."""
    if at >= len(words):
        return True
    word = words[at]
    return (
        word in CONJUNCTIONS or word == "," or word in BE or word in HAVE or word in MODALS
        or (word in PREPOSITIONS and word not in ("inside", "outside"))
        or word in ("respectively", "separately", "too", "in")
        or (base_of(word) is not None and word not in AMBIGUOUS and not word.endswith("s"))
    )  # fmt: skip


def _without_adjectives(words: Words) -> Words:
    """Colours before nouns, with the 'and' or comma that joined them to another adjective."""
    made: Words = []
    at = 0
    while at < len(words):
        end = _colour_run(words, at)
        if end == at or not any(is_colour(word) for word in words[at:end]):
            made.append(words[at])
            at += 1
            continue
        if words[at] in ("all", "both", "mostly", "almost"):
            made.append(words[at])  # 'all green trees' keeps its determiner
            at += 1
            continue
        while made and made[-1] in SHADES and made[-1] != "light":
            made.pop()
        before = made[-1] if made else None
        if end < len(words) and words[end] in ("and", ",", "or") and _is_adjective(words, end + 1):
            joined_before = before is not None and before in ADJECTIVES
            end += 0 if joined_before else 1  # 'green and lush trees'
        elif _ends_phrase(words, end):
            _stand_in(made, before, words, end)
        elif before in ("and", "or", ",") and len(made) > 1 and made[-2] in ADJECTIVES:
            made.pop()  # 'tall and green trees'
        at = end
    return made


def _is_adjective(words: Words, at: int) -> bool:
    """Whether an adjective with a noun behind it stands here."""
    if at >= len(words):
        return False
    word = words[at]
    return (word in ADJECTIVES or is_participle(word)) and not _ends_phrase(words, at + 1)


def _stand_in(made: Words, before: str | None, words: Words, end: int) -> None:
    """For a colour that stood as a noun ('on the green', 'the white is snow')."""
    if before not in DETERMINERS:
        if before in ("and", "or", ",", "with", "of", "in"):
            made.pop()
        return
    if len(made) > 1 and made[-2] in PREPOSITIONS and end >= len(words):
        del made[-2:]
    elif before in ("the", "a", "an", "this", "one", "each", "that"):
        made.append("area")
    else:
        made.append("areas")


# -- phrases about the sky, people, the camera ---------------------------------------------------


def without_things(words: Words, changes: Counter[str]) -> Words:
    """Take out phrases about the sky, people and the camera, each with what hangs on it."""
    words = [word for word in words if word not in _POSSESSIVE]
    for what, names in (("sky", SKY), ("people", PEOPLE), ("camera", CAMERA)):
        for _ in range(len(words)):
            place = _find(words, names)
            if place is None:
                break
            words = _without_phrase(words, place)
            changes[what] += 1
    return words


_POSSESSIVE = frozenset(("people's", "person's", "children's", "man's", "women's", "men's"))


def _find(words: Words, names: frozenset[str]) -> int | None:
    """Place of such a noun; 'people's square' and 'sun umbrellas' are things of another kind."""
    for at, word in enumerate(words):
        if word in names and not (
            at + 1 < len(words) and words[at + 1] in ("umbrella", "umbrellas", "loungers", "school")
        ):
            return at
    return None


def _without_phrase(words: Words, at: int) -> Words:
    """Drop the noun phrase, and with it its preposition, its clause, or its place in a list."""
    start, end = _phrase_start(words, at), _phrase_end(words, at)
    before = words[start - 1] if start else None
    after = words[end] if end < len(words) else None
    listed = (
        after == "and" and not _clause_verb(words, end + 1) and not _ends_phrase(words, end + 1)
    )
    if listed and end == at + 1:
        return words[:start] + words[end + 1 :]
    if before is not None and (before in PREPOSITIONS or before == "full"):
        cut = start - 1
        if cut and is_preposition(words, cut - 1) == 2:
            cut -= 1
        while cut and (
            words[cut - 1] in ("full", "filled", "packed", "crowded", "crowd", "used", "suitable")
            or is_adverb(words[cut - 1])
        ):
            cut -= 1
        if cut and words[cut - 1] in BE:
            cut -= 1
        return words[:cut] + words[end:]
    if before in ("and", "or", ",") and _same_list(words, start):
        return words[: start - 1] + words[end:]
    return _without_clause(words, start, at, end)


def _same_list(words: Words, start: int) -> bool:
    """Whether a comma or 'and' before joins two nouns rather than two clauses."""
    return not _clause_verb(words, start) or start < 2


def _clause_verb(words: Words, at: int) -> bool:
    """Whether a finite verb comes before the next comma or conjunction."""
    for word in words[at:]:
        if word == "," or word in CONJUNCTIONS:
            return False
        if word in BE or word in HAVE or word in MODALS:
            return True
        if base_of(word) is not None and word not in AMBIGUOUS:
            return True
    return False


def _phrase_start(words: Words, at: int) -> int:
    """Back over adjectives, numbers and 'a lot of'."""
    start = at
    while start:
        word = words[start - 1]
        measure = word == "of" and start > 1 and words[start - 2] in _MEASURES
        if (
            word in DETERMINERS
            or word in ADJECTIVES
            or is_colour(word)
            or is_adverb(word)
            or word in SHADES
            or word in ("more", "other", "football", "basketball", "young")
        ):
            start -= 1
        elif measure and words[start - 2] != "full":
            start -= 2
        else:
            return start
    return start


_PEOPLE_END = frozenset(
    (",", "and", "while", "but", "with", "near", "next", "beside", "surrounded")
)


def _phrase_end(words: Words, at: int) -> int:
    """Over 'playing football', 'walking on it', 'who ...' up to a comma, 'and' or a verb."""
    end = at + 1
    if end < len(words) and (is_ing(words[end]) or words[end] in ("who", "in", "on", "sitting")):
        while end < len(words) and words[end] not in _PEOPLE_END and words[end] not in BE:
            end += 1
    return end


def _without_clause(words: Words, start: int, at: int, end: int) -> Words:
    """Drop the clause whose subject or object the phrase is; keep where it happened."""
    first = start
    while (
        first
        and words[first - 1] not in (",", "while", "but")
        and words[first - 1] not in (RELATIVES)
    ):
        first -= 1
    last = end
    while last < len(words) and words[last] not in (",", "while", "but"):
        last += 1
    where = next((i for i in range(at, last) if words[i] in PREPOSITIONS), None)
    rest = words[:first] + words[last:]
    if not [word for word in rest if word not in (",", "while", "and", "but", "there")]:
        subject = _before_verb(words[first:start])
        return subject or ([] if where is None else words[where + 1 : last])
    while first and (words[first - 1] in RELATIVES or words[first - 1] in (",", "while", "but")):
        first -= 1
    return words[:first] + words[last:]


def _before_verb(words: Words) -> Words:
    """The subject of a clause whose object has gone, '' where it had none."""
    for at, word in enumerate(words):
        verb = word in BE or word in HAVE or is_ing(word) or base_of(word) is not None
        if at and (verb or is_participle(word)):
            return words[:at] if words[0] not in PRONOUNS else []
    return []
