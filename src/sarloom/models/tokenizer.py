"""A small CLIP tokenizer of our own, learned from captions; any text can still be encoded.

The files are those of every CLIP tokenizer (``vocab.json``, ``merges.txt``, ``tokenizer.json``),
so stock ``transformers.CLIPTokenizer.from_pretrained`` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

START, END = "<|startoftext|>", "<|endoftext|>"
MAX_TOKENS = 77
"""Length of CLIP's position table, kept so that every Stable Diffusion tool fits."""


def learn_tokenizer(texts: Iterable[str], vocabulary: int = 2048) -> Any:
    """Learn byte-pair merges from texts and return a ``transformers.CLIPTokenizer``.

    All 256 bytes, inside and at the end of a word, are in the vocabulary, so that no input
    becomes an unknown token. ``vocabulary`` is an upper bound on the number of tokens. The same
    texts give the same tokenizer, in any order.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    pattern = CLIPTokenizer()._tokenizer  # its splitting rules are the ones used at run time
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    learner.normalizer = pattern.normalizer
    learner.pre_tokenizer = pattern.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    texts = list(texts)
    split = {
        piece
        for text in set(texts)
        for piece, _ in pattern.pre_tokenizer.pre_tokenize_str(
            pattern.normalizer.normalize_str(text)
        )
    }
    ends = sorted({piece[-1] + "</w>" for piece in split if piece})
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 258,
        min_frequency=2,
        # of equally frequent pairs the one of lower numbers is merged first, and the trainer would
        # number letters at the end of a word in the order of a hash table, another every time
        special_tokens=[*alphabet, *ends],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    import json

    merges = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    tokens += [left + right for left, right in merges]
    tokens = [*dict.fromkeys(tokens), START, END]
    return CLIPTokenizer(
        vocab={token: code for code, token in enumerate(tokens)},
        merges=merges,
        model_max_length=MAX_TOKENS,
    )


def keep_tokenizer(
    texts: Callable[[], Iterable[str]], vocabulary: int, folder: Path, given: Any = None
) -> Any:
    """The tokenizer kept in a run's folder; where there is none, the given one or one learned from
    texts, which is then kept.

    A run that goes on reads its weights with the tokens they were learned for, even where another
    version of the library would learn other ones.
    """
    if not folder.is_dir():
        aside = folder.with_name(folder.name + ".new")
        aside.mkdir(exist_ok=True)
        save_tokenizer(given or learn_tokenizer(texts(), vocabulary), aside)
        aside.rename(folder)
    return read_tokenizer(folder)


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer in a folder."""
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    for how in ("is_local", "local_files_only"):  # not to be written beside the weights
        tokenizer.init_kwargs.pop(how, None)
    return tokenizer


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write a tokenizer in the layout of a diffusers folder, old-style files included."""
    import json

    tokenizer.save_pretrained(folder)
    state = json.loads(tokenizer._tokenizer.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(state["vocab"], ensure_ascii=False))
    merges = "\n".join(" ".join(pair) for pair in state["merges"])
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n")
