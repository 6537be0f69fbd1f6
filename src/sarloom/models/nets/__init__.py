"""Stable Diffusion's three networks in plain torch, for generation.

They read the same folders as the classes of diffusers and transformers, with the same names of
weights, and compute the same numbers (tests compare them). What they save is start-up: diffusers
and transformers import thousands of modules before the first number, which on a laptop takes
longer than drawing the picture. A configuration with anything beyond Stable Diffusion's own blocks
is left to the library classes (:func:`unsupported` says why).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Config(dict[str, Any]):
    """A configuration whose entries are also attributes, as on the library classes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def unsupported(
    config: Mapping[str, Any], plain: Mapping[str, Any], free: frozenset[str]
) -> str | None:
    """The first entry of a configuration that asks for more than the plain network, if any.

    ``plain`` holds the values under which an entry changes nothing; entries in ``free`` may have
    any value; others must be empty.
    """
    for key, value in config.items():
        if key.startswith("_") or key in free:
            continue
        allowed = plain.get(key, (None, False))
        if value not in (allowed if isinstance(allowed, tuple) else (allowed,)):
            return f"{key} = {value!r}"
    return None
