"""Peak memory and time per megapixel of large scenes, each in a process of its own.

    python benchmarks/large_memory.py --sizes 1024 2048 4096 8192 --steps 1 --guidance 1

Goals: peak below 3 GiB at 8192 x 8192, time per megapixel constant within 15 %. Seconds are those
of the processor, since other programs may run beside. What a process does once is left out, or it
would weigh on the small scenes alone: two tiny pictures are drawn first, which import what there is
to import, and the seconds that the measured call itself spends on loading the model are taken off.
(To take off those of the first load, which imports torch, would flatter small scenes.) Programs
beside still take caches, so ``--repeat`` draws all sizes several times in turn and counts the
quickest of each. Beside the seconds it prints those of the denoiser and the decoder, and how many
cells they computed per cell of the scene. More steps and guidance take time in proportion and no
more memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from sarloom.models.locate import ModelFiles

NETWORKS = ("denoiser", "decoder")
GOAL_GIB, GOAL_SPREAD = 3.0, 0.15


class Watch:
    """Seconds of the processor within a network, and the cells it was given."""

    def __init__(self, network: Module) -> None:
        self.seconds, self.cells = 0.0, 0
        network.register_forward_pre_hook(self._begin)
        network.register_forward_hook(self._end)

    def _begin(self, network: Module, given: tuple[Tensor, ...]) -> None:
        self.cells += given[0].shape[2] * given[0].shape[3]
        self._began = time.process_time()

    def _end(self, *_: object) -> None:
        self.seconds += time.process_time() - self._began


def child(size: int, steps: int, guidance: float, seed: int, out: Path) -> None:
    """Draw one scene; print figures as JSON."""
    from sarloom.models import load
    from sarloom.models.loaded import LoadedModel
    from sarloom.options.generate import GenerateOptions
    from sarloom.workflows import generate

    kept, loading, watched = load.load_model, 0.0, {}

    def timed(spec: str | Path | ModelFiles, *given: Any) -> LoadedModel:
        nonlocal loading
        began = time.process_time()
        model = kept(spec, *given)
        watched["denoiser"] = Watch(model.parts.unet)
        watched["decoder"] = Watch(model.parts.vae.decoder)
        loading += time.process_time() - began
        return model

    cells = (size // kept("embedded").cell) ** 2
    for small in ("64x64", "1040x16"):  # in one piece and in windows
        generate(GenerateOptions("farmland", size=small, steps=1, guidance=1.0, out=out, threads=1))
    load.load_model = timed  # type: ignore[assignment]
    used, began = time.process_time(), time.perf_counter()
    options = GenerateOptions(
        "A SAR image of a river crossing farmland", size=f"{size}x{size}", steps=steps,
        guidance=guidance, seed=seed, out=out, threads=1,
    )  # fmt: skip
    generate(options)
    figures = {
        "processor_s": time.process_time() - used - loading,
        "passed_s": time.perf_counter() - began,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }
    for name, one in watched.items():
        figures[f"{name}_s"] = one.seconds
        figures[f"{name}_cells"] = one.cells / cells
    figures["denoiser_cells"] /= steps
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048, 4096])
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--guidance", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=1, help="times that all sizes are drawn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("out/large-memory"))
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child is not None:
        child(wanted.child, wanted.steps, wanted.guidance, wanted.seed, wanted.out)
        return
    rates: dict[int, list[float]] = {size: [] for size in wanted.sizes}
    peaks = []
    for size in wanted.sizes * wanted.repeat:
        out = wanted.out / str(size)
        shutil.rmtree(out, ignore_errors=True)
        command = [
            sys.executable, __file__, "--child", str(size), "--steps", str(wanted.steps),
            "--guidance", str(wanted.guidance), "--seed", str(wanted.seed), "--out", str(out),
        ]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        rates[size].append(found["processor_s"] / (size * size / 1e6))
        peaks.append(found["peak_mib"])
        parts = {name: found[f"{name}_s"] / (size * size / 1e6) for name in NETWORKS}
        told = [
            f"{name} {seconds:.2f} for {found[f'{name}_cells']:.3f} cells"
            for name, seconds in parts.items()
        ]
        print(
            f"{size} x {size}: {rates[size][-1]:.2f} s of processor per Mpx "
            f"({', '.join(told)}, the rest {rates[size][-1] - sum(parts.values()):.2f}), "
            f"peak {peaks[-1]:.0f} MiB, {found['passed_s']:.0f} s passed",
            flush=True,
        )
        shutil.rmtree(out, ignore_errors=True)
    least = [min(found) for found in rates.values()]
    spread = max(least) / min(least) - 1
    print(f"time per Mpx within {spread:.0%} (goal {GOAL_SPREAD:.0%})")
    print(f"peak {max(peaks) / 2**10:.2f} GiB (goal {GOAL_GIB:g} GiB)")


if __name__ == "__main__":
    main()
