"""The base models sarloom knows: one file each, one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import ModelError
from ..loaded import Family
from .stable_diffusion import StableDiffusion
from .stable_diffusion_xl import StableDiffusionXL

FAMILIES: dict[str, Family] = {
    "StableDiffusionPipeline": StableDiffusion(),
    "StableDiffusionXLPipeline": StableDiffusionXL(),
}
"""``_class_name`` of model_index.json -> how that family is conditioned."""

SIBLINGS = {
    "StableDiffusionImg2ImgPipeline": "StableDiffusionPipeline",
    "StableDiffusionXLImg2ImgPipeline": "StableDiffusionXLPipeline",
}


def family_of(index: Mapping[str, Any], where: str) -> Family:
    """Find the family of a model by its ``model_index.json``.

    Raises
    ------
    ModelError
        If the pipeline class is none that sarloom knows.
    """
    class_name = str(index.get("_class_name", "nothing"))
    family = FAMILIES.get(SIBLINGS.get(class_name, class_name))
    if family is None:
        known = ", ".join(FAMILIES)
        raise ModelError(f"{where} is a {class_name}; sarloom can run: {known}")
    return family
