"""Find the images of an annotation file, and refuse a folder that is not theirs.

Data sets share file names (both UCM and Sydney begin with 1.tif), so an annotation file beside the
wrong folder would train on wrong pairs without a word. The counts are therefore compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from .annotations import Annotated, Annotations

ENDINGS = frozenset((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"))


def match_folder(
    annotations: Annotations, folder: Path, *, more_images: bool = False
) -> dict[str, Path]:
    """The file of every annotated image, by the name that the annotations use.

    Parameters
    ----------
    annotations : Annotations
        What `read_annotations` gave.
    folder : Path
        Images, in it or in folders below it.
    more_images : bool
        Allow images that the annotations do not name.

    Raises
    ------
    InputError
        If the folder is not there, an image is missing or there twice, or images are there that
        the annotations do not name; with the counts.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder of images")
    there = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ENDINGS]
    by_place = {path.relative_to(folder).as_posix(): path for path in there}
    often = Counter(path.name for path in there)
    by_name = {path.name: path for path in there if often[path.name] == 1}
    found = {one.name: _find(one, by_place, by_name) for one in annotations.images}
    matched = {name: path for name, path in found.items() if path is not None}
    missing = [name for name in found if name not in matched]
    unnamed = len(there) - len(set(matched.values()))
    if missing or (unnamed and not more_images):
        raise InputError(_refusal(annotations, folder, len(there), missing, unnamed, often))
    return matched


def _find(one: Annotated, by_place: dict[str, Path], by_name: dict[str, Path]) -> Path | None:
    """By the name as it stands, below the folder of its kind, or anywhere if there is only one."""
    name = one.name.replace("\\", "/")
    places = (name, f"{one.category}/{name}") if one.category else (name,)
    for place in places:
        if place in by_place:
            return by_place[place]
    return by_name.get(name.rpartition("/")[2])


def _refusal(
    annotations: Annotations,
    folder: Path,
    files: int,
    missing: Sequence[str],
    unnamed: int,
    often: Counter[str],
) -> str:
    """What does not match, in numbers, with an example and a guess at the reason."""
    text = (
        f"{folder}: does not match {annotations.path}: of {len(annotations.images)} annotated "
        f"images {len(missing)} are not there"
    )
    if missing:
        first = Path(missing[0].replace("\\", "/"))
        text += f" (the first: {missing[0]})"
        others = sorted(name for name in often if Path(name).stem == first.stem)
        if often[first.name] > 1:
            text += f"; {first.name} is there {often[first.name]} times, in different folders"
        elif others:
            text += f"; {others[0]} is there: another file format?"
    return f"{text}; of {files} images there {unnamed} are not annotated"
