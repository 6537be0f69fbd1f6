"""Pairs, kinds of ground, usefulness: what each figure must see, and must not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from evaluate_faults import Made
from sarloom.errors import InputError
from sarloom.evaluate.clusters import ClusterLaw, cluster_metrics, find_clusters
from sarloom.evaluate.fitting import Budget
from sarloom.evaluate.harness import Row, evaluate
from sarloom.evaluate.image import RadarImage
from sarloom.evaluate.pairs import PAIRS, averaged, compare, pair_tables, pairs_of, ssim, two_draws
from sarloom.evaluate.table import Images
from sarloom.evaluate.usefulness import USEFULNESS, chip_of, classes_of, usefulness
from sarloom.evaluate.view import View


def ground(seed: int, side: int = 128) -> np.ndarray:
    """Patches of four brightnesses, with a lane of shadow."""
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal((side, side)), 10)
    levels = np.digitize(field, np.quantile(field, [0.3, 0.6, 0.9]))
    power = np.array([0.1, 1.0, 3.0, 12.0])[levels]
    power[:, side // 2 : side // 2 + 12] = 0.02
    return np.asarray(power)


def drawn(power: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(1000 + seed)
    return np.asarray(power * rng.standard_exponential(power.shape), np.float32)


def made(powers: list[np.ndarray], folder: str = "") -> Made:
    return Made("m", [RadarImage(f"{folder}{n}.png", one) for n, one in enumerate(powers)])


# pairs


@pytest.fixture(scope="module")
def truth() -> Made:
    return made([drawn(ground(seed), seed) for seed in range(12)])


def paired(truth: Made, other: Made) -> dict[str, Row]:
    rows = pairs_of([one.name for one in truth.images], [one.name for one in other.images])
    tables = pair_tables(truth, other, rows, 1.0, 0)
    return {row.key: row for row in evaluate(*tables, (PAIRS,), draws=40)}


def test_another_draw_of_speckle_over_the_same_ground_is_no_difference(truth: Made) -> None:
    again = made([drawn(ground(seed), 500 + seed) for seed in range(12)])
    found = paired(truth, again)
    psnr = found["pair_psnr"]
    assert psnr.generated == pytest.approx(psnr.real, abs=0.5)
    assert found["pair_dark_iou"].generated > 0.9
    assert not [key for key, row in found.items() if row.differs and abs(row.value) > 0.03]


@pytest.mark.parametrize("fault", ["mirrored", "elsewhere", "shifted"])
def test_ground_that_lies_elsewhere_is_seen(truth: Made, fault: str) -> None:
    change = {
        "mirrored": lambda seed: ground(seed)[:, ::-1],
        "elsewhere": lambda seed: ground(seed + 70),
        "shifted": lambda seed: np.roll(ground(seed), 24, axis=1),
    }[fault]
    found = paired(truth, made([drawn(change(seed), 500 + seed) for seed in range(12)]))
    for key in ("pair_psnr", "pair_ssim", "pair_edge_recall", "pair_bright_iou"):
        assert found[key].differs and found[key].value < 0, key
        assert found[key].interval[1] < 0


def test_pairs_are_found_by_name_without_the_ending() -> None:
    assert pairs_of(["a/1.tif", "a/2.tif", "b.c"], ["b.c", "a/2.png"]) == [(2, 0), (1, 1)]
    with pytest.raises(InputError, match="--paired"):
        pairs_of(["1.png"], ["2.png"])
    with pytest.raises(InputError, match="one grid"):
        averaged(np.ones((64, 64), np.float32), np.ones((64, 65), np.float32), 1.0, "x")


def test_similarity_equals_its_definition_on_one_window() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((7, 7)), rng.random((7, 7))
    joint = np.cov(a.ravel(), b.ravel())
    ma, mb = a.mean(), b.mean()
    wanted = (2 * ma * mb + 1e-4) * (2 * joint[0, 1] + 9e-4)
    wanted /= (ma**2 + mb**2 + 1e-4) * (joint[0, 0] + joint[1, 1] + 9e-4)
    assert ssim(a, b) == pytest.approx(wanted)
    assert compare(a, a)[1] == pytest.approx(1.0)


def test_the_speckle_floor_rises_with_looks() -> None:
    cells = ground(1)
    few, many = (two_draws(cells, np.full(cells.shape, n), 1)[0] for n in (16.0, 64.0))
    assert many - few == pytest.approx(6.0, abs=1.0)  # four times the looks, half the error


# kinds of ground


def law_rows(real: list[np.ndarray], generated: list[np.ndarray]) -> list[Row]:
    views = [[View(RadarImage("x", one), 1.0) for one in some] for some in (real, generated)]
    centres = find_clusters(views[0])
    law = ClusterLaw(centres)
    tables = [
        Images.of(
            [str(n) for n in range(len(some))], {"clusters": np.stack([law(v) for v in some])}
        )
        for some in views
    ]
    return evaluate(*tables, cluster_metrics(centres), draws=40)


def test_a_wrong_law_in_one_kind_of_ground_is_found_there() -> None:
    real = [drawn(ground(seed), seed) for seed in range(20)]
    assert not [row.key for row in law_rows(real[:10], real[10:]) if row.differs]

    def dimmed(seed: int) -> np.ndarray:
        power = ground(seed)
        multilooked = np.random.default_rng(seed).gamma(4.0, 0.25, power.shape)
        bright = power > 10
        return np.where(bright, power * multilooked, drawn(power, seed)).astype(np.float32)

    found = law_rows(real, [dimmed(seed) for seed in range(40, 60)])
    wrong = {row.key for row in found if row.differs}
    assert "ground_4_ks" in wrong  # the brightest
    assert "ground_2_ks" not in wrong


# usefulness


def shapes(kind: str, seed: int) -> np.ndarray:
    """Grass and asphalt side by side, or one above the other: no start of training misses that."""
    cut = np.random.default_rng(seed).integers(26, 38)
    power = np.ones((64, 64))
    if kind == "beside":
        power[:, cut:] = 30
    else:
        power[cut:] = 30
    return drawn(power, seed)


def test_generated_images_of_the_wrong_class_are_worth_less() -> None:
    def of(swap: bool, start: int) -> Made:
        images = []
        for label in ("beside", "above"):
            kind = {"beside": "above", "above": "beside"}[label] if swap else label
            images += [
                RadarImage(f"{label}/{seed}.png", shapes(kind, start + seed)) for seed in range(16)
            ]
        return Made("shapes", images)

    real = of(False, 0)
    names = [one.name for one in real.images]
    scores = {}
    for swap in (False, True):
        tables = usefulness(real, of(swap, 300), (names, names), 0, Budget(30, 12, 4e-3, 0.02))
        (row,) = evaluate(*tables, (USEFULNESS,), draws=40)
        scores[swap] = row
    assert scores[False].real > 0.9 and scores[False].generated > 0.9
    assert not scores[False].differs
    assert scores[True].generated < 0.2 and scores[True].differs


def test_classes_are_sub_folders_that_both_sets_have() -> None:
    some = [f"{label}/{number}.png" for label in "abc" for number in range(4)]
    assert classes_of(some, some[:8]) == ["a", "b"]
    with pytest.raises(InputError, match="in common: a"):
        classes_of(some, some[:4])
    with pytest.raises(InputError, match="class b has 3 images in --generated"):
        classes_of(some, some[:7])


def test_a_chip_is_the_middle_of_an_averaged_image() -> None:
    power = np.ones((200, 130), np.float32)
    power[98:102, 63:67] = np.nan
    assert chip_of(power).shape == (36, 36)
    assert np.isfinite(chip_of(power)).all()
