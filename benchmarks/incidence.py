"""Do generated shadows grow with the incidence angle that is asked for?

    python benchmarks/incidence.py --seeds 4 --steps 15 --sheet docs/pictures/incidence.png

A shadow is what lies far below the scene: pixels of the noise-free picture darker than -27 dB in
scenes without water. Prints the share of such pixels per angle, the same for simulated scenes, and
the rank correlation (Spearman) of share and angle over all images. The sheet shows the first seed
of each kind under every angle, generated above simulated, both with speckle of sixteen looks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from scipy import stats

from sarloom.generate.control.controls import Controls
from sarloom.generate.result import display_threshold
from sarloom.generate.run import check_request
from sarloom.generate.sample import SampleSettings, encode_prompts, sample
from sarloom.generate.speckled import lay_speckle
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
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
    parser.add_argument("--sheet", type=Path, help="PNG with the first seed of each kind")
    wanted = parser.parse_args()
    model = load_model(wanted.model)
    dark = model.radiometry.to_pixel(np.array([10 ** (DARK_DB / 10)], np.float32))[0]
    settings = SampleSettings(wanted.steps, 5.0, "dpm++", "linear")
    rows = []
    for kind in wanted.kinds:
        prompt = PROMPTS[kind]
        text = encode_prompts(model, prompt, "", 5.0)
        angles, shares = [], []
        shown: list[list[Image.Image]] = [[], []]
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
                pixel = model.radiometry.to_pixel(power)
                simulated.append(float((pixel < dark).mean()))
                if seed == 0:
                    shown[0].append(picture(image.numpy().mean(0), model))
                    shown[1].append(picture(pixel, model))
            angles += [angle] * wanted.seeds
            shares += drawn
            print(
                f"{kind} {angle:g} deg: dark share generated {np.mean(drawn):.3f}, "
                f"simulated {np.mean(simulated):.3f}",
                flush=True,
            )
        print(f"{kind}: rank correlation {stats.spearmanr(angles, shares).statistic:.2f}")
        rows += shown
    if wanted.sheet is not None:
        save_sheet(rows, wanted.sheet)


def picture(pixel: np.ndarray, model: LoadedModel) -> Image.Image:
    """A picture of the model in sixteen looks, as amplitude."""
    laid = lay_speckle(np.asarray(pixel, np.float32), model.radiometry, 16, 0)
    grey = np.clip(laid.amplitude / display_threshold(laid.amplitude), 0, 1)
    return Image.fromarray(np.asarray(grey * 255, np.uint8)).resize((200, 200))


def save_sheet(rows: list[list[Image.Image]], path: Path) -> None:
    """Rows of pictures with the angles above."""
    side, top = 204, 16
    sheet = Image.new("L", (side * len(ANGLES), top + side * len(rows)), 255)
    draw = ImageDraw.Draw(sheet)
    for column, angle in enumerate(ANGLES):
        draw.text((column * side + 4, 2), f"{angle:g} deg", fill=0)
        for row, pictures in enumerate(rows):
            sheet.paste(pictures[column], (column * side, top + row * side))
    sheet.save(path)


if __name__ == "__main__":
    main()
