"""An optical picture: 8-bit colours as they are, wider values stretched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .frame import Frame, Place, onto
from .picture import PrepareSettings, read_colours

FloatArray = NDArray[np.float32]


def prepare(path: Path, place: Place, frame: Frame, settings: PrepareSettings) -> FloatArray:
    """Colours [3, height, width] in [0, 1]; one band becomes grey."""
    return np.clip(onto(read_colours(path), place, frame, path), 0.0, 1.0)
