"""The image-text model that ships with the package: features of images, and of their captions.

It is shown power averaged to 128 x 128 cells, in decibels about its own mean (``sar.picture``): so
speckle, level and file format hardly move its features, and what counts is what is in the scene.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import ModelError
from ...files import shipped_model
from ...libraries import quiet_transformers
from ...sar.picture import log_picture
from ..view import View
from .opening import fingerprint_of

NAME = "sarclip"
FeatureArray = NDArray[np.float32]


class Sarclip:
    """A ``transformers.CLIPModel`` trained on radar pictures, loaded when first used."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @classmethod
    def shipped(cls) -> Sarclip:
        """The model of this installation.

        Raises
        ------
        ModelError
            At once, if it ships none.
        """
        return cls(shipped_model(NAME))

    @property
    def folder(self) -> Path:
        """Where the model lies.

        Raises
        ------
        ModelError
            If this installation ships none.
        """
        return self._folder or shipped_model(NAME)

    def image(self, power: NDArray[np.floating]) -> FeatureArray:
        """Unit vector of an image of linear power [rows, columns]."""
        return self.picture(log_picture(power))

    def picture(self, picture: FeatureArray) -> FeatureArray:
        """Unit vector of a picture made by ``log_picture``."""
        import torch

        model, _ = self._loaded
        pixels = torch.from_numpy((picture - self._mean) / self._deviation)[None, None]
        with torch.inference_mode():
            found = model.get_image_features(pixel_values=pixels.expand(-1, 3, -1, -1))
        return _unit(found)

    def caption(self, text: str) -> FeatureArray:
        """Unit vector of a sentence; what lies beyond the model's 77 tokens does not count."""
        import torch

        model, tokenizer = self._loaded
        tokens = tokenizer([text], truncation=True, return_tensors="pt")
        with torch.inference_mode():
            found = model.get_text_features(
                input_ids=tokens.input_ids, attention_mask=tokens.attention_mask
            )
        return _unit(found)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the model's files."""
        return fingerprint_of(self.folder)

    @property
    def features(self) -> int:
        """Length of the vectors."""
        return int(self._loaded[0].config.projection_dim)

    _mean = np.float32(0.5)
    _deviation = np.float32(0.5)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        from transformers import CLIPModel, CLIPTokenizer

        folder = self.folder
        try:
            with quiet_transformers():
                model = CLIPModel.from_pretrained(
                    folder, local_files_only=True, use_safetensors=True
                ).float()
                tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"{folder} is no image-text model: {reason}") from error
        return model.eval(), tokenizer


class ImageFeatures:
    """Summary: the image's vector."""

    def __init__(self, model: Sarclip) -> None:
        self._model = model

    @property
    def fingerprint(self) -> str:
        """Of the model."""
        return f"image {self._model.fingerprint}"

    def __call__(self, view: View) -> FeatureArray:
        """Unit vector [features]."""
        return self._model.image(view.power)


class CaptionFeatures:
    """Summary: the vector of the image's caption, NaN where it has none."""

    def __init__(self, model: Sarclip) -> None:
        self._model = model
        self._known: dict[str, FeatureArray] = {}

    @property
    def fingerprint(self) -> str:
        """Of the model; what the caption says is part of an image's own key."""
        return f"caption {self._model.fingerprint}"

    def __call__(self, view: View) -> FeatureArray:
        """Unit vector [features]."""
        text = view.image.caption
        if not text:
            return np.full(self._model.features, np.nan, np.float32)
        if text not in self._known:
            self._known[text] = self._model.caption(text)
        return self._known[text]


def _unit(found: Any) -> FeatureArray:
    """The first row of features, of length one; newer transformers wrap them."""
    features = getattr(found, "pooler_output", found)[0].float().numpy()
    return np.asarray(features / np.linalg.norm(features), np.float32)
