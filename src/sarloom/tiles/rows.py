"""From arrays to the columns of a row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..sar.tone import AmplitudeTone, DecibelTone, Tone
from .beside import NOTHING, Told
from .png import grey16_png, picture_png
from .schema import Row, complete, picture
from .tone import encode, tone_columns

if TYPE_CHECKING:
    from ..records import Scene
    from .cut import TileData
    from .pair import OpticalMatch
    from .survey import Acquisition

Ring = Sequence[tuple[float, float]]

PowerArray = NDArray[np.float32]


def radar_columns(
    power: PowerArray, tone: Tone, top: float | None = None, saturated: float | None = None
) -> dict[str, Any]:
    """Columns of a radar tile that follow from its pixels.

    Parameters
    ----------
    power : float32 array, shape (rows, columns)
        Linear power; NaN where nothing was measured.
    tone
        Of the acquisition.
    top
        Highest power where every pixel was measured, if that is known already.
    saturated
        ``saturated_share``, if that is.
    """
    amplitude = np.sqrt(power)
    whole = top is not None or _all_measured(power)
    valid = None if whole else np.isfinite(amplitude)
    return {
        "image": picture(grey16_png(encode(amplitude, tone))),
        "valid": None if valid is None else picture(picture_png(valid)),
        "nodata_fraction": 0.0 if valid is None else 1.0 - np.count_nonzero(valid) / valid.size,
        "saturated": saturated_share(power, tone, top) if saturated is None else saturated,
        **tone_columns(tone),
    }


def saturated_share(power: PowerArray, tone: Tone, top: float | None = None) -> float:
    """Share of measured pixels brighter than the tone can say; ``top`` as in ``radar_columns``."""
    limit = top_power(tone)
    if top is not None and top <= limit:
        return 0.0
    above = int(np.count_nonzero(power > limit))  # NaN compares false
    if top is not None or _all_measured(power):
        return above / power.size
    return above / max(1, int(np.count_nonzero(np.isfinite(power))))


def _all_measured(power: PowerArray) -> bool:
    """Whether every pixel is a finite number; a maximum is many times faster than asking each."""
    return bool(np.isfinite(power.max()))


def top_power(tone: Tone) -> float:
    """Power of the largest pixel value."""
    if isinstance(tone, AmplitudeTone):
        return tone.threshold**2
    assert isinstance(tone, DecibelTone)
    return float(10 ** (tone.high_db / 10))


def optical_columns(match: OpticalMatch) -> dict[str, Any]:
    """Columns of a tile's optical partner."""
    return {
        "optical": picture(picture_png(match.picture)),
        "optical_valid": None if match.valid.all() else picture(picture_png(match.valid)),
        "optical_source": str(match.source.path),
        "optical_overlap": match.overlap,
        "optical_days": match.days,
        "optical_stretch": list(match.stretch),
    }


def satellite_columns(
    power: PowerArray, tone: Tone, spacing_m: float, looks: float
) -> dict[str, Any]:
    """Columns of the same ground seen by a coarser radar."""
    return {
        "satellite": picture(grey16_png(encode(np.sqrt(power), tone))),
        **tone_columns(tone, "satellite_"),
        "satellite_spacing_m": spacing_m,
        "satellite_looks": looks,
    }


def tile_row(
    scene: Scene,
    one: Acquisition,
    tile: TileData,
    tone: Tone,
    split: str | None,
    match: OpticalMatch | None,
    told: Told = NOTHING,
    saturated: float | None = None,
) -> Row:
    """All that is known of a tile of a product; ``told`` is what lies beside its picture.

    ``saturated`` is its ``saturated_share``, if that is known already. The row's own hash is left
    to ``Ledger.commit``.
    """
    group = f"{one.name}-{tile.cell.group}"
    ring = tile.footprint
    return complete(
        {
            "id": f"{group}-{tile.spacing_m:g}m",
            **radar_columns(tile.power, tone, tile.top, saturated),
            **({} if match is None else optical_columns(match)),
            **told.columns(),
            "calibration": scene.calibration,
            "spacing_m": tile.spacing_m,
            "looks": tile.looks,
            "incidence_angle_deg": tile.incidence_angle_deg,
            "range_azimuth_deg": tile.range_azimuth_deg,
            "range_angle_residual_deg": tile.range_angle_residual_deg,
            "look_side": scene.look_side,
            "band": scene.band,
            "center_frequency_hz": scene.center_frequency_hz,
            "polarization": scene.polarization,
            "platform": scene.platform,
            "instrument_mode": scene.instrument_mode,
            "time": tile.time,
            "footprint": None if ring is None else footprint_wkt(ring),
            "bbox": None if ring is None else wrapped_box(ring),
            "crs": tile.crs,
            "transform": None if tile.transform is None else list(tile.transform),
            "geolocation_error_m": tile.geolocation_error_m,
            "row": tile.cell.top,
            "column": tile.cell.left,
            "method": tile.method,
            "group": group,
            "acquisition": one.name,
            "source": str(one.path),
            "source_blake3": one.digest,
            "split": split,
            "synthetic": scene.synthetic,
        },
        hashed=False,
    )


def footprint_wkt(ring: Ring) -> str:
    """A polygon whose longitudes do not jump: across the antimeridian they go beyond 180."""
    corners = _continuous([*ring, ring[0]])
    return f"POLYGON (({', '.join(f'{lon:.8f} {lat:.8f}' for lon, lat in corners)}))"


def box_of(ring: Ring) -> tuple[float, float, float, float]:
    """West, south, east, north with continuous longitudes: east may go beyond 180."""
    corners = _continuous(ring)
    lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
    return min(lons), min(lats), max(lons), max(lats)


def wrapped_box(ring: Ring) -> list[float]:
    """West, south, east, north; west is greater than east across the antimeridian."""
    west, south, east, north = box_of(ring)
    return [math.remainder(west, 360.0), south, math.remainder(east, 360.0), north]


def _continuous(ring: Ring) -> list[tuple[float, float]]:
    """Longitudes within half a turn of the first."""
    first = ring[0][0]
    return [(lon - 360.0 * round((lon - first) / 360.0), lat) for lon, lat in ring]
