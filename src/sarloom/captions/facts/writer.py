"""The captioner that looks at maps instead of pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...files import sha256_of
from .cover import CoverMap, open_cover
from .measure import TileFacts, measure
from .place import WORLD, TilePlace
from .vectors import Bounds, VectorMap, read_vectors
from .words import sentences

NAME = "facts"


@dataclass(frozen=True)
class FactsWriter:
    """Writes captions of places from vectors, class rasters, or both."""

    vectors: VectorMap | None
    cover: CoverMap | None
    fingerprint: str
    """Short hash of all files."""

    @property
    def name(self) -> str:
        """What stands in `caption_source`."""
        return NAME

    def facts(self, place: TilePlace) -> TileFacts:
        """What the maps say of a place."""
        shapes = self.vectors.shapes(place) if self.vectors else []
        return measure(shapes, self.cover.classes(place) if self.cover else None, place)

    def describe(
        self, tiles: Sequence[tuple[str, TilePlace]], count: int = 1, seed: int = 0
    ) -> list[list[str]]:
        """Captions of tiles given by id and place; an empty list where no map tells anything."""
        return [
            sentences(self.facts(place), count, f"{identifier} {seed}")
            for identifier, place in tiles
        ]


def open_facts(
    vectors: Sequence[Path], cover: Sequence[Path], table: Path | None, places: Sequence[TilePlace]
) -> FactsWriter:
    """Read maps around the given places.

    Raises
    ------
    InputError
        If a file is not there, or says nothing about the places.
    FormatError
        If one cannot be read.
    MissingExtraError
        If a library for maps is not installed.
    """
    read = read_vectors(vectors, _around(places)) if vectors else None
    opened = open_cover(cover, table) if cover else None
    digest = hashlib.sha256()
    for path in (*vectors, *cover, *([table] if table else [])):
        digest.update(f"{path.name}\0{_hash(path)}\0".encode())
    return FactsWriter(read, opened, digest.hexdigest()[:16])


def _hash(path: Path) -> str:
    """Of a file; of all files of a folder such as a FileGDB."""
    if path.is_file():
        return sha256_of(path)
    return " ".join(sha256_of(one) for one in sorted(path.rglob("*")) if one.is_file())


def _around(places: Sequence[TilePlace]) -> Bounds:
    boxes = [place.bounds(WORLD) for place in places]
    return (
        min(box[0] for box in boxes), min(box[1] for box in boxes),
        max(box[2] for box in boxes), max(box[3] for box in boxes),
    )  # fmt: skip
