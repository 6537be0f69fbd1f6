"""Sentinel-1 SAFE: calibration by the product's tables, geolocation both ways, joined bursts."""

from __future__ import annotations

import dataclasses
import pickle
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orbit_swath import OrbitSwath
from safe_files import GEOD, Bursts, Image, Swath, write_safe, write_tiff
from sarloom.archive.readers import sentinel1
from sarloom.archive.registry import find_products, open_scenes
from sarloom.archive.sentinel1_annotation import read_annotation
from sarloom.archive.sentinel1_grid import SwathGrid
from sarloom.archive.sentinel1_sight import RangePolynomials, Sight
from sarloom.errors import FormatError, InputError, SarloomError
from sarloom.records import Scene

EVERYWHERE = (slice(0, 60), slice(0, 80))
CALIBRATION = (
    (0.0, (0.0, 30.0, 79.0), (600.0, 500.0, 450.0)),
    (25.0, (0.0, 40.0, 79.0), (620.0, 510.0, 440.0)),
    (70.0, (0.0, 40.0, 79.0), (640.0, 520.0, 430.0)),
)
NOISE = (
    (0.0, (0.0, 20.0, 60.0, 79.0), (2000.0, 1500.0, 1800.0, 1200.0)),
    (31.0, (0.0, 25.0, 79.0), (2200.0, 1400.0, 1100.0)),
    (59.0, (0.0, 25.0, 79.0), (2100.0, 1300.0, 1000.0)),
)
BLOCKS = (
    ((0, 0, 59, 39), (0.0, 30.0, 59.0), (1.0, 1.3, 0.9)),
    ((0, 40, 59, 79), (0.0, 20.0, 59.0), (1.1, 0.8, 1.0)),
)


def digital_numbers(seed: int = 0, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    numbers = np.random.default_rng(seed).integers(60, 900, shape).astype(np.uint16)
    numbers[3:6, 10:14] = 0
    numbers[20, 20] = 5
    return numbers


def grd(folder: Path, **changed: Any) -> Scene:
    """The one scene of a GRD product with the tables above."""
    image = Image(
        digital_numbers(), Swath(), calibration=CALIBRATION, noise=NOISE, noise_blocks=BLOCKS
    )
    return open_scenes(write_safe(folder, [dataclasses.replace(image, **changed)]))[0]


def along(x: float, nodes: Any, values: Any) -> float:
    """Linear interpolation of one number, written out."""
    if x <= nodes[0]:
        return float(values[0])
    for k in range(len(nodes) - 1):
        if x <= nodes[k + 1]:
            weight = (x - nodes[k]) / (nodes[k + 1] - nodes[k])
            return float(values[k] * (1 - weight) + values[k + 1] * weight)
    return float(values[-1])


def table_at(vectors: Any, row: float, column: float) -> float:
    return along(row, [v[0] for v in vectors], [along(column, v[1], v[2]) for v in vectors])


def sigma_nought(row: int, column: int, with_blocks: bool = True) -> float:
    """(|DN|^2 - eta) / A^2 of one pixel of ``grd``."""
    number = float(digital_numbers()[row, column])
    if number == 0.0:
        return float("nan")
    eta = table_at(NOISE, row, column)
    if with_blocks:
        block = BLOCKS[0] if column <= 39 else BLOCKS[1]
        eta *= along(row, block[1], block[2])
    return max(number**2 - eta, 0.0) / table_at(CALIBRATION, row, column) ** 2


@pytest.mark.parametrize("new_form", [True, False])
def test_sigma_nought_is_the_formula_at_every_pixel(tmp_path: Path, new_form: bool) -> None:
    scene = grd(tmp_path, noise_blocks=BLOCKS if new_form else None)
    expected = [[sigma_nought(r, c, new_form) for c in range(80)] for r in range(60)]
    power = scene.pixels.power(*EVERYWHERE)
    assert power.dtype == np.float32 and power.shape == (60, 80)
    np.testing.assert_allclose(power, expected, rtol=2e-6)
    assert np.isnan(power[3:6, 10:14]).all() and np.isnan(power).sum() == 12
    assert power[20, 20] == 0.0  # 25 is below the noise of some 1500
    assert scene.calibration == "sigma_nought"


def test_a_window_is_the_same_as_that_part_of_all(tmp_path: Path) -> None:
    pixels = grd(tmp_path).pixels
    whole = pixels.power(*EVERYWHERE)
    for rows, columns in [((0, 1), (0, 1)), ((24, 26), (38, 42)), ((58, 60), (70, 80))]:
        part = pixels.power(slice(*rows), slice(*columns))
        np.testing.assert_array_equal(part, whole[slice(*rows), slice(*columns)])
    for rows, columns in [((0, 61), (0, 80)), ((-1, 4), (0, 4)), ((5, 5), (0, 4))]:
        with pytest.raises(InputError, match="not within"):
            pixels.power(slice(*rows), slice(*columns))
    with pytest.raises(InputError, match="no phase"):
        pixels.complex(*EVERYWHERE)


def test_speckle_over_noise_has_the_mean_that_was_put_in(tmp_path: Path) -> None:
    """Amplitude taken for intensity, or noise left in, would shift the mean by decibels."""
    random_ = np.random.default_rng(5)
    truth, shape = 0.2, (200, 300)
    signal = truth * 500.0**2 * random_.gamma(4.4, 1 / 4.4, shape)
    numbers = np.round(np.sqrt(signal + 9000.0)).astype(np.uint16)
    swath = Swath(shape=shape)
    noise = ((0.0, (0.0, 299.0), (9000.0, 9000.0)),)
    scene = open_scenes(write_safe(tmp_path, [Image(numbers, swath, noise=noise)]))[0]
    power = scene.pixels.power(slice(0, 200), slice(0, 300)).astype(float)
    assert abs(10 * np.log10(power.mean() / truth)) < 0.02
    assert power.mean() ** 2 / power.var() == pytest.approx(4.4, rel=0.05)


def test_noise_that_was_taken_off_already_stays_off(tmp_path: Path) -> None:
    scene = grd(tmp_path, noise_removed=True)
    number = float(digital_numbers()[40, 50])
    expected = number**2 / table_at(CALIBRATION, 40, 50) ** 2
    assert scene.pixels.power(slice(40, 41), slice(50, 51))[0, 0] == pytest.approx(expected)
    assert any("by the processor" in note for note in scene.notes)


def test_without_tables_nothing_is_guessed(tmp_path: Path) -> None:
    bare = grd(tmp_path / "a", calibration=None)
    assert bare.calibration == "uncalibrated"
    assert any("uncalibrated" in note for note in bare.notes)
    number = float(digital_numbers()[40, 50])
    assert bare.pixels.power(slice(40, 41), slice(50, 51))[0, 0] == number**2
    noisy = grd(tmp_path / "b", noise=None)
    assert noisy.calibration == "sigma_nought"
    assert any("thermal noise is left in" in note for note in noisy.notes)


def test_what_the_scene_says(tmp_path: Path) -> None:
    images = [
        Image(digital_numbers(1), Swath(), polarisation="VV"),
        Image(digital_numbers(2), Swath(), polarisation="VH"),
    ]
    safe = write_safe(tmp_path, images)
    assert list(find_products(tmp_path)) == [safe]
    vh, vv = sorted(open_scenes(safe), key=lambda scene: scene.polarization or "")
    assert (vv.polarization, vh.polarization) == ("VV", "VH")
    assert vv.identifier == f"{safe.stem}_VV" and vh.identifier == f"{safe.stem}_VH"
    assert not np.array_equal(vv.pixels.power(*EVERYWHERE), vh.pixels.power(*EVERYWHERE))
    assert vv.path == safe and vv.reader == "sentinel1"
    assert vv.shape == (60, 80) and not vv.is_complex and vv.plane == "ground"
    assert (vv.row_spacing_m, vv.column_spacing_m) == (10.0, 10.0)
    assert vv.range_axis == "+column" and vv.look_side == "right"
    assert vv.looks == 4.4 and any("5 x 1 looks" in note for note in vv.notes)
    # ESA states 20 m x 22 m in range and azimuth for IW GRDH
    assert vv.column_resolution_m == pytest.approx(20.0, rel=0.1)
    assert vv.row_resolution_m == pytest.approx(22.0, rel=0.1)
    assert vv.incidence_angle_deg == pytest.approx(37.5, abs=0.01)
    assert vv.range_azimuth_deg == pytest.approx(280.0, abs=0.05)
    assert vv.band == "C" and vv.center_frequency_hz == 5.405e9
    assert vv.platform == "Sentinel-1A" and vv.instrument_mode == "IW"
    assert vv.time == datetime(2022, 3, 4, 5, 6, 7, 800000, tzinfo=UTC)
    assert vv.footprint is not None
    corners = [(-0.5, -0.5), (-0.5, 79.5), (59.5, 79.5), (59.5, -0.5)]
    for (lon, lat), corner in zip(vv.footprint, corners, strict=True):
        assert GEOD.inv(lon, lat, *Swath().ground(*corner))[2] < 0.01
    for same in open_scenes(safe / "manifest.safe"):
        assert same.path == safe


def hills(row: Any, column: Any) -> Any:
    """Linear between the points of a grid of 3000 x 2000 pixels, and rough on it."""
    heights = np.random.default_rng(3).uniform(0, 1500, (8, 9))
    from scipy.interpolate import RegularGridInterpolator as Linear

    grid = (np.arange(8) * 3000.0, np.arange(9) * 2000.0)
    places = np.stack(np.broadcast_arrays(np.asarray(row, float), np.asarray(column, float)), -1)
    return Linear(grid, heights, bounds_error=False, fill_value=None)(places)


def wander(row: Any, column: Any) -> Any:
    """Polynomials of ground range every 700 rows that follow rough terrain: up to 60 m of range."""
    steps = np.random.default_rng(6).uniform(-60, 60, 40)
    return np.interp(row, KNOTS, steps) * np.asarray(column) / 12000.0


KNOTS = -1000.0 + 700.0 * np.arange(40)
WIDE = OrbitSwath()
PLACES = {
    "italy": WIDE,
    "equator": dataclasses.replace(WIDE, lon=30.0, lat=0.0, heading_deg=345.0),
    "date line": dataclasses.replace(WIDE, lon=-179.7, lat=10.0, heading_deg=350.0),
    "pole": dataclasses.replace(WIDE, lon=50.0, lat=87.0, heading_deg=250.0),
    "mountains": dataclasses.replace(WIDE, height=hills),
    "wandering": dataclasses.replace(WIDE, wander=wander),
    "wandering mountains": dataclasses.replace(WIDE, wander=wander, height=hills),
}


def polynomials_of(swath: OrbitSwath) -> RangePolynomials:
    """Fitted at each knot, with an origin that is not zero."""
    columns = np.linspace(-100, 12100, 200)
    origin_m = 5000.0
    fitted = [
        np.polynomial.Polynomial.fit(
            columns * swath.column_m - origin_m, swath.slant_m(knot + 0 * columns, columns), 8
        ).convert()
        for knot in KNOTS
    ]
    coefficients = np.array([one.coef for one in fitted])
    return RangePolynomials(KNOTS, coefficients, np.full(40, origin_m), swath.column_m)


def ground_of(swath: OrbitSwath) -> SwathGrid:
    """From a grid of points 30 km x 20 km apart, as in a product.

    As there, the points were placed by the nearest polynomial, not by the interpolated one.
    """
    grid_rows, grid_columns = np.arange(0.0, 15001, 3000), np.arange(0.0, 12001, 2000)
    row, column = np.meshgrid(grid_rows, grid_columns, indexing="ij")
    nearest = KNOTS[np.abs(row[..., None] - KNOTS).argmin(axis=-1)]
    slant = swath.slant_m(nearest, column)
    sight = Sight(
        swath.height(row, column),
        swath.incidence_deg(row, column, slant),
        slant,
        polynomials_of(swath) if swath.wander is wander else None,
    )
    place = swath.ground(row, column, slant)
    return SwathGrid(grid_rows, grid_columns, *place, swath.shape, sight)


@pytest.mark.parametrize("place", PLACES)
def test_geolocation_follows_the_ground_both_ways(place: str) -> None:
    """At 2000 places between the points of the grid."""
    swath = PLACES[place]
    ground = ground_of(swath)
    rows, columns = np.random.default_rng(1).uniform((0, 0), (15000, 12000), (2000, 2)).T
    lon, lat = ground.to_ground(rows, columns)
    true = swath.ground(rows, columns)
    metres = np.asarray(GEOD.inv(lon, lat, *true)[2])
    assert metres.max() < 0.1
    back_row, back_column = ground.to_image(lon, lat)
    assert np.abs(back_row - rows).max() < 2e-3 and np.abs(back_column - columns).max() < 2e-3
    other = pickle.loads(pickle.dumps(ground))
    np.testing.assert_array_equal(other.to_ground(rows, columns), (lon, lat))


def test_far_places_have_no_pixel_and_far_pixels_no_place(tmp_path: Path) -> None:
    ground = grd(tmp_path).ground
    assert ground is not None
    lon, lat = ground.to_ground(np.array([-200.0, 30.0, np.nan]), np.array([10.0, 500.0, 3.0]))
    assert np.isnan(lon).all() and np.isnan(lat).all()
    antipode = np.array([-168.0, 12.0, 13.0, np.nan]), np.array([-42.0, 43.0, 42.0, 42.0])
    row, column = ground.to_image(*antipode)
    assert np.isnan(row).all() and np.isnan(column).all()
    # just outside there is an answer, so that tiles at the edge can be laid out
    row, column = ground.to_image(*ground.to_ground(np.array([-20.0]), np.array([90.0])))
    assert (row[0], column[0]) == (pytest.approx(-20, abs=2e-3), pytest.approx(90, abs=2e-3))


def tops(folder: Path) -> tuple[Scene, np.ndarray]:
    """An SLC of three bursts cut from one continuous complex image, and that image."""
    random_ = np.random.default_rng(2)
    truth = random_.integers(-900, 900, (82, 40)) + 1j * random_.integers(-900, 900, (82, 40))
    truth[truth == 0] = 1
    bursts = Bursts(lines=30, offsets=(0, 25, 52), invalid=2)
    stacked = np.zeros((90, 40), np.complex64)
    for number, offset in enumerate(bursts.offsets):
        part = truth[offset : offset + 30].astype(np.complex64)
        part[:2] = part[-2:] = 0
        stacked[number * 30 : number * 30 + 30] = part
    swath = Swath(shape=(82, 40), row_m=14.0, column_m=2.33, incidence_deg=(33.0, 33.5))
    image = Image(stacked, swath, name="IW2", bursts=bursts, interval_s=2.1e-3)
    name = "S1A_IW_SLC__1SDV_20220304T050607_20220304T050634_042000_050000_0123"
    return open_scenes(write_safe(folder, [image], name))[0], truth


def test_bursts_join_into_the_image_they_were_cut_from(tmp_path: Path) -> None:
    scene, truth = tops(tmp_path)
    # the last two lines of the last burst are invalid and end the scene
    assert scene.shape == (80, 40) and scene.is_complex and scene.plane == "slant"
    every = slice(0, 80), slice(0, 40)
    value, power = scene.pixels.complex(*every), scene.pixels.power(*every)
    expected = truth[:80] / 500.0
    # valid lines are 2 to 28, 27 to 53 and 54 to 80: the second and third burst leave a gap
    expected[:2] = expected[53] = np.nan + 1j * np.nan
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    np.testing.assert_allclose(power, np.abs(value) ** 2, rtol=1e-5)
    seam = slice(20, 60), slice(5, 9)
    np.testing.assert_array_equal(scene.pixels.power(*seam), power[seam])
    assert scene.looks == 1.0 and scene.identifier.endswith("_IW2_VV")
    assert any("3 bursts joined" in note for note in scene.notes)


def test_joined_bursts_lie_where_their_times_say(tmp_path: Path) -> None:
    """The grid counts lines of the file, in which bursts repeat ground."""
    scene, _ = tops(tmp_path)
    assert scene.ground is not None
    swath = Swath(shape=(82, 40), row_m=14.0, column_m=2.33, incidence_deg=(33.0, 33.5))
    rows, columns = np.random.default_rng(1).uniform((0, 0), (79, 39), (200, 2)).T
    metres = GEOD.inv(*scene.ground.to_ground(rows, columns), *swath.ground(rows, columns))[2]
    assert np.max(metres) < 0.02  # times have whole microseconds: 7 mm


def test_single_look_complex_noise_keeps_the_phase(tmp_path: Path) -> None:
    numbers = np.full((20, 20), 300 + 400j, np.complex64)
    noise = ((0.0, (0.0, 19.0), (90000.0, 90000.0)),)
    image = Image(numbers, Swath(shape=(20, 20)), name="S3", noise=noise, noise_blocks=())
    scene = open_scenes(write_safe(tmp_path, [image], "S1A_S3_SLC__1SSV_X"))[0]
    value = scene.pixels.complex(slice(0, 20), slice(0, 20))
    power = scene.pixels.power(slice(0, 20), slice(0, 20))
    np.testing.assert_allclose(power, 160000 / 250000, rtol=1e-6)
    np.testing.assert_allclose(np.abs(value) ** 2, power, rtol=1e-5)
    np.testing.assert_allclose(np.angle(value), np.angle(numbers), rtol=1e-5)


def test_scenes_travel_to_other_processes(tmp_path: Path) -> None:
    scene = grd(tmp_path)
    other = pickle.loads(pickle.dumps(scene))
    np.testing.assert_array_equal(other.pixels.power(*EVERYWHERE), scene.pixels.power(*EVERYWHERE))


@pytest.fixture
def safe(tmp_path: Path) -> Path:
    return grd(tmp_path).path


def test_missing_and_mismatched_parts_are_named(safe: Path) -> None:
    image = next((safe / "measurement").glob("*.tiff"))
    write_tiff(image, digital_numbers(shape=(50, 80)))
    with pytest.raises(FormatError, match=r"50 x 80 .* annotation says 60 x 80"):
        open_scenes(safe)
    write_tiff(image, np.ones((60, 80), np.complex64))
    with pytest.raises(FormatError, match="complex"):
        open_scenes(safe)
    image.write_text("<VRTDataset rasterXSize='60' rasterYSize='80'></VRTDataset>")
    with pytest.raises(FormatError, match="first bytes"):
        open_scenes(safe)
    image.unlink()
    with pytest.raises(FormatError, match="no measurement/"):
        open_scenes(safe)
    for xml in (safe / "annotation").glob("*.xml"):
        xml.unlink()
    with pytest.raises(InputError, match="level 1"):
        open_scenes(safe)


@pytest.mark.parametrize("kind", ["", "calibration/calibration-", "calibration/noise-"])
def test_entities_are_refused(safe: Path, kind: str) -> None:
    stem = next((safe / "annotation").glob("*.xml")).name
    xml = safe / "annotation" / f"{kind}{stem}"
    text = xml.read_text()
    for entity in ('<!ENTITY a "1">', '<!ENTITY a SYSTEM "file:///etc/hostname">'):
        head, body = text.split("?>", 1)
        xml.write_text(f"{head}?><!DOCTYPE product [{entity}]>{body}")
        with pytest.raises(FormatError, match=xml.name):
            open_scenes(safe)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("calibration/calibration-", "600.0", "-600.0"),
        ("calibration/calibration-", "600.0", "nan"),
        ("calibration/calibration-", "600.0 ", ""),
        ("calibration/calibration-", "0.0 30.0 79.0", "0.0 90.0 79.0"),
        ("calibration/noise-", "2000.0", "-2000.0"),
        ("calibration/noise-", "noiseRangeLut", "noiseLost"),
        ("", "<numberOfLooks>5", "<numberOfLooks>many"),
        ("", "<rangePixelSpacing>10.0", "<rangePixelSpacing>0"),
        ("", "<longitude>", "<longitude>9"),
        ("", "<line>20</line>", "<line>21</line>"),
        ("", "<startTime>2022", "<startTime>yes"),
        ("", "<slantRangeTime>0", "<slantRangeTime>9"),
        ("", 'grsrCoefficients count="2">8', 'grsrCoefficients count="2">7'),
        ("", "coordinateConversionList", "x"),
    ],
)
def test_impossible_tables_are_refused(safe: Path, kind: str, old: str, new: str) -> None:
    stem = next((safe / "annotation").glob("*.xml")).name
    xml = safe / "annotation" / f"{kind}{stem}"
    text = xml.read_text()
    assert old in text
    xml.write_text(text.replace(old, new, 1))
    with pytest.raises(FormatError, match="SAFE"):
        open_scenes(safe)


def test_random_damage_never_escapes_as_another_error(safe: Path) -> None:
    files = [path for path in safe.rglob("*") if path.is_file()]
    random_ = random.Random(7)
    refused = 0
    for _ in range(150):
        path = random_.choice(files)
        whole = path.read_bytes()
        damaged = bytearray(whole)
        for _ in range(random_.randint(1, 8)):
            damaged[random_.randrange(len(damaged))] = random_.randrange(256)
        path.write_bytes(damaged[: random_.choice([len(damaged), random_.randrange(len(damaged))])])
        try:
            for scene in open_scenes(safe):
                power = scene.pixels.power(*EVERYWHERE)
                assert power.shape == (60, 80) and not (power < 0).any()
        except SarloomError as error:
            assert safe.name in str(error)
            refused += 1
        path.write_bytes(whole)
    assert refused > 50


@pytest.fixture
def real(shared_data: Path) -> Path:
    return next((shared_data / "sentinel1_safe_annotation_only").glob("*.SAFE"))


def test_a_real_annotation(real: Path) -> None:
    (scene,) = open_scenes(real)
    assert scene.shape == (16705, 26102) and scene.looks == 4.4
    assert scene.incidence_angle_deg == pytest.approx(39.0, abs=0.2)
    assert scene.range_azimuth_deg == pytest.approx(280.0, abs=1.0)
    # the manifest's own footprint, far corners of the product
    assert scene.footprint is not None
    north = [(15.321935, 42.376778), (12.189661, 42.780445)]
    manifest = [*north, (11.865704, 41.281048), (14.925448, 40.876698)]
    for corner, stated in zip(scene.footprint, manifest, strict=True):
        assert GEOD.inv(*corner, *stated)[2] < 2000  # the manifest leaves heights out
    assert np.isnan(scene.pixels.power(slice(0, 64), slice(0, 64))).all()  # its pixels are zero


def test_real_tables_at_a_point_of_the_table(real: Path) -> None:
    (scene,) = sentinel1.read(real)
    pixels: Any = scene.pixels
    assert pixels.calibration.window(slice(668, 669), slice(80, 81))[0, 0] == pytest.approx(
        663.3057
    )
    # first range noise value times the first azimuth factor
    assert pixels.noise.window(slice(0, 1), slice(0, 1))[0, 0] == pytest.approx(2375.788 * 1.091791)


def test_real_grid_predicts_the_points_left_out_of_it(real: Path) -> None:
    """With every second column left out; twice as dense, the true grid is far better still."""
    grid = read_annotation(next((real / "annotation").glob("*.xml"))).grid
    keep = np.arange(0, len(grid.columns), 2)
    ground = SwathGrid(
        grid.lines,
        grid.columns[keep],
        grid.lon[:, keep],
        grid.lat[:, keep],
        (16705, 26102),
        Sight(grid.heights_m[:, keep], grid.incidence_deg[:, keep], grid.ranges_m[:, keep]),
    )
    left_out = np.setdiff1d(np.arange(len(grid.columns)), keep)
    row, column = np.meshgrid(grid.lines, grid.columns[left_out], indexing="ij")
    lon, lat = ground.to_ground(row, column)
    metres = np.asarray(GEOD.inv(lon, lat, grid.lon[:, left_out], grid.lat[:, left_out])[2])
    # what is left is terrain between the points: its height error over tan(incidence)
    linear = np.stack(
        [np.interp(grid.columns, grid.columns[keep], h[keep]) for h in grid.heights_m]
    )
    missed = np.abs(linear - grid.heights_m)[:, left_out]
    expected = missed / np.tan(np.radians(grid.incidence_deg[:, left_out]))
    assert np.abs(metres - expected).max() < 2.0  # of height errors up to 480 m
    assert np.abs(metres - expected)[missed < 1.0].max() < 0.1
    assert (missed < 1.0).sum() > 15 and missed.max() > 400.0


def test_real_geolocation_agrees_with_orbit_and_range(real: Path) -> None:
    """Independent of the grid: the distance from the orbit is the annotated slant range."""
    from defusedxml import ElementTree
    from pyproj import Transformer
    from scipy.interpolate import CubicHermiteSpline, RegularGridInterpolator

    xml = next((real / "annotation").glob("*.xml"))
    root = ElementTree.parse(xml).getroot()
    annotation = read_annotation(xml)
    (scene,) = sentinel1.read(real)
    assert scene.ground is not None

    def seconds(text: str | None) -> float:
        time = datetime.fromisoformat(text or "").replace(tzinfo=UTC)
        return (time - annotation.start).total_seconds()

    orbit = root.findall("generalAnnotation/orbitList/orbit")
    state = [
        [[float(one.findtext(f"{what}/{axis}")) for axis in "xyz"] for one in orbit]
        for what in ("position", "velocity")
    ]
    track = CubicHermiteSpline([seconds(one.findtext("time")) for one in orbit], *state)
    to_range = root.findall("coordinateConversion/coordinateConversionList/coordinateConversion")
    at = np.array([seconds(one.findtext("azimuthTime")) for one in to_range])
    coefficients = np.array(
        [[float(x) for x in (one.findtext("grsrCoefficients") or "").split()] for one in to_range]
    )
    random_ = np.random.default_rng(4)
    rows, columns = random_.uniform((0, 0), (16704, 26101), (1000, 2)).T
    grid = annotation.grid
    heights_of = RegularGridInterpolator((grid.lines, grid.columns), grid.heights_m)
    heights = heights_of(np.stack([rows, columns], axis=-1))
    assert heights.max() > 1000.0 and (heights < 1.0).sum() > 50
    time = rows * annotation.line_interval_s
    slant = np.array(
        [
            np.interp(t, at, [np.polynomial.polynomial.polyval(c * 10.0, k) for k in coefficients])
            for t, c in zip(time, columns, strict=True)
        ]
    )
    lon, lat = scene.ground.to_ground(rows, columns)
    xyz = np.stack(
        Transformer.from_crs(4979, 4978, always_xy=True).transform(lon, lat, heights), -1
    )
    distance = np.linalg.norm(track(time) - xyz, axis=-1)
    assert np.abs(distance - slant).max() < 0.5  # of range; 0.02 over the sea
    forward = track.derivative()(time)
    along = np.sum((xyz - track(time)) * forward, -1) / np.linalg.norm(forward, axis=-1)
    # lines are timed for mid swath: at its edges the echo's travel time makes 0.2 lines
    assert np.abs(along).max() < 2.5
