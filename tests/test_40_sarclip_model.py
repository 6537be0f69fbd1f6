"""The image-text model that ships: stock tools open it, it names scenes, speckle hardly counts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from sarloom import files
from sarloom.errors import ModelError
from sarloom.evaluate.encoders import features_of
from sarloom.evaluate.encoders.sarclip import CaptionFeatures, ImageFeatures, Sarclip
from sarloom.evaluate.findings import findings_of
from sarloom.evaluate.harness import evaluate
from sarloom.evaluate.image import RadarImage
from sarloom.evaluate.metrics.alignment import alignment_metric
from sarloom.evaluate.table import Images
from sarloom.evaluate.view import View
from sarloom.sar.picture import SIDE, log_picture
from sarloom.sar.speckle import speckle_intensity
from sarloom.simulate.captions import with_domain
from sarloom.simulate.kinds import KINDS
from sarloom.simulate.prompts import PROMPTS
from sarloom.simulate.scene import simulate_scene


@dataclass(frozen=True)
class Seen:
    """One held-out scene: a single-look image, what it is without speckle, and what it shows."""

    kind: str
    power: np.ndarray
    clean: np.ndarray
    caption: str


@pytest.fixture(scope="module")
def model() -> Sarclip:
    return Sarclip()


def simulated(seed: int) -> list[Seen]:
    """One scene of every kind; 256 pixels of 0.7 m cover what 512 of 0.35 m do."""
    found = []
    for kind in KINDS:
        scene = simulate_scene(kind, seed, size=256, spacing_m=0.7)
        found.append(
            Seen(
                kind,
                scene.radar.sigma_nought,
                scene.reflectivity.power,
                with_domain(scene.captions[-1]),
            )
        )
    return found


@pytest.fixture(scope="module")
def scenes() -> list[Seen]:
    return simulated(900_501)


def test_the_folder_is_small_and_holds_no_pickle(model: Sarclip) -> None:
    found = sorted(path for path in model.folder.rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in found) <= 6_000_000
    assert {path.suffix for path in found} == {".json", ".safetensors", ".txt", ".md"}
    assert "Weaknesses" in (model.folder / "README.md").read_text()


def test_stock_transformers_gives_the_same_cosine(model: Sarclip, scenes: list[Seen]) -> None:
    from transformers import CLIPModel, CLIPProcessor

    stock = CLIPModel.from_pretrained(model.folder).float().eval()
    processor = CLIPProcessor.from_pretrained(model.folder)
    one = scenes[0]
    picture = np.rint(log_picture(one.power) * 255).astype(np.uint8)
    given = processor(
        text=[one.caption], images=np.stack([picture] * 3, -1), return_tensors="pt", padding=True
    )
    assert given["pixel_values"].shape == (1, 3, SIDE, SIDE)
    with torch.inference_mode():
        found = stock(**given)
    cosine = float(found.image_embeds[0] @ found.text_embeds[0])
    own = float(model.image(one.power) @ model.caption(one.caption))
    assert cosine == pytest.approx(own, abs=0.01)


def test_it_names_the_kind_of_held_out_scenes(model: Sarclip, scenes: list[Seen]) -> None:
    """By sentences that training never read; benchmarks/sarclip_figures.py has the figure."""
    texts = np.stack([
        np.mean([model.caption(with_domain(text)) for text in PROMPTS[kind][:8]], axis=0)
        for kind in KINDS
    ])  # fmt: skip
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    named = [list(KINDS)[int((texts @ model.image(one.power)).argmax())] for one in scenes]
    wrong = [(one.kind, name) for one, name in zip(scenes, named, strict=True) if one.kind != name]
    assert len(wrong) <= 4, wrong


def test_speckle_moves_an_image_less_than_another_scene(model: Sarclip, scenes: list[Seen]) -> None:
    draws = [
        np.stack([
            model.image(speckle_intensity(one.clean, 1, np.random.default_rng([seed, n])))
            for n, one in enumerate(scenes)
        ])
        for seed in (1, 2)
    ]  # fmt: skip
    cosines = draws[0] @ draws[1].T
    own = np.diag(cosines)
    assert own.mean() > 0.9
    assert (cosines.argmax(axis=1) == np.arange(len(scenes))).mean() > 0.9


def test_level_and_eight_bits_hardly_count(model: Sarclip, scenes: list[Seen]) -> None:
    for one in scenes[:4]:
        seen = model.image(one.power)
        amplitude = np.sqrt(one.power * 1e4)
        top = amplitude.mean() + 3 * amplitude.std()
        pixels = np.rint(np.clip(amplitude / top, 0, 1) * 255)
        assert seen @ model.image(one.power * 1e4) == pytest.approx(1, abs=1e-4)
        assert seen @ model.image(pixels**2) > 0.8


def as_table(model: Sarclip, scenes: list[Seen], order: np.ndarray) -> Images:
    image, caption = ImageFeatures(model), CaptionFeatures(model)
    views = [
        View(RadarImage(one.kind, one.power.astype(np.float32), caption=scenes[k].caption), 1.0)
        for one, k in zip(scenes, order, strict=True)
    ]
    return Images.of(
        [one.kind for one in scenes],
        {
            "features/sarclip": np.stack([image(view) for view in views]),
            "captions/sarclip": np.stack([caption(view) for view in views]),
        },
    )


def test_swapped_captions_are_caught_and_named(model: Sarclip, scenes: list[Seen]) -> None:
    others = simulated(900_502)
    straight = np.arange(len(scenes))
    real = as_table(model, scenes, straight)
    _, metrics = features_of(["sarclip"])
    metric = next(one for one in metrics if one.section == "Prompt alignment")
    assert metric.needs == alignment_metric("sarclip", *metric.needs).needs
    verdicts = {}
    for name, order in (("right", straight), ("swapped", np.roll(straight, 5))):
        generated = as_table(model, others, order)
        rows = evaluate(real, generated, [metric], draws=40)
        verdicts[name] = {one.name for one in findings_of(rows, real, generated)}
        score = next(row for row in rows if row.key == "sarclip_score")
        assert score.differs is (name == "swapped")
    assert "swapped-captions" in verdicts["swapped"]
    assert "swapped-captions" not in verdicts["right"]


def test_an_image_without_a_caption_has_no_vector_for_it(model: Sarclip) -> None:
    view = View(RadarImage("none", np.ones((64, 64), np.float32)), 1.0)
    assert np.isnan(CaptionFeatures(model)(view)).all()


def test_a_missing_model_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WEIGHTS", tmp_path)
    with pytest.raises(ModelError, match="sarloom train recipes/sarclip"):
        features_of(["sarclip"])
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="no image-text model"):
        Sarclip(tmp_path).caption("a city")
