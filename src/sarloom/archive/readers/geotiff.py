"""Any TIFF, GeoTIFF or COG: its own georeference, this package's tags, and a TOML beside it.

What a TIFF's numbers mean is rarely in the file. Unless tags or a TOML say so they are taken as
amplitude, the scene is uncalibrated and says so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from ...errors import FormatError
from ...records import Calibration, Scene
from ..description import described_facts
from ..facts import Facts
from ..rasters import scenes_of, tags_of
from ..safety import magic_of

name = "geotiff"

SIMULATED: dict[str, dict[str, Any]] = {
    "sigma_nought": {"quantity": "intensity", "calibration": "sigma_nought"},
    "complex": {"quantity": "complex", "calibration": "sigma_nought"},
}
"""What the tag QUANTITY of a simulated scene means: linear power, or complex amplitude whose
squared modulus is that power."""


GENERATED = ("amplitude", "complex")
"""What the tag quantity of a generated image may say; its tag sarloom holds the record."""


def claims(path: Path) -> bool:
    """Any file that begins like a TIFF."""
    return magic_of(path) == "tiff"


def read(path: Path) -> list[Scene]:
    """Channels of a TIFF."""
    return scenes_of(path, name, described_facts(path).over(facts_of(path, tags_of(path))))


def facts_of(path: Path, tags: dict[str, Any]) -> Facts:
    """What the tags of a TIFF state; those of simulated scenes and of generated images.

    Raises
    ------
    FormatError
        If a tag of a simulated scene is not what it should be.
    """
    if "sarloom" in tags and tags.get("quantity") in GENERATED:
        return _generated(tags)
    if "SARLOOM_VERSION" not in tags:
        return Facts()
    if tags.get("QUANTITY") not in SIMULATED:
        raise FormatError(f"{path}: tag QUANTITY = {tags.get('QUANTITY')!r} is unknown")
    spacing_m = _number(path, tags, "SPACING_M")
    return Facts(
        **SIMULATED[tags["QUANTITY"]],
        plane="ground",
        row_spacing_m=spacing_m,
        column_spacing_m=spacing_m,
        range_axis="+column",
        incidence_angle_deg=_number(path, tags, "INCIDENCE_ANGLE_DEG"),
        looks=_number(path, tags, "LOOKS"),
        synthetic=tags.get("SYNTHETIC") == "yes",
        platform="sarloom",
        extra={key.lower(): tags[key] for key in ("KIND", "SEED") if key in tags},
    )


def _generated(tags: dict[str, Any]) -> Facts:
    """What the record of a generated image states; nothing if it cannot be read.

    Its calibration is that of the model, and is not said to be that of a sensor.
    """
    try:
        record = json.loads(tags["sarloom"])
        spacing_m, looks = record.get("spacing_m"), record.get("looks")
        calibration = record.get("calibration")
    except (ValueError, AttributeError):
        return Facts()
    stated = isinstance(spacing_m, (int, float)) and 0 < spacing_m < 1e6
    return Facts(
        quantity=tags["quantity"],
        calibration=calibration if calibration in get_args(Calibration) else None,
        plane="ground",
        row_spacing_m=float(spacing_m) if stated else None,
        column_spacing_m=float(spacing_m) if stated else None,
        looks=float(looks) if isinstance(looks, int) and looks > 0 else None,
        synthetic=True,
        platform="sarloom",
    )


def _number(path: Path, tags: dict[str, Any], key: str) -> float | None:
    if key not in tags:
        return None
    try:
        value = float(tags[key])
    except ValueError:
        value = -1.0
    if not 0 < value < 1e6:
        raise FormatError(f"{path}: tag {key} = {tags[key]!r} should be a number above zero")
    return value
