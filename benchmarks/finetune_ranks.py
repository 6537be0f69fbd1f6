"""Full fine-tuning against LoRA of several ranks: what is learned, and what is learned by heart.

    python benchmarks/finetune_ranks.py --chips ../shared/data/mstar_chips/train17

The embedded model learns few real chips of ten vehicles many times over, once per method, all with
the same steps, batch and seed. Every run is one `sarloom train`; stopped at any moment, the same
command goes on. Prints the table of docs/experiments.md, "Full fine-tuning against LoRA".
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from train_on_generated import (
    ENLARGED,
    Chips,
    Labelled,
    Real,
    averaged,
    caption,
    draw_chips,
    make_tiles,
    read_chips,
    run_recipe,
    same_settings,
    scaled,
    sheet,
)

from sarloom.evaluate.classifier import USUAL, accuracy, train_classifier
from sarloom.files import write_aside
from sarloom.models.adapters import Adapters, parse_adapters
from sarloom.models.load import load_model

DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
LEVELS, WINDOW_DB = 16, (-15.0, 25.0)
"""Grey levels of co-occurrence, and the range about a chip's median that they divide."""
QUANTILES = np.linspace(0.01, 0.99, 99)
LORA_RATE, TEXT_LORA_RATE = 1e-3, 5e-4
"""As in recipes/embedded-lora.toml and embedded-hybrid.toml."""


@dataclass(frozen=True)
class Method:
    """One row of the table."""

    name: str
    changes: dict[str, Any]
    """Keys of recipes/embedded-chips.toml."""


def methods(ranks: Sequence[int]) -> list[Method]:
    """Full, the follow-up paper's mixture, and LoRA on both networks at every rank."""
    mixed = {"text_encoder": "lora", "text_learning_rate": TEXT_LORA_RATE, "token": "<SAR>"}
    found = [
        Method("full", {}),
        Method("full U-Net only", {"text_encoder": "off"}),
        Method("full U-Net, LoRA text, word", mixed),
    ]
    for rank in ranks:
        lora = {"unet": "lora", "text_encoder": "lora", "rank": rank, "alpha": float(rank)}
        rates = {"learning_rate": LORA_RATE, "text_learning_rate": TEXT_LORA_RATE}
        found.append(Method(f"LoRA, rank {rank}", {**lora, **rates}))
    return found


def few(real: Real, per_class: int) -> Real:
    """The chips with so many training chips of each class, spread along the class, half as many
    validation chips, and no others; test stays whole."""
    part = real.part.copy()
    for label in range(len(real.classes)):
        for name, most in (("train", per_class), ("validation", max(1, per_class // 2))):
            found = np.flatnonzero((real.labels == label) & (part == name))
            places = np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int)
            part[np.setdiff1d(found, found[places])] = "unused"
    return replace(real, part=part)


def draw(run: Path, base: str, real: Real, per_class: int, steps: int) -> Labelled:
    """Chips of every class by the result of a run, at 0.4 m; those that are there are kept."""
    path = run / f"drawn-{per_class}-{steps}.npy"
    labels = np.repeat(np.arange(len(real.classes)), per_class)
    if path.is_file():
        return np.load(path), labels
    whole = (run / "model").is_dir()
    model = load_model(str(run / "model") if whole else base, "cpu", "float32", not whole)
    if not whole:
        Adapters(model, parse_adapters([str(run)])).at(0.0)
    sensor = json.loads((run / "recipe.json").read_text())["recipe"]["token"] or "SAR"
    power = []
    for number, name in enumerate(real.classes):
        seeds = range(number * 1000, number * 1000 + per_class)
        prompt = f"A {sensor} image of {caption(name)}"
        power.append(averaged(draw_chips(model, prompt, seeds, steps, 1.0), ENLARGED))
    drawn = np.concatenate(power)
    with write_aside(path) as aside, aside.open("wb") as file:
        np.save(file, drawn)
    return drawn, labels


def decibels(power: Chips) -> Chips:
    """Over each chip's median."""
    return np.asarray(10 * np.log10(np.maximum(scaled(power), 1e-3)), np.float32)


def amplitude_distance_db(first: Chips, second: Chips) -> float:
    """Mean distance of the quantiles of two sets [dB]: Wasserstein's first, tails left out."""
    a, b = (np.quantile(decibels(one), QUANTILES) for one in (first, second))
    return float(np.abs(a - b).mean())


def textures(power: Chips) -> NDArray[np.float64]:
    """Haralick's features of neighbours of every chip [n, directions * features]."""
    low, high = WINDOW_DB
    levels = np.clip((decibels(power) - low) / (high - low) * LEVELS, 0, LEVELS - 1).astype(int)
    return np.stack([np.concatenate([haralick(one, *way) for way in DIRECTIONS]) for one in levels])


def haralick(levels: NDArray[np.int64], down: int, right: int) -> NDArray[np.float64]:
    """Contrast, homogeneity, energy, correlation and entropy of a chip and its shifted self."""
    rows, columns = levels.shape
    left = slice(0, columns - right) if right >= 0 else slice(-right, columns)
    there = slice(right, columns) if right >= 0 else slice(0, columns + right)
    first, second = levels[: rows - down, left].ravel(), levels[down:, there].ravel()
    joint = np.bincount(first * LEVELS + second, minlength=LEVELS**2).reshape(LEVELS, LEVELS)
    p = (joint + joint.T) / (2 * joint.sum())
    i, j = np.indices(p.shape)
    mean = (i * p).sum()
    variance = ((i - mean) ** 2 * p).sum()
    correlation = ((i - mean) * (j - mean) * p).sum() / max(variance, 1e-12)
    entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
    contrast, homogeneity = ((i - j) ** 2 * p).sum(), (p / (1 + (i - j) ** 2)).sum()
    return np.asarray([contrast, homogeneity, np.sqrt((p**2).sum()), correlation, entropy])


def texture_distance(first: Chips, second: Chips) -> float:
    """Difference of mean features over their deviation between chips, root mean square."""
    a, b = textures(first), textures(second)
    spread = np.sqrt((a.var(0) + b.var(0)) / 2)
    return float(np.sqrt((((a.mean(0) - b.mean(0)) / np.maximum(spread, 1e-9)) ** 2).mean()))


def learned(run: Path) -> tuple[float, float]:
    """Millions of numbers that were trained, and seconds a step."""
    cost = json.loads((run / "cost.json").read_text())
    rows = [json.loads(line) for line in (run / "state" / "log.jsonl").read_text().splitlines()]
    speed = float(np.median([row["steps_per_s"] for row in rows]))
    return cost["parts_bytes"]["gradients"] / 4e6, 1 / speed


def row_of(run: Path, drawn: Labelled, test: Chips, judge: torch.nn.Module) -> list[str]:
    """The figures of one run."""
    last = json.loads((run / "held-out.jsonl").read_text().splitlines()[-1])
    train, held = last["train"]["mean"], last["held_out"]["mean"]
    heart = json.loads((run / "memorised.json").read_text())
    ratio = float(np.median([one["ratio"] for one in heart["images"]]))
    numbers, seconds = learned(run)
    return [
        f"{numbers:.2f}", f"{seconds:.2f}", f"{train:.4f}", f"{held:.4f}", f"{held - train:+.4f}",
        f"{heart['memorised']} of {heart['of']}", f"{ratio:.3f}",
        f"{accuracy(judge, *drawn)[0]:.3f}", f"{amplitude_distance_db(test, drawn[0]):.2f}",
        f"{texture_distance(test, drawn[0]):.2f}",
    ]  # fmt: skip


COLUMNS = (
    "millions trained", "s a step", "error, training", "error, held out", "gap", "memorised",
    "ratio to nearest", "class as asked", "amplitudes [dB]", "texture",
)  # fmt: skip


def main() -> None:
    """Train, draw, print the table."""
    args = parse()
    args.work.mkdir(parents=True, exist_ok=True)
    same_settings(args.work, args)
    real = few(read_chips(args.chips), args.per_class)
    tiles = make_tiles(real, 1.0, args.work / "tiles")
    base = args.base
    if not base:
        run = args.work / "autoencoder"
        taught = {"steps": args.ae_steps, "precision": args.precision}
        run_recipe("embedded-chips-autoencoder.toml", tiles, run, taught)
        base = str(run / "model")
    own = {
        "base": base,
        "steps": args.steps,
        "batch": args.batch,
        "ema": 0.0,
        "precision": args.precision,
        "memorised": args.memorised,
    }
    whole = read_chips(args.chips)
    train, test = whole.of("train"), whole.of("test")
    judge = train_classifier(*train, len(whole.classes), 0, replace(USUAL, steps=args.judge_steps))
    print(f"the judge, trained on all real chips, names {accuracy(judge, *test)[0]:.3f} of test")
    lines = []
    for method in methods(args.ranks):
        run = args.work / method.name.replace(", ", "-").replace(" ", "-").lower()
        run_recipe("embedded-chips.toml", tiles, run, {**own, **method.changes})
        drawn = draw(run, base, real, args.count, args.draw_steps)
        sheet(real, drawn[0], drawn[1], run / "sheet.png")
        lines.append([method.name, *row_of(run, drawn, test[0], judge)])
        print("\t".join(lines[-1]), flush=True)
    chips, labels = real.of("train")
    same = [f"{amplitude_distance_db(test[0], chips):.2f}"]
    same.append(f"{texture_distance(test[0], chips):.2f}")
    asked = f"{accuracy(judge, chips, labels)[0]:.3f}"
    lines.append(["the training chips themselves", *[""] * 7, asked, *same])
    table = ["| Method | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    table += ["| " + " | ".join(line) + " |" for line in lines]
    with write_aside(args.work / "table.md") as aside:
        aside.write_text("\n".join(table) + "\n")
    print("\n".join(table))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chips", type=Path, default=Path("../shared/data/mstar_chips/train17"))
    parser.add_argument("--work", type=Path, default=Path("runs/ranks"))
    parser.add_argument("--per-class", type=int, default=20, help="training chips of each class")
    parser.add_argument("--ranks", type=int, nargs="*", default=[4, 16, 64, 256])
    parser.add_argument("--steps", type=int, default=300, help="of every method")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--precision", default="no", help="bf16 pays on processors with AMX")
    parser.add_argument("--base", default="", help="model folder; default: the autoencoder is "
                        "taught the chips first")  # fmt: skip
    parser.add_argument("--ae-steps", type=int, default=500, help="of the autoencoder")
    parser.add_argument("--memorised", type=int, default=20, help="images compared with all tiles")
    parser.add_argument("--count", type=int, default=10, help="chips to draw of each class")
    parser.add_argument("--draw-steps", type=int, default=16, help="of denoising")
    parser.add_argument("--judge-steps", type=int, default=USUAL.steps)
    return parser.parse_args()


if __name__ == "__main__":
    main()
