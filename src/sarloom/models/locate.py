"""From what the user calls a model to the files it consists of, without loading any of them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError
from .embedded import embedded_model_path
from .families import family_of
from .loaded import Family

EMBEDDED = "embedded"
INDEX_FILE = "model_index.json"
PICKLES = {".ckpt", ".pt", ".pth", ".bin", ".pkl"}
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
NETWORK_FOLDERS = ("unet", "vae")


@dataclass(frozen=True)
class ModelFiles:
    """A model found on disk and checked for completeness."""

    source: str
    name: str
    root: Path
    """The model folder, or the single safetensors file."""
    family: Family
    index: dict[str, Any]
    weights: tuple[Path, ...]

    @property
    def is_single_file(self) -> bool:
        """Whether all networks lie in one checkpoint file."""
        return self.root.is_file()


def locate_model(spec: str) -> ModelFiles:
    """Find a model: ``embedded``, a diffusers folder, one ``.safetensors`` file or a hub id.

    A hub id is tried only when nothing of that name exists here; a copy in the local hub cache is
    used before anything is fetched.

    Raises
    ------
    ModelError
        If there is no such model, parts of it are missing, its class is unknown or its weights
        are pickles.
    """
    if spec == EMBEDDED:
        return _folder(spec, embedded_model_path(), EMBEDDED)
    path = Path(spec).expanduser()
    if path.is_dir():
        return _folder(spec, path, path.resolve().name)
    if path.is_file():
        return _single_file(spec, path)
    if path.suffix in PICKLES | {".safetensors"} or not HUB_ID.fullmatch(spec):
        raise ModelError(
            f"no model at {spec}: give 'embedded', a diffusers folder, a .safetensors file or a "
            "hub id such as OWNER/NAME"
        )
    from .hub import fetch_from_hub

    return _folder(spec, fetch_from_hub(spec), spec.rpartition("/")[2])


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of one component: the plain ones, else those of one variant.

    Raises
    ------
    ModelError
        If there are none.
    """
    files = sorted(folder.glob("*.safetensors"))
    plain = [path for path in files if re.fullmatch(r"[\w-]+\.safetensors", path.name)]
    plain = [path for path in plain if "non_ema" not in path.name]
    chosen = plain or [path for path in files if ".fp16." in path.name]
    if chosen:
        return chosen
    if any(path.suffix in PICKLES for path in folder.iterdir()):
        raise ModelError(
            f"{folder} holds its weights as a pickle, which may run foreign code when opened; "
            "convert it to safetensors first"
        )
    raise ModelError(f"{folder} holds no safetensors weights")


def _folder(spec: str, folder: Path, name: str) -> ModelFiles:
    """Read model_index.json and check that every component is there."""
    index_path = folder / INDEX_FILE
    if not index_path.is_file():
        raise ModelError(f"{folder} is no diffusers model folder: it has no {INDEX_FILE}")
    try:
        index = json.loads(index_path.read_text())
        family = family_of(index, str(folder))
    except (ValueError, AttributeError) as error:
        raise ModelError(f"{index_path} cannot be read: {error}") from error
    networks = (*NETWORK_FOLDERS, *family.encoder_folders)
    needed = [f"{part}/config.json" for part in networks]
    needed += [f"{part}/tokenizer_config.json" for part in family.tokenizer_folders]
    needed += ["scheduler/scheduler_config.json"]
    missing = [part for part in needed if not (folder / part).is_file()]
    if missing:
        raise ModelError(
            f"the model folder {folder} is not complete; missing: {', '.join(missing)}"
        )
    weights = [path for part in networks for path in weight_files(folder / part)]
    if (folder / "numbers" / "config.json").is_file():
        weights += weight_files(folder / "numbers")
    return ModelFiles(spec, name, folder, family, index, tuple(weights))


def _single_file(spec: str, path: Path) -> ModelFiles:
    """A checkpoint of the Stable Diffusion layout; its header says which family it is."""
    if path.suffix in PICKLES:
        raise ModelError(
            f"{path} is a pickle, which may run foreign code when opened; only .safetensors "
            "checkpoints are read"
        )
    if path.suffix != ".safetensors":
        raise ModelError(f"{path} is no model: a single-file model ends in .safetensors")
    names = header_names(path)
    if not any(name.startswith("model.diffusion_model.") for name in names):
        raise ModelError(
            f"{path} holds no U-Net of the Stable Diffusion layout (an adapter is not a model)"
        )
    large = any(name.startswith("conditioner.embedders.1.") for name in names)
    class_name = "StableDiffusionXLPipeline" if large else "StableDiffusionPipeline"
    index = {"_class_name": class_name}
    return ModelFiles(spec, path.stem, path, family_of(index, spec), index, (path,))


def header_names(path: Path) -> list[str]:
    """Tensor names of a safetensors file, from its header alone.

    Raises
    ------
    ModelError
        If the file has no valid header.
    """
    try:
        with path.open("rb") as handle:
            length = int.from_bytes(handle.read(8), "little")
            if not 2 <= length <= min(100_000_000, path.stat().st_size):
                raise ValueError("no header")
            return [name for name in json.loads(handle.read(length)) if name != "__metadata__"]
    except ValueError as error:
        raise ModelError(f"{path} is not a safetensors file") from error
