"""Rewrite all training captions at hand and let the independent rules judge them.

    python benchmarks/caption_rewrite.py ../shared/data/captions [--samples 20] [--show 50]

Prints, for all captions and for random samples of 500: how many bear a fault of each kind, what was
changed, captions per second; with ``--show``, random captions before and after, to be read.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from pathlib import Path

from sarloom.captions.annotations import read_annotations
from sarloom.captions.clean import faults
from sarloom.captions.rewrite.sentence import Rewritten, rewrite_caption

DANGLING = {"article", "preposition", "a or an", "conjunction", "comma"}


def read(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.glob("*/*_caps.txt")):
        found += [one for image in read_annotations(path).images for one in image.captions]
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--show", type=int, default=0)
    asked = parser.parse_args()
    captions = read(asked.folder)
    unique = sorted(set(captions))
    began = time.perf_counter()
    made: dict[str, Rewritten] = {caption: rewrite_caption(caption) for caption in unique}
    seconds = time.perf_counter() - began
    kinds = {
        caption: {fault.kind for fault in faults(one.text, not one.is_clause)}
        if one.text
        else set()
        for caption, one in made.items()
    }
    changes: Counter[str] = Counter()
    faulty: Counter[str] = Counter()
    for caption in captions:
        changes.update(made[caption].changes)
        faulty.update(kinds[caption])
    print(
        f"{len(captions)} captions, {len(unique)} different, {len(unique) / seconds:.0f} a second"
    )
    print(f"changed: {sum(made[one].changed for one in captions)}")
    for kind, number in changes.most_common():
        print(f"{number:8d}  {kind}")
    print(f"with a fault by the rules: {sum(bool(kinds[one]) for one in captions)}")
    for kind, number in faulty.most_common():
        print(f"{number:8d}  {kind}")
    dangling = []
    for seed in range(asked.samples):
        sample = random.Random(seed).sample(captions, 500)
        dangling.append(sum(bool(kinds[one] & DANGLING) for one in sample))
    print(f"dangling words in {asked.samples} random samples of 500: {dangling}")
    for caption in random.Random(asked.show).sample(captions, asked.show):
        print(f"- {caption}\n  {made[caption].text}")


if __name__ == "__main__":
    main()
