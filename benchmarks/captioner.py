"""How well a captioner names simulated scenes that it has never seen.

Scenes of all twelve kinds are photographed as `sarloom simulate` does (512 pixels of 0.35 m, seeds
from 9,000,000, which no training uses) and captioned. Printed: how often the caption names the
scene's kind, by kind, and the figures of the paper's Table 1 against five sentences written from
the scene's facts, beside two captioners that never look::

    python benchmarks/captioner.py [--captioner embedded] [--scenes 120] [--folder FOLDER]

The exit status is 1 if fewer than 90 % are named.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from PIL import Image

from sarloom.captions.captioners import load_captioner
from sarloom.captions.metrics import METRICS, Corpus, NotComputed, Programs
from sarloom.captions.score import tokenize_references
from sarloom.captions.tokenize import tokenize_lines
from sarloom.simulate.kinds import KINDS
from sarloom.train.captioner.named import named_kind
from sarloom.train.captioner.scenes import OpticalSet, SceneDraw, load_optical, make_optical

HELD_OUT = SceneDraw(seed=9_000_000, side=512, cells=512, mixture_share=0.0)
REFERENCES = 5
WANTED = 0.9


def said_of(data: OpticalSet, name: str, device: str) -> tuple[list[str], float]:
    """One caption a scene, and seconds a scene."""
    captioner = load_captioner(name, device)
    start = time.perf_counter()
    said: list[str] = []
    right = 0
    for one, kind in zip(data.pixels, data.kinds, strict=True):
        said.append(captioner.describe([Image.fromarray(one)])[0][0])
        right += named_kind(said[-1]) == kind
        if len(said) % 12 == 0:
            print(f"{right} of {len(said)} named so far", file=sys.stderr, flush=True)
    return said, (time.perf_counter() - start) / len(said)


def figures(said: list[str], data: OpticalSet, meteor: bool = False) -> dict[str, float]:
    """BLEU to CIDEr; METEOR where it is asked for and can be computed."""
    references = tokenize_references([texts[:REFERENCES] for texts in data.captions])
    corpus = Corpus.of(tokenize_lines(said), references)
    found: dict[str, float] = {}
    for metric in METRICS:
        if metric.figures == ("METEOR",) and not meteor:
            continue
        try:
            values = metric.measure(corpus, Programs())
        except NotComputed as reason:
            print(f"{', '.join(metric.figures)}: not computed: {reason}")
        else:
            found |= dict(zip(metric.figures, values, strict=True))
    return found


def report_kinds(said: list[str], data: OpticalSet) -> float:
    """Print how often each kind is named; the share over all scenes."""
    right = [named_kind(text) == kind for text, kind in zip(said, data.kinds, strict=True)]
    for kind in KINDS:
        mine = [place for place, one in enumerate(data.kinds) if one == kind]
        wrong = Counter(named_kind(said[place]) or "nothing" for place in mine if not right[place])
        taken = ", ".join(f"{name} {number}" for name, number in wrong.most_common())
        hits = sum(right[place] for place in mine)
        print(f"{kind:<10} {hits:3d} of {len(mine):3d}" + (f"   taken for {taken}" * bool(taken)))
    references = [
        named_kind(text) == kind
        for texts, kind in zip(data.captions, data.kinds, strict=True)
        for text in texts[:REFERENCES]
    ]
    share = sum(right) / len(right)
    ceiling = sum(references) / len(references)
    print(f"kind named: {share:.3f} of {len(right)} scenes (by the sentences: {ceiling:.3f})")
    sys.stdout.flush()
    return share


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captioner", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--scenes", type=int, default=120)
    parser.add_argument("--folder", type=Path, help="keeps the scenes for another time")
    parser.add_argument("--show", action="store_true", help="print every caption")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        make_optical(folder, given.scenes, HELD_OUT, 1, lambda line: None)
        data = load_optical(folder, given.scenes)
    said, seconds = said_of(data, given.captioner, given.device)
    if given.show:
        for kind, text in zip(data.kinds, said, strict=True):
            print(f"{kind:<10} {text}")
    share = report_kinds(said, data)
    first = {kind: texts[0] for kind, texts in zip(data.kinds, data.captions, strict=True)}
    tables = {
        given.captioner: figures(said, data, meteor=True),
        "a fixed caption of the kind": figures([first[kind] for kind in data.kinds], data),
        "one constant caption": figures([said[0]] * len(said), data),
    }
    names = [name for metric in METRICS for name in metric.figures]
    print(f"{'':<28}" + "".join(f"{name:>9}" for name in names))
    for title, row in tables.items():
        print(f"{title:<28}" + "".join(f"{row.get(name, float('nan')):9.4f}" for name in names))
    words = sum(len(text.split()) for text in said) / len(said)
    print(f"{seconds:.3f} s a scene on {given.device}; {words:.1f} words on average")
    return int(share < WANTED)


if __name__ == "__main__":
    sys.exit(main())
