"""Train low-rank weights beside a network: LoRA, LoCon, LoHa, LoKr and DyLoRA, by LyCORIS.

Tensor names are kohya's (``lora_unet_down_blocks_0_...lora_down.weight``), which
``pipe.load_lora_weights`` (LoRA) and LyCORIS' own loader (all kinds) read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ....errors import InputError, MissingExtraError
from ....models.adapters import weight_change

PREFIXES = {"unet": "lora_unet", "text_encoder": "lora_te", "text_encoder_2": "lora_te2"}
ATTENTION = {
    "unet": ["Transformer2DModel"],
    "text": ["CLIPAttention", "CLIPSdpaAttention", "CLIPMLP"],
}
CONVOLUTIONS = ["ResnetBlock2D", "Downsample2D", "Upsample2D"]
ALGORITHMS = {"lora": "lora", "locon": "locon", "loha": "loha", "lokr": "lokr", "dylora": "dylora"}
WITH_CONVOLUTIONS = {"locon", "loha", "lokr", "dylora"}
"""LoRA proper changes attention and feed-forward layers; the other kinds also convolutions."""


@dataclass(frozen=True)
class AdapterSettings:
    """Size and place of adapters."""

    rank: int = 16
    alpha: float = 16.0
    targets: tuple[str, ...] = ()
    two_encoders: bool = False


class LycorisPart:
    """A frozen network with trained low-rank weights beside it."""

    adapter = True

    def __init__(self, name: str, network: Any, kind: str, settings: AdapterSettings) -> None:
        try:
            from lycoris import LycorisNetwork
            from lycoris.logging import logger
        except ImportError as error:
            raise MissingExtraError(f"training a {kind} adapter", "adapters") from error
        logger.setLevel("ERROR")  # it speaks at every layer
        network.requires_grad_(False)
        self.name, self.network = name, network
        self.prefix = PREFIXES[name]
        if name == "text_encoder" and settings.two_encoders:
            self.prefix = "lora_te1"
        self.net = _attach(LycorisNetwork, self, kind, settings)
        if not self.net.loras:
            raise InputError(
                f"targets = {list(settings.targets)} names no layer of the {name}; "
                "patterns such as *attn* are compared with names such as "
                "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
            )
        self.net.apply_to()
        self.net.float().requires_grad_(True)  # also beside a network held in a shorter format

    def parameters(self) -> list[nn.Parameter]:
        """The low-rank weights."""
        return [p for p in self.net.parameters() if p.requires_grad]

    def state(self) -> dict[str, torch.Tensor]:
        """Tensors by the names kohya's tools gave them."""
        # transformers 5 left "text_model" out of its own names; the tools kept it
        old = f"{self.prefix}_encoder_layers"
        new = f"{self.prefix}_text_model_encoder_layers"
        state = self._raw()
        return {k.replace(old, new, 1) if self.name != "unet" else k: v for k, v in state.items()}

    def _raw(self) -> dict[str, torch.Tensor]:
        state = {k: v.detach().clone().contiguous() for k, v in self.net.state_dict().items()}
        for name, down in list(state.items()):
            up = name.replace("lora_down", "lora_up")
            if up != name and down.ndim == 4 and state[up].ndim == 2:
                state[up] = state[up][:, :, None, None].contiguous()  # DyLoRA leaves it flat
        return state

    def merge(self) -> None:
        """Fold the low-rank weights into the network, for a model that stands alone.

        By our own sum: LyCORIS folds DyLoRA in at a rank that it draws by chance.
        """
        self.net.restore()
        state = self._raw()
        with torch.no_grad():
            for lora in self.net.loras:
                prefix = f"{lora.lora_name}."
                factors = {
                    k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)
                }
                weight = lora.org_module[0].weight
                change = weight_change(factors, tuple(weight.shape), lora.lora_name)
                weight.add_(change.to(weight))


def _attach(cls: Any, part: LycorisPart, kind: str, settings: AdapterSettings) -> Any:
    """LyCORIS' network of a kind; its layer choice is a class attribute, so it is set each time."""
    unet = part.name == "unet"
    modules = list(ATTENTION["unet" if unet else "text"])
    names: list[str] = []
    if kind in WITH_CONVOLUTIONS and unet:
        modules += CONVOLUTIONS
    if settings.targets:
        modules, names = [], list(settings.targets)
    cls.apply_preset(
        {
            "enable_conv": kind in WITH_CONVOLUTIONS,
            "target_module": modules,
            "target_name": names,
            "module_algo_map": {},
            "name_algo_map": {},
            "lora_prefix": part.prefix,
            "use_fnmatch": True,
            "exclude_name": [],
        }
    )
    extra: dict[str, Any] = {}
    if kind in ("lora", "locon"):
        # the two thin products on the activations: no changed copy of every weight is made and kept
        extra["bypass_mode"] = True
    if kind == "dylora":
        # LyCORIS trains block b with alpha / (b + 1) but every loader scales by alpha / rank: the
        # two agree for blocks of one
        extra["block_size"] = 1
    return cls(
        part.network,
        lora_dim=settings.rank,
        conv_lora_dim=settings.rank if kind in WITH_CONVOLUTIONS else 0,
        alpha=settings.alpha,
        conv_alpha=settings.alpha,
        network_module=ALGORITHMS[kind],
        **extra,
    )
