"""Writing a tile set in units of work, each there as a whole or not at all.

A unit is a group of tiles with a *key*: a hash of everything its bytes hang on. Its shards are
``data/SPLIT-KEY.parquet``; its entry ``.units/KEY.json`` is written after them and lists them. So a
unit whose entry is there is finished whenever the run was stopped, and one without is done again
under the same names: no tile is lost, none is there twice. The manifest is written last of all;
without it a folder is no tile set yet.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .. import __version__
from ..errors import InputError
from ..files import aside_of, put_in_place, write_aside
from .schema import Row, footer_hash, shard_hash, tile_hash
from .shard import write_rows
from .workers import Workers

DATA = "data"
UNITS = ".units"
MANIFEST = "manifest.json"
FORMAT = "sarloom-tiles"
FORMAT_VERSION = 3
"""1: the manifest keeps a SHA-256 of each shard's file; 2: one over the hashes of its tiles
and one of its footer; 3: sources are known by their BLAKE3."""
SPLITS = ("train", "validation", "test")


@dataclass
class UnitResult:
    """What the work of one unit gave."""

    rows: list[Row] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    """Reason -> number of tiles."""
    notes: list[str] = field(default_factory=list)
    """What the person should hear: a damaged window, say."""

    def reject(self, reason: str) -> None:
        """Count one tile that is left out."""
        self.rejected[reason] = self.rejected.get(reason, 0) + 1


@dataclass(frozen=True)
class Written:
    """A unit whose shards are written, but not yet known to be on disk."""

    key: str
    entry: dict[str, Any]
    asides: tuple[tuple[Path, Path], ...]
    """Where each shard is, and where it belongs."""


class Unit(Protocol):
    """A piece of work that can travel to another process."""

    @property
    def key(self) -> str:
        """Hexadecimal digits, unique in the set."""


def key_of(*parts: Any) -> str:
    """A short hash of anything that JSON can hold."""
    text = json.dumps([*parts, __version__, FORMAT_VERSION], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Ledger:
    """The folder of a tile set that is being written."""

    folder: Path

    def open(self, settings: Mapping[str, Any], replace: bool = False) -> None:
        """Make the folder, or go on in it if it was begun with the same settings and format.

        Raises
        ------
        InputError
            If the folder holds something else, or tiles with other settings.
        """
        begun = self.folder / UNITS / "settings.json"
        settings = {"format_version": FORMAT_VERSION, **settings}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._drop_leftovers()
            found = json.loads(begun.read_text("utf-8")) if begun.is_file() else None
            if found is None and any(self.folder.iterdir()) and not (self.folder / UNITS).is_dir():
                raise InputError(f"--out {self.folder} holds other files: choose an empty folder")
            if found is not None:
                found.setdefault("format_version", "1 or 2")  # which did not say it here
            if found is not None and found != settings:
                holds_tiles = any((self.folder / DATA).glob("*.parquet"))
                if holds_tiles and not replace:
                    raise InputError(_difference(self.folder, found, settings))
                self._clear()
            (self.folder / UNITS).mkdir(exist_ok=True)
            (self.folder / DATA).mkdir(exist_ok=True)
            write_json(begun, settings)
        except (OSError, ValueError) as error:
            raise InputError(f"--out {self.folder} cannot be used: {error}") from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against a second run; the system lets go of it when the process ends.

        Raises
        ------
        InputError
            If another run writes into the folder.
        """
        try:
            import fcntl
        except ImportError:  # no such locks on this system
            yield
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise InputError(f"--out {self.folder} cannot be used: {error}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise InputError(f"another run writes into {self.folder}: wait for it") from error
        finally:
            os.close(lock)

    def _drop_leftovers(self) -> None:
        """Files that a killed run was writing aside."""
        for folder in (self.folder, self.folder / UNITS, self.folder / DATA):
            for suffix in (".json", ".parquet"):
                for path in folder.glob(f".*{suffix}"):
                    path.unlink()

    def _clear(self) -> None:
        """Take away an older set; its manifest first, so that no half of it is taken for a set."""
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for old in (*self.folder.glob(f"{UNITS}/*.json"), *self.folder.glob(f"{DATA}/*.parquet")):
            old.unlink()

    def finished(self, key: str) -> dict[str, Any] | None:
        """The entry of a unit that is done and whose shards are there at their full length."""
        entry = read_json(self.folder / UNITS / f"{key}.json")
        if entry is None or entry.get("version") != __version__:
            return None
        for shard in entry["shards"]:
            path = self.folder / shard["file"]
            if not path.is_file() or path.stat().st_size != shard["bytes"]:
                return None
        return entry

    def remembered(self, key: str) -> dict[str, Any] | None:
        """What ``remember`` kept under a key."""
        return read_json(self.folder / UNITS / f"{key}.kept.json")

    def remember(self, key: str, value: Mapping[str, Any]) -> None:
        """Keep a costly result for the next run; the key has to say everything it hangs on."""
        write_json(self.folder / UNITS / f"{key}.kept.json", value)

    def commit(self, key: str, result: UnitResult) -> dict[str, Any]:
        """Write the shards of a unit, then its entry; rows without a hash get theirs."""
        return self.settle(self.write(key, result))

    def write(self, key: str, result: UnitResult) -> Written:
        """Write the shards of a unit aside; rows without a hash get theirs."""
        shards: list[dict[str, Any]] = []
        asides: list[tuple[Path, Path]] = []
        for row in result.rows:
            if row["sha256"] is None:
                row["sha256"] = tile_hash(row)
        try:
            for split in SPLITS:
                rows = [row for row in result.rows if row["split"] == split]
                if rows:
                    path = self.folder / DATA / f"{split}-{key}.parquet"
                    aside = aside_of(path)
                    asides.append((aside, path))
                    write_rows(rows, aside)
                    shards.append(
                        {
                            "file": f"{DATA}/{path.name}",
                            "split": split,
                            "tiles": len(rows),
                            "bytes": aside.stat().st_size,
                            "tiles_sha256": shard_hash(rows),
                            "footer_sha256": footer_hash(aside),
                        }
                    )
        except BaseException:
            for aside, _ in asides:
                aside.unlink(missing_ok=True)
            raise
        entry = {
            "version": __version__,
            "shards": shards,
            "rejected": dict(sorted(result.rejected.items())),
            "notes": result.notes,
        }
        return Written(key, entry, tuple(asides))

    def settle(self, written: Written) -> dict[str, Any]:
        """Put written shards in their place when the disk has them, then their entry."""
        for aside, path in written.asides:
            put_in_place(aside, path)
        write_json(self.folder / UNITS / f"{written.key}.json", written.entry)
        return written.entry

    def close(
        self, entries: Sequence[Mapping[str, Any]], described: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Write the manifest over the units of this run and drop shards of any other.

        Parameters
        ----------
        entries
            What ``commit`` or ``finished`` gave, in the order of units.
        described
            Further keys of the manifest: settings, sources, labels.
        """
        shards = [shard for entry in entries for shard in entry["shards"]]
        manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "software": f"sarloom {__version__}",
            "tiles": sum(shard["tiles"] for shard in shards),
            "splits": {
                split: sum(shard["tiles"] for shard in shards if shard["split"] == split)
                for split in SPLITS
            },
            "rejected": _sum(entry["rejected"] for entry in entries),
            "notes": list(dict.fromkeys(note for entry in entries for note in entry["notes"])),
            **described,
            "shards": shards,
        }
        write_json(self.folder / MANIFEST, manifest)
        wanted = {shard["file"] for shard in shards}
        for path in self.folder.glob(f"{DATA}/*"):
            if f"{DATA}/{path.name}" not in wanted:
                path.unlink()  # of a build that meant other units, or left by a kill
        return manifest


def run_units(
    ledger: Ledger,
    units: Sequence[Unit],
    work: Callable[[Any], UnitResult],
    workers: Workers,
    progress: Callable[[int, int, str], None],
) -> list[dict[str, Any]]:
    """Do what is not done yet; returns the entries of all units, in order.

    Whoever cuts a unit writes its shards and goes on; a thread of this process, which spends no
    processor on it, waits for the disk.

    Parameters
    ----------
    work
        A function of a module, so that it can travel to another process.
    workers
        Processes to do it in.
    """
    entries: dict[str, dict[str, Any]] = {}
    open_units: list[Unit] = []
    for unit in units:
        entry = ledger.finished(unit.key)
        if entry is None:
            open_units.append(unit)
        else:
            entries[unit.key] = entry

    settling: deque[tuple[str, Future[dict[str, Any]]]] = deque()

    def note(most: int) -> None:
        """Take down what is settled; wait for what there is beyond ``most``."""
        while settling and (len(settling) > most or settling[0][1].done()):
            key, entry = settling.popleft()
            entries[key] = entry.result()
            progress(len(entries), len(units), "")

    jobs = [(ledger, work, one) for one in open_units]
    with ThreadPoolExecutor(1) as disk:
        for written in workers.each(_do_unit, jobs):
            settling.append((written.key, disk.submit(ledger.settle, written)))
            note(2 * workers.count)
        note(0)
    return [entries[unit.key] for unit in units]


def _do_unit(job: tuple[Ledger, Callable[[Any], UnitResult], Unit]) -> Written:
    """In any process."""
    ledger, work, unit = job
    return ledger.write(unit.key, work(unit))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON aside and rename it."""
    with write_aside(path) as aside:
        aside.write_text(json.dumps(value, indent=1) + "\n", "utf-8")


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where there is none or half of one."""
    with contextlib.suppress(OSError, ValueError):
        value = json.loads(path.read_text("utf-8"))
        return value if isinstance(value, dict) else None
    return None


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for reason, number in count.items():
            total[reason] = total.get(reason, 0) + number
    return dict(sorted(total.items()))


def _difference(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    one, other = _flat(found), _flat(wanted)
    names = [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
    changes = ", ".join(
        f"{name} {one.get(name)} there, {other.get(name)} asked" for name in names[:3]
    )
    return (
        f"{folder} holds tiles made with other settings ({changes}): "
        "choose another folder, or --replace to start anew"
    )


def _flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Options by name, whatever command they are of."""
    plain: dict[str, str] = {}
    for name, value in settings.items():
        plain |= _flat(value) if isinstance(value, dict) else {name: str(value)[:80]}
    return plain
