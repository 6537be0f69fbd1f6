"""Impulse response of a focused radar image: separable, from a window over its spectrum.

All windows here are cosine sums w(u) = sum_m a_m cos(2 pi m u) over the processed band
u in [-1/2, 1/2], so spectrum and impulse response are both closed forms:

    h(t) = integral w(u) exp(j 2 pi u t) du = sum_m a_m (sinc(t - m) + sinc(t + m)) / 2

with t in resolution units 1/bandwidth. ``oversampling`` is the sampling rate over the bandwidth:
pixel spacing = resolution unit / oversampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ..errors import InputError

ComplexArray = NDArray[np.complex64]
FloatArray = NDArray[np.float64]
WINDOWS = ("uniform", "taylor", "hamming")
_GUARD = 24
"""Cells added on each side before a circular convolution, so that nothing wraps around."""


@dataclass(frozen=True)
class PointSpread:
    """Impulse response of one axis, used on both axes."""

    window: str = "taylor"
    oversampling: float = 1.0
    nbar: int = 4
    sidelobe_db: float = -35.0
    """Design sidelobe level of the Taylor window, negative dB."""

    def __post_init__(self) -> None:
        if self.window not in WINDOWS:
            raise InputError(f"window {self.window!r} is not known; choose one of: {WINDOWS}")
        if not self.oversampling >= 1.0:
            raise InputError(f"oversampling {self.oversampling} is below 1: the image would alias")

    @property
    def coefficients(self) -> tuple[float, ...]:
        """Cosine-sum coefficients a_m of the window."""
        if self.window == "uniform":
            return (1.0,)
        if self.window == "hamming":
            return (0.54, 0.46)
        return _taylor(self.nbar, self.sidelobe_db)

    def weight(self, u: FloatArray) -> FloatArray:
        """Window over the band; zero outside u in [-1/2, 1/2]."""
        total = sum(a * np.cos(2 * np.pi * m * u) for m, a in enumerate(self.coefficients))
        return np.where(np.abs(u) <= 0.5, np.asarray(total, np.float64), 0.0)

    def response(self, offset_cells: FloatArray) -> FloatArray:
        """Impulse response at offsets in pixels, unit energy over the pixel grid."""
        t = np.asarray(offset_cells, np.float64) / self.oversampling
        a = self.coefficients
        h = np.sum([0.5 * am * (np.sinc(t - m) + np.sinc(t + m)) for m, am in enumerate(a)], axis=0)
        energy = a[0] ** 2 + 0.5 * sum(am**2 for am in a[1:])
        return np.asarray(h / np.sqrt(self.oversampling * energy), np.float64)

    def spectrum(self, count: int) -> NDArray[np.float32]:
        """Transfer function on ``count`` FFT frequencies, unit mean square (power is kept)."""
        h = self.weight(fft.fftfreq(count) * self.oversampling)
        return np.asarray(h / np.sqrt(np.mean(h**2)), np.float32)


@lru_cache(maxsize=16)
def _taylor(nbar: int, sidelobe_db: float) -> tuple[float, ...]:
    """Cosine-sum coefficients of the Taylor window (Carrara, *Spotlight SAR*, appendix D)."""
    a = np.arccosh(10 ** (abs(sidelobe_db) / 20)) / np.pi
    s2 = nbar**2 / (a**2 + (nbar - 0.5) ** 2)
    coefficients = [1.0]
    for m in range(1, nbar):
        n = np.arange(1, nbar)
        top = np.prod(1 - m**2 / (s2 * (a**2 + (n - 0.5) ** 2)))
        bottom = np.prod([1 - m**2 / k**2 for k in n if k != m])
        coefficients.append(float(2 * 0.5 * (-1) ** (m + 1) * top / bottom))
    return tuple(coefficients)


def apply_psf(image: ComplexArray, psf: PointSpread) -> ComplexArray:
    """Convolve a complex image (rows, columns) with the impulse response on both axes.

    The mean power of white noise is kept; nothing wraps around the borders.
    """
    rows, columns = image.shape
    shape = tuple(fft.next_fast_len(n + _GUARD) for n in (rows, columns))
    spectrum = fft.fft2(image.astype(np.complex64, copy=False), shape)
    spectrum *= psf.spectrum(shape[0])[:, None]
    spectrum *= psf.spectrum(shape[1])[None, :]
    return np.ascontiguousarray(fft.ifft2(spectrum, overwrite_x=True)[:rows, :columns])


def half_power_width(profile: NDArray[np.complex64] | FloatArray, upsampling: int = 64) -> float:
    """3 dB width in pixels of the strongest peak of a sampled response, by FFT interpolation."""
    power, peak = _interpolated(profile, upsampling)
    return (_crossing(power, peak, 1) + _crossing(power, peak, -1)) / upsampling


def peak_sidelobe_db(profile: NDArray[np.complex64] | FloatArray, upsampling: int = 64) -> float:
    """Highest sidelobe relative to the main lobe [dB] of a sampled response."""
    power, peak = _interpolated(profile, upsampling)
    right = peak
    while power[right + 1] < power[right]:
        right += 1
    left = peak
    while power[left - 1] < power[left]:
        left -= 1
    side = max(float(power[:left].max()), float(power[right:].max()))
    return float(10 * np.log10(side / power[peak]))


def _interpolated(
    profile: NDArray[np.complex64] | FloatArray, upsampling: int
) -> tuple[FloatArray, int]:
    count = len(profile)
    spectrum = fft.fftshift(fft.fft(np.asarray(profile, np.complex128)))
    padding = count * (upsampling - 1)
    spectrum = np.pad(spectrum, (padding // 2, padding - padding // 2))
    power = np.abs(fft.ifft(fft.ifftshift(spectrum))) ** 2
    peak = int(np.argmax(power))
    power = np.roll(power, len(power) // 2 - peak)
    return power, len(power) // 2


def _crossing(power: FloatArray, peak: int, step: int) -> float:
    """Distance in samples from the peak to half power, interpolated."""
    k, half = peak, power[peak] / 2
    while power[k + step] > half:
        k += step
    inner, outer = float(power[k]), float(power[k + step])
    return float(abs(k - peak) + (inner - half) / (inner - outer))
