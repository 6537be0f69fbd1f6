"""Class maps beside images, encoders by default, and what the report says of few images."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluate_faults import Made
from sarloom.errors import FormatError, InputError
from sarloom.evaluate.classes import COLUMN, ClassLaw, class_metrics, common_classes
from sarloom.evaluate.encoders import features_of, named
from sarloom.evaluate.encoders.sarclip import CaptionFeatures, ImageFeatures, Sarclip
from sarloom.evaluate.files import ImageFolder, PixelsSaid
from sarloom.evaluate.findings import findings_of
from sarloom.evaluate.harness import Row, evaluate
from sarloom.evaluate.image import ClassMap, RadarImage
from sarloom.evaluate.kept import identity
from sarloom.evaluate.report import make_report, verdict
from sarloom.evaluate.summaries.glcm import cooccurrence
from sarloom.evaluate.summaries.speckle import phase
from sarloom.evaluate.table import Images
from sarloom.evaluate.view import View

NAMES = {0: "grass", 1: "water", 2: "roof"}
LEVELS = np.array([1.0, 0.05, 8.0])
AMPLITUDE = PixelsSaid("amplitude")


def mapped(seed: int, levels: np.ndarray = LEVELS) -> RadarImage:
    """Single-look speckle over a map of three classes, each at its level."""
    rng = np.random.default_rng(seed)
    codes = np.kron(rng.integers(0, 3, (4, 4)), np.ones((16, 16), int)).astype(np.uint8)
    codes[0, :3] = (0, 1, 2)  # none is ever missing
    power = levels[codes] * rng.standard_exponential((64, 64))
    return RadarImage(f"{seed}", power.astype(np.float32), classes=ClassMap(codes, NAMES))


def class_rows(real: list[RadarImage], generated: list[RadarImage]) -> dict[str, Row]:
    names = common_classes(Made("real", real), Made("generated", generated))
    law = ClassLaw(names)
    tables = [
        Images.of(
            [one.name for one in some], {COLUMN: np.stack([law(View(one, 1.0)) for one in some])}
        )
        for some in (real, generated)
    ]
    return {row.key: row for row in evaluate(*tables, class_metrics(names), draws=40)}


def test_a_class_at_the_wrong_level_is_found_and_no_other() -> None:
    real = [mapped(seed) for seed in range(20)]
    same = class_rows(real, [mapped(seed) for seed in range(50, 70)])
    assert set(same) == {f"class_{name}_{key}" for name in NAMES.values() for key in ("ks", "db")}
    assert not [key for key, row in same.items() if row.differs]
    # the median of an exponential law is ln 2 times its mean
    assert same["class_roof_db"].real == pytest.approx(10 * np.log10(8 * np.log(2)), abs=0.3)
    dim = np.array([1.0, 0.05, 4.0])
    found = class_rows(real, [mapped(seed, dim) for seed in range(50, 70)])
    wrong = {key for key, row in found.items() if row.differs}
    assert wrong == {"class_roof_ks", "class_roof_db"}
    assert found["class_roof_db"].value == pytest.approx(-3.0, abs=0.4)


def test_sets_without_common_classes_have_no_such_figures() -> None:
    real = [mapped(seed) for seed in range(4)]
    plain = [RadarImage(one.name, one.power) for one in real]
    assert common_classes(Made("real", real), Made("plain", plain)) == ()
    report = make_report(Made("real", real), Made("plain", plain), {}, draws=20)
    assert "Amplitude law by class" not in {row.section for row in report.rows}


def saved(folder: Path, image: RadarImage, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.rint(np.clip(np.sqrt(image.power) / 8, 0, 1) * 65535).astype(np.uint16)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def test_a_class_map_lies_beside_its_image(tmp_path: Path) -> None:
    image = mapped(1)
    assert image.classes is not None
    saved(tmp_path, image, "a")
    Image.fromarray(image.classes.codes).save(tmp_path / "a-segmentation.png")
    folder = ImageFolder(tmp_path, AMPLITUDE)
    assert [folder.name(row) for row in range(len(folder))] == ["a.png"]
    classes = folder.image(0).classes
    assert classes is not None
    np.testing.assert_array_equal(classes.codes, image.classes.codes)
    assert classes.names == {0: "class 0", 1: "class 1", 2: "class 2"}
    key = folder.key(0)
    (tmp_path / "a.json").write_text(json.dumps({"labels": ["grass", "water", "roof"]}))
    named_by_record = ImageFolder(tmp_path, AMPLITUDE).image(0).classes
    assert named_by_record is not None and named_by_record.names == NAMES
    Image.fromarray(1 - image.classes.codes % 2).save(tmp_path / "a-segmentation.png")
    assert folder.key(0) != key  # another map, another row of what is kept
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(tmp_path / "a-segmentation.png")
    with pytest.raises(InputError, match="on the grid of its image"):
        folder.image(0)
    (tmp_path / "a-segmentation.png").write_bytes(b"no map")
    with pytest.raises(FormatError, match="no whole class map"):
        folder.image(0)


def test_another_legend_is_another_row_of_what_is_kept(tmp_path: Path) -> None:
    """Summaries by class hang on what the codes are called, not on the codes alone."""
    keys = []
    for labels in (["grass", "water", "roof"], ["grass", "roof", "water"]):
        folder = tmp_path / labels[1]
        image = mapped(1)
        assert image.classes is not None
        saved(folder, image, "a")
        Image.fromarray(image.classes.codes).save(folder / "a-segmentation.png")
        (folder / "a.json").write_text(json.dumps({"labels": labels}))
        keys.append(ImageFolder(folder, AMPLITUDE).key(0))
    assert keys[0] != keys[1]
    (tmp_path / "roof" / "a.json").write_text(
        (tmp_path / "water" / "a.json").read_text("utf-8"), "utf-8"
    )
    assert ImageFolder(tmp_path / "roof", AMPLITUDE).key(0) == keys[0]


@pytest.mark.parametrize("limited", [True, False])
def test_a_map_that_claims_a_giant_size_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limited: bool
) -> None:
    if not limited:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as some programs do
    saved(tmp_path, mapped(1), "a")
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(bytes(100)), b"IEND")
    (tmp_path / "a-segmentation.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
            for chunk in chunks
        )
    )
    said = "decompression bomb" if limited else "claims 60000 x 60000 pixels"
    with pytest.raises(FormatError, match=rf"a-segmentation\.png.*{said}"):
        ImageFolder(tmp_path, AMPLITUDE).image(0)


def test_draws_without_a_class_do_not_count_for_its_median() -> None:
    """One image of twenty has roofs: a third of the draws has none, which is no level of 0 dB."""
    levels = np.array([1.0, 1.0, 8.0])

    def rare(seed: int) -> list[RadarImage]:
        found = []
        for number in range(20):
            codes = np.full((64, 64), 2 if number == 7 else number % 2, np.uint8)
            drawn = np.random.default_rng([seed, number]).standard_exponential((64, 64))
            power = (levels[codes] * drawn).astype(np.float32)
            found.append(RadarImage(f"{number}", power, classes=ClassMap(codes, NAMES)))
        return found

    row = class_rows(rare(1), rare(2))["class_roof_db"]
    expected = 10 * np.log10(8 * np.log(2))
    assert row.real == pytest.approx(expected, abs=0.3)
    assert row.generated == pytest.approx(expected, abs=0.3)
    assert row.deviation < 0.1  # with draws of 0 dB it was some 4 dB
    assert np.isfinite(row.deviation) and not row.differs


def test_a_column_or_a_folder_is_the_class_of_a_whole_image(tmp_path: Path) -> None:
    saved(tmp_path / "listed", mapped(1), "a")
    line = {"file_name": "a.png", "kind": "harbour"}
    (tmp_path / "listed" / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    saved(tmp_path / "folders" / "T72", mapped(2), "b")
    for folder, wanted in (("listed", "harbour"), ("folders", "T72")):
        classes = ImageFolder(tmp_path / folder, AMPLITUDE).image(0).classes
        assert classes is not None
        assert set(classes.names.values()) == {wanted} and not classes.codes.any()


def test_scenes_of_the_simulator_bring_their_maps(tmp_path: Path) -> None:
    from sarloom import workflows
    from sarloom.options.simulate import SimulateOptions

    workflows.simulate(
        SimulateOptions(("suburb",), size=64, spacing_m=1.0, satellite_spacing_m=8.0, out=tmp_path,
                        workers=1)
    )  # fmt: skip
    image = ImageFolder(tmp_path).image(0)
    assert image.classes is not None and image.complex is not None
    assert "road" in image.classes.names.values()


# encoders


def test_the_default_encoders_are_those_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sarloom.files.WEIGHTS", tmp_path)
    assert named(("auto",)) == ("descriptor",)
    (tmp_path / "sarclip").mkdir()
    (tmp_path / "sarclip" / "config.json").write_text("{}")
    assert named(("auto", "models/clip", "descriptor")) == ("descriptor", "sarclip", "models/clip")
    columns = [name for name, _ in features_of(("auto",))[0]]
    assert columns == ["features/descriptor", "features/sarclip", "captions/sarclip"]


def test_another_model_is_another_summary(tmp_path: Path) -> None:
    found = set()
    for weights in (b"one", b"two"):
        (tmp_path / "model.safetensors").write_bytes(weights)
        model = Sarclip(tmp_path)
        found |= {
            identity("features/sarclip", ImageFeatures(model)),
            identity("captions/sarclip", CaptionFeatures(model)),
        }
    assert len(found) == 4 and "" not in found


def test_one_class_that_is_everything_says_nothing_new() -> None:
    whole = ClassMap(np.zeros((64, 64), np.uint8), {0: "images"})
    images = [RadarImage(f"{n}", mapped(n).power, classes=whole) for n in range(3)]
    assert common_classes(Made("real", images), Made("generated", images)) == ()
    # of a set that has other things as well it is a class like any other
    assert "grass" in common_classes(
        Made("real", [mapped(n) for n in range(3)]), Made("generated", [mapped(9)])
    )


# what figures are worth


def test_between_the_same_and_different_lies_perhaps() -> None:
    real = [mapped(seed) for seed in range(20)]
    said = []
    for factor in np.linspace(1.0, 1.5, 11):
        levels = LEVELS * (1.0, 1.0, factor)
        rows = class_rows(real, [mapped(seed, levels) for seed in range(50, 70)])
        said.append(verdict(rows["class_roof_db"]))
    assert said[0] == "same" and said[-1] == "differs" and "perhaps" in said
    order = ["same", "perhaps", "differs"]
    assert said == sorted(said, key=order.index)


def test_few_images_are_not_called_equal() -> None:
    row = Row("Variety", "repeated", "Twins", "", False, 0.0, 0.1, 0.0, 0.0, False, 0.0, 0.0)
    sure = Row("Speckle", "enl", "Looks", "", False, 0.0, 0.1, 0.0, 0.0, False, 1.0, 1.0)
    few = Row(**{**row.__dict__, "warnings": ("real: 3 images, this needs 8 or more",)})
    table = Images.of(["a"], {})
    said = {one.name: one.text for one in findings_of([few, sure], table, table)}
    assert said["few"].endswith("about the variety.") and said["same"].endswith("the speckle.")


def test_no_interval_leaves_what_is_possible() -> None:
    row = Row("S", "k", "t", "", True, 0.98, 0.1, 0.9, 0.95, False, within=(0.0, 1.0))
    assert row.interval == (pytest.approx(0.784), 1.0)


def test_one_bright_point_does_not_make_speckle_strange() -> None:
    rng = np.random.default_rng(0)
    cells = (rng.standard_normal((64, 64, 2)) @ [1, 1j]).astype(np.complex64)
    cells[5, 5] = 60
    power = (cells.real**2 + cells.imag**2).astype(np.float32)
    found = phase(View(RadarImage("x", power, complex=cells), 1 / float(np.median(power))))
    assert found[-1] == pytest.approx(3.0, abs=0.25)
    uniform = np.exp(2j * np.pi * rng.random((64, 64))).astype(np.complex64)
    uniform *= np.sqrt(rng.gamma(50.0, 0.02, (64, 64))).astype(np.float32)
    power = (uniform.real**2 + uniform.imag**2).astype(np.float32)
    constant = phase(View(RadarImage("x", power, complex=uniform), 1.0))
    assert constant[-1] < 2.0  # phases alone are uniform; the parts are far from Gaussian


@pytest.mark.parametrize("count", [5, 60])
@pytest.mark.parametrize("offset", [(0, 1), (2, 2), (4, 0), (4, -4)])
def test_cooccurrence_equals_pairs_counted_one_by_one(offset: tuple[int, int], count: int) -> None:
    """With so few levels that three pixels are counted at once, and with more."""
    drawn = np.random.default_rng(3).integers(0, count + 1, (19, 23))  # ``count``: no data
    levels = drawn.astype(np.uint16)
    others = ((0, 4), (4, -4), (2, 0), (4, 4), (0, 2))
    for place, (down, right) in enumerate((*others, offset)):
        wanted = np.zeros((count, count))
        for row in range(19):
            for column in range(23):
                other = row + down, column + right
                if other[0] < 19 and 0 <= other[1] < 23:
                    a, b = levels[row, column], levels[other]
                    if max(a, b) < count:
                        wanted[a, b] += 1
                        wanted[b, a] += 1
        found = cooccurrence(levels, (*others, offset), count)[place]
        np.testing.assert_allclose(found, wanted / wanted.sum(), rtol=1e-12)
