"""Do generated shadows grow with the incidence angle that is asked for?

    python benchmarks/incidence.py --seeds 6

A shadow is what lies far below the scene: pixels of the noise-free picture darker than -27 dB in
scenes without water. Prints the share of such pixels per angle, the same for simulated scenes, and
the rank correlation (Spearman) of share and angle over all images.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from scipy import stats

from sarloom.generate.control import Controls
from sarloom.generate.run import check_request
from sarloom.generate.sample import SampleSettings, encode_prompts, sample
from sarloom.models.load import load_model
from sarloom.options.generate import GenerateOptions
from sarloom.simulate.build import build_world
from sarloom.simulate.radar import Sensor, reflectivity

ANGLES = (35.0, 45.0, 55.0, 65.0, 73.0)
PROMPTS = {
    "city": "A SAR image of a city with tall buildings",
    "forest": "A SAR image of a forest with a clearing",
    "industry": "A SAR image of an industrial area with halls",
}
DARK_DB = -27.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--kinds", nargs="*", default=sorted(PROMPTS))
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=15)
    wanted = parser.parse_args()
    model = load_model(wanted.model)
    dark = model.radiometry.to_pixel(np.array([10 ** (DARK_DB / 10)], np.float32))[0]
    settings = SampleSettings(wanted.steps, 5.0, "dpm++", "linear")
    for kind in wanted.kinds:
        prompt = PROMPTS[kind]
        text = encode_prompts(model, prompt, "", 5.0)
        angles, shares = [], []
        for angle in ANGLES:
            request = check_request(GenerateOptions(prompt=prompt, incidence_deg=angle))
            controls = Controls(model, request.control, 512, 512)
            drawn, simulated = [], []
            for seed in range(wanted.seeds):
                with torch.inference_mode():
                    image = sample(model, text, settings, 512, 512, seed, controls=controls)
                drawn.append(float((image.numpy().mean(0) < dark).mean()))
                world = build_world(kind, 910_000 + seed, 512)
                sensor = Sensor(incidence_angle_deg=angle)
                rng = np.random.default_rng([seed, 11])
                power = reflectivity(world, sensor, rng, texture=False).power
                simulated.append(float((model.radiometry.to_pixel(power) < dark).mean()))
            angles += [angle] * wanted.seeds
            shares += drawn
            print(
                f"{kind} {angle:g} deg: dark share generated {np.mean(drawn):.3f}, "
                f"simulated {np.mean(simulated):.3f}",
                flush=True,
            )
        print(f"{kind}: rank correlation {stats.spearmanr(angles, shares).statistic:.2f}")


if __name__ == "__main__":
    main()
