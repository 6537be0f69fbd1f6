"""What crosses between stages: a radar product as its reader hands it over.

Arrays are [row, column]. Pixel coordinates are floats, (0, 0) is the centre of the first pixel, so
the image covers -0.5 .. rows - 0.5. Longitude and latitude are degrees on WGS 84. Power is linear,
never decibels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    PowerArray = NDArray[np.float32]
    ComplexArray = NDArray[np.complex64]
else:  # names to import; records itself loads no NumPy
    FloatArray = PowerArray = ComplexArray = Any

Calibration = Literal["sigma_nought", "beta_nought", "gamma_nought", "uncalibrated"]
"""What the linear power of a scene's pixels means. Read from the product, never guessed."""

Plane = Literal["slant", "ground", "geocoded"]
"""Slant range, ground range along the track, or north-up on a map projection."""

RangeAxis = Literal["+row", "-row", "+column", "-column"]
"""Along which array axis range grows; '-column' says that far range is column 0."""


class Pixels(Protocol):
    """Windowed access to a raster that may be far larger than memory."""

    def power(self, rows: slice, columns: slice) -> PowerArray:
        """Linear power [rows, columns] in the scene's calibration; NaN where there is no data.

        The window must lie inside the scene.

        Raises
        ------
        FormatError
            If the file turns out to be damaged in this window.
        """

    def complex(self, rows: slice, columns: slice) -> ComplexArray:
        """Complex amplitude [rows, columns] with ``power`` as its squared modulus; NaN outside.

        Raises
        ------
        InputError
            If the product is detected.
        """


class GroundMap(Protocol):
    """Where pixels lie on the ground. Vectorised; NaN where there is no answer."""

    def to_ground(self, rows: FloatArray, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Longitude and latitude [deg] of pixel coordinates."""

    def to_image(self, lon: FloatArray, lat: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Row and column of places on the ground."""


@dataclass(frozen=True)
class Scene:
    """One channel of one radar product. Fields that the product does not state are None."""

    path: Path
    """What a user would name: the file, or the folder of a SAFE product."""
    reader: str
    """Name of the reader in the registry."""
    identifier: str
    """Stable name of this channel: product identifier and polarisation."""
    shape: tuple[int, int]
    pixels: Pixels
    ground: GroundMap | None
    """None where the product has no georeference (a bare PNG, say)."""
    calibration: Calibration
    is_complex: bool
    plane: Plane
    row_spacing_m: float | None
    """Distance of neighbouring rows in ``plane``."""
    column_spacing_m: float | None
    range_axis: RangeAxis | None
    """None where range lies oblique to the array, as in a geocoded product."""
    range_azimuth_deg: float | None = None
    """Direction of growing ground range at the scene centre, clockwise from north."""
    look_side: Literal["left", "right"] | None = None
    incidence_angle_deg: float | None = None
    """At the scene centre."""
    looks: float | None = None
    row_resolution_m: float | None = None
    """Width of the point response along rows in ``plane``; spacing over resolution tells how far
    the data is oversampled."""
    column_resolution_m: float | None = None
    band: str | None = None
    """Letter: 'X', 'C', 'L', ..."""
    center_frequency_hz: float | None = None
    polarization: str | None = None
    """'VV', 'HV', ..."""
    platform: str | None = None
    instrument_mode: str | None = None
    time: datetime | None = None
    """Start of the acquisition, UTC, with time zone."""
    footprint: tuple[tuple[float, float], ...] | None = None
    """Corners (longitude, latitude) [deg], not closed, in image order from the first pixel."""
    crs: str | None = None
    """Of a geocoded product, as 'EPSG:32633' or WKT."""
    transform: tuple[float, float, float, float, float, float] | None = None
    """Of a geocoded product: rasterio's a, b, c, d, e, f to the corner of the first pixel."""
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    """What a user should know: 'no SigmaZeroSFPoly: uncalibrated', ..."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Anything else worth keeping, JSON types only."""
