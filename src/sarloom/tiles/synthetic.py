"""Simulated scenes as a tile set: what does not hang on how they were simulated."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .. import __version__
from ..sar.tone import Tone
from .ledger import Ledger, UnitResult, key_of, run_units
from .png import grey16_png, picture_png
from .rows import radar_columns, satellite_columns
from .schema import Row, complete, picture
from .split import split_of_hash, unit_hash
from .tone import AmplitudeSums, ToneRule, encode, set_tone, tone_columns, tone_of
from .workers import Workers

PowerArray = NDArray[np.float32]
Picture = NDArray[np.uint8]
SCENES_PER_SHARD = 16
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class SyntheticTile:
    """One simulated scene in plain arrays; all pictures lie on the radar's grid."""

    kind: str
    seed: int
    power: PowerArray
    """Sigma nought."""
    satellite: PowerArray
    optical: Picture
    segmentation: Image.Image
    """Indexed, so that the palette travels with it."""
    sketch: Picture
    text: str
    captions: Sequence[str]
    facts: Mapping[str, Any]
    spacing_m: float
    looks: float
    incidence_angle_deg: float
    center_frequency_hz: float
    satellite_spacing_m: float
    satellite_looks: float
    simulated: PowerArray | None = None
    """Sigma nought of the same scene measured once more, with speckle of its own."""


@dataclass(frozen=True)
class Drawing:
    """One scene to simulate: ``job`` is whatever ``draw`` takes and pickle can carry."""

    kind: str
    seed: int
    job: Any


Draw = Callable[[Any], SyntheticTile]
"""A function of a module, so that it can travel to another process."""


@dataclass(frozen=True)
class DrawingUnit:
    """Scenes of one kind that share a shard."""

    key: str
    drawings: tuple[Drawing, ...]
    draw: Draw
    tones: tuple[Tone, Tone]
    fractions: tuple[float, ...]


def write_synthetic(
    folder: Path,
    drawings: Sequence[Drawing],
    draw: Draw,
    settings: Mapping[str, Any],
    fractions: tuple[float, ...],
    workers: int = 0,
    progress: Callable[[int, int, str], None] = lambda done, total, doing: None,
    labels: Sequence[str] = (),
) -> dict[str, Any]:
    """Simulate scenes into a tile set; whatever is finished is kept.

    All scenes share one tone, since one simulated sensor is calibrated in itself: it is set from
    the first scene of every kind, so that more scenes of the same kinds do not change it.

    Parameters
    ----------
    settings
        All that the scenes' bytes hang on but kind, seed and software version; a folder with other
        settings is refused.

    Returns
    -------
    The manifest.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """
    ledger = Ledger(folder)
    with Workers(workers or os.cpu_count() or 1) as pool, ledger.alone():
        ledger.open(settings)
        firsts = list({one.kind: one for one in reversed(drawings)}.values())[::-1]
        key = key_of("tone", settings, sorted((one.kind, one.seed) for one in firsts))
        kept = ledger.remembered(key)
        if kept is None:
            jobs = [(draw, one.job) for one in firsts]
            kept = _tones(list(pool.each(_amplitudes, jobs)))
            ledger.remember(key, kept)
        tones = (tone_of(kept), tone_of(kept, "satellite_"))
        groups: dict[tuple[str, int], list[Drawing]] = {}
        for one in drawings:
            groups.setdefault((one.kind, one.seed // SCENES_PER_SHARD), []).append(one)
        units = [
            DrawingUnit(
                key_of(settings, kept, fractions, [(one.kind, one.seed) for one in group]),
                tuple(group), draw, tones, fractions,
            )
            for group in groups.values()
        ]  # fmt: skip
        entries = run_units(ledger, units, draw_unit, pool, progress)
        return ledger.close(
            entries,
            {"settings": dict(settings), "tone": kept, "labels": list(labels), "synthetic": True},
        )


def draw_unit(unit: DrawingUnit) -> UnitResult:
    """Simulate the scenes of one shard."""
    return UnitResult(
        [synthetic_row(unit.draw(one.job), *unit.tones, unit.fractions) for one in unit.drawings]
    )


def _amplitudes(job: tuple[Draw, Any]) -> tuple[str, AmplitudeSums, AmplitudeSums]:
    """Running sums of one scene, and a name to sort by: sums are added in one order always."""
    draw, asked = job
    tile = draw(asked)
    radar, satellite = AmplitudeSums(), AmplitudeSums()
    radar.add(np.sqrt(tile.power))
    satellite.add(np.sqrt(tile.satellite))
    return f"{tile.kind}-{tile.seed}", radar, satellite


def _tones(found: list[tuple[str, AmplitudeSums, AmplitudeSums]]) -> dict[str, Any]:
    radar, satellite = AmplitudeSums(), AmplitudeSums()
    for _, one, other in sorted(found, key=lambda item: item[0]):
        radar.merge(one)
        satellite.merge(other)
    rule = ToneRule()
    return {
        **tone_columns(set_tone(rule, radar, "simulated scenes")),
        **tone_columns(set_tone(rule, satellite, "simulated scenes"), "satellite_"),
        "from": [name for name, _, _ in sorted(found, key=lambda item: item[0])],
    }


def synthetic_row(
    tile: SyntheticTile, tone: Tone, satellite_tone: Tone, fractions: Sequence[float]
) -> Row:
    """The row of a simulated scene.

    A scene is ground of its own, so it goes into a split by its name, and more scenes move none.
    Consecutive seeds step through the splits by the golden ratio, which meets the shares evenly
    even for a few.
    """
    place = (unit_hash(tile.kind) + tile.seed * GOLDEN) % 1.0
    name = f"{tile.kind.replace('+', '-')}-{tile.seed}"
    return complete(
        {
            "id": f"simulated-{name}",
            **radar_columns(tile.power, tone),
            **satellite_columns(
                tile.satellite, satellite_tone, tile.satellite_spacing_m, tile.satellite_looks
            ),
            "optical": picture(picture_png(tile.optical)),
            "segmentation": picture(picture_png(tile.segmentation)),
            "sketch": picture(picture_png(tile.sketch)),
            "simulated": None
            if tile.simulated is None
            else picture(grey16_png(encode(np.sqrt(tile.simulated), tone))),
            "text": tile.text,
            "captions": list(tile.captions),
            "calibration": "sigma_nought",
            "spacing_m": tile.spacing_m,
            "looks": float(tile.looks),
            "incidence_angle_deg": tile.incidence_angle_deg,
            "range_angle_residual_deg": 0.0,
            "center_frequency_hz": tile.center_frequency_hz,
            "platform": "simulated",
            "row": 0,
            "column": 0,
            "method": "simulated on this grid",
            "group": f"simulated-{name}",
            "acquisition": f"simulated-{name}",
            "source": f"sarloom {__version__}",
            "optical_source": f"sarloom {__version__}",
            "optical_overlap": 1.0,
            "optical_days": 0.0,
            "split": split_of_hash(place, fractions),
            "synthetic": True,
            "extra": json.dumps(
                {"kind": tile.kind, "seed": tile.seed, "facts": tile.facts}, sort_keys=True
            ),
        }
    )
