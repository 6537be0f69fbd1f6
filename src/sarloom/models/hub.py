"""Models named by a hub id: the local cache first, the network only if it is not there."""

from __future__ import annotations

from pathlib import Path

from ..errors import ModelError

WANTED = (
    "model_index.json",
    "radiometry.json",
    "*/*.json",
    "*/merges.txt",
    "*/*.safetensors",
)
UNWANTED = ("*.fp16.*", "*non_ema*", "safety_checker/*", "feature_extractor/*", "*/openvino*")


def fetch_from_hub(hub_id: str) -> Path:
    """Folder of a hub model, fetched if it is not in the cache.

    Raises
    ------
    ModelError
        If it is neither cached nor reachable.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    wanted, unwanted = list(WANTED), list(UNWANTED)
    try:
        cached = Path(
            snapshot_download(
                hub_id,
                local_files_only=True,
                allow_patterns=wanted,
                ignore_patterns=unwanted,
            )
        )
        if (cached / "model_index.json").is_file():
            return cached
    except (LocalEntryNotFoundError, OSError):
        pass
    try:
        return Path(snapshot_download(hub_id, allow_patterns=wanted, ignore_patterns=unwanted))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"{hub_id} is no folder here, not in the hub cache, and could not be fetched: {reason}"
        ) from error
