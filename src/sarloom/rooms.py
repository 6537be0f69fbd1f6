"""Sub-packages that are also the function people look for under the same name.

``sarloom.generate`` is a package, because the room is called that, and users write
``sarloom.generate("a harbour")``. Python binds a sub-package to its name as soon as anything in it
is imported, over any function of that name; a package that can be called is both, whatever was
imported first.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any


def callable_room(room: str, module: str, function: str) -> None:
    """Make calling the package ``room`` call ``module.function``, imported when first called."""

    class Room(types.ModuleType):
        def __call__(self, *arguments: Any, **options: Any) -> Any:
            return getattr(importlib.import_module(module), function)(*arguments, **options)

    sys.modules[room].__class__ = Room
