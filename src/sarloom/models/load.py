"""Load a base model: the embedded one, a diffusers folder, a hub id or a single checkpoint file.

Stable Diffusion 1.5, 2.1 and XL and the embedded model take the same path; what differs between
them lies in models/families. Weights are read from safetensors only.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError
from ..libraries import quiet_transformers
from .fingerprint import fingerprint
from .loaded import Components, LoadedModel
from .locate import ModelFiles, locate_model, weight_files
from .radiometry import Radiometry
from .words import load_words

if TYPE_CHECKING:
    import torch

    from .numbers import NumberEmbedding

LIBRARY_MODULES = {
    "UNet2DConditionModel": "diffusers.models.unets.unet_2d_condition",
    "AutoencoderKL": "diffusers.models.autoencoders.autoencoder_kl",
    "CLIPTextModel": "transformers",
    "CLIPTextModelWithProjection": "transformers",
}


def load_model(
    spec: str | Path | ModelFiles,
    device: str = "auto",
    dtype: str = "auto",
    library_networks: bool = False,
) -> LoadedModel:
    """Load a base model onto a device.

    Parameters
    ----------
    spec
        ``"embedded"``, a folder in diffusers' layout, a hub id, one ``FILE.safetensors``, or what
        :func:`~sarloom.models.locate.locate_model` found.
    device
        ``"auto"`` (CUDA, else Apple's MPS, else the CPU) or a torch device.
    dtype
        ``"auto"`` (float16 on an accelerator, float32 on the CPU) or a torch number format.
    library_networks
        Take the classes of diffusers and transformers even where ours fit, for callers who need
        more of them than a forward pass (adapters, training).

    Raises
    ------
    ModelError
        If the model is missing, incomplete, unknown, or its weights do not fit its configuration.
    """
    files = spec if isinstance(spec, ModelFiles) else locate_model(str(spec))
    target = choose_device(device)
    number_format = choose_dtype(dtype, target)
    with _as_model_error(files):
        if files.is_single_file:
            from .single_file import load_single_file

            with quiet_libraries():
                parts = load_single_file(files, number_format)
        else:
            parts = _load_folder(files, number_format, library_networks)
    _place(parts, target, number_format)
    folder = files.root.parent if files.is_single_file else files.root
    return LoadedModel(
        source=files.source,
        name=files.name,
        family=files.family,
        parts=parts,
        radiometry=Radiometry.load(folder),
        fingerprint=fingerprint(files.weights, folder),
        device=target,
        dtype=number_format,
    )


def choose_device(name: str) -> torch.device:
    """The torch device of a ``--device`` value.

    Raises
    ------
    ModelError
        If the device is unknown or absent.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelError(f"--device {name!r} is not known; try auto, cpu, cuda or mps") from error
    if device.type == "cuda" and not (
        torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count()
    ):
        raise ModelError(f"--device {name}: this machine has no such CUDA device")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ModelError("--device mps: this machine has none")
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The number format of a ``--dtype`` value on a device."""
    import torch

    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.float16
    formats = {
        "float32": torch.float32,
        "float16": torch.float16,
        "bfloat16": torch.bfloat16,
    }
    if name not in formats:
        raise ModelError(f"--dtype {name!r} is not known; choose auto, {', '.join(formats)}")
    return formats[name]


def _load_folder(files: ModelFiles, dtype: torch.dtype, library: bool) -> Components:
    """Load each component on its own; no pipeline is imported."""
    folder, family = files.root, files.family
    encoders = zip(family.encoder_folders, family.encoder_classes, strict=True)
    scheduler = folder / "scheduler" / "scheduler_config.json"
    unet = _network("UNet2DConditionModel", folder / "unet", dtype, library)
    return Components(
        unet=unet,
        vae=_network("AutoencoderKL", folder / "vae", dtype, library),
        text_encoders=tuple(
            _network(class_name, folder / part, dtype, library) for part, class_name in encoders
        ),
        tokenizers=tuple(load_words(folder / part) for part in family.tokenizer_folders),
        scheduler_config=json.loads(scheduler.read_text()),
        index=files.index,
        numbers=_numbers(folder, unet),
    )


def _numbers(folder: Path, unet: Any) -> NumberEmbedding | None:
    """The model's number embedding, attached to its U-Net."""
    if not (folder / "numbers").is_dir():
        return None
    from .numbers import load_numbers

    numbers = load_numbers(folder)
    if numbers is not None:
        width = unet.time_embedding.linear_2.out_features
        if numbers.width != width:
            raise ModelError(
                f"{folder / 'numbers'} belongs to another U-Net: it makes vectors of "
                f"{numbers.width} values, the time embedding has {width}"
            )
        numbers.attach(unet)
    return numbers


def _network(class_name: str, folder: Path, dtype: torch.dtype, library: bool) -> Any:
    """One network: ours in plain torch where it fits the configuration, else the library's."""
    if not library:
        from .nets.load import plain_network

        network = plain_network(folder, class_name, dtype)
        if network is not None:
            return network
    with quiet_libraries():
        return _library_network(class_name, folder, dtype)


def _library_network(class_name: str, folder: Path, dtype: torch.dtype) -> Any:
    """One network of diffusers or transformers; weights left at random values are refused."""
    module = importlib.import_module(LIBRARY_MODULES[class_name])
    fp16_only = all(".fp16." in path.name for path in weight_files(folder))
    network, report = getattr(module, class_name).from_pretrained(
        folder,
        torch_dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        variant="fp16" if fp16_only else None,
        output_loading_info=True,
    )
    missing = [key for key in report["missing_keys"] if not key.endswith("position_ids")]
    if missing:
        raise ModelError(
            f"the weights in {folder} lack {len(missing)} tensors of the network, "
            f"the first is {sorted(missing)[0]}"
        )
    return network


def _place(parts: Components, device: torch.device, dtype: torch.dtype) -> None:
    """Networks to the device, in evaluation mode, in the memory layout convolutions like best."""
    import torch

    for network in (parts.unet, parts.vae, *parts.text_encoders):
        network.requires_grad_(False).eval().to(device)
    if parts.numbers is not None:
        parts.numbers.to(device)
    for network in (parts.unet, parts.vae):
        network.to(memory_format=torch.channels_last)
    if dtype == torch.float16 and parts.vae.config.get("force_upcast"):
        parts.vae.to(torch.float32)  # SDXL's autoencoder overflows in float16


@contextmanager
def _as_model_error(files: ModelFiles) -> Iterator[None]:
    """Whatever the libraries raise on bad weights becomes one ModelError naming the model."""
    try:
        yield
    except (ModelError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(f"cannot load the model {files.source}: {lines[0]}") from error


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence the libraries' notes and progress bars while loading; errors still pass."""
    from diffusers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with quiet_transformers():
            yield
    finally:
        logging.set_verbosity(before)
