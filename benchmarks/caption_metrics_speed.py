"""How long words, BLEU, ROUGE-L and CIDEr take, beside the published evaluation (pycocoevalcap).

Both score the same 1,000 images with 5 references each, drawn from a small grammar. Medians of
alternating runs are printed; METEOR is the same Java program for both and left out::

    python benchmarks/caption_metrics_speed.py [--images 1000] [--runs 3]

Without pycocoevalcap or Java only our own times are printed. The exit status is 1 if the published
evaluation is faster in anything.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from sarloom.captions.metrics import Corpus
from sarloom.captions.metrics.bleu import bleu
from sarloom.captions.metrics.cider import cider
from sarloom.captions.metrics.rouge import rouge_l
from sarloom.captions.score import tokenize_references
from sarloom.captions.tokenize import tokenize_lines

REFERENCES = 5
PARTS = ("words", "BLEU-1 to 4", "ROUGE-L", "CIDEr")
PIECES = (
    ("many", "some", "two", "several large", "a row of", "densely packed"),
    ("planes", "storage tanks", "boats", "buildings", "green trees", "cars", "tennis courts"),
    ("are parked next to", "are near", "lie beside", "surround", "are on both sides of"),
    ("a terminal", "a river", "the harbour", "a viaduct", "an L-shaped pier", "the square"),
    ("in an airport .", "in the city.", "with a road, and a lawn .", "near the sea .", "."),
)

Captions = list[list[str]]


def draw(images: int, seed: int = 0) -> tuple[list[str], Captions]:
    """Hypotheses and references."""
    source = random.Random(seed)

    def caption() -> str:
        return " ".join(source.choice(piece) for piece in PIECES)

    return [caption() for _ in range(images)], [
        [caption() for _ in range(REFERENCES)] for _ in range(images)
    ]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def ours(said: list[str], known: Captions) -> tuple[list[float], list[float]]:
    """Seconds of every part, and the figures. Every metric has a corpus of its own, so that none
    profits from counts that another one made."""
    words_s, (tried, references) = timed(lambda: (tokenize_lines(said), tokenize_references(known)))
    seconds, figures = [words_s], []
    for measure in (bleu, rouge_l, cider):
        taken, found = timed(lambda measure=measure: measure(Corpus.of(tried, references)))
        seconds.append(taken)
        figures += found
    return seconds, figures


def theirs(said: list[str], known: Captions) -> tuple[list[float], list[float]]:
    """The same of pycocoevalcap."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    raw_said = {key: [{"caption": one}] for key, one in enumerate(said)}
    raw_known = {key: [{"caption": one} for one in several] for key, several in enumerate(known)}
    words_s, (tried, references) = timed(
        lambda: (PTBTokenizer().tokenize(raw_said), PTBTokenizer().tokenize(raw_known))
    )
    seconds, figures = [words_s], []
    for work in (
        lambda: Bleu(4).compute_score(references, tried, verbose=0)[0],
        lambda: [Rouge().compute_score(references, tried)[0]],
        lambda: [Cider().compute_score(references, tried)[0]],
    ):
        taken, found = timed(work)
        seconds.append(taken)
        figures += [float(one) for one in found]
    return seconds, figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    said, known = draw(given.images)
    oracle = importlib.util.find_spec("pycocoevalcap") is not None and shutil.which("java")
    if not oracle:
        print("pycocoevalcap and Java are not both installed: our own times only")
    mine: list[list[float]] = []
    other: list[list[float]] = []
    for _ in range(given.runs):
        from sarloom.captions import tokenize

        tokenize._simple_word.cache_clear()  # words of an earlier run
        taken, figures = ours(said, known)
        mine.append(taken)
        if oracle:
            taken, wanted = theirs(said, known)
            other.append(taken)
            worst = max(abs(a - b) for a, b in zip(figures, wanted, strict=True))
            assert worst < 1e-6, f"figures differ by {worst}"
    print(f"{given.images} images x {REFERENCES} references, median of {given.runs} runs")
    return report(mine, other)


def report(mine: list[list[float]], other: list[list[float]]) -> int:
    """Print a line per part; 1 if the other is faster in any."""
    columns = [[*one, sum(one)] for one in mine], [[*one, sum(one)] for one in other]
    slower = False
    for place, part in enumerate((*PARTS, "all")):
        seconds = statistics.median(one[place] for one in columns[0])
        line = f"{part:<12} {seconds:8.3f} s"
        if other:
            beside = statistics.median(one[place] for one in columns[1])
            line += f"   pycocoevalcap {beside:8.3f} s   {beside / seconds:6.1f} times as long"
            slower |= beside < seconds
        print(line)
    return int(slower)


if __name__ == "__main__":
    sys.exit(main())
