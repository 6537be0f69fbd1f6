"""Sampling: the same pictures as stock diffusers, and a seed decides an image alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sarloom.errors import InputError
from sarloom.generate.run import generate
from sarloom.generate.sample import SampleSettings, encode_prompts, initial_noise, sample
from sarloom.generate.schedule import SAMPLERS, build_scheduler, library_scheduler
from sarloom.generate.solvers import SOLVERS, plain_solver
from sarloom.models.load import load_model
from sarloom.options.generate import SCHEDULERS

PROMPT, NEGATIVE = "a sar image of ships", "forest"


def stock_pixels(
    folder: Path, pipeline_name: str, scheduler: Any, latents: torch.Tensor, **call: Any
) -> np.ndarray:
    """The picture of diffusers' own pipeline on the same components, [3, rows, columns]."""
    import diffusers

    pipe = getattr(diffusers, pipeline_name).from_pretrained(folder)
    pipe.scheduler = scheduler
    pipe.set_progress_bar_config(disable=True)
    side = latents.shape[-1] * 2
    image = pipe(PROMPT, height=side, width=side, latents=latents, output_type="np", **call).images[
        0
    ]
    return np.asarray(image).transpose(2, 0, 1)


@pytest.mark.parametrize("family", ["sd15", "sd21", "sdxl"])
@pytest.mark.parametrize(
    ("scheduler", "spacing"),
    [("ddim", "linear"), ("euler", "karras"), ("dpm++", "linear"), ("dpm++", "exponential")],
)
def test_equals_stock_diffusers(
    tiny_models: dict[str, Path], family: str, scheduler: str, spacing: str
) -> None:
    folder = tiny_models[family]
    model = load_model(folder)
    settings = SampleSettings(steps=5, guidance=4.0, scheduler=scheduler, spacing=spacing)
    with torch.inference_mode():
        text = encode_prompts(model, PROMPT, NEGATIVE, settings.guidance)
    ours = sample(model, text, settings, 16, 16, seed=3).numpy()
    name = "StableDiffusionXLPipeline" if family == "sdxl" else "StableDiffusionPipeline"
    stock = stock_pixels(
        folder,
        name,
        library_scheduler(scheduler, spacing, model.parts.scheduler_config),
        initial_noise(model, 16, 16, 3),
        negative_prompt=NEGATIVE,
        num_inference_steps=5,
        guidance_scale=4.0,
    )
    assert ours.std() > 0.01
    np.testing.assert_allclose(ours, stock, atol=1e-3)


def test_sdxl_without_negative_prompt_equals_stock(tiny_models: dict[str, Path]) -> None:
    """Stock SDXL replaces an absent negative prompt by zeros, not by the empty text."""
    model = load_model(tiny_models["sdxl"])
    settings = SampleSettings(steps=3, guidance=4.0, scheduler="ddim", spacing="linear")
    with torch.inference_mode():
        text = encode_prompts(model, PROMPT, "", settings.guidance)
    ours = sample(model, text, settings, 16, 16, seed=5).numpy()
    stock = stock_pixels(
        tiny_models["sdxl"],
        "StableDiffusionXLPipeline",
        library_scheduler("ddim", "linear", model.parts.scheduler_config),
        initial_noise(model, 16, 16, 5),
        num_inference_steps=3,
        guidance_scale=4.0,
    )
    np.testing.assert_allclose(ours, stock, atol=1e-3)


def test_every_option_has_a_sampler() -> None:
    assert tuple(SAMPLERS) == SCHEDULERS


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_and_spacing_is_seed_safe(tiny_models: dict[str, Path], name: str) -> None:
    model = load_model(tiny_models["sd15"])
    with torch.inference_mode():
        text = encode_prompts(model, PROMPT, "", 3.0)
    for spacing in SAMPLERS[name].spacings:
        settings = SampleSettings(steps=4, guidance=3.0, scheduler=name, spacing=spacing)
        torch.manual_seed(1)
        first = sample(model, text, settings, 16, 16, seed=2)
        torch.manual_seed(99)  # the global state must not matter
        again = sample(model, text, settings, 16, 16, seed=2)
        other = sample(model, text, settings, 16, 16, seed=3)
        assert torch.isfinite(first).all()
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_spacings_differ_and_end_alike() -> None:
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    sigmas = {}
    for spacing in SAMPLERS["euler"].spacings:
        scheduler = build_scheduler("euler", spacing, config)
        scheduler.set_timesteps(12)
        sigmas[spacing] = np.asarray(scheduler.sigmas)
    ratios = sigmas["exponential"][1:-1] / sigmas["exponential"][:-2]
    np.testing.assert_allclose(ratios, ratios[0], rtol=1e-3)  # even in the logarithm
    roots = np.diff(sigmas["karras"][:-1] ** (1 / 7))
    np.testing.assert_allclose(roots, roots[0], rtol=1e-3)  # even in sigma^(1/7)
    assert not np.allclose(sigmas["linear"], sigmas["karras"], rtol=0.05)
    for values in sigmas.values():
        assert values[0] == pytest.approx(14.6, rel=0.02)
        assert values[-1] == 0


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("spacing", ["linspace", "leading", "trailing"])
@pytest.mark.parametrize("steps", [1, 7, 20])
def test_solvers_equal_the_library(name: str, prediction: str, spacing: str, steps: int) -> None:
    """Same times, same start, same steps for a made-up network, also from the middle."""
    config = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "prediction_type": prediction,
        "timestep_spacing": spacing,
        "steps_offset": 1,
        "clip_sample": False,
        "set_alpha_to_one": False,
    }
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    begin = steps // 3
    results = []
    for scheduler in (
        build_scheduler(name, "linear", config),
        library_scheduler(name, "linear", config),
    ):
        scheduler.set_timesteps(steps)
        z = noise * scheduler.init_noise_sigma
        if begin:
            if hasattr(scheduler, "set_begin_index"):
                scheduler.set_begin_index(begin)
            z = scheduler.add_noise(noise.flip(0, 3), noise, scheduler.timesteps[begin : begin + 1])
        for t in scheduler.timesteps[begin:]:
            scaled = scheduler.scale_model_input(z, t)
            z = scheduler.step(torch.sin(2 * scaled) + float(t) / 1000, t, z, return_dict=False)[0]
        results.append((scheduler.timesteps.double(), z))
    assert type(scheduler).__module__.startswith("diffusers")
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=1e-4)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-4, atol=1e-4)


def test_solvers_leave_what_they_cannot_do_to_the_library() -> None:
    for config in ({"clip_sample": True}, {"prediction_type": "sample"}, {"trained_betas": [0.1]}):
        assert plain_solver("ddim", {"clip_sample": False, **config}) is None
    assert plain_solver("dpm++", {"thresholding": True}) is None
    assert plain_solver("heun", {}) is None


def test_spacing_a_scheduler_cannot_do() -> None:
    with pytest.raises(InputError, match=r"ddim has no karras spacing.*dpm"):
        build_scheduler("ddim", "karras", {})


def test_image_of_a_batch_equals_the_image_alone(tiny_models: dict[str, Path]) -> None:
    settings: dict[str, Any] = {"size": "16", "steps": 3, "scheduler": "euler_a"}
    model = str(tiny_models["reflectivity"])
    together = generate(PROMPT, count=3, seed=7, model=model, **settings)
    for index in range(3):
        (alone,) = generate(PROMPT, seed=7 + index, model=model, **settings)
        assert np.array_equal(together[index].amplitude, alone.amplitude)
        assert together[index].record == alone.record


def test_guidance_of_one_ignores_the_negative_prompt(tiny_models: dict[str, Path]) -> None:
    settings: dict[str, Any] = {"size": "16", "steps": 2, "model": str(tiny_models["sd15"])}
    plain, other = (
        generate(PROMPT, guidance=1.0, negative=words, **settings)[0] for words in ("", NEGATIVE)
    )
    assert np.array_equal(plain.amplitude, other.amplitude)
    guided, away = (
        generate(PROMPT, guidance=6.0, negative=words, **settings)[0] for words in ("", NEGATIVE)
    )
    assert not np.array_equal(guided.amplitude, away.amplitude)


@pytest.mark.parametrize("size", ["16x32", "34x18"])
def test_any_multiple_of_the_cell(tiny_models: dict[str, Path], size: str) -> None:
    width, height = map(int, size.split("x"))
    (image,) = generate(PROMPT, size=size, steps=2, model=str(tiny_models["sd15"]))
    assert image.amplitude.shape == (height, width)
    assert image.amplitude.dtype == np.float32


def test_steps_are_reported(tiny_models: dict[str, Path]) -> None:
    calls: list[tuple[int, int, int, int]] = []
    generate(
        PROMPT,
        count=2,
        size=16,
        steps=3,
        model=tiny_models["sd15"],
        on_step=lambda *call: calls.append(call),
    )
    assert calls == [(image, 2, step, 3) for image in (1, 2) for step in (1, 2, 3)]
