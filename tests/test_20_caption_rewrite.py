"""Optical sentences into radar sentences, and the rules that judge them."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sarloom.captions.annotations import read_annotations
from sarloom.captions.clean import faults
from sarloom.captions.rewrite.activation import Activation
from sarloom.captions.rewrite.sentence import rewrite_caption
from sarloom.captions.rewrite.several import Repeats, nearly_same, rewrite_captions

CASES = {
    # clauses become noun phrases
    "many planes are parked next to a long building in an airport .":
        "many planes parked next to a long building in an airport",
    "some green trees are near a large piece of bareland .":
        "some trees near a large piece of bareland",
    "there is a lake around the neighborhood.": "a lake around the neighborhood",
    "It is a piece of farmland .": "a piece of farmland",
    "we can see a lush dark green forest with two yellow buildings.":
        "a lush forest with two buildings",
    "Next to a green baseball field are two white houses":
        "two houses next to a baseball field",
    "in this area embraced by trees, there is a standard football field .":
        "a standard football field in this area embraced by trees",
    "the airport here is full of airplanes and containers .":
        "the airport here full of airplanes and containers",
    "a small river flows through the dense woods .":
        "a small river flowing through the dense woods",
    "The playground has a green lawn.": "the playground with a lawn",
    "many parallel roads go across this area while some cars drive on them .":
        "many parallel roads going across this area with some cars driving on them",
    "the unique school building is very beautiful.":
        "the unique school building that is very beautiful",
    "it is surrounded by trees .": "an area surrounded by trees",
    "a few ships that are anchored in the harbour .":
        "a few ships that are anchored in the harbour",
    "a big house and a pool are here .": "a big house and a pool here",
    # colours
    "the trees are green, the lake is green and the buildings are colorful .":
        "the trees, the lake and the buildings",
    "A gray and white building beside an orange and irregular pond.":
        "a building beside an irregular pond",
    "many farmlands are in light green color .": "many farmlands",
    "cars of different colors are parked on the black road": "cars parked on the road",
    "a yellow airplane .": "an airplane",
    "an orange building": "a building",
    "a tall and green tree": "a tall tree",
    "a dark-green, lush forest": "a lush forest",
    "white-roofed houses and red-roofed churches": "houses and churches",
    "the roofs of the houses are painted red": "the roofs of the houses",
    "the color of the river is green .": "the river",
    # sky, people, camera
    "there are some white clouds over the sea .": "the sea",
    "a beach with many people and umbrellas": "a beach with umbrellas",
    "a square full of people and cars near a road": "a square full of cars near a road",
    "many people are on the playground near the parking lot.":
        "the playground near the parking lot",
    "an aerial view of a city with tall buildings": "a city with tall buildings",
    "a photo of a river under a blue sky": "a river",
    "there is a large forest on the left side of the picture.":
        "a large forest on the left side",
    # loops, doubled words, plurals
    "bald bald bald bald land": "bald land",
    "a building building near a road": "a building near a road",
    "there are two tennis court next to the road": "two tennis courts next to the road",
}  # fmt: skip


@pytest.mark.parametrize("before", CASES)
def test_sentence_by_sentence(before: str) -> None:
    assert rewrite_caption(before).text == CASES[before]


@pytest.mark.parametrize("before", CASES)
def test_expectations_themselves_are_without_fault(before: str) -> None:
    assert faults(CASES[before]) == []


def test_rewriting_again_changes_no_word() -> None:
    for after in CASES.values():
        assert rewrite_caption(after).text == after


@pytest.mark.parametrize(
    "caption",
    ["", " . ", "it is black, gray, green and white .", "the picture is green ."],
)
def test_nothing_left(caption: str) -> None:
    made = rewrite_caption(caption)
    assert made.text == "" and made.changes["nothing left"] == 1


def test_changes_are_counted() -> None:
    changes = rewrite_caption("many green planes are parked on on a orange ground").changes
    assert changes["colours"] == 2
    assert changes["doubled words"] == 1
    assert changes["clause to noun phrase"] == 1
    assert not rewrite_caption("a river with two bridges").changes


def test_a_loop_of_phrases_is_cut() -> None:
    caption = "a road and a house next to a road and a house next to a road and a house next to"
    made = rewrite_caption(f"{caption} a road and a house")
    assert made.changes["loops"] >= 1
    assert faults(made.text) == []
    assert made.text.count("house") <= 2


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            "a an the green red , and of in with many people trees road is are planes parked near "  # noqa: SIM905
            "next to which there sky two building large dark it while surrounded by . big".split()
        ),
        max_size=16,
    )
)
def test_any_words_give_a_sound_caption(words: list[str]) -> None:
    """No exception, the same again, and no colour, doubled word or dangling end."""
    caption = " ".join(words)
    made = rewrite_caption(caption)
    assert made == rewrite_caption(caption)
    kinds = {fault.kind for fault in faults(made.text)} if made.text else set()
    assert not kinds & {"doubled word", "comma", "a or an"}
    assert not {"green", "red", "sky", "people"} & set(made.text.replace(",", "").split())


# -- the words in front ---------------------------------------------------------------------------


def test_activation() -> None:
    phrase = Activation()
    assert (
        phrase.of(rewrite_caption("many planes are parked")) == "A SAR image of many planes parked"
    )
    clause = rewrite_caption("Although there are lots of cars in the parking lot.")
    assert clause.is_clause
    assert phrase.of(clause).startswith("A SAR image: although there are")
    assert clause.phrase.startswith("a scene: although")
    assert Activation("An aerial view").before("a river") == "An aerial view of a river"
    assert Activation("Radar:").before("a river") == "Radar: a river"
    assert Activation(token="<SAR>").before("a river") == "<SAR> a river"
    assert Activation("").before("a river") == "a river"
    assert phrase.before("") == "A SAR image"


# -- several captions -----------------------------------------------------------------------------


def test_captions_of_one_image_say_different_things() -> None:
    kept = rewrite_captions(
        [
            "many green trees are near a pond",
            "some green trees are near a pond .",
            "many trees are near a pond",
            "It is green.",
            "a road goes by a pond",
        ]
    )
    assert [number for number, _ in kept] == [0, 4]
    assert nearly_same("some trees near a pond", "there are many trees near the pond")
    assert not nearly_same("a lake left of a road", "a lake right of a road")


def test_a_caption_that_stands_everywhere_is_held_back() -> None:
    repeats = Repeats(2)
    chosen = [repeats.choose(["many buildings", f"a road {n}"])[0] for n in range(4)]
    assert chosen == [0, 0, 1, 1]
    assert repeats.choose(["many buildings"]) == (0, True)
    assert Repeats(0).choose(["x", "y"]) == (0, False)


# -- the judge ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caption", "kind"),
    [
        ("a road next to a", "article"),
        ("the of a house", "article"),
        ("a building with the and trees", "article"),
        ("a large of trees", "article"),
        ("many cars in a", "article"),
        ("a field with", "preposition"),
        ("trees of and houses", "preposition"),
        ("a house of with trees", "preposition"),
        ("houses next to", "preposition"),
        ("trees and", "conjunction"),
        ("and a road", "conjunction"),
        ("roads and and trees", "conjunction"),
        ("a airport", "a or an"),
        ("an river", "a or an"),
        ("an uniform field", "a or an"),
        ("a hour glass", "a or an"),
        ("a L-shaped building", "a or an"),
        ("trees, , roads", "comma"),
        (", a road", "comma"),
        ("the the road", "doubled word"),
        ("many planes are parked", "clause"),
        ("there is a road", "clause"),
        ("next to a road", "clause"),
        ("a green field", "not radar"),
        ("people on a beach", "not radar"),
        ("a road on the left of a road on the left of a road on the left of", "loop"),
        ("", "empty"),
        (" .", "empty"),
    ],
)
def test_judge_finds(caption: str, kind: str) -> None:
    assert kind in {fault.kind for fault in faults(caption)}


@pytest.mark.parametrize(
    "caption",
    [
        "a university and an hourglass-shaped pond",
        "an L-shaped building and a U-shaped harbour",
        "many planes that are parked in an airport",
        "trees around and houses inside",
        "a house with trees on both sides",
        "a two-way road, several houses, and a pond",
        "a river which is wide and a lake",
        "a one-way street",
        "many planes parked next to each other",
        "two ships off the coast",
    ],
)
def test_judge_leaves_alone(caption: str) -> None:
    assert faults(caption) == []


def test_a_clause_is_no_fault_behind_a_colon() -> None:
    assert faults("many planes are parked", phrase=False) == []


# -- real captions --------------------------------------------------------------------------------


def test_500_real_captions(shared_data: Path) -> None:
    """No dangling article or preposition in 500 of 81,480 training captions.

    Of other faults the judge may find a few, since some captions are no English to begin with.
    """
    found: list[str] = []
    for name in ("rsicd", "rsitmd", "sydney", "ucm"):
        annotations = read_annotations(shared_data / "captions" / name / "train_caps.txt")
        found += [caption for one in annotations.images for caption in one.captions]
    assert len(found) == 81_480
    sample = random.Random(500).sample(found, 500)
    kinds: Counter[str] = Counter()
    for caption in sample:
        made = rewrite_caption(caption)
        if made.text:
            kinds.update({fault.kind for fault in faults(made.text, not made.is_clause)})
    assert not {"article", "preposition", "a or an", "conjunction", "comma"} & kinds.keys(), kinds
    assert sum(kinds.values()) <= 5, kinds
