"""What a recipe of the embedded image-text model may say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import option


@dataclass(frozen=True)
class SarclipRecipe:
    """Everything that decides the weights of the image-text model."""

    model: str = option("sarclip", "What the recipe trains.", choices=("sarclip",))
    seed: int = option(100000, "First seed of the simulated scenes and of every random draw.")
    scenes: int = option(3024, "Simulated training scenes.", minimum=24)
    scenes_folder: Path | None = option(
        None, "Folder of scenes that `sarloom train` made before with the same seed, size 512 and "
        "mixture_share; without it they are made in the run folder.",
    )  # fmt: skip
    mixture_share: float = option(
        0.3333, "Share of scenes that mix two kinds.", minimum=0.0, maximum=0.9
    )
    measured: Path | None = option(
        None, "Folder holding mstar_scenes/ and umbra/; without it only simulated scenes. Every "
        "fifth of these pictures is held out.",
    )  # fmt: skip
    measured_share: float = option(
        0.05, "Chance that a training picture is a real one.", minimum=0.0, maximum=0.9
    )
    looks: tuple[float, float] = option(
        (4.0, 256.0), "Fewest and most looks of a picture's cells; a cell of a 512-pixel image is "
        "16 pixels.",
    )  # fmt: skip
    crop: float = option(
        0.75, "Smallest side of the windows shown in training, of the whole.", minimum=0.2,
        maximum=1.0,
    )  # fmt: skip
    patch: int = option(16, "Side of the patches [cells].", minimum=4)
    vision_width: int = option(192, "Width of the picture network.", minimum=32)
    vision_layers: int = option(4, "Its layers.", minimum=1)
    text_width: int = option(128, "Width of the text network.", minimum=32)
    text_layers: int = option(3, "Its layers.", minimum=1)
    expansion: int = option(2, "Inner width of a layer over its width.", minimum=1)
    features: int = option(128, "Length of the common vectors.", minimum=8)
    vocabulary: int = option(1024, "Tokens at the most.", minimum=600)
    patch_dropout: float = option(
        0.5, "Share of the patches left out in all but the last tenth of the steps.", minimum=0.0,
        maximum=0.9,
    )  # fmt: skip
    steps: int = option(2400, "Training steps.", minimum=1)
    batch: int = option(64, "Pictures a step.", minimum=2)
    learning_rate: float = option(1e-3, "Learning rate.", minimum=0.0)
    weight_decay: float = option(0.1, "Weight decay.", minimum=0.0)
    kind_weight: float = option(
        0.5, "Weight of naming the kind of scene among sentences for all twelve.", minimum=0.0
    )
    precision: str = option(
        "float32",
        "Arithmetic of the networks in training; bfloat16 pays on processors with AMX only.",
        choices=("float32", "bfloat16"),
    )
    ema: float = option(0.998, "Decay of the averaged weights.", minimum=0.0, maximum=1.0)
    checkpoint_every: int = option(200, "Steps between checkpoints.", minimum=1)
