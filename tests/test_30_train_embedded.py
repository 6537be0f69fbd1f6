"""Training of the embedded model: exact resume, exact latent scaling, stock tools."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from sarloom.errors import InputError, TrainingError
from sarloom.models.architecture import Architecture, make_autoencoder
from sarloom.models.radiometry import Radiometry
from sarloom.models.tokenizer import keep_tokenizer, learn_tokenizer
from sarloom.options.recipe import EmbeddedRecipe
from sarloom.train import loop
from sarloom.train.autoencoder import (
    AutoencoderTask,
    encode,
    equal_channels,
    normalise_latents,
)
from sarloom.train.embedded import stages, train_embedded
from sarloom.train.loop import LoopSettings, run

TINY = EmbeddedRecipe(
    seed=3,
    scenes=48,
    size=64,
    autoencoder_channels=(8, 8, 16),
    latent_channels=4,
    autoencoder_steps=3,
    autoencoder_batch=2,
    autoencoder_crop=32,
    unet_channels=(32, 32),
    text_width=32,
    text_layers=1,
    stage_cells=(8, 16),
    stage_steps=(2, 3),
    stage_batch=(2, 2),
    stage_learning_rate=(1e-3, 1e-3),
    stage_focus=("", "city:2 mixtures:2"),
    stage_shift=(1.0, 2.0),
    tilted_scenes=24,
    stage_tilted=(0.0, 0.5),
    checkpoint_every=1,
)
SMALL = Architecture((8, 8, 16), 4, (32, 32), 1, 32, 1, 64)


def quiet(_: str) -> None:
    """Training output is not looked at."""


def small_task() -> AutoencoderTask:
    torch.manual_seed(0)
    pixels = np.random.default_rng(0).integers(0, 255, (4, 64, 64), dtype=np.uint8)
    return AutoencoderTask(make_autoencoder(SMALL), pixels, Radiometry("db"), 2, 32)


def killed_at(step: int, task: AutoencoderTask) -> AutoencoderTask:
    """A task that is interrupted at a step, counted from 0."""
    loss = task.loss

    def loss_until(draw: loop.Draw) -> tuple[torch.Tensor, dict[str, float]]:
        if draw.step == step:
            raise KeyboardInterrupt
        return loss(draw)

    task.loss = loss_until  # type: ignore[method-assign]
    return task


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train_embedded(TINY, out, quiet, workers=1)
    return out


def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    settings = LoopSettings(steps=6, checkpoint_every=2, warmup_steps=2, seed=5)
    whole = run(small_task(), settings, tmp_path / "whole", quiet).state_dict()
    with pytest.raises(KeyboardInterrupt):
        run(killed_at(4, small_task()), settings, tmp_path / "cut", quiet)
    resumed = run(small_task(), settings, tmp_path / "cut", quiet).state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_weights_change_in_training(tmp_path: Path) -> None:
    task = small_task()
    before = {name: value.clone() for name, value in task.module.state_dict().items()}
    after = run(task, LoopSettings(steps=2, warmup_steps=1), tmp_path, quiet).state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)


def test_a_loss_that_is_not_finite_stops_and_says_where(tmp_path: Path) -> None:
    task = small_task()
    with torch.no_grad():
        next(task.module.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="step 0"):
        run(task, LoopSettings(steps=2), tmp_path, quiet)


def test_another_architecture_in_the_folder_is_refused(tmp_path: Path) -> None:
    run(small_task(), LoopSettings(steps=1), tmp_path, quiet)
    torch.manual_seed(0)
    pixels = np.zeros((2, 64, 64), np.uint8)
    other = AutoencoderTask(
        make_autoencoder(Architecture((8, 16, 16), 4)), pixels, Radiometry("db"), 2, 32
    )
    with pytest.raises(TrainingError, match="another architecture"):
        run(other, LoopSettings(steps=2), tmp_path, quiet)


def test_normalised_latents_have_unit_deviation_and_decode_the_same() -> None:
    torch.manual_seed(1)
    model = make_autoencoder(SMALL)
    pixels = np.random.default_rng(1).integers(0, 255, (6, 64, 64), dtype=np.uint8)
    before = encode(model, pixels)
    with torch.no_grad():
        picture = model.decode(before).sample
    normalise_latents(model, before)
    after = encode(model, pixels)
    assert after.mean((0, 2, 3)).abs().max() < 1e-4
    assert (after.std((0, 2, 3)) - 1).abs().max() < 1e-3
    with torch.no_grad():
        assert (model.decode(after).sample - picture).abs().max() < 1e-4


def test_equal_channels_keep_their_mean() -> None:
    torch.manual_seed(2)
    model = make_autoencoder(SMALL)
    latents = torch.randn(1, 4, 16, 16)
    with torch.no_grad():
        before = model.decode(latents).sample
        equal_channels(model)
        after = model.decode(latents).sample
    assert (before.amax(1) - before.amin(1)).max() > 1e-3
    assert (after.amax(1) - after.amin(1)).max() < 1e-6
    assert (after.mean(1) - before.mean(1)).abs().max() < 1e-5


def test_encoder_learns_from_speckled_input_towards_clean_output() -> None:
    task = small_task()
    seen, clean = task._pair(loop.draw_of(0, 0))
    assert seen.shape == clean.shape == (2, 3, 32, 32)
    differs = [not torch.equal(*task._pair(loop.draw_of(0, step))) for step in range(8)]
    assert any(differs)


def test_stock_diffusers_opens_and_runs_the_trained_folder(trained: Path) -> None:
    diffusers = pytest.importorskip("diffusers")
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        trained / "model", torch_dtype=torch.float32
    )
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline("a city", num_inference_steps=2, output_type="np").images
    assert picture.shape == (1, 64, 64, 3)
    assert np.isfinite(picture).all()


def test_weights_on_disk_are_half_precision_safetensors_only(trained: Path) -> None:
    files = [path for path in (trained / "model").rglob("*") if path.is_file()]
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".ckpt", ".pkl"}]
    weights = load_file(trained / "model" / "unet" / "diffusion_pytorch_model.safetensors")
    assert {value.dtype for value in weights.values()} == {torch.float16}


def test_a_finished_run_is_not_trained_again(trained: Path) -> None:
    lines: list[str] = []
    before = (trained / "denoiser-1" / "final.safetensors").stat().st_mtime_ns
    train_embedded(TINY, trained, lines.append, workers=1)
    assert (trained / "denoiser-1" / "final.safetensors").stat().st_mtime_ns == before


def test_equal_texts_give_equal_tokenizers() -> None:
    """Ties are many in few texts, and were broken by a hash table's order."""
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcdefgh"), rng.integers(2, 7))) for _ in range(40)]
    texts = [" ".join(rng.choice(words, 5)) for _ in range(30)]
    found = [learn_tokenizer(order, 700).get_vocab() for order in (texts, texts, texts[::-1])]
    assert len(found[0]) > 560  # bytes, their ends, and merges
    assert found[0] == found[1] == found[2]


def test_a_run_keeps_its_tokenizer(trained: Path) -> None:
    kept = CLIPTokenizer.from_pretrained(trained / "tokenizer")
    saved = CLIPTokenizer.from_pretrained(trained / "model" / "tokenizer")
    assert kept.get_vocab() == saved.get_vocab()

    def never() -> list[str]:
        raise AssertionError("learned again")

    assert keep_tokenizer(never, 600, trained / "tokenizer").get_vocab() == kept.get_vocab()
    for config in trained.rglob("tokenizer_config.json"):
        assert "local" not in config.read_text()


def test_a_misspelt_focus_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    count = len(TINY.stage_steps)
    wrong = replace(TINY, stage_focus=(*[""] * (count - 1), "motorways:2"))
    with pytest.raises(InputError, match="stage_focus: 'motorways:2'"):
        train_embedded(wrong, tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()


def test_stages_of_different_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="equally many"):
        stages(EmbeddedRecipe(stage_cells=(8,)))
