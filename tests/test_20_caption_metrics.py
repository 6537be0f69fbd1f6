"""The seven figures: closed forms, the published evaluation, and the Java program's process."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caption_cases import Case, draw
from sarloom.captions.metrics import METRICS, Corpus, NotComputed, Programs
from sarloom.captions.metrics.bleu import bleu
from sarloom.captions.metrics.cider import SIGMA, cider
from sarloom.captions.metrics.meteor import MeteorProgram, find_jar, find_java, meteor
from sarloom.captions.metrics.rouge import BETA, rouge_l
from sarloom.captions.score import tokenize_references
from sarloom.captions.tokenize import tokenize, tokenize_lines
from sarloom.errors import InputError

GOLDEN = Path(__file__).parent / "data" / "caption_golden.json"
ALIKE = 1e-6
"""How closely figures must agree with the published evaluation."""

SAID = ("a", "the", "ship", "harbour", "runway", "near", "two", "of")
words = st.lists(st.sampled_from(SAID), max_size=12)
caption = words.filter(len)
images = st.lists(st.tuples(words, st.lists(words, min_size=1, max_size=4)), min_size=1, max_size=5)


def corpus_of(pairs: list[tuple[list[str], list[list[str]]]]) -> Corpus:
    return Corpus.of([one for one, _ in pairs], [several for _, several in pairs])


def corpus_of_case(case: Case) -> Corpus:
    return Corpus.of(tokenize_lines(case.hypotheses), tokenize_references(case.references))


def figures(corpus: Corpus) -> list[float]:
    """All but METEOR, in the order of the golden file."""
    return [*bleu(corpus), *rouge_l(corpus), *cider(corpus)]


def digest_of(case: Case) -> str:
    said = [" ".join(one) for one in tokenize_lines(case.hypotheses)]
    known = [" ".join(one) for several in tokenize_references(case.references) for one in several]
    return hashlib.sha256("\n".join([*said, "", *known]).encode()).hexdigest()[:16]


# the published evaluation


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, object]]:
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_drawn_cases_equal_the_published_evaluation(golden):
    seeds = [name for name in golden if name.isdigit()]
    assert len(seeds) == 1000
    wrong_words, worst = [], 0.0
    for seed in seeds:
        case = draw(int(seed))
        if digest_of(case) != golden[seed]["words"]:
            wrong_words.append(seed)
        found, wanted = figures(corpus_of_case(case)), golden[seed]["figures"][:6]
        worst = max(worst, *(abs(a - b) for a, b in zip(found, wanted, strict=True)))
    assert wrong_words == []
    assert worst < ALIKE


def given_corpus(shared_data: Path, name: str) -> Case:
    """First caption of every image against the others, as the golden script takes them."""
    from sarloom.captions.annotations import read_annotations

    file = "captions_val2017.json" if name == "rsicd_coco" else "train_caps.txt"
    read = read_annotations(shared_data / "captions" / name / file)
    captions = [one.captions for one in read.images]
    return Case([one[0] for one in captions], [list(one[1:]) for one in captions])


@pytest.mark.parametrize("name", ["rsicd_coco", "rsicd", "rsitmd", "sydney", "ucm"])
def test_real_captions_equal_the_published_evaluation(name, shared_data, golden):
    if name not in golden:
        pytest.skip(f"{GOLDEN.name} was made without --data")
    case = given_corpus(shared_data, name)
    assert digest_of(case) == golden[name]["words"]
    assert figures(corpus_of_case(case)) == pytest.approx(golden[name]["figures"][:6], abs=ALIKE)


def published_example(shared_data: Path) -> tuple[Case, dict]:
    """The example of the nlg-eval project, whose figures its own tests state."""
    folder = shared_data / "caption_metrics" / "nlg_eval"
    said, first, second = (
        (folder / name).read_text(encoding="utf-8").splitlines()
        for name in ("hyp.txt", "ref1.txt", "ref2.txt")
    )
    expected = json.loads((folder.parent / "rsicd_val_expected.json").read_text())
    wanted = next(value for key, value in expected.items() if key.startswith("nlg_eval"))
    return Case(said, [list(pair) for pair in zip(first, second, strict=True)]), wanted


def test_published_example_figures(shared_data):
    case, wanted = published_example(shared_data)
    found = figures(corpus_of_case(case))
    assert found == pytest.approx([*wanted["BLEU"], wanted["ROUGE_L"], wanted["CIDEr"]], abs=ALIKE)


def test_live_against_the_reference_package():
    if importlib.util.find_spec("pycocoevalcap") is None or find_java() is None:
        pytest.skip("pycocoevalcap and Java are not both installed; the golden figures stand in")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    for seed in range(5000, 5003):
        case = draw(seed)
        said = {key: [{"caption": one}] for key, one in enumerate(case.hypotheses)}
        known = {
            key: [{"caption": one} for one in several]
            for key, several in enumerate(case.references)
        }
        tried, references = PTBTokenizer().tokenize(said), PTBTokenizer().tokenize(known)
        wanted = [*Bleu(4).compute_score(references, tried, verbose=0)[0]]
        wanted += [scorer.compute_score(references, tried)[0] for scorer in (Rouge(), Cider())]
        assert figures(corpus_of_case(case)) == pytest.approx(wanted, abs=ALIKE), seed


# closed forms


@given(st.lists(caption, min_size=1, max_size=6))
def test_identical_captions(said):
    corpus = corpus_of([(one, [one]) for one in said])
    longest = max(len(one) for one in said)
    for order, figure in enumerate(bleu(corpus), start=1):
        if order <= longest:
            assert figure == pytest.approx(1.0, abs=1e-6)
    assert rouge_l(corpus)[0] == pytest.approx(1.0, abs=1e-12)


@given(st.lists(st.integers(4, 12), min_size=2, max_size=5))
def test_cider_of_identical_captions_without_common_words_is_ten(lengths):
    said = [[f"w{image}_{place}" for place in range(n)] for image, n in enumerate(lengths)]
    assert cider(corpus_of([(one, [one]) for one in said]))[0] == pytest.approx(10.0, abs=1e-9)


@given(caption, st.integers(1, 12))
def test_disjoint_captions(said, length):
    corpus = corpus_of([(said, [["x"] * length]), (["q"], [["z"]])])
    assert bleu(corpus)[0] < 1e-6
    assert rouge_l(corpus) == (0.0,)
    assert cider(corpus) == (0.0,)


@given(st.integers(1, 20), st.integers(1, 20))
def test_brevity_penalty(written, wanted):
    corpus = corpus_of([(["a"] * written, [["a"] * wanted])])
    penalty = math.exp(1 - wanted / written) if written < wanted else 1.0
    share = min(written, wanted) / written
    assert bleu(corpus)[0] == pytest.approx(penalty * share, rel=1e-6)


def test_of_two_references_equally_close_the_shorter_counts():
    said = ["a"] * 4
    corpus = corpus_of([(said, [["a"] * 5, ["a"] * 3])])
    assert bleu(corpus)[0] == pytest.approx(1.0, abs=1e-6)  # against 5 words it would be exp(-1/4)


def test_a_word_counts_as_often_as_the_reference_that_has_it_most():
    corpus = corpus_of([(["a", "a", "a", "b"], [["a", "a", "c", "c"], ["a", "b", "c", "c"]])])
    assert bleu(corpus)[0] == pytest.approx(3 / 4, abs=1e-6)


@given(images.filter(lambda pairs: len(pairs) == 1))
def test_cider_of_one_image_is_zero(pairs):
    assert cider(corpus_of(pairs)) == (0.0,)


@given(st.integers(0, 10))
def test_cider_penalty_for_length(more):
    """A hypothesis of its reference's words and `more` others that no reference has."""
    said = [f"w{place}" for place in range(6)]
    common = ["u"] * 40
    plain = corpus_of([(said, [said]), (common, [common])])
    assert cider(plain)[0] == pytest.approx(10.0, abs=1e-9)
    padded = [*said, *(f"p{place}" for place in range(more))]
    runs = [len(said) - n + 1 for n in range(1, 5)]
    all_runs = [len(padded) - n + 1 for n in range(1, 5)]
    # every run weighs ln 2, so norms are square roots of numbers of runs
    cosine = sum(math.sqrt(a / b) for a, b in zip(runs, all_runs, strict=True)) / 4
    wanted = 10 * cosine * math.exp(-(more**2) / (2 * SIGMA**2))
    found = cider(corpus_of([(padded, [said]), (common, [common])]))[0]
    assert found == pytest.approx((wanted + 10.0) / 2, rel=1e-9)


@given(images)
def test_figures_stay_within_their_bounds(pairs):
    *bleus, rouge, ten = figures(corpus_of(pairs))
    assert all(0.0 <= one <= 1.0 + 1e-9 for one in (*bleus, rouge))
    assert bleus[0] <= 1.0 and 0.0 <= ten <= 10.0 + 1e-9


def slow_common_length(one: list[str], other: list[str]) -> int:
    """The textbook table."""
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            table[i + 1][j + 1] = (
                table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
            )
    return table[-1][-1]


@given(caption, caption)
def test_rouge_of_one_reference_is_the_f_measure_of_the_textbook_table(said, reference):
    common = slow_common_length(said, reference)
    precision, recall = common / len(said), common / len(reference)
    wanted = (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision) if common else 0.0
    assert rouge_l(corpus_of([(said, [reference])]))[0] == pytest.approx(wanted, abs=1e-12)


def test_rouge_takes_precision_and_recall_from_different_references():
    said = ["a", "b"]
    corpus = corpus_of([(said, [["a"], ["a", "b", "c", "d"]])])
    assert rouge_l(corpus)[0] == pytest.approx(1.0)  # recall of the first, precision of the second


@given(images)
@settings(max_examples=50)
def test_figures_do_not_depend_on_the_order_of_images_or_references(pairs):
    turned = [(said, several[::-1]) for said, several in pairs[::-1]]
    assert figures(corpus_of(pairs)) == pytest.approx(figures(corpus_of(turned)), abs=1e-12)


def test_a_corpus_needs_a_hypothesis_and_a_reference_for_every_image():
    for said, known in (([["a"]], []), ([["a"]], [[]]), ([], [])):
        with pytest.raises(ValueError, match="image"):
            Corpus.of(said, known)


# words


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A SAR image.", "a sar image"),
        ("It isn't a bird's-eye view", "it is n't a bird 's eye view"),
        ("cannot (see) 2-3 ships, etc.", "can not -lrb- see -rrb- 2-3 ships etc."),
        ("", ""),
        ("...!", ""),
        ("line\nbreak\u2028here", "line break here"),
    ],
)
def test_words(text, wanted):
    assert " ".join(tokenize(text)) == wanted


@given(st.text(max_size=60))
def test_any_text_gives_words_without_blanks(text):
    for word in tokenize(text):
        assert word and not any(char in word for char in " \n\r\t\u2028")


def test_a_long_caption_takes_little_time():
    for text in ("bald " * 2_000 + "é", "é" * 20_000, "<a" * 2_000, "a." * 2_000, "-" * 5_000):
        start = time.perf_counter()
        tokenize(text)
        assert time.perf_counter() - start < 5.0, text[:6]


# the Java program's process


def program(folder: Path, text: str) -> Path:
    """A program that is started in place of Java."""
    path = folder / "java"
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


SIMPLE = Corpus.of([["a"]], [[["a"]]])


def test_meteor_gives_up_on_a_program_that_does_not_answer(tmp_path):
    java = program(tmp_path, "import time\ntime.sleep(60)\n")
    start = time.perf_counter()
    with MeteorProgram(java, tmp_path, 0.5) as running:
        with pytest.raises(NotComputed, match="did not answer within"):
            running.score(SIMPLE)
        process = running._process
    assert process.poll() is not None
    assert time.perf_counter() - start < 20


def test_meteor_quotes_a_program_that_fails(tmp_path):
    java = program(tmp_path, "import sys\nsys.exit('no paraphrases here')\n")
    with (
        MeteorProgram(java, tmp_path, 20) as running,
        pytest.raises(NotComputed, match="ended with status 1: no paraphrases here"),
    ):
        running.score(SIMPLE)


def test_meteor_refuses_an_answer_that_is_no_number(tmp_path):
    java = program(tmp_path, "while True: print('0,5' if input() else '', flush=True)\n")
    with (
        MeteorProgram(java, tmp_path, 20) as running,
        pytest.raises(NotComputed),
    ):
        running.score(SIMPLE)


def test_meteor_does_not_stop_on_full_pipes(tmp_path):
    """Ten thousand images: far more than a pipe holds, in both directions."""
    java = program(
        tmp_path,
        "import sys\n"
        "for line in iter(sys.stdin.readline, ''):\n"
        "    parts = line.split(' ||| ')\n"
        "    if parts[0] == 'SCORE': print('1.0 ' * 23, flush=True)\n"
        "    else: print('\\n'.join(['0.25'] * len(parts)), flush=True)\n",
    )
    many = Corpus.of([["harbour"] * 20] * 10_000, [[["harbour"] * 20]] * 10_000)
    with MeteorProgram(java, tmp_path, 60) as running:
        assert running.score(many) == 0.25
        process = running._process
    assert process.poll() is not None


def test_meteor_without_java_or_program_says_how_to_get_them(tmp_path, monkeypatch):
    jar = tmp_path / "meteor-1.5.jar"
    jar.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(NotComputed, match="install a Java runtime"):
        meteor(SIMPLE, Programs(jar))
    with pytest.raises(InputError, match="no such file"):
        meteor(SIMPLE, Programs(tmp_path / "elsewhere.jar"))


def test_meteor_equals_the_published_evaluation(shared_data):
    if not os.environ.get("SARLOOM_TEST_METEOR"):
        pytest.skip("the Java program takes long to start: set SARLOOM_TEST_METEOR=1 to run it")
    if find_java() is None or find_jar(None) is None:
        pytest.skip("Java and pycocoevalcap are not both installed")
    case, wanted = published_example(shared_data)
    assert meteor(corpus_of_case(case), Programs())[0] == pytest.approx(wanted["METEOR"], abs=ALIKE)


def test_every_figure_is_registered_once():
    names = [name for metric in METRICS for name in metric.figures]
    assert names == ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr"]


def test_metrics_load_no_numbers_or_networks():
    code = (
        "import sys, sarloom.captions.score\n"
        "print([name for name in ('numpy', 'torch', 'pycocoevalcap') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
