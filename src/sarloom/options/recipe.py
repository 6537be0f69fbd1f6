"""What a recipe of the embedded model may say: one flat table, read from TOML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .table import option


@dataclass(frozen=True)
class EmbeddedRecipe:
    """Everything that decides the embedded model's weights."""

    start: str = option(
        "",
        "Finished model of these sizes to go on from, 'embedded' or a folder: its autoencoder and "
        "tokenizer are kept, and the first stage begins with its denoiser.",
    )
    seed: int = option(1000, "First seed of the simulated scenes and of every random draw.")
    scenes: int = option(3000, "Simulated training scenes.", minimum=24)
    mirrored_share: float = option(
        1.0, "Share of the scenes that are also seen mirrored in azimuth.", minimum=0.0, maximum=1.0
    )
    size: int = option(512, "Side of the training pictures [pixels].", minimum=64)
    mixture_share: float = option(
        0.3, "Share of scenes that mix two kinds.", minimum=0.0, maximum=0.9
    )
    measured: Path | None = option(
        None, "Folder holding mstar_scenes/ and umbra/; without it only simulated scenes."
    )
    measured_share: float = option(
        0.06, "Chance that a training picture is a real one.", minimum=0.0, maximum=0.9
    )
    low_db: float = option(-35.0, "Sigma-nought of a black pixel [dB].")
    high_db: float = option(15.0, "Sigma-nought of a white pixel [dB].")
    autoencoder_channels: tuple[int, ...] = option(
        (16, 32, 64, 96, 128), "Channels of the autoencoder's levels; each level but one halves."
    )
    latent_channels: int = option(8, "Channels of the latent.", minimum=1)
    autoencoder_steps: int = option(1000, "Steps of the autoencoder.", minimum=1)
    autoencoder_batch: int = option(8, "Pictures a step.", minimum=1)
    autoencoder_crop: int = option(192, "Side of the random windows [pixels].", minimum=32)
    autoencoder_learning_rate: float = option(1e-3, "Learning rate of the autoencoder.")
    coarse_weight: float = option(
        0.5, "Weight of decoding shrunk latents to the shrunk picture; makes latents smooth."
    )
    kl_weight: float = option(1e-3, "Weight of the pull of latents to unit Gaussians.")
    edge_weight: float = option(1.0, "Weight of errors of the picture's differences.")
    decoder_steps: int = option(
        0,
        "Further steps of the decoder alone, against a critic that tells decoded from true "
        "pictures; latents stay as they are.",
        minimum=0,
    )
    decoder_batch: int = option(8, "Pictures a step of them.", minimum=1)
    decoder_crop: int = option(128, "Side of their random windows [pixels].", minimum=32)
    decoder_learning_rate: float = option(4e-4, "Learning rate of the decoder in them.")
    critic_learning_rate: float = option(4e-4, "Learning rate of the critic.")
    adversarial_weight: float = option(0.1, "Weight of the critic's doubt.", minimum=0.0)
    likeness_weight: float = option(10.0, "Weight of errors of the critic's features.", minimum=0.0)
    latent_noise: float = option(
        0.3, "Greatest deviation of noise on the latents that the decoder learns from.", minimum=0.0
    )
    unet_channels: tuple[int, ...] = option((64, 128, 224), "Channels of the U-Net's levels.")
    unet_layers: int = option(1, "Residual layers per level.", minimum=1)
    text_width: int = option(192, "Width of the text encoder.", minimum=32)
    text_layers: int = option(4, "Layers of the text encoder.", minimum=1)
    stage_cells: tuple[int, ...] = option(
        (16, 32), "Side of the latent windows, stage by stage; small ones are cheap and come first."
    )
    stage_steps: tuple[int, ...] = option((2000, 1500), "Steps of each stage.")
    stage_batch: tuple[int, ...] = option((48, 24), "Pictures a step in each stage.")
    stage_learning_rate: tuple[float, ...] = option((5e-4, 4e-4), "Learning rate of each stage.")
    stage_cooldown: tuple[float, ...] = option(
        (0.2, 0.2), "Last part of each stage over which its rate falls."
    )
    stage_focus: tuple[str, ...] = option(
        (),
        "Kinds drawn more often in each stage, as 'KIND:TIMES KIND+KIND:TIMES'; mixtures:TIMES "
        "for all pairs.",
    )
    stage_shift: tuple[float, ...] = option(
        (),
        "Above 1 a stage draws noisy timesteps, where layout is decided, more often.",
    )
    stage_tilted: tuple[float, ...] = option(
        (), "Share of each stage's pictures that are seen under other incidence angles."
    )
    tilted_scenes: int = option(
        0, "Further scenes, each under its own incidence angle, for stage_tilted.", minimum=0
    )
    caption_dropout: float = option(
        0.1, "Chance of an empty sentence, for classifier-free guidance.", minimum=0.0, maximum=1.0
    )
    min_snr: float = option(
        0.0, "Cap of the min-SNR weight of the velocity error; 0 weighs all noise levels alike."
    )
    precision: str = option(
        "float32",
        "Arithmetic of the networks in training; bfloat16 pays on processors with AMX only.",
        choices=("float32", "bfloat16"),
    )
    ema: float = option(0.998, "Decay of the averaged weights.", minimum=0.0, maximum=1.0)
    checkpoint_every: int = option(200, "Steps between checkpoints.", minimum=1)
