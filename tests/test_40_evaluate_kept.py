"""A stopped evaluation goes on where it was, and never with what another run measured."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sarloom import workflows
from sarloom.evaluate import collect as collecting
from sarloom.evaluate.files import ImageFolder
from sarloom.evaluate.image import RadarImage
from sarloom.options.evaluate import EvaluateOptions


def _speckle(folder: Path, seed: int, count: int = 10) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for number in range(count):
        ground = 1.0 + 3.0 * (np.indices((64, 64)).sum(0) // 32 % 2)
        amplitude = np.sqrt(ground * rng.standard_exponential((64, 64)))
        pixels = np.rint(np.clip(amplitude / 12, 0, 1) * 65535).astype(np.uint16)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture
def options(tmp_path: Path) -> Callable[..., EvaluateOptions]:
    _speckle(tmp_path / "real", 1)
    _speckle(tmp_path / "generated", 2)

    def make(**more: object) -> EvaluateOptions:
        return EvaluateOptions(
            real=tmp_path / "real", generated=tmp_path / "generated", out=tmp_path / "report",
            pixel="amplitude", draws=20, **{"encoder": ("descriptor",), **more},
        )  # fmt: skip

    return make


class _Measured:
    """Names of the images whose pixels were summarised, besides those of the sample."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stop_at: int | None = None) -> None:
        self.names: list[str] = []
        before = collecting.SUMMARIES["histogram"]

        @functools.wraps(before)
        def histogram(view: collecting.View) -> np.ndarray:
            if len(self.names) == stop_at:
                raise KeyboardInterrupt
            self.names.append(view.image.name)
            return before(view)

        monkeypatch.setitem(collecting.SUMMARIES, "histogram", histogram)


def test_a_stopped_run_measures_only_what_is_left(
    options: Callable[..., EvaluateOptions], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _Measured(patch, stop_at=14)
        workflows.evaluate(options())
    with monkeypatch.context() as patch:
        left = _Measured(patch)
        workflows.evaluate(options())
    assert left.names == [f"{number:02}.png" for number in range(4, 10)]
    resumed = (tmp_path / "report" / "report.json").read_bytes()
    for path in sorted((tmp_path / "report" / "summaries").rglob("*.safetensors")):
        path.unlink()
    workflows.evaluate(options())
    assert (tmp_path / "report" / "report.json").read_bytes() == resumed


def test_a_changed_image_is_measured_anew(
    options: Callable[..., EvaluateOptions], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workflows.evaluate(options())
    path = tmp_path / "generated" / "03.png"
    pixels = np.asarray(Image.open(path)).copy()
    pixels[5, 5] += 1
    Image.fromarray(pixels).save(path)
    measured = _Measured(monkeypatch)
    workflows.evaluate(options())
    # the others of its set too, where the typical level moved with it; never the other set's
    assert "03.png" in measured.names
    assert len(measured.names) in (1, 10)


def test_damaged_shards_and_other_settings_are_not_used(
    options: Callable[..., EvaluateOptions], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workflows.evaluate(options())
    held = tmp_path / "report" / "summaries"
    for path in sorted(held.rglob("*.safetensors")):
        path.write_bytes(path.read_bytes()[:-100])
    measured = _Measured(monkeypatch)
    workflows.evaluate(options())
    assert len(measured.names) == 20
    workflows.evaluate(options())
    assert len(measured.names) == 20
    workflows.evaluate(options(level="image"))
    assert len(measured.names) == 40


def test_a_summary_without_a_name_of_its_own_is_not_kept(tmp_path: Path) -> None:
    class Brightness:
        def __call__(self, view: collecting.View) -> np.ndarray:
            return np.array([self.scale * view.power.mean()], np.float32)

        def __init__(self, scale: float) -> None:
            self.scale = scale

    from sarloom.evaluate.files import PixelsSaid

    images = ImageFolder(_speckle(tmp_path / "a", 3, 4), PixelsSaid("amplitude"))
    scale, _, _ = collecting.common_scale(images, images, "set")
    first, second = (
        collecting.collect(
            images, 1.0, scale, extra=[("brightness", Brightness(by))], keep=tmp_path / "kept"
        )
        for by in (1.0, 2.0)
    )
    np.testing.assert_allclose(second["brightness"], 2 * first["brightness"])
    np.testing.assert_array_equal(first["histogram"], second["histogram"])


def test_memory_of_a_set_does_not_hold_its_pixels() -> None:
    """Ten times the images, the same peak but for a few kilobytes of summaries each."""
    import tracemalloc

    class Drawn:
        title = "drawn"

        def __init__(self, count: int) -> None:
            self.count = count

        def __len__(self) -> int:
            return self.count

        def image(self, index: int) -> RadarImage:
            rng = np.random.default_rng(index)
            return RadarImage(str(index), rng.standard_exponential((64, 64), np.float32))

    peaks = []
    for count in (20, 200):
        images = Drawn(count)
        scale, _, _ = collecting.common_scale(images, images, "set")
        tracemalloc.start()
        collecting.collect(images, 1.0, scale)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 180 * 9_000  # 64 x 64 floats are 16 kB
