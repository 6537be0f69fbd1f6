"""What a captioner is, and the beam search that most kinds share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import InputError, ModelError
from ...libraries import quiet_transformers

if TYPE_CHECKING:
    from PIL.Image import Image

    from .locate import CaptionerFiles

BEAMS = 3
"""Beams of the search, as in BLIP's own evaluation; more where more captions are asked for."""
MAX_TOKENS = 40
"""Longest caption; those of RSICD have 34 words at most."""


class Captioner(Protocol):
    """Looks at optical pictures and says what they show."""

    @property
    def name(self) -> str:
        """What the user called it."""

    @property
    def fingerprint(self) -> str:
        """Short hash of its weights and settings."""

    def describe(self, images: Sequence[Image], count: int = 1, seed: int = 0) -> list[list[str]]:
        """``count`` captions of every image, the best first."""


@dataclass(frozen=True)
class Kind:
    """A kind of captioning model: how it is recognised and loaded."""

    name: str
    published: str
    """Hub id that the bare name stands for; empty for none."""
    knows: Callable[[str, Mapping[str, Any]], bool]
    """Whether a model of this type and configuration is of this kind."""
    load: Callable[..., Captioner]
    """Of files and device; with ``asked``, of a question as well."""
    processor: Callable[[CaptionerFiles], Any] | None = None
    """Loads image processor and tokenizer; None where a kind cannot be trained."""
    asked: bool = False
    """Whether it is asked in words."""


class Loaded:
    """A model of ``transformers`` with its processor, and where they came from."""

    def __init__(self, files: CaptionerFiles, model: Any, processor: Any, device: str) -> None:
        self._name, self._fingerprint = files.spec, files.fingerprint
        self.model, self.processor, self.device = model, processor, device

    @property
    def name(self) -> str:
        """What the user called it."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Short hash of its weights and settings."""
        return self._fingerprint


def check_count(count: int) -> None:
    """Refuse a number of captions per image below one.

    Raises
    ------
    InputError
        If ``count`` is below 1.
    """
    if count < 1:
        raise InputError(f"{count} captions per image: ask for 1 or more")


def check_depth(images: Sequence[Image]) -> None:
    """Refuse pictures of more than 8 bits: ``convert("RGB")`` would turn them black or white.

    Raises
    ------
    InputError
        If a picture has 16 or 32 bits per sample.
    """
    deep = [image.mode for image in images if image.mode[0] in "IF"]
    if deep:
        raise InputError(
            f"a captioner looks at 8-bit pictures, not at mode {deep[0]}: convert it to 8 bits"
        )


class BeamCaptioner(Loaded):
    """A model that is given pixels and searches captions with beams.

    Beam search draws no random numbers, so ``seed`` changes nothing. On a CPU every image goes
    through the model alone: the order of sums depends on the batch, and two captions of nearly
    the same probability would change places with it.
    """

    beams = BEAMS

    def describe(self, images: Sequence[Image], count: int = 1, seed: int = 0) -> list[list[str]]:
        """``count`` captions of every image, the most probable first.

        Raises
        ------
        InputError
            If ``count`` is below 1.
        """
        check_count(count)
        if not images:
            return []
        at_once = 1 if self.device == "cpu" else len(images)
        said: list[list[str]] = []
        for start in range(0, len(images), at_once):
            said += self._search(images[start : start + at_once], count)
        return said

    def _search(self, images: Sequence[Image], count: int) -> list[list[str]]:
        import torch

        pixels = pixels_of(self.processor, images).to(self.device, self.model.dtype)
        with torch.inference_mode():
            tokens = self.model.generate(
                pixel_values=pixels,
                num_beams=max(self.beams, count),
                num_return_sequences=count,
                max_new_tokens=MAX_TOKENS,
                do_sample=False,
            )
        texts = self.processor.batch_decode(tokens, skip_special_tokens=True)
        lines = [written(text) for text in texts]
        return [lines[start : start + count] for start in range(0, len(lines), count)]


def written(text: str) -> str:
    """A decoded caption as it is written: WordPiece parts 'built-up' into 'built - up'."""
    return re.sub(r"(?<=\w) - (?=\w)", "-", " ".join(text.split()))


def pixels_of(processor: Any, images: Sequence[Image]) -> Any:
    """Pictures as the model wants them: a tensor [n, 3, rows, columns].

    Raises
    ------
    InputError
        If a picture has 16 or 32 bits per sample.
    """
    check_depth(images)
    colour = [image.convert("RGB") for image in images]
    return processor.image_processor(images=colour, return_tensors="pt")["pixel_values"]


def device_of(name: str) -> str:
    """The device to use; 'auto' takes a GPU where there is one.

    Raises
    ------
    InputError
        If there is no such device.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"--device {name}: cannot be used here: {reason}") from error
    return name


@contextmanager
def opening(files: CaptionerFiles) -> Iterator[None]:
    """Say which model it was if ``transformers`` cannot open it.

    Raises
    ------
    ModelError
        Instead of whatever the library raised.
    """
    from safetensors import SafetensorError

    try:
        with quiet_transformers():
            yield
    except (OSError, ValueError, KeyError, RuntimeError, TypeError, SafetensorError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{files.spec}: the captioner cannot be opened: {reason}") from error


def load_model(files: CaptionerFiles, device: str, dtype: str = "float32") -> Any:
    """The networks of a captioner, ready to look; safetensors only.

    Raises
    ------
    ModelError
        If weights are missing or of other shapes than the configuration says.
    """
    import torch
    from transformers import AutoModelForImageTextToText

    kind = "auto" if dtype == "auto" else getattr(torch, dtype)
    with opening(files):
        model, notes = AutoModelForImageTextToText.from_pretrained(
            files.root,
            dtype=kind,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    missing = sorted(notes.get("missing_keys", ()))
    if missing:
        raise ModelError(f"{files.spec}: {len(missing)} weights are missing, e.g. {missing[0]}")
    return model.to(device).eval()
