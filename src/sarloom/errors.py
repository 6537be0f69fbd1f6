"""Every error that sarloom raises on purpose.

::

    SarloomError
    ├── InputError          a value, file or folder given by the user cannot be used
    │   ├── PromptError     a prompt is empty or unusable
    │   ├── SizeError       an image size does not fit the model
    │   └── FormatError     a file is not what its name or header says
    ├── ModelError          a model folder, checkpoint or hub id cannot be loaded
    ├── MissingExtraError   an optional part of the installation is absent
    └── TrainingError       a training run cannot go on (NaN loss, full disk, mismatch on resume)

A message names the file or value and says what to do next. The command line prints it in one line
and exits with status 2, without a traceback.
"""

from __future__ import annotations


class SarloomError(Exception):
    """Root of all errors raised on purpose."""


class InputError(SarloomError):
    """A value, file or folder given by the user cannot be used."""


class PromptError(InputError):
    """A prompt is empty or unusable."""


class SizeError(InputError):
    """An image size does not fit the model."""


class FormatError(InputError):
    """A file is not what its name or header says."""


class ModelError(SarloomError):
    """A model folder, checkpoint or hub id cannot be loaded."""


class MissingExtraError(SarloomError):
    """An optional part of the installation is absent."""

    def __init__(self, part: str, extra: str) -> None:
        super().__init__(f"{part} is not installed: pip install 'sarloom[{extra}]'")


class TrainingError(SarloomError):
    """A training run cannot go on."""
