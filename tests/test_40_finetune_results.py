"""What a fine-tuned model says of itself, and autoencoders: schedule, speckle, latents, size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from chip_sets import chip_set
from sarloom.errors import InputError
from sarloom.generate.schedule import build_scheduler, library_scheduler
from sarloom.generate.solvers import SOLVERS
from sarloom.models.load import load_model
from sarloom.models.noise import CLASSES, zero_terminal_config
from sarloom.models.radiometry import Radiometry
from sarloom.options.finetune import FinetuneRecipe
from sarloom.options.generate import GenerateOptions
from sarloom.tiles.store import open_tiles
from sarloom.train.finetune.curve import read_log
from sarloom.train.finetune.reconstruct import Latents, load_pixels
from sarloom.train.finetune.run import finetune
from sarloom.train.finetune.scale import enlarged, pixels_of, speckle_of
from tiny_models import save_model

SIZE = 32


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chip_set(tmp_path_factory.mktemp("set") / "tiles")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predicts v, on decibels without speckle, as the embedded model's pixels are."""
    folder = tmp_path_factory.mktemp("bases") / "sd21"
    return save_model(
        folder, "sd21", scale="db", speckle="none", calibration="sigma_nought", spacing_m=0.35
    )


def recipe_of(base: Path, **changes: Any) -> FinetuneRecipe:
    values: dict[str, Any] = {
        "base": str(base), "unet": "off", "steps": 3, "batch": 2, "size": SIZE, "rank": 4,
        "learning_rate": 1e-3, "vae_learning_rate": 2e-3, "warmup_steps": 0, "cooldown": 0.0,
        "memorised": 0,
    }  # fmt: skip
    return FinetuneRecipe(**{**values, **changes})


# -- the schedule ----------------------------------------------------------------------------------


def test_a_model_trained_to_noise_alone_is_sampled_so_here_and_in_diffusers(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    from diffusers import StableDiffusionPipeline

    from sarloom.generate.sample import SampleSettings, encode_prompts, initial_noise, sample

    recipe = recipe_of(base, unet="full", zero_terminal_snr=True, steps=1)
    folder = finetune(recipe, tiles, tmp_path / "run", quiet)
    model = load_model(folder)
    settings = SampleSettings(steps=5, guidance=3.0, scheduler="ddim", spacing="linear")
    with torch.inference_mode():
        text = encode_prompts(model, "a city", "", 3.0)
    ours = sample(model, text, settings, SIZE, SIZE, seed=3).numpy()
    pipe = StableDiffusionPipeline.from_pretrained(folder)  # its scheduler as it was saved
    pipe.set_progress_bar_config(disable=True)
    assert float(pipe.scheduler.alphas_cumprod[-1]) == 0.0
    noise = initial_noise(model, SIZE, SIZE, 3)
    theirs = pipe(
        "a city", height=SIZE, width=SIZE, latents=noise, num_inference_steps=5,
        guidance_scale=3.0, output_type="np",
    ).images[0]  # fmt: skip
    assert int(pipe.scheduler.timesteps[0]) == 999
    assert ours.std() > 0.01
    np.testing.assert_allclose(ours, np.asarray(theirs).transpose(2, 0, 1), atol=2e-3)
    # the base's own schedule would have given another picture
    plain = load_model(base).parts.scheduler_config
    model.parts.scheduler_config.clear()
    model.parts.scheduler_config.update(plain)
    assert np.abs(sample(model, text, settings, SIZE, SIZE, seed=3).numpy() - ours).max() > 0.01


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_of_that_schedule_equal_the_library(name: str) -> None:
    config = zero_terminal_config(
        {
            "_class_name": "PNDMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "prediction_type": "v_prediction",
            "skip_prk_steps": True,
        }
    )  # fmt: skip
    assert config["_class_name"] in CLASSES and "skip_prk_steps" not in config
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    results = []
    pair = build_scheduler(name, "linear", config), library_scheduler(name, "linear", config)
    assert not type(pair[0]).__module__.startswith("diffusers")
    for scheduler in pair:
        scheduler.set_timesteps(7)
        z = noise * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            scaled = scheduler.scale_model_input(z, t)
            z = scheduler.step(torch.sin(2 * scaled), t, z, return_dict=False)[0]
        results.append((scheduler.timesteps.double(), z))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=1e-4)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-3, atol=1e-3)
    with pytest.raises(InputError, match="zero terminal SNR"):
        build_scheduler("pndm", "linear", config)


def test_what_cannot_carry_the_schedule_is_not_trained_on_it(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(base, unet="lora", zero_terminal_snr=True)
    with pytest.raises(InputError, match="only a model can carry"):
        finetune(recipe, tiles, tmp_path / "run", quiet)


# -- the autoencoder -------------------------------------------------------------------------------


def test_the_autoencoder_is_trained_alone_and_its_u_net_still_fits(
    base: Path, tiles: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from sarloom.workflows.train import Painter

    out = tmp_path / "chips"
    said: list[str] = []
    recipe = recipe_of(base, vae="full", vae_learning_rate=5e-3, steps=12, validate_every=6)
    folder = finetune(recipe, tiles, out, said.append, paint=Painter(recipe))
    before, after = load_model(base), load_model(folder)
    changed, kept = (
        [
            not torch.equal(a, b)
            for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        ]
        for one, other in (
            (before.parts.vae, after.parts.vae),
            (before.parts.unet, after.parts.unet),
        )
    )
    assert any(changed) and not any(kept)
    rows = read_log(out / "held-out.jsonl")
    first, last = (dict(row["held_out"]) for row in (rows[0], rows[-1]))  # type: ignore[call-overload]
    assert [row["step"] for row in rows] == [6, 12] and last["mean"] < first["mean"]
    log = read_log(out / "state" / "log.jsonl")[-1]
    assert {"reconstruction", "edges"} <= set(log) and "mse" not in log
    assert (out / "loss.png").is_file() and (out / "reconstructions.png").is_file()
    # the run is called by its name, its time is said early, and libraries are silent
    assert any(line.startswith("chips: ") and "10 steps left" in line for line in said)
    assert not any("state " in line for line in said)
    captured = capfd.readouterr()
    assert "float32" not in captured.err and "Writing" not in captured.err
    # the latents of the trained tiles are as the base had them; those of the weights alone are not
    stack = [load_pixels(before, tiles, "train", out, 0, recipe)[0]]
    own, now = Latents(before, stack), Latents(after, stack)
    assert away(now, own) < 0.02
    weights = load_file(sorted((out / "state").glob("checkpoint-*"))[-1] / "state.safetensors")
    moved = {k.removeprefix("model.vae."): v for k, v in weights.items() if "model.vae." in k}
    before.parts.vae.load_state_dict(moved)
    assert away(Latents(before, stack), own) > 0.1


def away(one: Latents, other: Latents) -> float:
    """How far means and deviations differ, in deviations."""
    means = (one.mean - other.mean).abs() / other.deviation
    return float(max(means.max(), (one.deviation / other.deviation - 1).abs().max()))


def test_latents_may_be_given_mean_0_and_deviation_1(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(base, vae="full", vae_latents="unit", vae_edges=0.0)
    model = load_model(finetune(recipe, tiles, tmp_path / "run", quiet))
    stack = [load_pixels(model, tiles, "train", tmp_path / "run", 0, recipe)[0]]
    found = Latents(model, stack)
    torch.testing.assert_close(found.mean, torch.zeros(4), atol=0.02, rtol=0.0)
    torch.testing.assert_close(found.deviation, torch.ones(4), atol=0.02, rtol=0.0)


def test_the_autoencoder_goes_on_where_it_was_stopped(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(base, vae="full", mirror=True, checkpoint_every=1, ema=0.9, cooldown=0.0)
    whole = finetune(recipe, tiles, tmp_path / "whole", quiet)

    class Stop(Exception):
        """As a person stops it."""

    def stopping(line: str) -> None:
        if line.startswith("cut: "):  # said after the second step
            raise Stop

    with pytest.raises(Stop):
        finetune(recipe, tiles, tmp_path / "cut", stopping)
    cut = finetune(recipe, tiles, tmp_path / "cut", quiet)
    one, other = (
        load_file(next((folder / "vae").glob("*.safetensors"))) for folder in (whole, cut)
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("changes", [{"unet": "lora"}, {"token": "<SAR>"}])
def test_an_autoencoder_beside_others_is_refused_and_told_the_way(
    changes: dict[str, Any], base: Path, tiles: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"run of its own.*base = OUT/model"):
        finetune(recipe_of(base, vae="full", **changes), tiles, tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()


# -- speckle ---------------------------------------------------------------------------------------


def test_whether_pixels_hold_speckle_is_read_from_tiles_and_autoencoder(
    base: Path, tmp_path: Path
) -> None:
    clean, own = Radiometry("db", speckle="none"), Radiometry("db", speckle="own")
    sets = {
        "single": chip_set(tmp_path / "a", 2, 0),
        "many": chip_set(tmp_path / "b", 2, 0, looks=40.0),
        "single, not said": chip_set(tmp_path / "c", 2, 0, stated=False),
        "none, not said": chip_set(tmp_path / "d", 2, 0, looks=None, stated=False),
    }
    vae, unet = recipe_of(base, vae="full"), recipe_of(base, unet="full")
    found = {name: speckle_of(vae, clean, [open_tiles(one)]) for name, one in sets.items()}
    assert found == {
        "single": "own", "many": "none", "single, not said": "own", "none, not said": "none",
    }  # fmt: skip
    single = [open_tiles(sets["single"])]
    assert speckle_of(unet, clean, single) == "none"  # its autoencoder never drew any
    assert speckle_of(unet, own, single) == "own"
    assert speckle_of(recipe_of(base, vae="full", speckle="none"), clean, single) == "none"


def test_generate_lays_no_speckle_over_a_model_that_learned_it(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    from sarloom.generate.run import check_request, produce

    images = {}
    for speckle in ("own", "none"):
        recipe = recipe_of(base, vae="full", speckle=speckle, steps=1)
        folder = finetune(recipe, tiles, tmp_path / "run", quiet)
        options = GenerateOptions(prompt="a city", model=str(folder), steps=2, size=str(SIZE))
        (images[speckle],) = produce(check_request(options))
    drawn, laid = images["own"], images["none"]
    np.testing.assert_allclose(drawn.amplitude**2, drawn.sigma_nought, rtol=1e-5)
    assert not np.allclose(laid.amplitude**2, laid.sigma_nought, rtol=0.1)
    assert np.array_equal(laid.sigma_nought, drawn.sigma_nought)


# -- size ------------------------------------------------------------------------------------------


def test_enlarged_tiles_keep_the_power_of_every_pixel(base: Path, tiles: Path) -> None:
    rng = np.random.default_rng(0)
    power = rng.gamma(1.0, 1.0, (6, 5)).astype(np.float32)
    for factor in (2, 4):
        fine = enlarged(power, factor)
        means = fine.reshape(6, factor, 5, factor).mean(axis=(1, 3))
        np.testing.assert_allclose(means, power, rtol=1e-5)
        assert fine.min() >= 0
    np.testing.assert_allclose(enlarged(np.full((3, 3), 2.0, np.float32), 4), 2.0, rtol=1e-6)
    step = enlarged(np.array([[1.0, 1.0, 3.0, 3.0]], np.float32), 4)[0]
    assert len(set(step.round(3))) > 3  # not merely repeated
    pixels = pixels_of(load_model(base), open_tiles(tiles), 2)
    row = open_tiles(tiles).row(0)
    assert pixels.of(row, 96).shape == (96, 96) and pixels.radiometry.spacing_m == 0.5


def test_a_size_beyond_the_tiles_is_refused_with_a_way(
    base: Path, tiles: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"smaller than size 128.*enlarge"):
        finetune(recipe_of(base, unet="lora", size=128), tiles, tmp_path / "a", quiet)
    recipe = recipe_of(base, vae="full", size=128, enlarge=2, steps=1)
    folder = finetune(recipe, tiles, tmp_path / "b", quiet)
    assert json.loads((folder / "radiometry.json").read_text())["spacing_m"] == 0.5
