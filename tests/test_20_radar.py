"""The radar renderer against closed forms: geometry, radiometry, texture, point targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sarloom.errors import InputError
from sarloom.sar import geometry, reflectors
from sarloom.sar.speckle import enl_blocks, enl_moment, log_moments
from sarloom.sar.statistics import estimate_texture_order
from sarloom.simulate.backscatter import (
    DEVIATES,
    REACH,
    gaussian_field,
    row_modulation,
    sigma_nought,
    texture_table,
)
from sarloom.simulate.canvas import Canvas
from sarloom.simulate.facets import Surface, render
from sarloom.simulate.materials import CODE, MATERIALS
from sarloom.simulate.radar import (
    AIRBORNE,
    SATELLITE,
    Reflectivity,
    Sensor,
    observe,
    reflectivity,
    satellite_view,
)
from sarloom.simulate.splat import Boxes, cells
from sarloom.simulate.world import World

SPACING = 0.35


def canvas(size: int = 128, base: str = "grass") -> Canvas:
    return Canvas("test", size, SPACING, 0, np.random.default_rng(0), base)


def smooth(world: World, sensor: Sensor = AIRBORNE, *, maps: bool = False) -> Reflectivity:
    return reflectivity(world, sensor, np.random.default_rng(0), texture=False, maps=maps)


def at(angle: float) -> Sensor:
    return replace(AIRBORNE, incidence_angle_deg=angle)


def decibels(ratio: float) -> float:
    return float(10 * np.log10(ratio))


# -- radiometry ------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [25.0, 45.0, 60.0, 75.0])
@pytest.mark.parametrize("material", [m.name for m in MATERIALS])
def test_flat_ground_has_the_level_of_its_material(material: str, angle: float) -> None:
    scene = smooth(canvas(64, material).world, at(angle))
    expected = sigma_nought(CODE[material], np.cos(np.radians(angle))[None])[0]
    assert abs(decibels(scene.sigma_nought.mean(dtype=float) / expected)) < 0.05
    assert np.ptp(scene.sigma_nought) < 0.01 * expected or MATERIALS[CODE[material]].depth_m > 0


@pytest.mark.parametrize("height", [-7.3, 0.123, 41.0])
def test_raised_plain_has_the_same_level(height: float) -> None:
    c = canvas()
    c.terrain(np.full(c.shape, height, np.float32))
    assert np.allclose(smooth(c.world).sigma_nought, smooth(canvas().world).sigma_nought, rtol=1e-3)


@pytest.mark.parametrize("slope", [-20.0, 10.0, 30.0])
def test_even_slope_has_the_level_of_its_local_incidence_and_foreshortening(slope: float) -> None:
    c = canvas()
    tilt = np.tan(np.radians(slope))
    c.terrain(np.broadcast_to(c.x_m * np.float32(tilt), c.shape).copy())
    angle = 60.0
    local = geometry.local_incidence_deg(slope, angle)
    area = 1 / np.cos(np.radians(slope)) / geometry.foreshortening(slope, angle)
    expected = sigma_nought(CODE["grass"], np.cos(np.radians(local))[None])[0] * area
    found = smooth(c.world, at(angle)).sigma_nought
    assert abs(decibels(found.mean() / expected)) < 0.05
    assert found.min() > 0.95 * expected  # padding fills the frame to its borders


def test_azimuth_slope_enters_the_local_incidence() -> None:
    c = canvas(base="roof_metal")
    c.terrain(np.broadcast_to((c.y_m * np.float32(0.5))[:, None], c.shape).copy())
    cosine = np.cos(np.radians(60)) / np.sqrt(1 + 0.25)
    expected = sigma_nought(CODE["roof_metal"], cosine[None])[0] * np.sqrt(1.25)
    found = smooth(c.world, at(60)).sigma_nought
    # rows differ in height, so they land at different ranges; their level is one
    assert abs(decibels(float(np.median(found)) / expected)) < 0.05


# -- geometry --------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [30.0, 45.0, 60.0])
def test_layover_and_shadow_of_a_wall_are_right_within_a_cell(angle: float) -> None:
    c = canvas(192, "asphalt")
    near_edge, depth, height = 30.0, 1.75, 10.0
    c.box(near_edge + depth / 2, c.extent_m / 2, depth, 20, height, material="container")
    c.world.wall_feet.clear()
    scene = smooth(c.world, at(angle), maps=True)
    assert scene.layover is not None and scene.shadow is not None
    row = scene.sigma_nought.shape[0] // 2
    bright = np.flatnonzero(scene.layover[row])
    foot = near_edge / SPACING
    assert abs((foot - bright[0]) * SPACING - geometry.layover_ground(height, angle)) <= SPACING
    dark = np.flatnonzero(scene.shadow[row])
    far_edge = (near_edge + depth) / SPACING
    assert (
        abs((dark[-1] + 1 - far_edge) * SPACING - geometry.shadow_ground(height, angle)) <= SPACING
    )
    assert np.all(scene.sigma_nought[row, dark[2:-2]] == 0)
    assert not scene.shadow[row, : int(foot)].any()


def test_nothing_shines_on_back_faces() -> None:
    angle, height = 60.0, 6.0
    c = canvas(256, "asphalt")
    # a ridge whose far side falls off more steeply than the ray
    x = c.x_m
    ridge = height * np.clip(1 - np.abs(x - 40) / np.where(x < 40, 12.0, 3.0), 0, None)
    far_side = (x > 40) & (x < 43)
    c.world.height_m[...] = ridge.astype(np.float32)
    c.world.material[:, far_side] = CODE["container"]  # far brighter than anything else here
    scene = smooth(c.world, at(angle))
    asphalt = sigma_nought(CODE["asphalt"], np.cos(np.radians(angle))[None])[0]
    crest = int(40 / SPACING)
    assert scene.sigma_nought[:, crest:].max() < 1.05 * asphalt
    reversed_world = canvas(256, "asphalt").world
    mirrored = height * np.clip(1 - np.abs(x - 40) / np.where(x > 40, 12.0, 3.0), 0, None)
    reversed_world.height_m[...] = mirrored.astype(np.float32)
    reversed_world.material[:, (x > 37) & (x < 40)] = CODE["container"]
    assert smooth(reversed_world, at(angle)).sigma_nought.max() > 100 * asphalt


def test_echo_power_is_conserved_through_layover_and_shadow() -> None:
    # with gamma independent of angle the sum is gamma times the lit extent, whatever the relief
    rng = np.random.default_rng(3)
    rows, columns, angle = 40, 400, 50.0
    relief = np.zeros((rows + 2, columns), np.float32)
    relief[:, 60:340] = np.cumsum(rng.normal(0, 1.2, (rows + 2, 280)), axis=1)
    relief[:, 200:230] += 30
    material = np.full((rows, columns), CODE["grass"], np.uint8)
    echo = render(Surface(relief, material, SPACING), angle)
    gamma = 10 ** (MATERIALS[CODE["grass"]].gamma_db / 10)
    lit = echo.horizon[:, -1] - echo.horizon[:, 0]
    assert np.allclose(echo.power.sum(axis=1, dtype=float), gamma * lit, rtol=2e-4)


def test_vegetation_keeps_the_power_of_its_surface() -> None:
    rows, columns = 8, 300
    height = np.zeros((rows + 2, columns), np.float32)
    height[:, 100:110] = 20
    power = {}
    for name in ("crown", "hedge"):
        material = np.full((rows, columns), CODE[name], np.uint8)
        echo = render(Surface(height, material, SPACING), 50.0)
        lit = (echo.horizon[:, 250] - echo.horizon[:, 0]).mean()
        power[name] = echo.power[:, :250].sum() / rows / lit
        expected = 10 ** (MATERIALS[CODE[name]].gamma_db / 10)
        assert power[name] == pytest.approx(expected, rel=0.05)


def test_boxes_are_spread_exactly_over_fractions_of_cells() -> None:
    rng = np.random.default_rng(4)
    count, shape = 300, (5, 40)
    end = rng.uniform(2, 38, count).astype(np.float32)
    span = rng.uniform(-12, 12, count).astype(np.float32)
    boxes = Boxes(rng.integers(0, 5, count), end, span, rng.uniform(0, 1, count).astype(np.float32))
    found = cells(boxes.ramps(shape), shape)
    expected = np.zeros(shape)
    for k in range(count):
        low, high = sorted((float(end[k] - span[k]), float(end[k])))
        for column in range(shape[1]):
            overlap = max(0.0, min(high, column + 1) - max(low, column))
            expected[boxes.row[k], column] += boxes.power[k] * overlap / (high - low)
    assert np.allclose(found, expected, atol=1e-4)


def test_objects_outside_the_frame_cast_their_shadow_into_it() -> None:
    c = canvas(128)
    c.box(-4, c.extent_m / 2, 4, 20, 12)
    c.world.wall_feet.clear()
    scene = smooth(c.world, maps=True)
    assert scene.shadow is not None
    assert scene.shadow[64, :20].all()
    assert not scene.shadow[5, :20].any()


# -- texture ---------------------------------------------------------------------------------


def test_texture_has_the_order_and_mean_of_its_material() -> None:
    c = canvas(768, "rock")
    c.world.spacing_m = 30.0  # far wider than the correlation: independent cells
    nu = MATERIALS[CODE["rock"]].texture_nu
    scene = reflectivity(c.world, AIRBORNE, np.random.default_rng(5))
    relative = scene.sigma_nought / smooth(c.world).sigma_nought
    assert relative.mean() == pytest.approx(1, abs=0.01)
    # a facet between two samples covers half of two cells: gamma of twice the order
    assert relative.var() == pytest.approx(1 / (2 * nu), rel=0.05)
    speckled = relative * np.random.default_rng(6).exponential(size=relative.shape)
    found = estimate_texture_order(speckled.astype(np.float32), 1)
    assert found == pytest.approx(2 * nu, rel=0.06)


def test_texture_table_has_the_gamma_marginal_of_every_material() -> None:
    deviate = np.random.default_rng(8).standard_normal(200_000).astype(np.float32)
    for code, material in enumerate(MATERIALS):
        index = (np.clip(deviate, -REACH, REACH) + REACH) * (DEVIATES - 1) / (2 * REACH) + 0.5
        texture = texture_table()[code][index.astype(int)]
        nu = material.texture_nu
        assert texture.mean() == pytest.approx(1, abs=4 / np.sqrt(nu * deviate.size))
        gap = stats.kstest(texture, stats.gamma(nu, scale=1 / nu).cdf).statistic
        assert gap < 1.95 / np.sqrt(deviate.size)  # Kolmogorov-Smirnov at 0.1 %


def test_gaussian_field_has_unit_variance_and_the_wanted_correlation() -> None:
    fields = np.stack(
        [gaussian_field((200, 151), 5.0, np.random.default_rng(k)) for k in range(40)]
    )
    assert fields.mean() == pytest.approx(0, abs=0.03)
    assert fields.var(axis=0).mean() == pytest.approx(1, abs=0.03)
    for lag in (2, 5, 8):
        theory = np.exp(-((lag / 5.0) ** 2))
        assert np.mean(fields[:, lag:] * fields[:, :-lag]) == pytest.approx(theory, abs=0.04)
        assert np.mean(fields[:, :, lag:] * fields[:, :, :-lag]) == pytest.approx(theory, abs=0.04)


@pytest.mark.parametrize(("direction", "strong"), [(90.0, True), (0.0, False)])
def test_plough_rows_show_best_across_the_look_direction(direction: float, strong: bool) -> None:
    c = canvas(base="ploughed")
    c.rows(np.ones(c.shape, bool), direction, 1.75)
    modulation = row_modulation(c.world, SPACING)
    assert modulation is not None
    assert modulation.mean() == pytest.approx(1, abs=0.01)
    axis = 1 if strong else 0
    spectrum = np.abs(np.fft.rfft(modulation.mean(axis=1 - axis) - 1))
    period = modulation.shape[axis] / spectrum.argmax() * SPACING
    assert period == pytest.approx(1.75, rel=0.03)
    assert (modulation.std() > 0.4) == strong
    assert row_modulation(canvas().world, SPACING) is None


# -- strong echoes ---------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.13, 0.31), (0.5, 0.5)])
def test_trihedral_has_its_cross_section(offset: tuple[float, float]) -> None:
    c = canvas(128, "water")
    rcs = reflectors.to_dbsm(reflectors.triangular_trihedral(0.3, 9.6))
    x, y = (64.5 + offset[0]) * SPACING, (60.5 + offset[1]) * SPACING
    c.reflector(x, y, 0.0, rcs)
    scene = smooth(c.world)
    silent = replace(AIRBORNE, noise_equivalent_sigma_nought_db=-60.0)
    image = observe(scene, silent, np.random.default_rng(1))
    assert image.complex is not None
    patch = image.sigma_nought[40:82, 44:86]
    assert decibels(patch.sum(dtype=float) * SPACING**2) == pytest.approx(rcs, abs=0.3)
    rows, columns = np.mgrid[40:82, 44:86]
    centre_row = (rows * patch).sum() / patch.sum()
    centre_column = (columns * patch).sum() / patch.sum()
    assert centre_row == pytest.approx(60 + offset[1], abs=0.1)
    assert centre_column == pytest.approx(64 + offset[0], abs=0.1)
    assert decibels(scene.power.sum() / scene.sigma_nought.sum()) > 3


def test_raised_reflector_is_laid_over_and_hidden_one_is_dark() -> None:
    c = canvas(128, "water")
    c.reflector(30.0, 20.0, 5.0, 20.0)
    points = smooth(c.world, at(45)).points
    assert points.column[0] == pytest.approx((30.0 - 5.0) / SPACING - 0.5)
    c.box(26.0, 20.0, 4.0, 10.0, 12.0)
    assert len(smooth(c.world, at(45)).points.column) == 0


def wall_echo(turn: float, strength: float = 0.0, height: float = 6.0) -> float:
    c = canvas(128, "asphalt")
    length = 10.0
    half = np.array([-np.sin(np.radians(turn)), np.cos(np.radians(turn))]) * length / 2
    centre = np.array([22.0, 22.0])
    c.walls([tuple(centre - half), tuple(centre + half), (40.0, 22.0)], height, strength)
    c.world.wall_feet[:] = c.world.wall_feet[:1]
    before = smooth(canvas(128, "asphalt").world).sigma_nought.sum(dtype=float)
    return float(smooth(c.world).sigma_nought.sum(dtype=float) - before) * SPACING**2


def test_wall_foot_echo_follows_its_law() -> None:
    facing = wall_echo(0.0)
    theory = 4 * np.pi * 6.0 * 10.0 * np.sin(np.radians(60)) ** 2 * 1.03
    assert decibels(facing / theory) == pytest.approx(0, abs=2.0)  # gamma-distributed patches
    assert wall_echo(0.0, -10.0) == pytest.approx(facing / 10, rel=1e-3)
    assert wall_echo(0.0, height=3.0) == pytest.approx(facing / 2, rel=1e-3)
    assert facing > 3 * wall_echo(12.0) > 6 * wall_echo(40.0) > 0


def test_wall_foot_shines_at_its_range_only_where_it_is_lit() -> None:
    c = canvas(192, "asphalt")
    c.box(40.0, c.extent_m / 2, 10, 20, 8, wall_db=0.0)
    scene = smooth(c.world)
    row = scene.sigma_nought[96]
    assert abs(int(row.argmax()) - 35.0 / SPACING) <= 1.5
    c.box(30.0, c.extent_m / 2, 4, 40, 12)
    c.world.wall_feet[:] = [foot for foot in c.world.wall_feet if foot.height_m == 8]
    hidden = smooth(c.world).sigma_nought[96]
    assert hidden[int(35.0 / SPACING) - 2 : int(35.0 / SPACING) + 3].max() < 0.05 * row.max()


# -- measured images -------------------------------------------------------------------------


def test_single_look_image_of_a_plain_is_exact_speckle() -> None:
    scene = smooth(canvas(512, "gravel").world)
    white = replace(AIRBORNE, window="uniform")
    image = observe(scene, white, np.random.default_rng(2))
    assert image.looks == 1 and image.complex is not None
    assert image.complex.dtype == np.complex64
    assert image.sigma_nought == pytest.approx(np.abs(image.complex) ** 2, rel=1e-4)
    expected = scene.sigma_nought.mean() + white.noise
    power = image.sigma_nought.astype(np.float64) / expected
    theory, count = log_moments(1), power.size
    assert abs(power.mean() - 1) < 3 / np.sqrt(count)
    assert abs(enl_moment(power) - 1) < 3 * 0.0040
    logs = np.log(power)
    assert abs(logs.mean() - theory.log_mean) < 3 * np.sqrt(theory.log_variance / count)
    assert abs(logs.var() - theory.log_variance) < 3 * 3.45 / np.sqrt(count)
    assert image.amplitude.std() / image.amplitude.mean() == pytest.approx(0.5227, abs=0.004)


def test_looks_multiply_and_leave_no_complex_image() -> None:
    scene = smooth(canvas(256).world)
    image = observe(scene, replace(AIRBORNE, looks=4, window="uniform"), np.random.default_rng(3))
    assert image.complex is None
    assert enl_moment(image.sigma_nought) == pytest.approx(4, rel=0.05)


def test_shadow_is_filled_with_thermal_noise() -> None:
    c = canvas(256)
    c.box(20.0, c.extent_m / 2, 5, 80, 30)
    scene = smooth(c.world)
    image = observe(scene, AIRBORNE, np.random.default_rng(4))
    dark = image.sigma_nought[64:192, 100:160]
    assert scene.sigma_nought[64:192, 100:160].max() == 0
    assert decibels(dark.mean()) == pytest.approx(
        AIRBORNE.noise_equivalent_sigma_nought_db, abs=0.25
    )


def test_satellite_sees_the_same_world_coarser() -> None:
    c = canvas(1024, "crop_low")
    c.cover(c.polygon([(0, 0), (180, 0), (180, 360), (0, 360)]), "water")
    image = satellite_view(c.world, SATELLITE, np.random.default_rng(5))
    assert image.sigma_nought.shape == (128, 128)
    assert image.spacing_m == pytest.approx(2.8)
    land = image.sigma_nought[:, 80:]
    angle = np.cos(np.radians(SATELLITE.incidence_angle_deg))
    expected = sigma_nought(CODE["crop_low"], angle[None])[0] + SATELLITE.noise
    assert decibels(land.mean() / expected) == pytest.approx(0, abs=0.2)
    assert enl_blocks(land) == pytest.approx(4, rel=0.2)
    assert decibels(image.sigma_nought[:, :50].mean()) < -20
    with pytest.raises(InputError, match="not a multiple"):
        satellite_view(c.world, replace(SATELLITE, spacing_m=1.0), np.random.default_rng(0))


def test_one_seed_one_image() -> None:
    c = canvas(96)
    c.tree(15, 15, 3, 9)
    c.box(22, 22, 8, 6, 5)
    c.reflector(10, 10, 0.5, 10)

    def images(seed: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        scene = reflectivity(c.world, AIRBORNE, rng)
        return scene.power, observe(scene, AIRBORNE, rng).sigma_nought

    first, again, other = images(1), images(1), images(2)
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])
    assert not np.array_equal(first[1], other[1])


def test_trees_are_bright_and_throw_shadows_away_from_the_radar() -> None:
    c = canvas(256)
    x = y = 35.0
    c.tree(x, y, 3.5, 10)
    scene = reflectivity(c.world, AIRBORNE, np.random.default_rng(7))
    rows = slice(int((y - 1.5) / SPACING), int((y + 1.5) / SPACING))
    profile = scene.sigma_nought[rows].mean(axis=0)
    column = (np.arange(256) + 0.5) * SPACING
    crown = profile[(column > x - 8) & (column < x - 1)].mean()
    shade = profile[(column > x + 9) & (column < x + 15)].mean()
    ground = profile[column < x - 14].mean()
    assert decibels(crown / ground) > 5
    assert shade < 0.03 * ground
