"""The list of sub-commands. A new one is an option table, a workflow and an entry here."""

from __future__ import annotations

from ..options.demo import DemoOptions
from ..options.generate import GenerateOptions
from ..options.info import InfoOptions
from ..options.simulate import SimulateOptions
from ..options.tiles import BuildTilesOptions
from ..options.train import TrainOptions
from .build import Command

GROUPS: dict[str, str] = {"tiles": "Cut products into tiles to train on."}
"""First word of a grouped command -> what the group is about."""

COMMANDS: tuple[Command, ...] = (
    Command(
        name="generate",
        table=GenerateOptions,
        workflow="generate",
        summary="Make radar images from a sentence.",
        example='sarloom generate "A SAR image of a harbour with ships" --count 4 --seed 7',
        notes="Image i of a call has seed SEED + i and equals the image made alone with that seed, "
        "byte for byte. Files are named NAME-SEED.png or .tif; several images also get a contact "
        "sheet. Ctrl-C keeps what is finished.",
    ),
    Command(
        name="simulate",
        table=SimulateOptions,
        workflow="simulate",
        summary="Simulate scenes: radar, optical, map, sketch and captions.",
        example="sarloom simulate harbour farmland+river --count 2 --seed 1",
        notes="A scene is complete once its JSON sidecar is there; the command run again makes "
        "only what is missing. `metadata.jsonl` makes the folder an imagefolder data set.",
    ),
    Command(
        name="tiles build",
        table=BuildTilesOptions,
        workflow="tiles_build",
        summary="Cut radar products into a tile set, paired with optical pictures.",
        example="sarloom tiles build --sar /data/radar --optical /data/optical --spacing-m 0.35 "
        "--size 512 --out tiles",
        notes="Stopped at any moment, the same "
        "command goes on where it was; a product that cannot be read is named and left out.",
    ),
    Command(
        name="info",
        table=InfoOptions,
        workflow="info",
        summary="Say how an image was made, and the command that makes it again.",
        example="sarloom info out/harbour-with-ships-7.png",
    ),
    Command(
        name="train",
        table=TrainOptions,
        workflow="train",
        summary="Train the embedded model from a recipe, from nothing.",
        example="sarloom train recipes/embedded.toml --out runs/embedded --set seed=1",
        notes="The keys of a recipe are listed in [recipe.md](recipe.md). Each part of a run is "
        "kept, so a run that was stopped goes on where it was.",
    ),
    Command(
        name="demo",
        table=DemoOptions,
        workflow="demo",
        summary="Eight sentences, one image-to-image, and a page to look at.",
        example="sarloom demo --out out/demo",
    ),
)
