"""Focus the AFRL Gotcha phase history into a complex single-look image.

Gotcha (X band, airborne, HH, 640 MHz, public release SN-07-0045; C. H. Casteel et al., "A challenge
problem for 2D/3D imaging of targets from a volumetric data set in an urban environment", Proc.
SPIE 6568, 2007) comes as one MATLAB file per degree of a circular flight around a car park. Three
degrees summed coherently resolve about 0.4 m in azimuth.

The files' autofocus terms (``af``) are left out: over the first three degrees of pass 1 they do not
narrow the corner reflectors (0.51 m in azimuth with and without) and raise the image's entropy.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from ..errors import FormatError, InputError
from ..sar.backprojection import LIGHT_SPEED_M_S, back_project

_BROKEN = (
    OSError, ValueError, TypeError, KeyError, IndexError, EOFError, MemoryError,
    NotImplementedError, zlib.error, MatReadError,
)  # fmt: skip
"""What SciPy's reader raises on files that are cut short, damaged or something else."""
_LARGEST_GRID = 4096
_TAYLOR_WIDTH = 1.1842
"""Half-power width of the point response under the window that ``back_project`` takes, a Taylor
window of -35 dB, in units of one over the bandwidth."""


@dataclass(frozen=True)
class GotchaImage:
    """A focused image and what the phase history says of it."""

    values: NDArray[np.complex64]
    """[azimuth, ground range], near range in column 0."""
    spacing_m: float
    """Of both axes, on the ground."""
    incidence_angle_deg: float
    """At the scene centre, from mid-aperture."""
    look_side: Literal["left", "right"]
    """Of the flight direction."""
    center_frequency_hz: float
    range_resolution_m: float
    """Width of the point response at half power, on the ground."""
    azimuth_resolution_m: float


@dataclass(frozen=True)
class _Pulses:
    """Phase history [frequencies, pulses], frequencies [Hz], positions [pulses, 3] in m."""

    history: NDArray[np.complex64]
    frequency_hz: NDArray[np.float64]
    antenna_m: NDArray[np.float64]


def load_gotcha(
    folder: Path, spacing_m: float = 0.35, extent_m: float = 100
) -> NDArray[np.complex64]:
    """Complex ground-plane image of all ``.mat`` files in ``folder``, summed coherently.

    Parameters
    ----------
    folder
        Holds consecutive degrees of one pass and one polarisation.
    spacing_m
        Ground spacing of both axes.
    extent_m
        Side of the square around the scene centre.

    Returns
    -------
    NDArray[np.complex64]
        [azimuth, ground range], near range in column 0, radar to the left, a map seen from above
        (not mirrored). Linear and uncalibrated; spectrum centred on zero in both directions.

    Raises
    ------
    InputError
        As ``focus_gotcha``.
    """
    return focus_gotcha(folder, spacing_m, extent_m).values


def focus_gotcha(folder: Path, spacing_m: float = 0.35, extent_m: float = 100) -> GotchaImage:
    """The image of ``load_gotcha`` together with its geometry.

    The resolution is that of the -35 dB Taylor window, over the band on the ground and over the
    angle flown.

    Raises
    ------
    InputError
        If there are no files, the grid makes no sense, or the files do not form one aperture;
        ``FormatError`` if one cannot be read as Gotcha phase history.
    """
    if not (0 < spacing_m <= extent_m and extent_m / spacing_m <= _LARGEST_GRID):
        raise InputError(
            f"a grid of {extent_m} m at {spacing_m} m is not between 1 and {_LARGEST_GRID} cells"
        )
    paths = sorted(folder.glob("*.mat")) if folder.is_dir() else []
    if not paths:
        raise InputError(
            f"no Gotcha phase history (*.mat) in {folder}: "
            "put data_3dsar_pass1_az001_HH.mat and its neighbours there"
        )
    pulses = _join(paths, [_read(path) for path in paths])
    antenna = pulses.antenna_m
    x, y = _ground_grid(antenna, spacing_m, extent_m)
    # r0 is stored in single precision, good to 1 mm or 0.4 rad; the range from the stored positions
    # carries the same rounding as the pixels' ranges, so it cancels
    reference = np.linalg.norm(antenna, axis=1)
    image = back_project(pulses.history, pulses.frequency_hz, antenna, reference, x, y)
    carrier_hz = float(pulses.frequency_hz.mean())
    angle = np.unwrap(np.arctan2(antenna[:, 1], antenna[:, 0]))
    middle = antenna.mean(axis=0)
    incidence = float(np.arctan2(np.hypot(middle[0], middle[1]), middle[2]))
    band_hz = float(np.ptp(pulses.frequency_hz))
    width = _TAYLOR_WIDTH / np.sin(incidence)
    return GotchaImage(
        values=_to_baseband(image, x, y, antenna, carrier_hz),
        spacing_m=spacing_m,
        incidence_angle_deg=float(np.degrees(incidence)),
        # flying counterclockwise around the scene, seen from above, it lies to the left
        look_side="left" if angle[-1] > angle[0] else "right",
        center_frequency_hz=carrier_hz,
        range_resolution_m=float(width * LIGHT_SPEED_M_S / (2 * band_hz)),
        azimuth_resolution_m=float(
            width * LIGHT_SPEED_M_S / carrier_hz / (2 * abs(angle[-1] - angle[0]))
        ),
    )


def _read(path: Path) -> _Pulses:
    try:
        data = loadmat(path)["data"][0, 0]
        history = np.asarray(data["fp"], np.complex64)
        frequency = np.asarray(data["freq"], np.float64).ravel()
        antenna = np.stack([np.asarray(data[k], np.float64).ravel() for k in "xyz"], axis=1)
        reference = np.asarray(data["r0"], np.float64).ravel()
    except _BROKEN as error:
        raise FormatError(f"{path} is not readable Gotcha phase history: {error}") from error
    if history.shape != (frequency.size, len(antenna)) or reference.shape != (len(antenna),):
        raise FormatError(
            f"{path}: phase history {history.shape} does not fit {frequency.size} frequencies, "
            f"{len(antenna)} positions and {reference.size} reference ranges"
        )
    if history.size == 0 or not np.isfinite(history).all() or not np.isfinite(antenna).all():
        raise FormatError(f"{path} is empty or holds values that are not finite")
    if np.abs(np.linalg.norm(antenna, axis=1) - reference).max() > 0.01:
        raise FormatError(f"{path}: r0 is not the range from the antenna to the scene centre")
    return _Pulses(history, frequency, antenna)


def _join(paths: list[Path], parts: list[_Pulses]) -> _Pulses:
    """One aperture out of files that follow each other in azimuth."""
    first = parts[0].frequency_hz
    for path, part in zip(paths, parts, strict=True):
        if not np.array_equal(part.frequency_hz, first):
            raise InputError(f"{path} has other frequencies than {paths[0]}")
    antenna = np.concatenate([part.antenna_m for part in parts])
    step = np.diff(np.unwrap(np.arctan2(antenna[:, 1], antenna[:, 0])))
    typical = float(np.median(step)) if step.size else 0.0
    if typical == 0 or (step / typical <= 0).any() or (step / typical > 5).any():
        raise InputError(
            f"the files in {paths[0].parent} do not follow each other in azimuth: keep "
            "neighbouring degrees of one pass and one polarisation only"
        )
    return _Pulses(np.concatenate([part.history for part in parts], axis=1), first, antenna)


def _ground_grid(
    antenna: NDArray[np.float64], spacing_m: float, extent_m: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ground coordinates [rows, columns] with range, as seen at mean azimuth, to the right."""
    centre = antenna[:, :2].mean(axis=0)
    range_x, range_y = -centre / np.linalg.norm(centre)
    count = round(extent_m / spacing_m)
    along = (np.arange(count) - (count - 1) / 2) * spacing_m
    ground_range, azimuth = along[None, :], along[:, None]
    # rows run to the right of the range direction: down, seen from above
    x = ground_range * range_x + azimuth * range_y
    y = ground_range * range_y - azimuth * range_x
    return x, y


def _to_baseband(
    image: NDArray[np.complex64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    antenna: NDArray[np.float64],
    carrier_hz: float,
) -> NDArray[np.complex64]:
    """Take out the carrier's fringes, which the grid is too coarse for, as seen from mid-aperture.

    Without this the spectrum lies folded about an arbitrary frequency, and whatever filters or
    resamples the image would cut through it.
    """
    ax, ay, az = antenna.mean(axis=0)
    offset = np.sqrt((x - ax) ** 2 + (y - ay) ** 2 + az**2) - np.sqrt(ax**2 + ay**2 + az**2)
    fringes = np.exp(-4j * np.pi * carrier_hz / LIGHT_SPEED_M_S * offset)
    return np.asarray(image * fringes, np.complex64)
