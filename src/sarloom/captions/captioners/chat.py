"""Vision-language chat models (Qwen-VL, InternVL, SmolVLM, ...): asked for a caption in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import MissingExtraError
from .base import MAX_TOKENS, Kind, Loaded, check_count, load_model, opening
from .locate import CaptionerFiles

if TYPE_CHECKING:
    from PIL.Image import Image

QUESTION = (
    "This is an aerial photograph. Say in one short sentence what it shows: the kind of place and "
    "the objects in it with their number and position. No colours, no introduction."
)


class ChatCaptioner(Loaded):
    """Asks a chat model; the second caption and all further ones are drawn at random."""

    def describe(self, images: Sequence[Image], count: int = 1, seed: int = 0) -> list[list[str]]:
        """``count`` captions of every image: the most probable one, then seeded draws.

        Raises
        ------
        InputError
            If ``count`` is below 1.
        """
        check_count(count)
        return [self._ask(image, count, seed) for image in images]

    def _ask(self, image: Image, count: int, seed: int) -> list[str]:
        import torch

        content = [{"type": "image", "image": image.convert("RGB")}]
        content.append({"type": "text", "text": QUESTION})
        asked = self.processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self.device, self.model.dtype)
        length = asked["input_ids"].shape[1]
        said: list[str] = []
        with torch.random.fork_rng(), torch.inference_mode():
            # of its own for every image, so that a caption does not depend on its neighbours
            torch.manual_seed(seed)
            for number in range(count):
                tokens = self.model.generate(
                    **asked, max_new_tokens=2 * MAX_TOKENS, do_sample=number > 0
                )
                text = self.processor.decode(tokens[0, length:], skip_special_tokens=True)
                said.append(" ".join(text.split()))
        return said


def load(files: CaptionerFiles, device: str) -> ChatCaptioner:
    """A chat model with its processor.

    Raises
    ------
    MissingExtraError
        If the processor of this model needs libraries that are not installed.
    """
    from transformers import AutoProcessor

    try:
        with opening(files):
            processor = AutoProcessor.from_pretrained(files.root, local_files_only=True)
    except ImportError as error:
        raise MissingExtraError(f"what {files.spec} needs to look at pictures", "vlm") from error
    dtype = "float32" if device == "cpu" else "auto"
    return ChatCaptioner(files, load_model(files, device, dtype), processor, device)


def _knows(model_type: str, config: Mapping[str, Any]) -> bool:
    """Whether transformers knows the type as a model from pictures and text to text."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as NAMES,
    )

    return model_type in NAMES and "vision_config" in config


CHAT = Kind("a vision-language chat model", "", _knows, load)
