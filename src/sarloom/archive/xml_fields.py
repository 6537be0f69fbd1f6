"""Values out of SICD and SIDD metadata, each checked where it is taken."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormatError
from .safety import reading

if TYPE_CHECKING:
    from ..records import Calibration, FloatArray

MAX_ORDER = 40
"""Highest order of a polynomial that is believed; products use up to about ten."""

POLARIZATIONS = {"H": "H", "V": "V", "X": "X", "Y": "Y", "RHC": "R", "LHC": "L"}


def parse_xml(path: Path, content: bytes) -> Any:
    """Root element of a document, without entities, without a look at the network.

    Raises
    ------
    FormatError
        If it is not well-formed, declares entities, or claims a polynomial of absurd order.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    with reading(path, "its XML is damaged; fetch it again"):
        root = etree.fromstring(content, parser)
        if root.getroottree().docinfo.doctype:
            raise FormatError(f"{path}: its XML declares a document type, which no product does")
        for element in root.iter():
            for name in ("order1", "order2"):
                if not 0 <= int(element.get(name, "0")) <= MAX_ORDER:
                    raise FormatError(
                        f"{path}: its XML claims a polynomial of order {element.get(name)}; "
                        "fetch it again"
                    )
    return root


class Fields:
    """Access by paths like 'Grid/Row/SS', in whatever namespace.

    What a product must state is asked for by methods whose names begin with ``need``; they raise a
    FormatError that names the field. The others give None for what is not there.
    """

    def __init__(self, path: Path, root: Any) -> None:
        self.path = path
        self.root = root

    def find(self, where: str) -> Any:
        """An element, or None."""
        return self.root.find("/".join("{*}" + part for part in where.split("/")))

    def parts(self, where: str) -> Iterator[Fields]:
        """Each element at a path."""
        found = self.root.findall("/".join("{*}" + part for part in where.split("/")))
        return (Fields(self.path, element) for element in found)

    def text(self, where: str) -> str | None:
        """Text without surrounding space; None if it is empty."""
        element = self.find(where)
        return (element.text or "").strip() or None if element is not None else None

    def number(self, where: str) -> float | None:
        """A finite number."""
        text = self.text(where)
        if text is None:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(where, f"{text[:40]!r} is not a number")
        return value

    def need(self, where: str) -> float:
        """A finite number that must be there."""
        value = self.number(where)
        if value is None:
            raise self.error(where, "is missing")
        return value

    def need_positive(self, where: str) -> float:
        """A number above zero that must be there."""
        value = self.need(where)
        if value <= 0:
            raise self.error(where, f"{value} should be above zero")
        return value

    def need_count(self, where: str) -> int:
        """A whole number above zero that must be there."""
        value = self.need_positive(where)
        if value != int(value):
            raise self.error(where, f"{value} should be a whole number")
        return int(value)

    def need_vector(self, where: str, names: str = "X Y Z") -> FloatArray:
        """Numbers below an element, by default a place or a direction [m] in ECEF."""
        return np.array([self.need(f"{where}/{name}") for name in names.split()])

    def need_unit_vector(self, where: str) -> FloatArray:
        """A direction, of length one within 0.001."""
        vector = self.need_vector(where)
        if abs(np.linalg.norm(vector) - 1) > 1e-3:
            raise self.error(where, "is not a unit vector")
        return vector

    def polynomial(self, where: str) -> FloatArray | None:
        """Coefficients of a polynomial of two variables, [exponent 1, exponent 2]."""
        element = self.find(where)
        if element is None:
            return None
        try:
            orders = (int(element.get("order1", "0")), int(element.get("order2", "0")))
            coefficients = np.zeros((orders[0] + 1, orders[1] + 1))
            for term in element.iterfind("{*}Coef"):
                at = (int(term.get("exponent1", "0")), int(term.get("exponent2", "0")))
                if min(at) < 0:
                    raise ValueError(f"exponent {min(at)}")
                coefficients[at] = float(term.text)
        except (ValueError, TypeError, IndexError) as error:
            raise self.error(where, f"is not a polynomial ({error})") from error
        if not np.isfinite(coefficients).all():
            raise self.error(where, "has coefficients that are not finite")
        return coefficients

    def need_polynomial(self, where: str) -> FloatArray:
        """Coefficients [exponent 1, exponent 2] that must be there."""
        found = self.polynomial(where)
        if found is None:
            raise self.error(where, "is missing")
        return found

    def need_track(self, where: str) -> FloatArray:
        """Coefficients [exponent, 3] of a position [m] in ECEF over time [s]."""
        axes = [self.need_polynomial(f"{where}/{axis}")[:, 0] for axis in "XYZ"]
        track = np.zeros((max(map(len, axes)), 3))
        for axis, coefficients in enumerate(axes):
            track[: len(coefficients), axis] = coefficients
        return track

    def time(self, where: str) -> datetime | None:
        """A time with time zone; what states none is UTC, as the standards say."""
        text = self.text(where)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise self.error(where, f"{text[:40]!r} is not a time") from error
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)

    def error(self, where: str, what: str) -> FormatError:
        """A FormatError that names the file and the field."""
        return FormatError(f"{self.path}: {where} {what}; the metadata is damaged: fetch it again")


def calibration_of(fields: Fields) -> tuple[FloatArray | None, Calibration]:
    """Polynomial of ``Radiometric`` that turns squared amplitude into a backscatter coefficient.

    Sigma nought where the product states it, else beta nought, else gamma nought.

    Returns
    -------
    Coefficients over metres from the reference point, and what they lead to; None and
    'uncalibrated' where the product states none.
    """
    names: tuple[tuple[str, Calibration], ...] = (
        ("Sigma", "sigma_nought"),
        ("Beta", "beta_nought"),
        ("Gamma", "gamma_nought"),
    )
    for name, calibration in names:
        factor = fields.polynomial(f"Radiometric/{name}ZeroSFPoly")
        if factor is not None:
            return factor, calibration
    return None, "uncalibrated"


def polarization_of(transmitted: str | None, received: str | None) -> str | None:
    """'VV', 'HV', 'RH', ... ; None where either is unknown or combined."""
    pair = (POLARIZATIONS.get(transmitted or ""), POLARIZATIONS.get(received or ""))
    return f"{pair[0]}{pair[1]}" if pair[0] and pair[1] else None
