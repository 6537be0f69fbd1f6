"""The ways to train one network: one small file each, one line here.

A way takes a network, freezes what it does not train and gives back the parameters it does.
"""

from __future__ import annotations

from typing import Any, Protocol

from torch import nn

from .adapter import AdapterSettings, LycorisPart
from .full import FullPart


class Part(Protocol):
    """One network in training."""

    adapter: bool
    """Whether what is trained lies beside the network's own weights."""

    def __init__(self, name: str, network: Any, kind: str, settings: AdapterSettings) -> None: ...

    def parameters(self) -> list[nn.Parameter]:
        """What is trained."""

    def state(self) -> dict[str, Any]:
        """Tensors of an adapter under the names other tools know; empty for whole networks."""

    def merge(self) -> None:
        """Fold an adapter into its network."""


__all__ = ["METHODS", "AdapterSettings", "Part"]

METHODS: dict[str, type[Part]] = {
    "full": FullPart,
    "lora": LycorisPart,
    "locon": LycorisPart,
    "loha": LycorisPart,
    "lokr": LycorisPart,
    "dylora": LycorisPart,
}
