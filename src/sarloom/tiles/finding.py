"""What `tiles check` says of a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["Error", "Warning"]
_MOST_NAMED = 3


@dataclass(frozen=True)
class Finding:
    """One thing to know; ``tiles`` are the ids concerned, where it is about tiles."""

    level: Level
    text: str
    tiles: tuple[str, ...] = ()


def of_tiles(level: Level, what: str, names: list[str]) -> Finding:
    """A finding about some tiles."""
    return Finding(level, f"{numbered(len(names), 'tile')} {what}: {named(names)}", tuple(names))


def numbered(count: int, thing: str) -> str:
    """'1 tile', '2 tiles'."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def named(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
