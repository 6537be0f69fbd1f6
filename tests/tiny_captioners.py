"""Captioners of random weights, small enough to be made in a moment, and pictures to look at."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from sarloom.train.captioner.model import (
    CaptionerSizes,
    learn_words,
    make_captioner,
    make_processor,
)

SENTENCES = [
    "many planes are parked next to a terminal .",
    "a river with a bridge goes through a dense residential area .",
    "four white storage tanks are near a road .",
    "some boats are in a port beside many buildings .",
]
SIZES = CaptionerSizes(pixels=32, patch=8, width=32, vision_layers=1, text_layers=1, heads=2)


def picture(number: int, side: int = 40) -> Image.Image:
    """A picture of blocks, different for every number."""
    rng = np.random.default_rng(number)
    blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(np.kron(blocks, np.ones((side // 4, side // 4, 1), np.uint8)))


def save_blip(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    words = learn_words(SENTENCES * 3, 400)
    make_captioner(SIZES, words).save_pretrained(folder)
    make_processor(SIZES, words).save_pretrained(folder)
    return folder


def save_git(folder: Path) -> Path:
    from transformers import CLIPImageProcessorPil, GitConfig, GitForCausalLM, GitProcessor

    torch.manual_seed(0)
    words = learn_words(SENTENCES * 3, 400)
    config = GitConfig(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
        },
        vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=128, pad_token_id=words.pad_token_id,
        bos_token_id=words.cls_token_id, eos_token_id=words.sep_token_id,
        # so small a network needs none, and without it learns in a third of the steps
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    GitForCausalLM(config).save_pretrained(folder)
    side = {"height": 32, "width": 32}
    images = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=side)
    GitProcessor(images, words).save_pretrained(folder)
    return folder


def save_blip2(folder: Path) -> Path:
    from transformers import (
        Blip2Config,
        Blip2ForConditionalGeneration,
        Blip2Processor,
        BlipImageProcessorPil,
        OPTConfig,
    )

    torch.manual_seed(0)
    words = learn_words(SENTENCES * 3, 400)
    words.add_tokens(["<image>"], special_tokens=True)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
             "num_attention_heads": 2}  # fmt: skip
    config = Blip2Config(
        vision_config={**small, "image_size": 32, "patch_size": 8},
        qformer_config={**small, "vocab_size": len(words), "encoder_hidden_size": 32},
        text_config=OPTConfig(
            vocab_size=len(words), hidden_size=32, ffn_dim=64, num_hidden_layers=1,
            num_attention_heads=2, word_embed_proj_dim=32, max_position_embeddings=128,
            pad_token_id=words.pad_token_id, bos_token_id=words.cls_token_id,
            eos_token_id=words.sep_token_id,
        ).to_dict(),
        num_query_tokens=4,
        image_token_index=words.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    Blip2ForConditionalGeneration(config).save_pretrained(folder)
    images = BlipImageProcessorPil(size={"height": 32, "width": 32})
    Blip2Processor(images, words, num_query_tokens=4).save_pretrained(folder)
    return folder


def save_set(folder: Path, splits: dict[str, int], first: int = 0) -> tuple[Path, Path]:
    """An annotation file in Karpathy's form and its folder of pictures, two captions for each."""
    images, number = [], first
    (folder / "images").mkdir(parents=True)
    for split, count in splits.items():
        for _ in range(count):
            name = f"scene_{number}.png"
            picture(number % len(SENTENCES)).save(folder / "images" / name)
            said = SENTENCES[number % len(SENTENCES)]
            images.append(
                {"filename": name, "imgid": number, "split": split,
                 "sentences": [{"raw": said}, {"raw": said}]}
            )  # fmt: skip
            number += 1
    path = folder / f"dataset_{folder.name}.json"
    path.write_text(json.dumps({"images": images, "dataset": folder.name}))
    return path, folder / "images"
