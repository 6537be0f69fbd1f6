"""`sarloom refine`: a scene's own detail stays, and nothing hangs on how the scene is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sarloom.generate.info import read_info
from sarloom.generate.large import run
from sarloom.options.refine import RefineOptions
from sarloom.workflows import refine
from test_40_cascade import read
from test_40_translate import save_scene

SIDE = 160
TRACK = slice(70, 73)


@pytest.fixture(scope="module")
def base(tiny_models: dict[str, Path]) -> Path:
    return tiny_models["reflectivity"]


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A field with a dark track narrower than a latent cell, under little speckle."""
    power = np.full((SIDE, SIDE), 0.1)
    power[:, TRACK] = 0.004
    power *= np.random.default_rng(0).gamma(20, 1 / 20, power.shape)
    return save_scene(tmp_path_factory.mktemp("scene") / "field.tif", power, 0.35, looks=20)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fields of one look, a third of each in a shadow of four looks."""
    folder = tmp_path_factory.mktemp("measured")
    rng = np.random.default_rng(1)
    for number in range(3):
        power = rng.exponential(1.0, (192, 192))
        power[:, :64] = 0.05 * rng.gamma(4, 1 / 4, (192, 64))
        amplitude = np.sqrt(power)
        pixels = np.clip(amplitude / (amplitude.mean() + 3 * amplitude.std()) * 255, 0, 255)
        Image.fromarray(np.uint8(np.rint(pixels))).save(folder / f"{number}.png")
    return folder


def made(field: Path, base: Path, out: Path, **changes: Any) -> list[Path]:
    return refine(RefineOptions(
        field, model=str(base), out=out, steps=2, weight=0.0, seed=3, **changes
    ))  # fmt: skip


def depth_db(power: np.ndarray) -> float:
    """How far the track lies below the field beside it."""
    beside = np.r_[power[:, 60:68], power[:, 75:83]].mean()
    return float(10 * np.log10(beside / power[:, TRACK].mean()))


def test_a_narrow_track_stays_by_the_share_of_detail(
    field: Path, base: Path, tmp_path: Path
) -> None:
    depths = []
    for number, detail in enumerate((0.0, 0.5, 1.0)):
        files = made(field, base, tmp_path / str(number), detail=detail)
        depths.append(depth_db(read(files[0])[0]))
        assert read_info(files[0]).record["detail"] == detail
        assert not list(files[0].parent.glob("*.part"))  # what was filtered is scratch
    # 14 dB in the scene; a random network draws no track, and speckle adds half a decibel
    assert depths[0] < 3 and depths[2] > 8
    assert depths[1] == pytest.approx((depths[0] + depths[2]) / 2, abs=2.5)


def test_a_liked_scene_is_the_same_however_it_is_cut(
    field: Path, base: Path, measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(field, base, tmp_path / "one", like=measured)
    again = made(field, base, tmp_path / "two", like=measured)
    assert np.array_equal(read(first[0])[0], read(again[0])[0])
    monkeypatch.setattr(run, "BLOCK_ROWS", 48)
    cut = made(field, base, tmp_path / "three", like=measured)
    np.testing.assert_array_equal(read(first[0])[0], read(cut[0])[0])
    dark = read_info(first[0]).record["like"]["dark_speckle"]
    # the shadow of 13 dB below the field has speckle of four looks: most of it is averaged
    assert max(dark["shares"]) > 0.3
    plain = made(field, base, tmp_path / "plain")
    assert not np.array_equal(read(first[0])[0], read(plain[0])[0])
