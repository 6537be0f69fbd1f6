"""Figures of a tile set: amplitudes, looks against the law of speckle, and where the tiles lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc

from ..errors import InputError
from .check import ring_of
from .ledger import SPLITS
from .physics import Histogram, SpeckleBlocks, looks_histogram, median_looks, speckle_blocks
from .store import open_tiles, row_amplitude
from .survey import spread

Progress = Callable[[int, int, str], None]
FloatArray = NDArray[np.float64]
LOW_DB, HIGH_DB, STEP_DB = -150.0, 150.0, 0.5
KM2 = 1e-6
_COLUMNS = (
    "split", "footprint", "spacing_m", "looks", "calibration", "band", "polarization",
    "acquisition", "optical_source", "saturated", "text",
)  # fmt: skip


@dataclass
class Figures:
    """What ``measure_tiles`` found."""

    tiles: int
    sampled: int
    splits: dict[str, int]
    rejected: dict[str, int]
    counts: dict[str, dict[str, int]]
    """Column -> value as text -> number of tiles."""
    area_km2: float
    bytes: int
    saturated: float
    stated_looks: float | None
    """Of most tiles, to a tenth; the law of speckle is drawn for it."""
    amplitude_db: Histogram = field(
        default_factory=lambda: Histogram.over(LOW_DB, HIGH_DB, STEP_DB)
    )
    """20 log10 amplitude of pixels above zero."""
    looks: Histogram = field(default_factory=looks_histogram)
    """Of all blocks."""
    even_looks: Histogram = field(default_factory=looks_histogram)
    """Of even blocks, in which speckle and not the scene sets them."""
    speckle: Histogram = field(default_factory=lambda: Histogram.over(0.0, 4.0, 0.04))
    """Amplitude over the root mean square of its even block, in tiles of ``stated_looks``."""
    footprints: dict[str, list[list[tuple[float, float]]]] = field(default_factory=dict)

    @property
    def measured_looks(self) -> float | None:
        """Median of even blocks."""
        return median_looks(self.even_looks)

    @property
    def law_looks(self) -> float | None:
        """Looks for which the law is drawn: stated ones, else measured."""
        return self.measured_looks if self.stated_looks is None else self.stated_looks

    @property
    def law_distance(self) -> float | None:
        """Largest difference of the measured and the stated distribution of amplitude."""
        if self.law_looks is None or self.speckle.total == 0:
            return None
        edges = self.speckle.low + self.speckle.step * np.arange(1, len(self.speckle.counts))
        reached = np.cumsum(self.speckle.counts)[:-1] / self.speckle.total
        return float(np.abs(reached - amplitude_law(edges, self.law_looks)).max())

    def as_plain(self) -> dict[str, Any]:
        """JSON types; without footprints and histograms."""
        return {
            "tiles": self.tiles,
            "sampled": self.sampled,
            "splits": self.splits,
            "rejected": self.rejected,
            **self.counts,
            "area_km2": self.area_km2,
            "bytes": self.bytes,
            "amplitude_db": {
                f"{share:g} %": self.amplitude_db.quantile(share / 100) for share in (5, 50, 95)
            },
            "measured_looks": self.measured_looks,
            "measured_looks_all_blocks": median_looks(self.looks),
            "law_looks": self.law_looks,
            "law_distance": self.law_distance,
            "saturated": self.saturated,
        }


def amplitude_law(amplitude: NDArray[np.floating], looks: float) -> FloatArray:
    """Share of amplitudes below a value, for speckle of unit mean power.

    The power of L looks is gamma distributed with shape L and mean 1 (Goodman, *Speckle Phenomena
    in Optics*, 2007, section 3.1; one look: Rayleigh amplitude), so P(A < a) = P(L, L a^2) with the
    regularised incomplete gamma function.
    """
    return np.asarray(gammainc(looks, looks * np.square(amplitude)))


def measure_tiles(
    folder: Path, sample: int = 256, progress: Progress = lambda done, total, doing: None
) -> Figures:
    """Measure a tile set; pixels of ``sample`` evenly spread tiles, the rest from the columns.

    Raises
    ------
    InputError
        If the set holds no tile.
    FormatError
        If it is damaged.
    """
    tiles = open_tiles(folder)
    if len(tiles) == 0:
        raise InputError(f"{folder} holds no tile")
    columns = tiles.columns(*_COLUMNS)
    picked = spread(len(tiles), sample)
    stated = [None if one is None else round(one, 1) for one in columns["looks"]]
    figures = Figures(
        tiles=len(tiles),
        sampled=len(picked),
        splits={split: columns["split"].count(split) for split in SPLITS},
        rejected=dict(tiles.manifest.get("rejected") or {}),
        counts=_counts(columns, stated),
        area_km2=0.0,
        bytes=sum(path.stat().st_size for path in tiles.shards),
        saturated=float(np.mean([one or 0.0 for one in columns["saturated"]])),
        stated_looks=Counter(stated).most_common(1)[0][0],
        footprints={split: [] for split in SPLITS},
    )
    for split, wkt in zip(columns["split"], columns["footprint"], strict=True):
        if wkt and split in figures.footprints:
            figures.footprints[split].append(ring_of(wkt))
    pixels: dict[float, int] = {}
    for number, index in enumerate(picked, 1):
        row = tiles.row(index)
        values = row_amplitude(row)
        pixels[row["spacing_m"] or 0.0] = values.size
        _add_pixels(figures, values, row["threshold"], stated[index])
        progress(number, len(picked), "")
    spacings = [one or 0.0 for one in columns["spacing_m"]]
    figures.area_km2 = float(sum(pixels.get(one, 0) * one**2 for one in spacings) * KM2)
    return figures


def _add_pixels(
    figures: Figures, amplitude: NDArray[np.float32], top: float | None, stated: float | None
) -> None:
    """Count the pixels of one tile."""
    figures.amplitude_db.add(20 * np.log10(amplitude[amplitude > 0]))  # NaN compares false
    blocks: SpeckleBlocks = speckle_blocks(np.square(amplitude), top)
    logs = np.log10(blocks.looks)
    figures.looks.add(logs)
    figures.even_looks.add(logs[blocks.even])
    if stated == figures.stated_looks:
        even = blocks.power[blocks.even]
        figures.speckle.add(np.sqrt(even / even.mean(axis=1, keepdims=True)))


def _counts(
    columns: dict[str, list[Any]], stated: Sequence[float | None]
) -> dict[str, dict[str, int]]:
    """How many tiles have which value."""
    return {
        "spacing_m": _counted(columns["spacing_m"]),
        "stated_looks": _counted(stated),
        "calibration": _counted(columns["calibration"]),
        "band": _counted(columns["band"]),
        "polarization": _counted(columns["polarization"]),
        "optical": _counted([one is not None for one in columns["optical_source"]]),
        "caption": _counted([one is not None for one in columns["text"]]),
        "acquisitions": {"number": len(set(columns["acquisition"]))},
    }


def _counted(values: Sequence[Any]) -> dict[str, int]:
    def spelt(value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if value is None:
            return "not known"
        return f"{value:g}" if isinstance(value, float) else str(value)

    return dict(Counter(spelt(value) for value in values).most_common())


def describe_figures(figures: Figures) -> list[tuple[str, str]]:
    """Lines for a person."""

    def listed(counts: dict[str, int]) -> str:
        shown = [f"{value} ({number})" for value, number in list(counts.items())[:6]]
        return ", ".join(shown) + (", ..." if len(counts) > 6 else "")

    quantiles = figures.as_plain()["amplitude_db"].items()
    amplitude = [f"{share} below {one:.1f} dB" for share, one in quantiles if one is not None]
    splits = ", ".join(f"{number} {split}" for split, number in figures.splits.items())
    counts = figures.counts
    return [
        ("tiles", f"{figures.tiles}: {splits}"),
        ("left out", listed(figures.rejected) or "none"),
        ("acquisitions", str(counts["acquisitions"]["number"])),
        ("spacing [m]", listed(counts["spacing_m"])),
        ("stated looks", listed(counts["stated_looks"])),
        ("measured looks", _measured(figures)),
        ("speckle law", _law(figures)),
        ("amplitude", ", ".join(amplitude) or "-"),
        ("saturated", f"{figures.saturated:.3%} of pixels"),
        ("calibration", listed(counts["calibration"])),
        ("band; polarisation", f"{listed(counts['band'])}; {listed(counts['polarization'])}"),
        ("optical partner", listed(counts["optical"])),
        ("caption", listed(counts["caption"])),
        ("area", f"{figures.area_km2:.4g} km2, summed over tiles"),
        ("size", f"{figures.bytes / 1e6:.1f} MB"),
    ]


def _measured(figures: Figures) -> str:
    even, every = figures.measured_looks, median_looks(figures.looks)
    if even is None or every is None:
        return "-"
    return f"{even:.2f} on even ground ({every:.2f} in the median of all 16 x 16 blocks)"


def _law(figures: Figures) -> str:
    distance = figures.law_distance
    return "-" if distance is None else f"{distance:.3f} off the {law_name(figures)} (0 to 1)"


def law_name(figures: Figures) -> str:
    """'Rayleigh law, 1 look stated'."""
    looks = figures.law_looks or 0.0
    source = "measured" if figures.stated_looks is None else "stated"
    name = "Rayleigh law, 1 look" if looks == 1 else f"gamma law, {looks:.3g} looks"
    return f"{name} {source}"
