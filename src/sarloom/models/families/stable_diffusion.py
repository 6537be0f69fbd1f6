"""Stable Diffusion 1.x and 2.x, and the embedded model: one CLIP text encoder, its last states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..loaded import Components, TextCondition
from .tokens import token_ids

if TYPE_CHECKING:
    import torch


class StableDiffusion:
    """One text encoder; the prediction (epsilon or v) is said by the scheduler's configuration."""

    name = "stable-diffusion"
    pipeline_class = "StableDiffusionPipeline"
    encoder_folders: tuple[str, ...] = ("text_encoder",)
    encoder_classes: tuple[str, ...] = ("CLIPTextModel",)

    def encode(self, parts: Components, prompts: list[str]) -> TextCondition:
        """The normalised last hidden states of the text encoder."""
        encoder = parts.text_encoders[0]
        ids, mask = token_ids(parts.tokenizers[0], prompts, encoder.device)
        masked = getattr(encoder.config, "use_attention_mask", False)
        states = encoder(ids, attention_mask=mask if masked else None)[0]
        return TextCondition(context=states)

    def added_conditions(
        self, text: TextCondition, width: int, height: int
    ) -> dict[str, torch.Tensor] | None:
        """None: the text is all."""
        return None
