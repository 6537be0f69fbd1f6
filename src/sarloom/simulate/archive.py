"""Many scenes into one folder: side by side, resumable, the same whatever the order."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..options.simulate import SimulateOptions
from .build import MIXTURES, name_of
from .kinds import KINDS
from .radar import Sensor
from .scene import SimulatedScene, simulate_scene
from .write import is_finished, settings_hash, stem_of, write_metadata, write_scene

Progress = Callable[[int, int, str], None]
"""Called with (scenes done, scenes in all, name of the scene just done)."""
_FEW = 3
"""Scenes up to which starting other processes costs more than it saves."""


@dataclass(frozen=True)
class Job:
    """One scene to simulate and where to put it."""

    kind: str
    seed: int
    size: int
    spacing_m: float
    airborne: Sensor
    satellite: Sensor
    caption_count: int
    folder: Path

    @property
    def settings(self) -> dict[str, Any]:
        """All that the scene's bytes hang on."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            "size": self.size,
            "spacing_m": self.spacing_m,
            "airborne": asdict(self.airborne),
            "satellite": asdict(self.satellite),
            "captions": self.caption_count,
        }

    @property
    def name(self) -> str:
        """First part of the scene's file names."""
        return stem_of(self.kind, self.seed)


def simulate_archive(
    options: SimulateOptions, progress: Progress = lambda done, total, name: None
) -> list[Path]:
    """Simulate ``options.count`` scenes of each kind; finished ones are kept as they are.

    Parameters
    ----------
    options
        What to simulate and where to put it.
    progress
        Called after each scene, those found finished included.

    Returns
    -------
    list of Path
        The sigma-nought GeoTIFFs, in the order of kinds and seeds.

    Raises
    ------
    InputError
        For an unknown kind, sizes that cannot be used, or a folder that cannot be written.
    """
    jobs = list(plan(options))
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {options.out} cannot be used: {error}") from error
    open_jobs = []
    done = 0
    for job in jobs:
        if is_finished(job.folder, job.kind, job.seed, settings_hash(job.settings)):
            done += 1
            progress(done, len(jobs), job.name)
        else:
            open_jobs.append(job)
    try:
        for name in _run(open_jobs, options.workers or os.cpu_count() or 1):
            done += 1
            progress(done, len(jobs), name)
    except OSError as error:
        raise InputError(f"--out {options.out} cannot be written: {error}") from error
    finally:  # an interrupted archive is usable too
        write_metadata(options.out)
    return [job.folder / f"{job.name}.tif" for job in jobs]


def plan(options: SimulateOptions) -> Iterator[Job]:
    """The scenes asked for; scene i of every kind has seed ``options.seed + i``."""
    names: list[str] = []
    for name in options.kinds or tuple(KINDS):
        names += MIXTURES if name == "mixtures" else (name_of(name),)
    airborne = Sensor(
        incidence_angle_deg=options.incidence_deg,
        spacing_m=options.spacing_m,
        looks=options.looks,
    )
    satellite = Sensor(
        name="satellite",
        incidence_angle_deg=options.satellite_incidence_deg,
        spacing_m=options.satellite_spacing_m,
        looks=options.satellite_looks,
        noise_equivalent_sigma_nought_db=-24.0,
    )
    for kind in dict.fromkeys(names):
        for seed in range(options.seed, options.seed + options.count):
            yield Job(
                kind, seed, options.size, options.spacing_m, airborne, satellite,
                options.captions, options.out,
            )  # fmt: skip


def simulate_job(job: Job) -> str:
    """Simulate and write one scene; returns its name."""
    write_scene(simulate(job), job.folder, job.settings)
    return job.name


def simulate(job: Job) -> SimulatedScene:
    """Simulate the scene of a job."""
    return simulate_scene(
        job.kind,
        job.seed,
        job.size,
        job.spacing_m,
        airborne=job.airborne,
        satellite=job.satellite,
        caption_count=job.caption_count,
    )


def _run(jobs: list[Job], workers: int) -> Iterator[str]:
    """Do the jobs in this process or several; names come as scenes are done."""
    if workers == 1 or len(jobs) <= _FEW:
        yield from map(simulate_job, jobs)
        return
    # spawn, because forking a process with running threads (NumPy, torch) may lock it up
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        futures = [pool.submit(simulate_job, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
