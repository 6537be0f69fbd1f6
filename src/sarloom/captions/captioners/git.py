"""GIT: pixels and words in one sequence of a decoder."""

from __future__ import annotations

from typing import Any

from .base import BeamCaptioner, Kind, load_model, opening
from .locate import CaptionerFiles


def load_processor(files: CaptionerFiles) -> Any:
    """Image processor of CLIP, the one that needs no torchvision, and tokenizer."""
    from transformers import AutoTokenizer, CLIPImageProcessorPil, GitProcessor

    with opening(files):
        images = CLIPImageProcessorPil.from_pretrained(files.root, local_files_only=True)
        words = AutoTokenizer.from_pretrained(files.root, local_files_only=True)
        return GitProcessor(images, words)


def load(files: CaptionerFiles, device: str) -> BeamCaptioner:
    """A GIT captioner."""
    return BeamCaptioner(files, load_model(files, device), load_processor(files), device)


GIT = Kind(
    "git",
    "microsoft/git-base-coco",
    lambda model_type, config: model_type == "git",
    load,
    load_processor,
)
