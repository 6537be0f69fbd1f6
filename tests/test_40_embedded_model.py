"""The model that ships with the package: what is in the folder, and what comes out of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sarloom
import sarloom.models.load
import sarloom.models.radiometry
from sarloom.sar.speckle import log_moments
from sarloom.simulate.build import build_world
from sarloom.simulate.radar import AIRBORNE, reflectivity

SCRIPT = """
import sys, numpy as np, torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
pipe = StableDiffusionPipeline.from_pretrained(sys.argv[1], torch_dtype=torch.float32)
pipe.set_progress_bar_config(disable=True)
latents = torch.randn((1, 8, 16, 16), generator=torch.Generator().manual_seed(3))
image = pipe(
    "A SAR image of a forest", height=256, width=256, num_inference_steps=4, guidance_scale=5.0,
    latents=latents, output_type="np",
).images[0]
np.save(sys.argv[2], image)
assert not any(name.startswith("sarloom") for name in sys.modules)
"""


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(sarloom.embedded_model_path())


def test_the_folder_is_small_and_holds_safetensors_only(folder: Path) -> None:
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 60e6
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".ckpt", ".pkl"}]


def test_the_card_names_data_licence_figures_and_weaknesses(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    for word in ("MSTAR", "Umbra", "Gotcha", "Apache-2.0", "Weaknesses", "Figures", "steps"):
        assert word in card, word


def test_stock_diffusers_draws_the_same_picture_without_this_package(
    folder: Path, tmp_path: Path
) -> None:
    stock_file = tmp_path / "stock.npy"
    subprocess.run([sys.executable, "-c", SCRIPT, str(folder), str(stock_file)], check=True)
    stock = np.load(stock_file)
    ours = sarloom.generate(
        "A SAR image of a forest",
        seed=3,
        size=256,
        steps=4,
        guidance=5.0,
        scheduler="ddim",
        looks=0,
    )[0]
    radiometry = sarloom.models.radiometry.Radiometry.load(folder)
    assert np.abs(stock.max(axis=2) - stock.min(axis=2)).max() < 0.1  # grey
    pixel = radiometry.to_pixel(ours.amplitude**2)
    assert np.abs(pixel - stock.mean(axis=2)).max() < 5e-3


def test_single_look_output_has_the_law_of_speckle() -> None:
    image = sarloom.generate("A SAR image of farmland", seed=2, size=512, steps=6)[0]
    # speckle is what remains when the expected power is divided out; the impulse response mixes
    # neighbours, so only where that power is smooth
    ratio = image.amplitude.astype(np.float64) ** 2 / image.sigma_nought
    gradient = np.hypot(*np.gradient(np.log(image.sigma_nought)))
    calm = ratio[gradient < np.quantile(gradient, 0.5)]
    law = log_moments(1)
    assert calm.mean() == pytest.approx(1.0, abs=0.03)
    assert calm.mean() ** 2 / calm.var() == pytest.approx(1.0, abs=0.1)
    amplitude = np.sqrt(calm)
    assert amplitude.std() / amplitude.mean() == pytest.approx(0.52272, abs=0.02)
    assert np.log(calm).mean() == pytest.approx(law.log_mean, abs=0.03)


def test_words_change_the_picture_more_than_nothing() -> None:
    water, city = (
        sarloom.generate(f"A SAR image of {what}", seed=4, size=256, steps=8, looks=0)[0]
        for what in ("open water and a coast", "a city")
    )
    gap_db = 20 * np.log10(city.amplitude.mean() / water.amplitude.mean())
    assert gap_db > 3.0


def test_the_autoencoder_takes_speckle_off(folder: Path) -> None:
    import torch

    model = sarloom.models.load.load_model("embedded")
    radiometry = model.radiometry
    rng = np.random.default_rng(0)
    world = build_world("farmland", 4)
    clean = radiometry.to_pixel(reflectivity(world, AIRBORNE, rng, texture=False).power)
    noise = rng.exponential(size=clean.shape).astype(np.float32)
    noisy = radiometry.to_pixel(radiometry.to_power(clean) * noise)
    picture = torch.from_numpy(noisy)[None, None].expand(1, 3, -1, -1)
    with torch.inference_mode():
        decoded = model.decode(model.encode(picture))[0].mean(0).numpy()
    span_db = radiometry.high_db - radiometry.low_db
    calm = np.hypot(*np.gradient(clean)) < 0.002
    error = (decoded - clean)[calm] * span_db
    assert calm.mean() > 0.2
    assert abs(float(np.median(error))) < 1.0  # the level is kept: single look alone is -1.6 dB off
    assert float(error.std()) < 0.6 * float((noisy - clean)[calm].std()) * span_db
