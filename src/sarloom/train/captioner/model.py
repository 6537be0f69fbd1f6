"""The embedded captioner before it has learned anything: BLIP's networks, small, and its words."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]")
"""[DEC] opens every caption in BLIP, [SEP] closes it."""
MAX_WORDS = 64
"""Length of the table of positions."""


@dataclass(frozen=True)
class CaptionerSizes:
    """What decides the number of weights."""

    pixels: int = 128
    patch: int = 16
    width: int = 144
    vision_layers: int = 6
    text_layers: int = 3
    heads: int = 6


def learn_words(texts: Iterable[str], vocabulary: int = 1024) -> Any:
    """A WordPiece tokenizer in BERT's form, ``transformers.BertTokenizer``, learned from captions.

    Every letter, digit and mark of printable ASCII is a piece of its own, at the beginning and
    inside a word, so that captions of any other data set can be written too.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertTokenizer

    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer(lowercase=True)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    signs = [*string.ascii_lowercase, *string.digits]
    alphabet = [*signs, *(f"##{sign}" for sign in signs), *string.punctuation]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary,
        min_frequency=3,
        special_tokens=[*SPECIAL, *alphabet],
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    found = sorted(learner.get_vocab().items(), key=lambda pair: pair[1])
    return BertTokenizer(
        vocab={token: code for code, (token, _) in enumerate(found)},
        bos_token="[DEC]",
        model_max_length=MAX_WORDS,
    )


def make_captioner(sizes: CaptionerSizes, words: Any) -> Any:
    """An untrained ``transformers.BlipForConditionalGeneration`` for these words."""
    from transformers import BlipConfig, BlipForConditionalGeneration

    config = BlipConfig(
        vision_config={
            "hidden_size": sizes.width,
            "intermediate_size": 4 * sizes.width,
            "num_hidden_layers": sizes.vision_layers,
            "num_attention_heads": sizes.heads,
            "image_size": sizes.pixels,
            "patch_size": sizes.patch,
        },
        text_config={
            "vocab_size": len(words),
            "hidden_size": sizes.width,
            "encoder_hidden_size": sizes.width,
            "intermediate_size": 4 * sizes.width,
            "num_hidden_layers": sizes.text_layers,
            "num_attention_heads": sizes.heads,
            "max_position_embeddings": MAX_WORDS,
            "bos_token_id": words.bos_token_id,
            "eos_token_id": words.sep_token_id,
            "sep_token_id": words.sep_token_id,
            "pad_token_id": words.pad_token_id,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        },
        projection_dim=sizes.width,
    )
    return BlipForConditionalGeneration(config)


def make_processor(sizes: CaptionerSizes, words: Any) -> Any:
    """The stock ``transformers.BlipProcessor`` of a new captioner."""
    from transformers import BlipImageProcessorPil, BlipProcessor

    size = {"height": sizes.pixels, "width": sizes.pixels}
    return BlipProcessor(BlipImageProcessorPil(size=size), words)
