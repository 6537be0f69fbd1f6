"""Fine-tuning: closed forms of the loss, every method trained, saved, used and read by others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from chip_sets import chip_set
from sarloom.errors import InputError, ModelError
from sarloom.generate import run as generation
from sarloom.models.adapters import Adapters, parse_adapters
from sarloom.models.load import load_model
from sarloom.options.finetune import FinetuneRecipe
from sarloom.options.generate import GenerateOptions
from sarloom.options.toml import load_table, peek
from sarloom.train.finetune.objective import schedule_of
from sarloom.train.finetune.run import finetune
from tiny_models import save_model

ADAPTERS = ("lora", "locon", "loha", "lokr", "dylora")
SIZE = 32


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chip_set(tmp_path_factory.mktemp("set") / "tiles", train=10)


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    kinds = ("sd15", "sd21", "sdxl")
    return {kind: save_model(root / kind, kind) for kind in kinds}


def recipe_of(base: Path | str, **changes: Any) -> FinetuneRecipe:
    values: dict[str, Any] = {
        "base": str(base), "unet": "off", "steps": 3, "batch": 2, "size": SIZE, "rank": 4,
        "alpha": 4.0, "learning_rate": 1e-2, "text_learning_rate": 1e-2, "warmup_steps": 0,
        "checkpoint_every": 1, "caption_dropout": 0.0, "token_from": "sar",
    }  # fmt: skip
    return FinetuneRecipe(**{**values, **changes})


def predicted(model: Any, words: str = "a city") -> torch.Tensor:
    """The U-Net's answer to fixed noise."""
    with torch.inference_mode():
        text = model.encode_text([words])
        noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3))
        added = model.family.added_conditions(text, 16, 16)
        return model.parts.unet(
            noise, torch.tensor([500]), encoder_hidden_states=text.context,
            added_cond_kwargs=added, return_dict=False,
        )[0]  # fmt: skip


# -- the loss ------------------------------------------------------------------------------------


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_noise_and_target_are_those_of_diffusers(prediction: str) -> None:
    from diffusers import DDIMScheduler

    theirs = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        prediction_type=prediction,
    )  # fmt: skip
    ours = schedule_of(dict(theirs.config), False)
    x, noise = torch.randn(3, 4, 8, 8), torch.randn(3, 4, 8, 8)
    t = torch.tensor([0, 400, 999])
    torch.testing.assert_close(ours.mixed(x, noise, t), theirs.add_noise(x, noise, t))
    target = noise if prediction == "epsilon" else theirs.get_velocity(x, noise, t)
    torch.testing.assert_close(ours.target(x, noise, t), target)


def test_zero_terminal_snr_is_that_of_diffusers() -> None:
    from diffusers import DDIMScheduler

    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    theirs = DDIMScheduler(**config, prediction_type="v_prediction", rescale_betas_zero_snr=True)
    ours = schedule_of(dict(theirs.config), True)
    assert float(ours.alphas_cumprod[-1]) == 0.0
    torch.testing.assert_close(
        ours.alphas_cumprod[:-1], theirs.alphas_cumprod[:-1], atol=1e-6, rtol=1e-4
    )
    with pytest.raises(InputError, match="v prediction"):
        schedule_of({**config, "prediction_type": "epsilon"}, True)


def test_min_snr_weights_are_closed_forms() -> None:
    config = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    t = torch.arange(0, 1000, 37)
    for prediction in ("epsilon", "v_prediction"):
        schedule = schedule_of({**config, "prediction_type": prediction}, False)
        snr = schedule.alphas_cumprod[t] / (1 - schedule.alphas_cumprod[t])
        expected = torch.minimum(snr, torch.tensor(5.0)) / (
            snr if prediction == "epsilon" else snr + 1
        )
        torch.testing.assert_close(schedule.min_snr_weight(t, 5.0), expected)
        assert torch.equal(schedule.min_snr_weight(t, 0.0), torch.ones(len(t)))


# -- methods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adapter_works_here_as_in_lycoris_own_loader(
    kind: str, bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    from lycoris import create_lycoris_from_weights

    recipe = recipe_of(bases["sd15"], unet=kind)
    path = finetune(recipe, tiles, tmp_path / "run", quiet)
    assert path.name == "adapter.safetensors"
    plain = predicted(load_model(bases["sd15"]))
    model = load_model(bases["sd15"])
    Adapters(model, parse_adapters([f"{path}:0.8"])).at(0.0)
    ours = predicted(model)
    assert not torch.allclose(ours, plain, atol=1e-3)
    other = load_model(bases["sd15"], library_networks=True)
    network, _ = create_lycoris_from_weights(0.8, str(path), other.parts.unet)
    network.apply_to()
    torch.testing.assert_close(ours, predicted(other), atol=2e-4, rtol=1e-3)


def test_lora_loads_in_a_stock_pipeline(
    bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    pytest.importorskip("peft")
    from diffusers import StableDiffusionPipeline

    recipe = recipe_of(bases["sd15"], unet="lora", text_encoder="lora")
    path = finetune(recipe, tiles, tmp_path / "run", quiet)
    pipe = StableDiffusionPipeline.from_pretrained(bases["sd15"], safety_checker=None)
    pipe.load_lora_weights(str(path))
    ids = pipe.tokenizer(["a city"], padding="max_length", truncation=True, return_tensors="pt")
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        states = pipe.text_encoder(ids.input_ids)[0]
        theirs = pipe.unet(noise, 500, states, return_dict=False)[0]
    model = load_model(bases["sd15"])
    Adapters(model, parse_adapters([str(path)])).at(0.0)
    torch.testing.assert_close(predicted(model), theirs, atol=2e-4, rtol=1e-3)


def test_an_adapter_holds_in_its_part_of_the_steps_only(
    bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    path = finetune(recipe_of(bases["sd15"], unet="lora"), tiles, tmp_path / "run", quiet)
    model = load_model(bases["sd15"])
    plain = predicted(model)
    adapters = Adapters(model, parse_adapters([f"{path}@0.25-0.5"]))
    for progress, changed in ((0.0, False), (0.3, True), (0.5, False), (0.25, True), (0.9, False)):
        adapters.at(progress)
        assert torch.equal(predicted(model), plain) != changed


def test_full_training_leaves_a_stock_model_and_the_rest_as_it_was(
    bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    from diffusers import StableDiffusionPipeline

    recipe = recipe_of(bases["sd15"], unet="full", ema=0.9)
    folder = finetune(recipe, tiles, tmp_path / "run", quiet)
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    assert pipe.unet.config.in_channels == 4
    for part in ("vae", "text_encoder"):
        name = next((bases["sd15"] / part).glob("*.safetensors")).name
        assert (folder / part / name).read_bytes() == (bases["sd15"] / part / name).read_bytes()
    assert not torch.allclose(predicted(load_model(folder)), predicted(load_model(bases["sd15"])))


@pytest.mark.parametrize("base", ["sd15", "sdxl"])
def test_a_learned_word_changes_one_row_and_loads_in_a_stock_pipeline(
    base: str, bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(bases[base], token="<SAR>", token_learning_rate=0.1)
    path = finetune(recipe, tiles, tmp_path / "run", quiet)
    rows = load_file(path)
    assert set(rows) == ({"<SAR>"} if base == "sd15" else {"clip_l", "clip_g"})
    model = load_model(bases[base])
    before = predicted(model, "a city")
    Adapters(model, parse_adapters([str(path)])).at(0.0)
    assert torch.equal(predicted(model, "a city"), before)
    words = "a <SAR> city"
    assert not torch.allclose(predicted(model, words), predicted(load_model(bases[base]), words))
    if base == "sd15":
        from diffusers import StableDiffusionPipeline

        pipe = StableDiffusionPipeline.from_pretrained(bases[base], safety_checker=None)
        pipe.load_textual_inversion(str(path), token="<SAR>")
        ids = pipe.tokenizer([words], padding="max_length", truncation=True, return_tensors="pt")
        with torch.inference_mode():
            theirs = pipe.text_encoder(ids.input_ids)[0]
            ours = model.encode_text([words]).context
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("base", ["sd21", "sdxl"])
def test_the_hybrid_of_the_follow_up_paper(
    base: str, bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(bases[base], unet="full", text_encoder="lora", token="<SAR>")
    run = tmp_path / "run"
    folder = finetune(recipe, tiles, run, quiet)
    whole = load_model(folder)
    # the same from the base's U-Net replaced, and LoRA and word laid over it
    shutil.copytree(bases[base], run / "parts")
    shutil.rmtree(run / "parts" / "unet")
    shutil.copytree(folder / "unet", run / "parts" / "unet")
    laid = load_model(run / "parts")
    Adapters(laid, parse_adapters([str(run)])).at(0.0)
    words = "a <SAR> city"
    torch.testing.assert_close(
        predicted(whole, words), predicted(laid, words), atol=5e-3, rtol=0.02
    )
    assert not torch.allclose(predicted(whole, words), predicted(load_model(bases[base]), words))


def test_dreambooth_draws_its_class_images_once(
    bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    from sarloom.workflows.train import _draw_with

    recipe = recipe_of(bases["sd15"], unet="lora", prior_prompt="an aerial view", prior_count=3)
    out = tmp_path / "run"
    finetune(recipe, tiles, out, quiet, draw=_draw_with(recipe))
    drawn = sorted((out / "class-images").glob("class-*.tif"))
    assert len(drawn) == 3
    stamps = [path.stat().st_mtime_ns for path in drawn]
    drawn[1].unlink()
    finetune(recipe, tiles, out, quiet, draw=_draw_with(recipe))
    again = sorted((out / "class-images").glob("class-*.tif"))
    assert len(again) == 3 and again[0].stat().st_mtime_ns == stamps[0]
    log = [json.loads(line) for line in (out / "state" / "log.jsonl").read_text().splitlines()]
    assert log[-1]["prior"] > 0


# -- safety of runs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{"unet": "full", "ema": 0.9, "accumulate": 2}, {"unet": "loha"}]
)
def test_a_run_killed_with_signal_9_ends_in_the_same_bytes(
    changes: dict[str, Any], bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    recipe = recipe_of(bases["sd15"], **{**changes, "steps": 6})
    whole = finetune(recipe, tiles, tmp_path / "whole", quiet)
    code = (
        "import os, signal, sys, json; from pathlib import Path; sys.path.insert(0, 'tests');"
        "from sarloom.options.finetune import FinetuneRecipe; import sarloom.train.loop as loop;"
        "from sarloom.train.finetune.run import finetune\n"
        "save = loop.save_state\n"
        "def then_die(folder, step, *rest):\n"
        "    save(folder, step, *rest)\n"
        "    if step == 4: (folder / 'checkpoint-00000005.new').mkdir(); os.kill(os.getpid(), 9)\n"
        "loop.save_state = then_die\n"
        "values = json.loads(sys.argv[1]); values['targets'] = tuple(values['targets'])\n"
        "values['samples'] = tuple(values['samples'])\n"
        "finetune(FinetuneRecipe(**values), Path(sys.argv[2]), Path(sys.argv[3]), print)"
    )
    import dataclasses

    arguments = [json.dumps(dataclasses.asdict(recipe)), str(tiles), str(tmp_path / "cut")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr.decode()
    said: list[str] = []
    cut = finetune(recipe, tiles, tmp_path / "cut", said.append)
    assert any("resuming" in line and "step 4" in line for line in said)
    first = sorted(p for p in [whole, *whole.rglob("*")] if p.suffix == ".safetensors")
    second = sorted(p for p in [cut, *cut.rglob("*")] if p.suffix == ".safetensors")
    assert first and len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        a, b = load_file(one), load_file(other)
        assert all(torch.equal(a[name], b[name]) for name in a), one


@pytest.mark.parametrize("sharded", [False, True])
def test_two_processes_train_as_one(
    sharded: bool, bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'base = "{bases["sd15"]}"\nunet = "full"\nsteps = 3\nbatch = 4\nsize = {SIZE}\n'
        "learning_rate = 1e-3\nwarmup_steps = 0\ncaption_dropout = 0.0\nmemorised = 0\n"
        + ('text_encoder = "lora"\nema = 0.9\nrank = 4\n' if sharded else "")
    )
    finetune(load_table(FinetuneRecipe, recipe), tiles, tmp_path / "one", quiet)
    command = [
        sys.executable, "-m", "accelerate.commands.launch", "--num_processes", "2",
        "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no",
        "--main_process_port", "0", "--use_fsdp" if sharded else "--cpu",
        "-m", "sarloom", "train", str(recipe), "--tiles", str(tiles),
        "--out", str(tmp_path / "two"),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=280
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one = load_file(next((tmp_path / "one" / "state").glob("checkpoint-*/state.safetensors")))
    two = load_file(next((tmp_path / "two" / "state").glob("checkpoint-*/state.safetensors")))
    for name in (key for key in one if key.startswith(("model.", "average."))):
        torch.testing.assert_close(one[name], two[name], atol=2e-4, rtol=1e-3)
    ours, theirs = (predicted(load_model(tmp_path / name / "model")) for name in ("one", "two"))
    torch.testing.assert_close(ours, theirs, atol=5e-3, rtol=5e-3)
    assert not torch.allclose(ours, predicted(load_model(bases["sd15"])), atol=5e-3)
    assert (b"held in parts" in done.stderr.encode()) == sharded


def test_a_full_disk_is_said_and_the_last_checkpoint_stays(
    bases: dict[str, Path], tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sarloom.errors import TrainingError
    from sarloom.train import checkpoint

    recipe = recipe_of(bases["sd15"], unet="lora", steps=4)
    write = checkpoint.save_file

    def full(tensors: Any, path: Path) -> None:
        if "00000003" in str(path):
            raise OSError(28, "No space left on device")
        write(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(TrainingError, match="No space left on device"):
        finetune(recipe, tiles, tmp_path / "run", quiet)
    monkeypatch.undo()
    left = [path.name for path in (tmp_path / "run" / "state").glob("checkpoint*")]
    assert sorted(left) == ["checkpoint-00000001", "checkpoint-00000002"]
    said: list[str] = []
    finetune(recipe, tiles, tmp_path / "run", said.append)
    assert any("resuming" in line and "step 2" in line for line in said)


# -- input -----------------------------------------------------------------------------------------


def test_recipes_in_the_repository_are_valid(repository: Path) -> None:
    names = [
        path
        for path in (repository / "recipes").glob("*-*.toml")
        if peek(path, "base") is not None  # others have tables of their own
    ]
    assert len(names) >= 33
    for path in names:
        recipe = load_table(FinetuneRecipe, path)
        assert {recipe.unet, recipe.text_encoder, recipe.vae} != {"off"} or recipe.token


def test_bad_requests_are_refused_before_work(
    bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="trains nothing"):
        finetune(recipe_of(bases["sd15"]), tiles, tmp_path / "a", quiet)
    with pytest.raises(InputError, match="names no layer"):
        finetune(
            recipe_of(bases["sd15"], unet="lora", targets=("nothing*",)),
            tiles,
            tmp_path / "b",
            quiet,
        )
    with pytest.raises(InputError, match="multiple"):
        finetune(recipe_of(bases["sd15"], unet="full", size=31), tiles, tmp_path / "c", quiet)
    finetune(recipe_of(bases["sd15"], unet="lora"), tiles, tmp_path / "d", quiet)
    with pytest.raises(InputError, match="rank"):
        finetune(recipe_of(bases["sd15"], unet="lora", rank=2), tiles, tmp_path / "d", quiet)
    with pytest.raises(ModelError, match="another base"):
        Adapters(load_model("embedded"), parse_adapters([str(tmp_path / "d")]))
    with pytest.raises(InputError, match="no adapter there"):
        parse_adapters([str(tmp_path / "none.safetensors")])
    with pytest.raises(InputError, match="range of steps"):
        parse_adapters([f"{tmp_path / 'd'}@0.5-0.2"])


def test_images_made_with_an_adapter_say_so_and_can_be_made_again(
    bases: dict[str, Path], tiles: Path, tmp_path: Path
) -> None:
    from sarloom.generate.record import options_of

    path = finetune(recipe_of(bases["sd15"], unet="lora"), tiles, tmp_path / "run", quiet)
    options = GenerateOptions(
        prompt="a city",
        model=str(bases["sd15"]),
        steps=2,
        size="32",
        adapter=(f"{path}:0.5@0-0.5",),
    )
    (image,) = generation.produce(generation.check_request(options))
    assert image.record["adapters"][0]["spec"].endswith(":0.5@0-0.5")
    (again,) = generation.produce(generation.check_request(options_of(image.record)))
    assert np.array_equal(image.amplitude, again.amplitude)
