"""What the figures say, in plain words: known faults first, then what differs without a name.

A fault is one function of the figures and one line in ``FAULTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .harness import Row
from .laws import shape_of_variance
from .metrics.direction import gap, mirrored, spread, turned, vector
from .metrics.speckle import expected
from .table import Images

Rows = Mapping[str, Row]


@dataclass(frozen=True)
class Finding:
    """One sentence or two for everyone, and the figures it rests on."""

    name: str
    """Stable short name, for programs."""
    text: str
    keys: tuple[str, ...]


_JPEG_BITS = 0.3
"""Excess of small coefficients on the grid that is worth the name; JPEG of quality 90 leaves half a
bit or more."""
Fault = Callable[[Rows, Images, Images], Finding | None]


def _both(row: Row) -> tuple[float, float]:
    assert row.real is not None and row.generated is not None
    return row.real, row.generated


def _differ(rows: Rows, *keys: str) -> bool:
    return all(key in rows and rows[key].differs for key in keys)


def pixel_meaning(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Squaring doubles every spread in dB and makes log-variances four times as large."""
    # where too many pixels are clipped to see speckle, the whole image must do
    key = "speckle_log_variance" if "speckle_log_variance" in rows else "image_log_variance"
    if not _differ(rows, key, "law_spread_db"):
        return None
    word = "their speckle" if key == "speckle_log_variance" else "whole images"
    first, second = _both(rows[key])
    ratio = second / first
    spread = rows["law_spread_db"]
    wide = _both(spread)[1] / _both(spread)[0]
    keys = (key, "law_spread_db")
    if 2.8 < ratio < 5.7 and 1.5 < wide < 2.7:
        text = (
            f"The generated images look as though intensity was taken for amplitude: their spread "
            f"in dB is {wide:.2f} times that of the real ones (squaring makes it 2) and the "
            f"log-variance of {word} {ratio:.2f} times (squaring makes it 4)."
        )
        return Finding("intensity-for-amplitude", text, keys)
    if 2.8 < 1 / ratio < 5.7 and 1.5 < 1 / wide < 2.7:
        text = (
            f"The generated images look as though amplitude was taken for intensity: their spread "
            f"in dB is {wide:.2f} times that of the real ones (a root makes it 0.5) and the "
            f"log-variance of {word} {ratio:.2f} times (a root makes it 0.25)."
        )
        return Finding("amplitude-for-intensity", text, keys)
    return None


def speckle_shape(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Log-normal speckle has the right spread and no skewness of its logarithm."""
    if not _differ(rows, "ratio_ks", "speckle_log_skew"):
        return None
    first, second = _both(rows["speckle_log_skew"])
    before, now = _both(rows["speckle_log_variance"])
    gamma = expected(shape_of_variance(now))["speckle_log_skew"]
    if abs(second) > 0.35 * abs(gamma) or not 0.5 < now / before < 2.0:
        return None  # with another spread the shape follows from another fault
    text = (
        f"The generated speckle follows the wrong law: its logarithm has skewness {second:.2f}, as "
        f"log-normal noise has (0), where speckle of this spread has {gamma:.2f} and the real "
        f"images {first:.2f}. Speckle of a radar is gamma distributed in intensity."
    )
    return Finding("speckle-law", text, ("speckle_log_skew", "ratio_ks", "speckle_gamma_ks"))


def blurred(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Averaging neighbours makes them alike and gives more looks."""
    if not _differ(rows, "correlation_across_1", "correlation_down_1", "enl"):
        return None
    across, down = rows["correlation_across_1"], rows["correlation_down_1"]
    first, second = _both(rows["enl"])
    if not (across.value > 0.05 and down.value > 0.05 and second > first):
        return None
    text = (
        f"The generated images are blurred, or smoothed: neighbouring pixels of their speckle "
        f"correlate by {_both(across)[1]:.2f} where the real ones have {_both(across)[0]:.2f}, and "
        f"they have {second:.2f} looks where the real ones have {first:.2f}."
    )
    return Finding("blur", text, ("correlation_across_1", "correlation_down_1", "enl"))


def rotated(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Turned back, the directions fit."""
    if not _differ(rows, "direction"):
        return None
    first, second = vector(real), vector(generated)
    ways = {
        "rotated by 90 degrees (counter-clockwise)": turned(second, 3),
        "rotated by 180 degrees": turned(second, 2),
        "rotated by 90 degrees (clockwise)": turned(second, 1),
        "mirrored left to right": mirrored(second),
        "mirrored top to bottom": mirrored(turned(second, 2)),
    }
    scale = spread(real, generated)
    gaps = {way: gap(first, one, scale) for way, one in ways.items()}
    name, best = min(gaps.items(), key=lambda two: two[1])
    as_it_is = gap(first, second, scale)
    if best > 0.5 * as_it_is:
        return None
    blur = 1.96 * rows["direction"].deviation
    if "90" in name and sum(value < best + blur for way, value in gaps.items() if "90" in way) > 1:
        name = "rotated by 90 degrees (which way they do not tell)"
    text = (
        f"The generated images are {name} against the real ones: shadows and structures fall in "
        f"another direction (distance {as_it_is:.2f}, {best:.2f} once turned back)."
    )
    return Finding("rotation", text, ("direction", "shadow_across", "shadow_down"))


def repeats(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Twins within the generated set beyond those of the real one."""
    if not _differ(rows, "repeated") or rows["repeated"].value <= 0:
        return None
    first, second = _both(rows["repeated"])
    text = (
        f"The generated set repeats itself: {second:.0%} of its images have a twin in the set, of "
        f"the real ones {first:.0%}."
    )
    return Finding("repeats", text, ("repeated",))


def copies(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Twins of real images."""
    if not _differ(rows, "memorised"):
        return None
    text = (
        f"{rows['memorised'].value:.0%} of the generated images are copies of real ones; between "
        f"halves of the real set it is {rows['memorised'].floor:.0%}."
    )
    return Finding("copies", text, ("memorised",))


def jpeg(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Coefficients that only JPEG rounds away."""
    if not _differ(rows, "jpeg"):
        return None
    first, second = _both(rows["jpeg"])
    who, value = ("generated", second) if second > first else ("real", first)
    if value < _JPEG_BITS:
        return None
    text = (
        f"The {who} images went through lossy JPEG: on its grid of 8 x 8 pixels {2**value:.1f} "
        "times as many fine coefficients are near zero as off it. Texture and speckle figures "
        "suffer from it; use PNG or GeoTIFF."
    )
    return Finding("jpeg", text, ("jpeg",))


def swapped(rows: Rows, real: Images, generated: Images) -> Finding | None:
    """Captions that fit no better than those of other images."""
    if not _differ(rows, "sarclip_margin"):
        return None
    first, second = _both(rows["sarclip_margin"])
    who, low, high = ("generated", second, first) if second < first else ("real", first, second)
    if low > 0.25 * high:
        return None
    other = "real" if who == "generated" else "generated"
    text = (
        f"The captions of the {who} images do not belong to them, as if they had been swapped: "
        f"they fit {number(low)} better than the captions of other images, where those of the "
        f"{other} set fit {number(high)} better."
    )
    keys = ("sarclip_margin", "sarclip_score", "sarclip_recall_1", "sarclip_recall_5")
    return Finding("swapped-captions", text, keys)


FAULTS: tuple[Fault, ...] = (
    pixel_meaning,
    speckle_shape,
    blurred,
    rotated,
    repeats,
    copies,
    jpeg,
    swapped,
)

_WORDS = {
    "Amplitude law": "the distribution of amplitudes",
    "Speckle": "the speckle",
    "Complex pixels": "the complex pixels",
    "Texture": "the texture",
    "Geometry": "the direction of structures",
    "Variety": "the variety",
    "Files": "traces of file formats",
    "Amplitude law by ground": "the amplitudes of each kind of ground",
    "Amplitude law by class": "the amplitudes of each class",
    "Pairs, multilooked": "where things lie in pairs of images",
    "Usefulness": "usefulness for training",
    "Prompt alignment": "how well captions fit",
}
_PLURAL = ("the complex pixels", "traces", "the amplitudes", "the features")


def word_of(section: str) -> str:
    """What a section is called within a sentence."""
    name = section.removeprefix("Features: ")
    return _WORDS.get(section, f"the features of {name}" if name != section else section)


def findings_of(rows: list[Row], real: Images, generated: Images) -> list[Finding]:
    """Faults with a name, then the sections that differ, then those that do not."""
    by_key = {row.key: row for row in rows}
    found = [one for fault in FAULTS if (one := fault(by_key, real, generated)) is not None]
    explained = {key for one in found for key in one.keys}
    sections = list(dict.fromkeys(row.section for row in rows))
    same: list[str] = []
    few: list[str] = []
    for section in sections:
        here = [row for row in rows if row.section == section]
        strange = [row for row in here if row.differs and row.key not in explained]
        word = word_of(section)
        if strange:
            found.append(_differing(word, strange, len(here)))
        elif not any(row.differs for row in here):
            (few if all(row.warnings for row in here) else same).append(word)
    for name, words, said in (
        ("same", same, "No difference beyond chance was found in"),
        ("few", few, "There are too few images to tell about"),
    ):
        if words:
            found.append(Finding(name, f"{said} {', '.join(words)}.", ()))
    return found


def _differing(word: str, rows: list[Row], count: int) -> Finding:
    # how well a textbook law fits tells a person least
    telling = [row for row in rows if not row.key.startswith("fit_")] or rows
    verb = "differ" if word.startswith(_PLURAL) else "differs"
    worst = max(telling, key=lambda row: row.strength)
    said = f"{worst.title} {number(worst.value, signed=not worst.distance)} {worst.unit}"
    if worst.real is not None and worst.generated is not None:
        said = (
            f"{worst.title} is {number(worst.generated)} {worst.unit}".rstrip()
            + f" where the real images have {number(worst.real)}"
        )
    else:
        said = f"{said.rstrip()}, {number(worst.floor)} between halves of the real set"
    text = (
        f"{word[0].upper()}{word[1:]} {verb} in {len(rows)} of {count} figures, most clearly: "
        f"{said}."
    )
    return Finding("differs", text, tuple(row.key for row in rows))


def number(value: float | None, signed: bool = False) -> str:
    """A figure with three or so digits; '-' for None or NaN."""
    if value is None or value != value:
        return "-"
    size = abs(value)
    if value == 0:
        return "0"
    digits = f"{value:+.3g}" if signed else f"{value:.3g}"
    if 1e-4 <= size < 1e5 and "e" in digits:
        digits = f"{value:+.0f}" if signed else f"{value:.0f}"
    return digits
