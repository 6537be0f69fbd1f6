"""Is a condition still in the image that was made from it? Maps and drawings, read back.

A map is read back by a segmenter (:mod:`.segmenter`) and scored by mean intersection over union,
pooled over all images: one table of pixels, so a class counts once and not once per image. A
drawing is read back by the radar's own edge detector (:mod:`sarloom.sar.edges`): the share of its
lines that have an edge within a few pixels. Neither figure says anything alone: beside it belong
the same figure of images that are right by construction (the ceiling) and of images that never saw
the condition (what comes by chance and by the words).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import InputError
from ..sar.edges import ratio_contrast, strongest_edges

Table = NDArray[np.int64]
EDGE_SHARE = 0.06
"""Share of pixels that are taken as edges, equal in all images."""
TOLERANCE_PIXELS = 4
"""Farthest edge that finds a line: radar moves what is high towards near range."""


def confusion(wanted: NDArray[np.uint8], found: NDArray[np.uint8], classes: int) -> Table:
    """Pixels of (wanted class, found class), shape (classes, classes).

    Raises
    ------
    InputError
        If the maps differ in size or hold other classes.
    """
    if wanted.shape != found.shape:
        raise InputError(f"maps of {wanted.shape} and {found.shape} cannot be compared")
    if max(int(wanted.max()), int(found.max())) >= classes:
        raise InputError(f"a map holds a class beyond the {classes} there are")
    pairs = wanted.astype(np.int64).ravel() * classes + found.ravel()
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def intersection_over_union(table: Table) -> NDArray[np.float64]:
    """IoU of every class, TP / (TP + FP + FN); NaN for classes that no wanted map holds."""
    right = np.diag(table).astype(np.float64)
    union = table.sum(0) + table.sum(1) - right
    present = table.sum(1) > 0
    return np.where(present, right / np.maximum(union, 1), np.nan)


def mean_iou(table: Table) -> float:
    """Mean over the classes that are wanted somewhere; each counts alike, however small."""
    values = intersection_over_union(table)
    return float(np.nanmean(values))


def line_recall(
    power: NDArray[np.float32],
    lines: NDArray[np.bool_],
    share: float = EDGE_SHARE,
    tolerance: int = TOLERANCE_PIXELS,
) -> tuple[int, int]:
    """Pixels of a drawing's lines that lie near an edge of a radar image.

    Parameters
    ----------
    power
        Linear power (rows, columns), speckle and all.
    lines
        Where the drawing has ink, on the same grid.

    Returns
    -------
    Line pixels with an edge within ``tolerance`` pixels, and all line pixels.

    Raises
    ------
    InputError
        If both differ in size.
    """
    if power.shape != lines.shape:
        raise InputError(f"an image of {power.shape} and a drawing of {lines.shape} differ")
    edges = strongest_edges(ratio_contrast(power), share)
    if not edges.any():
        return 0, int(lines.sum())
    away = ndimage.distance_transform_edt(~edges)
    return int(np.sum(lines & (away <= tolerance))), int(lines.sum())
