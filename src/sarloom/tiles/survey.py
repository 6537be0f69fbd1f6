"""What there is to cut: every channel of every product with its grid, before a pixel is cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormatError, InputError
from .cut import Limits, read_cell, spiked
from .grid import TileGrid, plan_grids
from .ledger import Ledger, key_of
from .sources import described, source_hash
from .tone import AmplitudeSums

if TYPE_CHECKING:
    from ..records import Scene

OpenScenes = Callable[[Path], "list[Scene]"]
"""A function of a module, so that it can travel to another process."""


@dataclass(frozen=True)
class Cutting:
    """How scenes are cut; the same for all of a set."""

    spacings_m: tuple[float, ...]
    size: int
    overlap: float
    rotate: bool
    force: bool
    polarizations: tuple[str, ...]
    limits: Limits

    def grids(self, scene: Scene) -> list[TileGrid]:
        """Grids of a scene, finest first."""
        return plan_grids(
            scene,
            self.spacings_m,
            self.size,
            self.overlap,
            rotate=self.rotate,
            force=self.force,
        )


@dataclass(frozen=True)
class Acquisition:
    """One channel that will be cut: plain values that travel between processes."""

    path: Path
    identifier: str
    digest: str
    """BLAKE3 of the product."""
    described: str
    """Hash of what the reader makes of it, sidecars included."""
    cells: int
    footprint: tuple[tuple[float, float], ...] | None
    grid: dict[str, Any]
    notes: tuple[str, ...]

    @cached_property
    def name(self) -> str:
        """Unique in an archive: two products may call themselves the same."""
        return f"{self.identifier}-{key_of(self.digest, self.identifier)[:6]}"


@dataclass
class Survey:
    """Acquisitions to cut, and products that cannot be, with the reason."""

    acquisitions: list[Acquisition] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass
class Amplitudes:
    """What was measured in the sampled tiles of an acquisition."""

    sums: AmplitudeSums = field(default_factory=AmplitudeSums)
    tiles: int = 0
    """Tiles that the sums are of."""
    damaged: str | None = None
    """What was wrong with the first sampled tile that could not be read."""
    spiked: int = 0
    """Tiles left out as brighter in one pixel than any target."""

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Amplitudes:
        """From what ``asdict`` gave."""
        return cls(**{**kept, "sums": AmplitudeSums(**kept["sums"])})

    @property
    def lack(self) -> str:
        """Why there is no valid pixel."""
        if self.damaged is not None:
            return self.damaged
        if self.spiked:
            return (
                f"no valid pixel: in all {self.spiked} sampled tiles with data one is far brighter "
                "than any target; the numbers are damaged, or no linear power (see --max-peak-db)"
            )
        return "no valid pixel in any sampled tile: all without data, or zero"


@dataclass(frozen=True)
class SurveyJob:
    """One product to look at."""

    path: Path
    open_scenes: OpenScenes
    cutting: Cutting
    ledger: Ledger
    threads: int = 1
    """That hash it together, where there are fewer products than workers."""


def survey_product(job: SurveyJob) -> Survey:
    """Open a product and plan its grids; whatever is wrong with it becomes a reason to skip it."""
    found = Survey()
    try:
        scenes = job.open_scenes(job.path)
        plans = (_planned(scene, job, found) for scene in scenes)
        planned = [plan for plan in plans if plan is not None]
        digest = source_hash(job.path, job.ledger, job.threads)
    except (InputError, OSError) as error:
        found.skipped = {str(job.path): str(error)}
        return found
    found.acquisitions = [
        Acquisition(
            path=job.path,
            identifier=scene.identifier,
            digest=digest,
            described=said,
            cells=len(grids[0].cells()),
            footprint=scene.footprint,
            grid={"scales": [grid.record() for grid in grids]},
            notes=tuple(dict.fromkeys((*scene.notes, *grids[0].notes))),
        )
        for scene, grids, said in planned
    ]
    return found


def _planned(
    scene: Scene, job: SurveyJob, found: Survey
) -> tuple[Scene, list[TileGrid], str] | None:
    """A wanted channel with its grids and the hash of what it says; None with the reason noted."""
    wanted = job.cutting.polarizations
    if wanted and scene.polarization not in wanted:
        return None
    try:
        return scene, job.cutting.grids(scene), described(scene)
    except InputError as error:
        found.skipped[f"{job.path} ({scene.identifier})"] = str(error)
        return None


def merged(surveys: Sequence[Survey]) -> Survey:
    """One survey, sorted, each acquisition once however many copies of its product there are.

    Raises
    ------
    InputError
        If nothing can be cut; with the reason where there is one product only.
    """
    whole = Survey()
    seen: dict[tuple[str, str], Acquisition] = {}
    everything = sorted(
        (one for survey in surveys for one in survey.acquisitions),
        key=lambda one: (str(one.path), one.identifier),
    )
    # in the order of names, whichever process was done first
    whole.skipped = dict(sorted(item for one in surveys for item in one.skipped.items()))
    for one in everything:
        first = seen.setdefault((one.digest, one.identifier), one)
        if first is one:
            whole.acquisitions.append(one)
        else:
            whole.skipped[str(one.path)] = f"the same product as {first.path}"
    if not whole.acquisitions:
        reasons = list(whole.skipped.values())
        if len(reasons) == 1:
            raise InputError(reasons[0])
        raise InputError(
            f"nothing to cut: {len(reasons)} products were looked at"
            + (f"; the first: {reasons[0]}" if reasons else ", none has the wanted polarisation")
        )
    return whole


@lru_cache(maxsize=2)
def opened(
    open_scenes: OpenScenes, path: Path, identifier: str, said: str, cutting: Cutting
) -> tuple[Scene, list[TileGrid]]:
    """A scene and its grids; kept, as a process cuts one scene for a while.

    Raises
    ------
    FormatError
        If the product no longer holds the channel, or says other things of it than ``said``.
    """
    for scene in open_scenes(path):
        if scene.identifier == identifier and described(scene) == said:
            return scene, cutting.grids(scene)
    raise FormatError(f"{path} changed while it was being cut: run the command again")


@dataclass(frozen=True)
class ToneJob:
    """One acquisition whose amplitudes are measured."""

    acquisition: Acquisition
    open_scenes: OpenScenes
    cutting: Cutting
    sample: int
    ledger: Ledger

    @property
    def key(self) -> str:
        """Everything that the sums hang on."""
        one = self.acquisition
        return key_of(
            "tone", one.digest, one.described, one.identifier, one.grid, self.sample,
            self.cutting.limits.max_peak_db,
        )  # fmt: skip


def measure_acquisition(job: ToneJob) -> tuple[str, Amplitudes]:
    """The amplitudes of an acquisition by its name; kept for the next run."""
    one = job.acquisition
    kept = job.ledger.remembered(job.key)
    if kept is not None:
        return one.name, Amplitudes.of(kept)
    scene, grids = opened(job.open_scenes, one.path, one.identifier, one.described, job.cutting)
    found = measure(scene, grids[0], job.sample, job.cutting.limits)
    job.ledger.remember(job.key, asdict(found))
    return one.name, found


def measure(scene: Scene, grid: TileGrid, sample: int, limits: Limits) -> Amplitudes:
    """Running sums over evenly spread tiles of an acquisition.

    Tiles, not pixels of the product, because averaging narrows the law of amplitude: the mean of a
    single-look product and three deviations is well above any sixteen-look tile made of it.

    Parameters
    ----------
    sample
        Tiles to look at; 0 for all.
    """
    cells, found = grid.cells(), Amplitudes()
    for index in spread(len(cells), sample):
        try:
            power = read_cell(scene, grid, cells[index]).power
        except FormatError as error:
            # the tile will be left out and counted when its turn comes
            found.damaged = found.damaged or str(error)
            continue
        if spiked(power, limits.max_peak_db):
            found.spiked += 1
            continue
        found.sums.add(np.sqrt(power))
        found.tiles += 1
    return found


def spread(count: int, sample: int) -> list[int]:
    """``sample`` numbers below ``count``, evenly spread; all of them for 0 or few.

    Steps by the golden ratio rather than by a fixed stride, which could fall in with the columns
    of a grid and see one column only.
    """
    if sample == 0 or count <= sample:
        return list(range(count))
    golden = (5**0.5 - 1) / 2
    picked = {int((0.5 + number * golden) % 1.0 * count) for number in range(sample)}
    return sorted(picked)
