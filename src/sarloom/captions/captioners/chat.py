"""Vision-language chat models (Qwen-VL, InternVL, SmolVLM, ...): asked for a caption in words."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from ...errors import MissingExtraError, ModelError
from ...libraries import quiet_transformers
from .base import MAX_TOKENS, Kind, Loaded, check_count, check_depth, load_model, opening
from .locate import HEX_DIGITS, CaptionerFiles

if TYPE_CHECKING:
    from PIL.Image import Image

QUESTION = (
    "This is an aerial photograph. Say in one short sentence what it shows: the kind of place and "
    "the objects in it with their number and position. No colours, no introduction."
)


class ChatCaptioner(Loaded):
    """Asks a chat model; the second caption and all further ones are drawn at random.

    A caption is the first sentence of an answer, without quotation marks and introduction.
    """

    def __init__(
        self, files: CaptionerFiles, model: Any, processor: Any, device: str, question: str = ""
    ) -> None:
        super().__init__(files, model, processor, device)
        self.question = question or QUESTION

    @property
    def fingerprint(self) -> str:
        """Short hash of weights, settings and question."""
        if self.question == QUESTION:
            return self._fingerprint
        both = f"{self._fingerprint}\0{self.question}".encode()
        return hashlib.sha256(both).hexdigest()[:HEX_DIGITS]

    def describe(self, images: Sequence[Image], count: int = 1, seed: int = 0) -> list[list[str]]:
        """``count`` captions of every image: the most probable one, then seeded draws.

        Raises
        ------
        InputError
            If ``count`` is below 1, or a picture has more than 8 bits.
        ModelError
            If the model cannot be asked: it has no chat template, say.
        """
        check_count(count)
        check_depth(images)
        with quiet_transformers():
            return [self._ask(image, count, seed) for image in images]

    def _ask(self, image: Image, count: int, seed: int) -> list[str]:
        import torch

        asked = self._asked(image)
        length = asked["input_ids"].shape[1]
        said: list[str] = []
        with torch.random.fork_rng(), torch.inference_mode():
            # of its own for every image, so that a caption does not depend on its neighbours
            torch.manual_seed(seed)
            for number in range(count):
                # not the search that the model's own settings may ask for
                tokens = self.model.generate(
                    **asked, max_new_tokens=2 * MAX_TOKENS, do_sample=number > 0, num_beams=1
                )
                text = self.processor.decode(tokens[0, length:], skip_special_tokens=True)
                said.append(first_sentence(text))
        return said

    def _asked(self, image: Image) -> Any:
        """The question with the picture, as tensors."""
        content = [{"type": "image", "image": image.convert("RGB")}]
        content.append({"type": "text", "text": self.question})
        try:
            return self.processor.apply_chat_template(
                [{"role": "user", "content": content}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            ).to(self.device, self.model.dtype)
        except (ValueError, TypeError, KeyError, TemplateError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"{self.name}: cannot be asked with a picture: {reason}; a chat model needs a "
                "template for chats (chat_template.jinja)"
            ) from error


def first_sentence(answer: str) -> str:
    """The caption in an answer: its first sentence, without marks, label and introduction."""
    text = " ".join(THOUGHT.sub(" ", answer).replace("*", " ").split())
    text = POLITE.sub("", text)
    text = LABEL.sub("", text.strip("\"'\u201c\u201d "))
    text = INTRODUCTION.sub("", text.strip("\"'\u201c\u201d "))
    return END.split(text, maxsplit=1)[0].strip("\"'\u201c\u201d ")


THOUGHT = re.compile(r"<think>.*?(</think>|$)", re.DOTALL)
POLITE = re.compile(r"^(sure|certainly|of course|okay)\b[^.:!]*[.:!]\s*", re.IGNORECASE)
LABEL = re.compile(
    r"^(?:(?:here(?:'s| is)[^.:]*|caption|answer|description)\s*:[\s\"']*)+", re.IGNORECASE
)
INTRODUCTION = re.compile(
    r"^(?:in )?(?:the|this) (?:(?:aerial|satellite|overhead|given|provided) )*"
    r"(?:image|photo|photograph|picture|view|scene)\s*"
    r"(?:shows|show|depicts|displays|features|captures|contains|presents|,)\s*(?:us )?",
    re.IGNORECASE,
)
END = re.compile(
    r"(?<!\bSt\.)(?<!\bMt\.)(?<!\bNo\.)(?<!\bvs\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bapprox\.)"
    r"(?<=[a-z0-9)][.!?])[\"'\u201d]?(?=\s|$)"
)


def load(files: CaptionerFiles, device: str, question: str = "") -> ChatCaptioner:
    """A chat model with its processor; ``question`` empty: ``QUESTION``.

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
    stored = str(files.config.get("dtype", files.config.get("torch_dtype")))
    # a processor computes bfloat16, but hardly float16
    own = device != "cpu" or stored == "bfloat16"
    model = load_model(files, device, "auto" if own else "float32")
    return ChatCaptioner(files, model, processor, device, question)


def _knows(model_type: str, config: Mapping[str, Any]) -> bool:
    """Whether transformers knows the type as a model from pictures and text to text."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as NAMES,
    )

    return model_type in NAMES and "vision_config" in config


CHAT = Kind("a vision-language chat model", "", _knows, load, asked=True)
