"""The list of sub-commands. A new one is an option table, a workflow and an entry here."""

from __future__ import annotations

from ..options.archive import IndexOptions, SearchOptions
from ..options.captions import ScoreCaptionsOptions
from ..options.captions_run import (
    RewriteCaptionsOptions,
    RunCaptionsOptions,
    ViewCaptionsOptions,
)
from ..options.captions_train import TrainCaptionsOptions
from ..options.demo import DemoOptions
from ..options.evaluate import EvaluateOptions
from ..options.generate import GenerateOptions
from ..options.info import InfoOptions
from ..options.refine import RefineOptions
from ..options.simulate import SimulateOptions
from ..options.tiles import (
    BuildTilesOptions,
    CheckTilesOptions,
    ExportTilesOptions,
    StatsTilesOptions,
    ViewTilesOptions,
)
from ..options.train import TrainOptions
from ..options.translate import TranslateOptions
from .build import Command

GROUPS: dict[str, str] = {
    "archive": "List radar products and find them again.",
    "tiles": "Cut products into tiles to train on.",
    "captions": "Caption tile sets; score captions.",
}
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
        name="archive index",
        table=IndexOptions,
        workflow="index",
        summary="List every radar product below a folder in one catalogue.",
        example="sarloom archive index /data/radar --out catalogue.parquet",
        notes="The catalogue is a GeoParquet table of STAC items, one per channel of a product. "
        "Run again, the command reads only what is new or changed; stopped half way, it goes on "
        "where it was. A file that cannot be read is listed with the reason in "
        "`catalogue.broken.jsonl` beside the catalogue and left out.",
    ),
    Command(
        name="archive search",
        table=SearchOptions,
        workflow="search",
        summary="Find products by place, time and radar, in a catalogue or a STAC API.",
        example="sarloom archive search catalogue.parquet --bbox 12.1 41.2 12.9 41.9 "
        "--polarization VV --incidence-deg 30 40",
        notes="A product that does not state what a filter asks for is left out. The place is "
        "compared exactly: it is enough for the footprint to touch the box.",
    ),
    Command(
        name="tiles build",
        table=BuildTilesOptions,
        workflow="tiles_build",
        summary="Cut radar products into a tile set, paired with optical pictures.",
        example="sarloom tiles build --sar /data/radar --optical /data/optical --spacing-m 0.35 "
        "--size 512 --out tiles",
        notes="[Tile sets](../tiles.md) explains what comes out. Stopped at any moment, the same "
        "command goes on where it was; a product that cannot be read is named and left out.",
    ),
    Command(
        name="tiles check",
        table=CheckTilesOptions,
        workflow="tiles_check",
        summary="Look for damage, leakage between splits and wrong physics in a tile set.",
        example="sarloom tiles check tiles",
        notes="Prints one line per finding, `Error` or `Warning`; the exit status is 2 if there is "
        "an error.",
    ),
    Command(
        name="tiles view",
        table=ViewTilesOptions,
        workflow="tiles_view",
        summary="Draw a contact sheet: radar, optical picture and caption side by side.",
        example="sarloom tiles view tiles --count 24 --out sheet.png",
    ),
    Command(
        name="tiles stats",
        table=StatsTilesOptions,
        workflow="tiles_stats",
        summary="Measure a tile set: amplitudes, looks, spacing, and a map of footprints.",
        example="sarloom tiles stats tiles --out statistics.png",
    ),
    Command(
        name="tiles export",
        table=ExportTilesOptions,
        workflow="tiles_export",
        summary="Write a tile set in a layout that other programs read.",
        example="sarloom tiles export tiles --to imagefolder --out tiles-imagefolder",
        notes="PNGs have 8 bits unless `--bits 16`; GeoTIFFs hold float32 amplitude.",
    ),
    Command(
        name="captions run",
        table=RunCaptionsOptions,
        workflow="captions_run",
        summary="Caption a tile set from its optical pictures or from maps.",
        example="sarloom captions run tiles --captioner embedded --count 3",
        notes="[Captioning a tile set](../captions-run.md) shows what comes out. Stopped at any "
        "moment, the same command goes on where it was.",
    ),
    Command(
        name="captions rewrite",
        table=RewriteCaptionsOptions,
        workflow="captions_rewrite",
        summary="Rewrite captions of optical pictures for radar.",
        example="sarloom captions rewrite dataset_rsicd.json --out rsicd-radar.json",
        notes="Prints what was changed, counted. A tile set is changed in place, its captions kept "
        "in `captions_original`.",
    ),
    Command(
        name="captions view",
        table=ViewCaptionsOptions,
        workflow="captions_view",
        summary="Make a page of radar, optical picture, caption and what may be wrong with it.",
        example="sarloom captions view tiles --out captions.html",
    ),
    Command(
        name="captions train",
        table=TrainCaptionsOptions,
        workflow="captions_train",
        summary="Teach a captioner an annotated set of images, and score it.",
        example="sarloom captions train --annotations dataset_rsicd.json --images RSICD_images "
        "--base blip --out runs/rsicd",
        notes="[Captions](../captions.md) shows what comes out. Several sets are mixed by giving "
        "`--annotations` and `--images` several times. Stopped at any moment, the same command "
        "goes on where it was.",
    ),
    Command(
        name="captions score",
        table=ScoreCaptionsOptions,
        workflow="captions_score",
        summary="Score captions against references: BLEU-1 to 4, METEOR, ROUGE-L, CIDEr.",
        example="sarloom captions score --references dataset_rsicd.json "
        "--hypotheses captions.json --split test",
        notes="[Captions](../captions.md) explains the figures and what they rest on. METEOR needs "
        "Java and `pip install 'sarloom[meteor]'`; without them its row says so.",
    ),
    Command(
        name="evaluate",
        table=EvaluateOptions,
        workflow="evaluate",
        summary="Score generated images against real ones: law, speckle, texture, features.",
        example="sarloom evaluate --real tiles --generated out/harbours --out report",
        notes="Prints a table and writes `report.html`, `report.json` and figures. "
        "[Evaluation](../evaluate.md) explains every figure. What pixels mean is read from the "
        "files or asked for (`--pixel`), never guessed.",
    ),
    Command(
        name="translate",
        table=TranslateOptions,
        workflow="translate",
        summary="Draw a satellite scene as an airborne radar would see it.",
        example="sarloom translate s1.tif --to airborne --spacing-m 0.35",
        notes="[Scenes from scenes](../translate.md) shows what comes out. The result lies on the "
        "same ground. Stopped at any moment, the same command goes on where it was.",
    ),
    Command(
        name="refine",
        table=RefineOptions,
        workflow="refine",
        summary="Draw a simulated scene as if it had been measured.",
        example="sarloom refine out/simulated/harbour-0.tif --strength 0.4",
        notes="[Scenes from scenes](../translate.md) shows what comes out. Grid and level stay. "
        "Stopped at any moment, the same command goes on where it was.",
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
        summary="Fine-tune a base model on a tile set, or make the embedded model from nothing.",
        example="sarloom train recipes/embedded-lora.toml --tiles tiles --out runs/lora",
        notes="With `--tiles` the recipe is one of [fine-tuning](finetune.md), without it one of "
        "the [embedded model](recipe.md). A run that was stopped goes on where it was.",
    ),
    Command(
        name="demo",
        table=DemoOptions,
        workflow="demo",
        summary="Eight sentences, one image-to-image, and a page to look at.",
        example="sarloom demo --out out/demo",
    ),
)
