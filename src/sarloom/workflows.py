"""One function per command: the only place where stages meet.

Each takes an option table, shows its progress, and returns what it wrote. Stages are imported
inside the functions, so that a command pays only for what it uses.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import console

if TYPE_CHECKING:
    from .demo.page import Exhibit
    from .generate.run import OnStep
    from .models.loaded import LoadedModel
    from .options.demo import DemoOptions
    from .options.generate import GenerateOptions
    from .options.info import InfoOptions
    from .options.simulate import SimulateOptions
    from .options.tiles import BuildTilesOptions
    from .options.train import TrainOptions
    from .simulate.archive import Job
    from .tiles.pair import OpticalSource
    from .tiles.synthetic import SyntheticTile


def simulate(options: SimulateOptions) -> list[Path]:
    """Simulate scenes; print the name of every radar image, or of the tile set."""
    from .simulate.archive import simulate_archive

    if options.tiles is not None:
        return [_simulate_tiles(options, options.tiles)]

    with console.progress("simulate") as tick:
        files = simulate_archive(options, tick)
    for path in files:
        console.say(str(path))
    return files


def _simulate_tiles(options: SimulateOptions, folder: Path) -> Path:
    """Simulate scenes into a tile set."""
    from .options.table import as_plain
    from .simulate.archive import plan
    from .simulate.materials import LABELS
    from .tiles.split import shares
    from .tiles.synthetic import Drawing, write_synthetic

    free = ("count", "workers", "out", "tiles")  # may change from run to run
    settings = {name: value for name, value in as_plain(options).items() if name not in free}
    with console.progress("simulate") as tick:
        manifest = write_synthetic(
            folder,
            [Drawing(job.kind, job.seed, job) for job in plan(options)],
            _simulated_tile,
            {"simulate": settings},
            shares(options.split),
            options.workers,
            tick,
            LABELS,
        )
    _say_tiles(folder, manifest)
    return folder


def _simulated_tile(job: Job) -> SyntheticTile:
    """One simulated scene in the arrays that a tile set takes; runs in other processes too."""
    from .simulate.archive import simulate
    from .simulate.captions import with_domain
    from .simulate.maps import segmentation_image
    from .tiles.synthetic import SyntheticTile

    scene = simulate(job)
    return SyntheticTile(
        kind=scene.kind,
        seed=scene.seed,
        power=scene.radar.sigma_nought,
        satellite=scene.satellite.sigma_nought,
        optical=scene.optical,
        segmentation=segmentation_image(scene.segmentation),
        sketch=scene.sketch,
        text=with_domain(scene.captions[0], "simulated"),
        captions=scene.captions,
        facts=scene.facts.as_plain(),
        spacing_m=scene.radar.spacing_m,
        looks=scene.radar.looks,
        incidence_angle_deg=scene.radar.sensor.incidence_angle_deg,
        center_frequency_hz=scene.radar.sensor.frequency_ghz * 1e9,
        satellite_spacing_m=scene.satellite.spacing_m,
        satellite_looks=scene.satellite.looks,
    )


def tiles_build(options: BuildTilesOptions) -> Path:
    """Cut products into a tile set; print its folder, and on stderr what was left out and why."""
    from .archive.registry import open_scenes
    from .tiles.build import build_tiles

    products = list(dict.fromkeys(path for one in options.sar for path in _products(one)))
    optical = [found for one in options.optical for found in _optical(one)]
    with console.progress("tiles") as tick:
        manifest = build_tiles(options, products, open_scenes, optical, tick)
    for name, reason in manifest["skipped"].items():
        console.warn(f"left out {name}: {reason}")
    for one in manifest["acquisitions"]:
        for remark in one["notes"]:
            console.note(f"{one['name']}: {remark}")
    _say_tiles(options.out, manifest)
    return options.out


def _products(source: Path) -> list[Path]:
    """Radar products of a folder, or the one product.

    Raises
    ------
    InputError
        If there is none.
    """
    from .archive.registry import find_products
    from .errors import InputError

    found = list(find_products(source))
    if not found:
        raise InputError(f"{source}: no radar product there; docs/readers.md lists what is read")
    return found


def _optical(source: Path) -> list[OpticalSource]:
    """Optical pictures of a folder or the one picture; those that cannot be placed are named."""
    from .tiles.pair import find_optical

    return find_optical(source, lambda path, why: console.warn(f"not paired with {path}: {why}"))


def _say_tiles(folder: Path, manifest: dict[str, Any]) -> None:
    """What a finished tile set holds and what was left out of it."""
    splits = ", ".join(f"{number} {split}" for split, number in manifest["splits"].items())
    console.note(f"{manifest['tiles']} tiles: {splits}")
    for reason, number in manifest["rejected"].items():
        console.note(f"left out {number}: {reason}")
    for warning in manifest["notes"]:
        console.warn(warning)
    console.say(str(folder))


def generate(options: GenerateOptions) -> list[Path]:
    """Make images from words; print the name of every file written.

    Files are named even if the run is stopped half way: what is finished stays.
    """
    from .generate.run import run

    files: list[Path] = []
    try:
        with console.progress("generate") as tick:
            images = run(options, on_step=_image_steps(tick), on_warning=console.warn)
            for saved in images:
                files += [*saved.files, *([saved.sheet] if saved.sheet else [])]
    finally:
        for path in files:
            console.say(str(path))
    return files


def _image_steps(tick: console.Tick) -> OnStep:
    """Steps of several images as one count."""

    def on_step(image: int, images: int, step: int, steps: int) -> None:
        doing = f"image {image} of {images}" if images > 1 else ""
        tick((image - 1) * steps + step, images * steps, doing)

    return on_step


def info(options: InfoOptions) -> None:
    """Print how an image was made and the command that makes it again."""
    from .generate.info import describe, read_info

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


def train(options: TrainOptions) -> Path:
    """Train the embedded model that a recipe describes; print the folder of the result."""
    from .options.recipe import EmbeddedRecipe
    from .options.toml import load_table

    recipe = load_table(EmbeddedRecipe, options.recipe, options.set)
    from .train.embedded import train_embedded  # torch: only once the recipe is known to be good

    model = train_embedded(recipe, options.out, console.note, options.workers)
    console.say(str(model))
    return model


def demo(options: DemoOptions) -> Path:
    """Make the demo: sentences to images, one image-to-image, a contact sheet and a page."""
    from .demo.page import Section, write_page
    from .demo.prompts import PROMPTS
    from .generate.run import prepare_folder
    from .models.load import load_model
    from .options.generate import GenerateOptions

    folder = prepare_folder(options.out)
    console.note(f"loading the model: {options.model}")
    model = load_model(options.model)
    asked = [
        GenerateOptions(
            prompt,
            seed=options.seed + number,
            size=str(options.size),
            steps=options.steps,
            model=options.model,
            out=folder,
        )
        for number, prompt in enumerate(PROMPTS)
    ]
    exhibits = [_demo_image(one, model, f"[{n}/{len(asked)}]") for n, one in enumerate(asked, 1)]
    before, after = _demo_redrawn(options, model)
    sheet = _demo_sheet(exhibits, folder)
    page = folder / "index.html"
    write_page(
        page,
        "sarloom: radar images from words",
        "Made on this machine by the model that ships with the package, from the sentence below "
        "each picture. The command makes the same picture again, byte for byte.",
        [
            Section("From words", "", exhibits),
            Section(
                "From a picture and words",
                "Left, a scene of the built-in radar simulator; right, what the model makes of it.",
                [before, after],
            ),
            Section("Contact sheet", "", [sheet], wide=True),
        ],
    )
    console.note("look at the page:")
    console.say(str(page.resolve()))
    return page


def _demo_image(options: GenerateOptions, model: LoadedModel, count: str = "") -> Exhibit:
    """One picture of the demo by a model that is already loaded, with its command."""
    from .demo.page import Exhibit
    from .generate.run import check_request, produce
    from .generate.save import save_image, slug
    from .options.spell import command_line

    console.note(f"{count} {options.prompt}".strip())
    request = check_request(options)
    name = options.name or slug(request.options.prompt)
    with console.progress("generate") as tick:
        image = next(produce(request, model, _image_steps(tick), console.warn))
    files = save_image(image, options.out, name, options.format)
    return Exhibit(files[0], options.prompt, command_line("generate", options, always=("seed",)))


def _demo_redrawn(options: DemoOptions, model: LoadedModel) -> tuple[Exhibit, Exhibit]:
    """A simulated scene, and the same scene redrawn by the model."""
    from .demo.page import Exhibit
    from .demo.prompts import INIT_KIND, INIT_PROMPT, INIT_STRENGTH
    from .options.generate import GenerateOptions
    from .options.simulate import SimulateOptions
    from .options.spell import command_line
    from .simulate.archive import simulate_archive

    console.note(f"simulating a scene to start from: {INIT_KIND}")
    asked = SimulateOptions(
        kinds=(INIT_KIND,), size=options.size, seed=options.seed, out=options.out / "simulated"
    )
    scene = simulate_archive(asked)[0]
    wanted = GenerateOptions(
        INIT_PROMPT,
        seed=options.seed,
        size=str(options.size),
        steps=options.steps,
        model=options.model,
        init=scene,
        strength=INIT_STRENGTH,
        out=options.out,
        name="redrawn",
    )
    before = Exhibit(
        scene.with_suffix(".png"),
        f"Simulated: {INIT_KIND}",
        command_line("simulate", asked, always=("seed",)),
    )
    after = _demo_image(wanted, model, "redrawing it:")
    return before, dataclasses.replace(after, caption=f"Redrawn: {INIT_PROMPT}")


def _demo_sheet(exhibits: list[Exhibit], folder: Path) -> Exhibit:
    """All pictures on one sheet."""
    import numpy as np
    from PIL import Image

    from .demo.page import Exhibit
    from .generate.contact_sheet import save_contact_sheet

    pictures = [np.asarray(Image.open(one.picture), np.uint8) for one in exhibits]
    path = folder / "contact-sheet.png"
    save_contact_sheet(pictures, [one.caption for one in exhibits], path, columns=4)
    return Exhibit(path, "All eight on one sheet")
