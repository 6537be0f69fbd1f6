"""How strongly each material answers: sigma-nought against incidence, texture, row structure.

Powers are looked up, not computed per cell: one table over (material, cosine of the local
incidence angle) and one over (material, Gaussian deviate), both fine enough that the error stays
below 0.01 dB.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

from .materials import CODE, MATERIALS
from .world import World

FloatArray = NDArray[np.float32]
COSINES = 4096
DEVIATES = 4096
REACH = 5.0
"""Gaussian deviates beyond this many standard deviations are clipped (6e-7 of the draws)."""
SCALES_M = (0.7, 1.4, 4.0)
"""Correlation lengths of texture that are drawn; each material takes the nearest."""


def sigma_nought(code: int, cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Backscatter of a material against the cosine of the local incidence angle, linear power."""
    m = MATERIALS[code]
    c = np.clip(np.asarray(cosine, np.float64), 1e-3, 1.0)
    diffuse = 10 ** (m.gamma_db / 10) * c**m.exponent
    tangent2 = 1.0 / c**2 - 1.0
    lobe = 10 ** (m.specular_db / 10) * np.exp(-tangent2 / m.specular_slope**2)
    return np.asarray(diffuse + lobe, np.float64)


@lru_cache(maxsize=1)
def gamma_table() -> FloatArray:
    """sigma0 / cos(local incidence) at ``(material, index)``, index = cosine * (COSINES - 1)."""
    cosine = np.linspace(0.0, 1.0, COSINES)
    rows = [sigma_nought(k, cosine) / np.clip(cosine, 1e-3, 1.0) for k in range(len(MATERIALS))]
    return np.asarray(rows, np.float32)


@lru_cache(maxsize=1)
def texture_table() -> FloatArray:
    """Gamma quantile of unit mean and order nu at ``(material, index)`` of a Gaussian deviate."""
    probability = special.ndtr(np.linspace(-REACH, REACH, DEVIATES))
    rows = []
    for material in MATERIALS:
        nu = material.texture_nu
        row = special.gammaincinv(nu, probability) / nu if np.isfinite(nu) else probability * 0 + 1
        rows.append(row)
    return np.asarray(rows, np.float32)


def gaussian_field(
    shape: tuple[int, int], correlation_cells: float, rng: np.random.Generator
) -> FloatArray:
    """Stationary Gaussian field, zero mean, unit variance, correlation exp(-(d / length)^2).

    Drawn in the frequency domain. A real field needs only half a spectrum; its zero and Nyquist
    columns lose their imaginary part in the inverse transform, which sqrt(2) makes good.
    """
    rows, columns = (fft.next_fast_len(n, real=True) for n in shape)
    columns += columns % 2
    half = columns // 2 + 1
    noise = rng.standard_normal((rows, half, 2), dtype=np.float32).view(np.complex64)[..., 0]
    scale = (np.pi * correlation_cells) ** 2 / 2.0
    along = np.exp(-scale * fft.fftfreq(rows) ** 2)
    across = np.exp(-scale * fft.rfftfreq(columns) ** 2)
    weight = np.full(half, 2.0)
    weight[[0, -1]] = 1.0
    norm = np.sqrt(
        rows * columns / 2 / (np.mean(along**2) * np.mean(weight * across**2) * half / columns)
    )
    across[[0, -1]] *= np.sqrt(2.0)
    noise *= (along * norm).astype(np.float32)[:, None]
    noise *= across.astype(np.float32)[None, :]
    field = fft.irfft2(noise, (rows, columns), overwrite_x=True)
    return np.asarray(field[: shape[0], : shape[1]], np.float32)


def texture_deviates(
    material: NDArray[np.uint8], spacing_m: float, rng: np.random.Generator
) -> FloatArray:
    """Gaussian deviates whose correlation length follows the material of each cell."""
    nearest = np.array(
        [np.argmin(np.abs(np.log(np.array(SCALES_M) / m.texture_m))) for m in MATERIALS], np.uint8
    )
    present = np.unique(nearest[np.flatnonzero(np.bincount(material.ravel()))])
    streams = rng.spawn(len(SCALES_M))
    shape = (material.shape[0], material.shape[1])
    result: FloatArray | None = None
    scale_of = nearest[material] if len(present) > 1 else None
    for k in present:
        field = gaussian_field(shape, SCALES_M[k] / spacing_m, streams[k])
        if result is None or scale_of is None:
            result = field
        else:
            np.copyto(result, field, where=scale_of == k)
    assert result is not None  # a world has at least one cell
    return result


def row_modulation(world: World, spacing_m: float) -> FloatArray | None:
    """Relative power of ploughing and planting rows, mean one; ``None`` where nothing is rowed.

    Rows at right angles to the look direction tilt every ridge towards the radar and are seen
    best; rows along it leave a tenth. Periods below 2.5 cells fade out, as they cannot be sampled.
    """
    where = np.nonzero(world.period_m > 0)
    if len(where[0]) == 0:
        return None
    period = world.period_m[where]
    turn = np.radians(np.nan_to_num(world.direction_deg[where]))
    across = -where[1] * spacing_m * np.sin(turn) + where[0] * spacing_m * np.cos(turn)
    fade = np.clip(period / spacing_m / 2.5 - 1.0, 0.0, 1.0)
    depth = (0.08 + 0.62 * np.sin(turn) ** 2) * fade
    result = np.ones(world.height_m.shape, np.float32)
    result[where] = 1.0 + depth * np.cos(2 * np.pi * across / period)
    return result


def _wall_codes() -> NDArray[np.uint8]:
    """Material seen on the vertical side of each material: walls under roofs, else itself."""
    codes = np.arange(len(MATERIALS), dtype=np.uint8)
    for name in ("roof_tile", "roof_flat", "roof_metal"):
        codes[CODE[name]] = CODE["wall"]
    return codes


WALL_OF = _wall_codes()
WALL = CODE["wall"]
DEPTH_M = np.array([material.depth_m for material in MATERIALS], np.float32)
PLAIN = (DEPTH_M == 0) & (np.arange(len(MATERIALS)) != WALL)
"""Materials whose echo comes from the surface of the facet and is spread evenly."""
