"""How real generated images are."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .. import console

if TYPE_CHECKING:
    from ..evaluate.collect import ImageSet, Level
    from ..evaluate.image import ClassMap, PixelMeaning, RadarImage
    from ..options.evaluate import EvaluateOptions
    from ..tiles.store import TileSet


def evaluate(options: EvaluateOptions) -> Path:
    """Compare generated images with real ones; print the table and write the report's folder."""
    from ..evaluate.encoders import features_of, named
    from ..evaluate.figures import need_matplotlib
    from ..evaluate.kept import FOLDER
    from ..evaluate.page import write_report
    from ..evaluate.report import HEADER, make_report, table_rows
    from ..options.table import as_plain

    need_matplotlib()
    real = _images(options, options.real, options.pixel, options.split, "--pixel")
    meaning = options.generated_pixel or options.pixel
    option = "--generated-pixel" if options.pixel else "--pixel"
    generated = _images(options, options.generated, meaning, None, option)
    extra, metrics = features_of(options.encoder)
    settings = {**as_plain(options), "encoder": list(named(options.encoder))}
    with console.progress("evaluate") as tick:
        report = make_report(
            real, generated, settings, cast("Level", options.level), options.looks,
            options.draws, options.seed, extra, metrics, tick, options.out / FOLDER,
            options.paired, options.classify,
        )  # fmt: skip
        written = write_report(report, real, generated, options.out)
    if options.json:
        console.say(json.dumps(report.as_plain(), indent=2))
    else:
        console.table(HEADER, table_rows(report))
        for finding in report.findings:
            console.note(finding.text)
    for warning in report.warnings:
        console.warn(warning)
    console.note(f"report: {written}")
    return written


def _images(
    options: EvaluateOptions, source: Path, meaning: str | None, split: str | None, option: str
) -> ImageSet:
    """A tile set or a folder of images."""
    from ..evaluate.files import ImageFolder, PixelsSaid
    from ..tiles.ledger import MANIFEST

    if (source / MANIFEST).is_file():
        from ..tiles.store import open_tiles

        return _Tiles(open_tiles(source, split), options.limit)
    said = PixelsSaid(cast("PixelMeaning | None", meaning), options.db_window, option)
    return ImageFolder(source, said, options.limit)


class _Tiles:
    """Tiles of a set as radar images."""

    def __init__(self, tiles: TileSet, limit: int | None) -> None:
        import numpy as np

        self.title = str(tiles.folder)
        self._tiles = tiles
        count = len(tiles) if limit is None else min(limit, len(tiles))
        self._rows = np.linspace(0, max(len(tiles) - 1, 0), count).astype(int)

    def __len__(self) -> int:
        return len(self._rows)

    def key(self, index: int) -> str:
        """Digest of the tile's pixels and of what its row says of them."""
        import hashlib

        from ..evaluate.kept import digest_of

        row = self._tiles.row(int(self._rows[index]))
        held = [
            hashlib.sha256(row[name]["bytes"]).hexdigest() if row[name] else None
            for name in ("image", "valid", "segmentation")
        ]
        said = ("tone", "threshold", "low_db", "high_db", "looks", "calibration", "text")
        labels = self._labels if row["segmentation"] else ()
        return digest_of([held, labels, [row[name] for name in said]], row["id"])

    def name(self, index: int) -> str:
        """Id of a tile."""
        return self._ids[int(self._rows[index])]

    @cached_property
    def _ids(self) -> list[str]:
        return [str(one) for one in self._tiles.columns("id")["id"]]

    def image(self, index: int) -> RadarImage:
        """A tile as a radar image."""
        import numpy as np

        from ..evaluate.image import RadarImage
        from ..tiles.store import row_amplitude

        row = self._tiles.row(int(self._rows[index]))
        return RadarImage(
            row["id"],
            np.square(row_amplitude(row)),
            looks=row["looks"],
            calibration=row["calibration"],
            ceiling=_ceiling(row),
            caption=row["text"] or None,
            classes=self._classes(row),
        )

    def _classes(self, row: dict[str, Any]) -> ClassMap | None:
        from ..evaluate.class_maps import read_map

        held = row["segmentation"]
        if not held:
            return None
        return read_map(held["bytes"], self._labels, f"the class map of {row['id']}")

    @cached_property
    def _labels(self) -> tuple[str, ...]:
        from ..tiles.store import read_manifest

        return tuple(map(str, read_manifest(self._tiles.folder).get("labels") or ()))


def _ceiling(row: dict[str, Any]) -> float:
    """Power at the end of a tile's tone."""
    if row["tone"] == "db":
        return float(10 ** (row["high_db"] / 10))
    return float(row["threshold"]) ** 2
