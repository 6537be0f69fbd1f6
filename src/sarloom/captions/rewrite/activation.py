"""The words in front of every caption, by which a model is told that radar is meant."""

from __future__ import annotations

from dataclasses import dataclass

from ...options.captions_run import DEFAULT_PHRASE
from .sentence import Rewritten

_PREPOSITIONS = ("of", "showing", "with", "shows", "from")


@dataclass(frozen=True)
class Activation:
    """An activation phrase ('A SAR image of') or a token ('<SAR>')."""

    phrase: str = DEFAULT_PHRASE
    token: str = ""

    def before(self, text: str, is_clause: bool = False) -> str:
        """The caption to train with.

        A noun phrase follows 'of', a clause a colon: 'A SAR image: many planes are ...'. A phrase
        without 'of' gets one: 'An aerial view' becomes 'An aerial view of'.
        """
        if self.token:
            return f"{self.token} {text}".strip()
        phrase = self.phrase.strip()
        if not phrase:
            return text
        last = phrase.split()[-1].lower()
        bare = phrase.rsplit(" ", 1)[0] if last in _PREPOSITIONS and " " in phrase else phrase
        bare = bare.rstrip(":")
        if not text:
            return bare
        if is_clause or phrase.endswith(":"):
            return f"{bare}: {text}"
        return f"{phrase} {text}" if last in _PREPOSITIONS else f"{phrase} of {text}"

    def of(self, caption: Rewritten) -> str:
        """The same for what ``rewrite_caption`` gave."""
        return self.before(caption.text, caption.is_clause)
