"""Every verb of a clause made part of its noun; ``clause`` shows how in a table."""

from __future__ import annotations

from .finite import base_at, clause_in, finite_verb, up_to_break, verb_from
from .lexicon import ADJECTIVES, BE, DETERMINERS, HAVE, MODALS, PREPOSITIONS, RELATIVES, SHADES
from .repair import Words, is_preposition
from .verbs import ing, is_adverb, is_ing, is_participle, past_base


def reduced_verbs(words: Words) -> Words | None:
    """Every finite verb outside relative clauses made part of its noun; None where that fails."""
    made: Words = []
    relative = False
    at = 0
    while at < len(words):
        word = words[at]
        if word in RELATIVES and not (word == "that" and not verb_from(words, at + 1)):
            relative = not (word == "what" and at == 0)
        elif relative and (word in (",", "while", "but") or _new_subject(words, at)):
            relative = False
        if word == "while" and made and at + 1 < len(words) and is_participle(words[at + 1]):
            made.append(",")
            at += 1
            continue
        clause_as = word != "as" or clause_in(up_to_break(words, at + 1))
        if word in ("while", "but", "as") and clause_as and _subject_ahead(words, at + 1):
            made.append("with" if word in ("while", "as") else "but")
            at += 1
            continue
        if not relative and finite_verb(words, at):
            if not made or made[-1] in ("and", ",", "but", "with", "while"):
                step = _after_conjunction(words, at, made)
            else:
                step = _one_verb(words, at, made)
            if step is None:
                return None
            at = step
            continue
        made.append(word)
        at += 1
    return made


def _subject_ahead(words: Words, at: int) -> bool:
    return at < len(words) and words[at] not in (*BE, *HAVE) and words[at] not in PREPOSITIONS


def _new_subject(words: Words, at: int) -> bool:
    """'and' that begins a new clause with a subject of its own."""
    if words[at] != "and" or at + 1 >= len(words):
        return False
    after = words[at + 1]
    return (after in DETERMINERS or after in ("it", "they", "there")) and clause_in(
        up_to_break(words, at + 1)
    )


def _after_conjunction(words: Words, at: int, made: Words) -> int | None:
    """A second verb of the same subject: 'planes are parked and have ...', '..., is'."""
    if not made:
        return None
    word = words[at]
    if word in BE:
        end, kind = _complement(words, at + 1)
        made += words[at + 1 : end] if kind == "phrase" else ["that", word]
        return end if kind == "phrase" else at + 1
    if word in HAVE and not _perfect(words, at):
        if made[-1] in ("and", ","):
            made.pop()
        made.append("with")
        return at + 1
    base = base_at(words, at) or past_base(word)
    if base is None:
        return None
    made.append(ing(base))
    return at + 1


def _one_verb(words: Words, at: int, made: Words) -> int | None:
    """Reduce the verb at a place behind its subject; gives where to go on."""
    word = words[at]
    if made[-1] in ("it", "they") and made[-2:-1] and made[-2] in (
        "and", ",", "while", "with", "but", "so"
    ):  # fmt: skip
        made.pop()  # 'a pond and it is round'
        while made and made[-1] in ("and", ",", "while", "with", "but", "so"):
            made.pop()
        if not made:
            return None
    adverbs: Words = []
    while made and is_adverb(made[-1]) and len(made) > 1:
        adverbs.insert(0, made.pop())
    if word in BE:
        return _one_be(words, at, made, adverbs)
    if word in HAVE:
        if _perfect(words, at):
            if words[at + 1 : at + 2] == ["been"]:
                return at + 2
            made += [*_that(made), *adverbs, word, words[at + 1]]
            return at + 2
        made.append("with")
        return at + 1
    if word in MODALS or word in ("does", "do", "did"):
        made += [*_that(made), *adverbs, word]
        if words[at + 1 : at + 2] and words[at + 1] not in (",", "and", "while", "but"):
            made.append(words[at + 1])
            return at + 2
        return None
    base = base_at(words, at) or past_base(word)
    if base is None:
        return None
    if words[at + 1 : at + 2] and words[at + 1] in ADJECTIVES and base in (
        "look", "seem", "appear", "become", "stay", "remain"
    ):  # fmt: skip
        made += [*_that(made), *adverbs, word]
        return at + 1
    made += [*adverbs, ing(base)]
    return at + 1


def _that(made: Words) -> Words:
    """A relative pronoun, unless one is there."""
    return [] if made and made[-1] in ("that", "which", "who") else ["that"]


def _one_be(words: Words, at: int, made: Words, adverbs: Words) -> int:
    """'are parked', 'is near', 'is large', 'is a pond'."""
    start = at + 1
    while start < len(words) and words[start] in ("being", "been", "to"):
        start += 1
    end, kind = _complement(words, start)
    if kind == "nothing":
        return start
    if kind == "phrase":
        made += [*adverbs, *words[start:end]]
        return end
    made += [*_that(made), *adverbs, words[at]]
    return start


def _complement(words: Words, at: int) -> tuple[int, str]:
    """What follows 'be': a 'phrase' that may stand alone behind a noun, 'other', or 'nothing'.

    Gives the end of its first words, which are no verb of their own, too.
    """
    place = at
    while place < len(words) and (is_adverb(words[place]) or words[place] in SHADES):
        place += 1
    if place >= len(words) or words[place] in (",", "and", "while", "but"):
        if place == at:
            return at, "nothing"
        return (place, "phrase") if _places(words, at, place) else (at, "other")
    word = words[place]
    if word == "not" or word in DETERMINERS:
        return at, "other"
    length = is_preposition(words, place)
    if length:
        return place + length, "phrase"
    if is_ing(word) or is_participle(word):
        lone = place + 1 >= len(words) or words[place + 1] in (",", "and", "while", "but")
        alone = lone and (word in ADJECTIVES or (is_ing(word) and place == at))
        return (at, "other") if alone else (place + 1, "phrase")
    if word in ADJECTIVES and is_preposition(words, place + 1) and words[place + 1] not in (
        "in", "on", "at", "with", "near", "beside", "like"
    ):  # fmt: skip
        return place + 1, "phrase"
    return at, "other"


def _places(words: Words, at: int, end: int) -> bool:
    """'here', 'nearby', 'away': adverbs that may stand behind a noun."""
    return any(word in ("here", "there", "nearby", "away", "aside") for word in words[at:end])


def _perfect(words: Words, at: int) -> bool:
    """'has been built', 'have grown'."""
    after = at + 1
    while after < len(words) and is_adverb(words[after]):
        after += 1
    return after < len(words) and (
        words[after] == "been"
        or (
            (is_participle(words[after]) and words[after + 1 : after + 2] != [])
            and words[after] not in ADJECTIVES
            and (words[after + 1] in DETERMINERS or words[after + 1] in PREPOSITIONS)
        )
    )
