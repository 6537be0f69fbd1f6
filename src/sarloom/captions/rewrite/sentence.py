"""One optical caption in, one radar caption out."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .clause import clause_to_phrase, reducible, starts_like_phrase
from .lexicon import RELATIVES, words_of
from .remove import without_colours, without_things
from .repair import Words, is_preposition, repaired, sentences, spoken, without_loops

LEAST_WORDS = 1
_WITHOUT_MEANING = words_of("""a an the it is are there here this that they area areas""")


@dataclass(frozen=True)
class Rewritten:
    """A caption for radar and what was done to get it."""

    text: str
    """A noun phrase, or a clause, in lower case without a full stop; '' where nothing is left."""
    is_clause: bool = False
    """Whether the text cannot follow 'of' and needs a colon."""
    changes: Counter[str] = field(default_factory=Counter)
    """Kind of change -> times."""

    @property
    def phrase(self) -> str:
        """The text as it may follow 'of', whatever it is."""
        return f"a scene: {self.text}" if self.is_clause and self.text else self.text

    @property
    def changed(self) -> bool:
        """Whether more than letters and spaces changed."""
        return bool(self.changes)


def rewrite_caption(caption: str) -> Rewritten:
    """Rewrite a caption of an optical picture for the radar picture of the same ground.

    Parameters
    ----------
    caption : str
        Any English caption, of one or several sentences.

    Returns
    -------
    Rewritten
        The same caption always gives the same.
    """
    changes: Counter[str] = Counter()
    parts: list[Words] = []
    clause = False
    for words in sentences(caption):
        made, left = _one_sentence(words, changes)
        if not made or all(word in _WITHOUT_MEANING or word == "," for word in made):
            continue
        if made not in parts:
            parts.append(made)
            clause = clause or left
    if not parts:
        changes["nothing left"] += 1
        return Rewritten("", False, changes)
    joined = _joined(parts)
    if clause:
        changes["clause behind a colon"] += 1
    return Rewritten(spoken(joined), clause, changes)


def _one_sentence(words: Words, changes: Counter[str]) -> tuple[Words, bool]:
    """A sentence as words of a noun phrase, or of a clause where that fails."""
    words = without_loops(words, changes)
    words = without_colours(words, changes)
    made, changed, left = clause_to_phrase(words)
    seen = without_things(made, changes)
    if seen != made:
        made, _, left = clause_to_phrase(seen)
    if not made:
        made = _last_place(words)
    made = repaired(made, changes)
    verbless = (bool(made) and not left) or reducible(made)
    made = _without_front(made)
    left = not (verbless and starts_like_phrase(made))
    if changed and not left:
        changes["clause to noun phrase"] += 1
    return without_loops(made, Counter()), left


def _last_place(words: Words) -> Words:
    """Of a sentence about people, where they are: 'the beach'."""
    for at in range(len(words) - 2, 0, -1):
        if is_preposition(words, at):
            rest = words[at + 1 :]
            seen = without_things(rest, Counter())
            return rest if seen == rest and not is_preposition(words, at + 1) else []
    return []


def _without_front(words: Words) -> Words:
    """A rest such as 'in the square' is about the square."""
    if any(word in RELATIVES or word == "," for word in words):
        return words
    while (length := is_preposition(words, 0)) and len(words) > length:
        words = words[length:]
    return words


def _joined(parts: list[Words]) -> Words:
    """Several noun phrases as one list."""
    made = list(parts[0])
    for number, part in enumerate(parts[1:], 1):
        made += ["and"] if number == len(parts) - 1 and len(parts) == 2 else [","]
        if number == len(parts) - 1 and len(parts) > 2:
            made.append("and")
        made += part
    return made
