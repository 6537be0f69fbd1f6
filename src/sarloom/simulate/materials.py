"""What the ground is made of: one row per material, for radar and for the optical picture.

Backscatter is written with the area-normalised gamma-nought, sigma0(theta) = gamma cos(theta)
for a volume or very rough surface, plus a quasi-specular lobe for smooth surfaces:

    sigma0(theta_i) = gamma * cos(theta_i)**exponent + specular * exp(-(tan(theta_i) / slope)**2)

Levels are X-band values of the kind collected in Ulaby & Dobson, *Handbook of Radar Scattering
Statistics for Terrain*, and Skolnik, *Radar Handbook* (ground echo): woods and crops about -15 dB,
grass -17 dB, bare ground -19 dB, asphalt -25 dB, calm water below -30 dB. Texture is K-distributed
with order ``texture_nu`` (infinite: pure speckle), correlated over ``texture_m`` metres.

Leaves and twigs do not stop the wave at their surface: their echo trails off in range, over
``depth_m`` metres along the ray on average and twice that at most. That fills crowns, which
would otherwise shine at their edge only.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Material:
    """One land-cover material; decibels for powers, metres for lengths, sRGB 0..255 for colour."""

    name: str
    label: str
    """Class name in the segmentation map (several materials may share one)."""
    gamma_db: float
    exponent: float
    specular_db: float
    specular_slope: float
    texture_nu: float
    texture_m: float
    depth_m: float
    rgb: tuple[int, int, int]
    rgb_variation: float
    """Relative standard deviation of brightness in the optical picture."""


def _m(
    name: str,
    label: str,
    gamma_db: float,
    nu: float,
    rgb: tuple[int, int, int],
    *,
    exponent: float = 1.0,
    specular_db: float = -99.0,
    slope: float = 0.2,
    texture_m: float = 0.7,
    depth_m: float = 0.0,
    variation: float = 0.06,
) -> Material:
    return Material(
        name, label, gamma_db, exponent, specular_db, slope, nu, texture_m, depth_m, rgb, variation
    )


MATERIALS: tuple[Material, ...] = (
    _m("bare_soil", "bare", -18.0, 12.0, (141, 117, 88), specular_db=-8, slope=0.25),
    _m("grass", "grass", -16.5, 10.0, (112, 128, 72)),
    _m("meadow", "grass", -14.5, 9.0, (128, 142, 78)),
    _m("crop_low", "crop", -15.0, 12.0, (134, 146, 82)),
    _m("crop_high", "crop", -12.0, 10.0, (96, 124, 58)),
    _m("crop_ripe", "crop", -13.0, 14.0, (190, 170, 104)),
    _m("ploughed", "bare", -14.0, 8.0, (120, 92, 66), specular_db=-6, slope=0.3),
    _m("scrub", "scrub", -12.5, 3.0, (100, 110, 66), texture_m=1.5, depth_m=0.6, variation=0.15),
    _m("crown", "trees", -8.5, 2.4, (58, 84, 44), texture_m=0.9, depth_m=2.7, variation=0.2),
    _m("conifer", "trees", -9.0, 2.2, (42, 66, 42), texture_m=0.7, depth_m=2.6, variation=0.22),
    _m("hedge", "trees", -9.0, 2.6, (66, 92, 48), texture_m=0.8, depth_m=1.2, variation=0.2),
    _m("water", "water", -38.0, 60.0, (44, 66, 82), specular_db=6, slope=0.05, variation=0.02),
    _m(
        "rough_water",
        "water",
        -29.0,
        6.0,
        (52, 82, 96),
        specular_db=2,
        slope=0.1,
        texture_m=4.0,
        variation=0.04,
    ),
    _m("sand", "bare", -22.0, 20.0, (208, 190, 150), specular_db=-6, slope=0.15),
    _m("rock", "rock", -9.0, 2.5, (134, 128, 120), texture_m=1.4, variation=0.15),
    _m("asphalt", "road", -25.5, 30.0, (84, 84, 88), specular_db=-4, slope=0.1),
    _m("concrete", "paved", -22.0, 20.0, (160, 158, 152), specular_db=-4, slope=0.1),
    _m("gravel", "paved", -17.0, 14.0, (150, 142, 130)),
    _m("dirt_track", "track", -20.0, 16.0, (166, 142, 106)),
    _m("railway", "railway", -9.0, 3.0, (112, 100, 92)),
    _m("roof_tile", "building", -10.0, 4.0, (156, 88, 66), exponent=1.6, variation=0.05),
    _m("roof_flat", "building", -13.0, 5.0, (142, 138, 134), exponent=1.4, variation=0.04),
    _m(
        "roof_metal",
        "building",
        -15.5,
        4.0,
        (176, 184, 190),
        exponent=2.0,
        specular_db=6,
        slope=0.08,
        variation=0.03,
    ),
    _m("wall", "building", -7.0, 1.5, (120, 112, 104), texture_m=1.2),
    _m(
        "tank_metal",
        "tank",
        -16.0,
        4.0,
        (214, 214, 208),
        exponent=2.0,
        specular_db=8,
        slope=0.1,
        variation=0.02,
    ),
    _m("ship_metal", "ship", -4.0, 1.0, (130, 80, 70), texture_m=1.4, variation=0.1),
    _m("vehicle_metal", "vehicle", -3.0, 1.0, (92, 98, 84), texture_m=0.6, variation=0.1),
    _m("aircraft_metal", "aircraft", -7.0, 1.2, (222, 224, 226), texture_m=0.8, variation=0.04),
    _m("container", "container", -5.0, 1.2, (168, 84, 60), texture_m=1.2, variation=0.2),
    _m("quay", "paved", -20.0, 10.0, (150, 148, 144)),
    _m("bridge_deck", "bridge", -20.0, 10.0, (128, 126, 124)),
    _m("guard_rail", "road", -8.0, 3.0, (170, 170, 170)),
)
"""Index in this tuple is the code stored in ``World.material``."""

CODE: dict[str, int] = {material.name: code for code, material in enumerate(MATERIALS)}
LABELS: tuple[str, ...] = tuple(dict.fromkeys(material.label for material in MATERIALS))
"""Segmentation classes; index in this tuple is the pixel value of the segmentation map."""
