"""Numbers of the acquisition as a condition beside the text: added to the U-Net's time embedding.

Every residual block of the U-Net reads the time embedding, so a vector added to it reaches all of
them, as SDXL's size conditioning does (Podell et al. 2023, section 2.2). What is not given adds
nothing: without numbers the model is the plain one which stock diffusers draws with. The folder
``numbers`` beside the U-Net holds the weights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..errors import InputError, ModelError
from ..files import write_aside
from .control_kinds import NUMBERS, check_kinds

FOLDER = "numbers"
"""Where a model folder, or a run, keeps the embedding."""
WAVES = 4
"""Octaves of sines and cosines of each channel."""
HIDDEN = 128
Values = Mapping[str, float | str]


class NumberEmbedding(nn.Module):
    """Numbers of each image [n] as vectors [n, width] of the U-Net's time embedding."""

    def __init__(self, names: Sequence[str], width: int) -> None:
        super().__init__()
        check_kinds((), tuple(names))
        self.names, self.width = tuple(names), width
        self._channels = sum(NUMBERS[name].channels for name in names)
        features = self._channels * (2 + 2 * WAVES)
        self.linear_1 = nn.Linear(features, HIDDEN)
        self.linear_2 = nn.Linear(HIDDEN, width)
        # an untrained embedding changes nothing
        nn.init.zeros_(self.linear_2.weight)
        nn.init.zeros_(self.linear_2.bias)
        self.learned: dict[str, tuple[float, float]] = {}
        """Least and greatest value of each number that it was trained with."""
        self._told: torch.Tensor | None = None

    def forward(self, values: Sequence[Values]) -> torch.Tensor:
        """Vectors [n, width]; exactly zero for an image without any number.

        Raises
        ------
        InputError
            If a value lies outside the range of its number.
        """
        place = self.linear_1.weight
        channels, given = self._encoded(values)
        x, there = channels.to(place.device), given.to(place.device)
        octaves = math.pi * 2.0 ** torch.arange(WAVES, device=place.device)
        angles = x[..., None] * octaves
        waves = torch.cat([x[..., None], angles.sin(), angles.cos()], dim=-1) * there[..., None]
        features = torch.cat([waves, there[..., None]], dim=-1).flatten(1).to(place.dtype)
        result: torch.Tensor = self.linear_2(functional.silu(self.linear_1(features)))
        return result * there.amax(1, keepdim=True).to(place.dtype)

    def _encoded(self, values: Sequence[Values]) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels [n, channels], and 1 where they are given."""
        channels = torch.zeros(len(values), self._channels)
        given = torch.zeros(len(values), self._channels)
        for row, one in enumerate(values):
            first = 0
            for name in self.names:
                last = first + NUMBERS[name].channels
                if name in one:
                    channels[row, first:last] = torch.tensor(NUMBERS[name].encode(one[name]))
                    given[row, first:last] = 1.0
                first = last
        return channels, given

    def attach(self, unet: Any) -> None:
        """Let a U-Net (diffusers' class or ours) be told; it is the same as before until then."""
        unet.time_embedding.register_forward_hook(self._add)

    def _add(self, module: nn.Module, given: tuple[Any, ...], time: torch.Tensor) -> torch.Tensor:
        if self._told is None:
            return time
        return time + self._told.to(time.dtype)

    @contextmanager
    def telling(self, values: Sequence[Values]) -> Iterator[None]:
        """Within, the attached U-Net is told these numbers, one mapping per image of its batch."""
        self._told = self(values)
        try:
            yield
        finally:
            self._told = None

    def doubts(self, values: Values) -> list[str]:
        """Which of these numbers lie outside what was learned."""
        said = []
        for name, (least, most) in self.learned.items():
            if name in values and not least <= float(values[name]) <= most:
                said.append(
                    f"{NUMBERS[name].flag} {float(values[name]):g}: the model learned {least:.3g} "
                    f"to {most:.3g}; beyond that it guesses"
                )
        return said

    def save(self, folder: Path) -> None:
        """Write ``config.json`` and half-precision weights into a folder."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {k: v.detach().half().contiguous() for k, v in self.state_dict().items()}
        with write_aside(folder / "model.safetensors") as aside:
            save_file(weights, aside)
        described = {"numbers": list(self.names), "width": self.width, "learned": self.learned}
        with write_aside(folder / "config.json") as aside:
            aside.write_text(json.dumps(described, indent=2) + "\n", "utf-8")


def ranges_of(values: Iterable[Values]) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each number, but of directions and polarisations."""
    found: dict[str, tuple[float, float]] = {}
    for one in values:
        for name, value in one.items():
            if NUMBERS[name].channels == 1:
                least, most = found.get(name, (math.inf, -math.inf))
                found[name] = min(least, float(value)), max(most, float(value))
    return found


def load_numbers(folder: Path) -> NumberEmbedding | None:
    """The embedding in a model folder, or None if it has none.

    Raises
    ------
    ModelError
        If the files are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    place = folder / FOLDER
    if not (place / "config.json").is_file():
        return None
    try:
        described = json.loads((place / "config.json").read_text("utf-8"))
        made = NumberEmbedding(described["numbers"], int(described["width"]))
        for name, (least, most) in described.get("learned", {}).items():
            made.learned[name] = (float(least), float(most))
        weights = load_file(place / "model.safetensors")
        made.load_state_dict({k: v.float() for k, v in weights.items()})
    except (
        OSError, ValueError, KeyError, TypeError, RuntimeError, InputError, SafetensorError,
    ) as error:  # fmt: skip
        raise ModelError(f"{place} holds no embedding of numbers: {error}") from error
    return made.requires_grad_(False).eval()
