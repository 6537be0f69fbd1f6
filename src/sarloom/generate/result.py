"""A generated image: numbers with their scale first, a picture second."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ComplexArray = NDArray[np.complex64]


@dataclass(frozen=True)
class GeneratedImage:
    """One image and all that is needed to make it again."""

    amplitude: FloatArray
    """Amplitude with its speckle, [rows, columns]; its square is the power received."""
    sigma_nought: FloatArray
    """Power the model drew before speckle was laid on, [rows, columns], linear; of a model that
    draws its own speckle it is the square of the amplitude."""
    seed: int
    threshold: float
    """Amplitude at full white of the PNG."""
    calibration: str
    """``sigma_nought``, or ``uncalibrated`` if the level is only relative."""
    spacing_m: float | None
    """Ground spacing of both axes [m], where the model knows it."""
    record: dict[str, Any] = field(default_factory=dict)
    """Everything the image hangs on, JSON-ready: prompt, seed, sampler, model hash, version."""
    complex: ComplexArray | None = None
    """Single-look complex image, if asked for; its modulus is the amplitude."""

    def display(self) -> NDArray[np.uint8]:
        """The 8-bit picture: amplitude over the threshold, clipped at 1."""
        u = np.clip(self.amplitude / np.float32(self.threshold), 0.0, 1.0)
        return np.asarray(np.rint(u * np.float32(255.0)), np.uint8)


def display_threshold(amplitude: FloatArray) -> float:
    """Amplitude shown as full white: T = mu + 3 sigma, the rule of the ONERA papers.

    A picture of zeros has T = 1, so that it can be shown at all.
    """
    values = amplitude.astype(np.float64)
    return float(values.mean() + 3.0 * values.std()) or 1.0
