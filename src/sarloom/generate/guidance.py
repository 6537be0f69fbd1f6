"""How strong classifier-free guidance is where the user does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..options.generate import GenerateOptions

USUAL = 5.0
BY_KIND = {"simulated": 1.0}
"""Pictures that say nearly all themselves: guidance would only overdraw them. Walls of a simulated
picture broke into beads at 5."""


def guidance_of(options: GenerateOptions) -> float:
    """What was asked for, or what suits the pictures that are given: the least of theirs."""
    if options.guidance is not None:
        return options.guidance
    kinds = [text.partition("=")[0] for text in options.control]
    return min((BY_KIND.get(kind, USUAL) for kind in kinds), default=USUAL)
