"""What the demo asks for."""

from __future__ import annotations

PROMPTS: tuple[str, ...] = (
    "A SAR image of a harbour with ships",
    "A SAR image of a city",
    "A SAR image of an airport with aircraft",
    "A SAR image of a forest with clearings",
    "A SAR image of a river crossing farmland",
    "A SAR image of an industrial site with storage tanks",
    "A SAR image of mountains",
    "A SAR image of vehicles in a clearing",
)
"""Eight sentences, chosen to show what a radar shows: corners, shadows, water, layover."""

INIT_KIND = "suburb"
INIT_PROMPT = "A SAR image of a forest with clearings"
INIT_STRENGTH = 0.6
"""Image-to-image: a simulated scene of one kind, redrawn from a sentence about another."""
