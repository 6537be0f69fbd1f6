"""Files that are either complete or not there."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ModelError


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success it takes the place of ``path``.

    The rename is atomic, so a reader sees the old file or the new one, never half of it. If the
    block raises, the temporary file is removed and ``path`` is left as it was.
    """
    aside = aside_of(path)
    try:
        yield aside
        put_in_place(aside, path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def aside_of(path: Path) -> Path:
    """A new, empty, hidden file beside ``path``, for ``put_in_place``."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    return Path(name)


def put_in_place(aside: Path, path: Path) -> None:
    """Wait until a written file is on disk, then let it take the place of ``path``."""
    with aside.open("rb") as written:
        os.fsync(written.fileno())
    aside.chmod(0o666 & ~_umask())
    aside.replace(path)


WEIGHTS = Path(__file__).resolve().parent / "weights"


def shipped_model(name: str) -> Path:
    """Folder of a model that ships inside the package.

    Raises
    ------
    ModelError
        If this installation holds no such model.
    """
    folder = WEIGHTS / name
    if not (folder / "config.json").is_file():
        raise ModelError(
            f"this installation has no model {name!r} (nothing at {folder}); install the package "
            f"anew, or make it with `sarloom train recipes/{name}.toml`"
        )
    return folder


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


_asking = threading.Lock()


def _umask() -> int:
    """The permissions a new file is denied; reading them means setting them twice."""
    with _asking:  # two threads at it would keep the wrong one
        mask = os.umask(0o022)
        os.umask(mask)
    return mask
