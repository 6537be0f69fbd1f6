"""What the embedded autoencoder keeps: error of its reconstruction, from clean and speckled input.

    python benchmarks/autoencoder.py --scenes 48

Held-out simulated scenes, speckle-free truth. Beside the encoder alone stands the classical way:
Lee's filter, alone and in front of the encoder.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from sarloom.models.load import load_model
from sarloom.train.scenes import load_scenes, make_scenes

FloatArray = NDArray[np.float32]


def lee_filter(power: FloatArray, window: int = 7) -> FloatArray:
    """Lee (1980): x = m + k (I - m) with k = 1 - (1/L) / CV^2, here for one look."""
    mean = uniform_filter(power, window, mode="reflect")
    variance = np.maximum(uniform_filter(power**2, window, mode="reflect") - mean**2, 0)
    gain = np.clip(1 - mean**2 / np.maximum(variance, 1e-20), 0, 1)
    return np.asarray(mean + gain * (power - mean), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=48)
    parser.add_argument("--cache", type=Path, default=Path("runs/figures/held-out"))
    parser.add_argument("--model", default="embedded")
    options = parser.parse_args()
    model = load_model(options.model)
    scale = model.radiometry
    make_scenes(options.cache, 480, 50_000_000, 512, scale, 0.3, 2, lambda _: None)
    pixels = load_scenes(options.cache).pixels[:: 480 // options.scenes].astype(np.float32) / 255

    def through(pixel: FloatArray) -> FloatArray:
        picture = torch.from_numpy(pixel)[None, None].expand(1, 3, -1, -1)
        with torch.inference_mode():
            return model.decode(model.encode(picture))[0].mean(0).numpy()

    errors: dict[str, list[float]] = {}
    rng = np.random.default_rng(0)
    for clean in pixels:
        noisy = scale.to_power(clean) * rng.exponential(1, clean.shape).astype(np.float32)
        ways = {
            "autoencoder, clean input": through(clean),
            "autoencoder, single-look input": through(scale.to_pixel(noisy)),
            "Lee's filter alone": scale.to_pixel(lee_filter(noisy)),
            "Lee's filter, then autoencoder": through(scale.to_pixel(lee_filter(noisy))),
            "single-look input as it is": scale.to_pixel(noisy),
        }
        for name, result in ways.items():
            gap = np.abs(result - clean).mean() * (scale.high_db - scale.low_db)
            errors.setdefault(name, []).append(float(gap))
    with torch.inference_mode():
        latents = torch.cat(
            [model.encode(torch.from_numpy(p)[None, None].expand(1, 3, -1, -1)) for p in pixels]
        )
    for lag in (1, 2, 4):
        alike = latents[..., :-lag] * latents[..., lag:]
        share = alike.mean((0, 2, 3)) / latents.square().mean((0, 2, 3))
        print(f"correlation of latents {lag} cell(s) apart along range: {share.mean():.2f}")
    print(f"mean absolute error against speckle-free truth, {len(pixels)} held-out scenes [dB]")
    for name, values in errors.items():
        print(f"{name:<34} {np.median(values):.2f}")


if __name__ == "__main__":
    main()
