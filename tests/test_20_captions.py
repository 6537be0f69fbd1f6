"""Captions are English and true: grammar rules, counts equal to the facts, flips, held-out."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from sarloom.simulate.build import MIXTURES, build_world
from sarloom.simulate.captions import MAX_WORDS, canonical, captions, flip_words, with_domain
from sarloom.simulate.facts import Cover, Relation, SceneFacts, Thing, describe
from sarloom.simulate.kinds import KINDS
from sarloom.simulate.names import NAMES
from sarloom.simulate.prompts import HELD_OUT, MIXED_PROMPTS, PROMPTS
from sarloom.simulate.wording import HEADS, NOUNS, NUMBERS

BUILT = (*KINDS, *MIXTURES)
COLOURS = {"red", "green", "blue", "yellow", "white", "black", "grey", "gray", "brown", "dark"}
JOINTS = frozenset(
    {"a", "an", "the", "of", "with", "in", "on", "at", "to", "from", "by", "and", "over", "along",
     "beside", "near", "next"}
)  # fmt: skip
PLACES = ("", "left", "right", "top", "bottom", "upper left", "lower right", "centre", "throughout")


def random_facts(rng: np.random.Generator) -> SceneFacts:
    """Facts that no builder need ever make, so that every phrase comes up."""
    kinds = rng.choice(list(KINDS), int(rng.integers(1, 3)), replace=False).tolist()
    names = rng.choice(list(NOUNS), int(rng.integers(0, 9)), replace=False).tolist()
    things = tuple(
        Thing(
            name,
            int(rng.choice([1, 2, 3, 5, 11, 12, 13, 40, 700])),
            0.5,
            0.5,
            str(rng.choice(PLACES)),
            str(rng.choice(["", "from left to right", "from upper left to lower right"])),
            str(rng.choice(["", "large", "small"])) if name in ("ship", "tank", "hall") else "",
        )
        for name in names
    )
    words = ("left of", "right of", "above", "below", "beside", "crossing", "surrounded by")
    pairs = [
        Relation(a, str(rng.choice(words)), b)
        for group in (names, kinds)
        for a in group
        for b in group
        if a != b and rng.random() < 0.3
    ]
    cover = (Cover("trees", 0.6, "throughout"), Cover("water", 0.4, "left"))
    density = str(rng.choice(["", "dense", "sparse"]))
    density = density if kinds in (["city"], ["suburb"], ["forest"]) else ""
    return SceneFacts(tuple(kinds), 179.2, 179.2, things, cover, tuple(pairs), density)


@cache
def corpus() -> list[tuple[SceneFacts, str]]:
    """Some thousand captions with their facts: invented ones and those of built worlds."""
    rng = np.random.default_rng(0)
    facts = [random_facts(rng) for _ in range(520)]
    facts += [describe(build_world(kind, seed, 256, 0.7)) for kind in BUILT for seed in (0, 1)]
    return [(f, text) for f in facts for text in captions(f, rng, 5)]


def grammar_faults(text: str) -> list[str]:
    """What is wrong with an English noun phrase of our kind."""
    faults = []
    words = re.findall(r"[a-z-]+", text)
    plurals = {many for nouns in NOUNS.values() for one, many in nouns if many != one}
    for word, after in zip(words, [*words[1:], ""], strict=True):
        if word == after:
            faults.append(f"doubled {word}")
        if word in ("a", "an") and after:
            if (word == "an") != (after[0] in "aeiou"):
                faults.append(f"{word} {after}")
            if after in plurals:
                faults.append(f"{word} with plural {after}")
        if {word, after} <= JOINTS - {"a", "an", "the"} and (word, after) != ("next", "to"):
            faults.append(f"dangling {word} before {after}")
        if word in ("a", "an", "the") and after in JOINTS | {""}:
            faults.append(f"dangling article before {after!r}")
        if word in (*NUMBERS[2:], "many", "numerous", "several") and after in {
            one for nouns in NOUNS.values() for one, many in nouns if many != one
        }:
            # a singular noun may open a compound: 'five farm buildings', 'two car parks'
            tail = text.split(f"{word} {after}", 1)[1].split()
            if not tail or f"{after} {tail[0].strip(',')}" not in plurals:
                faults.append(f"{word} with singular {after}")
    if words and words[-1] in JOINTS:
        faults.append(f"ends in {words[-1]}")
    if text != text.strip() or re.search(r"  | ,|,,|\.|,$", text) or not text.islower():
        faults.append("spacing, case or punctuation")
    return faults


@pytest.mark.parametrize(
    "text",
    ["a ships", "an harbour", "a a harbour", "a harbour with", "a city with and a park",
     "five ship at a quay", "a harbour with the", "A harbour", "a port , with ships", "a airport"],
)  # fmt: skip
def test_the_checker_finds_faults(text: str) -> None:
    assert grammar_faults(text)


def test_captions_have_no_grammar_faults() -> None:
    faulty = [(text, faults) for _, text in corpus() if (faults := grammar_faults(text))]
    assert len(corpus()) > 2000
    assert not faulty


def counts_in(text: str) -> list[tuple[str, str]]:
    """(number word, object kind) pairs of a caption."""
    table = {form: kind for kind, nouns in NOUNS.items() for noun in nouns for form in noun}
    forms = sorted(table, key=len, reverse=True)
    number = rf"({'|'.join(NUMBERS[1:])}|a|an|a single|many|numerous|several|dozens of|hundreds of)"
    adjective = r"(?:[a-z]+-roofed |large |small |wide |narrow )?"
    pattern = rf"\b{number} {adjective}({'|'.join(forms)})\b(?!-| farm)"  # not 'a tank farm'
    return [(match[1], table[match[2]]) for match in re.finditer(pattern, text)]


def test_details_are_counted_apart_and_places_belong_to_all() -> None:
    """'two ploughed fields' of nine may be named, but not with the place of all nine."""
    details = (("bare", 6), ("ploughed", 3))
    fields = Thing("field", 9, 0.2, 0.5, "left", details=details)
    facts = SceneFacts(("river",), 179.2, 179.2, (fields,), (), ())
    texts = [t for seed in range(20) for t in captions(facts, np.random.default_rng(seed), 8)]
    ploughed = [text for text in texts if "ploughed" in text]
    assert any("three ploughed fields" in text for text in ploughed)
    assert not any("left" in text or "several ploughed" in text for text in ploughed)
    planes = Thing("aircraft", 4, 0.2, 0.5, "left", details=(("fighter", 4),))
    facts = SceneFacts(("airport",), 179.2, 179.2, (planes,), (), ())
    texts = [t for seed in range(20) for t in captions(facts, np.random.default_rng(seed), 8)]
    assert any("four fighter jets on the left" in text for text in texts)


def test_counts_in_words_equal_the_facts() -> None:
    checked = 0
    for facts, text in corpus():
        for head in (h for heads in HEADS.values() for h in heads):
            text = re.sub(rf"^(.*?)\b{head}\b", r"\1", text) if len(head) > 8 else text
        for word, kind in counts_in(text):
            if kind in facts.kinds or (kind == "clearing" and "vehicles" in facts.kinds):
                continue  # 'a river' as the name of the scene
            count = facts.count(kind)
            checked += 1
            if word in ("a", "an", "a single"):
                assert count == 1, text
            elif word in NUMBERS:
                assert count == NUMBERS.index(word), text
            else:
                least = {"several": 3, "many": 13, "numerous": 13, "dozens of": 30}.get(word, 300)
                assert count >= least, text
    assert checked > 800


def test_places_and_directions_are_those_of_the_facts() -> None:
    ships = Thing("ship", 4, 0.2, 0.2, "upper left")
    facts = SceneFacts(("harbour",), 179.2, 179.2, (ships,), (), ())
    texts = captions(facts, np.random.default_rng(1), 20)
    assert any("upper left" in text for text in texts)
    assert not any(re.search(r"right|lower|top|bottom|centre|middle", text) for text in texts)


def test_relations_are_said_the_right_way_round() -> None:
    facts = SceneFacts(
        ("forest", "farmland"), 179.2, 179.2, (Thing("field", 5, 0.8, 0.5, "right"),), (),
        (Relation("forest", "left of", "farmland"), Relation("farmland", "right of", "forest")),
    )  # fmt: skip
    texts = captions(facts, np.random.default_rng(2), 24)
    woods, fields = (
        rf"({'|'.join(name.bare for name in NAMES[kind])})" for kind in ("forest", "farmland")
    )
    assert any(re.search(rf"{woods} (to|on) the left (of|and)", text) for text in texts)
    assert not any(re.search(rf"{fields} (to|on) the left", text) for text in texts)


@pytest.mark.parametrize(
    ("kinds", "things", "expected"),
    [
        (("harbour",), (Thing("ship", 3, 0.5, 0.5),), "a harbour with ships"),
        (("harbour",), (Thing("ship", 1, 0.5, 0.5),), "a harbour with a ship"),
        (("harbour",), (), "a harbour"),
        (("industry",), (Thing("tank", 8, 0.5, 0.5),), "industry with tanks"),
        (("airport",), (Thing("aircraft", 8, 0.5, 0.5),), "an airport with aircraft"),
        (("vehicles",), (Thing("vehicle", 4, 0.5, 0.5),), "vehicles in a clearing"),
        (("suburb",), (), "a suburb"),
    ],
)
def test_the_first_caption_is_canonical(
    kinds: tuple[str, ...], things: tuple[Thing, ...], expected: str
) -> None:
    facts = SceneFacts(kinds, 179.2, 179.2, things, (), ())
    assert canonical(facts) == expected
    assert captions(facts, np.random.default_rng(5), 3)[0] == expected


def test_canonical_mixtures() -> None:
    def facts(kinds: tuple[str, str], relation: str) -> SceneFacts:
        pair = Relation(kinds[0], relation, kinds[1])
        fields = (Thing("field", 4, 0.5, 0.5),)
        return SceneFacts(kinds, 179.2, 179.2, fields, (), (pair,))

    assert canonical(facts(("river", "farmland"), "crossing")) == "a river crossing farmland"
    assert canonical(facts(("city", "river"), "beside")) == "a city beside a river"
    assert canonical(facts(("farmland", "forest"), "beside")) == "fields next to a forest"


def test_captions_differ_are_short_and_name_no_colours() -> None:
    for _, text in corpus():
        assert len(text.split()) <= MAX_WORDS
        assert not COLOURS & set(text.split()), text
    by_scene: dict[int, list[str]] = {}
    for facts, text in corpus():
        by_scene.setdefault(id(facts), []).append(text)
    assert all(len(set(texts)) == len(texts) >= 3 for texts in by_scene.values())
    # only a scene with nothing to name has fewer sentences than asked for
    assert np.mean([len(texts) == 5 for texts in by_scene.values()]) > 0.98


def test_the_same_generator_gives_the_same_captions() -> None:
    facts = random_facts(np.random.default_rng(9))
    assert captions(facts, np.random.default_rng(1)) == captions(facts, np.random.default_rng(1))
    short, long = (captions(facts, np.random.default_rng(1), n) for n in (3, 6))
    assert long[:3] == short


def test_flip_swaps_up_and_down_only() -> None:
    text = "a river running from upper left to lower right, with a hall above a tank at the top"
    assert flip_words(text) == (
        "a river running from lower left to upper right, with a hall below a tank at the bottom"
    )
    assert flip_words("a port on the left and flat-topped halls") == (
        "a port on the left and flat-topped halls"
    )
    assert all(flip_words(flip_words(text)) == text for _, text in corpus())


def test_domains() -> None:
    assert with_domain("a port", "simulated") == "A simulated SAR image of a port"
    assert with_domain("a port", "measured") == "A measured X-band airborne SAR image of a port"
    assert with_domain("a port") == "A SAR image of a port"


def test_held_out_prompts_are_never_produced() -> None:
    written = {text for _, text in corpus()}
    assert not HELD_OUT & (written | {flip_words(text) for text in written})


def test_held_out_prompts_are_twenty_per_kind_and_english() -> None:
    assert set(PROMPTS) == set(KINDS)
    assert all(len(set(prompts)) == 20 for prompts in PROMPTS.values())
    assert len(MIXED_PROMPTS) == 10 and set(MIXED_PROMPTS) <= set(MIXTURES)
    for prompt in HELD_OUT:
        words = prompt.split()
        assert prompt.islower() and not COLOURS & set(words)
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]|\b(\w+) \1\b", prompt), prompt
    total = [prompt for table in (PROMPTS, MIXED_PROMPTS) for p in table.values() for prompt in p]
    assert len(total) == len(HELD_OUT)


def test_held_out_prompts_use_words_that_captions_use() -> None:
    """Other wording, not other vocabulary: most words must be known from training."""
    known = {word for _, text in corpus() for word in re.findall(r"[a-z-]+", text)}
    words = [word for prompt in HELD_OUT for word in re.findall(r"[a-z-]+", prompt)]
    assert np.mean([word in known for word in words]) > 0.85
