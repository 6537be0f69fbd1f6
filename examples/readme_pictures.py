"""Make the pictures of the README: sentences to images, one scene five ways, image to image.

python examples/readme_pictures.py --out docs/pictures
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import sarloom
from sarloom.demo.prompts import INIT_KIND, INIT_PROMPT, INIT_STRENGTH, PROMPTS
from sarloom.generate.contact_sheet import save_contact_sheet
from sarloom.sar.tone import display
from sarloom.simulate.maps import segmentation_rgb
from sarloom.simulate.write import write_scene

CELL = 384


def main() -> None:
    """Write prompts.png, simulator.png and image-to-image.png."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    images = [
        sarloom.generate(prompt, seed=options.seed + n)[0] for n, prompt in enumerate(PROMPTS)
    ]
    save_contact_sheet(
        [image.display() for image in images],
        [prompt.removeprefix("A SAR image of ") for prompt in PROMPTS],
        options.out / "prompts.png",
        columns=4,
        cell=CELL,
    )

    scene = sarloom.simulate_scene("harbour+city", seed=4)
    panels = {
        "radar, 0.35 m, one look": display(scene.radar.amplitude),
        "satellite, 2.8 m, four looks": display(np.sqrt(scene.satellite.sigma_nought)),
        "optical": scene.optical,
        "segmentation": segmentation_rgb(scene.segmentation),
        "sketch": scene.sketch,
    }
    save_panels(panels, options.out / "simulator.png")

    start = sarloom.simulate_scene(INIT_KIND, seed=5)
    folder = Path("out/readme")
    folder.mkdir(parents=True, exist_ok=True)
    write_scene(start, folder)
    redrawn = sarloom.generate(
        INIT_PROMPT, init=folder / f"{INIT_KIND}-5.tif", strength=INIT_STRENGTH, seed=1
    )[0]
    save_panels(
        {
            f"simulated {INIT_KIND}": display(start.radar.amplitude),
            INIT_PROMPT.removeprefix("A SAR image of "): redrawn.display(),
        },
        options.out / "image-to-image.png",
    )


def save_panels(panels: dict[str, np.ndarray], path: Path) -> None:
    """Pictures of any size side by side, enlarged without smoothing."""
    cells = [
        np.asarray(Image.fromarray(picture).convert("RGB").resize((CELL, CELL), _way(picture)))
        for picture in panels.values()
    ]
    save_contact_sheet(cells, list(panels), path, columns=len(cells), cell=CELL)


def _way(picture: np.ndarray) -> Image.Resampling:
    """Large pictures are averaged, coarse ones keep their pixels."""
    return Image.Resampling.BOX if picture.shape[0] > CELL else Image.Resampling.NEAREST


if __name__ == "__main__":
    main()
