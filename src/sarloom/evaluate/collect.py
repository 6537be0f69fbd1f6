"""One pass over the pixels of a set: from images to a table of summaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .clusters import find_clusters
from .image import RadarImage
from .kept import Kept, identity
from .summaries import SUMMARIES, Summary
from .table import Images
from .view import View, log_variances

Level = Literal["auto", "set", "image", "absolute"]
Tick = Callable[[int, int, str], None]

SAMPLE = 64
"""Images of each set, evenly spread, from which level and ceiling are taken."""
CLIPPED = 1e-4
"""An image with a larger share of pixels at the end of its scale counts as clipped."""


class ImageSet(Protocol):
    """Images that can be read by number, one at a time."""

    title: str
    """What the user called it."""

    def __len__(self) -> int:
        """How many images."""
        ...

    def image(self, index: int) -> RadarImage:
        """Image ``index``.

        Raises
        ------
        InputError
            If it cannot be read or is none.
        """
        ...


@runtime_checkable
class Keyed(Protocol):
    """Images that can be told apart without decoding them, so that summaries may be kept."""

    def key(self, index: int) -> str:
        """Digest of everything that image ``index`` depends on, '|', and its name."""
        ...

    def name(self, index: int) -> str:
        """Name of image ``index``."""
        ...


def names_of(images: ImageSet) -> list[str]:
    """Names of all images, without decoding them where that is possible."""
    rows = range(len(images))
    if isinstance(images, Keyed):
        return [images.name(row) for row in rows]
    return [images.image(row).name for row in rows]


@dataclass(frozen=True)
class Survey:
    """What a sample of a set says of all of it."""

    median: float
    """Typical median power, in the set's own unit."""
    floor: float
    """Highest relative power below which pixel steps blur; zero if they do not matter."""
    ceiling: float
    """Lowest relative power at which images are clipped; infinite if none is."""
    own_scale: bool
    """Some images were scaled each for itself."""
    calibrations: tuple[str, ...]
    looks: float | None
    """As the records say, where they agree."""
    has_complex: bool
    integer: bool
    """Some images have integer pixels."""


def survey(images: ImageSet, per_image: bool) -> Survey:
    """Read a sample of a set; ``per_image`` takes ceilings relative to each image's median."""
    if len(images) == 0:
        raise InputError(f"{images.title} holds no image")
    rows = sample_of(images)
    medians: list[float] = []
    floors: list[tuple[float, float]] = []
    ceilings: list[tuple[float, float]] = []
    looks, calibrations = set(), set()
    own = complexes = integer = False
    for row in rows:
        image = images.image(int(row))
        median = _median(image)
        medians.append(median)
        if image.ceiling is not None:
            integer = True
            share = np.nanmean(image.power >= image.ceiling * (1 - 1e-6))
            if share > CLIPPED:
                ceilings.append((image.ceiling, median))
        if image.floor is not None and np.nanmean(image.power < image.floor) > CLIPPED:
            floors.append((image.floor, median))
        own |= image.own_scale
        complexes |= image.complex is not None
        looks.add(image.looks)
        calibrations.add(image.calibration or "not stated")
    typical = float(np.exp(np.mean(np.log(medians))))
    lows, highs = (
        [power / (median if per_image else typical) for power, median in found]
        for found in (floors, ceilings)
    )
    return Survey(
        median=typical,
        floor=max(lows, default=0.0),
        ceiling=min(highs, default=float("inf")),
        own_scale=own,
        calibrations=tuple(sorted(calibrations)),
        looks=looks.pop() if len(looks) == 1 else None,
        has_complex=complexes,
        integer=integer,
    )


def sample_of(images: ImageSet) -> list[int]:
    """Rows of a sample, evenly spread."""
    return [int(row) for row in np.unique(np.linspace(0, len(images) - 1, SAMPLE).astype(int))]


def speckle_level(images: ImageSet, gain: float, scale: Scale) -> float:
    """Most frequent log-variance of the more homogeneous blocks of a sample of a set."""
    views = (_view(images.image(row), gain, scale, None) for row in sample_of(images))
    return _most_frequent(np.concatenate([log_variances(view.quiet) for view in views]))


def clusters(images: ImageSet, gain: float, scale: Scale) -> NDArray[np.float64]:
    """Kinds of ground in a sample of a set."""
    return find_clusters(_view(images.image(row), gain, scale, None) for row in sample_of(images))


def _view(image: RadarImage, gain: float, scale: Scale, speckle: float | None) -> View:
    own = 1 / _median(image) if scale.level == "image" else gain
    return View(image, own, scale.floor, scale.ceiling, speckle)


def _most_frequent(values: NDArray[np.float64]) -> float:
    """Mode of positive values, from their logarithms smoothed by a tenth of a neper.

    Most blocks of a structured scene have more than the variance of speckle, in all degrees; what
    they have in common is speckle (Foucher et al., *Unsupervised estimation of the equivalent
    number of looks in SAR images*, 2000).
    """
    if not values.size:
        return 1.0
    grid = np.linspace(-6, 5, 441)
    counts, _ = np.histogram(np.log(np.maximum(values, 1e-3)), np.append(grid, grid[-1] + 0.025))
    kernel = np.exp(-0.5 * (np.arange(-16, 17) * 0.025 / 0.1) ** 2)
    return float(np.exp(grid[int(np.argmax(np.convolve(counts, kernel, "same")))] + 0.0125))


def _median(image: RadarImage) -> float:
    positive = image.power[image.power > 0]
    return float(np.median(positive))


@dataclass(frozen=True)
class Scale:
    """How both sets are brought to one scale."""

    level: Literal["set", "image", "absolute"]
    real_gain: float
    generated_gain: float
    floor: float
    ceiling: float
    """Relative powers at which both are clipped; 0 and infinite where neither set is."""


def common_scale(real: ImageSet, generated: ImageSet, level: Level) -> tuple[Scale, Survey, Survey]:
    """Level and ceiling for two sets.

    'auto' compares levels within a set ('set'), unless images were scaled each for itself.

    Raises
    ------
    InputError
        If absolute levels are asked for and the two sets do not state the same calibration.
    """
    first, second = survey(real, level == "image"), survey(generated, level == "image")
    own = first.own_scale or second.own_scale
    if level == "absolute":
        stated = {*first.calibrations, *second.calibrations}
        if own or len(stated) != 1 or stated & {"not stated", "uncalibrated"}:
            said = ", ".join(sorted(stated)) + (", each image scaled for itself" if own else "")
            raise InputError(
                f"--level absolute needs both sets in one calibration, and they say: {said}; "
                "use --level set"
            )
        same = replace(second, median=first.median)
        return _scale("absolute", first, same), first, second
    if level == "auto":
        level = "image" if own else "set"
        if own:
            first, second = survey(real, True), survey(generated, True)
    return _scale(level, first, second), first, second


def _scale(level: Literal["set", "image", "absolute"], first: Survey, second: Survey) -> Scale:
    return Scale(
        level,
        1 / first.median,
        1 / second.median,
        max(first.floor, second.floor),
        min(first.ceiling, second.ceiling),
    )


def collect(
    images: ImageSet,
    gain: float,
    scale: Scale,
    tick: Tick = lambda done, total, doing: None,
    extra: Sequence[tuple[str, Summary]] = (),
    keep: Path | None = None,
) -> Images:
    """Summaries of every image of a set; memory holds one image and the table.

    Parameters
    ----------
    gain
        Of this set, from ``scale``.
    extra
        Further summaries, such as features of an encoder.
    keep
        Folder of summaries of an earlier, stopped run, and of this one.
    """
    speckle = speckle_level(images, gain, scale)
    wanted = {**SUMMARIES, **dict(extra)}
    kept = _kept(keep, images, wanted, gain, scale, speckle)
    names: list[str] = []
    columns: dict[str, NDArray[np.float32]] = {}
    try:
        for row in range(len(images)):
            title, found = _row(images, row, wanted, kept, (gain, scale, speckle))
            for name, values in found.items():
                if name not in columns:
                    columns[name] = np.empty((len(images), *values.shape), np.float32)
                columns[name][row] = values
            names.append(title)
            tick(row + 1, len(images), images.title)
    finally:
        if kept is not None:
            kept.flush()
    return Images.of(names, columns, absolute=scale.level == "absolute")


def _row(
    images: ImageSet,
    row: int,
    wanted: Mapping[str, Summary],
    kept: Kept | None,
    view: tuple[float, Scale, float],
) -> tuple[str, dict[str, NDArray[np.float32]]]:
    """Name and summaries of an image, as far as possible from what was kept."""
    key = images.key(row) if kept is not None and isinstance(images, Keyed) else ""
    found = (kept.get(key) if kept is not None else None) or {}
    if found.keys() >= wanted.keys():
        return key.partition("|")[2], found
    image = images.image(row)
    seen = _view(image, *view)
    for name, function in wanted.items():
        if name not in found:
            found[name] = np.asarray(function(seen), np.float32)
    if kept is not None and kept.get(key) is None:
        lasting = {name: found[name] for name in wanted if identity(name, wanted[name])}
        kept.put(key, lasting)
    return image.name, found


def _kept(
    keep: Path | None,
    images: ImageSet,
    wanted: Mapping[str, Summary],
    gain: float,
    scale: Scale,
    speckle: float,
) -> Kept | None:
    if keep is None or not isinstance(images, Keyed):
        return None
    said = [identity(name, function) for name, function in wanted.items()]
    ends = {name: value for name, value in asdict(scale).items() if "gain" not in name}
    return Kept(keep, {"gain": gain, **ends, "speckle": speckle, "summaries": said})
