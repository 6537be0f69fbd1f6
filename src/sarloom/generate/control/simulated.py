"""A simulator's radar picture: its speckle is averaged a little, as in training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ...models.control_kinds import decibel_pixels
from ..init_image import read_init
from .frame import Frame, Place, onto
from .picture import PrepareSettings

FloatArray = NDArray[np.float32]


def prepare(path: Path, place: Place, frame: Frame, settings: PrepareSettings) -> FloatArray:
    """Decibels [1, height, width] in [0, 1] of power averaged over 2 x 2 pixels."""
    radar = read_init(path, settings.scale, "--control")
    power = np.maximum(onto(radar.power[None], place, frame, path), 0.0)
    mean = ndimage.uniform_filter(power, (0, 2, 2), mode="nearest")
    return decibel_pixels(mean, radar.calibrated)
