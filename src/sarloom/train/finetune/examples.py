"""Training tiles as latents: encoded once, kept in the run folder under a hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from ...errors import InputError
from ...files import write_aside
from ...models.control_kinds import NUMBERS
from ...models.loaded import LoadedModel
from ...tiles.store import TileSet, open_tiles, row_amplitude, shard_hashes
from .scale import Pixels
from .scale import pixels_of as pixels_of

Report = Callable[[str], None]


@dataclass(frozen=True)
class Examples:
    """Tiles of one split, ready to train on."""

    latents: torch.Tensor
    """[n, channels, rows, columns], float32, of about unit variance."""
    captions: list[list[str]]
    """Of each tile, without prefix; empty where it has none."""
    ids: list[str]
    mirrored: torch.Tensor | None = None
    """The latents of the same tiles flown the other way."""
    numbers: Sequence[Mapping[str, float | str]] = ()
    """Numbers of each tile's acquisition, as far as it states them."""

    def __len__(self) -> int:
        return len(self.latents)


def load_examples(
    model: LoadedModel,
    folder: Path,
    split: str,
    run: Path,
    report: Report,
    size: int = 0,
    mirror: bool = False,
    number: int = 0,
    enlarge: int = 1,
    numbers: Sequence[str] = (),
) -> tuple[Examples, Pixels]:
    """Encode the tiles of a split, or read what an earlier run encoded.

    ``number`` tells the sets of a run apart; tiles are drawn ``enlarge`` times as large;
    ``numbers`` names the columns of numbers that go along.

    Raises
    ------
    InputError
        If the split is empty, tiles are smaller than the size or of several sizes, or a number
        lies outside its range.
    """
    tiles, pixels, side = tiles_of(model, folder, split, size, enlarge)
    told = tile_numbers(tiles, numbers, enlarge) if numbers else ()
    key = data_key(tiles, pixels, model.fingerprint, [side, mirror])
    path = run / f"latents-{number}-{split}-{key}.safetensors"
    if not path.is_file():
        for old in set(run.glob(f"latents-{number}-{split}-*.safetensors")) - {path}:
            old.unlink(missing_ok=True)  # of other data or another autoencoder
        report(f"encoding {len(tiles)} tiles of split {split}")
        encoded = {"latents": _encode(model, tiles, pixels, side, 1)}
        if mirror:
            encoded["mirrored"] = _encode(model, tiles, pixels, side, -1)
        with write_aside(path) as aside:
            save_file(encoded, aside)
    found = load_file(path)
    captions, ids = [], []
    for one, several, name in zip(*tiles.columns("text", "captions", "id").values(), strict=True):
        captions.append(list(several or ([one] if one else [])))
        ids.append(name)
    return Examples(found["latents"], captions, ids, found.get("mirrored"), told), pixels


def tile_numbers(
    tiles: TileSet, names: Sequence[str], enlarge: int = 1
) -> list[dict[str, float | str]]:
    """Numbers of each tile; those that a tile does not state are left out.

    Raises
    ------
    InputError
        If a value lies outside the range of its number.
    """
    columns = tiles.columns(*names) if names else {}
    result: list[dict[str, float | str]] = []
    for index in range(len(tiles)):
        row = {}
        for name in names:
            value = columns[name][index]
            if value is not None and value == value:
                # an enlarged tile is drawn with finer pixels
                row[name] = value / enlarge if name == "spacing_m" else value
                try:
                    NUMBERS[name].encode(row[name])
                except InputError as error:
                    raise InputError(f"{tiles.folder}, tile {index}: {error}") from error
        result.append(row)
    return result


def check_stated(sets: Sequence[TileSet], names: Sequence[str]) -> None:
    """Check that there is something to learn each number from.

    Raises
    ------
    InputError
        If no tile states one of them.
    """
    for name in names:
        values = (value for tiles in sets for value in tiles.columns(name)[name])
        if not any(value is not None and value == value for value in values):
            folders = ", ".join(str(tiles.folder) for tiles in sets)
            raise InputError(f"numbers: no tile of {folders} states {name}: leave it out")


def tiles_of(
    model: LoadedModel, folder: Path, split: str, size: int = 0, enlarge: int = 1
) -> tuple[TileSet, Pixels, int]:
    """Tiles of a split, their scale, and the side of the training pictures [pixels].

    Raises
    ------
    InputError
        If the split is empty, or the size fits neither tiles nor model.
    """
    tiles = open_tiles(folder, split)
    if not len(tiles):
        raise InputError(f"{folder} has no tiles of split {split!r}: build it with --split")
    whole = tile_side(tiles) * enlarge
    side = size or whole
    if side > whole:
        raise InputError(
            f"{folder}: tiles of {whole // enlarge} pixels are smaller than size {side}; "
            "a smaller size, or enlarge = 2 or 4, will do"
        )
    if side % model.cell:
        raise InputError(f"size {side} is no multiple of the model's cell of {model.cell} pixels")
    return tiles, pixels_of(model, open_tiles(folder), enlarge), side


def class_examples(model: LoadedModel, files: list[Path], prompt: str, side: int) -> Examples:
    """Images that the base drew of a class, on the base's own scale, for prior preservation.

    Raises
    ------
    InputError
        If they are smaller than the training tiles.
    """
    import rasterio

    parts = []
    for path in files:
        with rasterio.open(path) as opened:
            amplitude = opened.read(1)
        rows, columns = amplitude.shape
        if min(rows, columns) < side:
            raise InputError(f"{path} is smaller than the tiles of {side} pixels")
        r, c = (rows - side) // 2, (columns - side) // 2
        pixel = model.radiometry.to_pixel(amplitude[r : r + side, c : c + side] ** 2)
        parts.append(encode_pixels(model, pixel[None]))
    with torch.inference_mode():
        return Examples(torch.cat(parts), [[prompt]] * len(files), [path.stem for path in files])


def tile_side(tiles: TileSet) -> int:
    """The side of the first tile; all tiles of a set are equal."""
    return int(row_amplitude(tiles.row(0)).shape[0])


def data_key(tiles: TileSet, pixels: Pixels, *settings: object) -> str:
    """Changes with the data, the scale and the settings."""
    shards = shard_hashes(tiles.manifest)
    about = [shards, repr(pixels), settings]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


@torch.inference_mode()
def _encode(
    model: LoadedModel, tiles: TileSet, pixels: Pixels, side: int, step: int
) -> torch.Tensor:
    parts = []
    # the autoencoder of a large base takes gigabytes for a picture of 1024 pixels
    batch = min(8, max(1, 8 * 256**2 // side**2))
    for chunk in _chunks(len(tiles), batch):
        # azimuth runs along rows; range, along columns, is never turned round
        stack = np.stack([pixels.of(tiles.row(n), side)[::step] for n in chunk])
        parts.append(encode_pixels(model, stack))
    return torch.cat(parts)


@torch.inference_mode()
def encode_pixels(model: LoadedModel, stack: NDArray[np.float32]) -> torch.Tensor:
    """Pixels [n, rows, columns] in [0, 1] to latents on the CPU."""
    grey = torch.from_numpy(np.ascontiguousarray(stack))[:, None].expand(-1, 3, -1, -1)
    return model.encode(grey).cpu().contiguous()


def _chunks(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))
