"""Checkpoints of one file, as Stable Diffusion is passed around outside diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from .loaded import Components
from .locate import INDEX_FILE, ModelFiles
from .words import words_of

if TYPE_CHECKING:
    import torch


def load_single_file(files: ModelFiles, dtype: torch.dtype) -> Components:
    """Load a checkpoint in the original Stable Diffusion key layout.

    The file holds weights but neither configurations nor the tokenizer's words. They are taken
    from a diffusers folder of the same base beside it (``NAME/`` beside ``NAME.safetensors``; the
    weights need not be there), else diffusers looks for the base model in the hub cache or the hub.

    Raises
    ------
    ModelError
        If the configurations can be had from neither place.
    """
    import diffusers

    pipeline_class: Any = getattr(diffusers, files.family.pipeline_class)
    folder = config_folder(files.root)
    extra: dict[str, Any] = {} if folder is None else {"config": str(folder)}
    try:
        pipeline = pipeline_class.from_single_file(
            str(files.root),
            torch_dtype=dtype,
            local_files_only=folder is not None,
            safety_checker=None,
            **extra,
        )
    except OSError as error:
        if folder is not None:
            raise
        beside = files.root.with_suffix("")
        raise ModelError(
            f"{files.root} needs the configuration and tokenizer of its base model, which could "
            f"not be fetched; put a diffusers folder of the same base at {beside}"
        ) from error
    encoders = files.family.encoder_folders
    return Components(
        unet=pipeline.unet,
        vae=pipeline.vae,
        text_encoders=tuple(getattr(pipeline, part) for part in encoders),
        tokenizers=tuple(
            words_of(getattr(pipeline, part)) for part in files.family.tokenizer_folders
        ),
        scheduler_config=dict(pipeline.scheduler.config),
        index={**files.index, **dict(pipeline.config)},
    )


def config_folder(checkpoint: Path) -> Path | None:
    """The diffusers folder beside a checkpoint which says how its networks are built, if any."""
    folder = checkpoint.with_suffix("")
    return folder if (folder / INDEX_FILE).is_file() else None
