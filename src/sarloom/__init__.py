"""sarloom: synthetic aperture radar images from words.

The names below are loaded when first used, so ``import sarloom`` costs nothing::

    import sarloom

    image = sarloom.generate("A SAR image of a harbour with ships", seed=7)[0]
    image.amplitude  # float32 [rows, columns], near range in column 0
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .archive.catalogue import index_archive as index_archive
    from .archive.search import search_archive as search_archive
    from .errors import FormatError as FormatError
    from .errors import InputError as InputError
    from .errors import MissingExtraError as MissingExtraError
    from .errors import ModelError as ModelError
    from .errors import PromptError as PromptError
    from .errors import SarloomError as SarloomError
    from .errors import SizeError as SizeError
    from .errors import TrainingError as TrainingError
    from .generate.info import read_info as read_info
    from .generate.result import GeneratedImage as GeneratedImage
    from .generate.run import generate as generate
    from .models.embedded import embedded_model_path as embedded_model_path
    from .models.load import load_model as load_model
    from .models.radiometry import Radiometry as Radiometry
    from .options.generate import GenerateOptions as GenerateOptions
    from .options.simulate import SimulateOptions as SimulateOptions
    from .sar.multilook import multilook as multilook
    from .sar.speckle import enl_blocks as enl_blocks
    from .sar.speckle import speckle_complex as speckle_complex
    from .sar.speckle import speckle_intensity as speckle_intensity
    from .simulate.archive import simulate_archive as simulate_archive
    from .simulate.scene import SimulatedScene as SimulatedScene
    from .simulate.scene import simulate_scene as simulate_scene

_HOME: dict[str, str] = {
    "FormatError": "errors",
    "GenerateOptions": "options.generate",
    "GeneratedImage": "generate.result",
    "InputError": "errors",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "PromptError": "errors",
    "Radiometry": "models.radiometry",
    "SarloomError": "errors",
    "SizeError": "errors",
    "TrainingError": "errors",
    "embedded_model_path": "models.embedded",
    "enl_blocks": "sar.speckle",
    "generate": "generate",
    "index_archive": "archive.catalogue",
    "load_model": "models.load",
    "SimulateOptions": "options.simulate",
    "SimulatedScene": "simulate.scene",
    "multilook": "sar.multilook",
    "read_info": "generate.info",
    "search_archive": "archive.search",
    "simulate_archive": "simulate.archive",
    "simulate_scene": "simulate.scene",
    "speckle_complex": "sar.speckle",
    "speckle_intensity": "sar.speckle",
}
"""Public name -> the module it lives in."""

__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'sarloom' has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOME[name]}")
    # a room of the same name is the function: see rooms.py
    value = module if name == _HOME[name] else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
