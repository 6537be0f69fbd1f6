"""Checks of the words before anything slow begins."""

from __future__ import annotations

import unicodedata

from ..errors import PromptError
from ..models.words import Words


def clean_prompt(prompt: str) -> str:
    """One line of text, runs of white space joined.

    Raises
    ------
    PromptError
        If nothing readable is left.
    """
    words = " ".join(prompt.split())
    if not any(unicodedata.category(character)[0] in "LN" for character in words):
        raise PromptError(
            'the prompt holds no words; try "A SAR image of a harbour with ships"'
            if not words
            else f"the prompt {words!r} holds no words"
        )
    return words


def truncation_warning(tokenizers: tuple[Words, ...], text: str, what: str) -> str | None:
    """A sentence for the user if a text is too long for the model, else None."""
    cuts = [tokenizer.cut(text) for tokenizer in tokenizers]
    cut = max(cuts, key=len, default="")
    if not cut:
        return None
    limit = min(tokenizer.length for tokenizer in tokenizers) - 2
    return f"the {what} is longer than the {limit} tokens the model reads; not read: {cut!r}"
