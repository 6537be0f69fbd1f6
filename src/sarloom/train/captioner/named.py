"""Which scene kind a sentence names, by the nouns that simulated scenes are called by."""

from __future__ import annotations

import re

from ...simulate.wording import HEADS

_ARTICLE = re.compile(r"^(?:an?|the) ")
_PHRASES: tuple[tuple[str, str], ...] = tuple(
    (_ARTICLE.sub("", phrase), kind) for kind, phrases in HEADS.items() for phrase in phrases
)
"""Nouns and the kind they name: 'port' -> harbour."""


def named_kind(caption: str) -> str:
    """The kind whose noun comes first, the longest one where two begin together; '' for none.

    'a river valley with four fields' names a river, not farmland.
    """
    text = caption.lower()
    found = [
        (match.start(), -len(phrase), kind)
        for phrase, kind in _PHRASES
        if (match := re.search(rf"\b{re.escape(phrase)}\b", text))
    ]
    return min(found)[2] if found else ""
