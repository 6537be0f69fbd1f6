"""What a recipe of the embedded captioner may say: one flat table, read from TOML."""

from __future__ import annotations

from dataclasses import dataclass

from .table import option


@dataclass(frozen=True)
class CaptionerRecipe:
    """Everything that decides the embedded captioner's weights."""

    model: str = option("captioner", "What the recipe trains.", choices=("captioner",))
    seed: int = option(7_000_000, "First seed of the simulated scenes and of every random draw.")
    scenes: int = option(3000, "Simulated training scenes.", minimum=24)
    mixture_share: float = option(
        0.2, "Share of scenes that mix two kinds.", minimum=0.0, maximum=0.9
    )
    scene_cells: int = option(
        192, "Rows and columns of a training scene's ground, 179.2 m wide.", minimum=128
    )
    pixels: int = option(128, "Side of the pictures the model sees.", minimum=32)
    patch: int = option(16, "Side of one picture token [pixels].", minimum=4)
    width: int = option(160, "Width of both networks.", minimum=32)
    heads: int = option(5, "Attention heads.", minimum=1)
    vision_layers: int = option(4, "Layers that look.", minimum=1)
    text_layers: int = option(3, "Layers that write.", minimum=1)
    vocabulary: int = option(1024, "Most pieces of words.", minimum=200)
    steps: int = option(1500, "Training steps.", minimum=1)
    batch: int = option(32, "Pictures a step.", minimum=1)
    captions: int = option(2, "Captions of every picture a step.", minimum=1)
    learning_rate: float = option(1e-3, "Learning rate.")
    warmup_steps: int = option(100, "Steps over which the learning rate rises.", minimum=0)
    cooldown: float = option(0.5, "Last part over which it falls.", minimum=0.0, maximum=1.0)
    weight_decay: float = option(0.05, "Decay of the weights.", minimum=0.0)
    map_weight: float = option(
        1.0, "Weight of naming the ground cover of every cell, which is taught beside captions."
    )
    kind_weight: float = option(0.5, "Weight of naming the kinds of scene, taught likewise.")
    precision: str = option(
        "float32",
        "Arithmetic of the networks in training; bfloat16 pays on GPUs and processors with AMX.",
        choices=("float32", "bfloat16"),
    )
    ema: float = option(0.998, "Decay of the averaged weights.", minimum=0.0, maximum=1.0)
    checkpoint_every: int = option(100, "Steps between checkpoints.", minimum=1)
