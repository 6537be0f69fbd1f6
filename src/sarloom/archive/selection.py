"""From items back to scenes: what a catalogue, or a part of one, selects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import FormatError, InputError
from ..files import sha256_of
from ..records import Scene
from .registry import open_scenes
from .safety import reading
from .stac import Item, href_of
from .table import read_table, table_items

if TYPE_CHECKING:
    import pystac

IDENTIFIER = "sarloom:identifier"

Channels = dict[Path, frozenset[str] | None]
"""Product -> identifiers of the channels that are meant; None for all that it has."""


def open_items(items: Iterable[pystac.Item]) -> Iterator[Scene]:
    """Open the products that items of a catalogue or a folder stand for.

    Raises
    ------
    InputError
        If an item lies elsewhere, as those of a STAC API do: download it first.
    """
    for item in items:
        path, identifier = _meant(item.to_dict(include_self_link=False, transform_hrefs=False))
        yield from _chosen(path, None if identifier is None else frozenset({identifier}))


@dataclass(frozen=True)
class Selection:
    """Opens of every product the channels that catalogues list; a function for ``build_tiles``.

    It travels to other processes, so it names its catalogues instead of holding them. A product
    that no catalogue lists is opened whole.
    """

    catalogues: tuple[tuple[Path, str], ...]
    """Files, and the SHA-256 that each had at first."""

    @classmethod
    def of(cls, catalogues: Iterable[Path]) -> Selection:
        """A selection by some catalogues as they are now.

        Raises
        ------
        InputError
            If one cannot be opened.
        """
        return cls(tuple((path.resolve(), _hash(path)) for path in catalogues))

    def __call__(self, path: Path) -> list[Scene]:
        """Scenes of a product.

        Raises
        ------
        FormatError
            If the product is damaged, or a catalogue has changed since it was first read.
        InputError
            If the product is gone, or no longer holds what a catalogue says.
        """
        found = [_channels(*one) for one in self.catalogues]
        return _chosen(path, _either(listed[path] for listed in found if path in listed))


def product_paths(catalogue: Path) -> list[Path]:
    """Every product of a catalogue once, in its order.

    Raises
    ------
    FormatError
        If it is no catalogue.
    InputError
        If what it lists lies elsewhere.
    """
    return list(_channels(catalogue.resolve(), _hash(catalogue)))


@lru_cache(maxsize=8)
def _channels(catalogue: Path, sha256: str) -> Channels:
    if _hash(catalogue) != sha256:
        raise FormatError(f"{catalogue}: changed while it was in use; run the command again")
    listed: Channels = {}
    for item in table_items(read_table(catalogue)):
        path, identifier = _meant(item)
        named = None if identifier is None else frozenset({identifier})
        listed[path] = _either((listed[path], named)) if path in listed else named
    return listed


def _either(wanted: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """Channels that any of several lists means; None, for all, if there is no list."""
    lists = list(wanted)
    known = [one for one in lists if one is not None]
    return frozenset().union(*known) if lists and len(known) == len(lists) else None


def _hash(catalogue: Path) -> str:
    with reading(catalogue, "make it again with: sarloom archive index"):
        return sha256_of(catalogue)


def _meant(item: Item) -> tuple[Path, str | None]:
    """The product of an item, and which of its channels."""
    href = href_of(item)
    if href.lower().startswith("file://"):
        href = url2pathname(urlsplit(href).path)
    if not href or re.match(r"[a-z0-9+.-]+://", href, re.IGNORECASE):
        raise InputError(
            f"{item['id']}: its data ({href or 'no address'}) is not on this machine; download it "
            "and index the folder it is in"
        )
    return Path(href), item["properties"].get(IDENTIFIER)


def _chosen(path: Path, wanted: frozenset[str] | None) -> list[Scene]:
    scenes = open_scenes(path)
    chosen = [one for one in scenes if wanted is None or one.identifier in wanted]
    missing = (wanted or frozenset()) - {one.identifier for one in chosen}
    if missing:
        raise InputError(
            f"{path}: no longer holds {', '.join(sorted(missing))}; run sarloom archive index again"
        )
    return chosen
