"""Recipes: found by name, extended from anywhere, and refused where they do not fit the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from sarloom.errors import InputError
from sarloom.options.captioner_recipe import CaptionerRecipe
from sarloom.options.finetune import FinetuneRecipe
from sarloom.options.recipe import EmbeddedRecipe
from sarloom.options.sarclip import SarclipRecipe
from sarloom.options.toml import RECIPES, find_recipe, load_table, peek
from sarloom.train.finetune.plan import check_recipe
from tile_sets import run

SHIPPED = sorted(path for folder in RECIPES for path in folder.glob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_recipe_is_read_by_its_name_and_asks_for_what_goes_together(path: Path) -> None:
    assert find_recipe(Path(path.stem)) == path == find_recipe(Path(path.name))
    tables = {"sarclip": SarclipRecipe, "captioner": CaptionerRecipe}
    if peek(path, "base") is None:
        load_table(tables.get(peek(path, "model"), EmbeddedRecipe), path)
    else:
        check_recipe(load_table(FinetuneRecipe, path), [Path("tiles")])


def test_a_file_comes_before_a_name_and_a_wrong_name_gets_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("embedded-lora.toml").write_text("rank = 3\n")
    assert find_recipe(Path("embedded-lora.toml")) == Path("embedded-lora.toml")
    assert find_recipe(Path("nowhere/x.toml")) == Path("nowhere/x.toml")
    with pytest.raises(InputError, match=r"did you mean .*embedded-lora"):
        find_recipe(Path("embeded-lora"))


def test_a_recipe_anywhere_extends_one_that_ships(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "sd15-lora.toml"\nrank = 8\n')
    recipe = load_table(FinetuneRecipe, mine)
    assert (recipe.unet, recipe.rank, peek(mine, "base")) == ("lora", 8, recipe.base)
    (tmp_path / "sd15-lora.toml").write_text('base = "here"\n')
    assert load_table(FinetuneRecipe, mine).base == "here" == peek(mine, "base")
    mine.write_text('extends = "nowhere.toml"\n')
    with pytest.raises(InputError, match=r"nowhere\.toml does not exist"):
        load_table(FinetuneRecipe, mine)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("embedded-lora",), "give --tiles DIR"),
        (("embedded", "--tiles", "tiles"), "leave --tiles away"),
        (("captioner", "--tiles", "tiles"), "leave --tiles away"),
    ],
)
def test_a_recipe_of_the_other_kind_is_refused_in_words(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", *words, "--out", tmp_path / "run") == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
