"""Captioners of every kind: found, loaded, asked; and what is said when they cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sarloom.captions.captioners import find_captioner, load_captioner
from sarloom.captions.captioners.base import written
from sarloom.errors import InputError, MissingExtraError, ModelError
from tiny_captioners import SENTENCES, picture, save_blip, save_blip2, save_git

SAVE = {"blip": save_blip, "git": save_git, "blip-2": save_blip2}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("captioners")
    return {kind: save(root / kind) for kind, save in SAVE.items()}


@pytest.mark.parametrize("kind", SAVE)
def test_every_kind_describes_pictures_and_no_caption_depends_on_its_neighbours(kind, folders):
    captioner = load_captioner(str(folders[kind]))
    pictures = [picture(number) for number in range(3)]
    together = captioner.describe(pictures, count=2)
    assert [len(several) for several in together] == [2, 2, 2]
    assert together == [captioner.describe([one], count=2)[0] for one in pictures]
    assert all(isinstance(text, str) and "[" not in text for said in together for text in said)
    assert captioner.describe([]) == []


def test_a_captioner_says_what_it_is(folders, tmp_path):
    one = load_captioner(str(folders["blip"]))
    assert one.name == str(folders["blip"])
    other = load_captioner(str(save_blip(tmp_path / "other", seed=1)))
    assert len(one.fingerprint) == 16 and one.fingerprint != other.fingerprint
    copied = shutil.copytree(folders["blip"], tmp_path / "copy")
    assert load_captioner(str(copied)).fingerprint == one.fingerprint


def test_grey_and_transparent_pictures_are_looked_at_and_deep_ones_refused(folders):
    captioner = load_captioner(str(folders["blip"]))
    grey = Image.fromarray(np.arange(1600, dtype=np.uint16).astype(np.uint8).reshape(40, 40))
    assert captioner.describe([grey]) == captioner.describe([grey.convert("RGB")])
    for deep in (np.zeros((8, 8), np.uint16), np.zeros((8, 8), np.float32)):
        with pytest.raises(InputError, match="8-bit"):
            captioner.describe([Image.fromarray(deep)])


def test_asking_for_no_caption_is_refused(folders):
    with pytest.raises(InputError, match="1 or more"):
        load_captioner(str(folders["blip"])).describe([picture(0)], count=0)


def test_what_is_no_captioner_is_said_in_one_line(folders, tmp_path):
    with pytest.raises(ModelError, match="no captioner at"):
        load_captioner("/nowhere/at/all.bin")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_captioner(str(tmp_path / "empty"))
    pickled = shutil.copytree(folders["blip"], tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        load_captioner(str(pickled))
    other = shutil.copytree(folders["blip"], tmp_path / "bert")
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match="bert model is no captioner"):
        load_captioner(str(other))
    broken = shutil.copytree(folders["blip"], tmp_path / "broken")
    (broken / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_captioner(str(broken))
    cut = shutil.copytree(folders["blip"], tmp_path / "cut")
    whole = (cut / "model.safetensors").read_bytes()
    (cut / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="cannot be opened"):
        load_captioner(str(cut))
    with pytest.raises(InputError, match="--device nonsense"):
        load_captioner(str(folders["blip"]), "nonsense")


def test_missing_weights_are_not_made_up(folders, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(folders["blip"], tmp_path / "part")
    tensors = load_file(folder / "model.safetensors")
    name = next(one for one in tensors if "vision_model" in one)
    save_file({k: v for k, v in tensors.items() if k != name}, folder / "model.safetensors",
              {"format": "pt"})  # fmt: skip
    with pytest.raises(ModelError, match="1 weights are missing"):
        load_captioner(str(folder))


def test_a_chat_model_without_its_requirements_names_the_extra(tmp_path):
    try:
        import torchvision  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("torchvision is installed")
    folder = tmp_path / "chat"
    folder.mkdir()
    config = {"model_type": "qwen2_vl", "vision_config": {}, "text_config": {}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "Qwen2VLImageProcessor",
                    "processor_class": "Qwen2VLProcessor"})
    )  # fmt: skip
    assert find_captioner(str(folder))[1].name == "a vision-language chat model"
    with pytest.raises((MissingExtraError, ModelError)):
        load_captioner(str(folder))


def test_a_published_blip_gets_the_token_that_opens_captions(tmp_path):
    """Folders of the hub have no word for it: the tokenizer ends one number before."""
    from transformers import BertTokenizer, BlipForConditionalGeneration

    folder = save_blip(tmp_path / "blip")
    config = json.loads((folder / "config.json").read_text())
    pieces = BertTokenizer.from_pretrained(folder).get_vocab()
    last = max(pieces.values())
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    shorter = {
        word if word != "[DEC]" else "[OLD]": code for word, code in pieces.items() if code < last
    }
    BertTokenizer(vocab=shorter).save_pretrained(folder)
    config["text_config"]["bos_token_id"] = last
    (folder / "config.json").write_text(json.dumps(config))
    files, kind = find_captioner(str(folder))
    processor = kind.processor(files)
    assert processor.tokenizer.convert_tokens_to_ids("[DEC]") == last
    model = BlipForConditionalGeneration.from_pretrained(folder)
    assert model.decoder_input_ids == last
    ids = processor.tokenizer(SENTENCES[0])["input_ids"]
    assert last not in ids
    assert "[DEC]" not in processor.tokenizer.decode([last, *ids], skip_special_tokens=True)


def test_hyphens_are_joined_again():
    assert written("a built - up  area\n") == "a built-up area"
    assert written("a road - ") == "a road -"


def test_loading_leaves_the_random_numbers_alone(folders):
    captioner = load_captioner(str(folders["blip"]))
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    captioner.describe([picture(0)])
    assert torch.equal(torch.rand(1), wanted)
