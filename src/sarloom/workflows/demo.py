"""The tour of `make demo`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from .. import console
from .images import image_steps

if TYPE_CHECKING:
    from ..demo.page import Exhibit
    from ..models.loaded import LoadedModel
    from ..options.demo import DemoOptions
    from ..options.generate import GenerateOptions


def demo(options: DemoOptions) -> Path:
    """Make the demo: sentences to images, one image-to-image, a contact sheet and a page."""
    from ..demo.page import Section, write_page
    from ..demo.prompts import PROMPTS
    from ..generate.run import prepare_folder
    from ..models.load import load_model
    from ..options.generate import GenerateOptions

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
    from ..demo.page import Exhibit
    from ..generate.run import check_request, produce
    from ..generate.save import save_image, slug
    from ..options.spell import command_line

    console.note(f"{count} {options.prompt}".strip())
    request = check_request(options)
    name = options.name or slug(request.options.prompt)
    with console.progress("generate") as tick:
        image = next(produce(request, model, image_steps(tick), console.warn))
    files = save_image(image, options.out, name, options.format)
    return Exhibit(files[0], options.prompt, command_line("generate", options, always=("seed",)))


def _demo_redrawn(options: DemoOptions, model: LoadedModel) -> tuple[Exhibit, Exhibit]:
    """A simulated scene, and the same scene redrawn by the model."""
    from ..demo.page import Exhibit
    from ..demo.prompts import INIT_KIND, INIT_PROMPT, INIT_STRENGTH
    from ..options.generate import GenerateOptions
    from ..options.simulate import SimulateOptions
    from ..options.spell import command_line
    from ..simulate.archive import simulate_archive

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

    from ..demo.page import Exhibit
    from ..generate.contact_sheet import save_contact_sheet

    pictures = [np.asarray(Image.open(one.picture), np.uint8) for one in exhibits]
    path = folder / "contact-sheet.png"
    save_contact_sheet(pictures, [one.caption for one in exhibits], path, columns=4)
    return Exhibit(path, "All eight on one sheet")
