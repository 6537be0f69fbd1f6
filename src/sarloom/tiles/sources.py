"""What a product's bytes are: their hash, and whether they are what the producer sent.

Overwritten bytes in an uncompressed image are pixels like any other, and no library can tell. Where
a checksum came with the product it is compared before anything is cut: the MD5 sums in a SAFE
product's manifest, and sums beside a file as ``sha256sum`` and ``md5sum`` write them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import FormatError, MissingExtraError
from .ledger import Ledger, key_of

if TYPE_CHECKING:
    from ..records import Scene

SUMS = {
    "SHA256SUMS": "sha256", "SHA256SUMS.txt": "sha256", "MD5SUMS": "md5", "MD5SUMS.txt": "md5",
}  # fmt: skip
"""Lists of sums of a folder's files, and by what they are made."""
SUFFIXES = {".sha256": "sha256", ".md5": "md5"}
"""Files that hold the sum of the one file whose name they extend."""
SAFE_MANIFEST = "manifest.safe"
_LENGTHS = {"sha256": 64, "md5": 32}
_LINE = re.compile(r"([0-9a-fA-F]{32,64})(?: [ *](.+))?")
_SAFE = re.compile(
    r'href="(?:\./)?([^"]+)"[^>]*>\s*(?:</fileLocation>\s*)?'
    r'<checksum checksumName="MD5">\s*([0-9a-fA-F]{32})\s*</checksum>'
)
_MAX_LIST_BYTES = 64 << 20
SOURCE_HASH = "blake3"
"""Of sources: cryptographic as SHA-256, in a third of its time."""
_BLOCK_BYTES = 512 << 10
"""Hashed at a time: what was read is still in the processor's cache then."""
_PROBES = 3
_PROBE_PIXELS = 8


def source_hash(path: Path, ledger: Ledger, threads: int = 1) -> str:
    """BLAKE3 of a product, after comparison with the checksums that came with it.

    Of a file its bytes, its sidecars being compared only; of a folder the names and hashes of all
    files below it. What is known of a file is kept by its name, size and time, so that a second
    run reads none of it.

    Parameters
    ----------
    threads
        Of the processor, that hash a file together.

    Raises
    ------
    FormatError
        If a file is not what its checksum says.
    MissingExtraError
        If the library of that hash is not installed.
    """
    if not path.is_dir():
        for sidecar in _sidecars(path):
            _checked(sidecar, dict(_beside(sidecar)), ledger, threads)
        return _checked(path, dict(_beside(path)), ledger, threads)[SOURCE_HASH]
    stated = _safe_sums(path / SAFE_MANIFEST)

    def hashed(name: str, one: Path) -> str:
        sums = {**dict(_beside(one)), **stated.get(name, {})}
        return _checked(one, sums, ledger, threads)[SOURCE_HASH]

    listed = [
        [name, hashed(name, one)]
        for name, one in sorted(
            (one.relative_to(path).as_posix(), one) for one in path.rglob("*") if one.is_file()
        )
    ]
    whole = hasher()
    whole.update(json.dumps(listed).encode())
    return str(whole.hexdigest())


def _sidecars(path: Path) -> Iterator[Path]:
    """Metadata that belongs to an image by its name, as the readers look for it."""
    stem, shorter = path.stem, path.stem.rpartition("_")[0]
    ends = (".toml", ".json", ".xml", "_extended.json", "_METADATA.json")
    names = ["sarloom.toml", *(stem + end for end in ends), f"{shorter}_METADATA.json"]
    for name in names:
        sidecar = path.with_name(name)
        if sidecar != path and sidecar.is_file():
            yield sidecar


def _checked(path: Path, stated: dict[str, str], ledger: Ledger, threads: int) -> dict[str, str]:
    """Hashes of one file; an error if one of them is stated otherwise."""
    wanted = [SOURCE_HASH, *stated]
    found = path.stat()
    key = key_of("hash", str(path.resolve()), found.st_size, found.st_mtime_ns, wanted)
    kept = ledger.remembered(key)
    if kept is None or set(kept) != set(wanted):
        kept = _digests(path, wanted, threads)
        ledger.remember(key, kept)
    for kind, digest in stated.items():
        if kept[kind] != digest:
            raise FormatError(
                f"{path}: its {kind.upper()} is {kept[kind]}, but {digest} came with it: "
                "damaged or changed; fetch it again"
            )
    return {kind: str(value) for kind, value in kept.items()}


def _digests(path: Path, kinds: list[str], threads: int) -> dict[str, str]:
    """Several hashes of a file in one pass."""
    hashes = {kind: hasher(kind, threads) for kind in kinds}
    if kinds == [SOURCE_HASH]:
        # without copying it out of the system's cache, which takes as long as half of the hash
        hashes[SOURCE_HASH].update_mmap(path)
        return {SOURCE_HASH: hashes[SOURCE_HASH].hexdigest()}
    block = memoryview(bytearray(max(1, min(_BLOCK_BYTES, path.stat().st_size))))
    with path.open("rb", buffering=0) as opened:
        while length := opened.readinto(block):
            for one in hashes.values():
                one.update(block[:length])
    return {kind: one.hexdigest() for kind, one in hashes.items()}


def hasher(kind: str = SOURCE_HASH, threads: int = 1) -> Any:
    """What takes in bytes and gives their hash of one kind, on the processor that calls it; BLAKE3
    of a mapped file on so many.

    Raises
    ------
    MissingExtraError
        If the library of that hash is not installed.
    """
    if kind != SOURCE_HASH:
        return hashlib.new(kind, usedforsecurity=False)
    try:
        from blake3 import blake3
    except ImportError as error:
        raise MissingExtraError("blake3, which hashes the sources of tiles,", "archive") from error
    return blake3(max_threads=threads)


def _beside(path: Path) -> Iterator[tuple[str, str]]:
    """Kind and digest of every sum that is stated beside a file."""
    places = [(path.with_name(path.name + end), kind) for end, kind in SUFFIXES.items()]
    places += [(path.with_name(name), kind) for name, kind in SUMS.items()]
    for place, kind in places:
        if place == path or not place.is_file() or place.stat().st_size > _MAX_LIST_BYTES:
            continue
        alone = place.name not in SUMS
        for line in place.read_text("utf-8", "replace").splitlines():
            found = _LINE.fullmatch(line.strip())
            if found is None or len(found[1]) != _LENGTHS[kind]:
                continue
            named = path.name if found[2] is None and alone else (found[2] or "")
            if named.removeprefix("./") == path.name:
                yield kind, found[1].lower()


def _safe_sums(manifest: Path) -> dict[str, dict[str, str]]:
    """MD5 of the files of a SAFE product by their names below its folder."""
    if not manifest.is_file() or manifest.stat().st_size > _MAX_LIST_BYTES:
        return {}
    text = manifest.read_text("utf-8", "replace")
    return {name: {"md5": digest.lower()} for name, digest in _SAFE.findall(text)}


def described(scene: Scene) -> str:
    """A hash of all that a scene says beside its file's bytes: metadata, calibration, place.

    Sidecars decide what pixels mean and where they lie, and only readers know which files these
    are. So what they lead to is compared: every plain field, and power and places at a few pixels.
    """
    plain = {
        one.name: str(getattr(scene, one.name))
        for one in fields(scene)
        if one.name not in ("path", "pixels", "ground", "notes")
    }
    return key_of("scene", plain, list(_probed(scene)))


def _probed(scene: Scene) -> Iterator[Any]:
    """Power and places on a net over the scene; where it is damaged, that."""
    starts = [
        sorted({int(at) for at in np.linspace(0, max(0, n - _PROBE_PIXELS), _PROBES)})
        for n in scene.shape
    ]
    for row in starts[0]:
        for column in starts[1]:
            window = (
                slice(row, min(row + _PROBE_PIXELS, scene.shape[0])),
                slice(column, min(column + _PROBE_PIXELS, scene.shape[1])),
            )
            try:
                yield hashlib.sha256(scene.pixels.power(*window).tobytes()).hexdigest()
            except FormatError:
                yield "damaged"
    if scene.ground is not None:
        rows, columns = (grid.ravel().astype(float) for grid in np.meshgrid(*starts))
        lon, lat = scene.ground.to_ground(rows, columns)
        yield [repr(float(one)) for one in (*lon, *lat)]
