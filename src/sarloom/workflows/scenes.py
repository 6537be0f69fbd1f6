"""Simulated scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import console
from .tiles import _say_tiles

if TYPE_CHECKING:
    from ..options.simulate import SimulateOptions
    from ..simulate.archive import Job
    from ..tiles.synthetic import SyntheticTile


def simulate(options: SimulateOptions) -> list[Path]:
    """Simulate scenes; print the name of every radar image, or of the tile set."""
    from ..simulate.archive import simulate_archive

    if options.tiles is not None:
        return [_simulate_tiles(options, options.tiles)]

    with console.progress("simulate") as tick:
        files = simulate_archive(options, tick)
    for path in files:
        console.say(str(path))
    return files


def _simulate_tiles(options: SimulateOptions, folder: Path) -> Path:
    """Simulate scenes into a tile set."""
    from ..options.table import as_plain
    from ..simulate.archive import plan
    from ..simulate.materials import LABELS
    from ..tiles.split import shares
    from ..tiles.synthetic import Drawing, write_synthetic

    free = ("count", "workers", "out", "tiles")  # may change from run to run
    settings = {name: value for name, value in as_plain(options).items() if name not in free}
    with console.progress("simulate") as tick:
        manifest = write_synthetic(
            folder,
            [Drawing(job.kind, job.seed, job) for job in plan(options)],
            _simulated_tile,
            {"simulate": settings},
            shares(options.split),
            options.workers,
            tick,
            LABELS,
        )
    _say_tiles(folder, manifest)
    return folder


def _simulated_tile(job: Job) -> SyntheticTile:
    """One simulated scene in the arrays that a tile set takes; runs in other processes too."""
    from ..simulate.archive import simulate
    from ..simulate.captions import with_domain
    from ..simulate.maps import segmentation_image
    from ..simulate.radar import observe
    from ..simulate.scene import child_rng
    from ..tiles.synthetic import SyntheticTile

    scene = simulate(job)
    sensor, rng = scene.radar.sensor, child_rng(scene.kind, scene.seed, "simulated")
    again = observe(scene.reflectivity, sensor, rng)
    return SyntheticTile(
        kind=scene.kind,
        seed=scene.seed,
        power=scene.radar.sigma_nought,
        satellite=scene.satellite.sigma_nought,
        optical=scene.optical,
        segmentation=segmentation_image(scene.segmentation),
        sketch=scene.sketch,
        text=with_domain(scene.captions[0], "simulated"),
        captions=scene.captions,
        facts=scene.facts.as_plain(),
        spacing_m=scene.radar.spacing_m,
        looks=scene.radar.looks,
        incidence_angle_deg=scene.radar.sensor.incidence_angle_deg,
        center_frequency_hz=scene.radar.sensor.frequency_ghz * 1e9,
        satellite_spacing_m=scene.satellite.spacing_m,
        satellite_looks=scene.satellite.looks,
        simulated=again.sigma_nought,
    )
