"""PNG, JPEG, BMP and NPY rasters that a small TOML beside them describes.

For private archives whose images carry no metadata that others read. Without a TOML such a picture
is not taken for a radar image.
"""

from __future__ import annotations

from pathlib import Path

from ...records import Scene
from ..array_file import ArrayFile
from ..description import described_facts, descriptions_of
from ..rasters import scenes_of
from ..safety import magic_of

name = "described"


def claims(path: Path) -> bool:
    """A picture or an array with a TOML beside it."""
    return bool(descriptions_of(path)) and magic_of(path) in ("png", "jpeg", "bmp", "npy")


def read(path: Path) -> list[Scene]:
    """Channels of a described raster."""
    facts = described_facts(path)
    file = ArrayFile(path) if magic_of(path) == "npy" else None
    return scenes_of(path, name, facts, file)
