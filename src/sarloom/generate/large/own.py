"""What a scene shows itself, without its speckle, to be laid over what is drawn of it.

The autoencoder cannot hold what is narrower than a latent cell: tracks, hedges and rows in fields.
The scene they come from has them, under speckle. Lee's filter gives its mean power as far as the
speckle lets one tell; in decibels it is averaged with what was drawn.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...files import write_aside
from ...sar.lee import lee_filter
from .sources import PowerSource

FloatArray = NDArray[np.float32]
ROWS = 512
"""Filtered at once: fixed, so that a scene does not hang on how it is read later."""
SIDE = 5


def without_grain(power: FloatArray, looks: float, path: Path) -> PowerSource:
    """Lee's estimate of a scene's power on its own grid.

    Parameters
    ----------
    power
        Linear power [rows, columns] without gaps, in memory or on disk.
    path
        The scene to be made; the estimate lies in the folder beside it that is removed at the end.
    """
    more = SIDE // 2
    with write_aside(path.with_name(path.stem + ".part") / "own.npy") as aside:
        values = np.lib.format.open_memmap(aside, "w+", np.float32, power.shape)
        for row in range(0, len(power), ROWS):
            first = max(0, row - more)
            part = np.asarray(power[first : row + ROWS + more], np.float32)
            found = lee_filter(part, looks, SIDE)[row - first :]
            values[row : row + ROWS] = found[: min(ROWS, len(power) - row)]
        values.flush()
        del values
    file = path.with_name(path.stem + ".part") / "own.npy"
    return PowerSource(np.load(file, mmap_mode="r", allow_pickle=False), 1.0, 1.0)
