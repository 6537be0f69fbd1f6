"""Small but real Sentinel-1 SAFE folders: TIFFs, annotation, calibration and noise XML.

Geometry is exact: the ground position of any pixel is known from geodesics, so a reader can be held
to it between the points of the grid as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from pyproj import Geod
from rasterio.errors import NotGeoreferencedWarning

GEOD = Geod(ellps="WGS84")
START = datetime(2022, 3, 4, 5, 6, 7, 800000, tzinfo=UTC)
Vector = tuple[float, Sequence[float], Sequence[float]]
"""Line, columns and values."""


@dataclass(frozen=True)
class Swath:
    """Where a made-up product lies: rows along the track, columns to the right of it."""

    lon: float = 12.0
    lat: float = 42.0
    heading_deg: float = 190.0
    row_m: float = 10.0
    column_m: float = 10.0
    incidence_deg: tuple[float, float] = (30.0, 45.0)
    """In the first and the last column."""
    shape: tuple[int, int] = (60, 80)
    height: Callable[[Any, Any], Any] = field(default=lambda row, column: 0.0 * row)

    def incidence(self, column: Any) -> Any:
        near, far = self.incidence_deg
        return near + (far - near) * np.asarray(column) / (self.shape[1] - 1)

    def slant_m(self, column: Any) -> Any:
        """Slant range: even in columns, as good as any since these swaths are flat."""
        return 800_000.0 + np.asarray(column) * self.column_m * 0.6

    def ground(self, row: Any, column: Any) -> tuple[Any, Any]:
        """Longitude and latitude of pixels on the terrain."""
        row, column = np.broadcast_arrays(np.asarray(row, float), np.asarray(column, float))
        along = np.hypot(row, 0) * self.row_m * np.sign(row)
        full = np.full(row.shape, self.lon), np.full(row.shape, self.lat)
        lon, lat, back = GEOD.fwd(*full, np.full(row.shape, self.heading_deg), along)
        # the back azimuth points to the start; the track goes on the other way
        across = column * self.column_m + self.height(row, column) / np.tan(
            np.radians(self.incidence(column))
        )
        lon, lat, _ = GEOD.fwd(lon, lat, np.asarray(back) + 180.0 + 90.0, across)
        return lon, lat


def write_tiff(path: Path, numbers: np.ndarray) -> None:
    import warnings

    kind = "complex_int16" if np.iscomplexobj(numbers) else str(numbers.dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        rows, columns = numbers.shape
        with rasterio.open(
            path, "w", "GTiff", width=columns, height=rows, count=1, dtype=kind
        ) as opened:
            opened.write(numbers, 1)


@dataclass(frozen=True)
class Bursts:
    """TOPS timing: lines per burst, offset of each on the common time grid, and invalid edges."""

    lines: int
    offsets: Sequence[int]
    invalid: int = 2


@dataclass(frozen=True)
class Image:
    """One measurement image and its tables."""

    numbers: np.ndarray
    swath: Swath
    polarisation: str = "VV"
    name: str = "IW"
    calibration: Sequence[Vector] | None = ((0.0, (0.0, 1e5), (500.0, 500.0)),)
    noise: Sequence[Vector] | None = ((0.0, (0.0, 1e5), (0.0, 0.0)),)
    noise_blocks: Sequence[tuple[Sequence[int], Sequence[float], Sequence[float]]] | None = None
    """First line, first sample, last line, last sample; lines; factors. None for the old form."""
    noise_removed: bool = False
    bursts: Bursts | None = None
    interval_s: float = 1.5e-3
    grid_step: tuple[int, int] = (20, 20)


def write_safe(
    folder: Path,
    images: Sequence[Image],
    name: str = "S1A_IW_GRDH_1SDV_20220304T050607_20220304T050632_042000_050000_ABCD",
) -> Path:
    """Write a SAFE folder and return it."""
    safe = folder / f"{name}.SAFE"
    (safe / "annotation" / "calibration").mkdir(parents=True)
    (safe / "manifest.safe").write_text("<xfdu:XFDU xmlns:xfdu='urn:ccsds:schema:xfdu:1'/>")
    for number, image in enumerate(images, 1):
        kind = "slc" if np.iscomplexobj(image.numbers) else "grd"
        stem = f"s1a-{image.name.lower()}-{kind}-{image.polarisation.lower()}-20220304t050607"
        stem = f"{stem}-{number:03d}"
        write_tiff(safe / "measurement" / f"{stem}.tiff", image.numbers)
        write_annotation(safe / "annotation" / f"{stem}.xml", image, number)
        tables = safe / "annotation" / "calibration"
        if image.calibration is not None:
            write_calibration(tables / f"calibration-{stem}.xml", image.calibration)
        if image.noise is not None:
            write_noise(tables / f"noise-{stem}.xml", image.noise, image.noise_blocks)
    return safe


def numbers(tag: str, values: Sequence[float]) -> str:
    return f'<{tag} count="{len(values)}">{" ".join(repr(float(v)) for v in values)}</{tag}>'


def write_calibration(path: Path, vectors: Sequence[Vector]) -> None:
    body = "".join(
        f"<calibrationVector><line>{line:g}</line>{numbers('pixel', columns)}"
        f"{numbers('sigmaNought', values)}{numbers('betaNought', [474.0] * len(values))}"
        "</calibrationVector>"
        for line, columns, values in vectors
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><calibration><calibrationVectorList>'
        f"{body}</calibrationVectorList></calibration>"
    )


def write_noise(path: Path, vectors: Sequence[Vector], blocks: Any) -> None:
    new = blocks is not None
    kind, lut = ("noiseRange", "noiseRangeLut") if new else ("noise", "noiseLut")
    body = f"<{kind}VectorList>" + "".join(
        f"<{kind}Vector><line>{line:g}</line>{numbers('pixel', columns)}{numbers(lut, values)}"
        f"</{kind}Vector>"
        for line, columns, values in vectors
    )
    body += f"</{kind}VectorList>"
    if new:
        body += "<noiseAzimuthVectorList>"
        tags = ("firstAzimuthLine", "firstRangeSample", "lastAzimuthLine", "lastRangeSample")
        for bounds, lines, factors in blocks:
            edges = "".join(f"<{t}>{v}</{t}>" for t, v in zip(tags, bounds, strict=False))
            body += (
                f"<noiseAzimuthVector>{edges}{numbers('line', lines)}"
                f"{numbers('noiseAzimuthLut', factors)}</noiseAzimuthVector>"
            )
        body += "</noiseAzimuthVectorList>"
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?><noise>{body}</noise>')


def write_annotation(path: Path, image: Image, number: int) -> None:
    rows, columns = image.numbers.shape
    swath, slc = image.swath, np.iscomplexobj(image.numbers)
    header = {
        "missionId": "S1A",
        "productType": "SLC" if slc else "GRD",
        "polarisation": image.polarisation,
        "mode": "IW",
        "swath": image.name,
        "startTime": text(START),
        "imageNumber": f"{number:03d}",
    }
    look = "<windowType>Hamming</windowType><windowCoefficient>0.7</windowCoefficient>"
    looks = 1 if slc else 5
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><product><adsHeader>'
        + "".join(f"<{tag}>{value}</{tag}>" for tag, value in header.items())
        + "</adsHeader><generalAnnotation><productInformation>"
        f"<platformHeading>{swath.heading_deg - 360}</platformHeading>"
        f"<projection>{'Slant Range' if slc else 'Ground Range'}</projection>"
        "<radarFrequency>5.405e+09</radarFrequency></productInformation></generalAnnotation>"
        "<imageAnnotation><imageInformation>"
        f"<rangePixelSpacing>{swath.column_m}</rangePixelSpacing>"
        f"<azimuthPixelSpacing>{swath.row_m}</azimuthPixelSpacing>"
        f"<productFirstLineUtcTime>{text(START)}</productFirstLineUtcTime>"
        f"<azimuthTimeInterval>{image.interval_s!r}</azimuthTimeInterval>"
        f"<numberOfSamples>{columns}</numberOfSamples><numberOfLines>{rows}</numberOfLines>"
        "</imageInformation><processingInformation><thermalNoiseCorrectionPerformed>"
        f"{str(image.noise_removed).lower()}</thermalNoiseCorrectionPerformed>"
        "<swathProcParamsList><swathProcParams><rangeProcessing>"
        f"{look}<lookBandwidth>1.41e+07</lookBandwidth><numberOfLooks>{looks}</numberOfLooks>"
        f"</rangeProcessing><azimuthProcessing>{look}<lookBandwidth>3.27e+02</lookBandwidth>"
        "<numberOfLooks>1</numberOfLooks></azimuthProcessing></swathProcParams>"
        f"</swathProcParamsList></processingInformation></imageAnnotation>{_timing(image)}"
        f"{'' if slc else _conversion(image)}"
        "<geolocationGrid><geolocationGridPointList>"
        + "".join(_points(image))
        + "</geolocationGridPointList></geolocationGrid></product>"
    )


def text(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(timespec="microseconds")


def _timing(image: Image) -> str:
    if image.bursts is None:
        return "<swathTiming><linesPerBurst>0</linesPerBurst><burstList count='0'/></swathTiming>"
    edge, lines = image.bursts.invalid, image.bursts.lines
    valid = [-1] * edge + [0] * (lines - 2 * edge) + [-1] * edge
    bursts = "".join(
        f"<burst><azimuthTime>{text(START + timedelta(seconds=offset * image.interval_s))}"
        f"</azimuthTime>{numbers('firstValidSample', valid)}</burst>"
        for offset in image.bursts.offsets
    )
    return (
        f"<swathTiming><linesPerBurst>{lines}</linesPerBurst><burstList>{bursts}</burstList>"
        "</swathTiming>"
    )


def _conversion(image: Image) -> str:
    """The same polynomial at two times."""
    near = float(image.swath.slant_m(0))
    slope = (float(image.swath.slant_m(1)) - near) / image.swath.column_m
    both = "".join(
        f"<coordinateConversion><azimuthTime>{text(START + timedelta(seconds=seconds))}"
        f"</azimuthTime><sr0>{near}</sr0><gr0>0</gr0>{numbers('grsrCoefficients', (near, slope))}"
        "</coordinateConversion>"
        for seconds in (-1.0, 1.0)
    )
    return (
        f"<coordinateConversion><coordinateConversionList count='2'>{both}"
        "</coordinateConversionList></coordinateConversion>"
    )


def _points(image: Image) -> list[str]:
    """The grid; with bursts its lines are first lines of bursts, with their times."""
    rows, columns = image.numbers.shape
    if image.bursts is None:
        lines = [*range(0, rows - 1, image.grid_step[0]), rows - 1]
        joined = lines
    else:
        lines = [k * image.bursts.lines for k in range(len(image.bursts.offsets) + 1)]
        joined = [*image.bursts.offsets, image.bursts.offsets[-1] + image.bursts.lines]
    samples = [*range(0, columns - 1, image.grid_step[1]), columns - 1]
    found = []
    for line, row in zip(lines, joined, strict=True):
        time = text(START + timedelta(seconds=row * image.interval_s))
        lon, lat = image.swath.ground(float(row), np.array(samples, float))
        height = image.swath.height(np.full(len(samples), float(row)), np.array(samples, float))
        for k, sample in enumerate(samples):
            swath_m = float(image.swath.slant_m(sample))
            found.append(
                f"<geolocationGridPoint><azimuthTime>{time}</azimuthTime><line>{line}</line>"
                f"<slantRangeTime>{2 * swath_m / 299_792_458.0!r}</slantRangeTime>"
                f"<pixel>{sample}</pixel><latitude>{lat[k]!r}</latitude>"
                f"<longitude>{lon[k]!r}</longitude><height>{height[k]!r}</height>"
                f"<incidenceAngle>{float(image.swath.incidence(sample))!r}</incidenceAngle>"
                "</geolocationGridPoint>"
            )
    return [one.replace("np.float64(", "").replace(")", "") for one in found]
