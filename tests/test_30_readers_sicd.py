"""SICD and SIDD: calibration, geometry, windows, and what damaged files do."""

from __future__ import annotations

import pickle
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

pytest.importorskip("sarkit")

import sarkit.sicd
import sarkit.sidd.calculations
import shapely
from lxml import etree
from sarkit import wgs84

from sarloom.archive.readers.sicd import SicdReader
from sarloom.archive.readers.sidd import SiddReader
from sarloom.errors import FormatError, InputError
from sarloom.records import Scene
from sicd_files import (
    FREQUENCY_HZ,
    LIGHT_M_S,
    Geometry,
    Image,
    ecef,
    orders,
    poly2d,
    sicd_xml,
    sidd_xml,
    stored,
    write_sicd,
    write_sidd,
)

SICD, SIDD = SicdReader(), SiddReader()
SIGMA = np.array([[2.5e-3, 1.0e-6, 3e-9], [-4.0e-6, 2e-9, 0.0]])
"""Coefficients over metres: by row (first index) and by column."""
WHOLE = slice(0, 90), slice(0, 70)


def noise(shape: tuple[int, int] = (90, 70), seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian real and imaginary part, in 16-bit units."""
    rng = np.random.default_rng(seed)
    return tuple(np.round(rng.normal(0, 900, (2, *shape))))  # type: ignore[return-value]


def one(path: Path, reader: SicdReader | SiddReader = SICD) -> Scene:
    assert reader.claims(path)
    (scene,) = reader.read(path)
    return scene


def make_sicd(path: Path, pixel_type: str = "RE32F_IM32F", **settings: object) -> Path:
    return write_sicd(
        path, sicd_xml(pixel_type=pixel_type, **settings), stored(pixel_type, *noise())
    )


@pytest.fixture(scope="module")
def sicd_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibrated, complex float."""
    return make_sicd(tmp_path_factory.mktemp("sicd") / "one.nitf", sigma_nought=SIGMA)


# --- what a scene says ---------------------------------------------------------------------------


def test_metadata_is_that_of_the_geometry(sicd_file: Path) -> None:
    scene, geometry = one(sicd_file), Geometry()
    assert scene.shape == (90, 70)
    assert (scene.is_complex, scene.plane, scene.range_axis) == (True, "slant", "+row")
    assert (scene.look_side, scene.looks, scene.calibration) == ("right", 1.0, "sigma_nought")
    assert (scene.row_spacing_m, scene.column_spacing_m) == (0.6, 0.5)
    assert (scene.row_resolution_m, scene.column_resolution_m) == (0.75, 0.7)
    assert scene.incidence_angle_deg == pytest.approx(geometry.incidence_deg, abs=0.01)
    assert scene.range_azimuth_deg == pytest.approx(geometry.range_azimuth_deg, abs=0.01)
    assert (scene.band, scene.center_frequency_hz) == ("X", sum(FREQUENCY_HZ) / 2)
    assert (scene.polarization, scene.platform) == ("VH", "Aurora")
    assert (scene.instrument_mode, scene.identifier) == ("SPOTLIGHT", "AURORA-1_VH")
    assert scene.time == datetime(2024, 3, 5, 6, 7, 8, 250000, tzinfo=UTC)
    assert scene.notes == () and not scene.synthetic


def test_footprint_runs_around_the_outer_edge_from_the_first_pixel(sicd_file: Path) -> None:
    scene = one(sicd_file)
    assert scene.footprint is not None and scene.ground is not None
    rows, columns = scene.ground.to_image(*np.array(scene.footprint).T)
    np.testing.assert_allclose(rows, [-0.5, -0.5, 89.5, 89.5], atol=0.01)
    np.testing.assert_allclose(columns, [-0.5, 69.5, 69.5, -0.5], atol=0.01)


@pytest.mark.parametrize(
    ("side", "azimuth", "incidence", "squint"),
    [("L", 10.0, 25.0, 0.0), ("R", 200.0, 55.0, -12.0), ("L", 300.0, 45.0, 20.0)],
)
def test_side_and_angles_of_other_collections(
    tmp_path: Path, side: str, azimuth: float, incidence: float, squint: float
) -> None:
    geometry = Geometry(
        side=side, range_azimuth_deg=azimuth, incidence_deg=incidence, squint_deg=squint
    )
    path = write_sicd(tmp_path / "a.nitf", sicd_xml(geometry), stored("RE32F_IM32F", *noise()))
    scene = one(path)
    assert scene.look_side == {"L": "left", "R": "right"}[side]
    assert scene.range_azimuth_deg == pytest.approx(azimuth, abs=0.01)
    assert scene.incidence_angle_deg == pytest.approx(incidence, abs=0.01)


# --- calibration ---------------------------------------------------------------------------------


@pytest.mark.parametrize("pixel_type", ["RE32F_IM32F", "RE16I_IM16I"])
def test_power_is_modulus_squared_times_the_polynomial(tmp_path: Path, pixel_type: str) -> None:
    scene = one(make_sicd(tmp_path / "a.nitf", pixel_type, sigma_nought=SIGMA))
    real, imaginary = noise()
    x, y = Image().metres()
    factor = sum(
        SIGMA[i, j] * x[:, None] ** i * y[None, :] ** j for i in range(2) for j in range(3)
    )
    truth = (real**2 + imaginary**2) * factor
    assert factor.max() / factor.min() > 1.05  # else the test would not see the polynomial
    np.testing.assert_allclose(scene.pixels.power(*WHOLE), truth, rtol=1e-6)
    values = scene.pixels.complex(*WHOLE)
    assert values.dtype == np.complex64 and scene.pixels.power(*WHOLE).dtype == np.float32
    np.testing.assert_allclose(np.abs(values.astype(complex)) ** 2, truth, rtol=1e-5)
    np.testing.assert_allclose(np.angle(values), np.angle(real + 1j * imaginary), atol=1e-5)


@pytest.mark.parametrize("with_table", [True, False])
def test_amplitude_and_phase_in_bytes(tmp_path: Path, with_table: bool) -> None:
    rng = np.random.default_rng(5)
    amplitude, phase = rng.integers(0, 256, (2, 90, 70))
    table = np.sqrt(np.arange(256.0)) * 3 if with_table else None
    tree = sicd_xml(pixel_type="AMP8I_PHS8I", sigma_nought=[[4.0]], amplitudes=table)
    path = write_sicd(tmp_path / "a.nitf", tree, stored("AMP8I_PHS8I", amplitude, phase))
    scene = one(path)
    modulus = table[amplitude] if table is not None else amplitude
    np.testing.assert_allclose(scene.pixels.power(*WHOLE), 4.0 * modulus**2, rtol=1e-6)
    truth = 2.0 * modulus * np.exp(2j * np.pi * phase / 256)
    np.testing.assert_allclose(scene.pixels.complex(*WHOLE), truth, rtol=1e-5, atol=1e-4)
    assert any("AmpTable" in note for note in scene.notes) is not with_table


def test_without_polynomial_power_is_uncalibrated_and_says_so(tmp_path: Path) -> None:
    scene = one(make_sicd(tmp_path / "a.nitf"))
    real, imaginary = noise()
    assert scene.calibration == "uncalibrated"
    assert any("SigmaZeroSFPoly" in note for note in scene.notes)
    np.testing.assert_allclose(scene.pixels.power(*WHOLE), real**2 + imaginary**2, rtol=1e-6)


def test_beta_nought_where_only_that_is_stated(tmp_path: Path) -> None:
    tree = sicd_xml(sigma_nought=SIGMA)
    element = tree.find("{*}Radiometric/{*}SigmaZeroSFPoly")
    element.tag = element.tag.replace("Sigma", "Beta")
    truth = one(make_sicd(tmp_path / "b.nitf", sigma_nought=SIGMA)).pixels.power(*WHOLE)
    scene = one(write_sicd(tmp_path / "a.nitf", tree, stored("RE32F_IM32F", *noise())))
    assert scene.calibration == "beta_nought" and any("beta" in note for note in scene.notes)
    np.testing.assert_array_equal(scene.pixels.power(*WHOLE), truth)


def test_a_polynomial_that_turns_negative_in_the_image_is_refused(tmp_path: Path) -> None:
    path = make_sicd(tmp_path / "a.nitf", sigma_nought=[[0.1], [0.01]])
    with pytest.raises(FormatError, match="sigma_nought is not above zero"):
        SICD.read(path)


def test_pixels_outside_the_valid_area_are_nan(tmp_path: Path) -> None:
    full = [(40, 30), (40, 80), (129, 94), (110, 40)]  # pixels of the full image
    scene = one(make_sicd(tmp_path / "a.nitf", valid=full))
    inside = shapely.intersects_xy(
        shapely.Polygon(full), *np.meshgrid(np.arange(40, 130), np.arange(25, 95), indexing="ij")
    )
    assert 0.3 < inside.mean() < 0.9
    np.testing.assert_array_equal(np.isnan(scene.pixels.power(*WHOLE)), ~inside)
    np.testing.assert_array_equal(np.isnan(scene.pixels.complex(*WHOLE)), ~inside)
    window = slice(30, 61), slice(5, 50)
    np.testing.assert_array_equal(np.isnan(scene.pixels.power(*window)), ~inside[window])


def test_a_pixel_that_is_no_number_is_nan_and_nothing_else(tmp_path: Path) -> None:
    real, imaginary = noise()
    real[3, 4], imaginary[5, 6] = np.nan, np.inf
    scene = one(write_sicd(tmp_path / "a.nitf", sicd_xml(), stored("RE32F_IM32F", real, imaginary)))
    nan = np.argwhere(np.isnan(scene.pixels.power(*WHOLE)))
    assert nan.tolist() == [[3, 4], [5, 6]]


# --- windows -------------------------------------------------------------------------------------


def test_windows_are_cut_from_the_whole(sicd_file: Path) -> None:
    scene = one(sicd_file)
    whole = scene.pixels.power(*WHOLE)
    for rows, columns in ((slice(0, 1), slice(0, 70)), (slice(17, 60), slice(3, 4))):
        np.testing.assert_array_equal(scene.pixels.power(rows, columns), whole[rows, columns])
    np.testing.assert_array_equal(scene.pixels.power(slice(89, 90), slice(1, 70)), whole[89:, 1:])
    for bad in (slice(0, 91), slice(-1, 5), slice(5, 5)):
        with pytest.raises(InputError):
            scene.pixels.power(bad, slice(0, 70))


def test_image_in_several_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard splits at 10 GB; here at 15 kB."""
    monkeypatch.setattr("sarkit.sicd._constants.IS_SIZE_MAX", 15_000)
    path = make_sicd(tmp_path / "a.nitf")
    with path.open("rb") as opened:
        assert len(sarkit.sicd.NitfReader(opened).jbp["ImageSegments"]) == 4
    real, imaginary = noise()
    power = one(path).pixels.power(slice(20, 85), slice(2, 69))
    np.testing.assert_allclose(power, (real**2 + imaginary**2)[20:85, 2:69], rtol=1e-6)


def test_a_window_reads_only_its_bytes(tmp_path: Path) -> None:
    """A 20 GB image that is a hole in the disk: constant memory, at once."""
    image = Image(rows=60_000, columns=40_000, first_row=0, first_column=0, scp_row=30_000)
    tree = sicd_xml(image=image)
    path = tmp_path / "large.nitf"
    with path.open("wb") as opened:
        security = {"security": {"clas": "U"}}
        metadata = sarkit.sicd.NitfMetadata(
            xmltree=tree,
            file_header_part={"ostaid": "here", **security},
            im_subheader_part={"isorce": "test", **security},
            de_subheader_part=security,
        )
        with sarkit.sicd.NitfWriter(opened, metadata) as writer:
            second = writer._jbp["ImageSegments"][1]["Data"]
            opened.seek(second.get_offset() + (second.size - 8))
            opened.write(np.array([3.0, 4.0], ">f4").tobytes())
    begin = time.perf_counter()
    scene = one(path)
    power = scene.pixels.power(slice(59_488, 60_000), slice(39_488, 40_000))
    assert time.perf_counter() - begin < 5
    assert power[-1, -1] == 25 and power[:-1].max() == 0
    with pytest.raises(InputError, match="windows"):
        scene.pixels.power(slice(0, 60_000), slice(0, 40_000))


def test_scenes_travel_to_other_processes(sicd_file: Path) -> None:
    scene = one(sicd_file)
    copy = pickle.loads(pickle.dumps(scene))
    np.testing.assert_array_equal(copy.pixels.power(*WHOLE), scene.pixels.power(*WHOLE))
    assert copy.ground.to_image(np.array([7.5]), np.array([46.9]))[0] == pytest.approx(40, abs=0.01)


# --- geolocation ---------------------------------------------------------------------------------


def targets(geometry: Geometry, reach_m: float, count: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Places around the scene centre, [deg]."""
    rng = np.random.default_rng(8)
    degrees = reach_m / 111_320
    lon = geometry.lon + rng.uniform(-1, 1, count) * degrees / np.cos(np.radians(geometry.lat))
    return lon, geometry.lat + rng.uniform(-1, 1, count) * degrees


@pytest.mark.parametrize(
    "geometry",
    [
        Geometry(),
        Geometry(side="L", range_azimuth_deg=220.0, squint_deg=-10.0),
        Geometry(lon=179.9999, lat=-17.0, incidence_deg=55.0, height_m=12.0),
        Geometry(lat=84.0, height_m=2000.0),
    ],
)
def test_places_agree_with_plane_geometry_worked_out_by_hand(
    tmp_path: Path, geometry: Geometry
) -> None:
    image = Image(rows=600, columns=500, scp_row=300, scp_column=270, first_row=0, first_column=0)
    pixels = stored("RE32F_IM32F", *noise((600, 500)))
    scene = one(write_sicd(tmp_path / "a.nitf", sicd_xml(geometry, image), pixels))
    lon, lat = targets(geometry, 90.0)
    truth = image.pixel(geometry.slant_metres(ecef(lon, lat, np.full(50, geometry.height_m))))
    assert scene.ground is not None
    rows, columns = scene.ground.to_image(lon, lat)
    np.testing.assert_allclose(np.stack([rows, columns], -1), truth, atol=0.01)
    back = scene.ground.to_ground(truth[:, 0], truth[:, 1])
    metres = np.array([111_320 * np.cos(np.radians(geometry.lat)), 111_320])
    away = np.stack([(back[0] - lon + 180) % 360 - 180, back[1] - lat], -1) * metres
    assert np.hypot(*away.T).max() < 0.01 * 0.5


def test_a_point_target_lies_where_the_map_says(tmp_path: Path) -> None:
    """A sinc in the image, placed by plane geometry, is found at the target's coordinates."""
    geometry, image = Geometry(), Image(rows=256, columns=256, scp_row=128, scp_column=128)
    image = Image(**{**image.__dict__, "first_row": 0, "first_column": 0})
    lon, lat = geometry.lon + 2.1e-4, geometry.lat - 1.7e-4
    place = ecef(np.array([lon]), np.array([lat]), np.array([geometry.height_m]))
    ((row, column),) = image.pixel(geometry.slant_metres(place))
    peak = np.outer(
        np.sinc((np.arange(256) - row) * 0.8), np.sinc((np.arange(256) - column) * 0.71)
    )
    phase = np.exp(-4j * np.pi * geometry.distance_m * sum(FREQUENCY_HZ) / 2 / LIGHT_M_S)
    pixels = (1000 * peak * phase).astype(np.complex64)
    scene = one(write_sicd(tmp_path / "a.nitf", sicd_xml(geometry, image), pixels))
    assert scene.ground is not None
    found = np.array(scene.ground.to_image(np.array([lon]), np.array([lat])))[:, 0]
    power = scene.pixels.power(slice(0, 256), slice(0, 256))
    top = np.unravel_index(power.argmax(), power.shape)
    assert np.abs(found - top).max() <= 0.5 + 0.01
    rows, columns = slice(top[0] - 3, top[0] + 4), slice(top[1] - 3, top[1] + 4)
    spectrum = np.fft.fft2(scene.pixels.complex(slice(0, 256), slice(0, 256)))
    steps = [
        np.angle(
            (spectrum * np.roll(spectrum, 1, axis).conj())[
                np.abs(spectrum) > 0.5 * np.abs(spectrum).max()
            ].sum()
        )
        for axis in (0, 1)
    ]
    measured = np.array([(-step * 256 / (2 * np.pi)) % 256 for step in steps])
    np.testing.assert_allclose(measured, found, atol=0.05)
    assert power[rows, columns].sum() > 0.7 * power.sum()


@pytest.fixture(scope="module")
def wide_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 km x 10 km at 3 m, without pixels worth the name."""
    image = Image(4000, 3400, 0, 0, 1500, 2000, (3.0, 3.0), (3.6, 3.6))
    path = tmp_path_factory.mktemp("wide") / "wide.nitf"
    tree = sicd_xml(Geometry(distance_m=600_000.0), image, pixel_type="AMP8I_PHS8I")
    zeros = np.zeros((4000, 3400))
    return write_sicd(path, tree, stored("AMP8I_PHS8I", zeros, zeros))


def test_interpolated_map_is_exact_within_a_hundredth_of_a_pixel(wide_file: Path) -> None:
    scene = one(wide_file)
    ground = scene.ground
    rows, columns = np.meshgrid(np.arange(900.0, 1412), np.arange(40.0, 552), indexing="ij")
    lon, lat = ground.to_ground(rows, columns)
    truth = ground.exact.to_ground(rows.ravel(), columns.ravel())
    metres = np.array([111_320 * np.cos(np.radians(46.9)), 111_320])
    away = np.hypot(*((np.stack([lon.ravel(), lat.ravel()], -1) - np.stack(truth, -1)) * metres).T)
    assert 0 < away.max() < 0.004 * 3.0
    back = ground.to_image(lon, lat)
    assert np.abs(back[0] - rows).max() < 0.01 and np.abs(back[1] - columns).max() < 0.01
    exact = ground.exact.to_image(lon.ravel(), lat.ravel())
    assert np.abs(exact[0] - back[0].ravel()).max() < 0.003


def test_windows_agree_where_they_overlap(wide_file: Path) -> None:
    ground = one(wide_file).ground
    rows, columns = np.meshgrid(np.arange(500.0), np.arange(500.0), indexing="ij")
    a, b = ground.to_ground(rows, columns), ground.to_ground(rows + 100, columns + 57)
    for one_way, other in zip(a, b, strict=True):
        np.testing.assert_allclose(one_way[100:, 57:], other[:-100, :-57], rtol=0, atol=1e-12)


def test_interpolation_is_much_faster_than_projection(wide_file: Path) -> None:
    ground = one(wide_file).ground
    rows, columns = np.meshgrid(np.arange(512.0), np.arange(512.0), indexing="ij")
    lon, lat = ground.to_ground(rows, columns)

    def seconds(call: Callable[[], object]) -> float:
        begin = time.process_time()
        call()
        return time.process_time() - begin

    fast = min(seconds(lambda: ground.to_image(lon, lat)) for _ in range(3))
    slow = seconds(lambda: ground.exact.to_image(lon.ravel(), lat.ravel()))
    assert slow > 4 * fast


def test_what_lies_far_away_is_nan(wide_file: Path) -> None:
    ground = one(wide_file).ground
    rows, columns = ground.to_image(np.array([7.5, 7.5, -120.0]), np.array([46.9, 56.0, -33.0]))
    assert np.isfinite(rows).tolist() == np.isfinite(columns).tolist() == [True, False, False]
    lon, lat = ground.to_ground(np.array([10.0, np.nan, 1e6]), np.array([10.0, 5.0, 5.0]))
    assert np.isfinite(lon).tolist() == np.isfinite(lat).tolist() == [True, False, False]
    assert ground.to_ground(np.array([]), np.array([]))[0].shape == (0,)


# --- refusals ------------------------------------------------------------------------------------


def edited(path: Path, out: Path, old: bytes, new: bytes) -> Path:
    """A copy with one place of the XML or a header changed, at the same length."""
    content = path.read_bytes()
    assert content.count(old) >= 1 and len(old) == len(new)
    out.write_bytes(content.replace(old, new))
    return out


@pytest.mark.parametrize("keep", [0.0005, 0.01, 0.3, 0.9, 0.99999])
def test_truncated(sicd_file: Path, tmp_path: Path, keep: float) -> None:
    content = sicd_file.read_bytes()
    path = tmp_path / "short.nitf"
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(FormatError, match=r"short\.nitf"):
        SICD.read(path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b"<NumRows>90<", b"<NumRows>91<", "contradicts itself"),
        (b"<NumCols>70<", b"<NumCols>35<", "contradicts itself"),
        (b">RE32F_IM32F<", b">RE16I_IM16I<", "contradicts itself"),
        (b">MONOSTATIC<", b"> BISTATIC <", "bistatically"),
        (b"<SideOfTrack>R<", b"<SideOfTrack>L<", "SideOfTrack"),
        (b"<HAE>530.0<", b"<HAE>990.0<", "GeoData/SCP"),
        (b"<SS>0.6<", b"<SS>-.6<", "Grid/Row/SS"),
        (b"<SS>0.6<", b"<SS>nan<", "Grid/Row/SS"),
        (b'order1="1"', b'order1="x"', "damaged"),
        (b"2024-03-05T06", b"2024-13-05T06", "CollectStart"),
        (b"</SICD>", b"</SICX>", "damaged"),
        (b"urn:SICD:1.2.1", b"urn:SICX:1.2.1", "SICD"),
    ],
)
def test_a_product_that_contradicts_itself(
    sicd_file: Path, tmp_path: Path, old: bytes, new: bytes, says: str
) -> None:
    path = edited(sicd_file, tmp_path / "bad.nitf", old, new)
    with pytest.raises(FormatError, match=says) as error:
        SICD.read(path)
    assert "bad.nitf" in str(error.value) and "\n" not in str(error.value)


def test_nitf_rows_that_disagree_with_the_xml(sicd_file: Path, tmp_path: Path) -> None:
    """sarkit gives zeros here."""
    path = edited(sicd_file, tmp_path / "bad.nitf", b"0000009000000070", b"0000008000000070")
    with pytest.raises(FormatError, match="contradicts itself"):
        SICD.read(path)


def test_polynomial_of_absurd_order(tmp_path: Path) -> None:
    tree = sicd_xml()
    tree.find("{*}Grid/{*}TimeCOAPoly").set("order1", "999999999")
    path = write_sicd(tmp_path / "a.nitf", tree, stored("RE32F_IM32F", *noise()))
    with pytest.raises(FormatError, match="order 999999999"):
        SICD.read(path)


def test_entities_in_xml_are_refused(sicd_file: Path, tmp_path: Path) -> None:
    content = sicd_file.read_bytes()
    start, end = content.index(b"<SICD "), content.index(b"</SICD>")
    bomb = b'<!DOCTYPE SICD [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    inner = content[start : end - len(bomb)].rsplit(b"<Radiometric", 1)[0]
    filler = b" " * (end - start - len(bomb) - len(inner))
    path = tmp_path / "a.nitf"
    path.write_bytes(content[:start] + bomb + inner + filler + content[end:])
    with pytest.raises(FormatError):
        SICD.read(path)


@pytest.mark.parametrize("reader", [SICD, SIDD])
@pytest.mark.parametrize(
    "content",
    [b"", b"NITF", b"NITF02.10" + b"0" * 400, b"II*\0" + b"\1" * 1000, bytes(range(256)) * 40],
)
def test_what_is_no_such_file(
    tmp_path: Path, reader: SicdReader | SiddReader, content: bytes
) -> None:
    path = tmp_path / "some.nitf"
    path.write_bytes(content)
    assert not reader.claims(path)
    with pytest.raises(FormatError, match=r"some\.nitf"):
        reader.read(path)
    assert not reader.claims(tmp_path) and not reader.claims(tmp_path / "absent")


class Hangs(BaseException):
    """Not an Exception, so that no reader can swallow it."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"{seconds} s are over")

    old = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def damaged(content: bytes, rng: np.random.Generator, pixels: slice) -> tuple[bytes, set[int]]:
    """One way of many to damage a file; and which bytes of it are other than they were."""
    out = bytearray(content)
    way = rng.integers(5)
    if way == 0:
        return bytes(out[: rng.integers(len(out))]), set()
    if way == 1:  # pixels
        at = set(rng.integers(pixels.start, pixels.stop, 5).tolist())
    elif way == 2:  # headers, which are most easily broken
        at = set(rng.integers(0, pixels.start, rng.integers(1, 6)).tolist())
    elif way == 3:  # XML
        at = set(rng.integers(pixels.stop, len(out), rng.integers(1, 6)).tolist())
    else:  # a run of bytes anywhere
        begin = int(rng.integers(len(out)))
        at = set(range(begin, min(len(out), begin + int(rng.integers(1, 300)))))
    for byte in at:
        out[byte] = rng.integers(256) if way != 2 else rng.choice(list(b"0123456789 ABNR"))
    return bytes(out), {byte for byte in at if out[byte] != content[byte]}


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_are_refused_or_read_rightly(
    sicd_file: Path, tmp_path: Path, seed: int
) -> None:
    """200 files: a FormatError, or pixels that differ only where their own bytes do."""
    content, path = sicd_file.read_bytes(), tmp_path / "bad.nitf"
    start = one(sicd_file).pixels.raw.parts[0][0]
    pixels = slice(start, start + 90 * 70 * 8)
    truth = one(sicd_file).pixels.power(*WHOLE)
    rng, refused = np.random.default_rng(seed), 0
    for _ in range(50):
        bad, changed = damaged(content, rng, pixels)
        path.write_bytes(bad)
        with at_most(10):
            SICD.claims(path)
            try:
                (scene,) = SICD.read(path)
                power = scene.pixels.power(*(slice(0, length) for length in scene.shape))
                scene.ground.to_image(np.array([7.5]), np.array([46.9]))
            except FormatError as error:
                assert "bad.nitf" in str(error)
                refused += 1
                continue
        if any(byte >= pixels.stop for byte in changed):
            continue  # another valid XML may state another calibration
        same = np.ones(90 * 70, bool)
        same[[(b - start) // 8 for b in changed if pixels.start <= b < pixels.stop]] = False
        assert scene.shape == truth.shape
        np.testing.assert_array_equal(power.ravel()[same], truth.ravel()[same])
    assert 10 <= refused <= 45


# --- SIDD ----------------------------------------------------------------------------------------


def ramp(dtype: type = np.uint8) -> np.ndarray:
    return (np.arange(40 * 30).reshape(40, 30) % 251).astype(dtype)


def test_linear_16_bit_values_are_amplitude(tmp_path: Path) -> None:
    pixels = ramp(np.uint16) * 200
    scene = one(write_sidd(tmp_path / "a.nitf", sidd_xml(pixel_type="MONO16I"), pixels), SIDD)
    truth = pixels.astype(float) ** 2
    np.testing.assert_allclose(scene.pixels.power(slice(0, 40), slice(0, 30)), truth, rtol=1e-6)
    assert scene.extra["reversible"] and scene.calibration == "uncalibrated"
    assert not scene.is_complex and scene.looks is None
    with pytest.raises(InputError, match="detected"):
        scene.pixels.complex(slice(0, 1), slice(0, 1))


@pytest.mark.parametrize(("remap", "reversible"), [("PEDF", False), ("NRL", False), ("LIN", True)])
def test_display_remap_is_told(tmp_path: Path, remap: str, reversible: bool) -> None:
    scene = one(write_sidd(tmp_path / "a.nitf", sidd_xml(remap=remap), ramp()), SIDD)
    assert scene.extra["reversible"] is reversible and scene.extra["display_remap"] == remap
    assert any("remapped" in note for note in scene.notes) is not reversible


def test_lin_log_table_leads_back_to_amplitude(tmp_path: Path) -> None:
    table = np.arange(256) ** 2
    tree = sidd_xml(pixel_type="MONO8LU", remap="LLG", table=table)
    path = write_sidd(tmp_path / "a.nitf", tree, ramp(), np.arange(256, dtype=np.uint8))
    scene = one(path, SIDD)
    power = scene.pixels.power(slice(2, 9), slice(5, 30))
    np.testing.assert_allclose(power, ramp()[2:9, 5:30].astype(float) ** 4, rtol=1e-6)
    assert scene.extra["reversible"]


@pytest.mark.parametrize(("remap", "calibrated"), [("LIN", True), ("PEDF", False)])
def test_constant_factor_calibrates_amplitude_only(
    tmp_path: Path, remap: str, calibrated: bool
) -> None:
    tree = sidd_xml(remap=remap)
    factor = f"<SigmaZeroSFPoly {orders(0.25)}>{poly2d(0.25)}</SigmaZeroSFPoly>"
    inner = etree.fromstring(f'<a xmlns="urn:SICommon:0.1">{factor}</a>')
    etree.SubElement(tree.getroot(), "{urn:SIDD:1.0.0}Radiometric").append(inner[0])
    path = write_sidd(tmp_path / "a.nitf", tree, ramp())
    scene = one(path, SIDD)
    assert scene.calibration == ("sigma_nought" if calibrated else "uncalibrated")
    truth = ramp().astype(float) ** 2 * (0.25 if calibrated else 1.0)
    np.testing.assert_allclose(scene.pixels.power(slice(0, 40), slice(0, 30)), truth, rtol=1e-6)


def test_sidd_metadata(tmp_path: Path) -> None:
    scene = one(write_sidd(tmp_path / "a.nitf", sidd_xml(), ramp()), SIDD)
    assert (scene.plane, scene.range_axis, scene.look_side) == ("ground", "+row", "right")
    assert scene.incidence_angle_deg == pytest.approx(38.0, abs=0.01)
    assert scene.range_azimuth_deg == pytest.approx(75.0, abs=0.01)
    assert (scene.row_spacing_m, scene.column_spacing_m) == (0.8, 0.9)
    assert (scene.row_resolution_m, scene.column_resolution_m) == (1.1, 1.2)
    assert (scene.polarization, scene.platform) == ("VV", "Aurora")
    assert scene.time == datetime(2024, 3, 5, 6, 7, 8, 250000, tzinfo=UTC)
    assert scene.identifier == "AURORA-1-D_001_VV"
    pickle.loads(pickle.dumps(scene))


@pytest.mark.parametrize(
    ("turned", "axis"),
    [(4.0, "+row"), (90.0, "-column"), (180.0, "-row"), (-90.0, "+column"), (45.0, None)],
)
def test_range_axis_of_turned_planes(tmp_path: Path, turned: float, axis: str | None) -> None:
    scene = one(write_sidd(tmp_path / "a.nitf", sidd_xml(turned_deg=turned), ramp()), SIDD)
    assert scene.range_axis == axis


@pytest.mark.parametrize("side", ["L", "R"])
def test_plane_and_ground_share_range_and_doppler(tmp_path: Path, side: str) -> None:
    """10 km from the reference point the plane is 8 m above the ground, and 10 m off sideways."""
    geometry = Geometry(side=side)
    tree = sidd_xml(geometry, spacing=(300.0, 320.0))
    ground = one(write_sidd(tmp_path / "a.nitf", tree, ramp()), SIDD).ground
    rows, columns = (a.ravel().astype(float) for a in np.mgrid[0:40:3, 0:30:3])
    on_plane = sarkit.sidd.calculations.pixel_to_ecef(tree, np.stack([rows, columns], -1))
    lon, lat = ground.exact.to_ground(rows, columns)
    on_ground = ecef(lon, lat, np.full(lon.shape, geometry.height_m))
    seconds = (rows - 12) * 300 * 2e-6 + (columns - 17) * 320 * 1e-5  # as in the XML
    antenna = geometry.antenna + seconds[:, None] * geometry.velocity
    sights = [points - antenna for points in (on_plane, on_ground)]
    ranges = [np.linalg.norm(sight, axis=1) for sight in sights]
    dopplers = [s @ geometry.velocity / r for s, r in zip(sights, ranges, strict=True)]
    np.testing.assert_allclose(*ranges, rtol=0, atol=2e-3)
    np.testing.assert_allclose(*dopplers, rtol=0, atol=1e-4)
    assert 2 < np.linalg.norm(on_plane - on_ground, axis=1).max() < 30
    back = ground.exact.to_image(lon, lat)
    np.testing.assert_allclose(back[0], rows, atol=1e-3)
    np.testing.assert_allclose(back[1], columns, atol=1e-3)


def test_geodetic_grid_is_north_up(tmp_path: Path) -> None:
    tree = sidd_xml(grid="geodetic", spacing=(0.03, 0.04), pixel_type="MONO16I")
    scene = one(write_sidd(tmp_path / "a.nitf", tree, ramp(np.uint16)), SIDD)
    assert (scene.plane, scene.crs, scene.range_axis) == ("geocoded", "EPSG:4326", None)
    pixel = np.array([[0.0, 0.0], [12.0, 17.0], [39.0, 2.5]])
    lat, lon, _ = wgs84.cartesian_to_geodetic(sarkit.sidd.calculations.pixel_to_ecef(tree, pixel)).T
    assert scene.ground is not None and scene.transform is not None
    np.testing.assert_allclose(scene.ground.to_ground(*pixel.T), [lon, lat], atol=1e-10)
    np.testing.assert_allclose(scene.ground.to_image(lon, lat), pixel.T, atol=1e-5)
    a, _, c, _, e, f = scene.transform
    np.testing.assert_allclose(c + a * (pixel[:, 1] + 0.5), lon, atol=1e-10)
    np.testing.assert_allclose(f + e * (pixel[:, 0] + 0.5), lat, atol=1e-10)
    assert scene.row_spacing_m == pytest.approx(0.03 * 30.9, rel=0.01)


def test_colours_are_no_amplitude(tmp_path: Path) -> None:
    pixels = np.zeros((40, 30), sarkit.sidd.PIXEL_TYPES["RGB24I"]["dtype"])
    path = write_sidd(tmp_path / "a.nitf", sidd_xml(pixel_type="RGB24I"), pixels)
    with pytest.raises(FormatError, match="colour picture"):
        SIDD.read(path)


@pytest.mark.parametrize("keep", [0.01, 0.5, 0.999])
def test_truncated_sidd(tmp_path: Path, keep: float) -> None:
    path = write_sidd(tmp_path / "a.nitf", sidd_xml(), ramp())
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(FormatError):
        SIDD.read(path)


def test_damaged_sidd_never_ends_in_another_error(tmp_path: Path) -> None:
    path = write_sidd(tmp_path / "a.nitf", sidd_xml(), ramp())
    content, rng = path.read_bytes(), np.random.default_rng(1)
    start = one(path, SIDD).pixels.raw.parts[0][0]
    read = 0
    for _ in range(100):
        path.write_bytes(damaged(content, rng, slice(start, start + 1200))[0])
        with at_most(10):
            try:
                for scene in SIDD.read(path):
                    scene.pixels.power(*(slice(0, length) for length in scene.shape))
                    read += 1
            except FormatError:
                pass
    assert 10 < read < 90


# --- real files ----------------------------------------------------------------------------------


def test_every_real_sicd(shared_data: Path) -> None:
    paths = sorted((shared_data / "sicd_sidd").glob("*sicd*.nitf"))
    assert len(paths) == 7
    scenes = [one(path) for path in paths]
    for scene in scenes:
        assert (scene.shape, scene.calibration, scene.plane) == ((5, 5), "uncalibrated", "slant")
        assert (scene.platform, scene.polarization, scene.band) == ("TSX-1", "HH", "X")
        assert (scene.look_side, scene.looks) == ("right", 1.0)
        # the scene centre point's angles, which lies 5 km away
        assert scene.incidence_angle_deg == pytest.approx(90 - 42.82, abs=0.5)
        assert scene.range_azimuth_deg == pytest.approx(98.83 + 180, abs=0.6)
        np.testing.assert_allclose(scene.footprint, scenes[0].footprint, atol=1e-9)
        assert scene.ground is not None
        rows, columns = scene.ground.to_image(*scene.ground.to_ground(np.arange(5), np.arange(5)))
        np.testing.assert_allclose(rows, np.arange(5), atol=0.01)
        np.testing.assert_allclose(columns, np.arange(5), atol=0.01)
    versions = {note.split()[0] for scene in scenes for note in scene.notes if "read as" in note}
    assert len(versions) == 5


def test_real_sicd_pixels_are_those_of_sarkit(shared_data: Path) -> None:
    path = shared_data / "sicd_sidd" / "cropped_sicd_110.nitf"
    with path.open("rb") as opened:
        truth = sarkit.sicd.NitfReader(opened).read_image()
    values = truth["real"] + 1j * truth["imag"].astype(float)
    np.testing.assert_array_equal(one(path).pixels.complex(slice(0, 5), slice(0, 5)), values)


def test_real_sidd(shared_data: Path) -> None:
    scene = one(shared_data / "sicd_sidd" / "cropped_sidd.nitf", SIDD)
    assert (scene.shape, scene.plane, scene.calibration) == ((5, 5), "ground", "uncalibrated")
    assert scene.extra["display_remap"] == "PEDF" and not scene.extra["reversible"]
    assert scene.range_azimuth_deg == pytest.approx(98.83 + 180, abs=0.6)
