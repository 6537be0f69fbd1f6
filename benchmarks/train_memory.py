"""Whether a LoRA step of a large base fits this machine, at full size and with random weights.

The networks of Stable Diffusion 1.5 and SDXL are built from the sizes below, filled with small
random numbers and trained for a few steps by the same code as a real run: frozen weights bfloat16,
adapters and optimiser in float32, gradient checkpointing, batch 1. Peak memory is that of a process
of its own, beside what ``sarloom train`` estimates before it starts::

    python benchmarks/train_memory.py [--base sd15 sdxl] [--size 512] [--steps 2] [--rank 16]

``--recipes`` trains nothing and prints the estimate of every recipe of these bases.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
CLIP_L = {
    "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "projection_dim": 768,
    "num_hidden_layers": 12, "num_attention_heads": 12, "max_position_embeddings": 77,
    "hidden_act": "quick_gelu", "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1,
}  # fmt: skip
CLIP_G = {
    **CLIP_L, "hidden_size": 1280, "intermediate_size": 5120, "projection_dim": 1280,
    "num_hidden_layers": 32, "num_attention_heads": 20, "hidden_act": "gelu",
}  # fmt: skip
VAE = {
    "block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4,
}  # fmt: skip
UNETS: dict[str, dict[str, Any]] = {
    "sd15": {
        "block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 768,
        "attention_head_dim": 8, "sample_size": 64,
    },
    "sdxl": {
        "block_out_channels": (320, 640, 1280), "cross_attention_dim": 2048,
        "attention_head_dim": (5, 10, 20), "sample_size": 128, "use_linear_projection": True,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "transformer_layers_per_block": (1, 2, 10), "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
    },
}  # fmt: skip
SIDE = {"sd15": 512, "sdxl": 1024}
SCALING = {"sd15": 0.18215, "sdxl": 0.13025}


def filled(build: Any, dtype: Any, device: Any = "cpu") -> Any:
    """A network of small random numbers, made without passing through its own slow start."""
    import torch

    from sarloom.models.load import quiet_libraries

    with quiet_libraries(), torch.device("meta"):
        net = build().to(dtype)
    net = net.to_empty(device=device).requires_grad_(False).eval()
    # one block of noise, laid out again and again: drawing billions of numbers takes minutes
    noise = (torch.randn(2**20 + 7) * 0.02).to(device, dtype)
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "norm" in name and name.endswith("weight"):
                p.fill_(1.0)
                continue
            flat = p.view(-1)
            for start in range(0, flat.numel(), len(noise)):
                part = flat[start : start + len(noise)]
                part.copy_(noise[: len(part)])
        for name, buffer in net.named_buffers():
            if name.endswith("position_ids"):
                buffer.copy_(torch.arange(buffer.shape[-1])[None])
    return net


def random_base(base: str, precision: str, device: Any = "cpu") -> Any:
    """A loaded model of full size with random weights."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from sarloom.models.families import FAMILIES
    from sarloom.models.load import load_model
    from sarloom.models.loaded import Components, LoadedModel
    from sarloom.models.radiometry import Radiometry

    low = torch.float32 if precision == "no" else torch.bfloat16
    large = base == "sdxl"
    words = load_model("embedded").parts.tokenizers[0]  # its words are numbers below 49408 too
    encoders = [filled(lambda: CLIPTextModel(CLIPTextConfig(**CLIP_L)), low, device)]
    if large:
        second = CLIPTextConfig(**CLIP_G)
        encoders.append(filled(lambda: CLIPTextModelWithProjection(second), low, device))
    parts = Components(
        unet=filled(lambda: UNet2DConditionModel(**UNETS[base]), low, device),
        vae=filled(
            lambda: AutoencoderKL(**VAE, scaling_factor=SCALING[base]), torch.float32, device
        ),
        text_encoders=tuple(encoders),
        tokenizers=(words,) * len(encoders),
        scheduler_config={
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "beta_schedule": "scaled_linear",
            "prediction_type": "epsilon",
        },
        index={},
    )
    family = FAMILIES["StableDiffusionXLPipeline" if large else "StableDiffusionPipeline"]
    place = torch.device(device)
    return LoadedModel(base, base, family, parts, Radiometry(), "random", place, low)


def shape_of_base(base: str, model: Any) -> Any:
    """What the estimate before a run is made from."""
    from sarloom.train.finetune.cost import Shape

    def count(*nets: Any) -> int:
        return sum(p.numel() for net in nets for p in net.parameters())

    counts = {
        "unet": count(model.parts.unet),
        "vae": count(model.parts.vae),
        "text_encoder": count(*model.parts.text_encoders),
    }
    return Shape(dict(model.parts.unet.config), VAE, counts)


def train(base: str, side: int, steps: int, rank: int, precision: str) -> dict[str, Any]:
    """A few LoRA steps in this process; figures of them."""
    import torch

    from sarloom.options.finetune import FinetuneRecipe
    from sarloom.train.finetune import cost
    from sarloom.train.finetune.examples import Examples
    from sarloom.train.finetune.run import settings_of
    from sarloom.train.finetune.task import FinetuneTask
    from sarloom.train.loop import run

    started = time.monotonic()
    recipe = FinetuneRecipe(
        unet="lora", rank=rank, alpha=float(rank), batch=1, steps=steps, precision=precision,
        gradient_checkpointing=True, warmup_steps=0, caption_dropout=0.0,
    )  # fmt: skip
    model = random_base(base, precision)
    estimated = cost.estimate(shape_of_base(base, model), recipe, side, on_cpu=False)
    built = time.monotonic() - started
    cells = side // model.cell
    latents = torch.randn((2, 4, cells, cells), generator=torch.Generator().manual_seed(0))
    examples = Examples(latents, [["a city"], ["a forest"]], ["a", "b"])
    task = FinetuneTask(model, recipe, examples)
    trained = sum(p.numel() for group in task.groups() for p in group.parameters)
    settings = dataclasses.replace(settings_of(recipe, 2), log_every=1, checkpoint_every=10**6)
    stamps, used = [time.monotonic()], [time.process_time()]
    with tempfile.TemporaryDirectory() as scratch:

        def tell(line: str) -> None:
            stamps.append(time.monotonic())
            used.append(time.process_time())
            print(f"  {line}", file=sys.stderr, flush=True)

        run(task, settings, Path(scratch), tell)
        log = [json.loads(one) for one in (Path(scratch) / "log.jsonl").read_text().splitlines()]
    if not all(math.isfinite(row["loss"]) for row in log):
        raise SystemExit(f"{base}: loss is not finite: {log}")
    return {
        "trained": trained,
        "frozen": sum(shape_of_base(base, model).counts.values()),
        "built_s": built,
        "seconds": [b - a for a, b in itertools.pairwise(stamps)],
        "processor_s": [b - a for a, b in itertools.pairwise(used)],
        "losses": [row["loss"] for row in log],
        "estimated_gib": estimated.memory / 2**30,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def print_recipes() -> None:
    """Estimated memory and arithmetic of a step of each recipe of a large base."""
    import torch
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from sarloom.options.finetune import FinetuneRecipe
    from sarloom.options.toml import load_table
    from sarloom.train.finetune import cost

    def count(net: Any) -> int:
        return sum(p.numel() for p in net.parameters())

    with torch.device("meta"):
        clip = count(CLIPTextModel(CLIPTextConfig(**CLIP_L)))
        texts = {"sd15": clip}
        texts["sdxl"] = clip + count(CLIPTextModelWithProjection(CLIPTextConfig(**CLIP_G)))
        vae = count(AutoencoderKL(**VAE))
        unets = {base: UNet2DConditionModel(**config) for base, config in UNETS.items()}
    trace, known = cost.trace_unet, {}

    def once(shape: Any, recipe: Any, cells: int) -> Any:
        # many recipes share one pass through the network
        text = recipe.text_encoder != "off" or bool(recipe.token)
        kind = recipe.unet if recipe.unet in ("off", "full") else "adapter"
        key = (cells, kind, recipe.precision, text)
        if key not in known:
            known[key] = trace(shape, recipe, cells)
        return known[key]

    cost.trace_unet = once
    for path in sorted((SOURCE.parent / "recipes").glob("*.toml")):
        base = next((one for one in UNETS if one in path.name), None)
        if base is None:
            continue
        recipe = load_table(FinetuneRecipe, path)
        if recipe.control != "off":
            continue  # another network is trained, which this does not count
        counts = {"unet": count(unets[base]), "vae": vae, "text_encoder": texts[base]}
        shape = cost.Shape(dict(unets[base].config), VAE, counts)
        found = cost.estimate(shape, recipe, SIDE[base], on_cpu=False)
        print(
            f"{path.name:26s} batch {recipe.batch:2d} x {recipe.accumulate:2d} at {SIDE[base]}: "
            f"{found.memory / 2**30:5.1f} GiB, {found.flops / 1e12:6.1f} TFLOP a step",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", nargs="+", choices=sorted(UNETS), default=sorted(UNETS))
    parser.add_argument("--size", type=int, default=0, help="pixels; 0: 512, and 1024 of SDXL")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--precision", choices=("no", "bf16"), default="bf16")
    parser.add_argument("--here", action="store_true", help="in this process, as JSON")
    parser.add_argument("--recipes", action="store_true", help="only print estimates")
    chosen = parser.parse_args()
    sys.path.insert(0, str(SOURCE))
    if chosen.recipes:
        print_recipes()
        return
    if chosen.here:
        side = chosen.size or SIDE[chosen.base[0]]
        found = train(chosen.base[0], side, chosen.steps, chosen.rank, chosen.precision)
        print(json.dumps(found))
        return
    for base in chosen.base:
        side = chosen.size or SIDE[base]
        command = [
            sys.executable, __file__, "--here", "--base", base, "--size", str(side),
            "--steps", str(chosen.steps), "--rank", str(chosen.rank),
            "--precision", chosen.precision,
        ]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        row = json.loads(done.stdout.splitlines()[-1])
        seconds = ", ".join(f"{one:.1f}" for one in row["seconds"])
        used = ", ".join(f"{one:.1f}" for one in row["processor_s"])
        print(
            f"{base} LoRA rank {chosen.rank}, batch 1 at {side}, {chosen.precision}: "
            f"{row['frozen'] / 1e6:.0f} M frozen, {row['trained'] / 1e6:.1f} M trained; "
            f"peak {row['peak_gib']:.1f} GiB (estimate {row['estimated_gib']:.1f}); "
            f"steps of {seconds} s, processor {used} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
