"""Scores and retrieval of captions, on vectors whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from sarloom.evaluate.findings import findings_of
from sarloom.evaluate.harness import evaluate
from sarloom.evaluate.metrics.alignment import Similarities, alignment_metric, distinct
from sarloom.evaluate.table import Images

METRIC = alignment_metric("sarclip", "seen", "said")


def units(count: int, rng: np.random.Generator, features: int = 16) -> np.ndarray:
    found = rng.standard_normal((count, features))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def table(count: int, seed: int, noise: float = 0.8, swap: bool = False) -> Images:
    """Images whose vectors are those of their captions and noise."""
    rng = np.random.default_rng(seed)
    said = units(count, rng)
    seen = said + noise * units(count, rng)
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    said = said[rng.permutation(count)] if swap else said
    names = [f"{seed}-{k}" for k in range(count)]
    return Images.of(names, {"seen": seen.astype(np.float32), "said": said.astype(np.float32)})


def test_a_perfect_fit_and_its_score() -> None:
    images = table(40, 0, noise=0.0)
    found = Similarities.of(images, "seen", "said")
    assert found.score == pytest.approx(100, abs=1e-3)
    assert (found.recall(1, 40), found.recall(5, 40)) == (1.0, 1.0)
    others = images["said"] @ images["said"].T
    mean = (others.sum() - len(others)) / (40 * 39)
    assert found.margin == pytest.approx(100 * (1 - mean), abs=1e-3)


def test_retrieval_is_the_mean_over_drawn_galleries() -> None:
    """Against galleries really drawn and sorted."""
    images = table(60, 1, noise=4.0)
    found, rng = Similarities.of(images, "seen", "said"), np.random.default_rng(2)
    hits = {1: 0, 5: 0}
    draws = 400
    for row in range(60):
        cosines = images["said"] @ images["seen"][row]
        others = np.delete(np.arange(60), row)
        for _ in range(draws):
            better = (cosines[rng.permutation(others)[:19]] > cosines[row]).sum()
            hits = {k: hits[k] + (better < k) for k in hits}
    for k, hit in hits.items():
        assert found.recall(k, 20) == pytest.approx(hit / (60 * draws), abs=0.01)
        assert 1.3 * k / 20 < found.recall(k, 20) < 0.9  # above chance, and not all


def test_swapped_captions_are_found_by_chance_only() -> None:
    found = Similarities.of(table(400, 3, swap=True), "seen", "said")
    assert found.recall(1, 100) == pytest.approx(0.01, abs=0.01)
    assert found.recall(5, 100) == pytest.approx(0.05, abs=0.025)
    assert abs(found.margin) < 3


def test_equal_captions_do_not_compete() -> None:
    said = units(4, np.random.default_rng(4))
    both = np.concatenate([said, said])
    images = Images.of(
        [str(k) for k in range(8)],
        {"seen": both.astype(np.float32), "said": both.astype(np.float32)},
    )
    different, own = distinct(np.asarray(images["said"], np.float64))
    assert len(different) == 4
    assert own.tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    assert Similarities.of(images, "seen", "said").recall(1, 4) == 1.0


def test_images_without_a_caption_are_left_out() -> None:
    images = table(50, 5)
    said = images["said"].copy()
    said[:10] = np.nan
    some = Images.of(images.names, {**images.columns, "said": said})
    rest = images.take(np.arange(10, 50))
    assert Similarities.of(some, "seen", "said").score == pytest.approx(
        Similarities.of(rest, "seen", "said").score
    )


def test_weights_stand_for_repeated_images() -> None:
    images = table(20, 6)
    weights = np.ones(20)
    weights[:5] = 3
    weighted = images.take(np.arange(20), weights)
    repeated = images.take(np.repeat(np.arange(20), weights.astype(int)))
    first, second = (Similarities.of(one, "seen", "said") for one in (weighted, repeated))
    assert first.score == pytest.approx(second.score)
    assert first.recall(1, 20) == pytest.approx(second.recall(1, 20))
    assert first.margin == pytest.approx(second.margin)


@pytest.mark.parametrize("faulty", ["generated", "real"])
def test_swapped_captions_are_named(faulty: str) -> None:
    real = table(100, 7, swap=faulty == "real")
    generated = table(100, 8, swap=faulty == "generated")
    rows = evaluate(real, generated, [METRIC], draws=30)
    names = {one.name: one.text for one in findings_of(rows, real, generated)}
    assert f"captions of the {faulty} images" in names["swapped-captions"]


def test_equal_sets_are_not_accused() -> None:
    real, generated = table(100, 9), table(100, 10)
    rows = evaluate(real, generated, [METRIC], draws=30)
    assert not any(row.differs for row in rows)
    assert "swapped-captions" not in {one.name for one in findings_of(rows, real, generated)}


def test_a_worse_fit_is_no_swap() -> None:
    real, generated = table(100, 11, noise=0.5), table(100, 12, noise=1.2)
    rows = evaluate(real, generated, [METRIC], draws=30)
    assert {row.key for row in rows if row.differs} >= {"sarclip_score", "sarclip_margin"}
    assert "swapped-captions" not in {one.name for one in findings_of(rows, real, generated)}
