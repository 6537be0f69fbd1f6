"""Words to token numbers, by CLIP's byte-pair tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DEFAULT_LENGTH = 77


class Words:
    """A tokenizer which reads a fixed number of tokens and says what it left out."""

    def __init__(self, tokenizer: Any, length: int, pad_token: str) -> None:
        """Take a ``tokenizers.Tokenizer``, the model's window and the token that fills it."""
        self.length = length
        pad_id = tokenizer.token_to_id(pad_token)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self._pad_id = 0 if pad_id is None else pad_id

    def ids(self, texts: list[str]) -> list[list[int]]:
        """Token numbers, one row of ``length`` per text: cut, closed by the end mark, filled up."""
        return [self._row(self._tokenizer.encode(text).ids) for text in texts]

    def add(self, word: str) -> int:
        """Make a word one token of its own; its number."""
        from tokenizers import AddedToken

        self._tokenizer.add_tokens([AddedToken(word, normalized=False)])
        return int(self._tokenizer.token_to_id(word))

    def cut(self, text: str) -> str:
        """The end of a text beyond the window, as written; empty if all is read."""
        offsets = self._tokenizer.encode(text).offsets
        if len(offsets) <= self.length:
            return ""
        return text[offsets[self.length - 1][0] :].strip()

    def _row(self, ids: list[int]) -> list[int]:
        if len(ids) > self.length:
            ids = [*ids[: self.length - 1], ids[-1]]
        return ids + [self._pad_id] * (self.length - len(ids))


def load_words(folder: Path) -> Words:
    """The tokenizer of a model folder.

    ``tokenizer.json`` is read directly; folders of the older layout (``vocab.json`` and
    ``merges.txt``) go through transformers.
    """
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    length = min(int(settings.get("model_max_length") or DEFAULT_LENGTH), 10_000)
    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        pad = settings.get("pad_token") or _pad_of_map(folder)
        return Words(Tokenizer.from_file(str(folder / "tokenizer.json")), length, _text(pad))
    from transformers import CLIPTokenizer

    return words_of(CLIPTokenizer.from_pretrained(folder, local_files_only=True))


def words_of(tokenizer: Any) -> Words:
    """The tokenizer inside one of transformers."""
    return Words(
        tokenizer.backend_tokenizer, int(tokenizer.model_max_length), str(tokenizer.pad_token)
    )


def _pad_of_map(folder: Path) -> Any:
    """The filling token in the older special_tokens_map.json; CLIP's end mark without."""
    path = folder / "special_tokens_map.json"
    found = json.loads(path.read_text()).get("pad_token") if path.is_file() else None
    return found or "<|endoftext|>"


def _text(token: Any) -> str:
    """A token as configurations write it: plain, or an object with its content."""
    return str(token["content"] if isinstance(token, dict) else token)
