"""Look a caption over for what is not English, or not radar: rules that name the fault.

This is the judge of `rewrite`, so it shares no word list and no function with it. It looks for the
marks that taking words out leaves behind; it is no grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

_BE = r"(?:is|are|was|were|am)"
_JOINS = r"(?:and|or|but|while|which|that|who|because|if|than|nor)"
_GOVERN = (
    r"(?:of|with|from|to|into|onto|for|at|between|among|amongst|amid|via|towards?|against|upon|"
    r"than|without|beyond|except|during|despite)"
)
"""Prepositions that never stand without their noun."""
_OTHERS = (
    r"(?:of|in|on|at|with|by|near|beside|between|among|from|to|into|onto|for|behind|across|under|"
    r"beneath|against|toward|towards|within|through|along|around)"
)
_STARTS = r"(?:^|(?<=[,;:.] ))"
_ENDS = r"(?=\s*(?:[,;:.!?]|$))"
_SIZES = (
    r"(?:large|small|big|huge|tall|long|short|wide|narrow|round|square-shaped|rectangular|"
    r"circular|irregular|dense|sparse|beautiful|very|quite|straight|curved|several|many)"
)

_LETTER_VOWEL = re.compile(r"(?:[aefhilmnorsx]-\w|[aefhilmnorsx]$|8|11\b|18\b)")
_SILENT_H = re.compile(r"(?:hour|honou?r|honest|heir)")
_YOU = re.compile(
    r"(?:unit(?!nter)|unif|uniq|unio|univ|unil|unic|use|usu|usa|util|euro|eucal|ewe|one\b|one-|"
    r"once|ubiq|u-|u$|uranium|urin)"
)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with a caption."""

    kind: str
    """'article', 'a or an', 'preposition', 'conjunction', 'doubled word', 'comma', 'clause',
    'not radar', 'loop' or 'empty'."""
    where: str
    """The words that show it."""


_PATTERNS: tuple[tuple[str, str], ...] = (
    ("article", rf"\b(?:a|an|the){_ENDS}"),
    ("article", rf"\b(?:a|an|the) (?:a|an|the|{_BE}|and|or|but|which|while|their|its|has|have)\b"),
    ("article", r"\b(?:a|an) (?:of|in|on|at|with|by|near|beside|between|from|to|for|around|next|"
                r"along|across|under|is|are|many|several|some|two|three|lots)\b(?!-)"),
    ("article", r"\bthe (?:of|on|at|with|by|beside|between|from|to|for|around|across)\b(?!-)"),
    ("article", rf"\b(?:a|an|the) {_SIZES}(?:\s*(?:[;:.!?]|$)| (?:of|in|on|at|with|by|"
                r"beside|between|near|from|is|are|that|which)\b)"),
    ("preposition", rf"\b{_GOVERN}{_ENDS}"),
    ("preposition", rf"\b{_GOVERN} (?:and|or|but|while|{_BE})\b"),
    ("preposition", rf"\b{_GOVERN}(?<!to) (?:has|have)\b"),
    ("preposition", r"\b(?:of|with|for|between|among|from|into) (?:of|with|by|at|for|into|on)\b"),
    ("preposition", rf"\b(?:in|on|by|near) (?:of|with|{_BE}|or)\b(?<!in or)"),
    ("preposition", r"\b(?:next|close|adjacent) to" + _ENDS),
    ("conjunction", rf"\b(?:and|or|but|while|which|that|with){_ENDS}"),
    ("conjunction", rf"{_STARTS}(?:but|while) (?!the\b)\w+{_ENDS}"),
    ("conjunction", r"^(?:and|or|but|while|which|of|with|by)\b"),
    ("conjunction", r"\b(?:and|or|but) (?:and|or|but|of|while)\b"),
    ("conjunction", r"\b(?:with|of|between) (?:and|or)\b"),
    ("comma", r"^\s*,|,\s*,|,\s*$|\s,|\b(?:a|an|the|of|and) ?,"),
    ("article", r"\b(?:very|quite) (?:and|of|in|on|with|,)"),
)  # fmt: skip
_NOT_RADAR = re.compile(
    r"(?<!-)\b(?:red|green|blue|yellow|white|black|gr[ae]y|brown|orange|purple|pink|khaki|beige|turquoise|"
    r"cyan|golden|colou?rs?|colou?rful|colou?red|\w+-colou?red|reddish|greenish|yellowish|sky|skies|"
    r"clouds?|sunshine|sunlight|people|person|men|women|man|woman|children|tourists|spectators|"
    r"pedestrians|photos?|photographs?|pictures?|camera)\b(?!-made)"
)
_ACTS = (
    r"(?:has|have|goes|runs|surrounds|consists|consist|contains|contain|connects|connect|crosses|"
    r"separates|divides|covers|occupies|passes|leans|includes|include|extends|"
    r"flows|seems|seem|becomes|makes|looks|lies|sits|grows|grow|joins|encloses|surround|can)"
)
_RELATIVE = re.compile(r"\b(?:that|which|who|whose|where|when|what|how|because|if|though|although|"
                       r"whom|there|so|since|until)\b")  # fmt: skip
_ALLOWED_TWICE = frozenset(("very",))


def faults(caption: str, phrase: bool = True) -> list[Fault]:
    """What is wrong with a caption, in the order of the rules.

    Parameters
    ----------
    caption : str
        Without its activation phrase.
    phrase : bool
        Whether it stands behind 'of', where a clause is a fault.
    """
    text = " ".join(caption.lower().split()).rstrip(".")
    if not re.search(r"\w", text):
        return [Fault("empty", caption)]
    return [*_pattern_faults(text), *_articles(text), *_repeats(text), *_clauses(text, phrase)]


def _pattern_faults(text: str) -> Iterator[Fault]:
    for kind, pattern in _PATTERNS:
        for found in re.finditer(pattern, text):
            yield Fault(kind, _around(text, found.start(), found.end()))
    for found in _NOT_RADAR.finditer(text):
        yield Fault("not radar", _around(text, found.start(), found.end()))


def _articles(text: str) -> Iterator[Fault]:
    for found in re.finditer(r"\b(an?) ([\w-]+)", text):
        article, word = found.groups()
        vowel = bool(
            _SILENT_H.match(word)
            or _LETTER_VOWEL.match(word)
            or (word[0] in "aeiou" and not _YOU.match(word))
        )
        if (article == "an") != vowel:
            yield Fault("a or an", found[0])


def _repeats(text: str) -> Iterator[Fault]:
    words = re.findall(r"[\w'-]+", text)
    for one, other in pairwise(words):
        if one == other and one not in _ALLOWED_TWICE:
            yield Fault("doubled word", f"{one} {other}")
    seen: dict[tuple[str, ...], int] = {}
    for at in range(len(words) - 2):
        run = tuple(words[at : at + 3])
        seen[run] = seen.get(run, 0) + 1
        if seen[run] == 3:
            yield Fault("loop", " ".join(run))


def _clauses(text: str, phrase: bool) -> Iterator[Fault]:
    """A form of 'be' with no relative word before it in its part of the sentence."""
    if not phrase:
        return
    for found in re.finditer(rf"(?<!\bto )\b(?:{_BE}|{_ACTS})\b", text):
        if not _RELATIVE.search(text[: found.start()]):
            yield Fault("clause", _around(text, found.start(), found.end()))
    if re.match(r"(?:it|there|here|they|we|you|this is|in|on|at|near|next|beside)\b", text):
        yield Fault("clause", text[:30])


def _around(text: str, start: int, end: int) -> str:
    left = text.rfind(" ", 0, max(0, start - 8)) + 1
    right = text.find(" ", min(len(text), end + 8))
    return text[left : right if right > 0 else len(text)]
