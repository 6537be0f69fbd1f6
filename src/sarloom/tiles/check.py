"""What is wrong with a tile set: damage, leakage between splits, and physics that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError, MissingExtraError
from ..files import sha256_of
from ..sar.multilook import multilook
from .ledger import DATA
from .schema import Row, tile_hash
from .split import leaks
from .store import open_tiles, read_manifest, row_amplitude

PowerArray = NDArray[np.float32]
Progress = Callable[[int, int, str], None]

BLOCK = 16
"""Side of the blocks in which looks are measured."""
SMOOTHER, ROUGHER = 1.5, 0.5
"""Measured over stated looks beyond which something is wrong. Texture makes blocks rougher, so the
lower bound holds for the smoothest tenth of blocks only; nothing in nature makes them smoother."""
MOST_LOOKS = 10.0
"""Above, texture and not speckle sets how rough a block is."""
LEAST_BLOCKS = 50
SHADOW_SIGMAS = 5.0
"""Standard errors by which the wrong side has to be darker."""
ALIGNED_DEG = 20.0
_MOST_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One thing to know; ``tiles`` are the ids concerned, where it is about tiles."""

    level: Literal["Error", "Warning"]
    text: str
    tiles: tuple[str, ...] = ()


@dataclass
class Measured:
    """What is gathered about the tiles of one acquisition at one spacing."""

    stated: float | None
    range_known: bool
    blocks: list[float] = field(default_factory=list)
    asymmetry: list[float] = field(default_factory=list)


def check_tiles(
    folder: Path, progress: Progress = lambda done, total, doing: None
) -> list[Finding]:
    """Check a tile set from its bytes to its physics.

    Raises
    ------
    InputError
        If the folder holds no finished tile set.
    FormatError
        If its manifest is damaged.
    """
    manifest = read_manifest(folder)
    findings = list(_files(folder, manifest))
    if findings:
        return findings  # tiles of damaged shards tell nothing
    tiles = open_tiles(folder)
    acquisitions: dict[tuple[str, float], Measured] = {}
    plain: dict[str, list[Any]] = {name: [] for name in _PLAIN}
    pictures: list[str] = []
    wrong: list[str] = []
    for number, row in enumerate(tiles):
        for name in _PLAIN:
            plain[name].append(row[name])
        if tile_hash(row) != row["sha256"]:
            wrong.append(row["id"])
            pictures.append(row["id"])
            continue
        pictures.append(_digest(row))
        try:
            measure_tile(row, acquisitions)
        except FormatError:
            wrong.append(row["id"])
        progress(number + 1, len(tiles), "")
    if wrong:
        findings.append(_finding("Error", "tiles do not match their SHA-256", wrong))
    findings += _identity(plain, pictures)
    findings += _leakage(plain, manifest)
    for (name, spacing), measured in acquisitions.items():
        findings += _physics(f"{name} at {spacing:g} m", measured)
    findings += _remarks(plain, manifest)
    return findings


_PLAIN = ("id", "split", "group", "acquisition", "footprint", "saturated", "optical_source")


def _digest(row: Row) -> str:
    import hashlib

    return hashlib.sha256(row["image"]["bytes"]).hexdigest()


# -- bytes -------------------------------------------------------------------------------------


def _files(folder: Path, manifest: dict[str, Any]) -> Iterator[Finding]:
    """Shards that are missing, changed or unknown."""
    listed = {shard["file"]: shard for shard in manifest["shards"]}
    for name, shard in listed.items():
        path = folder / name
        if not path.is_file():
            yield Finding("Error", f"{name} is missing")
        elif path.stat().st_size != shard["bytes"] or sha256_of(path) != shard["sha256"]:
            yield Finding("Error", f"{name} is not the file that was written (SHA-256)")
    for path in sorted((folder / DATA).glob("*.parquet")):
        if f"{DATA}/{path.name}" not in listed:
            yield Finding("Error", f"{DATA}/{path.name} is not in the manifest: tiles would double")


def _identity(plain: dict[str, list[Any]], pictures: list[str]) -> Iterator[Finding]:
    """Ids and pictures that occur twice."""
    seen: dict[str, int] = {}
    double: list[str] = []
    for name in plain["id"]:
        seen[name] = seen.get(name, 0) + 1
        if seen[name] == 2:
            double.append(name)
    if double:
        yield _finding("Error", "ids occur twice", double)
    first: dict[str, int] = {}
    same: list[str] = []
    across: list[str] = []
    for index, digest in enumerate(pictures):
        before = first.setdefault(digest, index)
        if before != index:
            apart = plain["split"][before] != plain["split"][index]
            (across if apart else same).append(plain["id"][index])
    if across:
        yield _finding("Error", "tiles have the same pixels as one of another split", across)
    if same:
        yield _finding("Warning", "tiles have the same pixels as another", same)


# -- ground ------------------------------------------------------------------------------------


def _leakage(plain: dict[str, list[Any]], manifest: dict[str, Any]) -> Iterator[Finding]:
    """Ground, groups or acquisitions in two splits."""
    placed = [index for index, wkt in enumerate(plain["footprint"]) if wkt]
    try:
        rings = [ring_of(plain["footprint"][index]) for index in placed]
        pairs = leaks(rings, [plain["split"][index] for index in placed])
    except MissingExtraError:
        yield Finding("Warning", "leakage was not looked for: shapely is not installed")
        pairs = []
    if pairs:
        names = [plain["id"][placed[one]] for one, _ in pairs]
        yield _finding("Error", "tiles show ground that is in another split too", names)
    if _parted(plain["group"], plain["split"]):
        names = _parted(plain["group"], plain["split"])
        yield _finding("Error", "pieces of ground have spacings in two splits", names)
    rule = manifest.get("settings", {}).get("build", {}).get("split_by")
    if rule == "acquisition" and _parted(plain["acquisition"], plain["split"]):
        names = _parted(plain["acquisition"], plain["split"])
        yield _finding("Error", "acquisitions are in two splits", names)


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
    """Corners of 'POLYGON ((lon lat, ...))', not closed."""
    body = wkt[wkt.index("((") + 2 : wkt.rindex("))")]
    corners = [part.split() for part in body.split(",")]
    return [(float(lon), float(lat)) for lon, lat in corners[:-1]]


# -- physics -----------------------------------------------------------------------------------


def measure_tile(row: Row, into: dict[tuple[str, float], Measured]) -> None:
    """Add a tile to what is known of its acquisition."""
    residual = row["range_angle_residual_deg"]
    known = bool(row["synthetic"]) or (residual is not None and abs(residual) <= ALIGNED_DEG)
    measured = into.setdefault(
        (str(row["acquisition"]), float(row["spacing_m"] or 0.0)), Measured(row["looks"], known)
    )
    amplitude = row_amplitude(row)
    power = np.square(amplitude)
    measured.blocks += block_looks(power, row["threshold"]).tolist()
    if known:
        value = shadow_asymmetry(power)
        if value is not None:
            measured.asymmetry.append(value)


def block_looks(power: PowerArray, threshold: float | None = None) -> NDArray[np.float64]:
    """mean^2 / variance in blocks without holes or clipped pixels."""
    rows, columns = (n // BLOCK * BLOCK for n in power.shape)
    cells = np.asarray(power[:rows, :columns], np.float64)
    cells = cells.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    cells = cells.transpose(0, 2, 1, 3).reshape(-1, BLOCK * BLOCK)
    good = np.isfinite(cells).all(axis=1)
    if threshold is not None:
        good &= cells.max(axis=1, initial=0.0) < 0.999 * threshold**2
    cells = cells[good]
    variance = cells.var(axis=1)
    flat = variance > 0
    return np.asarray(cells[flat].mean(axis=1) ** 2 / variance[flat])


def shadow_asymmetry(power: PowerArray, reach: int = 6) -> float | None:
    """How much brighter the far side of bright things is than the near side, in nepers of power.

    Things that stand up throw their shadow away from the radar: what lies just beyond a bright
    edge, towards growing columns, is darker than what lies just before it. So the mean is negative
    where columns grow with range, positive where they were mirrored, and near zero on flat ground.

    Parameters
    ----------
    reach
        Cells of 4 x 4 pixels that are compared on either side.
    """
    if min(power.shape) < 32 or not np.isfinite(power).all():
        return None
    logs = np.log(multilook(power, 4) + 1e-12 * float(power.max()) + 1e-30)
    width = logs.shape[1]
    if width < 4 * reach:
        return None
    inner = logs[:, reach + 1 : width - reach - 1]
    bright = inner >= np.quantile(inner, 0.99)
    far = sum(logs[:, reach + 1 + k : width - reach - 1 + k] for k in range(2, reach + 1))
    near = sum(logs[:, reach + 1 - k : width - reach - 1 - k] for k in range(2, reach + 1))
    return float((np.asarray(far) - np.asarray(near))[bright].mean() / (reach - 1))


def _physics(name: str, measured: Measured) -> Iterator[Finding]:
    """Looks and range direction of one acquisition."""
    blocks, stated = np.asarray(measured.blocks), measured.stated
    if stated is not None and len(blocks) >= LEAST_BLOCKS:
        middle, smoothest = float(np.median(blocks)), float(np.quantile(blocks, 0.9))
        if middle > SMOOTHER * stated:
            yield Finding(
                "Warning",
                f"{name}: {middle:.1f} looks measured where {stated:.1f} are stated: amplitude was "
                "taken for power, or something smoothed it",
            )
        elif smoothest < ROUGHER * stated and stated <= MOST_LOOKS:
            yield Finding(
                "Warning",
                f"{name}: {smoothest:.1f} looks measured in the smoothest tenth of blocks where "
                f"{stated:.1f} are stated",
            )
    sides = np.asarray(measured.asymmetry)
    if len(sides) >= 4:
        error = float(sides.std(ddof=1) / np.sqrt(len(sides)))
        if float(sides.mean()) > SHADOW_SIGMAS * error:
            yield Finding(
                "Warning",
                f"{name}: shadows fall towards column 0, so range seems to run the other way "
                f"({sides.mean():+.2f} +- {error:.2f} nepers beyond bright edges)",
            )


def _remarks(plain: dict[str, list[Any]], manifest: dict[str, Any]) -> Iterator[Finding]:
    """What a person may want to change."""
    clipped = [
        name
        for name, share in zip(plain["id"], plain["saturated"], strict=True)
        if share is not None and share > 0.05
    ]
    if clipped:
        yield _finding("Warning", "tiles are saturated in more than 5 % of their pixels", clipped)
    if manifest.get("settings", {}).get("build", {}).get("optical"):
        alone = [
            name
            for name, source in zip(plain["id"], plain["optical_source"], strict=True)
            if source is None
        ]
        if alone:
            yield _finding("Warning", "tiles have no optical partner", alone)
    for split, number in manifest["splits"].items():
        if number == 0:
            yield Finding("Warning", f"no tile is in {split}")


def _finding(level: Literal["Error", "Warning"], what: str, names: list[str]) -> Finding:
    shown = ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
    return Finding(level, f"{len(names)} {what}: {shown}", tuple(names))
