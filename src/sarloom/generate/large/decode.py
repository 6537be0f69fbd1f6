"""Between pixels and latents of a canvas in overlapping windows, row by row of windows.

The autoencoder normalises over its whole window and its middle looks at all of it, so two windows
that share a place decode it a little differently; over the overlap one passes smoothly into the
other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .sources import Source
from .windows import Window, pairs, windows

if TYPE_CHECKING:
    import torch

    from ...models.loaded import LoadedModel

FloatArray = NDArray[np.float32]


def decoded_rows(
    model: LoadedModel, latents: torch.Tensor, window: int, overlap: int, after: int = 0
) -> Iterator[tuple[int, FloatArray]]:
    """Decode a canvas from top to bottom.

    Parameters
    ----------
    latents
        [1, c, rows, columns] on the CPU.
    window, overlap
        Cells.
    after
        Rows of pixels that are done already; the first strip begins there.

    Yields
    ------
    First row, and pixels u in [0, 1] [rows, width] that no later window changes.
    """
    cell, width = model.cell, latents.shape[3] * model.cell
    rows = windows(latents.shape[2], window, overlap)
    columns = windows(latents.shape[3], window, overlap)
    strip = np.zeros((0, width), np.float32)
    top = 0
    for number, down in enumerate(rows):
        last = number == len(rows) - 1
        bottom = (down.stop if last else rows[number + 1].start) * cell
        if down.stop * cell <= after:
            continue  # whatever it would add to is written
        if len(strip) == 0:
            top = down.start * cell
        missing = down.stop * cell - top - len(strip)
        strip = np.concatenate([strip, np.zeros((missing, width), np.float32)])
        part = strip[down.start * cell - top :]
        for across in columns:
            pixel = _decode(
                model, latents[:, :, down.start : down.stop, across.start : across.stop]
            )
            weights = np.multiply.outer(down.weights(cell), across.weights(cell))
            part[:, across.start * cell : across.stop * cell] += pixel * weights
        ready = bottom - top
        if ready > 0:
            begin = max(0, after - top)
            if begin < ready:
                yield top + begin, strip[begin:ready].copy()
            strip, top = strip[ready:].copy(), bottom


def encode_canvas(
    model: LoadedModel, source: Source, rows: int, columns: int, window: int, overlap: int
) -> torch.Tensor:
    """Latent [1, c, rows, columns] of a picture laid over the canvas."""
    import torch

    latents = torch.zeros((1, model.latent_channels, rows, columns))
    cell = model.cell
    for one, other in pairs(windows(rows, window, overlap), windows(columns, window, overlap)):
        pixels = torch.from_numpy(source.read(_pixels(one, cell), _pixels(other, cell)))[None]
        made = model.encode(pixels.expand(1, 3, *pixels.shape[2:]).contiguous()).cpu()
        weights = torch.from_numpy(np.multiply.outer(one.weights(), other.weights()))
        latents[:, :, one.start : one.stop, other.start : other.stop] += made * weights
    return latents


def _decode(model: LoadedModel, latents: torch.Tensor) -> FloatArray:
    """One window to one channel of pixels."""
    pixels = model.decode(latents.to(model.device))[0].cpu()
    return np.asarray(pixels.numpy().mean(axis=0), np.float32)


def _pixels(window: Window, cell: int) -> slice:
    return slice(window.start * cell, window.stop * cell)
