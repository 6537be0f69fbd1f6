"""The evaluation as a whole: planted faults are found and named, harmless changes are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from evaluate_faults import Made, each, in_eight_bits, log_normal, simulated
from sarloom import workflows
from sarloom.errors import InputError
from sarloom.evaluate.files import ImageFolder, PixelsSaid
from sarloom.evaluate.image import RadarImage
from sarloom.evaluate.report import Report, make_report
from sarloom.options.evaluate import EvaluateOptions

Images = list[RadarImage]


@pytest.fixture(scope="module")
def pair() -> tuple[Images, Images]:
    return simulated(1, 6), simulated(101, 6)


Compare = Callable[[Images, Made], Report]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compare:
    """Reports that share the summaries of what they share."""
    keep = tmp_path_factory.mktemp("summaries")

    def compare(real: Images, generated: Made) -> Report:
        return make_report(Made("real", real), generated, {}, looks=1.0, draws=40, keep=keep)

    return compare


@pytest.fixture(scope="module")
def clean(pair: tuple[Images, Images], compared: Compare) -> Report:
    return compared(pair[0], Made("generated", pair[1]))


def test_other_draws_of_the_same_world_do_not_differ(clean: Report) -> None:
    assert [one.name for one in clean.findings] == ["same"]


Plant = Callable[[Images, Images], Made]
FAULTS: dict[str, tuple[Plant, str, str]] = {
    "log-normal speckle": (lambda a, b: each(b, log_normal), "speckle-law", "speckle_log_skew"),
    "blur": (
        lambda a, b: each(b, lambda p: ndimage.gaussian_filter(p, 0.7)),
        "blur",
        "correlation_across_1",
    ),
    "repeats": (
        lambda a, b: Made("repeated", [b[n % (len(b) // 3)] for n in range(len(b))]),
        "repeats",
        "repeated",
    ),
    "copies": (
        lambda a, b: Made("copies", [(a if n % 2 else b)[n] for n in range(len(b))]),
        "copies",
        "memorised",
    ),
    "JPEG": (lambda a, b: in_eight_bits(b, jpeg_quality=75), "jpeg", "jpeg"),
    "intensity": (
        lambda a, b: each(b, np.square),
        "intensity-for-amplitude",
        "speckle_log_variance",
    ),
    "amplitude": (lambda a, b: each(b, np.sqrt), "amplitude-for-intensity", "speckle_log_variance"),
}
"""Name -> (how it is planted, what the summary must name, the figure made for it)."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_named(
    fault: str, pair: tuple[Images, Images], clean: Report, compared: Compare
) -> None:
    plant, name, key = FAULTS[fault]
    report = compared(pair[0], plant(*pair))
    assert report.findings[0].name == name
    before = next(row for row in clean.rows if row.key == key)
    after = next(row for row in report.rows if row.key == key)
    assert after.differs
    (low, high), (old_low, old_high) = after.interval, before.interval
    assert low > old_high or high < old_low


def test_rotated_images_are_found_and_named(compared: Compare) -> None:
    """Where there are shadows to tell by: buildings, at a spacing that shows several of them."""
    built = ("suburb", "industry")
    real, other = (simulated(seed, 10, built, spacing_m=0.7) for seed in (1, 101))
    before = next(row for row in compared(real, Made("b", other)).rows if row.key == "direction")
    report = compared(real, each(other, np.rot90))
    assert report.findings[0].name == "rotation"
    assert "90 degrees" in report.findings[0].text
    after = next(row for row in report.rows if row.key == "direction")
    assert after.differs and not before.differs
    assert after.interval[0] > before.interval[1]


def test_eight_bits_move_no_figure_beyond_its_interval(
    pair: tuple[Images, Images], compared: Compare
) -> None:
    report = compared(pair[0], in_eight_bits(pair[1]))
    assert [one.name for one in report.findings] == ["same"]
    assert any("compared between" in one for one in report.warnings)
    assert not [row.key for row in report.rows if row.differs]
    # the same images as floats, each over its own median as the 8-bit ones are
    plain = make_report(Made("a", pair[0]), Made("b", pair[1]), {}, "image", 1.0, draws=40)
    before = {row.key: row for row in plain.rows}
    moved = [
        row.key
        for row in report.rows
        if row.key in before
        and abs(row.value - before[row.key].value)
        > 1.96 * max(row.deviation, before[row.key].deviation)
    ]
    assert not moved and len(report.rows) > 25


def test_the_format_of_files_moves_nothing(tmp_path: Path, pair: tuple[Images, Images]) -> None:
    """One set of pixels as 8-bit PNG, 16-bit PNG and float GeoTIFF of amplitude."""
    import rasterio

    shapes = {"png8": (255, np.uint8), "png16": (65535, np.uint16)}
    for number, image in enumerate(pair[1][:8]):
        amplitude = np.sqrt(image.power)
        u = amplitude / amplitude.max()
        for folder, (top, kind) in shapes.items():
            (tmp_path / folder).mkdir(exist_ok=True)
            pixels = np.rint(np.sqrt(u) * top).astype(kind)  # root: fine steps in the dark
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
        (tmp_path / "tif").mkdir(exist_ok=True)
        with rasterio.open(
            tmp_path / "tif" / f"{number}.tif", "w", driver="GTiff", width=128, height=128,
            count=1, dtype="float32",
        ) as raster:  # fmt: skip
            raster.write(np.sqrt(u), 1)
    said = PixelsSaid("amplitude")
    real = ImageFolder(tmp_path / "tif", said)
    for folder in shapes:
        report = make_report(real, ImageFolder(tmp_path / folder, said), {}, "image", draws=20)
        assert not [row.key for row in report.rows if row.differs and row.key != "memorised"]


def test_a_figure_does_not_depend_on_the_others(
    pair: tuple[Images, Images], compared: Compare
) -> None:
    from sarloom.evaluate.harness import evaluate
    from sarloom.evaluate.metrics import metrics_for

    first = compared(pair[0][:8], Made("b", pair[1][:8]))
    metrics = [one for one in metrics_for(1.0) if one.figures[0].key == "texture_1"]
    alone = evaluate(first.real, first.generated, metrics, draws=40)
    assert alone[0].interval == next(row.interval for row in first.rows if row.key == alone[0].key)


def test_few_images_are_warned_of(pair: tuple[Images, Images], compared: Compare) -> None:
    report = compared(pair[0][:5], Made("few", pair[1][:5]))
    assert any(one.startswith("few images: 5 real and 5 generated") for one in report.warnings)


def test_absolute_levels_need_one_calibration(pair: tuple[Images, Images]) -> None:
    louder = [
        RadarImage(one.name, one.power * 2, calibration="sigma_nought") for one in pair[1][:8]
    ]
    real, generated = Made("real", pair[0][:8]), Made("louder", louder)
    report = make_report(real, generated, {}, "absolute", draws=20)
    shift = next(row for row in report.rows if row.key == "law_wasserstein_db")
    same = make_report(real, generated, {}, "set", draws=20)
    assert shift.value > next(r for r in same.rows if r.key == shift.key).value + 1.5
    with pytest.raises(InputError, match="not stated"):
        make_report(real, each(pair[1][:8], lambda p: p), {}, "absolute", draws=20)


def test_the_command_writes_a_page_that_stands_alone(
    tmp_path: Path, pair: tuple[Images, Images], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, images in (("real", pair[0][:8]), ("generated", pair[1][:8])):
        (tmp_path / name).mkdir()
        for image in images:
            pixels = np.rint(np.clip(np.sqrt(image.power) / 3.0, 0, 1) * 65535)
            Image.fromarray(pixels.astype(np.uint16)).save(tmp_path / name / f"{image.name}.png")
    options = EvaluateOptions(
        real=tmp_path / "real", generated=tmp_path / "generated", out=tmp_path / "report",
        pixel="amplitude", draws=20, json=True,
    )  # fmt: skip
    page = workflows.evaluate(options)
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "report" / "report.json").read_text())
    assert {row["section"] for row in printed["figures"]} >= {
        "Amplitude law", "Speckle", "Texture", "Geometry", "Variety", "Features: descriptor",
    }  # fmt: skip
    assert printed["facts"]["real"]["images"] == 8
    text = page.read_text()
    assert "http" not in text.replace("https://", "http") and text.count("data:image/png") >= 5 + 12
    assert {path.stem for path in (tmp_path / "report" / "figures").iterdir()} == {
        "floors", "law", "log-cumulants", "speckle", "texture",
    }  # fmt: skip


def test_pixels_that_nobody_explains_stop_the_command(tmp_path: Path) -> None:
    for name in ("real", "generated"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((64, 64), 9, np.uint8)).save(tmp_path / name / "a.png")
    options = EvaluateOptions(real=tmp_path / "real", generated=tmp_path / "generated")
    with pytest.raises(InputError, match="--pixel amplitude, intensity or db"):
        workflows.evaluate(options)


def test_real_scenes_against_themselves_and_blurred(shared_data: Path, compared: Compare) -> None:
    folder = ImageFolder(shared_data / "mstar_scenes" / "images", PixelsSaid("amplitude"), 48)
    cut = [folder.image(row) for row in range(len(folder))]
    cut = [
        RadarImage(one.name, one.power[:160, :160], floor=one.floor, ceiling=one.ceiling)
        for one in cut
    ]
    real, other = cut[::2], Made("other", cut[1::2])
    report = compared(real, other)
    assert [one.name for one in report.findings] == ["same"]
    looks = next(row for row in report.rows if row.key == "enl")
    assert looks.real == pytest.approx(0.97, abs=0.06)
    blurred = compared(real, each(other.images, lambda p: ndimage.gaussian_filter(p, 0.7)))
    assert blurred.findings[0].name == "blur"
