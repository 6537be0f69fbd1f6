"""A base in a single file as a folder, which a model that is trained whole needs to be written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ...errors import InputError, ModelError
from ...models.export import restore_prefix
from ...models.load import quiet_libraries
from ...models.locate import ModelFiles, locate_model
from ...models.radiometry import FILE_NAME
from ...models.single_file import config_folder

FORMATS = {"F16": torch.float16, "BF16": torch.bfloat16}
"""Number formats of weights that are kept; all others become float32."""


def unpacked(files: ModelFiles, folder: Path, report: Callable[[str], None]) -> ModelFiles:
    """The diffusers folder of a base in a single file, made once.

    Raises
    ------
    InputError
        If several processes would make it at the same time.
    ModelError
        If configurations and words of the base can be had from nowhere.
    """
    if not folder.is_dir():
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise InputError(
                f"{files.source} is a single file and becomes a folder first, {folder}: start the "
                "run with one process, stop it at its first step, and start it again with several"
            )
        report(f"unpacking {files.source} into {folder}, which takes as much room again")
        aside = folder.with_name(folder.name + ".new")
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(parents=True, exist_ok=True)
        _write(files, aside)
        aside.rename(folder)
    return locate_model(str(folder))


def _write(files: ModelFiles, folder: Path) -> None:
    """Networks from the file, configurations and words as ``load_single_file`` finds them."""
    import diffusers

    pipeline_class: Any = getattr(diffusers, files.family.pipeline_class)
    beside = config_folder(files.root)
    extra: dict[str, Any] = {} if beside is None else {"config": str(beside)}
    with quiet_libraries():
        try:
            pipeline = pipeline_class.from_single_file(
                str(files.root),
                torch_dtype=_stored(files.root),
                local_files_only=beside is not None,
                safety_checker=None,
                **extra,
            )
        except OSError as error:
            raise ModelError(
                f"{files.root} needs the configuration and tokenizer of its base model, which "
                "could not be fetched; put a diffusers folder of the same base at "
                f"{files.root.with_suffix('')}"
            ) from error
        pipeline.save_pretrained(folder, safe_serialization=True)
    for name in files.family.encoder_folders:
        restore_prefix(folder / name / "model.safetensors")
    told = files.root.parent / FILE_NAME
    if told.is_file():
        shutil.copyfile(told, folder / FILE_NAME)


def _stored(checkpoint: Path) -> torch.dtype:
    """Number format of the U-Net's weights in a checkpoint."""
    from safetensors import safe_open

    with safe_open(checkpoint, "pt") as opened:
        names = [name for name in opened.keys() if "diffusion_model." in name]  # noqa: SIM118
        kinds = {str(opened.get_slice(name).get_dtype()) for name in names[:1]}
    return FORMATS.get(next(iter(kinds), ""), torch.float32)
