"""What readers say of real products, against what is read from the same files by other means."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from pyproj import Geod, Transformer
from rasterio.warp import transform as warp

from sarloom.archive.registry import open_scenes
from sarloom.errors import FormatError

GEOD = Geod(ellps="WGS84")
RASTERS = (
    "umbra/umbra_mount_yasur.tiff",
    "capella_rotterdam/sar_hh.tif",
    "capella_rotterdam/sar_vh.tif",
    "capella_rotterdam/sar_masked.tif",
    "sen1floods11/S1/Spain_7370579_S1Hand.tif",
)


@pytest.mark.parametrize("name", RASTERS)
def test_rasters_lie_where_rasterio_says(shared_data: Path, name: str) -> None:
    scenes = open_scenes(shared_data / name)
    with rasterio.open(shared_data / name) as raster:
        count, shape, crs, matrix = raster.count, raster.shape, raster.crs, raster.transform
        described = [(text or "").upper() for text in raster.descriptions]
    assert len(scenes) == count
    rows, columns = shape
    pixels = [(0, 0), (columns, 0), (columns, rows), (0, rows)]
    corners = np.transpose(warp(crs, "EPSG:4326", *zip(*(matrix * p for p in pixels), strict=True)))
    middle = [matrix * (columns / 2 + i, rows / 2 + j) for i, j in ((0, 0), (1, 0), (0, 1))]
    lon, lat = warp(crs, "EPSG:4326", *zip(*middle, strict=True))
    across, down = (GEOD.inv(lon[0], lat[0], lon[k], lat[k])[2] for k in (1, 2))
    for band, scene in enumerate(scenes):
        assert scene.shape == shape and scene.plane == "geocoded"
        assert np.abs(np.array(scene.footprint) - corners).max() < 1e-8
        # the product's own spacing: a projection's scale (0.9996 in UTM) is not taken off
        assert scene.column_spacing_m == pytest.approx(across, rel=1.5e-3)
        assert scene.row_spacing_m == pytest.approx(down, rel=1.5e-3)
        # nothing of this is in the files, so nothing may be claimed
        assert scene.calibration == "uncalibrated"
        assert scene.incidence_angle_deg is None and scene.look_side is None
        assert scene.range_axis is None and scene.range_azimuth_deg is None
        assert scene.time is None and scene.looks is None
        if described[band] in ("VV", "VH"):
            assert scene.polarization == described[band]


def test_decibels_are_not_taken_for_amplitude(shared_data: Path) -> None:
    """Sen1Floods11 stores decibels and says so nowhere."""
    (scene, _) = open_scenes(shared_data / "sen1floods11/S1/Spain_7370579_S1Hand.tif")
    with pytest.raises(FormatError, match="negative"):
        scene.pixels.power(slice(0, 64), slice(0, 64))


def antenna_of(root: Any, shape: tuple[int, int]) -> np.ndarray:
    """Antenna position at the time of closest approach of an image's centre."""

    def number_of(tag: str) -> float:
        return float(root.findtext("/".join(f"{{*}}{part}" for part in tag.split("/"))))

    metres = [
        (
            number_of(f"ImageData/First{one}")
            + (length - 1) / 2
            - number_of(f"ImageData/SCPPixel/{one}")
        )
        * number_of(f"Grid/{one}/SS")
        for one, length in zip(("Row", "Col"), shape, strict=True)
    ]
    time = sum(
        float(term.text)
        * metres[0] ** int(term.get("exponent1"))
        * metres[1] ** int(term.get("exponent2"))
        for term in root.find("{*}Grid/{*}TimeCOAPoly")
    )
    position = root.find("{*}Position/{*}ARPPoly")
    return np.array(
        [
            sum(
                float(term.text) * time ** int(term.get("exponent1"))
                for term in position.findall(f"{{*}}{axis}/{{*}}Coef")
            )
            for axis in "XYZ"
        ]
    )


@pytest.mark.parametrize("number", ["040", "050", "100", "101", "110", "120", "extra_des"])
def test_sicd_facts_are_those_of_its_xml(shared_data: Path, number: str) -> None:
    """The XML is cut out of the file by hand."""
    from defusedxml import ElementTree

    path = shared_data / "sicd_sidd" / f"cropped_sicd_{number}.nitf"
    (scene,) = open_scenes(path)
    content = path.read_bytes()
    start = content.index(b"<SICD")
    root = ElementTree.fromstring(content[start : content.index(b"</SICD>") + 7])

    def number_of(tag: str) -> float:
        return float(root.findtext("/".join(f"{{*}}{part}" for part in tag.split("/"))))

    assert scene.row_spacing_m == number_of("Grid/Row/SS")
    assert scene.column_spacing_m == number_of("Grid/Col/SS")
    assert scene.row_resolution_m == number_of("Grid/Row/ImpRespWid")
    assert scene.column_resolution_m == number_of("Grid/Col/ImpRespWid")
    assert scene.shape == (number_of("ImageData/NumRows"), number_of("ImageData/NumCols"))
    side = root.findtext("{*}SCPCOA/{*}SideOfTrack")
    assert scene.look_side == {"L": "left", "R": "right"}[side]
    # by hand, from where the antenna was as it saw this crop, 5 km from the scene centre point
    antenna = antenna_of(root, scene.shape)
    to_vector = Transformer.from_crs(4979, 4978, always_xy=True).transform
    lon, lat = np.mean(scene.footprint, axis=0)
    height = number_of("GeoData/SCP/LLH/HAE")
    place, above = (np.array(to_vector(lon, lat, height + up)) for up in (0.0, 1.0))
    sight = (antenna - place) / np.linalg.norm(antenna - place)
    incidence = np.degrees(np.arccos(sight @ (above - place)))
    assert scene.incidence_angle_deg == pytest.approx(incidence, abs=0.01)
    east = np.array([-np.sin(np.radians(lon)), np.cos(np.radians(lon)), 0.0])
    north = np.cross(above - place, east)
    azimuth = np.degrees(np.arctan2(-sight @ east, -sight @ north)) % 360
    assert scene.range_azimuth_deg == pytest.approx(azimuth, abs=0.01)
    started = datetime.fromisoformat(root.findtext("{*}Timeline/{*}CollectStart"))
    assert scene.time is not None
    assert abs((scene.time - started.replace(tzinfo=UTC)).total_seconds()) < 1e-5
    has_factor = root.find("{*}Radiometric/{*}SigmaZeroSFPoly") is not None
    assert scene.calibration == ("sigma_nought" if has_factor else "uncalibrated")


def test_sentinel1_facts_are_those_of_its_annotation(shared_data: Path) -> None:
    """Every fact looked up in the text, incidence and range direction from points of the grid."""
    from defusedxml import ElementTree

    (safe,) = (shared_data / "sentinel1_safe_annotation_only").glob("*.SAFE")
    (xml,) = (safe / "annotation").glob("*.xml")
    (scene,) = open_scenes(safe)
    root = ElementTree.parse(xml).getroot()
    image: Any = root.find("imageAnnotation/imageInformation")
    rows, columns = int(image.findtext("numberOfLines")), int(image.findtext("numberOfSamples"))
    assert scene.shape == (rows, columns)
    assert scene.row_spacing_m == float(image.findtext("azimuthPixelSpacing"))
    assert scene.column_spacing_m == float(image.findtext("rangePixelSpacing"))
    points = {
        (int(one.findtext("line")), int(one.findtext("pixel"))): one
        for one in root.findall("geolocationGrid/geolocationGridPointList/*")
    }
    # the centre of the scene, between the four points around it
    lines, pixels = (sorted({key[k] for key in points}) for k in (0, 1))
    angles = [
        [float(points[line, pixel].findtext("incidenceAngle")) for pixel in pixels]
        for line in lines
    ]
    along = [np.interp((columns - 1) / 2, pixels, one) for one in angles]
    middle = np.interp((rows - 1) / 2, lines, along)
    assert scene.incidence_angle_deg == pytest.approx(middle, abs=0.05)
    # platformHeading is 4 degrees off: it is that of the orbit, and the Earth turns below
    line = min(lines, key=lambda one: abs(one - rows / 2))
    left, right = (points[line, pixels[len(pixels) // 2 + step]] for step in (-1, 1))
    ends = [float(p.findtext(tag)) for p in (left, right) for tag in ("longitude", "latitude")]
    assert scene.range_azimuth_deg == pytest.approx(GEOD.inv(*ends)[0] % 360, abs=0.3)
    first = points[0, 0]
    assert scene.footprint is not None
    near = float(first.findtext("longitude")), float(first.findtext("latitude"))
    assert GEOD.inv(*scene.footprint[0], *near)[2] < 10.0  # half a pixel in both directions
    assert scene.polarization == root.findtext("adsHeader/polarisation")
    assert scene.time == datetime.fromisoformat(root.findtext("adsHeader/startTime")).replace(
        tzinfo=UTC
    )
    assert scene.calibration == "sigma_nought" and scene.look_side == "right"


def test_sidd_facts_are_those_of_its_xml(shared_data: Path) -> None:
    from defusedxml import ElementTree

    path = shared_data / "sicd_sidd" / "cropped_sidd.nitf"
    (scene,) = open_scenes(path)
    content = path.read_bytes()
    start = content.index(b"<SIDD")
    root = ElementTree.fromstring(content[start : content.index(b"</SIDD>") + 7])
    spacing = root.find("{*}Measurement/{*}PlaneProjection/{*}SampleSpacing")
    assert scene.row_spacing_m == float(spacing.findtext("{*}Row"))
    assert scene.column_spacing_m == float(spacing.findtext("{*}Col"))
    assert scene.calibration == "uncalibrated" and scene.plane == "ground"
    collection = root.find("{*}ExploitationFeatures/{*}Collection")
    graze = float(collection.findtext("{*}Geometry/{*}Graze"))
    # stated for the scene centre point, which lies 5 km from this crop
    assert scene.incidence_angle_deg == pytest.approx(90 - graze, abs=0.5)
