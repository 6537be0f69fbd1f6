"""Draw held-out scenes led by each of their conditions: condition, result and truth side by side.

    python benchmarks/control_sheet.py --control-model runs/controls --out runs/figures/controls.png

Scenes have seeds that no training used. Without --control-model the shipped control is taken.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from sarloom.generate.control.request import ControlRequest
from sarloom.generate.control.side import residuals
from sarloom.generate.guidance import BY_KIND, USUAL
from sarloom.generate.result import display_threshold
from sarloom.generate.sample import SampleSettings, encode_prompts, sample
from sarloom.models.control import control_folder, load_control
from sarloom.models.embedded import embedded_model_path
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
from sarloom.simulate.build import build_world
from sarloom.simulate.captions import captions
from sarloom.simulate.facts import describe
from sarloom.simulate.maps import LEGEND
from sarloom.simulate.materials import LABELS
from sarloom.simulate.radar import AIRBORNE, reflectivity
from sarloom.train.control_scenes import render_conditions

KINDS = ("sketch", "segmentation", "optical", "satellite", "simulated")


class _Alone:
    """One pass of one network in all steps."""

    def __init__(self, network: object, stack: np.ndarray) -> None:
        self.network, self.picture = network, torch.from_numpy(stack)[None]
        self.request = ControlRequest()

    def at(self, latents, t, text, added, progress):  # type: ignore[no-untyped-def]
        down, middle = residuals(self.network, latents, t, text, self.picture, 1.0, added, "guided")
        return {
            "down_block_additional_residuals": down,
            "mid_block_additional_residual": middle,
        }


def u_of(kind: str, stored: np.ndarray, side: int) -> np.ndarray:
    """A stored condition as pixels [c, side, side] in [0, 1]."""
    if kind == "segmentation":
        stored = np.array([LEGEND[label] for label in LABELS], np.uint8)[stored]
    u = stored.reshape(*stored.shape[:2], -1).transpose(2, 0, 1).astype(np.float32) / 255
    step = side // u.shape[1]
    return u.repeat(step, 1).repeat(step, 2)


def grey(model: LoadedModel, pixels: np.ndarray) -> np.ndarray:
    amplitude = np.sqrt(model.radiometry.to_power(pixels))
    return np.clip(amplitude / display_threshold(amplitude) * 255, 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--control-model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scenes", nargs="+", default=["harbour", "city", "farmland+river"])
    parser.add_argument("--seed", type=int, default=900_000)
    parser.add_argument("--steps", type=int, default=20)
    wanted = parser.parse_args()
    model = load_model("embedded")
    place = wanted.control_model or embedded_model_path()
    control = load_control(control_folder(place), model)
    settings = SampleSettings(wanted.steps, USUAL, "dpm++", "linear")
    rows = []
    for number, kind in enumerate(wanted.scenes):
        seed = wanted.seed + number
        columns, _ = render_conditions(kind, seed, model.radiometry)
        world = build_world(kind, seed, 512)
        truth = reflectivity(world, AIRBORNE, np.random.default_rng([seed, 11]), texture=False)
        words = captions(describe(world), np.random.default_rng([seed, 12]), 8)[0]
        text, plain_text = (
            encode_prompts(model, f"A SAR image of {words}", "", guidance)
            for guidance in (USUAL, 1)
        )
        pictures = [grey(model, model.radiometry.to_pixel(truth.power))]
        plain = sample(model, text, settings, 512, 512, seed).numpy().mean(0)
        pictures.append(grey(model, plain))
        for name in KINDS:
            u = u_of(name, columns[name], 512)
            stack = control.layout.stack({name: u}, 512, 512)
            led = _Alone(control.network, stack)
            own = replace(settings, guidance=BY_KIND.get(name, USUAL))
            told = text if own.guidance > 1 else plain_text
            with torch.inference_mode():
                drawn = sample(model, told, own, 512, 512, seed, controls=led).numpy().mean(0)
            shown = (u.transpose(1, 2, 0) * 255).astype(np.uint8)
            pictures += [shown[..., 0] if shown.shape[2] == 1 else shown, grey(model, drawn)]
        rows.append([Image.fromarray(one).convert("RGB").resize((256, 256)) for one in pictures])
        print(f"{kind} {seed}: {words}", flush=True)
    titles = ["truth", "words alone"] + [part for name in KINDS for part in (name, "led by it")]
    sheet = Image.new("RGB", (260 * len(titles), 16 + 260 * len(rows)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        pen.text((260 * column + 4, 2), title, fill="black")
        for row, line in enumerate(rows):
            sheet.paste(line[column], (260 * column, 16 + 260 * row))
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(wanted.out)
    print(wanted.out)


if __name__ == "__main__":
    main()
