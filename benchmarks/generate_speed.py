"""How long one image takes from process start to file, beside a plain script on stock diffusers.

Both make the same picture: 512 x 512, 20 steps, guidance 5, the same model folder, sampler, seed
and number of threads. Whole processes are timed, alternating, and medians are printed::

    python benchmarks/generate_speed.py [--runs 5] [--model FOLDER] [--size 512] [--steps 20]

Without an embedded model, random weights of the same architecture are used.
"""

from __future__ import annotations

import argparse
import os
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
    prompt=prompt, model=folder, out=Path(out), size=size, steps=int(steps), scheduler="dpm++"
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


def seconds(command: list[str]) -> float:
    """Wall-clock time of one process."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "HF_HUB_OFFLINE": "1"}
    start = time.perf_counter()
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return time.perf_counter() - start


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
        times: dict[str, list[float]] = {"sarloom": [], "stock diffusers": []}
        for _ in range(arguments.runs):
            for name, code in (("sarloom", OURS), ("stock diffusers", STOCK)):
                times[name].append(seconds([sys.executable, "-c", code, *settings]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, values in times.items():
        spread = f"{min(values):.2f} to {max(values):.2f}"
        print(f"{name:16s} {medians[name]:6.2f} s  ({spread} s, {len(values)} runs)")
    ratio = medians["stock diffusers"] / medians["sarloom"]
    print(f"sarloom is {ratio:.2f} times as fast, process start included")


if __name__ == "__main__":
    main()
