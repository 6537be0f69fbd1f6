"""Words to token numbers, padded to the length the text encoder reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def token_ids(tokenizer: Any, prompts: list[str], device: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers and mask, both [prompts, tokens]."""
    tokens = tokenizer(
        prompts,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    return tokens.input_ids.to(device), tokens.attention_mask.to(device)
