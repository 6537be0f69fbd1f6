"""Options are declared once: a frozen dataclass whose fields carry help, range and choices.

From that one table come the command-line flags, the TOML reader, the documentation page and the
settings saved beside every result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError


def option(
    default: Any = dataclasses.MISSING,
    help: str = "",
    *,
    choices: Sequence[str] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    argument: bool = False,
    short: str = "",
    metavar: str = "",
    group: str = "",
) -> Any:
    """One field of an option table.

    ``argument=True`` makes it positional on the command line; ``short`` is a one-letter flag
    such as ``"-o"``. A mutable default is given as a tuple.
    """
    metadata = {
        "help": help,
        "choices": tuple(choices),
        "minimum": minimum,
        "maximum": maximum,
        "argument": argument,
        "short": short,
        "metavar": metavar,
        "group": group,
    }
    return dataclasses.field(default=default, metadata=metadata)


def check(options: Any) -> None:
    """Check ranges and choices of an option table.

    Raises
    ------
    InputError
        Naming the option, the value and what is allowed.
    """
    for field in dataclasses.fields(options):
        meta = field.metadata
        if "help" not in meta:
            continue
        value = getattr(options, field.name)
        flag = field.name if meta["argument"] else "--" + field.name.replace("_", "-")
        values = value if isinstance(value, tuple) else (value,)
        for item in values:
            if item is None:
                continue
            if meta["choices"] and item not in meta["choices"]:
                allowed = ", ".join(meta["choices"])
                raise InputError(f"{flag} {item!r} is not known; choose one of: {allowed}")
            if meta["minimum"] is not None and not item >= meta["minimum"]:
                raise InputError(f"{flag} {item} is too small; the least is {meta['minimum']}")
            if meta["maximum"] is not None and not item <= meta["maximum"]:
                raise InputError(f"{flag} {item} is too large; the most is {meta['maximum']}")


def as_plain(options: Any) -> dict[str, Any]:
    """The table as JSON-ready values, for the settings saved with a result."""
    plain = {}
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if isinstance(value, Path):
            value = str(value)
        elif isinstance(value, tuple):
            value = [str(item) if isinstance(item, Path) else item for item in value]
        plain[field.name] = value
    return plain
