"""An aerial photograph of a world: colours, crops in rows, sun, sky and cast shadows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .materials import CODE, MATERIALS
from .world import FloatArray, World

SUN_AZIMUTH_DEG = 235.0
"""Direction the light comes from, turning from +x (range) towards +y: from the upper left."""
SUN_ELEVATION_DEG = 48.0
_SKY = np.array([0.30, 0.36, 0.46], np.float32)
"""Light of the blue sky, which is all that reaches the shadows."""
_SUN = np.array([1.02, 0.96, 0.86], np.float32)


def optical(
    world: World,
    rng: np.random.Generator,
    *,
    sun_azimuth_deg: float = SUN_AZIMUTH_DEG,
    sun_elevation_deg: float = SUN_ELEVATION_DEG,
) -> NDArray[np.uint8]:
    """Photograph the visible frame from straight above.

    Parameters
    ----------
    world : World
        Heights and materials.
    rng : numpy.random.Generator
        Draws the grain of the materials and of the camera.
    sun_azimuth_deg, sun_elevation_deg : float
        Where the sun stands; shadows fall to the opposite side, h / tan(elevation) long.

    Returns
    -------
    ndarray of uint8, shape (rows, columns, 3)
        sRGB.
    """
    colour = _colours(world, rng)
    height = world.height_m
    lit = ~sun_shadow(height, world.spacing_m, sun_azimuth_deg, sun_elevation_deg)
    soft = ndimage.uniform_filter(lit.astype(np.float32), 3)
    facing = _facing(world, sun_azimuth_deg, sun_elevation_deg)
    light = soft[..., None] * facing[..., None] * _SUN + _openness(height)[..., None] * _SKY
    picture = colour * light
    picture = picture[world.visible]
    grey = picture.mean(2, keepdims=True)
    picture = grey + np.float32(0.8) * (picture - grey) + np.float32(0.008)  # haze
    picture = ndimage.gaussian_filter(picture, (0.55, 0.55, 0))  # lens
    picture += rng.standard_normal(picture.shape, dtype=np.float32) * np.float32(0.006)
    return np.asarray(np.clip(picture, 0, 1) ** np.float32(1 / 2.2) * 255 + 0.5).astype(np.uint8)


def sun_shadow(
    height_m: FloatArray, spacing_m: float, azimuth_deg: float, elevation_deg: float
) -> NDArray[np.bool_]:
    """Cells that the sun does not reach.

    A cell is in shadow where something towards the sun rises above the ray, that is where
    max over d of (h(d) - d tan(elevation)) exceeds its own height. The maximum over all distances
    is found by doubling: after step k it covers 2^k cells.
    """
    towards_x = math.cos(math.radians(azimuth_deg)) / spacing_m
    towards_y = math.sin(math.radians(azimuth_deg)) / spacing_m
    fall = math.tan(math.radians(elevation_deg))
    reach = float(np.ptp(height_m)) / fall + spacing_m
    ceiling = np.full(height_m.shape, -np.inf, np.float32)
    step = spacing_m
    ceiling = np.maximum(
        ceiling, _moved(height_m, towards_x * step, towards_y * step) - np.float32(step * fall)
    )
    while step < reach:
        further = _moved(ceiling, towards_x * step, towards_y * step) - np.float32(step * fall)
        np.maximum(ceiling, further, out=ceiling)
        step *= 2
    return np.asarray(ceiling > height_m + np.float32(0.15))


def _moved(array: FloatArray, columns: float, rows: float) -> FloatArray:
    """Value of the array ``columns`` to the right and ``rows`` down of every cell, linear between.

    Beyond the edge nothing stands.
    """
    c0, r0 = math.floor(columns), math.floor(rows)
    fc, fr = np.float32(columns - c0), np.float32(rows - r0)
    floor = np.float32(-1e4)
    height, width = array.shape
    if abs(r0) >= height - 1 or abs(c0) >= width - 1:
        return np.full(array.shape, floor, np.float32)
    wide = np.pad(
        np.maximum(array, floor),
        ((max(0, -r0), max(0, r0 + 1)), (max(0, -c0), max(0, c0 + 1))),
        constant_values=floor,
    )
    r, c = max(r0, 0), max(c0, 0)
    a = wide[r : r + height, c : c + width]
    b = wide[r : r + height, c + 1 : c + 1 + width]
    upper = a + (b - a) * fc if c + 1 + width <= wide.shape[1] else a
    a = wide[r + 1 : r + 1 + height, c : c + width]
    b = wide[r + 1 : r + 1 + height, c + 1 : c + 1 + width]
    lower = a + (b - a) * fc
    return np.asarray(upper + (lower - upper) * fr, np.float32)


def _facing(world: World, azimuth_deg: float, elevation_deg: float) -> FloatArray:
    """Cosine between surface normal and sun, relative to flat ground; walls keep within bounds."""
    # trees and rock are rougher than their crowns: soften the slopes a little
    smooth = ndimage.uniform_filter(world.height_m, 3)
    slope_y = (np.roll(smooth, -1, 0) - np.roll(smooth, 1, 0)) / np.float32(2 * world.spacing_m)
    slope_x = (np.roll(smooth, -1, 1) - np.roll(smooth, 1, 1)) / np.float32(2 * world.spacing_m)
    slope_y, slope_x = np.clip(slope_y, -3, 3), np.clip(slope_x, -3, 3)
    elevation = math.radians(elevation_deg)
    sun_x = math.cos(elevation) * math.cos(math.radians(azimuth_deg))
    sun_y = math.cos(elevation) * math.sin(math.radians(azimuth_deg))
    cosine = (math.sin(elevation) - slope_x * sun_x - slope_y * sun_y) / np.sqrt(
        1 + slope_x**2 + slope_y**2
    )
    return np.asarray(np.clip(cosine / math.sin(elevation), 0.05, 1.35), np.float32)


def _openness(height_m: FloatArray) -> FloatArray:
    """Share of the sky that is seen: less between crowns and at the foot of walls."""
    around = ndimage.uniform_filter(height_m, 15)
    return np.asarray(1 / (1 + np.exp(-(height_m - around) * np.float32(0.45))) + 0.45, np.float32)


def _noise(shape: tuple[int, int], cells: float, rng: np.random.Generator) -> FloatArray:
    """Smooth noise of unit deviation with features of about ``cells`` cells."""
    coarse = rng.standard_normal(
        (math.ceil(shape[0] / cells) + 3, math.ceil(shape[1] / cells) + 3), dtype=np.float32
    )
    rows = np.arange(shape[0], dtype=np.float32) / np.float32(cells) + 0.7
    columns = np.arange(shape[1], dtype=np.float32) / np.float32(cells) + 0.7
    r0, c0 = rows.astype(int), columns.astype(int)
    # smoothstep between nodes
    fr, fc = rows - r0, columns - c0
    fr, fc = fr * fr * (3 - 2 * fr), fc * fc * (3 - 2 * fc)
    side = coarse[:, c0] * (1 - fc) + coarse[:, c0 + 1] * fc
    field = side[r0] * (1 - fr[:, None]) + side[r0 + 1] * fr[:, None]
    return np.asarray(field / max(float(field.std()), 1e-6), np.float32)


def _colours(world: World, rng: np.random.Generator) -> FloatArray:
    """Reflectance (linear RGB) with grain, patches, rows and a tint of its own for each field."""
    table = (np.array([m.rgb for m in MATERIALS], np.float32) / 255) ** np.float32(2.2)
    spread = np.array([m.rgb_variation for m in MATERIALS], np.float32)[world.material]
    shape = world.material.shape
    spacing = world.spacing_m
    # in metres: grain, tufts, patches, whole slopes
    mottle = (
        1.3 * rng.standard_normal(shape, dtype=np.float32)
        + 1.0 * _noise(shape, max(2.0, 0.9 / spacing), rng)
        + 0.6 * _noise(shape, 5.0 / spacing, rng)
        + 0.6 * _noise(shape, 33.0 / spacing, rng)
    )
    brightness = np.clip(1 + 1.5 * spread * mottle, 0.3, 2.2)
    brightness *= _rows(world)
    warmth = _noise(shape, 18.0 / spacing, rng) * (0.012 + 0.25 * spread)
    warmth += _plots(world)
    colour = table[world.material] * brightness[..., None]
    colour[..., 0] *= np.clip(1 + warmth, 0.5, 1.6)
    colour[..., 2] *= np.clip(1 - 0.7 * warmth, 0.5, 1.6)
    _ripples(world, colour, rng)
    return np.asarray(colour, np.float32)


def _rows(world: World) -> FloatArray:
    """Bright and dark stripes of ploughing and planting rows, with tramlines every few rows."""
    angle = np.radians(np.nan_to_num(world.direction_deg))
    rows, columns = world.material.shape
    x = (np.arange(columns, dtype=np.float32) * np.float32(world.spacing_m))[None, :]
    y = (np.arange(rows, dtype=np.float32) * np.float32(world.spacing_m))[:, None]
    across = y * np.cos(angle) - x * np.sin(angle)
    striped = world.period_m > 0
    period = np.where(striped, np.maximum(world.period_m, np.float32(2.4 * world.spacing_m)), 1)
    stripe = 0.09 * np.sin(2 * np.pi * across / period)
    passes = across / (9 * period) % 1
    tramline = np.where(passes < 0.045, np.float32(-0.16), np.float32(0))
    return np.asarray(np.where(striped, 1 + stripe + tramline, 1), np.float32)


def _plots(world: World) -> FloatArray:
    """A slight tint that differs from field to field and roof to roof, the same on each."""
    key = np.nan_to_num(world.direction_deg) * np.float32(0.7) + world.period_m * np.float32(3.1)
    tint = np.sin(key * np.float32(12.9898)) * np.float32(0.07)
    return np.asarray(np.where(world.period_m > 0, tint, 0), np.float32)


def _ripples(world: World, colour: FloatArray, rng: np.random.Generator) -> None:
    """Depth of the water by its distance from the shore, and white where it breaks."""
    calm, rough = world.material == CODE["water"], world.material == CODE["rough_water"]
    if not (calm.any() or rough.any()):
        return
    small = (calm | rough)[::4, ::4]
    depth = ndimage.distance_transform_edt(np.pad(small, 1, mode="edge"))[1:-1, 1:-1]
    shallow = np.exp(-depth.astype(np.float32) * np.float32(4 * world.spacing_m / 7))
    shallow = ndimage.zoom(shallow, 4, order=1)[: calm.shape[0], : calm.shape[1]]
    shallow = np.pad(
        shallow,
        ((0, calm.shape[0] - shallow.shape[0]), (0, calm.shape[1] - shallow.shape[1])),
        mode="edge",
    )
    water = calm | rough
    tint = np.array([0.10, 0.16, 0.15], np.float32)
    colour[water] += shallow[water][:, None] * np.float32(0.45) * tint
    raised = rough & (world.height_m > world.ground_m + 0.15)
    raised = ndimage.binary_dilation(raised, iterations=2) & rough
    cover = np.clip(0.35 + 0.35 * _noise(calm.shape, 1.3 / world.spacing_m, rng), 0, 0.9)[raised]
    colour[raised] += cover[:, None] * (np.float32(0.6) - colour[raised])
