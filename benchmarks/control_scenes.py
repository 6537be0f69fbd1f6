"""Render the condition pictures that the shipped controls are trained on.

    python benchmarks/control_scenes.py --out runs/control-scenes --scenes 1008

Seeds and kinds are those of recipes/embedded.toml. Stopped at any moment, the same command goes on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from sarloom.models.load import load_model
from sarloom.options.recipe import EmbeddedRecipe
from sarloom.options.toml import load_table
from sarloom.train.control_scenes import make_condition_shard
from sarloom.train.scenes import SHARD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", type=int, default=1008)
    parser.add_argument("--recipe", type=Path, default=Path("recipes/embedded.toml"))
    wanted = parser.parse_args()
    recipe = load_table(EmbeddedRecipe, wanted.recipe)
    model = load_model("embedded")

    @torch.inference_mode()
    def encode(pixels: np.ndarray) -> np.ndarray:
        grey = torch.from_numpy(pixels)[:, None].expand(-1, 3, -1, -1).contiguous()
        return model.encode(grey).numpy().astype(np.float16)

    wanted.out.mkdir(parents=True, exist_ok=True)
    shards = -(-wanted.scenes // SHARD)
    for number in range(shards):
        started = time.monotonic()
        path = make_condition_shard(
            wanted.out, number, recipe.seed, model.radiometry, recipe.mixture_share, encode,
            recipe.size,
        )  # fmt: skip
        print(path, f"{time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
