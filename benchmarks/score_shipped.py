"""The score of the shipped text-to-image model, as the table of its model card.

    python benchmarks/score_shipped.py --out runs/score --data ../shared/data

generates COUNT images of every scene kind from the prompts kept for evaluation, simulates as many
scenes that no training has seen (seeds from 800000 on), and compares the two sets with
``sarloom evaluate``. With --data it also generates MEASURED images "measured by an X-band airborne
radar" and compares them with the real MSTAR scenes of that folder, turned so that range grows to
the right. Stopped at any moment, the same command goes on where it was. ``--generated FOLDER``
takes images made elsewhere: FOLDER/kinds and FOLDER/measured.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sarloom import workflows
from sarloom.files import WEIGHTS, sha256_of, write_aside
from sarloom.generate.run import check_request, produce
from sarloom.generate.save import save_image, slug
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
from sarloom.options.evaluate import EvaluateOptions
from sarloom.options.generate import GenerateOptions
from sarloom.options.simulate import SimulateOptions
from sarloom.simulate.captions import with_domain
from sarloom.simulate.prompts import PROMPTS

FIRST_SCENE, FIRST_IMAGE = 800_000, 900_000
MEASURED_PROMPTS = (
    "A measured X-band airborne SAR image of fields with trees and tracks",
    "A measured X-band airborne SAR image of grassland with scattered trees and a road",
    "A measured X-band airborne SAR image of trees with long shadows",
    "A measured X-band airborne SAR image of open fields with few trees",
)
ROWS = (
    "law_ks", "law_wasserstein_db", "law_spread_db", "image_log_skew", "enl", "speckle_log_skew",
    "speckle_gamma_ks", "ratio_ks", "correlation_across_1", "spectrum_db", "texture_1",
    "texture_4", "direction", "repeated", "memorised", "descriptor_frechet", "sarclip_frechet",
    "sarclip_kernel", "sarclip_cmmd", "sarclip_precision", "sarclip_recall", "sarclip_density",
    "sarclip_coverage", "sarclip_score", "sarclip_recall_1", "sarclip_recall_5",
)  # fmt: skip
"""Figures of the card, of all those of a report."""


def generate_set(given: argparse.Namespace) -> Path:
    """Images of every kind, and measured-looking ones, as GeoTIFF; those there are kept."""
    folder = Path(given.out / f"generated-{weights_of(given.model)}")
    wanted = [
        ("kinds", kind, with_domain(PROMPTS[kind][number % len(PROMPTS[kind])]), number)
        for kind in PROMPTS
        for number in range(given.count)
    ]
    if given.data is not None:
        wanted += [
            ("measured", "measured", MEASURED_PROMPTS[number % len(MEASURED_PROMPTS)], number)
            for number in range(given.measured)
        ]
    model: LoadedModel | None = None
    start = time.monotonic()
    for done, (part, kind, prompt, number) in enumerate(wanted, 1):
        seed, name = FIRST_IMAGE + number, f"{kind}-{slug(prompt)}"
        if (folder / part / f"{name}-{seed}.json").is_file():  # written last
            continue
        (folder / part).mkdir(parents=True, exist_ok=True)
        model = model or load_model(given.model)
        request = GenerateOptions(prompt=prompt, seed=seed, looks=1, model=given.model)
        for image in produce(check_request(request), model=model):
            save_image(image, folder / part, name, "tif")
        said(f"generated {done} of {len(wanted)}, {time.monotonic() - start:.0f} s")
    return folder


def weights_of(model: str) -> str:
    """Digest of the denoiser, so that other weights never go on with the images of these."""
    folder = (WEIGHTS / model if model == "embedded" else Path(model)) / "unet"
    held = [sha256_of(path) for path in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("".join(held).encode()).hexdigest()[:8] if held else slug(model)


def simulate_set(given: argparse.Namespace) -> Path:
    """As many scenes of every kind, under the angle that the model draws."""
    folder = Path(given.out / "simulated")
    with contextlib.redirect_stdout(io.StringIO()):
        workflows.simulate(
            SimulateOptions(
                kinds=tuple(PROMPTS), count=given.count, seed=FIRST_SCENE, incidence_deg=60.0,
                out=folder, workers=given.workers,
            )
        )  # fmt: skip
    return folder


def turn_measured(data: Path, out: Path) -> Path:
    """The MSTAR scenes with near range on the left, whole blocks of their JPEG."""
    folder = out / "mstar"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((data / "mstar_scenes" / "images").glob("*.jpg")):
        target = folder / f"{path.stem}.png"
        if not target.is_file():
            pixels = np.asarray(Image.open(path).convert("L"))
            rows, columns = (size // 8 * 8 for size in pixels.shape)
            with write_aside(target) as aside:
                # near range is the lower edge of these files
                Image.fromarray(np.rot90(pixels[:rows, :columns], -1)).save(aside, "PNG")
    return folder


def score(real: Path, generated: Path, out: Path, draws: int) -> dict[str, Any]:
    """Report of `sarloom evaluate`."""
    options = EvaluateOptions(
        real=real, generated=generated, out=out, pixel="amplitude", looks=1.0, draws=draws,
    )  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        workflows.evaluate(options)
    found: dict[str, Any] = json.loads((out / "report.json").read_text("utf-8"))
    return found


def table(reports: dict[str, dict[str, Any]]) -> str:
    """Markdown, one row per figure, four columns per report."""
    figures = {name: {one["key"]: one for one in it["figures"]} for name, it in reports.items()}
    lines = [
        "| Figure | " + " | ".join(
            f"{name}: value | floor | real | generated" for name in figures
        ) + " |",
        "|---|" + "---|" * (4 * len(figures)),
    ]  # fmt: skip
    for key in ROWS:
        held = [found.get(key) for found in figures.values()]
        known = next((one for one in held if one), None)
        if known is None:
            continue
        unit = f" [{known['unit']}]" if known["unit"] else ""
        cells = " | ".join(_cells(one) for one in held)
        lines.append(f"| {known['title']}{unit} | {cells} |")
    return "\n".join(lines)


def _cells(one: dict[str, Any] | None) -> str:
    if one is None:
        return " | ".join(["-"] * 4)
    half = 1.96 * one["deviation"]
    sign = "" if one["distance"] else "+"
    value = f"{one['value']:{sign}.3g} ± {half:.2g}"
    if one["verdict"].startswith("differs"):
        value = f"**{value}**"
    rest = [one["floor"], one["real"], one["generated"]]
    return " | ".join([value, *("-" if it is None else f"{it:.3g}" for it in rest)])


def said(text: str) -> None:
    """Progress, apart from the table."""
    print(text, flush=True)


def main() -> None:
    """Make what is missing, evaluate, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/score"))
    parser.add_argument("--count", type=int, default=8, help="images and scenes of each kind")
    parser.add_argument("--measured", type=int, default=64, help="images like measured ones")
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--data", type=Path, help="folder that holds mstar_scenes")
    parser.add_argument("--generated", type=Path, help="take these images and make none")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    generated = given.generated or generate_set(given)
    reports = {}
    if (generated / "kinds").is_dir():
        real = simulate_set(given)
        reports["simulated"] = score(real, generated / "kinds", given.out / "kinds", given.draws)
    if given.data is not None and (generated / "measured").is_dir():
        real = turn_measured(given.data, given.out)
        reports["MSTAR"] = score(real, generated / "measured", given.out / "measured", given.draws)
    counts = {
        name: "{} generated, {} real".format(
            *(one["facts"][which]["images"] for which in ("generated", "real"))
        )
        for name, one in reports.items()
    }
    said(f"\n{counts}; bold: differs beyond chance and floor\n\n{table(reports)}")
    for name, one in reports.items():
        said(f"\nagainst {name}: " + " ".join(it["text"] for it in one["findings"]))


if __name__ == "__main__":
    main()
