"""What control pictures become: every kind, at any size, spacing and place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image, ImageDraw
from rasterio.transform import Affine

from sarloom.errors import FormatError, InputError
from sarloom.generate.control.controls import usual_legend
from sarloom.generate.control.frame import Frame, read_place
from sarloom.generate.control.picture import PrepareSettings
from sarloom.generate.control.prepare import PREPARE
from sarloom.generate.control.request import parse_request
from sarloom.generate.control.segmentation import read_legend
from sarloom.models.control import ControlLayout
from sarloom.models.control_kinds import NUMBERS, decibel_pixels
from sarloom.options.generate import GenerateOptions

FRAME = Frame(64, 48, 0.35)
SETTINGS = PrepareSettings(wanted=usual_legend())


def prepared(kind: str, path: Path, frame: Frame = FRAME, **settings: Any) -> np.ndarray:
    place, shape = read_place(path)
    wanted = PrepareSettings(**{"wanted": usual_legend(), **settings})
    return PREPARE[kind](path, place, frame.around(place, shape), wanted)


def tiff(path: Path, values: np.ndarray, transform: Affine | None, crs: str | None = None) -> Path:
    bands = values[None] if values.ndim == 2 else values
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype.name, transform=transform, crs=crs,
    ) as raster:  # fmt: skip
        raster.write(bands)
    return path


def drawing(path: Path, ink: int, paper: int, size: tuple[int, int] = (640, 480)) -> Path:
    page = Image.new("L", size, paper)
    ImageDraw.Draw(page).rectangle((160, 120, 479, 359), outline=ink, width=9)
    page.save(path)
    return path


# -- sketches --------------------------------------------------------------------------------------


def test_a_sketch_is_the_same_on_white_and_on_black_paper(tmp_path: Path) -> None:
    dark = prepared("sketch", drawing(tmp_path / "a.png", 0, 255))
    light = prepared("sketch", drawing(tmp_path / "b.png", 255, 0))
    assert dark.shape == (1, 48, 64)
    np.testing.assert_allclose(dark, light, atol=1e-6)
    # the rectangle's left side lies at column 16 of 64, its inside and the paper are empty
    assert dark[0, 24, 15:18].max() > 0.8 and dark[0, 24, 30] == 0.0 and dark[0, 2, 2] == 0.0


def test_a_faint_pencil_draws_as_well_as_a_pen(tmp_path: Path) -> None:
    faint = prepared("sketch", drawing(tmp_path / "a.png", 190, 225))
    strong = prepared("sketch", drawing(tmp_path / "b.png", 0, 255))
    np.testing.assert_allclose(faint, strong, atol=0.03)


def test_a_sketch_on_clear_background_and_a_blank_one(tmp_path: Path) -> None:
    page = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    ImageDraw.Draw(page).line((0, 24, 63, 24), fill=(0, 0, 0, 255), width=3)
    page.save(tmp_path / "clear.png")
    found = prepared("sketch", tmp_path / "clear.png")
    assert found[0, 24].min() > 0.9 and found[0, 5].max() < 0.05
    Image.new("L", (64, 48), 255).save(tmp_path / "blank.png")
    with pytest.raises(InputError, match="blank"):
        prepared("sketch", tmp_path / "blank.png")


# -- segmentation ----------------------------------------------------------------------------------


@pytest.fixture()
def classes() -> np.ndarray:
    """Left half grass, right half water, in the simulator's numbers."""
    names = list(usual_legend())
    page = np.full((48, 64), names.index("grass"), np.uint8)
    page[:, 32:] = names.index("water")
    return page


@pytest.mark.parametrize("form", ["index", "tiff", "colour", "numbers", "json"])
def test_every_form_of_a_map_gives_the_same_colours(
    form: str, classes: np.ndarray, tmp_path: Path
) -> None:
    legend = usual_legend()
    names = list(legend)
    path, file = tmp_path / "map.png", None
    if form == "index":
        Image.fromarray(classes, "L").save(path)
    elif form == "tiff":
        path = tiff(tmp_path / "map.tif", classes, None)
    elif form == "colour":
        coloured = np.array([legend[name] for name in names], np.uint8)[classes]
        Image.fromarray(coloured).save(path)
    elif form == "numbers":
        other = np.where(classes == names.index("grass"), 7, 200).astype(np.uint8)
        Image.fromarray(other, "L").save(path)
        file = tmp_path / "legend.csv"
        file.write_text("# name, value\ngrass,7\nwater,200\n")
    else:
        coloured = np.where((classes == names.index("grass"))[..., None], (9, 9, 9), (250, 0, 0))
        Image.fromarray(coloured.astype(np.uint8)).save(path)
        file = tmp_path / "legend.json"
        file.write_text(json.dumps({"grass": [9, 9, 9], "water": "#fa0000"}))
    found = prepared("segmentation", path, legend=file)
    assert found.shape == (3, 48, 64)
    np.testing.assert_allclose(found[:, 3, 3] * 255, legend["grass"], atol=1e-3)
    np.testing.assert_allclose(found[:, 3, 60] * 255, legend["water"], atol=1e-3)


def test_classes_are_never_mixed_when_a_map_is_shrunk(classes: np.ndarray, tmp_path: Path) -> None:
    big = np.kron(classes, np.ones((5, 5), np.uint8))
    Image.fromarray(big[:, 3:], "L").save(tmp_path / "map.png")
    found = prepared("segmentation", tmp_path / "map.png")
    seen = {tuple(np.round(pixel * 255).astype(int)) for pixel in found.reshape(3, -1).T}
    assert seen == {tuple(usual_legend()[name]) for name in ("grass", "water")}


def test_a_map_beyond_its_legend_is_refused(classes: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(classes + 100, "L").save(tmp_path / "map.png")
    with pytest.raises(InputError, match="name it in a --legend"):
        prepared("segmentation", tmp_path / "map.png")
    strange = np.zeros((48, 64, 3), np.uint8)
    Image.fromarray(strange).save(tmp_path / "black.png")
    with pytest.raises(InputError, match="colour 0,0,0 is no class"):
        prepared("segmentation", tmp_path / "black.png")
    (tmp_path / "l.csv").write_text("castle,3\n")
    with pytest.raises(InputError, match="knows no 'castle'"):
        prepared("segmentation", tmp_path / "map.png", legend=tmp_path / "l.csv")
    (tmp_path / "bad.csv").write_text("water,blue\n")
    with pytest.raises(FormatError, match="no legend"):
        read_legend(tmp_path / "bad.csv")


# -- places ----------------------------------------------------------------------------------------


def test_a_georeferenced_picture_is_warped_to_the_models_spacing(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:200, 0:300].astype(np.float32)
    place = Affine(0.7, 0, 500_000, 0, -0.7, 5_000_000)
    path = tiff(tmp_path / "o.tif", (columns * 0.7).astype(np.float32), place, "EPSG:32633")
    from sarloom.generate.control.frame import onto

    found_place, shape = read_place(path)
    frame = FRAME.around(found_place, shape)
    metres = onto(columns[None] * np.float32(0.7), found_place, frame, path)[0]
    # one pixel to the right is 0.35 m further; the middle of the image is the picture's middle
    np.testing.assert_allclose(np.diff(metres, axis=1)[5:-5, 5:-5], 0.35, atol=0.02)
    assert abs(metres[24, 31:33].mean() - 0.7 * 149.5) < 0.05
    assert rows.shape == shape


def test_degrees_become_metres(tmp_path: Path) -> None:
    # 0.7 m at 60 degrees north: a degree of longitude is half as long there
    lon, lat = 0.7 / (111_320 * np.cos(np.radians(60))), 0.7 / 111_320
    values = np.indices((120, 120))[1].astype(np.float32)
    path = tiff(tmp_path / "d.tif", values, Affine(lon, 0, 20, 0, -lat, 60), "EPSG:4326")
    from sarloom.generate.control.frame import onto

    place, shape = read_place(path)
    found = onto(values[None], place, FRAME.around(place, shape), path)[0]
    np.testing.assert_allclose(np.diff(found, axis=1).mean(), 0.5, atol=0.01)


def test_known_spacing_without_a_map_lies_centre_on_centre(tmp_path: Path) -> None:
    values = np.zeros((96, 128), np.float32)
    values[48:, 64:] = 1.0
    path = tiff(tmp_path / "s.tif", values, Affine.scale(0.7, -0.7))
    from sarloom.generate.control.frame import onto

    place, shape = read_place(path)
    found = onto(values[None], place, FRAME.around(place, shape), path)[0]
    assert found[22, 40] == 0.0 and found[25, 34] == 1.0 and found[25, 29] == 0.0
    assert found[23, 40] == 0.25  # a quarter of a coarse pixel before the edge


def test_a_picture_smaller_than_the_image_is_refused_with_both_extents(tmp_path: Path) -> None:
    path = tiff(tmp_path / "s.tif", np.ones((20, 20), np.float32), Affine.scale(0.35, -0.35))
    with pytest.raises(InputError, match=r"covers 13 % of the image's 22 m x 17 m|covers 13%"):
        prepared("satellite", path, scale="sigma_nought")


# -- radar and optical -----------------------------------------------------------------------------


def test_radar_power_is_averaged_and_put_on_the_decibel_scale(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    power = (0.1 * rng.exponential(size=(480, 640))).astype(np.float32)
    path = tiff(tmp_path / "r.tif", power, None)
    found = prepared("satellite", path, scale="sigma_nought")
    # the mean of 100 looks of -10 dB, not the mean of their decibels
    assert abs(found.mean() * 50 - 35 + 10.0) < 0.15
    with pytest.raises(InputError, match=r"--control .*add --control-scale"):
        prepared("satellite", path)


def test_unknown_levels_get_the_usual_median(tmp_path: Path) -> None:
    grey = (np.random.default_rng(1).rayleigh(60, (48, 64))).clip(1, 255).astype(np.uint8)
    Image.fromarray(grey, "L").save(tmp_path / "r.png")
    found = prepared("satellite", tmp_path / "r.png")
    assert abs(float(np.median(found)) * 50 - 35 + 12.0) < 0.1
    loud = decibel_pixels(np.full((4, 4), 5.0, np.float32), calibrated=False)
    np.testing.assert_allclose(loud * 50 - 35, -12.0, atol=1e-3)


def test_wide_optical_values_are_stretched_and_bytes_are_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    wide = rng.integers(300, 3000, (3, 48, 64)).astype(np.uint16)
    found = prepared("optical", tiff(tmp_path / "w.tif", wide, None))
    assert found.shape == (3, 48, 64) and found.min() == 0.0 and found.max() == 1.0
    plain = rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
    Image.fromarray(plain).save(tmp_path / "p.png")
    np.testing.assert_allclose(
        prepared("optical", tmp_path / "p.png"), plain.transpose(2, 0, 1) / 255, atol=1e-6
    )


# -- what is asked for -----------------------------------------------------------------------------


def test_controls_are_read_as_they_are_spelled(tmp_path: Path) -> None:
    path = drawing(tmp_path / "a:b.png", 0, 255)
    one = parse_request(GenerateOptions(prompt="x", control=(f"sketch={path}",)))
    assert one.specs[0].weight == 1.0 and one.specs[0].stop == 1.0
    two = parse_request(
        GenerateOptions(
            prompt="x", control=(f"sketch={path}:0.8@0.1-0.5", f"optical={path}"), incidence_deg=40
        )
    )
    first, second = two.specs
    assert (first.weight, first.start, first.stop, first.file) == (0.8, 0.1, 0.5, path)
    assert second.weight == 0.5
    assert two.numbers == {"incidence_angle_deg": 40}
    again = parse_request(GenerateOptions(prompt="x", control=tuple(s.spelled for s in two.specs)))
    assert again.specs == two.specs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"control": ("drawing.png",)}, "KIND=FILE"),
        ({"control": ("photo=drawing.png",)}, "sketch, segmentation"),
        ({"control": ("sketch=none.png",)}, "no such file"),
        ({"control": ("sketch=FILE@0.6-0.5",)}, "range of steps"),
        ({"legend": Path("x.csv")}, "--legend belongs"),
        ({"preview_control": True}, "--preview-control shows"),
        ({"polarization": "RHC"}, "none of HH"),
    ],
)
def test_bad_requests_are_refused_in_one_line(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = drawing(tmp_path / "d.png", 0, 255)
    if "control" in options:
        options = {"control": tuple(text.replace("FILE", str(path)) for text in options["control"])}
    with pytest.raises(InputError, match=message) as caught:
        parse_request(GenerateOptions(prompt="x", **options))
    assert "\n" not in str(caught.value)


# -- stacks ----------------------------------------------------------------------------------------


def test_a_stack_leaves_zero_for_what_is_not_given() -> None:
    layout = ControlLayout(("sketch", "optical"), shared=True)
    assert layout.channels == 1 + 3
    empty = layout.stack({}, 4, 6)
    assert empty.shape == (4, 4, 6) and not empty.any()
    black = layout.stack({"sketch": np.zeros((1, 4, 6), np.float32)}, 4, 6)
    assert (black[0] == -1).all() and not black[1:].any()
    plain = ControlLayout(("sketch",)).stack({"sketch": np.ones((1, 4, 6), np.float32)}, 4, 6)
    assert plain.shape == (3, 4, 6) and (plain == 1).all()


def test_numbers_are_never_zero_and_know_their_range() -> None:
    values: dict[str, list[Any]] = {
        "incidence_angle_deg": [10, 85], "range_azimuth_deg": [0, 90, 359],
        "spacing_m": [0.05, 50], "looks": [0.5, 1000], "polarization": ["HH", "vv"],
    }  # fmt: skip
    assert set(values) == set(NUMBERS)
    for name, several in values.items():
        for value in several:
            planes = NUMBERS[name].encode(value)
            assert len(planes) == NUMBERS[name].channels and any(planes)
    with pytest.raises(InputError, match="outside 10 to 85"):
        NUMBERS["incidence_angle_deg"].encode(5)


def test_pictures_lose_the_detail_that_a_network_does_not_read() -> None:
    layout = ControlLayout(("sketch",), picture_step=2)
    fine = np.indices((8, 8)).sum(0)[None] % 2
    assert (layout.coarse(fine.astype(np.float32)) == 0.5).all()
