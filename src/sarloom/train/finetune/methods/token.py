"""Learn one word: a new token whose embedding alone is trained.

Textual inversion (Gal et al. 2022, *An Image is Worth One Word*).

The tensors are named as ``pipe.load_textual_inversion`` reads them: by the word for one text
encoder, ``clip_l`` and ``clip_g`` for two.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ....errors import InputError
from ....models.loaded import Components


class LearnedToken:
    """A new row in the embedding table of every text encoder."""

    def __init__(self, word: str, start: str, parts: Components) -> None:
        self.word = word
        self.tables: list[nn.Parameter] = []
        self.rows: list[int] = []
        for words, encoder in zip(parts.tokenizers, parts.text_encoders, strict=True):
            row = words.add(word)
            if row != encoder.config.vocab_size:
                raise InputError(f"token {word!r} is a word that the base model knows already")
            known = [n for n in words.ids([start])[0][1:] if n < row]
            encoder.resize_token_embeddings(row + 1, mean_resizing=False)
            table = encoder.get_input_embeddings().weight
            with torch.no_grad():
                table[row] = table[known[0]] if known else table[:row].mean(0)
            self.tables.append(table)
            self.rows.append(row)

    def parameters(self) -> list[nn.Parameter]:
        """The embedding tables; no gradient reaches any row but the new one."""
        for table, row in zip(self.tables, self.rows, strict=True):
            if not table.requires_grad:
                table.requires_grad_(True)
                table.register_hook(_only(row))  # type: ignore[no-untyped-call]
        return self.tables

    def state(self) -> dict[str, torch.Tensor]:
        """The learned rows [1, width]."""
        rows = [t.detach()[r : r + 1].clone() for t, r in zip(self.tables, self.rows, strict=True)]
        if len(rows) == 1:
            return {self.word: rows[0]}
        return {"clip_l": rows[0], "clip_g": rows[1]}


def _only(row: int) -> Any:
    def mask(gradient: torch.Tensor) -> torch.Tensor:
        kept = torch.zeros_like(gradient)
        kept[row] = gradient[row]
        return kept

    return mask
