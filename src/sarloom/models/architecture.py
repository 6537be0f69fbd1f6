"""The embedded model family: Stable Diffusion's four parts at a size that a laptop can train.

Same classes and folder layout as Stable Diffusion 1.5, so every tool for that model fits. What
differs is the size, a 16x (not 8x) autoencoder so that 512 x 512 pixels are a 32 x 32 latent, and
what a pixel means (``Radiometry``): speckle-free reflectivity in decibels, the same in all three
channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .tokenizer import MAX_TOKENS


@dataclass(frozen=True)
class Architecture:
    """Sizes of the embedded model."""

    autoencoder_channels: tuple[int, ...] = (16, 32, 64, 96, 128)
    latent_channels: int = 8
    unet_channels: tuple[int, ...] = (64, 128, 224)
    unet_layers: int = 1
    text_width: int = 192
    text_layers: int = 4
    size: int = 512
    """Native picture size [pixels]."""

    @property
    def factor(self) -> int:
        """Pixels per latent cell along one axis."""
        return int(2 ** (len(self.autoencoder_channels) - 1))


def make_autoencoder(arch: Architecture) -> Any:
    """A new ``diffusers.AutoencoderKL`` of three (equal) picture channels."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    levels = len(arch.autoencoder_channels)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=arch.autoencoder_channels,
        layers_per_block=1,
        latent_channels=arch.latent_channels,
        norm_num_groups=8,
        sample_size=arch.size,
        scaling_factor=1.0,
    )


def make_text_encoder(arch: Architecture, tokenizer: Any) -> Any:
    """A new ``transformers.CLIPTextModel`` for a tokenizer's vocabulary."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=arch.text_width,
            intermediate_size=3 * arch.text_width,
            num_hidden_layers=arch.text_layers,
            num_attention_heads=arch.text_width // 32,
            max_position_embeddings=MAX_TOKENS,
            projection_dim=arch.text_width,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def make_unet(arch: Architecture) -> Any:
    """A new ``diffusers.UNet2DConditionModel``; attention below the finest level only."""
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    below = len(arch.unet_channels) - 1
    return UNet2DConditionModel(
        sample_size=arch.size // arch.factor,
        in_channels=arch.latent_channels,
        out_channels=arch.latent_channels,
        block_out_channels=arch.unet_channels,
        layers_per_block=arch.unet_layers,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * below),
        up_block_types=(*("CrossAttnUpBlock2D",) * below, "UpBlock2D"),
        cross_attention_dim=arch.text_width,
        # diffusers reads this as the number of heads; 32 channels each
        attention_head_dim=tuple(channels // 32 for channels in arch.unet_channels),
        norm_num_groups=16,
    )


def make_scheduler() -> Any:
    """The noise schedule of training: Stable Diffusion's betas with v prediction.

    Terminal noise is not rescaled to zero signal, so that every scheduler of diffusers can sample.
    """
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
        timestep_spacing="trailing",
    )
