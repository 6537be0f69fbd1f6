"""Sentinel-1 level 1 products as ESA delivers them: GRD and SLC in a SAFE folder.

One scene per measurement image: per polarisation, and for SLC per sub-swath with its bursts joined.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FormatError, InputError
from ...records import FloatArray, Scene
from ..ground import corners_of, ground_spacing_m
from ..raster import RasterFile
from ..safety import reading
from ..sentinel1_annotation import (
    SPEED_OF_LIGHT_M_S,
    Annotation,
    Look,
    read_annotation,
)
from ..sentinel1_grid import SwathGrid, interpolate
from ..sentinel1_pixels import SentinelPixels, Stretch, stretches_of
from ..sentinel1_sight import Sight
from ..sentinel1_tables import DAMAGED, Noise, Table, read_calibration, read_noise

name = "sentinel1"

MANIFEST = "manifest.safe"

EQUIVALENT_LOOKS = {
    ("SM", "GRDF"): 3.7,
    ("SM", "GRDH"): 29.7,
    ("SM", "GRDM"): 398.4,
    ("IW", "GRDH"): 4.4,
    ("IW", "GRDM"): 81.8,
    ("EW", "GRDH"): 2.7,
    ("EW", "GRDM"): 10.7,
    ("WV", "GRDM"): 123.7,
}
"""ESA's equivalent numbers of looks by mode and resolution class (Sentinel-1 Product Definition
S1-RS-MDA-52-7440). Looks overlap in bandwidth, so they are fewer than the looks that are summed."""


def claims(path: Path) -> bool:
    """Whether a path is the SAFE folder, or the manifest, of a Sentinel-1 product."""
    folder = path.parent if path.name == MANIFEST else path
    named = folder.name.upper().startswith("S1")
    return (named or (folder / "annotation").is_dir()) and (folder / MANIFEST).is_file()


def read(path: Path) -> list[Scene]:
    """Every measurement image of the product.

    Raises
    ------
    FormatError
        If an image or its annotation is missing or damaged, or they contradict each other.
    InputError
        If the product is of level 0 or 2 and holds no radar image.
    """
    folder = path.parent if path.name == MANIFEST else path
    annotations = sorted((folder / "annotation").glob("*.xml"))
    if not annotations:
        raise InputError(
            f"{folder}: no annotation/*.xml; only level 1 products (GRD, SLC) hold radar images, "
            "and a level 1 product without it has to be fetched again"
        )
    pairs = [(one, _measurement(folder, one)) for one in annotations]
    missing = [one.stem for one, image in pairs if image is None]
    if len(missing) == len(pairs):
        raise FormatError(f"{folder}: no measurement/{missing[0]}.tiff; fetch the product again")
    notes = tuple(f"no measurement image for {stem}" for stem in missing)
    return [_scene(folder, one, image, notes) for one, image in pairs if image is not None]


def _measurement(folder: Path, annotation: Path) -> Path | None:
    stem = annotation.stem
    stems = (stem, f"{stem}-cog", stem.removesuffix("-cog"))
    candidates = (
        folder / "measurement" / f"{one}{end}" for one in stems for end in (".tiff", ".tif")
    )
    return next((one for one in candidates if one.is_file()), None)


def _scene(folder: Path, xml: Path, image: Path, notes: tuple[str, ...]) -> Scene:
    annotation = read_annotation(xml)
    file = RasterFile(image)
    _check_image(annotation, file)
    complex_ = annotation.product_type == "SLC"
    table, noise, doubts = _tables(xml, annotation)
    stretches = stretches_of(annotation)
    pixels = SentinelPixels(file, stretches, complex_, table, noise)
    shape = stretches[-1].stop, annotation.shape[1]
    rows = _grid_rows(annotation)
    with reading(xml, DAMAGED), _named(xml):
        ground = _ground(annotation, rows, shape)
        incidence_deg = _incidence(annotation, rows, shape)
    centre = ground_spacing_m(ground, (shape[0] - 1) / 2, (shape[1] - 1) / 2)
    if complex_ and annotation.bursts:
        doubts += (
            f"{len(annotation.bursts)} bursts joined in the middle of their overlaps; the phase "
            "ramp of TOPS is kept, so resample power, not complex values",
        )
    looks, counted = _looks(folder, annotation)
    return Scene(
        path=folder,
        reader=name,
        identifier=_identifier(folder, annotation),
        shape=shape,
        pixels=pixels,
        ground=ground,
        calibration="sigma_nought" if table is not None else "uncalibrated",
        is_complex=complex_,
        plane="ground" if annotation.ground_range else "slant",
        row_spacing_m=annotation.line_spacing_m,
        column_spacing_m=annotation.column_spacing_m,
        range_axis="+column",
        range_azimuth_deg=centre[3] if centre else None,
        look_side="right",
        incidence_angle_deg=incidence_deg,
        looks=looks,
        row_resolution_m=_azimuth_resolution_m(annotation),
        column_resolution_m=_range_resolution_m(annotation, incidence_deg),
        band="C",
        center_frequency_hz=annotation.frequency_hz,
        polarization=annotation.polarisation,
        platform=f"Sentinel-1{annotation.mission.removeprefix('S1')}",
        instrument_mode=annotation.mode,
        time=annotation.start,
        footprint=corners_of(ground, shape),
        notes=(*notes, *doubts, counted),
        extra=_extra(annotation, stretches),
    )


def _check_image(annotation: Annotation, file: RasterFile) -> None:
    """Refuse an image that is not the one its annotation describes."""
    kind = np.dtype(file.opened.dtypes[0].replace("complex_int16", "complex64")).kind
    is_slc = annotation.product_type == "SLC"
    if annotation.product_type not in ("GRD", "SLC"):
        raise InputError(f"{annotation.path}: a product of type {annotation.product_type!r}")
    if file.shape != annotation.shape or file.opened.count != 1 or (kind == "c") != is_slc:
        raise FormatError(
            f"{file.path}: {file.shape[0]} x {file.shape[1]} pixels of {file.opened.dtypes[0]}, "
            f"but its annotation says {annotation.shape[0]} x {annotation.shape[1]} of an "
            f"{annotation.product_type}; fetch the product again"
        )


def _tables(
    xml: Path, annotation: Annotation
) -> tuple[Table | None, Noise | None, tuple[str, ...]]:
    """Calibration and noise, and what a user should know about them."""
    calibration = xml.parent / "calibration" / f"calibration-{xml.name}"
    noise = xml.parent / "calibration" / f"noise-{xml.name}"
    if not calibration.is_file():
        return None, None, (f"no calibration/{calibration.name}: uncalibrated",)
    table = read_calibration(calibration)
    if annotation.noise_removed:
        return table, None, ("thermal noise was taken off by the processor",)
    if not noise.is_file():
        return table, None, (f"no calibration/{noise.name}: thermal noise is left in",)
    return table, read_noise(noise), ("thermal noise taken off; power below it is 0",)


def _grid_rows(annotation: Annotation) -> FloatArray:
    """Rows of the joined image at the grid's lines.

    The grid counts lines of the file, where bursts repeat ground; its times do not.
    """
    grid = annotation.grid
    if not annotation.bursts:
        return grid.lines
    first = annotation.bursts[0].time
    seconds = np.array([(time - first).total_seconds() for time in grid.times])
    return np.asarray(seconds / annotation.line_interval_s)


def _ground(annotation: Annotation, rows: FloatArray, shape: tuple[int, int]) -> SwathGrid:
    grid = annotation.grid
    sight = Sight(grid.heights_m, grid.incidence_deg, grid.ranges_m, annotation.polynomials)
    return SwathGrid(rows, grid.columns, grid.lon, grid.lat, shape, sight)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of which file the geolocation speaks that it finds impossible."""
    try:
        yield
    except FormatError as error:
        raise FormatError(f"{path}: {error}; {DAMAGED}") from error


def _incidence(annotation: Annotation, rows: FloatArray, shape: tuple[int, int]) -> float:
    """Incidence angle at the centre of the scene [deg]."""
    angle = interpolate(rows, annotation.grid.columns, annotation.grid.incidence_deg)
    found = float(angle((shape[0] - 1) / 2, (shape[1] - 1) / 2))
    if not 0.0 < found < 90.0:
        raise FormatError(f"incidence angle {found:g} deg")
    return found


def _looks(folder: Path, annotation: Annotation) -> tuple[float, str]:
    """Equivalent number of looks, and how it is known."""
    if annotation.product_type == "SLC":
        return 1.0, "single look"
    azimuth, ranges = annotation.azimuth_look.count, annotation.range_look.count
    summed = f"{ranges} x {azimuth} looks summed in range and azimuth"
    mode = "SM" if annotation.mode.startswith("S") else annotation.mode
    parts = folder.name.upper().split("_")
    found = EQUIVALENT_LOOKS.get((mode, parts[2] if len(parts) > 2 else ""))
    if found is None:
        return float(ranges * azimuth), f"{summed}; fewer are independent"
    return found, f"{summed}, equivalent to {found} by ESA's product definition"


def _identifier(folder: Path, annotation: Annotation) -> str:
    parts = [folder.name.removesuffix(".SAFE")]
    if annotation.product_type == "SLC":
        parts.append(annotation.swath)
    if annotation.mode == "WV":
        parts.append(annotation.image_number)
    return "_".join([*parts, annotation.polarisation])


def _azimuth_resolution_m(annotation: Annotation) -> float:
    """Speed of the beam on the ground over look bandwidth, widened by the window."""
    speed_m_s = annotation.line_spacing_m / annotation.line_interval_s
    return speed_m_s * _widening(annotation.azimuth_look) / annotation.azimuth_look.bandwidth_hz


def _range_resolution_m(annotation: Annotation, incidence_deg: float) -> float:
    """c / (2 B), widened by the window, in the plane of the image."""
    look = annotation.range_look
    slant_m = SPEED_OF_LIGHT_M_S / (2.0 * look.bandwidth_hz) * _widening(look)
    return slant_m / np.sin(np.radians(incidence_deg)) if annotation.ground_range else slant_m


def _widening(look: Look) -> float:
    """Half-power width of the point response of a Hamming window, in units of 1 / bandwidth.

    h(t) = a sinc(t) + (1 - a) (sinc(t - 1) + sinc(t + 1)) / 2; 0.886 for a = 1.
    """
    from scipy.optimize import brentq

    a = look.hamming

    def response(t: float) -> float:
        return float(a * np.sinc(t) + (1 - a) / 2 * (np.sinc(t - 1) + np.sinc(t + 1)))

    return 2.0 * float(brentq(lambda t: response(t) - response(0.0) / np.sqrt(2.0), 0.1, 1.0))


def _extra(annotation: Annotation, stretches: tuple[Stretch, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "product_type": annotation.product_type,
        "swath": annotation.swath,
        "looks_range": annotation.range_look.count,
        "looks_azimuth": annotation.azimuth_look.count,
    }
    if annotation.bursts:
        found["burst_rows"] = [[one.start, one.stop] for one in stretches]
    return found
