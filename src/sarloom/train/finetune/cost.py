"""What a training step will need, before it is taken: memory, arithmetic, time.

Weights, gradients and optimiser are counted exactly. Activations are counted on the network's own
code without its numbers: it is built on torch's ``meta`` device, run once, and what autograd keeps
for the way back is summed up. What libraries take beside that is an allowance.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from ...errors import InputError
from ...models.locate import ModelFiles
from ...models.numbers import FOLDER as NUMBERS
from ...options.finetune import FinetuneRecipe
from ..log import duration
from .trace import Shape, trace_unet, trace_vae

GIB = 2**30
LIBRARIES = 0.9 * GIB
"""Python, torch, diffusers and transformers on a CPU; the context of a GPU is of that size too."""
WORKSPACE = 1.15
"""Temporary buffers of convolutions and of the optimiser, as a share of activations and state."""
PACE = 0.5
"""Share of a large matrix product's speed that a training step reaches."""
SECTIONS = ("unet", "text_encoder", "vae")


@dataclass(frozen=True)
class Cost:
    """Of a run."""

    memory: float
    """Bytes at the peak of a step."""
    flops: float
    """Of one optimiser step."""
    parts: dict[str, float]
    """Bytes by purpose."""


def estimate(shape: Shape, recipe: FinetuneRecipe, side: int, on_cpu: bool = True) -> Cost:
    """Memory and arithmetic of an optimiser step on pictures of ``side`` pixels.

    Parameters
    ----------
    shape
        Configurations and parameter counts of the base.
    recipe
        What is trained and how.
    side
        Rows and columns of the pictures [pixels].
    on_cpu
        Whether tiles are encoded in the same memory.
    """
    parts = _state(shape, recipe)
    parts["activations"], flops = _step(shape, recipe, side)
    parts["libraries"] = LIBRARIES
    total = sum(parts.values())
    if on_cpu and recipe.vae == "off":
        # before the first step the autoencoder reads the tiles, a few at a time
        encoding = parts["weights"] + LIBRARIES + 12 * 4 * _widest(shape) * side**2 / 4
        total = max(total, encoding)
    return Cost(total, flops, parts)


def _state(shape: Shape, recipe: FinetuneRecipe) -> dict[str, float]:
    """Bytes of weights, gradients, optimiser, average, and copies in a short format."""
    short = 4 if recipe.precision == "no" else 2
    how = {"unet": recipe.unet, "text_encoder": recipe.text_encoder, "vae": recipe.vae}
    whole = "full" in how.values()
    parts = {"weights": 0.0, "gradients": 0.0, "optimiser": 0.0, "average": 0.0, "copies": 0.0}
    for name in SECTIONS:
        count, kind = shape.counts[name], how[name]
        low = recipe.vae == "off" and not held_in_float32(name, kind, recipe, whole)
        parts["weights"] += count * (short if low else 4)
        if kind == "off":
            continue
        trained = count if kind == "full" else _adapter_share(recipe) * count
        parts["weights"] += trained * 4 if kind != "full" else 0
        parts["gradients"] += trained * 4
        parts["optimiser"] += trained * (2 if recipe.optimizer == "adamw8bit" else 8)
        parts["average"] += trained * 4 if recipe.ema else 0
        # autocast keeps each weight of the step once more in the short format
        parts["copies"] += count * short if short == 2 and not low else 0
    return parts


def _step(shape: Shape, recipe: FinetuneRecipe, side: int) -> tuple[float, float]:
    """Bytes that autograd keeps of a step with its buffers, and operations of the step."""
    pictures = recipe.batch * (2 if recipe.prior_prompt else 1)
    traced = (
        trace_unet(shape, recipe, side // _cell(shape))
        if recipe.vae == "off"
        else trace_vae(shape, side)
    )
    kept = traced.inputs + traced.largest if recipe.gradient_checkpointing else traced.kept
    passes = 3.0 if "full" in (recipe.unet, recipe.vae) else 2.0
    passes += 1.0 if recipe.gradient_checkpointing else 0.0
    return kept * pictures * WORKSPACE, traced.flops * passes * pictures * recipe.accumulate


def held_in_float32(name: str, kind: str, recipe: FinetuneRecipe, whole: bool) -> bool:
    """Whether a network's weights stay float32 under mixed precision.

    Those that are learned, or that an adapter is folded into, do; frozen ones need no more digits
    than the arithmetic has. The autoencoder always does: tiles are encoded once and for all.
    """
    if recipe.precision == "no" or name == "vae" or kind == "full":
        return True
    if name.startswith("text_encoder") and recipe.token:
        return True
    return whole and kind != "off"


def shape_of(files: ModelFiles) -> Shape:
    """Configurations and parameter counts of a model folder; only headers are read."""
    counts = dict.fromkeys(SECTIONS, 0)
    for path in files.weights:
        name = path.parent.name
        if name == NUMBERS:
            continue  # a thousandth of the U-Net
        with safe_open(str(path), "pt") as opened:
            sizes = [math.prod(opened.get_slice(key).get_shape()) for key in opened.keys()]  # noqa: SIM118
        counts["text_encoder" if name.startswith("text_encoder") else name] += sum(sizes)
    unet, vae = (
        json.loads((files.root / part / "config.json").read_text()) for part in ("unet", "vae")
    )
    return Shape(unet, vae, counts)


def free_memory(device: torch.device) -> float:
    """Bytes that a run may take on a device; infinity where nobody tells."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    found = [_meminfo("MemAvailable")]
    with contextlib.suppress(OSError, ValueError):
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        found.append(float("inf") if limit == "max" else float(int(limit) - used))
    return min(found)


def _meminfo(name: str) -> float:
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024.0 * int(next(one for one in lines if one.startswith(name)).split()[1])
    return float("inf")


def speed(device: torch.device, precision: str) -> float:
    """Operations per second of a matrix product on a card, in a recipe's arithmetic."""
    dtype = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    side = 4096
    a = torch.ones(side, side, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        float((a @ a)[0, 0])  # reading a number waits for the device
        best = min(best, time.perf_counter() - start)
    return 2.0 * side**3 / best


def check_cost(
    shape: Shape, recipe: FinetuneRecipe, side: int, steps: int, device: torch.device
) -> tuple[str, dict[str, Any]]:
    """Say what a run will need, in one line and as figures, or refuse it.

    Raises
    ------
    InputError
        If memory will not do and ``force`` is not set; it names the changes that would help.
    """
    cost = estimate(shape, recipe, side, device.type == "cpu")
    free = free_memory(device)
    if cost.memory > free and not recipe.force:
        raise InputError(
            f"this run needs about {_gib(cost.memory)} and {_gib(free)} are free on {device}. "
            f"{_advice(shape, recipe, side, device, free)}; --set force=true starts all the same"
        )
    line = f"estimate: {_gib(cost.memory)} of {_gib(free)} free for {steps} steps"
    figures = {
        "memory_bytes": round(cost.memory),
        "parts_bytes": {name: round(size) for name, size in cost.parts.items()},
        "free_bytes": round(free) if free != float("inf") else None,
        "flops_per_step": cost.flops,
        "steps": steps,
    }
    if device.type == "cpu":
        # how far a processor falls short of its matrix product hangs on the network too much
        return f"{line}; their time is said after the second", figures
    seconds = cost.flops / (PACE * speed(device, recipe.precision))
    figures["least_seconds_per_step"] = seconds
    return f"{line}; at least {duration(seconds * steps)}", figures


def _advice(
    shape: Shape, recipe: FinetuneRecipe, side: int, device: torch.device, free: float
) -> str:
    """Changes one after the other, until the run fits."""
    said = []
    for text, changed in _savings(recipe, device):
        recipe = dataclasses.replace(recipe, **changed)
        need = estimate(shape, recipe, side, device.type == "cpu").memory
        said.append(f"{text} ({_gib(need)})")
        if need <= free:
            return "It fits with " + ", then ".join(said)
    return "It does not fit even with " + ", then ".join(said)


def _savings(recipe: FinetuneRecipe, device: torch.device) -> Iterator[tuple[str, dict[str, Any]]]:
    if not recipe.gradient_checkpointing:
        yield "gradient_checkpointing = true", {"gradient_checkpointing": True}
    if recipe.batch > 1:
        more = recipe.batch * recipe.accumulate
        yield f"batch = 1 and accumulate = {more}", {"batch": 1, "accumulate": more}
    if recipe.precision == "no":
        yield 'precision = "bf16"', {"precision": "bf16"}
    if recipe.ema:
        yield "ema = 0", {"ema": 0.0}
    if recipe.optimizer == "adamw" and device.type == "cuda":
        yield 'optimizer = "adamw8bit"', {"optimizer": "adamw8bit"}
    if recipe.text_encoder == "full":
        yield 'text_encoder = "lora"', {"text_encoder": "lora"}
    if recipe.vae == "full":
        yield 'vae = "off"', {"vae": "off"}
    if recipe.unet == "full":
        yield 'unet = "lora"', {"unet": "lora"}


def _adapter_share(recipe: FinetuneRecipe) -> float:
    """Trained share of a network's parameters; rank 16 of SD 1.5 is about 1 %."""
    return 0.0007 * recipe.rank


def _cell(shape: Shape) -> int:
    return int(2 ** (len(shape.vae["block_out_channels"]) - 1))


def _widest(shape: Shape) -> int:
    """Channels of the autoencoder at full resolution."""
    return int(shape.vae["block_out_channels"][0])


def _gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
