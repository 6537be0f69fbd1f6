"""A finished model that another training of the embedded kind goes on from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..errors import InputError
from ..models.architecture import Architecture
from ..models.load import load_model
from ..models.loaded import Components
from ..models.locate import locate_model
from ..models.radiometry import Radiometry
from ..models.tokenizer import read_tokenizer
from .diffusion import Denoiser


@dataclass(frozen=True)
class Start:
    """The finished model."""

    parts: Components
    tokenizer: Any

    def give(self, denoiser: Denoiser) -> None:
        """Put its weights into a new denoiser of the same sizes."""
        denoiser.unet.load_state_dict(self.parts.unet.state_dict())
        denoiser.text_encoder.load_state_dict(self.parts.text_encoders[0].state_dict())
        if self.parts.numbers is not None:
            denoiser.numbers.load_state_dict(self.parts.numbers.state_dict())


def start_of(spec: str, wanted: Architecture, radiometry: Radiometry) -> Start | None:
    """The model that a recipe goes on from; None if it names none.

    Raises
    ------
    ModelError
        If there is no such model.
    InputError
        If it is a single file, which says nothing of pixels and tokens, its sizes are not those
        wanted, or its pixels mean something else.
    """
    if not spec:
        return None
    files = locate_model(spec)
    if files.is_single_file:
        raise InputError(f"start = {spec!r} must be a folder with a tokenizer")
    model = load_model(files, "cpu", "float32", library_networks=True)
    found, asked = sizes_of(model.parts), asdict(wanted)
    for name, size in found.items():
        if size != asked[name]:
            raise InputError(
                f"start = {spec!r} has other sizes than the recipe: {name} is {size}, not "
                f"{asked[name]}; give the recipe the model's, or fine-tune with --tiles instead"
            )
    if model.radiometry != radiometry:
        raise InputError(
            f"the pixels of start = {spec!r} mean {model.radiometry}, those of the recipe "
            f"{radiometry}; give the recipe the model's low_db and high_db"
        )
    model.parts.vae.eval()
    return Start(model.parts, read_tokenizer(files.root / "tokenizer"))


def sizes_of(parts: Components) -> dict[str, Any]:
    """Sizes of a finished model, by the names of ``Architecture``."""
    vae, unet, text = parts.vae.config, parts.unet.config, parts.text_encoders[0].config
    return {
        "autoencoder_channels": tuple(vae.block_out_channels),
        "latent_channels": vae.latent_channels,
        "unet_channels": tuple(unet.block_out_channels),
        "unet_layers": unet.layers_per_block,
        "text_width": text.hidden_size,
        "text_layers": text.num_hidden_layers,
    }
