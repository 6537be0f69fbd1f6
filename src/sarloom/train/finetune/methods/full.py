"""Train all weights of a network."""

from __future__ import annotations

from typing import Any

from torch import nn

from .adapter import AdapterSettings


class FullPart:
    """A network whose own weights are trained."""

    adapter = False

    def __init__(self, name: str, network: Any, kind: str, settings: AdapterSettings) -> None:
        self.network = network.requires_grad_(True)

    def parameters(self) -> list[nn.Parameter]:
        """All of them."""
        return list(self.network.parameters())

    def state(self) -> dict[str, Any]:
        """Nothing: the weights are the network's own."""
        return {}

    def merge(self) -> None:
        """Nothing to fold in."""
