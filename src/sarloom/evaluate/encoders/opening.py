"""Telling one model of ``transformers`` from another."""

from __future__ import annotations

from pathlib import Path

from ...files import sha256_of


def fingerprint_of(folder: Path) -> str:
    """Digest of everything that a model's folder computes with."""
    kinds = ("*.json", "*.txt", "*.safetensors")
    files = sorted(path for kind in kinds for path in folder.glob(kind))
    return "".join(f"{path.name}:{sha256_of(path)[:16]};" for path in files)
