"""Train a control network beside a frozen base: a ControlNet, whole or light.

Zhang et al. 2023, *Adding Conditional Control to Text-to-Image Diffusion Models*. The whole form
copies the U-Net's way down. The light form leaves out its attention and so its words: under half of
the weights, and most of what a picture of the same size has to say is local.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ....models.control import ControlLayout
from ....models.loaded import LoadedModel, TextCondition

EMBEDDING_CHANNELS = {1: (16, 32), 2: (16, 32, 96), 3: (16, 32, 96, 256)}
LIGHT_CHANNELS = (8, 16, 32, 64, 96)
"""Channels of the layers that bring a picture to the latent's size, the last at that size."""


def make_control(model: LoadedModel, layout: ControlLayout, light: bool) -> Any:
    """A new ``diffusers.ControlNetModel`` that starts from the U-Net's weights.

    Parameters
    ----------
    light
        Without attention: plain blocks, which read no text.
    """
    from diffusers import ControlNetModel

    unet = model.parts.unet
    config = dict(unet.config)
    accepted = set(ControlNetModel._get_init_keys(ControlNetModel))
    wanted = {
        name: value
        for name, value in config.items()
        if name in accepted and not name.startswith("_")
    }
    wanted |= {
        "conditioning_channels": layout.channels,
        "conditioning_embedding_out_channels": embedding_channels(model.cell, light),
    }
    if light:
        levels = len(config["block_out_channels"])
        wanted |= {
            "down_block_types": ("DownBlock2D",) * levels,
            "mid_block_type": "UNetMidBlock2D",
        }
    network = ControlNetModel(**wanted)
    known = unet.state_dict()
    own = network.state_dict()
    copied = {k: v for k, v in known.items() if k in own and own[k].shape == v.shape}
    network.load_state_dict({**own, **copied})
    network.to(model.device)
    return network.to(memory_format=torch.channels_last)


def embedding_channels(cell: int, light: bool) -> tuple[int, ...]:
    """One entry more than halvings from pictures to latents of ``cell`` pixels."""
    halvings = cell.bit_length() - 1
    if light:
        return LIGHT_CHANNELS[-halvings - 1 :]
    if halvings in EMBEDDING_CHANNELS:
        return EMBEDDING_CHANNELS[halvings]
    return (16,) * (halvings - 3) + EMBEDDING_CHANNELS[3]


class ControlledUNet(nn.Module):
    """A frozen U-Net with a trained control network beside it."""

    def __init__(self, model: LoadedModel, network: Any) -> None:
        super().__init__()
        self._model = model
        self.unet = model.parts.unet.requires_grad_(False)
        self.control = network.requires_grad_(True)

    def forward(
        self,
        noisy: torch.Tensor,
        t: torch.Tensor,
        text: TextCondition,
        stack: torch.Tensor | None,
    ) -> torch.Tensor:
        """Prediction of the U-Net [n, c, h, w]; without a stack that of the base alone."""
        height, width = (side * self._model.cell for side in noisy.shape[-2:])
        added = self._model.family.added_conditions(text, width, height)
        shared: dict[str, Any] = {"added_cond_kwargs": added, "return_dict": False}
        residuals: dict[str, Any] = {}
        if stack is not None:
            down, middle = self.control(noisy, t, text.context, stack, **shared)
            residuals = {
                "down_block_additional_residuals": down,
                "mid_block_additional_residual": middle,
            }
        result: torch.Tensor = self.unet(noisy, t, text.context, **shared, **residuals)[0]
        return result
