"""What the pixels of a model mean: the bridge between a picture in [0, 1] and radar power.

A model folder may hold ``radiometry.json``; without it a model is taken to draw single-look
amplitude with speckle of its own, scaled by the mu + 3 sigma rule of the ONERA papers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError

FILE_NAME = "radiometry.json"
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Radiometry:
    """How a model's pixel u in [0, 1] maps to sigma-nought (linear power)."""

    scale: str = "amplitude"
    """'db': 10 log10(sigma0) = low_db + u (high_db - low_db); 'amplitude': A = u * threshold."""
    low_db: float = -35.0
    high_db: float = 15.0
    threshold: float = 1.0
    """Amplitude at u = 1 (T = mu + k sigma of the training set) when scale is 'amplitude'."""
    speckle: str = "own"
    """'none': pixels are speckle-free reflectivity and speckle is laid on after decoding;
    'own': the model draws its own speckle."""
    calibration: str = "uncalibrated"
    """'sigma_nought' or 'uncalibrated'."""
    spacing_m: float | None = None
    """Ground spacing of the training images, both axes [m]."""

    def to_power(self, pixel: FloatArray) -> FloatArray:
        """Pixels u in [0, 1] to linear power."""
        u = np.clip(pixel, 0.0, 1.0).astype(np.float32)
        if self.scale == "db":
            decibels = self.low_db + u * (self.high_db - self.low_db)
            return np.asarray(np.power(np.float32(10.0), decibels / 10.0), np.float32)
        return np.asarray((u * self.threshold) ** 2, np.float32)

    def to_pixel(self, power: FloatArray) -> FloatArray:
        """Linear power to pixels u in [0, 1], clipped at the ends of the scale."""
        if self.scale == "db":
            decibels = 10.0 * np.log10(np.maximum(power, 1e-12))
            u = (decibels - self.low_db) / (self.high_db - self.low_db)
        else:
            u = np.sqrt(np.maximum(power, 0.0)) / self.threshold
        return np.asarray(np.clip(u, 0.0, 1.0), np.float32)

    def save(self, folder: Path) -> None:
        """Write ``radiometry.json`` into a model folder."""
        (folder / FILE_NAME).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Radiometry:
        """Read ``radiometry.json`` of a model folder; the default where there is none.

        Raises
        ------
        ModelError
            If the file is there but cannot be understood.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            return cls()
        try:
            return cls(**json.loads(path.read_text()))
        except (TypeError, ValueError) as error:
            raise ModelError(f"{path} is not a radiometry file: {error}") from error
