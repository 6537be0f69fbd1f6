"""A model in memory: the networks of a latent diffusion model and what its pixels mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .radiometry import Radiometry
from .words import Words

if TYPE_CHECKING:
    import torch

    from .numbers import NumberEmbedding


@dataclass(frozen=True)
class TextCondition:
    """Words as the U-Net takes them."""

    context: torch.Tensor
    """Token states, [prompts, tokens, width]."""
    pooled: torch.Tensor | None = None
    """One vector per prompt, [prompts, width]; only models with a second text encoder."""


@dataclass(frozen=True)
class Components:
    """The parts of a model folder, on their device."""

    unet: Any
    vae: Any
    text_encoders: tuple[Any, ...]
    tokenizers: tuple[Words, ...]
    scheduler_config: dict[str, Any]
    index: dict[str, Any]
    numbers: NumberEmbedding | None = None
    """Attached to the U-Net; None for a model that is told no numbers."""


class Family(Protocol):
    """What differs between base models; one small file each in models/families."""

    name: str
    pipeline_class: str
    encoder_folders: tuple[str, ...]
    encoder_classes: tuple[str, ...]
    tokenizer_folders: tuple[str, ...]

    def encode(self, parts: Components, prompts: list[str]) -> TextCondition:
        """Text to conditions, one row per prompt."""
        ...

    def added_conditions(
        self, text: TextCondition, width: int, height: int
    ) -> dict[str, torch.Tensor] | None:
        """Further inputs of the U-Net (sizes, pooled text), if the family has any."""
        ...


@dataclass(frozen=True)
class LoadedModel:
    """A base model ready to generate."""

    source: str
    """The ``--model`` value it was loaded from."""
    name: str
    family: Family
    parts: Components
    radiometry: Radiometry
    fingerprint: str
    device: torch.device
    dtype: torch.dtype
    base_fingerprint: str = ""
    """Of the weights below an adapter that belongs to the model; empty where there is none."""

    @property
    def cell(self) -> int:
        """Pixels per latent cell, along rows and columns."""
        return int(2 ** (len(self.parts.vae.config.block_out_channels) - 1))

    @property
    def latent_channels(self) -> int:
        """Channels of the latent."""
        return int(self.parts.unet.config.in_channels)

    @property
    def native_size(self) -> int:
        """Pixels per side of the images the model was trained on."""
        return int(self.parts.unet.config.sample_size or 64) * self.cell

    @property
    def number_names(self) -> tuple[str, ...]:
        """Numbers of the acquisition that the model itself can be told."""
        return () if self.parts.numbers is None else self.parts.numbers.names

    def number_doubts(self, numbers: Mapping[str, float | str]) -> list[str]:
        """Which numbers lie outside what the model learned."""
        return [] if self.parts.numbers is None else self.parts.numbers.doubts(numbers)

    @contextmanager
    def telling(self, numbers: Mapping[str, float | str], prompts: int) -> Iterator[None]:
        """Within, the U-Net draws with these numbers; those that it does not know are left out.

        Parameters
        ----------
        prompts
            Rows of the text condition. With two, the first is the one that guidance leads away
            from: it is told nothing, so guidance leads towards the numbers as towards the words.
        """
        known = {name: numbers[name] for name in self.number_names if name in numbers}
        if self.parts.numbers is None or not known:
            yield
            return
        with self.parts.numbers.telling([{}] * (prompts - 1) + [known]):
            yield

    def encode_text(self, prompts: list[str]) -> TextCondition:
        """Words to conditions, one row per prompt; longer prompts than the model reads are cut."""
        return self.family.encode(self.parts, prompts)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents [n, c, h, w] to pixels in [0, 1], [n, 3, h * cell, w * cell], float32.

        The latents are those of the diffusion, of about unit variance: they are divided by the
        scaling factor of the autoencoder before decoding (Rombach et al. 2022, appendix G).
        """
        vae = self.parts.vae
        scaled = latents / vae.config.scaling_factor + (vae.config.get("shift_factor") or 0.0)
        image = vae.decode(scaled.to(vae.dtype), return_dict=False)[0]
        pixels: torch.Tensor = (image.float() / 2 + 0.5).clamp(0, 1)
        return pixels

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels in [0, 1], [n, 3, rows, columns], to latents of about unit variance, float32.

        The mode of the posterior is taken, not a sample, so the result hangs on nothing else.
        """
        vae = self.parts.vae
        signed = (pixels * 2 - 1).to(vae.device, vae.dtype)
        mode: torch.Tensor = vae.encode(signed, return_dict=False)[0].mode().float()
        shift = float(vae.config.get("shift_factor") or 0.0)
        return (mode - shift) * float(vae.config.scaling_factor)
