"""Going on from a finished model, and the decoder sharpened against a critic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sarloom.errors import InputError, ModelError
from sarloom.models.architecture import make_autoencoder
from sarloom.models.radiometry import Radiometry
from sarloom.train import loop
from sarloom.train.decoder import Bounded, DecoderTask
from sarloom.train.embedded import train_embedded
from sarloom.train.loop import LoopSettings, run
from test_30_train_embedded import SMALL, TINY, killed_at, quiet

NO_STAGES: dict[str, Any] = {
    "stage_cells": (), "stage_steps": (), "stage_batch": (), "stage_learning_rate": (),
    "stage_cooldown": (), "stage_focus": (), "stage_shift": (), "stage_tilted": (),
}  # fmt: skip
UNET = "unet/diffusion_pytorch_model.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"


def decoder_task(**changes: Any) -> DecoderTask:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    pixels = np.kron(rng.integers(0, 255, (4, 8, 8)), np.ones((1, 8, 8))).astype(np.uint8)
    given = {
        "adversarial_weight": 0.2, "likeness_weight": 1.0, "latent_noise": 0.1,
        "critic_learning_rate": 1e-3, "batch": 2, "crop": 64,
    }  # fmt: skip
    return DecoderTask(make_autoencoder(SMALL), pixels, Radiometry("db"), **{**given, **changes})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_embedded(TINY, tmp_path_factory.mktemp("first"), quiet, workers=1)


def weights(model: Path, part: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(model / part)
    return found


def test_sharpening_changes_the_decoder_and_nothing_else(finished: Path, tmp_path: Path) -> None:
    recipe = replace(
        TINY, **NO_STAGES, start=str(finished), decoder_steps=2, decoder_batch=2, decoder_crop=32
    )
    made = train_embedded(recipe, tmp_path / "run", quiet, workers=1)
    for part in (UNET, "text_encoder/model.safetensors", "numbers/model.safetensors"):
        before, after = weights(finished, part), weights(made, part)
        assert all(torch.equal(before[name], after[name]) for name in before)
    before, after = weights(finished, VAE), weights(made, VAE)
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "decoder" in changed
    assert changed <= {"decoder", "post_quant_conv"}
    last = after["decoder.conv_out.weight"]
    assert torch.equal(last[0], last[1])  # radar has no colour
    tables = [(model / "tokenizer/vocab.json").read_text() for model in (finished, made)]
    assert tables[0] == tables[1]


def test_a_model_does_not_tell_where_its_start_lay(finished: Path, tmp_path: Path) -> None:
    made = train_embedded(
        replace(TINY, **NO_STAGES, start=str(finished)), tmp_path / "run", quiet, workers=1
    )
    for path in made.rglob("*.json"):
        text = path.read_text()
        assert str(finished.parent) not in text, path
        assert "local" not in text, path


def test_a_further_stage_begins_with_the_finished_denoiser(finished: Path, tmp_path: Path) -> None:
    stage = {name: value[-1:] for name in NO_STAGES if (value := getattr(TINY, name))}
    stage["stage_learning_rate"] = (1e-12,)
    still = replace(TINY, **stage, start=str(finished), ema=0.0)
    made = train_embedded(still, tmp_path / "run", quiet, workers=1)
    before, after = weights(finished, UNET), weights(made, UNET)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(*(weights(m, VAE)["encoder.conv_in.weight"] for m in (finished, made)))


def test_a_start_of_other_sizes_is_refused(finished: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, start=str(finished), unet_channels=(32, 64))
    with pytest.raises(InputError, match=r"other sizes.*unet_channels"):
        train_embedded(recipe, tmp_path / "run", quiet, workers=1)
    assert not (tmp_path / "run").exists()  # before hours of simulation


def test_a_start_whose_pixels_mean_other_levels_is_refused(finished: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, start=str(finished), low_db=-40.0)
    with pytest.raises(InputError, match="low_db"):
        train_embedded(recipe, tmp_path / "run", quiet, workers=1)
    assert not (tmp_path / "run").exists()


def test_a_start_that_is_missing_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        train_embedded(replace(TINY, start=str(tmp_path / "none")), tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()


def test_a_killed_sharpening_ends_with_the_same_weights(tmp_path: Path) -> None:
    settings = LoopSettings(steps=5, checkpoint_every=2, warmup_steps=1, seed=5)
    whole = run(decoder_task(), settings, tmp_path / "whole", quiet).state_dict()
    with pytest.raises(KeyboardInterrupt):
        run(killed_at(3, decoder_task()), settings, tmp_path / "cut", quiet)
    resumed = run(decoder_task(), settings, tmp_path / "cut", quiet).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_critic_layers_lengthen_nothing() -> None:
    torch.manual_seed(1)
    layer = Bounded(3, 8, 3, bias=False)
    with torch.no_grad():
        layer.weight *= 40
        x = torch.randn(1, 3, 3, 3)
        longest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert torch.allclose(layer(x), torch.conv2d(x, layer.weight / longest), atol=1e-5)
        assert layer(x).norm() <= x.norm() * 1.0001


def test_the_decoder_learns_from_a_critic_that_learns_nothing_from_it() -> None:
    task = decoder_task()
    latent = torch.randn(1, 4, 16, 16)
    picture = task.module(latent)
    scores, _ = task.module.frozen_critic(picture, latent)
    sum(score.mean() for score in scores).backward()
    assert task.module.decoder.conv_out.weight.grad is not None
    assert all(value.grad is None for value in task.module.critic.parameters())


def test_a_critic_learns_to_tell_true_from_decoded() -> None:
    task = decoder_task(adversarial_weight=0.0, likeness_weight=0.0)
    optimiser = torch.optim.Adam(task.module.critic.parameters(), 2e-3)
    found = []
    for step in range(30):
        loss, figures = task.loss(loop.draw_of(0, step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        found.append(figures["critic"])
    assert found[0] > 1.9  # nothing known: 1 for the true, 1 for the decoded
    assert np.mean(found[-5:]) < 1.6
