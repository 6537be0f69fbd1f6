"""Stable Diffusion XL: two text encoders, a pooled text vector and the image's sizes as inputs.

Podell et al. 2023, *SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis*,
section 2.2 (micro-conditioning) and appendix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..loaded import Components, TextCondition

if TYPE_CHECKING:
    import torch


class StableDiffusionXL:
    """Two encoders side by side, each read one layer before its last."""

    name = "stable-diffusion-xl"
    pipeline_class = "StableDiffusionXLPipeline"
    encoder_folders: tuple[str, ...] = ("text_encoder", "text_encoder_2")
    encoder_classes: tuple[str, ...] = ("CLIPTextModel", "CLIPTextModelWithProjection")
    tokenizer_folders: tuple[str, ...] = ("tokenizer", "tokenizer_2")

    def encode(self, parts: Components, prompts: list[str]) -> TextCondition:
        """Penultimate states of both encoders, joined by width; pooled text of the second."""
        import torch

        states, pooled = [], None
        for tokenizer, encoder in zip(parts.tokenizers, parts.text_encoders, strict=True):
            ids = torch.tensor(tokenizer.ids(prompts), device=encoder.device)
            output = encoder(ids, output_hidden_states=True)
            pooled = output[0]
            states.append(output.hidden_states[-2])
        context = torch.cat(states, dim=-1)
        assert pooled is not None  # the loop ran: the family has two encoders
        if parts.index.get("force_zeros_for_empty_prompt", True):
            empty = [row for row, prompt in enumerate(prompts) if not prompt]
            context[empty] = 0.0
            pooled[empty] = 0.0
        return TextCondition(context=context, pooled=pooled)

    def added_conditions(
        self, text: TextCondition, width: int, height: int
    ) -> dict[str, torch.Tensor] | None:
        """Pooled text, and (original size, crop corner, target size): uncropped, at full size."""
        import torch

        assert text.pooled is not None  # encode() of this family always gives it
        sizes = [float(height), float(width), 0.0, 0.0, float(height), float(width)]
        rows = text.pooled.shape[0]
        ids = torch.tensor([sizes] * rows, dtype=text.pooled.dtype, device=text.pooled.device)
        return {"text_embeds": text.pooled, "time_ids": ids}
