"""Files: what a PNG and a GeoTIFF carry, and that they can be made again byte for byte."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image

from sarloom.errors import FormatError, InputError, PromptError, SizeError
from sarloom.generate.info import describe, read_info
from sarloom.generate.prompts import clean_prompt, truncation_warning
from sarloom.generate.record import options_of
from sarloom.generate.run import SavedImage, generate, run
from sarloom.generate.save import slug
from sarloom.generate.sizes import check_size, parse_size
from sarloom.generate.speckled import lay_speckle
from sarloom.models.load import load_model
from sarloom.models.radiometry import Radiometry
from sarloom.options.generate import GenerateOptions
from sarloom.options.table import as_plain

PROMPT = "A SAR image of a city — with „fields“"


@pytest.fixture
def options(tiny_models: dict[str, Path], tmp_path: Path) -> GenerateOptions:
    return GenerateOptions(
        prompt=PROMPT,
        seed=11,
        size="32x16",
        steps=3,
        negative="forest",
        scheduler="dpm++",
        spacing="karras",
        model=str(tiny_models["reflectivity"]),
        format="both",
        out=tmp_path / "out",
    )


def with_changes(options: GenerateOptions, **changes: Any) -> GenerateOptions:
    import dataclasses

    return dataclasses.replace(options, **changes)


def test_names_and_formats(options: GenerateOptions) -> None:
    (saved,) = run(options)
    names = [path.name for path in saved.files]
    assert names == [
        "city-with-fields-11.png",
        "city-with-fields-11.tif",
        "city-with-fields-11.json",
    ]
    assert sorted(path.name for path in options.out.iterdir()) == sorted(names)


def test_png_holds_its_story(options: GenerateOptions) -> None:
    (saved,) = run(options)
    with Image.open(saved.files[0]) as picture:
        assert picture.mode == "L"
        assert picture.size == (32, 16)
        text = dict(picture.info)
    record = json.loads(text["sarloom"])
    assert record["prompt"] == PROMPT
    assert (record["seed"], record["steps"], record["guidance"]) == (11, 3, 5.0)
    assert (record["scheduler"], record["spacing"]) == ("dpm++", "karras")
    assert record["synthetic"] is True
    assert text["synthetic"] == "yes"
    assert "trainedAlgorithmicMedia" in text["XML:com.adobe.xmp"]
    lines = text["parameters"].splitlines()
    assert lines[:2] == [PROMPT, "Negative prompt: forest"]
    assert lines[2].startswith("Steps: 3, Sampler: DPM++ 2M Karras, CFG scale: 5, Seed: 11, ")
    assert f"Model hash: {record['model']['hash']}" in lines[2]


def test_png_can_be_turned_back_to_amplitude(options: GenerateOptions) -> None:
    (saved,) = run(options)
    pixels = np.asarray(Image.open(saved.files[0]), np.float64)
    threshold = saved.image.record["threshold"]
    below = pixels < 255
    np.testing.assert_allclose(
        pixels[below] / 255 * threshold, saved.image.amplitude[below], atol=threshold / 509
    )
    amplitude = saved.image.amplitude.astype(np.float64)
    assert threshold == pytest.approx(amplitude.mean() + 3 * amplitude.std())


def test_tiff_holds_amplitude_and_story(options: GenerateOptions) -> None:
    (saved,) = run(options)
    with rasterio.open(saved.files[1]) as raster:
        assert raster.dtypes == ("float32",)
        assert np.array_equal(raster.read(1), saved.image.amplitude)
        assert raster.transform.a == pytest.approx(0.35)
        tags = raster.tags()
    assert tags["quantity"] == "amplitude"
    assert tags["calibration"] == "sigma_nought"
    assert tags["synthetic"] == "yes"
    sidecar = json.loads(saved.files[2].read_text())
    assert json.loads(tags["sarloom"]) == sidecar == saved.image.record


@pytest.mark.parametrize("family", ["sd15", "reflectivity"])
def test_info_makes_the_same_bytes(
    options: GenerateOptions, tiny_models: dict[str, Path], tmp_path: Path, family: str
) -> None:
    (saved,) = run(with_changes(options, model=str(tiny_models[family]), name="loom"))
    info = read_info(saved.files[0])
    assert info.warnings == ()
    again = options_of(info.record, out=tmp_path / "again", name="loom", format="both")
    (copy,) = run(again)
    for one, other in zip(saved.files, copy.files, strict=True):
        assert one.name == other.name
        assert one.read_bytes() == other.read_bytes()


def test_the_command_says_what_the_record_says(options: GenerateOptions) -> None:
    (saved,) = run(with_changes(options, prompt="-- O'Brien's $HOME", name="x y", looks=4))
    info = read_info(saved.files[0])
    words = shlex.split(info.command)
    assert words[:2] == ["sarloom", "generate"]
    assert words[-2:] == ["--", "-- O'Brien's $HOME"]
    flags = dict(zip(words[2:-2:2], words[3:-2:2], strict=True))
    assert flags["--name"] == "x y"
    assert flags["--looks"] == "4"
    plain = as_plain(options_of(info.record))
    for flag, value in flags.items():
        if flag != "--name":
            assert value == str(plain[flag[2:].replace("-", "_")]), flag


def test_start_image_is_recorded_and_checked(options: GenerateOptions, tmp_path: Path) -> None:
    start = tmp_path / "start.png"
    noise = np.random.default_rng(0).integers(0, 255, (16, 32), np.uint8)
    Image.fromarray(noise).save(start)
    (saved,) = run(with_changes(options, init=start, strength=0.5))
    info = read_info(saved.files[0])
    assert "--init" in info.command
    assert info.warnings == ()
    (copy,) = run(options_of(info.record, out=tmp_path / "again", format="both"))
    assert copy.files[0].read_bytes() == saved.files[0].read_bytes()
    Image.fromarray(noise[::-1]).save(start)
    assert "has changed" in read_info(saved.files[0]).warnings[0]
    start.unlink()
    assert "is not here" in read_info(saved.files[0]).warnings[0]


def test_another_model_is_noticed(
    options: GenerateOptions, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_models["reflectivity"], folder)
    (saved,) = run(with_changes(options, model=str(folder)))
    assert read_info(saved.files[0]).warnings == ()
    shutil.rmtree(folder)
    shutil.copytree(tiny_models["sd15"], folder)
    assert "has hash" in read_info(saved.files[0]).warnings[0]
    shutil.rmtree(folder)
    assert "not here" in read_info(saved.files[0]).warnings[0]


def test_describe_names_what_matters(options: GenerateOptions) -> None:
    (saved,) = run(options)
    for path in saved.files:
        lines = dict(describe(read_info(path)))
        assert lines["prompt"] == PROMPT
        assert lines["seed"] == "11"
        assert lines["synthetic"].startswith("yes")


def test_info_of_other_files(tmp_path: Path) -> None:
    plain = tmp_path / "plain.png"
    Image.new("L", (4, 4)).save(plain)
    with pytest.raises(FormatError, match="holds no record"):
        read_info(plain)
    text = tmp_path / "text.png"
    text.write_text("no picture")
    with pytest.raises(FormatError, match="cannot be read"):
        read_info(text)
    with pytest.raises(InputError, match="no such file"):
        read_info(tmp_path / "absent.png")


def test_stopping_keeps_finished_images(options: GenerateOptions) -> None:
    def stop_after_first(saved: SavedImage) -> None:
        if saved.image.seed == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run(with_changes(options, count=4, format="png"), on_image=stop_after_first))
    assert sorted(path.name for path in options.out.iterdir()) == [
        "city-with-fields-11.png",
        "city-with-fields-12.png",
    ]


def test_several_images_come_with_a_sheet(options: GenerateOptions) -> None:
    saved = list(run(with_changes(options, count=3, format="png")))
    assert [item.sheet is not None for item in saved] == [False, False, True]
    sheet = saved[-1].sheet
    assert sheet is not None
    with Image.open(sheet) as picture:
        assert picture.width > 2 * 256


def test_complex_output_has_the_amplitude(options: GenerateOptions) -> None:
    (saved,) = run(with_changes(options, complex=True, format="png"))
    with rasterio.open(saved.files[-1]) as raster:
        image = raster.read(1)
    assert image.dtype == np.complex64
    assert np.array_equal(np.abs(image), saved.image.amplitude)
    with pytest.raises(InputError, match="one look"):
        list(run(with_changes(options, complex=True, looks=3)))


@pytest.mark.parametrize("looks", [1, 4])
def test_speckle_has_the_looks_asked_for(looks: int) -> None:
    """Over flat reflectivity, I / sigma0 has unit mean and variance 1 / L."""
    radiometry = Radiometry(scale="db", speckle="none")
    flat = np.full((256, 256), 0.5, np.float32)
    speckled = lay_speckle(flat, radiometry, looks, seed=4)
    ratio = speckled.amplitude.astype(np.float64) ** 2 / speckled.sigma_nought
    assert 10 * np.log10(speckled.sigma_nought[0, 0]) == pytest.approx(-10.0, abs=1e-4)
    assert ratio.mean() == pytest.approx(1.0, abs=0.02)
    assert ratio.var() == pytest.approx(1.0 / looks, rel=0.05)


def test_looks_change_the_speckle_and_not_the_scene(options: GenerateOptions) -> None:
    clean, single, four = (
        generate(PROMPT, size=64, steps=1, looks=looks, model=options.model)[0]
        for looks in (0, 1, 4)
    )
    np.testing.assert_allclose(clean.amplitude**2, clean.sigma_nought, rtol=1e-5)
    assert np.array_equal(clean.sigma_nought, single.sigma_nought)
    assert np.array_equal(clean.sigma_nought, four.sigma_nought)
    assert not np.array_equal(single.amplitude, four.amplitude)


def test_no_speckle_on_speckle(tiny_models: dict[str, Path]) -> None:
    with pytest.raises(InputError, match="draws its own speckle"):
        generate(PROMPT, size=16, steps=1, looks=1, model=tiny_models["sd15"])


@pytest.mark.parametrize("prompt", ["", "   \n\t", "...", "?!"])
def test_prompts_without_words(options: GenerateOptions, prompt: str) -> None:
    with pytest.raises(PromptError, match="no words"):
        list(run(with_changes(options, prompt=prompt)))
    assert not options.out.exists()


def test_prompt_of_several_lines_is_one_line() -> None:
    assert clean_prompt(" a city \n beside\ta river ") == "a city beside a river"


def test_long_prompt_names_the_words_cut(tiny_models: dict[str, Path]) -> None:
    tokenizers = load_model(tiny_models["sd15"]).parts.tokenizers
    read = "city " * 75
    assert truncation_warning(tokenizers, read, "prompt") is None
    message = truncation_warning(tokenizers, read + "harbour with ships", "prompt")
    assert message is not None
    assert message.endswith("not read: 'harbour with ships'")
    with pytest.warns(UserWarning, match="harbour with ships"):
        generate(read + "harbour with ships", size=16, steps=1, model=tiny_models["sd15"])
    heard: list[str] = []
    generate(read + "ships", size=16, steps=1, model=tiny_models["sd15"], on_warning=heard.append)
    assert len(heard) == 1


def test_sizes() -> None:
    assert parse_size("512") == (512, 512)
    assert parse_size("768x512") == (768, 512)
    for bad in ("", "big", "0", "512x", "-16", "99999", "1.5"):
        with pytest.raises(SizeError, match="--size"):
            parse_size(bad)
    with pytest.raises(SizeError, match="nearest size that fits is 512x768"):
        check_size(510, 769, 16)


def test_wrong_requests_are_refused_before_work(options: GenerateOptions, tmp_path: Path) -> None:
    steps: list[Any] = []
    wrong: list[dict[str, Any]] = [
        {"size": "33x16"},
        {"init": tmp_path / "absent.png"},
        {"scheduler": "ddim", "spacing": "karras"},
        {"name": "../elsewhere"},
    ]
    for changes in wrong:
        with pytest.raises(InputError):
            list(run(with_changes(options, **changes), on_step=lambda *call: steps.append(call)))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out"):
        list(run(with_changes(options, out=tmp_path / "file")))
    assert steps == []


def test_unknown_option_in_python() -> None:
    with pytest.raises(InputError, match="no option 'stepps'"):
        generate(PROMPT, stepps=3)


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A SAR image of a harbour with ships", "harbour-with-ships"),
        ("Überflutete Felder/../x", "uberflutete-felder-x"),
        ("雪山", "image"),
        ("a", "a"),
    ],
)
def test_file_names(prompt: str, name: str) -> None:
    assert slug(prompt) == name
    assert len(slug("word " * 100)) <= 48
