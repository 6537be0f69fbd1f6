"""How fast full fine-tuning of a U-Net is, beside a plain loop.

The plain loop does what the usual example script of text-to-image fine-tuning does: each step
encodes its pictures with the autoencoder and its captions with the text encoder, predicts, and
takes an AdamW step with torch's defaults. Ours is the loop of ``sarloom train``. Same model,
pictures, batch, precision, device and threads; rounds of both alternate, the first step of a round
is not counted, and medians are printed::

    python benchmarks/train_throughput.py [--batch 4] [--size 512] [--precision no]

On a GPU the large bases, with random weights of full size (share of peak for an H100)::

    python benchmarks/train_throughput.py --base sd15 sdxl --device cuda --precision bf16 \\
        --batch 8 --checkpointing --peak 989
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
SIZES = {"embedded": 512, "sd15": 512, "sdxl": 1024}
CAPTIONS = ["a forest", "a harbour with ships", "farmland beside a river", "a city"]


def make_model(base: str, device: str) -> Any:
    """A base ready for training, weights float32."""
    if base == "embedded":
        from sarloom.models.load import load_model

        return load_model("embedded", device, "float32", library_networks=True)
    from train_memory import random_base

    return random_base(base, "no", device)


def make_pictures(count: int, side: int) -> Any:
    """Smooth random pictures in [0, 1] [n, 3, side, side]."""
    import torch

    coarse = torch.rand((count, 1, 16, 16), generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, size=side, mode="bicubic").clamp(0, 1)
    return smooth.expand(-1, 3, -1, -1)


def wait(device: str) -> None:
    import torch

    if device.startswith("cuda"):
        torch.cuda.synchronize()


def plain(
    model: Any, pictures: Any, batch: int, steps: int, precision: str, checkpointing: bool
) -> Iterator[float]:
    """Seconds of each step of the plain loop."""
    import torch
    import torch.nn.functional as F
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState
    from diffusers import DDPMScheduler
    from torch.utils.data import DataLoader

    from sarloom.models.load import quiet_libraries

    AcceleratorState._reset_state()
    device = model.device
    accelerator = Accelerator(
        mixed_precision={"no": "no", "bf16": "bf16"}[precision], cpu=device.type == "cpu"
    )
    unet, vae = model.parts.unet, model.parts.vae
    low = torch.float32 if precision == "no" else torch.bfloat16
    with quiet_libraries():
        for frozen in (vae, *model.parts.text_encoders):
            frozen.requires_grad_(False).to(low)
    unet.requires_grad_(True).train()
    if checkpointing:
        unet.enable_gradient_checkpointing()
    config = {k: v for k, v in model.parts.scheduler_config.items() if not k.startswith("_")}
    scheduler = DDPMScheduler.from_config(config)
    optimiser = torch.optim.AdamW(unet.parameters(), lr=1e-5)
    rows = [{"picture": p * 2 - 1, "caption": n % len(CAPTIONS)} for n, p in enumerate(pictures)]
    loader = DataLoader(rows, batch_size=batch, shuffle=True, drop_last=True)  # type: ignore[arg-type]
    done = 0
    while done < steps:
        for rows_of_step in loader:
            wait(str(device))
            start = time.perf_counter()
            pixels = rows_of_step["picture"].to(device, low)
            with torch.no_grad():
                latents = vae.encode(pixels).latent_dist.sample() * vae.config.scaling_factor
                words = [CAPTIONS[int(n)] for n in rows_of_step["caption"]]
                text = model.encode_text(words)
            noise = torch.randn_like(latents)
            t = torch.randint(
                0, scheduler.config.num_train_timesteps, (len(latents),), device=device
            )
            noisy = scheduler.add_noise(latents, noise, t)
            target = noise
            if scheduler.config.prediction_type == "v_prediction":
                target = scheduler.get_velocity(latents, noise, t)
            height, width = pixels.shape[-2:]
            added = model.family.added_conditions(text, width, height)
            with accelerator.autocast():
                predicted = unet(noisy, t, text.context, added_cond_kwargs=added).sample
                loss = F.mse_loss(predicted.float(), target.float(), reduction="mean")
            accelerator.backward(loss)
            torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            float(loss.detach())
            wait(str(device))
            yield time.perf_counter() - start
            done += 1
            if done == steps:
                break


def ours(
    model: Any, pictures: Any, batch: int, steps: int, precision: str, checkpointing: bool
) -> tuple[list[float], float]:
    """Seconds of each step of sarloom's loop, and of encoding all pictures beforehand."""
    import torch

    from sarloom.options.finetune import FinetuneRecipe
    from sarloom.train.finetune.examples import Examples
    from sarloom.train.finetune.run import in_format, settings_of
    from sarloom.train.finetune.task import FinetuneTask
    from sarloom.train.loop import run

    recipe = FinetuneRecipe(
        unet="full", batch=batch, steps=steps, precision=precision, warmup_steps=0,
        gradient_checkpointing=checkpointing, caption_dropout=0.0,
    )  # fmt: skip
    model.parts.vae.float()
    start = time.perf_counter()
    with torch.inference_mode():
        latents = torch.cat([model.encode(one).cpu() for one in pictures.split(batch)])
    wait(str(model.device))
    encoding = time.perf_counter() - start
    captions = [[CAPTIONS[n % len(CAPTIONS)]] for n in range(len(pictures))]
    examples = Examples(latents, captions, [str(n) for n in range(len(pictures))])
    task = FinetuneTask(in_format(model, recipe), recipe, examples)
    settings = dataclasses.replace(
        settings_of(recipe, len(pictures)), log_every=1, checkpoint_every=10**6
    )
    stamps: list[float] = []

    def tell(line: str) -> None:
        wait(str(model.device))
        stamps.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as scratch:
        run(task, settings, Path(scratch), tell, device=model.device)
    return [b - a for a, b in itertools.pairwise(stamps)], encoding


def compare(base: str, chosen: argparse.Namespace) -> None:
    import torch

    side = chosen.size or SIZES[base]
    pictures = make_pictures(max(16, 2 * chosen.batch), side)
    times: dict[str, list[float]] = {"plain": [], "sarloom": []}
    memory: dict[str, float] = {}
    encodings = []
    settings = chosen.batch, chosen.steps + 1, chosen.precision, chosen.checkpointing
    for _ in range(chosen.rounds):
        for name in times:
            model = make_model(base, chosen.device)
            if model.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats()
            if name == "plain":
                times[name] += list(plain(model, pictures, *settings))[1:]
            else:
                found, encoding = ours(model, pictures, *settings)
                times[name] += found
                encodings.append(encoding)
            if model.device.type == "cuda":
                memory[name] = torch.cuda.max_memory_allocated() / 2**30
            del model
    medians = {name: statistics.median(values) for name, values in times.items()}
    place = f"{base} at {side}, batch {chosen.batch}, {chosen.precision}, {chosen.device}"
    for name, seconds in medians.items():
        values = times[name]
        more = f", peak {memory[name]:.1f} GiB" if name in memory else ""
        print(
            f"{place}, {name}: {chosen.batch / seconds:.2f} images/s, {seconds:.2f} s a step "
            f"({min(values):.2f} to {max(values):.2f}, {len(values)} steps){more}"
        )
    print(f"sarloom is {medians['plain'] / medians['sarloom']:.2f} times as fast, step by step")
    once = statistics.median(encodings) / len(pictures) * chosen.batch
    for passes in (1, 4, 12):
        whole = medians["plain"] / (medians["sarloom"] + once / passes)
        print(f"  with the one-off encoding spread over {passes} passes: {whole:.2f} times")
    if chosen.peak:
        share = _flops(base, side, chosen) / medians["sarloom"] / (chosen.peak * 1e12)
        print(f"  arithmetic of a step: {100 * share:.0f} % of {chosen.peak} TFLOP/s")


def _flops(base: str, side: int, chosen: argparse.Namespace) -> float:
    """Of a step without what checkpointing computes twice."""
    from train_memory import UNETS, VAE

    from sarloom.options.finetune import FinetuneRecipe
    from sarloom.train.finetune.cost import Shape, trace_unet

    if base == "embedded":
        config = dict(make_model(base, "cpu").parts.unet.config)
        cells = side // make_model(base, "cpu").cell
    else:
        config = {"in_channels": 4, **UNETS[base]}
        cells = side // 8
    shape = Shape(config, VAE, {})
    return 3 * trace_unet(shape, FinetuneRecipe(), cells).flops * float(chosen.batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", nargs="+", choices=sorted(SIZES), default=["embedded"])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=0)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", choices=("no", "bf16"), default="no")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--peak", type=float, default=0.0, help="TFLOP/s of the device")
    chosen = parser.parse_args()
    sys.path[:0] = [str(SOURCE), str(Path(__file__).parent)]
    for base in chosen.base:
        compare(base, chosen)


if __name__ == "__main__":
    main()
