"""One function per command: the only place where stages meet.

Each takes an option table, shows its progress, and returns what it wrote. Stages are imported
inside the functions, so that a command pays only for what it uses.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import console

if TYPE_CHECKING:
    from .demo.page import Exhibit
    from .generate.run import OnStep
    from .models.loaded import LoadedModel
    from .options.archive import IndexOptions, SearchOptions
    from .options.captions import ScoreCaptionsOptions
    from .options.demo import DemoOptions
    from .options.finetune import FinetuneRecipe
    from .options.generate import GenerateOptions
    from .options.info import InfoOptions
    from .options.simulate import SimulateOptions
    from .options.tiles import (
        BuildTilesOptions,
        CheckTilesOptions,
        ExportTilesOptions,
        StatsTilesOptions,
        ViewTilesOptions,
    )
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
    from .archive.selection import Selection
    from .tiles.build import build_tiles

    products = list(dict.fromkeys(path for one in options.sar for path in _products(one)))
    selected = Selection.of(one for one in options.sar if _is_catalogue(one))
    optical = [found for one in options.optical for found in _optical(one)]
    with console.progress("tiles") as tick:
        manifest = build_tiles(options, products, selected, optical, tick)
    for name, reason in manifest["skipped"].items():
        console.warn(f"left out {name}: {reason}")
    for one in manifest["acquisitions"]:
        for remark in one["notes"]:
            console.note(f"{one['name']}: {remark}")
    _say_tiles(options.out, manifest)
    return options.out


def _products(source: Path) -> list[Path]:
    """Radar products of a folder, a catalogue, or the one product.

    Raises
    ------
    InputError
        If there is none.
    """
    from .archive.registry import find_products
    from .errors import InputError

    if _is_catalogue(source):
        from .archive.selection import product_paths

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
    from .tiles.pair import find_optical

    return find_optical(source, lambda path, why: console.warn(f"not paired with {path}: {why}"))


def tiles_check(options: CheckTilesOptions) -> None:
    """Check a tile set; print every finding.

    Raises
    ------
    InputError
        If there is an error among the findings, so that a script can stop.
    """
    from .errors import InputError
    from .tiles.check import check_tiles

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
    from .tiles.view import write_sheet

    path = options.out or options.folder.with_name(f"{options.folder.name}-contact-sheet.png")
    write_sheet(options.folder, path, options.count, options.split, options.cell)
    console.say(str(path))
    return path


def tiles_stats(options: StatsTilesOptions) -> Path:
    """Measure a tile set; print figures, write a picture and print its path."""
    from .tiles.chart import draw_figures
    from .tiles.stats import describe_figures, measure_tiles

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
    from .tiles.export import PLAIN_CAPTION, export_tiles

    with console.progress("export") as tick:
        written = export_tiles(options, tick)
    console.note(f"{written.tiles} tiles")
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


def captions_score(options: ScoreCaptionsOptions) -> None:
    """Print the seven figures of captions and what they rest on."""
    from .captions.metrics import Programs
    from .captions.score import describe, score_files

    report = score_files(
        options.references,
        options.hypotheses,
        options.split,
        options.baselines,
        Programs(options.meteor_jar),
    )
    if options.json:
        console.say(json.dumps(report.as_plain(), indent=2))
        return
    for line in describe(report):
        console.say(line)


def index(options: IndexOptions) -> Path:
    """List the radar products of a folder in a catalogue; print its name."""
    from .archive.catalogue import beside, index_archive

    with console.progress("index") as tick:
        done = index_archive(options.folder, options.out, fresh=options.fresh, tick=tick)
    kept = done.products - done.read
    console.note(
        f"{done.items} channels of {done.products - len(done.broken)} products"
        + (f"; {kept} had not changed" if kept else "")
        + (f"; {done.gone} of the last time are gone" if done.gone else "")
    )
    if done.broken:
        path, reason = next(iter(done.broken.items()))
        console.warn(
            f"{len(done.broken)} left out, with the reason in {beside(done.catalogue, 'broken')}; "
            f"the first: {reason or path}"
        )
    console.say(str(done.catalogue))
    return done.catalogue


def search(options: SearchOptions) -> None:
    """Print the products that fit, one a line: identifier, what is known of it, and its place."""
    from .archive.search import search as find
    from .archive.search import write_found
    from .archive.stac import href_of

    with console.progress("search") as tick:
        found = list(find(options, tick, console.warn))
    if options.json:
        for item in found:
            # hrefs as they are: making them relative would ask the server for its root
            plain = item.to_dict(include_self_link=False, transform_hrefs=False)
            console.say(json.dumps(plain))
    else:
        header = ("identifier", "time", "band", "pol", "spacing", "incidence", "side", "data")
        console.table(
            header, [[item.id, *_described(item.properties), href_of(item)] for item in found]
        )
    console.note(f"{len(found)} found")
    if options.out is not None:
        write_found(found, options.out)
        console.note(f"catalogue of these: {options.out}")


def _described(has: dict[str, Any]) -> list[str]:
    """Time, band and polarisation, spacing, incidence and look side of an item; - if not stated."""
    from .archive.wanted import spacing_of

    known_time = not has.get("sarloom:time_unknown")
    time = (has.get("datetime") or has.get("start_datetime")) if known_time else None
    spacing, angle = spacing_of(has), has.get("view:incidence_angle")
    return [
        str(time)[:19] if time else "-",
        str(has.get("sar:frequency_band") or "-"),
        ",".join(has.get("sar:polarizations") or ["-"]),
        "-" if spacing is None else f"{spacing:.4g} m",
        "-" if angle is None else f"{angle:.1f} deg",
        str(has.get("sar:observation_direction") or "-"),
    ]


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
    """Follow a recipe; print where the result is.

    With ``--tiles`` a base model is fine-tuned on them, without it the embedded model is made from
    nothing.

    Raises
    ------
    InputError
        If ``--resume`` is given and there is no run to go on with, or the recipe is bad.
    """
    from .errors import InputError
    from .options.finetune import FinetuneRecipe
    from .options.recipe import EmbeddedRecipe
    from .options.toml import load_table

    if options.resume and not options.out.is_dir():
        raise InputError(f"--resume: there is no run in {options.out}")
    if options.tiles is not None:
        wanted = load_table(FinetuneRecipe, options.recipe, options.set)
        from .train.finetune.run import finetune

        result = finetune(
            wanted, options.tiles, options.out, console.note, options.device, _draw_with(wanted)
        )
        if wanted.samples:
            _draw_samples(wanted, result, options.out / "samples")
        console.say(str(result))
        return result
    recipe = load_table(EmbeddedRecipe, options.recipe, options.set)
    from .train.embedded import train_embedded  # torch: only once the recipe is known to be good

    model = train_embedded(recipe, options.out, console.note, options.workers)
    console.say(str(model))
    return model


def _draw_with(recipe: FinetuneRecipe) -> Callable[[str, int, Path], list[Path]]:
    """Draws class images with the base of a recipe; those that are there are kept."""

    def draw(prompt: str, count: int, folder: Path) -> list[Path]:
        from .generate.run import run
        from .models.locate import locate_model
        from .models.radiometry import Radiometry
        from .options.generate import GenerateOptions

        files = [folder / f"class-{seed}.tif" for seed in range(count)]
        missing = [seed for seed, path in enumerate(files) if not path.is_file()]
        if not missing:
            return files
        root = locate_model(recipe.base).root
        own = Radiometry.load(root if root.is_dir() else root.parent).speckle == "own"
        for seed in missing:
            options = GenerateOptions(
                prompt=prompt,
                seed=seed,
                out=folder,
                name="class",
                format="tif",
                model=recipe.base,
                looks=None if own else 0,
                size=str(recipe.size) if recipe.size else None,
            )
            list(run(options))
        return files

    return draw


def _draw_samples(recipe: FinetuneRecipe, result: Path, folder: Path) -> None:
    """Images of the recipe's prompts with what was trained, seeds from 0, and their commands."""
    from .generate.run import run
    from .options.generate import GenerateOptions

    whole = result.is_dir()
    for prompt in recipe.samples:
        options = GenerateOptions(
            prompt=prompt,
            count=4,
            out=folder,
            model=str(result) if whole else recipe.base,
            adapter=() if whole else (str(result.parent),),
            size=str(recipe.size) if recipe.size else None,
        )
        list(run(options))


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
