"""Put new values into columns of a finished tile set, one shard at a time.

A shard is written aside under a new name, the manifest is made to name it, then the old one goes.
So whenever a run is stopped the set is whole, each tile either as it was or as it will be, and
nothing but a file that no manifest names may be left over; the next run takes that away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import FormatError, InputError
from .ledger import DATA, FORMAT_VERSION, MANIFEST, UNITS, Ledger, read_json, write_json
from .schema import IMAGES, NAMES, Row, complete, footer_hash, shard_hash, tile_hash
from .shard import write_shard
from .store import open_tiles, read_manifest

Change = Callable[[Row], Mapping[str, Any] | None]
"""Of a row: the columns to replace, or None to leave the row as it is."""
Progress = Callable[[int, int, str], None]

_NAME = re.compile(r"(train|validation|test)-([0-9a-f]+)(?:-[0-9a-f]{8})?\.parquet")
_FIXED = frozenset((*IMAGES, "id", "split", "sha256"))


def rewrite_columns(
    folder: Path,
    change: Change,
    note: Mapping[str, Any] | None = None,
    progress: Progress = lambda done, total, doing: None,
) -> int:
    """Replace columns of rows; returns the number of rows that are other than before.

    Parameters
    ----------
    folder
        A finished tile set.
    change
        Called with each row, in order; what it gives must follow from the row alone and not from
        how often it was called, so that a stopped run can go on.
    note
        Further keys for the manifest, written when all shards are done.

    Raises
    ------
    InputError
        If there is no finished tile set, another run writes into it, or it cannot be written.
    FormatError
        If a tile is damaged: its hash is not that of its contents.
    """
    with Ledger(folder).alone():
        return _rewrite(folder, change, note or {}, progress)


def _rewrite(folder: Path, change: Change, note: Mapping[str, Any], progress: Progress) -> int:
    manifest = read_manifest(folder)
    _clear_leftovers(folder, manifest)
    tiles = open_tiles(folder)
    _tell_units(folder, manifest)
    changed = first = 0
    for shard in manifest["shards"]:
        number = int(shard["tiles"])
        rows = [_new_row(tiles.row(first + place), change) for place in range(number)]
        replaced = sum(new is not None for _, new in rows)
        if replaced:
            made = [old if new is None else new for old, new in rows]
            _swap(folder, manifest, shard, made)
            changed += replaced
        first += number
        progress(first, len(tiles), "")
    if any(manifest.get(name) != value for name, value in note.items()):
        write_json(folder / MANIFEST, {**manifest, **note})
    return changed


def _new_row(row: Row, change: Change) -> tuple[Row, Row | None]:
    """The row, and the row as it shall be where that is another."""
    if tile_hash(row) != row["sha256"]:
        raise FormatError(f"tile {row['id']} is damaged: run `sarloom tiles check`")
    new = change(row)
    if new is None or all(row[name] == value for name, value in new.items()):
        return row, None
    fixed = _FIXED & new.keys()
    if fixed:
        raise KeyError(f"not to be replaced: {sorted(fixed)}")
    held = {name: row[name] for name in NAMES if name != "sha256"}
    return row, complete({**held, **new})


def _swap(folder: Path, manifest: dict[str, Any], shard: dict[str, Any], rows: list[Row]) -> None:
    """Write rows as a new shard, name it in the manifest, take the old one away."""
    old = folder / shard["file"]
    found = _NAME.fullmatch(old.name)
    digest = shard_hash(rows)[:8]
    stem = f"{found[1]}-{found[2]}" if found else old.stem
    new = folder / DATA / f"{stem}-{digest}.parquet"
    try:
        write_shard(rows, new)
        shard |= {
            "file": f"{DATA}/{new.name}",
            "bytes": new.stat().st_size,
            "tiles_sha256": shard_hash(rows),
            "footer_sha256": footer_hash(new),
        }
        shard.pop("sha256", None)  # of the file, in sets of an earlier format
        manifest["format_version"] = FORMAT_VERSION
        write_json(folder / MANIFEST, manifest)
        if found:
            _tell_unit(folder, found[2], manifest)
        if new != old:
            old.unlink()
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}") from error


def _tell_units(folder: Path, manifest: Mapping[str, Any]) -> None:
    """After a run that was stopped between manifest and memory."""
    keys = {found[2] for shard in manifest["shards"] if (found := _key(shard["file"]))}
    for key in sorted(keys):
        _tell_unit(folder, key, manifest)


def _tell_unit(folder: Path, key: str, manifest: Mapping[str, Any]) -> None:
    """Keep the memory of a build right, so that `tiles build` run again leaves captions alone."""
    path = folder / UNITS / f"{key}.json"
    entry = read_json(path)
    if entry is None or entry.get("version") != __version__:
        return
    shards = [one for one in manifest["shards"] if (found := _key(one["file"])) and found[2] == key]
    if entry["shards"] != shards:
        write_json(path, {**entry, "shards": shards})


def _key(name: str) -> re.Match[str] | None:
    return _NAME.fullmatch(name.removeprefix(f"{DATA}/"))


def _clear_leftovers(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Shards that a stopped run wrote or was about to take away."""
    listed = {one["file"] for one in manifest["shards"]}
    for path in (folder / DATA).glob("*.parquet"):
        ours = path.name.startswith(".") or _NAME.fullmatch(path.name)
        if f"{DATA}/{path.name}" not in listed and ours:
            path.unlink()
