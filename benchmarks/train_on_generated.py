"""Train on generated, test on real: is what a fine-tuned model draws worth training on?

    python benchmarks/train_on_generated.py --chips ../shared/data/mstar_chips/train17

The embedded model is fine-tuned on radar chips of ten vehicles, as many chips are generated, and a
classifier trained on generated chips names real ones that neither it nor the model has seen. Every
step leaves its files in the work folder; stopped at any moment, the same command goes on.
See docs/train-on-generated.md.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sarloom.evaluate.classifier import USUAL, accuracy, train_classifier
from sarloom.evaluate.fitting import Budget
from sarloom.files import sha256_of, write_aside
from sarloom.generate.run import generate
from sarloom.generate.sample import encode_prompts, guide, initial_noise
from sarloom.generate.schedule import build_scheduler
from sarloom.models.load import load_model
from sarloom.models.loaded import LoadedModel
from sarloom.sar.tone import DecibelTone
from sarloom.tiles.ledger import Ledger, UnitResult, key_of
from sarloom.tiles.rows import radar_columns
from sarloom.tiles.schema import Row, complete
from sarloom.tiles.store import open_tiles

Chips = NDArray[np.float32]
Labelled = tuple[Chips, NDArray[np.int64]]
NOUNS = {
    "2S1": "2S1 howitzer",
    "BMP2": "BMP2 fighting vehicle",
    "BRDM2": "BRDM2 scout car",
    "BTR60": "BTR60 troop carrier",
    "BTR70": "BTR70 troop carrier",
    "D7": "D7 bulldozer",
    "T62": "T62 tank",
    "T72": "T72 tank",
    "ZIL131": "ZIL131 truck",
    "ZSU234": "ZSU234 anti-aircraft gun",
}
"""Folder of a class -> what captions call it."""
SIDE, ENLARGED = 32, 4
"""Pixels of a chip at 0.4 m, and how many of the model's pixels draw one of them."""
MODEL_SIDE = SIDE * ENLARGED
CHIP_SPACING_M, POOL = 0.2, 2
TONE = DecibelTone(-20.0, 60.0)
"""Of 8-bit amplitudes, enlarged ones included."""
DRAW_BATCH = 48
FEW = 0.1
"""Share of real chips that stands for few."""
GUIDANCE = (1.0, 2.0, 4.0)
RECIPES = Path(__file__).parent.parent / "recipes"


@dataclass(frozen=True)
class Real:
    """Real chips: linear power [n, 32, 32] at 0.4 m, range to the right."""

    power: Chips
    labels: NDArray[np.int64]
    files: list[Path]
    part: NDArray[np.str_]
    """train, validation or test; every fifth chip of a class is test."""
    classes: list[str]

    def of(self, part: str) -> Labelled:
        """Chips and labels of a part."""
        chosen = self.part == part
        return self.power[chosen], self.labels[chosen]

    def thinned(self, share: float) -> NDArray[np.bool_]:
        """The training chips of which a share is kept, evenly along each class."""
        kept = np.zeros(len(self.labels), bool)
        for label in range(len(self.classes)):
            found = np.flatnonzero((self.labels == label) & (self.part == "train"))
            count = max(1, round(share * len(found)))
            kept[found[np.linspace(0, len(found) - 1, count).round().astype(int)]] = True
        return kept


def read_chips(folder: Path) -> Real:
    """Read FOLDER/CLASS/*: 8-bit amplitude of 128 x 128, far range up."""
    power, labels, files, parts = [], [], [], []
    classes = sorted(one.name for one in folder.iterdir() if one.is_dir())
    for label, name in enumerate(classes):
        for number, path in enumerate(sorted((folder / name).iterdir())):
            with Image.open(path) as opened:
                amplitude = np.asarray(opened.convert("L"), np.float32)
            power.append(middle(averaged(np.rot90(amplitude, -1) ** 2, POOL), SIDE))
            labels.append(label)
            files.append(path)
            # of what is not test, one in eight chooses guidance and steps
            rest = "validation" if number % 10 == 1 else "train"
            parts.append("test" if number % 5 == 4 else rest)
    return Real(np.stack(power), np.asarray(labels), files, np.asarray(parts), classes)


def averaged(power: Chips, factor: int) -> Chips:
    """Means over factor x factor pixels of [..., rows, columns]."""
    *more, rows, columns = power.shape
    blocks = power.reshape(*more, rows // factor, factor, columns // factor, factor)
    return np.asarray(blocks.mean((-3, -1)), np.float32)


def middle(picture: Chips, side: int) -> Chips:
    """The middle [side, side] of [rows, columns]."""
    row, column = ((one - side) // 2 for one in picture.shape)
    return picture[row : row + side, column : column + side]


def enlarged(power: Chips) -> Chips:
    """Chips [n, 32, 32] as the model sees them [n, 128, 128]: decibels, bicubic."""
    decibels = 10 * torch.log10(torch.from_numpy(np.maximum(power, 1.0)))[:, None]
    large = torch.nn.functional.interpolate(decibels, scale_factor=ENLARGED, mode="bicubic")
    return np.asarray(10 ** (large[:, 0].numpy() / 10), np.float32)


def caption(name: str) -> str:
    """What captions call a class."""
    return f"a {NOUNS.get(name, name)}"


def make_tiles(real: Real, share: float, folder: Path) -> Path:
    """Training and validation chips as a tile set with captions; test chips stay outside."""
    chosen = real.thinned(share)
    if share == 1.0:
        chosen |= real.part == "validation"
    ledger, entries = Ledger(folder), []
    settings = {"chips": str(real.files[0].parent.parent), "share": share, "side": MODEL_SIDE}
    with ledger.alone():
        ledger.open(settings)
        for label, name in enumerate(real.classes):
            members = np.flatnonzero(chosen & (real.labels == label))
            key = key_of(settings, name, [real.files[n].name for n in members])
            entry = ledger.finished(key)
            if entry is None:
                large = enlarged(real.power[members])
                rows = [tile_row(real, int(n), one) for n, one in zip(members, large, strict=True)]
                entry = ledger.commit(key, UnitResult(rows))
            entries.append(entry)
        ledger.close(entries, {"settings": settings, "labels": [], "synthetic": False})
    return folder


def tile_row(real: Real, number: int, power: Chips) -> Row:
    """One chip as a row of a tile set."""
    path, name = real.files[number], real.classes[real.labels[number]]
    identifier = f"{name}-{path.stem}"
    return complete(
        {
            "id": identifier,
            **radar_columns(power, TONE),
            "text": f"A SAR image of {caption(name)}",
            "captions": [caption(name)],
            "calibration": "uncalibrated",
            "spacing_m": CHIP_SPACING_M * POOL / ENLARGED,
            "range_angle_residual_deg": 0.0,
            "band": "X",
            "row": 0,
            "column": 0,
            "method": "power averaged over 2 x 2 pixels, enlarged by 4, bicubic in decibels",
            "group": identifier,
            "acquisition": identifier,
            "source": str(path),
            "source_sha256": sha256_of(path),
            "split": str(real.part[number]),
            "synthetic": False,
        }
    )


def fine_tune(recipe: str, tiles: Path, run: Path, changes: dict[str, Any]) -> Path:
    """``sarloom train`` of whole networks; returns the model's folder."""
    run_recipe(recipe, tiles, run, changes)
    return run / "model"


def run_recipe(recipe: str, tiles: Path, run: Path, changes: dict[str, Any]) -> None:
    """``sarloom train``, where its result is not there yet."""
    if not (run / "model").is_dir() and not (run / "adapter.safetensors").is_file():
        command = [sys.executable, "-m", "sarloom", "train", str(RECIPES / recipe)]
        command += ["--tiles", str(tiles), "--out", str(run), "--device", "cpu"]
        for key, value in changes.items():
            command += ["--set", f"{key}={value}"]
        print("$ sarloom", *command[3:], flush=True)
        subprocess.run(command, check=True)


def draw_chips(
    model: LoadedModel, prompt: str, seeds: range, steps: int, guidance: float
) -> NDArray[np.float32]:
    """Linear power [n, 128, 128] of a prompt: what `sarloom generate` draws, seed by seed, but
    many at once, which is several times as fast and differs in the last bits."""
    text = encode_prompts(model, prompt, "", guidance)
    context = text.context.repeat_interleave(len(seeds), 0)
    scheduler = build_scheduler("dpm++", "linear", model.parts.scheduler_config)
    scheduler.set_timesteps(steps, device=model.device)
    noise = torch.cat([initial_noise(model, MODEL_SIDE, MODEL_SIDE, seed) for seed in seeds])
    latents = noise * scheduler.init_noise_sigma
    with torch.inference_mode():
        for t in scheduler.timesteps:
            z = scheduler.scale_model_input(latents, t).to(model.dtype)
            z = torch.cat([z, z]) if guidance > 1 else z
            predicted = model.parts.unet(
                z, t, encoder_hidden_states=context, added_cond_kwargs=None, return_dict=False
            )[0].float()
            predicted = guide(predicted, guidance) if guidance > 1 else predicted
            latents = scheduler.step(predicted, t, latents, return_dict=False)[0]
        pixels = model.decode(latents).mean(1).numpy()
    return model.radiometry.to_power(pixels)


def draw_all(
    folder: Path, real: Real, counts: list[int], model: Path, steps: int, guidance: float
) -> Labelled:
    """Generated chips at 0.4 m, kept in parts; those that are there are not drawn again."""
    loaded: LoadedModel | None = None
    power, labels = [], []
    folder.mkdir(parents=True, exist_ok=True)
    for label, (name, count) in enumerate(zip(real.classes, counts, strict=True)):
        prompt = f"A SAR image of {caption(name)}"
        for first in range(0, count, DRAW_BATCH):
            seeds = range(label * 100_000 + first, label * 100_000 + min(first + DRAW_BATCH, count))
            path = folder / f"{name}-{seeds[0]:06d}-{len(seeds)}.npy"
            if not path.is_file():
                loaded = loaded or load_model(str(model), "cpu", "bfloat16")
                drawn = averaged(draw_chips(loaded, prompt, seeds, steps, guidance), ENLARGED)
                with write_aside(path) as aside, aside.open("wb") as file:
                    np.save(file, drawn)
                print(f"{folder.name}: {name} {seeds[-1] % 100_000 + 1}/{count}", flush=True)
            power.append(np.load(path))
            labels += [label] * len(seeds)
    return np.concatenate(power), np.asarray(labels)


def same_as_generate(model: Path, real: Real, steps: int, guidance: float) -> float:
    """Largest difference [dB, at 0.4 m] of a chip drawn here and by `sarloom generate`."""
    prompt = f"A SAR image of {caption(real.classes[-1])}"
    loaded = load_model(str(model), "cpu", "float32")
    here = averaged(draw_chips(loaded, prompt, range(3), steps, guidance), ENLARGED)[1]
    image = generate(
        prompt, seed=1, size=MODEL_SIDE, looks=0, steps=steps, guidance=guidance, model=model,
        device="cpu",
    )[0]  # fmt: skip
    there = averaged(image.amplitude**2, ENLARGED)
    return float(np.abs(10 * np.log10(here / there)).max())


def reconstructed(tiles: Path, model: str, labels: NDArray[np.int64]) -> Labelled:
    """Training tiles through a model's autoencoder, at 0.4 m, and their labels."""
    from sarloom.train.finetune.examples import encode_pixels, pixels_of

    loaded, found = load_model(model, "cpu", "bfloat16"), open_tiles(tiles, "train")
    scale = pixels_of(loaded, open_tiles(tiles))
    out = []
    for first in range(0, len(found), DRAW_BATCH):
        numbers = range(first, min(first + DRAW_BATCH, len(found)))
        stack = np.stack([scale.of(found.row(n), MODEL_SIDE) for n in numbers])
        with torch.inference_mode():
            pixels = loaded.decode(encode_pixels(loaded, stack)).mean(1).numpy()
        out.append(averaged(loaded.radiometry.to_power(pixels), ENLARGED))
    return np.concatenate(out), labels


@dataclass
class Scores:
    """Accuracies, kept as soon as each is known."""

    path: Path
    budget: Budget

    def of(
        self,
        name: str,
        training: Callable[[], Labelled],
        tested: Labelled,
        repeats: int,
    ) -> list[float]:
        """Accuracy of classifiers with seeds 0, 1, ... trained on the same chips."""
        kept: dict[str, Any] = json.loads(self.path.read_text()) if self.path.is_file() else {}
        found = kept.setdefault(name, {"accuracy": [], "tables": []})
        power: Chips | None = None
        for seed in range(len(found["accuracy"]), repeats):
            if power is None:
                power, labels = training()
            network = train_classifier(power, labels, int(tested[1].max()) + 1, seed, self.budget)
            right, table = accuracy(network, *tested)
            found["accuracy"].append(right)
            found["tables"].append(table.tolist())
            found["chips"] = len(power)
            with write_aside(self.path) as aside:
                aside.write_text(json.dumps(kept))
            print(f"  {name}, seed {seed}: {right:.4f}", flush=True)
        return list(found["accuracy"][:repeats])


def choose(work: Path, real: Real, model: Path, args: argparse.Namespace, scores: Scores) -> float:
    """The guidance whose chips train the best classifier of validation chips."""
    if len(args.guidance) == 1:
        return float(args.guidance[0])
    results = {}
    for guidance in args.guidance:
        counts = [min(args.choice_count, one) for one in wanted_counts(real, args.count)]
        made = draw_all(work / f"drawn-{guidance:g}", real, counts, model, args.steps, guidance)
        name = f"choice: guidance {guidance:g}"
        results[guidance] = scores.of(name, partial(_as_is, made), real.of("validation"), 1)[0]
    return float(max(results, key=lambda one: results[one]))


def _as_is(chips: Labelled) -> Labelled:
    return chips


def wanted_counts(real: Real, count: int) -> list[int]:
    """Chips to generate of each class: as many as there are, or so many in all."""
    own = np.bincount(real.labels)
    return [int(one) for one in np.round(own * (count or own.sum()) / own.sum())]


def sheet(real: Real, made: Chips, labels: NDArray[np.int64], path: Path) -> None:
    """A row of real chips over a row of generated ones, for every class, in decibels."""
    rows = []
    for label in range(len(real.classes)):
        own = real.power[(real.labels == label) & (real.part == "train")]
        for chips in (own, made[labels == label]):
            chosen = chips[np.linspace(0, len(chips) - 1, 12).astype(int)]
            over = chosen / np.median(chosen, (1, 2), keepdims=True)
            grey = np.clip((10 * np.log10(over + 1e-2) + 15) / 40, 0, 1)
            rows.append(np.concatenate(list(grey), 1))
    picture = Image.fromarray((np.concatenate(rows) * 255).astype(np.uint8))
    with write_aside(path) as aside:
        picture.resize((picture.width * 3, picture.height * 3), 0).save(aside, "PNG")


def main() -> None:
    """Follow the steps; print the table."""
    args = parse()
    real = read_chips(args.chips)
    work = args.work / f"share-{round(args.share * 100)}"
    same_settings(work, args)
    train, test = real.thinned(args.share), real.of("test")
    print(f"{train.sum()} training chips, {len(test[0])} test chips, of {len(real.labels)}")
    scores = Scores(work / "scores.json", replace(USUAL, steps=args.classifier_steps))
    tiles = make_tiles(real, args.share, work / "tiles")
    autoencoder = fine_tune("embedded-chips-autoencoder.toml", tiles, work / "autoencoder", args.ae)
    changes = {"base": str(autoencoder), **args.unet}
    model = fine_tune("embedded-chips.toml", tiles, work / "denoiser", changes)
    own = real.power[train], real.labels[train]
    results = {"real": scores.of("real", lambda: own, test, args.repeats)}
    if args.reconstructions:
        # tiles are in the order of classes and files, as the chips are
        for name, base in {"embedded": "embedded", "fine-tuned": str(autoencoder)}.items():
            again = partial(reconstructed, tiles, base, real.labels[train])
            results[f"through {name}"] = scores.of(f"through {name}", again, test, 1)
    guidance = choose(work, real, model, args, scores)
    off = same_as_generate(model, real, args.steps, guidance)
    print(f"guidance {guidance:g}, {args.steps} steps; against sarloom generate {off:.3f} dB")
    counts = wanted_counts(real, args.count)
    folder = work / f"drawn-{guidance:g}"
    made, labels = draw_all(folder, real, counts, model, args.steps, guidance)
    sheet(real, made, labels, work / "sheet.png")
    results["generated"] = scores.of("generated", lambda: (made, labels), test, args.repeats)
    if args.share > FEW:
        few = real.thinned(FEW)
        few_own = real.power[few], real.labels[few]
        mixed = both(few_own, (made, labels))
        for name, chips in (("real, 10 %", few_own), ("real, 10 %, and generated", mixed)):
            results[name] = scores.of(name, partial(_as_is, chips), test, args.repeats)
    all_of_both = both(own, (made, labels))
    results["real and generated"] = scores.of(
        "real and generated", lambda: all_of_both, test, args.repeats
    )
    show(results)


def same_settings(work: Path, args: argparse.Namespace) -> None:
    """Keep the settings of a work folder; files made with others must not be taken for these."""
    work.mkdir(parents=True, exist_ok=True)
    free = ("work", "repeats", "reconstructions", "ranks")
    settings = {key: str(value) for key, value in vars(args).items() if key not in free}
    path = work / "settings.json"
    kept = json.loads(path.read_text()) if path.is_file() else settings
    changed = sorted(key for key in {*kept, *settings} if kept.get(key) != settings.get(key))
    if changed:
        raise SystemExit(f"{work} was begun with other settings ({', '.join(changed)}): --work NEW")
    with write_aside(path) as aside:
        aside.write_text(json.dumps(settings, indent=1))


def both(one: Labelled, other: Labelled) -> Labelled:
    """Two sets as one, the first repeated until it is about as large as the second."""
    times = max(1, round(len(other[0]) / len(one[0])))
    power = np.concatenate([scaled(one[0])] * times + [scaled(other[0])])
    return power, np.concatenate([one[1]] * times + [other[1]])


def scaled(power: Chips) -> Chips:
    """Chips over their medians: real and generated ones have other units."""
    return np.asarray(power / np.median(power, (1, 2), keepdims=True), np.float32)


def show(results: dict[str, list[float]]) -> None:
    """The table: mean, spread over seeds, and share of what real chips give."""
    reference = float(np.mean(results["real"]))
    print(f"{'trained on':<28}{'accuracy':>9}{'spread':>8}{'of real':>9}")
    for name, values in results.items():
        mean, spread = float(np.mean(values)), float(np.std(values))
        print(f"{name:<28}{mean:>9.4f}{spread:>8.4f}{mean / reference:>9.3f}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chips", type=Path, default=Path("../shared/data/mstar_chips/train17"))
    parser.add_argument("--work", type=Path, default=Path("runs/chips"))
    parser.add_argument("--share", type=float, default=1.0, help="of the training chips")
    parser.add_argument("--count", type=int, default=0, help="chips to generate; 0: as many")
    parser.add_argument("--guidance", type=float, nargs="+", help="one, or several to choose from")
    parser.add_argument("--choice-count", type=int, default=48, help="per class, to choose by")
    parser.add_argument("--steps", type=int, default=16, help="of denoising")
    parser.add_argument("--repeats", type=int, default=3, help="seeds of the classifier")
    parser.add_argument("--classifier-steps", type=int, default=USUAL.steps)
    parser.add_argument("--reconstructions", action="store_true", help="score the autoencoder too")
    parser.add_argument("--ae-steps", type=int, default=0, help="of the autoencoder; 0: recipe's")
    parser.add_argument("--unet-steps", type=int, default=0, help="of the denoiser; 0: recipe's")
    args = parser.parse_args()
    # the validation chips are beyond a small share, so with it nothing is chosen
    args.guidance = args.guidance or (list(GUIDANCE) if args.share == 1.0 else [GUIDANCE[1]])
    args.ae = {"steps": args.ae_steps} if args.ae_steps else {}
    args.unet = {"steps": args.unet_steps} if args.unet_steps else {}
    return args


if __name__ == "__main__":
    main()
