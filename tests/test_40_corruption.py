"""Damaged products of every reader family through the whole of `tiles build`.

What may come of a damaged file: the product is refused, tiles are left out with a reason, or the
tiles are those of the sound file. Overwritten bytes in uncompressed pixels are pixels like any
other to every library; then only these pixels may differ, and the tile's ``source_blake3`` tells.
A change of metadata that leaves a valid product makes another product, which the hash tells too.
With checksums beside a product nothing else than refusal or the sound tiles is allowed.

SARLOOM_CORRUPTIONS sets how many corruptions are tried (500 for a thorough run).
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import REPOSITORY
from sarloom.archive.registry import open_scenes
from sarloom.errors import SarloomError
from sarloom.options.tiles import BuildTilesOptions
from sarloom.tiles.build import build_tiles
from sarloom.tiles.check import check_tiles
from sarloom.tiles.cut import read_cell
from sarloom.tiles.grid import plan_grids
from sarloom.tiles.ledger import MANIFEST
from sarloom.tiles.store import open_tiles, row_amplitude
from tile_products import MAKERS, SIZE, Product, add_sums, make_product, real_products

NUMBER = int(os.environ.get("SARLOOM_CORRUPTIONS", "128"))
SUMMED = max(len(MAKERS), NUMBER // 8)
"""Corruptions of products with checksums."""


@dataclass(frozen=True)
class Tiles:
    """What came of a build: amplitudes, other columns and largest amplitudes by place."""

    amplitude: dict[Any, np.ndarray]
    threshold: dict[Any, float]
    columns: dict[Any, dict[str, Any]]
    rejected: dict[str, int]
    skipped: dict[str, str]


PLAIN = (
    "calibration", "spacing_m", "incidence_angle_deg", "range_azimuth_deg", "look_side",
    "center_frequency_hz", "polarization", "time", "footprint", "transform", "method", "platform",
)  # fmt: skip
"""Columns that follow from metadata; looks of complex data are measured in the pixels."""


def build(product: Product, out: Path) -> Tiles:
    """The command's own work, without a subprocess."""
    options = BuildTilesOptions(
        sar=(product.path,), spacing_m=f"{product.spacing_m}", size=SIZE, out=out, workers=1,
        max_saturated=1.0,
    )  # fmt: skip
    manifest = build_tiles(options, [product.path], open_scenes)
    amplitude, threshold, columns = {}, {}, {}
    for row in open_tiles(out):
        place = (row["polarization"], row["row"], row["column"])
        amplitude[place] = row_amplitude(row)
        threshold[place] = row["threshold"]
        columns[place] = {name: row[name] for name in (*PLAIN, "source_blake3")}
    return Tiles(amplitude, threshold, columns, manifest["rejected"], manifest["skipped"])


def differing(one: Tiles, other: Tiles, place: Any) -> np.ndarray:
    """Pixels [rows, columns] that are not the same amplitude, as far as both tones can say.

    The tone of a damaged product may be coarser than that of the sound one, but not by much.
    """
    a, b = one.amplitude[place], other.amplitude[place]
    top = min(one.threshold[place], other.threshold[place])
    step = 0.51 * (one.threshold[place] + other.threshold[place]) / 65535
    step = min(step, 0.03 * other.threshold[place])
    a, b = np.minimum(a, top * 0.999), np.minimum(b, top * 0.999)
    return ~((np.abs(a - b) <= step + 1e-5 * top) | (np.isnan(a) & np.isnan(b)))


# -- corruptions ---------------------------------------------------------------------------------


def truncate(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data[: rng.integers(len(data))]


def flip_bytes(data: bytearray, rng: np.random.Generator) -> bytearray:
    for at in rng.integers(0, len(data), rng.integers(1, 40)):
        data[at] = rng.integers(256)
    return data


def flip_bits(data: bytearray, rng: np.random.Generator) -> bytearray:
    for at in rng.integers(0, len(data), rng.integers(1, 4)):
        data[at] ^= 1 << int(rng.integers(8))
    return data


def zero_block(data: bytearray, rng: np.random.Generator) -> bytearray:
    length = int(rng.choice([64, 512, 4096, 16384]))
    start = int(rng.integers(max(1, len(data) - length)))
    data[start : start + length] = bytes(min(length, len(data) - start))
    return data


def change_head(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Tags of a TIFF, fields of a NITF or SAFE header, keys of a sidecar."""
    for at in rng.integers(0, min(len(data), 600), rng.integers(1, 6)):
        data[at] = rng.integers(256)
    return data


def change_digit(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A number in a header or a sidecar."""
    digits = [at for at, byte in enumerate(data) if 48 <= byte < 58]
    for at in rng.choice(digits, min(len(digits), int(rng.integers(1, 4)))):
        data[at] = 48 + (data[at] - 48 + int(rng.integers(1, 10))) % 10
    return data


def drop_bytes(data: bytearray, rng: np.random.Generator) -> bytearray:
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, 300))]
    return data


def swap_blocks(data: bytearray, rng: np.random.Generator) -> bytearray:
    length = min(512, len(data) // 2)
    one, two = sorted(int(v) for v in rng.integers(0, len(data) - length + 1, 2))
    if one + length <= two:
        first = bytes(data[one : one + length])
        data[one : one + length] = data[two : two + length]
        data[two : two + length] = first
    return data


KINDS: tuple[Callable[[bytearray, np.random.Generator], bytearray], ...] = (
    truncate, flip_bytes, flip_bits, zero_block, change_head, change_digit, drop_bytes, swap_blocks,
)  # fmt: skip


def damage(path: Path, kind: Any, rng: np.random.Generator) -> tuple[bytes, bytes]:
    """Corrupt a file; what was in it and what is."""
    before = path.read_bytes()
    after = bytes(kind(bytearray(before), rng))
    path.write_bytes(after)
    return before, after


def touched_pixels(product: Product, victim: Path, before: bytes, after: bytes) -> Any:
    """Which pixels [rows, columns as stored] were overwritten; None where that cannot be known."""
    if product.raw is None or len(before) != len(after):
        return None
    changed = np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8)
    if product.raw.file != victim:
        return np.zeros(product.raw.offsets.shape, bool)
    return changed[product.raw.offsets[..., None] + np.arange(product.raw.size)].any(axis=-1)


@dataclass
class Marked:
    """Pixels that are one where bytes were changed, in place of a scene's own."""

    image: np.ndarray

    def power(self, rows: slice, columns: slice) -> np.ndarray:
        return self.image[rows, columns]


def marked_tile(product: Product, touched: np.ndarray, place: Any) -> np.ndarray:
    """Pixels of a tile [rows, columns] into which a changed one went."""
    (scene,) = open_scenes(product.path)[:1]
    image = touched.astype(np.float32)
    if image.shape != scene.shape:  # bursts: any line of the file may be any row
        return np.ones((SIZE, SIZE), bool)
    marked = dataclasses.replace(scene, pixels=Marked(image))
    (grid,) = plan_grids(scene, (product.spacing_m,), SIZE)
    cell = next(one for one in grid.cells() if (one.top, one.left) == place[1:])
    return read_cell(marked, grid, cell).power > 0


# -- verdicts ------------------------------------------------------------------------------------


def verdict(product: Product, sound: Tiles, pristine: Product, damaged: Any, out: Path) -> str:
    """What came of a build of a damaged product; an assertion fails where it must not have.

    ``damaged`` are the changed raw pixels, or None where that cannot be known.
    """
    try:
        found = build(product, out)
    except SarloomError as error:
        text = str(error)
        assert "\n" not in text and text.strip(), text
        assert not (out / MANIFEST).exists(), "a refused product leaves no tile set"
        return "refused"
    assert [one for one in check_tiles(out) if one.level == "Error"] == []
    assert not list(out.rglob(".*.parquet")) and not list(out.rglob(".*.json"))
    places = found.amplitude.keys() & sound.amplitude.keys()
    masks = {place: differing(found, sound, place) for place in places}
    same_words = all(
        found.columns[one][name] == sound.columns[one][name] for one in places for name in PLAIN
    )
    if same_words and not any(mask.any() for mask in masks.values()):
        missing = len(sound.amplitude) - len(places)
        if found.amplitude.keys() - sound.amplitude.keys():
            return "another product"
        reasons = sum(found.rejected.values()) - sum(sound.rejected.values())
        assert missing == 0 or reasons >= missing or found.skipped, "tiles lost without a reason"
        return "same" if missing == 0 else "tiles left out"
    told = all(
        found.columns[p]["source_blake3"] != sound.columns[p]["source_blake3"] for p in places
    )
    if not same_words:
        # a sidecar is no part of an image's hash; what it changed stands in the tiles' columns
        assert told or product.path.is_file(), "changed in silence"
        return "another product"
    assert told, "changed in silence"
    assert damaged is not None, "other pixels, though they are compressed or the file is shorter"
    # a calibration file of a SAFE folder whose manifest has no sums: other power by other metadata;
    # where the manifest has sums the product is refused, see test_with_checksums_damage_is_refused
    if not damaged.any():
        return "another product"
    for place, mask in masks.items():
        stray = mask & ~marked_tile(pristine, damaged, place)
        assert not stray.any(), f"{int(stray.sum())} pixels differ whose bytes were not touched"
    return "other pixels"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Product, Tiles]]:
    """Every family's product, and cut-outs of real ones where they are there, and their tiles."""
    root = tmp_path_factory.mktemp("sound")
    products = [make_product(name, root / name.replace(" ", "-")) for name in MAKERS]
    products += real_products(root, REPOSITORY.parent / "shared" / "data")
    found = {one.name: (one, build(one, root / f"tiles-{one.name}")) for one in products}
    assert all(tiles.amplitude for _, tiles in found.values())
    return found


def attempt(
    pristine: Product, tiles: Tiles, seed: int, folder: Path, sums: bool = False
) -> tuple[str, str]:
    """One corruption: its kind and what came of it."""
    rng = np.random.default_rng(seed)
    product = pristine.copy(folder / "product")
    try:
        if sums:
            add_sums(product)
        victims = [one for one in product.files if one.name != "SHA256SUMS"]
        big = max(victims, key=lambda one: one.stat().st_size)
        victim = big if rng.random() < 0.5 else victims[rng.integers(len(victims))]
        kind = KINDS[seed % len(KINDS)]
        before, after = damage(victim, kind, rng)
        raw = pristine.folder / victim.relative_to(product.folder)
        touched = touched_pixels(pristine, raw, before, after)
        try:
            return kind.__name__, verdict(product, tiles, pristine, touched, folder / "out")
        except Exception as error:
            where = f"{pristine.name}, seed {seed}, {kind.__name__} of {victim.name}"
            raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
    finally:
        shutil.rmtree(folder)


def table(outcomes: Counter[tuple[str, str]]) -> str:
    return json.dumps({f"{a}: {b}": n for (a, b), n in sorted(outcomes.items())}, indent=1)


def test_corruptions_never_give_a_silent_wrong_tile(
    sound: dict[str, tuple[Product, Tiles]], tmp_path: Path
) -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    failures = []
    for seed in range(NUMBER):
        name = list(sound)[seed // len(KINDS) % len(sound)]
        try:
            _, outcome = attempt(*sound[name], seed, tmp_path / "try")
            outcomes[(name, outcome)] += 1
        except AssertionError as error:
            failures.append(str(error))
    print(table(outcomes))
    assert not failures, "\n".join(failures)
    totals = Counter(outcome for _, outcome in outcomes.elements())
    assert totals["refused"] > 0.2 * NUMBER and totals["same"] > 0


def test_with_checksums_damage_is_refused(
    sound: dict[str, tuple[Product, Tiles]], tmp_path: Path
) -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    for seed in range(SUMMED):
        name = list(sound)[seed % len(sound)]
        _, outcome = attempt(*sound[name], 10_000 + 3 * seed, tmp_path / "try", sums=True)
        outcomes[(name, outcome)] += 1
    print(table(outcomes))
    left = {outcome for _, outcome in outcomes} - {"refused", "same"}
    assert not left, table(outcomes)
    assert sum(n for (_, outcome), n in outcomes.items() if outcome == "refused") > 0.8 * SUMMED
