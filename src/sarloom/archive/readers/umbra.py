"""Umbra's geocoded TIFFs with their NAME_METADATA.json.

Pixels are an amplitude for display without a published factor: uncalibrated. The radiometry is in
the SICD of the same collect. Fields as in Umbra's metadata of version 1: ``collects`` holds angles
and times, ``derivedProducts`` what was made of them.
"""

from __future__ import annotations

import json
from pathlib import Path

from ...records import Scene
from ..description import described_facts
from ..facts import Document, Facts, look_azimuth_deg, look_side_of
from ..rasters import scenes_of
from ..safety import magic_of, read_text, reading

name = "umbra"

SUFFIXES = ("_GEC", "_MM", "_MULTILOOK", "_CSI", "_RAW", "")


def claims(path: Path) -> bool:
    """A TIFF with an Umbra metadata file beside it."""
    return magic_of(path) == "tiff" and metadata_of(path) is not None


def metadata_of(path: Path) -> Path | None:
    """The metadata file of a TIFF: NAME_METADATA.json for NAME.tif and NAME_GEC.tif."""
    for suffix in SUFFIXES:
        if path.stem.upper().endswith(suffix):
            stem = path.stem[: len(path.stem) - len(suffix)]
            sidecar = path.with_name(f"{stem}_METADATA.json")
            if sidecar.is_file():
                return sidecar
    return None


def read(path: Path) -> list[Scene]:
    """The channel of an Umbra product."""
    sidecar = metadata_of(path)
    facts = Facts() if sidecar is None else facts_of(sidecar)
    if path.stem.upper().endswith("_GEC"):
        facts = Facts(extra={"product_type": "GEC"}).over(facts)
    return scenes_of(path, name, described_facts(path).over(facts))


def facts_of(sidecar: Path) -> Facts:
    """What a metadata file states.

    The azimuth angle is that of the platform as seen from the scene; where look side and pass say
    that it is the other way round they are believed.
    """
    with reading(sidecar, "fetch the metadata again"):
        document = Document(sidecar, json.loads(read_text(sidecar)))
    collect = Document(sidecar, document.get("collects.0") or {})
    side = look_side_of(collect.text("observationDirection"))
    azimuth = look_azimuth_deg(
        collect.number("angleAzimuthDegrees", -360, 360), side, collect.text("satelliteTrack")
    )
    notes = ["Umbra's geocoded amplitude has no published factor: uncalibrated"]
    if azimuth is None:
        notes.append("the metadata does not settle in which direction range grows")
    polarizations = collect.get("polarizations")
    frequency = collect.positive("radarCenterFrequencyHz")
    return Facts(
        quantity="amplitude",
        calibration="uncalibrated",
        range_azimuth_deg=azimuth,
        look_side=side,
        incidence_angle_deg=collect.number("angleIncidenceDegrees", 0, 90),
        band=collect.text("radarBand"),
        center_frequency_hz=frequency,
        polarizations=tuple(map(str, polarizations)) if isinstance(polarizations, list) and
        len(polarizations) == 1 else None,
        platform=document.text("umbraSatelliteName"),
        instrument_mode=document.text("imagingMode"),
        time=collect.time("startAtUTC"),
        notes=tuple(notes),
        extra={
            key: value
            for key, value in {
                "umbra_collect": collect.text("id"),
                "umbra_product": document.text("productSku"),
                "grazing_angle_deg": collect.number("angleGrazingDegrees", 0, 90),
                "squint_angle_deg": collect.number("angleSquintDegrees", -360, 360),
                "slant_range_m": collect.positive("slantRangeMeters"),
                "pass": collect.text("satelliteTrack"),
                "ground_resolution_m": document.get("derivedProducts.GEC.0.groundResolution"),
            }.items()
            if value is not None
        },
    )  # fmt: skip
