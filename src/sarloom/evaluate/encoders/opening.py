"""Opening a model of ``transformers`` quietly, and telling one from another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...files import sha256_of


@contextmanager
def quiet() -> Iterator[None]:
    """Without the notices and bars of ``transformers``; errors still pass."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def fingerprint_of(folder: Path) -> str:
    """Digest of everything that a model's folder computes with."""
    kinds = ("*.json", "*.txt", "*.safetensors")
    files = sorted(path for kind in kinds for path in folder.glob(kind))
    return "".join(f"{path.name}:{sha256_of(path)[:16]};" for path in files)
