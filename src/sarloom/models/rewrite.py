"""A model folder with some of its parts replaced: what full fine-tuning leaves behind.

The folder of the base is copied aside, the new parts are written over it in safetensors, and the
whole is renamed, so a half-written model never has its final name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ..errors import ModelError
from .export import restore_prefix
from .load import quiet_libraries
from .locate import ModelFiles
from .numbers import FOLDER, NumberEmbedding
from .radiometry import Radiometry


def write_variant(
    folder: Path,
    base: ModelFiles,
    parts: Mapping[str, Any],
    radiometry: Radiometry,
    token: str = "",
    dtype: torch.dtype = torch.float16,
    scheduler: Mapping[str, Any] | None = None,
    numbers: NumberEmbedding | None = None,
) -> Path:
    """Write ``base`` with ``parts`` (folder name -> network) in place of its own.

    Parameters
    ----------
    folder
        Where the model goes; a model already there is replaced once the new one is whole.
    base
        The model that was fine-tuned.
    parts
        Networks by the name of their folder, such as ``unet`` and ``text_encoder``.
    radiometry
        What the pixels of the new model mean.
    token
        A word learned in addition; it joins the tokenizers.
    dtype
        Number format of the weights written.
    scheduler
        Another configuration of the noise schedule.
    numbers
        What tells the U-Net numbers of the acquisition, where it was learned.

    Raises
    ------
    ModelError
        If the base is a single file: its tokenizer and configurations are not beside it.
    """
    if base.is_single_file:
        raise ModelError(
            f"{base.source} is a single file and cannot be copied as a folder: convert it with "
            "diffusers' save_pretrained first, or train an adapter"
        )
    aside = folder.with_name(folder.name + ".new")
    shutil.rmtree(aside, ignore_errors=True)
    replaced = set(parts)
    shutil.copytree(
        base.root,
        aside,
        ignore=lambda where, names: [
            name
            for name in names
            if name == "README.md"
            or (Path(where).name in replaced and name.endswith((".safetensors", ".index.json")))
        ],
    )
    for name, network in parts.items():
        _save_network(network, aside / name, dtype)
    if token:
        _teach_word(token, [aside / place for place in base.family.tokenizer_folders])
    if scheduler is not None:
        _write_schedule(aside, scheduler)
    if numbers is not None:
        numbers.save(aside / FOLDER)
    radiometry.save(aside)
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)
    return folder


def _save_network(network: Any, folder: Path, dtype: torch.dtype) -> None:
    """Write a network's weights and configuration; it keeps its own number format."""
    before = next(network.parameters()).dtype
    with quiet_libraries():
        network.to(dtype, memory_format=torch.contiguous_format)
        network.save_pretrained(folder, safe_serialization=True)
        network.to(before)
    if folder.name.startswith("text_encoder"):
        restore_prefix(folder / "model.safetensors")


def _teach_word(token: str, folders: Sequence[Path]) -> None:
    """Add a word to tokenizers."""
    from transformers import CLIPTokenizer

    for folder in folders:
        words = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
        words.add_tokens([token])
        words.save_pretrained(folder)


def _write_schedule(folder: Path, scheduler: Mapping[str, Any]) -> None:
    """Write a scheduler configuration, and its class into the model's index."""
    place = folder / "scheduler" / "scheduler_config.json"
    place.write_text(json.dumps(dict(scheduler), indent=2) + "\n")
    place = folder / "model_index.json"
    index = json.loads(place.read_text())
    index["scheduler"] = ["diffusers", scheduler["_class_name"]]
    place.write_text(json.dumps(index, indent=2) + "\n")
