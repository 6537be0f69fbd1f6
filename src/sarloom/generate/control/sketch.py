"""A drawing: lines on paper, white on black or black on white, as white lines on black."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import FormatError, InputError
from .frame import Frame, Place, onto
from .picture import PrepareSettings, read_colours

FloatArray = NDArray[np.float32]
LEAST_CONTRAST = 0.1
"""How far the darkest or brightest stroke must stand out from the paper."""


def prepare(path: Path, place: Place, frame: Frame, settings: PrepareSettings) -> FloatArray:
    """Lines [1, height, width] in [0, 1].

    The paper is what most pixels are. What differs from it is ink; the strongest strokes become 1,
    so that a faint pencil, or a scan that was shrunk, draws as well as a pen.

    Raises
    ------
    InputError
        If nothing stands out.
    """
    grey = read_colours(path).mean(0, keepdims=True)
    if not np.isfinite(grey).any():
        raise FormatError(f"--control {path} holds no valid pixel")
    paper = float(np.nanmedian(grey))
    ink = onto(np.abs(grey - np.float32(paper)), place, frame, path)
    drawn = ink[ink > 0.25 * float(ink.max())]
    strongest = float(np.quantile(drawn, 0.9)) if drawn.size else 0.0
    if strongest < LEAST_CONTRAST * 0.25:
        raise InputError(f"--control {path} is blank: no line stands out from the paper")
    return np.asarray(np.clip(ink / np.float32(strongest), 0.0, 1.0), np.float32)
