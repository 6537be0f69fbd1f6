"""What is wrong with a tile set: damage, leakage between splits, and physics that cannot be."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import FormatError, InputError, MissingExtraError
from ..files import sha256_of
from .finding import Finding, named, numbered, of_tiles
from .ledger import DATA, SPLITS
from .schema import NAMES, Row, footer_hash, shard_hash, tile_hash
from .speckle_check import Speckle, looks_findings, measure_tile, shadow_findings
from .split import leaks
from .store import open_tiles, read_manifest

__all__ = ["Finding", "check_tiles", "ring_of"]

Progress = Callable[[int, int, str], None]

SATURATED = 0.05
_PLAIN = ("id", "split", "group", "acquisition", "footprint", "saturated", "optical_source")


@dataclass
class Gathered:
    """What one pass over the tiles keeps; pixels are not among it."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in _PLAIN})
    pictures: list[str] = field(default_factory=list)
    """Hash of each radar picture."""
    changed: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    """What is wrong with each shard that cannot be read."""
    replaced: list[str] = field(default_factory=list)
    """Shards that hold other tiles than were written, each of them whole."""
    spoilt: list[str] = field(default_factory=list)
    """Shards with tiles that are changed."""
    speckle: Speckle = field(default_factory=Speckle)


def check_tiles(
    folder: Path, progress: Progress = lambda done, total, doing: None
) -> list[Finding]:
    """Check a tile set from its bytes to its physics.

    Tiles that are not those that were written end the check: what they say tells nothing.

    Raises
    ------
    InputError
        If the folder holds no finished tile set.
    FormatError
        If its manifest is damaged.
    """
    manifest = read_manifest(folder)
    findings = [*_files(folder, manifest), *_counts(manifest)]
    if findings:
        return findings
    gathered = Gathered()
    try:
        _gather(folder, manifest, gathered, progress)
        findings += [*_shards(gathered), *_identity(gathered)]
        if gathered.damaged or gathered.replaced or gathered.changed:
            return findings
        findings += _leakage(gathered.columns, _settings(manifest))
    except FormatError as error:
        return [*findings, Finding("Error", str(error))]
    findings += looks_findings(gathered.speckle.looks)
    findings += shadow_findings(gathered.speckle.sides)
    findings += _remarks(gathered.columns, _settings(manifest))
    return findings


def _gather(folder: Path, manifest: Mapping[str, Any], into: Gathered, progress: Progress) -> None:
    """One pass over all tiles."""
    total = sum(int(one["tiles"]) for one in manifest["shards"])
    labels = manifest.get("labels")
    labels = labels if isinstance(labels, list) else []
    done = 0
    for split in SPLITS:
        tiles, first = open_tiles(folder, split), 0
        for shard in (one for one in manifest["shards"] if one["split"] == split):
            stop, hashes, before = first + int(shard["tiles"]), [], len(into.changed)
            try:
                for row in (tiles.row(index) for index in range(first, stop)):
                    absent = [name for name in NAMES if name not in row]
                    if absent:
                        raise FormatError(f"{folder} lacks columns ({', '.join(absent[:3])}, ...)")
                    _take_in(row, split, labels, total, into)
                    hashes.append({"sha256": row["sha256"]})
                    progress(done + len(hashes), total, "")
            except FormatError as error:
                into.damaged.append(str(error))
            else:
                if shard.get("tiles_sha256", shard_hash(hashes)) != shard_hash(hashes):
                    into.replaced.append(shard["file"])
            if len(into.changed) > before:
                into.spoilt.append(shard["file"])
            done += stop - first
            first = stop


def _take_in(row: Row, split: str, labels: Sequence[str], total: int, into: Gathered) -> None:
    """What is kept of one tile."""
    for name in _PLAIN:
        into.columns[name].append(row[name])
    name = str(row["id"])
    held = row["image"] or {}
    into.pictures.append(hashlib.sha256(held.get("bytes") or name.encode()).hexdigest())
    if row["split"] != split:
        into.misplaced.append(name)
    if tile_hash(row) != row["sha256"]:
        into.changed.append(name)
        return
    try:
        measure_tile(row, labels, into.speckle, total)
    except InputError:
        into.unreadable.append(name)


def _settings(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options of `tiles build`; none of simulated sets."""
    settings = manifest.get("settings")
    build = settings.get("build") if isinstance(settings, dict) else None
    return build if isinstance(build, dict) else {}


# -- bytes -------------------------------------------------------------------------------------


def _files(folder: Path, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Shards that are missing, of other bytes, unknown or listed twice.

    Sets of the first format have a SHA-256 of the file. Of others the footer's tells that columns
    are where they were, and the tiles' own tell of the columns.
    """
    listed = {shard["file"]: shard for shard in manifest["shards"]}
    missing, other = [], []
    for name, shard in listed.items():
        path = folder / name
        if not path.is_file():
            missing.append(name)
        elif path.stat().st_size != shard["bytes"] or _other(path, shard):
            other.append(name)
    names = (f"{DATA}/{path.name}" for path in sorted((folder / DATA).glob("*.parquet")))
    unknown = [name for name in names if name not in listed]
    times = Counter(one["file"] for one in manifest["shards"])
    twice = [name for name, number in times.items() if number > 1]
    for what, files in (
        ("missing", missing),
        ("not as written: the length or SHA-256 differs from the manifest's", other),
        ("not in the manifest, so that other programs would read tiles twice", unknown),
        ("listed twice in the manifest", twice),
    ):
        if files:
            yield Finding("Error", f"{numbered(len(files), 'shard')} {what}: {named(files)}")


def _other(path: Path, shard: Mapping[str, Any]) -> bool:
    """Whether a shard's file is another, as far as is told without reading its tiles."""
    try:
        if "sha256" in shard:
            return bool(sha256_of(path) != shard["sha256"])
        return bool(footer_hash(path) != shard["footer_sha256"])
    except OSError:  # too short for a footer, or not to be read
        return True


def _counts(manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Totals of the manifest that are not those of its shards."""
    shards = manifest["shards"]
    try:
        true = {
            split: sum(int(one["tiles"]) for one in shards if one["split"] == split)
            for split in SPLITS
        }
    except (TypeError, ValueError):
        yield Finding("Error", "the manifest counts something else than tiles in a shard")
        return
    if manifest.get("splits") != true or manifest.get("tiles") != sum(true.values()):
        yield Finding("Error", "the manifest's totals are not those of its shards")


def _shards(gathered: Gathered) -> Iterator[Finding]:
    """Shards that cannot be read, or whose tiles are not those that the manifest means."""
    yield from (Finding("Error", text) for text in gathered.damaged)
    if gathered.replaced:
        yield Finding(
            "Error",
            f"{numbered(len(gathered.replaced), 'shard')} of other tiles than were written: the "
            f"SHA-256 over them differs from the manifest's: {named(gathered.replaced)}",
        )


def _identity(gathered: Gathered) -> Iterator[Finding]:
    """Tiles that are not what was written, or there twice."""
    spoilt = f"changed: the SHA-256 in the row is of other contents, in {named(gathered.spoilt)}"
    for what, names in (
        (spoilt, gathered.changed),
        ("cannot be decoded", gathered.unreadable),
        ("in a shard of another split than the row says", gathered.misplaced),
    ):
        if names:
            yield of_tiles("Error", what, names)
    ids, splits = gathered.columns["id"], gathered.columns["split"]
    double = [name for name, number in Counter(ids).items() if number > 1]
    if double:
        yield Finding(
            "Error", f"{numbered(len(double), 'id')} there twice: {named(double)}", tuple(double)
        )
    first: dict[str, int] = {}
    same: list[str] = []
    across: list[str] = []
    for index, digest in enumerate(gathered.pictures):
        before = first.setdefault(digest, index)
        if before != index:
            (across if splits[before] != splits[index] else same).append(ids[index])
    if across:
        yield of_tiles("Error", "with the same pixels as a tile of another split", across)
    if same:
        yield of_tiles("Warning", "with the same pixels as another", same)


# -- ground ------------------------------------------------------------------------------------


def _leakage(plain: dict[str, list[Any]], settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Ground, groups or acquisitions in two splits."""
    placed = [index for index, wkt in enumerate(plain["footprint"]) if wkt]
    try:
        rings = [ring_of(plain["footprint"][index]) for index in placed]
        pairs = leaks(rings, [plain["split"][index] for index in placed])
    except MissingExtraError:
        yield Finding("Warning", "leakage was not looked for: pip install 'sarloom[archive]'")
        pairs = []
    if pairs:
        names = dict.fromkeys(plain["id"][placed[one]] for pair in pairs for one in pair)
        yield of_tiles("Error", "of ground that is in another split too", list(names))
    names_of = _parted(plain["group"], plain["split"])
    if names_of:
        yield Finding(
            "Error",
            f"{numbered(len(names_of), 'piece')} of ground with spacings in two splits: "
            f"{named(names_of)}",
        )
    parted = _parted(plain["acquisition"], plain["split"])
    if settings.get("split_by") == "acquisition" and parted:
        yield Finding(
            "Error", f"{numbered(len(parted), 'acquisition')} in two splits: {named(parted)}"
        )


def _parted(names: list[str], splits: list[str]) -> list[str]:
    """Names that occur in more than one split."""
    found: dict[str, str] = {}
    return sorted(
        {
            name
            for name, split in zip(names, splits, strict=True)
            if name is not None and found.setdefault(name, split) != split
        }
    )


def ring_of(wkt: str) -> list[tuple[float, float]]:
    """Corners of 'POLYGON ((lon lat, ...))', not closed.

    Raises
    ------
    FormatError
        If it is none.
    """
    try:
        body = wkt[wkt.index("((") + 2 : wkt.rindex("))")]
        corners = [part.split() for part in body.split(",")]
        ring = [(float(lon), float(lat)) for lon, lat in corners[:-1]]
    except ValueError as error:
        raise FormatError(f"footprint {wkt[:40]!r} is no polygon") from error
    if len(ring) < 3:
        raise FormatError(f"footprint {wkt[:40]!r} has no area")
    return ring


def _remarks(plain: dict[str, list[Any]], settings: Mapping[str, Any]) -> Iterator[Finding]:
    """What a person may want to change."""
    shares = zip(plain["id"], plain["saturated"], strict=True)
    clipped = [name for name, share in shares if share is not None and share > SATURATED]
    if clipped:
        yield of_tiles("Warning", f"saturated in more than {SATURATED:.0%} of pixels", clipped)
    if settings.get("optical"):
        sources = zip(plain["id"], plain["optical_source"], strict=True)
        alone = [name for name, source in sources if source is None]
        if alone:
            yield of_tiles("Warning", "without an optical partner", alone)
    used = set(plain["split"])
    empty = [split for split in SPLITS if split not in used]
    if empty:
        few = settings.get("split_by") == "acquisition"
        advice = "; of few scenes, `--split-by ground` makes all three" if few else ""
        yield Finding("Warning", f"no tile in {' and '.join(empty)}{advice}")
