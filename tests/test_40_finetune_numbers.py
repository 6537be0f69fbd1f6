"""Numbers of the acquisition, learned with the U-Net of any base and told to the result."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from chip_sets import chip_set
from sarloom.errors import InputError, ModelError
from sarloom.generate.record import options_of
from sarloom.generate.run import generate
from sarloom.models.load import load_model
from sarloom.models.numbers import FOLDER, NumberEmbedding
from sarloom.options.finetune import FinetuneRecipe
from sarloom.tiles.store import open_tiles
from sarloom.train.finetune.examples import tile_numbers
from sarloom.train.finetune.run import finetune
from sarloom.train.finetune.task import FinetuneTask, number_embedding
from tiny_models import save_model

NAMES = ("spacing_m", "looks")


def generate_again(record: dict[str, Any]) -> Any:
    """The image of a record."""
    options = options_of(record)
    given = {field.name: getattr(options, field.name) for field in fields(options)}
    return generate(given.pop("prompt"), **given)[0]


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chip_set(tmp_path_factory.mktemp("set") / "tiles", train=6)


def recipe_of(base: Path, **changes: Any) -> FinetuneRecipe:
    values: dict[str, Any] = {
        "base": str(base), "unet": "full", "numbers": NAMES, "steps": 4, "batch": 2, "size": 32,
        "learning_rate": 1e-3, "numbers_learning_rate": 1e-1, "warmup_steps": 0, "memorised": 0,
        "checkpoint_every": 1,
    }  # fmt: skip
    return FinetuneRecipe(**{**values, **changes})


@pytest.fixture(scope="module", params=["sd15", "sdxl"])
def trained(
    request: pytest.FixtureRequest, tiles: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Base and trained model."""
    base = save_model(tmp_path_factory.mktemp("base") / request.param, request.param)
    run = tmp_path_factory.mktemp("run")
    return base, finetune(recipe_of(base), tiles, run, quiet, "cpu")


def test_the_result_is_told_and_its_images_say_so(
    trained: tuple[Path, Path], tmp_path: Path
) -> None:
    base, model = trained
    assert load_model(model).number_names == NAMES
    assert load_model(base).number_names == ()
    assert load_file(model / "numbers" / "model.safetensors")["linear_2.weight"].any()

    def image(**numbers: float | int) -> Any:
        (made,) = generate("a field", model=model, size=32, steps=2, **numbers)
        return made

    plain, fine, again = image(), image(spacing_m=0.5), image(spacing_m=0.5)
    assert (fine.sigma_nought == again.sigma_nought).all()
    assert (plain.sigma_nought != fine.sigma_nought).any()
    assert fine.record["control"]["numbers"] == {"spacing_m": 0.5}
    several = image(looks=4)
    assert (several.sigma_nought != plain.sigma_nought).any()
    repeated = generate_again(several.record)
    assert (repeated.amplitude == several.amplitude).all()
    warnings: list[str] = []
    generate("a field", model=model, size=32, steps=1, spacing_m=0.5, on_warning=warnings.append)
    assert [one for one in warnings if "--spacing-m 0.5: the model learned 1 to 1" in one]
    warnings.clear()
    generate("a field", model=model, size=32, steps=1, spacing_m=1.0, on_warning=warnings.append)
    assert not [one for one in warnings if "learned" in one]
    with pytest.raises(InputError, match="--polarization"):
        image(polarization="VV")


def test_looks_that_are_laid_on_are_not_told(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_models["reflectivity"], model)
    width = load_model(model).parts.unet.time_embedding.linear_2.out_features
    numbers = NumberEmbedding(("looks",), width)
    torch.nn.init.normal_(numbers.linear_2.weight)
    numbers.save(model / FOLDER)
    (plain,) = generate("a field", model=model, size=32, steps=1)
    (said,) = generate("a field", model=model, size=32, steps=1, looks=1)
    assert (plain.amplitude == said.amplitude).all()
    assert (generate_again(plain.record).amplitude == plain.amplitude).all()

    NumberEmbedding(("looks",), width // 2).save(model / FOLDER)
    with pytest.raises(ModelError, match="another U-Net"):
        load_model(model)


def test_a_killed_run_ends_with_the_same_numbers(
    tiles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_model(tmp_path / "base", "sd15")
    whole = finetune(recipe_of(base), tiles, tmp_path / "whole", quiet, "cpu")
    loss, calls = FinetuneTask.loss, 0

    def killed(self: FinetuneTask, draw: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        return loss(self, draw)

    with monkeypatch.context() as patched:
        patched.setattr(FinetuneTask, "loss", killed)
        with pytest.raises(KeyboardInterrupt):
            finetune(recipe_of(base), tiles, tmp_path / "cut", quiet, "cpu")
    cut = finetune(recipe_of(base), tiles, tmp_path / "cut", quiet, "cpu")
    for name, value in load_file(whole / "numbers" / "model.safetensors").items():
        assert torch.equal(load_file(cut / "numbers" / "model.safetensors")[name], value)


def test_a_model_that_is_told_goes_on_learning_them(
    trained: tuple[Path, Path], tiles: Path, tmp_path: Path
) -> None:
    _, model = trained
    further = finetune(recipe_of(model, numbers=("looks",)), tiles, tmp_path / "run", quiet, "cpu")
    assert load_model(further).number_names == NAMES
    with pytest.raises(InputError, match="only name these"):
        number_embedding(load_model(model), ("polarization",))


def test_a_number_that_no_tile_states_is_refused(tiles: Path, tmp_path: Path) -> None:
    recipe = recipe_of(save_model(tmp_path / "base", "sd15"), numbers=("looks", "polarization"))
    with pytest.raises(InputError, match=r"no tile of .* states polarization"):
        finetune(recipe, tiles, tmp_path / "run", quiet, "cpu")
    assert not (tmp_path / "run").exists()


def test_enlarged_tiles_have_finer_pixels(tiles: Path) -> None:
    rows = open_tiles(tiles, "train")
    assert tile_numbers(rows, NAMES)[0] == {"spacing_m": 1.0, "looks": 1.0}
    assert tile_numbers(rows, NAMES, enlarge=4)[0] == {"spacing_m": 0.25, "looks": 1.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unet": "lora"}, 'unet = "full"'),
        ({"numbers": ("height_m",)}, "height_m"),
        ({"mirror": True, "numbers": ("range_azimuth_deg",)}, "mirror"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    changes: dict[str, Any], said: str, tiles: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        finetune(recipe_of(tmp_path, **changes), tiles, tmp_path / "run", quiet, "cpu")
