"""A radar picture by a coarser sensor, or by a simulator, on the decibel scale of conditions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...models.control_kinds import decibel_pixels
from ..init_image import read_init
from .frame import Frame, Place, onto
from .picture import PrepareSettings

FloatArray = NDArray[np.float32]


def prepare(path: Path, place: Place, frame: Frame, settings: PrepareSettings) -> FloatArray:
    """Decibels [1, height, width] in [0, 1], black -35, white 15.

    Power is averaged or interpolated, never decibels. A picture of unknown level is set so that its
    median is -12 dB.
    """
    radar = read_init(path, settings.scale, "--control")
    power = np.maximum(onto(radar.power[None], place, frame, path), 0.0)
    return decibel_pixels(power, radar.calibrated)
