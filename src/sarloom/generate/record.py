"""What is written beside an image: enough to make it again, and to know it is synthetic."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..models.adapters import AdapterSpec
from ..models.loaded import LoadedModel
from ..options.generate import GenerateOptions
from .guidance import guidance_of
from .schedule import SAMPLERS

FORMAT = 1
"""Version of the record itself."""
DIGITAL_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def make_record(
    options: GenerateOptions,
    model: LoadedModel,
    width: int,
    height: int,
    looks: int,
    init_sha256: str | None,
    adapters: Sequence[AdapterSpec] = (),
) -> dict[str, Any]:
    """The part of the record that all images of a call share.

    It holds neither the number of images nor folders nor times, so that image i of many is byte
    for byte the image made alone.
    """
    init = None
    if options.init is not None:
        init = {
            "file": str(options.init),
            "sha256": init_sha256,
            "scale": options.init_scale,
            "strength": options.strength,
        }
    import torch

    return {
        "record": FORMAT,
        "software": f"sarloom {__version__}",
        "synthetic": True,
        "prompt": options.prompt,
        "negative": options.negative,
        "width": width,
        "height": height,
        "steps": options.steps,
        "guidance": guidance_of(options),
        "scheduler": options.scheduler,
        "spacing": options.spacing,
        "looks": looks,
        "complex": options.complex,
        "init": init,
        "model": model_record(options.model, model),
        "adapters": [
            {"spec": text, "sha256": one.sha256}
            for text, one in zip(spelled(adapters), adapters, strict=True)
        ],
        "device": model.device.type,
        "dtype": str(model.dtype).removeprefix("torch."),
        # sums in another number of threads round differently, so the last bits hang on it
        "threads": torch.get_num_threads() if model.device.type == "cpu" else None,
        "speckle": model.radiometry.speckle,
        "calibration": model.radiometry.calibration,
        "spacing_m": model.radiometry.spacing_m,
    }


def model_record(source: str, model: LoadedModel) -> dict[str, Any]:
    """Which weights made an image."""
    found = {
        "source": source,
        "name": model.name,
        "family": model.family.name,
        "hash": model.fingerprint,
    }
    # of a model turned into one of another spacing: what it is without that
    return found | ({"base_hash": model.base_fingerprint} if model.base_fingerprint else {})


def spelled(adapters: Sequence[AdapterSpec]) -> list[str]:
    """``--adapter`` values, one per file, written out in full."""
    return [f"{one.file}:{one.scale:g}@{one.start:g}-{one.stop:g}" for one in adapters]


def parameters_text(record: Mapping[str, Any]) -> str:
    """The record as one `parameters` text, as the AUTOMATIC1111 web interface writes and reads."""
    lines = [record["prompt"]]
    if record["negative"]:
        lines.append(f"Negative prompt: {record['negative']}")
    spacing = {"linear": "", "karras": " Karras", "exponential": " Exponential"}
    fields = {
        "Steps": record["steps"],
        "Sampler": SAMPLERS[record["scheduler"]].label + spacing[record["spacing"]],
        "CFG scale": f"{record['guidance']:g}",
        "Seed": record["seed"],
        "Size": f"{record['width']}x{record['height']}",
        "Model hash": record["model"]["hash"],
        "Model": record["model"]["name"],
    }
    if record["init"]:
        fields["Denoising strength"] = f"{record['init']['strength']:g}"
    fields["Version"] = record["software"]
    lines.append(", ".join(f"{key}: {value}" for key, value in fields.items()))
    return "\n".join(lines)


def command_of(record: Mapping[str, Any], name: str | None = None, file_format: str = "png") -> str:
    """The command line which makes an image again, ready to paste into a POSIX shell.

    Every setting is written out, so a later change of a default does not change the image.
    """
    parts = ["sarloom", "generate", record["prompt"], "--seed", str(record["seed"])]
    parts += ["--size", f"{record['width']}x{record['height']}", "--steps", str(record["steps"])]
    parts += ["--guidance", repr(record["guidance"])]
    if record.get("scene"):
        parts += ["--stride", str(record["scene"]["stride"])]
    if record["negative"]:
        parts += ["--negative", record["negative"]]
    parts += ["--scheduler", record["scheduler"], "--spacing", record["spacing"]]
    told = (record.get("control") or {}).get("numbers", {})
    if record["speckle"] == "none" and "looks" not in told:
        parts += ["--looks", str(record["looks"])]
    if record["complex"]:
        parts += ["--complex"]
    init = record["init"]
    if init:
        parts += ["--init", init["file"], "--strength", repr(init["strength"])]
        if init["scale"] != "auto":
            parts += ["--init-scale", init["scale"]]
    parts += ["--model", record["model"]["source"]]
    for one in record.get("adapters", ()):
        parts += ["--adapter", one["spec"]]
    parts += _control_words(record.get("control"))
    parts += ["--device", record["device"], "--dtype", record["dtype"]]
    parts += ["--threads", str(record["threads"])] if record.get("threads") else []
    parts += ["--format", file_format] if file_format != "png" else []
    parts += ["--name", name] if name else []
    if record["prompt"].startswith("-"):
        parts = [*parts[:2], *parts[3:], "--", record["prompt"]]
    return shlex.join(parts)


NUMBER_OPTIONS = {
    "incidence_angle_deg": "incidence_deg",
    "range_azimuth_deg": "look_azimuth_deg",
    "spacing_m": "spacing_m",
    "looks": "looks",
    "polarization": "polarization",
}


def _control_words(control: Mapping[str, Any] | None) -> list[str]:
    """Controls of a record as options of the command."""
    words: list[str] = []
    for name, value in control_options(control).items():
        flag = "--" + name.replace("_", "-")
        for one in value if isinstance(value, tuple) else (value,):
            words += [flag, str(one)]
    return words


def control_options(control: Mapping[str, Any] | None) -> dict[str, Any]:
    """Controls of a record as fields of the option table; those with their default are left out."""
    if not control:
        return {}
    found: dict[str, Any] = {
        "control": tuple(one["spec"] for one in control["pictures"]),
        "control_model": tuple(control["models"]),
    }
    if control["scale"] != "auto":
        found["control_scale"] = control["scale"]
    if control.get("side", "both") != "guided":  # older records led both halves
        found["control_side"] = "both"
    if any(one["spec"].startswith("segmentation=") for one in control["pictures"]):
        found["map_strength"] = control.get("map_strength", 1.0)  # older ones started from noise
    if control["spacing_m"] is not None:
        found["control_spacing_m"] = control["spacing_m"]
    if control["legend"]:
        found["legend"] = Path(control["legend"]["file"])
    return found | {NUMBER_OPTIONS[name]: value for name, value in control["numbers"].items()}


def options_of(record: Mapping[str, Any], **changes: Any) -> GenerateOptions:
    """The option table which makes an image again.

    ``changes`` replaces options that the image does not hang on, such as ``out`` and ``name``.
    """
    init = record["init"] or {}
    values: dict[str, Any] = {
        "prompt": record["prompt"],
        "seed": record["seed"],
        "size": f"{record['width']}x{record['height']}",
        "steps": record["steps"],
        "guidance": record["guidance"],
        "negative": record["negative"],
        "scheduler": record["scheduler"],
        "spacing": record["spacing"],
        "looks": record["looks"] if record["speckle"] == "none" else None,
        "complex": record["complex"],
        "init": Path(init["file"]) if init else None,
        "model": record["model"]["source"],
        "adapter": tuple(one["spec"] for one in record.get("adapters", ())),
        "device": record["device"],
        "dtype": record["dtype"],
        "threads": record.get("threads") or 0,
    }
    if record.get("scene"):
        values["stride"] = record["scene"]["stride"]
    values |= control_options(record.get("control"))
    if init:
        values |= {"strength": init["strength"], "init_scale": init["scale"]}
    return GenerateOptions(**{**values, **changes})
