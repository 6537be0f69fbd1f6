"""Making one large scene: denoise, decode, set the level, lay speckle, finish the file.

Each stage writes into the scene's work folder and is taken up where it was stopped. What is in
memory besides the networks are the latents, a strip of rows, and the coarse grid of a level.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...memory import kept_memory
from ...sar.psf import PointSpread
from . import raster
from .dark import NONE, Dark, thinned
from .decode import decoded_rows, encode_canvas
from .denoise import Canvas, Tick, check_solver, denoise
from .level import Level, fit
from .like import Likeness, Tone, tone_map
from .raster import Georeference
from .sources import PowerSource, Source
from .speckle import ReadPower, speckled_power
from .state import Work

if TYPE_CHECKING:
    import torch

    from ...models.adapters import Adapters
    from ...models.loaded import LoadedModel
    from ..sample import SampleSettings
    from .guides import Guides

FloatArray = NDArray[np.float32]
DECODE_OVERLAP = 4
"""Cells that decoded windows share."""
BLOCK_ROWS = 512
LEAST_POWER = np.float32(1e-6)
"""Sigma nought that counts as dark where decibels are averaged: -60 dB."""
REFLECTIVITY, AMPLITUDE = "reflectivity.tif", "amplitude.tif"


@dataclass(frozen=True)
class SceneJob:
    """One scene to make."""

    model: LoadedModel
    path: Path
    """The GeoTIFF; record and preview lie beside it."""
    shape: tuple[int, int]
    """Rows and columns of pixels."""
    prompt: str
    negative: str
    settings: SampleSettings
    seed: int
    looks: int
    stride: int
    record: dict[str, Any]
    """What the scene hangs on; what is measured while it is made is added."""
    guides: Guides | None = None
    adapters: Adapters | None = None
    start: Source | None = None
    """Pixels of the model to start from."""
    detail: float = 0.0
    """Share of what the autoencoder loses of ``start`` that is laid over the scene."""
    own: PowerSource | None = None
    """Power of the scene it is made from, without speckle."""
    own_share: float = 0.0
    """Share of that power in what is drawn: a mean of decibels."""
    level: Level | None = None
    like: Likeness | None = None
    """Measured images whose tones and width of speckle the scene shall have."""
    unit: float = 1.0
    """Power of the result's units over the power that is drawn."""
    place: Georeference = field(default_factory=Georeference)

    @property
    def cells(self) -> tuple[int, int]:
        """Rows and columns of latent cells that cover the scene."""
        cell = self.model.cell
        return -(-self.shape[0] // cell), -(-self.shape[1] // cell)


def make_scene(job: SceneJob, tick: Tick, keep: bool = False) -> list[Path]:
    """Make a scene, or finish one that was stopped.

    Parameters
    ----------
    keep
        Whether a finished scene of the same record is kept instead of drawn again.

    Returns
    -------
    The GeoTIFF, a small picture of it, and its record.

    Raises
    ------
    InputError
        If the work folder holds another scene, or the sampler cannot be stopped and taken up.
    ModelError
        If the model draws what are no numbers.
    """
    import torch

    check_solver(job.settings, job.model.parts.scheduler_config)
    picture = job.path.with_name(job.path.stem + ".preview.png")
    sidecar = job.path.with_suffix(".json")
    files = [job.path, picture, sidecar]
    if keep and all(path.is_file() for path in files) and _is_of(sidecar, job.record):
        return files
    work = Work(job.path, job.record)
    with torch.inference_mode(), kept_memory():
        _draw(job, work, tick)
    record = _detect(job, work, tick)
    raster.finish(work.file(AMPLITUDE), job.path, job.place, record)
    raster.save_preview(job.path, picture, record["threshold"])
    raster.save_sidecar(sidecar, record)
    work.remove()
    return files


def _is_of(sidecar: Path, wanted: dict[str, Any]) -> bool:
    """Whether a finished scene's record says what is wanted, beside what was measured of it."""
    try:
        found = json.loads(sidecar.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    plain = json.loads(json.dumps(wanted, default=str))
    return isinstance(found, dict) and {**found, **plain} == found


def _draw(job: SceneJob, work: Work, tick: Tick) -> None:
    """Reflectivity of the scene into the work folder."""
    from ..sample import encode_prompts

    path = work.file(REFLECTIVITY)
    if work.rows >= job.shape[0]:
        return
    if job.adapters is not None:
        job.adapters.at(0.0)
    text = encode_prompts(job.model, job.prompt, job.negative, job.settings.guidance)
    canvas = Canvas(
        job.model, text, job.settings, *job.cells, job.seed, job.stride, job.guides, job.adapters
    )
    overlap = min(DECODE_OVERLAP, canvas.window // 2)
    start = None
    if job.start is not None:
        # read again on resume too: that there is one decides how many steps are run
        tick(0, 1, "reading the start image")
        start = encode_canvas(job.model, job.start, *job.cells, canvas.largest, overlap)
    if job.guides is not None:
        tick(0, 1, "reading the controls")
        job.guides.embed(*job.cells, work.folder)
    latents = denoise(canvas, work, start, tick)
    if not path.is_file() or work.rows == 0:
        raster.create(path, job.shape)
    height, width = job.shape
    after = work.rows
    strips = decoded_rows(job.model, latents, canvas.largest, overlap, after)
    lost = _lost(job, start, canvas.largest, overlap, after)
    for row, pixel in strips:
        keep = pixel[: max(0, height - row), :width]
        if job.detail and len(keep):
            keep = np.clip(keep + np.float32(job.detail) * next(lost)[: len(keep), :width], 0, 1)
        if len(keep):
            raster.write_block(path, job.model.radiometry.to_power(keep), row)
        work.save_rows(min(height, row + len(pixel)))
        tick(min(height, row + len(pixel)), height, "decoding")


def _lost(
    job: SceneJob, start: torch.Tensor | None, window: int, overlap: int, after: int
) -> Iterator[FloatArray]:
    """What the autoencoder lost of the start, in pixels, strip by strip as the scene is decoded."""
    if start is None or job.start is None:
        return
    for row, pixel in decoded_rows(job.model, start, window, overlap, after):
        rows, columns = slice(row, row + len(pixel)), slice(0, pixel.shape[1])
        yield job.start.read(rows, columns)[0] - pixel


def _detect(job: SceneJob, work: Work, tick: Tick) -> dict[str, Any]:
    """Amplitude of the scene into the work folder; returns the record."""
    height, width = job.shape
    written = raster.Reader(work.file(REFLECTIVITY))
    read = _with_own(job, written)
    factor: Source | None = None
    measured: dict[str, Any] = {}

    def passing(doing: str) -> Iterator[slice]:
        """Blocks of one of several passes over the scene, each of which may take minutes."""
        for rows in _blocks(height):
            tick(rows.start, height, doing)
            yield rows

    if job.level is not None:
        factor, measured["level"] = fit(
            job.level,
            lambda: ((read(rows, slice(0, width)), rows.start) for rows in passing("level")),
        )

    def level(rows: slice, columns: slice) -> FloatArray:
        values = read(rows, columns)
        return values if factor is None else values * factor.read(rows, columns)[0]

    power, psf, dark, whole = level, None, NONE, slice(0, width)
    if job.like is not None:
        psf = job.like.psf
        looks = job.looks or 1
        # a refined scene has the grid of the scene it was made from
        valid = None if job.level is None else job.level.valid

        def drawn(tone: Tone) -> Iterator[FloatArray]:
            def toned(rows: slice, columns: slice) -> FloatArray:
                return tone(level(rows, columns))

            for rows in passing("tones"):
                values = _speckled(job, toned, rows, looks, psf, tone.dark)
                yield values if valid is None else np.where(valid[rows], values, np.float32(np.nan))

        final = tone_map(job.like, drawn)
        dark = final.dark

        def power(rows: slice, columns: slice) -> FloatArray:
            return final(level(rows, columns))

    path = work.file(AMPLITUDE)
    raster.create(path, job.shape)
    total = squares = 0.0
    count = 0
    for rows in _blocks(height):
        if job.looks:
            values = _speckled(job, power, rows, job.looks, psf, dark)
        else:
            values = power(rows, whole)
        amplitude = _masked(np.sqrt(values * np.float32(job.unit)), job.level, rows.start)
        raster.write_block(path, amplitude, rows.start)
        seen = amplitude[np.isfinite(amplitude)].astype(np.float64)
        total, squares = total + float(seen.sum()), squares + float(np.square(seen).sum())
        count += seen.size
        tick(rows.stop, height, "speckle")
    written.close()
    mean = total / max(count, 1)
    spread = max(squares / max(count, 1) - mean**2, 0.0) ** 0.5
    return {**job.record, **measured, "threshold": mean + 3.0 * spread or 1.0}


def _with_own(job: SceneJob, read: ReadPower) -> ReadPower:
    """Reflectivity with its share of the power of the scene it is made from."""
    own, share = job.own, np.float32(job.own_share)
    if own is None or not share:
        return read

    def mixed(rows: slice, columns: slice) -> FloatArray:
        given = np.maximum(own.read(rows, columns)[0], LEAST_POWER)
        drawn = np.maximum(read(rows, columns), LEAST_POWER)
        return np.asarray(drawn ** (1 - share) * given**share, np.float32)

    return mixed


def _speckled(
    job: SceneJob,
    power: ReadPower,
    rows: slice,
    looks: int,
    psf: PointSpread | None,
    dark: Dark,
) -> FloatArray:
    """Rows of the scene with their speckle."""

    def draw(some: slice, columns: slice) -> FloatArray:
        return speckled_power(power, job.shape, some, columns, looks, job.seed, psf)

    return thinned(draw, power, job.shape, rows, slice(0, job.shape[1]), dark)


def _masked(amplitude: FloatArray, level: Level | None, row: int) -> FloatArray:
    """NaN where the input was not measured."""
    if level is None or level.valid is None:
        return amplitude
    rows, columns = level.valid.shape
    down = (np.arange(row, row + len(amplitude)) + 0.5) * level.target.row_step
    across = (np.arange(amplitude.shape[1]) + 0.5) * level.target.column_step
    r = np.minimum(down.astype(np.int64), rows - 1)
    c = np.minimum(across.astype(np.int64), columns - 1)
    return np.where(level.valid[r][:, c], amplitude, np.float32(np.nan))


def _blocks(height: int) -> Iterator[slice]:
    for start in range(0, height, BLOCK_ROWS):
        yield slice(start, min(height, start + BLOCK_ROWS))
