"""How long one image takes from process start to file, beside a plain script on stock diffusers.

Both make the same picture: 512 x 512, 20 steps, guidance 5, the same model folder, sampler, seed
and number of threads. Whole processes are timed, alternating, and medians are printed::

    python benchmarks/generate_speed.py [--runs 5] [--model FOLDER] [--size 512] [--steps 20]

Without an embedded model, random weights of the same architecture are used.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src"
PROMPT = "A SAR image of a harbour with ships"

STOCK = """
import sys
import torch
from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

folder, out, size, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
pipe = StableDiffusionPipeline.from_pretrained(folder, torch_dtype=torch.float32)
pipe.scheduler = DPMSolverMultistepScheduler.from_config(pipe.scheduler.config)
image = pipe(
    "A SAR image of a harbour with ships",
    height=size,
    width=size,
    num_inference_steps=steps,
    guidance_scale=5.0,
    generator=torch.Generator().manual_seed(0),
).images[0]
image.save(out + "/stock.png")
"""

OURS = """
import sys
from pathlib import Path
from sarloom.generate.run import run
from sarloom.options.generate import GenerateOptions

folder, out, size, steps = sys.argv[1:5]
prompt = "A SAR image of a harbour with ships"
options = GenerateOptions(
    prompt=prompt,
    model=folder,
    out=Path(out),
    size=size,
    steps=int(steps),
    scheduler="dpm++",
    looks=int(sys.argv[5]) if len(sys.argv) > 5 else None,
    format="tif" if len(sys.argv) > 5 else "png",
)
list(run(options))
"""


def random_embedded(folder: Path) -> Path:
    """A model of the embedded architecture with random weights."""
    import torch

    from sarloom.models.architecture import (
        Architecture,
        make_autoencoder,
        make_scheduler,
        make_text_encoder,
        make_unet,
    )
    from sarloom.models.export import save_model
    from sarloom.models.radiometry import Radiometry
    from sarloom.models.tokenizer import learn_tokenizer

    torch.manual_seed(0)
    arch = Architecture()
    tokenizer = learn_tokenizer([PROMPT, "forest beside a river", "a city", "ploughed fields"])
    save_model(
        folder,
        make_autoencoder(arch),
        make_unet(arch),
        make_text_encoder(arch, tokenizer),
        tokenizer,
        make_scheduler(),
        Radiometry(scale="db", speckle="none", spacing_m=0.35),
    )
    return folder


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall-clock and processor time of one process."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HF_HUB_OFFLINE": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used


def largest_difference(scratch: Path, folder: Path) -> float:
    """Between stock's 8-bit picture and our reflectivity on the same scale, 0 to 1."""
    import numpy as np
    import rasterio
    from PIL import Image

    from sarloom.models.radiometry import Radiometry

    stock = np.asarray(Image.open(scratch / "stock.png"), np.float32).mean(axis=2) / 255
    (path,) = scratch.glob("*.tif")
    with rasterio.open(path) as raster:
        power = raster.read(1) ** 2
    return float(np.abs(Radiometry.load(folder).to_pixel(power) - stock).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=20)
    arguments = parser.parse_args()
    sys.path.insert(0, str(SOURCE))
    from sarloom.models.embedded import EMBEDDED_FOLDER

    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or EMBEDDED_FOLDER
        if not folder.is_dir():
            print("no embedded model here: random weights of its architecture")
            folder = random_embedded(Path(scratch) / "model")
        settings = [str(folder), scratch, str(arguments.size), str(arguments.steps)]
        times: dict[str, list[tuple[float, float]]] = {"sarloom": [], "stock diffusers": []}
        for _ in range(arguments.runs):
            for name, code in (("sarloom", OURS), ("stock diffusers", STOCK)):
                times[name].append(seconds([sys.executable, "-c", code, *settings]))
        seconds([sys.executable, "-c", OURS, *settings, "0"])
        difference = largest_difference(Path(scratch), folder)
    medians = {
        name: [statistics.median(v) for v in zip(*t, strict=True)] for name, t in times.items()
    }
    for name, (wall, used) in medians.items():
        spread = f"{min(times[name])[0]:.2f} to {max(times[name])[0]:.2f}"
        print(
            f"{name:16s} {wall:6.2f} s ({spread} s, {arguments.runs} runs), processor {used:.2f} s"
        )
    ours, stock = medians["sarloom"], medians["stock diffusers"]
    print(f"sarloom is {stock[0] / ours[0]:.2f} times as fast, process start included")
    print(f"and needs {stock[1] / ours[1]:.2f} times less processor time")
    print(f"largest difference between the two pictures before speckle: {difference:.4f} of 1")


if __name__ == "__main__":
    main()
