"""Where the model lies that ships inside the package."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError

EMBEDDED_FOLDER = Path(__file__).resolve().parents[1] / "weights" / "embedded"


def embedded_model_path() -> Path:
    """Folder of the embedded model, in diffusers' layout.

    ``diffusers.StableDiffusionPipeline.from_pretrained(embedded_model_path())`` opens it.

    Raises
    ------
    ModelError
        If this installation holds no weights.
    """
    if not (EMBEDDED_FOLDER / "model_index.json").is_file():
        raise ModelError(
            f"this installation has no embedded model (nothing at {EMBEDDED_FOLDER}); "
            "train it with `sarloom train` or name another model with --model"
        )
    return EMBEDDED_FOLDER
