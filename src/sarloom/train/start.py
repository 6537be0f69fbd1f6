"""A finished model that another training of the embedded kind goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..models.load import load_model
from ..models.loaded import Components
from ..models.locate import locate_model
from ..models.numbers import NumberEmbedding
from ..models.tokenizer import read_tokenizer
from ..options.recipe import EmbeddedRecipe
from .diffusion import Denoiser


@dataclass(frozen=True)
class Start:
    """The finished model."""

    source: str
    parts: Components
    tokenizer: Any

    def denoiser(self) -> Denoiser:
        """Its denoiser as it is."""
        numbers = self.parts.numbers
        if numbers is None:
            width = 4 * self.parts.unet.config.block_out_channels[0]
            numbers = NumberEmbedding(("incidence_angle_deg",), width)
        return Denoiser(self.parts.unet, self.parts.text_encoders[0], numbers)

    def give(self, denoiser: Denoiser) -> None:
        """Put its weights into a new denoiser.

        Raises
        ------
        InputError
            If the sizes differ.
        """
        try:
            denoiser.load_state_dict(self.denoiser().state_dict())
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise InputError(
                f"start = {self.source!r} has other sizes than the recipe ({first}); leave out the "
                "recipe's sizes, or fine-tune with --tiles instead"
            ) from error


def start_of(recipe: EmbeddedRecipe) -> Start | None:
    """The model that a recipe goes on from; None if it begins from nothing.

    Raises
    ------
    ModelError
        If ``start`` names no model.
    InputError
        If it is a single file, which says nothing of pixels and tokens.
    """
    if not recipe.start:
        return None
    files = locate_model(recipe.start)
    if files.is_single_file:
        raise InputError(f"start = {recipe.start!r} must be a folder with a tokenizer")
    parts = load_model(files, "cpu", "float32", library_networks=True).parts
    parts.vae.eval()
    return Start(recipe.start, parts, read_tokenizer(files.root / "tokenizer"))
