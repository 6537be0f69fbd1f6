"""Peak memory and time per megapixel of large scenes, each in a process of its own.

    python benchmarks/large_memory.py --sizes 1040 2048 4096 8192 --steps 1 --guidance 1

Goals: peak below 3 GiB at 8192 x 8192, time per megapixel constant within 15 %. Seconds are those
of the processor, since other programs may run beside; what loading the model takes is measured
first and left out. Programs beside still take caches and the other thread of a core, so
``--repeat`` draws all sizes several times in turn and counts the quickest of each. More steps and
guidance take time in proportion and no more memory.
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

GOAL_GIB, GOAL_SPREAD = 3.0, 0.15


def child(size: int, steps: int, guidance: float, seed: int, out: Path) -> None:
    """Draw one scene; print figures as JSON."""
    from sarloom.models.load import load_model
    from sarloom.options.generate import GenerateOptions
    from sarloom.workflows import generate

    used = time.process_time()
    load_model("embedded")
    loading = time.process_time() - used
    used, began = time.process_time(), time.perf_counter()
    options = GenerateOptions(
        "A SAR image of a river crossing farmland", size=f"{size}x{size}", steps=steps,
        guidance=guidance, seed=seed, out=out, threads=1,
    )  # fmt: skip
    generate(options)
    figures = {
        "processor_s": time.process_time() - used - loading,
        "passed_s": time.perf_counter() - began,
        "loading_s": loading,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }
    print(json.dumps(figures))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1040, 2048, 4096])
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
        print(
            f"{size} x {size}: {rates[size][-1]:.2f} s of processor per Mpx, peak {peaks[-1]:.0f} "
            f"MiB ({found['passed_s']:.0f} s passed)",
            flush=True,
        )
        shutil.rmtree(out, ignore_errors=True)
    least = [min(found) for found in rates.values()]
    spread = max(least) / min(least) - 1
    print(f"time per Mpx within {spread:.0%} (goal {GOAL_SPREAD:.0%})")
    print(f"peak {max(peaks) / 2**10:.2f} GiB (goal {GOAL_GIB:g} GiB)")


if __name__ == "__main__":
    main()
