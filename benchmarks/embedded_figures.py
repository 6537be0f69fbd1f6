"""Prompt fidelity, diversity and speckle of the embedded model, on prompts and seeds not trained.

    python benchmarks/embedded_figures.py --scenes runs/embedded/scenes --images 20

Two judges learn from the training scenes (simulated only; made if the folder is missing): one names
the kind that a scene was built as, the other says what it shows (``scene_contents``). Both are
tested on simulated scenes with seeds that training never used, so their own errors stand beside
every figure. ``--fresh benchmarks/fresh_prompts.toml`` takes prompts whose words the training
captions need not contain, instead of the ones kept with the package.
"""

from __future__ import annotations

import argparse
import time
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from kind_judge import (
    NAMES,
    Judge,
    clean_power,
    load_judge,
    looks_like,
    save_judge,
    targets,
    train_judge,
)
from numpy.typing import NDArray
from PIL import Image
from scene_contents import contents, shown

from sarloom.generate.run import check_request, produce
from sarloom.models.load import load_model
from sarloom.models.radiometry import Radiometry
from sarloom.options.generate import GenerateOptions
from sarloom.simulate.captions import with_domain
from sarloom.simulate.prompts import MIXED_PROMPTS, PROMPTS
from sarloom.train.scenes import SceneSet, load_scenes, make_scenes

FloatArray = NDArray[np.float32]
RADIOMETRY = Radiometry("db", speckle="none")
FIRST_SEED = 900_000
TRAINING_SEED, HELD_OUT_SEED, PAIR_SEED = 100_000, 50_000_000, 30_000_000
HELD_OUT_SCENES = 480
PAIR_SCENES = 1536
GUIDANCE = next(one.default for one in fields(GenerateOptions) if one.name == "guidance")


def simulated(folder: Path, count: int, seed: int, mixtures: float) -> SceneSet:
    make_scenes(folder, count, seed, 512, RADIOMETRY, mixtures, 2, lambda _: None)
    return load_scenes(folder, count)


def generated(
    options: argparse.Namespace, prompt: str, count: int, seed: int, looks: int
) -> FloatArray:
    request = GenerateOptions(
        prompt=with_domain(prompt),
        count=count,
        seed=seed,
        looks=looks,
        steps=options.steps,
        guidance=options.guidance,
        model=options.model,
    )
    if options.model not in LOADED:
        LOADED[options.model] = load_model(options.model)
    images = produce(check_request(request), model=LOADED[options.model])
    return np.stack([image.amplitude**2 for image in images])


LOADED: dict[str, Any] = {}


def prompts_of(options: argparse.Namespace) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Sentences of each kind and of each pair of kinds."""
    if options.fresh is None:
        return {k: list(v) for k, v in PROMPTS.items()}, {
            k: list(v) for k, v in MIXED_PROMPTS.items()
        }
    table = tomllib.loads(options.fresh.read_text())
    return table["kinds"], table["pairs"]


def as_grey(power: FloatArray) -> NDArray[np.uint8]:
    """-30 to 10 dB as grey, every second pixel."""
    decibel = 10 * np.log10(power[::2, ::2] + 1e-4)
    return (np.clip((decibel + 30) / 40, 0, 1) * 255).astype(np.uint8)


def spread(features: FloatArray) -> float:
    """Mean distance between pairs of rows."""
    gaps = np.linalg.norm(features[:, None] - features[None], axis=2)
    return float(gaps[np.triu_indices(len(features), 1)].mean())


def fidelity(judge: Judge, options: argparse.Namespace, real: SceneSet) -> None:
    rng = np.random.default_rng(0)
    power = clean_power(real, RADIOMETRY)
    noisy = power * rng.gamma(16, 1 / 16, power.shape)
    seen = ((10 * np.log10(np.maximum(noisy, 1e-4)) + 20) / 12).astype(np.float32)
    wanted = targets(real.kinds)
    pure = wanted.sum(1) == 1
    own = judge.probabilities(seen)
    hit = own[pure].argmax(1) == wanted[pure].argmax(1)
    print(f"judge on held-out simulated scenes: {hit.mean():.3f} of {pure.sum()}")
    print(f"{'kind':<12} {'judge':>6} {'asked':>6} {'named most for it':<20} {'diversity':>9}")
    right, ratios, total, shown = 0, [], 0, []
    for kind in NAMES:
        start = time.monotonic()
        prompts = prompts_of(options)[0][kind][: options.images]
        pictures = [
            generated(options, prompt, 1, FIRST_SEED + n, 1)[0] for n, prompt in enumerate(prompts)
        ]
        shown.append(np.hstack([as_grey(picture) for picture in pictures[:4]]))
        looks = np.stack([looks_like(picture) for picture in pictures])
        chances = judge.probabilities(looks)
        named = chances.argmax(1)
        mine = named == NAMES.index(kind)
        right, total = right + int(mine.sum()), total + len(mine)
        of_kind = seen[[k == kind for k in real.kinds]][: len(looks)]
        ratio = spread(judge.features(looks)) / spread(judge.features(of_kind))
        pixel = spread(looks[:, ::4, ::4].reshape(len(looks), -1)) / spread(
            of_kind[:, ::4, ::4].reshape(len(of_kind), -1)
        )
        ratios.append((ratio, pixel))
        others = named[~mine]
        wrong = NAMES[np.bincount(others).argmax()] if len(others) else "-"
        simulated_hit = hit[wanted[pure].argmax(1) == NAMES.index(kind)].mean()
        print(
            f"{kind:<12} {simulated_hit:>6.2f} {mine.mean():>6.2f} {wrong:<20} "
            f"{ratio:>5.2f} {pixel:>5.2f}   {time.monotonic() - start:.0f} s",
            flush=True,
        )
    print(f"prompt fidelity: {right / total:.3f} of {total} (goal 0.90)")
    if options.sheet:
        half = len(shown) // 2
        sheet = np.hstack([np.vstack(shown[:half]), np.vstack(shown[half:])])
        Image.fromarray(sheet).save(options.sheet)
    feature, pixel = np.mean(ratios, axis=0)
    print(
        f"diversity against the simulator's: features {feature:.2f}, pixels {pixel:.2f} (goal 0.80)"
    )


def two_things(names: Judge, shows: Judge, options: argparse.Namespace, real: SceneSet) -> None:
    hits, total = np.zeros(2, int), 0
    for pair, prompts in prompts_of(options)[1].items():
        codes = [NAMES.index(part) for part in pair.split("+")]
        prompts = prompts[: options.pairs]
        looks = np.stack(
            [
                looks_like(generated(options, prompt, 1, FIRST_SEED + 100 + n, 1)[0])
                for n, prompt in enumerate(prompts)
            ]
        )
        found = [int((j.probabilities(looks)[:, codes] > 0.5).all(1).sum()) for j in (shows, names)]
        hits, total = hits + found, total + len(prompts)
        print(
            f"{pair:<20} both shown in {found[0]} of {len(prompts)} ({found[1]} by name)",
            flush=True,
        )
    print(
        f"two things: {hits[0] / total:.3f} of {total} (goal 0.70); by the judge of names, which "
        f"learned that a motorway's or a river's fields are no farmland, {hits[1] / total:.3f}"
    )
    rng = np.random.default_rng(0)
    power = clean_power(real, RADIOMETRY)
    noisy = power * rng.gamma(16, 1 / 16, power.shape)
    seen = ((10 * np.log10(np.maximum(noisy, 1e-4)) + 20) / 12).astype(np.float32)
    wanted, counts = shown(
        real.kinds, contents(options.cache / "held-out.json", real, HELD_OUT_SEED)
    )
    mixed = np.array(["+" in kind for kind in real.kinds])
    named = targets(real.kinds)[mixed] > 0
    for what, judge in (("what is shown", shows), ("names", names)):
        said = judge.probabilities(seen) > 0.5
        both = (said[mixed] & named).sum(1) == 2
        yes = [said[(wanted == truth) & (counts > 0)].mean() for truth in (1, 0)]
        print(
            f"the judge of {what} on held-out simulated scenes: both parts in {both.mean():.3f} of "
            f"{mixed.sum()} mixtures; yes to {yes[0]:.3f} of what is shown, to {yes[1]:.3f} of "
            "what is not"
        )


def speckle(options: argparse.Namespace) -> None:
    """Block statistics where the speckle-free image deviates by less than 6 % in 32 x 32 cells."""
    enls, variations = [], []
    for n, prompt in enumerate(("farmland", "open water beside a coast", "an airport runway")):
        flat = generated(options, prompt, 2, FIRST_SEED + n * 2, 0)
        noisy = generated(options, prompt, 2, FIRST_SEED + n * 2, 1)
        for mean, power in zip(flat, noisy, strict=True):
            for r in range(0, mean.shape[0], 32):
                for c in range(0, mean.shape[1], 32):
                    block = mean[r : r + 32, c : c + 32]
                    if block.std() < 0.06 * block.mean():
                        sample = power[r : r + 32, c : c + 32].astype(np.float64)
                        enls.append(sample.mean() ** 2 / sample.var())
                        variations.append(np.sqrt(sample).std() / np.sqrt(sample).mean())
    print(
        f"speckle over {len(enls)} homogeneous 32 x 32 blocks: ENL {np.median(enls):.3f} "
        f"(goal 1.0 +- 0.1), amplitude CV {np.median(variations):.4f} (goal .523 +- .02)"
    )


def judges(options: argparse.Namespace) -> tuple[Judge, Judge]:
    """The judge of names and the judge of what is shown; trained where they are not kept."""
    kept = [options.cache / f"{name}.safetensors" for name in ("judge", "shows")]
    if not all(path.is_file() for path in kept):
        scenes = (
            load_scenes(options.scenes)
            if options.scenes.is_dir()
            else simulated(options.cache / "scenes", 2400, TRAINING_SEED, 0.35)
        )
        # two things are judged as well: a third of what they learn from are mixtures of all pairs
        pairs = simulated(options.cache / "pairs", PAIR_SCENES, PAIR_SEED, 0.9)
        power = np.concatenate([clean_power(one, RADIOMETRY) for one in (scenes, pairs)])
        kinds = [*scenes.kinds, *pairs.kinds]
        if not kept[0].is_file():
            save_judge(train_judge(power, targets(kinds)), kept[0])
        if not kept[1].is_file():
            held = contents(options.cache / "scenes.json", scenes, TRAINING_SEED)
            held += contents(options.cache / "pairs.json", pairs, PAIR_SEED)
            save_judge(train_judge(power, *shown(kinds, held)), kept[1])
    return load_judge(kept[0]), load_judge(kept[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, default=Path("runs/embedded/scenes"))
    parser.add_argument("--cache", type=Path, default=Path("runs/figures"))
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--images", type=int, default=20, help="images per kind (20 prompts)")
    parser.add_argument("--pairs", type=int, default=5, help="images per two-thing prompt pair")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--fresh", type=Path, help="TOML with other prompts: [kinds] and [pairs]")
    parser.add_argument("--sheet", type=Path, help="PNG with the first four images of each kind")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    real = simulated(options.cache / "held-out", HELD_OUT_SCENES, HELD_OUT_SEED, 0.3)
    names, shows = judges(options)
    fidelity(names, options, real)
    two_things(names, shows, options, real)
    speckle(options)


if __name__ == "__main__":
    main()
