"""How well captions fit an optical picture, by a CLIP model: a number to keep, not a verdict.

CLIP has seen photographs, so the picture is the optical partner and the caption the one that was
written about it, before it is rewritten for radar.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..files import sha256_of
from ..libraries import quiet_transformers
from .captioners.base import device_of

if TYPE_CHECKING:
    from PIL.Image import Image

SCALE = 100.0
"""Scores are 100 times the cosine between picture and text, as CLIPScore's custom has it."""


class ClipRanker:
    """A CLIP model of ``transformers``, from a folder or a hub id."""

    def __init__(self, spec: str, device: str = "cpu") -> None:
        """Load it.

        Raises
        ------
        ModelError
            If it is no CLIP model or cannot be loaded.
        InputError
            If there is no such device.
        """
        from transformers import CLIPModel, CLIPTokenizerFast

        self.name = spec
        self.device = device_of(device)
        try:
            with quiet_transformers():
                self.model: Any = CLIPModel.from_pretrained(spec).to(self.device).eval()
                self.tokenizer: Any = CLIPTokenizerFast.from_pretrained(spec)
                self.images: Any = _image_processor(spec)
        except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
            reason = str(error).strip().splitlines()
            raise ModelError(
                f"--rank {spec}: cannot be loaded as a CLIP model "
                f"({reason[0] if reason else type(error).__name__}); give a folder or hub id such "
                "as openai/clip-vit-base-patch32"
            ) from error

    @property
    def fingerprint(self) -> str:
        """Short hash of the weights where they are a folder, else of the name."""
        folder = Path(self.name)
        files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
        text = "".join(sha256_of(path) for path in files) or self.name
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def score(
        self, images: Sequence[Image], captions: Sequence[Sequence[str]]
    ) -> list[list[float]]:
        """100 times the cosine of each caption with its picture.

        Captions are encoded one at a time on a CPU, so that a score does not depend on its
        neighbours; beyond 77 tokens the model reads nothing.
        """
        import torch

        scores: list[list[float]] = []
        with torch.inference_mode():
            for image, texts in zip(images, captions, strict=True):
                if not texts:
                    scores.append([])
                    continue
                pixels = self.images(images=[image.convert("RGB")], return_tensors="pt")
                seen = _unit(self.model.get_image_features(pixels["pixel_values"].to(self.device)))
                scores.append([round(SCALE * float(seen @ self._text(one)), 4) for one in texts])
        return scores

    def _text(self, caption: str) -> Any:
        limit = int(self.model.config.text_config.max_position_embeddings)
        words = self.tokenizer(
            [caption], truncation=True, max_length=limit, return_tensors="pt"
        ).to(self.device)
        return _unit(
            self.model.get_text_features(
                input_ids=words["input_ids"], attention_mask=words["attention_mask"]
            )
        )


def _unit(features: Any) -> Any:
    """A vector of length one; newer versions of transformers hand it over inside an output."""
    held = features if hasattr(features, "norm") else features.pooler_output
    return (held / held.norm(dim=-1, keepdim=True))[0]


def _image_processor(spec: str) -> Any:
    """The processor that needs no torchvision, whatever this version of transformers calls it."""
    import transformers

    kind = getattr(transformers, "CLIPImageProcessorPil", None) or transformers.CLIPImageProcessor
    return kind.from_pretrained(spec)
