"""Train on generated, test on real: are generated images worth training on?

Real images of every class are split into two halves. One classifier learns from the first half,
another from as many generated images; both name the second half. Their difference is what
generated images lack, or have in excess of real ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sar.multilook import multilook
from .classifier import USUAL, named, train_classifier
from .collect import ImageSet, Tick
from .fitting import Budget
from .metrics.base import Figure, Metric, property_of
from .table import Images

SECTION = "Usefulness"
SIDE = 36
"""Rows and columns that a classifier is given."""
FEWEST = 4
"""Images of a class in each set."""
Chips = NDArray[np.float32]
_COLUMN = "right"


def classes_of(real: Sequence[str], generated: Sequence[str]) -> list[str]:
    """Sub-folders that both sets have, by the names of their images.

    Raises
    ------
    InputError
        Where there are fewer than two, or a class has too few images.
    """
    folders = [{label_of(name) for name in names} - {""} for names in (real, generated)]
    common = sorted(folders[0] & folders[1])
    if len(common) < 2:
        raise InputError(
            "--classify needs at least two sub-folders of the same names in --real and in "
            f"--generated, one per class; they have in common: {', '.join(common) or 'none'}"
        )
    for which, names in (("--real", real), ("--generated", generated)):
        for label in common:
            count = sum(label_of(name) == label for name in names)
            if count < FEWEST:
                raise InputError(
                    f"--classify: class {label} has {count} images in {which}; "
                    f"at least {FEWEST} are needed"
                )
    return common


def label_of(name: str) -> str:
    """First folder of an image's name; empty where it lies in none."""
    parts = PurePath(name).parts
    return parts[0] if len(parts) > 1 else ""


def usefulness(
    real: ImageSet,
    generated: ImageSet,
    names: tuple[Sequence[str], Sequence[str]],
    seed: int,
    budget: Budget | None = None,
    tick: Tick = lambda done, total, doing: None,
) -> tuple[Images, Images]:
    """Whether each real test image is named rightly, after training on real and on generated.

    Parameters
    ----------
    names
        Of the images of each set.

    Returns
    -------
    Two tables over the same test images.
    """
    budget = budget or USUAL
    classes = classes_of(*names)
    rng = np.random.default_rng(seed)
    train, test, made = _split(names, classes, rng)
    labels = {name: number for number, name in enumerate(classes)}
    parts = ((real, names[0], train), (real, names[0], test), (generated, names[1], made))
    total = sum(len(rows) for _, _, rows in parts)
    held, done = [], 0
    for images, said, rows in parts:
        chips = np.empty((len(rows), SIDE, SIDE), np.float32)
        for place, row in enumerate(rows):
            chips[place] = chip_of(images.image(row).power)
            done += 1
            tick(done, total, "chips for a classifier")
        held.append((chips, np.array([labels[label_of(said[row])] for row in rows])))
    (a, a_labels), (b, b_labels), (g, g_labels) = held
    tables = []
    for number, (chips, truth) in enumerate(((a, a_labels), (g, g_labels))):
        tick(number, 2, "training a classifier")
        network = train_classifier(chips, truth, len(classes), seed, budget)
        right = (named(network, b) == b_labels).astype(np.float32)[:, None]
        tables.append(Images.of([names[0][row] for row in test], {_COLUMN: right}))
    return tables[0], tables[1]


def _split(
    names: tuple[Sequence[str], Sequence[str]], classes: list[str], rng: np.random.Generator
) -> tuple[list[int], list[int], list[int]]:
    """Rows of real images to train on and to test on, and of as many generated ones."""
    train: list[int] = []
    test: list[int] = []
    made: list[int] = []
    for label in classes:
        ours, theirs = (
            [row for row, name in enumerate(said) if label_of(name) == label] for said in names
        )
        order = rng.permutation(ours)
        half = len(ours) // 2
        train += [int(row) for row in order[:half]]
        test += [int(row) for row in order[half:]]
        made += [int(row) for row in rng.permutation(theirs)[:half]]
    return train, test, made


def chip_of(power: NDArray[np.float32]) -> Chips:
    """The middle of an image, averaged as far as ``SIDE`` pixels allow."""
    filled = np.where(np.isfinite(power), power, np.nanmedian(power)).astype(np.float32)
    factor = min(filled.shape) // SIDE
    small = multilook(filled, factor) if factor > 1 else filled
    top, left = ((size - SIDE) // 2 for size in small.shape)
    return np.asarray(small[top : top + SIDE, left : left + SIDE], np.float32)


def _measure(images: Images) -> Mapping[str, float]:
    return {"classified": float(images.mean(_COLUMN)[0])}


USEFULNESS: Metric = property_of(
    SECTION,
    (Figure("classified", "Real test images named rightly, trained on real or generated"),),
    (_COLUMN,),
    _measure,
    fewest=64,
)
