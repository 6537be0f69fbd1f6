"""Checks of the words before anything slow begins."""

from __future__ import annotations

import unicodedata
from typing import Any

from ..errors import PromptError


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


def words_cut(tokenizer: Any, text: str) -> str:
    """The end of a text that the model does not read, because it is longer than its window.

    Parameters
    ----------
    tokenizer
        A fast CLIP tokenizer of transformers.

    Returns
    -------
    The words cut, as written; empty if the model reads all.
    """
    limit = int(tokenizer.model_max_length)
    marks = tokenizer(text, truncation=False, return_offsets_mapping=True, verbose=False)
    offsets = marks["offset_mapping"]
    if len(offsets) <= limit:
        return ""
    first_cut = offsets[limit - 1][0]  # the last token of the window is the end mark
    return text[first_cut:].strip()


def truncation_warning(tokenizers: tuple[Any, ...], text: str, what: str) -> str | None:
    """A sentence for the user if a text is too long for the model, else None."""
    cuts = [words_cut(tokenizer, text) for tokenizer in tokenizers]
    cut = max(cuts, key=len, default="")
    if not cut:
        return None
    limit = min(int(tokenizer.model_max_length) for tokenizer in tokenizers) - 2
    return f"the {what} is longer than the {limit} tokens the model reads; not read: {cut!r}"
