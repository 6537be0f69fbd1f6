"""Score captions with the published evaluation and keep the figures for the tests.

Needs Java and an environment with pycocoevalcap 1.2, which the tests themselves do not::

    python tests/data/make_caption_golden.py [--cases 1000] [--data FOLDER]

writes ``tests/data/caption_golden.json``: for every case of ``caption_cases.py`` and, where FOLDER
is given, for every training file below it, BLEU-1 to 4, ROUGE-L, CIDEr and METEOR, in this order,
and a checksum of the words. Only figures are kept, no captions.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pycocoevalcap
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PUNCTUATIONS, STANFORD_CORENLP_3_4_1_JAR

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from caption_cases import Case, draw  # noqa: E402

MARK = "qqqqq"


def tokenize(texts: list[list[str]], folder: Path) -> list[list[str]]:
    """Words of several texts by one Java process, with a line between that ends what is before."""
    path = folder / "text"
    lines = [line for captions in texts for line in (*captions, MARK)]
    path.write_bytes("\n".join(lines).encode())
    jar = Path(next(iter(pycocoevalcap.__path__)), "tokenizer", STANFORD_CORENLP_3_4_1_JAR)
    program = "edu.stanford.nlp.process.PTBTokenizer"
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", str(jar), program, "-preserveLines"]
    done = subprocess.run([*command, "-lowerCase", str(path)], capture_output=True, check=True)
    split = [line.rstrip().split(" ") for line in done.stdout.decode().split("\n")]
    words = iter([" ".join(w for w in line if w not in PUNCTUATIONS) for line in split])
    found = []
    for captions in texts:
        found.append([next(words) for _ in captions])
        assert next(words) == MARK, captions[-1]
    return found


def figures(case: Case, said: list[str], references: list[str], meteor: Any) -> dict[str, Any]:
    """What the published evaluation answers."""
    flat = iter(references)
    known = {number: [next(flat) for _ in one] for number, one in enumerate(case.references)}
    tried = {number: [one] for number, one in enumerate(said)}
    bleus, _ = Bleu(4).compute_score(known, tried, verbose=0)
    scorers = (Rouge(), Cider(), *([meteor] if meteor else []))
    others = [scorer.compute_score(known, tried)[0] for scorer in scorers]
    digest = hashlib.sha256("\n".join([*said, "", *references]).encode()).hexdigest()[:16]
    rounded = [float(f"{float(value):.10g}") for value in (*bleus, *others)]
    return {"words": digest, "figures": rounded}


def training_file(path: Path) -> Case:
    """First caption of every image against the others."""
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    groups = [lines[start : start + 5] for start in range(0, len(lines), 5)]
    return Case([one[0] for one in groups], [one[1:] for one in groups])


def validation_file(path: Path) -> Case:
    """The same of a COCO file."""
    data = json.loads(path.read_text(encoding="utf-8"))
    said: dict[int, list[str]] = {one["id"]: [] for one in data["images"]}
    for one in data["annotations"]:
        said[one["image_id"]].append(one["caption"])
    return Case([one[0] for one in said.values()], [one[1:] for one in said.values()])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--without-meteor", action="store_true", help="a first look: much faster")
    parser.add_argument("--out", type=Path, default=HERE / "caption_golden.json")
    given = parser.parse_args()
    # whatever the locale here: the published evaluation itself sends and reads UTF-8
    os.environ["JAVA_TOOL_OPTIONS"] = "-Dfile.encoding=UTF-8 -Duser.language=en -Duser.country=US"
    cases = {str(seed): draw(seed) for seed in range(given.cases)}
    if given.data:
        for name in ("rsicd", "rsitmd", "sydney", "ucm"):
            cases[name] = training_file(given.data / "captions" / name / "train_caps.txt")
        coco = given.data / "captions" / "rsicd_coco" / "captions_val2017.json"
        cases["rsicd_coco"] = validation_file(coco)
    texts = []
    for case in cases.values():
        texts += [case.hypotheses, [one for several in case.references for one in several]]
    with tempfile.TemporaryDirectory() as folder:
        words = tokenize(texts, Path(folder))
    meteor = None if given.without_meteor else Meteor()
    kept = {}
    for number, (name, case) in enumerate(cases.items()):
        kept[name] = figures(case, words[2 * number], words[2 * number + 1], meteor)
    aside = given.out.with_suffix(".part")
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in kept.items())
    aside.write_text("{\n" + rows + "\n}\n", encoding="utf-8")
    aside.replace(given.out)


if __name__ == "__main__":
    main()
