"""Memory that is used again instead of being given back to the system after every layer.

The C library hands back each block beyond 32 MiB as soon as it is freed, and the system clears the
pages of the next one before the program may touch them. A decoder that works on 1024 pixels frees
and takes such blocks in every layer: a third of its time was the clearing of pages. Blocks of less
than 32 MiB are kept, so small windows were quicker per pixel than large ones for no reason of their
own.

``kept_memory`` is for the hundreds of MiB of a network's layers and gives all back afterwards;
``keep_freed_memory`` for the few MiB of tiles, for as long as the process lives.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""glibc's ``M_TRIM_THRESHOLD`` and ``M_MMAP_THRESHOLD`` (malloc.h)."""
KEPT = 2**30
"""Blocks below so many bytes come from memory that is kept."""
KEPT_FREE = 2**31 - 1
"""Free bytes beyond which memory is given back all the same."""
USUAL = 2**25
"""Where glibc's own rule for the size of kept blocks ends on 64-bit machines; it keeps twice as
much free."""


@contextmanager
def kept_memory() -> Iterator[None]:
    """Within, freed memory stays with the process; afterwards what is free goes back.

    Changes speed alone. The setting is one of the whole process. Without glibc nothing happens.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(MMAP_THRESHOLD, KEPT)
    library.mallopt(TRIM_THRESHOLD, KEPT_FREE)
    try:
        yield
    finally:
        library.mallopt(MMAP_THRESHOLD, USUAL)
        library.mallopt(TRIM_THRESHOLD, 2 * USUAL)
        library.malloc_trim(0)


def keep_freed_memory() -> None:
    """Let this process reuse what it frees, up to 64 MiB, instead of handing it back at once.

    A tile's arrays are as large as what glibc takes for too much to keep, and getting pages anew
    costs more than most passes over the pixels on them: up to half of the time of a tile. Freeing
    one block of nearly 32 MiB, which is never touched, moves its limits (mallopt(3),
    M_MMAP_THRESHOLD); other C libraries take no notice.
    """
    np.empty((32 << 20) - (64 << 10), np.uint8)


def _glibc() -> Any:
    """The C library of this process, if it is one that can be told."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
