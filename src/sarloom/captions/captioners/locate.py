"""From what the user calls a captioner to its files, without loading any of them."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...errors import ModelError
from ...files import sha256_of

EMBEDDED = "embedded"
EMBEDDED_FOLDER = Path(__file__).resolve().parents[2] / "weights" / "captioner"
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
WANTED = ("*.json", "*.txt", "*.model", "*.safetensors", "*.jinja")
HEX_DIGITS = 16


@dataclass(frozen=True)
class CaptionerFiles:
    """A captioning model found on disk."""

    spec: str
    """What the user called it."""
    root: Path
    config: dict[str, Any]

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hex digits of a SHA-256 over weights, configuration and words."""
        digest = hashlib.sha256()
        for path in sorted(self.root.iterdir()):
            if path.suffix in (".safetensors", ".json", ".txt", ".model", ".jinja"):
                digest.update(f"{path.name}\0{sha256_of(path)}\0".encode())
        return digest.hexdigest()[:HEX_DIGITS]


def locate_captioner(spec: str, published: str | None = None) -> CaptionerFiles:
    """Find a captioner: ``embedded``, a folder, or a hub id.

    Parameters
    ----------
    spec
        What the user wrote.
    published
        Hub id that ``spec`` is the short name of, if it is one.

    Raises
    ------
    ModelError
        If there is no such model or it is not complete.
    """
    if spec == EMBEDDED:
        if not (EMBEDDED_FOLDER / "config.json").is_file():
            raise ModelError(
                f"this installation has no embedded captioner (nothing at {EMBEDDED_FOLDER}); "
                "name another one with --captioner"
            )
        return _folder(spec, EMBEDDED_FOLDER)
    path = Path(spec).expanduser()
    if published is None and path.is_dir():
        return _folder(spec, path)
    hub_id = published or spec
    if path.suffix in (".safetensors", ".bin", ".pt") or not HUB_ID.fullmatch(hub_id):
        raise ModelError(
            f"no captioner at {spec}: give 'embedded', 'blip', 'git', 'blip2', a model folder or a "
            "hub id such as OWNER/NAME"
        )
    return _folder(spec, _fetch(hub_id))


def _folder(spec: str, folder: Path) -> CaptionerFiles:
    config_path = folder / "config.json"
    if not config_path.is_file():
        raise ModelError(f"{folder} is no captioner: it has no config.json")
    try:
        config = json.loads(config_path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{config_path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{config_path} cannot be read: it holds no settings")
    if not any(folder.glob("*.safetensors")):
        pickles = any(folder.glob("*.bin"))
        raise ModelError(
            f"{folder} holds no safetensors weights"
            + ("; a pickle may run foreign code: convert it to safetensors first" * pickles)
        )
    return CaptionerFiles(spec, folder, config)


def _fetch(hub_id: str) -> Path:
    """Folder of a hub model, fetched if it is not in the cache."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted = list(WANTED)
    try:
        cached = Path(snapshot_download(hub_id, local_files_only=True, allow_patterns=wanted))
        if (cached / "config.json").is_file():
            return cached
    except (LocalEntryNotFoundError, OSError):
        pass
    try:
        return Path(snapshot_download(hub_id, allow_patterns=wanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{hub_id} is no folder here, not in the hub cache, and could not be fetched: {reason}"
        ) from error
