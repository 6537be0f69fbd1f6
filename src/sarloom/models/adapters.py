"""Adapters laid over a base model: LoRA, LoCon, LoHa, LoKr, DyLoRA files, and learned words.

An adapter file holds, per layer, low-rank factors of a change of its weight; tensor names are
kohya's. The change is computed once (Hu et al. 2021, LoRA; Hyeon-Woo et al. 2021, FedPara, for
LoHa; Yeh et al. 2023, LyCORIS, for LoKr) and added to the weights, so an adapted model is as fast
as its base.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, ModelError

if TYPE_CHECKING:
    import torch

    from .loaded import LoadedModel

SPEC = re.compile(
    r"(?P<file>.+?)(?::(?P<scale>-?\d*\.?\d+))?(?:@(?P<start>\d*\.?\d+)-(?P<stop>\d*\.?\d+))?"
)
ENCODER_PREFIXES = ("lora_te_", "lora_te1_", "lora_te2_")
FILES = ("adapter.safetensors", "token.safetensors")
"""What a training run may leave; a run folder stands for both."""


@dataclass(frozen=True)
class AdapterSpec:
    """``FILE:SCALE@START-STOP`` of the command line."""

    file: Path
    scale: float = 1.0
    start: float = 0.0
    stop: float = 1.0
    """Part of the denoising steps in which the adapter works, 0 the first, 1 the last."""

    @property
    def sha256(self) -> str:
        """Of the file."""
        return hashlib.sha256(self.file.read_bytes()).hexdigest()


def parse_adapters(texts: Sequence[str]) -> list[AdapterSpec]:
    """Read ``--adapter`` values; a run folder becomes the files in it.

    Raises
    ------
    InputError
        If a file is missing or a range is empty.
    """
    return [spec for text in texts for spec in _parse(text)]


def _parse(text: str) -> list[AdapterSpec]:
    match = SPEC.fullmatch(text)
    if match is None:
        raise InputError(f"--adapter {text!r} is not of the form FILE:SCALE@START-STOP")
    path = Path(match["file"]).expanduser()
    start, stop = float(match["start"] or 0.0), float(match["stop"] or 1.0)
    if not 0.0 <= start < stop <= 1.0:
        raise InputError(f"--adapter {text!r}: the range of steps runs from 0 to 1, as 0.0-0.5")
    files = [path / name for name in FILES if (path / name).is_file()] if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise InputError(f"--adapter {path}: no adapter there; give a .safetensors or a run folder")
    if any(file.suffix != ".safetensors" for file in files):
        raise InputError(f"--adapter {path}: only .safetensors adapters are read")
    scale = float(match["scale"]) if match["scale"] else 1.0
    return [AdapterSpec(file, scale, start, stop) for file in files]


class Adapters:
    """Changes of a model's weights that are in force during parts of the denoising."""

    def __init__(self, model: LoadedModel, specs: Sequence[AdapterSpec]) -> None:
        """Read the files and fit them to the layers of a model.

        Raises
        ------
        ModelError
            If a file is no adapter, is of an unknown kind, or belongs to another base.
        """
        self.specs = list(specs)
        self._layers: dict[str, Any] = {}
        self._base: dict[str, torch.Tensor] = {}
        self._changes: list[tuple[AdapterSpec, dict[str, torch.Tensor]]] = []
        self._active: tuple[int, ...] | None = None
        layers = _layers(model)
        for spec in self.specs:
            tensors = _read(spec.file)
            if not any(name.startswith("lora_") for name in tensors):
                _learn_word(model, spec, tensors)
                continue
            changes = {}
            for name, factors in _grouped(tensors).items():
                layer = layers.get(name)
                if layer is None:
                    raise ModelError(
                        f"{spec.file} changes a layer {name} that {model.source} does not have: "
                        "it was made for another base model"
                    )
                change = weight_change(factors, tuple(layer.weight.shape), f"{spec.file}: {name}")
                changes[name] = change.to(layer.weight.device)
                if name not in self._base:
                    self._layers[name] = layer
                    self._base[name] = layer.weight.detach().clone()
            self._changes.append((spec, changes))

    def at(self, progress: float) -> None:
        """Bring the weights to a share of the denoising done, 0 before the first step.

        Weights are always base + changes, summed in the same order, whatever was before.
        """
        import torch

        active = tuple(
            number
            for number, (spec, _) in enumerate(self._changes)
            if spec.start <= progress < spec.stop or (progress >= 1.0 and spec.stop == 1.0)
        )
        if active == self._active:
            return
        self._active = active
        with torch.no_grad():
            for name, layer in self._layers.items():
                weight = self._base[name].float()
                for number in active:
                    spec, changes = self._changes[number]
                    if name in changes:
                        weight = weight + spec.scale * changes[name]
                layer.weight.copy_(weight.to(layer.weight.dtype))


def weight_change(
    factors: Mapping[str, torch.Tensor], shape: tuple[int, ...], where: str
) -> torch.Tensor:
    """The change of a weight that the factors of one layer stand for, float32, of ``shape``.

    Raises
    ------
    ModelError
        For an unknown kind of adapter, or factors that do not fit the layer.
    """
    import torch

    f = {name: value.float() for name, value in factors.items()}
    if "lora_up.weight" in f and "lora_mid.weight" not in f:
        up, down = f["lora_up.weight"], f["lora_down.weight"]
        change = up.flatten(1) @ down.flatten(1)
        rank = down.shape[0]
    elif "hada_w1_a" in f and "hada_t1" not in f:
        change = (f["hada_w1_a"] @ f["hada_w1_b"]) * (f["hada_w2_a"] @ f["hada_w2_b"])
        rank = f["hada_w1_b"].shape[0]
    elif ("lokr_w1" in f or "lokr_w1_a" in f) and "lokr_t2" not in f:
        w1 = f["lokr_w1"] if "lokr_w1" in f else f["lokr_w1_a"] @ f["lokr_w1_b"]
        w2 = f["lokr_w2"] if "lokr_w2" in f else f["lokr_w2_a"] @ f["lokr_w2_b"].flatten(1)
        change = torch.kron(w1, w2.reshape(w2.shape[0], -1)) if w2.ndim < 3 else _kron(w1, w2)
        split = [f[k].shape[0] for k in ("lokr_w1_b", "lokr_w2_b") if k in f]
        rank = split[0] if split else 0
    else:
        raise ModelError(f"{where}: adapters of this kind are not read: {', '.join(sorted(f))}")
    scale = float(f["alpha"]) / rank if "alpha" in f and rank else 1.0
    if change.numel() != torch.Size(shape).numel():
        raise ModelError(
            f"{where}: does not fit a weight of shape {shape}: it was made for another base model"
        )
    return scale * change.reshape(shape)


def _kron(w1: torch.Tensor, w2: torch.Tensor) -> torch.Tensor:
    """Kronecker product with a convolution kernel: over its channels only."""
    import torch

    return torch.kron(w1[..., None, None], w2)


def _layers(model: LoadedModel) -> dict[str, Any]:
    """Layers by the names that adapter files use."""
    found: dict[str, Any] = {}
    roots = [("lora_unet", model.parts.unet)]
    encoders = model.parts.text_encoders
    if len(encoders) == 1:
        roots.append(("lora_te", encoders[0]))
    else:
        roots += [(f"lora_te{number}", one) for number, one in enumerate(encoders, 1)]
    for prefix, network in roots:
        for path, layer in network.named_modules():
            if getattr(layer, "weight", None) is None:
                continue
            name = path.replace(".", "_")
            if prefix != "lora_unet" and not name.startswith("text_model_"):
                name = f"text_model_{name}"
            found[f"{prefix}_{name}"] = layer
    return found


def _grouped(tensors: Mapping[str, torch.Tensor]) -> dict[str, dict[str, torch.Tensor]]:
    """Factors by layer."""
    grouped: dict[str, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        layer, _, factor = name.partition(".")
        grouped.setdefault(layer, {})[factor] = value
    return grouped


def _learn_word(model: LoadedModel, spec: AdapterSpec, tensors: Mapping[str, torch.Tensor]) -> None:
    """Teach tokenizers and text encoders a word of a textual-inversion file."""
    import torch
    from safetensors import safe_open

    encoders = model.parts.text_encoders
    if len(encoders) == 1 and len(tensors) == 1:
        ((word, row),) = tensors.items()
        rows = [row]
    elif len(encoders) == 2 and {"clip_l", "clip_g"} <= set(tensors):
        with safe_open(str(spec.file), "pt") as file:
            word = (file.metadata() or {}).get("token", "")
        rows = [tensors["clip_l"], tensors["clip_g"]]
    else:
        raise ModelError(f"{spec.file} holds no adapter and no word that {model.source} can learn")
    if not word:
        raise ModelError(f"{spec.file} does not say which word it teaches")
    for words, encoder, row in zip(model.parts.tokenizers, encoders, rows, strict=True):
        table = next(m for n, m in encoder.named_modules() if n.endswith("token_embedding"))
        if row.shape[-1] != table.weight.shape[1]:
            raise ModelError(f"{spec.file} was learned with another base than {model.source}")
        place = words.add(word)
        if place > len(table.weight):
            raise ModelError(f"{model.source}: its tokenizer knows more words than its encoder")
        grown = torch.cat([table.weight.detach()[:place], row.to(table.weight)[:1]])
        table.weight = torch.nn.Parameter(grown, requires_grad=False)
        table.num_embeddings = len(grown)


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is no safetensors file: {error}") from error
    return tensors
