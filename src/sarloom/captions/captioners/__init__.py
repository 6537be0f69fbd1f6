"""Captioners: models that look at an optical picture and say what it shows.

A kind of model is one small file with a `Kind`, listed in ``KINDS``. A captioner is named by

* ``embedded``: the one that ships in the package;
* ``blip``, ``git`` or ``blip2``: the published base model of that kind;
* a folder or hub id of any model of these kinds, or of a vision-language chat model.
"""

from __future__ import annotations

from ...errors import InputError, ModelError
from .base import Captioner, Kind, device_of
from .blip import BLIP
from .blip2 import BLIP2
from .chat import CHAT
from .git import GIT
from .locate import EMBEDDED, CaptionerFiles, locate_captioner

KINDS: tuple[Kind, ...] = (BLIP, GIT, BLIP2, CHAT)
"""Kinds of captioners; the first that knows a model's type loads it."""

PUBLISHED = {kind.name: kind.published for kind in KINDS if kind.published}
"""Short names and the hub ids that they stand for."""

__all__ = [
    "EMBEDDED",
    "KINDS",
    "PUBLISHED",
    "Captioner",
    "Kind",
    "find_captioner",
    "load_captioner",
]


def find_captioner(name: str) -> tuple[CaptionerFiles, Kind]:
    """Files and kind of a captioner, without loading it.

    Raises
    ------
    ModelError
        If there is no such model, it is not complete, or no kind knows it.
    """
    files = locate_captioner(name, PUBLISHED.get(name))
    model_type = str(files.config.get("model_type", ""))
    for kind in KINDS:
        if kind.knows(model_type, files.config):
            return files, kind
    known = ", ".join(kind.name for kind in KINDS)
    raise ModelError(f"{name}: a {model_type or 'nameless'!s} model is no captioner ({known})")


def load_captioner(name: str, device: str = "cpu", question: str = "") -> Captioner:
    """Load a captioner.

    Parameters
    ----------
    name
        'embedded', 'blip', 'git', 'blip2', a model folder or a hub id. A copy in the local hub
        cache is used before anything is fetched.
    device
        'cpu', 'cuda', 'cuda:1', 'mps' or 'auto'.
    question
        What a chat model is asked; empty for a question of our own.

    Raises
    ------
    ModelError
        If it cannot be found or opened.
    MissingExtraError
        If the model needs a library that is not installed.
    InputError
        If there is no such device, or a model that is no chat model is given a question.
    """
    place = device_of(device)
    files, kind = find_captioner(name)
    if question and not kind.asked:
        raise InputError(f"--question: only chat models are asked in words, {name} is {kind.name}")
    captioner: Captioner = kind.load(files, place, *([question] if kind.asked else []))
    return captioner
