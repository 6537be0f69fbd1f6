"""What a person should look at in a caption."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...errors import ModelError
from ..clean import faults
from ..rewrite.sentence import rewrite_caption

CLIP_TOKENS = 77
"""Beginning and end mark included."""
MEANINGS: dict[str, str] = {
    "no caption": "the tile has none",
    "no partner": "no optical picture, so nobody but a map could caption it",
    "too long": f"more than {CLIP_TOKENS} tokens: CLIP cuts the end off without a word",
    "rewritten": "the caption is not what the captioner wrote",
    "loop": "the captioner repeated itself",
    "not English": "a rule finds a dangling article, preposition or verb",
    "not radar": "a colour, the sky, people or a camera is still in it",
    "duplicate": "another tile has the same caption",
    "low score": "the caption fits the optical picture less well than others",
    "bare": "nothing was left of what the captioner wrote",
}
LOWEST = 0.1
"""Share of scores that count as low where no bound is given."""
Counts = Callable[[str], int]


def token_counter(spec: str = "") -> Counts:
    """Counts tokens as a model's tokenizer does, or estimates them.

    Raises
    ------
    ModelError
        If there is no tokenizer of that name.
    """
    if not spec:
        return estimated_tokens
    from transformers import AutoTokenizer

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(spec)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise ModelError(f"--tokenizer {spec}: cannot be loaded: {reason}") from error
    return lambda text: len(tokenizer(text)["input_ids"])


def estimated_tokens(text: str) -> int:
    """Tokens of CLIP, about: one per word and mark, two for a word beyond ten letters."""
    pieces = re.findall(r"[^\W_]+|[^\w\s]", text)
    return 2 + sum(1 + (len(piece) > 10) for piece in pieces)


def score_bound(scores: Sequence[float], given: float) -> float:
    """Below which a score is low: the bound given, or where the lowest tenth ends."""
    if given > 0 or not scores:
        return given
    return sorted(scores)[int(LOWEST * len(scores))]


def flags_of(
    tile: Mapping[str, Any], often: Mapping[str, int], low: float, count: Counts
) -> list[str]:
    """Flags of one tile, in the order of ``MEANINGS``.

    Parameters
    ----------
    tile
        Its columns; ``optical`` is None where it has no partner.
    often
        Caption -> tiles with that caption as `text`.
    low
        Scores below are low.
    """
    text, captions = tile["text"] or "", tile["captions"] or []
    original = tile["captions_original"] or []
    first = captions[0] if captions else ""
    found = {
        "no caption": not text,
        "no partner": tile["optical"] is None,
        "too long": bool(text) and count(text) > CLIP_TOKENS,
        "rewritten": bool(original) and bool(first) and _plain(first) not in map(_plain, original),
        "duplicate": bool(text) and often.get(text, 0) > 1,
        "low score": bool(tile["caption_scores"]) and tile["caption_scores"][0] < low,
        "bare": bool(original) and not captions,
        **_wording(first, original),
    }
    return [name for name in MEANINGS if found[name]]


def _wording(first: str, original: Sequence[str]) -> dict[str, bool]:
    changes: Counter[str] = sum((rewrite_caption(one).changes for one in original), Counter())
    kinds = {fault.kind for fault in faults(first.removeprefix("a scene: "))} if first else set()
    if first.startswith("a scene: "):
        kinds -= {"clause"}
    return {
        "loop": bool(changes["loops"]) or "loop" in kinds,
        "not radar": "not radar" in kinds,
        "not English": bool(kinds - {"not radar", "loop", "empty"}),
    }


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[\w'-]+", text.lower()))
