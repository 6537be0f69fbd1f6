"""BLIP: a vision transformer and a BERT decoder that looks at it; also the embedded captioner."""

from __future__ import annotations

from typing import Any

from .base import BeamCaptioner, Kind, load_model, opening
from .locate import CaptionerFiles

BOS = 30522
"""Number of [DEC] where a configuration does not state it."""


def load_processor(files: CaptionerFiles) -> Any:
    """Image processor, the one that needs no torchvision, and tokenizer."""
    from transformers import AutoTokenizer, BlipImageProcessorPil, BlipProcessor

    with opening(files):
        images = BlipImageProcessorPil.from_pretrained(files.root, local_files_only=True)
        words = AutoTokenizer.from_pretrained(files.root, local_files_only=True)
        text = files.config.get("text_config") or {}
        if len(words) == text.get("bos_token_id", BOS):
            # published folders leave out the token that opens captions: it would be read as a word
            words.add_special_tokens({"bos_token": "[DEC]"})
        return BlipProcessor(images, words)


def load(files: CaptionerFiles, device: str) -> BeamCaptioner:
    """A BLIP captioner."""
    return BeamCaptioner(files, load_model(files, device), load_processor(files), device)


BLIP = Kind(
    "blip",
    "Salesforce/blip-image-captioning-base",
    lambda model_type, config: model_type == "blip",
    load,
    load_processor,
)
