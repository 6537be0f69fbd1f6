"""A ControlNet (diffusers' ControlNetModel): the U-Net's way down, told by a picture.

Zhang et al. 2023, *Adding Conditional Control to Text-to-Image Diffusion Models*. With plain blocks
instead of cross-attention it reads no text; that is the light form which ships with the package.
"""

# ruff: noqa: D102 - what forward() computes is said by its class
from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from . import Config, unsupported
from .unet import DEFAULTS as UNET_DEFAULTS
from .unet import DOWN_BLOCKS, PLAIN, Block, UNet

_UNET_ONLY = {"sample_size", "out_channels", "up_block_types"}
DEFAULTS: dict[str, Any] = {
    **{key: value for key, value in UNET_DEFAULTS.items() if key not in _UNET_ONLY},
    "conditioning_channels": 3,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "conditioning_embedding_out_channels": (16, 32, 96, 256),
}
MID_BLOCKS = {"UNetMidBlock2DCrossAttn": True, "UNetMidBlock2D": False}


def why_not(config: Mapping[str, Any]) -> str | None:
    """What in a configuration this network cannot do; None if it can do all."""
    wanted = {**DEFAULTS, **config}
    if set(wanted["down_block_types"]) - set(DOWN_BLOCKS):
        return "its blocks"
    if wanted["mid_block_type"] not in MID_BLOCKS:
        return f"mid_block_type = {wanted['mid_block_type']!r}"
    if wanted["addition_embed_type"] not in (None, "text_time"):
        return f"addition_embed_type = {wanted['addition_embed_type']!r}"
    if not isinstance(wanted["layers_per_block"], int):
        return "layers_per_block of several values"
    plain = {
        **PLAIN,
        "controlnet_conditioning_channel_order": "rgb",
        "global_pool_conditions": False,
    }
    return unsupported(config, plain, frozenset(DEFAULTS))


class Embedding(nn.Module):
    """A picture brought to the size of the latent by strided convolutions."""

    def __init__(self, channels: int, widths: tuple[int, ...], out: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList()
        for narrow, wide in pairwise(widths):
            self.blocks.append(nn.Conv2d(narrow, narrow, 3, padding=1))
            self.blocks.append(nn.Conv2d(narrow, wide, 3, padding=1, stride=2))
        self.conv_out = nn.Conv2d(widths[-1], out, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        h = functional.silu(self.conv_in(picture))
        for block in self.blocks:
            h = functional.silu(block(h))
        result: Tensor = self.conv_out(h)
        return result


class ControlNet(UNet):
    """What to add to a U-Net's skips and middle, given a noisy latent and a picture."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        nn.Module.__init__(self)  # the U-Net's own parts are not wanted
        c = self.config = Config({**DEFAULTS, **config})
        channels, levels = c.block_out_channels, len(c.down_block_types)
        zeros, width = self._way_down(), channels[-1]
        self.controlnet_cond_embedding = Embedding(
            c.conditioning_channels, tuple(c.conditioning_embedding_out_channels), channels[0]
        )
        self.controlnet_down_blocks = nn.ModuleList([nn.Conv2d(one, one, 1) for one in zeros])
        crossed = MID_BLOCKS[c.mid_block_type]
        middle = [(width, width)] * (2 if crossed else 1)
        self.mid_block = Block(middle, c, levels - 1, crossed=crossed, transformers=1)
        self.controlnet_mid_block = nn.Conv2d(width, width, 1)
        self._last: tuple[Tensor, Tensor] | None = None

    def forward(  # type: ignore[override]
        self,
        sample: Tensor,
        timestep: Tensor,
        encoder_hidden_states: Tensor,
        controlnet_cond: Tensor,
        conditioning_scale: float = 1.0,
        added_cond_kwargs: dict[str, Tensor] | None = None,
        return_dict: bool = False,
    ) -> tuple[list[Tensor], Tensor]:
        """The call of diffusers' class with ``return_dict=False``.

        Parameters
        ----------
        controlnet_cond
            Picture [n or 1, channels, height, width].

        Returns
        -------
        One tensor per skip of the U-Net, and one for its middle.
        """
        time = self._time(timestep, sample, added_cond_kwargs)
        first = self.conv_in(sample) + self._embedded(controlnet_cond)
        skips, h = self._down(first, time, encoder_hidden_states)
        pairs = zip(skips, self.controlnet_down_blocks, strict=True)
        down = [zero(skip) * conditioning_scale for skip, zero in pairs]
        return down, self.controlnet_mid_block(h) * conditioning_scale

    def _embedded(self, picture: Tensor) -> Tensor:
        """The embedded picture; kept for that picture, as it is the same at every step."""
        if self._last is None or self._last[0] is not picture or self.training:
            embedded: Tensor = self.controlnet_cond_embedding(picture)
            self._last = (picture, embedded)
        return self._last[1]
