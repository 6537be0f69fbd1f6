"""Small tile sets of even ground with speckle, written without a simulator or products."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sarloom.sar.tone import DecibelTone
from sarloom.tiles.ledger import Ledger, UnitResult
from sarloom.tiles.rows import radar_columns
from sarloom.tiles.schema import Row, complete

TONE = DecibelTone(-40.0, 20.0)


def chip_set(
    folder: Path,
    train: int = 4,
    validation: int = 2,
    side: int = 64,
    looks: float | None = 1.0,
    stated: bool = True,
    seed: int = 0,
) -> Path:
    """Tiles of two fields side by side.

    Parameters
    ----------
    train, validation
        How many tiles of each split.
    side
        Rows and columns of a tile [pixels].
    looks
        Of the speckle; None for none.
    stated
        Whether the set says its looks.
    """
    rng = np.random.default_rng(seed)
    ledger = Ledger(folder)
    rows = []
    for number in range(train + validation):
        fields = rng.uniform(0.02, 0.3, 2).astype(np.float32)
        power = np.repeat(fields, side // 2)[None].repeat(side, axis=0)
        if looks is not None:
            power = power * rng.gamma(looks, 1.0 / looks, power.shape).astype(np.float32)
        split = "train" if number < train else "validation"
        rows.append(_row(number, power, looks if stated else None, split))
    with ledger.alone():
        ledger.open({"tests": [train, validation, side, looks, stated, seed]})
        entry = ledger.commit("chips", UnitResult(rows))
        ledger.close([entry], {"settings": {}, "labels": [], "synthetic": True})
    return folder


def _row(number: int, power: np.ndarray, looks: float | None, split: str) -> Row:
    name = f"chip-{number}"
    words = "a forest" if number % 2 else "a field"
    return complete(
        {
            "id": name,
            **radar_columns(np.asarray(power, np.float32), TONE),
            "threshold": 1.0,
            "text": f"A SAR image of {words}",
            "captions": [words],
            "calibration": "sigma_nought",
            "spacing_m": 1.0,
            "looks": looks,
            "row": 0,
            "column": 0,
            "method": "tests",
            "group": name,
            "acquisition": name,
            "source": "tests",
            "source_blake3": "0" * 64,
            "split": split,
            "synthetic": True,
        }
    )
