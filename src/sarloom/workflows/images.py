"""Images from words, and how an image was made."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console

if TYPE_CHECKING:
    from ..generate.run import OnStep
    from ..options.generate import GenerateOptions
    from ..options.info import InfoOptions


def generate(options: GenerateOptions) -> list[Path]:
    """Make images from words; print the name of every file written.

    Files are named even if the run is stopped half way: what is finished stays.
    """
    from ..generate.large.from_options import is_large, make_scenes
    from ..generate.run import preview, run
    from ..generate.sizes import parse_size
    from .translate import threads_used

    files: list[Path] = []
    if options.preview_control:
        files = preview(options)
        for path in files:
            console.say(str(path))
        return files
    if options.through is not None:
        with threads_used(options.threads):
            return _cascade(options)
    if options.size is not None and is_large(parse_size(options.size)):
        with threads_used(options.threads), console.progress("generate") as tick:
            for scene in make_scenes(options, tick, console.warn):
                files += scene
                for path in scene:
                    console.say(str(path))
        return files
    try:
        with console.progress("generate") as tick:
            images = run(options, on_step=image_steps(tick), on_warning=console.warn)
            for saved in images:
                files += [*saved.files, *([saved.sheet] if saved.sheet else [])]
    finally:
        for path in files:
            console.say(str(path))
    return files


def _cascade(options: GenerateOptions) -> list[Path]:
    """Scenes drawn through several spacings; the names of all files are printed."""
    from ..generate.large.cascade import FROM_DRAWN, cascade_spacings, coarsest_of, finer_of
    from ..generate.large.from_options import is_large, make_scenes
    from ..generate.run import run
    from ..generate.sizes import parse_size
    from ..options.spell import command_line
    from .translate import draw_finer

    assert options.through is not None  # generate has looked
    spacings = cascade_spacings(options, options.through)
    made: list[Path] = []
    for seed in range(options.seed, options.seed + options.count):
        coarse = coarsest_of(options, spacings, seed)
        with console.progress("generate") as tick:
            if is_large(parse_size(str(coarse.size))):
                (files,) = make_scenes(coarse, tick, console.warn, keep=True)
            else:  # as the call that asks for it alone; a few seconds, so it is drawn again
                (drawn,) = run(coarse, on_step=image_steps(tick), on_warning=console.warn)
                files = sorted(drawn.files, key=lambda path: path.suffix != ".tif")
        for path in files:
            console.say(str(path))
        one = dataclasses.replace(options, seed=seed, count=1)
        command = command_line("generate", one, always=("seed", "steps"))
        record = files[0].with_suffix(".json").read_text("utf-8")
        calibration = str(json.loads(record)["calibration"])
        finer = finer_of(options, spacings, seed, files[0])
        made += draw_finer(finer, files, calibration, command, "generate", FROM_DRAWN)
    return made


def image_steps(tick: console.Tick) -> OnStep:
    """Steps of several images as one count."""

    def on_step(image: int, images: int, step: int, steps: int) -> None:
        doing = f"image {image} of {images}" if images > 1 else ""
        tick((image - 1) * steps + step, images * steps, doing)

    return on_step


def info(options: InfoOptions) -> None:
    """Print how an image was made and the command that makes it again."""
    from ..generate.info import describe, read_info

    found = read_info(options.file)
    if options.json:
        record = {"record": found.record, "command": found.command, "warnings": found.warnings}
        console.say(json.dumps(record, indent=2))
        return
    for name, value in describe(found):
        console.say(f"{name + ':':<20} {value}")
    console.say(f"{'made again by:':<20} {found.command}")
    for doubt in found.warnings:
        console.warn(doubt)
