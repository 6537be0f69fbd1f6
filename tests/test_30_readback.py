"""Conditions read back from images: maps by a segmenter, drawings by edges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sarloom.errors import FormatError, InputError
from sarloom.evaluate.readback import (
    confusion,
    intersection_over_union,
    line_recall,
    mean_iou,
)
from sarloom.evaluate.segmenter import (
    USUAL,
    load_segmenter,
    read_map,
    save_segmenter,
    train_segmenter,
)

SIDE = 32
LEVELS = np.array([0.004, 0.06, 0.9])


def test_overlap_is_counted_by_class() -> None:
    wanted = np.array([[0, 0, 1, 1], [0, 0, 1, 1]], np.uint8)
    found = np.array([[0, 0, 0, 1], [0, 2, 1, 1]], np.uint8)
    table = confusion(wanted, found, 4)
    np.testing.assert_allclose(intersection_over_union(table)[:2], [3 / 5, 3 / 4])
    # a class that no map holds does not count, one that is only found counts against the others
    assert np.isnan(intersection_over_union(table)[2:]).all()
    assert mean_iou(table) == pytest.approx((3 / 5 + 3 / 4) / 2)


def test_maps_that_cannot_be_compared_are_refused() -> None:
    one = np.zeros((4, 4), np.uint8)
    with pytest.raises(InputError, match="cannot be compared"):
        confusion(one, np.zeros((4, 5), np.uint8), 2)
    with pytest.raises(InputError, match="beyond the 2"):
        confusion(one, one + np.uint8(3), 2)


def test_lines_are_found_in_their_own_image_only() -> None:
    rng = np.random.default_rng(0)
    power = np.full((128, 128), 0.02)
    power[:, 30:80] = 0.2
    image = np.asarray(power * rng.exponential(1.0, power.shape), np.float32)
    lines, elsewhere = np.zeros((2, 128, 128), bool)
    lines[:, [30, 80]] = True
    elsewhere[:, [5, 55, 105]] = True
    found, count = line_recall(image, lines)
    assert count == 256
    assert found / count > 0.95
    missed, count = line_recall(image, elsewhere)
    assert missed / count < 0.5


def maps_and_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Halves and patches of three surfaces under speckle of four looks."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((count, SIDE, SIDE), np.uint8)
    for one in maps:
        one[:, rng.integers(8, 24) :] = 1
        row, column = rng.integers(2, 20, 2)
        one[row : row + 9, column : column + 9] = 2
    power = LEVELS[maps] * rng.gamma(4, 0.25, maps.shape)
    return np.asarray(power, np.float32), maps


def test_a_segmenter_reads_maps_and_can_be_kept(tmp_path: Path) -> None:
    power, maps = maps_and_images(24, 0)
    budget = replace(USUAL, steps=40, batch=4)
    losses: list[float] = []
    network = train_segmenter(power, maps, 3, 0, budget, lambda step, loss: losses.append(loss))
    assert losses[-1] < 0.5 * losses[0]
    unseen, wanted = maps_and_images(4, 1)
    table = sum(
        confusion(truth, read_map(network, image), 3)
        for image, truth in zip(unseen, wanted, strict=True)
    )
    assert mean_iou(np.asarray(table)) > 0.8
    path = tmp_path / "segmenter.safetensors"
    save_segmenter(network, path, budget, 0)
    again = load_segmenter(path, 3)
    np.testing.assert_array_equal(read_map(again, unseen[0]), read_map(network, unseen[0]))
    with pytest.raises(FormatError, match="no segmenter of 5 classes"):
        load_segmenter(path, 5)
