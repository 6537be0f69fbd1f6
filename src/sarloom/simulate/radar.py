"""Render a world as a side-looking radar sees it: reflectivity first, then speckle and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sar.multilook import multilook
from ..sar.psf import PointSpread, apply_psf
from ..sar.speckle import circular_gaussian, intensity
from .backscatter import row_modulation, texture_deviates
from .echoes import PointTargets, View, add_double_bounce, point_targets
from .facets import Echo, Surface, render
from .world import FloatArray, World

_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True)
class Sensor:
    """A side-looking radar; both axes have the same ground spacing and resolution."""

    name: str = "airborne"
    incidence_angle_deg: float = 60.0
    spacing_m: float = 0.35
    looks: int = 1
    window: str = "taylor"
    oversampling: float = 1.0
    """Sampling rate over bandwidth: resolution unit = oversampling * spacing_m."""
    noise_equivalent_sigma_nought_db: float = -32.0
    frequency_ghz: float = 9.6

    @property
    def psf(self) -> PointSpread:
        """Impulse response of each axis."""
        return PointSpread(self.window, self.oversampling)

    @property
    def noise(self) -> float:
        """Noise-equivalent sigma nought, linear power."""
        return float(10 ** (self.noise_equivalent_sigma_nought_db / 10))


AIRBORNE = Sensor()
SATELLITE = Sensor(
    name="satellite",
    incidence_angle_deg=35.0,
    spacing_m=2.8,
    looks=4,
    noise_equivalent_sigma_nought_db=-24.0,
)


@dataclass(frozen=True)
class Reflectivity:
    """What a noise-free radar without speckle would see of the visible frame."""

    sigma_nought: FloatArray
    """Distributed echoes, texture and double bounce included, linear power."""
    points: PointTargets
    """Deterministic echoes, not contained in ``sigma_nought``."""
    spacing_m: float
    shadow: NDArray[np.bool_] | None = None
    layover: NDArray[np.bool_] | None = None

    @property
    def power(self) -> FloatArray:
        """Distributed and point echoes together: the expected intensity before the PSF."""
        total = self.sigma_nought.copy()
        self.points.add_power(total)
        return total


@dataclass(frozen=True)
class RadarImage:
    """A measured image: speckle, impulse response and thermal noise included."""

    sigma_nought: FloatArray
    """Intensity calibrated to sigma nought, linear power, averaged over ``looks``."""
    complex: NDArray[np.complex64] | None
    """Single-look complex image; ``None`` for several looks."""
    looks: int
    spacing_m: float
    sensor: Sensor

    @property
    def amplitude(self) -> FloatArray:
        """Square root of the intensity."""
        return np.sqrt(self.sigma_nought)


def reflectivity(
    world: World,
    sensor: Sensor,
    rng: np.random.Generator,
    *,
    texture: bool = True,
    maps: bool = False,
) -> Reflectivity:
    """Speckle-free radar picture of a world at the world's own spacing.

    Parameters
    ----------
    texture
        ``False`` leaves out the random texture within materials (rows and walls stay).
    maps
        Also make the masks of shadow and layover.

    Returns
    -------
    Arrays (rows, columns) of the visible frame on the ground-range grid of the reference plane,
    which lies at the mean height of the visible ground.
    """
    texture_rng, wall_rng, point_rng = rng.spawn(3)
    theta = np.radians(sensor.incidence_angle_deg)
    reference = float(np.mean(world.ground_m[world.visible], dtype=np.float64))
    near, far = _padding(world, reference, float(np.tan(theta)))
    top, _ = world.margin
    rows, columns = world.size
    frame = slice(top, top + rows)
    deviate = texture_deviates(world.material, world.spacing_m, texture_rng) if texture else None
    modulation = row_modulation(world, world.spacing_m)
    surface = Surface(
        _framed_height(world, reference, near, far),
        _widen(world.material[frame], near, far),
        world.spacing_m,
        None if deviate is None else _widen(deviate[frame], near, far),
        None if modulation is None else _widen(modulation[frame], near, far),
    )
    echo = render(surface, sensor.incidence_angle_deg, coverage=maps)
    first = world.margin[1] + near
    view = View(world, sensor.incidence_angle_deg, reference, top, first, echo.horizon)
    visible = slice(first, first + columns)
    power = np.ascontiguousarray(echo.power[:, visible])
    add_double_bounce(power, view, wall_rng)
    shadow, layover = _masks(echo, visible)
    points = point_targets(view, point_rng)
    return Reflectivity(power, points, world.spacing_m, shadow, layover)


def _padding(world: World, reference_m: float, tangent: float) -> tuple[int, int]:
    """Columns to add on both sides so that sloping ground fills the frame after projection."""
    shift = (world.ground_m[:, [0, -1]] - reference_m) / tangent / world.spacing_m
    near = max(0.0, -float(shift[:, 0].min()) - world.margin[1])
    far = max(0.0, float(shift[:, 1].max()) - world.margin[1])
    limit = 4 * world.height_m.shape[1]
    return min(int(near) + 1, limit), min(int(far) + 2, limit)


def _widen(array: NDArray[_Scalar], near: int, far: int) -> NDArray[_Scalar]:
    return np.pad(array, ((0, 0), (near, far)), mode="edge")


def _framed_height(world: World, reference_m: float, near: int, far: int) -> FloatArray:
    """Heights in cells above the reference plane, with one row more above and below."""
    top, rows = world.margin[0], world.size[0]
    index = np.clip(np.arange(top - 1, top + rows + 1), 0, world.height_m.shape[0] - 1)
    height = (world.height_m[index] - np.float32(reference_m)) / np.float32(world.spacing_m)
    return np.asarray(_widen(height, near, far), np.float32)


def _masks(echo: Echo, visible: slice) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
    if echo.coverage is None:
        return None, None
    cover = echo.coverage[:, visible]
    return cover < 0.5, cover > 1.5


def observe(scene: Reflectivity, sensor: Sensor, rng: np.random.Generator) -> RadarImage:
    """Measure a reflectivity: speckle, point targets, impulse response and thermal noise.

    Speckle and thermal noise are independent circular Gaussians that pass the same processor, so
    their sum is one circular Gaussian of variance sigma0 + NESZ, drawn at once.
    """
    shape = (scene.sigma_nought.shape[0], scene.sigma_nought.shape[1])
    deviation = np.sqrt(scene.sigma_nought + np.float32(sensor.noise))
    psf = sensor.psf
    points = scene.points.draw(shape, psf) if len(scene.points.amplitude) else None
    total = np.zeros(shape, np.float32)
    image: NDArray[np.complex64] | None = None
    for _ in range(sensor.looks):
        image = circular_gaussian(shape, rng)
        image *= deviation
        image = apply_psf(image, psf)
        if points is not None:
            image += points
        total += intensity(image)
    total /= np.float32(sensor.looks)
    return RadarImage(
        total, image if sensor.looks == 1 else None, sensor.looks, scene.spacing_m, sensor
    )


def satellite_view(world: World, sensor: Sensor, rng: np.random.Generator) -> RadarImage:
    """The same world as a coarser sensor sees it, with geometry, speckle and noise of its own.

    The reflectivity is rendered at the world's spacing under the sensor's incidence angle,
    averaged in power to the sensor's spacing, then measured.

    Raises
    ------
    InputError
        If the sensor's spacing is not a multiple of the world's.
    """
    factor = round(sensor.spacing_m / world.spacing_m)
    if factor < 1 or abs(factor * world.spacing_m - sensor.spacing_m) > 0.01 * sensor.spacing_m:
        raise InputError(
            f"sensor spacing {sensor.spacing_m} m is not a multiple of the world's "
            f"{world.spacing_m} m"
        )
    fine = reflectivity(world, sensor, rng)
    points = PointTargets(
        (fine.points.row + 0.5) / factor - 0.5,
        (fine.points.column + 0.5) / factor - 0.5,
        fine.points.amplitude / factor,
    )
    coarse = Reflectivity(multilook(fine.sigma_nought, factor), points, world.spacing_m * factor)
    return observe(coarse, sensor, rng)
