"""Raster readers: georeference, radiometry, what breaks readers, third parties' readers."""

from __future__ import annotations

import json
import pickle
import shutil
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.rpc import RPC
from rasterio.transform import Affine
from rasterio.warp import transform as warp

from sarloom.archive import registry
from sarloom.archive.description import KEYS
from sarloom.archive.facts import look_azimuth_deg
from sarloom.archive.ground import AffineGround, FittedGround, corners_of
from sarloom.archive.raster import Conversion, Quantity, RasterFile, RasterPixels
from sarloom.archive.readers.capella import azimuth_from_ecef
from sarloom.archive.registry import find_products, open_scenes
from sarloom.archive.safety import MAX_WINDOW_PIXELS
from sarloom.errors import FormatError, InputError, SarloomError
from sarloom.records import Scene

ROTATED = Affine(-0.143, -0.5768, 337934.5, -0.5768, 0.143, 7840518.5)
WHOLE = slice(0, 40), slice(0, 60)

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


def write_tiff(
    path: Path,
    values: Any,
    *,
    tags: dict[str, str] | None = None,
    names: tuple[str, ...] = (),
    **profile: Any,
) -> Path:
    bands = values[np.newaxis] if values.ndim == 2 else values
    profile = {"dtype": bands.dtype.name, **profile}
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        **profile,
    ) as raster:  # fmt: skip
        raster.write(bands)
        raster.update_tags(**(tags or {}))
        for index, name in enumerate(names, 1):
            raster.set_band_description(index, name)
    return path


def speckle(seed: int = 1) -> Any:
    """Single-look complex speckle [40, 60] of unit mean power."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(2, 40, 60)) / np.sqrt(2)
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def only(path: Path) -> Scene:
    (scene,) = open_scenes(path)
    return scene


# Georeference


def test_places_agree_with_rasterio(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()), crs="EPSG:32759", transform=ROTATED)
    scene = only(path)
    rows, columns = np.mgrid[0:40:7, 0:60:7].reshape(2, -1).astype(float)
    with rasterio.open(path) as raster:
        x, y = raster.xy(rows, columns)
        lon, lat = warp(raster.crs, "EPSG:4326", x, y)
    assert scene.ground is not None
    ours = scene.ground.to_ground(rows, columns)
    assert np.allclose(ours, (lon, lat), rtol=0, atol=1e-10)
    assert np.allclose(scene.ground.to_image(*ours), (rows, columns), rtol=0, atol=1e-6)
    assert (scene.row_spacing_m, scene.column_spacing_m) == pytest.approx((0.59426, 0.59426), 1e-4)
    assert (scene.plane, scene.crs, scene.transform) == ("geocoded", "EPSG:32759", ROTATED[:6])
    assert scene.footprint == corners_of(scene.ground, (40, 60))


def test_spacing_of_degrees_and_of_mercator_is_metres_on_the_ground(tmp_path: Path) -> None:
    step = 1e-4
    degrees = Affine(step, 0, -0.78, 0, -step, 60.0)
    image = np.abs(speckle())
    one = only(write_tiff(tmp_path / "a.tif", image, crs="EPSG:4326", transform=degrees))
    # ellipsoid at 60 degrees: 111412 m per degree of latitude, 55800 m of longitude
    assert (one.row_spacing_m, one.column_spacing_m) == pytest.approx((11.1412, 5.5800), 1e-3)
    mercator = Affine(10, 0, 0, 0, -10, 8399738)  # y of 60 degrees north
    two = only(write_tiff(tmp_path / "b.tif", image, crs="EPSG:3857", transform=mercator))
    assert two.column_spacing_m == pytest.approx(5.0, rel=0.01)


def test_ground_control_points_alone(tmp_path: Path) -> None:
    truth = AffineGround(ROTATED[:6], "EPSG:32759")
    rows, columns = np.mgrid[0:40:5j, 0:60:5j].reshape(2, -1)
    lon, lat = truth.to_ground(rows - 0.5, columns - 0.5)
    points = [GroundControlPoint(*one) for one in zip(rows, columns, lon, lat, strict=True)]
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()), gcps=points, crs="EPSG:4326")
    scene = only(path)
    assert scene.ground is not None and scene.crs is None and scene.plane == "ground"
    assert np.allclose(
        scene.ground.to_image(*truth.to_ground(np.array([3.0, 39.0]), np.array([50.0, 7.0]))),
        ([3, 39], [50, 7]), atol=1e-3,
    )  # fmt: skip
    assert scene.row_spacing_m == pytest.approx(0.59426, rel=1e-3)
    assert any("25 ground control points" in note for note in scene.notes)


def test_rational_polynomials_alone(tmp_path: Path) -> None:
    one = [1.0] + [0.0] * 19
    line = [0.0, 0.0, -1.0] + [0.0] * 17  # line grows to the south
    sample = [0.0, 1.0, 0.0] + [0.0] * 17
    rpcs = RPC(
        height_off=100, height_scale=500, lat_off=48.0, lat_scale=0.01, line_den_coeff=one,
        line_num_coeff=line, line_off=20, line_scale=20, long_off=2.0, long_scale=0.02,
        samp_den_coeff=one, samp_num_coeff=sample, samp_off=30, samp_scale=30,
    )  # fmt: skip
    scene = only(write_tiff(tmp_path / "a.tif", np.abs(speckle()), rpcs=rpcs))
    assert scene.ground is not None
    with rasterio.open(tmp_path / "a.tif") as raster:
        from rasterio.transform import RPCTransformer

        with RPCTransformer(raster.rpcs) as direct:
            lon, lat = direct.xy([4, 33], [50, 11], zs=[100, 100])
    ours = scene.ground.to_ground(np.array([4.0, 33.0]), np.array([50.0, 11.0]))
    assert np.allclose(ours, (lon, lat), rtol=0, atol=1e-8)
    assert any("height of 100 m" in note for note in scene.notes)


def test_fitted_ground_crosses_the_date_line_and_refuses_a_line() -> None:
    rows, columns = [0.0, 0, 100, 100], [0.0, 100, 100, 0]
    ground = FittedGround(rows, columns, [179.99, -179.99, -179.99, 179.99], [10, 10, 9.98, 9.98])
    lon, lat = ground.to_ground(np.array([50.0]), np.array([50.0]))
    assert abs(abs(lon[0]) - 180) < 1e-9 and lat[0] == pytest.approx(9.99)
    assert np.allclose(ground.to_image(lon, lat), 50)
    with pytest.raises(FormatError, match="line"):
        FittedGround([0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 1, 2])
    with pytest.raises(FormatError, match="3 needed"):
        FittedGround([0, 1], [0, 1], [0, 1], [0, 1])


def test_no_coordinate_system_is_no_georeference(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()), transform=ROTATED)
    scene = only(path)
    assert (scene.ground, scene.crs, scene.transform, scene.row_spacing_m) == (None,) * 4
    assert any("without a coordinate system" in note for note in scene.notes)


def test_outside_its_projection_is_no_georeference(tmp_path: Path) -> None:
    far = Affine(1e7, 0, 9e12, 0, -1e7, 9e12)
    scene = only(write_tiff(tmp_path / "a.tif", np.abs(speckle()), crs="EPSG:32633", transform=far))
    assert scene.ground is None and scene.footprint is None
    assert any("outside" in note for note in scene.notes)


def test_range_azimuth_gives_the_axis_and_the_other_way_round(tmp_path: Path) -> None:
    east = Affine(2, 0, 5e5, 0, -2, 5e6)  # on the central meridian: columns go due east
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()), crs="EPSG:32633", transform=east)
    for stated, axis, azimuth in (
        ('range_direction = "right"', "+column", 90.0),
        ('range_direction = "up"', "-row", 0.0),
        ("range_azimuth_deg = 269.5", "-column", 269.5),
        ("range_azimuth_deg = 100", None, 100.0),
    ):
        (tmp_path / "a.toml").write_text(stated + "\n")
        scene = only(path)
        assert scene.range_axis == axis and scene.range_azimuth_deg is not None
        assert abs((scene.range_azimuth_deg - azimuth + 180) % 360 - 180) < 0.01
    (tmp_path / "a.toml").write_text('range_direction = "right"\nrange_azimuth_deg = 270\n')
    with pytest.raises(FormatError, match="correct one of them"):
        open_scenes(path)


# Radiometry


def test_amplitude_intensity_and_decibels_mean_the_same_power(tmp_path: Path) -> None:
    power = np.abs(speckle()).astype(np.float64) ** 2
    for quantity, stored in (
        ("amplitude", np.sqrt(power)),
        ("intensity", power),
        ("db", 10 * np.log10(power)),
    ):
        path = write_tiff(tmp_path / f"{quantity}.tif", stored.astype(np.float32))
        path.with_suffix(".toml").write_text(f'quantity = "{quantity}"\n')
        read = only(path).pixels.power(*WHOLE)
        assert read.dtype == np.float32 and np.allclose(read, power, rtol=2e-5)


def test_scaled_amplitude_and_decibels_come_back(tmp_path: Path) -> None:
    amplitude = np.abs(speckle())
    limit = float(amplitude.mean() + 3 * amplitude.std())
    stored = np.round(np.clip(amplitude / limit, 0, 1) * 65535).astype(np.uint16)
    path = write_tiff(tmp_path / "a.tif", stored)
    path.with_suffix(".toml").write_text(
        f'quantity = "amplitude"\nfull_scale_amplitude = {limit}\n'
    )
    below = (amplitude < limit) & (amplitude > 0.01)
    read = only(path).pixels.power(*WHOLE)
    assert np.abs(10 * np.log10(read[below] / amplitude[below] ** 2)).max() < 0.05
    db = np.round((20 * np.log10(amplitude) + 40) / 60 * 255).astype(np.uint8)
    path = write_tiff(tmp_path / "b.tif", db)
    path.with_suffix(".toml").write_text(
        'quantity = "db"\ndecibels_at_zero = -40\ndecibels_at_full_scale = 20\n'
    )
    read = only(path).pixels.power(*WHOLE)
    assert np.abs(10 * np.log10(read / amplitude**2)).max() < 60 / 255 / 2 + 1e-3


def test_complex_numbers_of_every_form(tmp_path: Path) -> None:
    z = speckle()
    whole = np.round(z * 1000)
    plain = write_tiff(tmp_path / "z.tif", z)
    integer = write_tiff(tmp_path / "i.tif", whole.astype(np.complex64), dtype="complex_int16")
    pair = write_tiff(tmp_path / "p.tif", np.stack([z.real, z.imag]))
    polar = write_tiff(tmp_path / "q.tif", np.stack([np.abs(z), np.angle(z)]))
    (tmp_path / "p.toml").write_text('quantity = "iq"\n')
    (tmp_path / "q.toml").write_text('quantity = "amplitude_phase"\n')
    np.save(tmp_path / "n.npy", z.astype(">c8"))
    (tmp_path / "n.toml").write_text('quantity = "complex"\n')
    for path, truth in (
        (plain, z), (integer, whole), (pair, z), (polar, z), (tmp_path / "n.npy", z),
    ):  # fmt: skip
        scene = only(path)
        read = scene.pixels.complex(slice(3, 9), slice(5, 60))
        assert scene.is_complex and read.dtype == np.complex64
        assert np.allclose(read, truth[3:9, 5:60], rtol=1e-4, atol=1e-6)
        power = scene.pixels.power(slice(3, 9), slice(5, 60))
        assert np.allclose(power, np.abs(read) ** 2, rtol=1e-5)


def test_nodata_and_masks_are_nan(tmp_path: Path) -> None:
    values = np.abs(speckle())
    values[:10] = -9999
    values[30, 30] = np.nan
    path = write_tiff(tmp_path / "a.tif", values, nodata=-9999)
    power = only(path).pixels.power(*WHOLE)
    assert np.isnan(power[:10]).all() and np.isnan(power).sum() == 601
    z = speckle()
    z[5] = 0
    path = write_tiff(tmp_path / "z.tif", z)
    path.with_suffix(".toml").write_text("nodata = 0\n")
    scene = only(path)
    assert np.isnan(scene.pixels.power(*WHOLE)).sum() == 60
    assert np.isnan(scene.pixels.complex(*WHOLE)).sum() == 60
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            tmp_path / "m.tif", "w", driver="GTiff", height=40, width=60, count=1, dtype="uint8"
        ) as raster,
    ):
        raster.write(np.full((40, 60), 7, np.uint8), 1)
        raster.write_mask(np.tile(np.uint8(255) * (np.arange(60) >= 20), (40, 1)))
    power = only(tmp_path / "m.tif").pixels.power(*WHOLE)
    assert np.isnan(power[:, :20]).all() and (power[:, 20:] == 49).all()


@pytest.mark.parametrize("nodata", [None, 0.0, 7.0, -3.0])
@pytest.mark.parametrize("quantity", ["amplitude", "intensity", "db", "complex"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
def test_quick_ways_give_what_asking_every_pixel_gives(
    tmp_path: Path, dtype: str, quantity: Quantity, nodata: float | None
) -> None:
    """Windows with and without holes, zeros, signs and numbers beyond any radar."""
    rng = np.random.default_rng(5)
    plain = rng.integers(1, 90, (40, 60)).astype(dtype)
    odd: list[float] = [0, 7]
    if dtype != "uint8" and dtype != "uint16":
        odd += [-3]
    if dtype.startswith("float"):
        odd += [np.nan, np.inf, -np.inf, 1e25, 5e3]
    unsigned = dtype.startswith("u")
    if (quantity == "complex" and not dtype.startswith("float")) or (unsigned and nodata == -3):
        pytest.skip("no such file")
    for number in (None, *odd):
        values = plain.copy()
        if number is not None:
            values[3, 5] = number
        stored = values.astype(np.result_type(dtype, np.complex64)) * (1 + 1j)
        path = write_tiff(
            tmp_path / "a.tif", stored if quantity == "complex" else values, nodata=nodata
        )
        with rasterio.open(path) as raster:
            kept = raster.read(1)
        valid = np.isfinite(kept) & (True if nodata is None else kept != nodata)
        for also, measured in ((None, valid), (7, valid & (kept != 7))):
            conversion = Conversion(quantity, factor=0.5, nodata=also)
            slow = answer(conversion.power, path, kept, measured)
            quick = answer(RasterPixels(RasterFile(path), 1, conversion).power, *WHOLE)
            # not array_equal, which cannot compare texts
            np.testing.assert_array_equal(quick, slow, str(number))


def answer(function: Any, *given: Any) -> Any:
    """What a function gives, or the message of its error."""
    try:
        with np.errstate(invalid="ignore"):
            return function(*given)
    except FormatError as error:
        return str(error)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64", "complex64"])
def test_windows_are_the_same_however_the_file_is_laid_out(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(2)
    bands = rng.integers(0, 100, (2, 150, 170)).astype(dtype)
    tiles = {"tiled": True, "blockxsize": 32, "blockysize": 48}
    for profile in (
        {}, {"blockysize": 7}, tiles, {**tiles, "interleave": "pixel"},
        {**tiles, "interleave": "band"}, {**tiles, "compress": "deflate"},
        {**tiles, "BIGTIFF": "YES"}, {**tiles, "ENDIANNESS": "BIG"}, {**tiles, "sparse_ok": True},
    ):  # fmt: skip
        if "sparse_ok" in profile:
            bands[:, 48:96, 32:64] = 0
        path = write_tiff(tmp_path / "a.tif", bands, **profile)
        file = RasterFile(path)
        for _ in range(12):
            top, left = rng.integers(0, 140), rng.integers(0, 160)
            part = (
                slice(int(top), int(rng.integers(top + 1, 151))),
                slice(int(left), int(rng.integers(left + 1, 171))),
            )
            for band in (1, 2):
                assert np.array_equal(file.read(band, *part), bands[band - 1][part]), profile


def test_negative_amplitudes_are_refused_and_noise_below_zero_is_zero(tmp_path: Path) -> None:
    db = write_tiff(tmp_path / "db.tif", 10 * np.log10(np.abs(speckle()) ** 2))
    scene = only(db)
    assert scene.calibration == "uncalibrated"
    assert any("TOML" in note for note in scene.notes)
    with pytest.raises(FormatError, match=r"db.tif: negative .* quantity = \"db\""):
        scene.pixels.power(*WHOLE)
    quiet = write_tiff(tmp_path / "quiet.tif", np.abs(speckle()) ** 2 - np.float32(0.05))
    quiet.with_suffix(".toml").write_text('quantity = "intensity"\n')
    power = only(quiet).pixels.power(*WHOLE)
    assert power.min() == 0 and (power == 0).sum() > 10


def test_calibration_without_quantity_is_refused(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()))
    path.with_suffix(".toml").write_text('calibration = "sigma_nought"\n')
    with pytest.raises(FormatError, match="state both"):
        open_scenes(path)


def test_detected_pixels_have_no_phase(tmp_path: Path) -> None:
    scene = only(write_tiff(tmp_path / "a.tif", np.abs(speckle())))
    with pytest.raises(InputError, match="detected"):
        scene.pixels.complex(*WHOLE)


# Families


def test_simulated_scenes_are_read_for_what_they_are(tmp_path: Path) -> None:
    from sarloom.simulate.scene import simulate_scene
    from sarloom.simulate.write import write_scene

    scene = simulate_scene("farmland", 3, size=128)
    write_scene(scene, tmp_path)
    read = only(tmp_path / "farmland-3.tif")
    assert (read.calibration, read.synthetic, read.is_complex) == ("sigma_nought", True, False)
    assert (read.range_axis, read.plane) == ("+column", "ground")
    sensor = scene.radar.sensor
    assert read.incidence_angle_deg == sensor.incidence_angle_deg and read.looks == sensor.looks
    assert read.row_spacing_m == read.column_spacing_m == pytest.approx(scene.radar.spacing_m)
    window = slice(0, 128), slice(0, 128)
    assert np.allclose(read.pixels.power(*window), scene.radar.sigma_nought, rtol=1e-6)
    complex_one = only(tmp_path / "farmland-3-complex.tif")
    assert complex_one.is_complex and complex_one.calibration == "sigma_nought"
    assert np.allclose(complex_one.pixels.power(*window), scene.radar.sigma_nought, rtol=1e-4)
    assert only(tmp_path / "farmland-3-satellite.tif").looks == scene.satellite.looks
    products = {path.name for path in find_products(tmp_path)}
    assert products == {f"farmland-3{end}.tif" for end in ("", "-complex", "-satellite")}


def umbra_metadata(**changes: Any) -> dict[str, Any]:
    collect = {
        "id": "5ba5", "startAtUTC": "2023-07-18T02:30:33+00:00", "radarBand": "X",
        "radarCenterFrequencyHz": 9.6e9, "polarizations": ["VV"], "angleAzimuthDegrees": 104.0,
        "angleGrazingDegrees": 42.6, "angleIncidenceDegrees": 47.4, "slantRangeMeters": 743643.9,
        "satelliteTrack": "ASCENDING", "observationDirection": "LEFT", **changes,
    }  # fmt: skip
    return {"version": "1.0.0", "vendor": "Umbra Space", "imagingMode": "SPOTLIGHT",
            "umbraSatelliteName": "UMBRA_04", "collects": [collect]}  # fmt: skip


def test_umbra(tmp_path: Path) -> None:
    stem = "2023-07-18-02-30-32_UMBRA-04"
    grey = np.clip(np.abs(speckle()) * 60, 0, 255).astype(np.uint8)
    path = write_tiff(tmp_path / f"{stem}_GEC.tif", grey, crs="EPSG:32759", transform=ROTATED)
    sidecar = tmp_path / f"{stem}_METADATA.json"
    sidecar.write_text(json.dumps(umbra_metadata()))
    scene = only(path)
    assert (scene.reader, scene.calibration) == ("umbra", "uncalibrated")
    assert scene.platform == "UMBRA_04"
    assert (scene.look_side, scene.band, scene.polarization) == ("left", "X", "VV")
    assert scene.incidence_angle_deg == 47.4
    assert scene.time == datetime(2023, 7, 18, 2, 30, 33, tzinfo=UTC)
    # a left-looking ascending platform stands in the east: range grows to the west
    assert scene.range_azimuth_deg == pytest.approx(284.0)
    assert scene.range_axis == "+row"  # ROTATED: rows go towards 284 degrees
    sidecar.write_text(json.dumps(umbra_metadata(satelliteTrack=None)))
    assert only(path).range_azimuth_deg is None
    sidecar.write_text(json.dumps(umbra_metadata(angleIncidenceDegrees="steep")))
    with pytest.raises(FormatError, match="angleIncidenceDegrees"):
        open_scenes(path)
    sidecar.write_text("{not json")
    with pytest.raises(FormatError, match=r"METADATA\.json"):
        open_scenes(path)


@pytest.mark.parametrize(
    ("azimuth", "side", "orbit", "looks_towards"),
    [
        (100.78, "right", "descending", 280.78),  # from the scene to the platform
        (280.78, "right", "descending", 280.78),  # from the platform to the scene
        (80.0, "right", "ascending", 80.0),
        (122.1, "left", "ascending", 302.1),
        (122.1, None, "ascending", None),
        (122.1, "left", None, None),
    ],
)
def test_look_azimuth_is_settled_by_side_and_pass(
    azimuth: float, side: str | None, orbit: str | None, looks_towards: float | None
) -> None:
    found = look_azimuth_deg(azimuth, side, orbit)
    assert found == (None if looks_towards is None else pytest.approx(looks_towards))


def ecef(lon_deg: float, lat_deg: float, radius_m: float) -> list[float]:
    lon, lat = np.radians([lon_deg, lat_deg])
    unit = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
    return [float(part) * radius_m for part in unit]


def capella_metadata(**image: Any) -> dict[str, Any]:
    return {
        "product_type": "SLC",
        "collect": {
            "start_timestamp": "2024-07-09T04:03:29.123456789Z", "platform": "capella-14",
            "mode": "spotlight", "collect_id": "C14",
            "image": {
                "data_type": "CInt16", "scale_factor": 0.002, "radiometry": "beta_nought",
                "pixel_spacing_row": 0.3, "pixel_spacing_column": 0.4,
                "azimuth_resolution": 0.5, "range_resolution": 0.6,
                "azimuth_looks": 1.0, "range_looks": 1.0,
                "image_geometry": {"type": "slant_plane", "delta_range_sample": 0.4},
                "center_pixel": {
                    "incidence_angle": 38.0, "target_position": ecef(4.0, 0.0, 6.378e6),
                },
                "reference_antenna_position": ecef(0.0, 0.0, 6.9e6), **image,
            },
            "radar": {"center_frequency": 9.65e9, "pointing": "right",
                      "transmit_polarization": "H", "receive_polarization": "H"},
            "state": {"direction": "ascending"},
        },
    }  # fmt: skip


def test_capella_sidecar_and_tag(tmp_path: Path) -> None:
    whole = np.round(speckle() * 1000).astype(np.complex64)
    name = "CAPELLA_C14_SP_SLC_HH_20240709040329_20240709040358"
    beside = write_tiff(tmp_path / f"{name}.tif", whole, dtype="complex_int16")
    (tmp_path / f"{name}_extended.json").write_text(json.dumps(capella_metadata()))
    inside = write_tiff(
        tmp_path / "renamed.tif", whole, dtype="complex_int16",
        tags={"TIFFTAG_IMAGEDESCRIPTION": json.dumps(capella_metadata())},
    )  # fmt: skip
    for path in (beside, inside):
        scene = only(path)
        assert (scene.reader, scene.calibration, scene.plane) == ("capella", "beta_nought", "slant")
        assert np.allclose(scene.pixels.power(*WHOLE), 4e-6 * np.abs(whole) ** 2, rtol=1e-5)
        assert (scene.row_spacing_m, scene.column_spacing_m) == (0.3, 0.4)
        assert (scene.range_axis, scene.look_side, scene.looks) == ("+column", "right", 1.0)
        assert scene.range_azimuth_deg == pytest.approx(90, abs=0.5)  # target east of platform
        assert scene.polarization == "HH" and scene.band == "X"
        assert scene.time == datetime(2024, 7, 9, 4, 3, 29, 123456, tzinfo=UTC)


@pytest.mark.parametrize("radiometry", [None, "none", "sharpened"])
def test_capella_is_calibrated_only_where_it_says_so(
    tmp_path: Path, radiometry: str | None
) -> None:
    path = write_tiff(tmp_path / "CAPELLA_a.tif", speckle())
    content = capella_metadata(radiometry=radiometry)
    (tmp_path / "CAPELLA_a_extended.json").write_text(json.dumps(content))
    scene = only(path)
    assert scene.calibration == "uncalibrated"
    assert any("uncalibrated" in note for note in scene.notes)


def test_azimuth_from_positions() -> None:
    target = np.array(ecef(10, 50, 6.365e6))
    for lon, lat, azimuth in ((6, 50, 90), (14, 50, 270), (10, 46, 0), (10, 54, 180)):
        platform = np.array(ecef(lon, lat, 6.9e6))
        found = azimuth_from_ecef(platform, target)
        assert found is not None and abs((found - azimuth + 180) % 360 - 180) < 2.0
    assert azimuth_from_ecef(target * 1.1, target * 0.1) is None


ICEYE_XML = """<?xml version="1.0"?>
<GRD xmlns="x"><calibration_factor>2e-5</calibration_factor><product_type>{kind}</product_type>
<look_side>right</look_side><acquisition_mode>{mode}</acquisition_mode>
<incidence_center>27.5</incidence_center><range_spacing>2.5</range_spacing>
<azimuth_spacing>2.4</azimuth_spacing><azimuth_looks>2</azimuth_looks><range_looks>1</range_looks>
<carrier_frequency>9.65e9</carrier_frequency><polarization>VV</polarization>
<satellite_name>ICEYE-X7</satellite_name>
<acquisition_start_utc>2021-10-26T06:09:46.123456</acquisition_start_utc>
<coord_first_near>[1, 1, 48.010, 2.000]</coord_first_near>
<coord_first_far>[60, 1, 48.010, 2.002]</coord_first_far>
<coord_last_near>[1, 40, 48.009, 2.000]</coord_last_near>
<coord_last_far>[60, 40, 48.009, 2.002]</coord_last_far></GRD>"""


def test_iceye_amplitude_is_sigma_nought_without_a_second_sine(tmp_path: Path) -> None:
    values = np.round(np.abs(speckle()) * 200).astype(np.uint16)
    path = write_tiff(tmp_path / "ICEYE_X7_GRD_SM_1_20211026T060946.tif", values)
    path.with_suffix(".xml").write_text(ICEYE_XML.format(kind="GRD", mode="stripmap"))
    scene = only(path)
    assert (scene.reader, scene.calibration, scene.plane) == ("iceye", "sigma_nought", "ground")
    assert np.allclose(scene.pixels.power(*WHOLE), 2e-5 * values.astype(float) ** 2, rtol=1e-6)
    assert (scene.range_axis, scene.look_side, scene.looks) == ("+column", "right", 2.0)
    assert (scene.row_spacing_m, scene.column_spacing_m) == (2.4, 2.5)
    assert scene.ground is not None and scene.range_azimuth_deg == pytest.approx(90, abs=0.1)
    lon, lat = scene.ground.to_ground(np.array([0.0, 39.0]), np.array([0.0, 59.0]))
    assert np.allclose((lon, lat), ([2.0, 2.002], [48.010, 48.009]), atol=1e-9)
    path.with_suffix(".xml").write_text(ICEYE_XML.format(kind="GRD", mode="scan"))
    assert only(path).calibration == "uncalibrated"
    path.with_suffix(".xml").write_text(
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><GRD><look_side>&x;</look_side></GRD>'
    )
    with pytest.raises(FormatError, match="document type"):
        open_scenes(path)


def test_iceye_tags_and_newer_metadata(tmp_path: Path) -> None:
    values = np.round(np.abs(speckle()) * 200).astype(np.uint16)
    tagged = write_tiff(
        tmp_path / "ICEYE_X2_GRD_SL.tif", values,
        tags={"CALIBRATION_FACTOR": "2e-5", "LOOK_SIDE": "left", "PRODUCT_TYPE": "GRD"},
    )  # fmt: skip
    scene = only(tagged)
    assert (scene.calibration, scene.look_side, scene.range_axis) == ("sigma_nought", "left", None)
    properties = {
        "sar:product_type": "SLC-COG", "sar:observation_direction": "right",
        "sar:instrument_mode": "spotlight", "sat:orbit_state": "descending", "view:azimuth": 100.78,
        "view:incidence_angle": 31.94, "sar:looks_azimuth": 1, "sar:looks_range": 1,
        "sar:center_frequency": 9600000000, "sar:polarizations": ["VV"], "platform": "ICEYE-X42",
        "iceye:calibration_factor": 0.5, "iceye:orientation": "shadows-down",
        "sar:pixel_spacing_azimuth": 0.09, "sar:pixel_spacing_range": 0.19,
        "start_datetime": "2025-06-27T11:24:05.785Z",
        "iceye:amplitude_mapping": {
            "function": "power", "parameters": {"exponent": 0.25, "scale": 1},
        },
    }  # fmt: skip
    amplitude = np.linspace(1, 8, 2400).reshape(40, 60).astype(np.float32)
    phase = np.angle(speckle())
    bands = np.stack([amplitude**0.25, phase]).astype(np.float32)
    path = write_tiff(
        tmp_path / "ICEYE_X42_SLF_SLC.tif", bands, tags={"ICEYE_PROPERTIES": json.dumps(properties)}
    )
    scene = only(path)
    assert (scene.calibration, scene.plane, scene.range_axis) == ("beta_nought", "slant", "+row")
    assert scene.range_azimuth_deg == pytest.approx(280.78) and scene.band == "X"
    assert (scene.row_spacing_m, scene.column_spacing_m) == (0.19, 0.09)
    assert np.allclose(scene.pixels.power(*WHOLE), 0.5 * amplitude**2, rtol=1e-4)
    assert np.allclose(np.angle(scene.pixels.complex(*WHOLE)), phase, atol=1e-4)
    properties["iceye:amplitude_mapping"] = {"function": "logarithm"}
    (tmp_path / "ICEYE_X42_SLF_SLC.json").write_text(json.dumps({"properties": properties}))
    with pytest.raises(InputError, match="logarithm"):
        open_scenes(path)


# Described by a TOML


DESCRIPTION = """
quantity = "amplitude"
calibration = "sigma_nought"
full_scale_amplitude = 1.5
plane = "slant"
spacing_m = 0.35
resolution_m = 0.4
range_direction = "down"
look_side = "left"
incidence_angle_deg = 60
looks = 1
band = "X"
polarization = "HH"
platform = "SETHI"
time = 2021-06-01T10:00:00Z
corners = [[2.0, 48.0], [2.001, 48.0], [2.001, 47.999], [2.0, 47.999]]
"""


def test_a_picture_with_a_toml_is_a_scene(tmp_path: Path) -> None:
    from PIL import Image

    values = np.round(np.clip(np.abs(speckle()), 0, 1.5) / 1.5 * 255).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "pass4.png")
    with pytest.raises(InputError, match=r"pass4.png: is a picture without a TOML"):
        open_scenes(tmp_path / "pass4.png")
    assert list(find_products(tmp_path)) == []
    (tmp_path / "pass4.toml").write_text(DESCRIPTION)
    assert list(find_products(tmp_path)) == [tmp_path / "pass4.png"]
    scene = only(tmp_path / "pass4.png")
    assert (scene.reader, scene.calibration, scene.plane) == ("described", "sigma_nought", "slant")
    assert (scene.row_spacing_m, scene.row_resolution_m, scene.looks) == (0.35, 0.4, 1)
    assert (scene.range_axis, scene.look_side, scene.platform) == ("+row", "left", "SETHI")
    assert scene.range_azimuth_deg == pytest.approx(180, abs=0.01)
    assert scene.time == datetime(2021, 6, 1, 10, tzinfo=UTC) and scene.polarization == "HH"
    corners = [(2.0, 48.0), (2.001, 48.0), (2.001, 47.999), (2.0, 47.999)]
    assert scene.footprint is not None and np.allclose(scene.footprint, corners)
    assert np.allclose(scene.pixels.power(*WHOLE), (values / 255 * 1.5) ** 2, rtol=1e-5)


def test_a_folder_toml_describes_what_it_names_and_a_files_own_is_stronger(tmp_path: Path) -> None:
    for name in ("sar_1", "sar_2", "mask_1"):
        np.save(tmp_path / f"{name}.npy", np.abs(speckle()))
    (tmp_path / "sarloom.toml").write_text(
        'files = "sar_*"\nquantity = "amplitude"\nlooks = 4\nspacing_m = 2\n'
    )
    (tmp_path / "sar_2.toml").write_text("looks = 2\n")
    found = {path.name: only(path) for path in find_products(tmp_path)}
    assert {name: scene.looks for name, scene in found.items()} == {"sar_1.npy": 4, "sar_2.npy": 2}
    assert found["sar_2.npy"].row_spacing_m == 2


def test_a_toml_adds_to_a_geotiff_and_overrides_it(tmp_path: Path) -> None:
    power = np.stack([np.abs(speckle(1)) ** 2, np.abs(speckle(2)) ** 2])
    path = write_tiff(
        tmp_path / "s1.tif", (10 * np.log10(power)).astype(np.float32), names=("VV", "VH"),
        crs="EPSG:32633", transform=Affine(10, 0, 5e5, 0, -10, 5e6),
    )  # fmt: skip
    path.with_suffix(".toml").write_text(
        'quantity = "db"\ncalibration = "sigma_nought"\nlooks = 4.4\nidentifier = "flood-7"\n'
    )
    scenes = open_scenes(path)
    assert [scene.identifier for scene in scenes] == ["flood-7-VV", "flood-7-VH"]
    assert [scene.polarization for scene in scenes] == ["VV", "VH"]
    assert all(scene.calibration == "sigma_nought" and scene.looks == 4.4 for scene in scenes)
    assert np.allclose(scenes[1].pixels.power(*WHOLE), power[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('quantty = "db"', "did you mean 'quantity'"),
        ('quantity = "decibel"', "is none of amplitude"),
        ("looks = 0", "looks = '0' is not from 1"),
        ("looks = true", "not a number"),
        ("spacing_m = -1", "above 0"),
        ("incidence_angle_deg = 91", "91"),
        ('range_direction = "east"', "side where far range lies"),
        ("corners = [[1, 2]]", "four"),
        ('time = "yesterday"', "not a time"),
        ("transform = [1, 2]", "six numbers"),
        ('polarization = "XX"', "no polarisation"),
        ("decibels_at_zero = -30", "together"),
        ("= 3", r"a\.toml"),
        ('crs = "EPSG:1"\ntransform = [1, 0, 0, 0, 1, 0]', "EPSG:1"),
        ('quantity = "complex"', "does not fit"),
        ("bands = [2]", "bands"),
    ],
)
def test_a_wrong_toml_is_one_clear_error(tmp_path: Path, text: str, message: str) -> None:
    np.save(tmp_path / "a.npy", np.abs(speckle()))
    (tmp_path / "a.toml").write_text(text + "\n")
    with pytest.raises(FormatError, match=message):
        open_scenes(tmp_path / "a.npy")


def test_every_key_is_documented(repository: Path) -> None:
    page = (repository / "docs" / "readers.md").read_text("utf-8")
    assert [key for key in KEYS if f"`{key}`" not in page] == []
    assert [name for name in registry.readers() if f"`{name}`" not in page] == []


def test_the_documented_example_is_read(repository: Path, tmp_path: Path) -> None:
    page = (repository / "docs" / "readers.md").read_text("utf-8")
    example = page.split("```toml\n", 1)[1].split("```", 1)[0]
    np.save(tmp_path / "a.npy", (np.abs(speckle()) * 9000).astype(np.uint16))
    (tmp_path / "a.toml").write_text(example)
    scene = only(tmp_path / "a.npy")
    assert scene.range_axis and scene.look_side and scene.calibration == "sigma_nought"


# What breaks readers


def test_a_vrt_under_a_false_name_opens_no_other_file(tmp_path: Path) -> None:
    write_tiff(tmp_path / "secret.tif", np.abs(speckle()))
    vrt = (
        '<VRTDataset rasterXSize="60" rasterYSize="40"><VRTRasterBand dataType="Float32" band="1">'
        '<SimpleSource><SourceFilename relativeToVRT="1">secret.tif</SourceFilename>'
        "</SimpleSource></VRTRasterBand></VRTDataset>"
    )
    (tmp_path / "false.tif").write_text(vrt)
    with pytest.raises(InputError, match=r"false\.tif"):
        open_scenes(tmp_path / "false.tif")
    assert [path.name for path in find_products(tmp_path)] == ["secret.tif"]


def test_a_huge_raster_is_read_in_windows_and_refused_whole(tmp_path: Path) -> None:
    side = 40_000
    path = tmp_path / "huge.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=side, width=side, count=1, dtype="complex64", tiled=True,
        blockxsize=512, blockysize=512, sparse_ok=True,
    ) as raster:  # fmt: skip
        raster.write(speckle(), 1, window=rasterio.windows.Window(30000, 20000, 60, 40))
    scene = only(path)
    part = scene.pixels.power(slice(20000, 20040), slice(30000, 30060))
    assert np.allclose(part, np.abs(speckle()) ** 2, rtol=1e-6)
    with pytest.raises(InputError, match=str(MAX_WINDOW_PIXELS)):
        scene.pixels.power(slice(0, side), slice(0, side))
    with pytest.raises(InputError, match="not within"):
        scene.pixels.power(slice(0, 10), slice(-5, 5))


def test_an_empty_file_that_claims_billions_of_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=1_000_000, width=1_000_000, count=1, dtype="complex64",
        tiled=True, blockxsize=16384, blockysize=16384, sparse_ok=True, bigtiff="yes",
    ):  # fmt: skip
        pass
    with pytest.raises(FormatError, match=r"bomb.tif: claims 1000000 x 1000000 pixels"):
        open_scenes(path)


def test_a_block_too_large_to_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "strip.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=20_000, width=20_000, count=1, dtype="uint8",
        tiled=True, blockxsize=20_000, blockysize=20_000, compress="zstd", sparse_ok=True,
    ):  # fmt: skip
        pass
    with path.open("ab") as opened:  # a file as large as it claims to be, without writing it all
        opened.truncate(200_000)
    with pytest.raises(InputError, match="stored as blocks"):
        open_scenes(path)


def test_sparse_blocks_without_nodata_are_zeros_that_the_scene_admits(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=64, width=64, count=1, dtype="float32", tiled=True,
        blockxsize=16, blockysize=16, sparse_ok=True,
    ) as raster:  # fmt: skip
        raster.write(np.ones((16, 16), np.float32), 1, window=rasterio.windows.Window(0, 0, 16, 16))
    scene = only(path)
    power = scene.pixels.power(slice(0, 64), slice(0, 64))
    assert (power == 0).mean() == pytest.approx(15 / 16)  # tiles reject by this fraction
    assert scene.extra["has_nodata"] is False


def test_archives_are_refused_unopened(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("../escape.tif", b"\0" * 1_000_000)
    shutil.copy(tmp_path / "a.zip", tmp_path / "b.tif")
    for name in ("a.zip", "b.tif"):
        with pytest.raises(InputError, match="ZIP archive"):
            open_scenes(tmp_path / name)
    assert list(find_products(tmp_path)) == [] and not (tmp_path.parent / "escape.tif").exists()


class Trap:
    def __reduce__(self) -> Any:
        return print, ("unpickled",)


def test_pickled_and_odd_arrays_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = {
        "pickled": np.array([[Trap()]], dtype=object),
        "text": np.array([["a", "b"]]),
        "line": np.ones(5),
        "empty": np.ones((0, 5)),
    }
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array, allow_pickle=True)
        (tmp_path / f"{name}.toml").write_text("looks = 1\n")
        with pytest.raises(FormatError, match=f"{name}.npy"):
            open_scenes(tmp_path / f"{name}.npy")
    assert "unpickled" not in capsys.readouterr().out


def test_colour_pictures_and_many_bands_are_not_radar(tmp_path: Path) -> None:
    rgb = np.full((3, 40, 60), 9, np.uint8)
    colour = write_tiff(tmp_path / "rgb.tif", rgb, photometric="rgb")
    with pytest.raises(InputError, match="optical source"):
        open_scenes(colour)
    colour.with_suffix(".toml").write_text("bands = [1]\n")
    assert only(colour).pixels.power(*WHOLE)[0, 0] == 81
    many = write_tiff(tmp_path / "many.tif", np.ones((13, 40, 60), np.float32))
    with pytest.raises(InputError, match="13 bands"):
        open_scenes(many)


def test_what_is_not_there_or_not_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not there"):
        open_scenes(tmp_path / "none.tif")
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match="no reader knows it"):
        open_scenes(tmp_path / "a.txt")
    with pytest.raises(InputError, match="not there"):
        list(find_products(tmp_path / "none"))


def survives(path: Path) -> str:
    """Open and read everything; only errors of our own may come out."""
    try:
        for scene in open_scenes(path):
            rows, columns = scene.shape
            window = slice(0, min(rows, 64)), slice(0, min(columns, 64))
            power = scene.pixels.power(*window)
            assert power.shape == (window[0].stop, window[1].stop)
            assert not np.isinf(power).any() and not (power < 0).any()
    except SarloomError as error:
        assert str(path.parent) in str(error) and "\n" not in str(error)
        return "refused"
    return "read"


def corrupt(original: bytes, rng: np.random.Generator) -> bytes:
    data = bytearray(original)
    kind = rng.integers(4)
    if kind == 0:  # cut short
        return bytes(data[: rng.integers(len(data))])
    where = rng.integers(0, min(len(data), 600) if kind == 1 else len(data), rng.integers(1, 40))
    for at in where:  # header, or anywhere
        data[at] = rng.integers(256)
    if kind == 3:
        start = rng.integers(len(data))
        data[start : start + 64] = bytes(64)
    return bytes(data)


def test_three_hundred_corruptions_end_in_data_or_one_error(tmp_path: Path) -> None:
    gcps = [GroundControlPoint(r, c, 2 + c / 1e4, 48 - r / 1e4) for r in (0, 40) for c in (0, 60)]
    originals = [
        write_tiff(tmp_path / "plain.tif", np.abs(speckle()), crs="EPSG:32633",
                   transform=Affine(10, 0, 5e5, 0, -10, 5e6), nodata=0),
        write_tiff(tmp_path / "packed.tif", speckle(), compress="deflate", tiled=True,
                   blockxsize=16, blockysize=16),
        write_tiff(tmp_path / "points.tif", np.ones((40, 60), np.uint8), gcps=gcps,
                   crs="EPSG:4326"),
        write_tiff(tmp_path / "CAPELLA_tag.tif", speckle(), compress="lzw",
                   tags={"TIFFTAG_IMAGEDESCRIPTION": json.dumps(capella_metadata())}),
    ]  # fmt: skip
    np.save(tmp_path / "array.npy", np.abs(speckle()))
    (tmp_path / "array.toml").write_text(DESCRIPTION)
    originals.append(tmp_path / "array.npy")
    rng = np.random.default_rng(7)
    folder = tmp_path / "broken"
    folder.mkdir()
    outcomes = []
    for turn in range(300):
        original = originals[turn % len(originals)]
        path = folder / original.name
        path.write_bytes(corrupt(original.read_bytes(), rng))
        if original.suffix == ".npy":
            (folder / "array.toml").write_text(DESCRIPTION)
        outcomes.append(survives(path))
    assert outcomes.count("refused") > 60 and outcomes.count("read") > 30


def test_corrupt_sidecars_end_in_data_or_one_error(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "CAPELLA_a.tif", speckle())
    good = json.dumps(capella_metadata()).encode()
    rng = np.random.default_rng(8)
    outcomes = []
    for _ in range(60):
        (tmp_path / "CAPELLA_a_extended.json").write_bytes(corrupt(good, rng))
        outcomes.append(survives(path))
    (tmp_path / "CAPELLA_a_extended.json").write_text("[" * 100_000)
    assert survives(path) == "refused" and outcomes.count("refused") > 30


def test_many_scenes_keep_few_files_open(tmp_path: Path) -> None:
    for index in range(40):
        write_tiff(tmp_path / f"{index}.tif", np.abs(speckle()))
        np.save(tmp_path / f"{index + 100}.npy", np.abs(speckle()))
        (tmp_path / f"{index + 100}.toml").write_text("looks = 1\n")
    scenes = [only(path) for path in find_products(tmp_path)]
    assert len(scenes) == 80
    for scene in scenes:
        scene.pixels.power(*WHOLE)
    open_here = [one for one in Path("/proc/self/fd").iterdir() if one.exists()
                 and str(one.resolve()).startswith(str(tmp_path))]  # fmt: skip
    assert len(open_here) <= 16


def test_a_file_that_changes_is_opened_again(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", np.full((40, 60), 2, np.uint8))
    assert only(path).pixels.power(*WHOLE)[0, 0] == 4
    write_tiff(tmp_path / "b.tif", np.full((40, 60), 3, np.uint8)).replace(path)
    assert only(path).pixels.power(*WHOLE)[0, 0] == 9


def test_scenes_travel_to_workers(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", speckle(), crs="EPSG:32759", transform=ROTATED)
    np.save(tmp_path / "b.npy", np.abs(speckle()))
    (tmp_path / "b.toml").write_text(DESCRIPTION)
    for file in (path, tmp_path / "b.npy"):
        scene = only(file)
        before = scene.pixels.power(*WHOLE)
        again = pickle.loads(pickle.dumps(scene))
        assert np.array_equal(again.pixels.power(*WHOLE), before)
        here = np.array([1.0]), np.array([2.0])
        assert np.array_equal(again.ground.to_ground(*here), scene.ground.to_ground(*here))


# Third parties


def install(folder: Path, target: str, body: str) -> None:
    """A distribution as pip leaves it: a module and a dist-info folder with an entry point."""
    (folder / "mysensor.py").write_text(body)
    info = folder / "mysensor-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mysensor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[sarloom.readers]\nmysensor = {target}\n")


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    registry.readers.cache_clear()
    yield folder
    registry.readers.cache_clear()
    sys.modules.pop("mysensor", None)


def test_an_installed_package_adds_a_reader(third_party: Path, tmp_path: Path) -> None:
    body = """
from sarloom.archive.facts import Facts
from sarloom.archive.rasters import scenes_of

class MySensor:
    name = "mysensor"

    def claims(self, path):
        return path.name.startswith("MYSENSOR_")

    def read(self, path):
        return scenes_of(path, self.name, Facts(quantity="intensity", band="L", looks=3))
"""
    install(third_party, "mysensor:MySensor", body)
    assert next(iter(registry.readers())) == "mysensor" and "geotiff" in registry.readers()
    data = tmp_path / "data"
    data.mkdir()
    write_tiff(data / "MYSENSOR_1.tif", np.abs(speckle()))
    write_tiff(data / "other.tif", np.abs(speckle()))
    found = {path.name: only(path) for path in find_products(data)}
    assert {name: scene.reader for name, scene in found.items()} == {
        "MYSENSOR_1.tif": "mysensor",
        "other.tif": "geotiff",
    }
    assert (found["MYSENSOR_1.tif"].band, found["MYSENSOR_1.tif"].looks) == ("L", 3)


@pytest.mark.parametrize(
    ("target", "body", "message"),
    [
        ("mysensor", "import nothing_of_that_name", "cannot be loaded"),
        ("mysensor", "name = 'mysensor'", "has no claims, read"),
    ],
)
def test_a_broken_package_is_named(
    third_party: Path, tmp_path: Path, target: str, body: str, message: str
) -> None:
    install(third_party, target, body)
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()))
    with pytest.raises(InputError, match=f"mysensor.*{message}"):
        open_scenes(path)


def test_a_reader_that_fails_gives_one_error(third_party: Path, tmp_path: Path) -> None:
    body = "name = 'mysensor'\ndef claims(path):\n    return True\ndef read(path):\n    assert 0\n"
    install(third_party, "mysensor", body)
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()))
    with pytest.raises(FormatError, match=r"a.tif: cannot be read \(AssertionError"):
        open_scenes(path)


# Real data


def test_every_real_raster_is_read_or_refused_with_a_reason(shared_data: Path) -> None:
    read, refused = {}, {}
    for folder in ("umbra", "capella_rotterdam", "sen1floods11", "dem"):
        for path in find_products(shared_data / folder):
            try:
                read[path.name] = open_scenes(path)
            except InputError as error:
                refused[path.name] = str(error)
    assert set(refused) == {"rgb_unmasked.tif", "Spain_7370579_S2Hand.tif"}
    umbra = read["umbra_mount_yasur.tiff"][0]
    assert umbra.crs == "EPSG:32759" and umbra.row_spacing_m == pytest.approx(0.5942, abs=1e-4)
    with rasterio.open(umbra.path) as raster:
        x, y = raster.xy([0, 1999], [1999, 5])
        lon, lat = warp(raster.crs, "EPSG:4326", x, y)
        stored = raster.read(1, window=((500, 700), (900, 1000))).astype(float)
    assert umbra.ground is not None
    rows, columns = umbra.ground.to_image(np.array(lon), np.array(lat))
    assert np.allclose((rows, columns), ([0, 1999], [1999, 5]), atol=1e-3)
    power = umbra.pixels.power(slice(500, 700), slice(900, 1000))
    assert np.array_equal(power, np.float32(stored**2))
    assert {scene.calibration for scenes in read.values() for scene in scenes} == {"uncalibrated"}


def test_real_capella_pixels_take_the_scale_factor(shared_data: Path) -> None:
    scene = only(shared_data / "capella_rotterdam" / "sar_hh.tif")
    with rasterio.open(scene.path) as raster:
        stored = raster.read(1)
    scale = 0.0002777517937677223
    power = scene.pixels.power(slice(0, 200), slice(0, 200))
    assert np.allclose(power, scale**2 * np.abs(stored) ** 2, rtol=1e-5, equal_nan=True)
    assert scene.is_complex and scene.calibration == "uncalibrated"


def test_real_decibels_with_a_toml(shared_data: Path, tmp_path: Path) -> None:
    shutil.copy(shared_data / "sen1floods11/S1/Spain_7370579_S1Hand.tif", tmp_path / "s1.tif")
    (tmp_path / "s1.toml").write_text('quantity = "db"\ncalibration = "sigma_nought"\n')
    vv, vh = open_scenes(tmp_path / "s1.tif")
    window = slice(0, 512), slice(0, 512)
    with rasterio.open(tmp_path / "s1.tif") as raster:
        truth = 10 ** (raster.read().astype(float) / 10)
    assert np.allclose(vv.pixels.power(*window), truth[0], rtol=1e-5)
    assert vh.polarization == "VH" and np.allclose(vh.pixels.power(*window), truth[1], rtol=1e-5)


def test_real_pictures_with_a_folder_toml(shared_data: Path, tmp_path: Path) -> None:
    sources = {
        "chip.jpeg": next((shared_data / "mstar_chips").rglob("*.jpeg")),
        "scene.jpg": next((shared_data / "mstar_scenes").rglob("*.jpg")),
        "ship.jpg": next((shared_data / "hrsid/images").glob("*.jpg")),
        "pair.png": next((shared_data / "sen12/s1").glob("*.png")),
        "field.bmp": shared_data / "inlpg/yellow_A_1.bmp",
        "plane.jpg": next((shared_data / "sar_acd").rglob("*.jpg")),
    }
    for name, source in sources.items():
        shutil.copy(source, tmp_path / name)
    (tmp_path / "sarloom.toml").write_text('quantity = "amplitude"\nbands = [1]\nspacing_m = 0.3\n')
    found = {path.name: only(path) for path in find_products(tmp_path)}
    assert set(found) == set(sources)
    for scene in found.values():
        with rasterio.open(scene.path) as raster:
            stored = raster.read(1).astype(float)
        window = slice(0, scene.shape[0]), slice(0, scene.shape[1])
        assert np.array_equal(scene.pixels.power(*window), np.float32(stored**2))


def test_corruptions_of_a_real_geotiff(shared_data: Path, tmp_path: Path) -> None:
    source = (shared_data / "capella_rotterdam/sar_vv.tif").read_bytes()
    rng = np.random.default_rng(9)
    outcomes = []
    for _ in range(60):
        (tmp_path / "sar_vv.tif").write_bytes(corrupt(source, rng))
        outcomes.append(survives(tmp_path / "sar_vv.tif"))
    assert {"read", "refused"} == set(outcomes)


def test_a_coordinate_system_of_a_building_site_is_no_georeference(tmp_path: Path) -> None:
    local = CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')
    path = write_tiff(tmp_path / "a.tif", np.abs(speckle()), crs=local, transform=ROTATED)
    scene = only(path)
    assert scene.ground is None and any("not georeferenced" in note for note in scene.notes)
