"""A short name for the content of weights, so that a result says which weights made it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

WHOLE_FILE_LIMIT = 256 * 2**20
"""Files up to this size are hashed whole; SHA-256 reads about 1.5 GB/s with CPU support."""
SAMPLE_BYTES = 64 * 2**10
SAMPLES = 256
HEX_DIGITS = 16


def fingerprint(files: Iterable[Path], root: Path) -> str:
    """Hash the weights of a model: the first 16 hex digits of a SHA-256.

    Each file enters with its path relative to ``root``, its size and its content. Of a file above
    256 MiB the content is its first and last 64 KiB and 256 evenly spread blocks of 64 KiB: that
    is read in milliseconds where a whole checkpoint of 7 GB would cost seconds at every start.
    The safetensors header (names, shapes, offsets) is in the first block. Retraining changes
    nearly every weight, so it changes the fingerprint; a single edited weight in a large file may
    not, which is why this is a name and no protection against forgery.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        size = path.stat().st_size
        relative = path.relative_to(root).as_posix()
        digest.update(f"{relative}\0{size}\0".encode())
        with path.open("rb") as handle:
            for start, length in _blocks(size):
                handle.seek(start)
                digest.update(handle.read(length))
    return digest.hexdigest()[:HEX_DIGITS]


def _blocks(size: int) -> list[tuple[int, int]]:
    """Offsets and lengths of what is read of a file."""
    if size <= WHOLE_FILE_LIMIT:
        return [(0, size)]
    last = size - SAMPLE_BYTES
    return [(last * index // (SAMPLES + 1), SAMPLE_BYTES) for index in range(SAMPLES + 2)]
