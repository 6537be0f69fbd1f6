"""Letters of radar bands."""

from __future__ import annotations

BANDS_HZ = {
    "P": (0.225e9, 1e9),
    "L": (1e9, 2e9),
    "S": (2e9, 4e9),
    "C": (4e9, 8e9),
    "X": (8e9, 12e9),
    "Ku": (12e9, 18e9),
    "K": (18e9, 27e9),
    "Ka": (27e9, 40e9),
    "W": (75e9, 110e9),
}
"""IEEE Std 521-2019, where P takes the place of UHF as is usual for imaging radars."""


def band_of(frequency_hz: float | None) -> str | None:
    """Letter of the band that a centre frequency [Hz] lies in; None outside all of them."""
    if frequency_hz is None:
        return None
    return next((b for b, (low, high) in BANDS_HZ.items() if low <= frequency_hz < high), None)
