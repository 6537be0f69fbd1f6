"""The scene kinds by name; a kind's module is imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import SceneKind

_NAMES: tuple[str, ...] = (
    "city",
    "suburb",
    "industry",
    "harbour",
    "airport",
    "motorway",
    "forest",
    "farmland",
    "river",
    "coast",
    "vehicles",
    "mountains",
)
"""One line per kind: the file of that name beside this one, which holds the constant ``KIND``."""


class _Kinds(Mapping[str, "SceneKind"]):
    """Read-only mapping of names to kinds that imports ``kinds/NAME.py`` on first access."""

    def __getitem__(self, name: str) -> SceneKind:
        if name not in _NAMES:
            raise KeyError(name)
        kind: SceneKind = import_module(f"{__name__}.{name}").KIND
        return kind

    def __contains__(self, name: object) -> bool:
        return name in _NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


KINDS: Mapping[str, SceneKind] = _Kinds()
"""Every scene kind; listing the names loads neither NumPy nor any kind's module."""
