"""Images from phase history by back-projection in the time domain.

A unit scatterer at range R seen by pulse p leaves, after compensation to the reference range r0_p,

    s(f, p) = exp(-j 4 pi f (R_p - r0_p) / c),

and the image undoes this at every pixel and sums: exact for any flight path and any grid. Each
pulse is range compressed by a zero-padded inverse FFT around its centre frequency, read at the
pixels' differential range by linear interpolation, and turned by the carrier phase (L. A. Gorham
and L. J. Moore, "SAR image formation toolbox for MATLAB", Proc. SPIE 7699, 2010, section 3).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .psf import PointSpread

LIGHT_SPEED_M_S = 299_792_458.0
_UPSAMPLING = 12
"""Least zero padding: the linear interpolation then loses under 0.1 dB at the band edges."""


def back_project(
    phase_history: NDArray[np.complexfloating],
    frequency_hz: ArrayLike,
    antenna_m: ArrayLike,
    reference_range_m: ArrayLike,
    x_m: ArrayLike,
    y_m: ArrayLike,
    z_m: ArrayLike = 0.0,
    window: str = "taylor",
) -> NDArray[np.complex64]:
    """Focus phase history onto a grid of points.

    Parameters
    ----------
    phase_history
        Complex [frequencies, pulses], compensated to the reference range.
    frequency_hz
        [frequencies], evenly spaced and rising.
    antenna_m
        [pulses, 3], positions of the antenna's phase centre, same axes as the grid.
    reference_range_m
        [pulses], range at which the phase is zero: to the scene centre, as a rule.
    x_m, y_m, z_m
        The points, broadcast together to [rows, columns].
    window
        ``uniform``, ``taylor`` (-35 dB) or ``hamming``, over frequencies and over pulses.

    Returns
    -------
    NDArray[np.complex64]
        [rows, columns]. Scaled so that a unit scatterer peaks at 1 with its own phase; around it
        the carrier's fringes exp(j 4 pi fc R / c) remain, as always in back-projection. Points
        beyond the unambiguous swath of c / (2 df) around the reference range get nothing from the
        pulses concerned.

    Raises
    ------
    InputError
        If shapes do not agree, values are not finite, or the frequencies are not evenly spaced.
    """
    history = np.asarray(phase_history)
    frequency = np.asarray(frequency_hz, np.float64).ravel()
    antenna = np.asarray(antenna_m, np.float64)
    reference = np.asarray(reference_range_m, np.float64).ravel()
    step_hz = _check(history, frequency, antenna, reference)
    x, y, z = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (x_m, y_m, z_m)))
    if x.ndim != 2:
        raise InputError(f"the grid has {x.ndim} dimensions; back-projection needs rows, columns")

    count, pulses = history.shape
    over_frequency, over_pulses = _window(window, count), _window(window, pulses)
    padded = 1 << int(np.ceil(np.log2(_UPSAMPLING * count)))
    cell_m = LIGHT_SPEED_M_S / (2 * step_hz * padded)
    centre = count // 2
    scale = 1 / (over_frequency.sum() * over_pulses.sum())
    wavenumber = 4 * np.pi * frequency[centre] / LIGHT_SPEED_M_S

    image = np.zeros(x.shape, np.complex64)
    for p in range(pulses):
        profile = _compress(
            history[:, p] * (over_frequency * over_pulses[p] * scale), centre, padded
        )
        ax, ay, az = antenna[p]
        offset = np.sqrt((x - ax) ** 2 + (y - ay) ** 2 + (z - az) ** 2) - reference[p]
        image += _read(profile, offset / cell_m) * _turn(wavenumber * offset)
    return image


def _check(
    history: NDArray[np.complexfloating],
    frequency: NDArray[np.float64],
    antenna: NDArray[np.float64],
    reference: NDArray[np.float64],
) -> float:
    """Refuse what cannot be focused; return the frequency step [Hz]."""
    if history.ndim != 2 or history.shape[0] < 2 or history.shape[1] < 1:
        raise InputError(f"phase history of shape {history.shape} is not [frequencies, pulses]")
    count, pulses = history.shape
    if frequency.shape != (count,):
        raise InputError(f"{frequency.size} frequencies for {count} rows of phase history")
    if antenna.shape != (pulses, 3) or reference.shape != (pulses,):
        raise InputError(
            f"{pulses} pulses need antenna positions [{pulses}, 3] and as many reference ranges, "
            f"not {antenna.shape} and {reference.shape}"
        )
    if not all(np.isfinite(v).all() for v in (history, frequency, antenna, reference)):
        raise InputError("phase history, frequencies or positions hold values that are not finite")
    step_hz: float = float(frequency[-1] - frequency[0]) / (count - 1)
    # a tenth of a step: stored single precision is only good to about 1 kHz at X band
    straight = frequency[0] + step_hz * np.arange(count)
    if step_hz <= 0 or np.abs(frequency - straight).max() > 0.1 * step_hz:
        raise InputError("the frequencies are not rising in even steps")
    return step_hz


def _window(name: str, count: int) -> NDArray[np.float64]:
    """Weights of ``count`` samples spread over the whole band."""
    u = (np.arange(count) - (count - 1) / 2) / count
    return PointSpread(window=name).weight(u)


def _turn(phase_rad: NDArray[np.float64]) -> NDArray[np.complex64]:
    """exp(j phase): wrapped in double precision, so that single is enough for the sine."""
    turns = phase_rad / (2 * np.pi)
    wrapped = (2 * np.pi * (turns - np.rint(turns))).astype(np.float32)
    value = np.empty(wrapped.shape, np.complex64)
    value.real, value.imag = np.cos(wrapped), np.sin(wrapped)
    return value


def _compress(
    spectrum: NDArray[np.complexfloating], centre: int, padded: int
) -> NDArray[np.complex64]:
    """Range profile; sample k is differential range k cells, modulo the length.

    The centre frequency goes to zero, so that the profile turns slowly between its samples.
    """
    line = np.zeros(padded, np.complex128)
    line[: len(spectrum) - centre] = spectrum[centre:]
    line[padded - centre :] = spectrum[:centre]
    return np.asarray(np.fft.ifft(line) * padded, np.complex64)


def _read(profile: NDArray[np.complex64], position: NDArray[np.float64]) -> NDArray[np.complex64]:
    """Linear interpolation; zero outside the unambiguous swath."""
    half = len(profile) // 2
    floor = np.floor(position)
    part = (position - floor).astype(np.float32)
    inside = (floor >= -half) & (floor < half)
    k = np.where(inside, floor, 0).astype(np.intp)
    k %= len(profile)
    slope = np.roll(profile, -1) - profile
    return np.asarray((profile[k] + part * slope[k]) * inside, np.complex64)
