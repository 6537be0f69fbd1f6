"""A disk that fills up outside of checkpoints: latents, sentences, sheets, the result."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from ...errors import TrainingError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""No space left, quota used up, file larger than is allowed."""


@contextmanager
def saying_when_full(out: Path) -> Iterator[None]:
    """Turn what libraries raise on a full disk into one line.

    Raises
    ------
    TrainingError
        If the disk of ``out`` is full; files are written aside, so none is left half written.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        if number_of(error) not in FULL:
            raise
        reason = " ".join(str(error).split())
        raise TrainingError(
            f"{out}: nothing more can be written there ({reason}); make room and give the same "
            "command again: it goes on from what is whole"
        ) from error


def number_of(error: BaseException) -> int | None:
    """The operating system's number of an error; safetensors has it in its text only."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"os error (\d+)", str(error))
    return int(found[1]) if found else None
