"""How well the embedded image-text model knows radar images, on scenes and sentences not trained.

    python benchmarks/sarclip_figures.py --measured ../shared/data

Scenes are simulated from seed 900000 on (made if the folder is missing), with fresh single-look
speckle. ``--model FOLDER`` takes another model than the shipped one; ``--generated N`` draws N
images of every kind with the embedded text-to-image model and asks both this model and
``kind_judge.py``'s network, read from ``--judge``, what they show.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from kind_judge import NAMES, load_judge, looks_like
from numpy.typing import NDArray

from sarloom.evaluate.encoders.sarclip import Sarclip
from sarloom.evaluate.metrics.alignment import GALLERY, Similarities, distinct
from sarloom.sar.speckle import speckle_intensity
from sarloom.simulate.captions import with_domain
from sarloom.simulate.prompts import PROMPTS
from sarloom.train.sarclip_data import RADIOMETRY, measured_pictures
from sarloom.train.scenes import SceneSet, load_scenes, make_scenes

TRAINED_FROM, FIRST_SEED = 100_000, 900_000
"""First seeds of the scenes trained on, and of those here."""
FloatArray = NDArray[np.float32]
POWER = RADIOMETRY.to_power(np.arange(256, dtype=np.float32) / 255)


def kind_vectors(model: Sarclip) -> FloatArray:
    """One unit vector per kind: the mean over its 20 held-out sentences."""
    means = [
        np.mean([model.caption(with_domain(text)) for text in PROMPTS[name]], axis=0)
        for name in NAMES
    ]
    return np.stack([mean / np.linalg.norm(mean) for mean in means])


def image_vectors(model: Sarclip, scenes: SceneSet, looks: int, seed: int) -> FloatArray:
    """Of scenes with fresh speckle; ``looks`` 0 leaves it out."""
    found = []
    for index, pixels in enumerate(scenes.pixels):
        power = POWER[pixels]
        if looks:
            power = speckle_intensity(power, looks, np.random.default_rng([seed, index]))
        found.append(model.image(power))
    return np.stack(found)


def zero_shot(vectors: FloatArray, kinds: list[str], texts: FloatArray) -> None:
    named = (vectors @ texts.T).argmax(1)
    pure = np.array([k for k, kind in enumerate(kinds) if "+" not in kind])
    wanted = np.array([NAMES.index(kinds[k]) for k in pure])
    hit = named[pure] == wanted
    print(f"zero-shot kind, 12 kinds, held-out sentences: {hit.mean():.3f} of {len(pure)}")
    for number, name in enumerate(NAMES):
        mine = wanted == number
        wrong = named[pure][mine & ~hit]
        worst = NAMES[np.bincount(wrong).argmax()] if len(wrong) else ""
        note = f"else most often {worst}" if worst else ""
        print(f"  {name:<10} {hit[mine].mean():.2f} of {mine.sum():<3} {note}")
    mixed = [k for k, kind in enumerate(kinds) if "+" in kind]
    two = np.argsort(-(vectors[mixed] @ texts.T), axis=1)[:, :2]
    both = [
        {NAMES[i] for i in pair} == set(kinds[k].split("+"))
        for pair, k in zip(two, mixed, strict=True)
    ]
    print(f"both kinds of a mixture are the first two: {np.mean(both):.3f} of {len(mixed)}")


def retrieval(title: str, images: FloatArray, captions: FloatArray) -> None:
    different, own = distinct(np.asarray(captions, np.float64))
    found = Similarities(np.asarray(images @ different.T), own, np.ones(len(images)))
    size = min(GALLERY, found.captions)
    print(
        f"{title}: score {found.score:.1f}, {found.margin:.1f} above other captions; "
        f"R@1 {found.recall(1, size):.3f}, R@5 {found.recall(5, size):.3f} among {size} captions "
        f"(chance {1 / size:.3f}, {min(1, 5 / size):.3f}), {len(images)} images"
    )


def speckle(first: FloatArray, second: FloatArray, captions: FloatArray, clean: FloatArray) -> None:
    a, b = (100 * (one * captions).sum(1) for one in (first, second))
    print(
        f"two single-look draws of one scene: score changes by {np.abs(a - b).mean():.2f} in the "
        f"mean, {np.abs(a - b).max():.2f} at the most; scenes differ by {a.std():.2f} (standard "
        f"deviation); cosine of the two images {(first * second).sum(1).mean():.4f}, "
        f"with the speckle-free one {(first * clean).sum(1).mean():.4f}; "
        f"mean score changes by {abs(a.mean() - b.mean()):.3f}"
    )


def measured(model: Sarclip, data: Path) -> None:
    """Held-out real images, by the groups of sentences they were given."""
    real = measured_pictures(data, TRAINED_FROM, held_out=True)
    if real is None:
        print(f"no real images below {data}")
        return
    chosen = range(len(real.kinds))
    images = np.stack([model.image(POWER[pixels]) for pixels in real.pixels])
    groups = sorted({tuple(texts) for texts in real.captions})
    texts = np.stack([
        np.mean([model.caption(with_domain(text)) for text in group], axis=0) for group in groups
    ])  # fmt: skip
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    own = np.array([groups.index(tuple(real.captions[k])) for k in chosen])
    named = (images @ texts.T).argmax(1)
    print(f"held-out real images, group of sentences named: {(named == own).mean():.3f} of "
          f"{len(chosen)} (commonest group {np.bincount(own).max() / len(own):.3f})")  # fmt: skip
    for number, group in enumerate(groups):
        mine = own == number
        print(f"  {group[0]:<45} {(named[mine] == number).mean():.2f} of {mine.sum()}")
    captions = np.stack([model.caption(with_domain(real.captions[k][0])) for k in chosen])
    retrieval("held-out real images", images, captions)


def generated(model: Sarclip, texts: FloatArray, count: int, judge_path: Path, seed: int) -> None:
    """Kinds that this model and the judge see in images of the embedded text-to-image model."""
    from sarloom.generate.run import check_request, produce
    from sarloom.models.load import load_model
    from sarloom.options.generate import GenerateOptions

    judge, drawer = load_judge(judge_path), load_model("embedded")
    mine, its, asked = [], [], []
    for number, kind in enumerate(NAMES):
        for n, prompt in enumerate(PROMPTS[kind][:count]):
            request = GenerateOptions(prompt=with_domain(prompt), seed=seed + n, looks=1)
            (image,) = produce(check_request(request), model=drawer)
            power = np.asarray(image.amplitude, np.float32) ** 2
            mine.append(int((model.image(power) @ texts.T).argmax()))
            its.append(int(judge.probabilities(looks_like(power)[None])[0].argmax()))
            asked.append(number)
    a, b, c = np.array(mine), np.array(its), np.array(asked)
    print(
        f"generated images: asked kind seen by this model {(a == c).mean():.3f}, by the judge "
        f"{(b == c).mean():.3f}; both name the same kind {(a == b).mean():.3f} of {len(a)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="folder; default: the shipped model")
    parser.add_argument("--scenes", type=Path, default=Path("runs/figures/sarclip-scenes"))
    parser.add_argument("--count", type=int, default=480)
    parser.add_argument("--every", type=int, default=1, help="take every n-th scene only")
    parser.add_argument("--measured", type=Path)
    parser.add_argument("--generated", type=int, default=0)
    parser.add_argument("--judge", type=Path, default=Path("runs/figures/judge.safetensors"))
    options = parser.parse_args()
    make_scenes(options.scenes, options.count, FIRST_SEED, 512, RADIOMETRY, 0.3, 2, lambda _: None)
    whole, every = load_scenes(options.scenes, options.count), options.every
    scenes = SceneSet(
        whole.pixels[::every],
        whole.kinds[::every],
        whole.captions[::every],
        whole.incidence_angle_deg[::every],
    )
    model = Sarclip(options.model)
    texts = kind_vectors(model)
    first = image_vectors(model, scenes, 1, 1)
    zero_shot(first, scenes.kinds, texts)
    # the first caption of a scene is its plain name and many scenes share it
    chosen = np.random.default_rng(0).integers(1, 8, len(scenes.kinds))
    captions = np.stack([
        model.caption(with_domain(group[min(n, len(group) - 1)]))
        for group, n in zip(scenes.captions, chosen, strict=True)
    ])  # fmt: skip
    retrieval("held-out simulated scenes", first, captions)
    swapped = captions[np.random.default_rng(1).permutation(len(captions))]
    retrieval("the same with captions swapped", first, swapped)
    second, clean = image_vectors(model, scenes, 1, 2), image_vectors(model, scenes, 0, 0)
    speckle(first, second, captions, clean)
    if options.measured:
        measured(model, options.measured)
    if options.generated:
        generated(model, texts, options.generated, options.judge, FIRST_SEED)


if __name__ == "__main__":
    main()
