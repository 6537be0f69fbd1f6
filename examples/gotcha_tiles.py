"""Real airborne radar into tiles: focus the AFRL Gotcha phase history, then cut it.

    python examples/gotcha_tiles.py --phase-history gotcha/ --out out/gotcha

The folder holds consecutive degrees of one pass and polarisation, such as
data_3dsar_pass1_az001_HH.mat (public release SN-07-0045, "Gotcha Volumetric SAR Data Set" at
https://www.sdms.afrl.af.mil). Written are

    OUT/scene/gotcha.npy     the complex single-look image, back-projected on the ground
    OUT/scene/gotcha.toml    what a reader has to know about it
    OUT/gotcha.png           the same to look at
    OUT/tiles                the tile set of `sarloom tiles build`, at two spacings
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from sarloom.cli.main import run as sarloom
from sarloom.files import write_aside
from sarloom.sar.tone import display
from sarloom.train.gotcha import GotchaImage, focus_gotcha

DESCRIPTION = """\
# back-projected from the AFRL Gotcha phase history by examples/gotcha_tiles.py
quantity = "complex"
plane = "ground"
spacing_m = {image.spacing_m}
row_resolution_m = {image.azimuth_resolution_m:.3f}
column_resolution_m = {image.range_resolution_m:.3f}
range_direction = "right"
look_side = "{image.look_side}"
incidence_angle_deg = {image.incidence_angle_deg:.2f}
looks = 1
center_frequency_hz = {image.center_frequency_hz:.0f}
polarization = "HH"
platform = "AFRL Gotcha"
instrument_mode = "circular spotlight"
notes = ["no georeference and no calibration are published with the phase history"]
"""


def main(arguments: list[str] | None = None) -> int:
    """Focus, describe, cut; print what was done. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phase-history", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, default=Path("out/gotcha"), metavar="DIR")
    parser.add_argument("--spacing-m", type=float, default=0.25, help="on the ground")
    parser.add_argument("--extent-m", type=float, default=128.0, help="side of the square")
    parser.add_argument("--size", type=int, default=128, help="pixels of a tile")
    options = parser.parse_args(arguments)
    image = focus_gotcha(options.phase_history, options.spacing_m, options.extent_m)
    scene = write_scene(image, options.out)
    say(image, scene)
    spacings = f"{2 * image.spacing_m:g},{image.spacing_m:g}"
    return sarloom(
        ["tiles", "build", "--sar", str(scene), "--spacing-m", spacings,
         "--size", str(options.size), "--max-saturated", "1", "--workers", "1",
         "--out", str(options.out / "tiles")]
    )  # fmt: skip


def write_scene(image: GotchaImage, out: Path) -> Path:
    """Array, description and picture; the array's path."""
    scene = out / "scene" / "gotcha.npy"
    scene.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(scene) as aside:
        np.save(aside, image.values, allow_pickle=False)
    with write_aside(scene.with_suffix(".toml")) as aside:
        aside.write_text(DESCRIPTION.format(image=image))
    with write_aside(out / "gotcha.png") as aside:
        Image.fromarray(display(np.abs(image.values))).save(aside)
    return scene


def say(image: GotchaImage, scene: Path) -> None:
    """What the image is, and whether its speckle is that of one look."""
    rows, columns = image.values.shape
    print(f"{scene}: {rows} x {columns} pixels of {image.spacing_m:g} m")
    print(f"incidence {image.incidence_angle_deg:.1f} deg, looking {image.look_side}")
    print(
        f"resolution {image.range_resolution_m:.2f} m in range, "
        f"{image.azimuth_resolution_m:.2f} m in azimuth"
    )
    print(f"looks in its evenest blocks: {looks_of_even_blocks(image.values):.2f}")


def looks_of_even_blocks(values: np.ndarray, side: int = 32) -> float:
    """Median equivalent looks of the quarter of the blocks where power varies least."""
    rows, columns = (length // side for length in values.shape)
    power = np.abs(values[: rows * side, : columns * side]) ** 2
    blocks = power.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(-1, side, side)
    looks = np.array([block.mean() ** 2 / block.var() for block in blocks])
    return float(np.median(np.sort(looks)[-max(len(looks) // 4, 1) :]))


if __name__ == "__main__":
    raise SystemExit(main())
