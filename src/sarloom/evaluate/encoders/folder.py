"""Any image encoder that transformers reads from a folder: CLIP, DINOv2, ViT, ResNet, ...

The picture given to it is amplitude, black at zero and white at mean + 3 standard deviations, grey
in three channels, resized to what the encoder was trained on. One image at a time, so that a
feature does not depend on the batch.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, ModelError
from ...libraries import quiet_transformers
from ...sar.tone import display
from ..view import View
from .opening import fingerprint_of

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, for folders without a preprocessor_config.json."""


class FolderEncoder:
    """A vision model and how it wants its pictures."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "config.json").is_file():
            raise InputError(
                f"--encoder {folder} is neither 'descriptor' nor a folder with a config.json"
            )
        self.folder = folder
        self._model: Any = None
        wants = _read(folder / "preprocessor_config.json")
        self.mean = np.array(wants.get("image_mean", _MEAN), np.float32)
        self.deviation = np.array(wants.get("image_std", _DEVIATION), np.float32)
        config = _read(folder / "config.json")
        self.side = (
            _side(wants.get("crop_size"))
            or _side(wants.get("size"))
            or _side(
                config.get("image_size", (config.get("vision_config") or {}).get("image_size"))
            )
            or 224
        )

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the model's files."""
        return fingerprint_of(self.folder)

    def __call__(self, view: View) -> NDArray[np.float32]:
        """Features of an image [dimensions]."""
        import torch

        if self._model is None:
            self._model = self._load()
        with torch.inference_mode():
            pixels = torch.from_numpy(self._pixels(view))[None]
            found = _features(self._model, pixels)
        return np.asarray(found[0].float().numpy(), np.float32)

    def _pixels(self, view: View) -> NDArray[np.float32]:
        from PIL import Image

        picture = Image.fromarray(display(np.sqrt(view.power)))
        picture = picture.resize((self.side, self.side), Image.Resampling.BICUBIC)
        grey = np.asarray(picture, np.float32) / 255.0
        coloured = (grey[..., None] - self.mean) / self.deviation
        return np.ascontiguousarray(np.moveaxis(coloured, 2, 0), np.float32)

    def _load(self) -> Any:
        from transformers import AutoModel

        try:
            with quiet_transformers():
                model = AutoModel.from_pretrained(
                    self.folder, local_files_only=True, use_safetensors=True,
                    trust_remote_code=False,
                )  # fmt: skip
        except (OSError, ValueError, ImportError, RuntimeError, KeyError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(f"--encoder {self.folder} cannot be loaded: {reason}") from error
        return model.eval()


def _features(model: Any, pixels: Any) -> Any:
    """The joint embedding of an image-text model, else the pooled output of a vision model."""
    import torch

    if hasattr(model, "get_image_features"):
        found = model.get_image_features(pixel_values=pixels)
        found = found if isinstance(found, torch.Tensor) else found.pooler_output
    else:
        found = model(pixel_values=pixels)
        pooled = getattr(found, "pooler_output", None)
        found = found.last_hidden_state[:, 0] if pooled is None else pooled
    return found.reshape(len(found), -1)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is no JSON ({error})") from error
    return found if isinstance(found, dict) else {}


def _side(size: Any) -> int | None:
    """224, {'height': 224, 'width': 224} or {'shortest_edge': 224}."""
    if isinstance(size, dict):
        size = size.get("height") or size.get("shortest_edge")
    return int(size) if isinstance(size, int | float) and size else None
