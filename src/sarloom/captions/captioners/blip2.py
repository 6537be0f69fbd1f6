"""BLIP-2: a frozen image encoder, queries, and a language model."""

from __future__ import annotations

from typing import Any

from .base import BeamCaptioner, Kind, load_model, opening
from .locate import CaptionerFiles


def load_processor(files: CaptionerFiles) -> Any:
    """Image processor, the one that needs no torchvision, and the language model's tokenizer."""
    from transformers import AutoTokenizer, Blip2Processor, BlipImageProcessorPil

    with opening(files):
        images = BlipImageProcessorPil.from_pretrained(files.root, local_files_only=True)
        words = AutoTokenizer.from_pretrained(files.root, local_files_only=True)
        queries = files.config.get("num_query_tokens")
        return Blip2Processor(images, words, num_query_tokens=queries)


def load(files: CaptionerFiles, device: str) -> BeamCaptioner:
    """A BLIP-2 captioner; on a GPU in the precision that its files have."""
    dtype = "float32" if device == "cpu" else "auto"
    return BeamCaptioner(files, load_model(files, device, dtype), load_processor(files), device)


BLIP2 = Kind(
    "blip2",
    "Salesforce/blip2-opt-2.7b",
    lambda model_type, config: model_type == "blip-2",
    load,
)
