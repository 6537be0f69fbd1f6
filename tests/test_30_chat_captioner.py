"""Vision-language chat models: any image-text-to-text folder is asked for a caption in words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from sarloom.captions.captioners import load_captioner
from sarloom.captions.captioners.chat import first_sentence
from sarloom.errors import InputError, ModelError
from sarloom.tiles.store import open_tiles
from sarloom.train.captioner.model import learn_words
from tile_sets import run, simulated_set
from tiny_captioners import SENTENCES, picture

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %}assistant : {% endif %}"
)


def save_llava(folder: Path) -> Path:
    """A LLaVA of random weights: CLIP's eye, Llama's tongue, in a folder of stock transformers."""
    from transformers import (
        CLIPImageProcessorPil,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    torch.manual_seed(0)
    words = learn_words(SENTENCES * 3, 400)
    words.add_tokens(["<image>"], special_tokens=True)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
             "num_attention_heads": 2}  # fmt: skip
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            **small | {"num_hidden_layers": 2}, image_size=32, patch_size=8, projection_dim=32
        ),
        text_config=LlamaConfig(
            **small, vocab_size=len(words), num_key_value_heads=2, max_position_embeddings=512,
            pad_token_id=words.pad_token_id, bos_token_id=words.cls_token_id,
            eos_token_id=words.sep_token_id,
        ),
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    side = {"height": 32, "width": 32}
    LlavaProcessor(
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=side), words, patch_size=8,
        vision_feature_select_strategy="default", chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("chat") / "llava")


def test_a_chat_model_describes_pictures_whatever_their_neighbours(chat):
    captioner = load_captioner(str(chat))
    pictures = [picture(number) for number in range(2)]
    together = captioner.describe(pictures, count=2, seed=3)
    assert [len(several) for several in together] == [2, 2]
    assert captioner.describe([pictures[1]], count=2, seed=3)[0] == together[1]
    first, drawn = captioner.describe([pictures[1]], count=2, seed=4)[0]
    assert first == together[1][0] and drawn != together[1][1]


def test_a_chat_model_sees_the_picture_and_reads_the_question(chat):
    captioner = load_captioner(str(chat))
    asked = [captioner._asked(picture(number)) for number in (0, 1)]
    with torch.inference_mode():
        answers = [captioner.model(**one).logits[0, -1] for one in asked]
    assert not torch.allclose(answers[0], answers[1])
    other = load_captioner(str(chat), question="How many boats are in this port?")
    words = other.processor.decode(other._asked(picture(0))["input_ids"][0])
    assert "boats" in words and "port" in words
    assert other.fingerprint != captioner.fingerprint
    assert load_captioner(str(chat)).fingerprint == captioner.fingerprint


def test_a_chat_model_that_cannot_be_asked_is_named(chat, tmp_path):
    dumb = shutil.copytree(chat, tmp_path / "dumb")
    (dumb / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="template for chats"):
        load_captioner(str(dumb)).describe([picture(0)])
    (dumb / "chat_template.jinja").write_text("{{ raise_exception('no pictures here') }}")
    with pytest.raises(ModelError, match="no pictures here"):
        load_captioner(str(dumb)).describe([picture(0)])
    with pytest.raises(InputError, match="8-bit"):
        load_captioner(str(chat)).describe([picture(0).convert("I")])


def test_only_chat_models_are_asked_in_words():
    with pytest.raises(InputError, match="--question"):
        load_captioner("embedded", question="What is there?")


@pytest.mark.parametrize(
    ("answer", "caption"),
    [
        ("A harbour with three ships.", "A harbour with three ships."),
        ('"A river with a bridge." It is wide.', "A river with a bridge."),
        ("The aerial image shows a farm beside a road.\n\nThe road is long.",
         "a farm beside a road."),
        ("Sure! Here is a caption: **Caption:** A car park", "A car park"),
        ("<think>planes?\nyes.</think> Two planes near a hangar of St. Louis",
         "Two planes near a hangar of St. Louis"),
        ("In this picture, trees of 3.5 m stand in rows. Yes", "trees of 3.5 m stand in rows."),
        ("<think>it never ends", ""),
    ],
)  # fmt: skip
def test_a_caption_is_the_first_sentence_of_an_answer(answer, caption):
    assert first_sentence(answer) == caption


def test_a_chat_model_fills_the_captions_of_a_tile_set(chat, tmp_path, capsys):
    folder = simulated_set(tmp_path / "tiles", kinds=("suburb", "river"))
    words = ["captions", "run", folder, "--captioner", chat, "--plain", "--device", "cpu"]
    assert run(*words, "--replace", "--question", "Which boats are there?") == 0
    assert "new captions" in capsys.readouterr().err
    held = open_tiles(folder).columns("captions_original", "caption_source")
    assert all(held["captions_original"]) and len(set(held["caption_source"])) == 1
    source = held["caption_source"][0]
    assert run(*words, "--replace") == 0
    assert open_tiles(folder).columns("caption_source")["caption_source"][0] != source
