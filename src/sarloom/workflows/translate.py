"""Whole scenes from radar scenes: satellite to airborne, simulated to measured."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console

WEB_MERCATOR = 3857
"""Its metres are metres at the equator only."""

if TYPE_CHECKING:
    from ..generate.large.run import SceneJob
    from ..options.refine import RefineOptions
    from ..options.translate import TranslateOptions
    from ..records import Scene


def translate(options: TranslateOptions) -> list[Path]:
    """Draw a satellite scene as an airborne radar would see it; print the names of the files."""
    from ..generate.large.translate import FROM_STAGE, command_of, stages, translate_job

    first, *finer = stages(options)
    scene = _open(options.scene, options.channel)
    command = command_of("translate", options)
    with threads_used(options.threads):
        job = translate_job(first, scene, _ground(scene), console.warn)
        files = _make(job, "translate", keep=bool(finer))
        calibration = str(job.record["calibration"])
        return draw_finer(finer, files, calibration, command, "translate", FROM_STAGE)


def draw_finer(
    finer: Sequence[TranslateOptions],
    files: list[Path],
    calibration: str,
    command: str,
    label: str,
    kinds: Sequence[str],
) -> list[Path]:
    """Draw the finer stages of a cascade, each from the one before; print the names of the files.

    Parameters
    ----------
    files
        Of the stage before the first of them.
    calibration
        Of that one's power.
    command
        The call that makes all of them: what a stage's scene is taken for is known in it only.
    kinds
        Controls that the stage before may lead through, the best first.
    """
    from ..generate.large.translate import translate_job, without_speckle

    for stage in finer:
        stage = dataclasses.replace(stage, scene=files[0])
        scene = without_speckle(_open(files[0], None), calibration)
        job = translate_job(stage, scene, _ground(scene), console.warn, kinds)
        job.record["command"] = command
        calibration = str(job.record["calibration"])
        files = _make(job, label, keep=True)
    return files


def refine(options: RefineOptions) -> list[Path]:
    """Draw a simulated scene as if it had been measured; print the names of the files."""
    from ..generate.large.translate import refine_job

    scene = _open(options.scene, None)
    with threads_used(options.threads):
        return _make(refine_job(options, scene, _ground(scene), console.warn), "refine")


def _make(job: SceneJob, label: str, keep: bool = False) -> list[Path]:
    from ..generate.large.run import make_scene

    with console.progress(label) as tick:
        files = make_scene(job, tick, keep)
    for path in files:
        console.say(str(path))
    return files


def _open(path: Path, channel: str | None) -> Scene:
    """The channel wanted of a product.

    Raises
    ------
    InputError
        If the product has no such channel.
    """
    from ..archive.registry import open_scenes
    from ..errors import InputError

    scenes = open_scenes(path)
    if channel is None:
        return scenes[0]
    found = [one for one in scenes if (one.polarization or "").upper() == channel.upper()]
    if not found:
        known = ", ".join(sorted({one.polarization or "one unnamed" for one in scenes}))
        raise InputError(f"--channel {channel}: {path} has {known}")
    return found[0]


def _ground(scene: Scene) -> tuple[float, float] | None:
    """Ground distance of neighbouring rows and columns at the centre, from the scene's map.

    On a projection in metres it is the map's own, so that the result's pixels are round numbers
    there; the map's scale is within a thousandth of 1.
    """
    from ..archive.ground import ground_spacing_m

    if scene.transform is not None and scene.crs is not None and _in_metres(scene.crs):
        a, b, _, d, e, _ = scene.transform
        return math.hypot(b, e), math.hypot(a, d)
    if scene.ground is None:
        return None
    rows, columns = scene.shape
    found = ground_spacing_m(scene.ground, (rows - 1) / 2, (columns - 1) / 2)
    return None if found is None else (found[0], found[1])


def _in_metres(crs: str) -> bool:
    """Whether a map is a projection whose unit is the metre and whose scale is about 1."""
    from rasterio.crs import CRS

    found = CRS.from_user_input(crs)
    if not found.is_projected or found.to_epsg() == WEB_MERCATOR:
        return False
    return abs(float(found.linear_units_factor[1]) - 1.0) < 1e-9


@contextmanager
def threads_used(count: int) -> Iterator[None]:
    """So many threads of the processor, 0 for all, and as before afterwards."""
    import torch

    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
