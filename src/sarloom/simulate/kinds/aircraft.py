"""Aircraft from above: fuselage, swept wings, tailplane, fin and engines with their heights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..world import SceneObject
from .site import Site


@dataclass(frozen=True)
class AircraftType:
    """Plan of one type; lengths as parts of the fuselage length unless in metres."""

    length_m: tuple[float, float]
    span: float
    fuselage: float
    """Fuselage width."""
    root: float
    """Wing chord at the fuselage."""
    tip: float
    sweep: float
    """How far the tip's middle lies behind the root's middle."""
    wing_at: float
    """Middle of the wing root from the nose."""
    tail_span: float
    engines: int
    height_m: float
    """Top of the fuselage as part of the length."""


TYPES: dict[str, AircraftType] = {
    "airliner": AircraftType((32, 42), 0.95, 0.105, 0.2, 0.06, 0.17, 0.47, 0.36, 2, 0.155),
    "wide-body": AircraftType((52, 64), 0.96, 0.1, 0.2, 0.05, 0.19, 0.46, 0.34, 4, 0.14),
    "regional": AircraftType((22, 29), 0.98, 0.11, 0.12, 0.07, 0.02, 0.44, 0.33, 2, 0.16),
    "business jet": AircraftType((14, 20), 0.95, 0.12, 0.17, 0.06, 0.13, 0.55, 0.36, 0, 0.15),
    "light": AircraftType((7.2, 9.8), 1.3, 0.15, 0.19, 0.16, 0.0, 0.36, 0.4, 0, 0.22),
    "fighter": AircraftType((14, 19), 0.66, 0.13, 0.42, 0.08, 0.2, 0.62, 0.36, 0, 0.14),
    "transport": AircraftType((28, 36), 1.28, 0.15, 0.14, 0.07, 0.03, 0.42, 0.45, 4, 0.19),
}


def sized(site: Site, kind: str) -> float:
    """A random length [m] of the type."""
    return float(site.rng.uniform(*TYPES[kind].length_m))


def footprint(kind: str, length_m: float) -> float:
    """Width that an aircraft of this length needs [m]."""
    return TYPES[kind].span * length_m


def aircraft(
    site: Site, x_m: float, y_m: float, angle_deg: float, kind: str, length_m: float,
    *, on_region: bool = False,
) -> bool:  # fmt: skip
    """Park an aircraft, nose along ``angle_deg``; says whether there was room."""
    form, canvas = TYPES[kind], site.canvas
    span = form.span * length_m
    within = site.inner if on_region else site.free
    if not site.room(x_m, y_m, length_m, span, angle_deg, within=within):
        return False
    where, u, v = canvas.local(x_m, y_m, math.hypot(length_m, span) / 2, angle_deg)
    base = canvas.ground_at(x_m, y_m)
    behind = 0.5 - u / length_m  # 0 at the nose, 1 at the tail
    aside = np.abs(v) / length_m
    top = form.height_m * length_m
    half = form.fuselage / 2
    taper = np.sqrt(np.clip(behind / 0.12, 0, 1)) * np.clip((1.02 - behind) / 0.3, 0, 1) ** 0.6
    body = (aside <= half * taper) & (behind >= 0) & (behind <= 1)
    round_top = top * (0.55 + 0.45 * np.sqrt(np.clip(1 - (aside / (half + 1e-6)) ** 2, 0, 1)))
    wing = _plane(behind, aside, form.wing_at, form.root, form.tip, form.sweep, form.span / 2)
    tail = _plane(behind, aside, 0.92, 0.1, 0.05, 0.05, form.tail_span / 2)
    fin = (behind > 0.84) & (behind < 0.99) & (np.abs(v) < 0.4)
    metal = "aircraft_metal"
    canvas.solid(where, wing, 0.55 * top + 0.03 * np.abs(v), metal, base)
    canvas.solid(where, tail, 0.8 * top, metal, base)
    canvas.solid(where, body, round_top, metal, base)
    canvas.solid(where, fin, top + (behind - 0.84) / 0.15 * 0.12 * length_m, metal, base)
    _engines(site, form, x_m, y_m, angle_deg, length_m, base)
    _shine(site, form, x_m, y_m, angle_deg, length_m)
    canvas.record(
        SceneObject(
            "aircraft", x_m, y_m, length_m, span, top + 0.12 * length_m, angle_deg % 360,
            _drawn(form, x_m, y_m, angle_deg, length_m), kind,
        )
    )  # fmt: skip
    site.claim(x_m, y_m, length_m, span, angle_deg)
    return True


def _plane(
    behind: np.ndarray, aside: np.ndarray, at: float, root: float, tip: float, sweep: float,
    half_span: float,
) -> np.ndarray:  # fmt: skip
    """Both halves of a tapered, swept wing."""
    part = np.clip(aside / half_span, 0, 1)
    middle = at + sweep * part
    chord = root + (tip - root) * part
    return (aside <= half_span) & (np.abs(behind - middle) <= chord / 2)


def _place(
    x_m: float, y_m: float, angle_deg: float, length_m: float, behind: float, aside: float
) -> tuple[float, float]:
    c, s = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    u, v = (0.5 - behind) * length_m, aside * length_m
    return x_m + u * c - v * s, y_m + u * s + v * c


def _engines(
    site: Site, form: AircraftType, x_m: float, y_m: float, angle_deg: float, length_m: float,
    base_m: float,
) -> None:  # fmt: skip
    outward = (0.34,) if form.engines == 2 else (0.32, 0.6) if form.engines == 4 else ()
    for part in outward:
        for side in (-1, 1):
            aside = side * part * form.span / 2
            behind = form.wing_at + form.sweep * part - 0.06
            x, y = _place(x_m, y_m, angle_deg, length_m, behind, aside)
            site.canvas.box(
                x, y, 0.11 * length_m, 0.05 * length_m, 0.05 * length_m, angle_deg,
                material="aircraft_metal", kind=None, lift_m=0.35 * form.height_m * length_m,
            )  # fmt: skip
            site.canvas.reflector(x, y, 1.5, float(site.rng.normal(20, 3)))


def _shine(
    site: Site, form: AircraftType, x_m: float, y_m: float, angle_deg: float, length_m: float
) -> None:
    """Wing roots, cockpit, tail and gear; stronger on larger aircraft."""
    strength = 8.0 + 10 * math.log10(length_m / 8.0) * 1.2
    half = form.fuselage / 2
    spots = [(0.08, 0.0), (0.93, 0.0), (0.97, form.tail_span / 2), (0.97, -form.tail_span / 2)]
    for behind in (form.wing_at - form.root / 2, form.wing_at + form.root / 2):
        spots += [(behind, half), (behind, -half)]
    tip = (form.wing_at + form.sweep, form.span / 2 - 0.01)
    spots += [tip, (tip[0], -tip[1])]
    for behind, aside in spots:
        x, y = _place(x_m, y_m, angle_deg, length_m, behind, aside)
        site.canvas.reflector(
            x, y, 0.5 * form.height_m * length_m, float(site.rng.normal(strength, 3))
        )
    ends = [_place(x_m, y_m, angle_deg, length_m, b, 0.0) for b in (0.1, 0.85)]
    site.canvas.wall(ends[0], ends[1], 0.5 * form.height_m * length_m, -10.0)


def _drawn(
    form: AircraftType, x_m: float, y_m: float, angle_deg: float, length_m: float
) -> tuple[tuple[float, float], ...]:
    """The outline a person would sketch: nose, wing, tail and back on the other side."""
    half, tip = form.fuselage / 2, form.wing_at + form.sweep
    side = [
        (0.0, 0.0), (0.1, half), (form.wing_at - form.root / 2, half),
        (tip - form.tip / 2, form.span / 2), (tip + form.tip / 2, form.span / 2),
        (form.wing_at + form.root / 2, half), (0.87, half * 0.8),
        (0.945, form.tail_span / 2), (0.995, form.tail_span / 2), (0.97, 0.0),
    ]  # fmt: skip
    both = [*side, *((b, -a) for b, a in reversed(side[1:-1]))]
    ring = [_place(x_m, y_m, angle_deg, length_m, b, a) for b, a in both]
    return (*ring, ring[0])
