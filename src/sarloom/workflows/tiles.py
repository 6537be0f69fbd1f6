"""Tile sets: build, check, view, count, export."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import console

if TYPE_CHECKING:
    from ..options.tiles import (
        BuildTilesOptions,
        CheckTilesOptions,
        ExportTilesOptions,
        StatsTilesOptions,
        ViewTilesOptions,
    )
    from ..tiles.pair import OpticalSource

FEW = 3
"""So often a remark is made name by name."""


def tiles_build(options: BuildTilesOptions) -> Path:
    """Cut products into a tile set; print its folder, and on stderr what was left out and why."""
    from ..archive.selection import Selection
    from ..tiles.build import build_tiles

    products = list(dict.fromkeys(path for one in options.sar for path in _products(one)))
    selected = Selection.of(one for one in options.sar if _is_catalogue(one))
    optical = [found for one in options.optical for found in _optical(one)]
    with console.progress("tiles") as tick:
        manifest = build_tiles(options, products, selected, optical, tick)
    skipped = manifest["skipped"].items()
    for name, reason in _counted((name, _bare(name, reason)) for name, reason in skipped):
        console.warn(f"left out {name}: {reason}")
    made = manifest["acquisitions"]
    for name, remark in _counted((one["name"], text) for one in made for text in one["notes"]):
        console.note(f"{name}: {remark}")
    _say_tiles(options.out, manifest)
    return options.out


def _counted(said: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Remarks by name; one that is made of many names comes once, with their number."""
    names: dict[str, list[str]] = {}
    for name, text in said:
        names.setdefault(text, []).append(name)
    for text, several in names.items():
        if len(several) <= FEW:
            yield from ((name, text) for name in several)
        else:
            yield f"{several[0]} and {len(several) - 1} others", text


def _products(source: Path) -> list[Path]:
    """Radar products of a folder, a catalogue, or the one product.

    Raises
    ------
    InputError
        If there is none.
    """
    from ..archive.registry import find_products
    from ..errors import InputError

    if _is_catalogue(source):
        from ..archive.selection import product_paths

        found = product_paths(source)
    else:
        found = list(find_products(source))
    if not found:
        raise InputError(f"{source}: no radar product there; docs/readers.md lists what is read")
    return found


def _is_catalogue(source: Path) -> bool:
    return source.suffix == ".parquet" and source.is_file()


def _optical(source: Path) -> list[OpticalSource]:
    """Optical pictures of a folder or the one picture; those that cannot be placed are named."""
    from ..tiles.pair import find_optical

    def skipped(path: Path, why: str) -> None:
        console.warn(f"not paired with {path}: {_bare(str(path), why)}")

    return find_optical(source, skipped)


def _bare(name: str, reason: str) -> str:
    """A reason without the file's name in front, which has just been said."""
    path = name.partition(" (")[0]
    return reason.removeprefix(path).lstrip(": ") if reason.startswith(path) else reason


def tiles_check(options: CheckTilesOptions) -> None:
    """Check a tile set; print every finding.

    Raises
    ------
    InputError
        If there is an error among the findings, so that a script can stop.
    """
    from ..errors import InputError
    from ..tiles.check import check_tiles

    with console.progress("check") as tick:
        findings = check_tiles(options.folder, tick)
    if options.json:
        console.say(json.dumps([dataclasses.asdict(one) for one in findings], indent=2))
    else:
        for one in findings:
            console.say(f"{one.level}: {one.text}")
    errors = sum(one.level == "Error" for one in findings)
    if errors:
        number = "1 error" if errors == 1 else f"{errors} errors"
        raise InputError(f"{options.folder}: {number}; build the set again")
    if not findings:
        console.note(f"{options.folder}: nothing to complain of")


def tiles_view(options: ViewTilesOptions) -> Path:
    """Write a contact sheet of a tile set; print its path."""
    from ..tiles.view import write_sheet

    path = options.out or options.folder.with_name(f"{options.folder.name}-contact-sheet.png")
    write_sheet(options.folder, path, options.count, options.split, options.cell)
    console.say(str(path))
    return path


def tiles_stats(options: StatsTilesOptions) -> Path:
    """Measure a tile set; print figures, write a picture and print its path."""
    from ..tiles.chart import draw_figures
    from ..tiles.stats import describe_figures, measure_tiles

    path = options.out or options.folder.with_name(f"{options.folder.name}-statistics.png")
    with console.progress("stats") as tick:
        figures = measure_tiles(options.folder, options.sample, tick)
    draw_figures(figures, path)
    if options.json:
        console.say(json.dumps({**figures.as_plain(), "picture": str(path)}, indent=2))
    else:
        for name, value in describe_figures(figures):
            console.say(f"{name + ':':<22} {value}")
        console.say(str(path))
    return path


def tiles_export(options: ExportTilesOptions) -> Path:
    """Write a tile set in a layout that other programs read; print its folder."""
    from ..tiles.export import PLAIN_CAPTION, export_tiles

    with console.progress("export") as tick:
        written = export_tiles(options, tick)
    console.note(f"{written.tiles} tiles")
    if written.resumed:
        console.note(f"{written.resumed} of these were there already, of a run that was stopped")
    if written.uncaptioned:
        console.warn(f"{written.uncaptioned} tiles have no caption: theirs reads {PLAIN_CAPTION!r}")
    console.say(str(options.out))
    return options.out


def _say_tiles(folder: Path, manifest: dict[str, Any]) -> None:
    """What a finished tile set holds and what was left out of it."""
    splits = ", ".join(f"{number} {split}" for split, number in manifest["splits"].items())
    console.note(f"{manifest['tiles']} tiles: {splits}")
    for reason, number in manifest["rejected"].items():
        console.note(f"left out {number}: {reason}")
    for warning in manifest["notes"]:
        console.warn(warning)
    console.say(str(folder))
