"""The captioner that ships with the package, and how it is made from nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sarloom.captions.captioners import load_captioner
from sarloom.captions.captioners.locate import EMBEDDED_FOLDER
from sarloom.errors import InputError
from sarloom.options.captioner_recipe import CaptionerRecipe
from sarloom.simulate.build import build_world
from sarloom.simulate.kinds import KINDS
from sarloom.simulate.optical import optical
from sarloom.simulate.wording import HEADS
from sarloom.train import loop
from sarloom.train.captioner.embedded import train_embedded_captioner
from sarloom.train.captioner.named import named_kind
from sarloom.train.captioner.scenes import mirrored_words
from sarloom.train.checkpoint import save_state

SEED = 9_500_000
"""Scenes of no training and no benchmark."""


def photo(kind: str, seed: int) -> Image.Image:
    """179.2 m of ground on a side, coarser than usual to be quick."""
    world = build_world(kind, seed, 192, 179.2 / 192)
    return Image.fromarray(optical(world, np.random.default_rng(seed)))


def test_it_is_small_and_holds_nothing_but_tensors_and_text():
    sizes = {path.name: path.stat().st_size for path in EMBEDDED_FOLDER.iterdir()}
    assert sum(sizes.values()) < 6.5e6
    assert {Path(name).suffix for name in sizes} <= {".safetensors", ".json", ".txt", ".md"}


def test_stock_transformers_loads_it_and_says_the_same():
    from transformers import BlipForConditionalGeneration, BlipProcessor

    model = BlipForConditionalGeneration.from_pretrained(EMBEDDED_FOLDER, dtype="float32")
    processor = BlipProcessor.from_pretrained(EMBEDDED_FOLDER)
    picture = photo("harbour", SEED)
    tokens = model.generate(
        **processor(images=picture, return_tensors="pt"), num_beams=3, max_new_tokens=40
    )
    stock = processor.decode(tokens[0], skip_special_tokens=True).strip()
    assert stock.replace(" - ", "-") == load_captioner("embedded").describe([picture])[0][0]


def test_it_names_scenes_that_it_has_never_seen():
    captioner = load_captioner("embedded")
    right, said = 0, []
    for number in range(2):
        for kind in KINDS:
            text = captioner.describe([photo(kind, SEED + number)])[0][0]
            said.append((kind, text))
            right += named_kind(text) == kind
    assert right >= 20, said


def test_captions_are_different_and_have_no_pieces_or_marks():
    captioner = load_captioner("embedded")
    several = captioner.describe([photo("airport", SEED + 7)], count=4)[0]
    assert len(several) == 4 and len(set(several)) > 1
    assert all("##" not in text and "[" not in text for text in several)


def test_every_phrase_for_a_scene_names_its_kind():
    for kind, phrases in HEADS.items():
        for phrase in phrases:
            assert named_kind(f"{phrase} with many trees on the left") == kind
    assert named_kind("a river valley with four fields") == "river"
    assert named_kind("an airport") == "airport"  # not the port in it
    assert named_kind("trees") == ""


@pytest.mark.parametrize(
    ("rows", "columns", "wanted"),
    [
        (False, False, "a road running from upper left to lower right, with cars on the left"),
        (True, False, "a road running from lower left to upper right, with cars on the left"),
        (False, True, "a road running from lower left to upper right, with cars on the right"),
        (True, True, "a road running from upper left to lower right, with cars on the right"),
    ],
)
def test_sentences_turn_over_with_their_pictures(rows, columns, wanted):
    said = "a road running from upper left to lower right, with cars on the left"
    assert mirrored_words(said, rows, columns) == wanted
    assert mirrored_words("from left to right", rows, columns) == "from left to right"
    assert mirrored_words("from top to bottom", rows, columns) == "from top to bottom"


class Killed(Exception):
    pass


def test_made_from_nothing_and_resumed_exactly(tmp_path, monkeypatch):
    recipe = CaptionerRecipe(
        scenes=24, scene_cells=128, pixels=32, patch=8, width=32, heads=2, vision_layers=1,
        text_layers=1, vocabulary=300, steps=4, batch=4, captions=1, warmup_steps=1,
        checkpoint_every=2,
    )  # fmt: skip
    whole = train_embedded_captioner(recipe, tmp_path / "whole", lambda line: None, 1)
    assert len(load_captioner(str(whole)).describe([photo("city", 3)])[0]) == 1

    def save_and_die(folder: Path, step: int, *more: object) -> None:
        save_state(folder, step, *more)
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(loop, "save_state", save_and_die)
        train_embedded_captioner(recipe, tmp_path / "cut", lambda line: None, 1)
    with pytest.raises(InputError, match=r"another recipe \(seed\)"):
        train_embedded_captioner(replace(recipe, seed=1), tmp_path / "cut", lambda line: None, 1)
    again = train_embedded_captioner(recipe, tmp_path / "cut", lambda line: None, 1)
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"another recipe \(steps\)"):
        train_embedded_captioner(replace(recipe, steps=9), tmp_path / "cut", lambda line: None, 1)
