"""From products to a tile set: survey, tones, splits, then tiles in units of work.

Every step hangs on its inputs alone, so the shards are the same whatever the number of processes
and however often the run was stopped. What is stored about each step is in ``ledger``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormatError, InputError
from ..options.table import as_plain
from ..options.tiles import BuildTilesOptions
from ..sar.tone import Tone
from .beside import NOTHING, Told, told_of
from .cut import Limits, TileData, judge, read_cell
from .ledger import Ledger, UnitResult, key_of, run_units
from .pair import OpticalMatch, OpticalSource, pair_optical
from .rows import box_of, saturated_share, tile_row
from .schema import arrow
from .sources import hasher
from .split import Blocks, Ground, shares, split_acquisitions
from .survey import (
    Acquisition,
    Amplitudes,
    Cutting,
    OpenScenes,
    Survey,
    SurveyJob,
    ToneJob,
    measure_acquisition,
    merged,
    opened,
    survey_product,
)
from .tone import ToneRule, set_tone, tone_columns
from .workers import Workers

if TYPE_CHECKING:
    from ..records import Scene

Progress = Callable[[int, int, str], None]
BORDER = "on the border of two splits"
DAMAGED = "source damaged"
MOST_SATURATED = "saturated"
_BLOCK_TILES = 8
_BYTES_PER_WORKER = 32 << 20
"""Of products, for which a process is worth its start before it is known how many tiles come."""
_GDAL_CACHE_MB = "256"
"""Of each process; 512 rows of a float32 image 100,000 pixels wide, stored in strips, fit."""
_FREE = ("out", "workers", "replace")
"""Options that change no tile."""


@dataclass(frozen=True)
class Piece:
    """Some cells of one acquisition."""

    acquisition: Acquisition
    tone: Tone
    split: str | None
    """None: each tile by its ground."""
    start: int
    stop: int
    told: Told = NOTHING

    def plain(self) -> list[Any]:
        """Everything that its tiles hang on, as JSON."""
        one = self.acquisition
        told = [list(self.told.captions)] if self.told.captions else []
        return [
            str(one.path), one.digest, one.described, one.identifier, one.grid,
            tone_columns(self.tone), self.split, self.start, self.stop, *told,
        ]  # fmt: skip


@dataclass(frozen=True)
class CutUnit:
    """Cells that share shards."""

    key: str
    pieces: tuple[Piece, ...]
    optical: tuple[OpticalSource, ...]
    """Candidates near the acquisitions."""
    shared: Shared


@dataclass(frozen=True)
class Shared:
    """What every unit of a build needs."""

    open_scenes: OpenScenes
    cutting: Cutting
    blocks: Blocks | None
    max_days: float | None
    min_overlap: float


def build_tiles(
    options: BuildTilesOptions,
    products: Sequence[Path],
    open_scenes: OpenScenes,
    optical: Sequence[OpticalSource] = (),
    progress: Progress = lambda done, total, doing: None,
) -> dict[str, Any]:
    """Cut products into a tile set, or go on with one that was begun.

    Parameters
    ----------
    options
        What to do.
    products
        Radar products, each once.
    open_scenes
        ``archive.registry.open_scenes`` or a function like it; of a module, as it travels to other
        processes.
    optical
        Pictures to pair with.
    progress
        Called with (done, total, what) through the steps.

    Returns
    -------
    The manifest.

    Raises
    ------
    InputError
        If nothing can be cut, or the folder cannot be used. Single products that cannot be read are
        left out and listed in the manifest.
    MissingExtraError
        If what hashes sources or writes tiles is not installed.
    """
    if not products:
        raise InputError(f"--sar {' '.join(map(str, options.sar))}: no radar product there")
    fractions = shares(options.split)
    for path in products:
        told_of(path)  # what is wrong there is said before long work, and so is what is missing
    hasher()
    # GDAL's own default is a twentieth of the memory for each process
    os.environ.setdefault("GDAL_CACHEMAX", _GDAL_CACHE_MB)
    ledger = Ledger(options.out)
    with Workers(options.workers or os.cpu_count() or 1) as workers, contextlib.ExitStack() as held:
        # before the lock, which a forked process would hold as well
        workers.start(_size(products) // _BYTES_PER_WORKER, partial(open_scenes, products[0]))
        held.enter_context(ledger.alone())
        settings = {k: v for k, v in as_plain(options).items() if k not in _FREE}
        ledger.open({"build": settings}, options.replace)
        cutting = cutting_of(options)
        arrow()  # while they come up
        threads = max(1, workers.count // len(products))
        survey = merged(
            _steps(
                survey_product,
                [SurveyJob(path, open_scenes, cutting, ledger, threads) for path in products],
                workers,
                progress,
                "looking at products",
            )
        )
        tones, described = _tones(options, survey, open_scenes, cutting, ledger, workers, progress)
        shared = Shared(
            open_scenes,
            cutting,
            _blocks(options, fractions),
            options.max_days,
            options.min_overlap,
        )
        splits = _splits(options, survey.acquisitions, fractions)
        pieces = plan_pieces(survey.acquisitions, tones, splits, options)
        nearby = Nearby(optical)
        units = [_unit(group, nearby, shared) for group in pieces]
        entries = run_units(
            ledger, units, cut_unit, workers, lambda done, all_, _: progress(done, all_, "cutting")
        )
        if not any(entry["shards"] for entry in entries):
            counts = {reason: n for entry in entries for reason, n in entry["rejected"].items()}
            noted = next((note for entry in entries for note in entry["notes"]), None)
            raise InputError(
                f"no tile is left of {sum(one.cells for one in survey.acquisitions)}: all were "
                f"rejected ({', '.join(counts) or 'nothing to cut'}); "
                + (noted or "see --help, Rejection")
            )
        return ledger.close(
            entries,
            {
                "settings": {"build": settings},
                "acquisitions": described,
                "skipped": survey.skipped,
                "synthetic": False,
            },
        )


def cutting_of(options: BuildTilesOptions) -> Cutting:
    """The part of the options that says how a scene is cut."""
    return Cutting(
        spacings_m=options.spacings_m,
        size=options.size,
        overlap=options.overlap,
        rotate=options.rotate,
        force=options.force,
        polarizations=tuple(part for part in options.polarization.split(",") if part),
        limits=Limits(
            max_nodata=options.max_nodata,
            max_zero=options.max_zero,
            max_saturated=options.max_saturated,
            min_contrast=options.min_contrast,
            max_peak_db=options.max_peak_db,
        ),
    )


def _steps(
    function: Callable[[Any], Any],
    jobs: Sequence[Any],
    workers: Workers,
    progress: Progress,
    doing: str,
) -> list[Any]:
    """Results of one step, with progress, in no particular order."""
    found: list[Any] = []
    progress(0, len(jobs), doing)
    for result in workers.each(function, jobs):
        found.append(result)
        progress(len(found), len(jobs), doing)
    return found


def _tones(
    options: BuildTilesOptions,
    survey: Survey,
    open_scenes: OpenScenes,
    cutting: Cutting,
    ledger: Ledger,
    workers: Workers,
    progress: Progress,
) -> tuple[dict[str, Tone], list[dict[str, Any]]]:
    """The tone of every acquisition, and what the manifest says of each.

    An acquisition without a valid pixel among its sampled tiles moves to the skipped ones.
    """
    low, high = options.tone_window_db
    rule = ToneRule(options.tone, options.tone_k, -low, high)
    jobs = [
        ToneJob(one, open_scenes, cutting, options.tone_sample, ledger)
        for one in survey.acquisitions
    ]
    measured: dict[str, Amplitudes] = dict(
        _steps(measure_acquisition, jobs, workers, progress, "measuring amplitudes")
    )
    tones: dict[str, Tone] = {}
    described, kept = [], []
    for one in survey.acquisitions:
        found = measured[one.name]
        if found.sums.valid == 0:
            survey.skipped[f"{one.path} ({one.identifier})"] = found.lack
            continue
        kept.append(one)
        tones[one.name] = set_tone(rule, found.sums, one.name)
        described.append(
            {
                "name": one.name,
                "source": str(one.path),
                "source_blake3": one.digest,
                "grid": one.grid,
                "notes": list(one.notes),
                "tone": {k: v for k, v in tone_columns(tones[one.name]).items() if v is not None},
                "tone_from": {
                    **found.sums.as_plain(),
                    "tiles": found.tiles,
                    "tiles_of": one.cells,
                },
            }
        )
    if not kept:
        first, number = survey.acquisitions[0], len(survey.acquisitions)
        more = f" (the first of {number} such channels)" if number > 1 else ""
        raise InputError(f"{_named(first, measured[first.name].lack)}{more}")
    survey.acquisitions = kept
    return tones, described


def _named(one: Acquisition, lack: str) -> str:
    """A message that names the product, as those of readers do already."""
    return lack if lack.startswith(str(one.path)) else f"{one.path}: {lack}"


def _size(products: Sequence[Path]) -> int:
    """Bytes of some products; folders count by the files right in them and one level below."""
    files = (
        one
        for path in products
        for one in ([path] if path.is_file() else [*path.glob("*"), *path.glob("*/*")])
    )
    return sum(one.stat().st_size for one in files if one.is_file())


def _blocks(options: BuildTilesOptions, fractions: tuple[float, float, float]) -> Blocks | None:
    if options.split_by != "ground":
        return None
    side = options.block_m or _BLOCK_TILES * options.size * options.spacings_m[0]
    return Blocks(side, fractions, options.split_seed)


def _splits(
    options: BuildTilesOptions, acquisitions: Sequence[Acquisition], fractions: Sequence[float]
) -> dict[str, str | None]:
    """The split of each acquisition, None where ground decides tile by tile."""
    if options.split_by == "ground":
        lost = [one for one in acquisitions if not one.footprint]
        if lost:
            raise InputError(
                f"{lost[0].path} has no georeference, so its ground cannot be compared: "
                "use --split-by acquisition"
            )
        return {one.name: None for one in acquisitions}
    told = {one.name: split for one in acquisitions if (split := told_of(one.path).split)}
    grounds = [
        Ground(one.name, str(one.path), one.footprint, one.cells)
        for one in acquisitions
        if one.name not in told
    ]
    dealt = dict(split_acquisitions(grounds, fractions, options.split_seed)) if grounds else {}
    return {**dealt, **told}


def plan_pieces(
    acquisitions: Sequence[Acquisition],
    tones: Mapping[str, Tone],
    splits: Mapping[str, str | None],
    options: BuildTilesOptions,
) -> Iterator[list[Piece]]:
    """Groups of cells of at most ``tiles_per_shard`` tiles, small acquisitions together.

    A large acquisition is cut into pieces of its own, so that another one beside it does not move
    the borders of its units.
    """
    most = max(1, options.tiles_per_shard // len(options.spacings_m))
    pending: list[Piece] = []
    for one in acquisitions:
        tone, split = tones[one.name], splits[one.name]
        if one.cells > most:
            for start in range(0, one.cells, most):
                stop = min(start + most, one.cells)
                yield [Piece(one, tone, split, start, stop, told_of(one.path))]
            continue
        if sum(piece.stop for piece in pending) + one.cells > most:
            yield pending
            pending = []
        pending.append(Piece(one, tone, split, 0, one.cells, told_of(one.path)))
    if pending:
        yield pending


class Nearby:
    """Finds the optical pictures about a footprint, so that a unit carries few."""

    def __init__(self, optical: Sequence[OpticalSource]) -> None:
        self.optical = list(optical)
        self._stamps = [(one.path.stat().st_size, one.path.stat().st_mtime_ns) for one in optical]
        self._rings = np.array([box_of(one.footprint) for one in optical]).reshape(-1, 4)

    def about(self, pieces: Sequence[Piece]) -> tuple[tuple[OpticalSource, ...], list[Any]]:
        """Candidates of some pieces, and what their pixels hang on."""
        found: set[int] = set()
        for piece in pieces:
            if piece.acquisition.footprint and self.optical:
                west, south, east, north = box_of(piece.acquisition.footprint)
                # by how much the centres are apart around the globe, less both half widths
                middle = (self._rings[:, 0] + self._rings[:, 2]) / 2 - (west + east) / 2
                apart = np.abs((middle + 180.0) % 360.0 - 180.0)
                wide = (self._rings[:, 2] - self._rings[:, 0] + east - west) / 2
                hit = (apart <= wide) & (self._rings[:, 1] <= north) & (self._rings[:, 3] >= south)
                found |= set(np.flatnonzero(hit).tolist())
        picked = sorted(found)
        about = [[str(self.optical[i].path), *self._stamps[i]] for i in picked]
        return tuple(self.optical[i] for i in picked), about


def _unit(pieces: Sequence[Piece], nearby: Nearby, shared: Shared) -> CutUnit:
    optical, stamps = nearby.about(pieces)
    about = [
        asdict(shared.cutting),
        None if shared.blocks is None else asdict(shared.blocks),
        shared.max_days,
        shared.min_overlap,
        stamps,
        [piece.plain() for piece in pieces],
    ]
    return CutUnit(key_of(*about), tuple(pieces), optical, shared)


def cut_unit(unit: CutUnit) -> UnitResult:
    """Cut the tiles of one unit."""
    result = UnitResult()
    for piece in unit.pieces:
        one = piece.acquisition
        try:
            scene, grids = opened(
                unit.shared.open_scenes, one.path, one.identifier, one.described,
                unit.shared.cutting,
            )  # fmt: skip
        except FormatError as error:
            raise InputError(str(error)) from error
        cells = [grid.cells() for grid in grids]
        for index in range(piece.start, piece.stop):
            try:
                tiles = [
                    read_cell(scene, grid, each[index])
                    for grid, each in zip(grids, cells, strict=True)
                ]
            except FormatError as error:
                result.reject(DAMAGED)
                if str(error) not in result.notes:
                    result.notes.append(str(error))
                continue
            _keep(result, scene, piece, tiles, unit)
    return result


def _keep(
    result: UnitResult, scene: Scene, piece: Piece, tiles: Sequence[TileData], unit: CutUnit
) -> None:
    """Judge one piece of ground by its finest tile; keep it at all spacings or at none."""
    finest, shared = tiles[0], unit.shared
    reason, saturated = judge(finest, shared.cutting.limits), None
    if reason is None:
        saturated = saturated_share(finest.power, piece.tone, finest.top)
        reason = MOST_SATURATED if saturated > shared.cutting.limits.max_saturated else None
    split = piece.split
    if reason is None and shared.blocks is not None:
        split = None if finest.footprint is None else shared.blocks.split(finest.footprint)
        reason = BORDER if split is None else None
    if reason is not None:
        for _ in tiles:
            result.reject(reason)
        return
    for tile in tiles:
        match = _partner(result, tile, unit)
        known = saturated if tile is finest else None
        row = tile_row(scene, piece.acquisition, tile, piece.tone, split, match, piece.told, known)
        result.rows.append(row)


def _partner(result: UnitResult, tile: TileData, unit: CutUnit) -> OpticalMatch | None:
    """The optical picture of a tile; a damaged candidate is noted, and the tile kept without."""
    try:
        return pair_optical(tile, unit.optical, unit.shared.max_days, unit.shared.min_overlap)
    except InputError as error:
        if str(error) not in result.notes:
            result.notes.append(f"tiles without a partner: {error}")
        return None
