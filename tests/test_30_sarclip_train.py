"""Training of the image-text model: it learns, resumes exactly, and stock tools open the result."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sarloom.errors import FormatError, InputError
from sarloom.evaluate.encoders.sarclip import Sarclip
from sarloom.options.sarclip import SarclipRecipe
from sarloom.options.toml import load_table, peek
from sarloom.sar.picture import SIDE
from sarloom.simulate.captions import with_domain
from sarloom.train import loop
from sarloom.train.sarclip import NAMES, SarclipTask, kind_table, picture_features, train_sarclip
from sarloom.train.sarclip_data import PictureSet, keep_scenes, sentence, shrink

WORDS = {"city": "a city", "forest": "a forest", "river": "a river"}


def pattern(kind: str, rng: np.random.Generator, side: int = 512) -> np.ndarray:
    """Something bright, something dark, or neither, wherever the window lies.

    A small network learns that from any start in a hundred steps. Where things lie, or the phase of
    a texture, it learned from some starts only, and from which depended on the machine.
    """
    row, column = np.mgrid[:side, :side] - rng.integers(side // 8, size=(2, 1, 1))
    away = np.maximum(np.abs(row - side // 2), np.abs(column - side // 2))
    grey = {
        "city": np.where(away < side // 6, 200, 80),
        "forest": 110 + np.kron(rng.integers(-20, 20, (32, 32)), np.ones((side // 32,) * 2)),
        "river": np.where(np.abs(row - rng.integers(side // 3, side // 2)) < side // 12, 0, 120),
    }[kind]
    return np.asarray(grey, np.uint8)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    rng = np.random.default_rng(0)
    kinds = [list(WORDS)[k % 3] for k in range(96)]
    captions = [[WORDS[kind]] for kind in kinds]
    np.savez(
        folder / "scenes-00000.npz",
        pixels=np.stack([pattern(kind, rng, 256) for kind in kinds]),
        text=np.array(json.dumps([kinds, captions])),
    )
    return folder


def recipe(scenes: Path, steps: int) -> SarclipRecipe:
    return SarclipRecipe(
        seed=5, scenes=96, scenes_folder=scenes, patch=16, vision_width=32, vision_layers=2,
        text_width=32, text_layers=1, features=16, vocabulary=600, steps=steps, batch=12,
        learning_rate=3e-3, kind_weight=4.0, ema=0.9, checkpoint_every=2,
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    # with every patch in sight
    whole = replace(recipe(scenes, 150), patch_dropout=0.0, checkpoint_every=150)
    return train_sarclip(whole, out, lambda line: None)


def test_it_learns_to_name_what_it_sees(trained: Path) -> None:
    model = Sarclip(trained)
    rng = np.random.default_rng(9)
    texts = np.stack([model.caption(with_domain(words)) for words in WORDS.values()])
    right = 0
    for number, kind in enumerate(WORDS):
        for _ in range(6):
            power = 10 ** ((pattern(kind, rng) / 255 * 50 - 35) / 10)
            seen = model.image(power * rng.gamma(1, 1, power.shape))
            right += int((texts @ seen).argmax() == number)
    assert right >= 16  # of 18; 6 by chance


def test_stock_transformers_opens_it(trained: Path) -> None:
    from transformers import CLIPModel, CLIPProcessor

    model, processor = CLIPModel.from_pretrained(trained), CLIPProcessor.from_pretrained(trained)
    picture = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    given = processor(
        text=["a city", "a forest"], images=np.stack([picture] * 3, -1), return_tensors="pt",
        padding=True,
    )  # fmt: skip
    with torch.inference_mode():
        found = model.float().eval()(**given)
    own = Sarclip(trained)
    np.testing.assert_allclose(
        found.image_embeds[0], own.picture(picture.astype(np.float32) / 255), atol=2e-3
    )
    np.testing.assert_allclose(found.text_embeds[0], own.caption("a city"), atol=2e-3)
    assert {value.dtype for value in load_file(trained / "model.safetensors").values()} == {
        torch.float16
    }


def test_a_killed_run_goes_on_exactly(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_sarclip(recipe(scenes, 6), tmp_path / "whole", lambda line: None)
    calls = 0
    gradients = loop._gradients

    def dying(*given: object) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls > 5:
            raise KeyboardInterrupt
        return gradients(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_gradients", dying)
    with pytest.raises(KeyboardInterrupt):
        train_sarclip(recipe(scenes, 6), tmp_path / "killed", lambda line: None)
    monkeypatch.undo()
    again = train_sarclip(recipe(scenes, 6), tmp_path / "killed", lambda line: None)
    first, second = (load_file(one / "model.safetensors") for one in (whole, again))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_all_patches_are_the_stock_features(scenes: Path, trained: Path) -> None:
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(trained).float().eval()
    pixels = torch.randn(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        stock = model.get_image_features(pixel_values=pixels)
        stock = getattr(stock, "pooler_output", stock)
        ours = picture_features(model, pixels, 1.0, torch.Generator())
        fewer = picture_features(model, pixels, 0.5, torch.Generator().manual_seed(1))
    torch.testing.assert_close(ours, stock)
    assert (fewer - stock).abs().max() > 1e-3


def test_equal_sentences_are_no_mistakes(scenes: Path, tmp_path: Path, trained: Path) -> None:
    """With one sentence for all, every match is right and the loss is its least: log of n."""
    from transformers import CLIPModel, CLIPTokenizer

    data = keep_scenes(scenes, 24, tmp_path / "pictures.npz")
    same = PictureSet(data.pixels, data.kinds, [["a city"]] * 24)
    model = CLIPModel.from_pretrained(trained).float()
    whole = replace(recipe(scenes, 1), patch_dropout=0.0)
    task = SarclipTask(model, CLIPTokenizer.from_pretrained(trained), same, whole)
    task.batch = lambda draw: (  # type: ignore[method-assign]
        torch.zeros(4, 3, SIDE, SIDE), ["a city"] * 4, torch.from_numpy(kind_table(["city"] * 4)),
    )  # fmt: skip
    _, figures = task.loss(loop.draw_of(0, 0, slice(None)))
    assert figures["contrast"] == pytest.approx(np.log(4), abs=1e-3)


def test_mirrored_pictures_get_mirrored_sentences() -> None:
    data = PictureSet(np.zeros((1, 256, 256), np.uint8), ["city"], [["a city at the top"]])
    assert "at the bottom" in sentence(data, 0, np.random.default_rng(0), True)
    assert "at the top" in sentence(data, 0, np.random.default_rng(0), False)


def test_shrinking_averages_power_not_decibels() -> None:
    pixels = np.zeros((1, 512, 512), np.uint8)
    pixels[:, ::2] = 255  # 15 dB beside -35 dB: the mean is 12 dB
    assert np.abs(shrink(pixels) / 255 * 50 - 35 - 12).max() < 0.2


def test_kinds_of_mixtures_and_real_pictures() -> None:
    table = kind_table(["city+river", "measured", "coast"])
    assert table[0, NAMES.index("river")] == 0.5
    assert table.sum(1).tolist() == [1.0, 0.0, 1.0]


def test_bad_recipes_are_refused(scenes: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    (tmp_path / "base.toml").write_text('model = "sarclip"\n')
    path.write_text('extends = "base.toml"\nlooks = [4.0, 2.0]\n')
    assert peek(path, "model") == "sarclip"
    assert peek(tmp_path / "none.toml", "model") is None
    with pytest.raises(InputError, match="looks"):
        train_sarclip(load_table(SarclipRecipe, path), tmp_path / "run", lambda line: None)
    with pytest.raises(InputError, match="no folder"):
        train_sarclip(
            load_table(SarclipRecipe, path, ["looks=[4.0, 8.0]", "scenes_folder=/no/such"]),
            tmp_path / "run", lambda line: None,
        )  # fmt: skip


def test_a_damaged_picture_file_is_named(scenes: Path, tmp_path: Path) -> None:
    path = tmp_path / "pictures.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(FormatError, match=r"pictures\.npz is damaged"):
        keep_scenes(scenes, 24, path)
