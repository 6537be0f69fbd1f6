"""How each kind of picture becomes what a control reads: one small file each, one line here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...models.control_kinds import KINDS
from . import optical, satellite, segmentation, simulated, sketch
from .frame import Frame, Place
from .picture import PrepareSettings

FloatArray = NDArray[np.float32]
Prepare = Callable[[Path, Place, Frame, PrepareSettings], FloatArray]
"""A file, how it lies, the grid wanted and settings -> pixels in [0, 1], [channels, h, w]."""

PREPARE: dict[str, Prepare] = {
    "sketch": sketch.prepare,
    "segmentation": segmentation.prepare,
    "optical": optical.prepare,
    "satellite": satellite.prepare,
    "simulated": simulated.prepare,
}
assert set(PREPARE) == set(KINDS)
