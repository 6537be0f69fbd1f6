"""Captioned images to learn from: annotation files beside folders, mixed, in their own splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from ...captions.annotations import TRAIN, VALIDATION, Annotated, Annotations, read_annotations
from ...captions.captioners.base import pixels_of
from ...captions.folder import match_folder
from ...errors import FormatError, InputError
from ..loop import Draw
from .task import Batch


@dataclass(frozen=True)
class CaptionedImages:
    """One annotation file and the files of its images."""

    annotations: Annotations
    files: dict[str, Path]
    name: str
    """What the set is called in reports and file names."""

    def of_split(self, split: str) -> tuple[Annotated, ...]:
        """Images of a split; empty where there is none."""
        return tuple(one for one in self.annotations.images if one.split == split)

    def open(self, image: Annotated) -> Image.Image:
        """The picture of an image.

        Raises
        ------
        FormatError
            If the file is damaged.
        """
        path = self.files[image.name]
        try:
            with Image.open(path) as opened:
                opened.load()
                return opened.copy()
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise FormatError(f"{path}: not a picture that can be read: {error}") from error


def read_sets(annotations: Sequence[Path], folders: Sequence[Path]) -> tuple[CaptionedImages, ...]:
    """Read annotation files and match them with their folders.

    Raises
    ------
    InputError
        If a folder does not match its file, with the counts, or no file has training or validation
        images.
    FormatError
        If an annotation file is damaged.
    """
    sets: list[CaptionedImages] = []
    for path, folder in zip(annotations, folders, strict=True):
        read = read_annotations(path)
        stem = path.stem.removeprefix("dataset_").removeprefix("dataset-")
        taken = [one.name for one in sets]
        name = stem if stem not in taken else f"{stem}-{len(taken) + 1}"
        sets.append(CaptionedImages(read, match_folder(read, folder), name))
    for split in (TRAIN, VALIDATION):
        if not any(one.of_split(split) for one in sets):
            said = "; ".join(f"{one.annotations.path}: {one.annotations.splits}" for one in sets)
            raise InputError(
                f"no image of split {split!r}: training needs the official train and validation "
                f"splits in the annotation files ({said})"
            )
    return tuple(sets)


class AnnotatedExamples:
    """Batches of training images, every image of every set equally often, with one caption each."""

    def __init__(self, sets: Sequence[CaptionedImages], processor: Any, batch: int) -> None:
        self.processor, self.size = processor, batch
        self.rows: list[tuple[CaptionedImages, Annotated, tuple[str, ...]]] = []
        self.silent = 0
        for one in sets:
            for image in one.of_split(TRAIN):
                said = tuple(caption for caption in image.captions if caption)
                if said:
                    self.rows.append((one, image, said))
                else:
                    self.silent += 1
        if not self.rows:
            raise InputError("every training caption is empty")

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, draw: Draw) -> Batch:
        """The images of a step."""
        chosen = draw.numpy.integers(len(self.rows), size=self.size)
        words = draw.numpy.random(self.size)
        rows = [
            (*self.rows[int(index)], float(word)) for index, word in zip(chosen, words, strict=True)
        ][draw.share]
        pictures = [one.open(image) for one, image, _, _ in rows]
        captions = [said[int(word * len(said))] for _, _, said, word in rows]
        return Batch(pixels_of(self.processor, pictures), captions, {})
