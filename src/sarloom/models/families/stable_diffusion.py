"""Stable Diffusion 1.x and 2.x, and the embedded model: one CLIP text encoder, its last states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..loaded import Components, TextCondition

if TYPE_CHECKING:
    import torch


class StableDiffusion:
    """One text encoder; the prediction (epsilon or v) is said by the scheduler's configuration."""

    name = "stable-diffusion"
    pipeline_class = "StableDiffusionPipeline"
    encoder_folders: tuple[str, ...] = ("text_encoder",)
    encoder_classes: tuple[str, ...] = ("CLIPTextModel",)
    tokenizer_folders: tuple[str, ...] = ("tokenizer",)

    def encode(self, parts: Components, prompts: list[str]) -> TextCondition:
        """The normalised last hidden states of the text encoder."""
        import torch

        encoder = parts.text_encoders[0]
        ids = torch.tensor(parts.tokenizers[0].ids(prompts), device=encoder.device)
        return TextCondition(context=encoder(ids)[0])

    def added_conditions(
        self, text: TextCondition, width: int, height: int
    ) -> dict[str, torch.Tensor] | None:
        """None: the text is all."""
        return None
