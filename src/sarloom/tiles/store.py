"""Reading a tile set: any tile by number, its amplitude as it was measured."""

from __future__ import annotations

import bisect
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, InputError
from .ledger import DATA, FORMAT, FORMAT_VERSION, MANIFEST, SPLITS, UNITS, read_json
from .png import png_pixels
from .schema import ADDED, IMAGES, NAMES, Row, arrow
from .tone import decode, tone_of

FloatArray = NDArray[np.float32]
_OPEN_SHARDS = 16
_SHARD = re.compile(rf"{DATA}/[\w-]+\.parquet")
"""A shard lies in the folder; a manifest that points elsewhere is refused."""


class TileSet:
    """The tiles of a folder, numbered through in the order of the manifest.

    Memory holds the row group (four tiles) read last, whatever the size of the set.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any], splits: Sequence[str]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._shards = [one for one in manifest["shards"] if one["split"] in splits]
        self._ends = list(accumulate(int(one["tiles"]) for one in self._shards))
        self._files: OrderedDict[int, Any] = OrderedDict()
        self._group: tuple[tuple[int, int], list[Row]] | None = None

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Row]:
        return (self.row(index) for index in range(len(self)))

    @property
    def shards(self) -> list[Path]:
        """The Parquet files, for ``datasets.load_dataset("parquet", data_files=...)``."""
        return [self.folder / one["file"] for one in self._shards]

    def row(self, index: int) -> Row:
        """All columns of a tile; pictures as PNG bytes.

        Raises
        ------
        IndexError
            Beyond the last tile.
        FormatError
            If the shard is damaged.
        """
        if not 0 <= index < len(self):
            raise IndexError(index)
        shard = bisect.bisect_right(self._ends, index)
        offset = index - (self._ends[shard - 1] if shard else 0)
        opened = self._file(shard)
        group, first = 0, 0
        while offset >= first + opened.metadata.row_group(group).num_rows:
            first += opened.metadata.row_group(group).num_rows
            group += 1
        if self._group is None or self._group[0] != (shard, group):
            with _damage(self.shards[shard]):
                rows = opened.read_row_group(group).to_pylist()
            self._group = ((shard, group), rows)
        return {**dict.fromkeys(ADDED), **self._group[1][offset - first]}

    def amplitude(self, index: int) -> FloatArray:
        """Amplitude of a tile [rows, columns]: the inverse of its tone, NaN where nothing is
        measured; its square is the power in the tile's calibration."""
        return row_amplitude(self.row(index))

    def picture(self, index: int, name: str = "image") -> NDArray[np.generic] | None:
        """Pixels of one picture of a tile, None where it has none."""
        return row_picture(self.row(index), name)

    def pictures(self) -> set[str]:
        """Names of the pictures that at least one tile has; their bytes are not read."""
        found: set[str] = set()
        for number, path in enumerate(self.shards):
            with _damage(path):
                opened = self._file(number)
                held = [name for name in IMAGES if name in opened.schema_arrow.names]
                table = opened.read(columns=[f"{name}.path" for name in held])
            found |= {name for name in held if table.column(name).null_count < table.num_rows}
        return found

    def has(self, name: str) -> list[bool]:
        """Whether each tile has a picture of this name; their bytes are not read."""
        found: list[bool] = []
        for number, path in enumerate(self.shards):
            with _damage(path):
                table = self._file(number).read(columns=[f"{name}.path"])
            found += table.column(name).is_valid().to_pylist()
        return found

    def columns(self, *names: str) -> dict[str, list[Any]]:
        """Whole columns, in the order of tiles; without arguments every column but pictures."""
        wanted = list(names) or [name for name in NAMES if name not in IMAGES]
        found: dict[str, list[Any]] = {name: [] for name in wanted}
        for number, path in enumerate(self.shards):
            with _damage(path):
                opened = self._file(number)
                lacking = ADDED - set(opened.schema_arrow.names)
                table = opened.read(columns=[name for name in wanted if name not in lacking])
            for name in wanted:
                absent = name in lacking
                found[name] += (
                    [None] * opened.metadata.num_rows if absent else table.column(name).to_pylist()
                )
        return found

    def _file(self, number: int) -> Any:
        if number in self._files:
            self._files.move_to_end(number)
            return self._files[number]
        path = self.shards[number]
        with _damage(path):
            opened = arrow().parquet.ParquetFile(path, memory_map=True)
            if opened.metadata.num_rows != self._shards[number]["tiles"]:
                raise FormatError(
                    f"{path} holds {opened.metadata.num_rows} tiles where the manifest says "
                    f"{self._shards[number]['tiles']}: run `sarloom tiles check {self.folder}`"
                )
        self._files[number] = opened
        if len(self._files) > _OPEN_SHARDS:
            self._files.popitem(last=False)
        return opened


def open_tiles(folder: Path | str, split: str | None = None) -> TileSet:
    """Open a tile set.

    Parameters
    ----------
    folder
        As ``sarloom tiles build`` or ``sarloom simulate --tiles`` wrote it.
    split
        'train', 'validation' or 'test'; all by default.

    Raises
    ------
    InputError
        If there is no finished tile set, or no such split.
    FormatError
        If shards are missing or the manifest is not one.
    """
    folder = Path(folder)
    if split is not None and split not in SPLITS:
        raise InputError(f"{split!r} is no split; choose one of: {', '.join(SPLITS)}")
    manifest = read_manifest(folder)
    missing = [one["file"] for one in manifest["shards"] if not (folder / one["file"]).is_file()]
    if missing:
        raise FormatError(
            f"{folder}: {len(missing)} shards are missing ({missing[0]}, ...): "
            "run the command that made the set again"
        )
    return TileSet(folder, manifest, SPLITS if split is None else (split,))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a finished set.

    Raises
    ------
    InputError
        If the folder holds no finished tile set.
    FormatError
        If its manifest is none of this format.
    """
    path = folder / MANIFEST
    if not path.is_file():
        if (folder / UNITS).is_dir():
            raise InputError(f"{folder} is unfinished: run the command that began it again")
        raise InputError(f"{folder} is no tile set: `sarloom tiles build --out {folder}` makes one")
    manifest = read_json(path)
    if manifest is None or manifest.get("format") != FORMAT:
        raise FormatError(f"{path} is no manifest of a tile set: build the set again")
    version = manifest.get("format_version")
    if type(version) is not int or not 1 <= version <= FORMAT_VERSION:
        raise FormatError(
            f"{path} has format version {version}, this sarloom reads 1 to {FORMAT_VERSION}: "
            "build the set again"
        )
    shards = manifest.get("shards")
    if not isinstance(shards, list) or not all(
        isinstance(one, dict)
        and {"file", "split", "tiles", "bytes"} <= one.keys()
        and ("sha256" in one or {"tiles_sha256", "footer_sha256"} <= one.keys())
        and _SHARD.fullmatch(str(one["file"]))
        and isinstance(one["tiles"], int)
        and one["tiles"] >= 0
        and one["split"] in SPLITS
        for one in shards
    ):
        raise FormatError(f"{path} lists no shards: build the set again")
    return manifest


def shard_hashes(manifest: Mapping[str, Any]) -> list[str]:
    """A hash of each shard, which changes with its tiles; of the file itself in older sets."""
    return [str(one.get("tiles_sha256") or one["sha256"]) for one in manifest["shards"]]


def row_amplitude(row: Row, name: str = "image") -> FloatArray:
    """Amplitude of a row's ``image`` or ``satellite``."""
    pixels = row_picture(row, name)
    if pixels is None:
        raise InputError(f"tile {row['id']} has no {name}")
    prefix = "" if name == "image" else f"{name}_"
    mask = row_picture(row, "valid") if name == "image" else None
    return decode(pixels, tone_of(row, prefix), None if mask is None else mask.astype(bool))


def row_picture(row: Row, name: str) -> NDArray[np.generic] | None:
    """Pixels of one picture of a row, None where it has none."""
    held = row[name]
    return None if held is None else png_pixels(held["bytes"], f"{name} of tile {row['id']}")


class _damage:
    """Turn whatever Arrow raises on a damaged file into one FormatError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FormatError) or error is None:
            return
        # ArrowInvalid is a ValueError; a damaged time is none that Python can say
        if isinstance(error, (OSError, ValueError, KeyError, ArithmeticError)):
            raise FormatError(f"{self.path} is damaged ({error}): build the set again") from error
