"""What a fine-tuning recipe may say: one flat table, read from TOML."""

from __future__ import annotations

from dataclasses import dataclass

from .table import option

HOW = ("off", "full", "lora", "locon", "loha", "lokr", "dylora")
"""Ways to train one network."""


@dataclass(frozen=True)
class FinetuneRecipe:
    """Everything that decides the weights of a fine-tuned model or adapter."""

    base: str = option(
        "embedded", "Base model: embedded, a folder, a hub id or a safetensors file."
    )
    unet: str = option("full", "How the U-Net is trained.", choices=HOW)
    text_encoder: str = option("off", "How the text encoder(s) are trained.", choices=HOW)
    vae: str = option(
        "off", "How the autoencoder is trained; full: it alone, in a run of its own.",
        choices=("off", "full"),
    )  # fmt: skip
    vae_edges: float = option(
        1.0, "Autoencoder: weight of the error of edges, which keeps texture.", minimum=0.0
    )
    vae_latents: str = option(
        "base", "Autoencoder: mean and deviation of its latents afterwards: as the base's on the "
        "same tiles, so that its U-Net still fits, or unit, 0 and 1.",
        choices=("base", "unit"),
    )  # fmt: skip
    token: str = option(
        "", "Word whose embedding is learned, such as <SAR>; it joins every caption."
    )
    token_from: str = option("radar", "Word the embedding starts from.")
    learning_rate: float = option(1e-5, "Learning rate of the U-Net.", minimum=0.0)
    text_learning_rate: float = option(5e-6, "Learning rate of the text encoder(s).", minimum=0.0)
    vae_learning_rate: float = option(1e-6, "Learning rate of the autoencoder.", minimum=0.0)
    token_learning_rate: float = option(1e-3, "Learning rate of the word.", minimum=0.0)
    numbers_learning_rate: float = option(
        1e-3, "Learning rate of what tells the U-Net numbers.", minimum=0.0
    )
    rank: int = option(16, "Rank of adapters.", minimum=1, maximum=1024)
    alpha: float = option(16.0, "Adapters are scaled by alpha / rank.", minimum=0.0)
    control: str = option(
        "off", "Train a control over the frozen base: controlnet, or light without attention.",
        choices=("off", "controlnet", "light"),
    )  # fmt: skip
    control_start: str = option(
        "", "Control to go on from: embedded, a run or a ControlNet folder of the same kinds."
    )
    condition: tuple[str, ...] = option(
        (), "Columns that the control reads: sketch, segmentation, optical, satellite, simulated."
    )
    numbers: tuple[str, ...] = option(
        (), "Columns of numbers that the U-Net is told: incidence_angle_deg, range_azimuth_deg, "
        "spacing_m, looks, polarization.",
    )  # fmt: skip
    condition_dropout: float = option(
        0.1, "Chance of no condition.", minimum=0.0, maximum=1.0
    )  # fmt: skip
    window: int = option(
        0, "Side of the windows a control is trained on [latent cells]; 0: whole tiles.", minimum=0
    )
    noise_shift: float = option(
        1.0, "Control: above 1 noisy timesteps, where layout is decided, come more often.",
        minimum=1.0,
    )  # fmt: skip
    targets: tuple[str, ...] = option(
        (), "Layers an adapter goes to, by pattern such as *attn*; default: the kind's usual ones."
    )
    steps: int = option(0, "Optimiser steps; 0: by epochs.", minimum=0)
    epochs: float = option(1.0, "Passes over the tiles, where steps is 0.", minimum=0.0)
    batch: int = option(4, "Tiles at once.", minimum=1)
    accumulate: int = option(1, "Batches an optimiser step gathers.", minimum=1)
    warmup_steps: int = option(20, "Steps over which the learning rates rise.", minimum=0)
    cooldown: float = option(
        0.2, "Last part of the run over which the rates fall.", minimum=0.0, maximum=1.0
    )
    weight_decay: float = option(0.01, "AdamW's weight decay.", minimum=0.0)
    optimizer: str = option(
        "adamw", "adamw (fused where torch can) or adamw8bit (bitsandbytes).",
        choices=("adamw", "adamw8bit"),
    )  # fmt: skip
    clip_norm: float = option(1.0, "Longest gradient.", minimum=0.0)
    ema: float = option(0.0, "Decay of averaged weights; 0: none.", minimum=0.0, maximum=1.0)
    min_snr: float = option(5.0, "Cap of min-SNR weights; 0: none.", minimum=0.0)
    zero_terminal_snr: bool = option(
        False, "Rescale the noise so that the last step is noise only."
    )
    offset_noise: float = option(0.0, "Share of noise common to a channel.", minimum=0.0)
    caption_dropout: float = option(0.1, "Chance of no caption.", minimum=0.0, maximum=1.0)
    prefix: str = option("A SAR image of ", "What captions are begun with.")
    mirror: bool = option(False, "Also mirror tiles along azimuth; never along range.")
    size: int = option(0, "Side of the training pictures [pixels]; 0: the tiles' own.", minimum=0)
    enlarge: int = option(
        1, "Pixels of the model along one pixel of a tile, for small tiles; 2 or 4, say.",
        minimum=1, maximum=8,
    )  # fmt: skip
    speckle: str = option(
        "auto", "Whether the result draws speckle itself (own) or it is laid on afterwards (none); "
        "auto: by the tiles and by what the autoencoder learned.",
        choices=("auto", "own", "none"),
    )  # fmt: skip
    precision: str = option(
        "no", "Mixed precision.", choices=("no", "fp16", "bf16")
    )  # fmt: skip
    gradient_checkpointing: bool = option(False, "Less memory for more time.")
    seed: int = option(0, "Of everything random.", minimum=0)
    checkpoint_every: int = option(100, "Steps between checkpoints.", minimum=1)
    keep: int = option(2, "Checkpoints kept.", minimum=1)
    validate_every: int = option(0, "Steps between held-out losses; 0: at the end.", minimum=0)
    samples: tuple[str, ...] = option((), "Prompts drawn at the end, with fixed seeds.")
    samples_every: int = option(
        0, "Steps between sheets of these prompts while training; 0: at the end only.", minimum=0
    )
    sample_count: int = option(4, "Images of each prompt, seeds from 0.", minimum=1)
    sample_steps: int = option(20, "Denoising steps of these images.", minimum=1)
    memorised: int = option(
        8, "Images of training captions compared with all training tiles at the end; 0: none.",
        minimum=0,
    )  # fmt: skip
    tracking: str = option(
        "off", "Also send curves and sheets to TensorBoard or Weights & Biases.",
        choices=("off", "tensorboard", "wandb"),
    )  # fmt: skip
    force: bool = option(False, "Start even if the estimate says that memory will not do.")
    prior_prompt: str = option("", "DreamBooth: the class whose images the base draws itself.")
    prior_count: int = option(100, "DreamBooth: number of class images.", minimum=1)
    prior_weight: float = option(1.0, "DreamBooth: weight of their loss.", minimum=0.0)
